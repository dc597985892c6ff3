"""Step curves over time since treatment, with the number at risk below the axis."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, VERMILION, new_axes, write_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILION, INK, GREY)
_LINE_HEIGHT = 12.5  # points, in the table of numbers at risk
_MOST_BANDS = 2  # more bands than this hide each other
_DAYS_FROM = 96.0  # hours; beyond, days are easier to read
_DAY = 24.0
_WEEK = 7.0  # days
_MOST_TICKS = 7


def time_unit(longest: float) -> tuple[float, str]:
    """Return the hours in the unit in which times up to `longest` hours are read, and its name."""
    return (1.0, "hours") if longest <= _DAYS_FROM else (_DAY, "days")


def draw_step_curves(
    curves: pd.DataFrame,
    ax: Axes | None = None,
    *,
    ylabel: str,
    at_risk: pd.DataFrame | None = None,
    as_percent: bool = True,
    horizon: float | None = None,
    xlabel: str = "Time",
) -> Axes:
    """Draw one step curve per group, told apart by line style, with limits where they are few.

    Parameters
    ----------
    curves : DataFrame, one row per group and step, in order of time
        `group`, `time` (hours), `estimate`, `conf_low`, `conf_high`: the values from `time` on.
    ax : Axes, optional
    ylabel, xlabel : str
        The unit of time is added to `xlabel`.
    at_risk : DataFrame, optional
        `group`, `time`, `at_risk`: how many are at risk just before each time. `curves` by default.
    as_percent : bool
        Multiply by 100 and show 0 to 100.
    horizon : float, optional
        Last time shown, in hours.

    Returns
    -------
    Axes
    """
    groups = list(curves["group"].drop_duplicates())
    axes = new_axes(ax, 3.2 + 0.36 * len(groups))
    end = float(curves["time"].max()) if horizon is None else float(horizon)
    hours, unit = time_unit(end)
    scale = 100.0 if as_percent else 1.0
    for index, group in enumerate(groups):
        rows = curves[(curves["group"] == group) & (curves["time"] <= end)]
        _draw_curve(axes, rows, index, hours, scale, bands=len(groups) <= _MOST_BANDS)
    axes.set_xlim(0, (end or 1.0) / hours)
    axes.set_ylim(bottom=0)
    if as_percent:
        axes.set_ylim(0, 103)
    axes.set_xlabel(f"{xlabel} ({unit})")
    axes.set_ylabel(ylabel)
    if len(groups) > 1:
        axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    _write_at_risk(axes, curves if at_risk is None else at_risk, groups, hours)
    return axes


def _draw_curve(
    axes: Axes, rows: pd.DataFrame, index: int, hours: float, scale: float, *, bands: bool
) -> None:
    colour, style = _COLOURS[index % 4], LINES[index % 4]
    name = shorten(str(rows["group"].iloc[0]), 34, placeholder="…")
    at = rows["time"].to_numpy(dtype=float) / hours
    estimate, low, high = (
        scale * rows[name].to_numpy(dtype=float) for name in ("estimate", "conf_low", "conf_high")
    )
    axes.step(
        at,
        estimate,
        where="post",
        color=colour,
        ls=style,
        lw=1.8 if index < 4 else 1.0,
        label=_plain(name),
    )
    if bands:
        axes.fill_between(at, low, high, step="post", color=colour, alpha=0.13, lw=0)
        for edge in (low, high):
            axes.step(at, edge, where="post", color=colour, ls=style, lw=0.6)


def _write_at_risk(axes: Axes, counts: pd.DataFrame, groups: list[object], hours: float) -> None:
    """Write who is still at risk under the ticks, each group's name on a line of its own."""
    ticks = _ticks(axes, weeks=hours > 1)
    axes.set_xticks(ticks)

    def write(x: float, line: float, words: str, align: str, *, data: bool) -> None:
        points = 36 + line * _LINE_HEIGHT
        write_below(axes, x, points, words, align=align, data=data, size=8.2)

    write(0.0, 0, "Number at risk", "left", data=False)
    line = 1
    for group in groups:
        if len(groups) > 1:
            write(0.0, line, _plain(shorten(str(group), 60, placeholder="…")), "left", data=False)
            line += 1
        rows = counts[counts["group"] == group]
        for tick, number in zip(ticks, _at_risk_at(rows, np.array(ticks) * hours), strict=True):
            write(tick, line, f"{number:,}", "center", data=True)
        line += 1


def _ticks(axes: Axes, *, weeks: bool) -> list[float]:
    """A handful of times, at whole weeks where the axis counts days over several of them."""
    end = axes.get_xlim()[1]
    if weeks and end >= 2 * _WEEK:
        step = _WEEK * np.ceil(end / _WEEK / _MOST_TICKS)
        return [float(tick) for tick in np.arange(0, 1.0001 * end, step)]
    ticks = [float(tick) for tick in axes.get_xticks() if 0 <= tick <= end]
    while len(ticks) > _MOST_TICKS:
        ticks = ticks[::2]
    return ticks


def _at_risk_at(rows: pd.DataFrame, times: np.ndarray) -> list[int]:
    """Number at risk at the first step at or after each time; nobody after the last."""
    index = np.searchsorted(rows["time"].to_numpy(dtype=float), times - 1e-9, side="left")
    padded = np.concatenate([rows["at_risk"].to_numpy(dtype=float), [0.0]])
    return [round(float(value)) for value in padded[index]]


def _plain(words: str) -> str:
    """Keep dollar signs from being read as mathematics, and a leading underscore as no label."""
    return words.replace("$", r"\$").lstrip("_") or "–"

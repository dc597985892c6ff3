"""The share of people with relief over time, as far as assessments can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILION, INK, GREY)
_HATCHES = ("", "////", "....", "\\\\\\\\")
_DAYS_FROM = 96.0  # hours: from here on the axis counts days
_FOLLOWED_AT = 7
_WEEK = 7.0


def draw_onset(
    curves: pd.DataFrame,
    limits: pd.DataFrame,
    ax: Axes | None = None,
    *,
    event: str = "relief",
    share: float | None = None,
) -> Axes:
    """Draw both bounds of the share with an event, the area between them, limits and follow-up.

    Parameters
    ----------
    curves : DataFrame, one row per group and step
        `group`, `time` (hours), `reached_low`, `reached_high` (shares), `followed` (people not yet
        seen with the event and still followed).
    limits : DataFrame
        `group`, `at` (hours), `conf_low`, `conf_high` (shares), drawn as bars.
    ax : Axes, optional
    event : str
    share : float, optional
        A claimed share, drawn as a line.
    """
    names = list(curves["group"].drop_duplicates())
    axes = new_axes(ax, 3.3 + 0.17 * len(names))
    end = float(curves["time"].max())
    unit, label = (24.0, "days") if end > _DAYS_FROM else (1.0, "hours")
    for index, name in enumerate(names):
        part = curves[curves["group"] == name]
        bars = limits[(limits["group"] == name) & limits["conf_low"].notna()]
        _draw_group(axes, part, bars, index, unit=unit, shift=0.006 * end * index, n=len(names))
    if share is not None:
        axes.axhline(100 * share, color=GREY, lw=1, ls=(0, (1, 2)))
        axes.annotate(
            f"claimed {100 * share:g}%",
            (0.0, 100 * share),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
        )
    axes.set_xlim(0, 1.02 * end / unit)
    axes.set_ylim(0, 100)
    axes.set_ylabel(f"Share with {event} (%)")
    axes.set_xlabel(f"Time ({label})")
    if len(names) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names))
    _write_followed(axes, curves, names, unit)
    return axes


def _draw_group(
    axes: Axes,
    part: pd.DataFrame,
    bars: pd.DataFrame,
    index: int,
    *,
    unit: float,
    shift: float,
    n: int,
) -> None:
    """Bounds as steps, the area between them filled (and hatched from the second group on)."""
    colour, line = _COLOURS[index % 4], LINES[index % 4]
    time = part["time"].to_numpy() / unit
    low, high = 100 * part["reached_low"].to_numpy(), 100 * part["reached_high"].to_numpy()
    # Right after a time at which its cell begins, the upper bound has already stepped.
    ahead = np.concatenate((high[1:], high[-1:]))
    axes.fill_between(
        time,
        low,
        ahead,
        step="post",
        facecolor=colour,
        alpha=0.22,
        hatch=_HATCHES[index % 4],
        edgecolor=colour,
        lw=0,
    )
    axes.step(
        time,
        low,
        where="post",
        color=colour,
        ls=line,
        lw=1.8,
        label=str(part["group"].iloc[0]) if n > 1 else None,
    )
    axes.step(time, ahead, where="post", color=colour, ls=line, lw=0.8)
    at = bars["at"].to_numpy(dtype=float) / unit + shift / unit
    axes.vlines(at, 100 * bars["conf_low"], 100 * bars["conf_high"], color=colour, lw=1.2, ls=line)
    axes.plot(
        np.repeat(at, 2),
        100 * bars[["conf_low", "conf_high"]].to_numpy(dtype=float).ravel(),
        lw=0,
        marker="_",
        ms=6,
        color=colour,
    )


def _ticks(axes: Axes, *, weeks: bool) -> list[float]:
    """At most a handful of ticks, at whole weeks where the axis counts days."""
    end = axes.get_xlim()[1]
    if weeks and end >= 2 * _WEEK:
        step = _WEEK * np.ceil(end / _WEEK / _FOLLOWED_AT)
        return [float(t) for t in np.arange(0, end, step)]
    ticks = [float(t) for t in axes.get_xticks() if 0 <= t <= end]
    while len(ticks) > _FOLLOWED_AT:
        ticks = ticks[::2]
    return ticks


def _write_followed(axes: Axes, curves: pd.DataFrame, names: list[str], unit: float) -> None:
    """How many are still followed without the event, under the axis."""
    ticks = _ticks(axes, weeks=unit > 1)
    axes.set_xticks(ticks)
    axes.annotate(
        "Still followed, not yet seen with it",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -38),
        textcoords="offset points",
        fontsize=8,
        color=INK,
    )
    for index, name in enumerate(names):
        part = curves[curves["group"] == name]
        at = np.searchsorted(part["time"].to_numpy(), np.array(ticks) * unit, side="right") - 1
        for tick, place in zip(ticks, at, strict=True):
            axes.annotate(
                f"{part['followed'].iloc[place]:.0f}",
                (tick, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, -50 - 11 * index),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        if len(names) > 1:
            axes.annotate(
                str(name),
                (0, 0),
                xycoords="axes fraction",
                xytext=(-16, -50 - 11 * index),
                textcoords="offset points",
                ha="right",
                fontsize=8,
            )


def draw_incidence(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share in whom each event came first, one line per group and event.

    Parameters
    ----------
    frame : DataFrame, one row per group, event and time
        `group`, `event`, `time` (hours), `bound_low`, `bound_high`, `conf_low`, `conf_high`
        (shares).
    """
    axes = new_axes(ax, 3.3)
    end = float(frame["time"].max())
    unit, label = (24.0, "days") if end > _DAYS_FROM else (1.0, "hours")
    several = frame["group"].nunique() > 1
    for index, ((group, event), part) in enumerate(frame.groupby(["group", "event"], sort=False)):
        colour, line = _COLOURS[index % 4], LINES[index // 4 % 4 if index >= 4 else index % 4]
        at = part["time"].to_numpy() / unit + 0.006 * end / unit * index
        axes.plot(
            at,
            100 * part["bound_low"],
            color=colour,
            ls=line,
            marker=MARKERS[index % 4],
            mfc="white" if index % 2 else colour,
            drawstyle="steps-post",
            label=f"{group}: {event}" if several else str(event),
        )
        axes.vlines(
            at, 100 * part["bound_low"], 100 * part["bound_high"], color=colour, lw=4, alpha=0.3
        )
        axes.vlines(
            at, 100 * part["conf_low"], 100 * part["conf_high"], color=colour, lw=1, ls=line
        )
    axes.set_xlim(0, 1.04 * end / unit)
    axes.set_ylim(0, 100)
    axes.set_xticks(_ticks(axes, weeks=unit > 1))
    axes.set_ylabel("Share in whom it came first (%)")
    axes.set_xlabel(f"Time ({label})")
    axes.legend(frameon=False, loc="upper left")
    return axes

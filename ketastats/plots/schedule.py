"""How soon after the first dose subjects were first assessed: the finest onset that can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DAY = 24.0
_IN_HOURS_UP_TO = 96.0
_LOG_FROM = 12.0  # times the first step; below this a linear axis shows every step
_TICKS = {0.25: "15 min", 0.5: "30 min", 1: "1 h", 2: "2 h", 4: "4 h", 8: "8 h", 24: "1 d"} | {
    _DAY * days: f"{days} d" for days in (2, 4, 7, 14, 28, 56, 112, 224, 448)
}
_MOST_TICKS = 9
_WIDEST = 5_000.0  # latest over earliest time drawn; minutes to half a year fit in


def draw_schedule(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    horizons: Sequence[float] = (),
    required_share: float | None = None,
) -> Axes:
    """Draw, per group, the share of subjects assessed at least once by each time.

    Parameters
    ----------
    frame : DataFrame, one row per group and time
        `term`, `hours` (above 0) and `estimate`, the share assessed by then; times of several
        subjects together, no rows of single subjects.
    ax : Axes, optional
    horizons : sequence of hours
        Marked by vertical lines.
    required_share : float, optional
        Marked by a horizontal line.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    times = np.array([*frame["hours"], *horizons], dtype=np.float64)
    low, high = (times.min(), times.max()) if times.size else (1.0, 24.0)
    low = max(low, high / _WIDEST)
    logged = high > _LOG_FROM * low
    unit = 1.0 if logged or high <= _IN_HOURS_UP_TO else _DAY
    start, stop = (low / 1.6, high * 1.15) if logged else (0.0, high * 1.05)
    terms = list(frame["term"].drop_duplicates())
    for index, term in enumerate(terms):
        rows = frame[frame["term"] == term]
        hours = np.concatenate([[start], rows["hours"], [stop]])
        share = np.concatenate([[0.0], rows["estimate"], rows["estimate"].iloc[-1:]])
        axes.step(
            hours / unit,
            100 * share,
            where="post",
            color=(BLUE, VERMILION, INK)[index % 3],
            ls=LINES[index % 4],
            lw=1.8,
            label=str(term),
        )
    for horizon in horizons:
        axes.axvline(horizon / unit, color=GREY, lw=1, ls=":", zorder=1)
    if required_share is not None:
        axes.axhline(100 * required_share, color=GREY, lw=1, zorder=1)
    if not terms:
        axes.text(0.5, 0.5, "No assessment", transform=axes.transAxes, ha="center", color=INK)
    _set_time_axis(axes, start / unit, stop / unit, logged=logged, unit=unit)
    axes.set_ylim(0, 103)
    axes.set_ylabel("Assessed at least once (%)")
    if len(terms) > 1:
        axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return axes


def _set_time_axis(axes: Axes, start: float, stop: float, *, logged: bool, unit: float) -> None:
    if logged:
        axes.set_xscale("log")
        inside = [hours for hours in _TICKS if start <= hours <= stop]
        shown: list[float] = []
        for hours in reversed(inside):  # the latest first: labels need room
            if not shown or np.log(shown[-1] / hours) > np.log(stop / start) / _MOST_TICKS:
                shown.append(hours)
        axes.set_xticks(shown, [_TICKS[hours] for hours in shown])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("Time since the first dose (logarithmic)")
    else:
        axes.set_xlabel(f"Time since the first dose ({'hours' if unit == 1 else 'days'})")
    axes.set_xlim(start, stop)

"""How many of each arm were seen at each visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ketastats.plots.style import BLUE, INK, LINES, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_retention(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw one line per arm over the visits.

    Parameters
    ----------
    frame : DataFrame, one row per arm and visit
        `arm`, `term` (the visit), `estimate` (share of the arm seen) in the order of the visits.
    """
    axes = new_axes(ax, 3.0)
    visits = list(frame["term"].drop_duplicates())
    for index, (arm, rows) in enumerate(frame.groupby("arm", sort=True)):
        at = [visits.index(term) for term in rows["term"]]
        axes.plot(
            at,
            100 * rows["estimate"],
            marker=MARKERS[index % 4],
            ls=LINES[index % 4],
            color=(BLUE, VERMILION, INK)[index % 3],
            label=str(arm),
        )
    axes.set_xticks(range(len(visits)), [visit.removeprefix("Seen at ") for visit in visits])
    axes.set_ylim(0, 103)
    axes.set_ylabel("Seen (% of the arm)")
    axes.set_xlabel("Visit")
    if len(visits):
        axes.legend(frameon=False, loc="lower left")
    return axes

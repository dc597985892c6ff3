"""How alike two arms are at baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_balance(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw one marker per characteristic and arm.

    Parameters
    ----------
    frame : DataFrame from `baseline_table`
        `arm`, `term`, `kind`, `estimate`. Means are drawn in units of the largest mean, shares as
        they are, so that arms can be compared within a row, not rows with each other.
    """
    shown = frame[frame["kind"] != "size"]
    terms = list(shown["term"].drop_duplicates())
    axes = new_axes(ax, 0.9 + 0.34 * len(terms))
    arms = sorted(shown["arm"].unique())
    for index, arm in enumerate(arms):
        rows = shown[shown["arm"] == arm].set_index("term").reindex(terms)
        largest = shown.groupby("term")["estimate"].max().reindex(terms)
        relative = np.where(rows["kind"] == "mean", rows["estimate"] / largest, rows["estimate"])
        axes.plot(
            100 * relative,
            -np.arange(len(terms)),
            lw=0,
            marker="os^D"[index % 4],
            mfc=BLUE if index == 0 else "white",
            mec=BLUE if index == 0 else GREY,
            mew=1.5,
            ms=6,
            label=arm,
        )
    axes.set_yticks(-np.arange(len(terms)), terms)
    axes.set_xlim(0, 104)
    axes.set_xlabel("Share, or mean as share of the larger mean (%)")
    if arms:
        axes.legend(frameon=False, ncols=len(arms), loc="lower left", bbox_to_anchor=(0, 1))
    return axes

"""What each denominator does to a rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ketastats.plots.style import BAND, BLUE, INK, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_denominators(
    frame: pd.DataFrame, ax: Axes | None = None, *, band: tuple[float, float] | None = None
) -> Axes:
    """Draw one row per denominator, one marker with its interval per arm.

    Parameters
    ----------
    frame : DataFrame, one row per denominator and arm
        `denominator`, `term` (arm), `estimate`, `conf_low`, `conf_high`, `n`.
    band : (float, float), optional
        A claimed range, shaded.
    """
    rows = list(frame["denominator"].drop_duplicates())
    arms = sorted(frame["term"].unique())
    axes = new_axes(ax, 1.1 + 0.62 * len(rows))
    if band is not None:
        axes.axvspan(100 * band[0], 100 * band[1], color=BAND, zorder=0, lw=0)
        axes.annotate(
            f"claimed {100 * band[0]:g} to {100 * band[1]:g}%",
            (50 * sum(band), 1.0),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=9,
        )
    for index, arm in enumerate(arms):
        part = frame[frame["term"] == arm]
        at = [
            -rows.index(name) - 0.22 * (index - (len(arms) - 1) / 2) for name in part["denominator"]
        ]
        colour = (BLUE, VERMILION, INK)[index % 3]
        axes.hlines(
            at, 100 * part["conf_low"], 100 * part["conf_high"], color=colour, lw=2.2, zorder=2
        )
        axes.plot(
            100 * part["estimate"],
            at,
            lw=0,
            marker=MARKERS[index % 4],
            ms=7,
            mfc=colour if index == 0 else "white",
            mec=colour,
            mew=1.6,
            label=str(arm),
            zorder=3,
        )
    axes.set_yticks(
        [-position for position in range(len(rows))], [name.replace(", ", ",\n") for name in rows]
    )
    axes.set_ylim(-len(rows) + 0.45, 0.55)
    axes.set_xlim(0, min(100.0, max(10.0, 106 * float(frame["conf_high"].max()))))
    axes.set_xlabel("Share (%)")
    if len(arms) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.28), ncols=len(arms))
    return axes

"""How often verdicts on several claims would be wrong, or none: one row per claim."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 0.5  # inches
_LINE = 0.34  # of a row, for each further line of a label
_LABEL_WIDTH = 62
_MARKS = {
    "supported_where_false": ("^", BLUE, BLUE, "supported where false"),
    "contradicted_where_true": ("s", VERMILION, VERMILION, "contradicted where true"),
    "undecided_where_true": ("o", "white", INK, "undecided where true"),
}


def draw_claim_rates(frame: pd.DataFrame, ax: Axes | None = None, *, nominal: float = 0.05) -> Axes:
    """Draw three rates per claim on one line, first claim on top.

    Parameters
    ----------
    frame : DataFrame, one row per claim
        `sentence` and shares `supported_where_false`, `contradicted_where_true`, `undecided_where_true`.
    ax : Axes, optional
    nominal : float
        The rate that a wrong word may have, drawn as a line.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    labels = ["\n".join(wrap(str(text), _LABEL_WIDTH)) for text in frame["sentence"]]
    heights = np.array([1 + _LINE * label.count("\n") for label in labels])
    at = 1 - np.cumsum(heights) if len(heights) else np.zeros(0)
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(1.3 + _ROW_HEIGHT * float(heights.sum()))
    axes.axvline(100 * nominal, color=GREY, lw=1, ls="--", zorder=1)
    for y, label, row in zip(at, labels, frame.to_dict("records"), strict=True):
        axes.axhline(float(y), color=GREY, lw=0.5, alpha=0.5, zorder=0)
        axes.annotate(
            label.replace("$", r"\$"),
            (0.0, float(y)),
            xycoords=("axes fraction", "data"),
            xytext=(0, 5),
            textcoords="offset points",
            va="bottom",
            fontsize=8.2,
        )
        for name, (marker, face, edge, _) in _MARKS.items():
            if pd.notna(row[name]):
                axes.plot(
                    100 * row[name],
                    float(y),
                    marker=marker,
                    mfc=face,
                    mec=edge,
                    ms=6.5,
                    ls="",
                    clip_on=False,
                    zorder=3,
                )
    for marker, face, edge, words in _MARKS.values():
        axes.plot([], [], marker=marker, mfc=face, mec=edge, ls="", label=words)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1, frameon=False, fontsize=8.2)
    axes.set_xlim(0, 100)
    axes.set_ylim(float(at.min(initial=0.0)) - 0.3, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Made-up cohorts (%); dashed: {100 * nominal:g}%")
    return axes

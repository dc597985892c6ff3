"""Means over visits with their limits, one line per group."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILION, INK, GREY)
_APART = 0.09  # of a visit, between neighbouring groups
_LONGEST = 12  # characters of a visit's name


def draw_profile(
    points: pd.DataFrame,
    ax: Axes | None = None,
    *,
    ylabel: str,
    xlabel: str = "Visit",
    reference: float | None = None,
) -> Axes:
    """Draw one line per group over visits, told apart by line style and marker.

    Parameters
    ----------
    points : DataFrame, one row per group and visit, visits in order
        `line` (the group), `visit`, `estimate`, `conf_low`, `conf_high`. Missing estimates are left out.
    ax : Axes, optional
    ylabel, xlabel : str
    reference : float, optional
        A horizontal line, such as no difference.

    Returns
    -------
    Axes
    """
    lines = list(points["line"].drop_duplicates())
    visits = list(points["visit"].drop_duplicates())
    axes = new_axes(ax, 3.6)
    if reference is not None:
        axes.axhline(reference, color=GREY, lw=1, zorder=1)
    middle = (len(lines) - 1) / 2
    for index, line in enumerate(lines):
        rows = points[(points["line"] == line) & points["estimate"].notna()]
        at = np.array([visits.index(v) for v in rows["visit"]]) + _APART * (index - middle)
        _draw_line(axes, rows, at, index, shorten(str(line), 34, placeholder="…"))
    axes.set_xticks(range(len(visits)), [_short(visit) for visit in visits])
    if len(visits) > 7 or max(map(len, map(str, visits))) > _LONGEST:
        axes.tick_params(axis="x", labelrotation=40)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.set_xlim(-0.4, len(visits) - 0.6)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if len(lines) > 1:
        axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return axes


def _draw_line(axes: Axes, rows: pd.DataFrame, at: np.ndarray, index: int, name: str) -> None:
    colour = _COLOURS[index % 4]
    estimate, low, high = (
        rows[word].to_numpy(dtype=float) for word in ("estimate", "conf_low", "conf_high")
    )
    axes.plot(
        at,
        estimate,
        color=colour,
        ls=LINES[index % 4],
        marker=MARKERS[index % 4],
        ms=5.5,
        lw=1.6,
        label=name.replace("$", r"\$").lstrip("_") or "–",
        zorder=3,
    )
    axes.vlines(at, low, high, color=colour, lw=1.3, zorder=2)


def _short(visit: object) -> str:
    return shorten(str(visit), 20, placeholder="…").replace("$", r"\$")

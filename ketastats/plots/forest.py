"""Estimates with their intervals under each other: the forest plot."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.plots.style import BAND, BLUE, GREY, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 0.46  # inches, for a label of one line
_LINE = 0.33  # of a row, for each further line of a label
_LABEL_WIDTH = 56  # characters beside the numbers
_MARKER_OF_STANDING = {"inside": "o", "outside": "D", "undecided": "o", "": "s"}


def draw_forest(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str = "Estimate",
    as_percent: bool = False,
    band: tuple[float, float] | None = None,
    band_label: str = "",
    reference: float | None = None,
) -> Axes:
    """Draw one row per estimate, first row on top; a figure of its own gets the height the rows
    need.

    Parameters
    ----------
    frame : DataFrame in the shared words
        `term`, `estimate`, `conf_low`, `conf_high`; optional `new_low`, `new_high` (thin line,
        where a new setting may lie), `low_seen`, `high_seen` (a range that is no interval, drawn as
        ticks), `bound_low`, `bound_high` (all that the data say, drawn as a pale bar) and `standing`
        (inside, outside, undecided).
    ax : Axes, optional
    xlabel : str
    as_percent : bool
        Multiply by 100.
    band : (float, float), optional
        A claimed range, shaded.
    reference : float, optional
        A vertical line, such as no difference.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    labels = ["\n".join(wrap(str(term), _LABEL_WIDTH)) for term in frame["term"]]
    heights = [1 + _LINE * label.count("\n") for label in labels]
    at = 1 - np.cumsum(heights)
    _set_height(axes, sum(heights))
    scale = 100.0 if as_percent else 1.0
    if band is not None:
        axes.axvspan(scale * band[0], scale * band[1], color=BAND, zorder=0, lw=0)
        if band_label:
            axes.annotate(
                band_label,
                (scale * (band[0] + band[1]) / 2, 1.0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=INK,
                fontsize=9,
            )
    if reference is not None:
        axes.axvline(scale * reference, color=GREY, lw=1, zorder=1)
    for y, label, row in zip(at, labels, frame.to_dict("records"), strict=True):
        _draw_row(
            axes,
            float(y),
            {**{str(key): value for key, value in row.items()}, "term": label},
            scale,
            over_line=reference is not None,
        )
    axes.set_ylim(float(at.min(initial=0.0)) - 0.45, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(*_limits(frame, scale, band, reference, as_percent=as_percent))
    axes.set_xlabel(xlabel)
    return axes


def _set_height(axes: Axes, rows: float) -> None:
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(0.9 + _ROW_HEIGHT * rows)


_OVER_LINE = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
"""Behind words that a line would cross."""


def _draw_row(axes: Axes, y: float, row: dict[str, Any], scale: float, *, over_line: bool) -> None:
    def value(name: str) -> float:
        found = row.get(name)
        return float("nan") if found is None or pd.isna(found) else scale * float(found)

    estimate, low, high = value("estimate"), value("conf_low"), value("conf_high")
    standing = row.get("standing")
    standing = standing if isinstance(standing, str) else ""
    for left, right, width in ((value("new_low"), value("new_high"), 1.0), (low, high, 2.6)):
        if np.isfinite(left) and np.isfinite(right):
            axes.plot([left, right], [y, y], color=BLUE, lw=width, solid_capstyle="butt", zorder=2)
    bounds = (value("bound_low"), value("bound_high"))
    if np.isfinite(bounds).all() and bounds[0] < bounds[1]:
        axes.plot(bounds, [y, y], color=BLUE, lw=8, alpha=0.3, solid_capstyle="butt", zorder=1.5)
    seen = (value("low_seen"), value("high_seen"))
    if np.isfinite(seen).all():
        axes.plot(seen, [y, y], color=BLUE, lw=0, marker="|", ms=9, mew=1.6, zorder=2)
    fill = "white" if standing == "undecided" else BLUE
    if np.isfinite(estimate):
        axes.plot(
            [estimate],
            [y],
            marker=_MARKER_OF_STANDING.get(standing, "s"),
            ms=6.5,
            mfc=fill,
            mec=BLUE,
            mew=1.6,
            zorder=3,
        )
    numbers = _numbers(estimate, low, high, bounds)
    axes.annotate(
        str(row["term"]),
        (0.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(0, 6.5),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=8.6,
        bbox=_OVER_LINE if over_line else None,
    )
    axes.annotate(
        numbers,
        (1.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(0, 6.5),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8.6,
        bbox=_OVER_LINE,
    )


def _numbers(estimate: float, low: float, high: float, bounds: tuple[float, float]) -> str:
    if not np.isfinite(estimate):
        return "–"
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{estimate:.1f}"
    form = "{:.1f}" if max(abs(low), abs(high)) >= 10 else "{:.2f}"
    shown = form.format(estimate)
    ends = [form.format(end) for end in bounds]
    if np.isfinite(bounds).all() and ends[0] != ends[1]:
        shown = " to ".join(ends)
    return f"{shown} ({form.format(low)} to {form.format(high)})".replace("-", "−")


def _limits(
    frame: pd.DataFrame,
    scale: float,
    band: tuple[float, float] | None,
    reference: float | None,
    *,
    as_percent: bool,
) -> tuple[float, float]:
    names = ["estimate", "conf_low", "conf_high", "new_low", "new_high", "low_seen", "high_seen"]
    present = [name for name in names if name in frame.columns]
    values = scale * frame[present].to_numpy(dtype=float, na_value=np.nan).ravel()
    edges = [value for value in values if np.isfinite(value)]
    edges += [scale * edge for edge in band or ()]
    edges += [] if reference is None else [scale * reference]
    low, high = min(edges, default=0.0), max(edges, default=1.0)
    if as_percent and low >= 0:
        return 0.0, min(100.0, max(10.0, 1.06 * high))
    margin = 0.06 * (high - low or 1.0)
    return low - margin, high + margin

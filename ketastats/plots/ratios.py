"""Ratios with their intervals on a logarithmic axis, under each other."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 0.5  # inches, for a label of one line
_LINE = 0.33  # of a row, for each further line of a label
_LABEL_WIDTH = 50  # characters beside the numbers
_MARGIN = 1.15  # factor beside the outermost value
_WIDEST = 1e4  # factor from 1, beyond which a limit is cut off


def draw_ratios(frame: pd.DataFrame, ax: Axes | None = None, *, xlabel: str = "Ratio") -> Axes:
    """Draw one row per ratio, first row on top, with a line at 1.

    Parameters
    ----------
    frame : DataFrame
        `term`, `ratio`, `ratio_low`, `ratio_high`. An infinite or zero limit is drawn to the edge
        with an arrow.
    ax : Axes, optional
    xlabel : str

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    labels = ["\n".join(wrap(str(term), _LABEL_WIDTH)) for term in frame["term"]]
    heights = np.array([1 + _LINE * label.count("\n") for label in labels])
    at = 1 - np.cumsum(heights)
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(0.9 + _ROW_HEIGHT * max(float(heights.sum()), 1.0))
    axes.set_xscale("log")
    low, high = _edges(frame)
    axes.set_xlim(low, high)
    axes.axvline(1.0, color=GREY, lw=1, zorder=1)
    for y, label, row in zip(at, labels, frame.to_dict("records"), strict=True):
        _draw_row(axes, float(y), label, row, (low, high))
    axes.set_ylim(float(at.min(initial=0.0)) - 0.45, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _set_ticks(axes, low, high)
    axes.set_xlabel(xlabel)
    return axes


def _edges(frame: pd.DataFrame) -> tuple[float, float]:
    names = ["ratio", "ratio_low", "ratio_high"]
    values = frame[names].to_numpy(dtype=float, na_value=np.nan).ravel()
    held = values[np.isfinite(values) & (values > 1 / _WIDEST) & (values < _WIDEST)]
    low, high = min(held.min(initial=1.0), 0.8), max(held.max(initial=1.0), 1.25)
    return float(low / _MARGIN), float(high * _MARGIN)


def _set_ticks(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    for steps in ((1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        ticks = [s * 10.0**k for k in range(-5, 5) for s in steps]
        shown = [tick for tick in ticks if low <= tick <= high]
        if len(shown) <= 7:
            break
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_row(
    axes: Axes, y: float, label: str, row: dict[Any, Any], edges: tuple[float, float]
) -> None:
    ratio, low, high = (float(row[name]) for name in ("ratio", "ratio_low", "ratio_high"))
    if not np.isnan([low, high]).any():
        begin, end = max(low, edges[0]), min(high, edges[1])
        axes.plot([begin, end], [y, y], color=BLUE, lw=2.6, solid_capstyle="butt", zorder=2)
        for beyond, x, marker in ((low < edges[0], begin, "<"), (high > edges[1], end, ">")):
            if beyond:
                axes.plot([x], [y], color=BLUE, marker=marker, ms=6, clip_on=False, zorder=2)
    axes.plot([ratio], [y], color=BLUE, marker="s", ms=6.5, zorder=3)
    for x, text, side in ((0.0, label, "left"), (1.0, _numbers(ratio, low, high), "right")):
        axes.annotate(
            text,
            (x, y),
            xycoords=("axes fraction", "data"),
            xytext=(0, 6.5),
            textcoords="offset points",
            ha=side,
            va="bottom",
            fontsize=8.6,
            parse_math=False,
        )


def _numbers(ratio: float, low: float, high: float) -> str:
    if np.isnan([low, high]).any():
        return ratio_text(ratio)
    return f"{ratio_text(ratio)} ({ratio_text(low)} to {ratio_text(high)})"


def ratio_text(value: float) -> str:
    """Write a ratio with as many decimals as a reader can use."""
    if np.isinf(value):
        return "∞"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.095 or value == 0 else f"{value:.2g}"

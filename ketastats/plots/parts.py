"""What an observed change is made of: bars that take one part after the other from it."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 0.62  # inches, for a label of one line and its bar
_LINE = 0.25  # of a row, for each further line of a label
_LABEL_WIDTH = 34  # characters beside the numbers
_BAR = 0.3  # of a row
_LOOKS: dict[str, dict[str, Any]] = {
    "total": {"facecolor": GREY, "edgecolor": INK},
    "part": {"facecolor": "white", "edgecolor": INK, "hatch": "////"},
    "left": {"facecolor": BLUE, "edgecolor": INK},
}


def draw_parts(parts: pd.DataFrame, ax: Axes | None = None, *, xlabel: str) -> Axes:
    """Draw a change, the parts of it one after the other, and what is left, first row on top.

    Parameters
    ----------
    parts : DataFrame
        `term`, `kind` (total, part, left), `estimate`, `conf_low`, `conf_high`. A part begins where the
        one before it ended; its limits say how much it could be, so they stand around its end. A limit
        out of sight ends in an arrow.
    ax : Axes, optional
    xlabel : str

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    labels = ["\n".join(wrap(_plain(str(term)), _LABEL_WIDTH)) for term in parts["term"]]
    heights = np.array([1 + _LINE * label.count("\n") for label in labels])
    at = 1 - np.cumsum(heights)
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(0.9 + _ROW_HEIGHT * float(heights.sum()))
    bars = _bars(parts)
    low, high = _edges(bars)
    axes.set_xlim(low, high)
    axes.axvline(0.0, color=GREY, lw=1, zorder=1)
    for y, label, row in zip(at, labels, bars, strict=True):
        _draw_bar(axes, float(y), row, (low, high))
        _write(axes, float(y), label, row)
    for y, below, row in zip(at[:-1], at[1:], bars[:-1], strict=True):
        axes.plot([row["end"]] * 2, [y, below], color=INK, lw=0.9, ls=":", zorder=1)
    axes.set_ylim(float(at.min()) - 0.4, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(_plain(xlabel))
    return axes


def _bars(parts: pd.DataFrame) -> list[dict[str, Any]]:
    """Where each bar begins and ends, and where its limits stand."""
    made: list[dict[str, Any]] = []
    end = 0.0
    for row in parts.to_dict("records"):
        size, low, high = (float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
        if row["kind"] == "part":
            start, end = end, end - size
            ends = (start - high, start - low)
        else:
            start, end, ends = 0.0, size, (low, high)
        numbers = (size, low, high)
        made.append(
            {"kind": row["kind"], "start": start, "end": end, "limits": ends, "numbers": numbers}
        )
    return made


def _edges(bars: list[dict[str, Any]]) -> tuple[float, float]:
    """Reach of the axis: all bars, and limits as far as twice their span."""
    places = [0.0, *(bar["end"] for bar in bars)]
    low, high = min(places), max(places)
    span = (high - low) or 1.0
    limits = [end for bar in bars for end in bar["limits"] if np.isfinite(end)]
    low = max(min([low, *limits]), low - span)
    high = min(max([high, *limits]), high + span)
    margin = 0.05 * ((high - low) or 1.0)
    return low - margin, high + margin


def _draw_bar(axes: Axes, y: float, row: dict[str, Any], edges: tuple[float, float]) -> None:
    start, end = row["start"], row["end"]
    axes.barh(y, end - start, _BAR, left=start, lw=0.9, zorder=2, **_LOOKS[row["kind"]])
    left, right = row["limits"]
    if not left < right:
        return
    shown = (max(left, edges[0]), min(right, edges[1]))
    # white beneath, so that the line is seen on any bar
    axes.plot(shown, [y, y], color="white", lw=4.2, solid_capstyle="butt", zorder=3)
    axes.plot(shown, [y, y], color=INK, lw=1.8, solid_capstyle="butt", zorder=4)
    for limit, edge, arrow in ((left, edges[0], "<"), (right, edges[1], ">")):
        gone = not edges[0] <= limit <= edges[1]
        axes.plot(
            [edge if gone else limit],
            [y],
            marker=arrow if gone else "|",
            ms=6 if gone else 9,
            color=INK,
            mew=1.4,
            zorder=5,
            clip_on=False,
        )


def _write(axes: Axes, y: float, label: str, row: dict[str, Any]) -> None:
    size, low, high = (_number(value) for value in row["numbers"])
    sides = ((0.0, "left", label), (1.0, "right", f"{size} ({low} to {high})"))
    for x, side, words in sides:
        axes.annotate(
            words if row["numbers"][1] < row["numbers"][2] or side == "left" else size,
            (x, y + _BAR / 2),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2.5),
            textcoords="offset points",
            ha=side,
            va="bottom",
            fontsize=8.6,
            zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )


def _number(value: float) -> str:
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:z.1f}".replace("-", "−")


def _plain(words: str) -> str:
    return words.replace("$", r"\$")

"""One lane per subject: status over time, with doses and events on it."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.plots.style import BAND, BLUE, GREY, INK, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_DAY = 24.0  # hours
_LANE = 0.17  # inches
_AROUND = 1.55  # inches for the legend and the axis
_BAR = 0.66  # of a lane
_LABEL_WIDTH = 27  # characters: three columns of labels fit on a page of the common width

# Told apart without colour: dark, pale with an outline, and white with lines across it.
_BARS: dict[str, dict[str, Any]] = {
    "met": {"facecolor": BLUE, "edgecolor": BLUE, "linewidth": 0.5},
    "not_met": {"facecolor": BAND, "edgecolor": GREY, "linewidth": 0.5},
    "unknown": {"facecolor": "white", "edgecolor": GREY, "linewidth": 0.5, "hatch": "//////"},
}
_MARKS: dict[str, dict[str, Any]] = {
    "dose": {"marker": "|", "ms": 9.0, "mec": INK, "mew": 1.3},
    "reached": {"marker": "o", "ms": 5.4, "mfc": "white", "mec": INK, "mew": 1.2},
    "lost": {"marker": "X", "ms": 7.6, "mfc": VERMILION, "mec": INK, "mew": 0.8},
    "rescue": {"marker": "^", "ms": 6.8, "mfc": "white", "mec": INK, "mew": 1.2},
    "dropout": {"marker": "D", "ms": 5.0, "mfc": "white", "mec": INK, "mew": 1.2},
    "death": {"marker": "s", "ms": 5.8, "mfc": INK, "mec": "white", "mew": 0.7},
}


def draw_swimmer(
    lanes: pd.DataFrame,
    spans: pd.DataFrame,
    marks: pd.DataFrame,
    ax: Axes | None = None,
    *,
    labels: Mapping[str, str],
) -> Axes:
    """Draw one lane per subject, lane 1 on top; a figure of its own gets the height the lanes need.

    Parameters
    ----------
    lanes : DataFrame, one row per lane
        `lane`: 1, 2, 3 ... Lanes carry no name.
    spans : DataFrame
        `lane`, `start`, `end` in hours, `status` ("met", "not_met", "unknown").
    marks : DataFrame
        `lane`, `afrlt` in hours, `kind` ("dose", "reached", "lost", "rescue", "dropout", "death").
    ax : Axes, optional
    labels : mapping
        What to call each status and each kind of mark in the legend.

    Returns
    -------
    Axes
    """
    height = _AROUND + _LANE * max(len(lanes), 4)
    axes = new_axes(ax, height)
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(height)
    shown: list[Artist] = []
    for status, look in _BARS.items():
        shown += _draw_spans(axes, spans[spans["status"] == status], look, _wrapped(labels[status]))
    for order, (kind, look) in enumerate(_MARKS.items()):
        shown += _draw_marks(
            axes, marks[marks["kind"] == kind], look, _wrapped(labels[kind]), 4 + order
        )
    _finish(axes, lanes, spans, marks)
    if shown:
        axes.legend(
            handles=shown,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=3,
            fontsize=8.4,
            columnspacing=1.4,
            handletextpad=0.6,
            borderaxespad=0.2,
        )
    return axes


def _wrapped(label: str) -> str:
    return "\n".join(wrap(label, _LABEL_WIDTH))


def _draw_spans(axes: Axes, spans: pd.DataFrame, look: dict[str, Any], label: str) -> list[Artist]:
    if spans.empty:
        return []
    start, end = spans["start"] / _DAY, spans["end"] / _DAY
    bars = axes.barh(spans["lane"], end - start, left=start, height=_BAR, zorder=2, **look)
    bars.set_label(label)
    return [bars]  # type: ignore[list-item]  # a container of bars is a legend handle too


def _draw_marks(
    axes: Axes, marks: pd.DataFrame, look: dict[str, Any], label: str, zorder: int
) -> list[Artist]:
    if marks.empty:
        return []
    days = marks["afrlt"] / _DAY
    if look["marker"] == "|":  # a white edge keeps a dark tick visible on a dark bar
        wide = look | {"mec": "white", "mew": 2.2 * look["mew"]}
        axes.plot(days, marks["lane"], lw=0, zorder=zorder - 0.5, clip_on=False, **wide)
    return list(
        axes.plot(days, marks["lane"], lw=0, zorder=zorder, clip_on=False, label=label, **look)
    )


def _finish(axes: Axes, lanes: pd.DataFrame, spans: pd.DataFrame, marks: pd.DataFrame) -> None:
    n = len(lanes)
    step = 1 if n <= 10 else 5 if n <= 50 else 10
    ticks = [lane for lane in range(1, n + 1) if lane == 1 or lane % step == 0]
    axes.set_yticks(ticks)
    axes.set_ylim(max(n, 1) + 0.6, 0.4)
    last = max(spans["end"].max() if len(spans) else 0, marks["afrlt"].max() if len(marks) else 0)
    axes.set_xlim(0, 1.01 * last / _DAY if last > 0 else 1.0)
    axes.set_xlabel("Days since the first dose")
    axes.set_ylabel("Subject")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)

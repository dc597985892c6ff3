"""How often each word of a verdict comes up, and how that changes with the number of patients."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 0.62  # inches: a label with its bar
_BAR = 0.42  # of a row
_LABEL_WIDTH = 38  # characters
_LETTER = 1.9  # per cent of a bar that is taken by one letter at phone width
_COLOURS = {
    "supported": ("#9CC9E6", "////"),
    "undecided": ("white", ""),
    "not_testable": ("#E3E3E3", "...."),
    "refused": ("#C4C4C4", "xxxx"),
    "contradicted": ("#F2BE93", "\\\\\\\\"),
}
"""From left to right: a rate of supported is read from the left edge, one of contradicted from the right."""
_BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}


def draw_error_rates(
    frame: pd.DataFrame, ax: Axes | None = None, *, nominal: float, of: str = "cohorts"
) -> Axes:
    """Draw one stacked bar per case, supported from the left and contradicted from the right.

    Where a word would be wrong, a line stands at the nominal rate from its edge, and the rate is
    written at the end of the label.

    Parameters
    ----------
    frame : DataFrame, one row per case and word
        `case`, `label`, `word`, `wrong`, `estimate`, `conf_low`, `conf_high`, `refused`; shares.
    ax : Axes, optional
    nominal : float
        The rate that a wrong word may have.
    of : str
        What was drawn.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.0)
    groups = [rows for _, rows in frame.groupby("case", sort=False)]
    labels = ["\n".join(wrap(str(rows["label"].iloc[0]), _LABEL_WIDTH)) for rows in groups]
    heights = [1 + 0.3 * label.count("\n") for label in labels]
    at = heights[0] - np.cumsum(heights) if heights else np.array([])
    for y, label, rows in zip(at, labels, groups, strict=True):
        _draw_case(axes, float(y), label, rows, nominal)
    axes.set_ylim(float(at.min(initial=0.0)) - 0.35, (heights or [1.0])[0] - 0.1)
    axes.set_xlim(0, 100)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Share of {of} (%)")
    seen = [word for word in _COLOURS if _highest(frame, word) > 0]
    _explain(axes, seen, nominal)
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(1.25 + _ROW_HEIGHT * sum(heights))
    return axes


def draw_size_curves(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    target: float,
    needed: Sequence[float],
) -> Axes:
    """Draw how often a claim is decided rightly against the number of patients.

    Parameters
    ----------
    frame : DataFrame, one row per case and number of patients
        `case`, `label`, `n`, `estimate`, `conf_low`, `conf_high`; shares.
    ax : Axes, optional
    target : float
        The share wanted.
    needed : sequence of float, one per case
        The number of patients at which it is reached, marked; NaN where it is not.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 3.4)
    sizes = sorted({int(n) for n in frame["n"]})
    axes.set_xscale("log")
    axes.set_xlim(0.85 * sizes[0], 1.18 * sizes[-1])
    groups = [rows for _, rows in frame.groupby("case", sort=False)]
    for at, (rows, n) in enumerate(zip(groups, needed, strict=True)):
        _draw_curve(axes, rows, at, float(n), target)
    axes.axhline(100 * target, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"{100 * target:.3g}% wanted",
        (0.0, 100 * target),
        xycoords=("axes fraction", "data"),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8.4,
    )
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.set_xticks([], minor=True)
    if len(sizes) > 6:
        axes.tick_params(axis="x", labelrotation=60)
    axes.set_ylim(-3, 103)
    axes.set_xlabel("Patients (n, logarithmic)")
    axes.set_ylabel("Cohorts decided rightly (%)")
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        frameon=False,
        fontsize=8.4,
        handlelength=2.6,
    )
    return axes


def _draw_case(axes: Axes, y: float, label: str, rows: pd.DataFrame, nominal: float) -> None:
    wrong = rows[rows["wrong"]].to_dict("records")
    marks = [100 * (nominal if row["word"] == "supported" else 1 - nominal) for row in wrong]
    left = 0.0
    for word, (colour, hatch) in _COLOURS.items():
        width = 100 * _share(rows, word)
        if width <= 0:
            continue
        axes.barh(y, width, _BAR, left, color=colour, hatch=hatch, edgecolor=INK, lw=0.7, zorder=2)
        _name_part(axes, y, (left, left + width), word, marks)
        left += width
    for mark in marks:
        axes.plot(
            [mark, mark], [y - 0.62 * _BAR, y + 0.62 * _BAR], color=VERMILION, lw=2.2, zorder=5
        )
    rates = " + ".join(f"{100 * row['estimate']:.1f}%" for row in wrong)
    for text, x, align in ((label, 0, "left"), (f"wrong: {rates}", 100, "right")):
        if wrong or align == "left":
            axes.annotate(
                text,
                (x, y + _BAR / 2),
                xytext=(0, 3.5),
                textcoords="offset points",
                ha=align,
                va="bottom",
                fontsize=8.6,
            )


def _name_part(
    axes: Axes, y: float, ends: tuple[float, float], word: str, marks: Sequence[float]
) -> None:
    """Write a word and its rate into its part of a bar, beside the marks, as far as there is room."""
    low, high = ends
    width = high - low
    for mark in marks:
        if low < mark < high:
            low, high = (mark, high) if high - mark > mark - low else (low, mark)
    named, short = f"{word.replace('_', ' ')} {width:.0f}%", f"{width:.0f}%"
    text = next((t for t in (named, short) if high - low >= 2.4 + _LETTER * len(t)), "")
    if text:
        axes.text(
            (low + high) / 2,
            y,
            text,
            ha="center",
            va="center",
            fontsize=8.2,
            bbox=_BEHIND,
            zorder=4,
        )


def _explain(axes: Axes, words: Sequence[str], nominal: float) -> None:
    """Say under the axes what the hatches and the line are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(
            facecolor=_COLOURS[word][0],
            hatch=_COLOURS[word][1],
            edgecolor=INK,
            lw=0.7,
            label=word.replace("_", " "),
        )
        for word in words
    ]
    handles.append(
        Line2D([], [], color=VERMILION, lw=2.2, label=f"most for a wrong word: {100 * nominal:g}%")
    )
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        borderaxespad=3.6,
        ncols=2,
        frameon=False,
        fontsize=8.2,
        handlelength=1.6,
        columnspacing=1.2,
    )


def _draw_curve(axes: Axes, rows: pd.DataFrame, at: int, needed: float, target: float) -> None:
    colour = (BLUE, VERMILION, INK, GREY)[at % 4]
    n, rate, low, high = (
        rows[name].to_numpy(dtype=float, na_value=np.nan)
        for name in ("n", "estimate", "conf_low", "conf_high")
    )
    rate, low, high = 100 * rate, 100 * low, 100 * high
    beside = 1.015 ** (at - 0.5) if at else 1.0  # so that limits at one n do not hide each other
    axes.errorbar(
        n * beside,
        rate,
        yerr=(rate - low, high - rate),
        color=colour,
        ls=LINES[at % len(LINES)],
        marker=MARKERS[at % len(MARKERS)],
        ms=5.5,
        mfc="white" if at % 2 else colour,
        lw=1.6,
        elinewidth=1.2,
        capsize=2.5,
        label=str(rows["label"].iloc[0]),
        zorder=3,
    )
    if np.isfinite(needed):
        axes.plot([needed, needed], [-3, 100 * target], color=colour, lw=1, ls=":", zorder=2)
        left, right = axes.get_xlim()
        at_edge = np.log(right / needed) < 0.15 * np.log(right / left)
        axes.annotate(
            f"n = {needed:,.0f}",
            (needed, 2 + 9 * (at % 4)),
            xytext=(-3 if at_edge else 3, 0),
            textcoords="offset points",
            ha="right" if at_edge else "left",
            fontsize=8.4,
            bbox=_BEHIND,
            zorder=4,
        )


def _share(rows: pd.DataFrame, word: str) -> float:
    if word == "refused":
        return float(rows["refused"].iloc[0])
    return float(rows.loc[rows["word"] == word, "estimate"].sum())


def _highest(frame: pd.DataFrame, word: str) -> float:
    if word == "refused":
        return float(frame["refused"].max())
    return float(frame.loc[frame["word"] == word, "estimate"].max())

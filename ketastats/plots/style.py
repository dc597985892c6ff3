"""One look for all figures: narrow enough for a phone, readable without colour, no decoration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 5.6  # inches; one column on a phone, half a page in print
INK = "#222222"
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREY = "#767676"
BAND = "#E3E8EE"
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")

RC: Any = {
    "font.size": 9.5,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "ketastats",
    "figure.dpi": 110,
}


def write_below(
    axes: Axes, x: float, points: float, words: str, *, align: str, data: bool, size: float
) -> None:
    """Write under the axes, so many points down, at a value of x or a share of the width."""
    axes.annotate(
        words,
        (x, 0.0),
        xycoords=("data" if data else "axes fraction", "axes fraction"),
        xytext=(0, -points),
        textcoords="offset points",
        ha=align,
        va="top",
        fontsize=size,
        color=INK,
        annotation_clip=False,
    )


def new_axes(ax: Axes | None, height: float) -> Axes:
    """Return `ax`, or the axes of a new figure of the common width."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with plt.rc_context(RC):
        _, made = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    return made

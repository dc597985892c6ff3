"""Share of people who reached an endpoint by each dose number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.plots.style import BLUE, GREY, INK, LINES, MARKERS, VERMILION, new_axes, write_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILION, INK, GREY)
_HATCHES = ("", "////", "....", "\\\\\\\\")
_APART = 0.26  # of a dose, between the groups
_LABEL = 24  # characters of a group's name
_NO_ROOM = 1e-9  # bounds closer than this are one
_LINE = 12  # points, between the lines of numbers at risk


def draw_dose_numbers(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    ylabel: str = "Reached (%)",
    threshold: float | None = None,
) -> Axes:
    """Draw cumulative shares with limits, a box from bound to bound, and numbers at risk.

    Parameters
    ----------
    frame : DataFrame, one row per group and dose number
        `group`, `dose`, `estimate`, `conf_low`, `conf_high`, `bound_low`, `bound_high` (shares),
        `at_risk`. A missing estimate is left out; its box is drawn.
    ax : Axes, optional
    ylabel : str
    threshold : float, optional
        A claimed share, drawn as a line.
    """
    names = list(frame["group"].drop_duplicates())
    axes = new_axes(ax, 3.3 + 0.17 * len(names))
    for index, name in enumerate(names):
        shift = _APART * (index - (len(names) - 1) / 2)
        _draw_group(axes, frame[frame["group"] == name], index, shift)
    doses = sorted(frame["dose"].unique())
    axes.set_ylim(0, 103)
    axes.set_ylabel(ylabel)
    axes.set_xlabel("By dose number")
    if not doses:
        return axes
    axes.set_xticks(doses)
    axes.set_xlim(doses[0] - 0.6, doses[-1] + 0.6)
    if threshold is not None:
        _draw_threshold(axes, threshold)
    _draw_key(axes, names, _with_room(frame))
    _write_at_risk(axes, frame, names)
    return axes


def _draw_group(axes: Axes, part: pd.DataFrame, index: int, shift: float) -> None:
    colour = _COLOURS[index % 4]
    at = part["dose"].to_numpy(dtype=float) + shift
    low, high = 100 * part["bound_low"].to_numpy(float), 100 * part["bound_high"].to_numpy(float)
    axes.bar(
        at,
        high - low,
        0.8 * _APART,
        bottom=low,
        zorder=1,
        **_box(index),
    )
    known = part["estimate"].notna().to_numpy()
    at, part = at[known], part[known]
    share = 100 * part["estimate"].to_numpy(dtype=float)
    ends = 100 * part[["conf_low", "conf_high"]].to_numpy(dtype=float)
    axes.vlines(at, ends[:, 0], ends[:, 1], color=colour, lw=1.4, zorder=2)
    axes.plot(np.repeat(at, 2), ends.ravel(), lw=0, marker="_", ms=6, color=colour, zorder=2)
    axes.plot(
        at,
        share,
        color=colour,
        ls=LINES[index % 4],
        lw=1.0,
        marker=MARKERS[index % 4],
        ms=6.5,
        mfc=colour if index == 0 else "white",
        mec=colour,
        mew=1.5,
        zorder=3,
    )


def _box(index: int) -> dict[str, Any]:
    """The look of a group's box, in the figure and in the key."""
    colour, hatch = _COLOURS[index % 4], _HATCHES[index % 4]
    return {"facecolor": colour, "edgecolor": colour, "alpha": 0.3, "hatch": hatch, "lw": 0}


def _draw_threshold(axes: Axes, threshold: float) -> None:
    axes.axhline(100 * threshold, color=GREY, lw=1, ls=(0, (1, 2)), zorder=0)
    axes.annotate(
        f"claimed {100 * threshold:g}%",
        (0.0, 100 * threshold),
        xycoords=("axes fraction", "data"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=8.5,
        color=INK,
    )


def _with_room(frame: pd.DataFrame) -> set[str]:
    """Groups of which some bounds lie apart."""
    apart = (frame["bound_high"] - frame["bound_low"]) > _NO_ROOM
    return set(frame.loc[apart, "group"])


def _draw_key(axes: Axes, names: list[str], with_room: set[str]) -> None:
    """What marks, bars and boxes mean, above the axes; boxes only where there are some."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | tuple[Patch, ...]] = []
    labels: list[str] = []
    boxes: list[Patch] = []
    for index, name in enumerate(names):
        colour = _COLOURS[index % 4]
        labels.append("share, with limits" if len(names) == 1 else _plain(name))
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                ls=LINES[index % 4],
                marker=MARKERS[index % 4],
                mfc=colour if index == 0 else "white",
                mec=colour,
            )
        )
        if name in with_room:
            boxes.append(Patch(**_box(index)))
    if boxes:
        handles.append(tuple(boxes))
        labels.append("room left by early stopping")
    axes.legend(
        handles,
        labels,
        handler_map={tuple: HandlerTuple(ndivide=None)},
        frameon=False,
        fontsize=8.5,
        ncols=min(3, len(handles)),
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
    )


def _write_at_risk(axes: Axes, frame: pd.DataFrame, names: list[str]) -> None:
    """Numbers at risk at each dose, under the axis."""

    def write(x: float, line: float, words: str, align: str, *, data: bool) -> None:
        write_below(axes, x, 38 + _LINE * line, words, align=align, data=data, size=8)

    write(-0.02, 0, "At risk", "right", data=False)
    for index, name in enumerate(names):
        line = index + 1 if len(names) > 1 else 0
        if len(names) > 1:
            write(-0.02, line, _plain(name), "right", data=False)
        part = frame[frame["group"] == name]
        for dose, size in zip(part["dose"], part["at_risk"], strict=True):
            write(float(dose), line, f"{int(size):,}", "center", data=True)


def _plain(words: str) -> str:
    """A name short enough for the figure, with nothing read as mathematics."""
    short = words if len(words) <= _LABEL else words[: _LABEL - 1] + "…"
    return short.replace("$", r"\$")

"""The share of people with relief over time, as far as assessments can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.plots.style import BLUE, GREY, INK, LINES, MARKERS, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILION, INK, GREY)
_HATCHES = ("", "////", "....", "\\\\\\\\")
_DAYS_FROM = 96.0  # hours: from here on the axis counts days
_FOLLOWED_AT = 7
_WEEK = 7.0
_APART = 0.012  # of the axis, between limits of different groups
_FILLINGS = ("full", "none", "left", "top")
_ENDS = ("bound_low", "bound_high", "conf_low", "conf_high")
_LINE_HOLDS = 66  # letters
_SHORT_NAME = 12  # letters that fit left of the axis


def draw_onset(
    curves: pd.DataFrame,
    limits: pd.DataFrame,
    ax: Axes | None = None,
    *,
    event: str = "relief",
    share: float | None = None,
) -> Axes:
    """Draw both bounds of the share with an event, the area between them, limits and follow-up.

    Parameters
    ----------
    curves : DataFrame, one row per group and step
        `group`, `time` (hours), `reached_low`, `reached_high` (shares), `followed` (people not yet
        seen with the event and still followed).
    limits : DataFrame
        `group`, `at` (hours), `conf_low`, `conf_high` (shares), drawn as bars.
    ax : Axes, optional
    event : str
    share : float, optional
        A claimed share, drawn as a line.
    """
    names = list(curves["group"].drop_duplicates())
    axes = new_axes(ax, 3.3 + _height_of_names(names))
    end = float(curves["time"].max())
    unit, label = (24.0, "days") if end > _DAYS_FROM else (1.0, "hours")
    for index, name in enumerate(names):
        part = curves[curves["group"] == name]
        bars = limits[(limits["group"] == name) & limits["conf_low"].notna()]
        _draw_group(axes, part, bars, index, unit=unit, shift=_APART * end * index, n=len(names))
    if share is not None:
        axes.axhline(100 * share, color=GREY, lw=1, ls=(0, (1, 2)))
        axes.annotate(
            f"claimed {100 * share:g}%",
            (0.0, 100 * share),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
        )
    axes.set_xlim(0, (1.02 + _APART * (len(names) - 1)) * end / unit)
    axes.set_ylim(0, 100)
    axes.set_ylabel(f"Share with {event} (%)")
    axes.set_xlabel(f"Time ({label})")
    if len(names) > 1:
        _key_above(axes, [str(name) for name in names])
    _write_followed(axes, curves, names, unit)
    return axes


def _height_of_names(names: list[str]) -> float:
    """Inches that key and numbers followed take."""
    long = max(len(str(name)) for name in names) > _SHORT_NAME
    return (0.5 if long and len(names) > 1 else 0.17) * len(names)


def _draw_group(
    axes: Axes,
    part: pd.DataFrame,
    bars: pd.DataFrame,
    index: int,
    *,
    unit: float,
    shift: float,
    n: int,
) -> None:
    """Bounds as steps, the area between them filled (and hatched from the second group on)."""
    colour, line = _COLOURS[index % 4], LINES[index % 4]
    time = part["time"].to_numpy() / unit
    low, high = 100 * part["reached_low"].to_numpy(), 100 * part["reached_high"].to_numpy()
    # Right after a time at which its cell begins, the upper bound has already stepped.
    ahead = np.concatenate((high[1:], high[-1:]))
    axes.fill_between(
        time,
        low,
        ahead,
        step="post",
        facecolor=colour,
        alpha=0.22,
        hatch=_HATCHES[index % 4],
        edgecolor=colour,
        lw=0,
    )
    axes.step(
        time,
        low,
        where="post",
        color=colour,
        ls=line,
        lw=1.8,
        label=str(part["group"].iloc[0]) if n > 1 else None,
    )
    axes.step(time, ahead, where="post", color=colour, ls=line, lw=0.8)
    at = bars["at"].to_numpy(dtype=float) / unit + shift / unit
    axes.vlines(at, 100 * bars["conf_low"], 100 * bars["conf_high"], color=colour, lw=1.2, ls=line)
    axes.plot(
        np.repeat(at, 2),
        100 * bars[["conf_low", "conf_high"]].to_numpy(dtype=float).ravel(),
        lw=0,
        marker="_",
        ms=6,
        color=colour,
    )


def _ticks(axes: Axes, *, weeks: bool) -> list[float]:
    """At most a handful of ticks, at whole weeks where the axis counts days."""
    end = axes.get_xlim()[1]
    if weeks and end >= 2 * _WEEK:
        step = _WEEK * np.ceil(end / _WEEK / _FOLLOWED_AT)
        return [float(t) for t in np.arange(0, end, step)]
    ticks = [float(t) for t in axes.get_xticks() if 0 <= t <= end]
    while len(ticks) > _FOLLOWED_AT:
        ticks = ticks[::2]
    return ticks


def _write_followed(axes: Axes, curves: pd.DataFrame, names: list[str], unit: float) -> None:
    """How many are still followed without the event, under the axis."""
    ticks = _ticks(axes, weeks=unit > 1)
    axes.set_xticks(ticks)
    axes.annotate(
        "Still followed, not yet seen with it",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -38),
        textcoords="offset points",
        fontsize=8,
        color=INK,
    )
    beside = max(len(str(name)) for name in names) <= _SHORT_NAME
    lines = 1 if beside or len(names) == 1 else 2  # long names have a line of their own
    for index, name in enumerate(names):
        part = curves[curves["group"] == name]
        at = np.searchsorted(part["time"].to_numpy(), np.array(ticks) * unit, side="right") - 1
        height = -50 - 11 * (lines * (index + 1) - 1)
        for tick, place in zip(ticks, at, strict=True):
            axes.annotate(
                f"{part['followed'].iloc[place]:.0f}",
                (tick, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, height),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        if len(names) > 1:
            axes.annotate(
                str(name),
                (0, 0),
                xycoords="axes fraction",
                xytext=(-16, height) if beside else (0, height + 11),
                textcoords="offset points",
                ha="right" if beside else "left",
                fontsize=8,
                color=INK if beside else GREY,
            )


def draw_incidence(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share in whom each event came first as markers with limits, side by side at a time.

    The thin lines between markers only lead the eye: nothing is said of the times between.

    Parameters
    ----------
    frame : DataFrame, one row per group, event and time
        `group`, `event`, `time` (hours), `bound_low`, `bound_high`, `conf_low`, `conf_high`
        (shares). Events differ by colour and marker, groups by line and filling.
    """
    events, groups = (list(frame[name].drop_duplicates()) for name in ("event", "group"))
    named = [str(name) for name in (*events, *(groups if len(groups) > 1 else ()))]
    axes = new_axes(ax, 3.1 + 0.2 * np.ceil(len(named) / _key_columns(named)))
    end = float(frame["time"].max())
    unit, label = (24.0, "days") if end > _DAYS_FROM else (1.0, "hours")
    places = [(group, event) for event in events for group in groups]
    times = np.unique(frame["time"].to_numpy(dtype=float))
    gaps = _gaps(times, len(places))
    for place, (group, event) in enumerate(places):
        part = frame[(frame["group"] == group) & (frame["event"] == event)]
        gap = gaps[np.searchsorted(times, part["time"])]
        at = (part["time"].to_numpy(dtype=float) + gap * (place - (len(places) - 1) / 2)) / unit
        looks = _event_looks(events.index(event)) | _group_looks(groups.index(group))
        axes.plot(at, 100 * part["bound_low"], lw=0.6, **looks)
        ends = {name: 100 * part[name] for name in _ENDS}
        axes.vlines(
            at, ends["bound_low"], ends["bound_high"], color=looks["color"], lw=4, alpha=0.3
        )
        axes.vlines(at, ends["conf_low"], ends["conf_high"], color=looks["color"], lw=1.1)
    axes.set_xlim(0, (end + gaps[-1] * (len(places) + 1) / 2) / unit)
    highest = np.nanmax(frame[["bound_high", "conf_high"]].to_numpy(dtype=float))
    axes.set_ylim(0, 100 * min(1.0, max(1.0, np.ceil(5.25 * highest)) / 5))
    axes.set_xticks(_ticks(axes, weeks=unit > 1))
    axes.set_ylabel("Share in whom it came first (%)")
    axes.set_xlabel(f"Time ({label})")
    _name_events_and_groups(axes, events, groups)
    return axes


def _gaps(times: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Hours between neighbours at each time: limits neither overlap nor reach those of the next."""
    room = np.diff(np.concatenate(([0.0], times, [np.inf])))
    return np.asarray(np.minimum(_APART * times[-1], 0.8 * np.minimum(room[:-1], room[1:]) / n))


def _event_looks(index: int) -> dict[str, Any]:
    return {"color": _COLOURS[index % 4], "marker": MARKERS[index % 4], "ms": 4.5}


def _group_looks(index: int) -> dict[str, Any]:
    return {
        "ls": LINES[index % 4],
        "fillstyle": _FILLINGS[index % 4],
        "markerfacecoloralt": "white",
    }


def _name_events_and_groups(axes: Axes, events: list[str], groups: list[str]) -> None:
    """Key of colours and, if there are several groups, of lines and fillings."""
    from matplotlib.lines import Line2D

    shown = [
        (str(event), Line2D([], [], ls="", **_event_looks(index)))
        for index, event in enumerate(events)
    ]
    if len(groups) > 1:
        plain: dict[str, Any] = {"color": INK, "marker": "o", "ms": 4.5, "lw": 0.9}
        shown += [
            (str(group), Line2D([], [], **plain, **_group_looks(index)))
            for index, group in enumerate(groups)
        ]
    labels, handles = zip(*shown, strict=True)
    _key_above(axes, list(labels), list(handles))


def _key_above(axes: Axes, labels: list[str], handles: list[Any] | None = None) -> None:
    """Put the key above the axes, in as many columns as its longest text leaves room for."""
    known, named = axes.get_legend_handles_labels()
    axes.legend(
        handles or known,
        labels if handles else named,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_key_columns(labels),
    )


def _key_columns(labels: list[str]) -> int:
    longest = max(len(label) for label in labels)
    return max(1, min(len(labels), _LINE_HOLDS // (longest + 6)))

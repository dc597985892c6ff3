"""Kaplan-Meier curves of events whose time was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isinf, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.options import checked_level
from ketastats.errors import UsageError
from ketastats.models.exact_times import ExactTimes, exact_times
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    duration,
    estimate_text,
    in_shared_words,
    level_text,
    percent,
)
from ketastats.stats.product_limit import ProductLimit, survival_limits
from ketastats.stats.product_limit import kaplan_meier as product_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD = "kaplan_meier_log_log"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KaplanMeier(TabularResult):
    """Median time and shares without the event at chosen times, one row each per group.

    In `to_frame()`, `quantity` is "median" (hours; `estimate` missing if not reached by
    `followed_to`, `conf_high` infinite if its end is not) or "share_without" at `time` hours.
    """

    steps: pd.DataFrame = field(kw_only=True)

    def curves(self) -> pd.DataFrame:
        """Return the curves: one row per group and time, from time 0 with everybody at risk.

        `group`, `time` (hours), `at_risk`, `events`, `censored`, `estimate` (share without the
        event from that time on), `std_error`, `conf_low`, `conf_high` (log-log; missing where the
        share is 0 or 1).
        """
        return self.steps.copy()

    def display(self) -> pd.DataFrame:
        """Return one row per group: medians as times, shares in per cent."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        medians = self.frame[self.frame["quantity"] == "median"]
        shown = pd.DataFrame(
            {
                "Group": medians["term"].map(str),
                "n": medians["n"].map(count),
                "Events": medians["events"].map(count),
                f"Median time ({level} interval)": [
                    _median_text(row) for row in medians.to_dict("records")
                ],
            }
        ).reset_index(drop=True)
        shares = self.frame[self.frame["quantity"] == "share_without"]
        for time, at in _written(shares["time"]).items():
            shown[f"Without {self._event()} at {at}, % ({level} interval)"] = [
                estimate_text(row["estimate"], row["conf_low"], row["conf_high"], percent)
                for row in shares[shares["time"] == time].to_dict("records")
            ]
        return shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one step curve per group, with pointwise limits and the number at risk."""
        from ketastats.plots.step_curves import draw_step_curves

        return draw_step_curves(self.steps, ax, ylabel=f"Without {self._event()} (%)")

    def figure_text(self) -> str:
        """Return where each curve ends, in words."""
        ends = [
            f"{rows['group'].iloc[0]} from 100% down to {percent(rows['estimate'].iloc[-1])}% at "
            f"{duration(rows['time'].iloc[-1])}"
            for _, rows in self.steps.groupby("group", sort=False)
        ]
        return f"Share without {self._event()}: {'; '.join(ends)}. {self}"

    def __str__(self) -> str:
        parts = []
        for row in self.frame[self.frame["quantity"] == "median"].to_dict("records"):
            group = "" if row["term"] == "all" else f"{row['term']} "
            parts.append(f"{group}{_median_sentence(row)}")
        return f"Median time to {self._event()}: {', '.join(parts)}"

    def _event(self) -> str:
        return str(self.frame["event"].iloc[0]).replace("_", " ")


def kaplan_meier(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
    times: Sequence[float] | None = None,
    event: str | None = None,
) -> KaplanMeier:
    """Estimate the share without an event over time, where the time of the event was seen.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours: `left` equals `right` where the event was seen exactly,
        `right` is infinite where it was not reached by `left`. A row whose event lies between two
        assessments is refused: `time_to_relief` takes those.
    by : str or sequence of str, optional
        Grouping columns, such as ``"trt01a"``.
    conf_level : float, default 0.95
        Of the pointwise log-log limits and of the median's limits, which invert them.
    times : sequence of float, optional
        Hours at which to give the share without the event.
    event : str, optional
        The `status` that counts; every other one ends follow-up as a censoring does.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    UsageError, DataError
        If an option does not fit, or the table does not, with all reasons at once.

    References
    ----------
    See `ketastats.stats.product_limit`, which follows R's `survfit(conf.type = "log-log")`.
    """
    conf_level = checked_level(conf_level)
    wanted = _checked_times(times)
    data = exact_times(intervals, by=by, event=event)
    rows: list[dict[str, Any]] = []
    steps, notes = [], in_words(data.notes)
    for code, label in enumerate(data.group.labels):
        here = data.group.codes == code
        curve = product_limit(data.time[here], data.event[here])
        shared = {
            **data.group.values[code],
            "event": data.name,
            "term": label,
            "n": int(here.sum()),
            "events": int(data.event[here].sum()),
            "followed_to": float(curve.times[-1]),
            "conf_level": conf_level,
            "method": METHOD,
        }
        rows.append({**shared, **_median_row(curve, conf_level)})
        rows += [{**shared, **_share_row(curve, time, conf_level)} for time in wanted]
        steps.append(curve_rows(curve, label, conf_level))
        notes += _curve_notes(curve, label, wanted)
    own = (*data.group.values[0], "event", "quantity", "time", "events", "followed_to")
    return KaplanMeier(
        in_shared_words(rows, own=own),
        sources=sources_of(intervals),
        notes=tuple(notes),
        steps=pd.concat(steps, ignore_index=True),
    )


def curve_rows(curve: ProductLimit, label: str, conf_level: float) -> pd.DataFrame:
    """Tidy table of one curve from time 0 on."""
    low, high = curve.limits(conf_level=conf_level)
    rows = pd.DataFrame(
        {
            "group": label,
            "time": curve.times,
            "at_risk": curve.at_risk,
            "events": curve.events,
            "censored": curve.censored,
            "estimate": curve.survival,
            "std_error": np.sqrt(curve.variance),
            "conf_low": low,
            "conf_high": high,
        }
    )
    if curve.times[0] == 0:
        return rows
    start = {"group": label, "time": 0.0, "at_risk": curve.at_risk[0], "events": 0.0}
    start |= {"censored": 0.0, "estimate": 1.0, "std_error": 0.0, "conf_low": nan, "conf_high": nan}
    return pd.concat([pd.DataFrame([start]), rows], ignore_index=True)


def curves_of(data: ExactTimes, conf_level: float = 0.95) -> pd.DataFrame:
    """Tidy table of the curves of all groups."""
    parts = []
    for code, label in enumerate(data.group.labels):
        here = data.group.codes == code
        curve = product_limit(data.time[here], data.event[here])
        parts.append(curve_rows(curve, label, conf_level))
    return pd.concat(parts, ignore_index=True)


def in_words(notes: Sequence[str]) -> list[str]:
    """Notes that name events, such as maintained_relief, as a reader writes them."""
    return [note.replace("_", " ") for note in notes]


def limits_text(low: float, high: float) -> str:
    """Write two limits in hours, minutes or days each, with the unit once if it is the same."""
    first, last = _end(low), _end(high)
    if isfinite(low) and isfinite(high) and first.split()[1] == last.split()[1]:
        first = first.split()[0]
    return f"{first} to {last}"


def _checked_times(times: Sequence[float] | None) -> list[float]:
    try:
        wanted = [float(time) for time in (() if times is None else times)]
    except (TypeError, ValueError):
        raise UsageError("times must be a list of hours, such as [4, 24, 72]") from None
    if any(not isfinite(time) or time < 0 for time in wanted):
        raise UsageError("times must be hours after the start: finite and not negative")
    return sorted(set(wanted))


def _median_row(curve: ProductLimit, conf_level: float) -> dict[str, Any]:
    median = curve.quantile(0.5, conf_level=conf_level)
    return {
        "quantity": "median",
        "estimate": median.estimate,
        "conf_low": median.low,
        "conf_high": median.high,
    }


def _share_row(curve: ProductLimit, time: float, conf_level: float) -> dict[str, Any]:
    survival, variance = curve.at([time])
    low, high = survival_limits(survival, variance, conf_level=conf_level)
    return {
        "quantity": "share_without",
        "time": time,
        "estimate": float(survival[0]),
        "std_error": sqrt(float(variance[0])),
        "conf_low": float(low[0]),
        "conf_high": float(high[0]),
    }


def _curve_notes(curve: ProductLimit, label: str, wanted: list[float]) -> list[str]:
    last, left = float(curve.times[-1]), float(curve.survival[-1])
    name = "The curve" if label == "all" else f"The curve of {label}"
    notes = []
    if left > 0.5:
        notes.append(
            f"{name} never falls to 50%: {percent(left)}% were without the event when follow-up "
            f"ended at {duration(last)}, so the median is later than that."
        )
    if left > 0 and any(time > last for time in wanted):
        notes.append(f"{name} is known up to {duration(last)} only; later shares are missing.")
    return notes


def _written(times: pd.Series) -> dict[float, str]:
    """Times in words; in hours where two would read the same, such as 4.2 days."""
    hours = sorted({float(time) for time in times})
    words = [duration(time) for time in hours]
    if len(set(words)) < len(words):
        words = [f"{time:.10g} h" for time in hours]
    return dict(zip(hours, words, strict=True))


def _median_text(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["estimate"]):
        return f"not reached by {duration(row['followed_to'])}"
    return f"{duration(row['estimate'])} ({limits_text(row['conf_low'], row['conf_high'])})"


def _median_sentence(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["estimate"]):
        return (
            f"not reached by {duration(row['followed_to'])} ({row['events']} of {row['n']} had it)"
        )
    return (
        f"{duration(row['estimate'])} ({level_text(row['conf_level'])} interval "
        f"{limits_text(row['conf_low'], row['conf_high'])}; {row['events']} of {row['n']} had it)"
    )


def _end(value: float) -> str:
    if isinf(value):
        return "not reached"
    return "unknown" if pd.isna(value) else duration(value)

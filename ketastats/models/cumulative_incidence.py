"""What came first, relief or something else: cumulative incidence with competing events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.checks.intervals import CENSORED, require_intervals
from ketastats.checks.options import checked_level
from ketastats.errors import UsageError
from ketastats.models.event_intervals import (
    COMPETING,
    EVERYBODY,
    assessment_times,
    event_intervals,
    group_labels,
    hours_after_zero,
    refuse_names,
    require_assessed,
    table_notes,
)
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    duration,
    in_shared_words,
    level_text,
    percent,
    span_text,
)
from ketastats.stats.interval_incidence import IntervalIncidence
from ketastats.stats.product_limit import aalen_johansen, survival_limits
from ketastats.stats.turnbull_limits import COMMON, EXACT, chi_square_critical, schedule_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OWN = ("group", "event", "time", "bound_low", "bound_high")
_FIRST_NOTE = (
    "Each share counts those in whom this event came first; the shares of all events and of those "
    "without one add up to 100%. Where two values are given the data allow both and everything between."
)
_METHOD_NOTES = {
    "likelihood": "Likelihood-ratio limits with the chi-square law.",
    "likelihood_wide": (
        "Times are irregular, and the law of the likelihood ratio with competing events is then not "
        "known; the chi-square law is used, whose critical value exceeds Banerjee and Wellner's."
    ),
    "log-log": "Every time is exact: Aalen-Johansen, limits on the log-log scale.",
}

_Estimate = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CumulativeIncidence(TabularResult):
    """Share in whom each event came first, by time: one row per group, event and time.

    `bound_low` and `bound_high` are all that the data say; `estimate` takes events to have come at
    the latest time they can have come.
    """

    def display(self) -> pd.DataFrame:
        """Return one row per group and time, one column per event, those sought first."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])} limits"
        rows: dict[tuple[str, float], dict[str, str]] = {}
        for row in self._sought_first().to_dict("records"):
            key = (str(row["group"]), float(row["time"]))
            cells = {"Group": key[0], "By": duration(row["time"]), "n": count(row["n"])}
            shown = rows.setdefault(key, cells)
            shown[f"{_event_text(row['event'])}, % ({level})"] = _cell(row)
        table = pd.DataFrame(list(rows.values()))
        return table.drop(columns="Group") if set(table["Group"]) == {EVERYBODY} else table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a marker with limits per event, group and time."""
        from ketastats.plots.onset import draw_incidence

        shown = self._sought_first()
        return draw_incidence(shown.assign(event=shown["event"].map(_event_text)), ax)

    def figure_text(self) -> str:
        """Return the last value of every curve in words."""
        return f"Cumulative incidence over time. {self}."

    def __str__(self) -> str:
        last = self._sought_first().groupby(["group", "event"], sort=False).tail(1)
        return "; ".join(_sentence(row) for row in last.to_dict("records"))

    def _sought_first(self) -> pd.DataFrame:
        """The table with relief and other events sought before competing ones, group by group."""
        groups = {name: i for i, name in enumerate(self.frame["group"].drop_duplicates())}
        order = pd.DataFrame(
            {
                "group": self.frame["group"].map(groups),
                "competing": self.frame["event"].isin(COMPETING),
                "other": self.frame["event"] != "relief",
            }
        )
        return self.frame.loc[order.sort_values([*order.columns], kind="stable").index]


def cumulative_incidence(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    times: Sequence[float] | None = None,
    conf_level: float = 0.95,
) -> CumulativeIncidence:
    """Estimate in what share each of several events came first, from intervals.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours and `status`: "censored" or the event that came first,
        in (left, right]; `derive_relief` with ``rescue="competing"`` and the like makes it.
    by : str or sequence of str, optional
    times : sequence of float, optional
        Hours at which to give the shares; by default the assessment times, or ten of them.
    conf_level : float

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    DataError, UsageError
        If the table or an option cannot be used.

    References
    ----------
    Hudgens MG, Satten GA, Longini IM (2001). Biometrics 57:74-80. On exact times: Aalen OO,
    Johansen S (1978). Scand J Stat 5:141-150.
    """
    level = checked_level(conf_level)
    require_intervals(intervals)
    if "status" not in intervals.columns:
        raise UsageError(
            "Cumulative incidence needs the column status, which names the event that came first"
        )
    groups = column_names(by)
    refuse_names(groups, _OWN)
    wanted = hours_after_zero("times", times)
    if times is not None and not wanted:
        raise UsageError("times must name at least one time, or be left out")
    table, _ = event_intervals(intervals, groups, allow_competing=True)
    events = sorted(set(table["status"]) - {CENSORED})
    if not events:
        raise UsageError("No event of any kind was seen, so there is nothing to compare")
    parts = list(group_labels(table, groups))
    require_assessed(parts)
    rows, notes = [], []
    for label, part in parts:
        low, high = (part[name].to_numpy(float) for name in ("left", "right"))
        at = assessment_times(low, high) if times is None else wanted
        method, found = _estimates(part, events, at, level)
        notes.append(_METHOD_NOTES[method])
        own = {**{name: part[name].iloc[0] for name in groups}, "group": label}
        n = int(part["n"].sum())
        rows += [_row(own, event, time, values, n, level, method) for event, time, values in found]
    return CumulativeIncidence(
        in_shared_words(rows, own=(*groups, *_OWN)),
        sources=sources_of(intervals),
        notes=(_FIRST_NOTE, *table_notes(intervals), *dict.fromkeys(notes)),
    )


def _estimates(
    part: pd.DataFrame, events: Sequence[str], times: Sequence[float], conf_level: float
) -> tuple[str, Iterator[tuple[str, float, _Estimate]]]:
    """Bounds and limits per event and time, and which kind of limits they are."""
    low, high, n = (part[name].to_numpy(float) for name in ("left", "right", "n"))
    cause = part["status"].map({event: i + 1 for i, event in enumerate(events)}).fillna(0)
    seen = set(cause.astype(int).tolist()) - {0}
    kind = schedule_kind(low, high, n) if seen else COMMON
    if kind == EXACT:
        exact = aalen_johansen(low, cause.to_numpy(int), n)

        def value(number: int, time: float) -> _Estimate:
            share, variance = exact.at(time, number if number in seen else min(seen))
            if np.isnan(share):
                raise UsageError(
                    f"Nobody was followed up to {duration(time)}: ask for earlier times"
                )
            if number not in seen:
                return 0.0, 0.0, nan, nan
            ends = survival_limits(1 - share, variance, conf_level=conf_level)
            return share, share, 1 - float(ends[1]), 1 - float(ends[0])
    else:
        fit = IntervalIncidence(
            low, high, cause.to_numpy(int), n, times=times, n_causes=len(events)
        )
        critical = chi_square_critical(conf_level)

        def value(number: int, time: float) -> _Estimate:
            return (*fit.bounds(number, time), *fit.limits(number, time, critical=critical))

    found = (
        (event, time, value(number + 1, time))
        for number, event in enumerate(events)
        for time in times
    )
    return {EXACT: "log-log", COMMON: "likelihood"}.get(kind, "likelihood_wide"), found


def _row(
    own: Mapping[str, Any],
    event: str,
    time: float,
    values: _Estimate,
    n: int,
    conf_level: float,
    method: str,
) -> dict[str, Any]:
    low, high, conf_low, conf_high = values
    return {
        **own,
        "event": event,
        "time": time,
        "bound_low": low,
        "bound_high": high,
        "term": f"{own['group']}, {event} first by {time:g} h",
        "n": n,
        "estimate": low,
        "conf_low": conf_low,
        "conf_high": conf_high,
        "conf_level": conf_level,
        "method": "aalen_johansen, log-log" if method == "log-log" else f"npmle, {method}",
    }


def _event_text(event: str) -> str:
    return "drop-out" if event == "dropout" else str(event).replace("_", " ")


def _cell(row: Mapping[Any, Any]) -> str:
    """Write ``34.1 (20.5 to 49.2)`` or, with two bounds, ``30.0 to 34.1 (20.5 to 49.2)``."""
    bounds, limit = (
        span_text(row[f"{ends}_low"], row[f"{ends}_high"], percent).removesuffix("%")
        for ends in ("bound", "conf")
    )
    return bounds if limit == "–" else f"{bounds} ({limit})"


def _sentence(row: Mapping[Any, Any]) -> str:
    group = "" if row["group"] == EVERYBODY else f"{row['group']}: "
    bounds = span_text(row["bound_low"], row["bound_high"], percent)
    limit = span_text(row["conf_low"], row["conf_high"], percent)
    return (
        f"{group}{_event_text(row['event'])} first by {duration(row['time'])} in {bounds} "
        f"({level_text(row['conf_level'])} limits {limit}; n {row['n']})"
    )

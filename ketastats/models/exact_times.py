"""Event times that were seen exactly or not reached: what Kaplan-Meier and log-rank may be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names, missing_columns, missing_values, refuse
from ketastats.checks.intervals import CENSORED, require_intervals, status_problems
from ketastats.endpoints.intercurrent_events import KINDS
from ketastats.errors import DataError, Problem, UsageError, problem, unknown_name

_TABLE = "intervals"
_SOURCE = "The table of intervals"


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which group each row is in, 0 to k - 1, with the groups' names and their columns' values."""

    codes: NDArray[np.int64]
    labels: tuple[str, ...]
    values: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ExactTimes:
    """Times in hours, of the event where `event` is 1, of the end of follow-up where it is 0."""

    time: NDArray[np.float64]
    event: NDArray[np.int64]
    name: str
    group: Grouping
    stratum: Grouping
    notes: tuple[str, ...]


def exact_times(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    strata: str | Sequence[str] | None = None,
    event: str | None = None,
) -> ExactTimes:
    """Read a table of intervals in which each event has a time or was not reached.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours, `left` equal to `right` where the event was seen and
        `right` infinite where it was not reached by `left`; optional `status`, which names what
        was seen.
    by, strata : str or sequence of str, optional
    event : str, optional
        The status that counts as the event. It may be left out where there is no `status`, or it
        names one kind of event only and that is no rescue, drop-out or death.

    Raises
    ------
    UsageError, DataError
        If it is unclear which event is meant, if a row's event lies between two assessments, or if
        anything else is wrong with the table, with all reasons at once.
    """
    columns = [*column_names(by), *column_names(strata)]
    clash = sorted({name for name in columns if name in ("usubjid", "left", "right", "status")})
    if clash:
        raise UsageError(f"Cannot group by {', '.join(clash)}: choose a column that names groups")
    problems = _problems(intervals, columns)
    refuse(problems, source=_SOURCE)
    right = intervals["right"].to_numpy(dtype=float)
    seen = np.isfinite(right)
    name, counts_as_event = _which_event(intervals, seen, event)
    marks = seen & counts_as_event
    return ExactTimes(
        time=intervals["left"].to_numpy(dtype=float),
        event=marks.astype(np.int64),
        name=name,
        group=grouping(intervals, column_names(by)),
        stratum=grouping(intervals, column_names(strata)),
        notes=_notes(intervals, name, seen & ~marks),
    )


def grouping(table: pd.DataFrame, columns: list[str]) -> Grouping:
    """Number the groups of a table in the order of their values; one group "all" without columns."""
    if not columns:
        return Grouping(np.zeros(len(table), dtype=np.int64), ("all",), ({},))
    groups = table.groupby(columns, sort=True, observed=True)
    codes = groups.ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    values = [
        {str(name): value for name, value in row.items()}
        for row in table[columns].iloc[first].to_dict("records")
    ]
    labels = tuple(", ".join(str(value) for value in row.values()) for row in values)
    return Grouping(codes.astype(np.int64), labels, tuple(values))


def _problems(intervals: pd.DataFrame, columns: list[str]) -> list[Problem]:
    found: list[Problem] = []
    try:
        require_intervals(intervals, exact_or_right=True)
    except DataError as error:
        found += error.problems
    found += missing_columns(intervals, columns, table=_TABLE)
    found += missing_values(intervals, columns, table=_TABLE)
    if not len(intervals):
        found.append(
            problem("no_rows", _TABLE, "", [], "nobody in it", "Give at least one row per group")
        )
    found += status_problems(intervals)
    return found


def _which_event(
    intervals: pd.DataFrame, seen: NDArray[np.bool_], event: str | None
) -> tuple[str, NDArray[np.bool_]]:
    """Name the event and say which rows have it."""
    if "status" not in intervals.columns:
        if event is not None:
            raise UsageError(f"event={event!r} needs a column status that names what was seen")
        return "event", seen
    status = intervals["status"].astype(str).to_numpy()
    kinds = sorted(set(status[seen]))
    if event is None:
        if len(kinds) > 1 or set(kinds) & set(KINDS):
            raise UsageError(
                f"status names {', '.join(kinds)}: say with event= which of them is the event. The "
                "others then end a subject's follow-up as a censoring does, so that the curve is "
                "that of a world without them; the share who get there beside competing events is a "
                "cumulative incidence"
            )
        return (kinds[0] if kinds else "event"), seen
    if event == CENSORED or (kinds and event not in kinds):
        raise unknown_name("event among the statuses seen", event, kinds)
    return event, status == event


def _notes(intervals: pd.DataFrame, name: str, competing: NDArray[np.bool_]) -> tuple[str, ...]:
    notes = []
    if competing.any():
        kinds = sorted(set(intervals["status"].astype(str).to_numpy()[competing]))
        notes.append(
            f"{int(competing.sum())} had {' or '.join(kinds)} first and count as censored then: the "
            f"numbers are about {name} if nothing else could come before it."
        )
    repeated = int(intervals["usubjid"].duplicated(keep=False).sum())
    if repeated:
        notes.append(
            f"{repeated} rows belong to subjects who have several; rows are taken as independent, so "
            "limits and p-values are too optimistic."
        )
    return tuple(notes)


def require_events(data: ExactTimes) -> None:
    """Raise unless somebody had the event."""
    if not data.event.any():
        none = problem(
            "no_events",
            _TABLE,
            "right",
            [],
            f"nobody had the event ({data.name})",
            "Without events there is nothing to compare; ketastats.kaplan_meier shows the follow-up",
        )
        refuse([none], source=_SOURCE)


def require_groups(data: ExactTimes, by: str | Sequence[str]) -> None:
    """Raise unless there are at least two groups."""
    if len(data.group.labels) < 2:
        one = problem(
            "one_group",
            _TABLE,
            ", ".join(column_names(by)),
            [],
            "one group only",
            "A comparison needs two groups or more: give all arms in one table",
        )
        refuse([one], source=_SOURCE)

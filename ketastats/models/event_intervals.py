"""A table of event intervals, checked and counted, for the estimators that take one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.intervals import CENSORED, require_intervals, status_problems
from ketastats.endpoints.intercurrent_events import KINDS
from ketastats.errors import UsageError
from ketastats.results import SHARED_WORDS
from ketastats.summaries.intervals import count_intervals

COMPETING = KINDS
"""What can end the wait for relief instead of relief (`derive_relief`)."""

EVERYBODY = "all"

_MOST_TIMES = 12


def event_intervals(
    intervals: pd.DataFrame, groups: Sequence[str], *, allow_competing: bool = False
) -> tuple[pd.DataFrame, str]:
    """Check a table of intervals and count the distinct ones.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
    groups : sequence of str
        Grouping columns, complete.
    allow_competing : bool
        Keep the kinds of event apart (column `status` of the answer) instead of refusing more than
        one.

    Returns
    -------
    (DataFrame, str)
        One row per group and distinct interval with its count `n`, and the name of the event.

    Raises
    ------
    DataError, UsageError
        If the table cannot be used; see `require_intervals`.
    """
    require_intervals(intervals)
    if len(set(groups)) < len(groups):
        raise UsageError(f"A column is named twice among {', '.join(groups)}")
    if intervals.empty:
        raise UsageError("The table of intervals has no rows")
    problems = missing_columns(intervals, list(groups), table="intervals")
    problems += missing_values(intervals, list(groups), table="intervals")
    problems += status_problems(intervals)
    if "exseq" not in intervals.columns:  # a table by dose has several rows per subject
        problems += duplicated_rows(
            intervals,
            ["usubjid"],
            table="intervals",
            what="a second interval of one subject",
            remedy="Keep one row per subject: intervals of one subject are not independent",
        )
    refuse(problems, source="The table of intervals")
    held = _kinds(intervals)
    competing = [kind for kind in held if kind in COMPETING]
    events = [kind for kind in held if kind not in COMPETING]
    if len(events) > 1 and not allow_competing:
        raise UsageError(
            f"The table holds {len(events)} kinds of event in status ({', '.join(events)}): keep one"
        )
    if competing and not allow_competing:
        raise UsageError(
            f"The table holds competing events ({', '.join(competing)}), under which a curve of the "
            "one event is not a share of patients. Use ketastats.cumulative_incidence, or derive the "
            'intervals with these events as "censor" or "ignore"'
        )
    status = "status" if allow_competing and "status" in intervals.columns else None
    counted = count_intervals(intervals, by=list(groups), status=status)
    return counted, events[0] if events else "relief"


def group_labels(
    counted: pd.DataFrame, groups: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups of a counted table, each with a label to show."""
    if not groups:
        yield EVERYBODY, counted
        return
    for key, part in counted.groupby(list(groups), sort=True, observed=True):
        names = key if isinstance(key, tuple) else (key,)
        yield ", ".join(str(name) for name in names), part.reset_index(drop=True)


def table_notes(intervals: pd.DataFrame) -> list[str]:
    """What a reader should know of the rows: who tells nothing, and subjects counted more than once."""
    notes = []
    nothing = int(((intervals["left"] == 0) & np.isinf(intervals["right"])).sum())
    if nothing:
        notes.append(
            f"{nothing} of {len(intervals)} tell nothing of the time: no baseline, or no known "
            "assessment after time 0."
        )
    repeated = len(intervals) - intervals["usubjid"].nunique()
    if repeated:
        notes.append(
            f"{repeated} rows are of subjects who have another one (by dose); the limits take all rows "
            "for independent."
        )
    return notes


def refuse_names(groups: Sequence[str], own: Sequence[str]) -> None:
    """Refuse grouping columns whose name the answer needs for a column of its own."""
    if taken := sorted(set(groups) & {*own, *SHARED_WORDS}):
        raise UsageError(
            f"Cannot group by {', '.join(taken)}: the answer has a column of that name. Rename it first"
        )


def hours_after_zero(name: str, values: Sequence[float] | None) -> list[float]:
    """Times as floats, refused unless they are hours after 0; none if none are given."""
    if isinstance(values, str):
        raise UsageError(f"{name} must be a list of hours, such as [24, 168], not text")
    try:
        found = [] if values is None else [float(value) for value in values]
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be a list of hours, such as [24, 168]") from None
    if not all(0 < value < inf for value in found):
        raise UsageError(f"{name} must be hours after 0, and finite")
    return found


def require_assessed(parts: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Refuse groups in which nothing is known of anybody's time."""
    never = [
        label for label, part in parts if ((part["left"] == 0) & np.isinf(part["right"])).all()
    ]
    if never:
        raise UsageError(
            f"Nothing is known of anybody's time in {', '.join(never)}: no assessment after time 0 could "
            "be read. Check baseline scores, instrument and visit times, or leave the group out"
        )


def assessment_times(low: NDArray[np.float64], high: NDArray[np.float64]) -> list[float]:
    """Times at which to show a curve: the finite bounds, or ten of them where there are many."""
    bounds = np.concatenate((low, high))
    held = np.unique(bounds[np.isfinite(bounds) & (bounds > 0)])
    if held.size > _MOST_TIMES:
        held = held[np.linspace(0, held.size - 1, 10).round().astype(int)]
    return [float(t) for t in held]


def _kinds(intervals: pd.DataFrame) -> list[str]:
    if "status" not in intervals.columns:
        return []
    kinds = intervals["status"].dropna().astype(str).unique()
    return sorted(kind for kind in kinds if kind != CENSORED)

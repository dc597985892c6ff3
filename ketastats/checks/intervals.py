"""Whether a table of event intervals can be used: (left, right] in hours, one row per subject."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, refuse
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError

_TABLE = "intervals"
_BOUNDS = ("left", "right")

CENSORED = "censored"
"""Status of a row whose event was not seen."""


def interval_problems(table: pd.DataFrame) -> list[Problem]:
    """Return everything wrong with a table of event intervals.

    Parameters
    ----------
    table : DataFrame, one row per subject (or per subject and dose)
        `usubjid`, `left` and `right` in hours: the event lies in (left, right]; `right` is infinite
        where it was not reached by `left`, and equals `left` where it was seen exactly. Not modified.

    Returns
    -------
    list of Problem
        Absent columns, text, missing bounds or subjects, a negative or infinite `left`, a `right`
        that is not after time 0, and `left` after `right`. Empty for a table without rows.
    """
    found = missing_columns(table, ["usubjid", *_BOUNDS], table=_TABLE)
    found += missing_values(table, ["usubjid"], table=_TABLE)
    for name in _BOUNDS:
        if name in table.columns:
            found += _bound_problems(table[name], name)
    if all(name in table.columns for name in _BOUNDS):
        left, right = _hours(table["left"]), _hours(table["right"])
        found += flagged(
            np.isfinite(left) & (left > right),
            "left_after_right",
            _TABLE,
            "left and right",
            "left is after right",
            "An event lies in (left, right]: left is the last time it was seen not to have come",
        )
    return found


def require_intervals(table: pd.DataFrame, *, exact_or_right: bool = False) -> None:
    """Raise unless `table` is a table of event intervals.

    Parameters
    ----------
    table : DataFrame
        As for `interval_problems`.
    exact_or_right : bool, default False
        Refuse rows whose event is known only to lie between two different times: each row must be
        exact (left equals right) or right-censored (right is infinite).

    Raises
    ------
    DataError
        With every problem found.
    UsageError
        If `table` is no pandas DataFrame.
    """
    if not isinstance(table, pd.DataFrame):
        raise UsageError(
            f"A table of intervals must be a pandas DataFrame, not {type(table).__name__}"
        )
    found = interval_problems(table)
    if exact_or_right and all(name in table.columns for name in _BOUNDS):
        left, right = _hours(table["left"]), _hours(table["right"])
        found += flagged(
            (left < right) & (right < np.inf),
            "interval_censored",
            _TABLE,
            "left and right",
            "the event is known only to lie between two assessments, so it has no exact time",
            "The visit at which it was first seen is not when it came: use "
            "ketastats.time_to_relief, relief_test or relief_regression, which take the interval",
        )
    refuse(found, source="The table of intervals")


def status_problems(intervals: pd.DataFrame) -> list[Problem]:
    """Rows whose `status`, if there is one, is missing or does not fit their `right`."""
    if not {"status", "right"} <= set(intervals.columns):
        return []
    status = intervals["status"]
    right = _hours(intervals["right"])
    censored = (status.astype("string") == CENSORED).fillna(False).to_numpy(dtype=bool)
    found = missing_values(intervals, ["status"], table=_TABLE)
    found += flagged(
        censored & np.isfinite(right),
        "censored_with_an_end",
        _TABLE,
        "right",
        "a finite time where status says censored",
        "Give infinity where the event was not reached, and the end of follow-up as left",
    )
    found += flagged(
        ~censored & status.notna().to_numpy() & np.isinf(right),
        "event_without_a_time",
        _TABLE,
        "status",
        "an event where right is infinite, that is, not reached",
        "Write censored, or give the event's time as left and right",
    )
    return found


def _bound_problems(column: pd.Series, name: str) -> list[Problem]:
    hours = _hours(column)
    endless = np.isinf(hours)
    found = flagged(
        column.notna().to_numpy() & np.isnan(hours),
        "not_a_number",
        _TABLE,
        name,
        "holds text or dates where a number of hours is needed",
        "Give plain numbers of hours: pandas.to_numeric turns a column of text into numbers",
    )
    found += flagged(
        column.isna(),
        "missing_value",
        _TABLE,
        name,
        "missing",
        "Give 0 where the event had not been looked for before"
        if name == "left"
        else "Give infinity (float('inf')) where the event was not reached",
    )
    if name == "right":
        return found + flagged(
            hours <= 0,
            "right_not_positive",
            _TABLE,
            name,
            "at or before time 0",
            "An event comes after time 0; leave out subjects who had it already at the start",
        )
    found += flagged(
        endless,
        "infinite_left",
        _TABLE,
        name,
        "infinite",
        "left is the last time at which the event was seen not to have come; only right can be "
        "infinite",
    )
    return found + flagged(
        (hours < 0) & ~endless,
        "negative_time",
        _TABLE,
        name,
        "negative",
        "Times are hours since the origin; give 0 where the event had not been looked for before",
    )


def _hours(column: pd.Series) -> NDArray[np.float64]:
    """Numbers as float64; what is none, a number written as text too, is not-a-number."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = [value if isinstance(value, Real) else np.nan for value in column]
    return np.asarray(numbers, dtype=np.float64)

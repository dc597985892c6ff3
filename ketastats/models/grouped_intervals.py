"""Event intervals of groups that are to be compared, counted and scored by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.errors import DataError, Problem, UsageError, problem
from ketastats.models.event_intervals import event_intervals
from ketastats.stats.interval_scores import SCORES
from ketastats.stats.permutation_tests import Stratum

Floats = NDArray[np.float64]

_SAME_SCORE = 1e-9  # differences below this are rounding
_SOURCE = "The table of intervals"


@dataclass(frozen=True, slots=True)
class GroupedIntervals:
    """Distinct intervals with their number of subjects `n`, by labels `group` and `stratum`.

    `names` are the groups' labels in order, `empty` declared groups without subjects, `layers` the
    columns of the strata and `event` the name of the event.
    """

    counted: pd.DataFrame
    names: list[str]
    empty: list[str]
    layers: list[str]
    event: str

    def sizes(self, names: Sequence[str]) -> list[int]:
        """Subjects of each group, in the order of `names`."""
        total = self.counted.groupby("group")["n"].sum()
        return [int(total[name]) for name in names]

    def tables(self, names: Sequence[str]) -> list[pd.DataFrame]:
        """Per stratum: one row per distinct (left, right), one column per group, subjects in cells."""
        return [
            part.pivot_table(
                index=["left", "right"], columns="group", values="n", aggfunc="sum", fill_value=0
            )
            .reindex(columns=list(names), fill_value=0)
            .astype(int)
            for _, part in self.counted.groupby("stratum", sort=True)
        ]


def grouped_intervals(
    intervals: pd.DataFrame, *, by: list[str], strata: list[str]
) -> GroupedIntervals:
    """Check and count a table of intervals whose groups are to be compared.

    Raises
    ------
    UsageError, DataError
        If the table cannot be used, has a subject twice, one group only, or nobody's event.
    """
    if not by:
        raise UsageError("Name the column of groups: by=...")
    if both := sorted(set(by) & set(strata)):
        raise UsageError(f"{', '.join(both)} cannot be both what is compared and a stratum")
    counted, event = event_intervals(intervals, [*strata, *by])
    refuse(
        duplicated_rows(
            intervals,
            ["usubjid"],
            table="intervals",
            what="a second interval of one subject",
            remedy="Keep one row per subject: intervals of one subject are not independent",
        ),
        source=_SOURCE,
    )
    labelled = counted[["left", "right", "n"]].assign(
        group=_labels(counted, by), stratum=_labels(counted, strata)
    )
    names = sorted(set(labelled["group"]))
    if len(names) < 2:
        raise DataError(_SOURCE, [_one_group(names[0], by)])
    if not np.isfinite(labelled["right"]).any():
        raise no_information("everyone is right-censored: nobody's event was seen")
    return GroupedIntervals(
        labelled, names, _unused(intervals, by), strata, event.replace("_", " ")
    )


def group_label(value: Any) -> str:
    """A group's name as shown; a whole number is one name whether stored as 1 or 1.0."""
    whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value) if whole else value)


def trend_numbers(names: list[str], trend: Mapping[Any, float] | None) -> dict[str, float] | None:
    """The numbers of a trend by the groups' labels: every group has one, and they differ."""
    if trend is None:
        return None
    given = {group_label(key): value for key, value in trend.items()}
    if odd := sorted(set(names) ^ set(given)):
        raise UsageError(f"trend must number every group and no other; look at {', '.join(odd)}")
    try:
        numbers = {name: float(given[name]) for name in names}
    except (TypeError, ValueError):
        raise UsageError("trend must map each group to a number") from None
    if not np.isfinite(list(numbers.values())).all() or len(set(numbers.values())) < 2:
        raise UsageError("trend needs finite numbers, at least two of them different")
    return numbers


def interval_ends(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """`left` and `right` of a table of `GroupedIntervals.tables`."""
    left, right = (table.index.get_level_values(i).to_numpy(dtype=float) for i in (0, 1))
    return left, right


def scored(table: pd.DataFrame, scores: str) -> Stratum:
    """Score a table's intervals from the curve of all its subjects, and put equal scores together."""
    counts = table.to_numpy()
    value = SCORES[scores](*interval_ends(table), counts.sum(axis=1))
    order = np.argsort(value, kind="stable")
    at = np.flatnonzero(np.concatenate(([True], np.diff(value[order]) > _SAME_SCORE)))
    return Stratum(value[order][at], np.add.reduceat(counts[order], at, axis=0))


def no_information(what: str) -> DataError:
    """Say that the intervals hold no information on a difference."""
    remedy = "No statistic exists then; look at the assessments behind the intervals"
    return DataError(
        _SOURCE, [problem("no_information", "intervals", "left and right", [], what, remedy)]
    )


def _one_group(name: str, by: list[str]) -> Problem:
    return problem(
        "one_group",
        "intervals",
        ", ".join(by),
        [],
        f"everyone is in one group, {name}",
        "A comparison needs two groups: add the other one, or name another column in by",
    )


def _unused(intervals: pd.DataFrame, by: list[str]) -> list[str]:
    """Declared categories of a single grouping column in which nobody is."""
    column = intervals[by[0]]
    if len(by) > 1 or not isinstance(column.dtype, pd.CategoricalDtype):
        return []
    used = set(column.dropna())
    return [group_label(name) for name in column.cat.categories if name not in used]


def _labels(counted: pd.DataFrame, names: list[str]) -> list[str]:
    rows = counted[names].to_numpy(dtype=object)
    return [", ".join(group_label(value) for value in row) for row in rows]

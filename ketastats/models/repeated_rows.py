"""A table of visits, checked and coded for models of repeated measures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.identity import require_one_period
from ketastats.errors import Problem, UsageError, problem
from ketastats.results import count

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_SOURCE = "The table of visits"
_TABLE = "data"


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedRows:
    """Rows that have an outcome, with codes of subject and visit.

    `table` holds them with the visit as ordered categories; `visits` are these in order. `group`,
    `weights` and `position` are there where asked for. `unseen` subjects have no outcome at all.
    """

    table: pd.DataFrame
    outcome: Floats
    outcome_name: str
    subject: Ints
    subject_ids: pd.Index
    visit: Ints
    visit_name: str
    visits: tuple[object, ...]
    group: Ints | None
    groups: tuple[object, ...]
    weights: Floats | None
    position: Floats | None
    unseen: int
    empty: int

    @property
    def subjects(self) -> int:
        """Subjects with an outcome."""
        return len(self.subject_ids)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        said = []
        if self.unseen:
            verb = "subject takes" if self.unseen == 1 else "subjects take"
            said.append(f"{count(self.unseen)} {verb} no part, for having no outcome at all.")
        if self.empty:
            verb = "row has" if self.empty == 1 else "rows have"
            said.append(
                f"{count(self.empty)} {verb} no outcome: the estimates hold if what was missed depends "
                "only on what was seen (missing at random)."
            )
        return tuple(said)


def repeated_rows(
    data: pd.DataFrame,
    outcome: str,
    *,
    subject: str,
    visit: str,
    covariates: Sequence[str] = (),
    group: str | None = None,
    weights: str | None = None,
    coordinates: Sequence[str] = (),
) -> RepeatedRows:
    """Check a table of visits and code its rows.

    Raises
    ------
    UsageError, DataError
        If a column is missing, text or empty where it must not be; if a subject has two rows at one
        visit or changes group; if fewer than two visits or nobody has an outcome.
    """
    needed = dict.fromkeys([outcome, subject, visit, *covariates])
    needed |= dict.fromkeys([*coordinates, *(name for name in (group, weights) if name)])
    refuse(missing_columns(data, list(needed), table=_TABLE), source=_SOURCE)
    if outcome in (subject, visit):
        raise UsageError(f"{outcome} cannot be the outcome and say who or when")
    require_one_period(data, table="visits")
    seen = data[outcome].notna().to_numpy()
    at = np.flatnonzero(seen)
    table = data[list(needed)].iloc[at].reset_index(drop=True)
    found = not_numbers(data, [outcome], table=_TABLE)
    found += missing_values(data, [subject, visit], table=_TABLE)
    for name in needed:
        if name not in (outcome, subject, visit):
            found += _empty(table[name], at, name)
    found += not_numbers(data, [*coordinates, *([weights] if weights else [])], table=_TABLE)
    refuse(found, source=_SOURCE)
    if not at.size:
        raise UsageError(f"Nobody has an outcome: {outcome} is empty in every row")
    order = visit_order(table, visit) if visit != "avisit" else visit_order(data.iloc[at], visit)
    _require_visits(order)
    visit_code = _codes(table[visit], order)
    position = table[list(coordinates)].to_numpy(dtype=float) if coordinates else None
    subject_code, ids = pd.factorize(table[subject])
    found = _twice(subject_code, visit_code, at, subject, visit)
    refuse([*found, *_same_place(subject_code, position, at, coordinates)], source=_SOURCE)
    table[visit] = pd.Categorical.from_codes(visit_code, categories=pd.Index(order))
    group_code, groups = (None, ()) if group is None else _groups(table, group, subject_code, at)
    return RepeatedRows(
        table=table,
        outcome=table[outcome].to_numpy(dtype=float),
        outcome_name=outcome,
        subject=subject_code,
        subject_ids=pd.Index(ids, name=subject),
        visit=visit_code,
        visit_name=visit,
        visits=tuple(order),
        group=group_code,
        groups=groups,
        weights=None if weights is None else _weights(table, weights, at),
        position=position,
        unseen=0 if seen.all() else data[subject].nunique() - len(ids),
        empty=len(seen) - len(at),
    )


def _empty(column: pd.Series, at: Ints, name: str) -> list[Problem]:
    """Empty cells of a covariate in rows that have an outcome."""
    bad = at[column.isna().to_numpy()]
    if not bad.size:
        return []
    remedy = "Fill the cells, or leave the rows out and say so"
    what = "empty in a row that has an outcome"
    return [problem("missing_value", _TABLE, name, bad, what, remedy)]


def _codes(column: pd.Series, order: Sequence[object]) -> Ints:
    """Position of each visit in the order."""
    codes, held = pd.factorize(column)
    place = {visit: k for k, visit in enumerate(order)}
    return np.array([place[visit] for visit in held], dtype=np.intp)[codes]


def _twice(
    subject_code: Ints, visit_code: Ints, at: Ints, subject: str, visit: str
) -> list[Problem]:
    """Rows that repeat an earlier row's subject and visit."""
    key = subject_code * (int(visit_code.max()) + 1) + visit_code
    _, first = np.unique(key, return_index=True)
    if len(first) == len(key):
        return []
    again = np.ones(len(key), dtype=bool)
    again[first] = False
    return [
        problem(
            "duplicate",
            _TABLE,
            f"{subject} and {visit}",
            at[again],
            "a second outcome of one subject at one visit",
            "Keep one, such as the one nearest to the visit's target (derive_visits)",
        )
    ]


def visit_order(data: pd.DataFrame, visit: str) -> list[object]:
    """Visits in order: as declared, as numbers, by `avisitn` or by the numbers in their names."""
    column = data[visit]
    present = list(pd.unique(column.dropna()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        held = set(present)
        return [level for level in column.cat.categories if level in held]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return sorted(present)
    if visit == "avisit" and "avisitn" in data.columns:
        numbers = data.groupby(visit)["avisitn"].agg(["min", "max"])
        if (numbers["min"] == numbers["max"]).all() and numbers["min"].is_unique:
            return list(numbers["min"].sort_values().index)
    return sorted(present, key=_natural)


def _natural(name: object) -> list[tuple[int, float, str]]:
    """Sorting key by which "Week 2" comes before "Week 10"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", str(name).casefold())
    return [(0, float(part), "") if k % 2 else (1, 0.0, part) for k, part in enumerate(parts)]


def _require_visits(order: Sequence[object]) -> None:
    if len(order) < 2:
        raise UsageError(
            "A model of repeated measures needs at least two visits with outcomes; for one visit there is "
            "ancova()"
        )


def _same_place(
    subject_code: Ints, position: Floats | None, at: Ints, coordinates: Sequence[str]
) -> list[Problem]:
    """Rows of one subject at the coordinates of another of its rows."""
    if position is None:
        return []
    key = np.column_stack([subject_code, position])
    _, first, back = np.unique(key, axis=0, return_index=True, return_inverse=True)
    again = first[back.ravel()] != np.arange(len(key))
    if not again.any():
        return []
    what = "the same as in another row of the subject, which makes the two outcomes one"
    remedy = "Give coordinates that tell a subject's visits apart, such as their time"
    return [problem("same_place", _TABLE, ", ".join(coordinates), at[again], what, remedy)]


def _groups(
    table: pd.DataFrame, group: str, subject: Ints, at: Ints
) -> tuple[Ints, tuple[object, ...]]:
    codes, labels = pd.factorize(table[group], sort=True)
    first = np.zeros(int(subject.max()) + 1, dtype=np.intp)
    first[subject[::-1]] = codes[::-1]
    changed = at[codes != first[subject]]
    if changed.size:
        what = "differs from the subject's first row"
        remedy = "A subject's covariance is of one group: choose a column that does not change"
        found = problem("group_changes", _TABLE, group, changed, what, remedy)
        refuse([found], source=_SOURCE)
    return codes.astype(np.intp), tuple(labels)


def _weights(table: pd.DataFrame, weights: str, at: Ints) -> Floats:
    values = table[weights].to_numpy(dtype=float)
    bad = at[~(values > 0)]
    if bad.size:
        remedy = "Give positive weights, and leave out rows that should not count"
        found = problem("not_positive", _TABLE, weights, bad, "a weight of 0 or less", remedy)
        refuse([found], source=_SOURCE)
    return values


def too_few(rows: RepeatedRows, columns: Floats) -> list[Problem]:
    """Visits at which nothing is left once the formula has been fitted to them."""
    found = []
    for code, name in enumerate(rows.visits):
        here = columns[rows.visit == code]
        if len(here) <= columns.shape[1] and len(here) <= np.linalg.matrix_rank(here):
            found.append(
                problem(
                    "visit_fitted_exactly",
                    _TABLE,
                    "",
                    [],
                    f"the visit {name} has {len(here)} {'outcomes' if len(here) > 1 else 'outcome'}, "
                    "which the formula fits exactly, so nothing tells its variance",
                    "Leave the visit out, take a simpler formula, or a covariance with one variance for "
                    "all visits (cs, ar1, toep, ad)",
                )
            )
    return found

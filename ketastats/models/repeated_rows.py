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
from ketastats.checks.options import require_column_name
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
    `weights` and `position` are there where asked for. `unseen` subjects have no outcome at all;
    `guessed` says that the order of visits was read from names of several kinds.
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
    guessed: bool

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
        if self.guessed:
            said.append(
                f"Visits were put in this order by their names: {', '.join(map(str, self.visits))}. If it "
                "is another, declare it: pd.Categorical(..., categories=[...])."
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
    one_visit: bool = False,
) -> RepeatedRows:
    """Check a table of visits and code its rows.

    Raises
    ------
    UsageError, DataError
        If a column is missing, text or empty where it must not be; if a subject has two rows at one
        visit or changes group; if nobody has an outcome, or there are fewer than two visits and `one_visit`
        will not do.
    """
    needed = _checked_columns(
        data, outcome, subject, visit, covariates, group, weights, coordinates
    )
    seen = data[outcome].notna().to_numpy()
    at = np.flatnonzero(seen)
    table = data[needed].iloc[at].reset_index(drop=True)
    found = not_numbers(data, [outcome], table=_TABLE)
    found += missing_values(data, [subject, visit], table=_TABLE)
    for name in needed:
        if name not in (outcome, subject, visit):
            found += _empty(table[name], at, name)
    found += not_numbers(data, [*coordinates, *([weights] if weights else [])], table=_TABLE)
    refuse(found, source=_SOURCE)
    if not at.size:
        raise UsageError(f"Nobody has an outcome: {outcome} is empty in every row")
    order, guessed = visit_order(data, at, table[visit])
    if not one_visit:
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
        guessed=guessed,
    )


def _checked_columns(
    data: pd.DataFrame,
    outcome: str,
    subject: str,
    visit: str,
    covariates: Sequence[str],
    group: str | None,
    weights: str | None,
    coordinates: Sequence[str],
) -> list[str]:
    """Every column that is needed, or an error if the table does not have it once."""
    for option, name in (("subject", subject), ("visit", visit)):
        require_column_name(option, name)
    for option, chosen in (("covariance_by", group), ("weights", weights)):
        if chosen is not None:
            require_column_name(option, chosen)
    needed = dict.fromkeys([outcome, subject, visit, *covariates])
    needed |= dict.fromkeys([*coordinates, *(name for name in (group, weights) if name)])
    refuse(missing_columns(data, list(needed), table=_TABLE), source=_SOURCE)
    if data.columns.has_duplicates:
        twice_named = data.columns[data.columns.duplicated()].intersection(list(needed))
        if len(twice_named):
            raise UsageError(f"The table has two columns called {twice_named[0]}: rename one")
    if outcome in (subject, visit):
        raise UsageError(f"{outcome} cannot be the outcome and say who or when")
    require_one_period(data, table="visits")
    return list(needed)


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


def visit_order(data: pd.DataFrame, at: Ints, column: pd.Series) -> tuple[list[object], bool]:
    """Visits in order, and whether that was guessed from names of several kinds.

    The order is the one declared, of numbers, of `avisitn` or else of the median `afrlt` for `avisit`, or
    of the numbers in the names. `column` holds the visits of the rows `at` of the table.
    """
    present = list(column.unique())
    if isinstance(column.dtype, pd.CategoricalDtype):
        held = set(present)
        return [level for level in column.cat.categories if level in held], False
    if not all(isinstance(name, str) for name in present):
        return sorted(present), False
    if column.name == "avisit":
        for found in (_by_number(data, at), _by_time(data, at)):
            if found is not None:
                return found, False
    kinds = {re.sub(_NUMBER, "", str(name).casefold()) for name in present}
    return sorted(present, key=_natural), len(kinds) > 1


def _by_number(data: pd.DataFrame, at: Ints) -> list[object] | None:
    """Visits by `avisitn`, if each has one number of its own."""
    if "avisitn" not in data.columns:
        return None
    data = data[["avisit", "avisitn"]].iloc[at]
    numbers = pd.to_numeric(data["avisitn"].astype(str), errors="coerce")
    held = numbers.groupby(data["avisit"].astype(object)).agg(["min", "max"])
    if held.isna().to_numpy().any() or not (held["min"] == held["max"]).all():
        return None
    return list(held["min"].sort_values().index) if held["min"].is_unique else None


def _by_time(data: pd.DataFrame, at: Ints) -> list[object] | None:
    """Visits by their median `afrlt`, if all have one."""
    if "afrlt" not in data.columns or not pd.api.types.is_numeric_dtype(data["afrlt"].dtype):
        return None
    data = data[["avisit", "afrlt"]].iloc[at]
    times = data["afrlt"].groupby(data["avisit"].astype(object)).median()
    if times.isna().any() or not times.is_unique:
        return None
    return list(times.sort_values().index)


_NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?|\d+(?:\.\d+)?"


def _natural(name: object) -> list[tuple[int, float, str]]:
    """Sorting key by which "Week 2" comes before "Week 10", and "Day -1" before "Day 1"."""
    words = str(name).casefold()
    parts, end = [], 0
    for found in re.finditer(_NUMBER, words):
        parts += [(1, 0.0, words[end : found.start()]), (0, float(found.group()), "")]
        end = found.end()
    return [*parts, (1, 0.0, words[end:])]


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
    sizes = np.bincount(codes[np.unique(subject, return_index=True)[1]], minlength=len(labels))
    if sizes.min() < 2:
        raise UsageError(
            f"{int((sizes < 2).sum())} of the {len(labels)} groups of {group} have fewer than two subjects, "
            "which is too few for a covariance of their own"
        )
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

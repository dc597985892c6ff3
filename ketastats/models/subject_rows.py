"""A table with one row per subject, checked, and its design, for linear models of one outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.options import matched, require_column_name
from ketastats.errors import Problem, UsageError
from ketastats.models.covariate_design import covariate_design, formula_variables
from ketastats.models.formulas import split_formula
from ketastats.models.linear_design import LinearDesign, linear_design
from ketastats.results import count

Floats = NDArray[np.float64]

_SOURCE = "The table of subjects' outcomes"
_TABLE = "data"


@dataclass(frozen=True, slots=True, eq=False)
class SubjectRows:
    """Rows that have an outcome, one per subject, and how many were left out for having none."""

    table: pd.DataFrame
    outcome: Floats
    outcome_name: str
    empty: int
    design: LinearDesign

    @property
    def spare(self) -> int:
        """Degrees of freedom that the formula leaves."""
        return len(self.outcome) - len(self.design.kept)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        said = []
        if self.empty:
            verb = "subject has" if self.empty == 1 else "subjects have"
            said.append(
                f"{count(self.empty)} {verb} no outcome and take no part: the estimates are of those seen."
            )
        if aliased := self.design.aliased:
            said.append(
                f"Left out, because the columns before them tell the same: {', '.join(aliased)}."
            )
        return tuple(said)


def subject_rows(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str,
    visit: str | None,
    at: Any,
    reference: Mapping[str, Any] | None,
    others: Sequence[str] = (),
    spare: int = 1,
) -> SubjectRows:
    """Check a table, keep one visit of it if asked to, leave out rows without an outcome, build the design.

    `others` are columns besides the formula's that must be complete.

    Raises
    ------
    UsageError, DataError
        If a column is missing, or empty or text where it must not be, or a subject has several rows, or
        the formula leaves fewer than `spare` degrees of freedom.
    """
    require_column_name("subject", subject)
    outcome, covariates = split_formula(formula)
    names = [*formula_variables(covariates), *others]
    held, empty = _held(data, outcome, names, subject=subject, visit=visit, at=at)
    columns = covariate_design(held, covariates, intercept=True, reference=reference, name="data")
    values = held[outcome].to_numpy(dtype=float)
    design = linear_design(columns, values)
    if len(values) - len(design.kept) < spare or design.fits_exactly:
        raise UsageError(
            f"The formula fits the {len(values)} values of {outcome} exactly, so nothing is left to "
            "estimate their spread from: take a simpler formula"
        )
    return SubjectRows(held, values, outcome, empty, design)


def _held(
    data: pd.DataFrame,
    outcome: str,
    covariates: Sequence[str],
    *,
    subject: str,
    visit: str | None,
    at: Any,
) -> tuple[pd.DataFrame, int]:
    """The rows with an outcome, and how many are without."""
    needed = list(dict.fromkeys([subject, outcome, *covariates]))
    columns = [*needed, *([visit] if visit and at is not None and visit not in needed else [])]
    refuse(missing_columns(data, columns, table=_TABLE), source=_SOURCE)
    if at is not None:
        if visit is None:
            raise UsageError("at= chooses a visit, so it needs visit=, the column of visits")
        level = matched("visit", at, data[visit].dropna().unique())
        chosen = (data[visit] == level).to_numpy(dtype=bool, na_value=False)
    else:
        chosen = np.ones(len(data), dtype=bool)
    of_visit = data.iloc[np.flatnonzero(chosen)]
    place = np.flatnonzero(chosen)
    found = _at(not_numbers(of_visit, [outcome], table=_TABLE), place)
    seen = of_visit[outcome].notna().to_numpy()
    held = of_visit[needed].iloc[np.flatnonzero(seen)]
    rows = place[seen]
    found += _at(missing_values(held, [subject, *covariates], table=_TABLE), rows)
    twice = duplicated_rows(
        held,
        [subject],
        table=_TABLE,
        what="a second outcome of one subject",
        remedy="Choose one visit (visit= and at=), or take a model of repeated measures (mmrm)",
    )
    refuse([*found, *_at(twice, rows)], source=_SOURCE)
    if held.empty:
        raise UsageError(f"Nobody has an outcome: {outcome} is empty in every row")
    return held.reset_index(drop=True), int((~seen).sum())


def _at(problems: list[Problem], rows: NDArray[np.intp]) -> list[Problem]:
    """Problems of some rows of a table, told by their rows in the whole of it."""
    return [
        replace(found, rows=tuple(int(rows[row - 1]) + 1 for row in found.rows))
        for found in problems
    ]

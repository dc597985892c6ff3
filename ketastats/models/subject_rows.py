"""A table with one row per subject, checked for linear models of one outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.errors import UsageError, unknown_name
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

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        if not self.empty:
            return ()
        verb = "subject has" if self.empty == 1 else "subjects have"
        return (
            f"{count(self.empty)} {verb} no outcome and take no part: the estimates are of those seen.",
        )


def subject_rows(
    data: pd.DataFrame,
    outcome: str,
    *,
    subject: str,
    covariates: Sequence[str],
    visit: str | None = None,
    at: Any = None,
) -> SubjectRows:
    """Check a table, keep one visit of it if asked to, and leave out rows without an outcome.

    Raises
    ------
    UsageError, DataError
        If a column is missing, or empty or text where it must not be, or a subject has several rows.
    """
    needed = list(dict.fromkeys([subject, outcome, *covariates]))
    columns = [*needed, *([visit] if visit and at is not None and visit not in needed else [])]
    refuse(missing_columns(data, columns, table=_TABLE), source=_SOURCE)
    if at is not None:
        if visit is None:
            raise UsageError("at= chooses a visit, so it needs visit=, the column of visits")
        chosen = (data[visit] == at).to_numpy(dtype=bool, na_value=False)
        if not chosen.any():
            raise unknown_name("visit", str(at), [str(v) for v in data[visit].dropna().unique()])
        data = data[chosen]
    found = not_numbers(data, [outcome], table=_TABLE)
    seen = data[outcome].notna()
    held = data.loc[seen, needed]
    found += missing_values(held, [subject, *covariates], table=_TABLE)
    found += duplicated_rows(
        held,
        [subject],
        table=_TABLE,
        what="a second outcome of one subject",
        remedy="Choose one visit (visit= and at=), or take a model of repeated measures (mmrm)",
    )
    refuse(found, source=_SOURCE)
    if held.empty:
        raise UsageError(f"Nobody has an outcome: {outcome} is empty in every row")
    held = held.reset_index(drop=True)
    return SubjectRows(
        table=held,
        outcome=held[outcome].to_numpy(dtype=float),
        outcome_name=outcome,
        empty=int((~seen).sum()),
    )

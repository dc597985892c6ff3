"""An outcome of two arms, one row per subject, checked for comparisons of the arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.options import matched, require_choice, require_column_name
from ketastats.errors import Problem, UsageError
from ketastats.results import count
from ketastats.stats.standardised_differences import Moments

Floats = NDArray[np.float64]

_SOURCE = "The table of subjects' outcomes"
_TABLE = "data"

MISSING = ("error", "observed")
"""What a missing outcome means: nothing is settled, or only those seen count."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoGroups:
    """Outcomes of the arm and of the reference; `left_out` subjects had none."""

    outcome: str
    arm: str
    reference: str
    first: Floats
    second: Floats
    left_out: int

    @property
    def n(self) -> int:
        """Subjects of both."""
        return len(self.first) + len(self.second)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        if not self.left_out:
            return ()
        verb = "subject takes" if self.left_out == 1 else "subjects take"
        return (f"{count(self.left_out)} {verb} no part, for having no outcome.",)


def moments(values: Floats) -> Moments:
    """Mean, standard deviation (exactly 0 if all are alike) and size."""
    sd = float(values.std(ddof=1)) if np.ptp(values) > 0 else 0.0
    return Moments(float(values.mean()), sd, len(values))


def second_rows(data: pd.DataFrame, subject: str) -> list[Problem]:
    """Rows of a subject beyond the first, in a table that should have one of each."""
    return duplicated_rows(
        data,
        [subject],
        table=_TABLE,
        what="a second row of one subject",
        remedy="Choose one visit (select_visit): outcomes of one subject are not independent",
    )


def two_groups_of(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    of: str,
    subject: str,
    missing: str,
) -> TwoGroups:
    """Check a table and take the outcomes of two arms from it.

    Raises
    ------
    UsageError, DataError
        If a column or an arm is not there, an outcome is text, or missing and `missing` is "error", a
        subject has two rows, or an arm has fewer than two subjects.
    """
    require_choice("meaning of missing", missing, MISSING)
    for option, name in (("outcome", outcome), ("of", of), ("subject", subject)):
        require_column_name(option, name)
    refuse(missing_columns(data, [subject, of, outcome], table=_TABLE), source=_SOURCE)
    found = not_numbers(data, [outcome], table=_TABLE)
    found += missing_values(data, [subject, of], table=_TABLE)
    if missing == "error":
        found += missing_values(data, [outcome], table=_TABLE)
    found += second_rows(data, subject)
    refuse(found, source=_SOURCE)
    levels = list(data[of].unique())
    chosen, base = matched("arm", arm, levels), matched("arm", reference, levels)
    if chosen == base:
        raise UsageError(f"{arm} cannot be compared with itself")
    parts = [data.loc[data[of] == level, outcome] for level in (chosen, base)]
    first, second = (part.dropna().to_numpy(dtype=float) for part in parts)
    few = [str(name) for name, held in ((arm, first), (reference, second)) if len(held) < 2]
    if few:
        raise UsageError(f"Fewer than two outcomes in {' and '.join(few)}")
    left_out = sum(len(part) for part in parts) - len(first) - len(second)
    return TwoGroups(outcome, str(chosen), str(base), first, second, left_out)

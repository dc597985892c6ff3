"""Problems told by their rows, and by the rows of the file they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.errors import Problem, problem

SOURCE_ROW = "source_row"
"""Column a loader adds: the row of the source file, 1 for the first below the header."""


def flagged(
    bad: pd.Series | NDArray[np.bool_], code: str, table: str, column: str, what: str, remedy: str
) -> list[Problem]:
    """One problem about the rows where `bad` is true; none where it is true nowhere."""
    mask = bad.to_numpy(dtype=bool, na_value=False) if isinstance(bad, pd.Series) else bad
    rows = np.flatnonzero(mask)
    return [problem(code, table, column, rows, what, remedy)] if rows.size else []


def in_source_rows(problems: Sequence[Problem], frame: pd.DataFrame) -> list[Problem]:
    """Translate row numbers of `frame` into those of its source file, if it knows them."""
    if SOURCE_ROW not in frame.columns:
        return list(problems)
    source = frame[SOURCE_ROW].to_numpy()
    return [
        replace(found, rows=tuple(int(source[row - 1]) for row in found.rows)) for found in problems
    ]

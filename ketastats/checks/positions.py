"""Problems told by the rows of the file they came from, however the table was rearranged since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from ketastats.errors import Problem

SOURCE_ROW = "source_row"
"""Column a loader adds: the row of the source file, 1 for the first below the header."""


def in_source_rows(problems: Sequence[Problem], frame: pd.DataFrame) -> list[Problem]:
    """Translate row numbers of `frame` into those of its source file, if it knows them."""
    if SOURCE_ROW not in frame.columns:
        return list(problems)
    source = frame[SOURCE_ROW].to_numpy()
    return [
        replace(found, rows=tuple(int(source[row - 1]) for row in found.rows)) for found in problems
    ]

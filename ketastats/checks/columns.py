"""Whether a table has the columns a step needs, of the kind it needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketastats.checks.positions import flagged
from ketastats.errors import DataError, Problem, UsageError, problem


def column_names(names: str | Sequence[str] | None) -> list[str]:
    """Columns as a list, where one name or none was given too."""
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def missing_columns(frame: pd.DataFrame, names: Sequence[str], *, table: str) -> list[Problem]:
    """One problem that names every absent column; `UsageError` if `frame` is no table."""
    _require_frame(frame, table)
    absent = [name for name in names if name not in frame.columns]
    if not absent:
        return []
    return [
        problem(
            "missing_column",
            table,
            ", ".join(absent),
            [],
            "not in the table",
            f"Add {'it' if len(absent) == 1 else 'them'}, or name the source column in the mapping file",
        )
    ]


def not_numbers(frame: pd.DataFrame, names: Sequence[str], *, table: str) -> list[Problem]:
    """Cells of number columns that hold text, with per-cent signs told apart."""
    found = []
    for name in names:
        if name not in frame.columns:
            continue
        given = frame[name].notna().to_numpy()
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            bad = np.flatnonzero(given)
        else:
            parsed = pd.to_numeric(frame[name], errors="coerce").to_numpy(
                dtype=float, na_value=np.nan
            )
            bad = np.flatnonzero(given & ~np.isfinite(parsed))
        if bad.size == 0:
            continue
        signs = frame[name].iloc[bad].astype("string").str.strip().str.endswith("%")
        if signs.any():
            found.append(
                problem(
                    "percent_sign",
                    table,
                    name,
                    bad[signs.to_numpy()],
                    "holds a per-cent sign",
                    "Write a share as a number from 0 to 1, and scores as plain numbers",
                )
            )
        others = bad[~signs.to_numpy()]
        if others.size and pd.api.types.is_numeric_dtype(frame[name].dtype):
            found.append(
                problem(
                    "infinite",
                    table,
                    name,
                    others,
                    "infinite",
                    "Correct the cells, or leave them empty if nothing was recorded",
                )
            )
        elif others.size:
            found.append(
                problem(
                    "not_a_number",
                    table,
                    name,
                    others,
                    "holds text where a number is needed",
                    "Correct the cells, or leave them empty if nothing was recorded",
                )
            )
    return found


def missing_values(frame: pd.DataFrame, names: Sequence[str], *, table: str) -> list[Problem]:
    """Empty cells of columns that must be complete."""
    found: list[Problem] = []
    for name in names:
        if name not in frame.columns:
            continue
        found += flagged(
            frame[name].isna(),
            "missing_value",
            table,
            name,
            "empty",
            "Fill the cells, or leave the rows out of the file",
        )
    return found


def require_columns(frame: pd.DataFrame, names: Sequence[str], *, table: str) -> None:
    """Raise `DataError` unless every column is there, `UsageError` if `frame` is no table."""
    refuse(missing_columns(frame, names, table=table), source=f"The table of {table}")


def refuse(problems: Sequence[Problem], *, source: str) -> None:
    """Raise `DataError` with all `problems`, if there are any."""
    if problems:
        raise DataError(source, problems)


def _require_frame(given: object, table: str) -> None:
    if isinstance(given, pd.DataFrame):
        return
    advice = ""
    if hasattr(given, "scores") and hasattr(given, "subjects"):  # a cohort, known by its tables
        has_it = table.isidentifier() and hasattr(given, table)
        advice = f": use cohort.{table}" if has_it else ": derive it from cohort.scores"
    raise UsageError(f"{table} must be a pandas DataFrame, not {type(given).__name__}{advice}")

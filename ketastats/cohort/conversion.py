"""Raw tables, as read, to tables of the schema's types; what cannot be converted is a problem."""

from __future__ import annotations

import pandas as pd

from ketastats.checks.columns import missing_columns, missing_values, not_numbers
from ketastats.checks.ranges import outside_limits
from ketastats.cohort.schema import TABLES, number_columns, required_columns
from ketastats.errors import Problem

_MAY_BE_EMPTY = {"aval"}


def _numbers(column: pd.Series) -> pd.Series:
    """Every number; what is none has been reported and is left missing."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.Series(float("nan"), index=column.index)
    return pd.to_numeric(column, errors="coerce").astype("float64")


def convert_table(raw: pd.DataFrame | None, table: str) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the typed table and everything wrong with its columns and cells.

    Text columns become pandas strings, number columns float64; other columns are kept as they come.
    An absent or empty table becomes an empty one with all columns.
    """
    if raw is None or raw.shape[1] == 0:
        raw = pd.DataFrame({column.name: [] for column in TABLES[table]})
    raw = raw.reset_index(drop=True)
    problems = missing_columns(raw, required_columns(table), table=table)
    problems += not_numbers(raw, number_columns(table), table=table)
    typed = raw.copy(deep=False)
    for column in TABLES[table]:
        if column.name not in typed.columns:
            continue
        if column.kind == "number":
            typed[column.name] = _numbers(typed[column.name])
        else:
            typed[column.name] = typed[column.name].astype("string")
    complete = [name for name in required_columns(table) if name not in _MAY_BE_EMPTY]
    problems += missing_values(raw, complete, table=table)
    for column in TABLES[table]:
        if column.kind == "number":
            problems += outside_limits(
                typed, column.name, column.low, column.high, table=table, unit=column.unit
            )
    return typed, problems

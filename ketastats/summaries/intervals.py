"""Distinct event intervals with how often each occurs: all that a time-to-event curve needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError

_OWN = ("left", "right", "n")


def count_intervals(
    table: Any, *, by: str | Sequence[str] = (), status: str | None = None
) -> pd.DataFrame:
    """Count the rows of each distinct interval per group.

    Parameters
    ----------
    table : any frame Narwhals wraps (pandas, DuckDB relation, Spark, Polars)
        Rows with `left` and `right` in hours: an event in (left, right]. Bounds are taken as they
        are; `ketastats.checks.intervals.require_intervals` checks them.
    by : str or sequence of str
        Grouping columns; rows in which one is missing form no group.
    status : str, optional
        A column that tells kinds of event apart, such as ``"status"``.

    Returns
    -------
    DataFrame, one row per group and distinct interval (and status), sorted by them
        The grouping columns, `left`, `right` (float64), the status column if asked for, and `n`
        (int64).

    Raises
    ------
    UsageError
        If a grouping column is one of `left`, `right`, `n` or the status column.
    """
    groups = column_names(by)
    kind = column_names(status)
    taken = sorted(set(groups) & {*_OWN, *kind})
    if taken:
        raise UsageError(f"Cannot group by {', '.join(taken)}: the counts have that column already")
    keys = [*groups, "left", "right", *kind]
    frame = nw.from_native(table).lazy().select(*keys)
    bounds = {name: nw.col(name).cast(nw.Float64) for name in ("left", "right")}
    marked = frame.with_columns(**bounds, n=nw.lit(1))
    if groups:
        marked = marked.filter(*(~nw.col(name).is_null() for name in groups))
    counted = marked.group_by(*keys).agg(nw.col("n").sum()).sort(*keys)
    collected = counted.collect("pyarrow").to_pandas().reset_index(drop=True)
    typed: pd.DataFrame = collected.astype({"left": "float64", "right": "float64", "n": "int64"})
    return typed

"""Counts of a yes/no endpoint: all that a response rate needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

COUNTS = ("n", "n_missing", "successes")


def count_endpoint(table: Any, endpoint: str, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Count rows, missing and met values of a boolean column per group.

    Parameters
    ----------
    table : any frame Narwhals wraps (pandas, DuckDB relation, Spark, Polars), one row per subject
    endpoint : str
        A boolean column; missing values are counted apart.
    by : sequence of str
        Grouping columns; rows in which one is missing form no group.

    Returns
    -------
    DataFrame, one row per group, sorted by `by`
        The grouping columns, then `n` (all rows), `n_missing` and `successes`, as int64.
    """
    frame = nw.from_native(table).lazy()
    met = nw.col(endpoint)
    marked = frame.with_columns(
        n=nw.lit(1),
        n_missing=met.is_null().cast(nw.Int64),
        successes=nw.when(~met.is_null() & (met == nw.lit(True))).then(1).otherwise(0),
    )
    tallies = [nw.col(name).sum() for name in COUNTS]
    if by:
        named = marked.filter(*(~nw.col(name).is_null() for name in by))
        counted = named.group_by(*by).agg(*tallies).sort(*by)
    else:
        counted = marked.select(*tallies)
    # A sum over no rows is missing on some engines and zero on others.
    collected = counted.collect("pyarrow").to_pandas().fillna(dict.fromkeys(COUNTS, 0))
    typed: pd.DataFrame = collected.astype(dict.fromkeys(COUNTS, "int64"))
    return typed

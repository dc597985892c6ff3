"""The baseline score: the last one at or before the first dose."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from ketastats.checks.columns import refuse, require_columns
from ketastats.errors import problem


def derive_baseline(scores: pd.DataFrame) -> pd.DataFrame:
    """Add each subject's baseline on each instrument.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        Needs `usubjid`, `paramcd`, `afrlt` (hours since the first dose) and `aval`. In a crossover,
        each `aperiod` has a baseline of its own. Not modified.

    Returns
    -------
    DataFrame
        `scores` in the same order, plus `base` (points; the last score at or before time 0 that is
        not missing, missing if there is none) and `ablfl` (True on the row that is the baseline).
    """
    require_columns(scores, ["usubjid", "paramcd", "afrlt", "aval"], table="scores")
    keys = [
        key
        for key in ("usubjid", "paramcd", "aperiod")
        if key in scores.columns and not (key == "aperiod" and scores[key].isna().all())
    ]
    table = nw.from_native(scores.drop(columns=["base", "ablfl"], errors="ignore"), eager_only=True)
    before = table.filter((nw.col("afrlt") <= 0) & ~nw.col("aval").is_null())
    latest = before.group_by(keys).agg(nw.col("afrlt").max().alias("_at"))
    found = before.join(latest, on=keys, how="inner").filter(nw.col("afrlt") == nw.col("_at"))
    twice = found.group_by(keys).agg(nw.len().alias("_n")).filter(nw.col("_n") > 1)
    if len(twice):
        refuse(
            [
                problem(
                    "duplicate",
                    "scores",
                    "afrlt",
                    [],
                    f"{len(twice)} subjects have two scores at their baseline time",
                    "Keep one of them",
                )
            ],
            source="The table of scores",
        )
    base = found.select(*keys, "_at", nw.col("aval").alias("base")).unique(subset=keys, keep="any")
    joined = table.join(base, on=keys, how="left").with_columns(
        ((nw.col("afrlt") == nw.col("_at")) & ~nw.col("aval").is_null()).alias("ablfl")
    )
    result: pd.DataFrame = joined.drop("_at").to_native()
    result.index = scores.index
    result.attrs = dict(scores.attrs)
    return result

"""Counts of relief by dose number: all that a dose-number curve needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.positions import flagged
from ketastats.endpoints.dose_course import STOPPED
from ketastats.errors import Problem, problem

DOSE_KEYS = ("dose_left", "dose_right", "n_doses", "stopped")


def count_dose_intervals(table: Any, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Count subjects per group, interval of dose numbers, doses received and reason for stopping.

    Parameters
    ----------
    table : any frame Narwhals wraps (pandas, DuckDB relation, Spark, Polars), one row per subject
        `dose_left`, `dose_right`, `n_doses`, `stopped` as made by `derive_relief_by_dose`.
    by : sequence of str
        Grouping columns; rows in which one is missing form no group.

    Returns
    -------
    DataFrame, one row per distinct combination, sorted
        `by`, `dose_left`, `dose_right` (float64, infinite where relief was not seen), `n_doses`
        (int64), `stopped` (text, empty where relief was seen) and `n` (subjects, int64).
    """
    frame = nw.from_native(table).lazy()
    keys = [*by, *DOSE_KEYS]
    named = frame.filter(*(~nw.col(name).is_null() for name in by)) if by else frame
    reason = nw.col("stopped").cast(nw.String).fill_null("")
    marked = named.with_columns(
        nw.col("dose_left").cast(nw.Float64),
        nw.col("dose_right").cast(nw.Float64),
        # A reason is kept only where relief was not seen, so that equal rows are counted together.
        stopped=nw.when(nw.col("dose_right") == float("inf")).then(reason).otherwise(nw.lit("")),
        n=nw.lit(1),
    )
    counted = marked.group_by(*keys).agg(nw.col("n").sum()).sort(*keys)
    collected: pd.DataFrame = counted.collect("pyarrow").to_pandas()
    return collected.astype({"n_doses": "int64", "n": "int64", "stopped": "string"})


def dose_table_problems(table: pd.DataFrame) -> list[Problem]:
    """Everything wrong with a table of relief by dose: columns, bounds, reasons, repeated subjects."""
    names = ["dose_left", "dose_right", "n_doses", "stopped"]
    found = missing_columns(table, ["usubjid", *names], table="relief by dose")
    if found:
        return found
    where = "relief by dose"
    left, right, n_doses = (
        pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        for name in names[:3]
    )
    seen = np.isfinite(right)
    whole = np.isfinite(left) & (left == np.round(left)) & (left >= 0)
    whole &= (right == np.inf) | (seen & (right == np.round(right)))
    found += flagged(
        ~whole | (left >= right),
        "dose_interval",
        where,
        "dose_left and dose_right",
        "not two dose numbers with 0 <= dose_left < dose_right",
        "Derive the table with derive_relief_by_dose; dose_right is inf where relief was not seen",
    )
    with np.errstate(invalid="ignore"):
        fewer = (n_doses >= 1) & (n_doses >= np.where(seen, right, left))
    found += flagged(
        whole & ~fewer,
        "dose_count",
        where,
        "n_doses",
        "fewer doses than the interval reaches to, or none",
        "Give the number of doses that the subject received",
    )
    odd = ~seen & ~table["stopped"].isin(STOPPED).to_numpy(dtype=bool)
    found += flagged(
        odd,
        "unknown_code",
        where,
        "stopped",
        f"not one of {', '.join(STOPPED)} where relief was not seen",
        "Say why dosing stopped, or write other",
    )
    found += missing_values(table, ["usubjid"], table=where)
    return found + duplicated_rows(
        table,
        ["usubjid"],
        table=where,
        what="a second row of one subject",
        remedy="Keep one row per subject",
    )


class PersonDoses(NamedTuple):
    """Trials of the discrete hazard, and the doses and people they are made of.

    `rows` has one row per person and dose with the person's columns and `dose`; `trial` says which
    trial each row belongs to, `event` and `weight` belong to trials. A trial is one dose, or those
    from the last known not-met period to the one in which relief was seen.
    """

    rows: pd.DataFrame
    trial: NDArray[np.int64]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]


def person_doses(people: pd.DataFrame) -> PersonDoses:
    """Lay out each person's doses up to relief, or up to the last one known to be without it.

    Parameters
    ----------
    people : DataFrame, one row per distinct person
        `dose_left`, `dose_right`, `n` (multiplicity) and covariates. Nobody without a known period.
    """
    left, right = people["dose_left"].to_numpy(), people["dose_right"].to_numpy()
    last = np.where(np.isfinite(right), right, left).astype(np.int64)
    who = np.repeat(np.arange(len(people)), last)
    dose = np.arange(who.size) - np.repeat(np.cumsum(last) - last, last) + 1
    begins = dose <= left[who] + 1
    rows = people.iloc[who].reset_index(drop=True).assign(dose=dose.astype(float))
    event = (dose > left[who])[begins]
    return PersonDoses(rows, np.cumsum(begins) - 1, event, people["n"].to_numpy(float)[who][begins])


def nobody_at_risk(where: str) -> Problem:
    """Say that nobody tells anything of relief by dose."""
    return problem(
        "nobody_at_risk",
        "relief by dose",
        "dose_left and dose_right",
        [],
        f"nobody in {where} was assessed after a dose",
        "Check the doses, the window and the groups",
    )


def rows_that_inform(counts: pd.DataFrame) -> pd.Series:
    """Rows that say anything: known without relief after a dose, or seen with it."""
    known: pd.Series = (counts["dose_left"] > 0) | np.isfinite(counts["dose_right"])
    return known

"""Who is counted when an endpoint is missing: the denominators of a rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketastats.checks.columns import missing_columns, refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.errors import UsageError, problem, unknown_name
from ketastats.summaries.counts import count_endpoint

MISSING = {
    "error": "a missing endpoint is an error",
    "non_response": "everybody counts, a missing endpoint as not met",
    "observed": "only those with the endpoint at this visit count",
    "completers": "only those who completed the study and have the endpoint count",
}
"""What a missing endpoint can mean, in words for a report."""


def count_by_denominator(
    table: pd.DataFrame, endpoint: str, *, missing: str, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count met endpoints and the people who belong in the denominator.

    Parameters
    ----------
    table : DataFrame, one row per subject
        A yes/no column `endpoint` (boolean, or 0 and 1); `eosstt` for ``missing="completers"``.
    endpoint : str
    missing : str
        A key of `MISSING`.
    by : sequence of str
        Grouping columns.

    Returns
    -------
    DataFrame, one row per group
        `by`, then `successes` and `n`, and `n_missing`, how many of `n` (or, where they are left
        out, beside `n`) had no value.

    Raises
    ------
    UsageError
        If `missing` is not a known word, or "completers" is asked for without a completion status.
    DataError
        If a column is absent, the endpoint is not yes/no, a value is missing under "error", or
        nobody is left.
    """
    if missing not in MISSING:
        raise unknown_name("meaning of missing", missing, MISSING)
    refuse(
        missing_columns(table, [endpoint, *by], table="subjects"), source="The table of subjects"
    )
    _one_row_per_subject(table)
    counted = table.assign(**{endpoint: yes_no(table, endpoint)})
    if missing == "completers":
        if "eosstt" not in table.columns:
            raise UsageError(
                'missing="completers" needs the column eosstt (COMPLETED or DISCONTINUED)'
            )
        counted = counted[(counted["eosstt"] == "COMPLETED").fillna(False)]
    if missing == "error":
        empty = np.flatnonzero(counted[endpoint].isna().to_numpy())
        if empty.size:
            refuse(
                [
                    problem(
                        "missing_value",
                        "subjects",
                        endpoint,
                        empty,
                        "missing",
                        'Say what missing means: missing="non_response", "observed" or "completers"',
                    )
                ],
                source="The table of subjects",
            )
    counts = count_endpoint(counted, endpoint, by=by)
    if missing in ("observed", "completers"):
        counts = counts.assign(n=counts["n"] - counts["n_missing"])
    counts = counts[counts["n"] > 0].reset_index(drop=True)
    if counts.empty:
        refuse(
            [
                problem(
                    "empty",
                    "subjects",
                    endpoint,
                    [],
                    "nobody is left to count",
                    "Check the visit, the arms and what missing means",
                )
            ],
            source="The table of subjects",
        )
    return counts[[*by, "successes", "n", "n_missing"]]


def _one_row_per_subject(table: pd.DataFrame) -> None:
    if "usubjid" not in table.columns:
        return
    refuse(
        duplicated_rows(
            table,
            ["usubjid"],
            table="subjects",
            what="a second row of one subject",
            remedy="A rate counts subjects: choose one visit with select_visit first",
        ),
        source="The table of subjects",
    )


def rules_behind(table: pd.DataFrame, endpoint: str) -> str:
    """The rule ids that made an endpoint column, from its `<endpoint>_rule` column; empty if unknown."""
    name = f"{endpoint}_rule"
    if name not in table.columns:
        return ""
    return " and ".join(sorted(table[name].dropna().unique()))


def yes_no(table: pd.DataFrame, endpoint: str) -> pd.Series:
    """The endpoint as a nullable boolean; anything but yes, no and missing is refused."""
    column = table[endpoint]
    if pd.api.types.is_bool_dtype(column):
        return column.astype("boolean")
    numbers = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero((column.notna() & ~numbers.isin([0, 1])).to_numpy())
    if bad.size:
        refuse(
            [
                problem(
                    "not_yes_no",
                    "subjects",
                    endpoint,
                    bad,
                    "not a yes/no value (true, false, 0 or 1)",
                    "Derive the endpoint with a derive_ function; a rate is computed from it, not given",
                )
            ],
            source="The table of subjects",
        )
    return numbers.astype("boolean")

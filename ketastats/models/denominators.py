"""Who is counted when an endpoint is missing: the denominators of a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

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

_Counts = TypeVar("_Counts", int, pd.Series)


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
        counted = counted[_completed(counted)]
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
    counts = counts.assign(n=_people(counts["n"], counts["n_missing"], missing))
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


def count_every_denominator(table: pd.DataFrame, endpoints: Sequence[str]) -> pd.DataFrame:
    """Count several endpoints of the same people under every meaning of missing at once.

    Parameters
    ----------
    table : DataFrame, one row per subject
        Nullable boolean columns `endpoints`; completers are counted if there is `eosstt`.
    endpoints : sequence of str

    Returns
    -------
    DataFrame, one row per endpoint and meaning
        `endpoint` and `missing`, then `successes`, `n` and `n_missing` as `count_by_denominator`
        gives them. A meaning under which nobody has a known value has no row.
    """
    known = table[endpoints].notna().to_numpy()
    met = table[endpoints].fillna(False).to_numpy(dtype=bool)
    everybody = np.ones(len(table), dtype=bool)
    groups = {"non_response": everybody, "observed": everybody}
    if "eosstt" in table.columns:
        groups["completers"] = _completed(table).to_numpy(dtype=bool)
    rows = []
    for at, endpoint in enumerate(endpoints):
        for missing, group in groups.items():
            n, n_seen = int(group.sum()), int(known[group, at].sum())
            people = _people(n, n - n_seen, missing)
            if n_seen:
                rows.append((endpoint, missing, int(met[group, at].sum()), people, n - n_seen))
    return pd.DataFrame(rows, columns=["endpoint", "missing", "successes", "n", "n_missing"])


def _completed(table: pd.DataFrame) -> pd.Series:
    return (table["eosstt"] == "COMPLETED").fillna(False)


def _people(n: _Counts, n_missing: _Counts, missing: str) -> _Counts:
    """How many belong in the denominator, of `n` who were counted and `n_missing` not known."""
    return n - n_missing if missing in ("observed", "completers") else n


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

"""Series of doses and the single doses between them."""

from __future__ import annotations

import pandas as pd

from ketastats.checks.columns import require_columns

SERIES_GAP = 168.0
"""Hours: doses at most a week apart belong to one series."""


def first_series(doses: pd.DataFrame, *, gap: float = SERIES_GAP) -> pd.DataFrame:
    """The first series of each subject.

    Parameters
    ----------
    doses : DataFrame, one row per administration
        Needs `usubjid` and `afrlt` (hours). Not modified.
    gap : float, default 168
        Most hours between two doses of one series.

    Returns
    -------
    DataFrame, one row per subject
        `usubjid`, `start`, `end` (hours of the first and last dose) and `n_doses`.
    """
    return _series(doses, gap).query("number == 0").drop(columns="number").reset_index(drop=True)


def second_series(doses: pd.DataFrame, *, gap: float = SERIES_GAP) -> pd.DataFrame:
    """The next series of two or more doses after the first, of those subjects who had one.

    A dose on its own, further than `gap` from the doses around it, is a maintenance dose and no
    series. Parameters and columns as for `first_series`.
    """
    later = _series(doses, gap).query("number > 0 and n_doses > 1").sort_values("number")
    return later.drop_duplicates("usubjid").drop(columns="number").reset_index(drop=True)


def _series(doses: pd.DataFrame, gap: float) -> pd.DataFrame:
    require_columns(doses, ["usubjid", "afrlt"], table="doses")
    ordered = doses[["usubjid", "afrlt"]].sort_values(["usubjid", "afrlt"], ignore_index=True)
    apart = ordered.groupby("usubjid")["afrlt"].diff() > gap
    ordered["number"] = apart.groupby(ordered["usubjid"]).cumsum()
    found = ordered.groupby(["usubjid", "number"], as_index=False)["afrlt"].agg(
        start="min", end="max", n_doses="size"
    )
    return pd.DataFrame(found)

"""Assessments to visits, and one row per subject at a visit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketastats.checks.columns import not_numbers, refuse, require_columns
from ketastats.errors import DataError, UsageError, problem, unknown_name

WINDOW_RULE = (
    "an assessment belongs to the visit whose window [from, to) holds it; of several, the one "
    "nearest to the target counts, the earlier on a tie"
)
"""The rule by which assessments are given to visits, in words for a report."""


def derive_visits(scores: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Give each assessment to a visit, by the visit windows.

    Parameters
    ----------
    scores : DataFrame
        Needs `usubjid`, `paramcd` and `afrlt` (hours). Not modified.
    windows : DataFrame, one row per visit
        `avisit`, `avisitn`, `target`, `from`, `to` in hours; a window is [from, to).

    Returns
    -------
    DataFrame
        `scores` in the same order with `avisit` and `avisitn` (missing outside every window) and
        `anl01fl`, True on the one assessment per subject, instrument and visit that counts
        (`WINDOW_RULE`).
    """
    require_columns(scores, ["usubjid", "paramcd", "afrlt", "aval"], table="scores")
    require_columns(windows, ["avisit", "avisitn", "target", "from", "to"], table="windows")
    ordered = windows.sort_values("from", kind="stable").reset_index(drop=True)
    time = scores["afrlt"].to_numpy(dtype=float)
    at = np.searchsorted(ordered["from"].to_numpy(dtype=float), time, side="right") - 1
    ends = np.append(ordered["to"].to_numpy(dtype=float), -np.inf)  # at is -1 before all windows
    inside = time < ends[at]
    row = pd.Series(np.where(inside, at, -1), index=scores.index)
    visit = row.map(ordered["avisit"]).astype("string")
    number = row.map(ordered["avisitn"]).astype("float64")
    distance = (scores["afrlt"] - row.map(ordered["target"]).astype("float64")).abs()

    keys = [key for key in ("usubjid", "paramcd", "aperiod") if key in scores.columns]
    ranked = (
        scores[[*keys, "afrlt"]]
        .assign(avisitn=number, _distance=distance, _row=np.arange(len(scores)))
        .loc[inside & scores["aval"].notna().to_numpy()]
        .sort_values(["_distance", "afrlt"], kind="stable")
    )
    chosen = ranked.drop_duplicates([*keys, "avisitn"])["_row"]
    flag = np.zeros(len(scores), dtype=bool)
    flag[chosen] = True
    return scores.assign(avisit=visit, avisitn=number, anl01fl=flag)


def select_visits(
    scores: pd.DataFrame,
    *,
    subjects: pd.DataFrame,
    instrument: str | None = None,
    visits: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one row per subject and visit after baseline, missing where a subject was not seen.

    Parameters
    ----------
    scores, subjects, instrument
        As for `select_visit`; `scores` also needs `afrlt` (hours).
    visits : sequence of str, optional
        The visits in order; by default all of the instrument whose assessments are mostly after time 0,
        by their median time.

    Returns
    -------
    DataFrame
        Subjects in the order of `subjects`, each with all visits; `avisit` is an ordered category.

    Raises
    ------
    UsageError, DataError
        As `select_visit`, and if no visit is after baseline.
    """
    require_columns(scores, ["usubjid", "paramcd", "avisit", "afrlt"], table="scores")
    refuse(not_numbers(scores, ["afrlt"], table="scores"), source="The table of scores")
    held = sorted(scores["paramcd"].dropna().unique())
    if instrument is not None and instrument not in held:
        raise unknown_name("instrument in this table", str(instrument), held)
    chosen = scores if instrument is None else scores[scores["paramcd"].eq(instrument)]
    times = chosen.groupby("avisit", observed=True)["afrlt"].median().sort_values(kind="stable")
    names = list(times.index[times > 0]) if visits is None else list(dict.fromkeys(visits))
    if not names:
        raise UsageError("No visit is after baseline, at which afrlt is 0")
    parts = [select_visit(scores, name, subjects=subjects, instrument=instrument) for name in names]
    whole = pd.concat(parts, ignore_index=True)
    place = np.arange(len(whole)).reshape(len(names), len(subjects)).T.ravel()
    whole = whole.iloc[place].reset_index(drop=True)
    whole["avisit"] = pd.Categorical(whole["avisit"], categories=names, ordered=True)
    whole.attrs = dict(scores.attrs)
    return whole


def leaving_events(
    visits: pd.DataFrame, *, outcome: str = "chg", event: str = "left"
) -> pd.DataFrame:
    """Say from which visit on each subject who left was not seen any more.

    Parameters
    ----------
    visits : DataFrame, one row per subject and visit
        As `select_visits` gives it: every subject with all visits, `avisit` an ordered category.
    outcome : str
        Column that is missing where a subject was not seen.
    event : str
        What to call leaving.

    Returns
    -------
    DataFrame
        `usubjid`, `avisit` (the first visit missed for good) and `event`, one row per subject who was not
        seen at the last visit. A gap after which a subject was seen again is no leaving.

    Raises
    ------
    UsageError, DataError
        If a column is missing or `avisit` is no ordered category.
    """
    require_columns(visits, ["usubjid", "avisit", outcome], table="visits")
    if (
        not isinstance(visits["avisit"].dtype, pd.CategoricalDtype)
        or not visits["avisit"].cat.ordered
    ):
        raise UsageError("avisit must be an ordered category, as select_visits gives it")
    order = list(visits["avisit"].cat.categories)
    place = visits["avisit"].cat.codes.where(visits[outcome].notna(), -1)
    last = place.groupby(visits["usubjid"], sort=False).max()
    gone = last[last < len(order) - 1]
    return pd.DataFrame(
        {
            "usubjid": gone.index,
            "avisit": [order[at + 1] for at in gone],
            "event": event,
        }
    )


def select_visit(
    scores: pd.DataFrame,
    visit: str,
    *,
    subjects: pd.DataFrame,
    instrument: str | None = None,
) -> pd.DataFrame:
    """Return one row per subject at one visit, missing where a subject was not seen.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        Needs `usubjid`, `paramcd` and `avisit`; where `anl01fl` is present only its True rows are
        used.
    visit : str
        A value of `avisit`.
    subjects : DataFrame, one row per subject
        Everybody who belongs in the denominator: all randomised, or all enrolled.
    instrument : str, optional
        Needed if `scores` holds more than one.

    Returns
    -------
    DataFrame
        In the order of `subjects`: their columns, then those of `scores`, missing where a subject
        was not seen. Of columns in both, those of `subjects` are kept, but for derived endpoints.

    Raises
    ------
    UsageError
        If there is no such visit, or several instruments and none named.
    DataError
        If a subject has two records at the visit.
    """
    require_columns(scores, ["usubjid", "paramcd", "avisit"], table="scores")
    require_columns(subjects, ["usubjid"], table="subjects")
    held = sorted(scores["paramcd"].dropna().unique())
    if instrument is None:
        if len(held) != 1:
            raise UsageError(f"The table holds {', '.join(held)}: name one with instrument=")
        instrument = held[0]
    elif instrument not in held:
        raise unknown_name("instrument in this table", instrument, held)
    numbered = scores.assign(_row=np.arange(len(scores)))
    of_instrument = numbered[scores["paramcd"].eq(instrument).to_numpy(bool, na_value=False)]
    visits = of_instrument["avisit"].dropna().unique()
    if visit not in visits:
        raise unknown_name("visit", visit, visits)
    at_visit = of_instrument[of_instrument["avisit"] == visit]
    if "anl01fl" in at_visit.columns:
        at_visit = at_visit[at_visit["anl01fl"]]
    twice = at_visit.loc[at_visit.duplicated("usubjid"), "_row"].to_numpy()
    at_visit = at_visit.drop(columns="_row")
    if twice.size:
        raise DataError(
            f"Visit {visit!r}",
            [
                problem(
                    "duplicate",
                    "scores",
                    "usubjid and avisit",
                    twice,
                    "a second record of one subject at this visit",
                    "Give the visits by windows (derive_visits), which says which record counts",
                )
            ],
        )
    repeated = [name for name in at_visit.columns if name in subjects.columns and name != "usubjid"]
    # an endpoint that was derived, with its rule, is not one the table of subjects happens to hold
    derived = [n for n in repeated if f"{n}_rule" in at_visit.columns or n.endswith("_rule")]
    repeated = [name for name in repeated if name not in derived]
    merged = subjects.drop(columns=derived).merge(
        at_visit.drop(columns=repeated), on="usubjid", how="left"
    )
    merged = merged.assign(paramcd=instrument, avisit=visit)
    if "base" in of_instrument.columns:
        # A baseline belongs to the subject, seen at this visit or not.
        known = of_instrument[of_instrument["base"].notna()].drop_duplicates("usubjid")
        merged["base"] = merged["usubjid"].map(known.set_index("usubjid")["base"])
    merged.attrs = dict(scores.attrs)
    return merged

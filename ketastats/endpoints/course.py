"""The course of each subject: whether the endpoint was met, from assessment to assessment.

Status is known at assessments only. At the first dose (time 0) nobody has met an endpoint that
compares with a baseline; where the rule looks at the score alone, status at time 0 is that of the
last known score at or before it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.endpoints.assessments import (
    chosen_rule,
    followed_subjects,
    judge_assessments,
    require_scores,
)
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.criteria import POINT_ENDPOINTS
from ketastats.errors import UsageError
from ketastats.instruments.rules import Rule

MET, NOT_MET, UNKNOWN = "met", "not_met", "unknown"
"""What a span of time can be."""


def derive_status(
    scores: pd.DataFrame,
    *,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """List when each subject's status was known, and what it was.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        Needs `usubjid`, `paramcd`, `afrlt` (hours since the first dose) and `aval`; `base` is
        derived if it is absent. Not modified.
    endpoint : str, default "response"
        One of `ketastats.endpoints.criteria.POINT_ENDPOINTS`. Partial response is at least its lower
        bound, response included: who gets better still has not lost it.
    rule : str, optional
        A rule id such as ``"madrs:response_50"``; by default the instrument's default rule.
    instrument : str, optional
        Needed if `scores` holds more than one instrument and no rule is named.
    subjects : DataFrame, optional
        Only these subjects, in this order; by default all of `scores`, in their order.

    Returns
    -------
    DataFrame, one row per subject and known status
        `usubjid`, `afrlt` (hours, 0 or later, ascending within a subject), `met` (bool) and `rule`.
        Assessments whose status is missing (no score, no usable baseline) have no row. A subject
        with a baseline has a row at time 0 (see the module).

    Raises
    ------
    UsageError
        If the rule or instrument does not fit, or `scores` holds more than one period.
    DataError
        If a column or the time of a score is absent, a subject has two scores at one time, or nobody
        in `scores` is among `subjects`.
    """
    one = status_rule(scores, endpoint, rule=rule, instrument=instrument)
    require_scores(scores, one.instrument)
    people = followed_subjects(scores, subjects)["usubjid"]
    known = _known_status(scores, one, people).assign(rule=one.label)
    known.attrs = dict(scores.attrs)
    return known


def status_rule(
    scores: pd.DataFrame, endpoint: str, *, rule: str | None, instrument: str | None
) -> Rule:
    """Return the one rule that decides status, for the one instrument it is decided on."""
    if endpoint not in POINT_ENDPOINTS:
        raise UsageError(
            f"{endpoint!r} is not decided by one score; choose from {', '.join(POINT_ENDPOINTS)}"
        )
    return chosen_rule(scores, endpoint, rule, instrument)


def derive_spans(status: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """Cut each subject's time from the first dose into spans of one status.

    Between two neighbouring assessments of the same status that status is taken to hold (at most
    one change of status between two assessments); between two of different status, after the last
    and before the first the status is unknown.

    Parameters
    ----------
    status : DataFrame
        From `derive_status`.
    ends : Series, hours by usubjid
        Where each subject's record ends. Spans stop there; a status known later is left out.

    Returns
    -------
    DataFrame
        `usubjid`, `start`, `end` (hours), `status` (`MET`, `NOT_MET` or `UNKNOWN`); neighbouring
        spans of one status are one. Spans of no length are left out.
    """
    table = status[["usubjid", "afrlt", "met"]].assign(
        end=status["usubjid"].map(ends).astype(float)
    )
    table = table[table["afrlt"] <= table["end"]]
    code = np.where(table["met"].to_numpy(dtype=bool), MET, NOT_MET).astype(object)
    after = table.groupby("usubjid", sort=False)["afrlt"].shift(-1).to_numpy(dtype=float)
    last = np.isnan(after)
    following = np.append(code[1:], UNKNOWN) if len(code) else code
    pieces = pd.DataFrame(
        {
            "usubjid": table["usubjid"].to_numpy(),
            "start": table["afrlt"].to_numpy(dtype=float),
            "end": np.where(last, table["end"].to_numpy(dtype=float), after),
            "status": np.where(~last & (code == following), code, UNKNOWN),
        }
    )
    first = table.groupby("usubjid", sort=False)["afrlt"].min()
    until = first.reindex(ends.index).fillna(ends)
    heads = pd.DataFrame(
        {"usubjid": ends.index, "start": 0.0, "end": until.to_numpy(float), "status": UNKNOWN}
    )
    return _joined(pd.concat([heads, pieces], ignore_index=True), ends)


def derive_milestones(status: pd.DataFrame) -> pd.DataFrame:
    """When the endpoint was first seen met, and first seen lost after that.

    Returns
    -------
    DataFrame, one row per subject and milestone
        `usubjid`, `kind` ("reached" or "lost") and `afrlt` (hours): the assessment at which it was
        seen, not the time at which it came about. An endpoint met at time 0 is "reached" there.
    """
    met = status["met"].to_numpy(dtype=bool)
    reached = status[met].groupby("usubjid", sort=False)["afrlt"].min()
    since = status["usubjid"].map(reached).to_numpy(dtype=float)
    later = status[~met & (status["afrlt"].to_numpy(dtype=float) > since)]
    lost = later.groupby("usubjid", sort=False)["afrlt"].min()
    parts = [
        times.rename("afrlt").reset_index().assign(kind=kind)
        for kind, times in (("reached", reached), ("lost", lost))
    ]
    return pd.concat(parts, ignore_index=True)[["usubjid", "kind", "afrlt"]]


def _known_status(scores: pd.DataFrame, one: Rule, people: pd.Series) -> pd.DataFrame:
    """Known status after time 0, and one at time 0, in the order of people and time."""
    rows = scores[scores["paramcd"].eq(one.instrument).to_numpy(dtype=bool, na_value=False)]
    if one.needs_baseline and "base" not in rows.columns:
        rows = derive_baseline(rows)
    seen = judge_assessments(rows, one, people)
    later = seen.time > 0
    if one.needs_baseline:
        based = rows.loc[rows["base"].notna(), "usubjid"]
        begun = np.flatnonzero(people.isin(based).to_numpy())
        met = np.zeros(len(begun), dtype=bool)
    else:
        begun, reverse = np.unique(seen.subject[~later][::-1], return_index=True)
        met = seen.met[~later][::-1][reverse]  # the last one at or before time 0
    subject = np.append(begun, seen.subject[later])
    time = np.append(np.zeros(len(begun)), seen.time[later])
    order = np.lexsort((time, subject))
    return pd.DataFrame(
        {
            "usubjid": people.iloc[subject[order]].array,
            "afrlt": time[order],
            "met": np.append(met, seen.met[later])[order],
        }
    )


def _joined(pieces: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """Spans in order, neighbours of one status made one."""
    order = pd.Series(np.arange(len(ends)), index=ends.index)
    pieces = pieces[pieces["end"] > pieces["start"]]
    pieces = pieces.assign(_order=pieces["usubjid"].map(order))
    pieces = pieces.sort_values(["_order", "start"], kind="stable", ignore_index=True)
    changed = _changes(pieces["_order"].to_numpy()) | _changes(pieces["status"].to_numpy())
    grouped = pieces.groupby(np.cumsum(changed), sort=True)
    spans = grouped.agg(
        usubjid=("usubjid", "first"),
        start=("start", "min"),
        end=("end", "max"),
        status=("status", "first"),
    )
    return spans.reset_index(drop=True)


def _changes(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """True at the first value and wherever a value differs from the one before."""
    if len(values) == 0:
        return np.zeros(0, dtype=bool)
    return np.append(True, values[1:] != values[:-1])

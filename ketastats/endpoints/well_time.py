"""How long each subject was well up to a horizon, known only up to bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.positions import flagged
from ketastats.endpoints.assessments import followed_subjects
from ketastats.endpoints.course import derive_status, status_rule
from ketastats.errors import UsageError, problem, unknown_name

Floats = NDArray[np.float64]

CHANGES = {
    "one": "at most one change of status between two neighbouring assessments",
    "any": "that a relapse may hide even between two assessments of being well",
}
"""What may happen unseen between two assessments, in words for a report."""

DEATH = {
    "not_well": "time after a death is time not well",
    "unknown": "time after a death is unknown, as after a drop-out",
}
"""What the time after a death counts as, in words for a report."""


def derive_well_time(
    scores: pd.DataFrame,
    *,
    horizon: float,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    start: float = 0.0,
    after: str | None = None,
    changes: str = "one",
    death: str | None = None,
) -> pd.DataFrame:
    """Bound the hours each subject met the endpoint between `start` and `horizon`.

    Status is known at assessments only (`ketastats.endpoints.course`). Of the time between two
    neighbouring assessments

    - met, then met again: all of it was well (under ``changes="one"``);
    - not met, then not met again: none of it;
    - one met, the other not: any part of it, from none to all.

    Of the time after the last known assessment, and of that before the first where status at time
    0 is unknown, any part may have been well. An assessment before `start` or after `horizon` still
    says what lies between it and its neighbour. Medicines taken meanwhile change nothing (treatment
    policy).

    Parameters
    ----------
    scores, endpoint, rule, instrument
        As for `ketastats.endpoints.course.derive_status`. Not modified.
    subjects : DataFrame, one row per subject, optional
        Everybody who counts, in this order; their columns are kept. By default all of `scores`.
    start, horizon : float
        Hours since the first dose, or since `after`; ``0 <= start < horizon``.
    after : str, optional
        A column of `subjects` with the hour from which the subject's time is counted, such as the
        end of treatment.
    changes : "one" or "any"
        What may have happened unseen. "any" is conservative: a relapse may hide even between two
        assessments at which the endpoint was met, so that the least time well is none; well time
        between two assessments at which it was not met is still not assumed.
    death : "not_well" or "unknown", optional
        What the time after a death counts as. Must be said if `subjects` holds a death (`dcsreas` is
        DEATH) before the horizon. "not_well" needs its time, `eosafrlt`.

    Returns
    -------
    DataFrame, one row per subject
        `usubjid`; `well_low` and `well_high`, the least and the most hours well; `well_visit`, hours
        well if a status holds until the next assessment and nobody is well after the last one;
        `seen_until`, the hour of the last known status within [start, horizon] (`start` if there is
        none later); `start`, `horizon`, `endpoint`, `rule`, `changes`; the columns of `subjects`.

    Raises
    ------
    UsageError
        If an option does not fit, or a death needs a meaning.
    DataError
        If a table cannot be used.
    """
    _check_options(start, horizon, changes, death, after, subjects)
    one = status_rule(scores, endpoint, rule=rule, instrument=instrument)
    people = followed_subjects(scores, subjects)
    origin = _origin(subjects, after, len(people))
    known = derive_status(
        scores, endpoint=endpoint, rule=rule, instrument=instrument, subjects=subjects
    )
    known = _with_deaths(known, subjects, origin + horizon, death)
    at = pd.Index(people["usubjid"]).get_indexer(pd.Index(known["usubjid"]))
    bounds = _bounds(
        at,
        known["afrlt"].to_numpy(dtype=float),
        known["met"].to_numpy(dtype=bool),
        origin + start,
        origin + horizon,
        unbroken=changes == "one",
    )
    made = pd.DataFrame({"usubjid": people["usubjid"].array, **bounds}).assign(
        seen_until=bounds["seen_until"] - origin,
        start=float(start),
        horizon=float(horizon),
        endpoint=endpoint,
        rule=one.label,
        changes=changes,
    )
    made = made.join(people.drop(columns=made.columns, errors="ignore"))
    made.attrs = dict(scores.attrs)
    return made


def _bounds(
    subject: NDArray[np.intp],
    time: Floats,
    met: NDArray[np.bool_],
    start: Floats,
    end: Floats,
    *,
    unbroken: bool,
) -> dict[str, Floats]:
    """Least, most and conventional time well in [start, end], summed over assessments.

    `subject` is the position in `start` and `end` of each known status, ascending with `time`.
    """
    n = len(start)
    same = subject[1:] == subject[:-1]
    begin, stop = np.flatnonzero(same), np.flatnonzero(same) + 1
    who = subject[begin]
    gap = _inside(time[begin], time[stop], start[who], end[who])
    was, stays = met[begin], met[stop]
    low = _total(who, gap * (was & stays & unbroken), n)
    high = _total(who, gap * (was | stays), n)
    visit = _total(who, gap * was, n)

    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, subject, time)
    np.maximum.at(last, subject, time)
    high += _inside(np.full(n, -np.inf), first, start, end)  # before the first known status
    seen = np.isfinite(first)
    high += np.where(seen, _inside(last, np.full(n, np.inf), start, end), 0.0)
    return {
        "well_low": low,
        "well_high": high,
        "well_visit": visit,
        "seen_until": np.clip(last, start, end),
    }


def _inside(left: Floats, right: Floats, start: Floats, end: Floats) -> Floats:
    """Hours of [left, right] that lie in [start, end]."""
    hours: Floats = np.maximum(0.0, np.minimum(right, end) - np.maximum(left, start))
    return hours


def _total(who: NDArray[np.intp], hours: Floats, n: int) -> Floats:
    return np.bincount(who, weights=hours, minlength=n).astype(float)


def _check_options(
    start: float,
    horizon: float,
    changes: str,
    death: str | None,
    after: str | None,
    subjects: pd.DataFrame | None,
) -> None:
    if not (np.isfinite(start) and np.isfinite(horizon) and 0 <= start < horizon):
        raise UsageError(f"0 <= start < horizon must hold (hours), not {start:g} and {horizon:g}")
    if changes not in CHANGES:
        raise unknown_name("meaning of changes", changes, CHANGES)
    if death is not None and death not in DEATH:
        raise unknown_name("meaning of death", death, DEATH)
    if after is not None and subjects is None:
        raise UsageError(f"after={after!r} is a column of subjects: give subjects= too")
    if death is not None and subjects is None:
        raise UsageError("Deaths are found in the table of subjects: give subjects= too")


def _origin(subjects: pd.DataFrame | None, after: str | None, n: int) -> Floats:
    """The hour from which each subject's time is counted."""
    if after is None or subjects is None:
        return np.zeros(n)
    found = missing_columns(subjects, [after], table="subjects")
    found += not_numbers(subjects, [after], table="subjects")
    found += missing_values(subjects, [after], table="subjects")
    refuse(found, source="The table of subjects")
    origin = subjects[after].to_numpy(dtype=float)
    early = flagged(
        origin < 0,
        "before_first_dose",
        "subjects",
        after,
        "before the first dose",
        "Count the time well from the first dose or later",
    )
    refuse(early, source="The table of subjects")
    return origin


def _with_deaths(
    known: pd.DataFrame, subjects: pd.DataFrame | None, end: Floats, death: str | None
) -> pd.DataFrame:
    """Known status, with not met from a death on where that is asked for."""
    if subjects is None or "dcsreas" not in subjects.columns:
        return known
    reason = subjects["dcsreas"].astype("string").str.strip().str.casefold()
    when = np.full(len(subjects), np.nan)
    if "eosafrlt" in subjects.columns:
        when = subjects["eosafrlt"].to_numpy(dtype=float, na_value=np.nan)
    dead = (reason == "death").to_numpy(bool, na_value=False) & ~(when >= end)
    if not dead.any() or death == "unknown":
        return known
    if death is None:
        raise UsageError(
            f"{dead.sum()} of {len(dead)} subjects died before the horizon. Say what the time after "
            'a death counts as: death="not_well" or death="unknown"'
        )
    untimed = np.flatnonzero(dead & np.isnan(when))
    if untimed.size:
        missing = problem(
            "missing_value",
            "subjects",
            "eosafrlt",
            untimed,
            "no time for a death",
            'Fill in the hour, or choose death="unknown"',
        )
        refuse([missing], source="The table of subjects")
    return _until_death(known, subjects["usubjid"].to_numpy()[dead], when[dead])


def _until_death(known: pd.DataFrame, who: NDArray[np.object_], when: Floats) -> pd.DataFrame:
    limit = known["usubjid"].map(dict(zip(who, when, strict=True))).to_numpy(dtype=float)
    kept = known[~(known["afrlt"].to_numpy(dtype=float) >= limit)]
    rows = [
        pd.DataFrame({"usubjid": who, "afrlt": times, "met": False})
        for times in (when, np.full(len(when), np.inf))
    ]
    joined = pd.concat([kept, *rows], ignore_index=True)
    return joined.sort_values(["usubjid", "afrlt"], kind="stable", ignore_index=True)

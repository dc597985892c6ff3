"""When subjects were assessed after the first dose, whatever the scores said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketastats.endpoints.assessments import (
    chosen_instrument,
    followed_subjects,
    require_scores,
    scored_assessments,
)


def assessment_times(
    scores: pd.DataFrame, *, instrument: str | None = None, subjects: pd.DataFrame | None = None
) -> pd.DataFrame:
    """List the assessments with a known score after the first dose.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        Needs `usubjid`, `paramcd`, `afrlt` (hours since the first dose) and `aval`. Not modified.
    instrument : str, optional
        Needed if `scores` holds several.
    subjects : DataFrame, one row per subject, optional
        Whose assessments to list, in this order; by default of everybody in `scores`.

    Returns
    -------
    DataFrame, one row per subject and assessment, by subject and time, plain index
        `usubjid`, `afrlt` (hours, above 0), `nth` (1 for the first after the dose) and `gap` (hours
        since the one before; missing for the first).

    Raises
    ------
    UsageError, DataError
        If no instrument can be chosen, or the scores cannot be put in order of time.
    """
    paramcd = chosen_instrument(scores, instrument)
    require_scores(scores, paramcd)
    followed = followed_subjects(scores, subjects)
    seen = scored_assessments(scores, paramcd, followed["usubjid"])
    after_dose = seen.time > 0
    who, time = seen.subject[after_dose], seen.time[after_dose]
    first = np.ones(len(who), dtype=bool)
    first[1:] = who[1:] != who[:-1]
    starts = np.flatnonzero(first)
    nth = np.arange(len(who)) - np.repeat(starts, np.diff(np.append(starts, len(who)))) + 1
    gap = np.where(first, np.nan, np.diff(time, prepend=np.nan))
    return pd.DataFrame(
        {
            "usubjid": followed["usubjid"].iloc[who].array,
            "afrlt": time,
            "nth": nth.astype(np.int64),
            "gap": gap,
        }
    )


def first_assessment(
    scores: pd.DataFrame, *, instrument: str | None = None, subjects: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Give each subject's first assessment with a known score after the first dose.

    Parameters
    ----------
    scores, instrument, subjects
        As for `assessment_times`.

    Returns
    -------
    DataFrame, one row per subject, plain index
        The columns of `subjects` (or `usubjid`), `first_at` (hours; missing if never assessed
        after the first dose) and `n_assessed`.
    """
    times = assessment_times(scores, instrument=instrument, subjects=subjects)
    followed = followed_subjects(scores, subjects)
    per_subject = times.groupby("usubjid", sort=False)["afrlt"].agg(["min", "size"])
    found = per_subject.reindex(pd.Index(followed["usubjid"]))
    return followed.assign(
        first_at=found["min"].to_numpy(dtype=np.float64, na_value=np.nan),
        n_assessed=found["size"].fillna(0).to_numpy(dtype=np.int64),
    )

"""Cohorts made by hand, in which it is plain whether a claim is true."""

import numpy as np
import pandas as pd

import ketastats as ks

WELL, UNWELL, BASELINE = 6.0, 28.0, 30.0
"""Scores that are a response and remission on MADRS, HAM-A and the like, and that are none."""

WEEK = 168.0


def course(times, *, relief=np.inf, until=np.inf):
    """Scores at these hours of a patient who is well from `relief` on, up to before `until`."""
    return {hour: WELL if relief <= hour < until else UNWELL for hour in times}


def clinic(
    courses,
    *,
    doses=((0.0,),),
    instrument="madrs",
    treatment="ketamine",
    arms=("KETAMINE",),
    subjects=None,
    medications=None,
    provenance="public",
    diagnosis="trd",
    baseline=BASELINE,
):
    """A cohort with one patient per course (hours to score).

    `doses` (hours per patient), `treatment` and `arms` are given once for all or once per patient;
    `subjects` are further columns, `medications` rows of (number of the patient, category, hour).
    """
    n = len(courses)
    each = {name: _for_each(values, n) for name, values in (("doses", doses), ("arms", arms))}
    given = _for_each((treatment,) if isinstance(treatment, str) else treatment, n)
    ids = [f"p{i:03d}" for i in range(n)]
    table = pd.DataFrame(
        {"usubjid": ids, "trt01a": each["arms"], "diagnosis": diagnosis, **(subjects or {})}
    )
    scores = [
        (subject, instrument, hour, score)
        for subject, scores_of in zip(ids, courses, strict=True)
        for hour, score in {**({} if baseline is None else {0.0: baseline}), **scores_of}.items()
    ]
    rows = [
        (subject, float(number), hour, what)
        for subject, hours, what in zip(ids, each["doses"], given, strict=True)
        for number, hour in enumerate(hours, start=1)
    ]
    taken = [(ids[number], kind, hour) for number, kind, hour in medications or ()]
    return ks.Cohort(
        table,
        scores=pd.DataFrame(scores, columns=["usubjid", "paramcd", "afrlt", "aval"]),
        doses=pd.DataFrame(rows, columns=["usubjid", "exseq", "afrlt", "extrt"]) if rows else None,
        medications=pd.DataFrame(taken, columns=["usubjid", "cmcat", "cmstrlt"]) if taken else None,
        provenance=provenance,
        name="a clinic",
    )


def deciding(verdict):
    """The row of a verdict's table that decides."""
    return verdict.to_frame().iloc[0]


def _for_each(values, n):
    return list(values) * n if len(values) == 1 else list(values)

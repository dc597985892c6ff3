"""Judging when relief comes: the share of patients with relief by the hour a sentence names."""

from __future__ import annotations

from math import isinf

import numpy as np
import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.registry import Claim
from ketastats.claims.share_by_time import shares_by
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import Verdict, decided, not_testable, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.event_intervals import COMPETING
from ketastats.models.schedule_resolution import schedule_resolution
from ketastats.models.time_to_relief import time_to_relief
from ketastats.results import duration, duration_range

ENDPOINTS = ("response", "remission", "reliable_change", "minimal_important_difference")
WORDS = {
    "response": "Response",
    "remission": "Remission",
    "reliable_change": "Reliable change",
    "minimal_important_difference": "Minimal important difference",
}
NO_CAUSE = "A share of one arm shows when patients improved, not that the treatment did it."
_LOST = {
    "anyway": ", whatever became of those not followed so long",
    "alike": ", if those not followed so long are like the others",
    "never": ", if nobody of those not followed so long had it",
}


def judge_onset(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    only_deciding: bool = False,
) -> Verdict:
    """Judge an `onset_within` claim on one arm of a cohort.

    The share with relief by the claim's hour comes from the intervals between assessments, so its
    limits cover everything that the schedule leaves open. Rescue medicine and death before relief
    count as no relief. Who was not followed until then without relief seen may have stayed away for
    being well or unwell; the deciding reading holds whatever they had. Where fewer than half of the
    patients were assessed by that hour the claim is not testable, whatever came later: relief that
    had come and gone would not have been seen.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.
    only_deciding : bool
        Leave out the readings that do not bear on the word.

    Returns
    -------
    Verdict
        The deciding endpoint with those not followed counted in up to three ways, and confirmed at
        the next assessment; then one row per other endpoint and rule.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    (deciding, role), *others = rules_by_priority(claim, patients)
    if why := _too_coarse(claim, patients):
        return not_testable(
            claim,
            why,
            limits=limits,
            needed=f"Assessments at or shortly before {duration(claim.horizon)} after the first dose.",
            sources=cohort.sources,
        )
    intervals = relief_intervals(patients, deciding)
    if not _told(intervals):
        return not_testable(
            claim,
            f"Nobody has a known {WORDS[deciding.endpoint].lower()} after the first dose and none "
            "before it.",
            limits=limits,
            needed="Scores before the first dose and after it.",
            sources=cohort.sources,
        )
    rows = _readings(claim, intervals, deciding, role)
    if not only_deciding:
        confirmed = relief_intervals(patients, deciding, confirmed=True)
        rows += _further(claim, confirmed, deciding, "reading", confirmed=True)
        for rule, of_rule in others:
            rows += _further(claim, relief_intervals(patients, rule), rule, of_rule)
    return decided(
        claim,
        verdict_frame(rows),
        where=f"in {patients.who}",
        limits=(*limits, NO_CAUSE),
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
        notes=() if only_deciding else _notes(intervals, claim.horizon),
    )


def relief_intervals(
    patients: Patients,
    rule: Rule,
    *,
    confirmed: bool = False,
    rescue: str = "competing",
    death: str = "competing",
) -> pd.DataFrame:
    """Intervals of first relief: rescue and death compete with it unless said, drop-out censors."""
    return derive_relief(
        patients.own_scores,
        endpoint=rule.endpoint,
        rule=rule.id,
        subjects=patients.subjects,
        medications=patients.of(patients.cohort.medications),
        confirmed=confirmed,
        rescue=rescue,
        dropout="censor",
        death=death,
        at_start="exclude",
    )


def rules_by_priority(claim: Claim, patients: Patients) -> list[tuple[Rule, str]]:
    """Rules to read relief by: the claim's endpoint first, default rules before the others."""
    first = str(claim.facts.get("endpoint", "response"))
    ordered = [first, *(name for name in ENDPOINTS if name != first)]
    scale = find_instrument(patients.instrument)
    found = [
        (rule, "reading" if rule.default else "group")
        for endpoint in ordered
        for rule in scale.rules_for(endpoint)
        if patients.can_use(rule)
    ]
    if not found or found[0][0].endpoint != first:
        raise UsageError(
            f"The claim is about {WORDS[first].lower()}, and {scale.title} has no rule for it that "
            "this cohort can carry: name another instrument"
        )
    return found


def _too_coarse(claim: Claim, patients: Patients) -> str:
    """Why the assessments cannot tell relief by the claim's hour from later relief; empty if they can."""
    scores = patients.own_scores
    if scores.empty:
        return f"No {find_instrument(patients.instrument).title} score of these patients is known."
    schedule = schedule_resolution(
        scores, instrument=patients.instrument, subjects=patients.subjects
    )
    if schedule.resolves(claim.horizon):
        return ""
    return schedule.advice(claim.horizon).split(" An assessment")[0]


def _told(intervals: pd.DataFrame) -> bool:
    """Whether anything is known of anybody's time."""
    return bool(((intervals["left"] > 0) | np.isfinite(intervals["right"])).any())


def _readings(
    claim: Claim, intervals: pd.DataFrame, rule: Rule, role: str
) -> list[dict[str, object]]:
    """The deciding reading, and what it becomes if those not followed are taken in one way."""
    shares = shares_by(intervals, claim.horizon)
    if not shares.n_lost:
        return [_row(claim, shares.alike, rule, role)]
    return [
        _row(claim, getattr(shares, way), rule, role, way=way)
        for way in ("anyway", "alike", "never")
    ]


def _further(
    claim: Claim, intervals: pd.DataFrame, rule: Rule, role: str, *, confirmed: bool = False
) -> list[dict[str, object]]:
    """A reading beside the deciding one, if anything is known under its rule."""
    if not _told(intervals):
        return []
    shares = shares_by(intervals, claim.horizon)
    way = "anyway" if shares.n_lost else ""
    return [_row(claim, shares.anyway, rule, role, way=way, confirmed=confirmed)]


def _row(
    claim: Claim,
    estimate: ReadingEstimate,
    rule: Rule,
    role: str,
    *,
    way: str = "",
    confirmed: bool = False,
) -> dict[str, object]:
    variant = ", confirmed at the next assessment" if confirmed else _LOST.get(way, "")
    return reading_row(
        claim,
        estimate,
        reading=f"{rule.id}/{'confirmed' if confirmed else way or 'followed'}",
        role=role,
        title=f"{WORDS[rule.endpoint]} ({rule.name}) by {duration(claim.horizon)}{variant}",
        method="turnbull, likelihood limits",
        rule=rule.id,
        missing="interval",
        grade=rule.grade,
    )


def _notes(intervals: pd.DataFrame, hour: float) -> tuple[str, ...]:
    """Who was not followed, what came before relief, and the median time."""
    notes = []
    lost = int((intervals["status"].eq("censored") & (intervals["left"] < hour)).sum())
    if lost:
        notes.append(
            f"{lost} of {len(intervals)} patients were not seen with relief nor followed to "
            f"{duration(hour)}."
        )
    if left_out := int(intervals.attrs["left_out"]):
        notes.append(f"{left_out} met the rule before the first dose already and are not counted.")
    before = intervals["status"].isin(COMPETING) & (intervals["right"] <= hour)
    first = intervals.loc[before, "status"].value_counts()
    for event, n in first.items():
        notes.append(f"{str(event).capitalize()} came before relief in {n}: counted as no relief.")
    seen = set(intervals["status"]) - {"censored"}
    if seen and not seen & set(COMPETING):
        notes.append(_median_note(intervals))
    return tuple(notes)


def _median_note(intervals: pd.DataFrame) -> str:
    frame = time_to_relief(intervals, times=[], shares=[0.5], conf_level=DECISION_LEVEL).to_frame()
    row = frame[frame["quantity"] == "quantile"].iloc[0]
    low, high = float(row["bound_low"]), float(row["bound_high"])
    if isinf(high):
        return f"Fewer than half had relief while followed: the median time is {duration(low)} or more."
    limits = duration_range(row["conf_low"], row["conf_high"])
    return (
        f"Median time to relief: {duration_range(low, high)} ({DECISION_LEVEL:.0%} limits {limits}), "
        "if those not followed are like the others."
    )

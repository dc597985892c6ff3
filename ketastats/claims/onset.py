"""Judging when relief comes: the share of patients with relief by the hour a sentence names."""

from __future__ import annotations

from math import isinf

import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.cumulative_incidence import cumulative_incidence
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


def judge_onset(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
) -> Verdict:
    """Judge an `onset_within` claim on one arm of a cohort.

    The share with relief by the claim's hour comes from the intervals between assessments, so its
    limits cover everything that the schedule leaves open. Where fewer than half of the patients
    were assessed by that hour the claim is not testable, whatever came later: relief that had come
    and gone would not have been seen.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.

    Returns
    -------
    Verdict
        One row per endpoint, and for the deciding one also with relief confirmed at the next
        assessment and with drop-outs counted as never relieved.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    schedule = schedule_resolution(
        patients.own_scores, instrument=patients.instrument, subjects=patients.subjects
    )
    if not schedule.resolves(claim.horizon):
        return Verdict(
            verdict_frame([]),
            claim,
            NOT_TESTABLE,
            f"{schedule.advice(claim.horizon).split(' An assessment')[0]}",
            limits=limits,
            needed=f"Assessments at or shortly before {duration(claim.horizon)} after the first dose.",
            sources=cohort.sources,
        )
    (deciding, role), *others = rules_by_priority(claim, patients)
    first, note = _reading(claim, patients, deciding, role)
    rows = [first, _reading(claim, patients, deciding, "reading", confirmed=True)[0]]
    if _drop_outs_are_dated(patients.subjects):
        rows.append(_reading(claim, patients, deciding, "reading", dropout="competing")[0])
    rows += [_reading(claim, patients, rule, role)[0] for rule, role in others]
    return decided(
        claim,
        verdict_frame(rows),
        where=f"in {patients.who}",
        limits=(*limits, NO_CAUSE),
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
        notes=(note,) if note else (),
    )


def relief_intervals(
    patients: Patients,
    rule: Rule,
    *,
    confirmed: bool = False,
    dropout: str = "censor",
    rescue: str = "competing",
    death: str = "competing",
) -> pd.DataFrame:
    """Intervals of first relief: rescue and death compete with it, drop-out censors unless said."""
    cohort = patients.cohort
    return derive_relief(
        patients.own_scores,
        endpoint=rule.endpoint,
        rule=rule.id,
        subjects=patients.subjects,
        medications=patients.of(cohort.medications),
        confirmed=confirmed,
        rescue=rescue,
        dropout=dropout,
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


def _drop_outs_are_dated(subjects: pd.DataFrame) -> bool:
    """Whether somebody dropped out, and each drop-out has a time."""
    if "eosstt" not in subjects.columns or "eosafrlt" not in subjects.columns:
        return False
    left = subjects["eosstt"].eq("DISCONTINUED").fillna(False)
    return bool(left.any() and subjects.loc[left, "eosafrlt"].notna().all())


def _reading(
    claim: Claim,
    patients: Patients,
    rule: Rule,
    role: str,
    *,
    confirmed: bool = False,
    dropout: str = "censor",
) -> tuple[dict[str, object], str]:
    intervals = relief_intervals(patients, rule, confirmed=confirmed, dropout=dropout)
    estimate, note = _share_by(intervals, claim.horizon)
    variant = ", confirmed at the next assessment" if confirmed else ""
    variant += ", drop-outs counted as never" if dropout == "competing" else ""
    row = reading_row(
        claim,
        estimate,
        reading=f"{rule.id}/{'confirmed' if confirmed else dropout}",
        role=role,
        title=f"{WORDS[rule.endpoint]} ({rule.name}) by {duration(claim.horizon)}{variant}",
        method="turnbull",
        rule=rule.id,
        missing="interval",
        grade=rule.grade,
    )
    return row, note


def _share_by(intervals: pd.DataFrame, horizon: float) -> tuple[ReadingEstimate, str]:
    """The share with relief by a time, and the median time in words."""
    competing = intervals["status"].isin(COMPETING).any()
    if competing:
        frame = cumulative_incidence(
            intervals, times=[horizon], conf_level=DECISION_LEVEL
        ).to_frame()
        rows, note = frame[frame["event"] == "relief"], ""
    else:
        frame = time_to_relief(
            intervals, times=[horizon], shares=[0.5], tau=horizon, conf_level=DECISION_LEVEL
        ).to_frame()
        rows, note = frame[frame["quantity"] == "reached"], _median_note(frame)
    seen = int((intervals["status"].eq("relief") & (intervals["right"] <= horizon)).sum())
    if rows.empty:  # competing events only, relief in nobody
        raise UsageError("Relief was seen in nobody, so its share has no curve")
    row = rows.iloc[0]
    estimate = ReadingEstimate(
        row["estimate"],
        row["conf_low"],
        row["conf_high"],
        n=int(row["n"]),
        events=seen,
        bound_low=row["bound_low"],
        bound_high=row["bound_high"],
        unit="cohort",
    )
    return estimate, note


def _median_note(frame: pd.DataFrame) -> str:
    row = frame[frame["quantity"] == "quantile"].iloc[0]
    low, high = float(row["bound_low"]), float(row["bound_high"])
    limits = duration_range(row["conf_low"], row["conf_high"])
    if isinf(high):
        return f"Half of the patients had relief at {duration(low)} at the earliest, or never."
    return f"Median time to relief: {duration_range(low, high)} (90% limits {limits})."

"""Judging a claim about a share on a cohort: every rule and every denominator side by side."""

from __future__ import annotations

import pandas as pd

from ketastats.claims.design import choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.criteria import derive_endpoint
from ketastats.endpoints.visits import derive_visits, select_visit
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.response_rate import response_rate

ENDPOINTS = ("response", "remission", "reliable_change", "minimal_important_difference")
_DENOMINATORS = {
    "non_response": "everyone, missing = not met",
    "observed": "those seen",
    "completers": "completers",
}
_ONE_ARM = "A share of one arm shows how many improved, not that the treatment did it."

_WORDS = {
    "response": "Response",
    "remission": "Remission",
    "reliable_change": "Reliable change",
    "minimal_important_difference": "Minimal important difference",
}


def judge_rate_within(
    claim: Claim,
    cohort: Cohort,
    *,
    visit: str | None = None,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
) -> Verdict:
    """Judge a `rate_within` claim on one arm of a cohort at one visit.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    visit : str, optional
        The last visit unless given.
    arm : str, optional
        Everybody unless given.
    instrument : str, optional
        Needed if several instruments have a baseline.
    treatment : str, optional
        What these patients received, in the claim's words; a claim about one treatment is
        `not_testable` on a cohort that is not said to have had it.

    Returns
    -------
    Verdict
        One row per rule and denominator; the default response rule with everyone counted decides.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    subjects, scale = patients.subjects, patients.instrument
    scores = patients.scores
    if len(cohort.windows):
        scores = derive_visits(scores, cohort.windows)
    at = visit or _last_visit(scores, scale)
    if _median_time(scores, scale, at) <= 0:
        raise UsageError(f"{at} is no visit after the first dose: relief cannot be judged at it")
    rows = []
    for endpoint in ENDPOINTS:
        for rule in find_instrument(scale).rules_for(endpoint):
            if patients.can_use(rule):
                rows += _rows_of_rule(claim, scores, subjects, scale, at, rule)
    if not rows:
        raise UsageError(
            f"The registry has no rule for {scale!r}, so the claim cannot be judged on it"
        )
    frame = verdict_frame(rows)
    limits, capped = design_limits(claim, patients)
    limits = (*limits, _ONE_ARM)
    if not frame["rule"].iloc[0].startswith(f"{scale}:response"):
        limits = (f"Response cannot be told: {scale} has no baseline in this cohort.", *limits)
        capped = True
    return decided(
        claim,
        frame,
        where=f"at {at} in {patients.who}",
        limits=limits,
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
    )


def _rows_of_rule(
    claim: Claim, scores: pd.DataFrame, subjects: pd.DataFrame, scale: str, visit: str, rule: Rule
) -> list[dict[str, object]]:
    derived = derive_endpoint(scores, rule.endpoint, rule=rule.id)
    table = select_visit(derived, visit, subjects=subjects, instrument=scale)
    rows = []
    for missing, people in _DENOMINATORS.items():
        if missing == "completers" and "eosstt" not in table.columns:
            continue
        if not _anybody(table, rule.endpoint, missing):
            continue
        rate = response_rate(
            table, endpoint=rule.endpoint, missing=missing, conf_level=DECISION_LEVEL
        )
        row = rate.to_frame().iloc[0]
        estimate = ReadingEstimate(
            row["estimate"],
            row["conf_low"],
            row["conf_high"],
            n=int(row["n"]),
            events=int(row["successes"]),
            unit="cohort",
        )
        role = "reading" if rule.default else "group"
        rows.append(
            reading_row(
                claim,
                estimate,
                reading=f"{rule.id}/{missing}",
                role=role,
                title=f"{_WORDS[rule.endpoint]} ({rule.name}), {people}",
                method="wilson",
                rule=rule.id,
                missing=missing,
                grade=rule.grade,
            )
        )
    return rows


def _anybody(table: pd.DataFrame, endpoint: str, missing: str) -> bool:
    completed = missing == "completers"
    kept = table[(table["eosstt"] == "COMPLETED").fillna(False)] if completed else table
    return bool(kept[endpoint].notna().any())


def _median_time(scores: pd.DataFrame, scale: str, visit: str) -> float:
    rows = scores[(scores["paramcd"] == scale) & (scores["avisit"] == visit)]
    return 1.0 if rows.empty else float(rows["afrlt"].median())


def _last_visit(scores: pd.DataFrame, scale: str) -> str:
    rows = scores[(scores["paramcd"] == scale) & (scores["afrlt"] > 0)]
    if "avisit" not in rows.columns or rows["avisit"].isna().all():
        raise UsageError("The scores have no visits: give avisit, or visit windows")
    return str(rows.groupby("avisit")["afrlt"].median().idxmax())

"""Judging a claim about a share on a cohort: every rule and every denominator side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from ketastats.claims.design import choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import ENDPOINTS, WORDS
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.criteria import derive_rules
from ketastats.endpoints.visits import derive_visits, select_visit
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.denominators import count_every_denominator
from ketastats.models.response_rate import rate_of_counts

_DENOMINATORS = {
    "non_response": "everyone, missing = not met",
    "observed": "those seen",
    "completers": "completers",
}
_EXACT = "clopper_pearson"  # no rate of a wrong word above alpha, at any number of patients
_ONE_ARM = "A share of one arm shows how many improved, not that the treatment did it."


def judge_rate_within(
    claim: Claim,
    cohort: Cohort,
    *,
    visit: str | None = None,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    only_deciding: bool = False,
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
    only_deciding : bool
        Leave out the readings that do not bear on the word.

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
    registered = find_instrument(scale)
    rules = [rule for endpoint in ENDPOINTS for rule in registered.rules_for(endpoint)]
    usable = [rule for rule in rules if patients.can_use(rule)]
    parts = ([rule] for rule in usable) if only_deciding else [usable]
    found = (_rows_of_rules(claim, scores, subjects, scale, at, part) for part in parts)
    rows = next((part for part in found if part), [])[: 1 if only_deciding else None]
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


def _rows_of_rules(
    claim: Claim,
    scores: pd.DataFrame,
    subjects: pd.DataFrame,
    scale: str,
    visit: str,
    rules: list[Rule],
) -> list[dict[str, Any]]:
    """One row per rule and denominator, where anybody's endpoint is known."""
    if not rules:
        return []
    derived = derive_rules(scores, rules)
    table = select_visit(derived, visit, subjects=subjects, instrument=scale)
    counts = count_every_denominator(table, [rule.id for rule in rules])
    by_id = {rule.id: rule for rule in rules}
    return [_row(claim, by_id[count["endpoint"]], count) for count in counts.to_dict("records")]


def _row(claim: Claim, rule: Rule, count: Mapping[Hashable, Any]) -> dict[str, Any]:
    missing, successes, n = count["missing"], count["successes"], count["n"]
    share, (low, high) = rate_of_counts(successes, n, method=_EXACT, conf_level=DECISION_LEVEL)
    return reading_row(
        claim,
        ReadingEstimate(share, low, high, n=n, events=successes, unit="cohort"),
        reading=f"{rule.id}/{missing}",
        role="reading" if rule.default else "group",
        title=f"{WORDS[rule.endpoint]} ({rule.name}), {_DENOMINATORS[missing]}",
        method=_EXACT,
        rule=rule.id,
        missing=missing,
        grade=rule.grade,
    )


def _median_time(scores: pd.DataFrame, scale: str, visit: str) -> float:
    rows = scores[(scores["paramcd"] == scale) & (scores["avisit"] == visit)]
    return 1.0 if rows.empty else float(rows["afrlt"].median())


def _last_visit(scores: pd.DataFrame, scale: str) -> str:
    rows = scores[(scores["paramcd"] == scale) & (scores["afrlt"] > 0)]
    if "avisit" not in rows.columns or rows["avisit"].isna().all():
        raise UsageError("The scores have no visits: give avisit, or visit windows")
    return str(rows.groupby("avisit")["afrlt"].median().idxmax())

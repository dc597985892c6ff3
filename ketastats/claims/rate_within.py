"""Judging a claim about a share on a cohort: every rule and every denominator side by side."""

from __future__ import annotations

import pandas as pd

from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE
from ketastats.claims.verdict import Verdict, range_text, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.criteria import derive_endpoint
from ketastats.endpoints.visits import derive_visits, select_visit
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.response_rate import response_rate
from ketastats.results import share_text

ENDPOINTS = ("response", "remission", "reliable_change", "minimal_important_difference")
_DENOMINATORS = {
    "non_response": "everyone, missing = not met",
    "observed": "those seen",
    "completers": "completers",
}
_DIAGNOSES = {
    "gad": "generalised anxiety disorder",
    "mdd": "major depression",
    "ocd": "obsessive-compulsive disorder",
    "panic": "panic disorder",
    "ptsd": "post-traumatic stress disorder",
    "social_anxiety": "social anxiety disorder",
    "trd": "treatment-resistant depression",
}
"""Condition codes of the evidence table in words."""

_WORDS = {
    "response": "Response",
    "remission": "Remission",
    "reliable_change": "Reliable change",
    "minimal_important_difference": "Minimal important difference",
}


def judge_cohort(
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
    subjects = cohort.subjects
    if arm is not None:
        if arm not in cohort.arms:
            raise unknown_name("arm", arm, cohort.arms)
        subjects = subjects[subjects["trt01a"] == arm].reset_index(drop=True)
    scores = derive_baseline(cohort.scores)
    if len(cohort.windows):
        scores = derive_visits(scores, cohort.windows)
    scale = _chosen_instrument(scores, instrument)
    at = visit or _last_visit(scores, scale)
    if _median_time(scores, scale, at) <= 0:
        raise UsageError(f"{at} is no visit after the first dose: relief cannot be judged at it")
    rows = []
    for endpoint in ENDPOINTS:
        for rule in find_instrument(scale).rules_for(endpoint):
            if _usable(rule, scores, scale):
                rows += _rows_of_rule(claim, scores, subjects, scale, at, rule)
    if not rows:
        raise UsageError(
            f"The registry has no rule for {scale!r}, so the claim cannot be judged on it"
        )
    frame = verdict_frame(rows)
    limits, capped = _limits(claim, cohort, subjects, arm, treatment)
    if not frame["rule"].iloc[0].startswith(f"{scale}:response"):
        limits = (f"Response cannot be told: {scale} has no baseline in this cohort.", *limits)
        capped = True
    who = f"the {arm} arm of {cohort.name}" if arm else cohort.name
    return _verdict(claim, frame, f"at {at} in {who}", limits, cohort, capped=capped)


def _verdict(
    claim: Claim,
    frame: pd.DataFrame,
    where: str,
    limits: tuple[str, ...],
    cohort: Cohort,
    *,
    capped: bool,
) -> Verdict:
    first = frame.iloc[0]
    place = {"inside": "inside", "outside": "outside", "undecided": "not clearly inside or outside"}
    reason = (
        f"{first['term']}, {where}: {share_text(first)}, {place[first['standing']]} "
        f"the claimed {range_text(claim.range)}."
    )
    if not capped:
        return Verdict(
            frame, claim, str(first["verdict"]), reason, limits=limits, sources=cohort.sources
        )
    return Verdict(
        frame,
        claim,
        NOT_TESTABLE,
        f"{limits[0]} In them: {_lower(reason)}",
        limits=limits,
        needed=f"A cohort of patients with {_population(claim)}.",
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


def _usable(rule: Rule, scores: pd.DataFrame, scale: str) -> bool:
    """Whether totals, and a baseline where the rule needs one, are enough for the rule."""
    if rule.type == "item" or any(part.type == "item" for part in rule.parts):
        return False
    has_baseline = scores.loc[scores["paramcd"] == scale, "base"].notna().any()
    return bool(has_baseline) or not rule.needs_baseline


def _anybody(table: pd.DataFrame, endpoint: str, missing: str) -> bool:
    completed = missing == "completers"
    kept = table[(table["eosstt"] == "COMPLETED").fillna(False)] if completed else table
    return bool(kept[endpoint].notna().any())


def _chosen_instrument(scores: pd.DataFrame, wanted: str | None) -> str:
    with_baseline = sorted(scores.loc[scores["base"].notna(), "paramcd"].unique())
    if wanted is not None:
        if wanted not in set(scores["paramcd"].dropna()):
            raise unknown_name("instrument in this cohort", wanted, set(scores["paramcd"].dropna()))
        return wanted
    if len(with_baseline) != 1:
        held = ", ".join(with_baseline) or "none"
        raise UsageError(
            f"Instruments with a baseline in this cohort: {held}. Name one with instrument="
        )
    return str(with_baseline[0])


def _median_time(scores: pd.DataFrame, scale: str, visit: str) -> float:
    rows = scores[(scores["paramcd"] == scale) & (scores["avisit"] == visit)]
    return 1.0 if rows.empty else float(rows["afrlt"].median())


def _last_visit(scores: pd.DataFrame, scale: str) -> str:
    rows = scores[(scores["paramcd"] == scale) & (scores["afrlt"] > 0)]
    if "avisit" not in rows.columns or rows["avisit"].isna().all():
        raise UsageError("The scores have no visits: give avisit, or visit windows")
    return str(rows.groupby("avisit")["afrlt"].median().idxmax())


def _limits(
    claim: Claim,
    cohort: Cohort,
    subjects: pd.DataFrame,
    arm: str | None,
    treatment: str | None,
) -> tuple[tuple[str, ...], bool]:
    """What the design cannot carry, most serious first, and whether it caps the verdict."""
    found, capped = [], False
    wanted = set(claim.facts.get("conditions", ()))
    known = subjects["diagnosis"] if "diagnosis" in subjects.columns else pd.Series([pd.NA])
    held = set(known.dropna())
    if wanted and known.isna().any():
        found.append("The cohort does not say which disorder all of its patients have.")
        capped = True
    elif wanted and not held <= wanted:
        others = ", ".join(_DIAGNOSES.get(code, code) for code in sorted(held - wanted))
        found.append(f"The patients have {others}; the claim is about {_population(claim)}.")
        capped = True
    meant = claim.facts.get("arm")
    if meant and treatment != meant:
        found.append(
            f"The claim is about {meant}, and these patients are not said to have had it "
            f"(treatment={meant!r} says so)."
        )
        capped = True
    if cohort.provenance == "synthetic":
        found.append("Synthetic data: they show the method and are no evidence about the world.")
        capped = True
    if arm is None and len(cohort.arms) > 1:
        found.append(f"The arms {', '.join(cohort.arms)} are counted together.")
    found.append("A share of one arm shows how many improved, not that the treatment did it.")
    return tuple(found), capped


def _population(claim: Claim) -> str:
    return str(claim.facts.get("population", "the patients it speaks of")).split(" (")[0]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]

"""Judging whether patients do better under one treatment than under a comparator."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits
from ketastats.claims.registry import Claim
from ketastats.claims.standing import CONTRADICTED, SUPPORTED
from ketastats.claims.superiority_readings import (
    Comparison,
    change_readings,
    response_readings,
    standardised_reading,
)
from ketastats.claims.two_arms import NOT_RANDOMISED, two_arms
from ketastats.claims.verdict import Verdict, decided, not_testable, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.criteria import derive_change
from ketastats.endpoints.visits import derive_visits, select_visits
from ketastats.errors import DataError, KetastatsError, UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.results import duration

_NOT_BLINDED = (
    "Patients and raters are not said to have been blinded (blinded=True says so), so part of a "
    "difference may be expectation."
)
_UNBLINDING = (
    "Patients can tell saline from ketamine, so part of the difference may be expectation."
)
_NEAR = 0.25
"""How far a visit may lie from the claim's hour, as a share of it."""


def judge_superiority(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    comparator: str | None = None,
    randomised: bool = False,
    blinded: bool = False,
    only_deciding: bool = False,
) -> Verdict:
    """Judge a `superiority` claim on two arms of a cohort at the visit nearest to the claim's hour.

    The claim's `endpoint` decides. "response": the difference in shares with everyone counted, not seen =
    not met; it has to hold among those seen too. "change": the difference in change from the mixed model;
    it has to hold if those who left went on as the reference arm. A claim
    that states a standardised effect holds only if the change is clearly that large as well. Everything
    else stands beside it.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, reference : str, optional
        The two arms; the other one of two arms if only one is named.
    instrument : str, optional
    treatment, comparator : str, optional
        What the patients of `arm` and `reference` received, in the claim's words.
    randomised, blinded : bool
        Whether the arms were assigned at random, and patients and raters did not know which.
    only_deciding : bool
        Leave out the readings that do not bear on the word.
    """
    arm, reference = two_arms(cohort, arm, reference)
    needed = f"A randomised, blinded comparison of {claim.treatment} with {_meant(claim)}."
    if arm is None or reference is None:
        return not_testable(
            claim,
            "The cohort has one arm: it can show that patients improved, and not that the treatment did it.",
            needed=needed,
            sources=cohort.sources,
        )
    first, second = (
        choose_patients(cohort, arm=name, instrument=instrument, treatment=given)
        for name, given in ((arm, treatment), (reference, comparator))
    )
    limits, capped = _limits(claim, first, second, randomised=randomised, blinded=blinded)
    known: dict[str, Any] = {"limits": limits, "needed": needed, "sources": cohort.sources}
    comparison = _comparison(claim, first, second)
    if comparison is None:
        return not_testable(claim, f"No visit lies near {duration(claim.horizon)}.", **known)
    more, caps = _dose_limits(claim, first, comparison)
    limits, capped = (*limits, *more), capped or caps
    try:
        rows, doubt, against = _readings(claim, comparison, first, only_deciding=only_deciding)
    except KetastatsError as error:
        return not_testable(claim, f"The arms cannot be compared. {_why(error)}", **known)
    return decided(
        claim,
        verdict_frame(rows),
        where=f"{arm} against {reference} at {comparison.at} in {cohort.name}",
        limits=limits,
        capped=capped,
        needed=needed,
        doubt=doubt,
        against=against,
        sources=cohort.sources,
    )


def _meant(claim: Claim) -> str:
    """The comparators of the claim in words."""
    return " or ".join(claim.facts.get("comparators", ("a control",)))


def _why(error: KetastatsError) -> str:
    if isinstance(error, DataError):
        return f"{'; '.join(problem.what for problem in error.problems)}.".capitalize()
    return str(error)


def _limits(
    claim: Claim, first: Patients, second: Patients, *, randomised: bool, blinded: bool
) -> tuple[tuple[str, ...], bool]:
    """What the design cannot carry, and whether it caps the verdict."""
    found, capped = design_limits(claim, first)
    limits, given = list(found), (second.treatment or "").casefold()
    meant = tuple(claim.facts.get("comparators", ()))
    if not given or (meant and given not in meant):
        limits.append(
            f"The claim compares with {_meant(claim)}, and the patients of {second.arm} are not said to "
            "have had it (comparator= says what they had)."
        )
        capped = True
    elif claim.treatment == "ketamine" and (given == "ketamine" or _had_ketamine(second)):
        limits.append(
            f"Doses of ketamine are recorded in {second.arm}, which is no comparator of it."
        )
        capped = True
    if given in ("saline", "placebo") and claim.treatment == "ketamine":
        limits.append(_UNBLINDING)
    for said, limit in ((randomised, NOT_RANDOMISED), (blinded, _NOT_BLINDED)):
        if not said:
            limits.append(limit)
            capped = True
    if part := claim.facts.get("part"):
        title = find_instrument(first.instrument).title
        limits.append(f"The sentence is about {part}; the total of {title} stands for them.")
    return tuple(limits), capped


def _had_ketamine(patients: Patients) -> bool:
    doses = patients.of(patients.cohort.doses)
    if "extrt" not in doses.columns:
        return False
    named = doses["extrt"].str.casefold().str.contains("ketamine", regex=False)
    return bool(named.fillna(False).any())


def _dose_limits(
    claim: Claim, patients: Patients, comparison: Comparison
) -> tuple[tuple[str, ...], bool]:
    """For a claim about one low dose: whether it was one by then, and whether it was low."""
    most = claim.facts.get("max_dose_mg_kg")
    if most is None:
        return (), False
    doses = patients.of(patients.cohort.doses)
    seen = comparison.at_visit["afrlt"].median()
    by_then = doses[doses["afrlt"] < seen] if "afrlt" in doses.columns else doses.iloc[:0]
    found = []
    if by_then.duplicated("usubjid").any():
        found.append(f"Some patients of {patients.arm} had a second dose before {comparison.at}.")
    amounts = by_then["exdosekg"] if "exdosekg" in by_then.columns else pd.Series(dtype="float64")
    if by_then.empty or len(amounts) == 0 or amounts.isna().any():
        found.append(f"The doses per kg of body weight in {patients.arm} are not all recorded.")
    elif (amounts > float(most) * (1 + 1e-9)).any():
        found.append(f"Doses above {most:g} mg/kg are recorded in {patients.arm}.")
    return tuple(found), bool(found)


def _comparison(claim: Claim, first: Patients, second: Patients) -> Comparison | None:
    """Both arms up to the visit nearest to the claim's hour; None if no visit is near it."""
    subjects = pd.concat([first.subjects, second.subjects], ignore_index=True)
    scores = first.scores[first.scores["usubjid"].isin(subjects["usubjid"])].reset_index(drop=True)
    if len(first.cohort.windows):
        scores = derive_visits(scores, first.cohort.windows)
    own = scores[scores["paramcd"] == first.instrument]
    if "avisit" not in own.columns or own["avisit"].isna().all():
        raise UsageError("The scores have no visits: give avisit, or visit windows")
    times = own.groupby("avisit", observed=True)["afrlt"].median().sort_values(kind="stable")
    times = times[times > 0]
    away = (times - claim.horizon).abs()
    if away.empty or away.min() > _NEAR * claim.horizon:
        return None
    at = str(away.idxmin())
    scale = find_instrument(first.instrument)
    changes = derive_change(scores)
    table = select_visits(
        changes,
        subjects=subjects,
        instrument=first.instrument,
        visits=[str(name) for name in times.index[times <= times[at]]],
    )
    sign = -1.0 if scale.higher_is_worse else 1.0
    table = table.assign(benefit=sign * table["chg"], base=table["base"].astype("float64"))
    return Comparison(
        claim=claim,
        arm=str(first.arm),
        reference=str(second.arm),
        instrument=first.instrument,
        title=scale.title,
        at=at,
        table=table[table["base"].notna()].reset_index(drop=True),
        scores=scores,
        subjects=subjects,
    )


def _readings(
    claim: Claim, comparison: Comparison, patients: Patients, *, only_deciding: bool
) -> tuple[list[dict[str, Any]], str, str]:
    """All readings, the deciding one first; why it is not enough; and what speaks against the claim."""
    by_change = claim.facts.get("endpoint") == "change"
    sized = "standardised_effect" in claim.facts
    responses, changes, effects = [], [], []
    if not (by_change and only_deciding):
        responses = _responses(claim, comparison, patients, only_deciding=only_deciding)
    try:
        if by_change or not only_deciding:
            changes = change_readings(comparison, only_deciding=only_deciding)
        if sized or not only_deciding:
            effects = [standardised_reading(comparison)]
    except KetastatsError:
        if by_change or sized:
            raise
        changes, effects = [], []
    ordered = [*changes, *responses] if by_change else [*responses, *changes]
    beside = "jump_to_reference" if by_change else "observed"
    doubt = _doubt(changes if by_change else responses, beside, comparison)
    against = ""
    if sized:
        least, word = float(claim.facts["standardised_effect"]), effects[0]["verdict"]
        if word == CONTRADICTED:
            against = f"The change is clearly smaller than {least:g} standard deviations."
        elif word != SUPPORTED and not doubt:
            doubt = f"The change is not clearly {least:g} standard deviations or more."
    return [*ordered, *effects], doubt, against


def _responses(
    claim: Claim, comparison: Comparison, patients: Patients, *, only_deciding: bool
) -> list[dict[str, Any]]:
    """The readings by response; none where the claim is about change and the scale has no rule."""
    endpoint = str(claim.facts.get("endpoint", "response"))
    scale = find_instrument(patients.instrument)
    wanted = "response" if endpoint == "change" else endpoint
    rules = [rule for rule in scale.rules_for(wanted) if patients.can_use(rule)]
    if rules:
        return response_readings(comparison, rules[0], only_deciding=only_deciding)
    if endpoint != "change":
        raise UsageError(f"{scale.title} has no rule of {endpoint} that this cohort can carry")
    return []


def _doubt(rows: list[dict[str, Any]], beside: str, comparison: Comparison) -> str:
    """Whether the deciding reading holds under the assumption that is laid beside it."""
    words = {
        "observed": "It does not hold among those seen.",
        "jump_to_reference": f"It does not hold if those not seen went on like {comparison.reference}.",
    }
    checked = {row["missing"]: row["verdict"] for row in rows}
    return words[beside] if checked.get(beside, rows[0]["verdict"]) != rows[0]["verdict"] else ""

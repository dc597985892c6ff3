"""Judging whether relief comes earlier under one treatment than under another."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import WORDS, relief_intervals, rules_by_priority
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.rules import Rule
from ketastats.models.relief_regression import relief_regression
from ketastats.models.relief_test import relief_test

_MODELS = {
    "ph": "hazard ratio",
    "po": "odds ratio",
    "aft_loglogistic": "ratio of speeds (log-logistic)",
}
_NOT_RANDOMISED = (
    "The arms are not said to have been assigned at random (randomised=True says so), so a difference "
    "between them is not what the treatment made."
)


def judge_ordering(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    comparator: str | None = None,
    randomised: bool = False,
) -> Verdict:
    """Judge an `onset_ordering` claim on two arms of a cohort.

    Each reading is a ratio above 1 where relief comes earlier in `arm`, from a regression of the
    intervals between assessments; the proportional-hazards one decides. Rescue, death and drop-out
    end a patient's follow-up.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, reference : str, optional
        The two arms; the other one of two arms if only one is named.
    instrument : str, optional
    treatment, comparator : str, optional
        What the patients of `arm` and `reference` received, in the claim's words.
    randomised : bool
        Whether the arms were assigned at random.
    """
    arm, reference = _two_arms(cohort, arm, reference)
    if reference is None:
        return Verdict(
            verdict_frame([]),
            claim,
            NOT_TESTABLE,
            "The cohort has one arm, and earlier than what cannot be seen in it.",
            needed=f"A second arm with {claim.facts['comparator']}, assigned at random.",
            sources=cohort.sources,
        )
    first, second = (
        choose_patients(cohort, arm=name, instrument=instrument, treatment=given)
        for name, given in ((arm, treatment), (reference, comparator))
    )
    limits, capped = _limits(claim, first, second, randomised=randomised)
    rule, _ = rules_by_priority(claim, first)[0]
    intervals = pd.concat(
        [
            relief_intervals(one, rule, rescue="censor", death="censor").assign(trt01a=one.arm)
            for one in (first, second)
        ],
        ignore_index=True,
    )
    try:
        rows = [_row(claim, intervals, rule, model, second) for model in _MODELS]
        test = relief_test(intervals, by="trt01a", reference=reference)
    except UsageError as error:  # nobody had relief in one arm, say: the ratio does not exist
        return Verdict(
            verdict_frame([]), claim, NOT_TESTABLE, str(error), limits, sources=cohort.sources
        )
    return decided(
        claim,
        verdict_frame(rows),
        where=f"{first.arm} against {second.arm} in {cohort.name}",
        limits=limits,
        capped=capped,
        needed=(
            f"A randomised comparison of {claim.treatment} and {claim.facts['comparator']} in patients "
            "assessed on one schedule."
        ),
        sources=cohort.sources,
        notes=(f"{test}.",),
    )


def _two_arms(
    cohort: Cohort, arm: str | None, reference: str | None
) -> tuple[str | None, str | None]:
    for name in (arm, reference):
        if name is not None and name not in cohort.arms:
            raise unknown_name("arm", name, cohort.arms)
    if len(cohort.arms) < 2:
        return arm, None
    if arm is None or (reference is None and len(cohort.arms) > 2):
        raise UsageError(
            f"The claim compares two arms: name arm= and reference= ({', '.join(cohort.arms)})"
        )
    if reference is None:
        reference = next(name for name in cohort.arms if name != arm)
    if arm == reference:
        raise UsageError("arm and reference are the same arm")
    return arm, reference


def _limits(
    claim: Claim, first: Patients, second: Patients, *, randomised: bool
) -> tuple[tuple[str, ...], bool]:
    limits, capped = design_limits(claim, first)
    comparator = str(claim.facts["comparator"])
    if second.treatment != comparator:
        limits = (
            *limits,
            f"The claim compares with {comparator}, and the patients of {second.arm} are not said to "
            f"have had it (comparator={comparator!r} says so).",
        )
        capped = True
    if not randomised:
        limits, capped = (*limits, _NOT_RANDOMISED), True
    return limits, capped


def _row(
    claim: Claim,
    intervals: pd.DataFrame,
    rule: Rule,
    model: str,
    second: Patients,
) -> dict[str, Any]:
    found = relief_regression(
        intervals,
        "trt01a",
        model,
        conf_level=DECISION_LEVEL,
        limits="likelihood",
        reference={"trt01a": second.arm},
    ).to_frame()
    row = next(row for row in found.to_dict("records") if row["covariate"] == "trt01a")
    ratio, low, high = row["ratio"], row["ratio_low"], row["ratio_high"]
    if model.startswith("aft"):  # a ratio of times; its inverse is one of speeds
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    return reading_row(
        claim,
        ReadingEstimate(ratio, low, high, n=int(row["n"]), unit="cohort"),
        reading=f"{rule.id}/{model}",
        role="reading",
        title=f"{WORDS[rule.endpoint]} ({rule.name}), {_MODELS[model]}",
        method=f"{model}, likelihood limits",
        rule=rule.id,
        missing="interval",
        grade=rule.grade,
    )

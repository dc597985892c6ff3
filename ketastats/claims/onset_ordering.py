"""Judging whether relief comes earlier under one treatment than under another."""

from __future__ import annotations

from math import inf, isfinite, nan
from typing import Any

import numpy as np
import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import WORDS, relief_intervals, rules_by_priority
from ketastats.claims.registry import Claim
from ketastats.claims.share_by_time import shares_by
from ketastats.claims.standing import ALPHA, DECISION_LEVEL
from ketastats.claims.two_arms import NOT_RANDOMISED, two_arms
from ketastats.claims.verdict import Verdict, decided, not_testable, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.errors import DataError, UsageError
from ketastats.instruments.rules import Rule
from ketastats.models.event_intervals import COMPETING, assessment_times
from ketastats.models.relief_regression import relief_regression
from ketastats.models.relief_test import ReliefTest, relief_test
from ketastats.results import duration

_MODELS = {
    "ph": "hazard ratio",
    "po": "odds ratio",
    "aft_loglogistic": "ratio of speeds (log-logistic)",
}
_NO_DIRECTION = 1e-6
_NOT_FOLLOWED = (
    "Patients who dropped out are taken to be like those of their arm who stayed (censored)."
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
    only_deciding: bool = False,
) -> Verdict:
    """Judge an `onset_ordering` claim on two arms of a cohort.

    Each reading is a ratio above 1 where relief comes earlier in `arm`, from a regression of the
    intervals between assessments; the proportional-hazards one decides. Rescue, death and drop-out
    end a patient's follow-up. The ratio alone does not decide: it has to hold with rescue and death
    counted as never relieved too, the score test has to agree (it is exact in small arms), and the
    curves must not cross, since then neither treatment is the faster one. Arms assessed at one time
    only can show in whom relief came, and not where it came earlier.

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
    only_deciding : bool
        Leave out the readings that do not bear on the word.
    """
    arm, reference = two_arms(cohort, arm, reference)
    comparator_meant = str(claim.facts["comparator"])
    if arm is None or reference is None:
        return not_testable(
            claim,
            "The cohort has one arm, so nothing can be compared in it.",
            needed=f"A second arm with {comparator_meant}, assigned at random.",
            sources=cohort.sources,
        )
    first, second = (
        choose_patients(cohort, arm=name, instrument=instrument, treatment=given)
        for name, given in ((arm, treatment), (reference, comparator))
    )
    limits, capped = _limits(claim, first, second, randomised=randomised)
    needed = (
        f"A randomised comparison of {claim.treatment} and {comparator_meant} in patients "
        "assessed several times on one schedule."
    )
    rule, _ = rules_by_priority(claim, first)[0]
    pairs = tuple(relief_intervals(one, rule) for one in (first, second))
    if why := _nothing_to_compare(pairs, (arm, reference)):
        return not_testable(claim, why, limits=limits, needed=needed, sources=cohort.sources)
    times = _times(pairs)
    if len(times) == 1:
        only = (
            f"All assessments that tell relief were at {duration(times[0])}: the arms can be compared "
            "in how many had relief by then, not in how early."
        )
        limits, capped = (only, *limits), True
    try:
        models = ("ph",) if only_deciding else tuple(_MODELS)
        rows, test = _readings(claim, pairs, rule, first, second, models)
    except DataError as error:
        why = "; ".join(problem.what for problem in error.problems)
        return not_testable(
            claim,
            f"The arms cannot be compared: {why}.",
            limits=limits,
            needed=needed,
            sources=cohort.sources,
        )
    return decided(
        claim,
        verdict_frame(rows),
        where=f"{first.arm} against {second.arm} in {cohort.name}",
        limits=limits,
        capped=capped,
        needed=needed,
        doubt=_doubt(rows, pairs, test, times, (arm, reference)),
        sources=cohort.sources,
        notes=(f"{test}.",),
    )


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
        limits, capped = (*limits, NOT_RANDOMISED), True
    if any(_dropped_out(one.subjects) for one in (first, second)):
        limits = (*limits, _NOT_FOLLOWED)
    return limits, capped


def _dropped_out(subjects: pd.DataFrame) -> bool:
    if "eosstt" not in subjects.columns:
        return False
    return bool(subjects["eosstt"].eq("DISCONTINUED").fillna(False).any())


_Pair = tuple[pd.DataFrame, ...]
"""Intervals of the arm and of its reference, with rescue and death as events of their own."""


def _nothing_to_compare(pairs: _Pair, names: tuple[str, str]) -> str:
    """Why the intervals of the arms say nothing of who was earlier; empty if they do."""
    for one, name in zip(pairs, names, strict=True):
        if one.empty or not ((one["left"] > 0) | np.isfinite(one["right"])).any():
            return f"In {name} nobody was assessed after the first dose, with a baseline before it."
    both = pd.concat(pairs)
    relieved = both["status"] == "relief"
    if not relieved.any():
        return "Nobody in either arm was seen with relief."
    if both["left"].max() < both["right"].min():
        return (
            f"Everybody may have had relief at one and the same time, by {duration(both['right'].min())}: "
            "nobody is known to have had it earlier than anybody else."
        )
    return ""


def _times(pairs: _Pair) -> list[float]:
    """Assessment times at which relief was seen or not seen, a dozen at most."""
    both = pd.concat(pairs)
    both = both[~both["status"].isin(COMPETING)]
    return assessment_times(both["left"].to_numpy(float), both["right"].to_numpy(float))


def _as_table(pairs: _Pair, first: Patients, second: Patients, *, event: str) -> pd.DataFrame:
    """Both arms in one table, rescue and death censored at their time or counted as never relieved."""
    table = pd.concat(
        [
            one[["usubjid", "left", "right", "status"]].assign(trt01a=patients.arm)
            for one, patients in zip(pairs, (first, second), strict=True)
        ],
        ignore_index=True,
    )
    other = table["status"].isin(COMPETING)
    bounds = table[["left", "right"]].to_numpy(float)
    never = float(bounds[np.isfinite(bounds)].max())
    return table.assign(
        left=table["left"].mask(other, never) if event == "never" else table["left"],
        right=table["right"].mask(other, inf),
        status=table["status"].mask(other, "censored"),
    )


def _readings(
    claim: Claim,
    pairs: _Pair,
    rule: Rule,
    first: Patients,
    second: Patients,
    models: tuple[str, ...],
) -> tuple[list[dict[str, Any]], ReliefTest]:
    """The ratios that exist, the deciding one first, and the score test."""
    table = _as_table(pairs, first, second, event="censored")
    test = relief_test(table, by="trt01a", reference=second.arm)
    rows = []
    for model in models:
        estimate = _ratio(table, model, second)
        if estimate is None and model == "ph":
            estimate = _unbounded(test, len(table))
        if estimate is not None:
            rows.append(_row(claim, estimate, rule, model))
    if any(one["status"].isin(COMPETING).any() for one in pairs):
        never = _as_table(pairs, first, second, event="never")
        estimate = _ratio(never, "ph", second)
        if estimate is not None:
            rows.insert(1, _row(claim, estimate, rule, "ph", never=True))
    return rows, test


def _ratio(table: pd.DataFrame, model: str, second: Patients) -> ReadingEstimate | None:
    """The ratio of a regression with its likelihood limits; None where it has no finite value."""
    try:
        found = relief_regression(
            table,
            "trt01a",
            model,
            conf_level=DECISION_LEVEL,
            limits="likelihood",
            reference={"trt01a": second.arm},
        ).to_frame()
    except (DataError, UsageError, ArithmeticError):  # the table is sound: there is no finite fit
        return None
    row = next(row for row in found.to_dict("records") if row["covariate"] == "trt01a")
    ratio, low, high = row["ratio"], row["ratio_low"], row["ratio_high"]
    if model.startswith("aft"):  # a ratio of times; its inverse is one of speeds
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    low, high = (0.0 if pd.isna(low) else low), (inf if pd.isna(high) else high)
    return ReadingEstimate(ratio, low, high, n=int(row["n"]), unit="cohort")


def _unbounded(test: ReliefTest, n: int) -> ReadingEstimate:
    """A hazard ratio at the edge, where all relief of one arm came before any of the other.

    Its limits are all that the score test says: 1 and the edge where that test rejects no difference.
    """
    row = test.to_frame().iloc[0]
    direction, clear = float(row["statistic"]), row["p_value"] <= 2 * ALPHA
    if abs(direction) < _NO_DIRECTION:
        return ReadingEstimate(nan, 0.0, inf, n=n, unit="cohort")
    low = 1.0 if clear and direction > 0 else 0.0
    high = float(np.nextafter(1.0, 0.0)) if clear and direction < 0 else inf
    return ReadingEstimate(inf if direction > 0 else 0.0, low, high, n=n, unit="cohort")


def _doubt(
    rows: list[dict[str, Any]],
    pairs: _Pair,
    test: ReliefTest,
    times: list[float],
    names: tuple[str, str],
) -> str:
    """Why the first ratio is not enough to decide, if it is not."""
    word = rows[0]["verdict"]
    second = next((row for row in rows if row["missing"] == "never"), None)
    if second is not None and second["verdict"] != word:
        return "It does not hold with rescue and death counted as no relief."
    if not float(test.to_frame()["p_value"].iloc[0]) <= 2 * ALPHA:
        return "The score test does not agree."
    return _crossing(pairs, times, names)


def _crossing(pairs: _Pair, times: list[float], names: tuple[str, str]) -> str:
    """Say it if one arm was clearly ahead at one time and the other at another."""
    ahead: dict[str, float] = {}
    for hour in times:
        first, second = (shares_by(one, hour).alike for one in pairs)
        if first.low > second.high:
            ahead.setdefault(names[0], hour)
        elif second.low > first.high:
            ahead.setdefault(names[1], hour)
    if len(ahead) < 2:
        return ""
    (one, early), (other, late) = ahead.items()
    return (
        f"The curves cross: more patients had relief in {one} by {duration(early)} and in {other} by "
        f"{duration(late)}, so neither arm is the earlier one throughout."
    )


def _row(
    claim: Claim, estimate: ReadingEstimate, rule: Rule, model: str, *, never: bool = False
) -> dict[str, Any]:
    words = _MODELS[model]
    if never:
        words += ", rescue and death counted as no relief"
    elif not isfinite(estimate.estimate) or estimate.estimate == 0.0:
        words += " (no finite value), limits from the score test"
    return reading_row(
        claim,
        estimate,
        reading=f"{rule.id}/{model}{'_never' if never else ''}",
        role="reading",
        title=f"{WORDS[rule.endpoint]} ({rule.name}), {words}",
        method=f"{model}, likelihood limits",
        rule=rule.id,
        missing="never" if never else "interval",
        grade=rule.grade,
        measure="ratio",
    )

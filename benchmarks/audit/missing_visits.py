"""Estimates under assumptions about what was missed: scores, response, counts, estimands."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import Answer, Entry, Generator, Truth, limits_of, of_sizes, row_where
from audit.patients import GONE, in_arms, with_arms
from audit.trials import (
    FORMULA,
    NAMES,
    VISITS,
    difference,
    last_changes,
    many,
    means,
    patients,
    table,
    trial,
)

DESIGN = "four visits, a quarter leaves by what was seen"
ASSUMPTIONS = ("mar", "jump_to_reference", "copy_reference", "copy_increments", "last_mean")
LAST = "difference at the last visit"
RULE, HALF = "hamd17:response_50", 0.5
PLANNED, PLACEBO_RATE, ACTIVE_RATE, DISPERSION = 180.0, 3 / 180, 1.8 / 180, 0.5


def entries() -> list[Entry]:
    return [
        *of_sizes(_scores, 60, 120),
        *of_sizes(_response, 60, 120),
        *of_sizes(_estimands, 60, 120),
        *of_sizes(_counts, 60, 120),
    ]


def _scores(n: int) -> list[Entry]:
    def entry(strategy: str, method: str, inference: str = "jackknife") -> Entry:
        options: dict[str, Any] = {"strategy": strategy, "method": method}
        if method == "conditional_mean":
            options |= {"inference": inference, "replicates": 200}
        else:
            options["imputations"] = 50
        name = inference if method == "conditional_mean" else method
        share = {"jackknife": 0.1, "bootstrap": 0.05}.get(name, 0.07)
        if name == "jackknife" and strategy in ("mar", "jump_to_reference"):
            share = 0.12
        return Entry(
            "Missing visits",
            f"reference_based, {strategy}, {name}",
            DESIGN,
            n,
            lambda rng: trial(n, rng),
            partial(_last_of_scores, options=options),
            partial(_score_truth, strategy),
            share=share,
            anchored=method != "conditional_mean",
        )

    return [
        *(entry(strategy, "conditional_mean") for strategy in ASSUMPTIONS),
        entry("jump_to_reference", "conditional_mean", "bootstrap"),
        entry("mar", "bayesian"),
        entry("jump_to_reference", "bayesian"),
        entry("jump_to_reference", "bootstrap_mi"),
    ]


def _last_of_scores(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
    found = ks.reference_based(FORMULA, data, reference="placebo", **options)
    return {LAST: limits_of(found.to_frame().iloc[-1])}


@cache
def _score_truth(strategy: str) -> dict[str, Truth]:
    # residuals are those of the many in both arms, so the means alone tell the difference
    value, error = difference(last_changes(strategy) - many().residual[:, -1])
    return {LAST: Truth(value, value, error)}


def _response(n: int) -> list[Entry]:
    def estimate(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        frame = ks.reference_response(
            FORMULA, data, rule=RULE, reference="placebo", imputations=50, **options
        ).to_frame()
        last = frame[frame["visit"] == NAMES[-1]]
        return {
            "share, active": limits_of(row_where(last, quantity="share", arm="active")),
            "difference of shares": limits_of(row_where(last, quantity="difference")),
        }

    def entry(strategy: str, method: str, share: float) -> Entry:
        return Entry(
            "Missing visits",
            f"reference_response, {strategy}, {method}",
            DESIGN,
            n,
            lambda rng: trial(n, rng),
            partial(estimate, options={"strategy": strategy, "method": method}),
            partial(_response_truth, strategy),
            share=share,
            anchored=method != "conditional_probability",
        )

    return [
        *(entry(strategy, "conditional_probability", 0.06) for strategy in ASSUMPTIONS),
        entry("jump_to_reference", "bayesian", 0.06),
    ]


@cache
def _response_truth(strategy: str) -> dict[str, Truth]:
    meets = (last_changes(strategy) <= -HALF * many().base).astype(float)
    value, error = difference(meets)
    active = meets[many().arm == 1]
    share = float(active.mean())
    return {
        "share, active": Truth(share, share, float(active.std() / np.sqrt(active.size))),
        "difference of shares": Truth(value, value, error),
    }


def _estimands(n: int) -> list[Entry]:
    def draw(rng: Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
        drawn = patients(n, rng)
        left = np.flatnonzero(drawn.completed < VISITS)
        events = pd.DataFrame(
            {"usubjid": left, "avisit": NAMES[drawn.completed[left]], "event": "left"}
        )
        return table(drawn), events

    def estimate(drawn: tuple[pd.DataFrame, pd.DataFrame], strategy: str) -> dict[str, Answer]:
        estimand = ks.Estimand(
            arm="active",
            reference="placebo",
            variable="change",
            events={"left": strategy},
            composite_value=0.0 if strategy == "composite" else None,
        )
        found = ks.estimand_difference(estimand, FORMULA, *drawn)
        return {LAST: limits_of(found.to_frame().iloc[-1])}

    return [
        Entry(
            "Missing visits",
            f"estimand_difference, {strategy}",
            DESIGN,
            n,
            draw,
            partial(estimate, strategy=strategy),
            partial(_estimand_truth, strategy),
            share=0.07,
        )
        for strategy in ("treatment_policy", "hypothetical", "composite", "while_on_treatment")
    ]


@cache
def _estimand_truth(strategy: str) -> dict[str, Truth]:
    if strategy in ("treatment_policy", "hypothetical"):
        assumed = "mar" if strategy == "hypothetical" else "jump_to_reference"
        return _score_truth(assumed)
    drawn = many()
    change = means()[drawn.arm] + drawn.residual
    if strategy == "composite":
        outcome = np.where(drawn.completed == VISITS, change[:, -1], 0.0)
    else:
        outcome = change[np.arange(change.shape[0]), drawn.completed - 1]
    value, error = difference(outcome)
    return {LAST: Truth(value, value, error)}


def _counts(n: int) -> list[Entry]:
    rates = np.array([PLACEBO_RATE, ACTIVE_RATE])

    def draw(rng: Generator) -> pd.DataFrame:
        days = np.where(rng.random(n) < GONE, rng.uniform(0.1, 0.9, n) * PLANNED, PLANNED)
        frailty = rng.gamma(1 / DISPERSION, DISPERSION, n)
        return with_arms(n, days=days, events=rng.poisson(frailty * rates[in_arms(n)] * days))

    def estimate(data: pd.DataFrame, strategy: str) -> dict[str, Answer]:
        found = ks.reference_counts(
            data, planned=PLANNED, reference="placebo", strategy=strategy, imputations=30
        )
        return {"log ratio of rates": limits_of(found.to_frame().iloc[0])}

    return [
        Entry(
            "Missing visits",
            f"reference_counts, {strategy}",
            "180 days, negative binomial, a quarter leaves",
            n,
            draw,
            partial(estimate, strategy=strategy),
            partial(_count_truth, strategy),
            share=0.5,
            anchored=True,
        )
        for strategy in ("mar", "jump_to_reference", "copy_reference")
    ]


def _count_truth(strategy: str) -> dict[str, Truth]:
    value = _log_ratio(strategy)
    return {"log ratio of rates": Truth(value, value)}


@cache
def _log_ratio(strategy: str) -> float:
    """Log ratio of the mean events of the planned time, those unobserved by the assumption."""
    day = (np.arange(20_000) + 0.5) / 20_000 * 0.8 * PLANNED + 0.1 * PLANNED
    after = PLANNED - day
    if strategy == "mar":
        unseen = ACTIVE_RATE * after
    elif strategy == "jump_to_reference":
        unseen = PLACEBO_RATE * after
    else:  # the patient's frailty is judged as if the placebo rate had held
        size = 1 / DISPERSION
        unseen = PLACEBO_RATE * after * (size + ACTIVE_RATE * day) / (size + PLACEBO_RATE * day)
    leavers = float((ACTIVE_RATE * day + unseen).mean())
    mean = (1 - GONE) * ACTIVE_RATE * PLANNED + GONE * leavers
    return float(np.log(mean / (PLACEBO_RATE * PLANNED)))

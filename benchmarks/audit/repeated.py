"""Mixed models for repeated measures and their relatives, association of two outcomes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import (
    NULL,
    Answer,
    Entry,
    Generator,
    PValue,
    Truth,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import ARMS, in_arms, with_arms
from audit.trials import (
    FORMULA,
    NAMES,
    OWN,
    REFERENCE,
    covariance,
    gone_at_random,
    trial,
)

EFFECT = float(OWN[-1] - REFERENCE[-1])
LAST = "difference at the last visit"
ANY = "test of any difference"
METHODS: dict[str, dict[str, Any]] = {
    "Kenward-Roger": {},
    "Kenward-Roger, linear": {"df": "kenward_roger_linear"},
    "Kenward-Roger, expected information": {"information": "expected"},
    "Satterthwaite": {"df": "satterthwaite"},
    "between-within": {"df": "between_within"},
    "residual": {"df": "residual"},
    "CR0": {"df": "satterthwaite", "vcov": "cr0"},
    "CR2": {"df": "satterthwaite", "vcov": "cr2"},
    "CR3": {"df": "satterthwaite", "vcov": "cr3"},
    "jackknife": {"df": "satterthwaite", "vcov": "jackknife"},
    "compound symmetry, CR2": {"df": "satterthwaite", "vcov": "cr2", "covariance": "cs"},
}
FULL = ("Kenward-Roger", "Satterthwaite", "CR2")
"""Methods that get all replicates."""
UNSCALED = "joint tests need Kenward and Roger's scaling (benchmarks/results.md)"
LOOSE = "degrees of freedom that ignore the estimated covariance (benchmarks/results.md)"
SLOPE, MADRS_EFFECT = 0.6, -3.0


def entries() -> list[Entry]:
    return [
        *of_sizes(_mixed_models, 30, 100),
        *of_sizes(_one_visit, 30, 120),
        *of_sizes(_sites, 48, 160),
        *of_sizes(_correlation, 20, 80),
        *of_sizes(_two_outcomes, 40, 120),
    ]


def _fitted(data: pd.DataFrame, options: dict[str, Any]) -> Any:
    fit = ks.mmrm(FORMULA, data, **options)
    return fit.emmeans(["trt01a", "avisit"]).differences("placebo")


def _mixed_models(n: int) -> list[Entry]:
    design = "four visits, a quarter leaves by what was seen"

    def estimate(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        return {LAST: limits_of(_fitted(data, options).to_frame().iloc[-1])}

    def test(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        return {ANY: PValue(float(_fitted(data, options).joint().to_frame()["p_value"].iloc[0]))}

    made = []
    for name, options in METHODS.items():
        loose = LOOSE if name in ("residual", "CR0", "between-within") else ""
        share = 0.1 if name == "jackknife" else 1.0 if name in FULL else 0.15
        for job, truth, effect, reason in (
            (estimate, known({LAST: EFFECT}), True, loose),
            (test, known({ANY: NULL}), False, UNSCALED),
        ):
            made.append(
                Entry(
                    "Mixed models",
                    f"mmrm, {name}",
                    design + ("" if effect else ", no effect"),
                    n,
                    partial(_trial, n=n, effect=effect),
                    partial(job, options=options),
                    truth,
                    share=share,
                    reason=reason,
                )
            )
    return [*made, *_constrained(n, design), _standardised(n, design)]


def _trial(rng: Generator, n: int, *, effect: bool) -> pd.DataFrame:
    return trial(n, rng, effect=effect)


def _constrained(n: int, design: str) -> list[Entry]:
    def draw(rng: Generator) -> pd.DataFrame:
        data = trial(n, rng)
        scores = data.assign(aval=data["base"] + data["chg"])
        first = data[data["avisit"] == NAMES[0]].assign(avisit="Week 0", aval=data["base"])
        joined: pd.DataFrame = pd.concat([first, scores], ignore_index=True)
        return joined

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        fit = ks.constrained_longitudinal(data, reference="placebo", baseline="Week 0")
        means = fit.emmeans(["trt01a", "avisit"])
        return {LAST: limits_of(means.differences("placebo").to_frame().iloc[-1])}

    return [
        Entry(
            "Mixed models",
            "constrained_longitudinal",
            design,
            n,
            draw,
            estimate,
            known({LAST: EFFECT}),
            share=0.5,
        )
    ]


def _standardised(n: int, design: str) -> Entry:
    sd = float(np.sqrt(covariance()[0][-1, -1]))

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        found = ks.standardized_differences(ks.mmrm(FORMULA, data), ["trt01a", "avisit"], "placebo")
        return {"last visit, in sd": limits_of(found.to_frame().iloc[-1])}

    return Entry(
        "Mixed models",
        "standardized_differences",
        design,
        n,
        partial(_trial, n=n, effect=True),
        estimate,
        known({"last visit, in sd": EFFECT / sd}),
        share=0.5,
        reason="not corrected for few patients, as Cohen's d is not",
    )


def _one_visit(n: int) -> list[Entry]:
    def draw(rng: Generator, spread: float) -> pd.DataFrame:
        arm = in_arms(n)
        base = 22 + rng.normal(size=n) * 4
        noise = rng.normal(size=n) * np.where(arm == 1, 5.0 * spread, 5.0)
        change = -4 * arm - 0.5 * (base - 22) + noise
        data = with_arms(n, base=base, chg=change)
        return gone_at_random(data, rng)

    def estimate(data: pd.DataFrame, vcov: str) -> dict[str, Answer]:
        fit = ks.ancova(
            "chg ~ base + trt01a", data, vcov=vcov, reference={"trt01a": "placebo"}
        ).to_frame()
        return {"difference": limits_of(row_where(fit, covariate="trt01a"))}

    return [
        Entry(
            "Analysis of covariance",
            f"ancova, {vcov}",
            "equal spread" if vcov == "model" else "twice the spread in one arm",
            n,
            partial(draw, spread=1.0 if vcov == "model" else 2.0),
            partial(estimate, vcov=vcov),
            known(difference=-4.0),
        )
        for vcov in ("model", "hc0", "hc2", "hc3")
    ]


def _sites(n: int) -> list[Entry]:
    def draw(rng: Generator) -> pd.DataFrame:
        arm = in_arms(n)
        site = np.arange(n) // 2 % 8
        base = 22 + rng.normal(size=n) * 4
        change = -4 * arm - 0.5 * (base - 22) + 2 * rng.normal(size=8)[site]
        change = change + 5 * rng.normal(size=n)
        return gone_at_random(with_arms(n, siteid=site, base=base, chg=change), rng)

    def estimate(data: pd.DataFrame, df: str) -> dict[str, Answer]:
        fit = ks.random_intercept(
            "chg ~ base + trt01a",
            data,
            cluster="siteid",
            df=df,
            reference={"trt01a": "placebo"},
        ).to_frame()
        return {
            "difference": limits_of(row_where(fit, covariate="trt01a")),
            "intercept": limits_of(row_where(fit, covariate="1")),
        }

    return [
        Entry(
            "Random intercept",
            f"random_intercept, {df}",
            "eight sites, a quarter missing",
            n,
            draw,
            partial(estimate, df=df),
            known(difference=-4.0, intercept=11.0),
            reason=LOOSE if df == "residual" else "",
        )
        for df in ("kenward_roger", "satterthwaite", "residual")
    ]


def _correlation(n: int) -> list[Entry]:
    rho = 0.5

    def draw(rng: Generator) -> pd.DataFrame:
        subject = np.repeat(np.arange(n), 4)
        first = rng.normal(size=4 * n)
        second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=4 * n)
        level = 2 * rng.normal(size=(2, n))
        data = pd.DataFrame(
            {
                "usubjid": subject,
                "pain": first + level[0][subject],
                "mood": second + level[1][subject],
            }
        )
        return gone_at_random(data, rng, "pain")

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        found = ks.repeated_correlation(data, "pain", "mood").to_frame()
        return {"correlation within patients": limits_of(found.iloc[0])}

    return [
        Entry(
            "Association",
            "repeated_correlation",
            "four visits, a quarter missing at random",
            n,
            draw,
            estimate,
            known({"correlation within patients": rho}),
        )
    ]


def _two_outcomes(n: int) -> list[Entry]:
    """Pain is 0.6 of the mood's residual and more of its own, so that all truths are closed forms."""

    def draw(rng: Generator) -> pd.DataFrame:
        arm = in_arms(n)[:, None]
        visit = np.arange(3)
        mood = 3 * rng.normal(size=(n, 1)) + 3 * rng.normal(size=(n, 3))
        own = 2 * rng.normal(size=(n, 1)) + 2 * rng.normal(size=(n, 3))
        subject = np.repeat(np.arange(n), 3)
        data = pd.DataFrame(
            {
                "usubjid": subject,
                "avisit": NAMES[np.tile(visit, n)],
                "trt01a": ARMS[in_arms(n)][subject],
                "mood": (-visit + MADRS_EFFECT * arm + mood).ravel(),
                "pain": (-visit + EFFECT * arm + SLOPE * mood + own).ravel(),
            }
        )
        return gone_at_random(data, rng, "pain")

    mood, pain = 18.0, SLOPE**2 * 18 + 8
    truths: dict[str, float | Truth] = {
        "correlation": SLOPE * mood / np.sqrt(mood * pain),
        "slope": SLOPE,
        "effect": EFFECT,
        "effect left": EFFECT - SLOPE * MADRS_EFFECT,
    }
    return [
        Entry(
            "Association",
            "bivariate_mmrm",
            "three visits, a quarter of one outcome missing",
            n,
            draw,
            _both_outcomes,
            known(truths),
            share=0.5,
        )
    ]


def _both_outcomes(data: pd.DataFrame) -> dict[str, Answer]:
    frame = ks.bivariate_mmrm(
        data, "pain", "mood", "trt01a*avisit", arm="active", reference="placebo"
    ).to_frame()
    at = frame[frame["visit"] == NAMES[2]]
    return {
        "correlation": limits_of(row_where(at, quantity="correlation")),
        "slope": limits_of(row_where(at, quantity="slope")),
        "effect": limits_of(row_where(at, quantity="effect", outcome="pain")),
        "effect left": limits_of(row_where(at, quantity="effect_left")),
    }

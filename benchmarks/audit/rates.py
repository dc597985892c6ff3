"""One rate, two rates, paired and adjusted rates, posterior of a rate."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import (
    NULL,
    Answer,
    Entry,
    Generator,
    Limits,
    Point,
    PValue,
    Truth,
    covers,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import GONE, in_arms, lost_flags, with_arms
from ketastats.models.rate_difference import METHODS as COMPARISONS
from ketastats.models.response_rate import METHODS as INTERVALS

RATE = 0.35
ACTIVE, PLACEBO = 0.5, 0.3
SITES = np.array([0.25, 0.35, 0.5])
RANGE = (0.3, 0.4)
CUT = "normal limits of few patients (Brown, Cai and DasGupta 2001)"


def entries() -> list[Entry]:
    return [
        *of_sizes(_one_rate, 20, 120),
        *of_sizes(_posterior, 20, 120),
        *of_sizes(_two_rates, 40, 160),
        *of_sizes(_two_rates_over_strata, 60, 180),
        *of_sizes(_paired, 24, 120),
        *of_sizes(_adjusted, 60, 180),
    ]


def _one_rate(n: int) -> list[Entry]:
    def entry(estimator: str, truth: float, *, reason: str = "", **options: Any) -> Entry:
        return Entry(
            "One rate",
            estimator,
            "a quarter missing at random, rate 35%",
            n,
            lambda rng: pd.DataFrame({"response": lost_flags(rng.random(n) < RATE, rng)}),
            lambda data: {"rate": limits_of(ks.response_rate(data, **options).to_frame().iloc[0])},
            known(rate=truth),
            reason=reason,
        )

    made = [
        entry(
            f"response_rate, {method}",
            RATE,
            method=method,
            missing="observed",
            reason=CUT if method == "wald" else "",
        )
        for method in INTERVALS
    ]
    share = (1 - GONE) + 2 / n * GONE  # the first two are always seen
    made.append(entry("response_rate, missing as not met", RATE * share, missing="non_response"))
    return [*made, _stratified_rate(n)]


def _stratified_rate(n: int) -> Entry:
    def draw(rng: Generator) -> pd.DataFrame:
        site = np.arange(n) % 3
        return pd.DataFrame(
            {"siteid": site, "response": lost_flags(rng.random(n) < SITES[site], rng)}
        )

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        found = ks.response_rate(data, missing="observed", strata="siteid")
        return {"rate": limits_of(found.to_frame().iloc[0])}

    return Entry(
        "One rate",
        "response_rate, over strata",
        "three sites with rates 25, 35 and 50%",
        n,
        draw,
        estimate,
        known(rate=float(SITES.mean())),
        reason="weights make the interval short (Yan and Su) and differ from the patients' mix of strata",
    )


def _posterior(n: int) -> list[Entry]:
    def draw(rng: Generator, *, fixed: bool) -> tuple[float, pd.DataFrame]:
        rate = RATE if fixed else float(rng.beta(0.5, 0.5))
        return rate, pd.DataFrame({"response": lost_flags(rng.random(n) < rate, rng)})

    def estimate(drawn: tuple[float, pd.DataFrame]) -> dict[str, Answer]:
        rate, data = drawn
        row = ks.rate_posterior(data, between=RANGE, missing="observed").to_frame().iloc[0]
        found = limits_of(row)
        inside = RANGE[0] <= rate <= RANGE[1]
        return {
            "rate minus its truth": Limits(*(value - rate for value in found)),
            "chance inside 30 to 40% minus whether": Point(row["probability_inside"] - inside),
        }

    def entry(design: str, *, fixed: bool) -> Entry:
        names: dict[str, float | Truth] = {
            "rate minus its truth": 0.0 if not fixed else covers(0.0)
        }
        if not fixed:
            names["chance inside 30 to 40% minus whether"] = 0.0
        return Entry(
            "Posterior of a rate",
            "rate_posterior",
            design,
            n,
            partial(draw, fixed=fixed),
            estimate,
            known(names),
        )

    return [entry("rates from the prior", fixed=False), entry("rate 35%", fixed=True)]


def _of_arms(n: int, rng: Generator, active: float, placebo: float) -> pd.DataFrame:
    rate = np.where(in_arms(n) == 1, active, placebo)
    return with_arms(n, response=lost_flags(rng.random(n) < rate, rng))


def _compared(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return ks.rate_difference(
        data, arm="active", reference="placebo", missing="observed", **options
    ).to_frame()


def _two_rates(n: int) -> list[Entry]:
    design = "rates 50 and 30%, a quarter missing"
    odds = np.log(ACTIVE / (1 - ACTIVE) / (PLACEBO / (1 - PLACEBO)))
    truths = {
        "risk difference": ("difference", ACTIVE - PLACEBO),
        "risk ratio": ("log risk ratio", float(np.log(ACTIVE / PLACEBO))),
        "odds ratio": ("log odds ratio", float(odds)),
        "Cohen's h": ("h", float(2 * (np.arcsin(ACTIVE**0.5) - np.arcsin(PLACEBO**0.5)))),
    }

    def entry(method: str) -> Entry:
        terms = COMPARISONS[method]

        def estimate(data: pd.DataFrame) -> dict[str, Answer]:
            frame = _compared(data, method=method)
            return {
                truths[term][0]: limits_of(row_where(frame, term=term), log=term.endswith("ratio"))
                for term in terms
            }

        return Entry(
            "Two rates",
            f"rate_difference, {method}",
            design,
            n,
            lambda rng: _of_arms(n, rng, ACTIVE, PLACEBO),
            estimate,
            known({truths[term][0]: truths[term][1] for term in terms}),
            share=0.05 if method == "exact" else 1.0,
        )

    return [*(entry(method) for method in COMPARISONS), _number_needed(n, design), _fisher(n)]


def _number_needed(n: int, design: str) -> Entry:
    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        row = row_where(_compared(data), term="number needed to treat")
        low, high = row["benefit_from"], row["benefit_to"]
        none = bool(np.isnan(low))  # a range without benefit does not hold the truth
        return {
            "to benefit": Limits(
                float(row["estimate"]), np.inf if none else low, np.inf if none else high
            )
        }

    return Entry(
        "Two rates",
        "rate_difference, number needed to treat",
        design,
        n,
        lambda rng: _of_arms(n, rng, ACTIVE, PLACEBO),
        estimate,
        known({"to benefit": covers(1 / (ACTIVE - PLACEBO))}),
    )


def _fisher(n: int) -> Entry:
    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        return {"test": PValue(float(_compared(data, method="exact")["p_value"].iloc[0]))}

    return Entry(
        "Two rates",
        "rate_difference, Fisher's test",
        "both rates 40%, a quarter missing",
        n,
        lambda rng: _of_arms(n, rng, 0.4, 0.4),
        estimate,
        known(test=NULL),
        share=0.05,
    )


def _two_rates_over_strata(n: int) -> list[Entry]:
    active = {  # of three sites, with a common difference, ratio or odds ratio
        "risk difference": SITES + 0.2,
        "risk ratio": SITES * 1.5,
        "odds ratio": SITES * 2 / (1 + SITES),
        "test": SITES,
    }
    truths: dict[str, float | Truth] = {
        "risk difference": 0.2,
        "risk ratio": float(np.log(1.5)),
        "odds ratio": float(np.log(2)),
        "test": NULL,
    }

    def draw(rng: Generator, term: str) -> pd.DataFrame:
        site = np.arange(n) // 2 % 3
        rate = np.where(in_arms(n) == 1, active[term][site], SITES[site])
        return with_arms(n, siteid=site, response=lost_flags(rng.random(n) < rate, rng))

    def estimate(data: pd.DataFrame, term: str) -> dict[str, Answer]:
        frame = _compared(data, strata="siteid")
        if term == "test":
            return {term: PValue(float(frame["p_value"].iloc[0]))}
        ratio = term != "risk difference"
        name = f"log {term}" if ratio else term
        return {name: limits_of(row_where(frame, term=term), log=ratio)}

    def entry(term: str) -> Entry:
        name = f"log {term}" if term.endswith("ratio") else term
        return Entry(
            "Two rates",
            "rate_difference, over strata",
            f"three sites, common {term}" if term != "test" else "three sites, no difference",
            n,
            partial(draw, term=term),
            partial(estimate, term=term),
            known({name: truths[term]}),
        )

    return [entry(term) for term in active]


def _paired(n: int) -> list[Entry]:
    def draw(rng: Generator, change: float) -> pd.DataFrame:
        own = rng.random(n)  # of one patient: the two columns depend on each other
        other = np.where(rng.random(n) < 0.5, own, rng.random(n))
        return pd.DataFrame(
            {
                "usubjid": np.arange(n),
                "early": lost_flags(own < 0.3, rng, GONE / 2),
                "late": lost_flags(other < 0.3 + change, rng, GONE / 2),
            }
        )

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        row = ks.paired_rate_difference(data, first="early", second="late").to_frame().iloc[0]
        return {"difference": limits_of(row), "McNemar's test": PValue(float(row["p_value"]))}

    def entry(change: float, **truths: float | Truth) -> Entry:
        return Entry(
            "Two rates",
            "paired_rate_difference",
            f"{0.3:.0%} and {0.3 + change:.0%} of the same patients",
            n,
            partial(draw, change=change),
            estimate,
            known(truths),
        )

    return [entry(0.2, difference=0.2), entry(0.0, **{"McNemar's test": NULL})]


@cache
def _standardised() -> float:
    """Difference of risks over a normal covariate, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)

    def risk(arm: int) -> float:
        return float(weights @ (1 / (1 + np.exp(0.8 - 0.9 * arm - nodes))) / weights.sum())

    return risk(1) - risk(0)


def _adjusted(n: int) -> list[Entry]:
    def draw(rng: Generator) -> pd.DataFrame:
        base = rng.normal(size=n)
        risk = 1 / (1 + np.exp(0.8 - 0.9 * in_arms(n) - base))
        return with_arms(n, base=base, response=lost_flags(rng.random(n) < risk, rng))

    def estimate(data: pd.DataFrame, variance: str) -> dict[str, Answer]:
        found = ks.adjusted_rate_difference(
            data,
            arm="active",
            reference="placebo",
            covariates="base",
            variance=variance,
            missing="observed",
        )
        return {"difference": limits_of(found.to_frame().iloc[0])}

    return [
        Entry(
            "Two rates",
            f"adjusted_rate_difference, {variance}",
            "a covariate of odds ratio 2.7 per sd, a quarter missing",
            n,
            draw,
            partial(estimate, variance=variance),
            lambda: known(difference=_standardised())(),
        )
        for variance in ("ye", "ge")
    ]

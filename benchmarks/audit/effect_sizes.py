"""Standardised differences and changes, equivalence, the parts of one arm's improvement."""

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
    PValue,
    Truth,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import in_arms, with_arms
from audit.trials import gone_at_random

D, SD = -0.6, 6.0
CORRELATION = 0.5  # of baseline and end
BOUND = 4.0
BEFORE, BEFORE_SD, ENTRY, RELIABILITY = 20.0, 5.0, 20.0, 0.7
PLACEBO, PLACEBO_SE, TREATMENT, NOISE = -4.0, 0.5, -3.0, 4.0
SMALL = "d is larger than its aim in small trials by definition; hedges_g corrects it"
TOLD = "baselines above a strict entry hardly tell the mean before selection (documented)"


def entries() -> list[Entry]:
    return [
        *of_sizes(_two_arms, 24, 120),
        *of_sizes(_changes, 24, 120),
        *of_sizes(_equivalence, 40, 160),
        *of_sizes(_single_arm, 60, 200),
    ]


def _phi(x: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(x))


def _two_arms(n: int) -> list[Entry]:
    def draw(rng: Generator, spread: float) -> pd.DataFrame:
        arm = in_arms(n)
        chg = D * SD * arm + SD * rng.normal(size=n) * np.where(arm == 1, spread, 1.0)
        return gone_at_random(with_arms(n, chg=chg), rng)

    def entry(name: str, spread: float = 1.0, reason: str = "", **options: Any) -> Entry:
        words = "equal spread" if spread == 1 else "one and a half times the spread in one arm"
        delta = 2 * _phi(D / np.sqrt(2)) - 1
        average = np.sqrt((1 + spread**2) / 2)
        truths: dict[str, float | Truth]
        if name == "cliffs_delta":
            truths = {"delta": delta, "superiority": (1 + delta) / 2}
        elif options:
            truths = {"difference in sd": float(D / average)}
        else:
            truths = {"difference in sd": D}
            if name == "cohens_d":
                truths["overlap"] = 2 * _phi(D / 2)
        return Entry(
            "Effect sizes",
            ", ".join([name, *options.values()]),
            f"{words}, a quarter missing",
            n,
            partial(draw, spread=spread),
            partial(_effect_size, name=name, options=options),
            known(truths),
            reason=reason,
        )

    return [
        entry("cohens_d", reason=SMALL),
        entry("cohens_d", 1.5, divisor="average", reason=SMALL),
        entry("hedges_g"),
        entry("hedges_g", 1.5, divisor="average"),
        entry("glass_delta", 1.5, reason=SMALL),
        entry("cliffs_delta"),
    ]


def _effect_size(data: pd.DataFrame, name: str, options: dict[str, Any]) -> dict[str, Answer]:
    frame = getattr(ks, name)(
        data, "chg", arm="active", reference="placebo", missing="observed", **options
    ).to_frame()
    if name == "cliffs_delta":
        return {
            "delta": limits_of(frame.iloc[0]),
            "superiority": limits_of(row_where(frame, measure="probability_of_superiority")),
        }
    found: dict[str, Answer] = {"difference in sd": limits_of(frame.iloc[0])}
    if name == "cohens_d" and not options:
        found["overlap"] = limits_of(row_where(frame, measure="overlap"))
    return found


def _changes(n: int) -> list[Entry]:
    def draw(rng: Generator) -> pd.DataFrame:
        base = rng.normal(size=n)
        end = CORRELATION * base + np.sqrt(1 - CORRELATION**2) * rng.normal(size=n)
        chg = -1.0 + D * in_arms(n) + end - base
        return gone_at_random(with_arms(n, base=22 + 5 * base, chg=5 * chg), rng)

    def one(data: pd.DataFrame) -> dict[str, Answer]:
        frame = ks.standardized_mean_change(data, arm="active", missing="observed").to_frame()
        return _both(frame)

    def printed(data: pd.DataFrame) -> dict[str, Answer]:
        seen = data[(data["trt01a"] == "active") & data["chg"].notna()]
        frame = ks.published_mean_change(
            seen["chg"].mean(),
            seen["base"].std(),
            len(seen),
            sd_end=(seen["base"] + seen["chg"]).std(),
            sd_change=seen["chg"].std(),
        ).to_frame()
        return _both(frame)

    def two(data: pd.DataFrame) -> dict[str, Answer]:
        frame = ks.standardized_mean_change(
            data, arm="active", reference="placebo", missing="observed"
        ).to_frame()
        return {"against control": limits_of(frame.iloc[0])}

    change = -1.0 + D
    alone = known(
        {
            "in sd at baseline": change,
            "in sd of change": change / np.sqrt(2 - 2 * CORRELATION),
        }
    )
    made = (
        ("standardized_mean_change, one arm", one, alone),
        ("published_mean_change", printed, alone),
        ("standardized_mean_change, two arms", two, known({"against control": D})),
    )
    return [
        Entry("Effect sizes", name, "correlation 0.5, a quarter missing", n, draw, job, truth)
        for name, job, truth in made
    ]


def _both(frame: pd.DataFrame) -> dict[str, Answer]:
    return {
        "in sd at baseline": limits_of(row_where(frame, measure="change_in_sd_at_baseline")),
        "in sd of change": limits_of(row_where(frame, measure="change_in_sd_of_change")),
    }


def _equivalence(n: int) -> list[Entry]:
    """True difference at the upper bound: every rejection is an error."""

    def draw(rng: Generator, spread: float) -> pd.DataFrame:
        arm = in_arms(n)
        chg = BOUND * arm + SD * rng.normal(size=n) * np.where(arm == 1, spread, 1.0)
        return gone_at_random(with_arms(n, chg=chg), rng)

    def estimate(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        row = (
            ks.equivalence_test(
                data, "chg", arm="active", reference="placebo", missing="observed", **options
            )
            .to_frame()
            .iloc[0]
        )
        return {"test at the bound": PValue(float(row["p_value"]))}

    def entry(name: str, spread: float = 1.0, **options: Any) -> Entry:
        bound = BOUND / SD if options.get("in_sd") else BOUND
        return Entry(
            "Equivalence",
            f"equivalence_test, {name}",
            "spread 6" if spread == 1 else "spread 9 and 6",
            n,
            partial(draw, spread=spread),
            partial(estimate, options={"bounds": (-bound, bound), **options}),
            known({"test at the bound": NULL}),
            reason="the standard deviation of the bounds is estimated and taken as known"
            if options.get("in_sd")
            else "",
        )

    return [
        entry("welch", 1.5),
        entry("pooled", method="pooled"),
        entry("in sd", in_sd=True, method="pooled"),
    ]


@cache
def _above() -> float:
    """Mean baseline of those let in."""
    z = (ENTRY - BEFORE) / BEFORE_SD
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return float(BEFORE + BEFORE_SD * density / (1 - _phi(z)))


def _single_arm(n: int) -> list[Entry]:
    regression = -(1 - RELIABILITY) * (_above() - BEFORE)

    def draw(rng: Generator) -> tuple[pd.DataFrame, tuple[float, float], tuple[float, float]]:
        base = BEFORE + BEFORE_SD * rng.normal(size=8 * n)
        base = base[base >= ENTRY][:n]
        change = -(1 - RELIABILITY) * (base - BEFORE) + PLACEBO + TREATMENT
        change = change + NOISE * rng.normal(size=base.size)
        data = pd.DataFrame({"usubjid": np.arange(base.size), "base": base, "chg": change})
        placebo = regression + PLACEBO + PLACEBO_SE * float(rng.normal())
        before = BEFORE + 0.5 * float(rng.normal())
        return gone_at_random(data, rng), (placebo, PLACEBO_SE), (before, 0.5)

    observed = regression + PLACEBO + TREATMENT
    truths: dict[str, float | Truth] = {
        "observed": observed,
        "regression": regression,
        "expectancy": PLACEBO,
        "remainder": TREATMENT,
        "multiple of placebo": observed / (regression + PLACEBO),
    }
    return [
        Entry(
            "Parts of one arm",
            f"single_arm_parts, mean before selection {'given' if told else 'fitted'}",
            "entry at the mean before selection, a quarter missing",
            n,
            draw,
            partial(_parts, told=told),
            known(truths),
            reason="" if told else TOLD,
        )
        for told in (False, True)
    ]


def _parts(drawn: Any, *, told: bool) -> dict[str, Answer]:
    data, unspecific, before = drawn
    frame = ks.single_arm_parts(
        data,
        entry=ENTRY,
        step=0.0,
        reliability=RELIABILITY,
        unspecific=unspecific,
        before=before if told else None,
        missing="observed",
    ).to_frame()
    names = {
        "observed": "observed",
        "regression": "regression_to_the_mean",
        "expectancy": "expectancy",
        "remainder": "remainder",
        "multiple of placebo": "unspecific_needed_multiple",
    }
    return {name: limits_of(row_where(frame, part=part)) for name, part in names.items()}

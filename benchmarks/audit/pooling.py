"""Rates pooled over study arms, and mean changes of placebo arms."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import (
    Answer,
    Entry,
    Generator,
    Limits,
    covers,
    known,
    limits_of,
    of_sizes,
)
from audit.patients import Floats
from ketastats.models.pooled_rate import METHODS

MIDDLE, TAU = -0.4, 0.5  # logits of the studies' rates
CHANGE, TAU_CHANGE, SD = -7.0, 2.0, 7.0  # points of the placebo arms
NARROW = "normal limits that take the variance between studies as known"
NEW_STUDY = "new study minus its truth"


def entries() -> list[Entry]:
    return [*of_sizes(_pooled, 5, 20), *of_sizes(_benchmark, 5, 20)]


def _logistic(x: float | Floats) -> Floats:
    share: Floats = 1 / (1 + np.exp(-np.asarray(x)))
    return share


def _pooled(k: int) -> list[Entry]:
    def draw(rng: Generator, per_study: int) -> tuple[float, pd.DataFrame]:
        n = rng.integers(15, 100, k)
        study = np.arange(k) // per_study
        logit = MIDDLE + TAU * rng.normal(size=k)[study]  # arms of one study share its effect
        arms = pd.DataFrame(
            {"study_id": study.astype(str), "n": n, "events": rng.binomial(n, _logistic(logit))}
        )
        return float(_logistic(MIDDLE + TAU * rng.normal())), arms

    def estimate(drawn: tuple[float, pd.DataFrame], method: str) -> dict[str, Answer]:
        new, arms = drawn
        row = ks.pool_rates(arms, method=method).to_frame().iloc[0]
        limits = [float(np.log(v / (1 - v))) for v in np.clip(limits_of(row), 1e-300, 1 - 1e-16)]
        return {
            "logit of the rate": Limits(*limits),
            NEW_STUDY: Limits(0.0, row["new_low"] - new, row["new_high"] - new),
        }

    def entry(method: str, per_study: int) -> Entry:
        shared = "" if per_study == 1 else ", two arms each study"
        return Entry(
            "Pooled rates",
            f"pool_rates, {method}",
            f"arms of 15 to 100, sd of logits {TAU}{shared}",
            k,
            partial(draw, per_study=per_study),
            partial(estimate, method=method),
            known({"logit of the rate": MIDDLE, NEW_STUDY: covers(0.0)}),
            reason=NARROW if method in ("glmm", "dersimonian_laird") else "",
        )

    return [entry(m, 2 if m == "reml_cluster_robust" else 1) for m in METHODS]


def _benchmark(k: int) -> list[Entry]:
    def draw(rng: Generator) -> tuple[float, pd.DataFrame]:
        n = rng.integers(15, 100, k)
        se = SD * np.sqrt(rng.chisquare(n - 1) / (n - 1) / n)
        truth = CHANGE + TAU_CHANGE * rng.normal(size=k)
        table = pd.DataFrame(
            {
                "study_id": [f"s{i}" for i in range(k)],
                "arm": "placebo",
                "outcome_type": "mean_change",
                "instrument": "HAM-A",
                "mean": truth + SD / np.sqrt(n) * rng.normal(size=k),
                "se": se,
            }
        )
        return CHANGE + TAU_CHANGE * float(rng.normal()), table

    def estimate(drawn: tuple[float, pd.DataFrame], method: str) -> dict[str, Answer]:
        new, table = drawn
        row = ks.placebo_benchmark("HAM-A", evidence=table, method=method).to_frame().iloc[0]
        return {
            "mean change": limits_of(row),
            NEW_STUDY: Limits(0.0, row["new_low"] - new, row["new_high"] - new),
        }

    return [
        Entry(
            "Placebo benchmark",
            f"placebo_benchmark, {method}",
            "trials of 15 to 100, sd of true changes 2",
            k,
            draw,
            partial(estimate, method=method),
            known({"mean change": CHANGE, NEW_STUDY: covers(0.0)}),
            share=0.5,
        )
        for method in ("reml_hartung_knapp", "unweighted")
    ]

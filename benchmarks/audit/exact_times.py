"""Times seen exactly: Kaplan-Meier, log-rank test, restricted mean."""

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
from audit.patients import ARMS, GONE, in_arms

END, TAU, AT = 4320.0, 2160.0, 1440.0  # hours: 180, 90 and 60 days to relapse
HAZARDS = {"placebo": 1 / 1500, "active": 1 / 2500}
CELLS = "inverse-variance weights: variances of six or seven patients are known badly"
SITES = np.array([0.7, 1.0, 1.4])


def entries() -> list[Entry]:
    return [
        *of_sizes(_kaplan_meier, 40, 120),
        *of_sizes(_log_rank, 40, 160),
        *of_sizes(_restricted_mean, 40, 160),
    ]


def _times(n: int, rng: Generator, *, effect: bool, groups: int = 2) -> pd.DataFrame:
    """Times of one exponential law per arm and site, a quarter lost at a uniform time after TAU / 10."""
    site = np.arange(n) // groups % 3
    rate = np.full(n, HAZARDS["placebo"])
    if effect:
        rate = np.array([HAZARDS["placebo"], HAZARDS["active"]])[in_arms(n)]
    event = rng.exponential(1 / (rate * (1.0 if effect else SITES[site])))
    end = np.where(rng.random(n) < GONE, rng.uniform(TAU / 10, END, n), END)
    arm = ARMS[in_arms(n)] if groups == 2 else np.array(["a", "b", "c"])[np.arange(n) % 3]
    return pd.DataFrame(
        {
            "usubjid": np.arange(n),
            "trt01a": arm,
            "siteid": site,
            "left": np.minimum(event, end),
            "right": np.where(event <= end, event, np.inf),
        }
    )


def _kaplan_meier(n: int) -> list[Entry]:
    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        frame = ks.kaplan_meier(data, by="trt01a", times=[AT]).to_frame()
        frame = frame[frame["trt01a"] == "placebo"]
        return {
            "share without at 60 days": limits_of(row_where(frame, quantity="share_without")),
            "median": limits_of(row_where(frame, quantity="median")),
        }

    rate = HAZARDS["placebo"]
    return [
        Entry(
            "Kaplan-Meier",
            "kaplan_meier",
            "two arms, a quarter lost; the placebo arm",
            n,
            lambda rng: _times(n, rng, effect=True),
            estimate,
            known(
                {
                    "share without at 60 days": float(np.exp(-rate * AT)),
                    "median": float(np.log(2) / rate),
                }
            ),
        )
    ]


def _log_rank(n: int) -> list[Entry]:
    def estimate(data: pd.DataFrame, options: dict[str, Any], quantity: str) -> dict[str, Answer]:
        frame = ks.log_rank_test(data, by="trt01a", **options).to_frame()
        return {"test": PValue(float(row_where(frame, quantity=quantity)["p_value"]))}

    def entry(name: str, groups: int = 2, quantity: str = "test", **options: Any) -> Entry:
        return Entry(
            "Log-rank test",
            f"log_rank_test, {name}",
            f"{groups} equal groups at three sites, a quarter lost",
            n,
            lambda rng: _times(n, rng, effect=False, groups=groups),
            partial(estimate, options=options, quantity=quantity),
            known(test=NULL),
        )

    scores = {"a": 0.0, "b": 1.0, "c": 2.0}
    return [
        entry("two groups"),
        entry("over strata", strata="siteid"),
        entry("rho 1", rho=1.0),
        entry("three groups", groups=3),
        entry("trend", groups=3, quantity="trend", trend=scores),
    ]


def _restricted_mean(n: int) -> list[Entry]:
    means = {arm: (1 - np.exp(-rate * TAU)) / rate for arm, rate in HAZARDS.items()}

    def estimate(data: pd.DataFrame, strata: str | None) -> dict[str, Answer]:
        frame = ks.restricted_mean(
            data, tau=TAU, by="trt01a", reference="placebo", strata=strata
        ).to_frame()
        found: dict[str, Answer] = {}
        if strata is None:
            found["mean to 90 days, active"] = limits_of(
                row_where(frame, quantity="mean", trt01a="active")
            )
            found["difference"] = limits_of(row_where(frame, quantity="difference"))
        else:
            found["difference"] = limits_of(
                row_where(frame[frame["stratum"].isna()], quantity="difference")
            )
        return found

    def entry(strata: str | None) -> Entry:
        truths: dict[str, float | Truth] = {"difference": float(means["active"] - means["placebo"])}
        if strata is None:
            truths["mean to 90 days, active"] = float(means["active"])
        return Entry(
            "Restricted mean",
            "restricted_mean" + (", over strata" if strata else ""),
            "two arms, a quarter lost",
            n,
            lambda rng: _times(n, rng, effect=True),
            partial(estimate, strata=strata),
            known(truths),
            reason=CELLS if strata else "",
        )

    return [entry(None), entry("siteid")]

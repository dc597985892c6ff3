"""Time to relief seen at visits: curve, quantiles, mean, competing events, relief after leaving."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import (
    Answer,
    Entry,
    Generator,
    Truth,
    covers,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import (
    ARMS,
    VISITS,
    in_arms,
    mean_unrelieved,
    relief_quantile,
    relief_times,
    relieved_by,
    seen_between,
)

AT, TAU = 168.0, 336.0
HAZARDS = {"relief": 1 / 200, "rescue": 1 / 500}  # per hour
SLOWER, FASTER = 1 / 500, 1 / 250  # hazard of relief per hour, placebo and active
LEAVES = 0.06  # at each visit: a quarter has left before two weeks
CELL = "by convention the latest time that the likelihood leaves open"
SMALL_SAMPLES = (
    "subsamples of n^(2/3) hold a dozen patients here; that size is a choice (decision 0008)"
)
TOO_FEW = "the fewer resamples see a patient in the tail, the narrower the limits"


def entries() -> list[Entry]:
    return [
        *of_sizes(_curves, 40, 120),
        *of_sizes(_competing, 40, 120),
        *of_sizes(_after_leaving, 60, 160),
    ]


def _curves(n: int) -> list[Entry]:
    def entry(schedule: str, words: str, limits: str, **options: Any) -> Entry:
        share, reason = options.pop("share", 1.0), options.pop("reason", "")
        return Entry(
            "Time to relief",
            f"time_to_relief, {limits}",
            words,
            n,
            lambda rng: seen_between(relief_times(n, rng), rng, schedule),
            partial(_curve, options={"limits": limits, **options}),
            partial(_curve_truths, schedule),
            share=share,
            reason=reason,
        )

    few = "common visits, an eighth missed, a quarter lost"
    own = "visits at irregular times, an eighth missed, a quarter lost"
    one = "one visit each, at any time"
    return [
        entry("common", few, "auto", share=0.5),
        entry("common", few, "bootstrap", share=0.125, replicates=200, reason=TOO_FEW),
        entry("own", own, "auto", reason=CELL, share=0.2),
        entry("own", own, "subsampling", share=0.125, replicates=200, reason=SMALL_SAMPLES),
        entry("single", one, "auto", reason=CELL, share=0.15),
        entry("exact", "exact times, a quarter lost", "auto"),
    ]


def _curve(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
    frame = ks.time_to_relief(data, times=[AT], shares=(0.25, 0.5), tau=TAU, **options).to_frame()
    return {
        "share by 168 h": limits_of(row_where(frame, quantity="reached")),
        "time of a quarter": limits_of(row_where(frame, quantity="quantile", at=0.25)),
        "median": limits_of(row_where(frame, quantity="quantile", at=0.5)),
        "mean without relief to 336 h": limits_of(row_where(frame, quantity="restricted_mean")),
    }


def _curve_truths(schedule: str) -> dict[str, Truth]:
    mean = mean_unrelieved(TAU)
    aim: float | None = mean if schedule == "exact" else None
    if schedule == "common":  # relief counts from the visit at which it is seen
        edges = np.concatenate(([0.0], VISITS[VISITS <= TAU]))
        aim = float(((1 - relieved_by(edges[:-1])) * np.diff(edges)).sum())
    share = float(relieved_by(AT))
    return {
        "share by 168 h": Truth(share, share if schedule in ("common", "exact") else None),
        "time of a quarter": covers(relief_quantile(0.25)),
        "median": covers(relief_quantile(0.5)),
        "mean without relief to 336 h": Truth(mean, aim),
    }


def _competing(n: int) -> list[Entry]:
    def draw(rng: Generator, schedule: str) -> pd.DataFrame:
        total = sum(HAZARDS.values())
        times = rng.exponential(1 / total, n)
        first = rng.random(n) < HAZARDS["relief"] / total
        table = seen_between(times, rng, schedule)
        status = np.where(first, "relief", "rescue")
        return table.assign(status=np.where(np.isinf(table["right"]), "censored", status))

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        frame = ks.cumulative_incidence(data, times=[AT]).to_frame()
        return {
            f"{event} first by 168 h": limits_of(row_where(frame, event=event, time=AT))
            for event in HAZARDS
        }

    total = sum(HAZARDS.values())
    truths = {
        f"{event} first by 168 h": hazard / total * (1 - np.exp(-total * AT))
        for event, hazard in HAZARDS.items()
    }
    designs = {
        "common": "common visits, a quarter lost",
        "own": "irregular visits, a quarter lost",
        "exact": "exact times, a quarter lost",
    }
    return [
        Entry(
            "Cumulative incidence",
            "cumulative_incidence",
            words,
            n,
            partial(draw, schedule=schedule),
            estimate,
            known({q: covers(v) if schedule == "own" else v for q, v in truths.items()}),
            share=0.25 if schedule == "own" else 1.0,
        )
        for schedule, words in designs.items()
    ]


def _after_leaving(n: int) -> list[Entry]:
    def draw(rng: Generator) -> pd.DataFrame:
        hazard = np.where(in_arms(n) == 1, FASTER, SLOWER)
        times = rng.exponential(1 / hazard)
        stays = np.cumsum(rng.random((n, VISITS.size)) < LEAVES, axis=1) == 0
        left = np.where(stays & (times[:, None] > VISITS), VISITS, 0.0).max(axis=1)
        right = np.where(stays & (times[:, None] <= VISITS), VISITS, np.inf).min(axis=1)
        return pd.DataFrame(
            {"usubjid": np.arange(n), "trt01a": ARMS[in_arms(n)], "left": left, "right": right}
        )

    def estimate(data: pd.DataFrame, delta: float) -> dict[str, Answer]:
        frame = ks.delta_relief(
            data,
            arm="active",
            reference="placebo",
            horizon=TAU,
            deltas={"active": delta, "placebo": delta},
            imputations=50,
        ).to_frame()
        return {
            "share by 336 h, active": limits_of(row_where(frame, term="active")),
            "difference by 336 h": limits_of(row_where(frame, term="active minus placebo")),
        }

    return [
        Entry(
            "Relief after leaving",
            f"delta_relief, delta {delta:g}",
            "common visits, 6% leave before each",
            n,
            draw,
            partial(estimate, delta=delta),
            partial(_left_truths, delta),
            share=0.15,
            anchored=True,
        )
        for delta in (1.0, 0.5, 0.0)
    ]


@cache
def _share_after(hazard: float, delta: float) -> float:
    """Share relieved by TAU if who left has `delta` times the hazard from the last visit on."""
    visits = np.concatenate(([0.0], VISITS[VISITS <= TAU]))
    seen, staying = 0.0, 1.0
    for begin, end in pairwise(visits):
        alive = np.exp(-hazard * begin)
        seen += staying * LEAVES * alive * (1 - np.exp(-delta * hazard * (TAU - begin)))
        staying *= 1 - LEAVES
        seen += staying * (alive - np.exp(-hazard * end))
    return float(seen)


def _left_truths(delta: float) -> dict[str, Truth]:
    active, placebo = _share_after(FASTER, delta), _share_after(SLOWER, delta)
    return {
        "share by 336 h, active": Truth(active, active),
        "difference by 336 h": Truth(active - placebo, active - placebo),
    }

"""Trials of two arms with baseline and four visits, of which a quarter leaves by what was seen."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit.entry import Generator
from audit.patients import ARMS, GONE, Floats, in_arms

OWN = np.array([-4.0, -7.0, -9.0, -10.0])  # mean change of the active arm, if nobody left
REFERENCE = np.array([-3.0, -4.5, -5.5, -6.0])
NAMES = np.array(["Week 1", "Week 2", "Week 4", "Week 6"])
VISITS = 4
LEVEL, SLOPE, NOISE, BASE, BASE_NOISE, SHARED = 4.0, 1.5, 3.0, 22.0, 2.0, 0.8
FORMULA = "chg ~ base*avisit + trt01a*avisit"
MANY = 400_000


class Patients(NamedTuple):
    """Baselines, residuals at every visit, and visits completed (4: all)."""

    base: Floats
    arm: np.ndarray
    residual: Floats
    completed: np.ndarray


def means(*, effect: bool = True) -> Floats:
    """Mean changes of both arms, (2, VISITS)."""
    return np.array([REFERENCE, OWN if effect else REFERENCE])


def patients(n: int, rng: Generator, *, effect: bool = True) -> Patients:
    """Drop-out depends on the visit before, so that visits are missing at random."""
    level, slope = rng.normal(size=(n, 1)) * LEVEL, rng.normal(size=(n, 1)) * SLOPE
    base = BASE + SHARED * level[:, 0] + rng.normal(size=n) * BASE_NOISE
    residual = level + slope * np.arange(VISITS) + rng.normal(size=(n, VISITS)) * NOISE
    arm = in_arms(n)
    change = means(effect=effect)[arm] + residual
    completed = np.full(n, VISITS)
    for t in range(1, VISITS):
        odds = 0.1 * np.exp(0.16 * (change[:, t - 1] - REFERENCE.mean()))
        leaves = (completed == VISITS) & (rng.random(n) < odds / (1 + odds))
        completed[leaves] = t
    return Patients(base, arm, residual, completed)


def table(drawn: Patients, *, effect: bool = True) -> pd.DataFrame:
    """One row per patient and visit, missing after leaving."""
    n = drawn.base.size
    change = means(effect=effect)[drawn.arm] + drawn.residual
    change[np.arange(VISITS) >= drawn.completed[:, None]] = np.nan
    subject, visit = (part.ravel() for part in np.indices((n, VISITS)))
    return pd.DataFrame(
        {
            "usubjid": subject,
            "avisit": NAMES[visit],
            "trt01a": ARMS[drawn.arm][subject],
            "base": drawn.base[subject],
            "chg": change.ravel(),
        }
    )


def trial(n: int, rng: Generator, *, effect: bool = True) -> pd.DataFrame:
    return table(patients(n, rng, effect=effect), effect=effect)


@cache
def many() -> Patients:
    """Patients from whom truths that depend on who leaves are taken."""
    return patients(MANY, np.random.default_rng(20261124))


def covariance() -> tuple[Floats, Floats]:
    """Covariance of the residuals given baseline, and their slopes on it."""
    time = np.arange(VISITS)
    whole = LEVEL**2 + SLOPE**2 * np.outer(time, time) + NOISE**2 * np.eye(VISITS)
    spread = SHARED**2 * LEVEL**2 + BASE_NOISE**2
    cross = np.full(VISITS, SHARED * LEVEL**2)
    return whole - np.outer(cross, cross) / spread, cross / spread


def last_changes(strategy: str) -> Floats:
    """Change at the last visit of the many, after leaving as the assumption has it."""
    drawn = many()
    own = means()[drawn.arm]
    expected = own[:, -1].copy()
    given, _ = covariance()
    for seen in range(1, VISITS):
        left = drawn.completed == seen
        mean = own[left]
        if strategy == "jump_to_reference":
            expected[left] = REFERENCE[-1]
        elif strategy == "copy_increments":
            expected[left] = mean[:, seen - 1] + REFERENCE[-1] - REFERENCE[seen - 1]
        elif strategy == "last_mean":
            expected[left] = mean[:, seen - 1]
        elif strategy == "copy_reference":
            weights = np.linalg.solve(given[:seen, :seen], given[:seen, -1])
            expected[left] = REFERENCE[-1] + (mean - REFERENCE)[:, :seen] @ weights
    changed: Floats = expected + drawn.residual[:, -1]
    return changed


def difference(outcome: Floats) -> tuple[float, float]:
    """Difference of the arms' means of the many, and its Monte Carlo error."""
    arm = many().arm
    active, placebo = outcome[arm == 1], outcome[arm == 0]
    error = float(np.sqrt(active.var() / active.size + placebo.var() / placebo.size))
    return float(active.mean() - placebo.mean()), error


def gone_at_random(data: pd.DataFrame, rng: Generator, column: str = "chg") -> pd.DataFrame:
    """The table with a quarter of a column missing completely at random."""
    return data.assign(**{column: data[column].mask(rng.random(len(data)) < GONE)})

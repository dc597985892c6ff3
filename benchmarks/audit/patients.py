"""Tables of patients, visits and times to relief with known laws, as the field has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.entry import Generator

Floats = NDArray[np.float64]

ARMS = np.array(["placebo", "active"])
GONE = 0.25
"""Share of patients without an outcome, or lost on the way."""

# Time to relief: 60% Weibull with median 60 h, 40% never.
EVER, SHAPE, MEDIAN = 0.6, 0.8, 60.0
SCALE = MEDIAN / np.log(2) ** (1 / SHAPE)
VISITS = np.array([4.0, 24, 72, 168, 336, 504, 672])


def in_arms(n: int) -> NDArray[np.int64]:
    """1 for active, 0 for placebo, half each."""
    return np.arange(n) % 2


def with_arms(n: int, **columns: object) -> pd.DataFrame:
    """One row per patient with their arm and further columns."""
    return pd.DataFrame({"usubjid": np.arange(n), "trt01a": ARMS[in_arms(n)], **columns})


def lost_flags(
    values: NDArray[np.bool_], rng: Generator, share: float = GONE
) -> pd.arrays.BooleanArray:
    """Yes and no with a share missing completely at random; one is kept at the least."""
    gone = rng.random(values.size) < share
    gone[:2] = False
    return pd.arrays.BooleanArray(values.copy(), gone)


def relieved_by(hours: Floats | float) -> Floats:
    """Share relieved by a time."""
    share: Floats = EVER * (1 - np.exp(-((np.asarray(hours) / SCALE) ** SHAPE)))
    return share


def relief_quantile(share: float) -> float:
    """Time by which a share is relieved."""
    return float(SCALE * (-np.log(1 - share / EVER)) ** (1 / SHAPE))


def mean_unrelieved(tau: float) -> float:
    """Mean time without relief up to `tau`."""
    grid = np.linspace(0, tau, 200_001)
    return float(np.trapezoid(1 - relieved_by(grid), grid))


def relief_times(n: int, rng: Generator) -> Floats:
    return np.where(rng.random(n) < EVER, SCALE * rng.weibull(SHAPE, n), np.inf)


def seen_between(times: Floats, rng: Generator, schedule: str = "common") -> pd.DataFrame:
    """Intervals of times seen at visits: common ones, each patient's own, a single one, or exactly.

    At visits an eighth is missed; a quarter of the patients is lost at a uniform time.
    """
    n = times.size
    last = VISITS[-1]
    lost = np.where(rng.random(n) < GONE, rng.uniform(0, last, n), np.inf)
    if schedule == "exact":
        end = np.minimum(lost, last)
        return pd.DataFrame(
            {
                "usubjid": np.arange(n),
                "left": np.minimum(times, end),
                "right": np.where(times <= end, times, np.inf),
            }
        )
    if schedule == "single":
        visits = np.exp(rng.uniform(np.log(4), np.log(last), (n, 1)))
        attended = np.ones((n, 1), dtype=bool)
    else:
        visits = np.tile(VISITS, (n, 1))
        if schedule == "own":
            visits = np.sort(visits * np.exp(rng.normal(0, 0.3, visits.shape)), axis=1)
        attended = (rng.random(visits.shape) > 0.12) & (visits <= lost[:, None])
    left = np.where(attended & (visits < times[:, None]), visits, 0.0).max(axis=1)
    right = np.where(attended & (visits >= times[:, None]), visits, np.inf).min(axis=1)
    return pd.DataFrame({"usubjid": np.arange(n), "left": left, "right": right})

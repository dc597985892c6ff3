"""How often 95% limits of a regression coefficient hold the true one, by schedule, size and model.

    .venv/bin/python benchmarks/regression_coverage.py [replicates, 100 by default]

Times are Weibull (which has proportional hazards too) or log-logistic (proportional odds). They are
seen at common visits or at visits of each subject's own. Beside the models on intervals stands what an
accelerated failure time model says if the visit at which relief was seen is taken as its time.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable
from math import sqrt

import numpy as np

from ketastats.stats.interval_aft import interval_aft
from ketastats.stats.interval_transformation import interval_transformation

VISITS = np.array([4.0, 24.0, 72.0, 168.0, 336.0, 504.0])
SIZES = (100, 400)
Z = 1.959963984540054
SLOPES = np.array([-0.5, 0.3])  # of log time, for a group and a number
SCALE = 0.9
MIDDLE = np.log(150.0)
Limits = tuple[float, float]


def main() -> None:
    """Print one row per law, schedule, size and model."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    error = sqrt(0.95 * 0.05 / replicates)
    print(f"{replicates} replicates; Monte Carlo standard error of a coverage of 95%: {error:.1%}")
    print(
        "law          schedule   n    model        wald   likelihood  mean - true  failed  ms/fit"
    )
    for law in ("weibull", "loglogistic"):
        for schedule in ("common", "irregular"):
            for n in SIZES:
                for model, fit in models(law, schedule).items():
                    line = covered(law, schedule, n, fit, replicates)
                    print(f"{law:12} {schedule:10} {n:<4} {model:12} {line}")


def models(law: str, schedule: str) -> dict[str, Callable]:
    """Fits of the group's coefficient with its true value: estimate and two pairs of limits."""
    kind = "ph" if law == "weibull" else "po"
    return {
        "aft": lambda left, right, x: aft(left, right, x, law),
        kind: lambda left, right, x: transformation(left, right, x, kind, schedule),
        "visit time": lambda left, right, x: aft(
            np.where(np.isfinite(right), right, left), right, x, law
        ),
    }


def aft(left, right, x, law):
    fit = interval_aft(left, right, np.column_stack((np.ones(len(left)), x)), law=law)
    return fit.coefficients[1], fit.std_errors[1], fit.limits(1), SLOPES[0]


def transformation(left, right, x, kind, schedule):
    fit = interval_transformation(left, right, x, model=kind)
    covariance = fit.covariance if schedule == "common" else fit.profile_covariance()
    error = sqrt(covariance[0, 0])
    return fit.coefficients[0], error, fit.limits(0, std_error=error), -SLOPES[0] / SCALE


def covered(law: str, schedule: str, n: int, fit: Callable, replicates: int) -> str:
    """Simulate, fit, and count."""
    hits, far, failed, begun = np.zeros(2), 0.0, 0, time.perf_counter()
    for replicate in range(replicates):
        rng = np.random.default_rng([replicate, n])
        try:
            estimate, error, limits, truth = fit(*sample(law, schedule, n, rng))
        except (ValueError, ArithmeticError):
            failed += 1
            continue
        hits += abs(estimate - truth) <= Z * error, limits[0] <= truth <= limits[1]
        far += estimate - truth
    kept = max(replicates - failed, 1)
    spent = 1000 * (time.perf_counter() - begun) / replicates
    return (
        f"{hits[0] / kept:6.1%} {hits[1] / kept:8.1%} {far / kept:14.3f} {failed:9d} {spent:8.1f}"
    )


def sample(law: str, schedule: str, n: int, rng: np.random.Generator):
    """Intervals and covariates of one study."""
    x = np.column_stack((rng.integers(0, 2, n), rng.normal(size=n)))
    error = np.log(rng.exponential(size=n)) if law == "weibull" else rng.logistic(size=n)
    event = np.exp(MIDDLE + x @ SLOPES + SCALE * error)
    visits = np.tile(VISITS, (n, 1))
    if schedule == "irregular":
        visits = np.sort(visits * np.exp(rng.normal(0, 0.3, visits.shape)), axis=1)
    seen = rng.random(visits.shape) > 0.1  # a tenth of the visits is missed
    left = np.max(np.where(seen & (visits < event[:, None]), visits, 0.0), axis=1)
    right = np.min(np.where(seen & (visits >= event[:, None]), visits, np.inf), axis=1)
    return left, right, x


if __name__ == "__main__":
    main()

"""Log-likelihood of an interval on a scale where covariates shift a known law.

Weibull, log-logistic and log-normal regression, proportional hazards and proportional odds share one
form: after a rising transformation of time the event lies at a shift plus an error of known law.
The three laws here have log-concave densities, so that the log-likelihood of an interval
``log(F(high) - F(low))`` is concave in its two ends together (Prékopa), and so in any parameters in
which the ends are linear: Newton's method reaches the one maximum from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LARGEST = 700.0  # exp() of it is still finite
_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True)
class Law:
    """A law of errors: logarithms of its tails and density, and the density's log slopes.

    `curvature` is the second derivative of `log_density`.
    """

    name: str
    log_survival: Callable[[Floats], Floats]
    log_cdf: Callable[[Floats], Floats]
    log_density: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    curvature: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class IntervalTerms:
    """Log-likelihood per row, with first and second derivatives in both ends of the interval."""

    loglik: Floats
    low: Floats
    high: Floats
    low_low: Floats
    low_high: Floats
    high_high: Floats


def interval_loglik(law: Law, low: Floats, high: Floats) -> Floats:
    """Log of the law's mass between `low` and `high`, accurate in both tails.

    Parameters
    ----------
    low, high : (n,) arrays
        Ends, ``low < high``; minus and plus infinity are allowed. Rows with ``low >= high`` get
        minus infinity.
    """
    # The smaller tail is the accurate one: left of the centre distribution functions are
    # subtracted, right of it survival functions.
    near, far = law.log_survival(low), law.log_survival(high)
    left_side = high < 0
    if left_side.any():
        near = np.where(left_side, law.log_cdf(high), near)
        far = np.where(left_side, law.log_cdf(low), far)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apart = near - far
        rest = np.where(
            apart < 0.7, np.log(-np.expm1(-apart)), np.log1p(-np.exp(-np.maximum(apart, 0)))
        )
        loglik = near + rest
    return np.asarray(np.where(low < high, loglik, -np.inf))


def interval_terms(law: Law, low: Floats, high: Floats) -> IntervalTerms:
    """`interval_loglik` with its derivatives; those at an infinite end are zero."""
    loglik = interval_loglik(law, low, high)
    hazard_low, slope_low = _density_share(law, low, loglik)
    hazard_high, slope_high = _density_share(law, high, loglik)
    return IntervalTerms(
        loglik=loglik,
        low=-hazard_low,
        high=hazard_high,
        low_low=-hazard_low * (slope_low + hazard_low),
        low_high=hazard_low * hazard_high,
        high_high=hazard_high * (slope_high - hazard_high),
    )


def _density_share(law: Law, at: Floats, loglik: Floats) -> tuple[Floats, Floats]:
    """Density over mass, and the slope of the log density, zero at an infinite end."""
    finite = np.isfinite(at)
    here = np.where(finite, at, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.where(finite, np.exp(law.log_density(here) - loglik), 0.0)
    return np.asarray(share), np.where(finite, law.slope(here), 0.0)


def _exp(z: Floats) -> Floats:
    return np.asarray(np.exp(np.minimum(z, _LARGEST)))


def _softplus(z: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, z))


def _extreme_log_cdf(z: Floats) -> Floats:
    # Far to the left F(z) = exp(z) to double precision, while 1 - exp(-exp(z)) is 0.
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(z < -37.0, z, np.log(-np.expm1(-_exp(np.maximum(z, -37.0))))))


EXTREME = Law(
    "extreme",
    log_survival=lambda z: -_exp(z) * np.where(z == np.inf, np.inf, 1.0),
    log_cdf=_extreme_log_cdf,
    log_density=lambda z: z - _exp(z),
    slope=lambda z: 1.0 - _exp(z),
    curvature=lambda z: -_exp(z),
)
"""Smallest extreme value: Weibull times, proportional hazards. ``S(z) = exp(-exp(z))``."""

LOGISTIC = Law(
    "logistic",
    log_survival=lambda z: -_softplus(z),
    log_cdf=lambda z: -_softplus(-z),
    log_density=lambda z: -_softplus(z) - _softplus(-z),
    slope=lambda z: np.asarray(-np.tanh(z / 2)),
    curvature=lambda z: np.asarray(-2.0 * expit(z) * expit(-z)),
)
"""Logistic: log-logistic times, proportional odds."""

NORMAL = Law(
    "normal",
    log_survival=lambda z: np.asarray(log_ndtr(-z)),
    log_cdf=lambda z: np.asarray(log_ndtr(z)),
    log_density=lambda z: -0.5 * z * z - _LOG_ROOT_TWO_PI,
    slope=lambda z: -z,
    curvature=lambda z: np.full(np.shape(z), -1.0),
)
"""Normal: log-normal times."""

"""Limits of a score interval: where a falling test statistic passes plus and minus a normal quantile."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ketastats.stats.intervals import Interval

Floats = NDArray[np.float64]
_HUGE = 1e6  # stands for an infinite statistic, which the search could not interpolate


def invert_score(
    score: Callable[[float], float], z: float, low: float, estimate: float, high: float
) -> Interval:
    """Values at which a falling score statistic passes z and -z.

    Parameters
    ----------
    score : function of the parameter, falling, about 0 at the estimate
    z : float
        Normal quantile.
    low, estimate, high : float
        The parameter's range and its estimate; a limit that is not reached is the end of the range.
    """

    def limit(target: float, left: float, right: float) -> float:
        def excess(value: float) -> float:
            return float(np.clip(score(value), -_HUGE, _HUGE)) - target

        if excess(left) <= 0:
            return left
        if excess(right) >= 0:
            return right
        return float(brentq(excess, left, right, xtol=1e-14, rtol=1e-14))

    return Interval(limit(z, low, estimate), limit(-z, estimate, high))


def standardised(deviation: float, variance: float | Floats) -> float:
    """A deviation in units of its standard error, infinite where there is no error."""
    known = float(variance)
    if known > 0:
        return float(deviation) / sqrt(known)
    return 0.0 if abs(deviation) < 1e-15 else float(np.sign(deviation)) * np.inf

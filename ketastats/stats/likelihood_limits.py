"""Confidence limits of one parameter from its likelihood-ratio statistic."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

from scipy.optimize import brentq
from scipy.special import chdtri

from ketastats.stats.intervals import Interval, check_level

_PRECISION = 1e-9  # of a standard error
_MOST_STEPS = 40


def likelihood_limits(
    statistic: Callable[[float], float],
    estimate: float,
    std_error: float,
    *,
    conf_level: float = 0.95,
) -> Interval:
    """Find where the statistic reaches the chi-square quantile with one degree of freedom.

    Parameters
    ----------
    statistic : callable
        Twice the log-likelihood ratio of the maximum against a value of the parameter; 0 at the
        estimate and rising from there.
    estimate, std_error : float
        The search starts one normal limit away on each side.
    conf_level : float, default 0.95

    Returns
    -------
    Interval
        Infinite on a side where the statistic stays below the quantile.
    """
    check_level(conf_level)
    root = sqrt(chdtri(1, 1 - conf_level))

    def short_of(value: float) -> float:
        # The root of the statistic is nearly linear, which keeps the search short.
        return sqrt(max(0.0, statistic(value))) - root

    def side(sign: float) -> float:
        inner, outer = estimate, estimate + sign * root * std_error
        for _ in range(_MOST_STEPS):
            short = short_of(outer)
            if short >= 0:
                return float(brentq(short_of, inner, outer, xtol=_PRECISION * std_error))
            # A little beyond where a straight line would reach the quantile, at most twice as far.
            further = min(2.0, 1.1 * root / max(root + short, 0.5 * root))
            inner, outer = outer, estimate + further * (outer - estimate)
        return sign * inf

    return Interval(side(-1.0), side(1.0))

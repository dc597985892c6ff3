"""Confidence intervals for one binomial proportion that invert a test on the binomial itself.

Arguments and errors are those of `proportions`. Upper limits follow from lower ones by swapping
events and non-events.
"""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import bdtr, bdtrc, betaincinv

from ketastats.stats.intervals import Interval, check_counts, check_level


def clopper_pearson_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Equal-tailed exact interval; covers at least as often as it says, for every p.

    References
    ----------
    Clopper CJ, Pearson ES (1934). Biometrika 26:404-413.
    """
    tail = _tail(successes, n, conf_level)

    def lower(x: int) -> float:
        return 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))

    return _mirrored(lower, successes, n)


def mid_p_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Equal-tailed interval in which the observed outcome counts half.

    References
    ----------
    Berry G, Armitage P (1995). Statistician 44:417-423. Newcombe RG (1998). Stat Med 17:857-872,
    method 6.
    """
    tail = _tail(successes, n, conf_level)

    def lower(x: int) -> float:
        if x == 0:
            return 0.0

        def excess(p: float) -> float:
            return float(bdtrc(x, n, p) + bdtrc(x - 1, n, p)) / 2 - tail

        return float(brentq(excess, 0.0, 1.0, xtol=1e-15))

    return _mirrored(lower, successes, n)


def blaker_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Exact interval nested in Clopper-Pearson's, from Blaker's acceptability function.

    The lower limit is the infimum of all p whose acceptability exceeds 1 - conf_level. Where k is
    the largest count whose lower tail is no heavier than the observed upper tail, acceptability is
    1 - P(k < X < x): between the points at which k changes it has at most one crossing, so the
    limit is found by going through these stretches from the left.

    References
    ----------
    Blaker H (2000). Can J Stat 28:783-798.
    """
    alpha = 2 * _tail(successes, n, conf_level)

    def lower(x: int) -> float:
        return 0.0 if x == 0 else _blaker_lower(x, n, alpha)

    return _mirrored(lower, successes, n)


def _blaker_lower(x: int, n: int, alpha: float) -> float:
    start = float(betaincinv(x, n - x + 1, alpha / 2))

    def upper_tail(p: float) -> float:
        return float(bdtrc(x - 1, n, p))

    def acceptability(p: float, k: int) -> float:
        return min(1.0, upper_tail(p) + (float(bdtr(k, n, p)) if k >= 0 else 0.0))

    k = -1
    while k + 1 < x and float(bdtr(k + 1, n, start)) <= upper_tail(start):
        k += 1
    left = start
    while k + 1 < x:
        following = k + 1
        right = float(
            brentq(
                lambda p, m=following: float(bdtr(m, n, p)) - upper_tail(p), 0.0, 1.0, xtol=1e-15
            )
        )
        if acceptability(left, k) > alpha:
            return left
        if acceptability(right, k) > alpha:
            return float(
                brentq(lambda p, m=k: acceptability(p, m) - alpha, left, right, xtol=1e-15)
            )
        left, k = right, following
    return left


def _tail(successes: int, n: int, conf_level: float) -> float:
    check_counts(successes, n)
    check_level(conf_level)
    return (1 - conf_level) / 2


def _mirrored(lower: Callable[[int], float], successes: int, n: int) -> Interval:
    return Interval(lower(successes), 1 - lower(n - successes))

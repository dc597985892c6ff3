"""Confidence intervals for one binomial proportion, in closed form.

Every function takes the same arguments and returns an `Interval`:

successes, n : int
    Events and trials, ``0 <= successes <= n`` and ``n >= 1``.
conf_level : float, default 0.95
    Two-sided coverage, strictly between 0 and 1.

A `ValueError` is raised if the counts cannot belong to one sample or the level is outside (0, 1).
Limits never leave [0, 1]. The methods that invert an exact test are in `exact_proportions`.
"""

from __future__ import annotations

from math import asin, exp, log, pi, sin, sqrt

from scipy.optimize import brentq
from scipy.special import betaincinv, chdtri, xlogy

from ketastats.stats.intervals import Interval, check_counts, check_level, two_sided_quantile


def wald_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Normal approximation at the estimate: p ± z sqrt(pq/n), cut at 0 and 1.

    Its width is zero at 0/n and n/n; it is here to be compared with, not to be used.

    References
    ----------
    Newcombe RG (1998). Stat Med 17:857-872, method 1.
    """
    check_counts(successes, n)
    z, p = two_sided_quantile(conf_level), successes / n
    half = z * sqrt(p * (1 - p) / n)
    return Interval(max(0.0, p - half), min(1.0, p + half))


def agresti_coull_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Wald interval after adding z²/2 successes and z²/2 failures (z², not the rounded 4).

    References
    ----------
    Agresti A, Coull BA (1998). Am Stat 52:119-126.
    """
    check_counts(successes, n)
    z = two_sided_quantile(conf_level)
    size = n + z * z
    p = (successes + z * z / 2) / size
    half = z * sqrt(p * (1 - p) / size)
    return Interval(max(0.0, p - half), min(1.0, p + half))


def wilson_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Score interval, without continuity correction.

    References
    ----------
    Wilson EB (1927). J Am Stat Assoc 22:209-212. Newcombe RG (1998). Stat Med 17:857-872, method 3.
    """
    check_counts(successes, n)
    z, p = two_sided_quantile(conf_level), successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2) / (1 + z * z / n)
    return _closed_at_ends(Interval(centre - half, centre + half), successes, n)


def wilson_cc_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Score interval with continuity correction.

    References
    ----------
    Newcombe RG (1998). Stat Med 17:857-872, method 4.
    """
    check_counts(successes, n)
    z = two_sided_quantile(conf_level)

    def lower(x: int) -> float:
        if x == 0:
            return 0.0
        p = x / n
        root = z * z - 2 - 1 / n + 4 * p * (n * (1 - p) + 1)
        return max(0.0, (2 * x + z * z - 1 - z * sqrt(root)) / (2 * (n + z * z)))

    return Interval(lower(successes), 1 - lower(n - successes))


def jeffreys_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Equal-tailed interval of the Beta(x + 1/2, n - x + 1/2) posterior, closed at 0/n and n/n.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001). Stat Sci 16:101-133, section 4.1.
    """
    check_counts(successes, n)
    check_level(conf_level)
    tail = (1 - conf_level) / 2
    low = float(betaincinv(successes + 0.5, n - successes + 0.5, tail))
    high = float(betaincinv(successes + 0.5, n - successes + 0.5, 1 - tail))
    return _closed_at_ends(Interval(low, high), successes, n)


def scas_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Score interval corrected for skewness, which evens out the two tails.

    The corrected score solves ``p^ - p = s sqrt(pq/n) + (1 - 2p)(s² - 1) / (6n)``, a quadratic in
    p.

    References
    ----------
    Laud PJ (2017). Pharm Stat 16:334-348, appendix. Gart JJ, Nam J (1988). Biometrics 44:323-338.
    """
    check_counts(successes, n)
    z = two_sided_quantile(conf_level)
    skew = (z * z - 1) / (6 * n)

    def lower(x: int) -> float:
        if x == 0:
            return 0.0
        a, b = x / n - skew, 1 - 2 * skew
        quadratic, linear = b * b + z * z / n, 2 * a * b + z * z / n
        root = sqrt(max(0.0, linear**2 - 4 * quadratic * a * a))
        return max(0.0, (linear - root) / (2 * quadratic))

    return Interval(lower(successes), 1 - lower(n - successes))


def likelihood_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Values whose log-likelihood lies within half a chi-square quantile of the maximum.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001). Stat Sci 16:101-133, section 4.2.
    """
    check_counts(successes, n)
    check_level(conf_level)
    drop = float(chdtri(1, 1 - conf_level)) / 2
    failures = n - successes
    maximum = xlogy(successes, successes / n) + xlogy(failures, failures / n)
    floor = float(maximum) - drop

    def lower(x: int) -> float:
        if x == 0:
            return 0.0
        # The log-likelihood is at most x log(p), which passes the floor at exp(floor / x).
        outer = exp(floor / x) / 2

        def excess(p: float) -> float:
            return float(xlogy(x, p) + xlogy(n - x, 1 - p)) - floor

        return float(brentq(excess, outer, x / n, xtol=1e-16))

    return Interval(lower(successes), 1 - lower(failures))


def logit_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Wald interval on the logit scale.

    The logit of 0/n and n/n is infinite; there the limits are those of Clopper and Pearson.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001). Stat Sci 16:101-133, section 4.3.
    """
    check_counts(successes, n)
    z = two_sided_quantile(conf_level)
    tail = (1 - conf_level) / 2
    if successes == 0:
        return Interval(0.0, 1 - tail ** (1 / n))
    if successes == n:
        return Interval(tail ** (1 / n), 1.0)
    logit = log(successes / (n - successes))
    half = z * sqrt(n / (successes * (n - successes)))
    return Interval(1 / (1 + exp(half - logit)), 1 / (1 + exp(-half - logit)))


def arcsine_interval(successes: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Wald interval for asin(sqrt(p)), whose variance 1/(4n) does not depend on p.

    Uses the plain proportion; Anscombe's (x + 3/8) / (n + 3/4) is the convention left out.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001). Stat Sci 16:101-133, section 4.4.
    """
    check_counts(successes, n)
    half = two_sided_quantile(conf_level) / (2 * sqrt(n))
    angle = asin(sqrt(successes / n))
    return Interval(sin(max(0.0, angle - half)) ** 2, sin(min(pi / 2, angle + half)) ** 2)


def _closed_at_ends(interval: Interval, successes: int, n: int) -> Interval:
    low = 0.0 if successes == 0 else interval.low
    high = 1.0 if successes == n else interval.high
    return Interval(low, high)

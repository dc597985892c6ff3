"""Differences of means in standard deviations, with limits from the noncentral t distribution.

References
----------
Cohen J (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed. Hedges LV (1981). J Educ
Stat 6:107-128. Glass GV (1976). Educ Res 5:3-8. Steiger JH, Fouladi RT (1997). In: What if There Were No
Significance Tests?, chapter 9 (limits). Becker BJ (1988). Br J Math Stat Psychol 41:257-278 (change).
Morris SB (2008). Organ Res Methods 11:364-386 (pre-post-control).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, standard deviation and size of a group."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True, slots=True)
class Standardised:
    """A standardised difference, its limits, the degrees of freedom of its divisor, and the divisor."""

    estimate: float
    low: float
    high: float
    df: float
    divisor: float


def small_sample_factor(df: float) -> float:
    """Hedges' J(df), by which a standardised difference is too large on average; about 1 - 3 / (4 df - 1)."""
    return exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / sqrt(df / 2)


def noncentrality_limits(t: float, df: float, conf_level: float) -> tuple[float, float]:
    """Noncentralities under which t is at the upper and the lower end of its distribution."""
    from scipy.optimize import brentq
    from scipy.special import nctdtr

    tail = (1 - conf_level) / 2

    def solve(probability: float) -> float:
        def gap(centre: float) -> float:
            below = float(nctdtr(df, centre, t))
            if isnan(below):  # too far out to be told from 0 or 1
                below = 1.0 if centre < t else 0.0
            return below - probability

        spread = 2 + abs(t) / sqrt(df)
        low, high = t - 4 * spread, t + 4 * spread
        while gap(low) < 0:
            low -= 4 * spread
        while gap(high) > 0:
            high += 4 * spread
        return float(brentq(gap, low, high, xtol=1e-12))

    return solve(1 - tail), solve(tail)


def two_groups(
    first: Moments, second: Moments, *, divisor: str, corrected: bool, conf_level: float
) -> Standardised:
    """First minus second mean over a standard deviation.

    Parameters
    ----------
    first, second : Moments
    divisor : {"pooled", "average", "second"}
        Pooled over both groups (Cohen, Hedges), the root of the mean variance, or the second group's
        (Glass).
    corrected : bool
        Multiply by J for few subjects (Hedges).

    Raises
    ------
    ValueError
        If a group has fewer than two subjects or the divisor is 0.
    """
    n1, n2 = first.n, second.n
    if min(n1, n2) < 2:
        raise ValueError("a standard deviation needs two subjects or more in each group")
    v1, v2 = first.sd**2, second.sd**2
    if divisor == "pooled":
        df = float(n1 + n2 - 2)
        sd, se = sqrt(((n1 - 1) * v1 + (n2 - 1) * v2) / df), 0.0
        se = sd * sqrt(1 / n1 + 1 / n2)
    elif divisor == "average":
        sd, se = sqrt((v1 + v2) / 2), sqrt(v1 / n1 + v2 / n2)
        df = (
            (v1 / n1 + v2 / n2) ** 2 / ((v1 / n1) ** 2 / (n1 - 1) + (v2 / n2) ** 2 / (n2 - 1))
            if se
            else 1.0
        )
    else:
        sd, df = second.sd, float(n2 - 1)
        se = sqrt(v1 / n1 + v2 / n2)
    if sd <= 0 or se <= 0:
        raise ValueError("the standard deviation is 0, so nothing can be standardised by it")
    d = (first.mean - second.mean) / sd
    low, high = noncentrality_limits(d * sd / se, df, conf_level)
    factor = small_sample_factor(df) if corrected else 1.0
    unit = se / sd
    return Standardised(
        float(factor * d), float(factor * low * unit), float(factor * high * unit), df, float(sd)
    )


def change_in_sd_of_change(change: Moments, *, corrected: bool, conf_level: float) -> Standardised:
    """Mean change over the standard deviation of changes, with noncentral t limits."""
    if change.n < 2 or change.sd <= 0:
        raise ValueError("the standard deviation of the change is 0 or not known")
    df, root = float(change.n - 1), sqrt(change.n)
    d = change.mean / change.sd
    low, high = noncentrality_limits(d * root, df, conf_level)
    factor = small_sample_factor(df) if corrected else 1.0
    return Standardised(factor * d, factor * low / root, factor * high / root, df, change.sd)


def change_in_sd_at_start(
    change: float,
    sd_start: float,
    correlation: float,
    n: int,
    *,
    corrected: bool,
    conf_level: float,
) -> Standardised:
    """Mean change over the standard deviation at the start (Becker's d), with normal limits.

    The variance is 2 (1 - r) / n + d^2 / (2 n), r the correlation of start and end.
    """
    if n < 2 or sd_start <= 0 or not -1 <= correlation <= 1:
        raise ValueError(
            "a standardised change needs n >= 2, a standard deviation and a correlation"
        )
    factor = small_sample_factor(n - 1) if corrected else 1.0
    d = factor * change / sd_start
    half = float(ndtri(0.5 + conf_level / 2)) * sqrt(2 * (1 - correlation) / n + d**2 / (2 * n))
    return Standardised(d, d - half, d + half, float(n - 1), sd_start)


def change_against_control(
    treated: tuple[float, float, int],
    control: tuple[float, float, int],
    correlation: float,
    *,
    conf_level: float,
) -> Standardised:
    """Difference of mean changes over the pooled standard deviation at the start (Morris's d_ppc2).

    `treated` and `control` are (mean change, standard deviation at the start, n). With M = n1 + n2 - 2,
    c = 1 - 3 / (4 M - 1) and h = n1 n2 / (n1 + n2), the variance is
    2 c^2 (1 - r) / h M / (M - 2) (1 + h d^2 / (2 (1 - r))) - d^2 (Morris 2008, equation 25).
    """
    (change1, sd1, n1), (change2, sd2, n2) = treated, control
    if min(n1, n2) < 2 or n1 + n2 <= 4 or min(sd1, sd2) <= 0 or not -1 < correlation < 1:
        raise ValueError(
            "needs two subjects or more in each group, and a correlation between -1 and 1"
        )
    df = n1 + n2 - 2
    pooled = sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / df)
    factor = 1 - 3 / (4 * df - 1)
    d = factor * (change1 - change2) / pooled
    size = n1 * n2 / (n1 + n2)
    spread = 2 * (1 - correlation)
    variance = factor**2 * spread / size * df / (df - 2) * (1 + size * d**2 / spread) - d**2
    half = float(ndtri(0.5 + conf_level / 2)) * sqrt(max(variance, 0.0))
    return Standardised(d, d - half, d + half, float(df), pooled)


def overlap(d: float) -> float:
    """Share that two normal distributions of equal spread have in common (Cohen's OVL): 2 Phi(-|d| / 2)."""
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(d) / 2))


def odds_ratio_of(d: float) -> float:
    """Odds ratio that a logistic distribution would have: exp(pi d / sqrt(3)). An approximation."""
    return exp(np.pi * d / sqrt(3)) if abs(d) < 300 else (inf if d > 0 else 0.0)

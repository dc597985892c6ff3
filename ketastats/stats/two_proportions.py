"""Confidence intervals that compare two independent proportions.

Arm 1 is compared with arm 2, the reference: difference p1 - p2, ratio p1 / p2, odds ratio. Every
function takes

x1, n1, x2, n2 : int
    Events and trials in each arm.
conf_level : float, default 0.95
    Two-sided coverage, strictly between 0 and 1.

and returns an `Interval`; ratios may end in infinity. Counts that cannot belong to one sample raise
`ValueError`. Intervals that invert an exact test are in `exact_two_proportions`, intervals over
strata in `stratified_proportions`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import asin, exp, inf, isinf, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.intervals import Interval, check_counts, two_sided_quantile
from ketastats.stats.proportions import wilson_interval
from ketastats.stats.score_limits import invert_score, standardised

Floats = NDArray[np.float64]
Counts = float | Floats


def wald_difference(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Risk difference by the normal approximation with unpooled variance, cut at -1 and 1.

    References
    ----------
    Newcombe RG (1998). Stat Med 17:873-890, method 1.
    """
    z = _checked(x1, n1, x2, n2, conf_level)
    p1, p2 = x1 / n1, x2 / n2
    half = z * sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    return Interval(max(-1.0, p1 - p2 - half), min(1.0, p1 - p2 + half))


def arcsine_difference(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Cohen's h by the normal approximation, standard error sqrt(1/n1 + 1/n2), cut at -pi and pi.

    References
    ----------
    Cohen J (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed, chapter 6.
    """
    half = _checked(x1, n1, x2, n2, conf_level) * sqrt(1 / n1 + 1 / n2)
    h = cohens_h(x1 / n1, x2 / n2)
    return Interval(max(-pi, h - half), min(pi, h + half))


def cohens_h(p1: float, p2: float) -> float:
    """The difference of two shares on the arcsine scale, on which their variance hardly depends on them."""
    return 2 * asin(sqrt(p1)) - 2 * asin(sqrt(p2))


def newcombe_difference(
    x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95
) -> Interval:
    """Risk difference from the two Wilson intervals (hybrid score, no continuity correction).

    References
    ----------
    Newcombe RG (1998). Stat Med 17:873-890, method 10.
    """
    _checked(x1, n1, x2, n2, conf_level)
    p1, p2 = x1 / n1, x2 / n2
    low1, high1 = wilson_interval(x1, n1, conf_level=conf_level)
    low2, high2 = wilson_interval(x2, n2, conf_level=conf_level)
    below = sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    above = sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return Interval(p1 - p2 - below, p1 - p2 + above)


def miettinen_nurminen_difference(
    x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95
) -> Interval:
    """Risk difference by the score test with variance factor N / (N - 1).

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, equations 8 and 9.
    """
    z = _checked(x1, n1, x2, n2, conf_level)
    total = n1 + n2

    def score(difference: float) -> float:
        p1, p2 = constrained_by_difference(x1, n1, x2, n2, difference)
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * total / (total - 1)
        return standardised(x1 / n1 - x2 / n2 - difference, variance)

    return invert_score(score, z, -1.0, x1 / n1 - x2 / n2, 1.0)


def miettinen_nurminen_ratio(
    x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95
) -> Interval:
    """Risk ratio by the score test with variance factor N / (N - 1).

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, equations 10 and 11.
    """
    total = n1 + n2
    return _score_ratio(x1, n1, x2, n2, conf_level, factor=total / (total - 1))


def koopman_ratio(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Risk ratio by the score test, without the factor N / (N - 1).

    References
    ----------
    Koopman PAR (1984). Biometrics 40:513-517.
    """
    return _score_ratio(x1, n1, x2, n2, conf_level, factor=1.0)


def log_ratio(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Risk ratio by the normal approximation to its logarithm; (0, inf) if an arm has no events.

    References
    ----------
    Katz D, Baptista J, Azen SP, Pike MC (1978). Biometrics 34:469-474.
    """
    z = _checked(x1, n1, x2, n2, conf_level)
    if x1 == 0 or x2 == 0:
        return Interval(0.0, inf)
    estimate = log(x1 / n1) - log(x2 / n2)
    half = z * sqrt(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2)
    return Interval(exp(estimate - half), exp(estimate + half))


def miettinen_nurminen_odds_ratio(
    x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95
) -> Interval:
    """Odds ratio by the score test with variance factor N / (N - 1).

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, equations 12 and 13.
    """
    z = _checked(x1, n1, x2, n2, conf_level)
    if x1 + x2 in (0, n1 + n2):
        return Interval(0.0, inf)
    total = n1 + n2

    def score(log_odds_ratio: float) -> float:
        ratio = exp(log_odds_ratio)
        p1 = _share_given_odds_ratio(x1 + x2, n2, n1, 1 / ratio)
        q1 = _share_given_odds_ratio(total - x1 - x2, n2, n1, ratio)
        p2 = _share_given_odds_ratio(x1 + x2, n1, n2, ratio)
        q2 = _share_given_odds_ratio(total - x1 - x2, n1, n2, 1 / ratio)
        first, second = n1 * p1 * q1, n2 * p2 * q2
        variance = first * second / (first + second) if first + second > 0 else 0.0
        # The fit keeps the total of events: x1 - n1 p1 = n2 p2 - x2, taken where nothing cancels.
        ends = ((x2 == n2, -n2 * q2), (x2 == 0, n2 * p2), (x1 == 0, -n1 * p1), (x1 == n1, n1 * q1))
        deviation = next((value for empty, value in ends if empty), x1 - n1 * p1)
        return standardised(deviation, variance * total / (total - 1))

    return _invert_on_log_scale(score, z, _odds_ratio(x1, n1, x2, n2))


def log_odds_ratio(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Odds ratio by the normal approximation to its logarithm; (0, inf) if a cell is empty.

    References
    ----------
    Woolf B (1955). Ann Hum Genet 19:251-253.
    """
    z = _checked(x1, n1, x2, n2, conf_level)
    cells = (x1, n1 - x1, x2, n2 - x2)
    if 0 in cells:
        return Interval(0.0, inf)
    estimate = log(cells[0] * cells[3] / (cells[1] * cells[2]))
    half = z * sqrt(sum(1 / cell for cell in cells))
    return Interval(exp(estimate - half), exp(estimate + half))


def constrained_by_difference(
    x1: Counts, n1: Counts, x2: Counts, n2: Counts, difference: float
) -> tuple[Floats, Floats]:
    """Maximum-likelihood p1, p2 under p1 - p2 = difference, from the cubic of the score equation.

    Counts may be arrays, to fit many tables at once.

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, appendix I.
    """
    total = n1 + n2
    square, linear, constant = _difference_cubic(x1, n1, x2, n2, difference)
    shift = np.asarray(square / (3 * total))
    q = shift**3 - square * linear / (6 * total**2) + constant / (2 * total)
    spread = np.sign(q) * np.sqrt(np.maximum(0.0, shift**2 - linear / (3 * total)))
    cosine = np.divide(q, spread**3, out=np.zeros_like(q), where=spread != 0)
    p2 = 2 * spread * np.cos((np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3) - shift
    p2 = np.clip(p2, max(0.0, -difference), min(1.0, 1.0 - difference))
    # A share near 1 is polished as the small share of those without the event.
    few = _polished(p2, x1, n1, x2, n2, difference)
    many = 1 - _polished(1 - p2, n1 - x1, n1, n2 - x2, n2, -difference)
    p2 = np.where(p2 < 0.5, few, many)
    return np.clip(p2 + difference, 0.0, 1.0), p2


def _difference_cubic(
    x1: Counts, n1: Counts, x2: Counts, n2: Counts, difference: float
) -> tuple[Counts, Counts, Counts]:
    """Coefficients of p2 squared, p2 and 1; that of p2 cubed is n1 + n2."""
    square = (n1 + 2 * n2) * difference - n1 - n2 - (x1 + x2)
    linear = (n2 * difference - n1 - n2 - 2 * x2) * difference + x1 + x2
    return square, linear, x2 * difference * (1 - difference)


def _polished(
    p2: Floats, x1: Counts, n1: Counts, x2: Counts, n2: Counts, difference: float
) -> Floats:
    """Two Newton steps: the arc cosine leaves an error of 1e-8, large beside a share of 1e-6."""
    square, linear, constant = _difference_cubic(x1, n1, x2, n2, difference)
    for _ in range(2):
        value = (((n1 + n2) * p2 + square) * p2 + linear) * p2 + constant
        slope = np.asarray((3 * (n1 + n2) * p2 + 2 * square) * p2 + linear)
        step = np.divide(value, slope, out=np.zeros_like(slope), where=slope != 0)
        # A longer step is no polish: two roots lie close together there.
        p2 = p2 - np.where(np.abs(step) < 1e-6, step, 0.0)
        p2 = np.clip(p2, max(0.0, -difference), min(1.0, 1.0 - difference))
    return p2


def constrained_by_ratio(
    x1: Counts, n1: float, x2: Counts, n2: float, ratio: float
) -> tuple[Floats, Floats]:
    """Maximum-likelihood p1, p2 under p1 = ratio x p2; counts may be arrays.

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, equation 11.
    """
    total, events = n1 + n2, x1 + x2
    linear = n1 * ratio + x1 + n2 + x2 * ratio
    # One discriminant in two forms: the first cancels where all respond, the second where few do.
    rare = linear**2 - 4 * total * ratio * events
    excess, missed = ratio - 1, (n2 - x2) * (ratio - 1)
    common = (total * excess + total - events) ** 2 + missed**2
    common = common - 2 * missed * (total * ratio + events)
    root = np.sqrt(np.maximum(0.0, np.where(2 * events < total, rare, common)))
    # The smaller root, written so that it stays accurate for tiny and for huge ratios.
    p2 = np.minimum(1.0, 2 * events / (linear + root))
    return np.minimum(1.0, ratio * p2), p2


def _share_given_odds_ratio(events: int, n_other: int, n: int, odds_ratio: float) -> float:
    """Fitted share of one arm of `n`, given both arms' events and the other arm's odds over its odds.

    The smaller root of a quadratic, written so that it stays accurate for tiny shares.
    """
    quadratic = n * (odds_ratio - 1)
    linear = n_other * odds_ratio + n - events * (odds_ratio - 1)
    root = sqrt(max(0.0, linear**2 + 4 * quadratic * events))
    if linear > 0:
        return min(1.0, 2 * events / (linear + root))
    return min(1.0, max(0.0, (root - linear) / (2 * quadratic)))


def _score_ratio(x1: int, n1: int, x2: int, n2: int, conf_level: float, factor: float) -> Interval:
    z = _checked(x1, n1, x2, n2, conf_level)
    if x1 == 0 and x2 == 0:
        return Interval(0.0, inf)

    def score(log_of_ratio: float) -> float:
        ratio = exp(log_of_ratio)
        p1, p2 = constrained_by_ratio(x1, n1, x2, n2, ratio)
        variance = (p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2) * factor
        return standardised(x1 / n1 - ratio * x2 / n2, variance)

    estimate = inf if x2 == 0 else (x1 / n1) / (x2 / n2)
    return _invert_on_log_scale(score, z, estimate)


def _checked(x1: int, n1: int, x2: int, n2: int, conf_level: float) -> float:
    check_counts(x1, n1)
    check_counts(x2, n2)
    return two_sided_quantile(conf_level)


def _odds_ratio(x1: int, n1: int, x2: int, n2: int) -> float:
    numerator, denominator = x1 * (n2 - x2), x2 * (n1 - x1)
    return inf if denominator == 0 else numerator / denominator


_FAR = 40.0  # on the log scale: beyond 2e17 a fitted probability is 0 or 1 to machine precision


def _invert_on_log_scale(score: Callable[[float], float], z: float, estimate: float) -> Interval:
    centre = min(_FAR, max(-_FAR, log(estimate) if estimate > 0 else -inf))
    low, high = invert_score(score, z, -_FAR, centre, _FAR)
    return Interval(
        0.0 if estimate == 0 or low <= -_FAR else exp(low),
        inf if isinf(estimate) or high >= _FAR else exp(high),
    )

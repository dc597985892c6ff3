"""Exact intervals and tests that compare two independent proportions.

Differences and ratios use the unconditional test of Chan and Zhang, which orders tables by the
score statistic and takes the worst nuisance probability; odds ratios condition on the margins, as
Fisher did. Arguments are those of `two_proportions`. The unconditional methods cost n1 x n2 tables
per step and refuse more than `MOST_TABLES`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp, xlog1py, xlogy

from ketastats.stats.intervals import Interval, check_counts, check_level
from ketastats.stats.two_proportions import (
    constrained_by_difference,
    constrained_by_ratio,
    miettinen_nurminen_difference,
    miettinen_nurminen_ratio,
)

MOST_TABLES = 40_000
_NUISANCE_POINTS = 241
_TIE = 1e-9

Floats = NDArray[np.float64]


def exact_difference(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Risk difference by two one-sided unconditional tests, to about 1e-6 (hull of the values
    not rejected).

    References
    ----------
    Chan ISF, Zhang Z (1999). Biometrics 55:1202-1209.
    """
    tail = _checked_tail(x1, n1, x2, n2, conf_level)

    def one_sided_p(difference: float, sign: int) -> float:
        def pairs(p2: Floats) -> Floats:
            return p2 + difference

        span = (max(0.0, -difference), min(1.0, 1.0 - difference))
        statistic = sign * _difference_scores(n1, n2, difference)
        return _worst_tail(statistic, (x1, n1, x2, n2), pairs, span, tail)

    estimate = x1 / n1 - x2 / n2
    wide = miettinen_nurminen_difference(x1, n1, x2, n2, conf_level=1 - tail / 4)

    def limit(sign: int, score_limit: float) -> float:
        def p_value(value: float) -> float:
            return one_sided_p(sign * value, sign)

        start = _start(sign * score_limit, -1.0, p_value, tail)
        return sign * _hull_limit(p_value, tail, start, sign * estimate)

    return Interval(limit(1, wide.low), limit(-1, wide.high))


def exact_ratio(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Risk ratio by two one-sided unconditional tests, to about 1e-6 of its logarithm.

    References
    ----------
    Chan ISF, Zhang Z (1999). Biometrics 55:1202-1209, section 2, for the ratio.
    """
    tail = _checked_tail(x1, n1, x2, n2, conf_level)
    if x1 == 0 and x2 == 0:
        return Interval(0.0, inf)
    far = 30.0

    def one_sided_p(log_ratio: float, sign: int) -> float:
        ratio = exp(log_ratio)

        def pairs(p2: Floats) -> Floats:
            return np.minimum(1.0, ratio * p2)

        statistic = sign * _ratio_scores(n1, n2, ratio)
        return _worst_tail(statistic, (x1, n1, x2, n2), pairs, (0.0, min(1.0, 1 / ratio)), tail)

    estimate = far if x2 == 0 else -far if x1 == 0 else log((x1 / n1) / (x2 / n2))
    wide = miettinen_nurminen_ratio(x1, n1, x2, n2, conf_level=1 - tail / 4)

    def limit(sign: int, score_limit: float) -> float:
        def p_value(value: float) -> float:
            return one_sided_p(sign * value, sign)

        start = _start(sign * log(score_limit), -far, p_value, tail)
        return exp(sign * _hull_limit(p_value, tail, start, sign * estimate))

    return Interval(
        0.0 if x1 == 0 else limit(1, wide.low), inf if x2 == 0 else limit(-1, wide.high)
    )


def exact_odds_ratio(x1: int, n1: int, x2: int, n2: int, *, conf_level: float = 0.95) -> Interval:
    """Odds ratio from the noncentral hypergeometric distribution, tail areas (1 - conf_level) / 2
    each.

    References
    ----------
    Cornfield J (1956). Proc 3rd Berkeley Symp 4:135-148. Fisher RA (1935). J R Stat Soc 98:39-82.
    """
    tail = _checked_tail(x1, n1, x2, n2, conf_level, limit=False)
    support, weights = _hypergeometric(n1, n2, x1 + x2)
    at = x1 - int(support[0])

    def log_tail(log_odds_ratio: float, *, upper: bool) -> float:
        terms = weights + support * log_odds_ratio
        part = terms[at:] if upper else terms[: at + 1]
        return float(logsumexp(part) - logsumexp(terms))

    def limit(*, upper: bool) -> float:
        return float(
            brentq(
                lambda value: log_tail(value, upper=upper) - log(tail), -200.0, 200.0, xtol=1e-13
            )
        )

    low = 0.0 if x1 == support[0] else exp(limit(upper=True))
    high = inf if x1 == support[-1] else exp(limit(upper=False))
    return Interval(low, high)


def conditional_odds_ratio(x1: int, n1: int, x2: int, n2: int) -> float:
    """Odds ratio whose expected count, given the margins, equals the observed one."""
    check_counts(x1, n1)
    check_counts(x2, n2)
    support, weights = _hypergeometric(n1, n2, x1 + x2)
    if support.size == 1:
        return float("nan")
    if x1 == support[0]:
        return 0.0
    if x1 == support[-1]:
        return inf

    def excess(value: float) -> float:
        terms = weights + support * value
        return float(np.exp(terms - logsumexp(terms)) @ support) - x1

    return exp(brentq(excess, -200.0, 200.0, xtol=1e-13))


def fisher_test(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided p-value: the probability of all tables no likelier than the one observed.

    References
    ----------
    Fisher RA (1935). J R Stat Soc 98:39-82.
    """
    check_counts(x1, n1)
    check_counts(x2, n2)
    support, weights = _hypergeometric(n1, n2, x1 + x2)
    probability = np.exp(weights - logsumexp(weights))
    observed = probability[x1 - int(support[0])]
    return min(1.0, float(probability[probability <= observed * (1 + 1e-7)].sum()))


def _hypergeometric(n1: int, n2: int, events: int) -> tuple[Floats, Floats]:
    support = np.arange(max(0, events - n2), min(n1, events) + 1, dtype=float)
    weights = _log_choose(n1, support) + _log_choose(n2, events - support)
    return support, weights


def _log_choose(n: int, k: Floats) -> Floats:
    result: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return result


def _checked_tail(
    x1: int, n1: int, x2: int, n2: int, conf_level: float, *, limit: bool = True
) -> float:
    check_counts(x1, n1)
    check_counts(x2, n2)
    check_level(conf_level)
    if limit and (n1 + 1) * (n2 + 1) > MOST_TABLES:
        raise ValueError(
            f"an exact unconditional interval of {n1} against {n2} would have to list "
            f"{(n1 + 1) * (n2 + 1)} tables, more than {MOST_TABLES}; at this size "
            "the Miettinen-Nurminen interval serves as well"
        )
    return (1 - conf_level) / 2


def _worst_tail(
    statistic: Floats,
    counts: tuple[int, int, int, int],
    first_given_second: Callable[[Floats], Floats],
    span: tuple[float, float],
    tail: float,
) -> float:
    """Largest probability, over the nuisance p2, of tables at least as extreme as the observed one.

    The highest grid points are refined only where that could decide whether `tail` is exceeded.
    """
    x1, n1, x2, n2 = counts
    extreme = (statistic >= statistic[x1, x2] - _TIE).astype(float)

    def probability(p2: Floats) -> Floats:
        first = _binomial(n1, first_given_second(p2))
        result: Floats = ((first @ extreme) * _binomial(n2, p2)).sum(axis=1)
        return result

    near = np.geomspace(1e-6, 1e-2, 30)
    inner = np.concatenate([near, np.linspace(0.0, 1.0, _NUISANCE_POINTS), 1 - near])
    grid = np.sort(span[0] + (span[1] - span[0]) * inner)
    values = probability(grid)
    best = float(values.max())
    if best > tail or best < 0.97 * tail:
        return best
    for index in np.argsort(values)[-3:]:
        left, right = grid[max(index - 1, 0)], grid[min(index + 1, grid.size - 1)]
        for _ in range(4):
            fine = np.linspace(left, right, 21)
            around = probability(fine)
            top = int(around.argmax())
            best = max(best, float(around[top]))
            left, right = fine[max(top - 1, 0)], fine[min(top + 1, 20)]
    return best


def _binomial(n: int, p: Floats) -> Floats:
    k = np.arange(n + 1, dtype=float)
    p = np.clip(p, 0.0, 1.0)[:, None]
    result: Floats = np.exp(_log_choose(n, k) + xlogy(k, p) + xlog1py(n - k, -p))
    return result


def _difference_scores(n1: int, n2: int, difference: float) -> Floats:
    """Score statistic of every table."""
    a, b = np.arange(n1 + 1.0)[:, None], np.arange(n2 + 1.0)[None, :]
    p1, p2 = constrained_by_difference(a, n1, b, n2, difference)
    return _standardise(a / n1 - b / n2 - difference, p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)


def _ratio_scores(n1: int, n2: int, ratio: float) -> Floats:
    a, b = np.arange(n1 + 1.0)[:, None], np.arange(n2 + 1.0)[None, :]
    p1, p2 = constrained_by_ratio(a, n1, b, n2, ratio)
    variance = p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2
    return _standardise(a / n1 - ratio * b / n2, variance)


def _standardise(deviation: Floats, variance: Floats) -> Floats:
    far = np.where(np.abs(deviation) < 1e-12, 0.0, np.sign(deviation) * 1e6)
    safe = np.where(variance > 1e-15, variance, 1.0)
    result: Floats = np.where(variance > 1e-15, deviation / np.sqrt(safe), far)
    return result


def _hull_limit(p_value: Callable[[float], float], tail: float, start: float, end: float) -> float:
    """Walk from `start`, outside, towards `end` to the first value whose p-value exceeds `tail`.

    A worst-case p-value jumps as the ordering of the tables changes, so the values not rejected may
    have gaps; the interval is their hull. Steps shrink as the p-value nears the tail.
    """
    value, p = start, p_value(start)
    if p > tail:
        return start
    while value < end:
        step = 4e-3 if p < 0.5 * tail else 1e-3 if p < 0.8 * tail else 2e-4
        following = min(end, value + step)
        p = p_value(following)
        if p > tail:
            break
        value = following
    else:
        return end
    inner = following
    while inner - value > 1e-8:
        middle = (inner + value) / 2
        if p_value(middle) > tail:
            inner = middle
        else:
            value = middle
    return (inner + value) / 2


def _start(
    score_limit: float, floor: float, p_value: Callable[[float], float], tail: float
) -> float:
    """A value well outside the score limit at which the p-value is below the tail."""
    gap = 0.1
    start = max(floor, score_limit - gap)
    while start > floor and p_value(start) > tail / 2:
        gap *= 2
        start = max(floor, score_limit - gap)
    return start

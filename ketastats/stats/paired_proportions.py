"""Proportions of the same subjects twice: only those who changed carry information.

`gained` subjects went from no to yes, `lost` from yes to no, out of `n`. The difference is second
minus first, (gained - lost) / n.
"""

from __future__ import annotations

from math import sqrt

from scipy.special import bdtr, chdtrc

from ketastats.stats.intervals import Interval, check_counts, two_sided_quantile
from ketastats.stats.score_limits import invert_score, standardised


def tango_interval(gained: int, lost: int, n: int, *, conf_level: float = 0.95) -> Interval:
    """Score interval for the difference of two paired proportions.

    References
    ----------
    Tango T (1998). Stat Med 17:891-908, equations 5 to 8.
    """
    _check(gained, lost, n)
    z = two_sided_quantile(conf_level)
    estimate = (gained - lost) / n

    def score(difference: float) -> float:
        # Probability of losing, constrained to `difference`: the larger root of a quadratic.
        linear = -gained - lost + (2 * n - gained + lost) * difference
        constant = -lost * difference * (1 - difference)
        lose = (sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * lose + difference * (1 - difference))
        return standardised(gained - lost - n * difference, variance)

    return invert_score(score, z, -1.0, estimate, 1.0)


def mcnemar_test(gained: int, lost: int, *, exact: bool = False) -> float:
    """Two-sided p-value that as many gained as lost: chi-square without correction, or binomial.

    References
    ----------
    McNemar Q (1947). Psychometrika 12:153-157.
    """
    changed = gained + lost
    if changed == 0:
        return 1.0
    if exact:
        return min(1.0, 2 * float(bdtr(min(gained, lost), changed, 0.5)))
    return float(chdtrc(1, (gained - lost) ** 2 / changed))


def _check(gained: int, lost: int, n: int) -> None:
    check_counts(gained, n)
    check_counts(lost, n)
    if gained + lost > n:
        raise ValueError(f"gained + lost = {gained + lost} is more than n = {n}")

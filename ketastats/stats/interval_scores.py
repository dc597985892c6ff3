"""Scores of event intervals: how early each subject's event came, seen from everyone's curve.

The scores are derivatives of the log-likelihood of an interval (left, right] at no difference
between groups, taken at the nonparametric maximum (NPMLE) of all subjects together. Each has the
form ``(g(S(left)) - g(S(right))) / (S(left) - S(right))``, with S the pooled survival curve; the
three kinds differ in g. They sum to zero over all subjects. A positive score is an event earlier
than expected of the pooled curve, a negative one a later event, so that the sum over a group reads
like observed minus expected events.

Every function takes

left, right : (n,) array_like
    Intervals as in `ketastats.stats.turnbull`: ``left == right`` seen exactly, `right` infinite where
    the event was not reached.
weight : (n,) array_like, optional
    How many subjects share each interval.

and returns the (n,) scores of the intervals. Bounds that are no interval raise `ValueError`, a fit
that does not reach its maximum `NoConvergenceError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from ketastats.stats.npmle import NoConvergenceError
from ketastats.stats.turnbull import Turnbull, turnbull

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_SHARP = 1e-12  # duality gap; masses, and so scores, are known to about its square root


def sun_scores(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Log-rank scores by discrete hazards: g(S) = -S H, with H the sum of discrete hazards.

    On exact and right-censored times the score is 1 (event) or 0 (censored) minus Nelson and
    Aalen's cumulative hazard, so that a group's sum is the observed minus expected events of the
    log-rank test, ties included. A permutation test divides it by the permutation variance, not by
    the log-rank test's hypergeometric one.

    References
    ----------
    Sun J (1996). Stat Med 15:1387-1395. Fay MP, Shaw PA (2010). J Stat Softw 36(2), section 2
    ("logrank1").
    """
    ends = pooled_ends(left, right, weight)
    survival = ends.survival
    hazard = ends.mass / survival[:-1]
    cumulative = np.concatenate(([0.0], np.cumsum(hazard)))
    return ends.differences(-survival * cumulative)


def finkelstein_scores(
    left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None
) -> Floats:
    """Log-rank scores of grouped proportional hazards: g(S) = S log S.

    On exact and right-censored times without ties these tend to the log-rank test as the number at
    risk grows; with ties they are the score of the grouped proportional hazards model, which is not
    the log-rank test's.

    References
    ----------
    Finkelstein DM (1986). Biometrics 42:845-854. Fay MP, Shaw PA (2010). J Stat Softw 36(2),
    section 2 ("logrank2").
    """
    ends = pooled_ends(left, right, weight)
    return ends.differences(xlogy(ends.survival, ends.survival))


def wilcoxon_scores(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Scores of Wilcoxon, Mann and Whitney's type: S(left) + S(right) - 1, that is g(S) = S² - S.

    They belong to proportional odds, and weigh early differences more. On exact times without
    censoring a group's sum is -2 / n times its rank sum's distance from the expected one; on exact
    and right-censored times it is the numerator of Peto and Peto's test (weights S(t-); R's survdiff
    with rho = 1).

    References
    ----------
    Peto R, Peto J (1972). J R Stat Soc A 135:185-207. Fay MP (1996). Biometrics 52:811-822.
    """
    ends = pooled_ends(left, right, weight)
    return ends.differences(ends.survival**2 - ends.survival)


SCORES: dict[str, Callable[..., Floats]] = {
    "finkelstein": finkelstein_scores,
    "sun": sun_scores,
    "wilcoxon": wilcoxon_scores,
}
"""Score functions by name."""


@dataclass(frozen=True, slots=True)
class PooledEnds:
    """The pooled curve as steps, and the steps at which each interval begins and ends.

    `mass` (K,) are the masses of the NPMLE in order of time, `survival` (K + 1,) the curve before,
    between and after them. Interval i holds the masses ``start[i] <= k < stop[i]``.
    """

    mass: Floats
    survival: Floats
    start: Ints
    stop: Ints

    def differences(self, g: Floats) -> Floats:
        """``(g(S(left)) - g(S(right))) / (S(left) - S(right))`` for g on the steps, (K + 1,)."""
        drop = self.survival[self.start] - self.survival[self.stop]
        return np.asarray((g[self.start] - g[self.stop]) / drop, dtype=float)


def pooled_ends(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> PooledEnds:
    """Fit the NPMLE of all intervals and place each interval on its steps."""
    fit = _sharp_fit(left, right, weight)
    low, high = np.atleast_1d(np.asarray(left, float)), np.atleast_1d(np.asarray(right, float))
    # A mass lies before an interval if its cell ends at or before `left`; a time seen exactly holds
    # the mass at that very time.
    start = np.where(
        low == high,
        np.searchsorted(fit.right, low, side="left"),
        np.searchsorted(fit.right, low, side="right"),
    )
    stop = np.searchsorted(fit.right, high, side="right")
    left_over = np.cumsum(fit.mass[::-1])[::-1]  # from the end, so that the last step is exactly 0
    survival = np.concatenate((left_over, [0.0]))
    survival /= survival[0]
    return PooledEnds(-np.diff(survival), survival, start, stop)


def _sharp_fit(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None) -> Turnbull:
    """Fit more sharply than a curve needs, where the arithmetic allows."""
    try:
        return turnbull(left, right, weight, tol=_SHARP)
    except NoConvergenceError:
        return turnbull(left, right, weight)

"""Limits of a linear function of masses from its profile likelihood."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

import numpy as np

from ketastats.stats.npmle import Floats, Incidence, NoConvergenceError, maximise

_PRECISION = 1e-8  # of the likelihood-ratio statistic
_FINEST = 1e-10  # duality gap that rounding leaves within reach
_CLOSE = 1e-7  # of its root
_SLIGHT = 1e-9  # a tilt that only chooses among equal maxima
_NARROW = 1e-12  # a bracket this small against its upper end is one tilt
_MOST_EVALUATIONS = 100


def fit_tolerance(n: float) -> float:
    """Duality gap at which the likelihood-ratio statistic of `n` subjects is accurate to 1e-8, if rounding
    allows.
    """
    return max(_FINEST, _PRECISION / (2 * n))


class Profile:
    """The profile likelihood of ``coefficient @ masses``, for any coefficients.

    Parameters
    ----------
    cover : Incidence
        Observations over all cells, not only over maximal intersections: under a constraint other
        cells may carry mass.
    weight : (n_rows,) array
        Multiplicities.
    start : (K,) array, optional
        Masses near the maximum.
    """

    def __init__(self, cover: Incidence, weight: Floats, start: Floats | None = None) -> None:
        self._cover = cover
        self._n = float(weight.sum())
        self._weight = weight / self._n
        self._tol = fit_tolerance(self._n)
        self._best = maximise(cover, self._weight, initial=start, tol=self._tol)

    @property
    def loglik(self) -> float:
        """The largest log-likelihood of all subjects."""
        return self._n * self._best.mean_loglik

    @property
    def gap(self) -> float:
        """Duality gap of the maximum, per subject."""
        return self._best.gap

    def limit(self, coefficient: Floats, *, upper: bool, critical: float) -> float:
        """Largest (or smallest) value whose likelihood-ratio statistic does not exceed `critical`.

        Parameters
        ----------
        coefficient : (K,) array
            The function of the masses, such as ones on the cells after a time.
        upper : bool
            Whether the upper limit is wanted.
        critical : float
            Critical value of 2 log likelihood ratio, such as a chi-square quantile; 0 gives the
            bound that the maximum itself allows.
        """
        span = float(np.ptp(coefficient))
        if span == 0:
            return float(coefficient[0])
        scaled = (coefficient - coefficient.min()) / span * (1 if upper else -1)
        value = self._extreme(scaled, critical)
        return float(coefficient.min() + span * value * (1 if upper else -1))

    def _extreme(self, scaled: Floats, critical: float) -> float:
        """Largest value of the scaled function that is not rejected.

        The maximum with a linear tilt is the maximum under the constraint that the function has the
        value it has there, so the search is over tilts.
        """
        edge = float(scaled.max())
        at_edge = scaled == edge
        if (self._cover.mass(at_edge.astype(float)) > 0).all():
            there = maximise(self._cover, self._weight, candidates=at_edge, tol=self._tol)
            if self._statistic(there.mean_loglik) <= critical + _PRECISION:
                return edge
        value, p = 0.0, self._best.p

        tol = min(self._tol, _SLIGHT / 10) if critical == 0 else self._tol

        def excess(tilt: float) -> float:
            nonlocal value, p
            fit = maximise(self._cover, self._weight, tilt=tilt * scaled, initial=p, tol=tol)
            value, p = float(scaled @ fit.p), fit.p
            return sqrt(self._statistic(fit.mean_loglik)) - root

        root = sqrt(critical)
        if critical == 0:
            excess(_SLIGHT)
            return value
        found = _crossing(excess, start=2 * root / sqrt(self._n), at_zero=-root)
        return value if found else edge  # the edge may be approached without being reached

    def _statistic(self, mean_loglik: float) -> float:
        return max(0.0, 2 * self._n * (self._best.mean_loglik - mean_loglik))


def _crossing(function: Callable[[float], float], *, start: float, at_zero: float) -> bool:
    """Walk to where a rising function is zero, by secants inside a bracket; False if it stays below.

    The root of the likelihood-ratio statistic is nearly linear in the tilt, so that a few steps
    suffice; near an edge it is not, and where a secant brings little the bracket is halved.

    Raises
    ------
    NoConvergenceError
        If the function passes zero, and zero is not found.
    """
    before, value_before = 0.0, at_zero
    low, high = 0.0, inf
    at = start
    for _ in range(_MOST_EVALUATIONS):
        value = function(at)
        if abs(value) <= _CLOSE:
            return True
        low, high = (at, high) if value < 0 else (low, at)
        if np.isfinite(high) and high - low <= _NARROW * high:
            return True
        slope = (value - value_before) / (at - before)
        slow = abs(value) > abs(value_before) / 2
        before, value_before = at, value
        secant = at - value / slope if slope > 0 else inf
        if np.isinf(high):
            at = float(np.clip(secant, 1.1 * at, 8 * at))
        elif low < secant < high and not slow:
            at = secant
        else:
            at = (low + high) / 2
    if np.isfinite(high):
        raise NoConvergenceError("the limit of a likelihood ratio was not found")
    return False

"""Log-likelihood of accelerated failure times in parameters in which it is concave, and its maximum.

With b / sigma and 1 / sigma as parameters the standardised log bounds of every interval are linear,
so that the log-likelihood is concave (Burridge J (1981). J R Stat Soc B 43:41-45).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ketastats.stats.npmle import Ints, NoConvergenceError
from ketastats.stats.shifted_laws import Bools, Floats, Law, interval_loglik, interval_terms

_MOST_STEPS = 200
_MOST_RIDGES = 16
_DECREMENT = 1e-12  # of the log-likelihood of one subject
_NOTHING = np.zeros(0, dtype=np.intp)
_NO_VALUES = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class LogTimes:
    """Rows with weight: covariates divided by `size`, log bounds, which are exact."""

    law: Law
    x: Floats
    size: Floats
    low: Floats
    high: Floats
    exact: Bools
    weight: Floats

    @property
    def jacobian(self) -> float:
        """Sum of the log times of exact rows: from the density of log times to that of times."""
        return float(self.weight[self.exact] @ self.low[self.exact])

    def ends(
        self,
        *,
        held: Ints = _NOTHING,
        at: Floats = _NO_VALUES,
        log_scale: float | None = None,
    ) -> LinearEnds:
        """Standardised ends as linear functions of (b / sigma, 1 / sigma), some perhaps held.

        A coefficient held at a value shifts log time; a scale held leaves b / sigma alone free.
        """
        low, high = (np.where(np.isfinite(side), side, 0.0) for side in (self.low, self.high))
        free = np.delete(-self.x, held, axis=1)
        if log_scale is None:
            shift = self.x[:, held] @ at
            columns = np.column_stack((free, low - shift)), np.column_stack((free, high - shift))
            at_low, at_high = np.zeros(low.size), np.zeros(low.size)
            slope, inverse = np.append(np.zeros(free.shape[1]), 1.0), 0.0
        else:
            inverse = exp(-log_scale)
            columns = free, free
            at_low, at_high = inverse * low, inverse * high
            slope = np.zeros(free.shape[1])
        opens, closes = np.isfinite(self.low), np.isfinite(self.high)
        return LinearEnds(
            law=self.law,
            low=columns[0] * opens[:, None],
            high=columns[1] * closes[:, None],
            low_at=np.where(opens, at_low, -inf),
            high_at=np.where(closes, at_high, inf),
            exact=self.exact,
            weight=self.weight,
            slope=slope,
            inverse_scale=inverse,
        )

    def start(self, *, held: Ints = _NOTHING, at: Floats = _NO_VALUES) -> Floats:
        """Least squares on log midpoints, some coefficients perhaps held."""
        with np.errstate(over="ignore"):
            middle = np.where(
                np.isinf(self.high),
                self.low,
                np.log((np.exp(self.low) + np.exp(self.high)) / 2),
            )
        root = np.sqrt(np.where(np.isfinite(middle), self.weight, 0.0))
        middle = np.where(np.isfinite(middle), middle, 0.0)  # (0, inf] says nothing
        middle = middle - self.x[:, held] @ at
        free = np.delete(self.x, held, axis=1)
        beta = np.linalg.lstsq(free * root[:, None], middle * root, rcond=None)[0]
        residual = middle - free @ beta
        sigma = sqrt(float(root**2 @ residual**2) / float(root @ root))
        return np.append(beta, 1.0) / max(sigma, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class LinearEnds:
    """Ends of the rows on the law's scale: ``low @ theta + low_at``, and likewise `high`.

    The inverse scale, which exact rows' densities are multiplied by, is
    ``slope @ theta + inverse_scale``.
    """

    law: Law
    low: Floats
    high: Floats
    low_at: Floats
    high_at: Floats
    exact: Bools
    weight: Floats
    slope: Floats
    inverse_scale: float

    @property
    def total(self) -> float:
        """Sum of weights."""
        return float(self.weight.sum())

    def loglik(self, theta: Floats) -> float:
        """Log-likelihood; minus infinity where an interval or the scale turns round."""
        low, high = self.low @ theta + self.low_at, self.high @ theta + self.high_at
        terms = interval_loglik(self.law, low, high)
        n_exact = float(self.weight[self.exact].sum())
        if n_exact:
            gamma = float(self.slope @ theta) + self.inverse_scale
            if gamma <= 0:
                return -inf
            terms = np.where(self.exact, self.law.log_density(low), terms)
            return float(self.weight @ terms) + n_exact * log(gamma)
        return float(self.weight @ terms)

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """Gradient and observed information."""
        low, high = self.low @ theta + self.low_at, self.high @ theta + self.high_at
        terms = interval_terms(self.law, low, np.where(self.exact, low + 1.0, high))
        point = np.where(self.exact, low, 0.0)
        zero = np.where(self.exact, 0.0, self.weight)
        to_low = np.where(self.exact, self.weight * self.law.slope(point), zero * terms.low)
        ll = np.where(self.exact, self.weight * self.law.curvature(point), zero * terms.low_low)
        cross = (self.low * (zero * terms.low_high)[:, None]).T @ self.high
        gradient = self.low.T @ to_low + self.high.T @ (zero * terms.high)
        information = -(
            (self.low * ll[:, None]).T @ self.low
            + (self.high * (zero * terms.high_high)[:, None]).T @ self.high
            + cross
            + cross.T
        )
        n_exact = float(self.weight[self.exact].sum())
        if n_exact:
            gamma = float(self.slope @ theta) + self.inverse_scale
            gradient = gradient + n_exact * self.slope / gamma
            information = information + n_exact * np.outer(self.slope, self.slope) / gamma**2
        return gradient, information


@dataclass(frozen=True, slots=True, eq=False)
class AFTMaximum:
    """Parameters at the maximum, with the observed information and the certificate.

    `decrement` is the Newton decrement per subject one step before the end.
    """

    theta: Floats
    loglik: float
    gradient: Floats
    information: Floats
    decrement: float
    steps: int

    @property
    def curvature(self) -> float:
        """Smallest eigenvalue of the information."""
        return float(np.linalg.eigvalsh(self.information)[0]) if self.theta.size else inf


def maximise_ends(ends: LinearEnds, start: Floats) -> AFTMaximum:
    """Maximise by Newton's method with step halving.

    Parameters
    ----------
    ends : LinearEnds
    start : (q,) array
        With a larger scale tried where some row has no likelihood there.

    Raises
    ------
    NoConvergenceError
        If the likelihood has no maximum that was reached.
    """
    # Far from the maximum terms may overflow; the search steps back from there.
    with np.errstate(all="ignore"):
        theta, value = _with_likelihood(ends, start)
        for step in range(_MOST_STEPS):
            gradient, information = ends.derivatives(theta)
            if theta.size == 0:
                return AFTMaximum(theta, value, gradient, information, 0.0, step)
            direction = _direction(information, gradient)
            rise = float(gradient @ direction)
            decrement = rise / (2 * ends.total)
            if decrement <= _DECREMENT:
                # One more step squares what is left.
                theta = theta + direction
                gradient, information = ends.derivatives(theta)
                return AFTMaximum(theta, ends.loglik(theta), gradient, information, decrement, step)
            share = 1.0
            while share > 1e-12:
                trial = ends.loglik(theta + share * direction)
                if trial >= value + 0.1 * share * rise:
                    break
                share /= 2
            theta = theta + share * direction
            value = ends.loglik(theta)
    raise NoConvergenceError(
        f"Newton decrement {decrement:.1e} per subject after {_MOST_STEPS} steps, "
        f"wanted {_DECREMENT:.0e}"
    )


def _with_likelihood(ends: LinearEnds, start: Floats) -> tuple[Floats, float]:
    """Parameters towards a larger scale, until every row has a likelihood."""
    theta = start
    for _ in range(60):
        value = ends.loglik(theta)
        if np.isfinite(value):
            return theta, value
        theta = theta / 2
    raise NoConvergenceError("no scale was found at which every row has a likelihood")


def _direction(information: Floats, gradient: Floats) -> Floats:
    """Newton's step; a little ridge where one row's terms drown those of the others."""
    if not (np.isfinite(information).all() and np.isfinite(gradient).all()):
        raise NoConvergenceError("the observed information is not finite")
    scale = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    scaled, ridge = information / np.outer(scale, scale), 0.0
    for _ in range(_MOST_RIDGES):
        try:
            factor = cho_factor(scaled + ridge * np.eye(scale.size))
            return np.asarray(cho_solve(factor, gradient / scale) / scale)
        except LinAlgError:
            ridge = max(10 * ridge, 1e-14)
    raise NoConvergenceError("the observed information is singular")

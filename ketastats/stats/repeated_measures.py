"""Likelihood of a normal model of repeated measures, and its derivatives, from cross-products.

The model is y_i ~ N(X_i beta, Sigma_i(theta)) for independent subjects i. With P the inverse of Sigma,
M = X'PX and r = y - X beta at the best beta, minus twice the log-likelihood is

    sum log|Sigma_i| + r'Pr + N log(2 pi)                      (maximum likelihood, N outcomes)
    the same + log|M| - p log(2 pi)                            (restricted, p columns of X)

which is SAS's convention: no log|X'X| is taken off. Derivatives are exact and need the data only
through sums of products per pattern, so their cost does not depend on the number of subjects.

References
----------
Jennrich RI, Schluchter MD (1986). Biometrics 42:805-820. Lindstrom MJ, Bates DM (1988). J Am Stat
Assoc 83:1014-1022. Wolfinger R, Tobias R, Sall J (1994). SIAM J Sci Comput 15:1294-1310 (restricted
likelihood and both derivatives).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ketastats.stats.pattern_covariance import Covariance, CovarianceAt
from ketastats.summaries.cross_products import CrossProducts

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """Minus twice the log-likelihood at one `theta`, and what it was made from.

    `inverse` is P per pattern (0 where not seen), `beta` the coefficients, `bread` the inverse of M.
    """

    value: float
    theta: Floats
    beta: Floats
    bread: Floats
    inverse: Floats
    covariance: CovarianceAt
    products: CrossProducts
    reml: bool


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """First derivatives of minus twice the log-likelihood, and what the second ones start from.

    `weights` is, per pattern, the sum of (r r' + X bread X') for restricted, of r r' for maximum
    likelihood, between P and P.
    """

    gradient: Floats
    inner: Floats
    weights: Floats

    def __len__(self) -> int:
        return self.gradient.size


def likelihood(
    products: CrossProducts, covariance: Covariance, theta: Floats, *, reml: bool
) -> Likelihood | None:
    """Evaluate the likelihood at `theta`; None where it is not defined."""
    at = covariance.at(theta)
    if at is None:
        return None
    inverted = invert_seen(at.matrices, products.seen)
    if inverted is None:
        return None
    inverse, log_determinants = inverted
    total = products.total(inverse)
    p = products.columns
    root, failed = lapack.dpotrf(total[:p, :p], lower=1)
    if failed:
        return None
    bread, failed = lapack.dpotri(root, lower=1)
    bread = np.tril(bread) + np.tril(bread, -1).T
    beta = bread @ total[:p, p]
    value = float(
        products.subjects @ log_determinants
        + (total[p, p] - total[:p, p] @ beta)
        + (products.observations - reml * p) * log(2 * pi)
    )
    if reml:
        value += 2 * float(np.log(np.diag(root)).sum())
    return Likelihood(value, theta, beta, bread, inverse, at, products, reml)


def invert_seen(matrices: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Floats] | None:
    """Inverse and log determinant of each pattern's seen part; None if one is not definite."""
    both = seen[:, :, None] & seen[:, None]
    filled = np.where(both, matrices, 0.0)
    unseen = ~seen
    filled[:, np.arange(seen.shape[1]), np.arange(seen.shape[1])] += unseen
    try:
        root = np.linalg.cholesky(filled)
    except np.linalg.LinAlgError:
        return None
    diagonal = np.diagonal(root, axis1=1, axis2=2)
    inverse = np.linalg.inv(filled)
    inverse = (inverse + inverse.swapaxes(1, 2)) / 2
    return np.where(both, inverse, 0.0), 2 * np.log(diagonal).sum(axis=1)


def slopes(here: Likelihood) -> Slopes:
    """First derivatives of minus twice the log-likelihood by the covariance parameters."""
    p = here.products.columns
    gamma = np.r_[here.beta, -1.0]
    outer = np.outer(gamma, gamma)
    if here.reml:
        outer[:p, :p] += here.bread
    weights = here.inverse @ here.products.spread(outer) @ here.inverse
    inner = here.products.subjects[:, None, None] * here.inverse - weights
    return Slopes(here.covariance.along(inner), inner, weights)


def expected_curvature(here: Likelihood) -> Floats:
    """Expected second derivatives with the coefficients known: positive semi-definite, (q, q)."""
    return here.covariance.pairs(here.inverse, _scaled_inverse(here))


def partial_curvature(here: Likelihood, slope: Slopes) -> Floats:
    """Second derivatives without what the coefficients' estimation adds: cheap, near the exact ones."""
    middle = 2 * slope.weights - _scaled_inverse(here)
    return here.covariance.pairs(here.inverse, middle) + here.covariance.bend(slope.inner)


def _scaled_inverse(here: Likelihood) -> Floats:
    return here.products.subjects[:, None, None] * here.inverse


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Second derivatives (q, q), observed and expected, and d(Z'PZ)/d theta, (q, p + 1, p + 1)."""

    observed: Floats
    expected: Floats
    products: Floats


def curvature(here: Likelihood, slope: Slopes) -> Curvature:
    """Exact second derivatives of minus twice the log-likelihood, observed and expected."""
    p = here.products.columns
    moved = here.products.contract(here.covariance.rows(here.inverse))
    moved = -here.products.packing.unpack(moved)
    observed = partial_curvature(here, slope)
    pull = moved[:, :p] @ np.r_[here.beta, -1.0]
    observed = observed - 2 * pull @ here.bread @ pull.T
    middle = _scaled_inverse(here)
    if here.reml:
        turned = here.bread @ moved[:, :p, :p]
        q = len(turned)
        crossed = turned.reshape(q, -1) @ turned.swapaxes(1, 2).reshape(q, -1).T
        observed = observed - crossed
        lifted = here.products.spread(_bordered(here.bread))
        middle = middle - 2 * here.inverse @ lifted @ here.inverse
        expected = here.covariance.pairs(here.inverse, middle) + crossed
    else:
        expected = here.covariance.pairs(here.inverse, middle)
    return Curvature(observed, expected, moved)


def _bordered(matrix: Floats) -> Floats:
    """A matrix over design columns as one over design columns and outcome."""
    whole = np.zeros((len(matrix) + 1,) * 2)
    whole[:-1, :-1] = matrix
    return whole

"""Posterior draws of a normal model of repeated measures by data augmentation.

y_i ~ N(X_i beta, Sigma) with a flat prior for beta and |Sigma|^-(T+1)/2 for Sigma (Jeffreys). Each round
draws what was missed given the parameters, Sigma given complete outcomes and beta, then beta given
Sigma.

References
----------
Schafer JL (1997). Analysis of Incomplete Multivariate Data, chapters 3 and 5. Tanner MA, Wong WH (1987). J
Am Stat Assoc 82:528-540.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.reference_means import regression_ahead

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One draw of the coefficients (p,) and the covariance matrix (T, T)."""

    beta: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Pattern:
    """Subjects with the same visits missing."""

    rows: NDArray[np.intp]
    missing: NDArray[np.bool_]


def posterior_draws(
    design: Floats,
    outcome: Floats,
    start: Draw,
    *,
    draws: int,
    burn_in: int,
    thin: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Draw]:
    """Draw parameters; draws are `thin` rounds apart, after `burn_in` rounds.

    Parameters
    ----------
    design : (n, T, p) float
        Complete at every visit.
    outcome : (n, T) float
        NaN where missed; every subject has one outcome at least.
    start : Draw
        Such as the maximum of the likelihood.
    """
    n, t, p = design.shape
    flat = design.reshape(n * t, p)
    products = np.einsum("nap,nbq->abpq", design, design, optimize=True).reshape(t * t, p * p)
    missing = np.isnan(outcome)
    patterns = [
        _Pattern(np.flatnonzero((missing == held).all(axis=1)), held)
        for held in np.unique(missing, axis=0)
        if held.any()
    ]
    whole, beta, sigma = outcome.copy(), start.beta, start.sigma
    for step in range(burn_in + draws * thin):
        course = (flat @ beta).reshape(n, t)
        _fill(whole, course, sigma, patterns, rng)
        residual = whole - course
        sigma = _inverse_wishart(residual.T @ residual, n, rng)
        precision = np.linalg.inv(sigma)
        information = (precision.ravel() @ products).reshape(p, p)
        score = flat.T @ (whole @ precision).ravel()
        root = np.linalg.cholesky(information)
        centre = np.linalg.solve(root.T, np.linalg.solve(root, score))
        beta = centre + np.linalg.solve(root.T, rng.standard_normal(p))
        kept = step + 1 - burn_in
        if kept > 0 and kept % thin == 0:
            if progress is not None:
                progress(kept // thin, draws)
            yield Draw(beta, sigma)


def _fill(
    whole: Floats,
    course: Floats,
    sigma: Floats,
    patterns: list[_Pattern],
    rng: np.random.Generator,
) -> None:
    """Draw what was missed, in place."""
    for pattern in patterns:
        fill_pattern(whole, course, sigma, pattern.rows, pattern.missing, rng)


def fill_pattern(
    whole: Floats,
    course: Floats,
    sigma: Floats,
    rows: NDArray[np.intp],
    missing: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Draw the visits missing of some subjects given those seen, in place."""
    seen = ~missing
    ahead = regression_ahead(sigma, missing)
    left = sigma[np.ix_(missing, missing)] - ahead @ sigma[np.ix_(seen, missing)]
    rest = whole[np.ix_(rows, seen)] - course[np.ix_(rows, seen)]
    noise = rng.standard_normal((len(rows), int(missing.sum()))) @ np.linalg.cholesky(left).T
    whole[np.ix_(rows, missing)] = course[np.ix_(rows, missing)] + rest @ ahead.T + noise


def _inverse_wishart(scatter: Floats, df: int, rng: np.random.Generator) -> Floats:
    """A draw with density proportional to |S|^-(df + T + 1)/2 exp(-tr(scatter S^-1)/2), by Bartlett."""
    t = len(scatter)
    root = np.linalg.cholesky(np.linalg.inv(scatter))
    lower = np.tril(rng.standard_normal((t, t)), -1)
    lower[np.diag_indices(t)] = np.sqrt(rng.chisquare(df - np.arange(t)))
    half = root @ lower
    return np.asarray(np.linalg.inv(half @ half.T))

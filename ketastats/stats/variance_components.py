"""A linear model with one random intercept per cluster, by (restricted) maximum likelihood.

The covariance of a cluster of size m is s2 I + t2 J. Along the cluster's mean it has the eigenvalue
s2 + m t2, elsewhere s2; so everything is a sum over few components, the deviations within clusters and
the means of clusters of each size, each with products S_c of its rows, d_c degrees of freedom and an
eigenvalue a_c' theta that is linear in theta = (t2, s2).

References
----------
Searle SR, Casella G, McCulloch CE (1992). Variance Components, chapters 3 and 6. Kenward MG, Roger JH
(1997). Biometrics 53:983-997.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

STEPS = 100
TOLERANCE = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Products (C, p + 1, p + 1) of design and outcome, degrees of freedom (C,) and loadings (C, 2)."""

    products: Floats
    freedom: Floats
    loadings: Floats
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class InterceptFit:
    """A maximum: coefficients, their covariance `bread`, theta, and derivatives there.

    `free` says which elements of theta were estimated; a variance between clusters at its edge of 0 is
    not. `observed` and `expected` are second derivatives of `value`, minus twice the log-likelihood, and
    `moved` the first derivatives of the inverse of `bread`, by the free elements.
    """

    value: float
    theta: Floats
    free: Ints
    beta: Floats
    bread: Floats
    observed: Floats
    expected: Floats
    moved: Floats
    loadings: Floats
    eigenvalues: Floats
    products: Floats


def cluster_components(design: Floats, outcome: Floats, cluster: Ints) -> Components:
    """Split products of rows into within clusters and between clusters of each size."""
    both = np.column_stack([design, outcome])
    sizes = np.bincount(cluster)
    sums = np.zeros((len(sizes), both.shape[1]))
    np.add.at(sums, cluster, both)
    distinct = np.unique(sizes)
    between = np.stack([sums[sizes == m].T @ sums[sizes == m] / m for m in distinct])
    within = both.T @ both - between.sum(axis=0)
    counts = np.array([(sizes == m).sum() for m in distinct], dtype=float)
    return Components(
        products=np.concatenate([within[None], between]),
        freedom=np.r_[len(both) - len(sizes), counts],
        loadings=np.column_stack([np.r_[0.0, distinct], np.ones(len(distinct) + 1)]),
        rows=len(both),
    )


def fit_intercept(parts: Components, *, reml: bool) -> InterceptFit:
    """Maximise the likelihood over theta with a variance between clusters of at least 0.

    Raises
    ------
    ValueError
        If no maximum is found.
    """
    p = parts.products.shape[1] - 1
    spare = max(parts.rows - p, 1)
    s2 = float(_rest(parts.products.sum(axis=0))) / spare
    both = np.array([0, 1], dtype=np.intp)
    edge = _newton(parts, np.array([0.0, s2]), both[1:], reml=reml)
    if edge is not None:
        there = _evaluate(parts, edge.theta, both, reml=reml)
        if there is not None and _gradient(parts, there, reml=reml)[0] >= 0:
            return edge
    inner = _newton(parts, np.array([0.2 * s2, 0.8 * s2]), both, reml=reml)
    if inner is None or inner.theta[0] <= 0:
        raise ValueError("the likelihood of the random-intercept model has no maximum")
    return inner


def _newton(parts: Components, theta: Floats, free: Ints, *, reml: bool) -> InterceptFit | None:
    here = _evaluate(parts, theta, free, reml=reml)
    for _ in range(STEPS):
        if here is None:
            return None
        gradient = _gradient(parts, here, reml=reml)
        definite = np.linalg.eigvalsh(here.observed)[0] > 0
        curve = here.observed if definite else here.expected
        step: Floats = -np.asarray(np.linalg.solve(curve, gradient), dtype=float)
        if definite and -gradient @ step < TOLERANCE:
            return here
        here = _improved(parts, here, step, reml=reml)
    return None


def _improved(
    parts: Components, here: InterceptFit, step: Floats, *, reml: bool
) -> InterceptFit | None:
    length = 1.0
    for _ in range(40):
        theta = here.theta.copy()
        theta[here.free] += length * step
        there = _evaluate(parts, theta, here.free, reml=reml)
        if there is not None and there.value <= here.value + 1e-12 * abs(here.value):
            return there
        length /= 2
    return None


def _evaluate(parts: Components, theta: Floats, free: Ints, *, reml: bool) -> InterceptFit | None:
    """Likelihood and second derivatives at theta; None where an eigenvalue is not positive."""
    eigenvalues = parts.loadings @ theta
    if (eigenvalues[parts.freedom > 0] <= 0).any():
        return None
    eigenvalues = np.where(parts.freedom > 0, eigenvalues, 1.0)
    p = parts.products.shape[1] - 1
    total = np.tensordot(1 / eigenvalues, parts.products, 1)
    bread: Floats = np.asarray(np.linalg.inv(total[:p, :p]), dtype=float)
    beta = bread @ total[:p, p]
    gamma = np.r_[beta, -1.0]
    loads = parts.loadings[:, free]
    moved = -np.tensordot((loads / eigenvalues[:, None] ** 2).T, parts.products, 1)
    bent = 2 * (loads[:, :, None] * loads[:, None] / eigenvalues[:, None, None] ** 3)
    outer = np.outer(gamma, gamma)
    lifted = np.zeros_like(outer)
    lifted[:p, :p] = bread
    turned = bread @ moved[:, :p, :p]
    crossed = np.einsum("jab,lba->jl", turned, turned)
    pull = moved[:, :p] @ gamma
    weights = (parts.products * (outer + reml * lifted)).sum(axis=(1, 2))
    observed = (
        np.tensordot(weights, bent, 1)
        - np.einsum("c,cj,cl->jl", parts.freedom / eigenvalues**2, loads, loads)
        - 2 * pull @ bread @ pull.T
        - reml * crossed
    )
    of_means = (parts.products * lifted).sum(axis=(1, 2))
    spare = parts.freedom / eigenvalues**2 - reml * 2 * of_means / eigenvalues**3
    expected = np.einsum("c,cj,cl->jl", spare, loads, loads) + reml * crossed
    value = float(
        parts.freedom @ np.log(eigenvalues)
        + gamma @ total @ gamma
        + (parts.rows - reml * p) * log(2 * pi)
        + reml * np.linalg.slogdet(total[:p, :p])[1]
    )
    return InterceptFit(
        value, theta, free, beta, bread, observed, expected, moved[:, :p, :p], loads, eigenvalues,
        parts.products[:, :p, :p],
    )  # fmt: skip


def _gradient(parts: Components, here: InterceptFit, *, reml: bool) -> Floats:
    gamma = np.r_[here.beta, -1.0]
    outer = np.outer(gamma, gamma)
    outer[:-1, :-1] += reml * here.bread
    weights = (parts.products * outer).sum(axis=(1, 2))
    slope = parts.freedom / here.eigenvalues - weights / here.eigenvalues**2
    return np.asarray(slope @ here.loadings)


def adjusted_covariance(fit: InterceptFit, theta_covariance: Floats) -> Floats:
    """Kenward and Roger's covariance of the coefficients; its matrices are linear in theta."""
    loads = np.einsum("cj,jl,cl->c", fit.loadings, theta_covariance, fit.loadings)
    added = np.tensordot(loads / fit.eigenvalues**3, fit.products, 1)
    added = added - np.einsum(
        "jl,jab,bc,lcd->ad", theta_covariance, fit.moved, fit.bread, fit.moved, optimize=True
    )
    return np.asarray(fit.bread + fit.bread @ (added + added.T) @ fit.bread)


def _rest(total: Floats) -> float:
    """Residual sum of squares of least squares."""
    p = len(total) - 1
    fitted = total[p, :p] @ np.linalg.solve(total[:p, :p], total[:p, p])
    return float(total[p, p] - fitted)

"""Random-intercept logistic model for rates: events are binomial given a study's logit, which is
normal.

The exact binomial likelihood needs no continuity correction at 0/n or n/n, where normal
approximations to each study's logit are biased. The integral over a study's logit is done by
adaptive Gauss-Hermite quadrature, whose nodes follow each study's mode, with enough nodes that more
would not change the result; score and information are the exact ones of Louis.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ketastats.stats.random_effects import PooledMean

Floats = NDArray[np.float64]
N_NODES = 41
_MOST_STEPS = 200


class NoConvergenceError(ArithmeticError):
    """The likelihood was not brought to a maximum."""


@dataclass(frozen=True, slots=True)
class BinomialNormalFit:
    """Maximum-likelihood fit on the logit scale.

    `mean` holds the mean logit, its standard error (from the observed information of both
    parameters) and the variance `tau2` of logits between studies; `tau2_std_error` is missing when
    `tau2` is 0.
    """

    mean: PooledMean
    tau2_std_error: float
    log_likelihood: float


def binomial_normal(x: ArrayLike, n: ArrayLike) -> BinomialNormalFit:
    """Fit logit(p_i) ~ Normal(mu, tau2), x_i ~ Binomial(n_i, p_i) by maximum likelihood.

    Parameters
    ----------
    x, n : (k,) array_like of whole numbers
        Events and people per study, ``0 <= x <= n``, ``n >= 1``; not all x zero, not all x = n.

    Raises
    ------
    ValueError
        If the counts cannot be, or no or every person has the event, so that the logit is infinite.
    NoConvergenceError
        If no maximum was reached.

    References
    ----------
    Stijnen T, Hamza TH, Özdemir P (2010). Stat Med 29:3046-3067. Pinheiro JC, Bates DM (1995). J
    Comput Graph Stat 4:12-35 (quadrature). Louis TA (1982). J R Stat Soc B 44:226-233
    (information).
    """
    events, sizes = _checked(x, n)
    crude = float(events.sum() / sizes.sum())
    theta = np.array([log(crude / (1 - crude)), 0.5])  # mean and standard deviation of the logits
    value, score, information = _moments(theta, events, sizes)
    for _ in range(_MOST_STEPS):
        step = _newton_step(score, information)
        following, scale = theta + step, 1.0
        while True:
            following[1] = abs(following[1])  # the likelihood is even in the standard deviation
            new_value, new_score, new_information = _moments(following, events, sizes)
            if new_value >= value - 1e-12 * abs(value) or scale < 1e-10:
                break
            scale /= 2
            following = theta + scale * step
        moved = float(np.max(np.abs(following - theta)))
        theta, value, score, information = following, new_value, new_score, new_information
        if moved < 1e-11:
            break
        if theta[1] < 1e-5:
            return _without_heterogeneity(events, sizes)
    else:
        raise NoConvergenceError(f"no maximum after {_MOST_STEPS} steps")
    at_zero = _without_heterogeneity(events, sizes)
    if at_zero.log_likelihood >= value:
        return at_zero
    covariance = np.linalg.inv(information)
    mean = PooledMean(
        float(theta[0]), sqrt(covariance[0, 0]), float(theta[1]) ** 2, events.size, inf
    )
    return BinomialNormalFit(mean, float(2 * theta[1] * sqrt(covariance[1, 1])), value)


def _checked(x: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    events, sizes = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (x, n))
    if events.ndim != 1 or events.shape != sizes.shape or events.size == 0:
        raise ValueError("events and sizes must be two lists of equal length, at least one study")
    whole = (events == np.round(events)) & (sizes == np.round(sizes))
    if not (whole & (events >= 0) & (events <= sizes) & (sizes >= 1)).all():
        raise ValueError("each study needs whole numbers with 0 <= events <= size and size >= 1")
    if events.sum() in (0, sizes.sum()):
        raise ValueError(
            "no study saw both outcomes, so the mean logit is infinite; "
            "give an exact interval for the summed counts instead"
        )
    return events, sizes


def _moments(theta: Floats, events: Floats, sizes: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, score and observed information in (mu, standard deviation)."""
    mu, sd = float(theta[0]), float(theta[1])
    nodes, log_weights = _hermite(N_NODES)
    mode, spread = _modes(mu, sd, events, sizes)
    u = mode[:, None] + spread[:, None] * nodes[None, :]  # standardised study effects
    eta = mu + sd * u
    log_p = -np.logaddexp(0.0, -eta)
    log_q = -np.logaddexp(0.0, eta)
    log_joint = events[:, None] * log_p + (sizes - events)[:, None] * log_q - u**2 / 2
    terms = log_joint + log_weights + nodes**2 + np.log(spread)[:, None]
    largest = terms.max(axis=1, keepdims=True)
    share = np.exp(terms - largest)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    constant = gammaln(sizes + 1) - gammaln(events + 1) - gammaln(sizes - events + 1)
    value = float((largest + np.log(total)).sum() + (constant - 0.5 * log(2 * pi)).sum())

    p = np.exp(log_p)
    residual = events[:, None] - sizes[:, None] * p
    curvature = sizes[:, None] * p * np.exp(log_q)
    gradient = np.stack([residual, residual * u])  # of the complete-data log-likelihood
    mean_gradient = np.einsum("akj,kj->ak", gradient, share)
    second = np.einsum("akj,bkj,kj->ab", gradient, gradient, share)
    powers = np.stack([np.ones_like(u), u])
    complete = np.einsum("akj,bkj,kj,kj->ab", powers, powers, curvature, share)
    information = complete - second + mean_gradient @ mean_gradient.T
    return value, mean_gradient.sum(axis=1), information


def _modes(mu: float, sd: float, events: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Mode and curvature scale of each study's standardised effect given its counts."""
    u = np.zeros(events.size)
    for _ in range(100):
        p = 1 / (1 + np.exp(-(mu + sd * u)))
        slope = sd * (events - sizes * p) - u
        curvature = sd**2 * sizes * p * (1 - p) + 1
        step = np.clip(slope / curvature, -2.0, 2.0)
        u = u + step
        if float(np.max(np.abs(step))) < 1e-10:
            break
    p = 1 / (1 + np.exp(-(mu + sd * u)))
    return u, np.sqrt(2.0) / np.sqrt(sd**2 * sizes * p * (1 - p) + 1)


def _hermite(n_nodes: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.hermite.hermgauss(n_nodes)
    return nodes, np.log(weights)


def _newton_step(score: Floats, information: Floats) -> Floats:
    """Newton's step, made uphill by lifting the information where it is not positive definite."""
    values, vectors = np.linalg.eigh(information)
    lifted = np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
    step = vectors @ ((vectors.T @ score) / lifted)
    return np.asarray(np.clip(step, -1.0, 1.0))


def _without_heterogeneity(events: Floats, sizes: Floats) -> BinomialNormalFit:
    p = float(events.sum() / sizes.sum())
    constant = gammaln(sizes + 1) - gammaln(events + 1) - gammaln(sizes - events + 1)
    value = float(constant.sum()) + float(events.sum()) * log(p)
    value += float((sizes - events).sum()) * log(1 - p)
    se = 1 / sqrt(float(sizes.sum()) * p * (1 - p))
    mean = PooledMean(log(p / (1 - p)), se, 0.0, events.size, inf)
    return BinomialNormalFit(mean, float("nan"), value)

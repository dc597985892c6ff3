"""Maximising the likelihood of a normal model of repeated measures, with a record of what was tried.

Newton steps with exact second derivatives; expected ones where those are not definite; shorter steps
where a step leaves the definite matrices or does not improve. A fit counts as converged only when the
observed second derivatives are positive definite and the Newton decrement g' H^-1 g, about twice the
distance of minus twice the log-likelihood from its minimum, is below `TOLERANCE`. Where this fails the
next rung is tried: first steps of the EM algorithm, then a start from independence.

References
----------
Jennrich RI, Schluchter MD (1986). Biometrics 42:805-820. Laird N, Lange N, Stram D (1987). J Am Stat
Assoc 82:97-105 (EM).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.pattern_covariance import CommonCovariance, Covariance
from ketastats.stats.repeated_measures import (
    Curvature,
    Likelihood,
    Slopes,
    curvature,
    expected_curvature,
    likelihood,
    partial_curvature,
    slopes,
)
from ketastats.summaries.cross_products import CrossProducts

Floats = NDArray[np.float64]

TOLERANCE = 1e-12
NEARLY = 1e-2  # decrement below which exact second derivatives are worth their price
STEPS = 400
HALVINGS = 30
EM_STEPS = 300
_SINGULAR = 1e-7  # smallest eigenvalue of correlations that no longer make a matrix


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rung: how it went about it, and where it ended."""

    way: str
    steps: int
    value: float
    decrement: float
    outcome: str


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedFit:
    """A maximum: the likelihood there, its second derivatives, and every attempt, the last one kept."""

    here: Likelihood
    curvature: Curvature
    decrement: float
    attempts: tuple[Attempt, ...]


class NotConvergedError(Exception):
    """No rung reached a maximum; `attempts` says what became of each."""

    def __init__(self, attempts: tuple[Attempt, ...]) -> None:
        super().__init__("; ".join(f"{a.way}: {a.outcome}" for a in attempts))
        self.attempts = attempts


def fit_repeated(
    products: CrossProducts,
    covariance: Covariance,
    moments: Floats,
    *,
    reml: bool,
    start: Floats | None = None,
) -> RepeatedFit:
    """Find the maximum of the (restricted) likelihood.

    Parameters
    ----------
    products : CrossProducts
        Of a well-scaled design: columns of similar size, outcomes of about unit variance.
    covariance : Covariance
    moments : (groups, T, T) float
        Rough covariance matrices to start from.
    reml : bool
    start : (q,) float, optional
        Parameters to start from instead, such as those of nearly the same data.

    Raises
    ------
    NotConvergedError
        If no rung of the ladder reached a maximum.
    """
    attempts: list[Attempt] = []
    for way, first in _rungs(products, covariance, moments, start, reml=reml):
        here = likelihood(products, covariance, first(), reml=reml)
        if here is None:
            attempts.append(Attempt(way, 0, inf, inf, "its start is not a covariance matrix"))
            continue
        found, attempt = _climb(here, covariance, way)
        attempts.append(attempt)
        if found is not None:
            return RepeatedFit(*found, attempt.decrement, tuple(attempts))
    raise NotConvergedError(tuple(attempts))


def moment_matrices(products: CrossProducts, groups: int) -> Floats:
    """Mean products of the outcomes of each pair of occasions, (groups, T, T)."""
    square = np.zeros((products.packing.size,) * 2)
    square[-1, -1] = 1.0
    each = products.spread(square)
    together = products.subjects[:, None, None] * (
        products.seen[:, :, None] & products.seen[:, None]
    )
    found = []
    for group in range(groups):
        here = products.group == group
        counts = together[here].sum(axis=0)
        moments = each[here].sum(axis=0) / np.maximum(counts, 1)
        never = np.diag(counts) == 0  # such an occasion is taken to vary like the others
        moments[never, never] = np.diag(moments)[~never].mean()
        found.append(moments)
    return np.stack(found)


def _rungs(
    products: CrossProducts,
    covariance: Covariance,
    moments: Floats,
    start: Floats | None,
    *,
    reml: bool,
) -> list[tuple[str, Callable[[], Floats]]]:
    """Ways to try, in order, each with the parameters it starts from."""
    diagonal = moments * np.eye(moments.shape[1])
    rungs: list[tuple[str, Callable[[], Floats]]] = []
    if start is not None:
        rungs.append(("Newton from the parameters given", lambda: start))
    rungs.append(("Newton from moments", lambda: covariance.start(moments)))
    if isinstance(covariance, CommonCovariance):

        def warmed() -> Floats:
            return covariance.start(_expected_matrices(products, moments, reml=reml))

        rungs.append(("Newton after EM", warmed))
    rungs.append(("Newton from independence", lambda: covariance.start(diagonal)))
    return rungs


def _climb(
    here: Likelihood, covariance: Covariance, way: str
) -> tuple[tuple[Likelihood, Curvature] | None, Attempt]:
    """Newton's method from one start."""
    decrement = inf
    for step in range(STEPS):
        slope = slopes(here)
        if decrement > NEARLY:
            direction, decrement = _cheap_direction(here, slope)
        if decrement <= NEARLY:
            exact = curvature(here, slope)
            direction, decrement, definite = _direction(slope.gradient, exact.observed)
            if definite and decrement < TOLERANCE:
                return (here, exact), Attempt(way, step, here.value, decrement, "converged")
            if not definite:
                direction, decrement = _cheap_direction(here, slope)
        if not isfinite(decrement):
            return None, Attempt(way, step, here.value, decrement, _flat(here))
        better = _shorter_until_better(
            here, covariance, direction, float(slope.gradient @ direction)
        )
        if better is None:
            return None, Attempt(way, step, here.value, decrement, "no step improves the fit")
        here = better
    return None, Attempt(way, STEPS, here.value, decrement, f"not at a maximum after {STEPS} steps")


def _cheap_direction(here: Likelihood, slope: Slopes) -> tuple[Floats, float]:
    direction, decrement, definite = _direction(slope.gradient, partial_curvature(here, slope))
    if not definite:
        direction, decrement, _ = _direction(slope.gradient, expected_curvature(here))
    return direction, decrement


def _direction(gradient: Floats, second: Floats) -> tuple[Floats, float, bool]:
    """Newton direction and decrement, and whether the second derivatives are positive definite."""
    scale = np.sqrt(np.abs(np.diag(second)))
    if not (np.isfinite(second).all() and (scale > 0).all()):
        return np.zeros_like(gradient), inf, False
    try:
        root = np.linalg.cholesky(second / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.zeros_like(gradient), inf, False
    half = np.linalg.solve(root, gradient / scale)
    return -np.linalg.solve(root.T, half) / scale, float(half @ half), True


def _shorter_until_better(
    here: Likelihood, covariance: Covariance, direction: Floats, slope: float
) -> Likelihood | None:
    length = 1.0
    rounding = 1e-12 * abs(here.value)
    for _ in range(HALVINGS):
        theta = here.theta + length * direction
        there = likelihood(here.products, covariance, theta, reml=here.reml)
        if there is not None and there.value <= here.value + 1e-4 * length * slope + rounding:
            return there
        length /= 2
    return None


def _flat(here: Likelihood) -> str:
    """Why no direction was found: a matrix at its edge, or parameters that the data do not tell."""
    sd = np.sqrt(np.diagonal(here.covariance.matrices, axis1=1, axis2=2))
    correlations = here.covariance.matrices / (sd[:, :, None] * sd[:, None])
    if np.linalg.eigvalsh(correlations)[:, 0].min() < _SINGULAR:
        return "the covariance matrix runs towards a singular one"
    return f"the likelihood says nothing about some of the {here.theta.size} covariance parameters"


def _expected_matrices(products: CrossProducts, moments: Floats, *, reml: bool) -> Floats:
    """Unstructured matrices after steps of the EM algorithm, one per group."""
    from ketastats.stats.covariance_structures import unstructured

    groups, t = moments.shape[0], moments.shape[1]
    free = CommonCovariance(unstructured(t), products, groups)
    theta = free.start(moments)
    subjects = np.bincount(products.group, products.subjects, minlength=groups)
    before = inf
    for _ in range(EM_STEPS):
        here = likelihood(products, free, theta, reml=reml)
        if here is None or before - here.value < 1e-6:
            break
        before = here.value
        inner = slopes(here).inner
        sums = np.stack([inner[products.group == g].sum(axis=0) for g in range(groups)])
        matrices = np.stack([free.structure.at(block).matrix for block in free.blocks(theta)])
        moved = matrices - matrices @ sums @ matrices / subjects[:, None, None]
        theta = np.concatenate([free.structure.closest(matrix) for matrix in moved])
        moments = moved
    return moments

"""Score tests for event intervals with the variance of the likelihood's observed information.

The model says that a group's survival curve is ``H(gamma_j + beta)`` at each step j of the pooled
curve, with H either ``exp(-exp(.))`` (proportional hazards, Finkelstein's scores) or
``1 / (1 + exp(.))`` (proportional odds, Wilcoxon-type scores); a positive beta is earlier events.
The steps gamma_j are nuisance parameters. Their number must stay small against the number of
subjects, and their masses away from zero, for the variance to hold; a permutation test needs neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from ketastats.stats.interval_scores import PooledEnds, pooled_ends

Floats = NDArray[np.float64]

MODELS = {"finkelstein": "proportional hazards", "wilcoxon": "proportional odds"}
"""Scores that belong to a model of this form, and the model."""


def score_and_information(
    left: ArrayLike, right: ArrayLike, counts: ArrayLike, *, scores: str
) -> tuple[Floats, Floats]:
    """Sum of scores of each group and the information about the groups' beta, at no difference.

    Parameters
    ----------
    left, right : (n,) array_like
        Distinct intervals, as in `ketastats.stats.turnbull`.
    counts : (n, k) array_like
        Subjects of each of k groups with each interval.
    scores : {"finkelstein", "wilcoxon"}

    Returns
    -------
    (k,) array, (k, k) array
        Sums, and observed information of beta less what the estimated steps cost. Its rows sum to
        zero, as the sums do.

    References
    ----------
    Finkelstein DM (1986). Biometrics 42:845-854. Fay MP (1996). Biometrics 52:811-822.
    """
    if scores not in MODELS:
        raise ValueError(f"scores must be one of {', '.join(MODELS)}")
    table = np.asarray(counts, dtype=float)
    n = table.sum(axis=1)
    ends = pooled_ends(left, right, n)
    first, second = _derivatives(ends.survival, scores)
    drop = ends.survival[ends.start] - ends.survival[ends.stop]
    score = (first[ends.start] - first[ends.stop]) / drop
    bend = (second[ends.start] - second[ends.stop]) / drop - score**2
    steps, curved = _by_step(ends, first, drop), _by_step(ends, second, drop)
    # Second derivatives of the log-likelihood, by interval and step, then summed over subjects.
    cross = table.T @ (curved - score[:, None] * steps)
    nuisance = np.diag(n @ curved) - (steps * n[:, None]).T @ steps
    both = np.diag(table.T @ bend)
    information = -(both - cross @ np.linalg.pinv(nuisance, hermitian=True) @ cross.T)
    return np.asarray(table.T @ score), np.asarray(information)


def _derivatives(survival: Floats, scores: str) -> tuple[Floats, Floats]:
    """First and second derivative of H with respect to its argument, where H is `survival`."""
    if scores == "finkelstein":
        first = xlogy(survival, survival)
        return first, first + xlogy(first, survival)
    first = survival**2 - survival
    return first, first * (2 * survival - 1)


def _by_step(ends: PooledEnds, value: Floats, drop: Floats) -> Floats:
    """``value / drop`` of each interval at the step where it begins, less that where it ends: (n, K - 1)."""
    rows = np.arange(drop.size)
    table = np.zeros((drop.size, value.size))
    table[rows, ends.start] += value[ends.start] / drop
    table[rows, ends.stop] -= value[ends.stop] / drop
    return table[:, 1:-1]

"""Rows of a regression of interval-censored times, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ketastats.stats.npmle import Floats, as_weights


def checked_rows(
    left: ArrayLike, right: ArrayLike, design: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Bounds, covariates and weights of the distinct rows that have weight.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right], as in `ketastats.stats.turnbull`.
    design : (n, p) array_like, p may be 0
    weight : (n,) array_like, optional

    Raises
    ------
    ValueError
        If a bound or covariate is missing, a bound is negative or left of its other end, or the
        arrays do not fit each other.
    """
    low, high = (np.atleast_1d(np.asarray(side, dtype=float)) for side in (left, right))
    x = np.asarray(design, dtype=float)
    if low.ndim != 1 or low.shape != high.shape or low.size == 0:
        raise ValueError("left and right must be two lists of equal length, at least one interval")
    if x.ndim != 2 or x.shape[0] != low.size:
        raise ValueError("design must have one row per interval and one column per covariate")
    if not np.isfinite(x).all():
        raise ValueError("a covariate is missing or infinite")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("an interval has a missing bound; write inf for a time not reached")
    if (low < 0).any() or np.isinf(low).any():
        raise ValueError("a left bound must be a finite time of at least 0")
    if (low > high).any():
        raise ValueError("an interval has its left bound after its right one")
    if np.isinf(high).all():
        raise ValueError("nobody had the event: there is nothing to compare")
    given = as_weights(weight, low.size)
    used = given > 0
    rows, at = np.unique(np.column_stack((low, high, x))[used], axis=0, return_inverse=True)
    total = np.bincount(at.ravel(), given[used]).astype(float)
    return rows[:, 0], rows[:, 1], rows[:, 2:], total

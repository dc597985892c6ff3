"""Expected outcomes of visits that were missed, under assumptions about what came after an event.

A subject's mean course is its own arm's before the event; from the first visit affected on it is

    mar                 the own arm's still
    jump_to_reference   the reference arm's
    copy_reference      the reference arm's, and before the event too
    copy_increments     the last one before the event plus the reference arm's increments from there
    last_mean           the last one before the event

and what was missed is expected given what was seen, by the subject's residuals from that course.

References
----------
Carpenter JR, Roger JH, Kenward MG (2013). J Biopharm Stat 23:1352-1371. Wolbers M, Noci A, Delmar P,
Gower-Page C, Yiu S, Bartlett JW (2022). Pharm Stat 21:1246-1257.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

STRATEGIES = ("mar", "jump_to_reference", "copy_reference", "copy_increments", "last_mean")


def mean_course(own: Floats, reference: Floats, affected: Ints, strategy: str) -> Floats:
    """Mean courses (n, T) of subjects with an event.

    Parameters
    ----------
    own, reference : (n, T) float
        Means of the subject's arm and of the reference arm, with the subject's covariates.
    affected : (n,) int
        First visit affected by the event; T where there is none.
    strategy : one of `STRATEGIES`
        Under "copy_increments" and "last_mean" with the first visit affected there is nothing before:
        the reference arm's course, and the own arm's first mean.
    """
    n, t = own.shape
    if strategy == "mar":
        return own
    after = np.arange(t) >= affected[:, None]
    if strategy == "jump_to_reference":
        return np.where(after, reference, own)
    if strategy == "copy_reference":
        return np.where((affected < t)[:, None], reference, own)
    before = np.maximum(affected - 1, 0)
    rows = np.arange(n)
    last_own = own[rows, np.minimum(before, t - 1)][:, None]
    if strategy == "last_mean":
        return np.where(after, last_own, own)
    if strategy != "copy_increments":
        raise ValueError(f"there is no strategy called {strategy!r}")
    last_reference = reference[rows, np.minimum(before, t - 1)][:, None]
    from_start = (affected == 0)[:, None]
    moved = np.where(from_start, reference, last_own + reference - last_reference)
    return np.where(after, moved, own)


def completed(outcome: Floats, course: Floats, sigma: Floats) -> Floats:
    """Outcomes (n, T) with what is missing (NaN) replaced by its expectation given what is not."""
    return expected(outcome, course, sigma)[0]


def expected(outcome: Floats, course: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """`completed`, and the standard deviation (n, T) of each outcome given what was seen, 0 where seen."""
    whole, spread = outcome.copy(), np.zeros_like(outcome)
    missing = np.isnan(outcome)
    for pattern in np.unique(missing, axis=0):
        if not pattern.any():
            continue
        here = (missing == pattern).all(axis=1)
        rows, seen = np.flatnonzero(here), ~pattern
        ahead = regression_ahead(sigma, pattern)
        rest = outcome[np.ix_(rows, seen)] - course[np.ix_(rows, seen)]
        whole[np.ix_(rows, pattern)] = course[np.ix_(rows, pattern)] + rest @ ahead.T
        explained = np.einsum("ms,sm->m", ahead, sigma[np.ix_(seen, pattern)])
        spread[np.ix_(rows, pattern)] = np.sqrt(np.diag(sigma)[pattern] - explained)
    return whole, spread


def regression_ahead(sigma: Floats, missing: NDArray[np.bool_]) -> Floats:
    """Coefficients of the visits missing on the visits seen, (missing, seen)."""
    seen = ~missing
    if not seen.any():
        return np.zeros((int(missing.sum()), 0))
    return np.asarray(
        np.linalg.solve(sigma[np.ix_(seen, seen)], sigma[np.ix_(seen, missing)]).T, dtype=float
    )

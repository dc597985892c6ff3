"""Nonparametric maximum likelihood of a distribution seen through intervals (Turnbull).

Convention, everywhere: an interval is (left, right], open at its left and closed at its right end.
``left == right`` is a time seen exactly, ``right = inf`` a time not reached by `left`. Within a cell
that holds mass the data do not say where the mass lies: curve, quantiles and areas have a lower and
an upper bound, and both are given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ketastats.stats.npmle import (
    TOLERANCE,
    Bools,
    Floats,
    Incidence,
    Ints,
    Masses,
    as_weights,
    maximise,
)

_SLACK = 1e-8  # of a share: masses at the certified maximum are about that accurate


@dataclass(frozen=True, slots=True)
class Cells:
    """The line cut at every bound of the data, and the cells each interval covers.

    Cell k reaches from `left[k]` to `right[k]`; `exact[k]` says that it is the one point
    ``left[k] == right[k]``. Interval i covers ``start[i] <= k < stop[i]``. `maximal[k]` marks
    Turnbull's maximal intersections, the only cells that the likelihood gives mass to.
    """

    left: Floats
    right: Floats
    exact: Bools
    maximal: Bools
    start: Ints
    stop: Ints

    @property
    def cover(self) -> Incidence:
        """The intervals as observations over the cells."""
        return Incidence.of_ranges(self.start, self.stop, self.left.size)

    def begun_and_ended(self, time: Floats) -> tuple[Ints, Ints]:
        """How many cells, from the left, have begun and have ended by each time."""
        begun = np.searchsorted(self.left, time, side="left")
        here = np.minimum(begun, self.left.size - 1)
        begun = begun + (self.exact[here] & (self.left[here] == time))
        return begun, np.searchsorted(self.right[np.isfinite(self.right)], time, side="right")


def cut_into_cells(left: ArrayLike, right: ArrayLike, cuts: ArrayLike = ()) -> Cells:
    """Cut the line at the bounds of intervals, and right after each of `cuts`.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right], as in the module's convention; n >= 1.
    cuts : (m,) array_like
        Further times at which a curve will be asked for.
    """
    low, high = checked_bounds(left, right)
    points = np.asarray(cuts, dtype=float).ravel()
    exact = low == high
    # Twice the rank of a value, plus 1 right after it, so that order among bounds is order of keys.
    values, rank = np.unique(np.concatenate((low, high, points)), return_inverse=True)
    n = low.size
    opens = 2 * rank[:n] + ~exact
    closes = 2 * rank[n : 2 * n] + 1
    keys = np.unique(np.concatenate((opens, closes, 2 * rank[2 * n :] + 1)))
    lower, upper = values[keys[:-1] // 2], values[keys[1:] // 2]
    return Cells(
        left=lower,
        right=upper,
        exact=lower == upper,
        maximal=np.isin(keys[:-1], opens) & np.isin(keys[1:], closes),
        start=np.searchsorted(keys, opens),
        stop=np.searchsorted(keys, closes),
    )


@dataclass(frozen=True)
class Turnbull:
    """A fitted distribution: masses on cells (left, right], and how sure it is that this is the maximum.

    `gap` bounds how far the mean log-likelihood can lie below its maximum; it is the largest, over
    cells, of the mean over subjects of (cell in interval / mass of interval), minus 1. `n` is the
    sum of weights and `loglik` the log-likelihood of all of them. Cells without mass are left out.
    The masses are unique: every maximal intersection ends where some interval ends, so that the sums
    over intervals determine them one after the other, from left to right.
    """

    left: Floats
    right: Floats
    mass: Floats
    loglik: float
    gap: float
    n: float
    steps: int
    _cells: Cells = field(repr=False)
    _fit: Masses = field(repr=False)

    def survival_bounds(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Smallest and largest probability of the event after each time that the maximum allows.

        Parameters
        ----------
        time : (m,) array_like

        Returns
        -------
        (low, high), each (m,)
        """
        at = np.atleast_1d(np.asarray(time, dtype=float))
        begun, ended = self._cells.begun_and_ended(at)
        below = np.concatenate(([0.0], np.cumsum(self._fit.p)))
        return np.clip(1 - below[begun], 0.0, 1.0), np.clip(1 - below[ended], 0.0, 1.0)

    def quantile_bounds(self, share: ArrayLike) -> tuple[Floats, Floats]:
        """Earliest and latest time by which a share has had the event.

        They are the ends of the cell in which the curve first reaches the share, both one time where
        that was seen exactly. The latest is infinite where the share is not known to be reached; the
        earliest is then still a bound: the quantile is not before it.
        """
        wanted = np.atleast_1d(np.asarray(share, dtype=float))
        if ((wanted <= 0) | (wanted >= 1)).any():
            raise ValueError("a share must lie strictly between 0 and 1")
        at = np.searchsorted(np.cumsum(self.mass), wanted - _SLACK)
        at = np.minimum(at, self.mass.size - 1)
        return self.left[at], self.right[at]

    def restricted_mean_bounds(self, tau: float) -> tuple[float, float]:
        """Bounds of the mean time without the event up to `tau`: the area under the curve."""
        if not (np.isfinite(tau) and tau > 0):
            raise ValueError("tau must be a positive, finite time")
        early, late = (np.minimum(end, tau) for end in (self._cells.left, self._cells.right))
        return float(early @ self._fit.p), float(late @ self._fit.p)


def turnbull(
    left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None, *, tol: float = TOLERANCE
) -> Turnbull:
    """Fit the distribution of a time known to lie in (left, right], by maximum likelihood.

    On exact and right-censored times it is Kaplan and Meier's estimate.

    Parameters
    ----------
    left, right : (n,) array_like
        ``0 <= left <= right``; equal where the time was seen exactly, `right` infinite where it was
        not reached. Equal intervals may be given once with their `weight`.
    weight : (n,) array_like, optional
        Multiplicities.
    tol : float
        Largest duality gap of the mean log-likelihood.

    Raises
    ------
    ValueError
        If a bound is missing, negative, or left of its other end.
    NoConvergenceError
        If the gap stays above `tol`.

    References
    ----------
    Turnbull BW (1976). J R Stat Soc B 38:290-295. Gentleman R, Geyer CJ (1994). Biometrika
    81:618-623.
    """
    low, high = checked_bounds(left, right)
    given = as_weights(weight, low.size)
    used = given > 0
    low, high, given = low[used], high[used], given[used]
    cells = cut_into_cells(low, high)
    total = float(given.sum())
    start = _product_limit(cells, given) if _right_censored(low, high) else None
    cover, weights = _alike_together(cells, given / total)
    fit = maximise(cover, weights, candidates=cells.maximal, initial=start, tol=tol)
    held = fit.p > 0
    return Turnbull(
        left=cells.left[held],
        right=cells.right[held],
        mass=fit.p[held],
        loglik=total * fit.mean_loglik,
        gap=fit.gap,
        n=total,
        steps=fit.steps,
        _cells=cells,
        _fit=fit,
    )


def _alike_together(cells: Cells, weight: Floats) -> tuple[Incidence, Floats]:
    """Intervals that cover the same maximal intersections as one, with their weights summed."""
    at = np.concatenate(([0], np.cumsum(cells.maximal)))
    size = cells.left.size + 1
    pairs, index = np.unique(at[cells.start] * size + at[cells.stop], return_inverse=True)
    if pairs.size == weight.size:
        return cells.cover, weight
    first = np.zeros(pairs.size, dtype=np.intp)
    first[index] = np.arange(index.size)
    cover = Incidence.of_ranges(cells.start[first], cells.stop[first], cells.left.size)
    return cover, np.asarray(np.bincount(index, weight), dtype=float)


def _right_censored(low: Floats, high: Floats) -> bool:
    return bool(((low == high) | np.isinf(high)).all())


def _product_limit(cells: Cells, weight: Floats) -> Floats:
    """Kaplan and Meier's masses, the maximum where every time is exact or right-censored."""
    size = cells.left.size
    died = np.bincount(cells.start, weight * (cells.stop == cells.start + 1), minlength=size)
    died = np.where(cells.exact, died, 0.0)
    leaves = np.bincount(np.minimum(cells.start, size - 1), weight, minlength=size)
    at_risk = np.cumsum(leaves[::-1])[::-1]
    hazard = np.divide(died, at_risk, out=np.zeros(size), where=at_risk > 0)
    before = np.concatenate(([1.0], np.cumprod(1 - hazard)))
    p = before[:-1] * hazard
    p[-1] += max(1.0 - float(p.sum()), 0.0) if not cells.exact[-1] else 0.0
    return np.asarray(p)


def checked_bounds(left: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats]:
    """Return both bounds as arrays, or raise `ValueError` if they are no intervals."""
    low, high = (np.atleast_1d(np.asarray(side, dtype=float)) for side in (left, right))
    if low.ndim != 1 or low.shape != high.shape or low.size == 0:
        raise ValueError("left and right must be two lists of equal length, at least one interval")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("an interval has a missing bound; write inf for a time not reached")
    if (low < 0).any() or np.isinf(low).any():
        raise ValueError("a left bound must be a finite time of at least 0")
    if (low > high).any():
        raise ValueError("an interval has its left bound after its right one")
    return low, high

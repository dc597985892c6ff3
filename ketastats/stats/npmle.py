"""Masses on given cells that maximise a likelihood of sums of masses.

Every nonparametric maximum likelihood problem of interval-censored data has one form: an
observation says that the event lies in some of K cells, and the likelihood is the product of the
sums of masses over those cells. The log-likelihood is concave in the masses, so that a duality gap
certifies the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dposv

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

TOLERANCE = 1e-8
"""Duality gap, in log-likelihood per subject, at which a fit counts as the maximum."""

_RIDGES = (1e-11, 1e-8, 1e-5, 1e-2)
_MOST_STEPS = 500
_FEW_CELLS = 64  # up to here every cell starts with mass and every promising cell is let in at once
_GRID = 24
_ROUNDING = 1e-15
_MOST_LOST = 0.99  # of an observation's mass in one step


class NoConvergenceError(ArithmeticError):
    """The likelihood was not brought to a maximum."""


@dataclass(frozen=True, slots=True)
class Incidence:
    """Which cells each observation may have had its event in.

    Observation `row[j]` covers the cells ``start[j] <= k < stop[j]``; an observation may have
    several such ranges (one per cause), not overlapping. `row` is in ascending order, and no
    observation is without a range.
    """

    row: Ints
    start: Ints
    stop: Ints
    n_rows: int
    n_cells: int

    @classmethod
    def of_ranges(cls, start: Ints, stop: Ints, n_cells: int) -> Incidence:
        """One range of cells per observation."""
        return cls(np.arange(start.size), start, stop, start.size, n_cells)

    @property
    def one_range_each(self) -> bool:
        """Whether no observation has more than one range."""
        return self.row.size == self.n_rows

    def mass(self, p: Floats) -> Floats:
        """Sum the masses `p` (K,) over the cells of each observation."""
        below, rest = _running_sum(p)
        part = (below[self.stop] - below[self.start]) + (rest[self.stop] - rest[self.start])
        return part if self.one_range_each else self._per_row(part)

    def score(self, value: Floats) -> Floats:
        """For each cell, sum `value` (n_rows,) over the observations that cover it."""
        each = value[self.row]
        size = self.n_cells + 1
        enter = np.bincount(self.start, each, minlength=size)
        leave = np.bincount(self.stop, each, minlength=size)
        return np.asarray(np.cumsum(enter - leave)[:-1], dtype=float)

    def covered(self, cells: Ints) -> Incidence:
        """The same observations on some of the cells, given in ascending order."""
        start, stop = np.searchsorted(cells, self.start), np.searchsorted(cells, self.stop)
        return Incidence(self.row, start, stop, self.n_rows, cells.size)

    def products(self, value: Floats) -> Floats:
        """Sum `value`, not negative, over the observations that cover both cells: (K, K)."""
        size = self.n_cells
        if not self.one_range_each:
            dense = self.dense()
            return np.asarray((dense * value[:, None]).T @ dense)
        at = self.start * (size + 1) + self.stop
        table = np.bincount(at, value, minlength=(size + 1) ** 2).reshape(size + 1, size + 1)
        # Both cells j <= k are covered where the range starts at or before j and stops after k; for
        # j > k that counts too many, and the smaller of the two orders is the right one.
        both = np.cumsum(np.cumsum(table, axis=0)[:, ::-1], axis=1)[:, ::-1][:size, 1:]
        return np.asarray(np.minimum(both, both.T))

    def dense(self) -> Floats:
        """The (n_rows, K) table of zeros and ones."""
        k = np.arange(self.n_cells)
        inside = ((k >= self.start[:, None]) & (k < self.stop[:, None])).astype(float)
        if self.one_range_each:
            return inside
        table = np.zeros((self.n_rows, self.n_cells))
        np.add.at(table, self.row, inside)
        return table

    def _per_row(self, part: Floats) -> Floats:
        return np.asarray(np.bincount(self.row, part, minlength=self.n_rows), dtype=float)


@dataclass(frozen=True, slots=True)
class Masses:
    """A maximum: mass per cell, mean log-likelihood (without the tilt) and its duality gap.

    No other masses have a mean log-likelihood (with the tilt) larger by more than `gap`.
    """

    p: Floats
    mean_loglik: float
    gap: float
    steps: int


def maximise(
    cover: Incidence,
    weight: Floats,
    *,
    candidates: Bools | None = None,
    tilt: Floats | None = None,
    initial: Floats | None = None,
    tol: float = TOLERANCE,
) -> Masses:
    """Maximise the mean of log(mass of an observation's cells), plus ``tilt @ p``, over masses.

    Constrained Newton steps on the cells that carry mass; cells whose gradient is above the
    multiplier are let in, cells driven to zero leave. With a tilt the maximum is the one under the
    constraint that ``tilt @ p`` has the value it has there, so a profile likelihood needs no other
    solver.

    Parameters
    ----------
    cover : Incidence
        Observations and their cells; every observation must cover at least one candidate.
    weight : (n_rows,) array
        Positive multiplicities, scaled to sum to 1.
    candidates : (K,) bool array, optional
        Cells that may carry mass.
    tilt : (K,) array, optional
        A linear term, in units of mean log-likelihood.
    initial : (K,) array, optional
        Masses to start from, giving every observation positive mass.
    tol : float
        Largest duality gap.

    Raises
    ------
    NoConvergenceError
        If the gap stays above `tol`.

    References
    ----------
    Gentleman R, Geyer CJ (1994). Biometrika 81:618-623 (conditions of the maximum). Wang Y (2007).
    J R Stat Soc B 69:185-198 (constrained Newton method).
    """
    cells = np.arange(cover.n_cells) if candidates is None else np.flatnonzero(candidates)
    on = cover.covered(cells)
    slope = np.zeros(cells.size) if tilt is None else tilt[cells]
    p = _start(on) if initial is None else initial[cells] / initial[cells].sum()
    held = np.flatnonzero(p > 0)
    gap = np.inf
    for step in range(_MOST_STEPS):
        mass = on.mass(p)
        gradient = on.score(weight / mass) + slope
        level = float(gradient @ p)
        gap = float(gradient.max()) - level
        if gap <= tol:
            full = np.zeros(cover.n_cells)
            full[cells] = p
            return Masses(full, float(weight @ np.log(mass)), max(gap, 0.0), step)
        excess = gradient - level
        held = _let_in(held, excess)
        curvature = on.covered(held).products(weight / mass**2)
        direction = np.zeros_like(p)
        direction[held] = _ascent(curvature, excess[held], p[held])
        p = _search(on, weight, slope, p, direction, mass)
        held = np.flatnonzero(p > 0)
    raise NoConvergenceError(f"duality gap {gap:.1e} after {_MOST_STEPS} steps, wanted {tol:.0e}")


def _start(on: Incidence) -> Floats:
    """Masses to start from: on all cells, or where there are many on a few that reach everyone."""
    p = np.zeros(on.n_cells)
    if on.n_cells <= _FEW_CELLS:
        p[:] = 1.0
    else:
        p[np.linspace(0, on.n_cells - 1, _GRID).astype(int)] = 1.0
        p[_piercing(on.start, on.stop)] = 1.0
    return np.asarray(p / p.sum())


def _piercing(start: Ints, stop: Ints) -> list[int]:
    """Fewest cells such that every range holds one: always the last cell of the first to end."""
    order = np.lexsort((start, stop))
    chosen: list[int] = []
    last = -1
    for first, end in zip(start[order].tolist(), stop[order].tolist(), strict=True):
        if first > last:
            last = end - 1
            chosen.append(last)
    return chosen


def _let_in(held: Ints, excess: Floats) -> Ints:
    """Cells with mass, and the most promising cell of each gap between them."""
    promising = excess > 0
    promising[held] = False
    if not promising.any():
        return held
    at = np.flatnonzero(promising)
    if excess.size > _FEW_CELLS:
        between = np.searchsorted(held, at)
        order = np.lexsort((-excess[at], between))
        first = np.concatenate(([True], np.diff(between[order]) > 0))
        at = at[order][first]
    return np.union1d(held, at)


def _ascent(curvature: Floats, excess: Floats, p: Floats) -> Floats:
    """Newton step, damped as far as rounding in nearly flat directions asks for.

    The step does not depend on the level of the gradient; without it no digits are lost near the
    maximum. Where masses are not unique the curvature is singular, and an undamped step is noise.
    """
    scale = float(np.trace(curvature)) / p.size
    step = np.zeros_like(p)
    damped = curvature.copy()
    for ridge in _RIDGES:
        np.fill_diagonal(damped, curvature.diagonal() + ridge * scale)
        step = _newton(damped, excess, p)
        step -= p * step.sum()  # rounding must not change the total
        flat = float(np.abs(excess) @ np.abs(step)) * 1e-12
        if float(excess @ step) > flat:
            break
    return step


def _newton(h: Floats, gradient: Floats, p: Floats) -> Floats:
    """Minimise d'Hd/2 - g'd over steps d that keep the sum, with p + d >= 0 (active sets)."""
    d = np.zeros_like(p)
    free, is_free = np.arange(p.size), np.ones(p.size, dtype=bool)
    while True:
        fixed = np.flatnonzero(~is_free)
        both = np.ones((free.size, 2), order="F")
        both[:, 0] = gradient[free]
        if fixed.size:
            both[:, 0] += h[free[:, None], fixed] @ p[fixed]
        _, solved, failed = dposv(h[free[:, None], free] if fixed.size else h, both)
        if failed:
            raise NoConvergenceError("the curvature of the log-likelihood is not positive")
        total = solved.sum(axis=0)
        ahead = -p
        ahead[free] = solved[:, 0] - solved[:, 1] * ((total[0] - p[fixed].sum()) / total[1])
        below = free[p[free] + ahead[free] < 0]
        if below.size == 0:
            return ahead
        room = (p[below] + d[below]) / (d[below] - ahead[below])
        least = float(room.min())
        d += least * (ahead - d)
        hit = below[room <= least * (1 + 1e-12)]
        d[hit] = -p[hit]
        is_free[hit] = False
        free = np.flatnonzero(is_free)


def _search(
    on: Incidence, weight: Floats, slope: Floats, p: Floats, direction: Floats, mass: Floats
) -> Floats:
    """Walk along the direction as far as the log-likelihood rises enough (Armijo)."""
    growth, linear = on.mass(direction) / mass, float(slope @ direction)
    rise = float(weight @ growth) + linear
    # Near the maximum a rise is smaller than what rounding leaves of the parts it is a sum of.
    parts = np.abs(direction)
    noise = _ROUNDING * (float(weight @ (on.mass(parts) / mass)) + float(np.abs(slope) @ parts))
    share = _MOST_LOST / max(_MOST_LOST, -float(growth.min()))
    while share > 1e-10:
        gained = float(weight @ np.log1p(share * growth)) + share * linear
        if gained >= share * (0.1 * rise - noise):
            break
        share /= 2
    moved = np.maximum(p + share * direction, 0.0)
    return np.asarray(moved / moved.sum())


def _running_sum(p: Floats) -> tuple[Floats, Floats]:
    """Sums of the first 0, 1, ... values, and what rounding took from each.

    Without the second part the small mass of an interval, a difference of two sums near 1, would
    lose the digits that the gap needs.
    """
    total = np.concatenate(([0.0], np.cumsum(p)))
    before, after = total[:-1], total[1:]
    added = after - before
    lost = (before - (after - added)) + (p - added)
    return total, np.concatenate(([0.0], np.cumsum(lost)))


def as_weights(values: ArrayLike | None, size: int) -> Floats:
    """Check multiplicities: finite, not negative, not all zero; ones if none are given."""
    if values is None:
        return np.ones(size)
    weight = np.asarray(values, dtype=float)
    if weight.shape != (size,) or not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("weights must be finite numbers of at least 0, one per interval")
    if weight.sum() <= 0:
        raise ValueError("all weights are zero: there is nobody to learn from")
    return weight

"""Newton steps of a regression whose baseline is a rising step function of unknown heights.

Ends of intervals are heights plus a linear predictor on the scale of a known law
(`ketastats.stats.shifted_laws`), so that the log-likelihood is concave in heights and coefficients
together. Heights must not fall; equal neighbours form a block that moves as one (a step of size
zero between them, a cell without mass).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError

from ketastats.stats.bordered_systems import Bordered, symmetric_block
from ketastats.stats.npmle import Floats, Ints, NoConvergenceError
from ketastats.stats.shifted_laws import Law, interval_loglik, interval_terms

_MOST_STEPS = 500
_DECREMENT = 1e-13  # of the log-likelihood of one subject
_SLOPE = 1e-10  # in a height, a coefficient or a step of size zero, per subject


@dataclass(frozen=True, slots=True, eq=False)
class OrderedProblem:
    """Rows between heights number `start` and `stop`, shifted by ``x @ beta + offset``.

    Height 0 is minus infinity and height `n_cells` plus infinity; those between are unknown.
    """

    law: Law
    start: Ints
    stop: Ints
    x: Floats
    offset: Floats
    weight: Floats
    n_cells: int

    @property
    def total(self) -> float:
        """Sum of weights."""
        return float(self.weight.sum())

    def ends(self, heights: Floats, beta: Floats) -> tuple[Floats, Floats]:
        """Both ends of each row's interval on the law's scale."""
        every = np.concatenate(([-np.inf], heights, [np.inf]))
        shift = self.x @ beta + self.offset
        return every[self.start] + shift, every[self.stop] + shift

    def loglik(self, heights: Floats, beta: Floats) -> float:
        """Log-likelihood; minus infinity where a row has no mass."""
        return float(self.weight @ interval_loglik(self.law, *self.ends(heights, beta)))


@dataclass(frozen=True, slots=True, eq=False)
class OrderedMaximum:
    """Heights (K - 1,), the first of each block, coefficients and the certificate.

    `information` is the observed one of the blocks, bordered by the coefficients. `decrement` and `gradient`
    (largest slope in a block or a coefficient) and `multiplier` (largest slope in a step of size
    zero; at a maximum not above 0) are per subject.
    """

    heights: Floats
    first: Ints
    beta: Floats
    loglik: float
    information: Bordered
    decrement: float
    gradient: float
    multiplier: float
    steps: int

    def covariance(self) -> Floats:
        """Covariance (p, p) of the coefficients: their part of the inverse information."""
        m, p = self.information.shape
        unit = np.concatenate((np.zeros((m, p)), np.eye(p)))
        return self.information.factor().solve(unit)[m:]

    def moved(self, held: Ints, by: Floats) -> tuple[Floats, Floats]:
        """Heights and coefficients near the maximum with some coefficients moved and held.

        To first order, and no further than nine tenths of a step that would vanish.
        """
        m, p = self.information.shape
        unit = np.zeros((m + p, held.size))
        unit[m + held, np.arange(held.size)] = 1.0
        with_held = self.information.factor().solve(unit)
        move = with_held @ np.linalg.solve(with_held[m + held], by)
        gap, change = np.diff(self.heights[self.first]), np.diff(move[:m])
        closing = change < 0
        share = min(1.0, float((0.9 * gap[closing] / -change[closing]).min(initial=1.0)))
        size = np.diff(np.append(self.first, self.heights.size))
        return self.heights + share * np.repeat(move[:m], size), self.beta + share * move[m:]

    def variances(self, combinations: Floats) -> Floats:
        """Variances of linear combinations (k, m + p) of blocks and coefficients."""
        solved = self.information.factor().solve(combinations.T)
        return np.asarray(np.einsum("ij,ji->i", combinations, solved))


@dataclass(frozen=True, slots=True, eq=False)
class _Derivatives:
    gradient: Floats
    information: Bordered
    each_height: Floats  # gradient before heights are joined to blocks


def maximise_ordered(problem: OrderedProblem, heights: Floats, beta: Floats) -> OrderedMaximum:
    """Maximise over rising heights and coefficients.

    Parameters
    ----------
    problem : OrderedProblem
    heights : (n_cells - 1,) array
        Not falling, and such that every row has mass.
    beta : (p,) array

    Raises
    ------
    NoConvergenceError
        If the conditions of a maximum are not met in the end.

    References
    ----------
    Nocedal J, Wright SJ (2006). Numerical Optimization, 2nd ed, sections 16.5 and 18.1 (active
    sets, sequential quadratic programming).
    """
    # Far from the maximum terms may overflow; the search steps back from there.
    with np.errstate(all="ignore"):
        return _maximise(problem, heights, beta)


def _maximise(problem: OrderedProblem, heights: Floats, beta: Floats) -> OrderedMaximum:
    first = _block_starts(heights)
    value, n = problem.loglik(heights, beta), problem.total
    decrement = multiplier = np.inf
    for step in range(_MOST_STEPS):
        at = _derivatives(problem, heights, beta, first)
        split, multiplier = _splits(at.each_height, first)
        slope = float(np.abs(at.gradient).max(initial=0.0)) / n
        if max(multiplier / n, slope) <= _SLOPE and decrement <= _DECREMENT:
            return OrderedMaximum(
                heights, first, beta, value, at.information, decrement, slope, multiplier / n, step
            )
        if split.size:
            first = np.union1d(first, split)
            at = _derivatives(problem, heights, beta, first)
        direction, joined = _quadratic_step(at, heights[first])
        rise = float(at.gradient @ direction)
        decrement = rise / (2 * n)
        m = first.size
        size = np.diff(np.append(first, heights.size))
        up, along = np.repeat(direction[:m], size), direction[m:]
        share, moved = _search(problem, heights, beta, value, up, along, rise)
        heights, beta, value = heights + share * up, beta + share * along, moved
        if share == 1.0:
            first = first[joined]
        heights = np.repeat(heights[first], np.diff(np.append(first, heights.size)))
        value = problem.loglik(heights, beta)
    raise NoConvergenceError(
        f"Newton decrement {decrement:.1e} and slope {multiplier / n:.1e} per subject after "
        f"{_MOST_STEPS} steps"
    )


def _block_starts(heights: Floats) -> Ints:
    if heights.size == 0:
        return np.zeros(0, dtype=np.intp)
    return np.concatenate(([0], 1 + np.flatnonzero(np.diff(heights) > 0)))


def _derivatives(
    problem: OrderedProblem, heights: Floats, beta: Floats, first: Ints
) -> _Derivatives:
    terms = interval_terms(problem.law, *problem.ends(heights, beta))
    w, x, m, p = problem.weight, problem.x, first.size, beta.size
    block = np.full(problem.n_cells + 1, m)  # number m collects the two infinite heights
    block[1:-1] = np.searchsorted(first, np.arange(heights.size), side="right") - 1
    low, high = block[problem.start], block[problem.stop]
    by_low, by_high = w * terms.low, w * terms.high
    ll, lh, hh = w * terms.low_low, w * terms.low_high, w * terms.high_high

    def collect(at_low: Floats, at_high: Floats) -> Floats:
        summed = np.bincount(low, at_low, m + 1) + np.bincount(high, at_high, m + 1)
        return np.asarray(summed[:m])

    both = (low < m) & (high < m)
    border = np.empty((m, p))
    for j in range(p):
        border[:, j] = -collect((ll + lh) * x[:, j], (hh + lh) * x[:, j])
    information = Bordered(
        symmetric_block(low[both], high[both], -lh[both], -collect(ll, hh)),
        border,
        -(x.T @ (x * (ll + 2 * lh + hh)[:, None])),
    )
    size = problem.n_cells + 1
    each = np.bincount(problem.start, by_low, size) + np.bincount(problem.stop, by_high, size)
    return _Derivatives(
        gradient=np.concatenate((collect(by_low, by_high), x.T @ (by_low + by_high))),
        information=information,
        each_height=each[1:-1].astype(float),
    )


def _splits(each: Floats, first: Ints) -> tuple[Ints, float]:
    """Where a block should part: its steepest step of size zero, and the steepest slope of all.

    Parting a block lowers what is before the step and raises what is after it.
    """
    if each.size == first.size:
        return np.zeros(0, dtype=np.intp), 0.0
    total = np.add.reduceat(each, first)
    of = np.searchsorted(first, np.arange(each.size), side="right") - 1
    before_block = np.concatenate(([0.0], np.cumsum(total)[:-1]))[of]
    before = np.concatenate(([0.0], np.cumsum(each)[:-1])) - before_block
    slope = total[of] / 2 - before
    slope[first] = -np.inf
    worst = np.maximum.reduceat(slope, first)
    part = [
        int(start + np.argmax(slope[start:end]))
        for start, end, top in zip(first, np.append(first[1:], each.size), worst, strict=True)
        if top > 0
    ]
    return np.array(part, dtype=np.intp), float(worst.max())


def _quadratic_step(at: _Derivatives, values: Floats) -> tuple[Floats, Ints]:
    """Maximise the quadratic model over steps that keep the heights in order (active sets).

    Returns the step and which of the blocks still begin one at its end.
    """
    m, q = values.size, at.gradient.size
    lead = np.arange(m)
    step, offset = np.zeros(q), np.zeros(q)
    while True:
        starts = np.concatenate((lead, np.arange(m, q)))
        rhs = at.gradient - at.information @ offset if offset.any() else at.gradient
        found = _solve(at.information.merged(lead), np.add.reduceat(rhs, starts))
        wanted = np.repeat(found, np.diff(np.append(starts, q))) + offset
        now = np.diff((values + step[:m])[lead])
        then = np.diff((values + wanted[:m])[lead])
        crossed = then < 0
        if not crossed.any():
            return wanted, lead
        room = np.maximum(now[crossed], 0.0) / (now[crossed] - then[crossed])
        share = float(room.min())
        step = step + share * (wanted - step)
        hit = np.flatnonzero(crossed)[room <= share * (1 + 1e-12)]
        lead = np.delete(lead, hit + 1)
        sizes = np.diff(np.append(lead, m))
        offset[:m] = np.repeat(values[lead], sizes) - values
        step[:m] = np.repeat(step[lead], sizes) + offset[:m]


def _solve(information: Bordered, gradient: Floats) -> Floats:
    """Newton's step; with a ridge where a height lies so far out that its curvature is lost."""
    ridge = 0.0
    while ridge < 1:
        try:
            return (information.ridged(ridge) if ridge else information).factor().solve(gradient)
        except LinAlgError:
            ridge = max(100 * ridge, 1e-12)
    raise NoConvergenceError("the observed information is singular")


def _search(
    problem: OrderedProblem,
    heights: Floats,
    beta: Floats,
    value: float,
    up: Floats,
    along: Floats,
    rise: float,
) -> tuple[float, float]:
    """Share of the step at which the log-likelihood rises enough (Armijo), and its value there."""
    slack = 1e-12 * (1 + abs(value))  # rounding of the log-likelihood
    share = 1.0
    while share > 1e-12:
        moved = problem.loglik(heights + share * up, beta + share * along)
        if moved >= value + 0.1 * share * rise - slack:
            return share, moved
        share /= 2
    return 0.0, value

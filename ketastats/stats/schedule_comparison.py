"""A crude look at whether groups were assessed on one schedule, from their event intervals alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketastats.stats.permutation_tests import NoVariationError, Stratum, asymptotic_test

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SMALL_P = 0.01
"""Widths of intervals are called different below this p-value."""
FEW_SHARED = 0.5
"""Groups share too few times of assessment if less than this part of one group's bounds is shared."""

_BINS = 4
_USES = 3  # bounds are a schedule's if each was used that often on average


@dataclass(frozen=True, slots=True)
class ScheduleComparison:
    """What two looks at the intervals say.

    `width_p_value` compares the groups' widths of finite intervals, among intervals that begin at
    about the same time; missing where there is nothing to compare. `shared` is the smallest part of
    a group's bounds that are bounds in another group too; missing where times are too irregular for
    bounds to recur.
    """

    width_p_value: float
    shared: float

    @property
    def differs(self) -> bool:
        """Whether either look says that schedules differ (a missing look says nothing)."""
        return self.width_p_value < SMALL_P or self.shared < FEW_SHARED


def schedule_differs(
    left: ArrayLike, right: ArrayLike, group: ArrayLike, weight: ArrayLike | None = None
) -> ScheduleComparison:
    """Compare assessment schedules between groups as far as event intervals show them.

    Crude: subjects without an event show only their last bound, and under one schedule with missed
    visits a group whose events come faster shows slightly narrower intervals. A difference found is a
    reason to look at the visits themselves, none found is no proof.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals as in `ketastats.stats.turnbull`.
    group : (n,) array_like
        Group of each interval.
    weight : (n,) array_like, optional
        How many subjects share each interval and group, whole numbers.
    """
    low, high = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    _, code = np.unique(np.asarray(group), return_inverse=True)
    n = np.ones(low.size, dtype=np.intp) if weight is None else np.asarray(weight, dtype=np.intp)
    return ScheduleComparison(_width_p_value(low, high, code, n), _shared(low, high, code, n))


def _width_p_value(low: Floats, high: Floats, code: Ints, n: Ints) -> float:
    """Compare ranks of widths between groups, within intervals that begin at about the same time."""
    used = np.flatnonzero((low < high) & np.isfinite(high))
    if used.size == 0:
        return nan
    rows = np.repeat(used, n[used])
    begins, width, group = low[rows], high[rows] - low[rows], code[rows]
    edges = np.quantile(begins, np.arange(1, _BINS) / _BINS)
    bin_of = np.searchsorted(edges, begins, side="right")
    strata = [_ranks(width[bin_of == b], group[bin_of == b], code.max() + 1) for b in set(bin_of)]
    try:
        return asymptotic_test(strata).p_value
    except NoVariationError:
        return nan


def _ranks(width: Floats, group: Ints, k: int) -> Stratum:
    """Ranks of widths, scaled to at most 1, by group."""
    values, at, uses = np.unique(width, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(uses) - (uses - 1) / 2) / width.size
    counts = np.zeros((values.size, k), dtype=np.intp)
    np.add.at(counts, (at, group), 1)
    return Stratum(ranks, counts)


def _shared(low: Floats, high: Floats, code: Ints, n: Ints) -> float:
    """Smallest part of a group's positive, finite bounds that are bounds of another group."""
    bound, group, uses = np.concatenate((low, high)), np.tile(code, 2), np.tile(n, 2)
    kept = (bound > 0) & np.isfinite(bound) & (np.tile(low < high, 2))
    bound, group, uses = bound[kept], group[kept], uses[kept]
    values, at = np.unique(bound, return_inverse=True)
    if values.size == 0 or uses.sum() < _USES * values.size:
        return nan
    table = np.zeros((values.size, code.max() + 1))
    np.add.at(table, (at, group), uses)
    elsewhere = (table > 0).sum(axis=1) > 1
    sums = table.sum(axis=0)
    return float((table[elsewhere].sum(axis=0)[sums > 0] / sums[sums > 0]).min())

"""Cumulative incidence of competing events whose times are known only to lie in intervals.

The distribution has a mass for each cause and cell. A subject whose event of cause j lies in (l, u]
covers the cells of cause j in (l, u]; one without an event by l covers the cells of every cause
after l. On exact and right-censored times the maximum is Aalen and Johansen's estimate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ketastats.stats.npmle import Bools, Floats, Incidence, Ints, as_weights
from ketastats.stats.profile_limits import Profile
from ketastats.stats.turnbull import Cells, checked_bounds, cut_into_cells

CENSORED = 0


class IntervalIncidence:
    """The fitted masses of all causes, with bounds and likelihood-ratio limits.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right]; `right` infinite exactly where no event was seen.
    cause : (n,) array_like of int
        0 where no event was seen, else 1, 2, ... for the event's cause.
    weight : (n,) array_like, optional
    times : (m,) array_like
        Times at which the cumulative incidence will be asked for.
    n_causes : int
        Causes there are, if more than were seen.

    Raises
    ------
    ValueError
        If a bound or cause cannot be.

    References
    ----------
    Hudgens MG, Satten GA, Longini IM (2001). Biometrics 57:74-80. Groeneboom P, Maathuis MH,
    Wellner JA (2008). Ann Stat 36:1031-1063 (rates of convergence).
    """

    def __init__(
        self,
        left: ArrayLike,
        right: ArrayLike,
        cause: ArrayLike,
        weight: ArrayLike | None = None,
        times: ArrayLike = (),
        *,
        n_causes: int = 1,
    ) -> None:
        low, high = checked_bounds(left, right)
        why = np.asarray(cause)
        given = as_weights(weight, low.size)
        if why.shape != low.shape or (why < 0).any() or (why != np.round(why)).any():
            raise ValueError("a cause must be 0 (no event seen) or a whole number from 1 on")
        if ((why == CENSORED) != np.isinf(high)).any():
            raise ValueError("an interval ends at infinity exactly where no event was seen")
        self.n_causes = max(1, n_causes, int(why.max(initial=0)))
        self._blocks = [_cells_of_cause(low, high, why, number, times) for number in self._causes()]
        sizes = [cells.left.size for _, cells in self._blocks]
        self._offset = np.concatenate(([0], np.cumsum(sizes)))
        self._profile = Profile(self._cover(low.size), given)
        self.gap = self._profile.gap
        self.loglik = self._profile.loglik

    def bounds(self, cause: int, time: float) -> tuple[float, float]:
        """Smallest and largest incidence of a cause by `time` that the maximum allows."""
        return self.limits(cause, time, critical=0.0)

    def limits(self, cause: int, time: float, *, critical: float) -> tuple[float, float]:
        """Likelihood-ratio limits of the incidence of a cause by `time`.

        `critical` is the critical value, such as a chi-square quantile; between assessments the
        limits cover the incidence wherever it lies between its bounds.
        """
        begun, ended = self._by(cause, time)
        low = self._profile.limit(ended, upper=False, critical=critical)
        return low, self._profile.limit(begun, upper=True, critical=critical)

    def _causes(self) -> range:
        return range(1, self.n_causes + 1)

    def _by(self, cause: int, time: float) -> tuple[Floats, Floats]:
        """Which cells of a cause have begun, and have ended, by a time."""
        _, cells = self._blocks[cause - 1]
        counts = cells.begun_and_ended(np.array([float(time)]))
        first = self._offset[cause - 1]
        at = np.arange(self._offset[-1])
        begun, ended = (((at >= first) & (at < first + count[0])) * 1.0 for count in counts)
        return begun, ended

    def _cover(self, n: int) -> Incidence:
        rows: list[Ints] = []
        starts: list[Ints] = []
        stops: list[Ints] = []
        for (taken, cells), first in zip(self._blocks, self._offset, strict=False):
            rows.append(np.flatnonzero(taken))
            starts.append(cells.start + first)
            stops.append(cells.stop + first)
        row, start, stop = (np.concatenate(parts) for parts in (rows, starts, stops))
        order = np.argsort(row, kind="stable")  # as the observations come, not cause by cause
        return Incidence(row[order], start[order], stop[order], n, int(self._offset[-1]))


def _cells_of_cause(
    low: Floats, high: Floats, why: ArrayLike, cause: int, times: ArrayLike
) -> tuple[Bools, Cells]:
    """The intervals that may hold an event of this cause, and their cells."""
    taken = (np.asarray(why) == cause) | (np.asarray(why) == CENSORED)
    # Under a constraint mass may lie before the first bound and after the last.
    cuts = (0.0, *np.asarray(times, dtype=float).ravel(), np.inf)
    if not taken.any():  # cells that no observation covers, which a constraint can still fill
        none = np.zeros(0, dtype=np.intp)
        return taken, replace(cut_into_cells(0.0, np.inf, cuts=cuts), start=none, stop=none)
    return taken, cut_into_cells(low[taken], high[taken], cuts=cuts)

"""Mean number of recurrent events per subject over time, with robust variance.

Rows are spans at risk (start, stop] of subjects, with at most one event, at `stop`. A death (any
terminal event) stops the count for good; censoring only hides what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.tied_times import merge_tied_times

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

_JUST_AFTER = 1 + 1e-9  # a time asked for may differ from the one seen by rounding
_BLOCK = 2_000_000  # cells of (time, row) worked on at once


@dataclass(frozen=True, slots=True, eq=False)
class MeanCumulativeCount:
    """Events per subject by each distinct event time; all arrays have shape (n_times,).

    `mean` has robust `variance`. `last` is the end of the longest follow-up, n the subjects.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    mean: Floats
    variance: Floats
    last: float
    n: int

    def at(self, time: float) -> tuple[float, float]:
        """Mean count by a time, with its variance; NaN after the end of all follow-up."""
        if time > self.last * _JUST_AFTER:
            return nan, nan
        index = int(np.searchsorted(self.times, time * _JUST_AFTER, side="right"))
        if index == 0:
            return 0.0, 0.0
        return float(self.mean[index - 1]), float(self.variance[index - 1])


def count_limits(
    mean: ArrayLike, variance: ArrayLike, *, conf_level: float = 0.95
) -> tuple[Floats, Floats]:
    """Normal limits of the logarithm of a mean count; NaN where the count or variance is 0.

    References
    ----------
    Cook RJ, Lawless JF (2007). The Statistical Analysis of Recurrent Events, section 3.4.
    """
    z = two_sided_quantile(conf_level)
    centre, spread = np.asarray(mean, dtype=float), np.asarray(variance, dtype=float)
    known = (centre > 0) & (spread > 0)
    safe = np.where(known, centre, 1.0)
    factor = np.exp(z * np.sqrt(np.where(known, spread, 0.0)) / safe)
    return np.where(known, safe / factor, nan), np.where(known, safe * factor, nan)


def mean_cumulative_count(
    subject: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    terminal: ArrayLike | None = None,
) -> MeanCumulativeCount:
    """Mean cumulative count of recurrent events, with or without a terminal event.

    Without a terminal event the mean grows at each time by events over subjects at risk, and the
    variance is Lawless and Nadeau's. With one, each step is multiplied by the Kaplan-Meier
    probability of being alive just before (an event and a death at one time: the event came first),
    and the variance is Ghosh and Lin's with the number that outlives a death in its denominators, as
    in Greenwood's formula. Both are the infinitesimal jackknife, so that without censoring the mean
    is the average count and the variance sum (N_i - mean)^2 / n^2.

    Parameters
    ----------
    subject : (n_rows,) array
        Whose span it is; the spans of one subject must not overlap.
    start, stop : (n_rows,) arrays
    event : (n_rows,) array of 0 and 1
    terminal : (n_rows,) array of 0 and 1, optional
        1 where the subject dies (or the course ends for good) at `stop`.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or are empty.

    References
    ----------
    Nelson WB (1995). Technometrics 37:147-157. Lawless JF, Nadeau C (1995). Technometrics
    37:158-168, section 2. Ghosh D, Lin DY (2000). Biometrics 56:554-562, section 2.
    """
    spans = _spans(subject, start, stop, event, terminal)
    recurrences = _counts(spans, spans.event)
    alive = np.ones(recurrences.times.size)
    deaths = None
    if terminal is not None:
        deaths = _counts(spans, spans.terminal)
        left = np.concatenate([[1.0], np.cumprod(1 - deaths.events / deaths.at_risk)])
        alive = left[np.searchsorted(deaths.times, recurrences.times, side="left")]
    mean = np.cumsum(alive * recurrences.events / recurrences.at_risk)
    return MeanCumulativeCount(
        times=recurrences.times,
        at_risk=recurrences.at_risk,
        events=recurrences.events,
        mean=mean,
        variance=_variance(spans, recurrences, deaths, alive, mean),
        last=float(spans.stop.max()),
        n=spans.first_rows.size,
    )


class _Spans(NamedTuple):
    """Rows sorted by subject, with the row at which each subject begins."""

    start: Floats
    stop: Floats
    event: Floats
    terminal: Floats
    first_rows: Index


class _Counts(NamedTuple):
    """Events of one kind and how many are at risk of them, at their distinct times."""

    times: Floats
    at_risk: Floats
    events: Floats


def _spans(
    subject: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    terminal: ArrayLike | None,
) -> _Spans:
    who = np.asarray(subject)
    begins, ends = np.asarray(start, dtype=float), np.asarray(stop, dtype=float)
    marks = np.asarray(event, dtype=float)
    ended = np.zeros_like(marks) if terminal is None else np.asarray(terminal, dtype=float)
    if who.ndim != 1 or any(one.shape != who.shape for one in (begins, ends, marks, ended)):
        raise ValueError("subject, start, stop, event and terminal must be arrays of one length")
    if who.size == 0:
        raise ValueError("nobody is in the table: it has no rows")
    if not (np.isfinite(begins).all() and np.isfinite(ends).all()):
        raise ValueError("start and stop must be finite numbers")
    if not (np.isin(marks, (0.0, 1.0)).all() and np.isin(ended, (0.0, 1.0)).all()):
        raise ValueError("event and terminal must be 0 or 1")
    begins, ends = merge_tied_times(begins, ends)
    if not (begins < ends).all():
        raise ValueError("start must come before stop in every row")
    _, number = np.unique(who, return_inverse=True)
    order = np.argsort(number, kind="stable")
    first = np.flatnonzero(np.diff(number[order], prepend=-1))
    return _Spans(begins[order], ends[order], marks[order], ended[order], first)


def _counts(spans: _Spans, mark: Floats) -> _Counts:
    times, events = np.unique(spans.stop[mark == 1], return_counts=True)
    entered = np.searchsorted(np.sort(spans.start), times, side="left")
    gone = np.searchsorted(np.sort(spans.stop), times, side="left")
    return _Counts(times, (entered - gone).astype(float), events.astype(float))


def _variance(
    spans: _Spans, recurrences: _Counts, deaths: _Counts | None, alive: Floats, mean: Floats
) -> Floats:
    """Sum over subjects of the squared influence on the mean at each time, in blocks of times.

    Influence of subject i at t: sum of S dM_i / Y over recurrences up to t, less the sum over
    deaths up to t of {mean(t) - mean(s)} dM_i / (Y - d).
    """
    count = _Martingale(spans, spans.event, recurrences, alive / recurrences.at_risk)
    lost = delayed = None
    if deaths is not None:
        left = deaths.at_risk - deaths.events
        per_survivor = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
        so_far = np.concatenate([[0.0], mean])[
            np.searchsorted(recurrences.times, deaths.times, side="right")
        ]
        lost = _Martingale(spans, spans.terminal, deaths, per_survivor)
        delayed = _Martingale(spans, spans.terminal, deaths, per_survivor * so_far)
    variance = np.empty(mean.size)
    width = max(1, _BLOCK // spans.stop.size)
    for begin in range(0, mean.size, width):
        block = slice(begin, begin + width)
        times = recurrences.times[block]
        influence = count.up_to(times)
        if lost is not None and delayed is not None:
            influence -= mean[block][:, None] * lost.up_to(times) - delayed.up_to(times)
        variance[block] = (np.add.reduceat(influence, spans.first_rows, axis=1) ** 2).sum(axis=1)
    return variance


class _Martingale:
    """Sum of weight(u) {dN(u) - at risk x hazard(u)} of each row over event times u up to t."""

    def __init__(self, spans: _Spans, mark: Floats, counts: _Counts, weight: Floats) -> None:
        drift = weight * counts.events / counts.at_risk
        self._times = counts.times
        self._drift = np.concatenate([[0.0], np.cumsum(drift)])
        self._first = np.searchsorted(counts.times, spans.start, side="right")
        self._end = np.searchsorted(counts.times, spans.stop, side="right")
        at_stop = np.concatenate([weight, [0.0]])[np.minimum(self._end - 1, weight.size)]
        self._jump = np.where(mark == 1, at_stop, 0.0)

    def up_to(self, times: Floats) -> Floats:
        """Value at each of `times`, shape (n_times, n_rows)."""
        index = np.searchsorted(self._times, times, side="right")[:, None]
        end, first = np.minimum(self._end, index), np.minimum(self._first, index)
        jumped: Floats = np.where(self._end <= index, self._jump, 0.0)
        drifted: Floats = self._drift[end] - self._drift[first]
        return jumped - drifted

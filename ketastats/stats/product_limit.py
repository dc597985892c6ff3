"""Kaplan-Meier and Aalen-Johansen curves of exact and right-censored times.

A censoring at time t counts as after an event at t. `weight` is a multiplicity: a row of weight 3
is three people. Only for events whose time was seen; what is found at a visit is interval-censored.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.tied_times import merge_tied_times

Floats = NDArray[np.float64]

_SAME = float(np.sqrt(np.finfo(float).eps))  # two survival values closer than this are equal
_JUST_AFTER = 1 + 1e-9  # a time asked for may differ from the one seen by rounding


class QuantileLimits(NamedTuple):
    """A quantile with confidence limits, in the unit of the times; NaN and inf if not reached."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class ProductLimit:
    """Survival just after each distinct time, of events and of censorings, in increasing order.

    All arrays have shape (n_times,). `variance` is Greenwood's variance of `survival`; where the
    survival is 0 or 1 it is 0 and no confidence limits exist.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    variance: Floats

    def at(self, times: ArrayLike) -> tuple[Floats, Floats]:
        """Survival and its variance at given times; NaN after the last time if people were left."""
        wanted = np.asarray(times, dtype=float) * _JUST_AFTER
        index = np.searchsorted(self.times, wanted, side="right")
        survival = np.concatenate([[1.0], self.survival])[index]
        variance = np.concatenate([[0.0], self.variance])[index]
        unknown = (wanted > self.times[-1] * _JUST_AFTER**2) & (self.survival[-1] > 0)
        return np.where(unknown, nan, survival), np.where(unknown, nan, variance)

    def limits(self, *, conf_level: float = 0.95, kind: str = "log-log") -> tuple[Floats, Floats]:
        """Pointwise limits at `times`; see `survival_limits`."""
        return survival_limits(self.survival, self.variance, conf_level=conf_level, kind=kind)

    def quantile(
        self, share: float = 0.5, *, conf_level: float = 0.95, kind: str = "log-log"
    ) -> QuantileLimits:
        """Time by which a share has had the event, with the limits that invert the curve's limits.

        The first time at which survival is 1 - `share` or less; where the curve runs exactly at
        1 - `share`, the middle of that stretch (up to the last follow-up if it never leaves it), as
        R's `survfit` does. An estimate or lower limit that is not reached, or that does not exist
        because the curve has no limits there, is NaN; such an upper limit is infinite.

        References
        ----------
        Brookmeyer R, Crowley J (1982). Biometrics 38:29-41.
        """
        if not 0 < share < 1:
            raise ValueError(f"share must lie strictly between 0 and 1, not {share}")
        low, high = self.limits(conf_level=conf_level, kind=kind)
        upper = self._crossing(high, 1 - share)
        return QuantileLimits(
            self._crossing(self.survival, 1 - share),
            self._crossing(low, 1 - share),
            inf if np.isnan(upper) else upper,
        )

    def _crossing(self, curve: Floats, level: float) -> float:
        reached = np.flatnonzero(curve <= level + _SAME)  # NaN is never reached
        if reached.size == 0:
            return nan
        first = float(self.times[reached[0]])
        if abs(curve[reached[0]] - level) >= _SAME:
            return first
        below = np.flatnonzero(curve < level - _SAME)
        end = float(self.times[below[0]] if below.size else self.times[-1])
        return (first + end) / 2


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    entry: ArrayLike | None = None,
) -> ProductLimit:
    """Product-limit estimate of survival, with Greenwood's variance.

    Parameters
    ----------
    time : (n,) array
        Time of the event or of the end of follow-up, not negative.
    event : (n,) array of 0 and 1
    weight : (n,) array, optional
        How many people a row stands for.
    entry : (n,) array, optional
        Time from which a row is under observation (left truncation): it is at risk in
        (entry, time].

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or nobody is in them.

    References
    ----------
    Kaplan EL, Meier P (1958). J Am Stat Assoc 53:457-481. Kalbfleisch JD, Prentice RL (2002). The
    Statistical Analysis of Failure Time Data, 2nd ed, equations 1.10 and 1.11.
    """
    marks = np.asarray(event, dtype=float)
    if not np.isin(marks, (0.0, 1.0)).all():
        raise ValueError("event must be 1 where the event was seen and 0 where it was not")
    table = _risk_table(time, marks.astype(np.int64), 1, weight, entry)
    n, d = table.at_risk, table.events[:, 0]
    survival = np.cumprod(np.maximum(0.0, 1 - d / n)).astype(float)
    left = n > d  # where all have the event, survival is 0 from then on
    terms = np.divide(d, n * (n - d), out=np.zeros_like(n), where=left)
    variance: Floats = survival**2 * np.cumsum(terms)
    return ProductLimit(table.times, n, d, table.censored, survival, variance)


def survival_limits(
    survival: ArrayLike, variance: ArrayLike, *, conf_level: float = 0.95, kind: str = "log-log"
) -> tuple[Floats, Floats]:
    """Confidence limits of survival probabilities; NaN where a probability is 0 or 1.

    Parameters
    ----------
    survival, variance : arrays of one shape
    kind : {"log-log", "plain"}
        Normal limits of log(-log S), which stay inside (0, 1), or of S itself, cut at 0 and 1.

    References
    ----------
    Kalbfleisch JD, Prentice RL (2002). The Statistical Analysis of Failure Time Data, 2nd ed,
    section 1.4.1 (equation 1.13 is the log-log one).
    """
    z = two_sided_quantile(conf_level)
    estimate = np.asarray(survival, dtype=float)
    inside = (estimate > 0) & (estimate < 1)
    s = np.where(inside, estimate, 0.5)
    se = np.sqrt(np.asarray(variance, dtype=float))
    if kind == "plain":
        low, high = np.maximum(0.0, s - z * se), np.minimum(1.0, s + z * se)
    elif kind == "log-log":
        power = np.exp(z * se / (s * -np.log(s)))
        low, high = s**power, s ** (1 / power)
    else:
        raise ValueError(f'kind must be "log-log" or "plain", not {kind!r}')
    return np.where(inside, low, nan), np.where(inside, high, nan)


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeIncidence:
    """Share that had each of J causes by each distinct time.

    `times`, `at_risk`, `censored` and `survival` (share with no event of any cause) have shape
    (n_times,); `events`, `incidence` and its `variance` (n_times, J), cause 1 first.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    incidence: Floats
    variance: Floats

    def at(self, time: float, cause: int = 1) -> tuple[float, float]:
        """Cumulative incidence of a cause (1 to J) by a time, and its variance.

        Both are NaN after the last time if people were left without an event then.
        """
        if time > self.times[-1] * _JUST_AFTER and self.survival[-1] > 0:
            return nan, nan
        index = int(np.searchsorted(self.times, time * _JUST_AFTER, side="right")) - 1
        if index < 0:
            return 0.0, 0.0
        return float(self.incidence[index, cause - 1]), float(self.variance[index, cause - 1])


def aalen_johansen(
    time: ArrayLike,
    cause: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    entry: ArrayLike | None = None,
) -> CumulativeIncidence:
    """Cumulative incidence of competing causes, with the Greenwood-type variance.

    The variance is the delta method with multinomial increments: those of one time have variance
    h(1 - h)/n and covariance -h h'/n. It is the recursion of Andersen et al. that R's etm and
    savvyr use, equals Greenwood's for one cause, and p(1 - p)/n without censoring. The convention
    left is Aalen's (Poisson increments, in R's cmprsk), and R's survfit takes the infinitesimal
    jackknife.

    Parameters
    ----------
    time : (n,) array
    cause : (n,) array of int
        0 for censored, 1 to J for the causes.
    weight, entry
        As for `kaplan_meier`.

    References
    ----------
    Aalen OO, Johansen S (1978). Scand J Stat 5:141-150. Andersen PK, Borgan Ø, Gill RD, Keiding N
    (1993). Statistical Models Based on Counting Processes, section IV.4.1.3. Marubini E, Valsecchi
    MG (1995). Analysing Survival Data from Clinical Trials, equation 10.12.
    """
    marks = np.asarray(cause, dtype=float)
    if not ((marks >= 0) & (marks == np.floor(marks))).all():
        raise ValueError("cause must be 0 for censored and 1, 2, ... for the causes")
    causes = marks.astype(np.int64)
    table = _risk_table(time, causes, max(1, int(causes.max(initial=1))), weight, entry)
    n, d = table.at_risk, table.events.sum(axis=1)
    survival = np.cumprod(np.maximum(0.0, 1 - d / n))
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before[:, None] * table.events / n[:, None], axis=0)
    variance = _incidence_variance(n, table.events, before, incidence)
    return CumulativeIncidence(
        table.times, n, table.events, table.censored, survival, incidence, variance
    )


def _incidence_variance(n: Floats, events: Floats, before: Floats, incidence: Floats) -> Floats:
    """Sum over earlier times s of {F(t) - F(s)}^2 a(s) - 2 {F(t) - F(s)} b(s) + c(s)."""
    total = events.sum(axis=1)
    left = n > total  # where nobody is left, F(t) = F(s) from then on and the terms vanish
    a = np.divide(total, n * (n - total), out=np.zeros_like(n), where=left)[:, None]
    b = np.where(left, before / n**2, 0.0)[:, None] * events
    c = (before**2 / n**3)[:, None] * events * (n[:, None] - events)
    first = incidence**2 * np.cumsum(a, axis=0)
    cross = 2 * incidence * np.cumsum(a * incidence + b, axis=0)
    rest = np.cumsum(a * incidence**2 + 2 * b * incidence + c, axis=0)
    variance: Floats = np.maximum(0.0, first - cross + rest)
    return variance


class _RiskTable(NamedTuple):
    times: Floats
    at_risk: Floats
    events: Floats  # (n_times, n_causes)
    censored: Floats


def _risk_table(
    time: ArrayLike,
    cause: NDArray[np.integer[Any]],
    n_causes: int,
    weight: ArrayLike | None,
    entry: ArrayLike | None,
) -> _RiskTable:
    """Distinct times with how many are at risk, have each event, or end without one."""
    ends = np.asarray(time, dtype=float)
    count = np.ones_like(ends) if weight is None else np.asarray(weight, dtype=float)
    begins = np.full_like(ends, -inf) if entry is None else np.asarray(entry, dtype=float)
    _check_rows(ends, cause, count, begins)
    begins, ends = merge_tied_times(begins, ends)
    if not (begins < ends).all():
        raise ValueError("entry must come before time")
    kept = count > 0
    begins, ends, cause, count = begins[kept], ends[kept], cause[kept], count[kept]
    times, index = np.unique(ends, return_inverse=True)
    table = np.zeros((times.size, n_causes + 1))
    np.add.at(table, (index, cause), count)
    # At risk: everyone who ends here or later, less those who have not yet entered.
    at_risk = np.cumsum(table.sum(axis=1)[::-1])[::-1]
    if entry is not None:
        first = np.searchsorted(times, begins, side="right")
        waiting = np.bincount(first, weights=count, minlength=times.size)
        at_risk = at_risk - (count.sum() - np.cumsum(waiting))
    return _RiskTable(times, at_risk, table[:, 1:], table[:, 0])


def _check_rows(
    ends: Floats, cause: NDArray[np.integer[Any]], count: Floats, begins: Floats
) -> None:
    if ends.ndim != 1 or not ends.shape == cause.shape == count.shape == begins.shape:
        raise ValueError("time, event, weight and entry must be arrays of one length")
    if not np.isfinite(ends).all() or (ends < 0).any() or np.isnan(begins).any():
        raise ValueError("times must be finite numbers, not negative and not missing")
    if not np.isfinite(count).all() or (count < 0).any():
        raise ValueError("weights must be finite numbers, not negative")
    if not (count > 0).any():
        raise ValueError("nobody is in the table: it has no rows of positive weight")

"""Log-rank tests of k groups on exact and right-censored times: stratified, weighted, for trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr

from ketastats.stats.tied_times import merge_tied_times

Floats = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]


class TrendTest(NamedTuple):
    """Test of one degree of freedom against an ordered difference."""

    z: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """Weighted observed and expected events per group, (k,), and the covariance of O - E, (k, k).

    `statistic` is chi-square with `df` degrees of freedom. A group at risk at no event time has
    nothing expected and takes no part: `df` is one less than the number of the others.
    """

    observed: Floats
    expected: Floats
    covariance: Floats
    statistic: float
    df: int
    p_value: float

    def trend(self, scores: ArrayLike) -> TrendTest:
        """Test against a hazard that rises (z > 0) or falls with one score per group.

        References
        ----------
        Tarone RE (1975). Biometrika 62:679-682.
        """
        values = np.asarray(scores, dtype=float)
        if values.shape != self.observed.shape or not np.isfinite(values).all():
            raise ValueError("trend needs one finite score per group")
        variance = float(values @ self.covariance @ values)
        if variance <= 1e-12 * float(np.abs(values) @ np.abs(self.covariance) @ np.abs(values)):
            raise ValueError("trend needs at least two different scores among the groups at risk")
        z = float(values @ (self.observed - self.expected)) / variance**0.5
        return TrendTest(z, 2 * float(ndtr(-abs(z))))


def log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    rho: float = 0.0,
    weight: ArrayLike | None = None,
) -> LogRank:
    """Compare the hazards of k groups, with the hypergeometric variance.

    Parameters
    ----------
    time : (n,) array
        Time of the event or of the end of follow-up; an end at t counts as after an event at t.
    event : (n,) array of 0 and 1
    group : (n,) array of int, 0 to k - 1
    stratum : (n,) array of int, optional
        Compare within strata and add up.
    rho : float, default 0
        Weight of an event time: pooled Kaplan-Meier survival just before it, within the stratum, to
        this power. 0 is the log-rank test, 1 the Peto-Peto modification of Wilcoxon's.
    weight : (n,) array, optional
        How many people a row stands for.

    Raises
    ------
    ValueError
        If there are no events, or fewer than two groups are ever at risk at an event.

    References
    ----------
    Mantel N (1966). Cancer Chemother Rep 50:163-170. Harrington DP, Fleming TR (1982). Biometrika
    69:553-566. Kalbfleisch JD, Prentice RL (2002). The Statistical Analysis of Failure Time Data,
    2nd ed, section 1.5.
    """
    (ends,) = merge_tied_times(np.asarray(time, dtype=float))
    marks = np.asarray(event, dtype=float)
    labels = np.asarray(group, dtype=np.int64)
    count = np.ones_like(ends) if weight is None else np.asarray(weight, dtype=float)
    layers = np.zeros(ends.size) if stratum is None else np.asarray(stratum)
    _check(ends, marks, labels, layers, count)
    k = int(labels.max()) + 1
    observed, expected, covariance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for layer in np.unique(layers):
        here = layers == layer
        part = _one_stratum(ends[here], marks[here], labels[here], count[here], k, rho)
        observed, expected = observed + part.observed, expected + part.expected
        covariance = covariance + part.covariance
    if observed.sum() == 0:
        raise ValueError("there are no events, so there is nothing to compare")
    statistic, df = _chi_square(observed - expected, covariance, expected > 0)
    return LogRank(observed, expected, covariance, statistic, df, float(chdtrc(df, statistic)))


class _Sums(NamedTuple):
    observed: Floats
    expected: Floats
    covariance: Floats


def _one_stratum(
    ends: Floats, marks: Floats, labels: Labels, count: Floats, k: int, rho: float
) -> _Sums:
    times, index = np.unique(ends, return_inverse=True)
    everyone, events = np.zeros((times.size, k)), np.zeros((times.size, k))
    np.add.at(everyone, (index, labels), count)
    np.add.at(events, (index, labels), count * marks)
    at_risk = np.cumsum(everyone[::-1], axis=0)[::-1]
    d, n = events.sum(axis=1), at_risk.sum(axis=1)
    survival = np.cumprod(1 - np.divide(d, n, out=np.zeros_like(d), where=n > 0))
    factor = np.concatenate([[1.0], survival[:-1]]) ** rho
    kept = d > 0
    d, n, factor = d[kept], n[kept], factor[kept]
    share = at_risk[kept] / n[:, None]
    hyper = factor**2 * d * np.divide(n - d, n - 1, out=np.zeros_like(n), where=n > 1)
    covariance = np.diag(hyper @ share) - (share * hyper[:, None]).T @ share
    return _Sums(factor @ events[kept], (factor * d) @ share, covariance)


def _chi_square(
    difference: Floats, covariance: Floats, used: NDArray[np.bool_]
) -> tuple[float, int]:
    """Quadratic form in all but one of the groups that take part; which is left out is no matter."""
    members = np.flatnonzero(used)
    if members.size < 2:
        raise ValueError(
            "only one group is ever at risk at an event, so there is nothing to compare"
        )
    kept = members[1:]
    matrix = covariance[np.ix_(kept, kept)]
    if np.linalg.matrix_rank(matrix, hermitian=True) < kept.size:
        raise ValueError(
            "the groups cannot be compared: they are not at risk at the same event times"
        )
    return float(difference[kept] @ np.linalg.solve(matrix, difference[kept])), kept.size


def _check(
    ends: Floats, marks: Floats, labels: Labels, layers: NDArray[Any], count: Floats
) -> None:
    if ends.ndim != 1 or any(one.shape != ends.shape for one in (marks, labels, layers, count)):
        raise ValueError("time, event, group, stratum and weight must be arrays of one length")
    if ends.size == 0:
        raise ValueError("nobody is in the table: it has no rows")
    if not np.isfinite(ends).all() or (ends < 0).any():
        raise ValueError("times must be finite numbers, not negative and not missing")
    if not np.isin(marks, (0.0, 1.0)).all():
        raise ValueError("event must be 1 where the event was seen and 0 where it was not")
    if (labels < 0).any():
        raise ValueError("group must be numbered from 0")
    if not np.isfinite(count).all() or (count < 0).any():
        raise ValueError("weights must be finite numbers, not negative")

"""Imputing whether an event came by a horizon in those who left before, with a shifted hazard.

Everybody's time is taken from a nonparametric curve (Turnbull) of their own arm. Between assessments a
curve has bounds; here, as elsewhere, the event is taken to have come at the latest time that it can have
come. A hazard multiplied by `delta` from the time of leaving on makes the chance of the event by the
horizon 1 - (S(horizon) / S(leaving))^delta: `delta` 1 is censoring at random, 0 is never.

References
----------
Lipkovich I, Ratitch B, O'Kelly M (2016). Pharm Stat 15:216-229 (delta-adjusted hazards). Jackson D et al
(2014). Stat Med 33:4681-4694. Rubin DB, Schenker N (1986). J Am Stat Assoc 81:366-374 (approximate
Bayesian bootstrap). Lott A, Reiter JP (2020). Am Stat 74:109-115 (limits of an imputed share).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ketastats.stats.imputation_pooling import Pooled, pool_imputations
from ketastats.stats.turnbull import Turnbull, checked_bounds, turnbull

Floats = NDArray[np.float64]

_NOTHING = 1e-12  # a mass that is rounding
_LOWER = np.linspace(0.95, 0.0, 20)  # where a changed conclusion is looked for, before halving
_HIGHER = np.geomspace(1.1, 50.0, 24)
_HALVINGS = 40


@dataclass(frozen=True, slots=True, eq=False)
class ReliefImputations:
    """What is known of one arm by the horizon, and the random numbers for what is not.

    `known` subjects of `n` had the event by then. `dropped` left before: `ratio` (n_dropped,) is
    S(horizon) / S(leaving) on the curve of the arm, `drawn_ratio` (m, n_dropped) on curves of samples
    drawn from the arm, `uniform` (m, n_dropped) decides. `between` subjects had the event between two
    assessments around the horizon: `chance` (n_between,) is that it came before, `between_events` (m,)
    how many of them had it by then in each imputation.
    """

    n: int
    known: int
    ratio: Floats
    chance: Floats
    drawn_ratio: Floats
    uniform: Floats
    between_events: Floats

    @property
    def dropped(self) -> int:
        """Subjects who left before the horizon without the event."""
        return len(self.ratio)

    @property
    def between(self) -> int:
        """Subjects whose event came between two assessments around the horizon."""
        return len(self.chance)

    def expected(self, delta: float) -> float:
        """Share with the event by the horizon that is expected on the arm's own curve."""
        later = 1.0 - self.ratio**delta
        return float(self.known + self.chance.sum() + later.sum()) / self.n

    def shares(self, delta: float) -> Floats:
        """Share with the event by the horizon in each imputation, (m,), from the same random numbers."""
        later = (self.uniform < 1.0 - self.drawn_ratio**delta).sum(axis=1)
        return np.asarray((self.known + self.between_events + later) / self.n)


@dataclass(frozen=True, slots=True)
class ImputedShare:
    """A share, or a difference of two, with its inference.

    `estimate` is expected on the curves of the arms, and the limits are around it. `pooled` is the mean over
    imputations, whose curves vary: the two differ where a curve is near 0 and `delta` is far from 1. A
    difference without any variance (nobody or everybody in both arms) has no limits, test
    or standard error.
    """

    estimate: float
    pooled: float
    monte_carlo_se: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    missing_share: float

    @property
    def side(self) -> int:
        """On which side of 0 the interval lies: -1 or 1; 0 if it holds 0, or there is none."""
        return int(self.conf_low > 0) - int(self.conf_high < 0)


def relief_imputations(
    left: Floats,
    right: Floats,
    *,
    horizon: float,
    imputations: int,
    rng: np.random.Generator,
    progress: Callable[[int], None] | None = None,
) -> ReliefImputations:
    """Draw what is needed to impute who had the event by the horizon, for any delta.

    Parameters
    ----------
    left, right : (n,) float
        Times in (left, right] of one arm; `right` is infinite where the event was not reached.
    horizon : float
        Positive.
    imputations : int
        Curves drawn: each is the maximum likelihood curve of a sample of the arm's subjects, drawn with
        replacement. Where such a curve has no mass after a subject's leaving, no event by the horizon.
    rng : Generator
    progress : callable, optional
        Told the number of curves fitted so far.

    Raises
    ------
    ValueError
        If the intervals are none, or the horizon or the number of imputations does not fit.
    """
    low, high = checked_bounds(left, right)
    if not (np.isfinite(horizon) and horizon > 0):
        raise ValueError("the horizon must be a positive, finite time")
    if imputations < 2:
        raise ValueError("pooling needs two imputations or more")
    order = np.lexsort((high, low))  # so that the order of subjects does not matter
    low, high = low[order], high[order]
    dropped = np.isinf(high) & (low < horizon)
    between = np.isfinite(high) & (high > horizon) & (low < horizon)
    pairs, index, counts = np.unique(
        np.column_stack((low, high)), axis=0, return_inverse=True, return_counts=True
    )
    starts, ends = low[between], high[between]
    whole = turnbull(pairs[:, 0], pairs[:, 1], counts)
    ratio = np.empty((imputations, int(dropped.sum())))
    events = np.empty(imputations)
    uniform = rng.random(ratio.shape)
    tossed = rng.random((imputations, int(between.sum())))
    samples = rng.multinomial(len(index), counts / len(index), size=imputations).astype(float)
    for m in range(imputations):
        curve = (
            turnbull(pairs[:, 0], pairs[:, 1], samples[m]) if ratio.size + tossed.size else whole
        )
        ratio[m] = _ratio(curve, low[dropped], horizon)
        events[m] = (tossed[m] < _chance(curve, starts, ends, horizon)).sum()
        if progress is not None:
            progress(m + 1)
    return ReliefImputations(
        n=len(low),
        known=int((high <= horizon).sum()),
        ratio=_ratio(whole, low[dropped], horizon),
        chance=_chance(whole, starts, ends, horizon),
        drawn_ratio=ratio,
        uniform=uniform,
        between_events=events,
    )


def imputed_share(arm: ReliefImputations, delta: float, *, conf_level: float) -> ImputedShare:
    """Share of one arm with the event by the horizon, with Wilson's limits for imputed data.

    Parameters
    ----------
    arm : ReliefImputations
    delta : float
        Hazard after leaving over that of those who stayed; at least 0.
    conf_level : float
    """
    shares, point = arm.shares(delta), arm.expected(delta)
    pooled = _pooled(point, shares - point, _variances(shares, arm.n))
    growth = 1 / (1 - pooled.missing_share) if pooled.missing_share < 1 else nan
    quantile = float(stdtrit(pooled.df, 0.5 + conf_level / 2))
    z2 = quantile**2 * growth / arm.n
    centre = (point + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * point * (1 - point) + z2**2 / 4) / (1 + z2)
    return ImputedShare(
        estimate=point,
        pooled=pooled.estimate,
        monte_carlo_se=pooled.monte_carlo_se,
        std_error=pooled.std_error,
        statistic=nan,
        df=pooled.df,
        p_value=nan,
        conf_low=float(max(centre - half, 0.0)),
        conf_high=float(min(centre + half, 1.0)),
        missing_share=pooled.missing_share,
    )


def imputed_difference(
    arm: ReliefImputations,
    reference: ReliefImputations,
    deltas: tuple[float, float],
    *,
    conf_level: float,
) -> ImputedShare:
    """Difference of the shares of two arms, arm minus reference, with limits by Rubin's rules.

    Parameters
    ----------
    arm, reference : ReliefImputations
    deltas : (float, float)
        Of the arm and of the reference.
    conf_level : float
    """
    first, second = arm.shares(deltas[0]), reference.shares(deltas[1])
    points = arm.expected(deltas[0]), reference.expected(deltas[1])
    point = points[0] - points[1]
    pooled = _pooled(
        point,
        (first - points[0]) - (second - points[1]),
        _variances(first, arm.n) + _variances(second, reference.n),
    )
    return _with_limits(point, pooled, conf_level)


def tipping_delta(
    arm: ReliefImputations, reference: ReliefImputations, *, conf_level: float
) -> float:
    """The delta of the arm nearest to 1, from 0 to 50, at which the conclusion changes; NaN if none does.

    The conclusion is on which side of 0 the interval of the difference lies, or that it holds 0. The delta
    of the reference is 1.
    """

    def side(delta: float) -> int:
        return imputed_difference(arm, reference, (delta, 1.0), conf_level=conf_level).side

    start, found = side(1.0), []
    for steps in (_LOWER, _HIGHER):
        near = 1.0
        for far in map(float, steps):
            if side(far) != start:
                found.append(_halved(side, start, near, far))
                break
            near = far
    return min(found, key=lambda delta: abs(delta - 1), default=nan)


def _halved(side: Callable[[float], int], start: int, near: float, far: float) -> float:
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if side(middle) == start else (near, middle)
    return far


def _with_limits(point: float, pooled: Pooled, conf_level: float) -> ImputedShare:
    se = pooled.std_error if pooled.std_error > 0 else nan
    half = float(stdtrit(pooled.df, 0.5 + conf_level / 2)) * se
    return ImputedShare(
        estimate=point,
        pooled=pooled.estimate,
        monte_carlo_se=pooled.monte_carlo_se,
        std_error=se,
        statistic=point / se,
        df=pooled.df,
        p_value=2 * float(stdtr(pooled.df, -abs(point / se))),
        conf_low=point - half,
        conf_high=point + half,
        missing_share=pooled.missing_share,
    )


def _pooled(point: float, apart: Floats, variances: Floats) -> Pooled:
    """Pool estimates given by how far they are from `point`, exactly so where all of them are there."""
    found = pool_imputations(apart, variances)
    return replace(found, estimate=point + found.estimate)


def _variances(shares: Floats, n: int) -> Floats:
    return np.asarray(shares * (1 - shares) / n)


def _ratio(curve: Turnbull, leaving: Floats, horizon: float) -> Floats:
    """S(horizon) / S(leaving); 1 where nothing is left after leaving."""
    before = curve.survival_bounds(leaving)[1]
    after = float(curve.survival_bounds(horizon)[1][0])
    kept = before > _NOTHING
    return np.where(kept, np.minimum(after / np.where(kept, before, 1.0), 1.0), 1.0)


def _chance(curve: Turnbull, start: Floats, end: Floats, horizon: float) -> Floats:
    """Chance that an event in (start, end] came by the horizon; 0 where the curve has no mass there."""
    begin, stop = curve.survival_bounds(start)[1], curve.survival_bounds(end)[1]
    inside = begin - stop
    reached = begin - float(curve.survival_bounds(horizon)[1][0])
    kept = inside > _NOTHING
    return np.where(kept, np.clip(reached / np.where(kept, inside, 1.0), 0.0, 1.0), 0.0)

"""How much of a mean change regression to the mean explains, where patients were let in by their baseline.

Scores are taken so that higher is worse: patients are let in at or above the entry. Before selection
baselines follow N(mu, sigma^2) and two assessments of a stable patient correlate by rho. Then the expected
change of those let in, without any real one, is -(1 - rho) e with the excess
e = E[baseline | let in] - mu = sigma h(z), z = (entry - mu) / sigma and h(z) = phi(z) / (1 - Phi(z)).

References
----------
Gardner MJ, Heady JA (1973). J Chronic Dis 26:781-795. Davis CE (1976). Am J Epidemiol 104:493-498.
Barnett AG, van der Pols JC, Dobson AJ (2005). Int J Epidemiol 34:215-220. Cohen AC (1950). Ann Math Stat
21:557-569 (the truncated normal law). Zou GY, Donner A (2008). Stat Med 27:1693-1702 (limits of sums).
Fieller EC (1954). J R Stat Soc B 16:175-185.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log, nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import erfcx, log_ndtr, stdtrit

from ketastats.stats.intervals import Interval

Floats = NDArray[np.float64]

FEWEST = 10
"""Baselines below which a truncated law is not fitted."""

# standard deviations of the entry above the mean, beyond which the fit tells nothing
_FURTHEST = 20.0
_SMALLEST = 1e-10  # of a standard deviation: an excess below it is none


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedNormal:
    """A normal law fitted to the values at or above a cut.

    `mean` and `sd` are those before truncation, `excess` is how far the mean of the values seen lies above
    `mean`. `influence` (n,) holds the influence of each value on `excess`; its mean square over n is the
    variance of `excess`. `first` and `variance` are the moments of value - cut.
    """

    mean: float
    sd: float
    excess: float
    influence: Floats
    first: float
    variance: float

    @property
    def std_error(self) -> float:
        """Standard error of `excess`, with n - 1."""
        n = len(self.influence)
        return sqrt(float(self.influence @ self.influence) / (n * (n - 1)))

    def excess_limits(self, quantile: float) -> Interval:
        """Profile likelihood limits of `excess`; the upper one is infinite where the values do not bound it.

        Parameters
        ----------
        quantile : float
            Of the square root of the deviance, such as 1.96.
        """
        n, allowed = len(self.influence), quantile**2
        start = max(self.excess, _SMALLEST * self.sd)
        best = _profile(start, self.first, self.variance)

        def beyond(log_excess: float) -> float:
            at = _profile(exp(log_excess), self.first, self.variance)
            return 2 * n * (at - best) - allowed

        untruncated = 0.5 * log(2 * pi * self.variance) + 0.5
        exponential = 1 + log(self.first)
        low = 0.0 if 2 * n * (untruncated - best) <= allowed else _edge(beyond, start, -1.0)
        high = inf if 2 * n * (exponential - best) <= allowed else _edge(beyond, start, 1.0)
        return Interval(low, high)


def expected_change(sd: float, entry_z: float, reliability: float) -> float:
    """Expected change of those at or above an entry, without any real one (Barnett 2005).

    Parameters
    ----------
    sd : float
        Standard deviation of one assessment before selection.
    entry_z : float
        (entry - mean before selection) / sd.
    reliability : float
        Correlation of two assessments of stable patients before selection.
    """
    return -(1 - reliability) * sd * _hazard(entry_z)


def fit_truncated_normal(values: ArrayLike, cut: float) -> TruncatedNormal:
    """Fit a normal law to values that were seen because they are at or above a cut, by maximum likelihood.

    Parameters
    ----------
    values : (n,) array_like
        None below `cut`.
    cut : float

    Raises
    ------
    ValueError
        If there are fewer than `FEWEST` values, they are all alike, one lies below the cut, or they thin
        out from the cut on no faster than an exponential law, so that no normal law fits best.
    """
    above = np.asarray(values, dtype=float) - cut
    n = len(above)
    if n < FEWEST:
        raise ValueError(f"{n} baselines do not tell the mean before selection: it takes {FEWEST}")
    if above.min() < -1e-9 * max(1.0, abs(cut)):
        raise ValueError("a value lies below the cut")
    if np.ptp(above) <= 0:
        raise ValueError("baselines are all alike, so they do not tell the mean before selection")
    first, variance = float(above.mean()), float(above.var())
    wanted = variance / first**2
    if wanted >= _squared_variation(_FURTHEST):
        raise ValueError(
            "baselines thin out from the entry on as an exponential law does, so they do not tell the mean "
            "before selection"
        )
    z = float(
        brentq(
            lambda at: _squared_variation(at) - wanted,
            -2 / sqrt(wanted) - 2,
            _FURTHEST,
            xtol=1e-13,
        )
    )
    hazard = _hazard(z)
    sd = first / (hazard - z)
    mean = -z * sd
    own = (above - first) - _influence_on_mean(above, mean, sd, hazard)
    return TruncatedNormal(mean + cut, sd, sd * hazard, own, first, variance)


@dataclass(frozen=True, slots=True)
class Part:
    """A number with its standard error and limits, of which sums are made."""

    estimate: float
    std_error: float
    low: float
    high: float

    @classmethod
    def symmetric(cls, estimate: float, std_error: float, quantile: float) -> Part:
        """With limits `quantile` standard errors away."""
        half = quantile * std_error
        return cls(estimate, std_error, estimate - half, estimate + half)

    @property
    def matters(self) -> bool:
        """Whether it is anything but an exact 0."""
        return self.estimate != 0 or self.std_error != 0

    @property
    def negative(self) -> Part:
        """The same with its sign changed."""
        return Part(-self.estimate, self.std_error, -self.high, -self.low)


@dataclass(frozen=True, slots=True)
class OneArm:
    """What a mean change is split into.

    `excess` is how far baselines lie above those before selection, `correlation` that of its estimate and
    the mean change; `mean` and `sd` are baseline before selection, nan where not known. `quantile` is that
    of t on n - 1, `normal` that of the normal law.
    """

    n: int
    observed: Part
    excess: Part
    correlation: float
    mean: float
    sd: float
    natural: Part
    unspecific: Part | None
    quantile: float
    normal: float

    def parts(self, reliability: float, reliability_se: float) -> dict[str, Part]:
        """The change, its parts and what is left, at a reliability.

        `unspecific` already holds regression and the natural course, so what is left is the observed change
        less it. Without it, what is left is the observed change less these two.
        """
        regression = regression_part(self.excess, reliability, reliability_se, self.normal)
        found = {
            "observed": self.observed,
            "regression_to_the_mean": regression,
            "natural_course": self.natural,
        }
        others = [regression.negative, self.natural.negative]
        if self.unspecific is not None:
            found["expectancy"] = sum_of_parts([self.unspecific, *others])
            found["remainder"] = sum_of_parts([self.observed, self.unspecific.negative])
            return found | {"unspecific": self.unspecific}
        # only the excess, and not the reliability, comes from the same subjects as the change
        own = (1 - reliability) * self.excess.std_error
        shared = self.correlation * own / regression.std_error if own > 0 else 0.0
        return found | {"remainder": sum_of_parts([self.observed, *others], shared)}

    def multiple(self) -> Part | None:
        """The change over `unspecific`, with Fieller's limits; None where the latter is not told from 0."""
        above, below = self.observed, self.unspecific
        if below is None or below.low <= 0 <= below.high:
            return None
        half = (below.high - below.low) / 2
        widest = max(self.quantile, half / below.std_error if below.std_error > 0 else 0.0)
        limits = ratio_limits(above, below, widest)
        if limits is None:
            return None
        ratio = above.estimate / below.estimate
        se = sqrt(above.std_error**2 + (ratio * below.std_error) ** 2) / abs(below.estimate)
        return Part(ratio, se, *limits)


def one_arm(
    changes: ArrayLike,
    baselines: ArrayLike,
    *,
    entry: float | None,
    before: tuple[float, float] | None,
    natural: Sequence[float],
    unspecific: Sequence[float] | None,
    conf_level: float,
) -> OneArm:
    """Estimate what the mean change of one arm is split into.

    Parameters
    ----------
    changes, baselines : (n,) array_like
    entry : float, optional
        Baselines were at or above it; None for no selection.
    before : (mean, standard error), optional
        Mean baseline before selection where known; it is then not fitted.
    natural, unspecific : (change, standard error[, degrees of freedom])

    Raises
    ------
    ValueError
        As `fit_truncated_normal`.
    """
    d, x = np.asarray(changes, dtype=float), np.asarray(baselines, dtype=float)
    n = len(d)
    quantile, normal = (float(stdtrit(df, 0.5 + conf_level / 2)) for df in (n - 1, inf))
    observed = Part.symmetric(float(d.mean()), float(d.std(ddof=1)) / sqrt(n), quantile)
    own, mean, sd = np.zeros(n), nan, nan
    excess = Part(0.0, 0.0, 0.0, 0.0)
    if before is not None:
        own, mean = x - x.mean(), float(before[0])
        se = sqrt(float(own @ own) / (n * (n - 1)) + before[1] ** 2)
        excess = Part.symmetric(float(x.mean()) - mean, se, quantile)
    elif entry is not None:
        law = fit_truncated_normal(x, entry)
        own, mean, sd = law.influence, law.mean, law.sd
        excess = Part(law.excess, law.std_error, *law.excess_limits(quantile))
    both = n * (n - 1) * observed.std_error * excess.std_error
    correlation = float((d - d.mean()) @ own) / both if both > 0 else 0.0
    given = [_given(numbers, conf_level) for numbers in (natural, unspecific or (0.0, 0.0))]
    placebo = None if unspecific is None else given[1]
    return OneArm(n, observed, excess, correlation, mean, sd, given[0], placebo, quantile, normal)


def regression_part(
    excess: Part, reliability: float, reliability_se: float, quantile: float
) -> Part:
    """Expected change -(1 - rho) e, with the uncertainty of both.

    The limits join those of e and of rho by squares of their distances; those of rho stay within 0 to 1.
    """
    if excess.estimate < 0:
        return regression_part(excess.negative, reliability, reliability_se, quantile).negative
    share, e = 1 - reliability, excess.estimate
    half = quantile * reliability_se
    low, high = max(share - half, 0.0), min(share + half, 1.0)
    down = sqrt(_times(share, e - excess.low) ** 2 + (e * (share - low)) ** 2)
    up = sqrt(_times(share, excess.high - e) ** 2 + (e * (high - share)) ** 2)
    se = sqrt((share * excess.std_error) ** 2 + (e * reliability_se) ** 2)
    ends = (share * e - down, share * e + up)
    if excess.low >= 0:  # those let in were no better than all, so neither is what is left of it
        ends = (max(ends[0], 0.0), ends[1])
    return Part(share * e, se, *ends).negative


def sum_of_parts(parts: Sequence[Part], correlation: float = 0.0) -> Part:
    """Sum of numbers, the first two correlated, the others independent, with limits from those of each.

    The lower limit is the sum less the root of the squared distances of each part to its own lower limit,
    with twice their product times the correlation for the first two; the upper one likewise.

    References
    ----------
    Zou GY, Donner A (2008). Stat Med 27:1693-1702, equations 8 and 9, with the correlation kept.
    """
    total = sum(part.estimate for part in parts)
    low = _joined([part.estimate - part.low for part in parts], correlation)
    high = _joined([part.high - part.estimate for part in parts], correlation)
    se = _joined([part.std_error for part in parts], correlation)
    return Part(total, se, total - low, total + high)


def ratio_limits(above: Part, below: Part, quantile: float) -> Interval | None:
    """Fieller's limits of a ratio of independent numbers; None if the divisor is not told from 0."""
    a, b = above.estimate, below.estimate
    var_a, var_b = above.std_error**2, below.std_error**2
    square = b**2 - quantile**2 * var_b
    if square <= 0:
        return None
    root = sqrt((a * b) ** 2 - square * (a**2 - quantile**2 * var_a))
    return Interval((a * b - root) / square, (a * b + root) / square)


def _given(numbers: Sequence[float], conf_level: float) -> Part:
    df = numbers[2] if len(numbers) > 2 else inf
    quantile = float(stdtrit(df, 0.5 + conf_level / 2))
    return Part.symmetric(float(numbers[0]), float(numbers[1]), quantile)


def _joined(distances: Sequence[float], correlation: float) -> float:
    if not all(map(isfinite, distances)):
        return inf
    both = 2 * correlation * distances[0] * distances[1] if len(distances) > 1 else 0.0
    return sqrt(max(sum(distance**2 for distance in distances) + both, 0.0))


def _times(share: float, distance: float) -> float:
    # infinite limits do not matter where nothing regresses
    return 0.0 if share == 0 else share * distance


def _log_hazard(z: float) -> float:
    return -0.5 * z * z - 0.5 * log(2 * pi) - float(log_ndtr(-z))


def _hazard(z: float) -> float:
    """phi(z) / (1 - Phi(z))."""
    return sqrt(2 / pi) / float(erfcx(z / sqrt(2))) if z > -30 else exp(_log_hazard(z))


def _squared_variation(z: float) -> float:
    """Variance over squared mean of value - cut, which rises with z from 0 to 1."""
    hazard = _hazard(z)
    gap = hazard - z
    return (1 - gap * hazard) / gap**2


def _influence_on_mean(above: Floats, mean: float, sd: float, hazard: float) -> Floats:
    """Scores of (mean, sd) times the inverse information, the part of the mean."""
    u = (above - mean) / sd
    rise = hazard * (hazard + mean / sd)
    of_mean = (u - hazard) / sd
    of_sd = (u * u - 1) / sd + hazard * mean / sd**2
    first, second = float(u.mean()), float((u * u).mean())
    mm = (rise - 1) / sd**2
    ms = (hazard - 2 * first) / sd**2 - rise * mean / sd**3
    ss = (1 - 3 * second) / sd**2 + rise * mean**2 / sd**4 - 2 * hazard * mean / sd**3
    return np.asarray(-(ss * of_mean - ms * of_sd) / (mm * ss - ms * ms))


def _profile(excess: float, first: float, variance: float) -> float:
    """Negative log-likelihood per value at an excess, the smallest over z with sd = excess / h(z)."""
    second = variance + first**2

    def slope(z: float) -> float:
        h = _hazard(z)
        gap = h - z
        return second * h * h * gap / excess**2 + first / excess * (h + z * h * gap) - 2 * gap

    low, high = -5.0, 5.0
    while slope(low) > 0:
        low *= 2
    while slope(high) < 0:
        high *= 2
    z = float(brentq(slope, low, high, xtol=1e-12))
    sd = excess / _hazard(z)
    squares = variance + (first + z * sd) ** 2
    return squares / (2 * sd * sd) + log(sd) + 0.5 * log(2 * pi) + float(log_ndtr(-z))


def _edge(beyond: Callable[[float], float], start: float, direction: float) -> float:
    """Where the deviance reaches what is allowed, on one side of the estimate; 0 or infinity if nowhere."""
    near, step = log(start), 0.1
    while step < 100:
        far = log(start) + direction * step
        if beyond(far) > 0:
            low, high = sorted((near, far))
            return exp(float(brentq(beyond, low, high, xtol=1e-10)))
        near, step = far, 1.6 * step
    return inf if direction > 0 else 0.0

"""Negative binomial regression of counts, and imputing the events of time that was not observed.

A subject's events are Poisson with rate ``frailty * exp(x'b)``; the frailty is gamma with mean 1 and
variance `dispersion` (1 / theta in other programs). Given y events in a time t with mean m it is gamma
with shape ``1/k + y`` and rate ``1/k + m``, so that the events of unobserved time are negative binomial.

References
----------
Lawless JF (1987). Can J Stat 15:209-225 (negative binomial regression). Keene ON, Roger JH, Hartley BF,
Kenward MG (2014). Pharm Stat 13:258-264 (reference-based imputation of counts).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import exp

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, pdtrik, stdtr, stdtrit

from ketastats.stats.imputation_pooling import pool_imputations
from ketastats.stats.npmle import NoConvergenceError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STRATEGIES = ("mar", "jump_to_reference", "copy_reference")
"""What is assumed of time that was not observed; see `count_imputations`."""

_MOST_STEPS = 300
_CLOSE = 1e-10  # change of a parameter at which a fit has converged
_SMALLEST = 1e-5  # dispersion below which counts are not told from Poisson ones
_NEAR = 0.02  # where a difference of logarithms is taken by its series
_SERIES = [(-1) ** n * (n + 1) / (n + 2) for n in range(10)]
_SLOPES = [n * (-1) ** n * (n + 1) / (n + 2) for n in range(1, 10)]
_LONGEST = 2.0  # step of a coefficient, or of the logarithm of the dispersion
_TOGETHER = 50  # sets of counts fitted at a time


@dataclass(frozen=True, slots=True, eq=False)
class CountFits:
    """Negative binomial fits of m sets of counts on one design.

    `coefficients` (m, p) with their `covariance` (m, p, p) from the expected information, given the
    dispersion; `dispersion` (m,), 0 where the counts vary no more than Poisson ones do, with its standard
    error from the observed information (at 0, the expected one). The two are orthogonal.
    """

    coefficients: Floats
    covariance: Floats
    dispersion: Floats
    dispersion_error: Floats
    loglik: Floats


def fit_counts(counts: ArrayLike, design: Floats, offset: Floats) -> CountFits:
    """Fit negative binomial regressions with log link by maximum likelihood.

    Parameters
    ----------
    counts : (n,) or (m, n) array_like
        Whole numbers of at least 0, in one or several sets.
    design : (n, p) float
        Of full rank, the same in all sets.
    offset : (n,) float
        Logarithm of the time observed.

    Raises
    ------
    NoConvergenceError
        If the likelihood rises without end, as when a group has no events.
    """
    y = np.atleast_2d(np.asarray(counts, dtype=float))
    rates = np.log(y + 0.5) - offset
    begin: Floats = np.linalg.lstsq(design, rates.T, rcond=None)[0].T.astype(float)
    beta, k = _alternate(y, design, offset, begin, np.zeros(len(y)), np.zeros(len(y), bool))
    mean = _means(beta, design, offset)
    excess = ((y - mean) ** 2 - y).sum(axis=1)  # twice the slope of the likelihood at dispersion 0
    more = excess > 0
    start = np.where(more, np.maximum(excess / (mean**2).sum(axis=1), 1e-3), 0.0)
    beta, k = _alternate(y, design, offset, beta, start, more)
    mean = _means(beta, design, offset)
    information = np.einsum("mn,ni,nj->mij", mean / (1 + k[:, None] * mean), design, design)
    return CountFits(
        coefficients=beta,
        covariance=np.linalg.inv(information),
        dispersion=k,
        dispersion_error=_dispersion_error(y, mean, k),
        loglik=_loglik(y, mean, k),
    )


def draw_parameters(fit: CountFits, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw coefficients (size, p) and dispersions (size,) around the first fit, from normal laws.

    That is their posterior for large samples. A dispersion drawn below 0 counts as 0: Poisson.
    """
    covariance = fit.covariance[0]
    beta = rng.multivariate_normal(fit.coefficients[0], covariance, size=size, method="cholesky")
    spread = fit.dispersion[0] + fit.dispersion_error[0] * rng.standard_normal(size)
    return beta, np.maximum(spread, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ObservedCounts:
    """Events `y` (n,) in `time` (n,) of a `planned` time (n,).

    `design` (n, p) has each subject in the own arm, `as_reference` (n, p) everybody in the reference arm.
    """

    y: Floats
    time: Floats
    planned: Floats
    design: Floats
    as_reference: Floats

    @property
    def spare(self) -> int:
        """Degrees of freedom that the design leaves."""
        return len(self.design) - int(self.design.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class CountImputations:
    """What is drawn once and gives the events of unobserved time for any multiplier of their rate.

    `expected` (m, n) are events to expect given the frailty that was drawn, 0 where all of the planned time
    was observed; `uniform` (m, n) decides.
    """

    observed: ObservedCounts
    expected: Floats
    uniform: Floats

    def counts(self, multiplier: Floats) -> Floats:
        """Events in the planned time (m, n), with the rate of unobserved time times `multiplier` (n,).

        The same random numbers serve all multipliers, so that a higher one never gives fewer events.
        """
        some = self.observed.planned > self.observed.time
        mean = self.expected[:, some] * multiplier[some]
        made = np.tile(self.observed.y, (len(self.expected), 1))
        made[:, some] += np.maximum(np.ceil(pdtrik(self.uniform[:, some], mean)), 0.0)
        return made

    def fits(self, counts: Floats, progress: Callable[[int], None] | None = None) -> CountFits:
        """Fit the model to imputed events of the planned time, telling `progress` how many are done."""
        observed = self.observed
        parts = []
        for first in range(0, len(counts), _TOGETHER):
            part = counts[first : first + _TOGETHER]
            parts.append(fit_counts(part, observed.design, np.log(observed.planned)))
            if progress is not None:
                progress(first + len(part))
        return CountFits(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(CountFits))
        )


def count_imputations(
    observed: ObservedCounts,
    parameters: tuple[Floats, Floats],
    strategy: str,
    rng: np.random.Generator,
) -> CountImputations:
    """Draw frailties given the events that were observed, and what decides on those that were not.

    Parameters
    ----------
    observed : ObservedCounts
    parameters : ((m, p), (m,)) float
        Coefficients and dispersions; one imputation is made with each.
    strategy : {"mar", "jump_to_reference", "copy_reference"}
        Under "mar" unobserved time has the rate of the own arm, otherwise of the reference arm. What a
        subject's events tell of the frailty is judged by the own arm's rate, or under "copy_reference"
        by that of the reference arm.
    rng : Generator
    """
    beta, k = parameters
    own, reference = np.exp(beta @ observed.design.T), np.exp(beta @ observed.as_reference.T)
    past = reference if strategy == "copy_reference" else own
    ahead = own if strategy == "mar" else reference
    frailty = np.ones_like(own)
    varies = k > _SMALLEST
    shape = 1 / k[varies, None] + observed.y
    frailty[varies] = rng.gamma(shape) / (1 / k[varies, None] + past[varies] * observed.time)
    rest = np.maximum(observed.planned - observed.time, 0.0)
    return CountImputations(observed, frailty * ahead * rest, rng.random(own.shape))


@dataclass(frozen=True, slots=True)
class RateRatio:
    """A ratio of rates: its logarithm with inference, and the exponentials of that and of the limits."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    monte_carlo_se: float
    missing_share: float


def pooled_ratio(
    fits: CountFits, column: int, complete_df: float, *, conf_level: float
) -> RateRatio:
    """Pool one coefficient over imputations, a logarithm of a ratio of rates.

    Parameters
    ----------
    fits : CountFits
        Of the imputations.
    column : int
        Which coefficient.
    complete_df : float
        Degrees of freedom if nothing were missing (Barnard and Rubin).
    conf_level : float
    """
    variances = fits.covariance[:, column, column]
    pooled = pool_imputations(fits.coefficients[:, column], variances, complete_df)
    estimate, se = pooled.estimate, pooled.std_error
    half = se * float(stdtrit(pooled.df, 0.5 + conf_level / 2))
    return RateRatio(
        estimate=estimate,
        std_error=se,
        statistic=estimate / se,
        df=pooled.df,
        p_value=2 * float(stdtr(pooled.df, -abs(estimate / se))),
        conf_low=estimate - half,
        conf_high=estimate + half,
        ratio=exp(estimate),
        ratio_low=exp(estimate - half),
        ratio_high=exp(estimate + half),
        monte_carlo_se=pooled.monte_carlo_se,
        missing_share=pooled.missing_share,
    )


def _alternate(
    y: Floats, design: Floats, offset: Floats, beta: Floats, k: Floats, free: Bools
) -> tuple[Floats, Floats]:
    """Scoring steps of the coefficients and Newton steps of the dispersions that are free, in turn."""
    beta, k, free = beta.copy(), k.copy(), free.copy()
    open_sets = np.arange(len(y))
    for _ in range(_MOST_STEPS):
        at, spread = y[open_sets], k[open_sets, None]
        mean = _means(beta[open_sets], design, offset)
        weight = 1 / (1 + spread * mean)
        slope = ((at - mean) * weight) @ design
        information = np.einsum("mn,ni,nj->mij", mean * weight, design, design)
        try:
            step = np.linalg.solve(information, slope[..., None])[..., 0]
        except np.linalg.LinAlgError:
            break
        step *= np.minimum(1.0, _LONGEST / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        beta[open_sets] += step
        moved = np.abs(step).max(axis=1)
        part = open_sets[free[open_sets]]
        if part.size:
            change = _dispersion_step(y[part], _means(beta[part], design, offset), k[part])
            k[part] *= np.exp(change)
            lost = k[part] < _SMALLEST
            k[part[lost]], free[part[lost]] = 0.0, False
            moved[free[open_sets]] = np.maximum(moved[free[open_sets]], np.abs(change[~lost]))
        open_sets = open_sets[~(moved < _CLOSE)]
        if open_sets.size == 0:
            return beta, k
    raise NoConvergenceError("no finite rates fit the counts, as when a group has no events")


def _means(beta: Floats, design: Floats, offset: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(np.minimum(beta @ design.T + offset, 500.0)))


def _above(y: Floats) -> Floats:
    """How many counts of each set are above 0, 1, 2, ...: (m, largest count)."""
    size = int(y.max(initial=0)) + 1
    at = np.arange(len(y))[:, None] * size + y.astype(np.intp)
    table = np.bincount(at.ravel(), minlength=len(y) * size).reshape(len(y), size)
    return np.asarray(np.cumsum(table[:, :0:-1], axis=1)[:, ::-1], dtype=float)


def _dispersion_slopes(y: Floats, mean: Floats, k: Floats) -> tuple[Floats, Floats]:
    """First and second derivative of the log-likelihood by the dispersion, (m,) each.

    Lawless's form, a sum over the integers below each count, which keeps its digits near dispersion 0.
    """
    above = _above(y)
    integer = np.arange(above.shape[1])
    part = integer / (1 + k[:, None] * integer)
    x = k[:, None] * mean
    value, slope = _bend(x)
    share = mean / (1 + x)
    first = (above * part).sum(axis=1) + (mean**2 * value - y * share).sum(axis=1)
    second = (mean**3 * slope + y * share**2).sum(axis=1) - (above * part**2).sum(axis=1)
    return first, second


def _bend(x: Floats) -> tuple[Floats, Floats]:
    """(log(1 + x) - x / (1 + x)) / x^2 and its derivative, by their series near 0."""
    far = np.maximum(x, _NEAR)
    value = (np.log1p(far) - far / (1 + far)) / far**2
    slope = (1 / (1 + far) ** 2 - 2 * value) / far
    near = x < _NEAR
    small = np.where(near, x, 0.0)
    value = np.where(near, np.polynomial.polynomial.polyval(small, _SERIES), value)
    return value, np.where(near, np.polynomial.polynomial.polyval(small, _SLOPES), slope)


def _dispersion_step(y: Floats, mean: Floats, k: Floats) -> Floats:
    """Newton step of log k, uphill where the likelihood is not concave."""
    first, second = _dispersion_slopes(y, mean, k)
    slope = k * first
    curvature = -(k**2 * second + k * first)
    step = np.where(curvature > 0, slope / np.where(curvature > 0, curvature, 1.0), np.sign(slope))
    return np.asarray(np.clip(step, -_LONGEST, _LONGEST))


def _dispersion_error(y: Floats, mean: Floats, k: Floats) -> Floats:
    """From the observed information, or at 0 from the expected one."""
    error = np.sqrt(2 / (mean**2).sum(axis=1))
    some = k > 0
    if some.any():
        first, second = _dispersion_slopes(y[some], mean[some], k[some])
        error[some] = 1 / np.sqrt(np.maximum(-(second + 2 * first / k[some]), 1e-300))
    return np.asarray(error)


def _loglik(y: Floats, mean: Floats, k: Floats) -> Floats:
    found = (y * np.log(mean) - mean - gammaln(y + 1)).sum(axis=1)
    some = k > 0
    theta, at, m = 1 / k[some, None], y[some], mean[some]
    part = (
        gammaln(at + theta) - gammaln(theta) - gammaln(at + 1) + theta * np.log(theta / (theta + m))
    )
    found[some] = (part + at * np.log(m / (theta + m))).sum(axis=1)
    return np.asarray(found)

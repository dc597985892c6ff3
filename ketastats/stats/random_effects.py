"""Random-effects pooling of estimates with known variances: the normal-normal model.

Estimates `y` with sampling variances `v` scatter around `mu` with variance `tau2` between studies.
Every function takes two arrays of equal length k, finite, with positive variances.

References
----------
Veroniki AA, Jackson D, Viechtbauer W, et al (2016). Res Synth Methods 7:55-79 (the estimators of
tau2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, ndtr, ndtri, stdtr, stdtrit

from ketastats.stats.intervals import Interval, check_level

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Cochran's Q with its test, and the share of variance beyond chance."""

    q: float
    df: int
    p_value: float
    i2: float
    h2: float


@dataclass(frozen=True, slots=True)
class PooledMean:
    """The mean of the study effects, `df` infinite when its interval is a normal one."""

    mu: float
    std_error: float
    tau2: float
    k: int
    df: float

    def interval(self, *, conf_level: float = 0.95) -> Interval:
        """Confidence interval of the mean effect."""
        half = _quantile(conf_level, self.df) * self.std_error
        return Interval(self.mu - half, self.mu + half)

    def prediction_interval(self, *, conf_level: float = 0.95) -> Interval:
        """Where the effect of a new study would lie: mu ± t(k - 2) sqrt(tau2 + se²).

        References
        ----------
        Higgins JPT, Thompson SG, Spiegelhalter DJ (2009). J R Stat Soc A 172:137-159, equation 12.
        """
        half = _quantile(conf_level, self._new_df()) * sqrt(self.tau2 + self.std_error**2)
        return Interval(self.mu - half, self.mu + half)

    def probability_new_between(self, low: float, high: float) -> float:
        """Chance that the effect of a new study lies in [low, high], from the same distribution."""
        scale, df = sqrt(self.tau2 + self.std_error**2), self._new_df()
        if scale == 0:
            return float(low <= self.mu <= high)
        return _cdf((high - self.mu) / scale, df) - _cdf((low - self.mu) / scale, df)

    def _new_df(self) -> float:
        return max(1.0, self.k - 2.0)


def pool_wald(y: ArrayLike, v: ArrayLike, tau2: float) -> PooledMean:
    """Inverse-variance mean given `tau2`, with a normal interval."""
    effect, variance = _checked(y, v)
    weight = 1 / (variance + tau2)
    mu = float(weight @ effect / weight.sum())
    return PooledMean(mu, sqrt(1 / float(weight.sum())), tau2, effect.size, inf)


def pool_hartung_knapp(y: ArrayLike, v: ArrayLike, tau2: float) -> PooledMean:
    """Inverse-variance mean given `tau2`, with Hartung and Knapp's variance and t on k - 1.

    The variance is taken as it comes; the ad-hoc rule that it never falls below the usual one is
    left out.

    References
    ----------
    Hartung J, Knapp G (2001). Stat Med 20:3875-3889. Sidik K, Jonkman JN (2002). Stat Med
    21:3153-3159.
    """
    effect, variance = _checked(y, v)
    if effect.size < 2:
        raise ValueError("Hartung and Knapp's interval needs at least two studies")
    weight = 1 / (variance + tau2)
    mu = float(weight @ effect / weight.sum())
    df = effect.size - 1
    squared = float(weight @ (effect - mu) ** 2) / (df * float(weight.sum()))
    return PooledMean(mu, sqrt(squared), tau2, effect.size, float(df))


def pool_cluster_robust(y: ArrayLike, v: ArrayLike, tau2: float, cluster: ArrayLike) -> PooledMean:
    """Inverse-variance mean given `tau2`, with a sandwich variance over clusters, t on clusters -
    1.

    Several arms of one trial are not independent; this variance allows any dependence within a
    cluster. No small-sample factor is applied (CR0).

    References
    ----------
    Hedges LV, Tipton E, Johnson MC (2010). Res Synth Methods 1:39-65, equation 6.
    """
    effect, variance = _checked(y, v)
    _, index = np.unique(np.asarray(cluster), return_inverse=True)
    n_clusters = int(index.max()) + 1
    if n_clusters < 2:
        raise ValueError("a cluster-robust variance needs at least two clusters")
    weight = 1 / (variance + tau2)
    mu = float(weight @ effect / weight.sum())
    sums = np.bincount(index, weights=weight * (effect - mu))
    se = sqrt(float(sums @ sums)) / float(weight.sum())
    return PooledMean(mu, se, tau2, n_clusters, float(n_clusters - 1))


def pool_unweighted(y: ArrayLike) -> PooledMean:
    """Plain mean of the effects with a t interval on k - 1, for effects whose variances are not
    known.

    The scatter between effects, sampling error included, stands for `tau2`, so a prediction
    interval is somewhat too wide.
    """
    effect = np.atleast_1d(np.asarray(y, dtype=float))
    if effect.ndim != 1 or effect.size < 2 or not np.isfinite(effect).all():
        raise ValueError("an unweighted mean needs at least two finite effects")
    scatter = float(np.var(effect, ddof=1))
    se = sqrt(scatter / effect.size)
    return PooledMean(float(effect.mean()), se, scatter, effect.size, float(effect.size - 1))


def heterogeneity(y: ArrayLike, v: ArrayLike, *, tau2: float | None = None) -> Heterogeneity:
    """Cochran's Q, and I² and H² from `tau2` if given, otherwise from Q.

    References
    ----------
    Higgins JPT, Thompson SG (2002). Stat Med 21:1539-1558.
    """
    effect, variance = _checked(y, v)
    weight = 1 / variance
    df = effect.size - 1
    q = _q(effect, variance, 0.0)
    if df == 0:
        return Heterogeneity(q, 0, 1.0, 0.0, 1.0)
    if tau2 is None:
        h2 = max(1.0, q / df)
        return Heterogeneity(q, df, float(chdtrc(df, q)), 1 - 1 / h2, h2)
    typical = df * float(weight.sum()) / (float(weight.sum()) ** 2 - float(weight @ weight))
    i2 = tau2 / (tau2 + typical)
    return Heterogeneity(q, df, float(chdtrc(df, q)), i2, 1 / (1 - i2))


def tau2_dersimonian_laird(y: ArrayLike, v: ArrayLike) -> float:
    """Moment estimator (DerSimonian R, Laird N 1986, Control Clin Trials 7:177-188)."""
    effect, variance = _checked(y, v)
    weight = 1 / variance
    scale = float(weight.sum()) - float(weight @ weight) / float(weight.sum())
    if effect.size < 2:
        return 0.0
    return max(0.0, (_q(effect, variance, 0.0) - (effect.size - 1)) / scale)


def tau2_hedges(y: ArrayLike, v: ArrayLike) -> float:
    """Unweighted moment estimator (Hedges LV, Olkin I 1985, Statistical Methods for Meta-Analysis, ch 9)."""
    effect, variance = _checked(y, v)
    if effect.size < 2:
        return 0.0
    return max(0.0, float(np.var(effect, ddof=1) - variance.mean()))


def tau2_hunter_schmidt(y: ArrayLike, v: ArrayLike) -> float:
    """Estimator (Q - k) / sum of weights (Hunter JE, Schmidt FL 1990; biased low)."""
    effect, variance = _checked(y, v)
    return max(0.0, (_q(effect, variance, 0.0) - effect.size) / float((1 / variance).sum()))


def tau2_sidik_jonkman(y: ArrayLike, v: ArrayLike) -> float:
    """Two-step estimator from a crude start (Sidik K, Jonkman JN 2005, Appl Stat 54:367-384)."""
    effect, variance = _checked(y, v)
    start = float(np.var(effect))
    if effect.size < 2 or start == 0:
        return 0.0
    return start * _q(effect, variance, start) / (effect.size - 1)


def tau2_paule_mandel(y: ArrayLike, v: ArrayLike) -> float:
    """The tau2 at which generalised Q equals k - 1 (Paule RC, Mandel J 1982; equals empirical Bayes)."""
    effect, variance = _checked(y, v)
    return _q_equals(effect, variance, effect.size - 1)


def tau2_ml(y: ArrayLike, v: ArrayLike) -> float:
    """Maximum-likelihood estimator (Hardy RJ, Thompson SG 1996, Stat Med 15:619-629)."""
    return _maximise(*_checked(y, v), restricted=False)


def tau2_reml(y: ArrayLike, v: ArrayLike) -> float:
    """Restricted maximum-likelihood estimator (Viechtbauer W 2005, J Educ Behav Stat 30:261-293)."""
    return _maximise(*_checked(y, v), restricted=True)


def tau2_q_profile_interval(y: ArrayLike, v: ArrayLike, *, conf_level: float = 0.95) -> Interval:
    """Confidence interval of tau2 from the exact distribution of generalised Q.

    References
    ----------
    Viechtbauer W (2007). Stat Med 26:37-52.
    """
    effect, variance = _checked(y, v)
    check_level(conf_level)
    tail = (1 - conf_level) / 2
    df = effect.size - 1
    if df == 0:
        return Interval(0.0, inf)
    low = _q_equals(effect, variance, float(chdtri(df, tail)))
    return Interval(low, _q_equals(effect, variance, float(chdtri(df, 1 - tail))))


def _checked(y: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
    effect, variance = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (y, v))
    if effect.ndim != 1 or effect.shape != variance.shape or effect.size == 0:
        raise ValueError(
            "effects and variances must be two lists of equal length, at least one study"
        )
    if not (np.isfinite(effect).all() and np.isfinite(variance).all() and (variance > 0).all()):
        raise ValueError("effects must be finite and variances finite and positive")
    return effect, variance


def _q(effect: Floats, variance: Floats, tau2: float) -> float:
    weight = 1 / (variance + tau2)
    mu = weight @ effect / weight.sum()
    return float(weight @ (effect - mu) ** 2)


def _q_equals(effect: Floats, variance: Floats, target: float) -> float:
    """The tau2 at which the falling function Q(tau2) meets `target`; 0 if it starts below."""
    if effect.size < 2 or _q(effect, variance, 0.0) <= target:
        return 0.0
    top = float(np.var(effect, ddof=1)) + float(variance.max())
    while _q(effect, variance, top) > target:
        top *= 4
    return float(brentq(lambda t: _q(effect, variance, t) - target, 0.0, top, xtol=1e-15))


def _maximise(effect: Floats, variance: Floats, *, restricted: bool) -> float:
    """Global maximum of the (restricted) likelihood over tau2 >= 0: a grid, then a root of the score."""
    if effect.size < 2:
        return 0.0

    def log_likelihood(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        value = 0.5 * float(np.log(weight).sum()) - 0.5 * _q(effect, variance, tau2)
        return value - 0.5 * float(np.log(weight.sum())) if restricted else value

    def score(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        mu = weight @ effect / weight.sum()
        value = 0.5 * float(weight**2 @ (effect - mu) ** 2 - weight.sum())
        return value + 0.5 * float(weight @ weight / weight.sum()) if restricted else value

    top = 4 * float(np.var(effect, ddof=1)) + 4 * float(variance.max())
    grid = np.linspace(0.0, sqrt(top), 201) ** 2
    best = int(np.argmax([log_likelihood(float(t)) for t in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 200)])
    if score(low) <= 0:
        return low
    return float(brentq(score, low, high, xtol=1e-15))


def _quantile(conf_level: float, df: float) -> float:
    check_level(conf_level)
    at = 0.5 + conf_level / 2
    return float(ndtri(at)) if df == inf else float(stdtrit(df, at))


def _cdf(value: float, df: float) -> float:
    return float(ndtr(value)) if df == inf else float(stdtr(df, value))

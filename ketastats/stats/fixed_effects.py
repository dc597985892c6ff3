"""Tests of linear combinations of fixed effects in small samples: degrees of freedom and scaled F.

A model with coefficients beta, their covariance Phi (the inverse of M) and covariance parameters theta
is summed up in `FixedEffects`. Every method sees the data through it.

References
----------
Satterthwaite FE (1946). Biometrics Bull 2:110-114. Fai AH, Cornelius PL (1996). J Stat Comput Simul
54:363-378 (several contrasts at once). Kenward MG, Roger JH (1997). Biometrics 53:983-997.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FixedEffects:
    """Coefficients of a model whose covariance was estimated.

    `beta` (p,), `bread` (p, p) is Phi; `moved` (q, p, p) holds dM/dtheta_j; `theta_covariance` (q, q)
    belongs to the estimates of theta; `covariance` (p, p) is the one used in tests: Phi itself, adjusted
    by Kenward and Roger, or robust.
    """

    beta: Floats
    bread: Floats
    moved: Floats
    theta_covariance: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class FTest:
    """A scaled F statistic for several contrasts at once."""

    statistic: float
    df: float
    denominator_df: float
    scale: float

    @property
    def p_value(self) -> float:
        """Upper tail of F."""
        from scipy.special import fdtrc

        if isnan(self.denominator_df):
            return nan
        if not isfinite(self.denominator_df):
            from scipy.special import chdtrc

            return float(chdtrc(self.df, self.df * self.statistic))
        return float(fdtrc(self.df, self.denominator_df, self.statistic))


def satterthwaite_df(effects: FixedEffects, contrasts: Floats) -> Floats:
    """Degrees of freedom of each contrast, by matching the variance of its estimated variance.

    Parameters
    ----------
    effects : FixedEffects
    contrasts : (k, p) float

    Returns
    -------
    (k,) float
        2 v^2 / Var(v) with v = c' Phi c; under Kenward and Roger's method the same.
    """
    lifted = contrasts @ effects.bread
    v = (lifted * contrasts).sum(axis=1)
    slope = ((lifted @ effects.moved) * lifted).sum(axis=2)  # (q, k), of -v
    variance = (slope * (effects.theta_covariance @ slope)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df: Floats = np.where(variance > 0, 2 * v**2 / variance, np.where(v > 0, inf, nan))
    return df


def satterthwaite_f(effects: FixedEffects, contrasts: Floats) -> FTest:
    """F test of independent contrasts, with denominator degrees of freedom after Fai and Cornelius."""
    return combined_f(effects, contrasts, lambda rows: satterthwaite_df(effects, rows))


def combined_f(
    effects: FixedEffects, contrasts: Floats, one_dimensional: Callable[[Floats], Floats]
) -> FTest:
    """F test whose degrees of freedom combine those of the contrasts' independent components."""
    middle = contrasts @ effects.covariance @ contrasts.T
    values, vectors = np.linalg.eigh(middle)
    components = vectors.T @ contrasts
    squares = (components @ effects.beta) ** 2 / values
    df = _combined_df(one_dimensional(components))
    return FTest(float(squares.mean()), len(values), df, 1.0)


def _combined_df(each: Floats) -> float:
    k = each.size
    if k == 1 or np.ptp(each) < 1e-8 * each.mean():
        return float(each.mean())
    if (each <= 2).any():
        return 2.0
    finite = np.where(np.isfinite(each), each / (each - 2), 1.0)
    total = float(finite.sum())
    return 2 * total / (total - k) if total > k else inf


def kenward_roger_f(effects: FixedEffects, contrasts: Floats) -> FTest:
    """Scaled F test of independent contrasts with the adjusted covariance.

    Missing where the matched moments are those of no F law, as with very few subjects.

    References
    ----------
    Kenward and Roger (1997), section 3: A1, A2, B and the constants that make one contrast and
    Hotelling's T^2 exact.
    """
    k = len(contrasts)
    estimate = contrasts @ effects.beta
    middle = contrasts @ effects.covariance @ contrasts.T
    wald = float(estimate @ np.linalg.solve(middle, estimate)) / k
    if k == 1:
        return FTest(wald, 1, float(satterthwaite_df(effects, contrasts)[0]), 1.0)
    lifted = contrasts @ effects.bread
    turned = np.linalg.solve(lifted @ contrasts.T, lifted @ effects.moved @ lifted.T)
    trace = np.trace(turned, axis1=1, axis2=2)
    a1 = float(trace @ effects.theta_covariance @ trace)
    q = len(turned)
    products = turned.reshape(q, -1) @ turned.swapaxes(1, 2).reshape(q, -1).T
    a2 = float((effects.theta_covariance * products).sum())
    scale, denominator = _matched_moments(k, a1, a2)
    if not (scale > 0 and denominator > 0):  # moments that no F law has
        return FTest(nan, k, nan, nan)
    return FTest(scale * wald, k, denominator, scale)


_AT_POLE = 1e-9


def _matched_moments(k: int, a1: float, a2: float) -> tuple[float, float]:
    """Scale and denominator degrees of freedom of Kenward and Roger (1997), page 988."""
    if a2 <= 0:
        return 1.0, inf
    if (
        abs(1 - a2 / k) < _AT_POLE
    ):  # two degrees of freedom: no mean to match, and rounding decides the rest
        return nan, nan
    b = (a1 + 6 * a2) / (2 * k)
    g = ((k + 1) * a1 - (k + 4) * a2) / ((k + 2) * a2)
    below = 3 * k + 2 * (1 - g)
    c1, c2, c3 = g / below, (k - g) / below, (k + 2 - g) / below
    mean = 1 / (1 - a2 / k)
    variance = 2 / k * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    ratio = variance / (2 * mean**2)
    denominator = 4 + (k + 2) / (k * ratio - 1)
    return denominator / (mean * (denominator - 2)), denominator

"""Correlation within clusters: an analysis of covariance with one slope.

References
----------
Bland JM, Altman DG (1995). BMJ 310:446. Bakdash JZ, Marusich LR (2017). Front Psychol 8:456 (limits by
Fisher's z with the error degrees of freedom).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class WithinCorrelation:
    """Correlation, common slope of y on x, t test and limits; `x` and `y` are centred by cluster."""

    estimate: float
    slope: float
    statistic: float
    df: int
    p_value: float
    low: float
    high: float
    x: Floats
    y: Floats


def within_correlation(x: Floats, y: Floats, cluster: Ints, *, z: float) -> WithinCorrelation:
    """Correlate deviations from the means of clusters.

    Parameters
    ----------
    x, y : (n,) float
    cluster : (n,) int
        Codes from 0.
    z : float
        Normal quantile of the limits.

    Raises
    ------
    ValueError
        If x or y does not change within clusters, or no degrees of freedom are left.
    """
    from scipy.special import stdtr

    sizes = np.bincount(cluster)
    dx, dy = (v - (np.bincount(cluster, v) / sizes)[cluster] for v in (x, y))
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    df = len(x) - len(sizes) - 1
    if df < 1:
        raise ValueError("too few measurements for a correlation within subjects")
    if min(sxx, syy) <= 1e-20 * max(float(x @ x), float(y @ y), 1e-300):
        raise ValueError("one of the measurements does not change within subjects")
    r = sxy / np.sqrt(sxx * syy)
    rest = 1 - r**2
    t = np.copysign(np.inf, r) if rest <= 0 else r * np.sqrt(df / rest)
    low = high = np.nan
    if df > 1 and rest > 0:
        low, high = np.tanh(np.arctanh(r) + np.array([-1, 1]) * z / np.sqrt(df - 1))
    return WithinCorrelation(
        estimate=float(r),
        slope=sxy / sxx,
        statistic=float(t),
        df=df,
        p_value=float(2 * stdtr(df, -abs(t))),
        low=float(low),
        high=float(high),
        x=dx,
        y=dy,
    )

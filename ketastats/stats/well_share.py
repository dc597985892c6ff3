"""The mean of a quantity, such as time well, that is known for each person only up to bounds."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from ketastats.stats.intervals import Interval, check_level


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """The mean lies between `low` and `high`; `limits` allow for chance as well."""

    n: int
    low: float
    high: float
    limits: Interval


def mean_within_bounds(
    low: ArrayLike,
    high: ArrayLike,
    *,
    least: float = -inf,
    most: float = inf,
    conf_level: float = 0.95,
) -> BoundedMean:
    """Bound a mean whose terms are known to lie between a lower and an upper value.

    The limits are ``mean(low) - c se(low)`` and ``mean(high) + c se(high)``, where c is Imbens and
    Manski's critical value with Student's t distribution (n - 1 degrees of freedom) in place of the
    normal: `imbens_manski_critical_value`. They cover the mean itself, wherever between the bounds
    it lies, with probability `conf_level` in large samples; they do not cover the whole interval
    between the bounds with that probability. The bounds cannot cross, which is the case for which
    Stoye found the method valid whether the bounds are far apart or close together.

    Parameters
    ----------
    low, high : array_like, shape (n,)
        Least and most value of each person, ``least <= low <= high <= most``.
    least, most : float
        The range of possible values, within which the limits are cut.
    conf_level : float, default 0.95

    Returns
    -------
    BoundedMean
        A limit is NaN where the data hold no measure of chance: with one person, or where the bound
        is the same for everybody, unless it is at the end of the range (then the limit is there).

    Raises
    ------
    ValueError
        If the arrays are empty, of different length, not finite, out of order or out of range.

    References
    ----------
    Imbens GW, Manski CF (2004). Econometrica 72:1845-1857. Stoye J (2009). Econometrica 77:1299-1315.
    """
    check_level(conf_level)
    least_of, most_of = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    _check_bounds(least_of, most_of, least, most)
    n = len(least_of)
    below, above = float(least_of.mean()), float(most_of.mean())
    spread_below = _standard_error(least_of)
    spread_above = _standard_error(most_of)
    widest = max(spread_below, spread_above)
    limits = Interval(
        least if below == least else nan,
        most if above == most else nan,
    )
    if widest > 0:
        c = imbens_manski_critical_value((above - below) / widest, df=n - 1, conf_level=conf_level)
        limits = Interval(
            max(least, below - c * spread_below) if spread_below > 0 else limits.low,
            min(most, above + c * spread_above) if spread_above > 0 else limits.high,
        )
    return BoundedMean(n, below, above, limits)


def imbens_manski_critical_value(
    distance: float, *, df: float = inf, conf_level: float = 0.95
) -> float:
    """Number of standard errors to add outside two bounds, so that what lies between is covered.

    It solves ``F(c + distance) - F(-c) = conf_level``, where F is the distribution function of
    Student's t with `df` degrees of freedom (the normal one if infinite). It falls from the
    two-sided quantile at distance 0 to the one-sided one.

    Parameters
    ----------
    distance : float
        Distance of the bounds over the larger of their standard errors, 0 or more.
    df : float, default inf
    conf_level : float, default 0.95

    References
    ----------
    Imbens GW, Manski CF (2004). Econometrica 72:1845-1857, section 4 (there with the normal
    distribution).
    """
    check_level(conf_level)
    if not distance >= 0:
        raise ValueError(f"the distance of two bounds must be 0 or more, not {distance}")

    def excess(c: float) -> float:
        return float(stdtr(df, c + distance) - stdtr(df, -c) - conf_level)

    lowest, highest = _t_quantile(conf_level, df), _t_quantile(0.5 + conf_level / 2, df)
    lowest = max(0.0, lowest)
    if excess(lowest) >= 0:
        return lowest
    if excess(highest) <= 0:
        return highest
    return float(brentq(excess, lowest, highest, xtol=1e-13, rtol=1e-14))


def _t_quantile(probability: float, df: float) -> float:
    return float(stdtrit(df, probability))


def _standard_error(values: np.ndarray) -> float:
    """Zero where there is no spread, or no way to see it."""
    if len(values) < 2 or values.min() == values.max():
        return 0.0
    return float(values.std(ddof=1)) / sqrt(len(values))


def _check_bounds(low: np.ndarray, high: np.ndarray, least: float, most: float) -> None:
    if low.ndim != 1 or low.shape != high.shape or len(low) == 0:
        raise ValueError(
            f"low and high must be one-dimensional, equally long and not empty, not {low.shape} "
            f"and {high.shape}"
        )
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("low and high must be finite")
    if (low > high).any() or (low < least).any() or (high > most).any():
        raise ValueError(f"{least} <= low <= high <= {most} must hold for everybody")

"""Mean time without the event up to a horizon: the area under a Kaplan-Meier curve."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from ketastats.stats.product_limit import ProductLimit


class MeanTime(NamedTuple):
    """A mean time, or a difference of two, with its standard error, in the unit of the times."""

    estimate: float
    std_error: float


def restricted_mean(curve: ProductLimit, tau: float) -> MeanTime:
    """Area under a Kaplan-Meier curve up to `tau`, with its Greenwood-type standard error.

    The variance adds A(s)^2 d / {n (n - d)} over event times s, where A(s) is the area from s to
    `tau`. It is the variance of the estimated mean, not of the time min(T, tau) itself. The factor
    m / (m - 1) that some programs (SAS PROC LIFETEST) put before it is left out, as in R.

    Parameters
    ----------
    curve : ProductLimit
    tau : float
        The horizon, not after the end of follow-up unless everybody had the event.

    Raises
    ------
    ValueError
        If `tau` is not positive, or lies where the curve is not known.

    References
    ----------
    Klein JP, Moeschberger ML (2003). Survival Analysis, 2nd ed, equations 4.5.1 and 4.5.2. Royston
    P, Parmar MKB (2013). BMC Med Res Methodol 13:152.
    """
    if not 0 < tau < np.inf:
        raise ValueError(f"tau must be a positive time, not {tau}")
    if tau > curve.times[-1] * (1 + 1e-9) and curve.survival[-1] > 0:
        raise ValueError(
            f"the curve is known up to {curve.times[-1]:g} only, which is before tau = {tau:g}"
        )
    used = curve.times < tau
    edges = np.concatenate([[0.0], curve.times[used], [tau]])
    areas = np.diff(edges) * np.concatenate([[1.0], curve.survival[used]])
    after = np.cumsum(areas[::-1])[::-1][1:]  # area from each time to tau
    n, d = curve.at_risk[used], curve.events[used]
    terms = np.divide(d, n * (n - d), out=np.zeros_like(n), where=n > d)
    return MeanTime(float(areas.sum()), sqrt(float(after**2 @ terms)))


def difference_of(first: MeanTime, second: MeanTime) -> MeanTime:
    """Difference of two independent means, first minus second."""
    return MeanTime(
        first.estimate - second.estimate, sqrt(first.std_error**2 + second.std_error**2)
    )


def pooled(differences: Sequence[MeanTime]) -> MeanTime:
    """Mean of independent differences weighted by their inverse variances (common effect).

    Raises
    ------
    ValueError
        If there are none, or one has a standard error of zero and would take all the weight.
    """
    if not differences:
        raise ValueError("there is no difference to pool")
    errors = np.array([one.std_error for one in differences])
    if (errors <= 0).any():
        raise ValueError(
            "a stratum has no events before tau in either group, so its difference has no variance"
        )
    weights = errors**-2
    values = np.array([one.estimate for one in differences])
    return MeanTime(float(weights @ values / weights.sum()), float(weights.sum() ** -0.5))

"""How often a subject of one group exceeds one of another: Cliff's delta and the probability of superiority.

References
----------
Cliff N (1996). Ordinal Methods for Behavioral Data Analysis, chapter 5 (estimate and variance). Feng D,
Cliff N (2004). J Mod Appl Stat Methods 3:322-332 (limits). Vargha A, Delaney HD (2000). J Educ Behav Stat
25:101-132 (probability of superiority).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dominance:
    """Share of pairs in which the first is larger minus the share in which it is smaller, with limits."""

    estimate: float
    std_error: float
    low: float
    high: float


def cliffs_delta(first: Floats, second: Floats, *, z: float) -> Dominance:
    """Estimate dominance of the first group over the second, with asymmetric limits.

    Parameters
    ----------
    first, second : (n,), (m,) float, n and m >= 2
    z : float
        Quantile of the limits: normal, or of t as Feng and Cliff take it.

    Raises
    ------
    ValueError
        If a group has fewer than two subjects.

    Notes
    -----
    Ranks are used, so that memory and time grow with n log n. Where every pair has the same order the
    variance is 0; the limit towards 0 is then found as if one more pair in the smaller group's size
    disagreed, as Feng and Cliff propose.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise ValueError("dominance needs two subjects or more in each group")
    rows, columns = _means(first, second), -_means(second, first)
    d = float(rows.mean())
    total = _pair_variance(first, second, d)
    variance = (m**2 * np.square(rows - d).sum() + n**2 * np.square(columns - d).sum() - total) / (
        n * m * (n - 1) * (m - 1)
    )
    least = (1 - d**2) / (n * m - 1)
    variance = max(float(variance), least)
    if abs(d) == 1:
        near = (min(n, m) - z**2) / (min(n, m) + z**2)
        low, high = (near, 1.0) if d > 0 else (-1.0, -near)
        return Dominance(d, 0.0, low, high)
    se = sqrt(variance)
    middle, half = d - d**3, z * se * sqrt((1 - d**2) ** 2 + z**2 * variance)
    below = 1 - d**2 + z**2 * variance
    low, high = (middle - half) / below, (middle + half) / below
    return Dominance(d, se, max(float(low), -1.0), min(float(high), 1.0))


def _means(values: Floats, others: Floats) -> Floats:
    """For each value, the share of others below it minus the share above it."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + up_to - len(others)) / len(others), dtype=float)


def _pair_variance(first: Floats, second: Floats, d: float) -> float:
    """Sum over all pairs of (sign - d)^2."""
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left")
    up_to = np.searchsorted(ordered, first, side="right")
    ties = float((up_to - below).sum())
    pairs = len(first) * len(second)
    return pairs - ties - pairs * d**2

"""Two outcomes with one unstructured covariance: their correlation and slope, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointMoments:
    """Correlation of two variables and the slope of the first on the second, with standard errors."""

    correlation: float
    correlation_se: float
    slope: float
    slope_se: float


def joint_moments(matrix: Floats, covariance: Floats) -> JointMoments:
    """Delta-method standard errors of what follows from a 2 x 2 covariance matrix.

    Parameters
    ----------
    matrix : (2, 2) float
        Covariance of the two variables.
    covariance : (3, 3) float
        Covariance of the estimates of (variance of the first, covariance, variance of the second).
    """
    a, ab, b = float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1])
    r = ab / np.sqrt(a * b)
    of_r = np.array([-r / (2 * a), 1 / np.sqrt(a * b), -r / (2 * b)])
    of_slope = np.array([0.0, 1 / b, -ab / b**2])
    return JointMoments(
        correlation=float(r),
        correlation_se=float(np.sqrt(of_r @ covariance @ of_r)),
        slope=ab / b,
        slope_se=float(np.sqrt(of_slope @ covariance @ of_slope)),
    )


def fisher_limits(correlation: float, se: float, z: float) -> tuple[float, float]:
    """Limits of a correlation, normal on Fisher's scale."""
    middle, half = np.arctanh(correlation), z * se / (1 - correlation**2)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))

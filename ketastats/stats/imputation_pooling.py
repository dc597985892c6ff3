"""Pooling estimates of imputed data sets.

References
----------
Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Barnard J, Rubin DB (1999). Biometrika
86:948-955 (degrees of freedom with few subjects).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pooled estimate, its standard error and degrees of freedom.

    `monte_carlo_se` is the standard error of the estimate for having drawn a limited number of
    imputations, `missing_share` the share of its variance that is due to what was missing.
    """

    estimate: float
    std_error: float
    df: float
    monte_carlo_se: float
    missing_share: float


def pool_imputations(estimates: Floats, variances: Floats, complete_df: float = inf) -> Pooled:
    """Combine the estimates of imputed data sets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : (m,) float, m >= 2
        Of the same quantity in each data set.
    complete_df : float
        Degrees of freedom that complete data would have (Barnard and Rubin); infinite for Rubin's own.

    Raises
    ------
    ValueError
        With fewer than two data sets.
    """
    m = len(estimates)
    if m < 2:
        raise ValueError("pooling needs two imputed data sets or more")
    between, within = float(np.var(estimates, ddof=1)), float(np.mean(variances))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total if total > 0 else 0.0
    old = (m - 1) / share**2 if share > 0 else inf
    df = old
    if np.isfinite(complete_df):
        observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
        df = observed if np.isinf(old) else 1 / (1 / old + 1 / observed)
    return Pooled(
        float(np.mean(estimates)), float(np.sqrt(total)), df, float(np.sqrt(between / m)), share
    )

"""Two one-sided tests that a mean, or a difference of means, lies inside bounds.

References
----------
Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. Lakens D (2017). Soc Psychol Personal Sci
8:355-362.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Tests against the lower bound (`t_low`, `p_low`) and the upper one, and the interval they amount to.

    `p_value` is the larger of the two; below alpha the estimate lies inside the bounds, as does the
    interval of coverage 1 - 2 alpha.
    """

    t_low: float
    p_low: float
    t_high: float
    p_high: float
    p_value: float
    low: float
    high: float


def two_one_sided(
    estimate: float, se: float, df: float, low: float, high: float, *, alpha: float
) -> Equivalence:
    """Test an estimate with standard error and degrees of freedom against two bounds.

    Raises
    ------
    ValueError
        If the bounds are not in order or the standard error is not positive.
    """
    if not low < high:
        raise ValueError("the lower bound must lie below the upper one")
    if not se > 0:
        raise ValueError("the standard error is 0, so there is nothing to test with")
    t_low, t_high = (estimate - low) / se, (estimate - high) / se
    p_low, p_high = float(stdtr(df, -t_low)), float(stdtr(df, t_high))
    half = se * float(stdtrit(df, 1 - alpha))
    return Equivalence(
        t_low, p_low, t_high, p_high, max(p_low, p_high), estimate - half, estimate + half
    )

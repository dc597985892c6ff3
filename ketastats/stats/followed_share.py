"""A share of everybody where only some were followed: what holds whatever the others had.

The share of all is the mean of the share among those followed, which is estimated, and that among
those lost, which may be anything from 0 to 1. Nothing is assumed of why they were lost. Fitting the
curve with the lost put into one place or another does not give these bounds: other patients whose
intervals reach over the time in question move with them.
"""

from __future__ import annotations

from typing import NamedTuple

from scipy.special import betaincinv

from ketastats.stats.intervals import Interval, check_level


class ShareOfAll(NamedTuple):
    """Both bounds of a share of everybody, and limits that hold whatever the lost had.

    `if_none` are the limits of the lower bound: those of the share if none of the lost had it.
    """

    low: float
    high: float
    limits: Interval
    if_none: Interval


def share_of_all(
    followed: Interval, limits: Interval, *, n_followed: float, n_lost: float, conf_level: float
) -> ShareOfAll:
    """Bound a share of everybody from that of those followed.

    Parameters
    ----------
    followed : Interval
        Bounds of the share among those followed (equal where it is known).
    limits : Interval
        Confidence limits of it.
    n_followed, n_lost : float
        How many were followed and lost; not both 0.
    conf_level : float
        Two-sided level; each limit is one-sided at (1 + conf_level) / 2.

    Returns
    -------
    ShareOfAll
        The limits are those of the followed, scaled, and never narrower than Clopper and Pearson's
        for the bound as a share of everybody, which account for how many were lost.

    References
    ----------
    Manski CF (2003). Partial Identification of Probability Distributions, chapter 1. Clopper CJ,
    Pearson ES (1934). Biometrika 26:404-413.
    """
    n = n_followed + n_lost
    part, lost = n_followed / n, n_lost / n
    low, high = part * followed.low, part * followed.high + lost
    lower = exact_limits(low, n, conf_level=conf_level)
    upper = exact_limits(high, n, conf_level=conf_level)
    least = min(part * limits.low, lower.low)
    return ShareOfAll(
        low,
        high,
        Interval(least, max(part * limits.high + lost, upper.high)),
        Interval(least, max(part * limits.high, lower.high)),
    )


def exact_limits(share: float, n: float, *, conf_level: float) -> Interval:
    """Clopper and Pearson's limits of a share of `n`; `share` times `n` need not be whole.

    References
    ----------
    Clopper CJ, Pearson ES (1934). Biometrika 26:404-413.
    """
    check_level(conf_level)
    tail = (1 - conf_level) / 2
    events = min(max(share * n, 0.0), n)
    low = 0.0 if events <= 0 else float(betaincinv(events, n - events + 1, tail))
    high = 1.0 if events >= n else float(betaincinv(events + 1, n - events, 1 - tail))
    return Interval(low, high)

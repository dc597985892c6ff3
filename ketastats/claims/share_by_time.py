"""The share of patients with an event by an hour, with limits that a one-sided verdict at 5% can use."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ketastats.checks.intervals import CENSORED
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.models.event_intervals import COMPETING
from ketastats.stats.followed_share import ShareOfAll, exact_limits, share_of_all
from ketastats.stats.interval_incidence import IntervalIncidence
from ketastats.stats.intervals import Interval
from ketastats.stats.turnbull_limits import chi_square_critical
from ketastats.summaries.intervals import count_intervals


class Shares(NamedTuple):
    """The share by an hour under three suppositions about those not followed until then.

    `alike`: they are like the others. `never`: none of them had the event by then. `anyway`: the
    point of `alike`, and bounds and limits that hold whatever they had
    (`ketastats.stats.followed_share`). `n_lost` is their number.
    """

    alike: ReadingEstimate
    never: ReadingEstimate
    anyway: ReadingEstimate
    n_lost: int


def shares_by(intervals: pd.DataFrame, hour: float) -> Shares:
    """Estimate the share with the event by an hour from intervals, rescue and death competing.

    The event lies in (left, right] of each row. Somebody not followed until then is a row without
    an event whose `left` is before `hour`: no schedule tells what came after, and who stays away may
    do so because of it. Among those followed, skipped visits are taken to have nothing to do with it.

    Limits are likelihood-ratio limits with the chi-square law: right where many patients share their
    assessment times, and wide where they do not (Banerjee and Wellner's critical value is smaller).
    They are never narrower than Clopper and Pearson's for the same share of as many patients, as the
    chi-square law promises too much of a handful: without that, two of two patients would show that
    most have relief.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `left`, `right` (hours) and `status`, from `derive_relief` and the like. At least one row
        says something.
    hour : float
    """
    lost = _lost(intervals, hour)
    alike = _share(intervals, hour)
    if not lost.any():
        return Shares(alike, alike, alike, 0)
    n_lost = int(lost.sum())
    bounds = _of_all(intervals[~lost], hour, n_lost)
    never = replace(
        alike,
        estimate=bounds.low,
        low=bounds.if_none.low,
        high=bounds.if_none.high,
        bound_low=bounds.low,
        bound_high=bounds.low,
        n=len(intervals),
    )
    anyway = replace(
        alike,
        low=min(bounds.limits.low, alike.low),
        high=max(bounds.limits.high, alike.high),
        bound_low=min(bounds.low, alike.bound_low),
        bound_high=max(bounds.high, alike.bound_high),
        n=len(intervals),
    )
    return Shares(alike, never, anyway, n_lost)


def _of_all(followed: pd.DataFrame, hour: float, n_lost: int) -> ShareOfAll:
    """The share of everybody, from that of those followed."""
    if followed.empty:
        nothing = Interval(0.0, 1.0)
        return share_of_all(
            nothing, nothing, n_followed=0, n_lost=n_lost, conf_level=DECISION_LEVEL
        )
    found = _share(followed, hour)
    return share_of_all(
        Interval(found.bound_low, found.bound_high),
        Interval(found.low, found.high),
        n_followed=len(followed),
        n_lost=n_lost,
        conf_level=DECISION_LEVEL,
    )


def _exact(share: float, n: float) -> Interval:
    return exact_limits(share, n, conf_level=DECISION_LEVEL)


def _lost(intervals: pd.DataFrame, hour: float) -> pd.Series:
    lost: pd.Series = intervals["status"].eq(CENSORED) & (intervals["left"] < hour)
    return lost


def _share(intervals: pd.DataFrame, hour: float) -> ReadingEstimate:
    told = intervals[(intervals["left"] > 0) | np.isfinite(intervals["right"])]
    counted = count_intervals(told, status="status")
    low, high, n = (counted[name].to_numpy(float) for name in ("left", "right", "n"))
    other = counted["status"].isin(COMPETING).to_numpy(dtype=bool)
    cause = np.where(np.isinf(high), 0, np.where(other, 2, 1))
    if other.all():  # something else came first in everybody
        least, most, conf_low, conf_high = 0.0, 0.0, 0.0, 0.0
    else:
        fit = IntervalIncidence(low, high, cause, n, times=[hour])
        least, most = fit.bounds(1, hour)
        conf_low, conf_high = fit.limits(1, hour, critical=chi_square_critical(DECISION_LEVEL))
    total = float(n.sum())
    seen = int(n[(cause == 1) & (high <= hour)].sum())
    return ReadingEstimate(
        least,
        min(conf_low, _exact(least, total).low),
        max(conf_high, _exact(most, total).high),
        n=int(total),
        events=seen,
        bound_low=least,
        bound_high=most,
        unit="cohort",
    )

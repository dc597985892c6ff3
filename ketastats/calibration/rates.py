"""Error rates, coverage and bias from replicates whose truth is known, with Monte Carlo errors."""

from __future__ import annotations

from math import hypot, nan, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketastats.claims.standing import WORDS
from ketastats.stats.exact_proportions import clopper_pearson_interval


class MonteCarloRate(NamedTuple):
    """How often something came up, with exact limits for how often it would in the long run.

    Of no replicates at all, the rate and its limits are missing.
    """

    hits: int
    of: int
    estimate: float
    std_error: float
    low: float
    high: float


class MonteCarloMean(NamedTuple):
    """A mean over so many replicates with its standard error; missing of none, the error of one."""

    of: int
    estimate: float
    std_error: float


def monte_carlo_rate(hits: int, of: int, *, conf_level: float = 0.95) -> MonteCarloRate:
    """Rate of `hits` among `of` independent replicates, with Clopper-Pearson limits.

    Exact limits are taken, not Wilson's, since error rates lie near 0 and the limits are what says
    whether a rate is above the nominal one. The standard error is 0 at no hits; the limits are not.

    References
    ----------
    Clopper CJ, Pearson ES (1934). Biometrika 26:404-413. Morris TP, White IR, Crowther MJ (2019).
    Stat Med 38:2074-2102, table 6 (Monte Carlo errors of simulation studies).
    """
    if of == 0:
        return MonteCarloRate(0, 0, nan, nan, nan, nan)
    low, high = clopper_pearson_interval(hits, of, conf_level=conf_level)
    share = hits / of
    return MonteCarloRate(hits, of, share, sqrt(share * (1 - share) / of), low, high)


def word_rates(replicates: pd.DataFrame, *, conf_level: float = 0.95) -> dict[str, MonteCarloRate]:
    """Rate of each word of a verdict, among all replicates.

    Parameters
    ----------
    replicates : DataFrame, one row per replicate
        `word`; missing where the cohort was refused. A refused cohort counts among the replicates
        and under no word, so that the rates and that of refusal add up to 1.
    conf_level : float, default 0.95
    """
    words = replicates["word"] if "word" in replicates.columns else pd.Series(dtype="str")
    counts = {word: int((words == word).sum()) for word in WORDS}
    return {
        word: monte_carlo_rate(hits, len(replicates), conf_level=conf_level)
        for word, hits in counts.items()
    }


def coverage(replicates: pd.DataFrame, truth: float, *, conf_level: float = 0.95) -> MonteCarloRate:
    """How often the deciding interval held the truth, among the replicates that had an interval.

    Parameters
    ----------
    replicates : DataFrame, one row per replicate
        `conf_low` and `conf_high`; limits may be infinite.
    truth : float
        In the unit of the limits.
    conf_level : float, default 0.95
        Of the Monte Carlo limits, not of the intervals that are counted.
    """
    low, high = (_numbers(replicates, name) for name in ("conf_low", "conf_high"))
    known = ~(np.isnan(low) | np.isnan(high))
    held = known & (low <= truth) & (truth <= high)
    return monte_carlo_rate(int(held.sum()), int(known.sum()), conf_level=conf_level)


def bias(replicates: pd.DataFrame, truth: float, *, truth_std_error: float = 0.0) -> MonteCarloMean:
    """Mean estimate minus the truth, among the replicates with a finite estimate.

    Parameters
    ----------
    replicates : DataFrame, one row per replicate
        `estimate`.
    truth : float
        In the unit of the estimates.
    truth_std_error : float, default 0
        Its own Monte Carlo error, which the standard error takes in.
    """
    estimates = _numbers(replicates, "estimate")
    finite = estimates[np.isfinite(estimates)]
    if not finite.size:
        return MonteCarloMean(0, nan, nan)
    spread = float(finite.std(ddof=1)) / sqrt(finite.size) if finite.size > 1 else nan
    return MonteCarloMean(
        int(finite.size), float(finite.mean()) - truth, hypot(spread, truth_std_error)
    )


def _numbers(replicates: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in replicates.columns:
        return np.full(len(replicates), nan)
    return replicates[name].to_numpy(dtype=np.float64, na_value=nan)

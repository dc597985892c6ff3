"""Confidence limits for a distribution seen through intervals: curve, quantiles, restricted mean.

Which limits hold depends on the schedule. With few common assessment times the masses between them
are the parameters of a multinomial likelihood, and likelihood ratios have their usual chi-square
law. With irregular times the estimate converges at the slower rate n^(1/3) and the ordinary
bootstrap fails. With one assessment per subject the likelihood ratio of a value of the curve then
has Banerjee and Wellner's law; with several its law is not known, Banerjee and Wellner's limits
are too narrow in simulations and chi-square ones a little wide (`benchmarks/curve_coverage.py`).
The restricted mean is a smooth function of the curve and keeps the chi-square law throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ketastats.stats.intervals import check_level
from ketastats.stats.npmle import Bools, Floats, as_weights
from ketastats.stats.profile_limits import Profile
from ketastats.stats.turnbull import Cells, Turnbull, cut_into_cells, turnbull

COMMON = "few common times"
IRREGULAR = "several irregular times each"
ONE_EACH = "one irregular time each"
EXACT = "exact times"

_BANERJEE_WELLNER = {
    0.75: 0.80694,
    0.80: 0.98729,
    0.85: 1.22756,
    0.90: 1.60246,
    0.95: 2.26916,
    0.99: 3.83630,
}

_SHARED_BY = 5
_TOO_FEW = 30
_MOSTLY = 0.8
_RATE = 1 / 3


def schedule_kind(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> str:
    """Tell what kind of schedule intervals come from, and so which limits hold.

    Returns
    -------
    `EXACT` if no event lies between two assessments (every time is exact or right-censored);
    `COMMON` if at least 80% of the finite bounds after 0 of the other intervals lie at times that at
    least 5 subjects share (or, of fewer than 30 bounds, at half as many times at most); `ONE_EACH` if
    no interval has two assessments for ends (current status data) and at least 80% of at least 30
    bounds are shared with nobody; else `IRREGULAR`.
    """
    low, high = (np.asarray(side, dtype=float) for side in (left, right))
    n = as_weights(weight, low.size)
    between = (low < high) & np.isfinite(high)
    if not between.any():
        return EXACT
    wide = low < high
    bounds = np.concatenate((low[wide], high[wide]))
    counts = np.concatenate((n[wide], n[wide]))
    told = np.isfinite(bounds) & (bounds > 0)
    times, at = np.unique(bounds[told], return_inverse=True)
    each = counts[told]
    sharing = np.bincount(at, each)[at]
    few = each.sum() < _TOO_FEW and 2 * times.size <= each.sum()
    if few or _part(each, sharing >= _SHARED_BY) >= _MOSTLY:
        return COMMON
    alone = _part(each, sharing < 2) >= _MOSTLY and each.sum() >= _TOO_FEW
    return ONE_EACH if alone and not (between & (low > 0)).any() else IRREGULAR


def _part(weight: Floats, chosen: Bools) -> float:
    return float(weight[chosen].sum() / weight.sum())


class LikelihoodLimits:
    """Likelihood-ratio limits from one set of intervals.

    The limits of a curve at a time between assessments, where the curve is known only up to bounds,
    cover the value wherever it lies between them.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right].
    weight : (n,) array_like, optional
    times : (m,) array_like
        Times at which limits of the curve, or up to which limits of the mean, will be asked for.

    References
    ----------
    Thomas DR, Grunkemeier GL (1975). J Am Stat Assoc 70:865-871. Murphy SA, van der Vaart AW
    (1997). Ann Stat 25:1471-1509. Banerjee M, Wellner JA (2001). Ann Stat 29:1699-1731.
    """

    def __init__(
        self,
        left: ArrayLike,
        right: ArrayLike,
        weight: ArrayLike | None = None,
        times: ArrayLike = (),
    ) -> None:
        low, high = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
        given = as_weights(weight, low.size)
        used = given > 0
        # Under a constraint mass may lie before the first bound and after the last.
        cuts = (0.0, *np.asarray(times, dtype=float).ravel(), inf)
        self._cells: Cells = cut_into_cells(low[used], high[used], cuts=cuts)
        self._profile = Profile(self._cells.cover, given[used])

    def survival(self, time: float, *, critical: float) -> tuple[float, float]:
        """Limits of the probability of the event after `time`, one of the times given before."""
        begun, ended = self._cells.begun_and_ended(np.array([float(time)]))
        k = np.arange(self._cells.left.size)
        low = self._profile.limit((k >= begun[0]) * 1.0, upper=False, critical=critical)
        high = self._profile.limit((k >= ended[0]) * 1.0, upper=True, critical=critical)
        return low, high

    def quantile(self, share: float, *, critical: float) -> tuple[float, float]:
        """Limits of the time by which a share has had the event: where the curve's limits hold it.

        The upper limit is infinite where the data do not bound it.
        """
        finite = np.unique(self._cells.right[np.isfinite(self._cells.right)])
        k = np.arange(self._cells.left.size)
        _, ended = self._cells.begun_and_ended(finite)

        def reached(at: int, *, most: bool) -> float:
            before = (k < ended[at]) * 1.0
            return self._profile.limit(before, upper=most, critical=critical)

        first = _first(lambda at: reached(at, most=True) >= share, finite.size)
        last = _first(lambda at: reached(at, most=False) >= share, finite.size)
        low = 0.0 if first == 0 else float(finite[first - 1])
        # An exact event time can itself be the quantile.
        if first < finite.size and self._cells.exact[ended[first] - 1]:
            low = float(finite[first])
        return low, float(finite[last]) if last < finite.size else inf

    def restricted_mean(self, tau: float, *, critical: float) -> tuple[float, float]:
        """Limits of the mean time without the event up to `tau`, one of the times given before."""
        early, late = (np.minimum(end, tau) for end in (self._cells.left, self._cells.right))
        low = self._profile.limit(early, upper=False, critical=critical)
        return low, self._profile.limit(late, upper=True, critical=critical)


def chi_square_critical(conf_level: float) -> float:
    """Quantile of chi-square with one degree of freedom."""
    check_level(conf_level)
    return float(ndtri(0.5 + conf_level / 2) ** 2)


def banerjee_wellner_critical(conf_level: float) -> float:
    """Quantile of the law of the likelihood ratio for a value of a curve seen at irregular times.

    `benchmarks/banerjee_wellner.py` simulates the law.

    Raises
    ------
    ValueError
        If the level is not one of the printed ones.

    References
    ----------
    Banerjee M, Wellner JA (2001). Ann Stat 29:1699-1731, Table 2.
    """
    for level, critical in _BANERJEE_WELLNER.items():
        if abs(level - conf_level) < 1e-9:
            return critical
    levels = ", ".join(f"{level:g}" for level in _BANERJEE_WELLNER)
    raise ValueError(f"Banerjee and Wellner's law is tabulated for conf_level {levels} only")


def _first(holds: Callable[[int], bool], size: int) -> int:
    """First index at which a statement holds that goes on holding; `size` if it never does."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def resample(
    left: ArrayLike,
    right: ArrayLike,
    weight: ArrayLike | None,
    statistic: Callable[[Turnbull], Floats],
    *,
    replicates: int,
    seed: int,
    size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Refit samples of the subjects and collect a statistic of each fit.

    Parameters
    ----------
    left, right, weight
        Distinct intervals with their multiplicities, which must be whole numbers.
    statistic : callable
        From a fit to a (k,) array.
    replicates : int
    seed : int
    size : int, optional
        Subjects per sample, drawn without replacement (subsampling); all of them with replacement
        (bootstrap) if not given.
    progress : callable, optional
        Told the number done and the number wanted.

    Returns
    -------
    (replicates, k) array
    """
    low, high = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    counts = as_weights(weight, low.size)
    if replicates < 1 or seed < 0:
        raise ValueError("resampling needs at least one replicate, and a seed of at least 0")
    if (counts != np.round(counts)).any():
        raise ValueError("resampling draws whole subjects: multiplicities must be whole numbers")
    n = int(counts.sum())
    rng = np.random.default_rng(seed)
    rows = []
    for done in range(replicates):
        if size is None:
            drawn = rng.multinomial(n, counts / n)
        else:
            drawn = rng.multivariate_hypergeometric(counts.astype(int), size)
        rows.append(statistic(turnbull(low, high, drawn)))
        if progress is not None:
            progress(done + 1, replicates)
    return np.array(rows)


def percentile_limits(sample: Floats, *, conf_level: float, upper: bool) -> Floats:
    """Lower or upper bootstrap percentile limit of each column."""
    check_level(conf_level)
    tail = (1 - conf_level) / 2
    share = 1 - tail if upper else tail
    # Order statistics as they are, so that infinite quantiles need no arithmetic.
    if upper:
        return np.asarray(np.quantile(sample, share, axis=0, method="higher"))
    return np.asarray(np.quantile(sample, share, axis=0, method="lower"))


def subsample_size(n: int) -> int:
    """Subjects per subsample: n^(2/3), of larger order than 1 and smaller than n."""
    size: int = round(float(n) ** (2 / 3))
    return max(2, min(n - 1, size))


def subsampling_limits(
    sample: Floats, estimate: Floats, *, size: int, n: int, conf_level: float, upper: bool
) -> Floats:
    """Limits from subsamples, for estimates that converge at the rate n^(1/3).

    References
    ----------
    Politis DN, Romano JP, Wolf M (1999). Subsampling. Springer, chapter 2 (the limits turn the
    subsamples' deviations round). Banerjee M, Wellner JA (2005). Scand J Stat 32:405-424.
    """
    check_level(conf_level)
    tail = (1 - conf_level) / 2
    deviation = size**_RATE * (sample - estimate)
    reach = np.quantile(deviation, tail if upper else 1 - tail, axis=0) / n**_RATE
    return np.asarray(estimate - reach)

"""Proportions over strata: one combined rate, or two arms compared within strata.

Strata are arrays of equal length: `x1` events of `n1` in arm 1, `x2` of `n2` in arm 2 (the
reference). Strata in which an arm is empty say nothing about a difference and are left out.
`ValueError` is raised for counts that cannot be and when no stratum is left.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from ketastats.stats.intervals import Interval, two_sided_quantile
from ketastats.stats.proportions import wilson_interval
from ketastats.stats.score_limits import invert_score, standardised
from ketastats.stats.two_proportions import constrained_by_difference

Floats = NDArray[np.float64]


class StratifiedEstimate(NamedTuple):
    """A common effect over strata with its interval."""

    estimate: float
    low: float
    high: float


class ChiSquareTest(NamedTuple):
    """A chi-square statistic, its degrees of freedom and its p-value."""

    statistic: float
    df: int
    p_value: float


def stratified_wilson_interval(
    x: ArrayLike, n: ArrayLike, *, weights: ArrayLike | None = None, conf_level: float = 0.95
) -> Interval:
    """Weighted mean of the strata's Wilson limits, each at a quantile that gives joint coverage.

    Without `weights`, they are found by iteration so that the interval is short: inversely
    proportional to the squared width of each stratum's limits. The strata's quantile is the one
    that belongs to equal weights, as in R's tern; taking it from the final weights is the
    convention left out.

    References
    ----------
    Yan X, Su XG (2010). Stat Biopharm Res 2:329-335.
    """
    events, sizes = _one_arm(x, n)
    p = events / sizes
    variance = p * (1 - p) / sizes
    z = two_sided_quantile(conf_level)

    def quantile(w: Floats) -> float:
        spread = float(np.sum(w * np.sqrt(variance)))
        return z * sqrt(float(np.sum(w**2 * variance))) / spread if spread > 0 else z

    share = np.full(p.size, 1 / p.size) if weights is None else _normalised(weights, p.size)
    stratum_z = quantile(share)
    if weights is None:
        share = stratified_wilson_weights(x, n, conf_level=conf_level)
    # Wilson's limits depend on the level only through z, so each stratum is asked at that z.
    level = 1 - float(chdtrc(1, stratum_z**2))
    limits = np.array(
        [
            wilson_interval(int(a), int(b), conf_level=level)
            for a, b in zip(events, sizes, strict=True)
        ]
    )
    return Interval(float(share @ limits[:, 0]), float(share @ limits[:, 1]))


def stratified_wilson_weights(x: ArrayLike, n: ArrayLike, *, conf_level: float = 0.95) -> Floats:
    """Weights of `stratified_wilson_interval`, summing to 1.

    References
    ----------
    Yan X, Su XG (2010). Stat Biopharm Res 2:329-335.
    """
    events, sizes = _one_arm(x, n)
    p = events / sizes
    variance = p * (1 - p) / sizes
    z = two_sided_quantile(conf_level)
    share = np.full(p.size, 1 / p.size)
    for _ in range(200):
        spread = float(np.sum(share * np.sqrt(variance)))
        q = z * sqrt(float(np.sum(share**2 * variance))) / spread if spread > 0 else z
        raw = (1 + q**2 / sizes) ** 2 / (variance + q**2 / (4 * sizes**2))
        following = raw / raw.sum()
        if float(np.max(np.abs(following - share))) < 1e-12:
            return np.asarray(following)
        share = following
    return share


def stratified_miettinen_nurminen(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, *, conf_level: float = 0.95
) -> StratifiedEstimate:
    """Common risk difference by the stratified score test with Mantel-Haenszel weights n1 n2 / N.

    Miettinen and Nurminen's own weights depend on the rates and change along the search; the
    weights used here do not, which is what SAS and most reports do.

    References
    ----------
    Miettinen O, Nurminen M (1985). Stat Med 4:213-226, section 4.
    """
    a, m1, b, m2 = _two_arms(x1, n1, x2, n2)
    z = two_sided_quantile(conf_level)
    total = m1 + m2
    weight = m1 * m2 / total
    weight = weight / weight.sum()
    estimate = float(weight @ (a / m1 - b / m2))
    factor = total / np.maximum(total - 1, 1)

    def score(difference: float) -> float:
        p1, p2 = constrained_by_difference(a, m1, b, m2, difference)
        spread = (p1 * (1 - p1) / m1 + p2 * (1 - p2) / m2) * factor
        return standardised(estimate - difference, float(weight**2 @ spread))

    return StratifiedEstimate(estimate, *invert_score(score, z, -1.0, estimate, 1.0))


def mantel_haenszel_odds_ratio(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, *, conf_level: float = 0.95
) -> StratifiedEstimate:
    """Common odds ratio with the Robins-Breslow-Greenland variance.

    References
    ----------
    Mantel N, Haenszel W (1959). J Natl Cancer Inst 22:719-748. Robins J, Breslow N, Greenland S
    (1986). Biometrics 42:311-323.
    """
    a, m1, c, m2 = _two_arms(x1, n1, x2, n2)
    b, d, total = m1 - a, m2 - c, m1 + m2
    r, s = a * d / total, b * c / total
    top, bottom = float(r.sum()), float(s.sum())
    if top == 0 or bottom == 0:
        return _undetermined(top, bottom)
    p, q = (a + d) / total, (b + c) / total
    variance = (
        float(p @ r) / (2 * top**2)
        + float(p @ s + q @ r) / (2 * top * bottom)
        + float(q @ s) / (2 * bottom**2)
    )
    return _on_log_scale(top / bottom, variance, conf_level)


def mantel_haenszel_risk_ratio(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, *, conf_level: float = 0.95
) -> StratifiedEstimate:
    """Common risk ratio with the Greenland-Robins variance.

    References
    ----------
    Greenland S, Robins JM (1985). Biometrics 41:55-68.
    """
    a, m1, c, m2 = _two_arms(x1, n1, x2, n2)
    total = m1 + m2
    top, bottom = float((a * m2 / total).sum()), float((c * m1 / total).sum())
    if top == 0 or bottom == 0:
        return _undetermined(top, bottom)
    variance = float(((m1 * m2 * (a + c) - a * c * total) / total**2).sum()) / (top * bottom)
    return _on_log_scale(top / bottom, variance, conf_level)


def mantel_haenszel_difference(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, *, conf_level: float = 0.95
) -> StratifiedEstimate:
    """Common risk difference with Sato's variance, valid for few large and for many small strata.

    References
    ----------
    Sato T (1989). Biometrics 45:1323-1324 (letter). Greenland S, Robins JM (1985). Biometrics
    41:55-68.
    """
    a, m1, c, m2 = _two_arms(x1, n1, x2, n2)
    total = m1 + m2
    weight = m1 * m2 / total
    estimate = float(((a * m2 - c * m1) / total).sum() / weight.sum())
    p = (m1**2 * c - m2**2 * a + m1 * m2 * (m2 - m1) / 2) / total**2
    q = (a * (m2 - c) + c * (m1 - a)) / (2 * total)
    variance = (estimate * float(p.sum()) + float(q.sum())) / float(weight.sum()) ** 2
    if variance <= 0:  # no stratum has both outcomes: the data say nothing about the error
        return StratifiedEstimate(estimate, -1.0, 1.0)
    half = two_sided_quantile(conf_level) * sqrt(variance)
    return StratifiedEstimate(estimate, max(-1.0, estimate - half), min(1.0, estimate + half))


def cochran_mantel_haenszel_test(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    continuity_correction: bool = False,
) -> ChiSquareTest:
    """Test that the odds ratio is 1 in every stratum.

    References
    ----------
    Cochran WG (1954). Biometrics 10:417-451. Mantel N, Haenszel W (1959). J Natl Cancer Inst
    22:719-748.
    """
    a, m1, c, m2 = _two_arms(x1, n1, x2, n2)
    total, events = m1 + m2, a + c
    kept = total > 1
    expected = float((m1 * events / total)[kept].sum())
    variance = float(
        (m1 * m2 * events * (total - events) / (total**2 * np.maximum(total - 1, 1)))[kept].sum()
    )
    if variance == 0:
        return ChiSquareTest(0.0, 1, 1.0)
    deviation = abs(float(a[kept].sum()) - expected)
    if continuity_correction:
        deviation = max(0.0, deviation - 0.5)
    statistic = deviation**2 / variance
    return ChiSquareTest(statistic, 1, float(chdtrc(1, statistic)))


def _one_arm(x: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    events, sizes = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (x, n))
    if events.shape != sizes.shape or events.ndim != 1 or events.size == 0:
        raise ValueError(
            "events and sizes must be two lists of equal length, one entry per stratum"
        )
    if not (np.all(events >= 0) and np.all(events <= sizes) and np.all(np.isfinite(sizes))):
        raise ValueError("each stratum needs 0 <= events <= size")
    if np.any(events != np.round(events)) or np.any(sizes != np.round(sizes)):
        raise ValueError("events and sizes must be whole numbers")
    kept = sizes > 0
    if not kept.any():
        raise ValueError("every stratum is empty")
    return events[kept], sizes[kept]


def _two_arms(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    arrays = [np.atleast_1d(np.asarray(v, dtype=float)) for v in (x1, n1, x2, n2)]
    if len({v.shape for v in arrays}) != 1:
        raise ValueError("x1, n1, x2 and n2 must have one entry per stratum each")
    for size in (arrays[1], arrays[3]):
        if not (np.isfinite(size) & (size >= 0)).all():
            raise ValueError("each stratum needs a finite size of at least 0 in both arms")
    kept = (arrays[1] > 0) & (arrays[3] > 0)
    if not kept.any():
        raise ValueError("no stratum holds both arms")
    a, m1 = _one_arm(arrays[0][kept], arrays[1][kept])
    b, m2 = _one_arm(arrays[2][kept], arrays[3][kept])
    return a, m1, b, m2


def _normalised(weights: ArrayLike, size: int) -> Floats:
    w = np.asarray(weights, dtype=float)
    if w.shape != (size,) or not np.all(np.isfinite(w) & (w >= 0)) or w.sum() <= 0:
        raise ValueError(
            "weights must be non-negative, one per non-empty stratum, and not all zero"
        )
    return np.asarray(w / w.sum())


def _on_log_scale(estimate: float, variance: float, conf_level: float) -> StratifiedEstimate:
    if variance <= 0:
        return StratifiedEstimate(estimate, 0.0, inf)
    half = two_sided_quantile(conf_level) * sqrt(variance)
    centre = log(estimate)
    return StratifiedEstimate(estimate, exp(centre - half), exp(centre + half))


def _undetermined(top: float, bottom: float) -> StratifiedEstimate:
    estimate = float("nan") if top == bottom == 0 else 0.0 if top == 0 else inf
    return StratifiedEstimate(estimate, 0.0, inf)

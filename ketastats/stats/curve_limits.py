"""The limits that go with a fitted distribution: which kind holds on its schedule, and their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.npmle import Floats
from ketastats.stats.product_limit import kaplan_meier
from ketastats.stats.restricted_mean import restricted_mean
from ketastats.stats.turnbull import Turnbull
from ketastats.stats.turnbull_limits import (
    COMMON,
    EXACT,
    IRREGULAR,
    ONE_EACH,
    LikelihoodLimits,
    banerjee_wellner_critical,
    chi_square_critical,
    percentile_limits,
    resample,
    subsample_size,
    subsampling_limits,
)

LIMITS = ("auto", "likelihood", "bootstrap", "banerjee_wellner", "subsampling", "greenwood")
_AUTO = {
    COMMON: "likelihood",
    IRREGULAR: "likelihood",
    ONE_EACH: "banerjee_wellner",
    EXACT: "greenwood",
}
_HOLDS = {
    "likelihood": (COMMON, EXACT, IRREGULAR),
    "bootstrap": (COMMON, EXACT),
    "banerjee_wellner": (ONE_EACH,),
    "subsampling": (ONE_EACH, IRREGULAR),
    "greenwood": (EXACT,),
}
_WIDE = (
    "; the law that holds on such a schedule is not known, and in simulations these limits cover 96 to "
    "98% where 95% are asked for"
)
_WORDS = {
    "likelihood": "likelihood-ratio limits with the chi-square law",
    "bootstrap": "bootstrap percentile limits",
    "banerjee_wellner": "likelihood-ratio limits with Banerjee and Wellner's law",
    "subsampling": "subsampling limits at the rate n^(1/3)",
    "greenwood": "Greenwood limits on the log-log scale",
}

_FEWEST = 3  # for a subsample to be smaller than the sample

Limit = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CurveLimits:
    """Limits of the share reached at each time, of each quantile and of the restricted mean."""

    method: str
    note: str
    reached: list[Limit]
    quantiles: list[Limit]
    mean: Limit


@dataclass(frozen=True, slots=True)
class Wanted:
    """What limits are asked for: times, shares and horizon, with their coverage."""

    times: Sequence[float]
    shares: Sequence[float]
    tau: float
    conf_level: float


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often to draw samples, from which seed, and whom to tell how far it is."""

    replicates: int
    seed: int
    progress: Callable[[int, int], None] | None = None


def curve_limits(
    fit: Turnbull,
    data: tuple[Floats, Floats, Floats],
    wanted: Wanted,
    *,
    kind: str,
    limits: str,
    resampling: Resampling,
) -> CurveLimits:
    """Limits of one kind for a fit to `data` (left, right, multiplicity).

    Parameters
    ----------
    kind : str
        The schedule (`ketastats.stats.turnbull_limits.schedule_kind`).
    limits : str
        One of `LIMITS`; "auto" takes the kind that holds on the schedule. A kind that does not hold
        there is computed as asked, and the note says so.
    """
    method = _AUTO[kind] if limits == "auto" else limits
    if limits == "auto" and np.isinf(data[1]).all():
        method = "likelihood"  # without an event Greenwood's variance is 0 and gives no limits
    if method == "greenwood":
        if kind != EXACT:
            raise ValueError("Greenwood's limits need exact and right-censored times only")
        found = _greenwood(data, wanted)
    elif method == "bootstrap":
        found = _bootstrap(data, wanted, resampling)
    elif method == "subsampling":
        found = _subsampling(fit, data, wanted, resampling)
    else:
        found = _likelihood(data, wanted, banerjee_wellner=method == "banerjee_wellner")
    note = f"Schedule with {kind}: {_WORDS[method]}"
    if kind not in _HOLDS[method]:
        better = " or ".join(name for name, holds in _HOLDS.items() if kind in holds)
        note += f", which do not hold on such a schedule (use {better})"
    elif method == "likelihood" and kind == IRREGULAR:
        note += _WIDE
    elif method in ("banerjee_wellner", "subsampling"):
        note += "; the mean keeps the chi-square law"
    lacking = np.isnan([*found[0], *found[1]]).any()
    none = " No limits exist where nobody or everybody has had the event." if lacking else ""
    return CurveLimits(method, f"{note}.{none}", *found)


_Found = tuple[list[Limit], list[Limit], Limit]


def _likelihood(
    data: tuple[Floats, Floats, Floats], wanted: Wanted, *, banerjee_wellner: bool
) -> _Found:
    smooth = chi_square_critical(wanted.conf_level)
    local = banerjee_wellner_critical(wanted.conf_level) if banerjee_wellner else smooth
    profile = LikelihoodLimits(*data, times=[*wanted.times, wanted.tau])
    reached = []
    for time in wanted.times:
        low, high = profile.survival(time, critical=local)
        reached.append((1 - high, 1 - low))
    quantiles = [profile.quantile(share, critical=local) for share in wanted.shares]
    return reached, quantiles, profile.restricted_mean(wanted.tau, critical=smooth)


def _bootstrap(
    data: tuple[Floats, Floats, Floats], wanted: Wanted, resampling: Resampling
) -> _Found:
    n_times, n_shares = len(wanted.times), len(wanted.shares)

    def ends(one: Turnbull) -> Floats:
        """Lower ends of everything wanted, then the upper ends."""
        least, most = one.survival_bounds(wanted.times)
        early, late = one.quantile_bounds(wanted.shares)
        low, high = one.restricted_mean_bounds(wanted.tau)
        return np.concatenate((1 - most, early, [low], 1 - least, late, [high]))

    sample = _drawn(data, ends, resampling, size=None)
    k = n_times + n_shares + 1
    low = percentile_limits(sample[:, :k], conf_level=wanted.conf_level, upper=False)
    high = percentile_limits(sample[:, k:], conf_level=wanted.conf_level, upper=True)
    pairs = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return pairs[:n_times], pairs[n_times:-1], pairs[-1]


def _subsampling(
    fit: Turnbull, data: tuple[Floats, Floats, Floats], wanted: Wanted, resampling: Resampling
) -> _Found:
    """Limits of the curve from subsamples; those of quantiles and mean from the likelihood."""
    n_times = len(wanted.times)

    def ends(one: Turnbull) -> Floats:
        least, most = one.survival_bounds(wanted.times)
        return np.concatenate((1 - most, 1 - least))

    n = int(fit.n)
    if n < _FEWEST:
        raise ValueError(f"subsampling needs at least {_FEWEST} subjects")
    size = subsample_size(n)
    sample, whole = _drawn(data, ends, resampling, size=size), ends(fit)
    low, high = (
        subsampling_limits(
            sample[:, part], whole[part], size=size, n=n, conf_level=wanted.conf_level, upper=upper
        )
        for part, upper in ((slice(n_times), False), (slice(n_times, None), True))
    )
    low, high = (np.clip(side, 0.0, 1.0) for side in (low, high))
    _, quantiles, mean = _likelihood(data, wanted, banerjee_wellner=True)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)], quantiles, mean


def _drawn(
    data: tuple[Floats, Floats, Floats],
    statistic: Callable[[Turnbull], Floats],
    resampling: Resampling,
    *,
    size: int | None,
) -> Floats:
    return resample(
        *data,
        statistic,
        replicates=resampling.replicates,
        seed=resampling.seed,
        size=size,
        progress=resampling.progress,
    )


def _greenwood(data: tuple[Floats, Floats, Floats], wanted: Wanted) -> _Found:
    left, right, weight = data
    curve = kaplan_meier(left, (left == right).astype(float), weight)
    low, high = curve.limits(conf_level=wanted.conf_level)
    at = np.searchsorted(curve.times, np.asarray(wanted.times, dtype=float), side="right")
    least, most = (np.concatenate(([np.nan], side))[at] for side in (low, high))
    beyond = (np.asarray(wanted.times) > curve.times[-1]) & (curve.survival[-1] > 0)
    least = np.where(beyond, 0.0, least)
    reached = [(1 - float(b), 1 - float(a)) for a, b in zip(least, most, strict=True)]
    quantiles = []
    for share in wanted.shares:
        found = curve.quantile(share, conf_level=wanted.conf_level)
        quantiles.append((found.low, found.high))
    mean = restricted_mean(curve, wanted.tau)
    reach = two_sided_quantile(wanted.conf_level) * mean.std_error
    if reach == 0:  # one subject, or all at one time: no spread to tell limits from
        return reached, quantiles, (float("nan"), float("nan"))
    return (
        reached,
        quantiles,
        (max(0.0, mean.estimate - reach), min(wanted.tau, mean.estimate + reach)),
    )

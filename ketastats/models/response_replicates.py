"""Shares that meet a rule in filled-in data sets, for any shift of what was filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from ketastats.errors import UsageError
from ketastats.models.imputation_data import ImputationData
from ketastats.models.imputation_replicates import (
    course_of,
    left_out,
    parameter_draws,
    parameters_of,
    resampled,
)
from ketastats.models.repeated_fit import RepeatedModel
from ketastats.stats.augmented_draws import Draw, fill_pattern
from ketastats.stats.imputation_pooling import pool_imputations
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.reference_means import expected

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

METHODS = ("conditional_probability", "bayesian", "bootstrap_mi")
_SLACK = 1e-9  # a fall of exactly one half is one, whatever binary fractions make of it


@dataclass(frozen=True, slots=True, eq=False)
class ResponseReplicates:
    """What m data sets say of every outcome that was missed.

    `subject`, `visit` and `arm` (q,) place the missed outcomes, `shifted` (q,) those from an event on.
    `mean` and `sd` (m, q) are their law given what was seen, sd 0 where they were drawn; `whole` that of the
    whole data, and `weights` (m, n) how often each subject counts. `met` (n, T) is 1 or 0 where seen.
    `limit` (n, T) is met by outcomes at or below it (above it if not `below`; beyond it if `strict`).
    """

    method: str
    subject: Ints
    visit: Ints
    arm: Ints
    shifted: Bools
    mean: Floats
    sd: Floats
    whole: tuple[Floats, Floats] | None
    weights: Floats
    spread_factor: float
    met: Floats
    limit: Floats
    below: bool
    strict: bool


def response_replicates(
    model: RepeatedModel,
    trial: ImputationData,
    limit: Floats,
    *,
    below: bool,
    strict: bool,
    strategy: str,
    method: str,
    inference: str,
    imputations: int,
    replicates: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> ResponseReplicates:
    """Expected or drawn outcomes under an assumption, with the parameters of each replicate.

    `limit` (n, T) is what an outcome has to reach.
    """
    subject, visit = np.nonzero(trial.imputed)
    n = len(trial.subjects)

    def expect(parameters: Draw) -> tuple[Floats, Floats]:
        course = course_of(trial, parameters.beta, strategy)
        mean, sd = expected(trial.outcome, course, parameters.sigma)
        return mean[subject, visit], sd[subject, visit]

    means, sds, weights = [], [], []
    if method == "conditional_probability":
        whole = expect(parameters_of(model, model.fit))
        jackknife = inference == "jackknife"
        refits = left_out(model, trial) if jackknife else resampled(model, trial, replicates, seed)
        wanted = n if jackknife else replicates
        for done, (parameters, counted) in enumerate(refits, start=1):
            mean, sd = expect(parameters)
            means.append(mean)
            sds.append(sd)
            weights.append(counted)
            if progress is not None:
                progress(done, wanted)
        factor, name = (
            ((n - 1) / n if jackknife else 1 / (replicates - 1)),
            f"{method}, {inference}",
        )
    else:
        if imputations < 2:
            raise UsageError("Pooling needs two imputations or more")
        rng = np.random.default_rng(seed)
        drawn = parameter_draws(model, trial, method, imputations, rng)
        for done, parameters in enumerate(drawn, start=1):
            filled = _filled(trial, course_of(trial, parameters.beta, strategy), parameters, rng)
            means.append(filled[subject, visit])
            if progress is not None:
                progress(done, imputations)
        sds = [np.zeros(len(subject))] * len(means)
        weights, whole, factor, name = [np.ones(n)] * len(means), None, np.nan, method
    return ResponseReplicates(
        method=name,
        subject=subject,
        visit=visit,
        arm=trial.arm[subject],
        shifted=trial.after_event[subject, visit],
        mean=np.array(means),
        sd=np.array(sds),
        whole=whole,
        weights=np.array(weights),
        spread_factor=factor,
        met=reached(trial.outcome, limit, below=below, strict=strict),
        limit=limit,
        below=below,
        strict=strict,
    )


def _filled(
    trial: ImputationData, course: Floats, parameters: Draw, rng: np.random.Generator
) -> Floats:
    """Outcomes with those missed drawn given what was seen."""
    whole = trial.outcome.copy()
    missing = np.isnan(whole)
    for held in np.unique(missing, axis=0):
        if held.any():
            rows = np.flatnonzero((missing == held).all(axis=1))
            fill_pattern(whole, course, parameters.sigma, rows, held, rng)
    return whole


def reached(value: Floats, limit: Floats, *, below: bool, strict: bool) -> Floats:
    """1 where a limit is reached, 0 where not, NaN where the value is."""
    gap = limit - value if below else value - limit
    return np.where(np.isnan(value), np.nan, (gap >= _least(strict=strict)).astype(float))


def _least(*, strict: bool) -> float:
    """How far beyond its limit an outcome has to be, but for rounding."""
    return _SLACK if strict else -_SLACK


def _probability(held: ResponseReplicates, mean: Floats, sd: Floats, at: Bools) -> Floats:
    """Chance that each missed outcome reaches its limit."""
    limit = held.limit[held.subject[at], held.visit[at]]
    gap = limit - mean if held.below else mean - limit
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = ndtr(gap / sd)
    return np.where(sd > 0, chance, (gap >= _least(strict=held.strict)).astype(float))


def shares(
    held: ResponseReplicates, trial: ImputationData, t: int, shift: Floats
) -> tuple[Floats, Floats]:
    """Shares that meet the rule at a visit: of the whole data (arms,) and of each data set (m, arms).

    `shift` (arms,) is added to what was filled in from an event on. Under multiple imputation the whole is
    the mean of the data sets.
    """
    at = held.visit == t
    moved = np.where(held.shifted[at], shift[held.arm[at]], 0.0)
    chance = _probability(held, held.mean[:, at] + moved, held.sd[:, at], at)
    each = _arm_shares(held, trial, t, at, chance, held.weights)
    if held.whole is None:
        return each.mean(axis=0), each
    mean, sd = (part[at] for part in held.whole)
    own = _probability(held, mean + moved, sd, at)
    ones = np.ones((1, len(trial.subjects)))
    return _arm_shares(held, trial, t, at, own[None], ones)[0], each


def _arm_shares(
    held: ResponseReplicates,
    trial: ImputationData,
    t: int,
    at: Bools,
    chance: Floats,
    weights: Floats,
) -> Floats:
    seen = np.nan_to_num(held.met[:, t])
    found = np.empty((len(chance), len(trial.arms)))
    for k in range(len(trial.arms)):
        own, missed = trial.arm == k, held.arm[at] == k
        total = weights[:, own] @ seen[own]
        total += (weights[:, held.subject[at][missed]] * chance[:, missed]).sum(axis=1)
        found[:, k] = total / weights[:, own].sum(axis=1)
    return found


def inference(
    held: ResponseReplicates,
    trial: ImputationData,
    t: int,
    contrast: Floats,
    shift: Floats,
    conf_level: float,
) -> dict[str, Any]:
    """A combination of the arms' shares at a visit, with its standard error, limits and p-value."""
    whole, each = shares(held, trial, t, shift)
    estimate, estimates = float(whole @ contrast), each @ contrast
    sizes = np.bincount(trial.arm, minlength=len(trial.arms))
    extra = np.nan
    if held.whole is None:
        variances = (each * (1 - each) / sizes) @ contrast**2
        spare = float(sizes[contrast != 0].sum() - (contrast != 0).sum())
        pooled = pool_imputations(estimates, variances, spare)
        se, df, extra = pooled.std_error, pooled.df, pooled.monte_carlo_se
        half = se * float(stdtrit(df, 0.5 + conf_level / 2))
        tail = float(stdtr(df, -abs(estimate / se))) if se > 0 else np.nan
    else:
        centred = estimates - estimates.mean()
        se, df = float(np.sqrt(held.spread_factor * (centred @ centred))), np.nan
        half = two_sided_quantile(conf_level) * se
        tail = float(ndtr(-abs(estimate / se))) if se > 0 else np.nan
    least = -1.0 if (contrast < 0).any() else 0.0
    return {
        "estimate": estimate,
        "std_error": se,
        "statistic": estimate / se if se > 0 else np.nan,
        "df": df,
        "p_value": 2 * tail,
        "conf_low": max(least, estimate - half),
        "conf_high": min(1.0, estimate + half),
        "monte_carlo_se": extra,
    }

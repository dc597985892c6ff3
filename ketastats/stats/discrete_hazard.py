"""The discrete hazard: the chance of an event at dose k of those without it up to then.

A subject's event lies in (left, right] on the scale of dose numbers 1, 2, 3 ...; ``right = left + 1``
is an event seen at one dose, ``right = inf`` one not reached by dose `left`. Where assessments were
skipped, `right` is larger and the event may have come at any dose from ``left + 1`` to `right`.

The first part is the share reached by a dose without a model: one minus the product of one minus
the hazards where nothing was skipped, else Turnbull's distribution. The second part is regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linprog, minimize
from scipy.special import expit, logit

from ketastats.stats.intervals import Interval, two_sided_quantile
from ketastats.stats.proportions import likelihood_interval
from ketastats.stats.standardised_risks import SeparationError
from ketastats.stats.turnbull import turnbull
from ketastats.stats.turnbull_limits import LikelihoodLimits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LINKS = ("cloglog", "logit")
"""Links of the discrete hazard; with cloglog, exp(coefficient) is a ratio of hazards in time."""

_GAP = 1e-10  # duality gap of the fits that limits are made from
_STEP = 1e-11  # largest change of a coefficient at which scoring stops
_EXTREME = 30.0  # a linear predictor beyond it means that the likelihood has no maximum


class HazardByDose(NamedTuple):
    """Per dose 1 to K: subjects at risk, subjects with the event seen then, and the hazard."""

    at_risk: Floats
    reached: Floats
    hazard: Floats


def hazard_by_dose(left: ArrayLike, right: ArrayLike, weight: ArrayLike, last: int) -> HazardByDose:
    """Count who was at risk and who had the event at doses 1 to `last`.

    At risk at dose k are those known to be without the event after it and those whose (left, right]
    holds it; `reached` counts ``right == k``. The hazard is their ratio where no interval spans
    several doses, else that of `share_by_dose`, the event counted at the dose at which it was seen.
    It is missing where nobody is at risk, or nobody is left without the event.
    """
    low, high, count = _arrays(left, right, weight)
    doses = np.arange(1, last + 1)[:, None]
    holds = (low < doses) & (doses <= high) & np.isfinite(high)
    at_risk = ((low >= doses) | holds) @ count
    share = np.concatenate(([0.0], share_by_dose(low, high, count, last)[0]))
    before = 1 - share[:-1]
    known = (at_risk > 0) & (before > 1e-12)
    hazard = np.divide(np.diff(share), before, out=np.full(last, nan), where=known)
    return HazardByDose(at_risk, (high == doses) @ count, np.clip(hazard, 0.0, 1.0))


def share_by_dose(left: ArrayLike, right: ArrayLike, weight: ArrayLike, last: int) -> Floats:
    """Share reached by doses 1 to `last`, smallest and largest that the maximum likelihood allows.

    Parameters
    ----------
    left, right, weight : (n,) array_like
        Intervals of dose numbers and their multiplicities.
    last : int

    Returns
    -------
    (2, last) array
        The rows are equal where the data tell the share; they differ within a stretch of skipped
        doses, and beyond the last dose at which anyone is at risk.
    """
    low, high, count = _arrays(left, right, weight)
    fitted = turnbull(_seen_at(low, high), high, count, tol=_GAP)
    after_low, after_high = fitted.survival_bounds(np.arange(1, last + 1))
    return np.clip(1 - np.stack([after_high, after_low]), 0.0, 1.0)


def share_limits(
    left: ArrayLike, right: ArrayLike, weight: ArrayLike, last: int, *, conf_level: float = 0.95
) -> Floats:
    """Likelihood-ratio limits of the share reached by doses 1 to `last`: (2, last), low and high.

    Without skipped assessments they are Thomas and Grunkemeier's. Where a share is only known to lie
    between two values, both are inside. A limit is 0 or 1 where the likelihood there is not too far
    below its maximum.

    References
    ----------
    Thomas DR, Grunkemeier GL (1975). J Am Stat Assoc 70:865-871.
    """
    low, high, count = _arrays(left, right, weight)
    critical = two_sided_quantile(conf_level) ** 2
    known = int(max(low.max(), high[np.isfinite(high)].max(initial=0.0)))
    times = np.arange(1.0, min(last, known) + 1)
    cuts = np.concatenate(([0.0], times))  # mass may come before every interval
    limits = LikelihoodLimits(_seen_at(low, high), high, count, times=cuts)
    bounds = np.zeros((2, last))
    for i, time in enumerate(times):
        if (high <= time).all():  # a mass after all intervals only scales the others down
            bounds[:, i] = np.exp(-critical / 2 / count.sum()), 1.0
            continue
        bounds[1, i], bounds[0, i] = (1 - s for s in limits.survival(time, critical=critical))
    # Beyond every interval the share is at least what it was and may be all.
    bounds[:, times.size :] = [[bounds[0, times.size - 1] if times.size else 0.0], [1.0]]
    return np.asarray(np.clip(bounds, 0.0, 1.0), dtype=float)


def hazard_limits(
    left: ArrayLike, right: ArrayLike, weight: ArrayLike, dose: int, *, conf_level: float = 0.95
) -> Interval:
    """Likelihood-ratio limits of the hazard at `dose`; (0, 1) where nobody is at risk.

    Where no interval spans this dose and another one they are those of a binomial proportion, else
    the other hazards are refitted for each value of this one.
    """
    low, high, count = _arrays(left, right, weight)
    seen = np.isfinite(high)
    holds = seen & (low < dose) & (dose <= high)
    events, free = count[holds].sum(), count[low >= dose].sum()
    if events + free == 0:
        return Interval(0.0, 1.0)
    if (high[holds] == low[holds] + 1).all():
        return likelihood_interval(int(events), int(events + free), conf_level=conf_level)
    best = turnbull(_seen_at(low, high), high, count, tol=_GAP)
    floor = best.loglik - two_sided_quantile(conf_level) ** 2 / 2

    later = float(best.mass[best.right >= dose].sum())
    middle = float(best.mass[best.right == dose].sum()) / later if later > 1e-12 else 0.5

    def excess(hazard: float) -> float:
        return _profile(low, high, count, dose, hazard) - floor

    lower = float(brentq(excess, 0.0, middle, xtol=1e-8)) if excess(0.0) < 0 else 0.0
    upper = float(brentq(excess, middle, 1.0, xtol=1e-8)) if excess(1.0) < 0 else 1.0
    return Interval(lower, upper)


@dataclass(frozen=True, slots=True, eq=False)
class HazardFit:
    """Coefficients of the discrete hazard, their covariance (p, p), and the maximum."""

    coefficients: Floats
    covariance: Floats
    loglik: float
    deviance: float
    link: str


def fit_hazard(
    design: Floats,
    trial: Ints,
    event: Bools,
    weight: Floats,
    *,
    link: str,
    names: Sequence[str],
) -> HazardFit:
    """Maximum likelihood of the discrete hazard by Fisher scoring.

    A trial is a dose, or several in a row over which no assessment was made; the event comes in it
    with probability 1 - product over its doses of (1 - hazard).

    Parameters
    ----------
    design : (n_rows, p) array
        One row per trial and dose.
    trial : (n_rows,) int array, ascending from 0 to n_trials - 1
    event : (n_trials,) array of bool
    weight : (n_trials,) array
        Multiplicities.
    link : {"cloglog", "logit"}
    names : sequence of str, length p
        Terms, to be named in errors.

    Returns
    -------
    HazardFit
        The covariance is the inverse of the expected information where every trial is one dose (as
        in R's `glm`), else of the observed information. The deviance is minus twice the
        log-likelihood of the 0/1 trials.

    Raises
    ------
    SeparationError
        If a term repeats others, or the likelihood has no finite maximum; the terms are named.

    References
    ----------
    Prentice RL, Gloeckler LA (1978). Biometrics 34:57-67. McCullagh P, Nelder JA (1989).
    Generalized Linear Models, 2nd ed, section 2.5.
    """
    if link not in LINKS:
        raise ValueError(f"link must be one of {', '.join(LINKS)}, not {link!r}")
    _refuse_repeated_terms(design, names)
    trials = _Trials(design, np.flatnonzero(np.diff(trial, prepend=-1)), event, weight, link)
    beta = trials.start()
    for _ in range(200):
        if float(np.abs(design @ beta).max()) > _EXTREME:
            break
        value = trials.loglik(beta)
        score, information = trials.scoring(beta)
        step = _solved(information, score)
        if step is None:
            break
        if float(np.abs(step).max()) < _STEP:
            at_max = information if trials.all_single else trials.observed_information(beta)
            covariance = np.asarray(np.linalg.inv(at_max), dtype=float)
            return HazardFit(beta, covariance, value, -2 * value, link)
        for _ in range(30):  # halve a step that overshoots
            if trials.loglik(beta + step) >= value - 1e-10 * (1 + abs(value)):
                break
            step = step / 2
        beta = beta + step
    raise _no_maximum(design, event[trial], names)


def standardised_share(
    fit: HazardFit,
    design: Floats,
    trial: Ints,
    weight: Floats,
    *,
    conf_level: float = 0.95,
) -> tuple[float, float, Interval]:
    """Mean over subjects of the share reached by a dose, its standard error and limits.

    Parameters
    ----------
    design : (n_rows, p) array
        One row per subject and dose up to that dose.
    trial : (n_rows,) int array
        Which subject, ascending from 0.
    weight : (n_subjects,) array

    Returns
    -------
    (share, std_error, limits)
        By the delta method; limits on the scale of log(-log(1 - share)), inside (0, 1). The
        subjects' covariates count as fixed.
    """
    starts = np.flatnonzero(np.diff(trial, prepend=-1))
    none = np.zeros(starts.size, dtype=bool)
    people = _Trials(design, starts, none, weight, fit.link)
    total, slope = people.cumulated(fit.coefficients)
    free = np.exp(-total) * weight / weight.sum()
    rest = float(free.sum())
    gradient = free @ slope
    se = sqrt(float(gradient @ fit.covariance @ gradient))
    at, half = log(-log(rest)), two_sided_quantile(conf_level) * se / (-rest * log(rest))
    low, high = (-np.expm1(-np.exp(at + sign * half)) for sign in (-1, 1))
    return 1 - rest, se, Interval(float(low), float(high))


def _arrays(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.atleast_1d(np.asarray(value, dtype=float)) for value in values)


def _seen_at(low: Floats, high: Floats) -> Floats:
    """Left bounds with an event seen at one dose made exact, so that the product limit applies."""
    return np.where(high == low + 1, high, low)


def _profile(low: Floats, high: Floats, count: Floats, dose: int, hazard: float) -> float:
    """Largest log-likelihood with the hazard of one dose held, over the hazards of the others."""
    seen = np.isfinite(high)
    doses = np.arange(1, int(max(low.max(), high[seen].max())) + 1)
    without = count @ (low[:, None] >= doses)
    within = ((low[seen, None] < doses) & (doses <= high[seen, None])).astype(float)
    held = np.clip(hazard, 1e-15, 1 - 1e-15)
    free = doses != dose

    def minus(logits: Floats) -> tuple[float, Floats]:
        eta = np.full(doses.size, float(logit(held)))
        eta[free] = logits
        lost = np.logaddexp(0.0, eta)  # minus the log of one minus the hazard
        spent = within @ lost
        value = count[seen] @ np.log(-np.expm1(-spent)) - without @ lost
        slope = ((count[seen] / np.expm1(spent)) @ within - without) * expit(eta)
        return -float(value), -slope[free]

    bounds = [(-_EXTREME, _EXTREME)] * int(free.sum())
    options = {"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1000}
    start = np.full(int(free.sum()), -1.0)
    found = minimize(minus, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return -float(found.fun)


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Trials of one or more doses; `starts` are their first rows in `design`."""

    design: Floats
    starts: Ints
    event: Bools
    weight: Floats
    link: str

    @property
    def all_single(self) -> bool:
        return self.starts.size == len(self.design)

    def start(self) -> Floats:
        """Coefficients whose linear predictor is near that of the overall chance of an event."""
        share = np.clip(self.weight[self.event].sum() / self.weight.sum(), 0.05, 0.95)
        level = log(share / (1 - share)) if self.link == "logit" else log(-log(1 - share))
        target = np.full(len(self.design), level)
        return np.asarray(np.linalg.lstsq(self.design, target, rcond=None)[0])

    def cumulated(self, beta: Floats) -> tuple[Floats, Floats]:
        """Per trial, the sum of -log(1 - hazard) over its doses, and its gradient."""
        eta = np.clip(self.design @ beta, -700.0, 700.0)
        each = np.exp(eta) if self.link == "cloglog" else np.logaddexp(0.0, eta)
        slope = each if self.link == "cloglog" else expit(eta)
        gradient = np.add.reduceat(slope[:, None] * self.design, self.starts)
        return np.add.reduceat(each, self.starts), gradient

    def loglik(self, beta: Floats) -> float:
        total, _ = self.cumulated(beta)
        with np.errstate(divide="ignore"):
            return float(self.weight @ np.where(self.event, np.log(-np.expm1(-total)), -total))

    def scoring(self, beta: Floats) -> tuple[Floats, Floats]:
        """Score and expected information."""
        total, slope = self.cumulated(beta)
        odds = np.exp(-total) / -np.expm1(-total)  # of no event, per trial
        score = slope.T @ (self.weight * np.where(self.event, odds, -1.0))
        return score, (slope * (self.weight * odds)[:, None]).T @ slope

    def observed_information(self, beta: Floats) -> Floats:
        """Minus the second derivatives of the log-likelihood."""
        total, slope = self.cumulated(beta)
        eta = self.design @ beta
        bend = np.exp(eta) if self.link == "cloglog" else expit(eta) * expit(-eta)
        odds = 1 / np.expm1(total)
        size = np.diff(np.append(self.starts, eta.size))
        linear = np.repeat(self.weight * np.where(self.event, odds, -1.0), size) * bend
        square = self.weight * np.where(self.event, odds + odds**2, 0.0)
        bent: Floats = (slope * square[:, None]).T @ slope
        return bent - (self.design * linear[:, None]).T @ self.design


def _solved(information: Floats, score: Floats) -> Floats | None:
    scale = np.sqrt(np.diag(information))
    if not np.isfinite(information).all() or not (scale > 0).all():
        return None
    scaled = information / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        return None
    return np.asarray(np.linalg.solve(scaled, score / scale) / scale)


def _refuse_repeated_terms(design: Floats, names: Sequence[str]) -> None:
    size = np.linalg.norm(design, axis=0)
    scaled = design / np.where(size > 0, size, 1.0)
    if np.linalg.matrix_rank(scaled) == len(names):
        return
    ranks = [int(np.linalg.matrix_rank(scaled[:, : j + 1])) for j in range(len(names))]
    extra = [name for name, more in zip(names, np.diff(ranks, prepend=0), strict=True) if not more]
    raise SeparationError(
        f"{', '.join(extra)}: constant, or a repetition of the terms before it; drop it"
    )


def _no_maximum(design: Floats, event: Bools, names: Sequence[str]) -> SeparationError:
    """Name the terms along which the likelihood rises without end.

    References
    ----------
    Konis K (2007). Linear programming algorithms for detecting separated data in binary logistic
    regression models. DPhil thesis, University of Oxford.
    """
    signed = np.where(event, 1.0, -1.0)[:, None] * design / np.abs(design).max(axis=0)
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    guilty = [name for name, d in zip(names, found.x, strict=True) if abs(d) > 1e-6]
    if not guilty:
        return SeparationError("the model of the hazard has no finite fit: use fewer terms")
    return SeparationError(
        f"the model of the hazard has no finite fit: {', '.join(guilty)} "
        f"{'tells' if len(guilty) == 1 else 'tell'} those who reached the event apart from those who "
        "did not; leave the term out, or the doses at which all or none reached it"
    )

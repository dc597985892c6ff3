"""Accelerated failure time regression of interval-censored times: log T = x'b + sigma * error.

The error is extreme-value (Weibull times), logistic (log-logistic) or normal (log-normal). In
Burridge's parameters b / sigma and 1 / sigma the log-likelihood is concave, so Newton's method finds
the one maximum, and whether there is a finite one is a question of linear inequalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ketastats.stats.aft_likelihood import AFTMaximum, LinearEnds, LogTimes, maximise_ends
from ketastats.stats.intervals import Interval
from ketastats.stats.likelihood_limits import likelihood_limits
from ketastats.stats.npmle import NoConvergenceError
from ketastats.stats.regression_rows import checked_rows
from ketastats.stats.separation import (
    PLAIN,
    SeparatedError,
    endless_direction,
    moved_columns,
    refuse_aliased,
    stacked,
)
from ketastats.stats.shifted_laws import EXTREME, LOGISTIC, NORMAL, Floats, Law

AFT_LAWS: dict[str, Law] = {"weibull": EXTREME, "loglogistic": LOGISTIC, "lognormal": NORMAL}
"""Laws of the error by the name of the law of the times."""


class NoScaleError(ValueError):
    """The scale has no finite estimate above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class IntervalAFT:
    """Coefficients (p,) on log time, scale, and their covariance (p + 1, p + 1).

    The last row and column of `covariance` belong to the log of the scale. `decrement` is the
    Newton decrement of the mean log-likelihood at the end: about how far it is below its maximum;
    `gradient` is its largest slope, in the parameters b / sigma and 1 / sigma for covariates scaled
    to at most 1.
    """

    law: Law
    coefficients: Floats
    scale: float
    covariance: Floats
    loglik: float
    n: float
    decrement: float
    gradient: float
    steps: int
    _data: LogTimes = field(repr=False)

    @property
    def std_errors(self) -> Floats:
        """Standard errors (p + 1,), the last of the log scale."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def parameters(self) -> Floats:
        """Coefficients and the log of the scale (p + 1,)."""
        return np.append(self.coefficients, log(self.scale))

    def survival(self, design: ArrayLike, time: ArrayLike, *, z: float = 0.0) -> Floats:
        """Probability of no event by each time: (rows of design, times).

        Parameters
        ----------
        design : (m, p) array_like
        time : (t,) array_like
            Not negative.
        z : float
            Move by so many standard errors of the standardised log time (delta method): a negative
            `z` gives a lower, a positive one an upper confidence limit.
        """
        x = np.atleast_2d(np.asarray(design, dtype=float))
        at = np.atleast_1d(np.asarray(time, dtype=float))
        if np.isnan(at).any() or (at < 0).any():
            raise ValueError("times must be numbers of at least 0")
        with np.errstate(divide="ignore"):
            u = (np.log(at)[None, :] - (x @ self.coefficients)[:, None]) / self.scale
        if z:
            finite = np.where(np.isfinite(u), u, 0.0)
            u = u - z * self._errors(x, finite) / self.scale
        return np.asarray(np.exp(self.law.log_survival(u)))

    def quantile(self, design: ArrayLike, share: ArrayLike, *, z: float = 0.0) -> Floats:
        """Time by which a share has had the event: (rows of design, shares).

        `z` moves log time by so many of its standard errors (delta method).
        """
        x = np.atleast_2d(np.asarray(design, dtype=float))
        wanted = np.atleast_1d(np.asarray(share, dtype=float))
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError("a share must lie strictly between 0 and 1")
        u = np.broadcast_to(_quantile(self.law, wanted)[None, :], (x.shape[0], wanted.size))
        middle = (x @ self.coefficients)[:, None] + self.scale * u
        return np.asarray(np.exp(middle + z * self._errors(x, u)))

    def profile(self, held: Sequence[int], values: ArrayLike) -> float:
        """Largest log-likelihood with some coefficients held at `values`."""
        data, at = self._data, np.asarray(held, dtype=np.intp)
        wanted = np.asarray(values, dtype=float) * data.size[at]
        ends = data.ends(held=at, at=wanted)
        best = np.append(self.coefficients * data.size / self.scale, 1 / self.scale)
        # Near the maximum the first is close; far from it least squares may be closer.
        starts = np.delete(best, at), data.start(held=at, at=wanted)
        return maximise_ends(ends, max(starts, key=ends.loglik)).loglik - data.jacobian

    def profile_log_scale(self, value: float) -> float:
        """Largest log-likelihood with the log of the scale held at `value`."""
        ends = self._data.ends(log_scale=value)
        start = self.coefficients * self._data.size * exp(-value)
        return maximise_ends(ends, start).loglik - self._data.jacobian

    def limits(
        self, index: int, *, conf_level: float = 0.95, std_error: float | None = None
    ) -> Interval:
        """Profile-likelihood limits of one parameter; index p is the log of the scale.

        All values whose likelihood-ratio statistic does not exceed the chi-square quantile with one
        degree of freedom; infinite where the likelihood does not fall so far.
        """

        def statistic(value: float) -> float:
            scale = index == self.coefficients.size
            there = self.profile_log_scale(value) if scale else self.profile([index], [value])
            return 2 * (self.loglik - there)

        return likelihood_limits(
            statistic,
            float(self.parameters[index]),
            float(self.std_errors[index]) if std_error is None else std_error,
            conf_level=conf_level,
        )

    def _errors(self, x: Floats, u: Floats) -> Floats:
        """Standard errors of x'b + sigma * u, with `u` (m, t) fixed."""
        rows = np.concatenate(
            (
                np.broadcast_to(x[:, None, :], (*u.shape, x.shape[1])),
                (self.scale * u)[:, :, None],
            ),
            axis=2,
        )
        return np.asarray(np.sqrt(np.einsum("ijk,kl,ijl->ij", rows, self.covariance, rows)))


def interval_aft(
    left: ArrayLike,
    right: ArrayLike,
    design: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    law: str = "weibull",
) -> IntervalAFT:
    """Fit an accelerated failure time model by maximum likelihood.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right]: `left` 0 where the event was not looked for before `right`, `right`
        infinite where it was not reached, both equal (and above 0) where it was seen exactly.
    design : (n, p) array_like
        Covariates with a column of ones.
    weight : (n,) array_like, optional
        Multiplicities.
    law : {"weibull", "loglogistic", "lognormal"}

    Returns
    -------
    IntervalAFT
        An interval contributes F(right) - F(left), an exact time its density (per unit of time, as
        R's survreg counts it). The covariance is the inverse observed information.

    Raises
    ------
    AliasedColumnError, SeparatedError
        If a coefficient is not determined, or has no finite estimate.
    NoScaleError
        If the scale has no finite estimate above 0.
    NoConvergenceError
        If the maximum was not reached.
    ValueError
        If the arrays do not fit each other, or an exact time is 0.

    References
    ----------
    Burridge J (1981). J R Stat Soc B 43:41-45 (concavity). Kalbfleisch JD, Prentice RL (2002). The
    Statistical Analysis of Failure Time Data, 2nd ed, chapter 3.
    """
    data = _checked(left, right, design, weight, law)
    refuse_aliased(data.x, constant=False)
    ends = data.ends()
    found = _finite_maximum(data, ends)
    if found.theta[-1] <= 0:
        raise NoScaleError(
            "the fitted scale is not positive: among these intervals the event is not more "
            "frequent later than earlier"
        )
    gamma, p = float(found.theta[-1]), data.x.shape[1]
    beta = found.theta[:-1] / gamma
    jacobian = np.zeros((p + 1, p + 1))
    jacobian[:p, :p] = np.eye(p) / gamma
    jacobian[:p, p] = -beta / gamma
    jacobian[p, p] = -1 / gamma
    covariance = jacobian @ np.linalg.inv(found.information) @ jacobian.T
    unit = np.append(1 / data.size, 1.0)
    return IntervalAFT(
        law=data.law,
        coefficients=beta * unit[:-1],
        scale=1 / gamma,
        covariance=covariance * np.outer(unit, unit),
        loglik=found.loglik - data.jacobian,
        n=ends.total,
        decrement=found.decrement,
        gradient=float(np.abs(found.gradient).max()) / ends.total,
        steps=found.steps,
        _data=data,
    )


def _finite_maximum(data: LogTimes, ends: LinearEnds) -> AFTMaximum:
    """Maximise; where that fails or ends on a plain, ask first whether there is a finite maximum."""
    try:
        found = maximise_ends(ends, data.start())
    except NoConvergenceError:
        _refuse_endless(data, ends)
        raise
    if found.curvature < PLAIN * ends.total:
        _refuse_endless(data, ends)
    return found


def _refuse_endless(data: LogTimes, ends: LinearEnds) -> None:
    """Raise if the likelihood has no finite maximum, naming the columns at fault."""
    opens = np.isfinite(data.low) & ~data.exact
    closes = np.isfinite(data.high) & ~data.exact
    falling = stacked(csr_array(ends.low[opens]), csr_array(-ends.high[closes]))
    p = data.x.shape[1]
    found = endless_direction(falling, csr_array(ends.low[data.exact]), slice(0, p + 1), rising=p)
    if found is None:
        return
    columns = moved_columns(found[:p])
    varying = tuple(j for j in columns if np.ptp(data.x[:, j]) > 0)
    if found[p] > 1e-7 and not varying:
        raise NoScaleError(
            "the scale has no finite estimate above 0: all events may have come at one time"
        )
    raise SeparatedError(varying or columns)


def _quantile(law: Law, share: Floats) -> Floats:
    from scipy.special import logit, ndtri

    if law is EXTREME:
        return np.asarray(np.log(-np.log1p(-share)))
    return np.asarray(logit(share) if law is LOGISTIC else ndtri(share))


def _checked(
    left: ArrayLike, right: ArrayLike, design: ArrayLike, weight: ArrayLike | None, law: str
) -> LogTimes:
    if law not in AFT_LAWS:
        raise ValueError(f"law must be one of {', '.join(AFT_LAWS)}, not {law!r}")
    low, high, x, given = checked_rows(left, right, design, weight)
    if ((low == high) & (low == 0)).any():
        raise ValueError("an exact time is 0: log time needs times above 0; write (0, u] instead")
    if x.shape[1] == 0:
        raise ValueError("the design has no columns; it needs at least one of ones")
    size = np.abs(x).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    with np.errstate(divide="ignore"):
        return LogTimes(
            AFT_LAWS[law], x / size, size, np.log(low), np.log(high), low == high, given
        )

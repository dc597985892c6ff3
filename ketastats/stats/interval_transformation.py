"""Semi-parametric proportional hazards and proportional odds for interval-censored times.

S(t | x) = G(Lambda(t) exp(x'b)) with G(u) = exp(-u) (proportional hazards) or 1 / (1 + u)
(proportional odds), and Lambda any rising function. The likelihood changes Lambda only within the
maximal intersections of the intervals, so Lambda is a step function with one unknown step per cell;
where in its cell a step lies is not known. A positive coefficient means earlier events. In
log Lambda and b the log-likelihood is concave, so the conditions of a maximum certify the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError
from scipy.sparse import coo_array, csr_array

from ketastats.stats.intervals import Interval
from ketastats.stats.likelihood_limits import likelihood_limits
from ketastats.stats.npmle import Bools, Floats, Ints, NoConvergenceError
from ketastats.stats.ordered_newton import OrderedMaximum, OrderedProblem, maximise_ordered
from ketastats.stats.regression_rows import checked_rows
from ketastats.stats.separation import (
    PLAIN,
    SeparatedError,
    endless_direction,
    moved_columns,
    refuse_aliased,
    stacked,
)
from ketastats.stats.shifted_laws import EXTREME, LOGISTIC, Law
from ketastats.stats.turnbull import cut_into_cells, turnbull

TRANSFORMATIONS: dict[str, Law] = {"ph": EXTREME, "po": LOGISTIC}
"""Laws behind the models: proportional hazards, proportional odds."""


class NoOrderError(ValueError):
    """All intervals have a time in common: nobody is known to be earlier than anybody else."""


@dataclass(frozen=True, slots=True, eq=False)
class IntervalTransformation:
    """Coefficients (p,), cells (left, right] in which Lambda rises, and its value after each.

    `cumulative` belongs to covariates 0 and ends with infinity, in the last cell. `decrement`,
    `gradient` and `multiplier` certify the maximum, per subject: the Newton decrement (about how
    far the mean log-likelihood is below its maximum), the largest slope in a step or coefficient
    (covariates in standard deviations) and the largest slope in a step of size zero (not above 0).
    """

    model: str
    coefficients: Floats
    left: Floats
    right: Floats
    cumulative: Floats
    loglik: float
    n: float
    decrement: float
    gradient: float
    multiplier: float
    steps: int
    _rows: _Rows = field(repr=False)
    _fit: OrderedMaximum = field(repr=False)

    @property
    def n_steps(self) -> int:
        """Cells in which Lambda rises."""
        return self.left.size

    @property
    def covariance(self) -> Floats:
        """Covariance (p, p) of the coefficients: inverse observed information of all parameters.

        Justified where there are few cells and many subjects in each, as on a common schedule.
        """
        return np.asarray(self._fit.covariance() / np.outer(self._rows.size, self._rows.size))

    def profile(self, held: Sequence[int], values: ArrayLike) -> float:
        """Largest log-likelihood with some coefficients held at `values`."""
        at = np.asarray(held, dtype=np.intp)
        wanted = np.asarray(values, dtype=float) * self._rows.size[at]
        problem = self._rows.problem
        kept = np.setdiff1d(np.arange(self.coefficients.size), at)
        smaller = replace(
            problem, x=problem.x[:, kept], offset=problem.offset + problem.x[:, at] @ wanted
        )
        heights, beta = self._fit.moved(at, wanted - self._fit.beta[at])
        starts = (heights, beta[kept]), (self._rows.curve, np.zeros(kept.size))
        # Near the maximum the first is close; far from it the curve of everybody may be closer.
        start = max(starts, key=lambda each: smaller.loglik(*each))
        return maximise_ordered(smaller, *start).loglik

    def limits(
        self, index: int, *, conf_level: float = 0.95, std_error: float | None = None
    ) -> Interval:
        """Profile-likelihood limits of a coefficient.

        The search starts from the normal limits with `std_error`; that of the information if not
        given.
        """
        error = float(np.sqrt(self.covariance[index, index])) if std_error is None else std_error
        return likelihood_limits(
            lambda value: 2 * (self.loglik - self.profile([index], [value])),
            float(self.coefficients[index]),
            error,
            conf_level=conf_level,
        )

    def profile_covariance(self) -> Floats:
        """Covariance (p, p) of the coefficients from second differences of the profile likelihood.

        Justified whether the intervals have few ends or many. The step is 1 / sqrt(n) per standard
        deviation of a covariate, to both sides.

        Raises
        ------
        NoConvergenceError
            If the differences give no covariance matrix, as may happen with very few subjects.

        References
        ----------
        Murphy SA, van der Vaart AW (2000). J Am Stat Assoc 95:449-465. Zeng D, Mao L, Lin DY (2016).
        Biometrika 103:253-271.
        """
        p, every = self.coefficients.size, range(self.coefficients.size)
        step = self._rows.size_inverse / np.sqrt(self.n)
        move = np.diag(step)

        def at(shift: Floats) -> float:
            return self.profile(every, self.coefficients + shift)

        second = np.empty((p, p))
        for j in every:
            two = at(move[j]) + at(-move[j])
            second[j, j] = (two - 2 * self.loglik) / step[j] ** 2
            for k in range(j):
                plus, minus = move[j] + move[k], move[j] - move[k]
                mixed = at(plus) - at(minus) - at(-minus) + at(-plus)
                second[j, k] = second[k, j] = mixed / (4 * step[j] * step[k])
        if np.linalg.eigvalsh(-second)[0] <= 0:
            raise NoConvergenceError(
                "the profile likelihood is too flat or too uneven for second differences"
            )
        return np.asarray(np.linalg.inv(-second))

    def bootstrap(
        self,
        *,
        replicates: int,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Floats:
        """Coefficients (replicates, p) of subjects drawn with replacement.

        Weights must be whole numbers of subjects. A sample in which a coefficient has no finite
        estimate gives a row of NaN. `progress` is told the number done and wanted.
        """
        rows = self._rows
        n = round(self.n)
        if not np.array_equal(rows.weight, np.round(rows.weight)):
            raise ValueError("weights that are no whole numbers of subjects cannot be resampled")
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(n, rows.weight / n, size=replicates)
        found = np.full((replicates, self.coefficients.size), np.nan)
        for done, weight in enumerate(drawn):
            with suppress(ValueError, NoConvergenceError):
                found[done] = interval_transformation(
                    rows.low, rows.high, rows.x, weight, model=self.model
                ).coefficients
            if progress is not None:
                progress(done + 1, replicates)
        return found

    def survival_bounds(
        self, design: ArrayLike, time: ArrayLike, *, z: float | None = None
    ) -> tuple[Floats, Floats]:
        """Lowest and highest probability of no event by each time that the maximum allows.

        Parameters
        ----------
        design : (m, p) array_like
        time : (t,) array_like
        z : float, optional
            Widen both ends by so many standard errors of the linear predictor, from the observed
            information of all parameters: confidence limits where there are few cells.

        Returns
        -------
        (low, high), each (m, t)
            They differ at times inside a cell.
        """
        x = np.atleast_2d(np.asarray(design, dtype=float))
        at = np.atleast_1d(np.asarray(time, dtype=float))
        exact = self.left == self.right
        begun = (self.left[:, None] < at) | (exact[:, None] & (self.left[:, None] <= at))
        ended = (self.right[:, None] <= at) & np.isfinite(self.right)[:, None]
        widen = 0.0 if z is None else z
        return (
            self._survival(x, begun.sum(axis=0), widen),
            self._survival(x, ended.sum(axis=0), -widen),
        )

    def quantile_bounds(self, design: ArrayLike, share: ArrayLike) -> tuple[Floats, Floats]:
        """Earliest and latest time by which a share has had the event: (rows, shares) each."""
        x = np.atleast_2d(np.asarray(design, dtype=float))
        wanted = np.atleast_1d(np.asarray(share, dtype=float))
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError("a share must lie strictly between 0 and 1")
        after = self._survival(x, np.arange(1, self.n_steps + 1), 0.0)
        reached = (1 - after)[:, None, :] >= wanted[None, :, None] - 1e-12
        cell = reached.argmax(axis=2)
        return self.left[cell], self.right[cell]

    def _survival(self, x: Floats, steps: Ints, z: float) -> Floats:
        """Survival after the first so many steps, moved by `z` standard errors (down if positive)."""
        rows, fit = self._rows, self._fit
        shifted = (x - rows.centre) * rows.size_inverse
        values = np.concatenate(([-np.inf], fit.heights[fit.first], [np.inf]))[steps]
        u = values[None, :] + (shifted @ fit.beta)[:, None]
        if z:
            u = u + z * np.sqrt(self._variances(shifted, steps))
        return np.asarray(np.exp(TRANSFORMATIONS[self.model].log_survival(u)))

    def _variances(self, shifted: Floats, steps: Ints) -> Floats:
        """Variances of the law's scale after the first so many steps: (rows, steps)."""
        m, p = self._fit.information.shape
        if m == 0:
            return np.zeros((shifted.shape[0], steps.size))
        cell = np.clip(steps - 1, 0, m - 1)  # before the first step and after the last none is used
        each = np.zeros((shifted.shape[0], steps.size, m + p))
        each[:, np.arange(steps.size), cell] = 1.0
        each[:, :, m:] = shifted[:, None, :]
        found = self._fit.variances(each.reshape(-1, m + p)).reshape(each.shape[:2])
        return np.asarray(np.maximum(found, 0.0))


def interval_transformation(
    left: ArrayLike,
    right: ArrayLike,
    design: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    model: str = "ph",
) -> IntervalTransformation:
    """Fit proportional hazards or proportional odds to interval-censored times.

    Parameters
    ----------
    left, right : (n,) array_like
        Intervals (left, right] as in `ketastats.stats.turnbull`; an exact time contributes the step
        of S at it.
    design : (n, p) array_like
        Covariates, without a column of ones. With p = 0 the fit is Turnbull's.
    weight : (n,) array_like, optional
        Multiplicities.
    model : {"ph", "po"}

    Raises
    ------
    AliasedColumnError, SeparatedError
        If a coefficient is not determined, or has no finite estimate.
    NoOrderError
        If all intervals have a time in common.
    NoConvergenceError
        If the maximum was not reached.
    ValueError
        If the arrays do not fit each other.

    References
    ----------
    Finkelstein DM (1986). Biometrics 42:845-854. Huang J (1996). Ann Stat 24:540-568. Zeng D, Mao L,
    Lin DY (2016). Biometrika 103:253-271.
    """
    if model not in TRANSFORMATIONS:
        raise ValueError(f"model must be one of {', '.join(TRANSFORMATIONS)}, not {model!r}")
    low, high, x, given = checked_rows(left, right, design, weight)
    refuse_aliased(x, constant=True)
    rows = _prepared(low, high, x, given, TRANSFORMATIONS[model])
    if x.shape[1] and rows.problem.n_cells == 1:
        raise NoOrderError(
            "all intervals have a time in common: nobody is known to be earlier than anybody "
            "else, so no covariate can matter"
        )
    fit = _finite_maximum(rows.problem, rows.curve)
    beta = fit.beta * rows.size_inverse
    held = np.append(fit.first, fit.heights.size)  # the cell before each block, and the last
    return IntervalTransformation(
        model=model,
        coefficients=beta,
        left=rows.left[held],
        right=rows.right[held],
        cumulative=np.append(np.exp(fit.heights[fit.first] - float(rows.centre @ beta)), np.inf),
        loglik=fit.loglik,
        n=rows.problem.total,
        decrement=fit.decrement,
        gradient=fit.gradient,
        multiplier=fit.multiplier,
        steps=fit.steps,
        _rows=rows,
        _fit=fit,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The problem with covariates in standard deviations from their mean, and its cells.

    `curve` are the heights of Turnbull's curve, without covariates.
    """

    problem: OrderedProblem
    curve: Floats
    left: Floats
    right: Floats
    centre: Floats
    size: Floats
    low: Floats  # bounds and covariates as given, for resampling
    high: Floats
    x: Floats
    weight: Floats

    @property
    def size_inverse(self) -> Floats:
        """One over each covariate's standard deviation."""
        return np.asarray(1 / self.size)


def _prepared(low: Floats, high: Floats, x: Floats, weight: Floats, law: Law) -> _Rows:
    """Maximal intersections, rows on them, and Turnbull's curve to start from."""
    cells = cut_into_cells(low, high)
    at = np.flatnonzero(cells.maximal)
    on = cells.cover.covered(at)
    left, right = cells.left[at], cells.right[at]
    centre = weight @ x / weight.sum()
    size = np.sqrt(weight @ (x - centre) ** 2 / weight.sum())
    scaled = (x - centre) / size
    rows, where = np.unique(
        np.column_stack((on.start, on.stop, scaled)), axis=0, return_inverse=True
    )
    problem = OrderedProblem(
        law=law,
        start=rows[:, 0].astype(np.intp),
        stop=rows[:, 1].astype(np.intp),
        x=rows[:, 2:],
        offset=np.zeros(len(rows)),
        weight=np.bincount(where.ravel(), weight).astype(float),
        n_cells=at.size,
    )
    curve = turnbull(low, high, weight, tol=1e-6)
    number = {ends: k for k, ends in enumerate(zip(left.tolist(), right.tolist(), strict=True))}
    mass = np.zeros(at.size)
    for ends, held in zip(
        zip(curve.left.tolist(), curve.right.tolist(), strict=True), curve.mass, strict=True
    ):
        mass[number[ends]] += held
    heights = _heights(mass, law)
    return _Rows(problem, heights, left, right, centre, size, low, high, x, weight)


def _heights(mass: Floats, law: Law) -> Floats:
    """Transform of the survival after each cell but the last."""
    before = np.cumsum(mass)[:-1]
    after = np.cumsum(mass[::-1])[::-1][1:]
    if law is EXTREME:
        heights = np.log(-np.log(np.where(before < 0.5, 1 - before, after)))
    else:
        heights = np.log(before) - np.log(after)
    return np.asarray(np.maximum.accumulate(heights))


def _finite_maximum(problem: OrderedProblem, heights: Floats) -> OrderedMaximum:
    """Maximise; where that fails or ends on a plain, ask whether there is a finite maximum."""
    p = problem.x.shape[1]
    try:
        fit = maximise_ordered(problem, heights, np.zeros(p))
    except NoConvergenceError:
        if p:
            _refuse_endless(problem)
        raise
    try:
        largest = float(np.linalg.eigvalsh(fit.covariance())[-1]) if p else 0.0
    except LinAlgError:
        largest = np.inf
    if largest > 1 / (PLAIN * problem.total):
        _refuse_endless(problem)
    return fit


def _refuse_endless(problem: OrderedProblem) -> None:
    """Raise if the likelihood never falls in a direction that moves a coefficient."""
    heights, p = problem.n_cells - 1, problem.x.shape[1]
    opens, closes = np.flatnonzero(problem.start > 0), np.flatnonzero(problem.stop <= heights)

    def at(height: Ints, rows: Ints | Bools, sign: float) -> csr_array:
        size = height.size
        chosen = coo_array(
            (np.full(size, sign), (np.arange(size), height)), shape=(size, heights + p)
        ).tocsr()
        padded = np.zeros((size, heights + p))
        padded[:, heights:] = sign * problem.x[rows]
        return csr_array(chosen + csr_array(padded))

    rising = np.arange(heights - 1)
    ones = np.ones(rising.size)
    order = coo_array(
        (
            np.concatenate((ones, -ones)),
            (np.tile(rising, 2), np.concatenate((rising, rising + 1))),
        ),
        shape=(rising.size, heights + p),
    ).tocsr()
    falling = stacked(
        at(problem.start[opens] - 1, opens, 1.0),
        at(problem.stop[closes] - 1, closes, -1.0),
        csr_array(order),
    )
    found = endless_direction(falling, None, slice(heights, heights + p))
    if found is not None:
        raise SeparatedError(moved_columns(found[heights:]))

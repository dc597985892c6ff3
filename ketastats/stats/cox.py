"""Proportional hazards regression of rows at risk in (start, stop]: Cox's partial likelihood.

Sums over risk sets are differences of cumulative sums over the distinct event times, so that a step
costs O(n p^2) after one sort, with or without late entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ketastats.stats.tied_times import merge_tied_times

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

_MOST_STEPS = 60
_FLAT = 1e-7  # information left, as a share of that at zero, when a coefficient has run away
_WIDEST = 600.0  # range of the linear predictor: hazards apart by e^600 are as good as infinite


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """Log hazard ratios, shape (p,), with their covariance, shape (p, p).

    `covariance` is the inverse information; `residuals`, shape (n, p), are the score residuals of
    the rows, from which `robust_covariance` is made.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_at_zero: float
    residuals: Floats
    n_events: int

    def robust_covariance(self, cluster: ArrayLike | None = None) -> Floats:
        """Sandwich covariance of clusters of rows, without a small-sample factor.

        Parameters
        ----------
        cluster : (n,) array, optional
            Which rows belong together, such as the subject; each row by itself if not given.

        References
        ----------
        Lin DY, Wei LJ (1989). J Am Stat Assoc 84:1074-1078. Lee EW, Wei LJ, Amato DA (1992). In
        Survival Analysis: State of the Art, 237-247.
        """
        scores = self.residuals
        if cluster is not None:
            _, index = np.unique(np.asarray(cluster), return_inverse=True)
            if index.shape != (scores.shape[0],):
                raise ValueError("cluster must have one value per row")
            summed = np.zeros((int(index.max()) + 1, scores.shape[1]))
            np.add.at(summed, index, scores)
            scores = summed
        influence = scores @ self.covariance
        return np.asarray(influence.T @ influence)


class MonotoneLikelihoodError(ValueError):
    """A coefficient has no finite estimate; `columns` are those of the design that run away."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        self.columns = columns
        super().__init__(
            "the partial likelihood rises without end: at every event time the row with the event "
            f"has the most extreme value of column {', '.join(str(c) for c in columns)} among those "
            "at risk, as when one group has no events"
        )


class AliasedError(ValueError):
    """Covariates that cannot be told apart within the risk sets; `columns` are those involved."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"column {', '.join(str(c) for c in columns)} is constant among those at risk at every "
            "event time, or repeats other columns"
        )


def cox_regression(
    design: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: str = "efron",
) -> CoxFit:
    """Maximise the partial likelihood by Newton's method.

    Parameters
    ----------
    design : (n, p) array
        Covariates, without an intercept.
    stop : (n,) array
        End of the time at risk, at which the event happens if it does.
    event : (n,) array of 0 and 1
    start : (n,) array, optional
        The row is at risk in (start, stop]; from the beginning if not given.
    stratum : (n,) array, optional
        A baseline hazard of its own for each value.
    ties : {"efron", "breslow"}

    Raises
    ------
    MonotoneLikelihoodError
        If a coefficient runs to infinity.
    AliasedError
        If a column is constant in every risk set, or a combination of others.
    ValueError
        If the arrays do not fit each other, or there are no events.

    References
    ----------
    Cox DR (1972). J R Stat Soc B 34:187-220. Breslow NE (1974). Biometrics 30:89-99. Efron B
    (1977). J Am Stat Assoc 72:557-565. Andersen PK, Gill RD (1982). Ann Stat 10:1100-1120.
    """
    if ties not in ("breslow", "efron"):
        raise ValueError(f'ties must be "breslow" or "efron", not {ties!r}')
    x = np.asarray(design, dtype=float)
    risk = _risk_sets(x, stop, event, start, stratum, efron=ties == "efron")
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (x - centre) / scale
    beta, at_zero, found = _newton(z, risk)
    covariance = np.linalg.inv(found.information) / np.outer(scale, scale)
    return CoxFit(
        coefficients=beta / scale,
        covariance=covariance,
        log_likelihood=found.log_likelihood,
        log_likelihood_at_zero=at_zero,
        residuals=_score_residuals(z, risk, found) * scale,
        n_events=risk.events.size,
    )


class _RiskSets(NamedTuple):
    """Which cells, stratum by stratum the distinct event times in order, each row is at risk in.

    A row is at risk in cells first, ..., end - 1. `cell` has one entry per event and `downweight`
    is the share k/d that Efron takes off the tied rows for the k-th of d events (0 for Breslow).
    """

    first: Index
    end: Index
    events: Index  # rows with an event, sorted by cell
    cell: Index
    downweight: Floats
    n_cells: int


class _Moments(NamedTuple):
    log_likelihood: float
    score: Floats
    information: Floats
    weights: Floats  # exp of the linear predictor, per row
    inverse: Floats  # 1 / weighted number at risk, per event
    means: Floats  # weighted mean covariate of those at risk, per event
    hazard: Floats  # cumulated over the cells of a row, per row


def _risk_sets(
    x: Floats,
    stop: ArrayLike,
    event: ArrayLike,
    start: ArrayLike | None,
    stratum: ArrayLike | None,
    *,
    efron: bool,
) -> _RiskSets:
    ends, marks = np.asarray(stop, dtype=float), np.asarray(event, dtype=float)
    begins = np.full_like(ends, -np.inf) if start is None else np.asarray(start, dtype=float)
    layers = np.zeros(ends.size) if stratum is None else np.asarray(stratum)
    _check(x, ends, marks, begins, layers)
    begins, ends = merge_tied_times(begins, ends)
    if not (begins < ends).all():
        raise ValueError("start must come before stop in every row")
    _, layer = np.unique(layers, return_inverse=True)
    times, rank = np.unique(np.concatenate([begins, ends]), return_inverse=True)
    keys = rank.reshape(2, -1) + layer * times.size  # one order for strata and times within
    rows = np.flatnonzero(marks == 1)
    rows = rows[np.argsort(keys[1][rows], kind="stable")]
    cells, cell, tied = np.unique(keys[1][rows], return_inverse=True, return_counts=True)
    order = np.arange(rows.size) - np.concatenate([[0], np.cumsum(tied)[:-1]])[cell]
    return _RiskSets(
        first=np.searchsorted(cells, keys[0], side="right"),
        end=np.searchsorted(cells, keys[1], side="right"),
        events=rows,
        cell=cell,
        downweight=order / tied[cell] if efron else np.zeros(rows.size),
        n_cells=cells.size,
    )


def _newton(z: Floats, risk: _RiskSets) -> tuple[Floats, float, _Moments]:
    beta = np.zeros(z.shape[1])
    current = _moments(z, risk, beta)
    at_zero = current.log_likelihood
    root = _inverse_root(current.information, risk.events.size)
    for _ in range(_MOST_STEPS):
        try:
            full = step = np.linalg.solve(current.information, current.score)
        except np.linalg.LinAlgError:
            break
        trial = _moments(z, risk, beta + step)
        # A step too long overflows or falls; the likelihood is concave, so half of it may serve.
        allowed = current.log_likelihood - 1e-9 * (1 + abs(at_zero))
        while not allowed <= trial.log_likelihood < np.inf:
            step = step / 2
            trial = _moments(z, risk, beta + step)
        gain = trial.log_likelihood - current.log_likelihood
        beta, current = beta + step, trial
        left, directions = np.linalg.eigh(root @ current.information @ root)
        if left[0] < _FLAT and gain < 1e-4:
            raise MonotoneLikelihoodError(_large(root @ directions[:, 0]))
        if float(np.max(np.abs(full))) < 1e-9 * (1 + float(np.max(np.abs(beta)))):
            return beta, at_zero, current
    raise MonotoneLikelihoodError(_large(beta))


def _inverse_root(information: Floats, n_events: int) -> Floats:
    """Inverse square root of the information at zero, or an error that names aliased columns."""
    values, vectors = np.linalg.eigh(information)
    if values[0] < 1e-10 * n_events:  # columns have variance 1, so rounding is of this order
        raise AliasedError(_large(vectors[:, 0]))
    return np.asarray(vectors / np.sqrt(values) @ vectors.T)


def _large(direction: Floats) -> tuple[int, ...]:
    size = np.abs(direction)
    return tuple(int(c) for c in np.flatnonzero(size > 0.1 * size.max()))


def _moments(z: Floats, risk: _RiskSets, beta: Floats) -> _Moments:
    """Log-likelihood, score and information at `beta`."""
    predictor = z @ beta
    predictor = predictor - predictor.max()  # a common factor of the weights cancels
    if predictor.min() < -_WIDEST:
        return _too_far(z.shape[1])
    weights = np.exp(predictor)
    sums = np.column_stack([weights, weights[:, None] * z])
    at_risk = (
        _over_rows(sums, risk)[risk.cell]
        - risk.downweight[:, None] * _per_cell(sums[risk.events], risk)[risk.cell]
    )
    if at_risk[:, 0].min() <= 0:  # lost to rounding
        return _too_far(z.shape[1])
    inverse = 1 / at_risk[:, 0]
    means = at_risk[:, 1:] * inverse[:, None]
    log_likelihood = float(predictor[risk.events].sum() + np.log(inverse).sum())
    hazard = _over_cells(_per_cell(inverse, risk), risk)
    hazard[risk.events] -= _per_cell(risk.downweight * inverse, risk)[risk.cell]
    score = z[risk.events].sum(axis=0) - means.sum(axis=0)
    information = (z * (weights * hazard)[:, None]).T @ z - means.T @ means
    return _Moments(log_likelihood, score, information, weights, inverse, means, hazard)


def _too_far(p: int) -> _Moments:
    """What stands for a step that must be taken back."""
    none = np.zeros(0)
    return _Moments(-np.inf, np.zeros(p), np.eye(p), none, none, none, none)


def _score_residuals(z: Floats, risk: _RiskSets, at: _Moments) -> Floats:
    """Integral of (z - mean) dM per row; tied events share the average of Efron's means."""
    steps = at.inverse[:, None] * at.means
    drawn = _over_cells(_per_cell(steps, risk), risk)
    drawn[risk.events] -= _per_cell(risk.downweight[:, None] * steps, risk)[risk.cell]
    residuals = -at.weights[:, None] * (z * at.hazard[:, None] - drawn)
    tied = _per_cell(np.ones(risk.cell.size), risk)[risk.cell]
    residuals[risk.events] += z[risk.events] - _per_cell(at.means, risk)[risk.cell] / tied[:, None]
    return residuals


def _over_rows(values: Floats, risk: _RiskSets) -> Floats:
    """Sum of row values over those at risk, per cell.

    Cumulated from the last cell, so that small late risk sets carry no rounding of large ones.
    """
    change = _binned(values, risk.end, risk.n_cells + 1) - _binned(
        values, risk.first, risk.n_cells + 1
    )
    return np.cumsum(change[::-1], axis=0)[::-1][1:]


def _over_cells(values: Floats, risk: _RiskSets) -> Floats:
    """Sum of cell values over the cells a row is at risk in, per row."""
    total = np.zeros((risk.n_cells + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=total[1:])
    return np.asarray(total[risk.end] - total[risk.first])


def _per_cell(values: Floats, risk: _RiskSets) -> Floats:
    """Sum of values of events, per cell."""
    return _binned(values, risk.cell, risk.n_cells)


def _binned(values: Floats, index: Index, size: int) -> Floats:
    if values.ndim == 1:
        return np.bincount(index, weights=values, minlength=size).astype(float)
    columns = [np.bincount(index, weights=column, minlength=size) for column in values.T]
    return np.column_stack(columns)


def _check(x: Floats, ends: Floats, marks: Floats, begins: Floats, layers: NDArray[Any]) -> None:
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError("design must have shape (n, p) with at least one column")
    if any(one.shape != (x.shape[0],) for one in (ends, marks, begins, layers)):
        raise ValueError("design, stop, event, start and stratum must have the same number of rows")
    if not np.isfinite(x).all():
        raise ValueError("design must hold finite numbers, none missing")
    if not np.isfinite(ends).all() or np.isnan(begins).any():
        raise ValueError("start and stop must be numbers, none missing")
    if not np.isin(marks, (0.0, 1.0)).all():
        raise ValueError("event must be 1 where the event was seen and 0 where it was not")
    if not marks.any():
        raise ValueError("there are no events, so there is nothing to estimate")

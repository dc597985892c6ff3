"""A design as a linear model sees it: aliased columns left out, the others orthogonal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.models.covariate_design import CovariateDesign

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_ALIASED = 1e-7  # share of a column left after those before it, below which it tells nothing new
_FITTED = 1e-10  # share of the outcome's size left by the formula, below which nothing is left
_ESTIMABLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LinearDesign:
    """Orthogonal columns of a design, a scaled outcome, and the way back to the formula's columns.

    `outcome` is what least squares leaves of the outcome, divided by `scale`; with b its coefficients on
    `columns`, those of the formula's kept columns are ``back @ (least_squares + b)``. `null` (all columns,
    d) holds the combinations of coefficients that the data do not tell, `aliased` the names of columns
    left out. `recode` is done to every table before the formula meets it.
    """

    covariates: CovariateDesign
    columns: Floats
    outcome: Floats
    least_squares: Floats
    back: Floats
    scale: float
    kept: Ints
    null: Floats
    aliased: tuple[str, ...]
    log_determinant: float
    fits_exactly: bool
    recode: Callable[[pd.DataFrame], pd.DataFrame] | None = field(default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns kept."""
        return tuple(self.covariates.columns[k] for k in self.kept)

    @property
    def labels(self) -> tuple[str, ...]:
        """What a reader should see for the columns kept."""
        return tuple(self.covariates.labels[k] for k in self.kept)

    def rows_of(self, table: pd.DataFrame, *, name: str) -> Floats:
        """All columns of the formula for another table, aliased ones included."""
        table = table if self.recode is None else self.recode(table)
        return self.covariates.of(table, name=name)

    def estimable(self, rows: Floats) -> NDArray[np.bool_]:
        """Whether each combination of coefficients, over all columns, is told by the data."""
        if not self.null.size:
            return np.ones(len(rows), dtype=bool)
        size = np.abs(rows) @ np.abs(self.null)
        told = np.abs(rows @ self.null) <= _ESTIMABLE * (1 + size)
        return np.asarray(told.all(axis=1))


def linear_design(
    covariates: CovariateDesign,
    outcome: Floats,
    *,
    weights: Floats | None = None,
    recode: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> LinearDesign:
    """Orthogonalise a design and scale the outcome.

    Parameters
    ----------
    covariates : CovariateDesign
    outcome : (n,) float
    weights : (n,) float, optional
        Rows count with the square root of these.
    recode : callable, optional
        What was done to the table before the formula met it, to be done to other tables too.
    """
    root = np.ones(len(outcome)) if weights is None else np.sqrt(weights)
    whole = covariates.matrix * root[:, None]
    y = outcome * root
    kept, q, r = _independent(whole)
    n = len(y)
    null, aliased = _untold(whole, kept, q, r), sorted(set(range(whole.shape[1])) - set(kept))
    solved = q.T @ y
    rest = y - q @ solved
    rest = rest - q @ (q.T @ rest)  # once more, for what rounding left
    size = max(float(np.abs(rest).max(initial=0.0)), 1e-300)
    scale = size * float(np.sqrt((rest / size) @ (rest / size) / n))
    exact = scale <= _FITTED * max(float(np.abs(y).max(initial=0.0)), 1e-300)
    safe = 1.0 if exact else scale
    inverse = np.linalg.solve(r, np.eye(len(kept)))
    return LinearDesign(
        covariates=covariates,
        columns=q * np.sqrt(n),
        outcome=rest / safe,
        least_squares=solved / (safe * np.sqrt(n)),
        back=safe * np.sqrt(n) * inverse,
        scale=safe,
        kept=kept,
        null=null,
        aliased=tuple(covariates.columns[k] for k in aliased),
        log_determinant=2 * float(np.log(np.abs(np.diag(r)) / np.sqrt(n)).sum()),
        fits_exactly=exact,
        recode=recode,
    )


def _independent(whole: Floats) -> tuple[Ints, Floats, Floats]:
    """Columns that are no sum of those before them, as R keeps them, with their QR factors."""
    size = np.sqrt((whole**2).sum(axis=0))
    kept = np.flatnonzero(size > 0)
    while True:
        q, r = np.linalg.qr(whole[:, kept])
        rows = min(r.shape)
        left = np.zeros(len(kept))
        left[:rows] = np.abs(np.diag(r)) / size[kept[:rows]]
        thin = np.flatnonzero(left < _ALIASED)
        if not thin.size:
            return kept, q, r
        kept = np.delete(kept, thin[0])


def _untold(whole: Floats, kept: Ints, q: Floats, r: Floats) -> Floats:
    aliased = np.setdiff1d(np.arange(whole.shape[1]), kept)
    null = np.zeros((whole.shape[1], aliased.size))
    if aliased.size:
        null[kept] = np.linalg.solve(r, q.T @ whole[:, aliased])
        null[aliased, np.arange(aliased.size)] = -1.0
        null[np.abs(null) < 1e-9] = 0.0
    return null

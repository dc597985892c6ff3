"""Residuals of a model of repeated measures: raw, standardised and decorrelated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.errors import unknown_name
from ketastats.models.linear_result import FittedMean
from ketastats.models.repeated_fit import RepeatedModel
from ketastats.results import TabularResult, count, in_shared_words, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

KINDS = {
    "response": "outcome minus fitted mean",
    "pearson": "divided by the fitted standard deviation of the visit",
    "normalized": "decorrelated within subjects, with unit variance",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MmrmResiduals(TabularResult):
    """Residuals by visit: number, mean, standard deviation and extremes.

    `values` holds one row per outcome: subject, visit, `fitted` and `residual`. These are rows of
    patients, and stay out of reports.
    """

    values: pd.DataFrame = field(kw_only=True, repr=False)
    kind: str = field(kw_only=True)
    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per visit."""
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "Mean": [number(row["estimate"]) for row in rows],
                "SD": [number(row["sd"]) for row in rows],
                "Least": [number(row["least"]) for row in rows],
                "Largest": [number(row["largest"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw residuals against normal quantiles."""
        from ketastats.plots.residuals import draw_normal_quantiles

        return draw_normal_quantiles(self.values["residual"].to_numpy(), ax, ylabel=self._label())

    def plot_by_visit(self, ax: Axes | None = None) -> Axes:
        """Draw the spread of residuals at each visit."""
        from ketastats.plots.residuals import draw_by_visit

        values = self.values.assign(visit=self.values.iloc[:, 1].astype(str))
        return draw_by_visit(values, ax, ylabel=self._label())

    def plot_fitted(self, ax: Axes | None = None) -> Axes:
        """Draw residuals against fitted means."""
        from ketastats.plots.residuals import draw_against_fitted

        return draw_against_fitted(
            self.values, ax, xlabel=f"Fitted {self.outcome} ({self.unit})", ylabel=self._label()
        )

    def figure_text(self) -> str:
        """Return the spread at each visit in words."""
        parts = [
            f"{row['term']} {number(row['estimate'])} (SD {number(row['sd'])})"
            for row in self.frame.to_dict("records")
        ]
        return f"Mean residual by visit: {'; '.join(parts)}."

    def _label(self) -> str:
        unit = self.unit if self.kind == "response" else "standard deviations"
        return f"{self.kind.capitalize()} residual ({unit})"

    def __str__(self) -> str:
        values = self.values["residual"]
        return (
            f"{self.kind.capitalize()} residuals of {self.outcome} ({KINDS[self.kind]}): "
            f"{count(len(values))} outcomes, SD {number(values.std())}, {number(values.min())} to "
            f"{number(values.max())}"
        )


def mmrm_residuals(
    mean: FittedMean, model: RepeatedModel, kind: str, *, sources: tuple[Any, ...]
) -> MmrmResiduals:
    """Residuals of every outcome that was fitted.

    Parameters
    ----------
    mean : FittedMean
    model : RepeatedModel
    kind : {"response", "pearson", "normalized"}
        Outcome minus fitted mean; divided by the fitted standard deviation; or multiplied by the inverse
        Cholesky root of the subject's covariance, visits in order (SAS's scaled residuals).

    References
    ----------
    Fitzmaurice GM, Laird NM, Ware JH (2011). Applied Longitudinal Analysis, 2nd ed., section 10.2.
    """
    if kind not in KINDS:
        raise unknown_name("kind of residual", kind, KINDS)
    rows, layout = model.rows, model.layout
    fitted = mean.design.covariates.matrix[:, mean.design.kept] @ mean.coefficients
    residual = rows.outcome - fitted
    if kind != "response":
        root = np.ones(len(residual)) if rows.weights is None else np.sqrt(rows.weights)
        blocks = layout.blocks(residual * root)
        scaled: list[Floats] = []
        for block, matrix, seen in zip(blocks, model.matrices, layout.seen, strict=True):
            own = matrix[np.ix_(seen, seen)]
            if kind == "pearson":
                scaled.append(block / np.sqrt(np.diag(own)))
            else:
                root_of = np.linalg.cholesky(own)
                scaled.append(np.asarray(np.linalg.solve(root_of, block[..., None])[..., 0], float))
        residual = layout.restored(scaled)
    table = rows.table
    values = pd.DataFrame(
        {
            str(rows.subject_ids.name or "subject"): rows.subject_ids.to_numpy()[rows.subject],
            rows.visit_name: table[rows.visit_name],
            "fitted": fitted,
            "residual": residual,
        }
    )
    return MmrmResiduals(
        _by_visit(values, rows.visit_name, kind),
        values=values,
        kind=kind,
        outcome=mean.outcome,
        unit=mean.unit,
        sources=sources,
    )


def _by_visit(values: pd.DataFrame, visit: str, kind: str) -> pd.DataFrame:
    rows = []
    for name, held in values.groupby(visit, observed=True)["residual"]:
        rows.append(
            {
                "term": str(name),
                "n": len(held),
                "estimate": held.mean(),
                "sd": held.std(),
                "least": held.min(),
                "largest": held.max(),
                "method": kind,
            }
        )
    return in_shared_words(rows, own=("sd", "least", "largest"))

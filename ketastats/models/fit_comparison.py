"""Likelihood-ratio test between two fitted models of repeated measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from ketastats.errors import UsageError
from ketastats.models.repeated_fit import COVARIANCES
from ketastats.results import TabularResult, in_shared_words, number, p_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ketastats.models.mmrm import Mmrm


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FitComparison(TabularResult):
    """Two nested models: deviance, AIC and BIC of each, and the test between them in the last row."""

    def display(self) -> pd.DataFrame:
        """Return the two models and the test."""
        import pandas as pd

        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "Parameters": [f"{row['parameters']:.0f}" for row in rows],
                "−2 log-likelihood": [number(row["deviance"]) for row in rows],
                "AIC": [_number(row["aic"]) for row in rows],
                "BIC": [_number(row["bic"]) for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the AIC of the two models."""
        from ketastats.plots.forest import draw_forest

        models = self.frame.iloc[:2]
        return draw_forest(
            models.assign(estimate=models["aic"]), ax, xlabel="AIC (smaller is better)"
        )

    def __str__(self) -> str:
        test = self.frame.iloc[-1]
        return (
            f"Likelihood ratio of {self.frame['term'].iloc[0]} against {self.frame['term'].iloc[1]}: "
            f"chi-square {number(test['statistic'])} on {test['df']:.0f} df, p {p_text(test['p_value'])}"
        )


def _name(model: Mmrm, *, others: bool) -> str:
    """The covariance, and the size of the formula where formulas differ."""
    formula = f", {len(model.mean.design.kept)} coefficients" if others else ""
    by = model.options.covariance_by
    return f"{COVARIANCES[model.covariance]}{f' by {by}' if by else ''}{formula}"


def _number(value: float) -> str:
    return "–" if np.isnan(value) else number(value)


def likelihood_ratio(larger: Mmrm, simpler: Mmrm) -> FitComparison:
    """Test a simpler model against a larger one; see `Mmrm.compare`."""
    _require_comparable(larger, simpler)
    fixed = [
        0 if model.options.reml else len(model.mean.design.kept) for model in (larger, simpler)
    ]
    sizes = [
        model.fitted.theta.size + number_of
        for model, number_of in zip((larger, simpler), fixed, strict=True)
    ]
    difference = simpler.deviance - larger.deviance
    df = sizes[0] - sizes[1]
    if df <= 0:
        raise UsageError(
            f"The model given is not a simpler one: it has {sizes[1]} parameters against {sizes[0]}"
        )
    rows = [
        {
            "term": _name(model, others=larger.mean.design.names != simpler.mean.design.names),
            "parameters": size,
            "deviance": model.deviance,
            "aic": model.aic,
            "bic": model.bic,
        }
        for model, size in zip((larger, simpler), sizes, strict=True)
    ]
    rows.append(
        {
            "term": "likelihood ratio",
            "parameters": df,
            "deviance": difference,
            "aic": np.nan,
            "bic": np.nan,
            "statistic": max(difference, 0.0),
            "df": df,
            "p_value": float(chdtrc(df, max(difference, 0.0))),
        }
    )
    method = "reml" if larger.options.reml else "ml"
    shared = {"n": larger.mean.subjects, "method": f"likelihood_ratio_{method}"}
    frame = in_shared_words(
        [{**row, **shared} for row in rows], own=("parameters", "deviance", "aic", "bic")
    )
    note = (
        "The chi-square law holds where the simpler model is inside, not at the edge of, the larger one; a "
        "variance of 0 is an edge, at which p is too large."
    )
    return FitComparison(frame, sources=larger.sources, notes=(note,))


def _require_comparable(larger: Mmrm, simpler: Mmrm) -> None:
    if not isinstance(simpler, type(larger)):
        raise UsageError("compare() takes a model fitted by mmrm()")
    if larger.options.reml != simpler.options.reml:
        raise UsageError("One model is fitted by REML, the other by maximum likelihood")
    if not _same_rows(larger, simpler):
        raise UsageError("The models were not fitted to the same rows in the same order")
    if larger.options.reml and larger.mean.design.names != simpler.mean.design.names:
        raise UsageError(
            "Restricted likelihoods of different formulas are not comparable: fit both with reml=False"
        )
    if not (_nested_means(larger, simpler) and _nested_covariances(larger, simpler)):
        raise UsageError(
            "The model given is not a simpler one nested in this, so their ratio has no chi-square law; "
            "compare their aic or bic"
        )


def _same_rows(larger: Mmrm, simpler: Mmrm) -> bool:
    ours, theirs = larger.fitted.rows, simpler.fitted.rows
    pairs = [
        (ours.outcome, theirs.outcome),
        (ours.subject, theirs.subject),
        (ours.visit, theirs.visit),
        (_weights(larger), _weights(simpler)),
    ]
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


def _weights(model: Mmrm) -> NDArray[np.float64]:
    weights = model.fitted.rows.weights
    return np.ones(len(model.fitted.rows.outcome)) if weights is None else weights


def _nested_means(larger: Mmrm, simpler: Mmrm) -> bool:
    """Whether every column of the simpler design is a sum of the larger one's."""
    ours, theirs = larger.mean.design.columns, simpler.mean.design.columns  # orthogonal, length n
    n = len(ours)
    rest = theirs - ours @ (ours.T @ theirs) / n
    return bool((np.square(rest).sum(axis=0) < 1e-12 * n).all())


def _nested_covariances(larger: Mmrm, simpler: Mmrm) -> bool:
    """Whether every matrix of the simpler structure is one of the larger structure."""
    by = (larger.options.covariance_by, simpler.options.covariance_by)
    if by[1] is not None and by[0] != by[1]:
        return False
    ours, theirs = larger.covariance, simpler.covariance
    return theirs == ours or theirs in _HOLDS.get(ours, ())


_HOLDS = {
    "us": ("toep", "toeph", "ar1", "ar1h", "cs", "csh", "ad", "adh"),
    "toeph": ("toep", "ar1", "ar1h", "cs", "csh"),
    "adh": ("ad", "ar1", "ar1h"),
    "ar1h": ("ar1",),
    "csh": ("cs",),
    "toep": ("ar1", "cs"),
    "ad": ("ar1",),
}
"""Structures that are special cases of others."""

"""Differences of a mixed model's means in its own standard deviations at each visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError
from ketastats.models.linear_result import display_tests, interval_text
from ketastats.models.repeated_fit import RepeatedModel
from ketastats.results import TabularResult, in_shared_words
from ketastats.stats.covariance_structures import SPATIAL, structure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ketastats.models.mmrm import Mmrm


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StandardizedDifferences(TabularResult):
    """Differences of marginal means, group minus reference, in the model's standard deviations.

    `divisor` is the standard deviation at the row's visit, in units of the outcome.
    """

    outcome: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per difference."""
        return display_tests(self.frame, heading="Standardised difference").drop(columns="p")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every difference with its limits."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(
            self.frame,
            ax,
            xlabel=f"Difference in {self.outcome} (standard deviations)",
        )

    def __str__(self) -> str:
        row = {str(name): value for name, value in self.frame.iloc[-1].items()}
        return f"Standardised difference in {self.outcome}, {row['term']}: {interval_text(row)}"


def standardized_differences(
    fit: Mmrm,
    by: str | Sequence[str],
    reference: str,
    *,
    of: str | None = None,
    arm: str | None = None,
    weights: str = "equal",
    at: Mapping[str, Any] | None = None,
) -> StandardizedDifferences:
    """Differences of a mixed model's marginal means, in its standard deviations at each visit.

    Parameters
    ----------
    fit : Mmrm
    by, weights, at
        As for `emmeans`; `by` holds the visit.
    reference, of, arm
        As for `differences` of the means.

    Returns
    -------
    StandardizedDifferences
        The estimate is the difference over the fitted standard deviation at its visit: that of outcomes given
        the model's covariates, which is smaller than the one a t test would divide by. Its variance is by the
        delta method, SE^2 / s^2 + d^2 Var(s^2) / (4 s^4), with Var(s^2) from the information on the
        covariance; limits are t limits with the difference's degrees of freedom.

    Raises
    ------
    UsageError
        If `by` lacks the visit, or there is no one standard deviation per visit: covariances by group or
        spatial ones, or weights.

    References
    ----------
    Hedges LV (1981). J Educ Stat 6:107-128 (large-sample variance). Lenth R, emmeans (`eff_size`), which it
    equals on complete data.
    """
    model, names = fit.fitted, column_names(by)
    visit = model.rows.visit_name
    if visit not in names:
        raise UsageError(
            f"by must hold the visit, {visit}: standard deviations differ between visits"
        )
    variances, errors = _variances(model)
    found = fit.emmeans(names, weights=weights, at=at).differences(reference, of=of, arm=arm)
    place = {str(name): k for k, name in enumerate(model.rows.visits)}
    rows = []
    for record in found.to_frame().to_dict("records"):
        given = {str(name): value for name, value in record.items()}
        k = place[str(given[visit])]
        sd = sqrt(variances[k])
        d = given["estimate"] / sd
        se = sqrt(
            given["std_error"] ** 2 / variances[k] + d**2 * errors[k] / (4 * variances[k] ** 2)
        )
        half = se * float(stdtrit(given["df"], 0.5 + given["conf_level"] / 2))
        known = {"estimate": d, "std_error": se, "conf_low": d - half, "conf_high": d + half}
        dropped = {"statistic": np.nan, "p_value": np.nan, "method": "delta", "divisor": sd}
        rows.append({**given, **known, **dropped})
    frame = in_shared_words(rows, own=(*names, "divisor"))
    note = "Divided by the standard deviation of outcomes given the model's covariates."
    return StandardizedDifferences(
        frame, outcome=fit.mean.outcome, sources=fit.sources, notes=(note, *found.notes)
    )


def _variances(model: RepeatedModel) -> tuple[list[float], list[float]]:
    """The fitted variance at each visit, and the variance of that estimate."""
    if model.code in SPATIAL or model.rows.groups or model.rows.weights is not None:
        raise UsageError(
            "There is one standard deviation per visit only without weights and under a covariance over "
            "visits that is common to all"
        )
    held = structure(model.code, len(model.rows.visits)).at(model.theta)
    slopes = np.diagonal(held.first, axis1=1, axis2=2)
    errors = np.einsum("qt,qr,rt->t", slopes, model.theta_covariance, slopes)
    return np.diagonal(held.matrix).tolist(), errors.tolist()

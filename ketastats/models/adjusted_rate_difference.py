"""Two arms compared on a yes/no endpoint after averaging over covariates."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ketastats.checks.columns import missing_columns, refuse
from ketastats.errors import UsageError, unknown_name
from ketastats.models.denominators import MISSING, rules_behind, yes_no
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, display_estimates, in_shared_words, level_text, percent
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.standardised_risks import (
    StandardisedRisks,
    ge_standardised_risks,
    ye_standardised_risks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIANCES = {"ge": ge_standardised_risks, "ye": ye_standardised_risks}
"""Variance methods by name."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AdjustedRateDifference(TabularResult):
    """Marginal risks per arm and their difference, first row the difference."""

    def display(self) -> pd.DataFrame:
        """Return risks and difference in per cent and percentage points."""
        return display_estimates(
            self.frame, heading="Adjusted", as_percent=True, labels={"term": "Quantity"}
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference with its interval and the line of no difference."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(
            self.frame.iloc[:1],
            ax,
            xlabel="Difference (percentage points)",
            as_percent=True,
            reference=0.0,
        )

    def __str__(self) -> str:
        row = self.frame.iloc[0]
        endpoint = row["endpoint"].replace("_", " ").capitalize()
        return (
            f"{endpoint}, {row['term']}, adjusted for {row['covariates']}: "
            f"{percent(row['estimate'])} percentage points ({level_text(row['conf_level'])} interval "
            f"{percent(row['conf_low'])} to {percent(row['conf_high'])})"
        )


def adjusted_rate_difference(
    table: pd.DataFrame,
    *,
    arm: str,
    reference: str,
    covariates: str,
    by: str = "trt01a",
    endpoint: str = "response",
    variance: str = "ye",
    missing: str = "error",
    conf_level: float = 0.95,
) -> AdjustedRateDifference:
    """Standardise a logistic model's risks over the covariates of everybody (g-computation).

    Parameters
    ----------
    table : DataFrame, one row per subject
    arm, reference : str
        Values of `by`; the difference is arm minus reference. All arms in the table enter the
        model.
    covariates : str
        Right-hand side of a formula, such as ``"base + C(sex)"``.
    variance : {"ye", "ge"}
        Ye's variance holds under simple randomisation even if the model is wrong; Ge's treats the
        covariates as fixed.
    by, endpoint, conf_level
        As for `rate_difference`.
    missing : {"error", "non_response", "observed"}
        What a missing endpoint means. A missing covariate is an error.

    Returns
    -------
    AdjustedRateDifference

    References
    ----------
    FDA (2023). Adjusting for Covariates in Randomized Clinical Trials for Drugs and Biological
    Products. See also `ketastats.stats.standardised_risks`.
    """
    if variance not in VARIANCES:
        raise unknown_name("variance", variance, VARIANCES)
    if missing not in MISSING or missing == "completers":
        raise UsageError('missing must be "error", "non_response" or "observed" here')
    refuse(missing_columns(table, [endpoint, by], table="subjects"), source="The table of subjects")
    used = table[table[by].notna()].reset_index(drop=True)
    outcome = yes_no(used, endpoint)
    if missing == "non_response":
        outcome = outcome.fillna(False)
    elif missing == "error" and outcome.isna().any():
        raise UsageError(
            f"{int(outcome.isna().sum())} subjects have no {endpoint}: say what missing means "
            '(missing="non_response" or "observed")'
        )
    used, outcome = used[outcome.notna()].reset_index(drop=True), outcome[outcome.notna()]
    arms = sorted(str(value) for value in used[by].unique())
    for name in (arm, reference):
        if name not in arms:
            raise unknown_name("arm", name, arms)
    index = (
        used[by].astype(str).map({name: i for i, name in enumerate(arms)}).to_numpy(dtype=np.int64)
    )
    met = np.asarray(outcome.astype("float64"))
    fitted = VARIANCES[variance](index, _covariate_columns(used, covariates), met, len(arms))
    rows = _rows(fitted, arms, arm, reference, conf_level)
    sizes = dict(zip(arms, np.bincount(index), strict=True))
    for row in rows:
        row.update(
            endpoint=endpoint,
            rule=rules_behind(table, endpoint),
            missing=missing,
            covariates=covariates,
            n=int(sizes.get(str(row["term"]), sizes[arm] + sizes[reference])),
            conf_level=conf_level,
            method=f"g_computation_{variance}",
        )
    frame = in_shared_words(rows, own=("endpoint", "rule", "missing", "covariates"))
    return AdjustedRateDifference(frame, sources=sources_of(table))


def _covariate_columns(table: pd.DataFrame, covariates: str) -> np.ndarray:
    if not isinstance(covariates, str):
        raise UsageError(f'covariates is a formula, such as "base + C(sex)", not {covariates!r}')
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        matrix = model_matrix(f"~ {covariates}", table, na_action="raise")
    except (FormulaicError, ValueError, TypeError, NameError, SyntaxError) as error:
        raise UsageError(
            f"The covariates {covariates!r} do not fit the table ({type(error).__name__}): every name "
            "must be a column, complete in every row, and text columns need C(name)"
        ) from None
    columns = [name for name in matrix.columns if name != "Intercept"]
    return np.asarray(matrix[columns], dtype=float)


def _rows(
    fitted: StandardisedRisks, arms: list[str], arm: str, reference: str, conf_level: float
) -> list[dict[str, object]]:
    z = two_sided_quantile(conf_level)
    a, b = arms.index(arm), arms.index(reference)
    contrast = np.zeros(len(arms))
    contrast[a], contrast[b] = 1.0, -1.0
    targets = [(f"{arm} minus {reference}", contrast)]
    targets += [(name, np.eye(len(arms))[arms.index(name)]) for name in (arm, reference)]
    rows: list[dict[str, object]] = []
    for term, weights in targets:
        estimate = float(weights @ fitted.risks)
        se = sqrt(float(weights @ fitted.covariance @ weights))
        is_contrast = term not in arms
        statistic = estimate / se if is_contrast and se > 0 else None
        rows.append(
            {
                "term": term,
                "estimate": estimate,
                "std_error": se,
                "statistic": statistic,
                "p_value": None if statistic is None else 2 * float(ndtr(-abs(statistic))),
                "conf_low": estimate - z * se,
                "conf_high": estimate + z * se,
            }
        )
    return rows

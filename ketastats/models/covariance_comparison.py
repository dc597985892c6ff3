"""One model of repeated measures under several covariance structures, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.errors import DataError, UsageError
from ketastats.models.linear_result import first_row
from ketastats.models.mmrm import Mmrm, mmrm
from ketastats.models.repeated_fit import COVARIANCES
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRUCTURES = ("us", "toeph", "adh", "ar1h", "csh", "toep", "ar1", "cs")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CovarianceComparison(TabularResult):
    """One difference of arms under several covariance structures, one row each.

    `parameters`, `deviance`, `aic` and `bic` tell how well a structure fits; a structure that reached no
    maximum has a row without numbers and its reason in `reason`.
    """

    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)
    difference: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per structure."""
        rows = self.frame.to_dict("records")
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        return pd.DataFrame(
            {
                "Covariance": [str(row["term"]) for row in rows],
                "Parameters": [_whole(row["parameters"]) for row in rows],
                "AIC": [_dash(row["aic"], ".1f") for row in rows],
                "BIC": [_dash(row["bic"], ".1f") for row in rows],
                f"Difference ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
                "df": [_dash(row["df"], ".1f") for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference under each structure."""
        from ketastats.plots.forest import draw_forest

        label = f"{self.difference} ({self.unit})"
        return draw_forest(self.frame, ax, xlabel=label, reference=0.0)

    def figure_text(self) -> str:
        """Return the difference under each structure in words."""
        parts = [
            f"{row['term']} {estimate_text(row['estimate'], row['conf_low'], row['conf_high'], number)}"
            for row in self.frame.to_dict("records")
        ]
        return f"{self.difference}: {'; '.join(parts)}."

    def __str__(self) -> str:
        held = self.frame.dropna(subset=["estimate"])
        if held.empty:
            return f"{self.difference}: the data do not tell it"
        low, high = number(held["estimate"].min()), number(held["estimate"].max())
        best = held["term"].iloc[int(held["aic"].argmin())]
        under = "structure" if len(held) == 1 else "structures"
        return (
            f"{self.difference} in {self.outcome} is {low} to {high} under {count(len(held))} covariance "
            f"{under}; the smallest AIC has {best}"
        )


def compare_covariances(
    formula: str,
    data: pd.DataFrame,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    at: Any = None,
    covariances: Sequence[str] = STRUCTURES,
    subject: str = "usubjid",
    visit: str = "avisit",
    df: str = "kenward_roger",
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
) -> CovarianceComparison:
    """Fit one model under several covariance structures and compare a difference of arms.

    Parameters
    ----------
    formula, data, subject, visit, df, conf_level, label, unit
        As for `mmrm`.
    arm, reference : str
        Groups in the column `of`; the difference is arm minus reference.
    of : str
        Column of the arms.
    at : value of `visit`, optional
        The visit of the difference; the last by default.
    covariances : sequence of str
        Codes of structures, those of `mmrm` over common visits.

    Returns
    -------
    CovarianceComparison
        The smaller AIC or BIC, the better the fit for its number of parameters. The structure should be
        chosen before the data are seen: choosing it by the smallest p-value is not what this is for.
    """
    if not covariances:
        raise UsageError("Name the covariance structures to compare")
    rows: list[dict[str, Any]] = []
    last: Mmrm | None = None
    for code in covariances:
        try:
            fit = mmrm(
                formula,
                data,
                subject=subject,
                visit=visit,
                covariance=code,
                df=df,
                reference={of: reference},
                conf_level=conf_level,
                label=label,
                unit=unit,
            )
        except DataError as error:
            if not any(found.code in _NO_FIT for found in error.problems):
                raise
            rows.append(_empty(code, error, conf_level, df))
            continue
        last = fit
        when = fit.fitted.rows.visits[-1] if at is None else at
        rows.append({**_fit_words(fit), **_difference(fit, arm, reference, of, visit, when)})
    if last is None:
        raise UsageError(f"None of {', '.join(covariances)} reached a maximum on these data")
    when = last.fitted.rows.visits[-1] if at is None else at
    frame = in_shared_words(rows, own=("code", "parameters", "deviance", "aic", "bic", "reason"))
    return CovarianceComparison(
        frame,
        outcome=last.mean.outcome,
        unit=last.mean.unit,
        difference=f"{arm} minus {reference} at {when}",
        sources=last.sources,
        notes=last.fitted.rows.notes,
    )


_NO_FIT = ("no_maximum", "visit_fitted_exactly")


def _fit_words(fit: Mmrm) -> dict[str, Any]:
    return {
        "code": fit.covariance,
        "parameters": fit.fitted.theta.size,
        "deviance": fit.deviance,
        "aic": fit.aic,
        "bic": fit.bic,
        "reason": "",
    }


def _difference(
    fit: Mmrm, arm: str, reference: str, of: str, visit: str, when: Any
) -> Mapping[str, Any]:
    means = fit.emmeans([of, visit], at={visit: [when]})
    frame = means.differences(reference, of=of, arm=arm).to_frame()
    row = first_row(frame.drop(columns=[of, visit]))
    return {**row, "term": COVARIANCES[fit.covariance]}


def _empty(code: str, error: DataError, conf_level: float, df: str) -> dict[str, Any]:
    return {
        "code": code,
        "reason": error.problems[0].what,
        "term": COVARIANCES[code],
        "conf_level": conf_level,
        "method": df,
    }


def _whole(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


def _dash(value: float, form: str) -> str:
    return "–" if pd.isna(value) or not np.isfinite(value) else f"{value:{form}}"

"""A regression of event intervals, fitted: which model, its estimates, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from ketastats.errors import DataError, UsageError, problem
from ketastats.models.covariate_design import INTERCEPT, CovariateDesign
from ketastats.stats.interval_aft import IntervalAFT, NoScaleError, interval_aft
from ketastats.stats.interval_transformation import (
    IntervalTransformation,
    NoOrderError,
    interval_transformation,
)
from ketastats.stats.npmle import NoConvergenceError
from ketastats.stats.separation import AliasedColumnError, SeparatedError

Floats = NDArray[np.float64]
Fit = IntervalAFT | IntervalTransformation


@dataclass(frozen=True, slots=True)
class RegressionModel:
    """What a model is called, its stats-level name, and which way its ratio points."""

    title: str
    law: str
    ratio: str
    above: str
    below: str
    parametric: bool


MODELS = {
    "aft_weibull": RegressionModel("Weibull", "weibull", "time ratio", "later", "earlier", True),
    "aft_loglogistic": RegressionModel(
        "log-logistic", "loglogistic", "time ratio", "later", "earlier", True
    ),
    "aft_lognormal": RegressionModel(
        "log-normal", "lognormal", "time ratio", "later", "earlier", True
    ),
    "ph": RegressionModel("proportional hazards", "ph", "hazard ratio", "earlier", "later", False),
    "po": RegressionModel("proportional odds", "po", "odds ratio", "earlier", "later", False),
}
"""Models of `relief_regression` by name."""

STD_ERRORS = ("auto", "information", "profile", "bootstrap")
"""Kinds of standard errors."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """Bootstrap samples to draw; `progress` is told the number done and wanted."""

    replicates: int
    seed: int
    progress: Callable[[int, int], None] | None


def fit_regression(
    left: Floats, right: Floats, design: CovariateDesign, model: RegressionModel
) -> Fit:
    """Fit a model, with errors that name the covariates at fault.

    Raises
    ------
    UsageError
        If a covariate is constant or a sum of others.
    DataError
        If a coefficient has no finite estimate.
    """
    try:
        if model.parametric:
            return interval_aft(left, right, design.matrix, law=model.law)
        return interval_transformation(left, right, design.matrix, model=model.law)
    except AliasedColumnError as error:
        named = ", ".join(design.labels[j] for j in error.columns)
        raise UsageError(
            f"{named}: constant in this table, or a sum of the covariates before it. Leave it out of "
            "the formula"
        ) from None
    except SeparatedError as error:
        named = ", ".join(design.labels[j] for j in error.columns)
        raise no_finite_fit(
            f"{named} separates early from late events, as when a group has no event at all (or "
            "nobody of one group is known to be earlier or later than the other), so its ratio has "
            "no finite estimate"
        ) from None
    except (NoOrderError, NoScaleError) as error:
        raise no_finite_fit(str(error)) from None


def no_finite_fit(what: str) -> DataError:
    """Say that these intervals determine no model."""
    remedy = (
        "Compare curves or use a score test (time_to_relief, relief_test), or a smaller formula"
    )
    return DataError(
        "The table of intervals",
        [problem("no_finite_fit", "intervals", "left and right", [], what, remedy)],
    )


def coefficient_covariance(
    fit: Fit,
    std_errors: str,
    resampling: Resampling,
    *,
    irregular: bool,
) -> tuple[str, Floats, list[str]]:
    """Kind of standard errors, the covariance of all estimates, and what to note.

    Parameters
    ----------
    fit : IntervalAFT or IntervalTransformation
    std_errors : str
        One of `STD_ERRORS`.
    resampling : Resampling
    irregular : bool
        Whether assessment times are irregular, so that "auto" takes the profile likelihood.
    """
    if isinstance(fit, IntervalAFT):
        return "information", fit.covariance, []
    kind = std_errors
    if kind == "auto":
        kind = "profile" if irregular else "information"
    if kind == "information":
        notes = ['Times are irregular: prefer std_errors="profile".'] if irregular else []
        return kind, fit.covariance, notes
    if kind == "profile":
        try:
            return kind, fit.profile_covariance(), []
        except NoConvergenceError as error:
            raise no_finite_fit(f'{error}; std_errors="information" needs none') from None
    if resampling.replicates < 2:
        raise UsageError("replicates must be at least 2")
    sample = fit.bootstrap(
        replicates=resampling.replicates, seed=resampling.seed, progress=resampling.progress
    )
    kept = sample[~np.isnan(sample).any(axis=1)]
    lost = len(sample) - len(kept)
    if len(kept) < 2:
        raise no_finite_fit("hardly any resampled table has a finite estimate")
    notes = [f"{resampling.replicates:,} bootstrap samples, seed {resampling.seed}."]
    if lost:
        notes.append(f"{lost:,} of them had no finite estimate and were left out.")
    covariance = np.cov(kept, rowvar=False).reshape(2 * (sample.shape[1],))
    if (np.diag(covariance) <= 0).any():
        raise no_finite_fit("the resampled tables have all the same estimate")
    return kind, covariance, notes


def coefficient_rows(
    fit: Fit,
    design: CovariateDesign,
    covariance: Floats,
    limits: str,
    conf_level: float,
    z: float,
) -> list[dict[str, Any]]:
    """One row per parameter on the log scale; coefficients of covariates with their test.

    `covariance` is that of all parameters, `z` the normal quantile for `conf_level`.
    """
    estimates = fit.parameters if isinstance(fit, IntervalAFT) else fit.coefficients
    errors = np.sqrt(np.diag(covariance))
    columns: list[str | None] = [*design.columns]
    rows: list[dict[str, Any]] = []
    for j, (estimate, error) in enumerate(zip(estimates.tolist(), errors.tolist(), strict=True)):
        row: dict[str, Any] = {"part": "scale", "term": "log(scale)"}
        if j < len(columns):
            part = "intercept" if columns[j] == INTERCEPT else "coefficient"
            row = {"part": part, "term": design.labels[j], "column": columns[j]}
            row["covariate"] = design.covariates[j]
        if limits == "wald":
            low, high = estimate - z * error, estimate + z * error
        else:
            low, high = fit.limits(j, conf_level=conf_level, std_error=error)
        row |= {"estimate": estimate, "std_error": error, "conf_low": low, "conf_high": high}
        if row["part"] == "coefficient":
            row |= _test(fit, j, estimate / error, limits)
        rows.append(row)
    return rows


def _test(fit: Fit, index: int, z: float, limits: str) -> dict[str, Any]:
    """Test of a coefficient of 0, of the same kind as the limits."""
    if limits == "wald":
        return {"statistic": z, "p_value": 2 * float(ndtr(-abs(z)))}
    statistic = max(2 * (fit.loglik - fit.profile([index], [0.0])), 0.0)
    return {"statistic": statistic, "df": 1, "p_value": float(chdtrc(1, statistic))}


def term_tests(
    fit: Fit, design: CovariateDesign, covariance: Floats, method: str
) -> list[dict[str, Any]]:
    """Chi-square test of each term of the formula with all its columns."""
    rows = []
    for term in dict.fromkeys(design.covariates):
        held = [j for j, of in enumerate(design.covariates) if of == term]
        if design.columns[held[0]] == INTERCEPT:
            continue
        if method == "likelihood":
            value = max(2 * (fit.loglik - fit.profile(held, np.zeros(len(held)))), 0.0)
        else:
            b = fit.coefficients[held]
            value = float(b @ np.linalg.solve(covariance[np.ix_(held, held)], b))
        p_value = float(chdtrc(len(held), value))
        rows.append({"term": term, "statistic": value, "df": len(held), "p_value": p_value})
    return rows

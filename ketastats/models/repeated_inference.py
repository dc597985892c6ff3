"""From a fitted model of repeated measures to inference about its means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ketastats.errors import UsageError
from ketastats.models.linear_result import FittedMean
from ketastats.models.repeated_fit import RepeatedModel, RepeatedOptions, theta_covariance
from ketastats.models.small_sample import SmallSample, small_sample
from ketastats.stats.cluster_sandwich import Sandwich, cluster_sandwich
from ketastats.stats.fixed_effects import FixedEffects
from ketastats.stats.kenward_roger import kenward_roger_covariance
from ketastats.stats.leave_one_out import jackknife_covariance
from ketastats.stats.repeated_measures_fit import NotConvergedError

Floats = NDArray[np.float64]


def fitted_mean(
    model: RepeatedModel,
    options: RepeatedOptions,
    *,
    label: str | None = None,
    unit: str = "points",
    progress: Callable[[int, int], None] | None = None,
) -> FittedMean:
    """The fitted mean with the covariance of coefficients and degrees of freedom asked for."""
    return FittedMean(
        design=model.design,
        inference=_inference(model, options, progress),
        table=model.rows.table,
        subject=model.rows.subject,
        visit=model.rows.visit_name,
        outcome=label or model.rows.outcome_name,
        unit=unit,
        conf_level=options.conf_level,
    )


def _inference(
    model: RepeatedModel, options: RepeatedOptions, progress: Callable[[int, int], None] | None
) -> SmallSample:
    here, second = model.fit.here, model.fit.curvature
    p = here.products.columns
    moved = second.products[:, :p, :p]
    w = theta_covariance(getattr(second, options.information))
    covariance, sandwich = here.bread, None
    if options.df.startswith("kenward_roger"):
        linear = options.df == "kenward_roger_linear"
        covariance = kenward_roger_covariance(here, moved, w, linear=linear)
    elif options.vcov != "model":
        sandwich = _sandwich(model, "cr3" if options.vcov == "jackknife" else options.vcov)
        covariance = sandwich.covariance
        if options.vcov == "jackknife":
            covariance = _jackknife(model, progress)
    beta = model.design.least_squares + here.beta
    effects = FixedEffects(beta, here.bread, moved, w, covariance)
    how = options.df if options.vcov == "model" else f"{options.vcov}, {options.df}"
    return small_sample(
        effects, options.df, sandwich=sandwich, fixed_df=_counted_df(model, options.df), method=how
    )


def _jackknife(model: RepeatedModel, progress: Callable[[int, int], None] | None) -> Floats:
    design = model.design
    try:
        return jackknife_covariance(
            model.fit,
            model.covariance,
            model.layout,
            design.columns,
            design.outcome,
            progress=progress,
        )
    except NotConvergedError:
        raise UsageError(
            "The jackknife needs a fit without each subject, and without one of them there is none: "
            "a coefficient may rest on that subject alone (the only one of a site). Take a simpler "
            'formula, or vcov="cr2"'
        ) from None


def _sandwich(model: RepeatedModel, correction: str) -> Sandwich:
    here, layout = model.fit.here, model.layout
    designs = layout.blocks(model.design.columns)
    outcomes = layout.blocks(model.design.outcome)
    residuals = [y - x @ here.beta for x, y in zip(designs, outcomes, strict=True)]
    inverses = [
        inverse[np.ix_(seen, seen)] for inverse, seen in zip(here.inverse, layout.seen, strict=True)
    ]
    return cluster_sandwich(designs, residuals, inverses, here.bread, correction=correction)


def _counted_df(model: RepeatedModel, df: str) -> Callable[[Floats], Floats] | None:
    """Degrees of freedom that are counted: residual, or between and within subjects."""
    rows, design = model.rows, model.design
    outcomes, p = len(rows.outcome), len(design.kept)
    if df == "residual":
        return lambda contrasts: np.full(len(contrasts), float(outcomes - p))
    if df != "between_within":
        return None
    matrix = design.covariates.matrix[:, design.kept]
    first = np.zeros(rows.subjects, dtype=np.intp)
    first[rows.subject[::-1]] = np.arange(outcomes)[::-1]
    intercept = np.array([name == "Intercept" for name in design.names])
    constant = (matrix == matrix[first[rows.subject]]).all(axis=0)
    between = constant & ~intercept
    within = ~constant
    of_between = rows.subjects - int(intercept.any()) - int(between.sum())
    of_within = outcomes - rows.subjects - int(within.sum())
    each = np.where(between, float(of_between), float(of_within))

    def counted(contrasts: Floats) -> Floats:
        named = np.linalg.solve(design.back.T, contrasts.T).T  # over the formula's columns again
        size = np.abs(named).max(axis=1, keepdims=True)
        involved = np.abs(named) > 1e-9 * size
        return np.asarray(np.where(involved, each, np.inf).min(axis=1))

    return counted

"""From a formula and a table of visits to a fitted model of repeated measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import refuse
from ketastats.checks.options import checked_level, require_choice, require_flag
from ketastats.errors import DataError, UsageError, problem
from ketastats.models.covariate_design import covariate_design, formula_variables
from ketastats.models.formulas import split_formula
from ketastats.models.linear_design import LinearDesign, linear_design
from ketastats.models.repeated_rows import RepeatedRows, repeated_rows, too_few
from ketastats.models.small_sample import check_methods
from ketastats.stats.covariance_structures import SPATIAL, structure
from ketastats.stats.pattern_covariance import CommonCovariance, Covariance, SpatialCovariance
from ketastats.stats.repeated_measures_fit import (
    Attempt,
    NotConvergedError,
    RepeatedFit,
    fit_repeated,
    moment_matrices,
)
from ketastats.summaries.cross_products import CrossProducts, Layout, cross_products, layout_of

Floats = NDArray[np.float64]

COVARIANCES = {
    "us": "unstructured",
    "toep": "Toeplitz",
    "toeph": "heterogeneous Toeplitz",
    "ar1": "first-order autoregressive",
    "ar1h": "heterogeneous first-order autoregressive",
    "cs": "compound symmetry",
    "csh": "heterogeneous compound symmetry",
    "ad": "ante-dependence",
    "adh": "heterogeneous ante-dependence",
    "sp_exp": "spatial exponential",
    "sp_gau": "spatial Gaussian",
}
"""Covariance structures by code."""

_ONE_VARIANCE = ("toep", "ar1", "cs", "ad", *SPATIAL)
_NEAR_SINGULAR = 1e-4  # smallest eigenvalue of a correlation matrix that is worth a sentence


@dataclass(frozen=True, slots=True)
class RepeatedOptions:
    """How to fit a model of repeated measures and how to infer from it."""

    codes: tuple[str, ...]
    df: str
    reml: bool
    vcov: str
    information: str
    coordinates: tuple[str, ...]
    covariance_by: str | None
    conf_level: float

    def check(self) -> None:
        """Refuse names that do not exist and options that do not go together."""
        check_methods(self.df, self.vcov)
        for code in self.codes:
            require_choice("covariance", code, COVARIANCES)
        if any(code in SPATIAL for code in self.codes) != bool(self.coordinates):
            raise UsageError(
                "Spatial covariances (sp_exp, sp_gau) need coordinates=, the others have no use for them"
            )
        require_choice("information", self.information, ("observed", "expected"))
        checked_level(self.conf_level)
        require_flag("reml", self.reml)


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """A constraint on the means, kept by recoding every table before the formula meets it.

    Columns of the formula that the recoding empties, `emptied`, are left out in silence; `note` says why.
    """

    recode: Callable[[pd.DataFrame], pd.DataFrame]
    emptied: frozenset[str]
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedModel:
    """A model of repeated measures at its maximum.

    `fit` is in the scale of `design`.
    """

    rows: RepeatedRows
    design: LinearDesign
    layout: Layout
    products: CrossProducts
    code: str
    covariance: Covariance
    fit: RepeatedFit
    deviance: float
    tried: tuple[tuple[str, Attempt], ...]
    notes: tuple[str, ...]

    @property
    def theta(self) -> Floats:
        """Covariance parameters in the outcome's own units."""
        return self.units * self.fit.here.theta

    @property
    def matrices(self) -> Floats:
        """Covariance of all visits for every pattern, in squared units of the outcome."""
        return self.design.scale**2 * self.fit.here.covariance.matrices

    @property
    def theta_covariance(self) -> Floats:
        """Covariance of `theta`, from the observed second derivatives."""
        unit = self.units
        return unit[:, None] * unit * theta_covariance(self.fit.curvature.observed)

    @property
    def attempts(self) -> pd.DataFrame:
        """One row per attempt at the maximum, in order; the last was kept."""
        back = self.deviance - self.fit.here.value
        return pd.DataFrame(
            [
                {
                    "covariance": code,
                    "way": attempt.way,
                    "steps": attempt.steps,
                    "deviance": attempt.value + back,
                    "decrement": attempt.decrement,
                    "outcome": attempt.outcome,
                }
                for code, attempt in self.tried
            ]
        )

    @property
    def units(self) -> Floats:
        """What each parameter of the fit is multiplied by to be in the outcome's units."""
        return np.where(self.covariance.in_squares, self.design.scale**2, 1.0)

    @property
    def least_curvature(self) -> float:
        """Smallest eigenvalue of the second derivatives, scaled to a unit diagonal."""
        second = self.fit.curvature.observed
        unit = np.sqrt(np.diag(second))
        return float(np.linalg.eigvalsh(second / np.outer(unit, unit))[0])


def theta_covariance(second: Floats) -> Floats:
    """Covariance of covariance parameters: twice the inverse of the second derivatives."""
    unit = np.sqrt(np.diag(second))
    inverse = np.linalg.inv(second / np.outer(unit, unit))
    covariance: Floats = 2 * inverse / np.outer(unit, unit)
    return covariance


def fit_model(
    formula: str,
    data: pd.DataFrame,
    options: RepeatedOptions,
    *,
    subject: str,
    visit: str,
    weights: str | None,
    reference: Mapping[str, Any] | None,
    constraint: Constraint | None = None,
    one_visit: bool = False,
) -> RepeatedModel:
    """Check the table, build the design, add up cross-products and find the maximum."""
    outcome, covariates = split_formula(formula)
    rows = repeated_rows(
        data,
        outcome,
        subject=subject,
        visit=visit,
        covariates=formula_variables(covariates),
        group=options.covariance_by,
        weights=weights,
        coordinates=options.coordinates,
        one_visit=one_visit,
    )
    recode = None if constraint is None else constraint.recode
    columns = covariate_design(
        rows.table if recode is None else recode(rows.table),
        covariates,
        intercept=True,
        reference=reference,
        name="data",
    )
    design = linear_design(columns, rows.outcome, weights=rows.weights, recode=recode)
    return _model_of(rows, design, options, constraint)


def _model_of(
    rows: RepeatedRows,
    design: LinearDesign,
    options: RepeatedOptions,
    constraint: Constraint | None,
) -> RepeatedModel:
    """Find the maximum for a design that has been built."""
    if design.fits_exactly:
        raise UsageError(
            f"The formula fits every value of {rows.outcome_name} exactly, as when it is the same in all "
            "rows: nothing is left to estimate a covariance from"
        )
    layout = layout_of(
        rows.subject, rows.visit, len(rows.visits), group=rows.group, position=rows.position
    )
    products = cross_products(layout, design.columns, design.outcome)
    code, covariance, fit, tried = _first_that_converges(rows, design, products, options)
    back = 2 * (len(rows.outcome) - options.reml * len(design.kept)) * float(np.log(design.scale))
    back += options.reml * design.log_determinant
    if rows.weights is not None:
        back -= float(np.log(rows.weights).sum())
    return RepeatedModel(
        rows=rows,
        design=design,
        layout=layout,
        products=products,
        code=code,
        covariance=covariance,
        fit=fit,
        deviance=fit.here.value + back,
        tried=tuple(tried),
        notes=(
            *rows.notes,
            *_left_out(design, constraint),
            *_notes(rows, code, fit, tried, options),
        ),
    )


def _first_that_converges(
    rows: RepeatedRows, design: LinearDesign, products: CrossProducts, options: RepeatedOptions
) -> tuple[str, Covariance, RepeatedFit, list[tuple[str, Attempt]]]:
    """Go down the ladder of structures; an error with everything tried if none reaches a maximum."""
    groups = max(len(rows.groups), 1)
    moments = moment_matrices(products, groups)
    thin = too_few(rows, design.columns)
    tried: list[tuple[str, Attempt]] = []
    for code in options.codes:
        if thin and code not in _ONE_VARIANCE:
            refuse(thin if len(options.codes) == 1 else [], source="The table of visits")
            tried.append((code, _not_tried(thin[0].what)))
            continue
        if code not in _ONE_VARIANCE and (
            unpaired := _never_seen(rows, products, pairs=code == "us")
        ):
            tried.append((code, _not_tried(unpaired)))
            continue
        covariance: Covariance
        if code in SPATIAL:
            covariance = SpatialCovariance.of(code, products, groups)
        else:
            covariance = CommonCovariance(structure(code, len(rows.visits)), products, groups)
        try:
            fit = fit_repeated(products, covariance, moments, reml=options.reml)
        except NotConvergedError as error:
            tried += [(code, attempt) for attempt in error.attempts]
            continue
        return code, covariance, fit, [*tried, *((code, attempt) for attempt in fit.attempts)]
    raise _nothing_converged(rows, tried)


def _not_tried(why: str) -> Attempt:
    return Attempt("not tried", 0, np.nan, np.nan, why)


def _never_seen(rows: RepeatedRows, products: CrossProducts, *, pairs: bool) -> str:
    """In words, the visits, or pairs of them, whose variance or covariance fewer than two subjects tell."""
    seen = products.seen.astype(float)
    said = []
    for code in range(max(len(rows.groups), 1)):
        here = products.group == code
        together = (seen[here] * products.subjects[here, None]).T @ seen[here]
        for a, b in np.argwhere(np.triu(together < 2) if pairs else np.diag(np.diag(together) < 2)):
            pair = f"{rows.visits[a]} and {rows.visits[b]}" if a != b else f"{rows.visits[a]}"
            where = f" in {rows.groups[code]}" if rows.groups else ""
            said.append(f"{pair}{where}")
    if not said:
        return ""
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return f"fewer than two subjects were seen at {'; '.join(said[:3])}{more}"


def _nothing_converged(rows: RepeatedRows, tried: list[tuple[str, Attempt]]) -> DataError:
    said = _reasons(tried)
    few = ""
    if rows.subjects <= len(rows.visits):
        few = f"; there are {len(rows.visits)} visits and only {rows.subjects} subjects"
    found = problem(
        "no_maximum",
        "data",
        rows.outcome_name,
        [],
        f"no maximum of the likelihood was found ({said}){few}",
        'Name simpler structures to fall back on, such as fallback=("toeph", "csh", "cs"), or a simpler '
        "formula",
    )
    return DataError("The table of visits", [found])


def _reasons(tried: list[tuple[str, Attempt]]) -> str:
    """Why structures were left, those of one reason together."""
    ways: dict[tuple[str, str], list[str]] = {}
    for code, attempt in tried:
        ways.setdefault((code, attempt.outcome), []).append(attempt.way)
    return "; ".join(
        f"{COVARIANCES[code]} ({', '.join(held)}), because {outcome}"
        for (code, outcome), held in ways.items()
    )


def _left_out(design: LinearDesign, constraint: Constraint | None) -> list[str]:
    """A sentence on columns that are sums of others, and one on a constraint."""
    said = [] if constraint is None else [constraint.note]
    emptied = frozenset() if constraint is None else constraint.emptied
    if told := [name for name in design.aliased if name not in emptied]:
        said.append(f"Left out, because the columns before them tell the same: {', '.join(told)}.")
    return said


def _notes(
    rows: RepeatedRows,
    code: str,
    fit: RepeatedFit,
    tried: list[tuple[str, Attempt]],
    options: RepeatedOptions,
) -> list[str]:
    said = []
    if code != options.codes[0]:
        reasons = _reasons([(other, attempt) for other, attempt in tried if other != code])
        said.append(f"The {COVARIANCES[code]} covariance was kept. Left before it: {reasons}.")
    elif len(tried) > 1:
        reasons = _reasons(tried[:-1])
        said.append(f"The maximum was reached by {tried[-1][1].way}. Left before it: {reasons}.")
    said += _singular(rows, fit)
    if options.vcov != "model":
        said.append(_VCOV_NOTES[options.vcov])
    if not options.reml and options.df.startswith("kenward_roger"):
        said.append(
            "Kenward and Roger derived their method for restricted likelihood; under maximum likelihood "
            "it is an approximation."
        )
    return said


_VCOV_NOTES = {
    "cr0": "Robust covariance of the coefficients, without correction for few subjects.",
    "cr2": "Robust covariance of the coefficients, bias-reduced (CR2).",
    "cr3": "Robust covariance of the coefficients, close to leaving one subject out (CR3).",
    "jackknife": "Covariance of the coefficients from refits, each without one subject.",
}


def _singular(rows: RepeatedRows, fit: RepeatedFit) -> list[str]:
    """A sentence for every fitted matrix at the edge of being one."""
    said = []
    first = [
        int(np.flatnonzero(fit.here.products.group == g)[0])
        for g in range(max(len(rows.groups), 1))
    ]
    for label, matrix in zip(
        rows.groups or ("",), fit.here.covariance.matrices[first], strict=True
    ):
        sd = np.sqrt(np.diag(matrix))
        least = np.linalg.eigvalsh(matrix / np.outer(sd, sd))[0]
        if least < _NEAR_SINGULAR:
            where = f" in {label}" if label != "" else ""
            said.append(
                f"The fitted covariance{where} is nearly singular (smallest eigenvalue of the correlations "
                f"{least:.1e}): some visits nearly follow from others, and limits may be too narrow."
            )
    return said

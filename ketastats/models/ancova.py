"""Analysis of covariance of an outcome at one visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import checked_level, require_choice
from ketastats.models.linear_design import LinearDesign
from ketastats.models.linear_result import FittedMean, LinearResult, coefficient_frame
from ketastats.models.small_sample import SmallSample, small_sample
from ketastats.models.subject_rows import subject_rows
from ketastats.provenance import sources_of
from ketastats.results import count, number
from ketastats.stats.cluster_sandwich import cluster_sandwich
from ketastats.stats.fixed_effects import FixedEffects

Floats = NDArray[np.float64]

_ROBUST = {"hc0": "cr0", "hc2": "cr2", "hc3": "cr3"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ancova(LinearResult):
    """A linear model of one outcome per subject; the table holds its coefficients."""

    residual_sd: float = field(kw_only=True)

    def __str__(self) -> str:
        mean = self.mean
        return (
            f"Analysis of covariance of {mean.outcome}: {count(mean.subjects)} subjects, residual standard "
            f"deviation {number(self.residual_sd)}"
        )


def ancova(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str = "usubjid",
    visit: str = "avisit",
    at: Any = None,
    vcov: str = "model",
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
) -> Ancova:
    """Fit a linear model to one outcome per subject, such as change at the last visit.

    Parameters
    ----------
    formula : str
        Outcome and covariates, such as ``"chg ~ base + trt01a"``.
    data : DataFrame, one row per subject
        Or one per subject and visit, of which `at` chooses the visit. Rows without an outcome take no
        part; covariates must be complete in the others.
    subject, visit : str
        Columns that say who and when.
    at : optional
        The visit to analyse.
    vcov : {"model", "hc0", "hc2", "hc3"}
        Covariance of the coefficients: of equal variances, or robust to unequal ones, with Bell and
        McCaffrey's degrees of freedom.
    reference : mapping of column to value, optional
        The group that the others are compared with.
    conf_level : float, default 0.95
    label, unit : str, optional
        What to call the outcome in sentences and figures, and its unit.

    Returns
    -------
    Ancova

    Raises
    ------
    UsageError, DataError
        If an option is unknown, a covariate is missing, a subject has several outcomes, or the formula
        leaves no degrees of freedom.

    References
    ----------
    Fisher RA (1932). Statistical Methods for Research Workers, 4th ed. MacKinnon JG, White H (1985). J
    Econom 29:305-325 (HC2, HC3).
    """
    require_choice("covariance of the coefficients", vcov, ("model", *_ROBUST))
    checked_level(conf_level)
    rows = subject_rows(formula, data, subject=subject, visit=visit, at=at, reference=reference)
    variance = float(rows.design.outcome @ rows.design.outcome) / rows.spare
    mean = FittedMean(
        design=rows.design,
        inference=_inference(rows.design, variance, rows.spare, vcov),
        table=rows.table,
        subject=np.arange(len(rows.outcome)),
        visit=None,
        outcome=label or rows.outcome_name,
        unit=unit,
        conf_level=conf_level,
    )
    return Ancova(
        coefficient_frame(mean),
        mean=mean,
        residual_sd=rows.design.scale * float(np.sqrt(variance)),
        sources=sources_of(data),
        notes=(*rows.notes, *mean.inference.notes),
    )


def _inference(design: LinearDesign, variance: float, spare: int, vcov: str) -> SmallSample:
    n, p = design.columns.shape
    bread = variance * np.eye(p) / n
    moved = -(np.eye(p) * n / variance**2)[None]  # of the inverse of bread, by the variance
    spread = np.array([[2 * variance**2 / spare]])
    if vcov == "model":
        effects = FixedEffects(design.least_squares, bread, moved, spread, bread)
        return small_sample(
            effects,
            "residual",
            fixed_df=lambda rows: np.full(len(rows), float(spare)),
            method="ols",
        )
    sandwich = cluster_sandwich(
        [design.columns[:, None, :]],
        [design.outcome[:, None]],
        [np.array([[1 / variance]])],
        bread,
        correction=_ROBUST[vcov],
    )
    effects = FixedEffects(design.least_squares, bread, moved, spread, sandwich.covariance)
    return small_sample(effects, "satterthwaite", sandwich=sandwich, method=f"ols, {vcov}")

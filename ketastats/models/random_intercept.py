"""A linear model with a random intercept for clusters, such as the sites of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import (
    checked_level,
    require_choice,
    require_column_name,
    require_flag,
)
from ketastats.errors import UsageError
from ketastats.models.linear_design import LinearDesign
from ketastats.models.linear_result import FittedMean, LinearResult, coefficient_frame
from ketastats.models.repeated_fit import theta_covariance
from ketastats.models.small_sample import SmallSample, small_sample
from ketastats.models.subject_rows import subject_rows
from ketastats.provenance import sources_of
from ketastats.results import count, number
from ketastats.stats.fixed_effects import FixedEffects
from ketastats.stats.variance_components import (
    InterceptFit,
    adjusted_covariance,
    cluster_components,
    fit_intercept,
)

Floats = NDArray[np.float64]

DF = ("kenward_roger", "satterthwaite", "residual")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RandomIntercept(LinearResult):
    """A linear model with a random intercept; the table holds its coefficients.

    `cluster_sd` and `residual_sd` are the standard deviations between and within clusters, `icc` the
    share of the variance between them.
    """

    cluster: str = field(kw_only=True)
    clusters: int = field(kw_only=True)
    cluster_sd: float = field(kw_only=True)
    residual_sd: float = field(kw_only=True)
    deviance: float = field(kw_only=True)

    @property
    def icc(self) -> float:
        """Share of the variance that lies between clusters."""
        between = self.cluster_sd**2
        return between / (between + self.residual_sd**2)

    def __str__(self) -> str:
        return (
            f"Linear model of {self.mean.outcome} with a random intercept for {self.clusters} groups of "
            f"{self.cluster}: {count(self.mean.subjects)} subjects, standard deviation "
            f"{number(self.cluster_sd)} between and {number(self.residual_sd)} within groups"
        )


def random_intercept(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    subject: str = "usubjid",
    visit: str = "avisit",
    at: Any = None,
    df: str = "kenward_roger",
    reml: bool = True,
    information: str = "observed",
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
) -> RandomIntercept:
    """Fit a linear model whose groups (sites, therapists) differ by a random intercept.

    Parameters
    ----------
    formula, data, subject, visit, at, reference, conf_level, label, unit
        As for `ancova`: one outcome per subject.
    cluster : str
        Column of the groups.
    df : {"kenward_roger", "satterthwaite", "residual"}
    reml : bool, default True
    information : {"observed", "expected"}
        As for `mmrm`.

    Returns
    -------
    RandomIntercept
        A variance between groups whose best estimate is negative is held at 0, which is said; the model
        is then the linear model without groups.

    Raises
    ------
    UsageError, DataError
        As `ancova`, and if there is one group only or every group has one subject.

    References
    ----------
    Laird NM, Ware JH (1982). Biometrics 38:963-974. See `ketastats.stats.variance_components`.
    """
    require_choice("method of degrees of freedom", df, DF)
    require_choice("information", information, ("observed", "expected"))
    require_flag("reml", reml)
    require_column_name("cluster", cluster)
    checked_level(conf_level)
    rows = subject_rows(
        formula,
        data,
        subject=subject,
        visit=visit,
        at=at,
        reference=reference,
        others=[cluster],
        spare=2,
    )
    design = rows.design
    codes, labels = pd.factorize(rows.table[cluster])
    _require_clusters(codes, cluster)
    parts = cluster_components(design.columns, design.outcome, codes)
    try:
        fit = fit_intercept(parts, reml=reml)
    except ValueError as error:
        raise UsageError(f"{error}: take ancova(), or a simpler formula") from None
    mean = FittedMean(
        design=design,
        inference=_inference(design, fit, df, information),
        table=rows.table,
        subject=np.arange(len(rows.outcome)),
        visit=None,
        outcome=label or rows.outcome_name,
        unit=unit,
        conf_level=conf_level,
    )
    back = 2 * (len(rows.outcome) - reml * len(design.kept)) * float(np.log(design.scale))
    return RandomIntercept(
        coefficient_frame(mean),
        mean=mean,
        cluster=cluster,
        clusters=len(labels),
        cluster_sd=design.scale * float(np.sqrt(fit.theta[0])),
        residual_sd=design.scale * float(np.sqrt(fit.theta[1])),
        deviance=fit.value + back + reml * design.log_determinant,
        sources=sources_of(data),
        notes=(*rows.notes, *_edge(fit, cluster)),
    )


def _edge(fit: InterceptFit, cluster: str) -> list[str]:
    """A sentence on a variance at its edge."""
    if fit.theta[0] > 0:
        return []
    return [
        f"The variance between groups of {cluster} is estimated as 0, its least value, so the model is "
        "the one without groups; this does not show that they are alike."
    ]


def _require_clusters(codes: NDArray[np.intp], cluster: str) -> None:
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        raise UsageError(f"All subjects are of one {cluster}: take ancova()")
    if sizes.max() < 2:
        raise UsageError(
            f"Every {cluster} has one subject, so variances between and within them cannot be told apart"
        )


def _inference(design: LinearDesign, fit: InterceptFit, df: str, information: str) -> SmallSample:
    w = theta_covariance(getattr(fit, information))
    adjusted = adjusted_covariance(fit, w) if df == "kenward_roger" else fit.bread
    beta = design.least_squares + fit.beta
    effects = FixedEffects(beta, fit.bread, fit.moved, w, adjusted)
    spare = float(len(design.columns) - len(design.kept))
    return small_sample(effects, df, fixed_df=lambda rows: np.full(len(rows), spare), method=df)

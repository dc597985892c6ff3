"""Mixed model for repeated measures: means over visits with a covariance within subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names
from ketastats.models.fitted_covariance import (
    FittedCovariance,
    correlation_frame,
    fitted_covariance,
    parameter_frame,
    sigma_frame,
)
from ketastats.models.linear_result import FittedMean, LinearResult, coefficient_frame
from ketastats.models.repeated_fit import (
    COVARIANCES,
    RepeatedModel,
    RepeatedOptions,
    fit_model,
)
from ketastats.models.repeated_inference import fitted_mean
from ketastats.models.small_sample import DF_TITLES
from ketastats.provenance import sources_of
from ketastats.results import count, number

if TYPE_CHECKING:
    from ketastats.models.fit_comparison import FitComparison
    from ketastats.models.mmrm_residuals import MmrmResiduals

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mmrm(LinearResult):
    """A fitted mixed model for repeated measures; the table holds its coefficients.

    Attributes and methods beyond those of every linear model: the likelihood (`loglik`, `deviance`,
    `aic`, `bic`), the covariance (`sigma`, `correlation`, `parameters`), `attempts`, `aliased`,
    `residuals`, `predict`, `compare`.
    """

    fitted: RepeatedModel = field(kw_only=True, repr=False)
    options: RepeatedOptions = field(kw_only=True, repr=False)

    @property
    def covariance(self) -> str:
        """Code of the covariance structure that was fitted, such as "us"."""
        return self.fitted.code

    @property
    def deviance(self) -> float:
        """Minus twice the (restricted) log-likelihood, with the constant, as SAS prints it."""
        return self.fitted.deviance

    @property
    def loglik(self) -> float:
        """The (restricted) log-likelihood."""
        return -self.fitted.deviance / 2

    @property
    def aic(self) -> float:
        """Akaike's criterion; under REML it counts covariance parameters only."""
        return self.deviance + 2 * self._counted

    @property
    def bic(self) -> float:
        """Bayesian criterion, with the number of subjects; counts the same parameters as `aic`."""
        return float(self.deviance + np.log(self.fitted.rows.subjects) * self._counted)

    @property
    def _counted(self) -> int:
        fixed = 0 if self.options.reml else len(self.mean.design.kept)
        return self.fitted.theta.size + fixed

    @property
    def sigma(self) -> pd.DataFrame:
        """Fitted covariance between visits, one block per group if covariances are by group."""
        return sigma_frame(self.fitted)

    @property
    def correlation(self) -> pd.DataFrame:
        """Fitted correlation between visits, laid out as `sigma`."""
        return correlation_frame(self.fitted)

    @property
    def parameters(self) -> pd.DataFrame:
        """Covariance parameters in the shared words, with the standard errors of the information."""
        return parameter_frame(self.fitted, self.mean.conf_level)

    @property
    def fitted_covariance(self) -> FittedCovariance:
        """The covariance between visits as a result: table, heat map, sentence."""
        return fitted_covariance(self.fitted, self.mean.conf_level, sources=self.sources)

    @property
    def attempts(self) -> pd.DataFrame:
        """What was tried to reach the maximum, in order; the last row is what was kept."""
        return self.fitted.attempts

    @property
    def aliased(self) -> tuple[str, ...]:
        """Columns of the formula that are sums of others and were left out."""
        return self.mean.design.aliased

    @property
    def certificate(self) -> dict[str, float]:
        """How sure it is that this is the maximum.

        `decrement` is about twice the distance of `deviance` from its minimum; `least_curvature` the
        smallest eigenvalue of its scaled second derivatives, which is above 0 at a minimum.
        """
        return {
            "decrement": self.fitted.fit.decrement,
            "least_curvature": self.fitted.least_curvature,
        }

    def residuals(self, kind: str = "normalized") -> MmrmResiduals:
        """Residuals of every outcome; see `ketastats.models.mmrm_residuals.mmrm_residuals`."""
        from ketastats.models.mmrm_residuals import mmrm_residuals

        return mmrm_residuals(self.mean, self.fitted, kind, sources=self.sources)

    def predict(
        self, newdata: pd.DataFrame, *, kind: str = "mean", conf_level: float | None = None
    ) -> pd.DataFrame:
        """Predict outcomes; see `ketastats.models.mmrm_prediction.predicted`."""
        from ketastats.models.mmrm_prediction import predicted

        level = self.mean.conf_level if conf_level is None else conf_level
        return predicted(self.mean, self.fitted, newdata, kind=kind, conf_level=level)

    def compare(self, simpler: Mmrm) -> FitComparison:
        """Likelihood-ratio test against a model nested in this one.

        Raises
        ------
        UsageError
            If the two were not fitted to the same rows by the same likelihood, or, under REML, with
            the same formula: restricted likelihoods of different means are not comparable.
        """
        from ketastats.models.fit_comparison import likelihood_ratio

        return likelihood_ratio(self, simpler)

    def __str__(self) -> str:
        rows, options = self.fitted.rows, self.options
        how = "REML" if options.reml else "maximum likelihood"
        return (
            f"Mixed model for repeated measures of {self.mean.outcome}: {count(rows.subjects)} subjects, "
            f"{count(len(rows.outcome))} outcomes at {len(rows.visits)} visits, "
            f"{COVARIANCES[self.covariance]} covariance, {how}, {DF_TITLES[options.df]}; "
            f"−2 log-likelihood {number(self.deviance)}"
        )


def mmrm(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str = "usubjid",
    visit: str = "avisit",
    covariance: str = "us",
    df: str = "kenward_roger",
    reml: bool = True,
    vcov: str = "model",
    covariance_by: str | None = None,
    weights: str | None = None,
    coordinates: str | Sequence[str] = (),
    information: str = "observed",
    reference: Mapping[str, Any] | None = None,
    fallback: Sequence[str] = (),
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
    progress: Callable[[int, int], None] | None = None,
) -> Mmrm:
    """Fit a mixed model for repeated measures by restricted or full maximum likelihood.

    Parameters
    ----------
    formula : str
        Outcome and covariates, such as ``"chg ~ base*avisit + trt01a*avisit"``. Text columns are groups,
        each compared with the first; the column of visits is always taken as groups, in their order.
    data : DataFrame, one row per subject and visit
        Rows without an outcome take no part; covariates must be complete in the others.
    subject, visit : str
        Columns that say who and when. Visits are in the order declared (categories), of numbers, of
        `avisitn`, or of the numbers in their names.
    covariance : {"us", "toep", "toeph", "ar1", "ar1h", "cs", "csh", "ad", "adh", "sp_exp", "sp_gau"}
        Unstructured; Toeplitz; first-order autoregressive; compound symmetry; first-order ante-dependence;
        with "h" one variance per visit. The spatial ones, exponential and Gaussian, fall with the distance
        of `coordinates`.
    df : {"kenward_roger", "kenward_roger_linear", "satterthwaite", "between_within", "residual"}
        Degrees of freedom. Both Kenward-Roger methods adjust the covariance of the coefficients too.
        "between_within" counts subjects for covariates that are constant within subjects, outcomes for the
        others and the intercept, and takes the least of those in a contrast.
    reml : bool, default True
        Restricted likelihood.
    vcov : {"model", "cr0", "cr2", "cr3", "jackknife"}
        Covariance of the coefficients: the model's, robust (sandwich without correction, bias-reduced,
        near-jackknife), or from refits without one subject each. Robust ones need `df` other than
        Kenward-Roger; "satterthwaite" is then Bell and McCaffrey's, for the jackknife that of "cr3".
    covariance_by : str, optional
        A covariance matrix of its own for each group in this column.
    weights : str, optional
        Column of positive weights: an outcome's variance is divided by its weight.
    coordinates : str or sequence of str
        Columns of the spatial structures' coordinates, in any one unit.
    information : {"observed", "expected"}
        Second derivatives behind the covariance parameters' variance: observed as in SAS, or expected
        as in Kenward and Roger's paper.
    reference : mapping of column to value, optional
        The group that the others are compared with.
    fallback : sequence of str
        Structures to take, in order, should the one before not reach a maximum; `attempts` records it.
    conf_level : float, default 0.95
    label, unit : str, optional
        What to call the outcome in sentences and figures (its column by default), and its unit.
    progress : callable, optional
        Told the number of refits done and wanted by the jackknife.

    Returns
    -------
    Mmrm

    Raises
    ------
    UsageError, DataError
        If an option is unknown or does not fit; if a subject has two outcomes at one visit, a covariate
        is empty, a visit's outcomes are fitted exactly, or no structure reaches a maximum.

    Notes
    -----
    The likelihood is maximised to its exact optimum with analytic second derivatives. Convention of SAS:
    natural covariance parameters and observed information; see `docs/decisions/0012-mmrm-conventions.md`.

    References
    ----------
    Mallinckrodt CH, Lane PW, Schnell D, Peng Y, Mancuso JP (2008). Drug Inf J 42:303-319. Kenward MG, Roger
    JH (1997). Biometrics 53:983-997. Others in `ketastats.stats.repeated_measures`.
    """
    options = RepeatedOptions(
        codes=(covariance, *column_names(fallback)),
        df=df,
        reml=reml,
        vcov=vcov,
        information=information,
        coordinates=tuple(column_names(coordinates)),
        covariance_by=covariance_by,
        conf_level=conf_level,
    )
    options.check()
    model = fit_model(
        formula,
        data,
        options,
        subject=subject,
        visit=visit,
        weights=weights,
        reference=reference,
    )
    mean = fitted_mean(model, options, label=label, unit=unit, progress=progress)
    return fitted_mmrm(model, mean, options, data)


def fitted_mmrm(
    model: RepeatedModel, mean: FittedMean, options: RepeatedOptions, data: pd.DataFrame
) -> Mmrm:
    """A fitted model as a result."""
    return Mmrm(
        coefficient_frame(mean),
        mean=mean,
        fitted=model,
        options=options,
        sources=sources_of(data),
        notes=(*model.notes, *mean.inference.notes),
    )

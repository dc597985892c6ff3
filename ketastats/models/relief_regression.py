"""How covariates change the time to relief, from event intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.options import checked_level
from ketastats.errors import UsageError, unknown_name
from ketastats.models.covariate_design import CovariateDesign, covariate_design
from ketastats.models.event_intervals import COMPETING, event_intervals
from ketastats.models.relief_fit import (
    MODELS,
    STD_ERRORS,
    RegressionModel,
    Resampling,
    coefficient_covariance,
    coefficient_rows,
    fit_regression,
    no_finite_fit,
    term_tests,
)
from ketastats.models.relief_prediction import predicted_quantiles, predicted_survival
from ketastats.plots.ratios import ratio_text
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, estimate_text, in_shared_words, level_text
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.turnbull_limits import IRREGULAR, ONE_EACH, schedule_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SOURCE = "The table of intervals"
_OWN = (
    "part",
    "model",
    "covariate",
    "column",
    "ratio",
    "ratio_low",
    "ratio_high",
    "reading",
    "std_error_method",
    "loglik",
    "aic",
)


LIMITS = ("wald", "likelihood")
"""Kinds of confidence limits, each with its test."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReliefRegression(TabularResult):
    """Coefficients of covariates on the time to an event, one row each.

    `estimate` and its limits are on the log scale; `ratio`, `ratio_low` and `ratio_high` are their
    exponentials, and `reading` says which way the ratio points, or "direction not told" where its
    limits hold 1 or are missing. Accelerated failure time models have rows for the intercept and the
    log of the scale too (`part`), without a ratio.
    """

    event: str = "relief"
    model: str = "aft_weibull"
    _fit: Any = field(default=None, repr=False)
    _design: Any = field(default=None, repr=False)
    _covariance: Any = field(default=None, repr=False)
    _irregular: bool = field(default=False, repr=False)

    @property
    def certificate(self) -> dict[str, float]:
        """How sure it is that this is the maximum, per subject.

        `decrement` is about how far the log-likelihood lies below its maximum, `gradient` its
        largest slope; `multiplier` (ph, po) the largest slope in a step of the curve of size zero,
        which is not above 0 at the maximum.
        """
        names = ["decrement", "gradient"] + ([] if self._parametric else ["multiplier"])
        return {name: float(getattr(self._fit, name)) for name in names}

    def term_tests(self, *, method: str = "likelihood") -> pd.DataFrame:
        """Test each term of the formula, with all its columns at once.

        Parameters
        ----------
        method : {"likelihood", "wald"}
            Chi-square likelihood-ratio test, or Wald's with the coefficients' covariance.

        Returns
        -------
        DataFrame in the shared words, one row per term
            `statistic` is chi-square on `df`.
        """
        if method not in LIMITS:
            raise unknown_name("test", method, LIMITS)
        rows = term_tests(self._fit, self._design, self._covariance, method)
        shared = {"n": int(self.frame["n"].iloc[0]), "method": method}
        return in_shared_words([{**row, **shared} for row in rows])

    def predict(
        self,
        newdata: pd.DataFrame,
        times: Sequence[float],
        *,
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Probability that the event has not come by each time, for given covariates.

        Parameters
        ----------
        newdata : DataFrame, one row per patient to predict for
            The formula's columns.
        times : sequence of float
            Hours.
        conf_level : float, default 0.95

        Returns
        -------
        DataFrame, one row per row of `newdata` and time
            `row` (the position in `newdata`), the formula's columns, `time`, `bound_low` and
            `bound_high`, and the shared words. Under "ph" and "po" the bounds are all that the data
            say at times within a step of the curve, and `estimate` takes the event to have come at
            the latest time it can have come. Limits are delta-method limits of the linear
            predictor's scale; under "ph" and "po" they reach from the lower limit of the lower bound
            to the upper limit of the upper one, and are missing where times are irregular, as the
            curve then has no normal limits.
        """
        return predicted_survival(
            self._fit,
            self._design,
            newdata,
            times,
            limits=not self._irregular,
            conf_level=conf_level,
            event=self.event,
        )

    def quantiles(
        self,
        newdata: pd.DataFrame,
        shares: Sequence[float] = (0.5,),
        *,
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Hours by which a share of patients with given covariates has had the event.

        Returns
        -------
        DataFrame, one row per row of `newdata` and share
            As `predict`, with `share` in place of `time`. Limits (delta method on log time) exist
            under accelerated failure time models only; under "ph" and "po" the bounds are given.
        """
        return predicted_quantiles(
            self._fit,
            self._design,
            newdata,
            shares,
            conf_level=conf_level,
            event=self.event,
        )

    def display(self) -> pd.DataFrame:
        """Return one row per coefficient: ratio, coefficient and p as text."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        ratio = f"{self._model.ratio.capitalize()} ({level} interval)"
        rows = [
            {
                "": str(row["term"]),
                "n": count(row["n"]),
                ratio: _ratio_cell(row),
                f"Coefficient ({level} interval)": _coefficient_cell(row),
                "p": _p_cell(row["p_value"]),
                "Reading": row["reading"] if isinstance(row["reading"], str) else "–",
            }
            for row in self.frame.to_dict("records")
        ]
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios on a logarithmic axis."""
        from ketastats.plots.ratios import draw_ratios

        model = self._model
        label = f"{model.ratio.capitalize()} (above 1: {self.event} {model.above})"
        return draw_ratios(self._ratios(), ax, xlabel=label)

    def figure_text(self) -> str:
        """Return the ratios in words."""
        model = self._model
        rule = f"{model.ratio.capitalize()}s, above 1: {self.event} {model.above}"
        return f"{rule}. {self._ratio_sentence() or 'There are no covariates'}."

    def __str__(self) -> str:
        n = count(self.frame["n"].iloc[0])
        found = self._ratio_sentence()
        ending = f": {found}" if found else ", without covariates"
        return f"Time to {self.event}, {self._model.title} regression of {n} subjects{ending}"

    @property
    def _model(self) -> RegressionModel:
        return MODELS[self.model]

    @property
    def _parametric(self) -> bool:
        return self._model.parametric

    def _ratios(self) -> pd.DataFrame:
        return self.frame[self.frame["part"] == "coefficient"]

    def _ratio_sentence(self) -> str:
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        parts = []
        for row in self._ratios().to_dict("records"):
            shown = _ratio_cell(row, level=f"{level} interval ")
            parts.append(f"{self._model.ratio} {shown} for {row['term']} ({row['reading']})")
        return ", ".join(parts)


def relief_regression(
    intervals: pd.DataFrame,
    formula: str,
    model: str = "aft_weibull",
    *,
    conf_level: float = 0.95,
    limits: str = "wald",
    std_errors: str = "auto",
    reference: Mapping[str, Any] | None = None,
    replicates: int = 500,
    seed: int = 20261124,
    progress: Callable[[int, int], None] | None = None,
) -> ReliefRegression:
    """Regress interval-censored times to an event on covariates, by maximum likelihood.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours: the event lies in (left, right]; `right` is infinite
        where it was not reached and equals `left` where it was seen exactly. `status`, if present,
        must hold one kind of event. The covariates are columns of this table, complete in every row.
    formula : str
        Covariates, such as ``"trt01a + age"``. Text columns are groups, each compared with the
        first.
    model : {"aft_weibull", "aft_loglogistic", "aft_lognormal", "ph", "po"}
        Accelerated failure time with a Weibull, log-logistic or log-normal law: covariates multiply
        time. Or proportional hazards or proportional odds with any baseline (semi-parametric).
    conf_level : float, default 0.95
    limits : {"wald", "likelihood"}
        Normal limits with a z test, or profile-likelihood limits with the likelihood-ratio test
        (chi-square with one degree of freedom).
    std_errors : {"auto", "information", "profile", "bootstrap"}
        For "ph" and "po": observed information of all parameters, second differences of the profile
        likelihood, or resampled subjects. "auto" is the information where times are exact or few and
        common, and the profile likelihood where they are irregular. Accelerated failure time models
        have the information only.
    reference : mapping of column to value, optional
        The group that the others are compared with.
    replicates, seed, progress
        Of the bootstrap; `progress` is told the number done and wanted.

    Returns
    -------
    ReliefRegression
        A time ratio above 1 means a later event, a hazard or odds ratio above 1 an earlier one: the
        odds are those of having had the event (R's icenReg takes the odds of not having had it, with
        the opposite sign). `aic` is missing under "ph" and "po", whose baseline is not counted in
        parameters.

    Raises
    ------
    UsageError, DataError
        If an option is unknown or the table does not fit it; if there are competing events; if a
        covariate is missing, constant or a sum of others; if a coefficient has no finite estimate,
        as when a group has no event at all.

    References
    ----------
    Kalbfleisch JD, Prentice RL (2002). The Statistical Analysis of Failure Time Data, 2nd ed.
    Finkelstein DM (1986). Biometrics 42:845-854. Zeng D, Mao L, Lin DY (2016). Biometrika
    103:253-271. Murphy SA, van der Vaart AW (2000). J Am Stat Assoc 95:449-465.
    """
    chosen = _checked_options(model, limits, std_errors)
    z = two_sided_quantile(checked_level(conf_level))
    event = _checked_table(intervals)
    design = covariate_design(intervals, formula, intercept=chosen.parametric, reference=reference)
    if not design.columns:
        raise UsageError(
            f"Name a covariate: without one a {chosen.title} model is the curve itself"
        )
    left, right = (intervals[side].to_numpy(dtype=float) for side in ("left", "right"))
    fit = fit_regression(left, right, design, chosen)
    irregular = not chosen.parametric and schedule_kind(left, right) in (IRREGULAR, ONE_EACH)
    resampling = Resampling(replicates, seed, progress)
    kind, covariance, notes = coefficient_covariance(
        fit, std_errors, resampling, irregular=irregular
    )
    shared = {
        "model": model,
        "n": len(intervals),
        "conf_level": conf_level,
        "method": limits,
        "std_error_method": kind,
        "loglik": fit.loglik,
        "aic": 2 * (len(covariance) - fit.loglik) if chosen.parametric else nan,
    }
    rows = coefficient_rows(fit, design, covariance, limits, conf_level, z)
    return ReliefRegression(
        in_shared_words([{**row, **_read(row, chosen, event), **shared} for row in rows], own=_OWN),
        event=event,
        model=model,
        _fit=fit,
        _design=design,
        _covariance=covariance,
        _irregular=irregular,
        sources=sources_of(intervals),
        notes=(*_notes(chosen, event, kind), *notes, *_unused_note(design)),
    )


def _checked_options(model: str, limits: str, std_errors: str) -> RegressionModel:
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    if limits not in LIMITS:
        raise unknown_name("kind of limits", limits, LIMITS)
    if std_errors not in STD_ERRORS:
        raise unknown_name("kind of standard errors", std_errors, STD_ERRORS)
    chosen = MODELS[model]
    if chosen.parametric and std_errors not in ("auto", "information"):
        raise UsageError(
            f'std_errors={std_errors!r} is for "ph" and "po": {model} has few parameters and uses '
            "their information"
        )
    return chosen


def _checked_table(intervals: pd.DataFrame) -> str:
    """Refuse what is no table of one event's intervals; return the event's name."""
    counted, event = event_intervals(intervals, [], allow_competing=True)
    kinds = set(counted["status"].astype(str)) if "status" in counted.columns else set()
    if competing := sorted(kinds & set(COMPETING)):
        raise UsageError(
            f"The table holds competing events ({', '.join(competing)}): censor them explicitly "
            '(derive_relief with "censor"), which makes this a regression of what would be seen '
            "without them"
        )
    refuse(
        duplicated_rows(
            intervals,
            ["usubjid"],
            table="intervals",
            what="a second interval of one subject",
            remedy="Keep one row per subject: intervals of one subject are not independent",
        ),
        source=_SOURCE,
    )
    if np.isinf(intervals["right"].to_numpy(dtype=float)).all():
        raise no_finite_fit("everyone is right-censored: nobody's event was seen")
    return event


def _read(row: dict[str, Any], model: RegressionModel, event: str) -> dict[str, Any]:
    """The ratio of a coefficient, its limits, and which way they point."""
    if row["part"] != "coefficient":
        return {}
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp([row["estimate"], row["conf_low"], row["conf_high"]])
    reading = "direction not told"
    if row["conf_low"] > 0:
        reading = f"{event} {model.above}"
    elif row["conf_high"] < 0:
        reading = f"{event} {model.below}"
    return {
        "ratio": float(ratio),
        "ratio_low": float(low),
        "ratio_high": float(high),
        "reading": reading,
    }


def _notes(model: RegressionModel, event: str, kind: str) -> list[str]:
    article = "An" if model.ratio.startswith("o") else "A"
    direction = (
        f"{article} {model.ratio} above 1 means {event} {model.above}, below 1 {model.below}"
    )
    if model.parametric:
        return [
            f"{direction}. Covariates are taken to multiply the time by one factor for everybody, and "
            f"times to have a {model.title} law."
        ]
    how = {
        "information": "the observed information of coefficients and curve",
        "profile": "the curvature of the profile likelihood",
        "bootstrap": "resampled subjects",
    }[kind]
    rest = (
        "The hazard ratio is taken to be the same at all times; this was not tested."
        if model.law == "ph"
        else f"The odds are those of {event} having come by a time; their ratio is taken to be the "
        "same at all times, which was not tested."
    )
    return [f"{direction}. {rest}", f"Standard errors are from {how}."]


def _unused_note(design: CovariateDesign) -> list[str]:
    return [f"Nobody is in {', '.join(design.unused)}: left out."] if design.unused else []


def _p_cell(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "< 0.0001" if value < 0.00005 else f"{value:.4f}"


def _ratio_cell(row: Mapping[Any, Any], *, level: str = "") -> str:
    if pd.isna(row["ratio"]):
        return "–"
    low, high = ratio_text(row["ratio_low"]), ratio_text(row["ratio_high"])
    return f"{ratio_text(row['ratio'])} ({level}{low} to {high})"


def _coefficient_cell(row: Mapping[Any, Any]) -> str:
    return estimate_text(row["estimate"], row["conf_low"], row["conf_high"], "{:.3f}".format)

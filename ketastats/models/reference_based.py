"""Differences of arms when visits that were missed are filled in under a stated assumption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from ketastats.checks.options import checked_level, require_choice, require_column_name
from ketastats.errors import UsageError
from ketastats.models.imputation_data import ImputationData, imputation_data
from ketastats.models.imputation_replicates import (
    INFERENCES,
    METHODS,
    Replicates,
    conditional_means,
    multiple_imputations,
)
from ketastats.models.linear_result import display_tests, interval_text, shared_frame
from ketastats.models.repeated_fit import RepeatedModel, RepeatedOptions, fit_model
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count
from ketastats.stats.imputation_pooling import pool_imputations
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.reference_means import STRATEGIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

STRATEGY_TITLES = {
    "mar": "missing at random",
    "jump_to_reference": "jump to reference",
    "copy_reference": "copy reference",
    "copy_increments": "copy increments in reference",
    "last_mean": "last mean carried forward",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReferenceBased(TabularResult):
    """Differences of arms at each visit, arm minus reference, after imputation.

    `strategy` is the assumption about outcomes after an event, `imputed` the number of outcomes filled in
    at the visit. `monte_carlo_se` says how far the estimate may move with other random draws.
    """

    trial: ImputationData = field(kw_only=True, repr=False)
    replicates: Replicates = field(kw_only=True, repr=False)
    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)
    deltas: tuple[float, ...] = field(kw_only=True)
    conf_level: float = field(kw_only=True)

    def difference_at(self, t: int, k: int, shift: Floats, conf_level: float) -> dict[str, float]:
        """The difference of arm k + 1 from the reference at visit t under shifts, one per arm."""
        return difference(self.replicates, t, k, np.array([1.0, *shift]), conf_level)

    def display(self) -> pd.DataFrame:
        """Return one row per difference."""
        return display_tests(self.frame, heading="Difference")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences over visits."""
        from ketastats.plots.profile import draw_profile

        points = self.frame.assign(line=self.frame["arm"], visit=self.frame["visit"].astype(str))
        label = f"Difference from {self.trial.arms[0]} ({self.unit})"
        return draw_profile(points, ax, ylabel=label, reference=0.0)

    def figure_text(self) -> str:
        """Return the differences in words."""
        parts = [f"{row['term']} {interval_text(row)}" for row in self.frame.to_dict("records")]
        return f"{'; '.join(parts)}."

    def __str__(self) -> str:
        last = {str(name): value for name, value in self.frame.iloc[-1].items()}
        strategy = STRATEGY_TITLES[str(last["strategy"])]
        return (
            f"{last['term']} in {self.outcome} under {strategy}: {interval_text(last)}; "
            f"{count(last['imputed'])} of {count(last['n'])} outcomes filled in"
        )


def reference_based(
    formula: str,
    data: pd.DataFrame,
    *,
    arm: str = "trt01a",
    reference: str,
    strategy: str = "jump_to_reference",
    method: str = "conditional_mean",
    inference: str = "jackknife",
    analysis: str = "base",
    events: pd.DataFrame | None = None,
    delta: Mapping[str, float] | None = None,
    subject: str = "usubjid",
    visit: str = "avisit",
    covariance: str = "us",
    imputations: int = 200,
    replicates: int = 500,
    seed: int = 20261124,
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
    progress: Callable[[int, int], None] | None = None,
) -> ReferenceBased:
    """Compare arms by analysis of covariance at each visit, with visits that were missed filled in.

    Parameters
    ----------
    formula : str
        Imputation model, a mixed model for repeated measures: ``"chg ~ base*avisit + trt01a*avisit"``.
    data : DataFrame, one row per subject and visit
        Every randomised subject has a row at least; see `select_visits`.
    arm, reference : str
        Column of the arms, and the reference arm.
    strategy : {"mar", "jump_to_reference", "copy_reference", "copy_increments", "last_mean"}
        What is assumed of outcomes from the event on; see `ketastats.stats.reference_means`. Visits missed
        before it are always missing at random.
    method : {"conditional_mean", "bayesian", "bootstrap_mi"}
        Expected outcomes of the fitted model with resampling inference (deterministic with the jackknife);
        or random imputations pooled by Rubin's rules with Barnard and Rubin's degrees of freedom, whose
        parameters are posterior draws or fits to resampled subjects (approximate Bayesian).
    inference : {"jackknife", "bootstrap"}
        Of the conditional means.
    analysis : str
        Covariates of the analysis model beside the arm, constant within subjects.
    events : DataFrame, optional
        One row per event: the subject and the first visit it affects. A subject may have several; the first
        counts. Outcomes seen from there on stay, but the imputation model leaves them out unless the
        strategy is "mar". By default the event is leaving: the visit after the last one seen.
    delta : mapping of arm to number, optional
        Added to outcomes filled in from the event on, in units of the outcome.
    imputations : int
        Of "bayesian" and "bootstrap_mi".
    replicates, seed, progress
        Of resampling and drawing; `progress` is told the number done and wanted.
    covariance, subject, visit, conf_level, label, unit
        As for `mmrm`.

    Returns
    -------
    ReferenceBased

    Raises
    ------
    UsageError, DataError
        As `mmrm`, and if a covariate changes within subjects or an event does not fit.

    References
    ----------
    Carpenter JR, Roger JH, Kenward MG (2013). J Biopharm Stat 23:1352-1371. Wolbers M et al (2022). Pharm
    Stat 21:1246-1257 (conditional means, jackknife).
    """
    require_choice("strategy", strategy, STRATEGIES)
    require_choice("method", method, METHODS)
    require_choice("inference", inference, INFERENCES)
    checked_level(conf_level)
    model, trial = imputation_model(
        formula,
        data,
        arm=arm,
        reference=reference,
        strategy=strategy,
        analysis=analysis,
        events=events,
        subject=subject,
        visit=visit,
        covariance=covariance,
    )
    shifts = deltas_of(delta, trial.arms)
    made = _replicates(
        model, trial, strategy, method, inference, imputations, replicates, seed, progress
    )
    frame = _frame(trial, made, strategy, shifts, conf_level)
    return ReferenceBased(
        frame,
        trial=trial,
        replicates=made,
        outcome=label or model.rows.outcome_name,
        unit=unit,
        deltas=shifts,
        conf_level=conf_level,
        sources=sources_of(data),
        notes=_notes(trial, strategy, shifts, unit),
    )


def imputation_model(
    formula: str,
    data: pd.DataFrame,
    *,
    arm: str,
    reference: str,
    strategy: str,
    analysis: str,
    events: pd.DataFrame | None,
    subject: str,
    visit: str,
    covariance: str,
) -> tuple[RepeatedModel, ImputationData]:
    """Fit the imputation model, and lay out every subject at every visit."""
    require_column_name("arm", arm)
    options = RepeatedOptions(
        codes=(covariance,),
        df="satterthwaite",
        reml=True,
        vcov="model",
        information="observed",
        coordinates=(),
        covariance_by=None,
        conf_level=0.95,
    )
    options.check()
    kept = _without_affected(data, events, strategy, subject, visit)
    model = fit_model(
        formula,
        kept,
        options,
        subject=subject,
        visit=visit,
        weights=None,
        reference=None,
        one_visit=True,
    )
    if arm not in model.design.covariates.levels:
        raise UsageError(f"The formula must hold {arm}, the column of the arms, as groups")
    trial = imputation_data(
        model, data, arm=arm, reference=reference, analysis=analysis, events=events
    )
    return model, trial


def _without_affected(
    data: pd.DataFrame, events: pd.DataFrame | None, strategy: str, subject: str, visit: str
) -> pd.DataFrame:
    """The rows that the imputation model is fitted to."""
    if events is None or strategy == "mar" or not {subject, visit} <= set(events.columns):
        return data
    from ketastats.models.repeated_rows import visit_order

    order, _ = visit_order(data, np.arange(len(data)), data[visit])
    place = {str(name): k for k, name in enumerate(order)}
    first = events[visit].astype(str).map(place).groupby(events[subject]).min()
    at = data[visit].astype(str).map(place)
    after = at >= data[subject].map(first).fillna(len(order))
    return data[~after.to_numpy()]


def deltas_of(delta: Mapping[str, float] | None, arms: tuple[str, ...]) -> tuple[float, ...]:
    """One finite shift per arm, 0 where none is given."""
    given = {str(name): value for name, value in (delta or {}).items()}
    for name, value in given.items():
        require_choice("arm", name, arms)
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            raise UsageError(f"The delta of {name} must be a number, in units of the outcome")
    return tuple(float(given.get(name, 0.0)) for name in arms)


def _replicates(
    model: RepeatedModel,
    trial: ImputationData,
    strategy: str,
    method: str,
    inference: str,
    imputations: int,
    replicates: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Replicates:
    if method == "conditional_mean":
        return conditional_means(
            model, trial, strategy, inference, replicates, seed, progress=progress
        )
    return multiple_imputations(
        model, trial, strategy, method, imputations, seed, progress=progress
    )


def _frame(
    trial: ImputationData,
    made: Replicates,
    strategy: str,
    shifts: tuple[float, ...],
    conf_level: float,
) -> pd.DataFrame:
    rows = []
    for t, when in enumerate(trial.visits):
        for k, name in enumerate(trial.arms[1:]):
            row: dict[str, Any] = dict(difference(made, t, k, np.array([1.0, *shifts]), conf_level))
            row |= {"term": f"{name} minus {trial.arms[0]}, {when}", "arm": name, "visit": when}
            rows.append({**row, "imputed": int(trial.imputed[:, t].sum())})
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in rows[0]}
    columns |= {"n": len(trial.subjects), "strategy": [strategy] * len(rows)}
    columns |= {"conf_level": conf_level, "method": made.method}
    own = ("arm", "visit", "strategy", "imputed", "monte_carlo_se")
    return shared_frame(columns, own)


def difference(
    made: Replicates, t: int, k: int, shift: Floats, conf_level: float
) -> dict[str, float]:
    """One difference with its inference, for given deltas (1, then one per arm)."""
    estimates = made.coefficients[:, t, k] @ shift
    if made.variance_factor is not None:
        squares = np.einsum("a,mab,b->m", shift, made.residuals[:, t], shift)
        variances = made.variance_factor[k] * squares / made.complete_df
        pooled = pool_imputations(estimates, variances, made.complete_df)
        se, df, estimate = pooled.std_error, pooled.df, pooled.estimate
        half = se * float(stdtrit(df, 0.5 + conf_level / 2))
        p = 2 * float(stdtr(df, -abs(estimate / se)))
        extra = pooled.monte_carlo_se
    else:
        estimate = float(made.whole[t, k] @ shift)
        centred = estimates - estimates.mean()
        se = float(np.sqrt(made.spread_factor * (centred @ centred)))
        df, half = np.nan, two_sided_quantile(conf_level) * se
        p = 2 * float(ndtr(-abs(estimate / se)))
        extra = np.nan
    return {
        "estimate": estimate,
        "std_error": se,
        "statistic": estimate / se,
        "df": df,
        "p_value": p,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "monte_carlo_se": extra,
    }


def _notes(
    trial: ImputationData, strategy: str, shifts: tuple[float, ...], unit: str
) -> tuple[str, ...]:
    missed, after = int(trial.imputed.sum()), int(trial.after_event.sum())
    said = [
        f"{count(missed)} of {count(trial.outcome.size)} outcomes were missed and filled in, "
        f"{count(after)} of them from an event on, under {STRATEGY_TITLES[strategy]}."
    ]
    moved = [
        f"{value:g} {unit} in {name}"
        for name, value in zip(trial.arms, shifts, strict=True)
        if value
    ]
    if moved:
        said.append(f"Outcomes filled in from an event on were shifted by {', '.join(moved)}.")
    return tuple(said)

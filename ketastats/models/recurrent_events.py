"""Regression of recurrent events: Andersen-Gill, Lin-Wei-Yang-Ying, Prentice-Williams-Peterson."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from ketastats.checks.options import checked_level
from ketastats.endpoints.episodes import require_throughout
from ketastats.errors import UsageError, unknown_name
from ketastats.models.at_risk_spans import checked_spans
from ketastats.models.covariate_design import covariate_design, formula_variables
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)
from ketastats.stats.cox import AliasedError, CoxFit, MonotoneLikelihoodError, cox_regression
from ketastats.stats.intervals import two_sided_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class _Model(NamedTuple):
    name: str
    convention: str
    variances: tuple[str, ...]  # the first is the default
    ratio: str


MODELS = {
    "ag": _Model(
        "Andersen-Gill",
        "all events of a subject share one baseline rate over time since the start; events are taken "
        "as independent given the covariates",
        ("row", "model"),
        "rate ratio",
    ),
    "lwyy": _Model(
        "Lin-Wei-Yang-Ying",
        "the estimate is Andersen-Gill's, a ratio of mean counts, and the standard error is robust "
        "to any dependence within a subject",
        ("subject",),
        "rate ratio",
    ),
    "pwp_total": _Model(
        "Prentice-Williams-Peterson, total time",
        "each episode has a baseline of its own over time since the start, and only those whose "
        "previous episode has ended are at risk of the next; the standard error is robust to "
        "dependence within a subject",
        ("subject",),
        "hazard ratio",
    ),
    "pwp_gap": _Model(
        "Prentice-Williams-Peterson, gap time",
        "each episode has a baseline of its own over time since the episode's first start; the "
        "standard error is robust to dependence within a subject",
        ("subject",),
        "hazard ratio",
    ),
}
"""Models of `recurrent_events` by name."""

_VARIANCES = {
    "row": "robust, each row a cluster of its own",
    "model": "from the information matrix",
    "subject": "robust, clustered by subject",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecurrentEvents(TabularResult):
    """One row per coefficient.

    `estimate`, `std_error` and the limits are on the log scale; `ratio`, `ratio_low`, `ratio_high`
    are their exponentials.
    `std_error_model` is that of the information matrix.
    """

    def display(self) -> pd.DataFrame:
        """Return the ratios with their limits, and the standard errors of their logarithms."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "Covariate": [str(row["term"]) for row in rows],
                f"{self._model().ratio.capitalize()} ({level} interval)": [
                    estimate_text(row["ratio"], row["ratio_low"], row["ratio_high"], number)
                    for row in rows
                ],
                "Standard error of its logarithm": [f"{row['std_error']:.3f}" for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
                "Subjects": self.frame["n"].map(count),
                "Events": self.frame["events"].map(count),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one ratio per row on a logarithmic axis, with the line of no difference."""
        from ketastats.plots.ratios import draw_ratios

        return draw_ratios(self.frame, ax, xlabel=self._model().ratio.capitalize())

    def __str__(self) -> str:
        parts = [
            f"{row['term']} {number(row['ratio'])} ({level_text(row['conf_level'])} interval "
            f"{number(row['ratio_low'])} to {number(row['ratio_high'])})"
            for row in self.frame.to_dict("records")
        ]
        row = self.frame.iloc[0]
        return (
            f"Recurrent events ({self._model().name}; {row['events']} events of {row['n']} "
            f"subjects), {self._model().ratio}: {', '.join(parts)}"
        )

    def _model(self) -> _Model:
        return MODELS[str(self.frame["model"].iloc[0])]


def recurrent_events(
    table: pd.DataFrame,
    formula: str,
    *,
    model: str = "lwyy",
    ties: str = "breslow",
    variance: str | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> RecurrentEvents:
    """Compare how often an event comes back, such as a relapse under maintenance.

    Parameters
    ----------
    table : DataFrame, one row per subject and span at risk (start, stop]
        `usubjid`, `start` and `stop` in hours, `event` (1 if it happened at `stop`), covariates, and
        for the two PWP models `episode` (1, 2, ...: the number of the event the span is at risk
        of). Several spans of one episode may carry covariates that change. For "lwyy", spans of
        `derive_episodes` must be derived with ``at_risk="throughout"``.
    formula : str
        Right-hand side, such as ``"trt01a + base"``; text columns enter as contrasts with the first
        value in alphabetical order, or with their `reference`.
    model : str, default "lwyy"
        A key of `MODELS`.
    ties : {"breslow", "efron"}
        SAS's default is the first, R's the second.
    variance : str, optional
        For "ag": "row" (robust, each row a cluster of its own, as R's `coxph(robust = TRUE)`
        without a cluster; the default) or "model" (inverse information). The other models are
        always robust by "subject"; Andersen-Gill robust by subject is "lwyy".
    reference : mapping of column to value, optional
        The group that the others are compared with.
    conf_level : float, default 0.95

    Returns
    -------
    RecurrentEvents

    Raises
    ------
    UsageError, DataError
        If an option, the formula or the table does not fit, with all reasons at once; if a
        coefficient has no finite estimate; or if there are no events.

    References
    ----------
    Andersen PK, Gill RD (1982). Ann Stat 10:1100-1120. Lin DY, Wei LJ, Yang I, Ying Z (2000). J R
    Stat Soc B 62:711-730. Prentice RL, Williams BJ, Peterson AV (1981). Biometrika 68:373-379.
    """
    chosen = _variance_of(model, variance)
    if ties not in ("breslow", "efron"):
        raise UsageError(f'ties must be "breslow" or "efron", not {ties!r}')
    conf_level = checked_level(conf_level)
    episodes = model.startswith("pwp")
    table = checked_spans(table, episodes=episodes, complete=formula_variables(formula))
    if model == "lwyy":
        require_throughout(table, 'model "lwyy" compares numbers of events per patient')
    if not (table["event"] == 1).any():
        raise UsageError("There are no events in the table, so there is nothing to compare")
    design = covariate_design(
        table, formula, intercept=False, reference=reference, name="spans at risk"
    )
    if not design.columns:
        raise UsageError(
            f"The formula {formula!r} compares nothing: a column with one value only, such as one "
            "group, has no contrast"
        )
    start, stop = _clock(table, model)
    try:
        fit = cox_regression(
            design.matrix,
            stop,
            table["event"].to_numpy(dtype=float),
            start=start,
            stratum=table["episode"].to_numpy() if episodes else None,
            ties=ties,
        )
    except (AliasedError, MonotoneLikelihoodError) as error:
        raise UsageError(_no_fit(error, list(design.labels))) from None
    except ValueError as error:  # such as the logarithm of zero in a formula
        raise UsageError(f"The formula {formula!r} does not fit the table: {error}") from None
    rows = _rows(fit, list(design.labels), _covariance(fit, chosen, table), conf_level)
    shared = {
        "model": model,
        "ties": ties,
        "variance": chosen,
        "events": fit.n_events,
        "n": int(table["usubjid"].nunique()),
        "conf_level": conf_level,
        "method": f"{model}_{ties}",
    }
    own = ("model", "ties", "variance", "events", "ratio", "ratio_low", "ratio_high")
    frame = in_shared_words([{**row, **shared} for row in rows], own=(*own, "std_error_model"))
    kind = MODELS[model]
    notes = (
        f"{kind.name}: {kind.convention}.",
        f"Ties by {ties.capitalize()}; standard errors {_VARIANCES[chosen]}.",
    )
    return RecurrentEvents(frame, sources=sources_of(table), notes=notes)


def _variance_of(model: str, variance: str | None) -> str:
    if model not in MODELS:
        raise unknown_name("recurrent-event model", model, MODELS)
    offered = MODELS[model].variances
    if variance is None:
        return offered[0]
    if variance not in offered:
        extra = '; Andersen-Gill robust by subject is model="lwyy"' if model == "ag" else ""
        raise UsageError(
            f'variance of model "{model}" must be {" or ".join(map(repr, offered))}, not '
            f"{variance!r}{extra}"
        )
    return variance


def _clock(table: pd.DataFrame, model: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start and stop on the model's clock: since treatment, or since the episode's first start."""
    start, stop = (table[name].to_numpy(dtype=float) for name in ("start", "stop"))
    if model != "pwp_gap":
        return start, stop
    origin = table.groupby(["usubjid", "episode"])["start"].transform("min").to_numpy(dtype=float)
    return start - origin, stop - origin


def _covariance(fit: CoxFit, variance: str, table: pd.DataFrame) -> NDArray[np.float64]:
    if variance == "model":
        return fit.covariance
    if variance == "row":
        return fit.robust_covariance()
    return fit.robust_covariance(pd.factorize(table["usubjid"])[0])


def _rows(
    fit: CoxFit, terms: list[str], covariance: NDArray[np.float64], conf_level: float
) -> list[dict[str, Any]]:
    z = two_sided_quantile(conf_level)
    errors, naive = np.sqrt(np.diag(covariance)), np.sqrt(np.diag(fit.covariance))
    rows = []
    for term, beta, se, model_se in zip(terms, fit.coefficients, errors, naive, strict=True):
        low, high = beta - z * se, beta + z * se
        rows.append(
            {
                "term": term,
                "estimate": float(beta),
                "std_error": float(se),
                "std_error_model": float(model_se),
                "statistic": float(beta / se) if se > 0 else None,
                "p_value": 2 * float(ndtr(-abs(beta / se))) if se > 0 else None,
                "conf_low": float(low),
                "conf_high": float(high),
                "ratio": float(np.exp(beta)),
                "ratio_low": float(np.exp(low)),
                "ratio_high": float(np.exp(high)),
            }
        )
    return rows


def _no_fit(error: AliasedError | MonotoneLikelihoodError, terms: list[str]) -> str:
    named = ", ".join(terms[column] for column in error.columns)
    if isinstance(error, AliasedError):
        return (
            f"{named}: constant among those at risk at every event, or a repeat of another "
            "covariate; drop it, or give the table more than one group"
        )
    return (
        f"{named}: no finite ratio fits, because the likelihood rises without end (as when one group "
        "has no events at all); drop the covariate, merge groups, or report the counts"
    )

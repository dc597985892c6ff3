"""Predictions of a model of repeated measures: means, new outcomes, and missing visits of a subject."""

from __future__ import annotations

from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.options import checked_level, require_choice
from ketastats.checks.positions import flagged
from ketastats.errors import UsageError
from ketastats.models.fitted_covariance import sigma_frame
from ketastats.models.linear_result import FittedMean, shared_frame
from ketastats.models.repeated_fit import RepeatedModel

Floats = NDArray[np.float64]

KINDS = ("mean", "new_outcome", "given_seen")
_SOURCE = "The table of newdata"


def predicted(
    mean: FittedMean, model: RepeatedModel, newdata: pd.DataFrame, *, kind: str, conf_level: float
) -> pd.DataFrame:
    """Predict the outcome in every row of a table.

    Parameters
    ----------
    mean : FittedMean
    model : RepeatedModel
    newdata : DataFrame, one row per subject and visit
        The formula's columns and the visit; for "given_seen" also the subject and the outcome, which is
        empty where it is to be predicted.
    kind : {"mean", "new_outcome", "given_seen"}
        The fitted mean with its confidence limits; the same with limits for one new outcome; or the
        expected outcome of a visit that was missed given the subject's others (an outcome that was seen
        is itself, without limits).
    conf_level : float

    Returns
    -------
    DataFrame in the shared words, one row per row of `newdata`
        `row` is its position. Limits of outcomes add the fitted variance to that of the mean; the fitted
        variance is taken as known.

    References
    ----------
    Henderson CR (1975). Biometrics 31:423-447 (variance of a prediction from estimated means).
    """
    require_choice("kind of prediction", kind, KINDS)
    checked_level(conf_level)
    table = _with_visits(model, newdata, kind)
    rows = mean.design.rows_of(table, name="newdata")
    n = len(rows)
    inference = mean.estimates(rows)
    estimate, variance = inference["estimate"], inference["std_error"] ** 2
    df = inference["df"]
    if kind == "new_outcome":
        visit = table[model.rows.visit_name].cat.codes.to_numpy()
        variance = variance + np.diag(sigma_frame(model).to_numpy())[visit]
    if kind == "given_seen":
        estimate, variance, df = _given_seen(mean, model, table, rows)
    half = np.sqrt(variance) * stdtrit(df, 0.5 + conf_level / 2)
    columns = {
        "row": np.arange(n),
        "term": [f"row {k + 1}" for k in range(n)],
        "n": model.rows.subjects,
        "estimate": estimate,
        "std_error": np.sqrt(variance),
        "df": np.where(np.isnan(variance), nan, df),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "conf_level": conf_level,
        "method": kind,
    }
    return shared_frame(columns, ("row",))


def _with_visits(model: RepeatedModel, newdata: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The table with visits as the fit's categories."""
    rows = model.rows
    needed = [rows.visit_name] if kind != "mean" else []
    if kind == "given_seen":
        needed += [str(rows.subject_ids.name), rows.outcome_name]
    refuse(missing_columns(newdata, needed, table="newdata"), source=_SOURCE)
    if kind == "given_seen":
        found = not_numbers(newdata, [rows.outcome_name], table="newdata")
        found += missing_values(newdata, [str(rows.subject_ids.name)], table="newdata")
        refuse(found, source=_SOURCE)
    if rows.visit_name not in newdata.columns:
        return newdata.reset_index(drop=True)
    unknown = flagged(
        ~newdata[rows.visit_name].isin(list(rows.visits)),
        "unknown_level",
        "newdata",
        rows.visit_name,
        "a visit that the model was not fitted to",
        "Predict for the visits that were studied",
    )
    refuse(unknown, source=_SOURCE)
    if kind != "mean" and (rows.groups or rows.weights is not None):
        raise UsageError(
            "Outcomes are predicted for models with one covariance and without weights; means for all"
        )
    visits = pd.Categorical(newdata[rows.visit_name], categories=list(rows.visits))
    return newdata.reset_index(drop=True).assign(**{rows.visit_name: visits})


def _given_seen(
    mean: FittedMean, model: RepeatedModel, table: pd.DataFrame, rows: Floats
) -> tuple[Floats, Floats, Floats]:
    """Expected outcome of missed visits given those seen, the variance of its error, and its df."""
    names = model.rows
    sigma = sigma_frame(model).to_numpy()
    visit = table[names.visit_name].cat.codes.to_numpy()
    outcome = table[names.outcome_name].to_numpy(dtype=float, na_value=nan)
    subject = str(names.subject_ids.name)
    twice = table.duplicated([subject, names.visit_name]).to_numpy()
    found = flagged(
        twice,
        "duplicate",
        "newdata",
        f"{subject} and {names.visit_name}",
        "a second row of one subject at one visit",
        "Keep one row per subject and visit",
    )
    refuse(found, source=_SOURCE)
    estimate, variance, df = outcome.copy(), np.full(len(outcome), nan), np.full(len(outcome), nan)
    for at in table.groupby(subject, sort=False).indices.values():
        missed, seen = at[np.isnan(outcome[at])], at[~np.isnan(outcome[at])]
        if not missed.size:
            continue
        ahead = np.linalg.solve(
            sigma[np.ix_(visit[seen], visit[seen])], sigma[np.ix_(visit[seen], visit[missed])]
        ).T
        left = (
            sigma[np.ix_(visit[missed], visit[missed])]
            - ahead @ sigma[np.ix_(visit[seen], visit[missed])]
        )
        moved = mean.estimates(rows[missed] - ahead @ rows[seen])  # the part that coefficients tell
        estimate[missed] = moved["estimate"] + ahead @ outcome[seen]
        variance[missed] = np.diag(left) + moved["std_error"] ** 2
        df[missed] = moved["df"]
    return estimate, variance, df

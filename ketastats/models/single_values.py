"""Differences of arms with one value in place of each visit that was missed, or with those seen only.

Kept for comparison with older reports: what was not seen is taken for seen, so intervals are too narrow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from ketastats.models.imputation_data import ImputationData
from ketastats.models.response_replicates import ResponseReplicates, reached
from ketastats.stats.intervals import two_sided_quantile

Floats = NDArray[np.float64]

SINGLE = {
    "those_seen": "only those seen at the visit",
    "locf": "last observation carried forward",
    "bocf": "baseline carried forward",
}
"""Ways without a model for what was missed; kept for comparison with older reports, not advised."""

NON_RESPONSE = {"non_response": "not seen = not met"}
"""The further way for shares: a composite of the outcome and being seen."""


def mean_difference(
    trial: ImputationData, name: str, t: int, k: int, at_baseline: float, conf_level: float
) -> dict[str, Any]:
    """The difference in means of arm k + 1 at visit t, by analysis of covariance."""
    outcome, used = _filled(trial, name, t, at_baseline)
    found: dict[str, Any] = _covariance_analysis(
        trial.analysis[used], outcome[used], k + 1, conf_level
    )
    return {**found, **_words(trial, name, t, int(used.sum())), "method": "ancova"}


def share_difference(
    trial: ImputationData,
    held: ResponseReplicates,
    name: str,
    t: int,
    k: int,
    at_baseline: float,
    conf_level: float,
) -> dict[str, Any]:
    """The difference in shares that meet a rule of arm k + 1 at visit t, with normal limits."""
    if name == "non_response":
        met, used = np.nan_to_num(held.met[:, t]), np.ones(len(trial.subjects), dtype=bool)
    else:
        outcome, used = _filled(trial, name, t, at_baseline)
        met = reached(outcome, held.limit[:, t], below=held.below, strict=held.strict)
    parts = [met[used & (trial.arm == code)] for code in (k + 1, 0)]
    p, n = np.array([part.mean() for part in parts]), np.array([len(part) for part in parts])
    estimate, se = float(p[0] - p[1]), float(np.sqrt((p * (1 - p) / n).sum()))
    half = two_sided_quantile(conf_level) * se
    return {
        "estimate": estimate,
        "std_error": se,
        "statistic": estimate / se if se > 0 else np.nan,
        "df": np.nan,
        "p_value": 2 * float(ndtr(-abs(estimate / se))) if se > 0 else np.nan,
        "conf_low": max(-1.0, estimate - half),
        "conf_high": min(1.0, estimate + half),
        **_words(trial, name, t, int(n.sum())),
        "method": "wald",
    }


def _words(trial: ImputationData, name: str, t: int, n: int) -> dict[str, Any]:
    imputed = 0 if name == "those_seen" else int(trial.imputed[:, t].sum())
    return {"term": {**SINGLE, **NON_RESPONSE}[name], "n": n, "imputed": imputed}


def _filled(
    trial: ImputationData, name: str, t: int, at_baseline: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Outcomes at a visit with what was missed carried there, and which are used."""
    outcome = trial.outcome[:, t].copy()
    missing = np.isnan(outcome)
    if name == "those_seen":
        return outcome, ~missing
    for row in np.flatnonzero(missing):
        before = trial.outcome[row, :t]
        seen = before[~np.isnan(before)]
        outcome[row] = seen[-1] if name == "locf" and seen.size else at_baseline
    return outcome, np.ones(len(outcome), dtype=bool)


def _covariance_analysis(
    design: Floats, outcome: Floats, column: int, conf_level: float
) -> dict[str, float]:
    """Least squares with its own standard error, for one coefficient."""
    inverse = np.linalg.inv(design.T @ design)
    solved = inverse @ (design.T @ outcome)
    rest, df = outcome - design @ solved, len(outcome) - design.shape[1]
    se = float(np.sqrt(rest @ rest / df * inverse[column, column]))
    estimate = float(solved[column])
    half = se * float(stdtrit(df, 0.5 + conf_level / 2))
    return {
        "estimate": estimate,
        "std_error": se,
        "statistic": estimate / se,
        "df": float(df),
        "p_value": 2 * float(stdtr(df, -abs(estimate / se))),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }

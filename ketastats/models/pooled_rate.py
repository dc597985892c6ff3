"""Rates of many studies pooled: the mean rate, how much studies differ, and what a new one might find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names, missing_columns, refuse
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError, problem, unknown_name
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, display_estimates, in_shared_words, percent, share_text
from ketastats.stats.binomial_normal import binomial_normal
from ketastats.stats.random_effects import (
    Heterogeneity,
    PooledMean,
    heterogeneity,
    pool_cluster_robust,
    pool_hartung_knapp,
    pool_wald,
    tau2_dersimonian_laird,
    tau2_reml,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = {
    "glmm": "binomial-normal mixed model",
    "reml_hartung_knapp": "normal model of logits, REML and Hartung-Knapp",
    "reml_cluster_robust": "the same, robust to several arms of one study",
    "dersimonian_laird": "normal model of logits, DerSimonian-Laird",
}
"""Pooling methods of `pool_rates` by name, in words for a report."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PooledRate(TabularResult):
    """Pooled rates, one row per group; `means` holds the fits on the logit scale in the same order."""

    means: tuple[PooledMean, ...] = ()

    def probability_new_between(self, low: float, high: float) -> tuple[float, ...]:
        """Chance, per group, that the rate in a new setting of the same kind lies in [low, high]."""
        lower, upper = logit_of(low), logit_of(high)
        return tuple(mean.probability_new_between(lower, upper) for mean in self.means)

    def display(self) -> pd.DataFrame:
        """Return rate, heterogeneity and the range for a new setting, in per cent."""
        shown = display_estimates(
            self.frame, heading="Pooled rate", as_percent=True, labels={"term": "Group"}
        ).rename(columns={"n": "People"})
        shown.insert(1, "Arms", self.frame["k"].astype(str))
        shown["New setting %"] = [
            f"{percent(row['new_low'])} to {percent(row['new_high'])}"
            for row in self.frame.to_dict("records")
        ]
        shown["I² %"] = [f"{100 * value:.0f}" for value in self.frame["i2"]]
        return shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one pooled rate per group, with the range for a new setting as a thin line."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(self.frame, ax, xlabel="Rate (%)", as_percent=True)

    def __str__(self) -> str:
        parts = []
        for row in self.frame.to_dict("records"):
            group = "" if row["term"] == "all" else f"{row['term']} "
            parts.append(group + share_text(row, also=f"{row['k']} arms, {row['n']} people"))
        return f"Pooled rate: {', '.join(parts)}"


def pool_rates(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    method: str = "glmm",
    conf_level: float = 0.95,
    allow_overlap: bool = False,
) -> PooledRate:
    """Pool rates over study arms.

    Parameters
    ----------
    table : DataFrame, one row per study arm
        `study_id`, `events` and `n`. From the evidence table, contrasts and DERIVED rows are
        refused.
    by : str or sequence of str, optional
        Grouping columns, each group pooled on its own.
    method : str, default "glmm"
        A key of `METHODS`. The logit methods add 1/2 to events and non-events of arms in which
        either is zero. Limits of "glmm" and "dersimonian_laird" take the spread between studies as
        known: with five arms they cover 86 to 90% in place of 95 (`docs/audit.md`), so take
        "reml_hartung_knapp" where there are few.
    conf_level : float, default 0.95
    allow_overlap : bool, default False
        Pool rows whose `overlap` key says that they describe some of the same people.

    Returns
    -------
    PooledRate
        Own columns `k` (arms), `events`, `tau2` and the prediction limits `new_low`, `new_high`,
        and of the logits `i2`, `q`, `q_p_value`.

    Raises
    ------
    UsageError, DataError
        If the method is unknown, or rows cannot be pooled, with all reasons at once.

    References
    ----------
    See `ketastats.stats.binomial_normal` and `ketastats.stats.random_effects`.
    """
    if method not in METHODS:
        raise unknown_name("pooling method", method, METHODS)
    groups = column_names(by)
    refuse(
        missing_columns(table, ["study_id", "events", "n", *groups], table="evidence"),
        source="The evidence",
    )
    arms = table.reset_index(drop=True)
    problems = unpoolable(arms)
    numbers = {name: pd.to_numeric(arms[name], errors="coerce") for name in ("events", "n")}
    arms = arms.assign(**numbers)
    parts = list(arms.groupby(groups, sort=True)) if groups else [((), arms)]
    if not allow_overlap:
        for _, part in parts:
            problems += overlapping(part)
    refuse(problems, source="The evidence")
    if not parts or arms.empty:
        raise UsageError("There is no study arm to pool")

    rows, means = [], []
    for key, part in parts:
        mean, spread = pool_counts(
            part["events"], part["n"], method=method, cluster=part["study_id"]
        )
        low, high = mean.interval(conf_level=conf_level)
        new_low, new_high = mean.prediction_interval(conf_level=conf_level)
        names = [str(value) for value in (key if isinstance(key, tuple) else (key,))]
        rows.append(
            {
                **dict(zip(groups, names, strict=True)),
                "k": len(part),
                "events": int(part["events"].sum()),
                "tau2": mean.tau2,
                "i2": spread.i2,
                "q": spread.q,
                "q_p_value": spread.p_value,
                "new_low": rate_of(new_low),
                "new_high": rate_of(new_high),
                "term": ", ".join(names) or "all",
                "n": int(part["n"].sum()),
                "estimate": rate_of(mean.mu),
                "df": None if mean.df == inf else mean.df,
                "conf_low": rate_of(low),
                "conf_high": rate_of(high),
                "conf_level": conf_level,
                "method": method,
            }
        )
        means.append(mean)
    own = (*groups, "k", "events", "tau2", "i2", "q", "q_p_value", "new_low", "new_high")
    return PooledRate(in_shared_words(rows, own=own), sources=sources_of(table), means=tuple(means))


def pool_counts(
    events: pd.Series, n: pd.Series, *, method: str, cluster: pd.Series
) -> tuple[PooledMean, Heterogeneity]:
    """Pool one set of arms; returns the mean logit and the heterogeneity of the logits.

    Raises
    ------
    UsageError
        If the method cannot pool these arms, such as one arm alone or no event in any.
    """
    x, size = events.to_numpy(dtype=float), n.to_numpy(dtype=float)
    try:
        return _pooled(x, size, method, cluster.to_numpy())
    except (ValueError, ArithmeticError) as error:
        raise UsageError(f"These arms cannot be pooled by {METHODS[method]}: {error}") from error


def _pooled(
    x: np.ndarray, n: np.ndarray, method: str, cluster: np.ndarray
) -> tuple[PooledMean, Heterogeneity]:
    logit, variance = logits(x, n)
    if method == "glmm":
        return binomial_normal(x, n).mean, heterogeneity(logit, variance)
    if method == "dersimonian_laird":
        tau2 = tau2_dersimonian_laird(logit, variance)
        return pool_wald(logit, variance, tau2), heterogeneity(logit, variance)
    tau2 = tau2_reml(logit, variance)
    spread = heterogeneity(logit, variance, tau2=tau2)
    if method == "reml_cluster_robust":
        return pool_cluster_robust(logit, variance, tau2, cluster), spread
    return pool_hartung_knapp(logit, variance, tau2), spread


def logits(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and their variances, with 1/2 added to both cells where either is zero."""
    added = np.where((x == 0) | (x == n), 0.5, 0.0)
    hit, miss = x + added, n - x + added
    return np.log(hit / miss), 1 / hit + 1 / miss


def unpoolable(arms: pd.DataFrame) -> list[Problem]:
    """Rows that are no study arm with counts."""
    found: list[Problem] = []
    for flag, what in (
        ("is_contrast", "a contrast between arms"),
        ("is_derived", "DERIVED from other rows"),
    ):
        if flag in arms.columns:
            remedy = f"Leave out the rows with {flag}"
            found += flagged(
                arms[flag], flag, "evidence", flag, f"{what}, not an arm of its own", remedy
            )
    events = pd.to_numeric(arms["events"], errors="coerce")
    size = pd.to_numeric(arms["n"], errors="coerce")
    known = events.notna() & size.notna()
    for bad, code, what, remedy in (
        (
            ~known,
            "missing_value",
            "not a number",
            "Leave out arms without counts; a percentage alone cannot be weighted",
        ),
        (
            (events < 0) | (events > size) | (size < 1),
            "impossible_count",
            "more events than people, or nobody",
            "Correct the counts: 0 <= events <= n and n >= 1",
        ),
        (
            known & ((events % 1 != 0) | (size % 1 != 0)),
            "not_whole",
            "not whole numbers",
            "Give counts of people, not shares or percentages",
        ),
    ):
        found += flagged(bad, code, "evidence", "events and n", what, remedy)
    return found


def overlapping(part: pd.DataFrame) -> list[Problem]:
    """Rows of different studies that describe some of the same people."""
    if "overlap" not in part.columns:
        return []
    shared = part["overlap"].fillna("").astype(str)
    studies = part["study_id"].groupby(shared).nunique()
    several = [key for key, count in studies.items() if key and count > 1]
    bad = part.index[shared.isin(several).to_numpy()]
    if bad.empty:
        return []
    return [
        problem(
            "overlap",
            "evidence",
            "overlap",
            bad,
            "several studies that describe some of the same people",
            "Keep one of each overlap key, or say allow_overlap=True",
        )
    ]


def logit_of(share: float) -> float:
    """Logit of a share, infinite at 0 and 1."""
    if share <= 0:
        return -inf
    return inf if share >= 1 else log(share / (1 - share))


def rate_of(logit: float) -> float:
    """Share of a logit."""
    return 1 / (1 + exp(-logit)) if logit > -700 else 0.0

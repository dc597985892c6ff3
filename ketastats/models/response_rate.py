"""The share of subjects who met an endpoint, per group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError, unknown_name
from ketastats.models.denominators import MISSING, count_by_denominator, rules_behind
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, display_estimates, in_shared_words, percent, share_text
from ketastats.stats.beta_posterior import beta_posterior
from ketastats.stats.exact_proportions import (
    blaker_interval,
    clopper_pearson_interval,
    mid_p_interval,
)
from ketastats.stats.intervals import Interval
from ketastats.stats.proportions import (
    agresti_coull_interval,
    arcsine_interval,
    jeffreys_interval,
    likelihood_interval,
    logit_interval,
    scas_interval,
    wald_interval,
    wilson_cc_interval,
    wilson_interval,
)
from ketastats.stats.stratified_proportions import (
    stratified_wilson_interval,
    stratified_wilson_weights,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS: dict[str, Callable[..., Interval]] = {
    "agresti_coull": agresti_coull_interval,
    "arcsine": arcsine_interval,
    "blaker": blaker_interval,
    "clopper_pearson": clopper_pearson_interval,
    "jeffreys": jeffreys_interval,
    "likelihood": likelihood_interval,
    "logit": logit_interval,
    "mid_p": mid_p_interval,
    "scas": scas_interval,
    "wald": wald_interval,
    "wilson": wilson_interval,
    "wilson_cc": wilson_cc_interval,
}
"""Interval methods of `response_rate` by name."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResponseRate(TabularResult):
    """Shares with confidence limits, one row per group."""

    def display(self) -> pd.DataFrame:
        """Return one row per group, shares in per cent."""
        labels = {"term": "Group", "rule": "Rule", "missing": "Missing means"}
        return display_estimates(self.frame, heading="Share", as_percent=True, labels=labels)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one interval per group."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(self.frame, ax, xlabel=f"{self._endpoint()} (%)", as_percent=True)

    def __str__(self) -> str:
        parts = []
        for row in self.frame.to_dict("records"):
            group = "" if row["term"] == "all" else f"{row['term']} "
            parts.append(group + share_text(row, also=f"{row['successes']} of {row['n']}"))
        return f"{self._endpoint()}: {', '.join(parts)}"

    def _endpoint(self) -> str:
        return str(self.frame["endpoint"].iloc[0]).replace("_", " ").capitalize()


def response_rate(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    endpoint: str = "response",
    method: str = "wilson",
    missing: str = "error",
    strata: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> ResponseRate:
    """Estimate the share of subjects who met an endpoint.

    Parameters
    ----------
    table : DataFrame, one row per subject
        From `select_visit`, or any table with a yes/no column.
    by : str or sequence of str, optional
        Grouping columns, such as ``"trt01a"``.
    endpoint : str, default "response"
        The yes/no column; its `<endpoint>_rule` column, if present, names the rule in the result.
    method : str, default "wilson"
        A key of `METHODS`.
    missing : str, default "error"
        What a missing endpoint means: "error", "non_response", "observed" or "completers".
    strata : str or sequence of str, optional
        Columns to stratify by. The rate is then the weighted mean of the strata's rates with Yan and
        Su's stratified Wilson interval, and `method` must be "wilson". These weights make the interval
        short and are not the patients' mix: where rates differ between strata it is another rate than
        everybody's (`docs/audit.md`).
    conf_level : float, default 0.95

    Returns
    -------
    ResponseRate
        One row per group.

    Raises
    ------
    UsageError, DataError
        If an option is unknown, or the table does not fit it.
    """
    if method not in METHODS:
        raise unknown_name("interval method", method, METHODS)
    groups, layers = column_names(by), column_names(strata)
    if layers and method != "wilson":
        raise UsageError(f'Only method="wilson" has a stratified interval, not {method!r}')
    counts = count_by_denominator(table, endpoint, missing=missing, by=[*groups, *layers])
    parts = list(counts.groupby(groups, sort=True)) if groups else [((), counts)]
    rows = []
    for key, part in parts:
        names = dict(zip(groups, key if isinstance(key, tuple) else (key,), strict=True))
        successes, n = int(part["successes"].sum()), int(part["n"].sum())
        if layers:
            estimate, (low, high) = _stratified(part, conf_level)
        else:
            estimate, (low, high) = rate_of_counts(
                successes, n, method=method, conf_level=conf_level
            )
        rows.append(
            {
                **names,
                **_own(table, endpoint, missing, successes),
                "term": ", ".join(str(value) for value in names.values()) or "all",
                "n": n,
                "estimate": estimate,
                "conf_low": low,
                "conf_high": high,
                "conf_level": conf_level,
                "method": "stratified_wilson" if layers else method,
            }
        )
    frame = in_shared_words(rows, own=(*groups, "endpoint", "rule", "missing", "successes"))
    return ResponseRate(frame, sources=sources_of(table), notes=_notes(missing, counts))


def rate_of_counts(
    successes: int, n: int, *, method: str = "wilson", conf_level: float = 0.95
) -> tuple[float, Interval]:
    """The rate that `response_rate` gives for counts, with its limits."""
    return successes / n, METHODS[method](successes, n, conf_level=conf_level)


def _stratified(counts: pd.DataFrame, conf_level: float) -> tuple[float, Interval]:
    x, n = counts["successes"].to_numpy(), counts["n"].to_numpy()
    weights = stratified_wilson_weights(x, n, conf_level=conf_level)
    interval = stratified_wilson_interval(x, n, conf_level=conf_level)
    return float(weights @ (x / n)), interval


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RatePosterior(TabularResult):
    """Posterior of a rate, one row per group: mean, credible limits, chance of lying in a range."""

    def display(self) -> pd.DataFrame:
        """Return one row per group, in per cent."""
        shown = display_estimates(
            self.frame,
            heading="Posterior mean",
            as_percent=True,
            labels={"term": "Group", "rule": "Rule"},
        )
        low, high = self.frame["range_low"].iloc[0], self.frame["range_high"].iloc[0]
        title = f"Chance of {percent(low)} to {percent(high)} %"
        return shown.assign(**{title: self.frame["probability_inside"].map("{:.1%}".format)})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one credible interval per group with the range as a band."""
        from ketastats.plots.forest import draw_forest

        band = (float(self.frame["range_low"].iloc[0]), float(self.frame["range_high"].iloc[0]))
        return draw_forest(self.frame, ax, xlabel="Rate (%)", as_percent=True, band=band)

    def __str__(self) -> str:
        parts = []
        for row in self.frame.to_dict("records"):
            group = "" if row["term"] == "all" else f"{row['term']}: "
            span = f"{percent(row['range_low'])} to {percent(row['range_high'])}%"
            parts.append(
                f"{group}chance {row['probability_inside']:.1%} that the rate lies in {span}"
            )
        return "; ".join(parts)


def rate_posterior(
    table: pd.DataFrame,
    *,
    between: tuple[float, float],
    by: str | Sequence[str] | None = None,
    endpoint: str = "response",
    missing: str = "error",
    prior: tuple[float, float] = (0.5, 0.5),
    conf_level: float = 0.95,
) -> RatePosterior:
    """Update a Beta prior with the counts, and ask how likely the rate lies in a range.

    Parameters
    ----------
    table, by, endpoint, missing, conf_level
        As for `response_rate`.
    between : (float, float)
        The range, as shares from 0 to 1.
    prior : (float, float), default (0.5, 0.5)
        Beta parameters; Jeffreys' prior by default.

    Returns
    -------
    RatePosterior
        `estimate` is the posterior mean, limits are equal-tailed credible limits,
        `probability_inside` the chance.
    """
    groups = column_names(by)
    counts = count_by_denominator(table, endpoint, missing=missing, by=groups)
    rows = []
    for count in counts.to_dict("records"):
        posterior = beta_posterior(count["successes"], count["n"], prior=prior)
        low, high = posterior.interval(conf_level=conf_level)
        rows.append(
            {
                **{name: count[name] for name in groups},
                **_own(table, endpoint, missing, count["successes"]),
                "range_low": between[0],
                "range_high": between[1],
                "probability_inside": posterior.probability_between(*between),
                "term": ", ".join(str(count[name]) for name in groups) or "all",
                "n": count["n"],
                "estimate": posterior.mean,
                "conf_low": low,
                "conf_high": high,
                "conf_level": conf_level,
                "method": f"beta_posterior({prior[0]:g}, {prior[1]:g})",
            }
        )
    own = (
        *groups,
        "endpoint",
        "rule",
        "missing",
        "successes",
        "range_low",
        "range_high",
        "probability_inside",
    )
    frame = in_shared_words(rows, own=own)
    return RatePosterior(frame, sources=sources_of(table), notes=_notes(missing, counts))


def _own(table: pd.DataFrame, endpoint: str, missing: str, successes: int) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "rule": rules_behind(table, endpoint),
        "missing": missing,
        "successes": successes,
    }


def _notes(missing: str, counts: pd.DataFrame) -> tuple[str, ...]:
    n_missing = int(counts["n_missing"].sum())
    if n_missing == 0:
        return ()
    return (
        f"{n_missing} have no known value (not seen at this visit, or no baseline): {MISSING[missing]}.",
    )

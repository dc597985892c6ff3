"""Two arms compared on a yes/no endpoint: difference, ratio, odds ratio, number needed to treat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError, unknown_name
from ketastats.models.denominators import MISSING, count_by_denominator, rules_behind
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    percentage_points,
)
from ketastats.stats.exact_two_proportions import (
    conditional_odds_ratio,
    exact_difference,
    exact_odds_ratio,
    exact_ratio,
    fisher_test,
)
from ketastats.stats.number_needed_to_treat import NumberNeededToTreat, number_needed_to_treat
from ketastats.stats.stratified_proportions import (
    cochran_mantel_haenszel_test,
    mantel_haenszel_odds_ratio,
    mantel_haenszel_risk_ratio,
    stratified_miettinen_nurminen,
)
from ketastats.stats.two_proportions import (
    arcsine_difference,
    cohens_h,
    koopman_ratio,
    log_odds_ratio,
    log_ratio,
    miettinen_nurminen_difference,
    miettinen_nurminen_odds_ratio,
    miettinen_nurminen_ratio,
    newcombe_difference,
    wald_difference,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS: dict[str, dict[str, Callable[..., Any]]] = {
    "miettinen_nurminen": {
        "risk difference": miettinen_nurminen_difference,
        "risk ratio": miettinen_nurminen_ratio,
        "odds ratio": miettinen_nurminen_odds_ratio,
    },
    "newcombe": {"risk difference": newcombe_difference},
    "koopman": {"risk ratio": koopman_ratio},
    "exact": {
        "risk difference": exact_difference,
        "risk ratio": exact_ratio,
        "odds ratio": exact_odds_ratio,
    },
    "wald": {
        "risk difference": wald_difference,
        "risk ratio": log_ratio,
        "odds ratio": log_odds_ratio,
    },
    "arcsine": {"Cohen's h": arcsine_difference},
}
"""Interval methods of `rate_difference` by name, with the measures each of them gives."""

_MOST_ARMS = 20
_NNT = "number needed to treat"
_NNT_LIMITS = ("benefit_from", "benefit_to", "harm_from", "harm_to")


class _Estimate(NamedTuple):
    term: str
    estimate: float
    low: float
    high: float
    p_value: float
    method: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RateDifference(TabularResult):
    """Comparison of `arm` with `reference`, one row per measure."""

    def number_needed_to_treat(self) -> NumberNeededToTreat:
        """Number needed to treat with both sides of its interval where the difference may be zero."""
        rows = self.frame[self.frame["term"] == "risk difference"]
        if rows.empty:
            raise UsageError("This method gives no risk difference, so no number needed to treat")
        row = rows.iloc[0]
        return number_needed_to_treat(row["estimate"], row["conf_low"], row["conf_high"])

    def display(self) -> pd.DataFrame:
        """Return one row per measure; the difference in percentage points."""
        level = self.frame["conf_level"].iloc[0]
        rows = []
        for row in self.frame.to_dict("records"):
            points = row["term"] == "risk difference"
            written = estimate_text(
                row["estimate"],
                row["conf_low"],
                row["conf_high"],
                percentage_points if points else number,
            )
            rows.append(
                {
                    "Measure": row["term"] + (" (percentage points)" if points else ""),
                    "n": count(row["n"]),
                    f"{row['arm']} against {row['reference']} ({level_text(level)} interval)": (
                        str(self.number_needed_to_treat()) if row["term"] == _NNT else written
                    ),
                    "p": "–" if pd.isna(row["p_value"]) else f"{row['p_value']:.3f}",
                }
            )
        shown = pd.DataFrame(rows)
        return shown if self.frame["p_value"].notna().any() else shown.drop(columns="p")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the risk difference with its interval and the line of no difference."""
        from ketastats.plots.forest import draw_forest

        rows = self.frame[self.frame["term"] != _NNT]
        shown = (
            rows[rows["term"] == "risk difference"]
            if "risk difference" in set(rows["term"])
            else rows
        )
        as_percent = bool((shown["term"] == "risk difference").all())
        on_arcsine = set(shown["term"]) == {"Cohen's h"}
        label = "Ratio"
        if as_percent or on_arcsine:
            label = "Difference (percentage points)" if as_percent else "Cohen's h (radians)"
        reference = 0.0 if as_percent or on_arcsine else 1.0
        return draw_forest(shown, ax, xlabel=label, as_percent=as_percent, reference=reference)

    def __str__(self) -> str:
        row = self.frame.iloc[0]
        form = percentage_points if row["term"] == "risk difference" else number
        unit = " percentage points" if row["term"] == "risk difference" else ""
        return (
            f"{row['endpoint'].replace('_', ' ').capitalize()}, {row['arm']} against {row['reference']}: "
            f"{row['term']} {form(row['estimate'])}{unit} ({level_text(row['conf_level'])} interval "
            f"{form(row['conf_low'])} to {form(row['conf_high'])})"
        )


def rate_difference(
    table: pd.DataFrame,
    *,
    arm: str,
    reference: str,
    by: str = "trt01a",
    endpoint: str = "response",
    method: str = "miettinen_nurminen",
    missing: str = "error",
    strata: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> RateDifference:
    """Compare two arms on a yes/no endpoint.

    Parameters
    ----------
    table : DataFrame, one row per subject
    arm, reference : str
        Values of `by`; differences are arm minus reference, ratios arm over reference.
    by : str, default "trt01a"
    endpoint, missing, conf_level
        As for `response_rate`.
    method : str, default "miettinen_nurminen"
        A key of `METHODS`; with `strata` only the default.
    strata : str or sequence of str, optional
        Columns to stratify by: the difference is then Miettinen and Nurminen's stratified one with
        Mantel-Haenszel weights, ratios are Mantel-Haenszel's, and the p-value is
        Cochran-Mantel-Haenszel's.

    Returns
    -------
    RateDifference
        One row per measure that the method gives, and one for the number needed to treat. The
        `p_value` is Fisher's exact one for the exact method, Cochran-Mantel-Haenszel's under
        strata, and otherwise missing.

    Raises
    ------
    UsageError, DataError
        If an option or an arm is unknown, or the table does not fit.
    """
    if method not in METHODS:
        raise unknown_name("comparison method", method, METHODS)
    if strata is not None and method != "miettinen_nurminen":
        raise UsageError(f"Over strata the method is miettinen_nurminen, not {method}")
    layers = column_names(strata)
    counts = count_by_denominator(table, endpoint, missing=missing, by=[by, *layers])
    counts = counts.assign(**{by: counts[by].astype(str)})
    arm, reference = str(arm), str(reference)
    _require_arms(counts[by], arm, reference)
    if layers:
        estimates = _stratified(counts, by, layers, arm, reference, conf_level)
    else:
        estimates = _unstratified(counts, by, arm, reference, method, conf_level)
    estimates = [*estimates, *_as_number_needed(estimates)]
    both = counts[counts[by].isin([arm, reference])]
    rows = [
        {
            "endpoint": endpoint,
            "rule": rules_behind(table, endpoint),
            "missing": missing,
            "arm": arm,
            "reference": reference,
            "term": one.term,
            "n": int(both["n"].sum()),
            "estimate": one.estimate,
            "p_value": one.p_value,
            "conf_low": one.low,
            "conf_high": one.high,
            "conf_level": conf_level,
            "method": one.method,
            **_needed_limits(one, estimates),
        }
        for one in estimates
    ]
    own = ("endpoint", "rule", "missing", "arm", "reference", *_NNT_LIMITS)
    frame = in_shared_words(rows, own=own)
    n_missing = int(both["n_missing"].sum())
    notes = (
        (
            f"{n_missing} have no known value (not seen at this visit, or no baseline): {MISSING[missing]}.",
        )
        if n_missing
        else ()
    )
    return RateDifference(frame, sources=sources_of(table), notes=notes)


def _unstratified(
    counts: pd.DataFrame, by: str, arm: str, reference: str, method: str, conf_level: float
) -> list[_Estimate]:
    indexed = counts.set_index(by)
    x1, n1 = (int(indexed[name][arm]) for name in ("successes", "n"))
    x2, n2 = (int(indexed[name][reference]) for name in ("successes", "n"))
    p1, p2 = x1 / n1, x2 / n2
    odds = (
        conditional_odds_ratio(x1, n1, x2, n2)
        if method == "exact"
        else _ratio(x1 * (n2 - x2), x2 * (n1 - x1))
    )
    points = {
        "risk difference": p1 - p2,
        "risk ratio": _ratio(p1, p2),
        "odds ratio": odds,
        "Cohen's h": cohens_h(p1, p2),
    }
    p_value = fisher_test(x1, n1, x2, n2) if method == "exact" else nan
    found = []
    for term, interval in METHODS[method].items():
        low, high = interval(x1, n1, x2, n2, conf_level=conf_level)
        found.append(_Estimate(term, points[term], low, high, p_value, method))
    return found


def _stratified(
    counts: pd.DataFrame, by: str, strata: list[str], arm: str, reference: str, conf_level: float
) -> list[_Estimate]:
    def of(name: str, value: str) -> pd.Series:
        return counts[counts[by] == value].set_index(strata)[name]

    wide = pd.concat(
        [of("successes", arm), of("n", arm), of("successes", reference), of("n", reference)],
        axis=1,
        keys=["x1", "n1", "x2", "n2"],
    ).fillna(0)
    arrays = [wide[name].to_numpy() for name in ("x1", "n1", "x2", "n2")]
    p_value = cochran_mantel_haenszel_test(*arrays).p_value
    return [
        _Estimate(term, *function(*arrays, conf_level=conf_level), p_value, method)
        for term, function, method in (
            ("risk difference", stratified_miettinen_nurminen, "stratified_miettinen_nurminen"),
            ("risk ratio", mantel_haenszel_risk_ratio, "mantel_haenszel"),
            ("odds ratio", mantel_haenszel_odds_ratio, "mantel_haenszel"),
        )
    ]


def _as_number_needed(estimates: list[_Estimate]) -> list[_Estimate]:
    """The number needed to treat; its limits are left missing where they run through infinity."""
    for one in estimates:
        if one.term == "risk difference":
            estimate = inf if one.estimate == 0 else 1 / one.estimate
            low, high = (nan, nan) if one.low <= 0 <= one.high else (1 / one.high, 1 / one.low)
            return [_Estimate(_NNT, estimate, low, high, nan, one.method)]
    return []


def _needed_limits(one: _Estimate, estimates: list[_Estimate]) -> dict[str, float]:
    """Both sides of the interval of the number needed to treat, each possibly up to infinity."""
    if one.term != _NNT:
        return dict.fromkeys(_NNT_LIMITS, nan)
    difference = next(e for e in estimates if e.term == "risk difference")
    needed = number_needed_to_treat(difference.estimate, difference.low, difference.high)
    limits = [*(needed.benefit or (nan, nan)), *(needed.harm or (nan, nan))]
    return dict(zip(_NNT_LIMITS, limits, strict=True))


def _require_arms(column: pd.Series, arm: str, reference: str) -> None:
    present = sorted(column.unique())
    if len(present) > _MOST_ARMS:
        raise UsageError(f"{column.name} has {len(present)} values, too many to be arms")
    for name in (arm, reference):
        if name not in present:
            raise unknown_name("arm with people to count", name, present)
    if arm == reference:
        raise UsageError(f"arm and reference are both {arm!r}; name two arms")


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return nan if numerator == 0 else inf
    return numerator / denominator

"""The log-rank test of groups whose event times were seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError
from ketastats.models.exact_times import (
    ExactTimes,
    exact_times,
    require_events,
    require_groups,
)
from ketastats.models.kaplan_meier import curves_of, in_words
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, in_shared_words, p_text
from ketastats.stats.log_rank import LogRank, log_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LogRankTest(TabularResult):
    """Test rows first (`quantity` "test", then "trend" if asked for), then one row per group.

    A group's row gives its `observed` and `expected` events, both weighted if `rho` is not 0. The
    statistic of the test is chi-square, that of the trend a normal z, positive where a higher score
    goes with earlier events.
    """

    steps: pd.DataFrame = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return observed and expected events per group, with the tests below."""
        rows = [
            {
                "": row["term"],
                "n": count(row["n"]),
                "Events": f"{row['observed']:.1f}".removesuffix(".0"),
                "Expected": f"{row['expected']:.1f}",
                "Statistic": "",
                "p": "",
            }
            for row in self._rows("group")
        ]
        for row in [*self._rows("test"), *self._rows("trend")]:
            blank = {"Events": "", "Expected": ""}
            rows.append(
                {"": row["term"], "n": count(row["n"]), **blank, "Statistic": _statistic(row)}
                | {"p": p_text(row["p_value"])}
            )
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the Kaplan-Meier curves that are compared (without the strata)."""
        from ketastats.plots.step_curves import draw_step_curves

        return draw_step_curves(self.steps, ax, ylabel=f"Without {self._event()} (%)")

    def figure_text(self) -> str:
        """Return the counts behind the curves, in words."""
        groups = [
            f"{row['term']} {row['observed']:.1f} of {row['expected']:.1f} expected"
            for row in self._rows("group")
        ]
        return f"Events: {'; '.join(groups)}. {self}"

    def __str__(self) -> str:
        test = self._rows("test")[0]
        sentence = (
            f"Time to {self._event()}, {test['term']}: {_statistic(test)}, "
            f"{_p_sentence(test['p_value'])}"
        )
        for row in self._rows("trend"):
            sentence += f"; {row['term']} {_statistic(row)}, {_p_sentence(row['p_value'])}"
        return sentence

    def _event(self) -> str:
        return str(self.frame["event"].iloc[0]).replace("_", " ")

    def _rows(self, quantity: str) -> list[dict[str, Any]]:
        rows = self.frame[self.frame["quantity"] == quantity].to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]


def log_rank_test(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str],
    strata: str | Sequence[str] | None = None,
    trend: Mapping[Any, float] | None = None,
    rho: float = 0.0,
    event: str | None = None,
) -> LogRankTest:
    """Test whether groups have the event at the same rate, where the time of the event was seen.

    Parameters
    ----------
    intervals, event
        As for `kaplan_meier`; rows whose event lies between two assessments are refused, because
        `relief_test` is for them.
    by : str or sequence of str
        Grouping columns, two groups or more.
    strata : str or sequence of str, optional
        Compare within strata and add up.
    trend : mapping of group to number, optional
        A score for each group, such as its dose, to test for an ordered difference as well.
    rho : float, default 0
        Weight of early events: 0 is the log-rank test, 1 the Peto-Peto test (Fleming-Harrington's
        G-rho family).

    Returns
    -------
    LogRankTest

    Raises
    ------
    UsageError, DataError
        If an option or the table does not fit, there is one group only, or no events.

    References
    ----------
    See `ketastats.stats.log_rank`; the statistic is that of R's `survdiff`.
    """
    if not column_names(by):
        raise UsageError("by must name the column of the groups to compare")
    if not isinstance(rho, (int, float)) or not isfinite(rho):
        raise UsageError(f"rho must be a finite number, not {rho!r}")
    data = exact_times(intervals, by=by, strata=strata, event=event)
    require_groups(data, by)
    require_events(data)
    scores = None if trend is None else _scores(trend, data.group.labels)
    layers = data.stratum.codes
    try:
        found = log_rank(data.time, data.event, data.group.codes, stratum=layers, rho=rho)
        rows = _test_rows(found, data, scores)
    except ValueError as error:
        raise UsageError(f"The groups cannot be compared: {error}") from None
    shared = {
        "event": data.name,
        "strata": ", ".join(column_names(strata)) or None,
        "rho": float(rho),
        "method": _method(rho, stratified=strata is not None),
    }
    own = (*data.group.values[0], "event", "quantity", "strata", "rho", "observed", "expected")
    frame = in_shared_words([{**row, **shared} for row in rows], own=own)
    notes = (*in_words(data.notes), *_never_at_risk(found, data))
    return LogRankTest(frame, sources=sources_of(intervals), notes=notes, steps=curves_of(data))


def _test_rows(
    found: LogRank, data: ExactTimes, scores: list[float] | None
) -> list[dict[str, Any]]:
    n, sizes = data.time.size, pd.Series(data.group.codes).value_counts()
    rows: list[dict[str, Any]] = [
        {
            "quantity": "test",
            "term": "difference between groups",
            "n": n,
            "statistic": found.statistic,
            "df": found.df,
            "p_value": found.p_value,
        }
    ]
    if scores is not None:
        z, p_value = found.trend(scores)
        rows.append(
            {"quantity": "trend", "term": "trend", "n": n, "statistic": z, "p_value": p_value}
        )
    for code, label in enumerate(data.group.labels):
        rows.append(
            {
                **data.group.values[code],
                "quantity": "group",
                "term": label,
                "n": int(sizes[code]),
                "observed": float(found.observed[code]),
                "expected": float(found.expected[code]),
            }
        )
    return rows


def _scores(trend: Mapping[Any, float], labels: Sequence[str]) -> list[float]:
    if not isinstance(trend, Mapping):
        raise UsageError(
            "trend gives a number for each group, such as {'placebo': 0, '0.5 mg/kg': 0.5}"
        )
    given = {str(name): value for name, value in trend.items()}
    if set(given) != set(labels):
        raise UsageError(f"trend must give a number for each of: {', '.join(labels)}")
    try:
        return [float(given[label]) for label in labels]
    except (TypeError, ValueError):
        raise UsageError("trend must give numbers") from None


def _method(rho: float, *, stratified: bool) -> str:
    name = "log_rank" if rho == 0 else f"fleming_harrington({rho:g})"
    return f"stratified_{name}" if stratified else name


def _never_at_risk(found: LogRank, data: ExactTimes) -> list[str]:
    absent = [label for code, label in enumerate(data.group.labels) if found.expected[code] == 0]
    if not absent:
        return []
    return [
        f"{', '.join(absent)}: nobody was still followed when an event happened, so the test is "
        "about the other groups."
    ]


def _statistic(row: dict[str, Any]) -> str:
    if row["quantity"] == "trend":
        return f"z = {row['statistic']:.2f}".replace("-", "−")
    return f"chi-square = {row['statistic']:.2f} on {row['df']:.0f} df"


def _p_sentence(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"

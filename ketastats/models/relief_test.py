"""Whether relief comes earlier in one group than in another, from event intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.errors import UsageError, unknown_name
from ketastats.models.grouped_intervals import (
    GroupedIntervals,
    group_label,
    grouped_intervals,
    interval_ends,
    no_information,
    scored,
    trend_numbers,
)
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, in_shared_words, number
from ketastats.stats.interval_score_test import MODELS, score_and_information
from ketastats.stats.interval_scores import SCORES
from ketastats.stats.permutation_tests import (
    MONTE_CARLO_LEVEL,
    TAILS,
    Floats,
    NoVariationError,
    PermutationTest,
    TooManyAssignmentsError,
    asymptotic_test,
    exact_test,
    group_sums,
    limit_test,
    monte_carlo_test,
)
from ketastats.stats.schedule_comparison import FEW_SHARED, SMALL_P, schedule_differs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("auto", "asymptotic", "exact", "monte_carlo", "score")
"""Ways to the p-value of `relief_test`."""

_NAMES = {
    "finkelstein": "Finkelstein's log-rank scores",
    "sun": "Sun's log-rank scores",
    "wilcoxon": "Wilcoxon-type scores",
}
_HOW = {
    "asymptotic": "asymptotic permutation test",
    "exact": "exact permutation test",
    "monte_carlo": "Monte Carlo permutation test",
    "score": "score test with observed information",
}
_QUICK = 200_000  # most partial assignments for which "auto" goes through all: about a second
_SAME_SCORE = 1e-9
_OWN = ("part", "reading", "scores", "position", "p_low", "p_high")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReliefTest(TabularResult):
    """A comparison of groups: one row for the test, then one row per group."""

    event: str = "relief"

    def display(self) -> pd.DataFrame:
        """Return the test and the groups' sums of scores as text."""
        rows = []
        for row in self.frame.to_dict("records"):
            tested = row["part"] == "test"
            rows.append(
                {
                    "": str(row["term"]),
                    "n": count(row["n"]),
                    "Sum of scores": "–" if tested else number(row["estimate"]),
                    "Statistic": _statistic(row) if tested else number(row["statistic"]),
                    "p": _p_text(row) if tested else "–",
                    self.event.capitalize(): "–" if tested else str(row["reading"]),
                }
            )
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each group's sum of scores over its standard error."""
        from ketastats.plots.forest import draw_forest

        shown = self._groups().assign(estimate=lambda table: table["statistic"])
        return draw_forest(
            shown,
            ax,
            xlabel=f"Sum of scores / standard error (right: {self.event} earlier than expected)",
            band=(-1.96, 1.96),
            band_label="about 95% if there is no difference",
            reference=0.0,
        )

    def figure_text(self) -> str:
        """Return each group's standardised sum of scores in words."""
        parts = [
            f"{row['term']} {number(row['statistic'])} ({self.event} {row['reading']})"
            for row in self._groups().to_dict("records")
        ]
        return f"Sum of scores over its standard error: {', '.join(parts)}"

    def __str__(self) -> str:
        row = self.frame.iloc[0].to_dict()
        parts = [
            f"{group['reading'].split()[0]} than expected in {group['term']}"
            for group in self._groups().to_dict("records")
            if group["reading"] != _reading(0.0)
        ]
        found = f"; {self.event} {', '.join(parts)}" if parts else ""
        p = _p_text(row, label=f"{MONTE_CARLO_LEVEL:.0%} limits ")
        return (
            f"Time to {self.event}, {row['term']}: {_statistic(row)}, "
            f"p {p if p.startswith('<') else f'= {p}'}; "
            f"{_NAMES[row['scores']]}, {_HOW[row['method']]}{found}"
        )

    def _groups(self) -> pd.DataFrame:
        return self.frame[self.frame["part"] == "group"]


def relief_test(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str],
    scores: str = "finkelstein",
    method: str = "auto",
    strata: str | Sequence[str] | None = None,
    trend: Mapping[Any, float] | None = None,
    reference: Any = None,
    tails: str = "central",
    replicates: int = 9999,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ReliefTest:
    """Test whether the time to relief differs between groups.

    Each subject gets a score from the curve of all subjects together (of the stratum): positive where
    relief came earlier than expected. Groups are compared by their sums of scores.

    The permutation methods ask for one thing: were there no difference, every assignment of subjects
    to groups would have been as likely, assessments included. Where the timing of assessments
    depends on the group their level is no longer assured.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours: relief lies in (left, right], `right` infinite where it
        was not reached, equal to `left` where seen exactly. `status`, if present, must hold one kind
        of event.
    by : str or sequence of str
        Grouping columns.
    scores : {"finkelstein", "sun", "wilcoxon"}
        "finkelstein" (grouped proportional hazards) and "sun" (discrete hazards, the log-rank test on
        exact and right-censored times) are most sensitive to proportional hazards, "wilcoxon" to
        proportional odds and early differences.
    method : {"auto", "asymptotic", "exact", "monte_carlo", "score"}
        The permutation distribution by its normal or chi-square limit, by all assignments, or by
        `replicates` random ones; or the likelihood's score test with observed information, which
        does not rest on permutations but on few assessment times against the number of subjects.
        "auto" is exact where that is quick, otherwise asymptotic.
    strata : str or sequence of str, optional
        Columns within which groups are compared; scores come from each stratum's own curve, sums and
        variances are added over strata.
    trend : mapping of group to number, optional
        A number for each group, such as its dose: tests whether relief comes the earlier the larger
        the number is.
    reference : group, optional
        The group that the other is compared with (of two), and that is listed first; the first in
        order if not given.
    tails : {"central", "absolute"}
        Two-sided exact and Monte Carlo p-values of two groups or a trend: twice the smaller tail (as
        R's interval package), or the chance of a statistic as far from zero. Three and more groups
        without a trend have one kind.
    replicates, seed
        For "monte_carlo".
    progress : callable, optional
        Told the number of random assignments done and wanted.

    Returns
    -------
    ReliefTest
        First row: the test. Its `statistic` is standard normal for two groups (positive: earlier in
        the one that is not the reference) or a trend (positive: earlier at larger numbers),
        otherwise chi-square on `df`; `p_low` and `p_high` are 99% limits of a Monte Carlo p-value.
        Then one row per group: `estimate` is the sum of scores (observed minus expected relief under
        Sun's scores on exact times), `statistic` that sum over `std_error`.

    Raises
    ------
    UsageError, DataError
        If an option is unknown, the table does not fit, there is one group only, nobody's event was
        seen, or all scores are equal.

    References
    ----------
    Fay MP, Shaw PA (2010). J Stat Softw 36(2). Sun J (1996). Stat Med 15:1387-1395. Finkelstein DM
    (1986). Biometrics 42:845-854.
    """
    _check_options(scores, method, tails, replicates, trend, reference)
    data = grouped_intervals(intervals, by=column_names(by), strata=column_names(strata))
    numbers = trend_numbers(data.names, trend)
    names = _in_order(data.names, numbers, reference)
    options = _Options(_positions(names, numbers), tails, int(replicates), seed, progress)
    tables = data.tables(names)
    try:
        found, used, sums, covariance = _tested(tables, scores, method, options)
    except NoVariationError:
        raise no_information(
            "the intervals put nobody's event before that of anybody in another group"
        ) from None
    sizes = data.sizes(names)
    rows = [
        _test_row(names, options.positions, found, sum(sizes)),
        *_group_rows(names, options.positions, sizes, sums, covariance),
    ]
    shared = {"scores": scores, "method": used}
    return ReliefTest(
        in_shared_words([{**row, **shared} for row in rows], own=_OWN),
        event=data.event,
        sources=sources_of(intervals),
        notes=(
            f"A positive sum of scores means {data.event} earlier than expected of everyone's curve.",
            *_method_notes(used, method, options),
            *_data_notes(data, tables),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Options:
    positions: Floats | None
    tails: str
    replicates: int
    seed: int
    progress: Callable[[int, int], None] | None


def _check_options(
    scores: str,
    method: str,
    tails: str,
    replicates: int,
    trend: Mapping[Any, float] | None,
    reference: Any,
) -> None:
    if scores not in SCORES:
        raise unknown_name("kind of scores", scores, SCORES)
    if method not in METHODS:
        raise unknown_name("test method", method, METHODS)
    if tails not in TAILS:
        raise UsageError(f"tails must be one of {', '.join(TAILS)}, not {tails!r}")
    if not isinstance(replicates, (int, np.integer)) or replicates < 99:
        raise UsageError(f"replicates must be a whole number of at least 99, not {replicates}")
    if trend is not None and reference is not None:
        raise UsageError("A trend orders the groups by its numbers: leave reference out")
    if method == "score" and scores not in MODELS:
        known = " or ".join(f'scores="{name}"' for name in MODELS)
        raise UsageError(f'method="score" needs the scores of a model: {known}')


def _in_order(names: list[str], trend: Mapping[str, float] | None, reference: Any) -> list[str]:
    """The groups in the order of the answer."""
    if trend is not None:
        return sorted(names, key=lambda name: (trend[name], name))
    if reference is not None:
        if group_label(reference) not in names:
            raise unknown_name("group", group_label(reference), names)
        return sorted(names, key=lambda name: name != group_label(reference))
    return names


def _positions(names: list[str], numbers: Mapping[str, float] | None) -> Floats | None:
    """A number per group where the statistic is one number."""
    if numbers is None:
        return np.array([0.0, 1.0]) if len(names) == 2 else None
    return np.array([numbers[name] for name in names])


def _tested(
    tables: Sequence[pd.DataFrame], scores: str, method: str, options: _Options
) -> tuple[PermutationTest, str, Floats, Floats]:
    """The test, the method used, and the groups' sums with their covariance."""
    positions, tails = options.positions, options.tails
    if method == "score":
        parts = [
            score_and_information(*interval_ends(table), table.to_numpy(), scores=scores)
            for table in tables
        ]
        sums, information = (np.sum([part[i] for part in parts], axis=0) for i in (0, 1))
        return limit_test(sums, information, positions=positions), method, sums, information
    strata = [scored(table, scores) for table in tables]
    sums, covariance = group_sums(strata)
    if method == "monte_carlo":
        found = monte_carlo_test(
            strata,
            positions=positions,
            tails=tails,
            replicates=int(options.replicates),
            seed=options.seed,
            progress=options.progress,
        )
        return found, method, sums, covariance
    if method in ("exact", "auto"):
        try:
            limit = {"limit": _QUICK} if method == "auto" else {}
            found = exact_test(strata, positions=positions, tails=tails, **limit)
            return found, "exact", sums, covariance
        except TooManyAssignmentsError as error:
            if method == "exact":
                raise UsageError(
                    f'An exact test is out of reach: {error}. Use method="monte_carlo"'
                ) from None
    return asymptotic_test(strata, positions=positions), "asymptotic", sums, covariance


def _test_row(
    names: list[str], positions: Floats | None, found: PermutationTest, n: int
) -> dict[str, Any]:
    if positions is None:
        term = f"any difference between {', '.join(names)}"
    elif len(names) == 2:
        term = f"{names[1]} against {names[0]}"
    else:
        numbered = zip(names, positions, strict=True)
        term = f"trend over {', '.join(f'{name} ({at:g})' for name, at in numbered)}"
    return {
        "part": "test",
        "term": term,
        "n": n,
        "statistic": found.statistic,
        "df": found.df,
        "p_value": found.p_value,
        "p_low": found.p_low,
        "p_high": found.p_high,
    }


def _group_rows(
    names: list[str],
    positions: Floats | None,
    sizes: list[int],
    sums: Floats,
    covariance: Floats,
) -> list[dict[str, Any]]:
    rows = []
    for i, name in enumerate(names):
        error = sqrt(max(float(covariance[i, i]), 0.0))
        rows.append(
            {
                "part": "group",
                "reading": _reading(float(sums[i])),
                "position": None if positions is None else float(positions[i]),
                "term": name,
                "n": sizes[i],
                "estimate": float(sums[i]),
                "std_error": error,
                "statistic": float(sums[i]) / error if error > 0 else None,
            }
        )
    return rows


def _reading(total: float) -> str:
    if abs(total) < _SAME_SCORE:
        return "as expected"
    return "earlier than expected" if total > 0 else "later than expected"


def _statistic(row: Mapping[Any, Any]) -> str:
    if isnan(row["df"]):
        return f"Z = {number(row['statistic'])}"
    return f"chi-square = {number(row['statistic'])} on {row['df']:g} df"


def _p_text(row: Mapping[Any, Any], *, label: str = "") -> str:
    shown = _p_number(row["p_value"])
    if isnan(row["p_low"]):
        return shown
    return f"{shown} ({label}{_p_number(row['p_low'])} to {_p_number(row['p_high'])})"


def _p_number(value: float) -> str:
    return "< 0.0001" if value < 0.00005 else f"{value:.4f}"


def _method_notes(used: str, method: str, options: _Options) -> list[str]:
    if used == "score":
        return [
            "The score test counts the steps of the curve of all subjects as parameters: it needs few "
            "assessment times against the number of subjects."
        ]
    notes = ["A permutation test holds if the timing of assessments does not depend on the group."]
    if used == "monte_carlo":
        notes.append(f"{options.replicates:,} random assignments, seed {options.seed}.")
    if used != method:
        notes.append(
            "There are few enough assignments to go through all of them."
            if used == "exact"
            else "There are too many assignments to go through all of them quickly: the p-value is "
            'the limit\'s, method="monte_carlo" samples assignments.'
        )
    if used != "asymptotic" and options.positions is not None:
        notes.append(
            "The two-sided p-value is twice the smaller tail, at most 1."
            if options.tails == "central"
            else "The two-sided p-value is the chance of a statistic at least as far from zero."
        )
    return notes


def _data_notes(data: GroupedIntervals, tables: Sequence[pd.DataFrame]) -> list[str]:
    notes = []
    if data.layers:
        alone = sum(int((table.sum() > 0).sum() < 2) for table in tables)
        silent = f" {alone} of them hold one group only and say nothing." if alone else ""
        notes.append(
            f"Compared within {len(tables)} strata of {', '.join(data.layers)}, with scores from each "
            f"stratum's own curve.{silent}"
        )
    if data.empty:
        notes.append(f"Nobody is in {', '.join(data.empty)}: left out.")
    counted = data.counted
    seen = schedule_differs(counted["left"], counted["right"], counted["group"], counted["n"])
    if seen.differs:
        why = []
        if seen.width_p_value < SMALL_P:
            why.append(
                f"among intervals that begin alike widths differ, p {seen.width_p_value:.2g}"
            )
        if seen.shared < FEW_SHARED:
            why.append(f"only {seen.shared:.0%} of a group's bounds occur in another group")
        notes.append(
            f"The groups may have been assessed on different schedules ({'; '.join(why)}): compare "
            "the visits before relying on this test."
        )
    return notes

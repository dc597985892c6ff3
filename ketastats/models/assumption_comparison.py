"""One difference of arms under every assumption about visits that were missed, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.options import checked_level, matched, require_choice
from ketastats.errors import UsageError
from ketastats.models.linear_result import interval_text
from ketastats.models.reference_based import STRATEGY_TITLES, ReferenceBased, reference_based
from ketastats.models.reference_response import ReferenceResponse, reference_response
from ketastats.models.single_values import (
    NON_RESPONSE,
    SINGLE,
    mean_difference,
    share_difference,
)
from ketastats.results import (
    Statement,
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
    percentage_points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ASSUMPTIONS = (*STRATEGY_TITLES, *SINGLE)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AssumptionComparison(TabularResult):
    """The difference of two arms at one visit under several assumptions, one row each.

    `assumption` is its code. Rows of carried values and of those seen are no estimate of what all patients
    would have shown; they are here because reports use them.
    """

    difference: str = field(kw_only=True)
    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)
    shares: bool = field(kw_only=True, default=False)
    what: str = field(kw_only=True, default="what is assumed of missed visits")

    @property
    def _form(self) -> Callable[[float], str]:
        return percentage_points if self.shares else number

    def _interval(self, row: Mapping[Any, Any]) -> str:
        if not self.shares:
            return interval_text(row)
        low, high = (percentage_points(row[name]) for name in ("conf_low", "conf_high"))
        level = level_text(row["conf_level"])
        return f"{percentage_points(row['estimate'])} ({level} interval {low} to {high})"

    @property
    def _modelled(self) -> pd.DataFrame:
        """Rows that are an estimate for everybody."""
        return self.frame[~self.frame["assumption"].isin([*SINGLE, *NON_RESPONSE])]

    def statement(self) -> Statement:
        """Say how far the assumption moves the difference, and whether intervals agree about 0."""
        held = self._modelled
        sides = set(np.sign(held["conf_low"]) + np.sign(held["conf_high"]))
        agree = (
            "every interval leaves 0 out on the same side"
            if sides in ({2.0}, {-2.0})
            else "every interval holds 0"
            if sides == {0.0}
            else "some intervals hold 0 and others do not"
        )
        return Statement(f"{self}: {agree}.")

    def display(self) -> pd.DataFrame:
        """Return one row per assumption."""
        rows = self.frame.to_dict("records")
        level = level_text(self.frame["conf_level"].iloc[0])
        return pd.DataFrame(
            {
                self.what[0].upper() + self.what[1:]: [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "Filled in": [count(row["imputed"]) for row in rows],
                f"Difference ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], self._form)
                    for row in rows
                ],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference under each assumption."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(
            self.frame,
            ax,
            xlabel=f"{self.difference} ({self.unit})",
            as_percent=self.shares,
            reference=0.0,
        )

    def figure_text(self) -> str:
        """Return the difference under each assumption in words."""
        rows = self.frame.to_dict("records")
        parts = [f"{row['term']} {self._interval(row)}" for row in rows]
        return f"{self.difference} in {self.outcome}: {'; '.join(parts)}."

    def __str__(self) -> str:
        held = self.frame if self._modelled.empty else self._modelled
        ends = held.sort_values("estimate")
        low, high = ends.iloc[0], ends.iloc[-1]
        ends_text = [f"{self._form(row['estimate'])} ({row['term']})" for row in (low, high)]
        return (
            f"{self.difference} in {self.outcome} lies between {ends_text[0]} and {ends_text[1]}, depending "
            f"on {self.what}"
        )


def compare_assumptions(
    formula: str,
    data: pd.DataFrame,
    *,
    reference: str,
    arm: str = "trt01a",
    group: str | None = None,
    at: Any = None,
    assumptions: Sequence[str] | None = None,
    at_baseline: float = 0.0,
    rule: str | None = None,
    outcome: str = "change",
    base: str = "base",
    analysis: str = "base",
    events: pd.DataFrame | None = None,
    subject: str = "usubjid",
    visit: str = "avisit",
    covariance: str = "us",
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
    progress: Callable[[int, int], None] | None = None,
) -> AssumptionComparison:
    """Estimate one difference of arms under several assumptions about visits that were missed.

    Parameters
    ----------
    formula, data, reference, arm, analysis, events, subject, visit, covariance, conf_level, label, unit
        As for `reference_based`, with conditional means and the jackknife.
    group : str, optional
        The arm compared; needed if there are several beside the reference.
    at : visit, optional
        The last one by default.
    assumptions : sequence of str, optional
        Strategies of `reference_based`, and "those_seen", "locf", "bocf", and for shares "non_response". All
        by default.
    at_baseline : float, default 0
        The outcome's value at baseline, for "bocf" and for subjects never seen under "locf": 0 for changes.
    rule, outcome, base
        As for `reference_response`: with a rule the difference is one of the shares that meet it.
    progress : callable, optional
        Told the number of assumptions with a model that are done, and of all.

    Returns
    -------
    AssumptionComparison
        Carried values and those seen are analysed by the same analysis of covariance with its own standard
        error, as if nothing had been filled in; shares by their difference with normal limits.

    References
    ----------
    National Research Council (2010). The Prevention and Treatment of Missing Data in Clinical Trials.
    """
    level, chosen = checked_level(conf_level), _chosen(assumptions, shares=rule is not None)
    shared: dict[str, Any] = {"arm": arm, "reference": reference, "events": events, "unit": unit}
    shared |= {"subject": subject, "visit": visit, "covariance": covariance, "conf_level": level}

    def fill(strategy: str) -> ReferenceBased | ReferenceResponse:
        if rule is not None:
            options = {**shared, "rule": rule, "outcome": outcome, "base": base}
            return reference_response(formula, data, strategy=strategy, **options)
        options = {**shared, "analysis": analysis, "label": label}
        return reference_based(formula, data, strategy=strategy, **options)

    modelled = {}
    for done, name in enumerate([a for a in chosen if a in STRATEGY_TITLES], start=1):
        modelled[name] = fill(name)
        if progress is not None:
            progress(done, len(chosen))
    first = next(iter(modelled.values())) if modelled else fill("mar")
    t, k = _place(first, at, group)
    rows = [
        {
            **_row(modelled.get(name), first, name, t, k, float(at_baseline), level),
            "assumption": name,
            "conf_level": level,
        }
        for name in chosen
    ]
    when = first.trial.visits[t]
    return AssumptionComparison(
        in_shared_words(rows, own=("assumption", "imputed")),
        difference=f"{first.trial.arms[k + 1]} minus {first.trial.arms[0]} at {when}",
        outcome=label or first.outcome,
        unit=unit if rule is None else "percentage points",
        shares=rule is not None,
        sources=first.sources,
        notes=_notes(chosen),
    )


def _chosen(assumptions: Sequence[str] | None, *, shares: bool) -> tuple[str, ...]:
    known = (*ASSUMPTIONS, *(NON_RESPONSE if shares else ()))
    if assumptions is None:
        return known
    if isinstance(assumptions, str) or not assumptions:
        raise UsageError("assumptions is a list of names, such as ['mar', 'jump_to_reference']")
    for name in assumptions:
        require_choice("assumption", name, known)
    return tuple(assumptions)


def _place(
    result: ReferenceBased | ReferenceResponse, at: Any, group: str | None
) -> tuple[int, int]:
    trial = result.trial
    others = list(trial.arms[1:])
    if group is None and len(others) > 1:
        raise UsageError(f"Name the arm that is compared, group=: {', '.join(others)}")
    when = trial.visits[-1] if at is None else matched("visit", at, trial.visits)
    return trial.visits.index(when), others.index(
        matched("arm", others[0] if group is None else group, others)
    )


def _row(
    result: ReferenceBased | ReferenceResponse | None,
    first: ReferenceBased | ReferenceResponse,
    name: str,
    t: int,
    k: int,
    at_baseline: float,
    conf_level: float,
) -> dict[str, Any]:
    """One assumption's difference."""
    trial = first.trial
    if result is not None:
        found = result.difference_at(t, k, np.array(result.deltas), conf_level)
        words = {"term": STRATEGY_TITLES[name], "n": len(trial.subjects)}
        imputed = int(trial.imputed[:, t].sum())
        return {**found, **words, "imputed": imputed, "method": result.replicates.method}
    if isinstance(first, ReferenceResponse):
        return share_difference(trial, first.replicates, name, t, k, at_baseline, conf_level)
    return mean_difference(trial, name, t, k, at_baseline, conf_level)


def _notes(assumptions: Sequence[str]) -> tuple[str, ...]:
    said = []
    if any(name in ("locf", "bocf") for name in assumptions):
        said.append(
            "Carrying a value forward takes what was not seen for seen, so its interval is too narrow and "
            "its estimate off, in either direction."
        )
    if "non_response" in assumptions:
        said.append(
            "Counting those not seen as not met takes the side of the arm that more stayed in."
        )
    if "those_seen" in assumptions:
        said.append("Those seen at the visit are no random part of those randomised.")
    return tuple(said)

"""One difference of arms under every assumption about visits that were missed, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ketastats.checks.options import checked_level, matched, require_choice
from ketastats.errors import UsageError
from ketastats.models.imputation_data import ImputationData
from ketastats.models.linear_result import interval_text
from ketastats.models.reference_based import STRATEGY_TITLES, ReferenceBased, reference_based
from ketastats.results import (
    Statement,
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

SINGLE = {
    "those_seen": "only those seen at the visit",
    "locf": "last observation carried forward",
    "bocf": "baseline carried forward",
}
"""Ways without a model for what was missed; kept for comparison with older reports, not advised."""

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

    def statement(self) -> Statement:
        """Say how far the assumption moves the difference, and whether intervals agree about 0."""
        held = self.frame[self.frame["assumption"].isin(list(STRATEGY_TITLES))]
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
                "Visits that were missed": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "Filled in": [count(row["imputed"]) for row in rows],
                f"Difference ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference under each assumption."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(self.frame, ax, xlabel=f"{self.difference} ({self.unit})", reference=0.0)

    def figure_text(self) -> str:
        """Return the difference under each assumption in words."""
        parts = [f"{row['term']} {interval_text(row)}" for row in self.frame.to_dict("records")]
        return f"{self.difference} in {self.outcome}: {'; '.join(parts)}."

    def __str__(self) -> str:
        modelled = self.frame[self.frame["assumption"].isin(list(STRATEGY_TITLES))]
        held = self.frame if modelled.empty else modelled
        ends = held.sort_values("estimate")
        low, high = ends.iloc[0], ends.iloc[-1]
        return (
            f"{self.difference} in {self.outcome} lies between {number(low['estimate'])} ({low['term']}) and "
            f"{number(high['estimate'])} ({high['term']}), depending on what is assumed of missed visits"
        )


def compare_assumptions(
    formula: str,
    data: pd.DataFrame,
    *,
    reference: str,
    arm: str = "trt01a",
    group: str | None = None,
    at: Any = None,
    assumptions: Sequence[str] = ASSUMPTIONS,
    at_baseline: float = 0.0,
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
    assumptions : sequence of str
        Strategies of `reference_based`, and "those_seen", "locf", "bocf".
    at_baseline : float, default 0
        The outcome's value at baseline, for "bocf" and for subjects never seen under "locf": 0 for changes.
    progress : callable, optional
        Told the number of assumptions with a model that are done, and of all.

    Returns
    -------
    AssumptionComparison
        Carried values and those seen are analysed by the same analysis of covariance with its own standard
        error, as if nothing had been filled in.

    References
    ----------
    National Research Council (2010). The Prevention and Treatment of Missing Data in Clinical Trials.
    """
    level = checked_level(conf_level)
    if isinstance(assumptions, str) or not assumptions:
        raise UsageError("assumptions is a list of names, such as ['mar', 'jump_to_reference']")
    for name in assumptions:
        require_choice("assumption", name, ASSUMPTIONS)

    def fill(strategy: str) -> ReferenceBased:
        return reference_based(
            formula,
            data,
            strategy=strategy,
            arm=arm,
            reference=reference,
            analysis=analysis,
            events=events,
            subject=subject,
            visit=visit,
            covariance=covariance,
            conf_level=level,
            label=label,
            unit=unit,
        )

    modelled = {}
    for done, name in enumerate([a for a in assumptions if a in STRATEGY_TITLES], start=1):
        modelled[name] = fill(name)
        if progress is not None:
            progress(done, len(assumptions))
    first = next(iter(modelled.values())) if modelled else fill("mar")
    t, k = _place(first, at, group)
    rows = [
        _row(modelled.get(name), first.trial, name, t, k, float(at_baseline), level)
        for name in assumptions
    ]
    frame = in_shared_words(rows, own=("assumption", "imputed"))
    when = first.trial.visits[t]
    return AssumptionComparison(
        frame,
        difference=f"{first.trial.arms[k + 1]} minus {first.trial.arms[0]} at {when}",
        outcome=first.outcome,
        unit=unit,
        sources=first.sources,
        notes=_notes(assumptions),
    )


def _place(result: ReferenceBased, at: Any, group: str | None) -> tuple[int, int]:
    trial = result.trial
    others = list(trial.arms[1:])
    if group is None and len(others) > 1:
        raise UsageError(f"Name the arm that is compared, group=: {', '.join(others)}")
    when = trial.visits[-1] if at is None else matched("visit", at, trial.visits)
    return trial.visits.index(when), others.index(
        matched("arm", others[0] if group is None else group, others)
    )


def _row(
    result: ReferenceBased | None,
    trial: ImputationData,
    name: str,
    t: int,
    k: int,
    at_baseline: float,
    conf_level: float,
) -> dict[str, Any]:
    """One assumption's difference."""
    shared = {"assumption": name, "conf_level": conf_level}
    if result is not None:
        frame = result.frame
        held = frame[(frame["visit"] == trial.visits[t]) & (frame["arm"] == trial.arms[k + 1])]
        row = {str(key): value for key, value in held.iloc[0].items()}
        return {**row, **shared, "term": STRATEGY_TITLES[name]}
    outcome, used = _filled(trial, name, t, at_baseline)
    found = _covariance_analysis(trial.analysis[used], outcome[used], k + 1, conf_level)
    missing = 0 if name == "those_seen" else int(trial.imputed[:, t].sum())
    words = {"term": SINGLE[name], "n": int(used.sum()), "imputed": missing, "method": "ancova"}
    return {**found, **shared, **words}


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


def _notes(assumptions: Sequence[str]) -> tuple[str, ...]:
    said = []
    if any(name in ("locf", "bocf") for name in assumptions):
        said.append(
            "Carrying a value forward takes what was not seen for seen, so its interval is too narrow and "
            "its estimate off, in either direction."
        )
    if "those_seen" in assumptions:
        said.append("Those seen at the visit are no random part of those randomised.")
    return tuple(said)

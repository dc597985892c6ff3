"""Shares that meet a rule, such as response, when visits that were missed are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, refuse
from ketastats.checks.options import checked_level, require_choice, require_column_name
from ketastats.errors import UsageError, problem
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.registry import rule as find_rule
from ketastats.instruments.rules import Rule
from ketastats.models.imputation_data import ImputationData
from ketastats.models.imputation_replicates import INFERENCES
from ketastats.models.linear_result import shared_frame
from ketastats.models.reference_based import STRATEGY_TITLES, deltas_of, imputation_model
from ketastats.models.response_replicates import (
    METHODS,
    ResponseReplicates,
    response_replicates,
)
from ketastats.models.response_replicates import (
    inference as inference_of,
)
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    level_text,
    p_text,
    percentage_points,
)
from ketastats.stats.reference_means import STRATEGIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

OUTCOMES = ("change", "score")
_RULES = ("relative_reduction", "absolute_reduction", "absolute_increase", "total")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReferenceResponse(TabularResult):
    """Shares that meet a rule at each visit, per arm, and their differences from the reference arm.

    `quantity` is "share" or "difference"; `imputed` counts the outcomes filled in at the visit in the arms
    concerned. `monte_carlo_se` says how far the estimate may move with other random draws.
    """

    trial: ImputationData = field(kw_only=True, repr=False)
    replicates: ResponseReplicates = field(kw_only=True, repr=False)
    rule: Rule = field(kw_only=True)
    unit: str = field(kw_only=True)
    deltas: tuple[float, ...] = field(kw_only=True)
    conf_level: float = field(kw_only=True)

    @property
    def outcome(self) -> str:
        """The rule's endpoint in words."""
        return f"{self.rule.endpoint.replace('_', ' ')} ({self.rule.label})"

    def difference_at(self, t: int, k: int, shift: Floats, conf_level: float) -> dict[str, Any]:
        """The difference of arm k + 1 from the reference at visit t under shifts, one per arm."""
        contrast = np.zeros(len(self.trial.arms))
        contrast[0], contrast[k + 1] = -1.0, 1.0
        return inference_of(self.replicates, self.trial, t, contrast, shift, conf_level)

    def display(self) -> pd.DataFrame:
        """Return one row per share and difference; differences in percentage points."""
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "Filled in": [f"{row['imputed']} of {row['n']}" for row in rows],
                f"% ({level_text(self.conf_level)} interval)": [
                    estimate_text(
                        row["estimate"], row["conf_low"], row["conf_high"], percentage_points
                    )
                    for row in rows
                ],
                "p": [
                    p_text(row["p_value"]) if row["quantity"] == "difference" else "–"
                    for row in rows
                ],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares over the visits, one line per arm."""
        from ketastats.plots.profile import draw_profile

        kept = self.frame[self.frame["quantity"] == "share"]
        numbers = {name: 100 * kept[name] for name in ("estimate", "conf_low", "conf_high")}
        points = kept.assign(line=kept["arm"], visit=kept["visit"].astype(str), **numbers)
        return draw_profile(points, ax, ylabel=f"{self.outcome.capitalize()} (%)", reference=None)

    def figure_text(self) -> str:
        """Return the shares in words."""
        kept = self.frame[self.frame["quantity"] == "share"]
        parts = [f"{row['term']} {_text(row)}" for row in kept.to_dict("records")]
        return f"{'; '.join(parts)}."

    def __str__(self) -> str:
        last = {str(name): value for name, value in self.frame.iloc[-1].items()}
        strategy = STRATEGY_TITLES[str(last["strategy"])]
        return (
            f"{last['term']} in {self.outcome} under {strategy}: {_text(last)}; {count(last['imputed'])} of "
            f"{count(last['n'])} outcomes filled in"
        )


def reference_response(
    formula: str,
    data: pd.DataFrame,
    *,
    rule: str,
    outcome: str = "change",
    base: str = "base",
    arm: str = "trt01a",
    reference: str,
    strategy: str = "jump_to_reference",
    method: str = "conditional_probability",
    inference: str = "jackknife",
    events: pd.DataFrame | None = None,
    delta: Mapping[str, float] | None = None,
    subject: str = "usubjid",
    visit: str = "avisit",
    covariance: str = "us",
    imputations: int = 200,
    replicates: int = 500,
    seed: int = 20261124,
    conf_level: float = 0.95,
    unit: str = "points",
    progress: Callable[[int, int], None] | None = None,
) -> ReferenceResponse:
    """Compare the shares that meet a rule, with scores that were missed filled in.

    Parameters
    ----------
    formula, data, arm, reference, strategy, events, subject, visit, covariance, seed, progress, unit
        As for `reference_based`: the imputation model is one of the scores.
    rule : str
        Rule of the registry that one total decides, such as ``"hamd17:response_50"``.
    outcome : {"change", "score"}
        What the formula's outcome is: the change from baseline or the score itself.
    base : str
        Column of baselines, complete where the rule or a change needs it.
    method : {"conditional_probability", "bayesian", "bootstrap_mi"}
        A score that was missed counts with the probability, given what was seen and the fitted model, that
        it meets the rule (deterministic, with resampling inference); or scores are drawn and the shares
        pooled by Rubin's rules.
    inference : {"jackknife", "bootstrap"}
        Of the conditional probabilities.
    delta : mapping of arm to number, optional
        Added to scores filled in from the event on, in units of the score.
    imputations, replicates : int
        As for `reference_based`.
    conf_level : float, default 0.95

    Returns
    -------
    ReferenceResponse
        Shares of everybody, and differences arm minus reference, without covariates. Filled-in scores are
        normal and not rounded: under a rule of at most 7 points 7.4 does not meet it.

    Raises
    ------
    UsageError, DataError
        As `reference_based`; if the rule needs more than a total, or a baseline is missing or 0.

    References
    ----------
    Carpenter JR, Roger JH, Kenward MG (2013). J Biopharm Stat 23:1352-1371. Wolbers M et al (2022). Pharm
    Stat 21:1246-1257, whose conditional means are replaced by conditional probabilities here.
    """
    require_choice("strategy", strategy, STRATEGIES)
    require_choice("method", method, METHODS)
    require_choice("inference", inference, INFERENCES)
    require_choice("outcome", outcome, OUTCOMES)
    level, chosen = checked_level(conf_level), _usable(rule)
    model, trial = imputation_model(
        formula,
        data,
        arm=arm,
        reference=reference,
        strategy=strategy,
        analysis="",
        events=events,
        subject=subject,
        visit=visit,
        covariance=covariance,
    )
    limits, below = _limits(chosen, data, trial, outcome, base, subject)
    shifts = deltas_of(delta, trial.arms)
    made = response_replicates(
        model,
        trial,
        np.tile(limits[:, None], (1, len(trial.visits))),
        below=below,
        strict=chosen.op in ("<", ">"),
        strategy=strategy,
        method=method,
        inference=inference,
        imputations=imputations,
        replicates=replicates,
        seed=seed,
        progress=progress,
    )
    return ReferenceResponse(
        _frame(trial, made, strategy, np.array(shifts), level),
        trial=trial,
        replicates=made,
        rule=chosen,
        unit=unit,
        deltas=shifts,
        conf_level=level,
        sources=sources_of(data),
        notes=(
            f"{count(int(trial.imputed.sum()))} of {count(trial.outcome.size)} scores were missed and filled "
            f"in under {STRATEGY_TITLES[strategy]}. Rule: {chosen.describe()}.",
        ),
    )


def _usable(name: str) -> Rule:
    chosen = find_rule(name)
    if chosen.type not in _RULES:
        raise UsageError(
            f"The rule {chosen.id} needs more than a total, which is all that is filled in"
        )
    if chosen.endpoint == "partial_response":
        raise UsageError(
            f"The rule {chosen.id} leaves out those who met response: take a rule of response instead"
        )
    return chosen


def _limits(
    rule: Rule, data: pd.DataFrame, trial: ImputationData, outcome: str, base: str, subject: str
) -> tuple[Floats, bool]:
    """What each subject's outcome has to reach, and whether from above."""
    needs = rule.needs_baseline if outcome == "score" else True
    start = np.zeros(len(trial.subjects))
    if needs:
        require_column_name("base", base)
        refuse(missing_columns(data, [base], table="data"), source="The table of visits")
        first = data.groupby(subject, sort=False)[base].first().reindex(trial.subjects)
        start = first.to_numpy(dtype=float, na_value=np.nan)
        bad = np.isnan(start) | ((start <= 0) & (rule.type == "relative_reduction"))
        if bad.any():
            found = problem(
                "baseline_not_usable",
                "data",
                base,
                [],
                f"{int(bad.sum())} subjects have no baseline, or one of 0, that the rule could use",
                "Leave them out and say so, or take a rule that needs no baseline",
            )
            refuse([found], source="The table of visits")
    down = find_instrument(rule.instrument).higher_is_worse
    better = -1.0 if down else 1.0
    if rule.type == "total":
        score, below = np.full(len(start), rule.value), rule.op in ("<=", "<")
    elif rule.type == "absolute_increase":
        score, below = start - better * rule.value, not down
    else:
        fall = rule.value * start if rule.type == "relative_reduction" else rule.value
        score, below = start + better * fall, down
    return (score if outcome == "score" else score - start), below


def _frame(
    trial: ImputationData,
    made: ResponseReplicates,
    strategy: str,
    shifts: Floats,
    conf_level: float,
) -> pd.DataFrame:
    identity = np.eye(len(trial.arms))
    sizes = np.bincount(trial.arm, minlength=len(trial.arms))
    rows: list[dict[str, Any]] = []
    for t, when in enumerate(trial.visits):
        imputed = np.bincount(trial.arm[trial.imputed[:, t]], minlength=len(trial.arms))
        kinds = [("share", k, identity[k]) for k in range(len(trial.arms))]
        kinds += [("difference", k, identity[k] - identity[0]) for k in range(1, len(trial.arms))]
        for quantity, k, contrast in kinds:
            used = contrast != 0
            minus = f" minus {trial.arms[0]}" if quantity == "difference" else ""
            found = inference_of(made, trial, t, contrast, shifts, conf_level)
            own = {"quantity": quantity, "arm": trial.arms[k], "visit": when, "strategy": strategy}
            own |= {"imputed": int(imputed[used].sum()), "n": int(sizes[used].sum())}
            rows.append({**found, **own, "term": f"{trial.arms[k]}{minus}, {when}"})
            if quantity == "share":
                rows[-1] |= {"statistic": np.nan, "p_value": np.nan}
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns |= {"conf_level": conf_level, "method": made.method}
    return shared_frame(
        columns, ("quantity", "arm", "visit", "strategy", "imputed", "monte_carlo_se")
    )


def _text(row: Mapping[Any, Any]) -> str:
    unit = " percentage points" if row["quantity"] == "difference" else "%"
    low, high = percentage_points(row["conf_low"]), percentage_points(row["conf_high"])
    level = level_text(row["conf_level"])
    return f"{percentage_points(row['estimate'])}{unit} ({level} interval {low} to {high})"

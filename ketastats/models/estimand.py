"""What is to be estimated: who, under which treatment, what outcome, and what events after the start mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import missing_columns, missing_values, refuse
from ketastats.checks.options import require_choice
from ketastats.errors import UsageError, problem
from ketastats.models.imputation_data import placed_events
from ketastats.models.reference_based import ReferenceBased, reference_based
from ketastats.models.reference_response import ReferenceResponse, reference_response
from ketastats.models.repeated_rows import visit_order

STRATEGIES = {
    "treatment_policy": "whatever happened after it counts",
    "hypothetical": "as if it had not happened",
    "composite": "is itself the outcome, at the value stated",
    "while_on_treatment": "the last outcome before it counts",
    "principal_stratum": "only those to whom it would not happen",
}
"""Strategies of ICH E9(R1) for an intercurrent event."""


@dataclass(frozen=True, slots=True)
class Estimand:
    """A treatment effect, by the five attributes of ICH E9(R1).

    Parameters
    ----------
    arm, reference : str
        The treatments that are compared.
    variable : str
        The outcome in words, such as "change in HAMD-17 at week 6".
    events : mapping of event to strategy
        Intercurrent events, each with one of `STRATEGIES`. Events of the data that are not named stop the
        estimation.
    population : str
        Who it is about.
    composite_value : float, optional
        The outcome that a composite event stands for.
    summary : str
        How the arms are compared.

    Raises
    ------
    UsageError
        If a strategy does not exist or a composite event has no value.

    References
    ----------
    ICH E9(R1) (2019). Addendum on Estimands and Sensitivity Analysis in Clinical Trials.
    """

    arm: str
    reference: str
    variable: str
    events: Mapping[str, str] = field(default_factory=dict)
    population: str = "all randomised patients"
    composite_value: float | None = None
    summary: str = "difference of means"

    def __post_init__(self) -> None:
        if not isinstance(self.events, Mapping):
            raise UsageError('events is a mapping, such as {"left": "treatment_policy"}')
        for event, strategy in self.events.items():
            require_choice(f"strategy for {event}", strategy, STRATEGIES)
        if "composite" in self.events.values() and not _is_number(self.composite_value):
            raise UsageError("A composite event needs the outcome it stands for: composite_value=")

    def __str__(self) -> str:
        parts = [
            f"{event}: {strategy.replace('_', ' ')}, {STRATEGIES[strategy]}"
            for event, strategy in self.events.items()
        ]
        handled = f" Events: {'; '.join(parts)}." if parts else " No events are foreseen."
        value = (
            f" The composite value is {self.composite_value:g}."
            if "composite" in self.events.values()
            else ""
        )
        return (
            f"{self.summary.capitalize()} of {self.variable}, {self.arm} minus {self.reference}, in "
            f"{self.population}.{handled}{value}"
        )


def estimand_difference(
    estimand: Estimand,
    formula: str,
    data: pd.DataFrame,
    events: pd.DataFrame,
    *,
    arm: str = "trt01a",
    after: str = "jump_to_reference",
    subject: str = "usubjid",
    visit: str = "avisit",
    method: str | None = None,
    rule: str | None = None,
    base: str = "base",
    analysis: str = "base",
    label: str | None = None,
    unit: str = "points",
    conf_level: float = 0.95,
    seed: int = 20261124,
    imputations: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> ReferenceBased | ReferenceResponse:
    """Estimate an estimand's differences of means, or of shares that meet a rule, at each visit.

    Parameters
    ----------
    estimand : Estimand
    formula, data, arm, subject, visit, method, analysis, label, unit, conf_level, seed, imputations, progress
        As for `reference_based`.
    events : DataFrame, one row per event
        `subject`, `visit` (the first it affects) and `event`, its name in the estimand. A subject may have
        several events; each takes effect from its own visit on, the later over the earlier.
    after : str
        What is assumed of visits that were missed after an event under the treatment policy strategy: a
        strategy of `reference_based`.
    rule, base : str, optional
        As for `reference_response`, for shares; `formula`'s outcome is then the change from baseline.

    Returns
    -------
    ReferenceBased, or ReferenceResponse with a rule
        With the estimand as its first note. Outcomes after a hypothetical event are set aside and filled in
        as missing at random; after a composite event they are the stated value; after an event under
        "while_on_treatment" they are the last one seen before it (0 visits before: missing at random).
        Neither informs the imputation model. Visits missed without an event are missing at random.

    Raises
    ------
    UsageError, DataError
        As `reference_based`; if an event of the data is not in the estimand, or is to be handled by
        principal stratum, which needs assumptions that data cannot give.
    """
    named = [subject, visit, "event"]
    refuse(missing_columns(events, named, table="events"), source="The table of events")
    refuse(missing_values(events, named, table="events"), source="The table of events")
    _require_known(estimand, events)
    prepared, kept = _applied(estimand, data, events, formula, subject, visit)
    options: dict[str, Any] = {
        "arm": arm,
        "reference": estimand.reference,
        "strategy": after,
        "events": kept,
        "subject": subject,
        "visit": visit,
        "unit": unit,
        "conf_level": conf_level,
        "seed": seed,
        "imputations": imputations,
        "progress": progress,
    }
    if method is not None:
        options["method"] = method
    result: ReferenceBased | ReferenceResponse
    if rule is None:
        options |= {"analysis": analysis, "label": label or estimand.variable}
        result = reference_based(formula, prepared, **options)
    else:
        result = reference_response(formula, prepared, rule=rule, base=base, **options)
    if estimand.arm not in result.trial.arms[1:]:
        raise UsageError(f"There is no arm called {estimand.arm!r} beside {estimand.reference}")
    held = result.frame["arm"].isin([estimand.arm, estimand.reference]).to_numpy()
    frame = result.frame[held].reset_index(drop=True)
    return replace(result, frame=frame, notes=(str(estimand), *result.notes))


def _require_known(estimand: Estimand, events: pd.DataFrame) -> None:
    unknown = ~events["event"].astype(str).isin(list(estimand.events)).to_numpy()
    if unknown.any():
        found = problem(
            "event_without_strategy",
            "events",
            "event",
            np.flatnonzero(unknown),
            "an event for which the estimand has no strategy",
            f"Name one for each event; the estimand has {', '.join(estimand.events) or 'none'}",
        )
        refuse([found], source="The table of events")
    used = {estimand.events[event] for event in events["event"].astype(str)}
    if "principal_stratum" in used:
        raise UsageError(
            "A principal stratum is stated here but not estimated: who would not have the event under the "
            "other treatment cannot be seen in data"
        )


def _applied(
    estimand: Estimand,
    data: pd.DataFrame,
    events: pd.DataFrame,
    formula: str,
    subject: str,
    visit: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with each event's strategy applied, and the events after which the model is not informed."""
    outcome = formula.split("~", maxsplit=1)[0].strip()
    refuse(
        missing_columns(data, [outcome, subject, visit], table="data"), source="The table of visits"
    )
    order, _ = visit_order(data, np.arange(len(data)), data[visit])
    subjects = pd.Index(data[subject].unique())
    who, first = placed_events(events, subjects, order, subject=subject, visit=visit)
    person = subjects.get_indexer(pd.Index(data[subject]))
    place = {str(name): k for k, name in enumerate(order)}
    at = data[visit].astype(str).map(place).to_numpy(dtype=float)
    values = data[outcome].to_numpy(dtype=float, na_value=np.nan).copy()
    strategies = [estimand.events[name] for name in events["event"].astype(str)]
    for k in np.argsort(first, kind="stable"):
        own = person == who[k]
        rows = own & (at >= first[k])
        if strategies[k] == "hypothetical":
            values[rows] = np.nan
        elif strategies[k] == "composite":
            values[rows] = float(estimand.composite_value or 0.0)
        elif strategies[k] == "while_on_treatment":
            values[rows] = _last_before(values, at, own, float(first[k]))
    uninformed = np.array([name != "hypothetical" for name in strategies], dtype=bool)
    return data.assign(**{outcome: values}), events.loc[uninformed, [subject, visit]]


def _last_before(values: Any, at: Any, own: Any, first: float) -> float:
    """A subject's last outcome before a visit; missing if there is none."""
    before = np.flatnonzero(own & (at < first) & ~np.isnan(values))
    return float(values[before[np.argmax(at[before])]]) if before.size else np.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))

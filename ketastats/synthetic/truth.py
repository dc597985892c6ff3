"""What is true in a scenario: the value of each estimand in its whole population."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.endpoints.criteria import derive_endpoint
from ketastats.errors import unknown_name
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.synthetic.cohort import MadeUp, make_up
from ketastats.synthetic.scenario import Scenario
from ketastats.synthetic.truth_beside import event_rows, medicine_rows, session_rows
from ketastats.synthetic.truth_paths import mediation_rows, modification_rows
from ketastats.synthetic.truth_rows import (
    COLUMNS,
    Bools,
    Floats,
    TruthRow,
    arms_of,
    difference_row,
    mean_row,
    pairs_of,
    same_law,
)

ENDPOINTS = ("response", "remission", "minimal_important_difference")

_N, _SEED = 100_000, 7


def true_values(
    scenario: Scenario,
    *,
    n: int = _N,
    seed: int = _SEED,
    estimands: Collection[str] | None = None,
) -> pd.DataFrame:
    """Work out what is true in a scenario.

    Parameters
    ----------
    scenario : Scenario
    n, seed : int
        Size and seed of the draw that stands for the whole population.
    estimands : collection of str, optional
        Those wanted, of `ESTIMANDS`; all of them if not given. Fewer are sooner there.

    Returns
    -------
    DataFrame
        `COLUMNS`; one row per estimand, arm (or pair), instrument and visit. Estimands:

        mean_change, mean_change_difference
            Change from baseline had everybody been followed.
        share, share_difference
            Share that meets an endpoint at a visit had everybody been followed.
        share_as_counted, share_as_counted_difference
            The same with those not seen counted as not meeting it.
        relief_by
            Share that met an endpoint at that visit or an earlier one, had everybody been followed.
        correlation_of_change
            Of the changes in two instruments at a visit (`endpoint` holds the other one); missing where
            one of them does not vary.
        event_incidence, event_incidence_difference
            Share of patients with an episode by the end (`endpoint` holds the event, or "any", or
            "any moderate or severe").
        lasting_event_incidence, lasting_event_incidence_difference
            Share of patients with an episode that lasts beyond 28 days, seen to its end or not.
        event_chance_per_dose
            Chance of an episode after one dose of the arm (per course for a daily medicine), in closed
            form; over all patients by quadrature where they differ in how prone they are.
        episodes_mild_and_brief
            Share of episodes that are mild and over within 4 hours.
        medicine_stopped, medicine_stopped_difference
            Share of those on a medicine (`endpoint`) at the start who came off it.
        doses_of_first_series
            Mean number of doses given.
        session_of_40_to_60_minutes
            Share of infusions of that length, in closed form.
        pressure_at_end_of_infusion
            Share whose reading after the first infusion is as high as `endpoint` says, in closed form.
        modified_by_failed_treatments
            Slope of the change on failed treatments, per further one, in the arm minus in the reference;
            missing where their number does not vary.
        modified_by_diagnosis
            Effect on the change in those with a diagnosis (`endpoint`) minus the effect in all others.
        mediated_by_side_effects, mediated_by_guess
            The part of the effect on the score that goes through the mediating side effect itself, and
            the part that goes through what those who have it believe; together the natural indirect effect.
        left
            Share that left before the last visit.

        Differences take the arm that the scenario names earlier minus the one it names later. What modifies
        or mediates nothing has one row, 0 in closed form, without instrument and visit.

    Raises
    ------
    UsageError
        If there is no such estimand.
    """
    for name in estimands or ():
        if name not in ESTIMANDS:
            raise unknown_name("estimand", name, ESTIMANDS)
    # a site for each patient: few sites would stand for themselves and not for all there could be
    everywhere = scenario.changed({"site.count": float(n)}, name=scenario.name)
    made = make_up(everywhere, n, seed)
    rows: list[TruthRow] = []
    for room, told in _ROOMS:
        if estimands is None or set(told) & set(estimands):
            rows += room(made)
    kept = [row for row in rows if estimands is None or row["estimand"] in estimands]
    frame = pd.DataFrame(kept, columns=list(COLUMNS))
    kinds = {"value": "float64", "std_error": "float64", "n": "Int64"}
    return frame.astype({name: kinds.get(name, "str") for name in COLUMNS})


def _changes(made: MadeUp) -> list[TruthRow]:
    rows: list[TruthRow] = []
    for name in made.scenario.in_order("instrument"):
        change = made.course.scores[name] - made.patients.first[name][:, None]
        rows += _per_visit(made, change, "mean_change", {"instrument": name})
    return rows


def _shares(made: MadeUp) -> list[TruthRow]:
    rows: list[TruthRow] = []
    for name in made.scenario.in_order("instrument"):
        for endpoint in ENDPOINTS:
            rows += _of_endpoint(made, name, endpoint)
    return rows


def _of_endpoint(made: MadeUp, name: str, endpoint: str) -> list[TruthRow]:
    rules = find_instrument(name).rules_for(endpoint)
    usable = [rule for rule in rules if rule.type not in ("item", "all")]
    if not usable:
        return []
    met = meets(usable[0], made.patients.first[name], made.course.scores[name])
    words = {"instrument": name, "endpoint": endpoint, "rule": usable[0].id}
    ever = np.logical_or.accumulate(met, axis=1)
    return [
        *_per_visit(made, met, "share", words),
        *_per_visit(made, met & made.course.seen, "share_as_counted", words),
        *_per_visit(made, ever, "relief_by", words, differences=False),
    ]


def _per_visit(
    made: MadeUp,
    values: NDArray[Any],
    estimand: str,
    words: Mapping[str, Any],
    *,
    differences: bool = True,
) -> list[TruthRow]:
    """Means at every visit by arm, and the differences of arms, earlier named minus later named."""
    rows: list[TruthRow] = []
    for t, visit in enumerate(made.course.visits):
        means = {
            arm: mean_row(values[mine, t], estimand, arm=arm, visit=visit, **words)
            for arm, mine in arms_of(made)
            if mine.any()
        }
        rows += means.values()
        for one, other in pairs_of(made) if differences else ():
            alike = same_law(made.scenario, one, other)
            rows.append(difference_row(means[one], means[other], alike=alike))
    return rows


def meets(rule: Rule, first: Floats, scores: Floats) -> Bools:
    """Whether each score meets a rule of the registry, given the baselines; (n,) and (n, V) to (n, V)."""
    table = pd.DataFrame(
        {
            "paramcd": rule.instrument,
            "aval": scores.ravel(),
            "base": np.repeat(first, scores.shape[1]),
        }
    )
    met = derive_endpoint(table, rule.endpoint, rule=rule.id)[rule.endpoint]
    return met.fillna(value=False).to_numpy(dtype=bool).reshape(scores.shape)


def _correlations(made: MadeUp) -> list[TruthRow]:
    rows: list[TruthRow] = []
    course = made.course
    changes = {
        name: scores - made.patients.first[name][:, None] for name, scores in course.scores.items()
    }
    for one, other in combinations(changes, 2):
        for t, visit in enumerate(course.visits):
            for arm, mine in arms_of(made):
                if mine.sum() < 3:
                    continue
                r = _correlation(changes[one][mine, t], changes[other][mine, t])
                found: TruthRow = {"estimand": "correlation_of_change", "arm": arm}
                found["instrument"] = one
                found |= {"endpoint": other, "visit": visit, "value": r, "method": "simulated"}
                n = int(mine.sum())
                rows.append(found | {"n": n, "std_error": (1 - r**2) / sqrt(n)})
    return rows


def _correlation(one: Floats, other: Floats) -> float:
    if one.std() == 0 or other.std() == 0:
        return np.nan
    return float(np.corrcoef(one, other)[0, 1])


def _leaving(made: MadeUp) -> list[TruthRow]:
    gone = np.isfinite(made.course.leaves)
    return [mean_row(gone[mine], "left", arm=arm) for arm, mine in arms_of(made)]


_Room = Callable[[MadeUp], list[TruthRow]]
_ROOMS: tuple[tuple[_Room, tuple[str, ...]], ...] = (
    (_changes, ("mean_change", "mean_change_difference")),
    (
        _shares,
        (
            "share",
            "share_difference",
            "share_as_counted",
            "share_as_counted_difference",
            "relief_by",
        ),
    ),
    (_correlations, ("correlation_of_change",)),
    (
        event_rows,
        (
            "event_incidence",
            "event_incidence_difference",
            "lasting_event_incidence",
            "lasting_event_incidence_difference",
            "event_chance_per_dose",
            "episodes_mild_and_brief",
        ),
    ),
    (medicine_rows, ("medicine_stopped", "medicine_stopped_difference")),
    (
        session_rows,
        ("doses_of_first_series", "session_of_40_to_60_minutes", "pressure_at_end_of_infusion"),
    ),
    (modification_rows, ("modified_by_failed_treatments", "modified_by_diagnosis")),
    (mediation_rows, ("mediated_by_side_effects", "mediated_by_guess")),
    (_leaving, ("left",)),
)
ESTIMANDS = tuple(name for _, told in _ROOMS for name in told)
"""Every estimand of a table of truths."""

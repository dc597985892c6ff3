"""What is true in a scenario: the value of each estimand in its whole population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.endpoints.criteria import derive_endpoint
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.synthetic.beside import chance_per_dose, medicines, side_effects
from ketastats.synthetic.cohort import MadeUp, make_up
from ketastats.synthetic.parameters import ARM_LAW
from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

COLUMNS = (
    "estimand",
    "arm",
    "reference",
    "instrument",
    "endpoint",
    "rule",
    "visit",
    "value",
    "std_error",
    "method",
    "n",
)
"""Columns of a table of truths; `std_error` is that of the simulation, 0 in closed form."""

ENDPOINTS = ("response", "remission", "minimal_important_difference")
BRIEF = 4.0
"""Hours within which an episode is brief."""

_NOTHING_MAKES = ("modified_by_failed_treatments", "mediated_by_side_effects")
_N, _SEED = 100_000, 7


def true_values(scenario: Scenario, *, n: int = _N, seed: int = _SEED) -> pd.DataFrame:
    """Work out what is true in a scenario.

    Parameters
    ----------
    scenario : Scenario
    n, seed : int
        Size and seed of the draw that stands for the whole population.

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
        event_incidence
            Share of patients with an episode by the end (`endpoint` holds the event, or "any", or
            "any moderate or severe").
        event_chance_per_dose
            Chance of an episode after one dose of the arm (per course for a daily medicine), in closed form.
        episodes_mild_and_brief
            Share of episodes that are mild and over within 4 hours.
        correlation_of_change
            Of the changes in two instruments at a visit (`endpoint` holds the other one); missing where
            one of them does not vary.
        medicine_stopped
            Share of those on a medicine (`endpoint`) at the start who came off it.
        modified_by_failed_treatments, mediated_by_side_effects
            How much the effect on the score differs between patients with more and fewer failed treatments,
            and how much of it goes through side effects: 0 in every scenario, since nothing makes either.
        left
            Share that left before the last visit.

        Differences take the arm that the scenario names earlier minus the one it names later.
    """
    # a site for each patient: few sites would stand for themselves and not for all there could be
    everywhere = scenario.changed({"site.count": float(n)}, name=scenario.name)
    made = make_up(everywhere, n, seed)
    rows: list[dict[str, Any]] = []
    for name in scenario.in_order("instrument"):
        rows += _of_instrument(made, name)
    rows += _correlations(made)
    rows += _of_events(made)
    rows += _of_medicines(made)
    rows += [_exactly(0.0, name) for name in _NOTHING_MAKES]
    gone = np.isfinite(made.course.leaves)
    rows += [_mean(gone[mine], "left", arm=arm) for arm, mine in _arms(made)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"value": "float64", "std_error": "float64", "n": "Int64"})


def _arms(made: MadeUp) -> Iterator[tuple[str, Bools]]:
    for code, name in enumerate(made.patients.arms):
        yield name, made.patients.arm == code


def _mean(values: NDArray[Any], estimand: str, **words: Any) -> dict[str, Any]:
    held = np.asarray(values, dtype=float)
    spread = float(held.std(ddof=1)) / sqrt(len(held)) if len(held) > 1 else 0.0
    found = {"estimand": estimand, "value": float(held.mean()) if len(held) else np.nan}
    return found | {"std_error": spread, "method": "simulated", "n": len(held)} | words


def _exactly(value: float, estimand: str, **words: Any) -> dict[str, Any]:
    found = {"estimand": estimand, "value": value, "std_error": 0.0, "method": "closed_form"}
    return found | words


def _of_instrument(made: MadeUp, name: str) -> list[dict[str, Any]]:
    first, scores = made.patients.first[name], made.course.scores[name]
    rows = _per_visit(made, scores - first[:, None], "mean_change", {"instrument": name})
    scale = find_instrument(name)
    for endpoint in ENDPOINTS:
        usable = [rule for rule in scale.rules_for(endpoint) if rule.type not in ("item", "all")]
        if not usable:
            continue
        met = meets(usable[0], first, scores)
        words = {"instrument": name, "endpoint": endpoint, "rule": usable[0].id}
        rows += _per_visit(made, met, "share", words)
        rows += _per_visit(made, met & made.course.seen, "share_as_counted", words)
        ever = np.logical_or.accumulate(met, axis=1)
        rows += _per_visit(made, ever, "relief_by", words, differences=False)
    return rows


def _per_visit(
    made: MadeUp,
    values: NDArray[Any],
    estimand: str,
    words: Mapping[str, Any],
    *,
    differences: bool = True,
) -> list[dict[str, Any]]:
    """Means at every visit by arm, and the differences of arms, earlier named minus later named."""
    rows: list[dict[str, Any]] = []
    for t, visit in enumerate(made.course.visits):
        means = {
            arm: _mean(values[mine, t], estimand, arm=arm, visit=visit, **words)
            for arm, mine in _arms(made)
            if mine.any()
        }
        rows += means.values()
        named = [arm for arm in made.scenario.members("arm") if arm in means]
        for one, other in combinations(named, 2) if differences else ():
            rows.append(_difference(made.scenario, means[one], means[other]))
    return rows


def _difference(scenario: Scenario, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    found = {**one, "estimand": f"{one['estimand']}_difference", "reference": other["arm"]}
    found["n"] = one["n"] + other["n"]
    if same_law(scenario, one["arm"], other["arm"]):
        return found | {"value": 0.0, "std_error": 0.0, "method": "closed_form"}
    found["value"] = one["value"] - other["value"]
    found["std_error"] = sqrt(one["std_error"] ** 2 + other["std_error"] ** 2)
    return found


def same_law(scenario: Scenario, one: str, other: str) -> bool:
    """Whether scores of two arms follow one law, because all that makes them is alike."""
    return all(
        scenario.values.get((name, one)) == scenario.values.get((name, other)) for name in ARM_LAW
    )


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


def _correlations(made: MadeUp) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    course = made.course
    changes = {
        name: scores - made.patients.first[name][:, None] for name, scores in course.scores.items()
    }
    for one, other in combinations(changes, 2):
        for t, visit in enumerate(course.visits):
            for arm, mine in _arms(made):
                if mine.sum() < 3:
                    continue
                r = _correlation(changes[one][mine, t], changes[other][mine, t])
                found: dict[str, Any] = {"estimand": "correlation_of_change", "arm": arm}
                found["instrument"] = one
                found |= {"endpoint": other, "visit": visit, "value": r, "method": "simulated"}
                n = int(mine.sum())
                rows.append(found | {"n": n, "std_error": (1 - r**2) / sqrt(n)})
    return rows


def _correlation(one: Floats, other: Floats) -> float:
    if one.std() == 0 or other.std() == 0:
        return np.nan
    return float(np.corrcoef(one, other)[0, 1])


def _of_events(made: MadeUp) -> list[dict[str, Any]]:
    table = side_effects(made.scenario, made.patients, made.course, made.streams[8])
    if table.empty:
        return []
    arms = made.patients.arms
    rows = [
        _exactly(float(chance), "event_chance_per_dose", arm=arm, endpoint=name)
        for name in made.scenario.in_order("event")
        for arm, chance in zip(arms, chance_per_dose(made.scenario, arms, name), strict=True)
    ]
    names = [*made.scenario.in_order("event"), "any", "any moderate or severe"]
    mild = (table["aesev"] == "MILD").to_numpy()
    brief = mild & ((table["end"] - table["astrlt"]) <= BRIEF).to_numpy()
    who = table["who"].to_numpy()
    for arm, mine in _arms(made):
        for name in names:
            kept = np.ones(len(table), dtype=bool)
            if name == "any moderate or severe":
                kept = ~mild
            elif name != "any":
                kept = (table["aedecod"] == name).to_numpy()
            hit = np.zeros(len(made.patients), dtype=bool)
            hit[who[kept]] = True
            rows.append(_mean(hit[mine], "event_incidence", arm=arm, endpoint=name))
        own = mine[who]
        if own.any():
            rows.append(_mean(brief[own], "episodes_mild_and_brief", arm=arm))
    return rows


def _of_medicines(made: MadeUp) -> list[dict[str, Any]]:
    table = medicines(made.scenario, made.patients, made.course, made.streams[9])
    rows = []
    for name in made.scenario.in_order("medicine"):
        mine = table[(table["cmdecod"] == name) & (table["cmcat"] == "CONCOMITANT")]
        ongoing = np.zeros(len(made.patients), dtype=bool)
        ongoing[mine.loc[mine["cmenrlt"].isna(), "who"]] = True
        takes = np.zeros(len(made.patients), dtype=bool)
        takes[mine["who"]] = True
        for arm, own in _arms(made):
            if (takes & own).any():
                stopped = ~ongoing[takes & own]
                rows.append(_mean(stopped, "medicine_stopped", arm=arm, endpoint=name))
    return rows

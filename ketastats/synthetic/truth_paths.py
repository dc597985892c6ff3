"""What is true of the paths of an effect: what modifies it, and what it goes through."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ketastats.synthetic.chances import first_dose_chance
from ketastats.synthetic.cohort import MadeUp, make_up
from ketastats.synthetic.patients import Reactions
from ketastats.synthetic.scenario import Scenario
from ketastats.synthetic.truth_rows import (
    Bools,
    Floats,
    TruthRow,
    arms_of,
    exact_row,
    mean_row,
    pairs_of,
    same_law,
)

BY_FAILED, BY_DIAGNOSIS = "modified_by_failed_treatments", "modified_by_diagnosis"
THROUGH_EFFECT, THROUGH_GUESS = "mediated_by_side_effects", "mediated_by_guess"

Pair = tuple[str, str]
_Means = tuple[Floats, Floats]  # values and squared errors, one per visit


def modification_rows(made: MadeUp) -> list[TruthRow]:
    """How much the effect on the score differs with failed treatments, and between diagnoses.

    One row without instrument and visit where it is 0 for all of them.
    """
    scenario = made.scenario
    rows = []
    for pair in pairs_of(made):
        words = {"arm": pair[0], "reference": pair[1]}
        if same_law(scenario, *pair) or not _any(scenario, pair, "arm.gain_per_failed"):
            rows.append(exact_row(0.0, BY_FAILED, **words))
        else:
            rows += _by_failed(made, pair)
        names = scenario.in_order("diagnosis")
        gains = any(
            scenario.given("diagnosis.gain", f"{arm}/{name}") for arm in pair for name in names
        )
        for code, name in enumerate(names if len(names) > 1 else ()):
            if same_law(scenario, *pair) or not gains:
                rows.append(exact_row(0.0, BY_DIAGNOSIS, endpoint=name, **words))
            else:
                rows += _by_diagnosis(made, pair, name, made.patients.diagnosis == code)
    return rows


def mediation_rows(made: MadeUp) -> list[TruthRow]:
    """How much of the effect goes through the mediating side effect, directly and through the guess.

    The patients of an arm are drawn again as they would be had they the side effect of the reference arm:
    E[Y(arm, M(arm)) - Y(arm, M(reference))], with the guess held where it is for the direct path, and what
    is then left for the path through the guess.

    References
    ----------
    Pearl J (2001). Direct and indirect effects. In: Proceedings of the 17th Conference on Uncertainty in
    Artificial Intelligence, 411-420.
    """
    rows: list[TruthRow] = []
    pairs = pairs_of(made)
    for reference in dict.fromkeys(other for _, other in pairs):
        mine = [pair for pair in pairs if pair[1] == reference]
        direct = [pair for pair in mine if _works(made.scenario, pair)]
        guessed = [pair for pair in mine if _told(made.scenario, pair)]
        zero = [
            (THROUGH_EFFECT, set(mine) - set(direct)),
            (THROUGH_GUESS, set(mine) - set(guessed)),
        ]
        for estimand, none in zero:
            rows += [
                exact_row(0.0, estimand, arm=arm, reference=reference) for arm, _ in sorted(none)
            ]
        if not direct and not guessed:
            continue
        between = _again(made, Reactions(gain=reference))
        rows += _paired(made, between, THROUGH_EFFECT, direct)
        if guessed:
            other = _again(made, Reactions(gain=reference, guess=reference))
            rows += _paired(between, other, THROUGH_GUESS, guessed)
    return rows


def _again(made: MadeUp, as_if: Reactions) -> MadeUp:
    """The same patients with the side effect of another arm."""
    return make_up(made.scenario, len(made.patients), made.seed, as_if=as_if)


def _any(scenario: Scenario, pair: Pair, parameter: str) -> bool:
    return any(scenario.value(parameter, arm) != 0 for arm in pair)


def _changes(made: MadeUp) -> Iterator[tuple[str, Floats]]:
    """Change from baseline in each instrument had everybody been followed, (n, V)."""
    for name in made.scenario.in_order("instrument"):
        yield name, made.course.scores[name] - made.patients.first[name][:, None]


def _rows(
    made: MadeUp,
    estimand: str,
    pair: Pair,
    found: Iterator[tuple[str, _Means]],
    endpoint: str | None,
) -> list[TruthRow]:
    arms = dict(arms_of(made))
    n = int(sum(arms[name].sum() for name in pair))
    words = {"arm": pair[0], "reference": pair[1], "method": "simulated", "n": n}
    if endpoint is not None:
        words["endpoint"] = endpoint
    return [
        {"estimand": estimand, "instrument": name, "visit": visit, **words}
        | {"value": float(value), "std_error": sqrt(error)}
        for name, (values, errors) in found
        for visit, value, error in zip(made.course.visits, values, errors, strict=True)
    ]


def _by_failed(made: MadeUp, pair: Pair) -> list[TruthRow]:
    """Difference between arms of the least-squares slope of change on failed treatments."""
    arms = dict(arms_of(made))

    def found() -> Iterator[tuple[str, _Means]]:
        for name, change in _changes(made):
            slopes = [_slope(made.patients.failed[arms[arm]], change[arms[arm]]) for arm in pair]
            yield name, _minus(*slopes)

    return _rows(made, BY_FAILED, pair, found(), None)


def _slope(failed: NDArray[np.intp], change: Floats) -> _Means:
    """Slopes at each visit with their heteroscedasticity-consistent squared errors; NaN if none varies."""
    x = failed - failed.mean()
    size = float(x @ x)
    if size == 0:
        return np.full(change.shape[1], np.nan), np.full(change.shape[1], np.nan)
    slope = x @ change / size
    left = change - change.mean(axis=0) - x[:, None] * slope
    return slope, (x**2) @ (left**2) / size**2


def _by_diagnosis(made: MadeUp, pair: Pair, name: str, inside: Bools) -> list[TruthRow]:
    """Effect in those with a diagnosis minus the effect in all others."""
    arms = dict(arms_of(made))

    def found() -> Iterator[tuple[str, _Means]]:
        for instrument, change in _changes(made):
            effects = [
                _minus(*(_mean(change[arms[arm] & where]) for arm in pair))
                for where in (inside, ~inside)
            ]
            yield instrument, _minus(*effects)

    return _rows(made, BY_DIAGNOSIS, pair, found(), name)


def _mean(change: Floats) -> _Means:
    if len(change) < 2:
        return np.full(change.shape[1], np.nan), np.full(change.shape[1], np.nan)
    return change.mean(axis=0), change.var(axis=0, ddof=1) / len(change)


def _minus(one: _Means, other: _Means) -> _Means:
    return one[0] - other[0], one[1] + other[1]


def _differ(scenario: Scenario, pair: Pair) -> bool:
    """Whether the mediating side effect, if there is one, is likelier with the first dose of one arm."""
    name = scenario.values.get(("mediator.event", ""))
    if name is None:
        return False
    first, second = first_dose_chance(scenario, pair, str(name))
    return bool(first != second)


def _works(scenario: Scenario, pair: Pair) -> bool:
    """Whether anything goes through the side effect itself."""
    return _differ(scenario, pair) and scenario.value("mediator.gain") != 0


def _told(scenario: Scenario, pair: Pair) -> bool:
    """Whether the side effect changes what those of the arm believe, and that their scores."""
    more = scenario.value("mediator.guess") > scenario.value("arm.guess", pair[0])
    return _differ(scenario, pair) and more and scenario.value("expectancy.guess") != 0


def _paired(one: MadeUp, other: MadeUp, estimand: str, pairs: list[Pair]) -> list[TruthRow]:
    """Means over the patients of an arm of what the two draws of them differ by."""
    arms = dict(arms_of(one))
    rows = []
    for arm, reference in pairs:
        for name in one.scenario.in_order("instrument"):
            gone = one.course.scores[name][arms[arm]] - other.course.scores[name][arms[arm]]
            for t, visit in enumerate(one.course.visits):
                words = {"reference": reference, "instrument": name, "visit": visit}
                rows.append(mean_row(gone[:, t], estimand, arm=arm, **words))
    return rows

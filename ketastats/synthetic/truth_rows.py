"""Rows of a table of truths: means, exact values, and differences between arms."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ketastats.synthetic.chances import chance_per_dose
from ketastats.synthetic.cohort import MadeUp
from ketastats.synthetic.parameters import ARM_LAW
from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TruthRow = dict[str, Any]

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


def arms_of(made: MadeUp) -> Iterator[tuple[str, Bools]]:
    """Each arm with its patients, (n,)."""
    for code, name in enumerate(made.patients.arms):
        yield name, made.patients.arm == code


def pairs_of(made: MadeUp) -> list[tuple[str, str]]:
    """Pairs of arms that somebody is in, the one that the scenario names earlier first."""
    held = {name for name, mine in arms_of(made) if mine.any()}
    return list(combinations([arm for arm in made.scenario.members("arm") if arm in held], 2))


def mean_row(values: NDArray[Any], estimand: str, **words: Any) -> TruthRow:
    """Mean of values of different patients."""
    held = np.asarray(values, dtype=float)
    spread = float(held.std(ddof=1)) / sqrt(len(held)) if len(held) > 1 else 0.0
    found = {"estimand": estimand, "value": float(held.mean()) if len(held) else np.nan}
    return found | {"std_error": spread, "method": "simulated", "n": len(held)} | words


def exact_row(value: float, estimand: str, **words: Any) -> TruthRow:
    """A value in closed form."""
    found = {"estimand": estimand, "value": value, "std_error": 0.0, "method": "closed_form"}
    return found | words


def difference_row(one: TruthRow, other: TruthRow, *, alike: bool) -> TruthRow:
    """Arm minus reference of two rows about different patients; exactly 0 where their laws are alike."""
    found = {**one, "estimand": f"{one['estimand']}_difference", "reference": other["arm"]}
    found["n"] = one["n"] + other["n"]
    if alike:
        return found | {"value": 0.0, "std_error": 0.0, "method": "closed_form"}
    found["value"] = one["value"] - other["value"]
    found["std_error"] = sqrt(one["std_error"] ** 2 + other["std_error"] ** 2)
    return found


def same_law(scenario: Scenario, one: str, other: str) -> bool:
    """Whether scores and leaving of two arms follow one law, because all that makes them is alike."""
    return _law(scenario, one) == _law(scenario, other)


def same_side_effects(scenario: Scenario, one: str, other: str, name: str) -> bool:
    """Whether one side effect comes alike in two arms, given that their laws are."""
    first, second = chance_per_dose(scenario, [one, other], name)
    return bool(first == second)


def mediator(scenario: Scenario) -> str | None:
    """The side effect through which treatments also work; None where there is none, or it does nothing."""
    name = scenario.values.get(("mediator.event", ""))
    told = scenario.value("mediator.guess") * scenario.value("expectancy.guess")
    works = scenario.value("mediator.gain") != 0 or told != 0
    return str(name) if name is not None and works else None


def _law(scenario: Scenario, arm: str) -> dict[Hashable, Any]:
    """Everything that scores and leaving of an arm follow."""
    found: dict[Hashable, Any] = {name: scenario.values.get((name, arm)) for name in ARM_LAW}
    for diagnosis in scenario.members("diagnosis"):
        gain = scenario.given("diagnosis.gain", f"{arm}/{diagnosis}")
        found["diagnosis.gain", diagnosis] = gain
    through = mediator(scenario)
    if through is not None:
        found["mediator"] = float(chance_per_dose(scenario, [arm], through)[0])
    return found

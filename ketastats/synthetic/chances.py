"""Chances of side effects: of an arm, of one patient, and of the mean of all patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]

_USUAL_DOSE = 0.5  # mg/kg, at which side effects are as frequent as their parameters say
_NODES = 81  # of the rule for integrals over a normal law


def chance_per_dose(scenario: Scenario, arms: Sequence[str], name: str) -> Floats:
    """Chance of an episode after one dose of each arm; per course for a daily medicine.

    Where patients differ in how prone they are (`event.proneness_sd`), it is that of the patient in the
    middle; `mean_chance_per_dose` is that of all.
    """
    p = np.array([scenario.given("event.share", f"{arm}/{name}") for arm in arms])
    dose = np.array([scenario.value("arm.dose", arm) for arm in arms])
    tenths = np.where(dose > 0, (dose - _USUAL_DOSE) / 0.1, 0.0)
    inside = (p > 0) & (p < 1)
    odds = np.where(inside, p / np.where(inside, 1 - p, 1.0), 0.0)
    odds = odds * np.exp(scenario.value("event.per_tenth", name) * tenths)
    return np.where(inside, odds / (1 + odds), p)


def first_dose_chance(scenario: Scenario, arms: Sequence[str], name: str) -> Floats:
    """Chance of an episode after the first dose of each arm; 0 without one, as of a daily medicine."""
    given = [
        scenario.value("arm.doses", arm) > 0 and scenario.word("arm.daily", arm) == "no"
        for arm in arms
    ]
    return np.where(given, chance_per_dose(scenario, arms, name), 0.0)


def mean_chance_per_dose(scenario: Scenario, arms: Sequence[str], name: str) -> Floats:
    """The same over all patients, by Gauss-Hermite quadrature where they differ.

    The mean of a logistic function over a normal law has no closed form; with 81 nodes the error is below
    1e-6 for spreads up to 3.
    """
    middle = chance_per_dose(scenario, arms, name)
    spread = scenario.value("event.proneness_sd")
    if spread == 0:
        return middle
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    drawn = shifted(middle[:, None], spread * nodes)
    return np.asarray(drawn @ weights / weights.sum())


def shifted(probability: Floats, log_odds: Floats) -> Floats:
    """A probability moved on the scale of log odds; 0 and 1 stay."""
    inside = (probability > 0) & (probability < 1)
    safe = np.where(inside, probability, 0.5)
    moved = expit(np.log(safe) - np.log1p(-safe) + log_odds)
    return np.where(inside, moved, probability)

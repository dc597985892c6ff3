"""Bringing the truth of a scenario to where a claim is false, at its border, or true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import exp, log, sqrt
from typing import Any

from scipy.optimize import brentq

from ketastats.calibration.cases import WHICH, Case, Template, only, template_of_any
from ketastats.calibration.population import deciding_value, standardised_effect
from ketastats.calibration.truths import Asked, Value, on_the_right_side, stated_value
from ketastats.checks.options import require_choice
from ketastats.claims.registry import Claim, find_claim
from ketastats.errors import NoErrorRatesError, UsageError
from ketastats.synthetic.parameters import ARM_LAW, CATALOGUE
from ketastats.synthetic.scenario import Scenario
from ketastats.synthetic.truth_rows import mediator

LAW = "law of the arms"
"""The lever of cases in which two arms keep, swap or share their laws."""

_LARGE, _SEED = 200_000, 11
_PROBABILITY_EDGES = (0.005, 0.995)
_WIDE_EDGES = (1e-3, 1e3)  # as factors of the scenario's own value
_EXACTLY = 2e-4  # of the room between the edges, to which a lever is settled
_CLOSE = (
    0.25  # simulation errors, within which a count is brought to its target; not of stated values
)
_HALF_WAY = 0.5


def claim_cases(
    claim: str | Claim,
    *,
    changes: Mapping[str, str | float | None] | None = None,
    which: Sequence[str] = WHICH,
    n: int = _LARGE,
    seed: int = _SEED,
) -> list[Case]:
    """Cases of a claim: made-up cohorts in which it is false, at its border, and true.

    Claims without a judging path on a cohort have cases too: their truths are known, and no verdict on them
    can be counted yet.

    Parameters
    ----------
    claim : str or Claim
    changes : mapping, optional
        Further changes of the claim's scenario, such as ``{"visit.hours[Day 2]": 48}`` for a visit more.
    which : sequence of str
        Which of them: "false", "border", "true".
    n, seed : int
        Of the draw that stands for the whole population, in which the truth is counted.

    Raises
    ------
    UsageError
        If the claim has none.
    """
    one = template_of_any(claim)
    if changes:
        one = one.replaced(one.scenario.changed(changes))
    for name in which:
        require_choice("truth of a case", name, WHICH)
    return [settle(one, name, n=n, seed=seed) for name in which]


def settle(one: Template, which: str, *, n: int = _LARGE, seed: int = _SEED) -> Case:
    """Move the lever of a template until the truth is as wanted, and say how exactly it is known.

    Parameters
    ----------
    one : Template
    which : {"false", "border", "true"}
    n, seed : int
        Of the draw that stands for the whole population.

    Returns
    -------
    Case
        Where a false or true claim cannot be brought all the way to its target, the one as far as it goes, if
        that is at least half way from the border.

    Raises
    ------
    UsageError
        If no value of the lever makes the truth as wanted.
    """
    target = one.targets[which]
    if one.lever == LAW:
        scenario, settings = _of_arms(one, target), target
    else:
        at = _moved(one, which, float(target), n, seed)
        scenario, settings = one.scenario.changed({one.lever: at}), f"{one.lever}={at:.6g}"
    value, error = _known(one, scenario, n, seed)
    if (
        one.asked is None and target == "alike"
    ):  # two arms of one law: no difference, a ratio of one
        value, error = (1.0 if one.claim.kind == "onset_ordering" else 0.0), 0.0
    case = Case(
        one.claim.id,
        which,
        scenario,
        one.options,
        one.arms,
        value,
        error,
        _border(one),
        settings,
        "" if one.asked is None else one.asked.estimand,
    )
    _require_side(one, case)
    return case


def _moved(one: Template, which: str, target: float, n: int, seed: int) -> float:
    """The setting of the lever that brings the truth to its target, or as near as it goes."""
    found: dict[float, float] = {}
    low, high, scale = _edges(one)

    def gap(place: float) -> float:
        setting = scale(place)
        value, error = _aimed(one, one.scenario.changed({one.lever: setting}), n, seed)
        found[setting] = value - target
        near = one.asked is None and abs(found[setting]) <= _CLOSE * error
        return 0.0 if near else found[setting]

    if low < 0 < high and gap(0.0) == 0:  # what nothing modifies or mediates is exactly 0
        return 0.0
    if gap(low) * gap(high) <= 0:
        brentq(gap, low, high, xtol=_EXACTLY * (high - low), rtol=1e-4, maxiter=40)
        return min(found, key=lambda setting: abs(found[setting]))
    nearest = min(found, key=lambda setting: abs(found[setting]))
    if which == "border" or not _far_enough(_border(one), found[nearest] + target, target):
        ends = sorted((found[scale(low)] + target, found[scale(high)] + target))
        raise NoErrorRatesError(
            f"With visits, doses and drop-out like these, the number that decides the claim "
            f"{one.claim.id!r} lies between {ends[0]:.3g} and {ends[1]:.3g} whatever {one.lever} is: "
            f"it cannot be {target:g}"
        )
    return nearest


def _edges(one: Template) -> tuple[float, float, Callable[[float], float]]:
    """From where to where a lever is moved, and what a place between them means."""
    if one.edges is not None:
        return (*one.edges, float)
    parameter = one.lever.split("[")[0]
    if CATALOGUE[parameter].kind == "probability":
        return (*_PROBABILITY_EDGES, float)
    own = one.scenario.value(parameter, one.arm)
    return log(_WIDE_EDGES[0]), log(_WIDE_EDGES[1]), lambda place: own * exp(place)


def _border(one: Template) -> tuple[float, ...]:
    """Where true meets false."""
    if one.asked is not None:
        return (one.asked.border,)
    low, high = one.claim.range
    return tuple(end for end in (low, high) if 0 < end < 1) or (low,)


def _far_enough(border: tuple[float, ...], value: float, target: float) -> bool:
    """Whether a value short of its target is at least half way there from the border on its side."""
    nearest = min(border, key=lambda end: abs(end - value))
    return (value - nearest) / (target - nearest) >= _HALF_WAY


def _require_side(one: Template, case: Case) -> None:
    """Refuse a true case whose truth is outside the claimed range, and a false one inside."""
    if one.asked is not None:
        right = on_the_right_side(one.asked, case.truth, case.which)
    elif "standardised_effect" in one.claim.facts:  # its border is a size, not a value of the truth
        right = True
    else:
        low, high = one.claim.range
        right = case.which == "border" or (low < case.truth < high) == (case.which == "true")
    if not right:
        why = ": as many leave, the counted difference is the other way" if one.lever == LAW else ""
        raise NoErrorRatesError(
            f"In cohorts like this one the claim {one.claim.id!r} is not {case.which} where it should be{why}"
        )


def _counts_the_unseen(claim: Claim) -> bool:
    """Whether leaving is part of what decides, so that arms of one law leave alike too."""
    return claim.kind == "superiority" and claim.facts.get("endpoint") != "change"


def _require_no_mediator(scenario: Scenario) -> None:
    if mediator(scenario) is not None:
        raise UsageError(
            "The laws of two arms cannot be made alike where a side effect is part of how they work: take "
            "mediator.event away"
        )


def _of_arms(one: Template, word: str) -> Scenario:
    """The scenario with the laws of its two arms as they are, swapped, or both that of the reference."""
    first, second = one.arm, str(one.reference)
    pairs = {"as it is": (first, second), "swapped": (second, first), "alike": (second, second)}
    law_first, law_second = pairs[word]
    _require_no_mediator(one.scenario)
    changes: dict[str | tuple[str, str], float | str] = _gains_by_diagnosis(
        one.scenario, {first: law_first, second: law_second}
    )
    for name in ARM_LAW:
        changes[name, first] = one.scenario.values[name, law_first]
        changes[name, second] = one.scenario.values[name, law_second]
    if not (one.asked or _counts_the_unseen(one.claim)):  # who leaves stays a matter of the arm
        for arm in (first, second):
            changes["arm.leave", arm] = one.scenario.values["arm.leave", arm]
    return one.scenario.changed(changes)


def _gains_by_diagnosis(
    scenario: Scenario, laws: Mapping[str, str]
) -> dict[str | tuple[str, str], float | str]:
    """What a diagnosis adds in each arm under the law of another, where anything does."""
    named = {pair.split("/", 1)[1] for pair in scenario.members("arm/diagnosis")}
    return {
        ("diagnosis.gain", f"{arm}/{name}"): scenario.given("diagnosis.gain", f"{law}/{name}")
        for arm, law in laws.items()
        for name in sorted(named)
    }


def _aimed(one: Template, scenario: Scenario, n: int, seed: int) -> Value:
    """The number that is brought to a target: the one that decides, or the size the claim asks for."""
    if one.asked is not None or "standardised_effect" not in one.claim.facts:
        return _known(one, scenario, n, seed)
    chosen = only(scenario, one.arms, str(one.options["instrument"]))
    size = standardised_effect(one.claim, chosen, one.options, n=n, seed=seed)
    return size, 2 / sqrt(n)


def _known(one: Template, scenario: Scenario, n: int, seed: int) -> Value:
    options = tuple(sorted(one.options.items()))
    return _worked_out(one.claim.id, scenario, one.arms, options, one.asked, n, seed)


@lru_cache(maxsize=256)
def _worked_out(
    claim: str,
    scenario: Scenario,
    arms: tuple[str, ...],
    options: tuple[tuple[str, Any], ...],
    asked: Asked | None,
    n: int,
    seed: int,
) -> Value:
    """The number that decides; the ends of a lever are the same for all three truths."""
    if asked is not None:
        return stated_value(
            only(scenario, arms, *asked.instruments, beside=True), asked, n=n, seed=seed
        )
    given = dict(options)
    chosen = only(scenario, arms, str(given["instrument"]))
    return deciding_value(find_claim(claim), chosen, given, n=n, seed=seed)

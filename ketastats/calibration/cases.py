"""Cases with known truth: scenarios in which a claim is false, at its border, and true."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log
from typing import Any

import pandas as pd
from scipy.optimize import brentq

from ketastats.calibration.population import as_cohort, deciding_value, standardised_effect
from ketastats.calibration.truths import Asked, Value, moved, on_the_right_side, stated_value
from ketastats.checks.options import require_choice
from ketastats.claims.judge import JUDGED_KINDS
from ketastats.claims.registry import Claim, find_claim, load_claims
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.resources import shipped
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.parameters import ARM_LAW, CATALOGUE, DEFINES
from ketastats.synthetic.scenario import Scenario, load_scenario
from ketastats.synthetic.truth_rows import mediator

WHICH = ("false", "border", "true")
"""Truths under which a claim's verdicts are counted."""

_OPTIONS = ("arm", "reference", "instrument", "visit", "treatment", "comparator", "endpoint")
_NOT_LOOKED_AT = ("arm", "instrument", "event", "vital", "medicine")
_LARGE, _SEED = 200_000, 11
_CHANGE = re.compile(r"([\w.]+(?:\[[^\]]+\])?)=([^;]+)")
_PROBABILITY_EDGES = (0.005, 0.995)
_WIDE_EDGES = (1e-3, 1e3)  # as factors of the scenario's own value


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """How cases of a claim are made: the scenario, the arms, and what is moved until the truth is right.

    `lever` is a parameter of the scenario, and `targets` the truths it is moved to; or "law of the arms",
    and the targets say whether the arms are swapped, alike or as they are. `asked` is the value of the table
    of truths that decides, for claims whose number is not counted otherwise, and `edges` where their lever
    can be.
    """

    claim: Claim
    scenario: Scenario
    arm: str
    reference: str | None
    options: Mapping[str, Any]
    lever: str
    targets: Mapping[str, str]
    asked: Asked | None = None
    edges: tuple[float, float] | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms of the scenario that are drawn."""
        compared = () if self.reference is None else (self.reference,)
        return (*self.arm.split(), *compared)

    def replaced(self, scenario: Scenario) -> Template:
        """The same with another scenario."""
        return replace(self, scenario=scenario)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A scenario in which the number that decides a claim is known.

    `truth` is that number and `truth_std_error` its simulation error; `border` is where true meets false;
    `settings` is what was changed in the template's scenario.
    """

    claim: str
    which: str
    scenario: Scenario
    options: Mapping[str, Any]
    arms: tuple[str, ...]
    truth: float
    truth_std_error: float
    border: tuple[float, ...]
    settings: str = ""
    estimand: str = ""


@lru_cache(maxsize=1)
def _templates() -> pd.DataFrame:
    place = shipped("data", "calibration", "claim_cases.csv")
    return pd.read_csv(place, dtype="str", keep_default_na=False)


def claims_with_cases() -> tuple[str, ...]:
    """Ids of the claims that have cases and a judging path on a cohort, so that verdicts can be counted."""
    known = load_claims()
    return tuple(name for name in _templates()["claim"] if known[name].kind in JUDGED_KINDS)


def claims_with_known_truth() -> tuple[str, ...]:
    """Ids of all claims that have cases, with or without a judging path."""
    return tuple(_templates()["claim"])


def template(claim: str | Claim) -> Template:
    """How cases of a claim with a judging path are made.

    Raises
    ------
    UsageError
        If the claim has no cases, or nothing judges it on a cohort.
    """
    found = template_of_any(claim)
    require_path(found.claim)
    return found


def require_path(claim: Claim) -> None:
    """Raise `UsageError` if verdicts on a claim cannot be counted, because nothing judges it on a cohort."""
    if claim.kind not in JUDGED_KINDS:
        raise UsageError(
            f"The claim {claim.id!r} has no judging path on a cohort (kind {claim.kind}), so there is no "
            "verdict to count; claim_cases gives cohorts in which its truth is known"
        )


def template_of_any(claim: str | Claim) -> Template:
    """How cases of a claim are made, whether or not it has a judging path.

    Raises
    ------
    UsageError
        If the claim has none.
    """
    found = find_claim(claim if isinstance(claim, str) else claim.id)
    if not isinstance(claim, str) and claim.facts != found.facts:
        raise UsageError(
            f"The claim {found.id!r} differs from the registered one, which has the cases"
        )
    table = _templates()
    rows = table[table["claim"] == found.id]
    if rows.empty:
        raise UsageError(f"The claim {found.id!r} has no cases with known truth: {_why(found)}")
    row = {str(name): str(value) for name, value in rows.iloc[0].items()}
    options: dict[str, Any] = {name: row[name] for name in _OPTIONS if row[name]}
    if found.kind in ("superiority", "onset_ordering"):
        options["randomised"] = True
    if found.kind == "superiority":
        options["blinded"] = True
    return Template(
        found,
        load_scenario(row["scenario"]).changed(_changes(row["changes"])),
        row["arm"],
        row["reference"] or None,
        options,
        row["lever"],
        {name: row[name] for name in WHICH},
        _asked(row),
        (float(row["low"]), float(row["high"])) if row["low"] else None,
    )


def _why(claim: Claim) -> str:
    """Why a claim has no cases, in words."""
    if claim.kind == "not_statistical":
        return "no cohort of patients can answer it"
    return "no column of a cohort holds what it is about, such as a biomarker"


def _asked(row: Mapping[str, str]) -> Asked | None:
    """The value of the table of truths that a row of the table of cases names."""
    if not row["estimand"]:
        return None
    return Asked(
        row["estimand"],
        tuple(row["arm"].split()),
        row["reference"] or None,
        row["instrument"] or None,
        row["endpoint"] or None,
        row["visit"] or None,
        row["true_is"] == "above",
        0.0 if row["border"] == "alike" else float(row["border"]),
    )


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


def _changes(text: str) -> dict[str, str]:
    return dict(_CHANGE.findall(text))


def draw(case: Case, n: int, seed: int) -> Cohort:
    """Draw the arms of a case; not labelled synthetic, for no eyes but those of `ketastats.judge`."""
    named = (case.options.get("instrument"), case.options.get("endpoint"))
    names = [str(name) for name in named if name is not None]
    chosen = only(case.scenario, case.arms, *names, beside=bool(case.estimand))
    return as_cohort(make_up(chosen, n, seed))


@lru_cache(maxsize=64)
def only(
    scenario: Scenario, arms: tuple[str, ...], *instruments: str, beside: bool = False
) -> Scenario:
    """A scenario without the arms and instruments that a judgement does not look at.

    Side effects, vital signs and other medicines go too, unless `beside` keeps them or scores need them.
    """
    entry = str(scenario.values.get(("entry.instrument", "")))
    through = str(scenario.values.get(("mediator.event", "")))
    kept = {"arm": arms, "event": (through,), "instrument": (*instruments, entry)}
    if not set(kept["instrument"]) & set(scenario.members("instrument")):
        kept["instrument"] = scenario.members("instrument")
    gone: dict[tuple[str, str], None] = {}
    for scope in ("arm", "instrument") if beside else _NOT_LOOKED_AT:
        for of in scenario.members(scope):
            if of not in kept.get(scope, ()):
                gone[DEFINES[scope], of] = None
    return scenario.changed(gone, name=scenario.name)


def settle(one: Template, which: str, *, n: int = _LARGE, seed: int = _SEED) -> Case:
    """Move the lever of a template until the truth is as wanted, and say how exactly it is known.

    Parameters
    ----------
    one : Template
    which : {"false", "border", "true"}
    n, seed : int
        Of the draw that stands for the whole population.

    Raises
    ------
    UsageError
        If no value of the lever makes the truth as wanted.
    """
    if one.asked is not None:
        return _stated(one, one.asked, which, n, seed)
    target = one.targets[which]
    if one.lever == "law of the arms":
        scenario = _of_arms(one, target)
        value, error = _value(one, scenario, n, seed)
        if target == "alike":  # two arms of one law: no difference, a ratio of one
            value, error = (1.0 if one.claim.kind == "onset_ordering" else 0.0), 0.0
        case = _case(one, which, scenario, value, error, target)
        _require_side(one, case)
        return case
    return _moved(one, which, float(target), n, seed)


def _moved(one: Template, which: str, target: float, n: int, seed: int) -> Case:
    """The case at which the lever has brought the truth to its target."""
    found: dict[float, float] = {}
    low, high, scale = _edges(one)

    def gap(place: float) -> float:
        setting = scale(place)
        if setting not in found:
            found[setting] = _aimed(one, one.scenario.changed({one.lever: setting}), n, seed)
        return found[setting] - target

    if gap(low) * gap(high) > 0:
        raise UsageError(
            f"No {one.lever} makes the number {target:g} for the claim {one.claim.id!r}: it goes from "
            f"{found[scale(low)]:.3g} to {found[scale(high)]:.3g}"
        )
    brentq(gap, low, high, xtol=2e-4 * (high - low), rtol=1e-4, maxiter=40)
    at = min(found, key=lambda setting: abs(found[setting] - target))
    scenario = one.scenario.changed({one.lever: at})
    return _case(one, which, scenario, *_value(one, scenario, n, seed), f"{one.lever}={at:.6g}")


def _edges(one: Template) -> tuple[float, float, Callable[[float], float]]:
    """From where to where a lever is moved, and what a place between them means."""
    parameter = one.lever.split("[")[0]
    if CATALOGUE[parameter].kind == "probability":
        return (*_PROBABILITY_EDGES, float)
    own = one.scenario.value(parameter, one.arm)
    return log(_WIDE_EDGES[0]), log(_WIDE_EDGES[1]), lambda place: own * exp(place)


def _require_side(one: Template, case: Case) -> None:
    """Refuse a true case whose truth is outside the claimed range, and a false one inside."""
    low, high = one.claim.range
    inside = low < case.truth < high
    if case.which != "border" and inside != (case.which == "true"):
        raise UsageError(
            f"In cohorts like this one the claim {one.claim.id!r} is not {case.which} where it should be: as "
            "many leave, the counted difference is the other way"
        )


def _case(
    one: Template, which: str, scenario: Scenario, value: float, error: float, settings: str
) -> Case:
    low, high = one.claim.range
    border = tuple(end for end in (low, high) if 0 < end < 1) or (low,)
    return Case(
        one.claim.id, which, scenario, one.options, one.arms, value, error, border, settings
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


def _aimed(one: Template, scenario: Scenario, n: int, seed: int) -> float:
    """The number that is brought to a target: the one that decides, or the size the claim asks for."""
    if "standardised_effect" not in one.claim.facts:
        return _value(one, scenario, n, seed)[0]
    chosen = only(scenario, one.arms, str(one.options["instrument"]))
    return standardised_effect(one.claim, chosen, one.options, n=n, seed=seed)


def _value(one: Template, scenario: Scenario, n: int, seed: int) -> tuple[float, float]:
    chosen = only(scenario, one.arms, str(one.options["instrument"]))
    return deciding_value(one.claim, chosen, one.options, n=n, seed=seed)


def _stated(one: Template, asked: Asked, which: str, n: int, seed: int) -> Case:
    """The case of a claim whose number is read from the table of truths."""

    def value(scenario: Scenario) -> Value:
        chosen = only(scenario, one.arms, *asked.instruments, beside=True)
        return stated_value(chosen, asked, n=n, seed=seed)

    target = one.targets[which]
    if one.edges is None:
        scenario, settings = _of_arms(one, target), target
        found = value(scenario)
    else:
        at, found = moved(
            lambda setting: value(one.scenario.changed({one.lever: setting})),
            float(target),
            one.edges,
            f"{one.lever} for the claim {one.claim.id!r}",
        )
        scenario, settings = one.scenario.changed({one.lever: at}), f"{one.lever}={at:.6g}"
    if not on_the_right_side(asked, found[0], which):
        raise UsageError(
            f"In cohorts like this one the claim {one.claim.id!r} is not {which} where it should be"
        )
    return Case(
        one.claim.id,
        which,
        scenario,
        one.options,
        one.arms,
        *found,
        (asked.border,),
        settings,
        asked.estimand,
    )

"""Cases with known truth: scenarios in which a claim is false, at its border, and true."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import pandas as pd

from ketastats.calibration.population import as_cohort
from ketastats.calibration.truths import Asked
from ketastats.claims.judge import JUDGED_KINDS
from ketastats.claims.registry import Claim, find_claim, load_claims
from ketastats.cohort.cohort import Cohort
from ketastats.errors import NoErrorRatesError, UsageError
from ketastats.resources import shipped
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.parameters import DEFINES
from ketastats.synthetic.scenario import Scenario, load_scenario

WHICH = ("false", "border", "true")
"""Truths under which a claim's verdicts are counted."""

_OPTIONS = ("arm", "reference", "instrument", "visit", "treatment", "comparator", "endpoint")
_NOT_LOOKED_AT = ("arm", "instrument", "event", "vital", "medicine")
_CHANGE = re.compile(r"([\w.]+(?:\[[^\]]+\])?)=([^;]+)")


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


class Population(Protocol):
    """What made-up data are drawn from: a `Scenario`, or published trials."""

    @property
    def key(self) -> str:
        """Digest of all that draws depend on."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A scenario in which the number that decides a claim is known.

    `truth` is that number and `truth_std_error` its simulation error; `border` is where true meets false;
    `settings` is what was changed in the template's scenario.
    """

    claim: str
    which: str
    scenario: Population
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
        raise NoErrorRatesError(
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
        raise NoErrorRatesError(
            f"The claim {found.id!r} differs from the registered one, which has the cases"
        )
    table = _templates()
    rows = table[table["claim"] == found.id]
    if rows.empty:
        raise NoErrorRatesError(
            f"The claim {found.id!r} has no cases with known truth: {_why(found)}"
        )
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


def _changes(text: str) -> dict[str, str]:
    return dict(_CHANGE.findall(text))


def draw(case: Case, n: int, seed: int) -> Cohort:
    """Draw the arms of a case; not labelled synthetic, for no eyes but those of `ketastats.judge`."""
    if not isinstance(case.scenario, Scenario):
        raise UsageError(
            "A cohort is drawn from a Scenario; published trials are drawn by draw_trials"
        )
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

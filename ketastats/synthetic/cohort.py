"""A whole made-up cohort in five tables, with what is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import require_choice
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.synthetic.beside import dose_of, medicines, minutes_of, side_effects, vital_signs
from ketastats.synthetic.course import BASELINE_HOUR, USUAL, Course, make_course
from ketastats.synthetic.patients import AS_THEY_ARE, Patients, Reactions, make_patients
from ketastats.synthetic.scenario import Scenario, load_scenario

FOLLOW_UP = ("as_seen", "everybody")
"""Who is followed: as in life, or everybody at every visit."""

_STREAMS = 11
_STUDY = "SYNTHETIC"


@dataclass(frozen=True, slots=True, eq=False)
class MadeUp:
    """Patients and their course, from which tables are written and truths are read."""

    scenario: Scenario
    patients: Patients
    course: Course
    streams: list[np.random.Generator]
    seed: int


class SyntheticCohort(Cohort):
    """A cohort drawn from a scenario.

    `truth` has one row per estimand with its value in the whole population of the scenario (see
    `ketastats.synthetic.truth.true_values`); it is worked out when first asked for, from a large draw.
    """

    def __init__(self, scenario: Scenario, tables: Mapping[str, Any], *, provenance: str) -> None:
        super().__init__(
            tables["subjects"],
            doses=tables["doses"],
            scores=tables["scores"],
            events=tables["events"],
            medications=tables["medications"],
            provenance=provenance,
            name=scenario.name,
        )
        self.scenario = scenario
        self._truth: pd.DataFrame | None = None

    @property
    def truth(self) -> pd.DataFrame:
        """What is true in the scenario: estimand, arm, instrument, endpoint, visit, value, std_error."""
        if self._truth is None:
            from ketastats.synthetic.truth import true_values

            self._truth = true_values(self.scenario)
        return self._truth.copy()


def synthetic_cohort(
    scenario: str | Path | Scenario = "ketamine_trd",
    n: int = 200,
    seed: int = 20261124,
    *,
    follow_up: str = "as_seen",
) -> SyntheticCohort:
    """Draw a made-up cohort; the same arguments give the same cohort.

    Parameters
    ----------
    scenario : str, Path or Scenario
        A shipped scenario by name, a CSV file, or one from `load_scenario`.
    n : int
        Patients in all arms together.
    seed : int
    follow_up : {"as_seen", "everybody"}
        Whether patients leave and miss visits, or what would have been seen had nobody.

    Returns
    -------
    SyntheticCohort
        Labelled synthetic: `provenance` is synthetic and `studyid` in every table SYNTHETIC.

    Raises
    ------
    UsageError, DataError
        If n or the seed is no whole number, n is below 1, or the scenario is not sound.
    """
    require_choice("follow_up", follow_up, FOLLOW_UP)
    chosen = load_scenario(scenario)
    made = make_up(chosen, n, seed)
    return SyntheticCohort(
        chosen, tables_of(made, everybody=follow_up == "everybody"), provenance="synthetic"
    )


def make_up(scenario: Scenario, n: int, seed: int, *, as_if: Reactions = AS_THEY_ARE) -> MadeUp:
    """Draw patients and their course as arrays; `as_if` is handed to `make_patients`.

    Raises
    ------
    UsageError
        If n or the seed is no whole number, or n is below 1.
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}")
    streams = [
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(_STREAMS)
    ]
    patients = make_patients(scenario, int(n), streams[0], as_if=as_if)
    return MadeUp(
        scenario, patients, make_course(scenario, patients, streams[1:6]), streams, int(seed)
    )


def tables_of(made: MadeUp, *, everybody: bool = False) -> dict[str, Any]:
    """Write the five tables, None in place of an empty one; the streams of `made` are used up."""
    scenario, patients, course = made.scenario, made.patients, made.course
    if everybody:
        nobody = np.full(len(patients), np.inf)
        course = replace(course, seen=np.ones_like(course.seen), leaves=nobody)
    ids = _ids(len(patients))
    parts = {
        "subjects": _subjects(scenario, patients, course),
        "doses": _doses(scenario, patients, course, made.streams[10]),
        "scores": _scores(scenario, patients, course, made.streams[6:8]),
        "events": side_effects(scenario, patients, course, made.streams[8]).drop(
            columns="end", errors="ignore"
        ),
        "medications": medicines(scenario, patients, course, made.streams[9]),
    }
    return {name: _signed(table, ids) for name, table in parts.items()}


def _ids(n: int) -> NDArray[np.object_]:
    width = max(len(str(n)), 3)
    return np.array([f"syn-{k:0{width}d}" for k in range(1, n + 1)], dtype=object)


def _signed(table: pd.DataFrame, ids: NDArray[np.object_]) -> pd.DataFrame | None:
    """With the study and the subjects' names in place of their numbers; None where there are no rows."""
    if table.empty:
        return None
    who = table.pop("who").to_numpy()
    order = np.argsort(who, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "usubjid", ids[who[order]])
    table.insert(0, "studyid", _STUDY)
    return table


def _subjects(scenario: Scenario, patients: Patients, course: Course) -> pd.DataFrame:
    stays = np.isinf(course.leaves)
    reason = np.where(_last_improvement(course) < USUAL, "LACK OF EFFICACY", "WITHDRAWAL")
    arms = np.array(patients.arms, dtype=object)[patients.arm]
    return pd.DataFrame(
        {
            "who": np.arange(len(patients)),
            "trt01a": arms,
            "trt01p": arms,
            "age": patients.age,
            "sex": np.where(patients.female, "F", "M"),
            "diagnosis": np.array(scenario.in_order("diagnosis"), dtype=object)[patients.diagnosis],
            "ntrials_failed": patients.failed,
            "siteid": np.array([f"S{k + 1:02d}" for k in range(int(patients.site.max()) + 1)])[
                patients.site
            ],
            "weightbl": patients.weight,
            "eosafrlt": course.end,
            "eosstt": np.where(stays, "COMPLETED", "DISCONTINUED"),
            "dcsreas": np.where(stays, "", reason),
        }
    )


def _last_improvement(course: Course) -> NDArray[np.float64]:
    """Improvement at the last visit before leaving, or at the first one."""
    last = np.maximum((course.hours < course.leaves[:, None]).sum(axis=1) - 1, 0)
    return np.asarray(course.improvement[np.arange(len(last)), last])


def _doses(
    scenario: Scenario, patients: Patients, course: Course, rng: np.random.Generator
) -> pd.DataFrame:
    all_doses = course.doses
    who, which = np.nonzero(np.isfinite(all_doses))
    milligrams, by_weight = dose_of(scenario, patients)
    names = {
        column: np.array([scenario.word(f"arm.{word}", arm) for arm in patients.arms], dtype=object)
        for column, word in (("extrt", "treatment"), ("exroute", "route"))
    }
    number = np.cumsum(np.isfinite(all_doses), axis=1)[who, which]
    return pd.DataFrame(
        {
            "who": who,
            "exseq": number,
            "afrlt": all_doses[who, which],
            **{column: words[patients.arm[who]] for column, words in names.items()},
            "exdose": milligrams[who],
            "exdosekg": by_weight[who],
            "exdur": minutes_of(scenario, patients, all_doses.shape[1], rng)[who, which],
        }
    )


def _scores(
    scenario: Scenario, patients: Patients, course: Course, streams: list[np.random.Generator]
) -> pd.DataFrame:
    n = len(patients)
    vitals = vital_signs(scenario, patients, streams[0])
    if len(vitals):
        vitals = vitals[vitals["afrlt"].to_numpy() <= course.end[vitals["who"].to_numpy()]]
    parts = [vitals]
    who, visit = np.nonzero(course.seen)
    for name in scenario.in_order("instrument"):
        start = pd.DataFrame(
            {
                "who": np.arange(n),
                "avisit": "Baseline",
                "avisitn": 0.0,
                "afrlt": BASELINE_HOUR,
                "aval": patients.first[name],
            }
        )
        later = pd.DataFrame(
            {
                "who": who,
                "avisit": np.array(course.visits, dtype=object)[visit],
                "avisitn": visit + 1.0,
                "afrlt": course.hours[who, visit],
                "aval": course.scores[name][who, visit],
            }
        )
        both = pd.concat([start, later], ignore_index=True)
        both.insert(1, "paramcd", name)
        if scenario.word("score.items", name) == "yes":
            both = both.join(_items(name, both["aval"].to_numpy(), streams[1]))
        parts.append(both)
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _items(name: str, total: NDArray[np.float64], rng: np.random.Generator) -> pd.DataFrame:
    """Items that add up to the totals: points of a total fall on the items' points at random."""
    facts = find_instrument(name).facts
    plain = facts.get("item_min") == 0 and find_instrument(name).total_method == "sum"
    if not plain or "item_max" not in facts:
        raise UsageError(f"Items of {name} cannot be made up: they are no plain sum from 0")
    count, most = int(facts["items"]), int(facts["item_max"])
    rest = total.astype(int)
    columns = {}
    for k in range(1, count + 1):
        drawn = rng.hypergeometric(most, most * (count - k), rest) if k < count else rest
        columns[f"item{k}"] = drawn.astype(float)
        rest = rest - drawn
    return pd.DataFrame(columns)

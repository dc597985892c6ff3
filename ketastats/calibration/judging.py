"""The judging path as a task to be repeated: draw a cohort whose truth is known, and judge it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from ketastats.calibration.cases import WHICH, Case, require_path
from ketastats.calibration.replicates import Job, code_digest, content_key, replicate_seeds
from ketastats.checks.options import require_choice
from ketastats.claims.judge import judge as judge_claim
from ketastats.claims.registry import find_claim, load_claims
from ketastats.errors import NoErrorRatesError, UsageError
from ketastats.results import count

SEED = 20261124

WHERE = {"false": "where it is false", "border": "at the border", "true": "where it is true"}
"""What a case says about its claim, in words."""

Draw = Callable[[Case, int, int], Any]
"""From a case, a number of patients and a seed to a cohort."""


def judge_shortly(claim: str, cohort: Any, **options: Any) -> Any:
    """Judge a cohort by `ketastats.judge`, without the readings that decide nothing."""
    return judge_claim(claim, cohort, readings="deciding", **options)


@dataclass(frozen=True, slots=True, eq=False)
class JudgingTask:
    """Draw a cohort of a case and judge it: the word, and the row that decides it."""

    case: Case
    n: int
    draw: Draw
    judge: Callable[..., Any]

    def __call__(self, seed: int, /) -> dict[str, Any]:
        """Judge the cohort of one seed."""
        cohort = self.draw(self.case, self.n, seed)
        verdict = self.judge(self.case.claim, cohort, **self.case.options)
        found: dict[str, Any] = {"word": verdict.word}
        if len(verdict.frame):
            first = verdict.frame.iloc[0]
            names = ("measure", "n", "estimate", "conf_low", "conf_high")
            found.update({name: first.get(name) for name in names})
        return found


def judging_jobs(
    wanted: Iterable[tuple[Case, int]],
    *,
    replicates: int,
    seed: int,
    draw: Draw,
    judge: Callable[..., Any],
) -> list[Job]:
    """One job per case and number of patients, each with seeds of its own."""
    jobs = []
    for case, n in wanted:
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
            raise UsageError(f"n must be a whole number of at least 1, not {n!r}")
        claim = load_claims().get(case.claim)
        key = content_key(
            code=code_digest(),
            claim=case.claim,
            facts=None if claim is None else claim.facts,
            scenario=case.scenario.key,
            options=case.options,
            arms=case.arms,
            n=int(n),
            draw=_identity(draw),
            judge=_identity(judge),
        )
        stream = f"{case.claim} {case.scenario.key} {n}"
        seeds = replicate_seeds(seed, replicates, stream=stream)
        jobs.append(Job(JudgingTask(case, int(n), draw, judge), seeds, key))
    return jobs


def checked_cases(cases: Case | Sequence[Case], judge: Callable[..., Any]) -> tuple[Case, ...]:
    """Cases as a tuple; `UsageError` if there are none, or one is none or names no claim."""
    given = cases if isinstance(cases, Sequence) else (cases,)
    if not given:
        raise UsageError("Give at least one case")
    for case in given:
        if not all(hasattr(case, name) for name in ("claim", "which", "scenario", "truth")):
            raise UsageError(f"A case is needed, not {type(case).__name__}")
        require_choice("truth of a case", case.which, WHICH)
        if judge in (judge_claim, judge_shortly):
            require_path(find_claim(case.claim))
    return tuple(given)


def refusal_notes(case: Case, table: pd.DataFrame) -> list[str]:
    """How many cohorts were refused and why most of them were; an error if all were."""
    refused = int(table["refused"].sum())
    if not refused:
        return []
    why = str(table["refusal"].dropna().value_counts().index[0])
    where = f"{case.claim}, {WHERE[case.which]}"
    if refused == len(table):
        raise NoErrorRatesError(f"Every one drawn was refused ({where}). {why}")
    return [
        f"{where}: {count(refused)} of {count(len(table))} drawn were refused, mostly with {why}."
    ]


def measure_of(table: pd.DataFrame) -> str:
    """The measure of the deciding number in replicates, empty if none has one."""
    if "measure" not in table.columns:
        return ""
    return next((str(name) for name in table["measure"].dropna()), "")


_OWN_NAMES: dict[int, tuple[Callable[..., Any], str]] = {}  # held, so that no id comes again


def _identity(function: Callable[..., Any]) -> str:
    """A function's name with its text; of one that carries values, a name for this process only."""
    if not inspect.isfunction(function) or function.__closure__:
        return _OWN_NAMES.setdefault(id(function), (function, uuid4().hex))[1]
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}\n{text}"

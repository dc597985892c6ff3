"""Error rates of a verdict on a cohort at hand: the same path on many cohorts of its size and schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketastats.calibration.cases import WHICH, Case, Template, template
from ketastats.calibration.judging import SEED
from ketastats.calibration.on_published import cases_on_published, draw_trials
from ketastats.calibration.operating import (
    OperatingCharacteristics,
    of_trials,
    operating_characteristics,
)
from ketastats.calibration.settling import settle
from ketastats.checks.options import matched
from ketastats.claims.design import chosen_instrument
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.two_arms import two_arms
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.maintenance import first_series
from ketastats.endpoints.visits import derive_visits
from ketastats.errors import NoErrorRatesError, UsageError, unknown_name
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.scenario import Scenario

_SETTLED_ON = 50_000
_NORMAL_IQR = 1.349  # interquartile range of a standard normal law
_DRAWN, _SEED, _ROUNDS = 10_000, 5, 3
_DOSED = ("by_dose_number", "durability", "rate_above")
_MOST = 0.95  # leaving and gaps, however few were seen

Changes = dict[tuple[str, str], float | str | None]


def calibrate(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    visit: str | None = None,
    replicates: int = 400,
    seed: int = SEED,
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OperatingCharacteristics:
    """Say how often the verdict would be wrong on made-up data like those at hand.

    Parameters
    ----------
    claim : str or Claim
    data : Cohort, DataFrame or None
        As it was given to `ketastats.judge`: a cohort, an evidence table, or None for everything shipped.
    arm, reference, instrument, visit : str, optional
        As they were given to `ketastats.judge`.
    replicates, seed, workers, cache, progress
        As for `operating_characteristics`.

    Returns
    -------
    OperatingCharacteristics
        Of cohorts in which the claim is false, at its border and true. They have as many patients in each
        arm, the same visits and doses, baselines as high and as varied, and as many leave and miss visits;
        everything else is as in the claim's scenario (`data/calibration/claim_cases.csv`). On published
        evidence, of sets of trials of the same sizes, whose rates differ as much as was found.

    Raises
    ------
    UsageError
        If the claim has no cases, an arm or instrument does not exist, or such data cannot tell.
    """
    run: dict[str, Any] = {"replicates": replicates, "seed": seed, "workers": workers}
    run |= {"cache": cache, "progress": progress}
    chosen = {"arm": arm, "reference": reference, "instrument": instrument, "visit": visit}
    if isinstance(data, Cohort):
        cases, n = cases_like(claim, data, **chosen)
        return operating_characteristics(cases, n, **run)
    if any(chosen.values()):
        raise UsageError(
            "arm, visit and the like choose within a cohort; published evidence has none"
        )
    found = find_claim(claim) if isinstance(claim, str) else claim
    cases, n, trials = cases_on_published(found, data)
    return of_trials(operating_characteristics(cases, n, draw=draw_trials, **run), trials)


def cases_like(
    claim: str | Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    visit: str | None = None,
) -> tuple[list[Case], int]:
    """Cases of a claim in cohorts like one at hand, and how many patients these have."""
    given = template(claim)
    _require_doses(given, cohort)
    names = _arms(cohort, given, arm, reference)
    scores = _scores(cohort, instrument)
    chosen = str(scores["paramcd"].iloc[0])
    pairs = dict(zip(given.arms, names, strict=True))
    scenario = like(given.scenario, cohort, scores, pairs)
    options = {**given.options, "instrument": chosen}
    if "visit" in given.options:
        known = scenario.members("visit")
        options["visit"] = known[-1] if visit is None else matched("visit", visit, known)
    one = replace(given, scenario=scenario, options=options)
    n = sum(int(_of_arm(cohort, name).sum()) for name in names)
    return [settle(one, which, n=_SETTLED_ON) for which in WHICH], n


def _arms(
    cohort: Cohort, given: Template, arm: str | None, reference: str | None
) -> list[str | None]:
    """The arms of the cohort that stand for those of the template; None is everybody."""
    if given.reference is not None:
        pair = two_arms(cohort, arm, reference)
        if None in pair:
            raise NoErrorRatesError("The cohort has one arm, and the claim compares two")
        return list(pair)
    if arm is not None and arm not in cohort.arms:
        raise unknown_name("arm", arm, cohort.arms)
    return [arm]


def _require_doses(given: Template, cohort: Cohort) -> None:
    if given.claim.kind in _DOSED and cohort.doses.empty:
        raise NoErrorRatesError(
            f"A claim of kind {given.claim.kind} is about doses, and the cohort records none"
        )


def _of_arm(cohort: Cohort, name: str | None) -> pd.Series:
    subjects = cohort.subjects
    if name is None:
        return pd.Series(True, index=subjects.index)
    return subjects["trt01a"].eq(name).fillna(value=False).astype(bool)


def _scores(cohort: Cohort, instrument: str | None) -> pd.DataFrame:
    """Scores of one instrument with baseline and visits."""
    scores = derive_baseline(cohort.scores)
    if len(cohort.windows):
        scores = derive_visits(scores, cohort.windows)
    held = sorted(scores.loc[scores["base"].notna(), "paramcd"].unique())
    chosen = chosen_instrument(scores, None) if instrument is None else instrument
    if chosen not in held:
        raise unknown_name("instrument with a baseline in this cohort", chosen, held)
    mine = scores[scores["paramcd"] == chosen].reset_index(drop=True)
    if "avisit" not in mine.columns or mine["avisit"].isna().all():
        raise NoErrorRatesError("The scores have no visits: give avisit, or visit windows")
    return mine


def like(
    scenario: Scenario, cohort: Cohort, scores: pd.DataFrame, pairs: dict[str, str | None]
) -> Scenario:
    """A scenario with the size, visits, doses, baselines, leaving and gaps of a cohort.

    Parameters
    ----------
    scenario : Scenario
    cohort : Cohort
    scores : DataFrame
        Those of one instrument, with `base` and `avisit`.
    pairs : dict
        From arms of the scenario to arms of the cohort, None for everybody.
    """
    changes: Changes = {("visit.hours", name): None for name in scenario.members("visit")}
    visits = _visits(scores)
    changed = {("visit.hours", str(row["avisit"])): float(row["median"]) for row in visits}
    spreads = {("visit.spread", str(row["avisit"])): float(row["spread"]) for row in visits}
    names = [str(row["avisit"]) for row in visits]
    changes = {key: value for key, value in changes.items() if key[1] not in names}
    changes |= changed | spreads
    changes |= _baselines(scenario, scores)
    gaps = []
    for mine, theirs in pairs.items():
        subjects = cohort.subjects.loc[_of_arm(cohort, theirs), "usubjid"]
        seen = _seen(scores, subjects, names)
        left, missed = _missing(seen)
        left = _said_to_have_left(cohort, subjects, left)
        gaps.append((missed, len(seen)))
        changes[("arm.share", mine)] = float(len(subjects))
        changes[("arm.leave", mine)] = min(left, _MOST)
        changes |= _doses(scenario, cohort, mine, subjects)
    shares, sizes = zip(*gaps, strict=True)
    changes[("gap.share", "")] = min(float(np.average(shares, weights=sizes)), _MOST)
    made = scenario.changed(changes, name=f"{scenario.name} like {cohort.name}")
    return _leaving_as_seen(made, {arm: float(changes["arm.leave", arm] or 0.0) for arm in pairs})


def _leaving_as_seen(scenario: Scenario, wanted: dict[str, float]) -> Scenario:
    """With `arm.leave` such that as many leave as were seen to, though those who improve leave less often."""
    for _ in range(_ROUNDS):
        drawn = make_up(scenario, _DRAWN, _SEED)
        changes: Changes = {}
        for arm, target in wanted.items():
            mine = drawn.patients.arm == drawn.patients.arms.index(arm)
            found = float(np.isfinite(drawn.course.leaves[mine]).mean())
            if 0 < target < 1 and 0 < found < 1:
                # a hazard is multiplied, so the share who stay is raised to a power
                power = np.log1p(-target) / np.log1p(-found)
                now = scenario.value("arm.leave", arm)
                changes["arm.leave", arm] = float(min(1 - (1 - now) ** power, _MOST))
        scenario = scenario.changed(changes, name=scenario.name)
    return scenario


def _visits(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Name, median hour and spread of the visits after the first dose, in order."""
    after = scores[scores["afrlt"] > 0].dropna(subset=["avisit", "aval"])
    told = after.groupby(after["avisit"].astype(str))["afrlt"]
    table = pd.DataFrame(
        {
            "median": told.median(),
            "spread": (told.quantile(0.75) - told.quantile(0.25)) / _NORMAL_IQR,
        }
    ).reset_index()
    table = table.sort_values("median").drop_duplicates("median")
    if table.empty:
        raise NoErrorRatesError("Nobody was assessed after the first dose")
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _baselines(scenario: Scenario, scores: pd.DataFrame) -> Changes:
    """Baselines as high and as varied as those seen, without an entry score that is not known."""
    name = str(scores["paramcd"].iloc[0])
    first = scores.drop_duplicates("usubjid")["base"].dropna().astype(float)
    if len(first) < 2 or first.std() == 0:
        raise NoErrorRatesError("Baselines are too few or all alike to make cohorts like this one")
    changes: Changes = {}
    entry = scenario.values.get(("entry.instrument", ""))
    if entry is not None:
        changes |= {("entry.instrument", ""): None, ("entry.score", ""): None}
    if name not in scenario.members("instrument"):
        alike = str(entry or scenario.members("instrument")[0])
        changes |= {
            (parameter, name): value
            for (parameter, of), value in scenario.values.items()
            if of == alike and parameter.startswith("score.") and parameter != "score.items"
        }
    changes |= {("score.mean", name): float(first.mean()), ("score.sd", name): float(first.std())}
    return changes


def _seen(scores: pd.DataFrame, subjects: pd.Series, names: list[str]) -> np.ndarray:
    """Who was seen at which visit, (n, V)."""
    mine = scores[scores["usubjid"].isin(subjects) & scores["aval"].notna()]
    table = pd.crosstab(mine["usubjid"], mine["avisit"].astype(str))
    return table.reindex(index=subjects, columns=names, fill_value=0).to_numpy() > 0


def _missing(seen: np.ndarray) -> tuple[float, float]:
    """Share gone before the last visit, and share of visits missed by those who were still there."""
    last = np.where(seen.any(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1), 0)
    left = float((last < seen.shape[1]).mean())
    before = np.arange(seen.shape[1]) < (last - 1)[:, None]
    missed = float((~seen & before).sum() / before.sum()) if before.any() else 0.0
    return left, missed


def _said_to_have_left(cohort: Cohort, subjects: pd.Series, otherwise: float) -> float:
    """Share of subjects whose record says that they stopped, where it says of anybody."""
    if "eosstt" not in cohort.subjects.columns:
        return otherwise
    ends = cohort.subjects.loc[cohort.subjects["usubjid"].isin(subjects), "eosstt"]
    return otherwise if ends.isna().all() else float(ends.eq("DISCONTINUED").mean())


def _doses(scenario: Scenario, cohort: Cohort, arm: str, subjects: pd.Series) -> Changes:
    """The length of the first series and the days from dose to dose, where doses are recorded."""
    doses = cohort.doses
    mine = doses[doses["usubjid"].isin(subjects)].reset_index(drop=True)
    if mine.empty or scenario.word("arm.daily", arm) == "yes":
        return {}
    series = first_series(mine)
    count = int(series["n_doses"].median())
    changes: Changes = {("arm.doses", arm): float(count)}
    gaps = mine.sort_values(["usubjid", "afrlt"]).groupby("usubjid")["afrlt"].diff().dropna()
    near = gaps[gaps <= 24.0 * 7]
    if count > 1 and len(near):
        changes[("arm.every", arm)] = float(near.median()) / 24.0
    return changes

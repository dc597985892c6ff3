"""The error rates that stand beside a verdict: those stored for shipped data, or worked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pandas as pd

from ketastats.calibration.at_hand import calibrate
from ketastats.calibration.cases import claims_with_cases, template
from ketastats.calibration.judging import SEED
from ketastats.calibration.on_published import cases_on_published
from ketastats.calibration.operating import (
    OperatingCharacteristics,
    of_trials,
    rates_from_table,
)
from ketastats.calibration.replicates import content_key, default_cache
from ketastats.calibration.wording import BESIDE
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.standing import NOT_TESTABLE
from ketastats.claims.verdict import Verdict
from ketastats.cohort.cohort import Cohort
from ketastats.errors import NoErrorRatesError, UsageError
from ketastats.loaders.cohort_files import load_cohort
from ketastats.provenance import source_of_file
from ketastats.resources import shipped
from ketastats.results import Statement

_QUESTIONS = ("data", "calibration", "shipped_questions.csv")
_PUBLISHED = "published evidence"
_OPTIONS = ("arm", "reference", "instrument", "visit")
_LARGEST = 20_000  # rows of a cohort that is looked for among the stored ones
STORED = ("data", "calibration", "shipped_error_rates.csv")
_IF_TESTABLE = "Were such patients what the claim is about, and testable: "
_NOW = 200  # replicates, where nothing is stored


def error_rates(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    visit: str | None = None,
    replicates: int | None = None,
    seed: int = SEED,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OperatingCharacteristics:
    """How often a verdict like the one on these data is wrong: as stored, or by `calibrate`.

    Parameters
    ----------
    claim, data, arm, reference, instrument, visit
        As they were given to `ketastats.judge`.
    replicates : int, optional
        Cohorts or sets of trials per truth to make now, whatever is stored. If not given, what is stored for
        the same claim, data and options, and where nothing is, 200.
    seed, workers, progress
        As for `calibrate`; replicates are kept in the user's cache.

    Returns
    -------
    OperatingCharacteristics

    Raises
    ------
    NoErrorRatesError
        If the claim has no cases, or such data cannot tell.
    UsageError
        If an arm, visit or instrument does not exist.
    """
    chosen = {"arm": arm, "reference": reference, "instrument": instrument, "visit": visit}
    if replicates is None:
        stored = stored_beside(claim, data, **chosen)
        if stored is not None:
            return stored
    return calibrate(
        claim,
        data,
        **chosen,
        replicates=_NOW if replicates is None else replicates,
        seed=seed,
        workers=workers,
        cache=default_cache(),
        progress=progress,
    )


def error_rate_statement(
    verdict: Verdict, data: Cohort | pd.DataFrame | None = None, **chosen: Any
) -> Statement:
    """Say in a sentence how often a verdict like this one is wrong, or why that is not known.

    Parameters
    ----------
    verdict : Verdict
    data : Cohort, DataFrame or None
        What was judged.
    **chosen
        Options of `error_rates`.

    Raises
    ------
    UsageError
        If the verdict is on other data, or an option is wrong.
    """
    judged_cohort = not verdict.frame.empty and (verdict.frame["unit"] == "cohort").any()
    if judged_cohort != isinstance(data, Cohort) and not verdict.frame.empty:
        judged = "a cohort" if judged_cohort else "published evidence"
        raise UsageError(f"The verdict is on {judged}: give the same data as to judge")
    if isinstance(data, Cohort) and data.sources != verdict.sources:
        raise UsageError("The verdict is on another cohort: give the same data as to judge")
    try:
        rates = error_rates(verdict.claim, data, **chosen)
    except NoErrorRatesError as error:
        return Statement(
            f"How often such a verdict is wrong is not known. {error}.", BESIDE, beside=True
        )
    return said_beside(verdict, rates)


def said_beside(verdict: Verdict, rates: OperatingCharacteristics) -> Statement:
    """The sentence on rates beside a verdict, which says so if the verdict was capped."""
    said = rates.statement()
    if verdict.word != NOT_TESTABLE:
        return said
    return replace(said, text=f"{_IF_TESTABLE}{said.text[0].lower()}{said.text[1:]}")


def stored_beside(
    claim: str | Claim, data: Cohort | pd.DataFrame | None, **chosen: str | None
) -> OperatingCharacteristics | None:
    """The rates stored for the same claim, data and options; None if there are none."""
    found = find_claim(claim) if isinstance(claim, str) else claim
    key = question_key(found, data, **chosen)
    if key is None:
        return None
    place = shipped(*STORED)
    table = pd.read_csv(place)
    mine = table[table["question"] == key].drop(columns="question")
    if mine.empty:
        return None
    rates = rates_from_table(mine, [source_of_file(place)])
    if isinstance(data, Cohort):
        return rates
    return of_trials(rates, cases_on_published(found, data)[2])


def shipped_questions() -> list[tuple[str, Cohort | None, dict[str, str]]]:
    """Claim, data and options of each verdict in a shipped report; None is the published evidence."""
    table = pd.read_csv(shipped(*_QUESTIONS), dtype="str", keep_default_na=False)
    cohorts = {
        name: None if name == _PUBLISHED else load_cohort(shipped("data", name))
        for name in table["data"].unique()
    }
    return [
        (row["claim"], cohorts[row["data"]], {name: row[name] for name in _OPTIONS if row[name]})
        for row in table.to_dict("records")
    ]


def question_key(
    claim: Claim, data: Cohort | pd.DataFrame | None, **chosen: str | None
) -> str | None:
    """Digest of what a verdict's error rates depend on; None where nothing can be stored.

    Of a cohort what its tables hold (nothing is stored of large ones), of evidence the arms that decide. The
    code and the registry of instruments are not part of it: stored rates are made again by
    `benchmarks/shipped_error_rates.py`.
    """
    if claim.id not in claims_with_cases():
        return None
    if isinstance(data, Cohort):
        tables = (data.subjects, data.doses, data.scores, data.medications, data.windows)
        if sum(map(len, tables)) > _LARGEST:
            return None
        about = [sha256(table.to_csv(index=False).encode()).hexdigest() for table in tables]
    else:
        cases, _, _ = cases_on_published(claim, data)
        about = [case.scenario.key for case in cases]
    given = template(claim)
    return content_key(
        claim=claim.facts,
        data=about,
        scenario=given.scenario.key,
        arms=given.arms,
        options=given.options,
        lever=given.lever,
        targets=given.targets,
        chosen={name: value for name, value in chosen.items() if value},
    )[:16]

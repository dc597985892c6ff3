"""The error rates that stand beside a verdict: those stored for shipped data, or worked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from ketastats.calibration.at_hand import calibrate
from ketastats.calibration.cases import claims_with_cases, template
from ketastats.calibration.judging import SEED
from ketastats.calibration.on_published import cases_on_published
from ketastats.calibration.operating import OF_TRIALS, OWN, OperatingCharacteristics
from ketastats.calibration.replicates import content_key, default_cache
from ketastats.calibration.wording import BESIDE
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.standing import NOT_TESTABLE
from ketastats.claims.verdict import Verdict
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.loaders.cohort_files import load_cohort
from ketastats.provenance import source_of_file
from ketastats.resources import shipped
from ketastats.results import Statement, in_shared_words

_QUESTIONS = ("data", "calibration", "shipped_questions.csv")
_PUBLISHED = "published evidence"
_OPTIONS = ("arm", "reference", "instrument", "visit")
STORED = ("data", "calibration", "shipped_error_rates.csv")
_IF_TESTABLE = "Were it testable in these patients (disorder, treatment and design as claimed): "


def error_rates(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    visit: str | None = None,
    replicates: int = 200,
    seed: int = SEED,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OperatingCharacteristics:
    """How often a verdict like the one on these data is wrong: as stored, or by `calibrate`.

    Parameters
    ----------
    claim, data, arm, reference, instrument, visit
        As they were given to `ketastats.judge`.
    replicates, seed, workers, progress
        As for `calibrate`, where nothing is stored for the same claim, files and options; replicates are
        then kept in the user's cache.

    Returns
    -------
    OperatingCharacteristics

    Raises
    ------
    UsageError
        If the claim has no cases, an arm or instrument does not exist, or such data cannot tell.
    """
    chosen = {"arm": arm, "reference": reference, "instrument": instrument, "visit": visit}
    stored = stored_beside(claim, data, **chosen)
    if stored is not None:
        return stored
    return calibrate(
        claim,
        data,
        **chosen,
        replicates=replicates,
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
    """
    try:
        rates = error_rates(verdict.claim, data, **chosen)
    except UsageError as error:
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
    """The rates stored for the same claim, files and options; None if there are none."""
    found = find_claim(claim) if isinstance(claim, str) else claim
    place = shipped(*STORED)
    key = question_key(found, data, **chosen)
    table = pd.read_csv(place)
    mine = table[table["question"] == key].drop(columns="question") if key else table.iloc[:0]
    if mine.empty:
        return None
    rows = [{str(name): value for name, value in row.items()} for row in mine.to_dict("records")]
    rates = OperatingCharacteristics(
        in_shared_words(rows, own=OWN).astype({"wrong": "boolean"}),
        sources=(source_of_file(place),),
    )
    if isinstance(data, Cohort):
        return rates
    _, _, trials = cases_on_published(found, data)
    return replace(rates, of=f"sets of {trials} trials", setting=OF_TRIALS)


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
    """Digest of what a verdict's error rates depend on; None where it cannot be told.

    Of a cohort the files behind it and how many rows its tables have (a cohort made in memory has no files),
    of evidence the arms that decide. The code is not part of it: stored rates are made again by
    `benchmarks/shipped_error_rates.py`.
    """
    if claim.id not in claims_with_cases():
        return None
    if isinstance(data, Cohort):
        if not data.sources:
            return None
        rows = [len(table) for table in (data.subjects, data.doses, data.scores)]
        about = [*(source.sha256 for source in data.sources), *rows]
    else:
        cases, _, _ = cases_on_published(claim, data)
        about = [case.scenario.key for case in cases]
    given = template(claim)
    return content_key(
        claim=claim.facts,
        data=about,
        scenario=given.scenario.key,
        lever=given.lever,
        targets=given.targets,
        chosen={name: value for name, value in chosen.items() if value},
    )[:16]

"""Judging after which dose relief comes: the share with relief by a dose number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import NO_CAUSE, WORDS, rules_by_priority
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import Verdict, decided, not_testable, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.dose_course import derive_relief_by_dose
from ketastats.instruments.rules import Rule
from ketastats.models.relief_by_dose import relief_by_dose
from ketastats.results import duration
from ketastats.stats.followed_share import exact_limits

_ANYWAY = ", whatever became of those who stopped or were not assessed"
_ALIKE = ", if those who stopped or were not assessed are like the others"


class _Reading(NamedTuple):
    """What is made of those who stopped early, in a name and in words, and the share then."""

    name: str
    words: str
    estimate: ReadingEstimate


def judge_dose_number(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    only_deciding: bool = False,
) -> Verdict:
    """Judge a `by_dose_number` claim on one arm of a cohort.

    Relief counts by the last dose number that the sentence names, if it is seen within the claim's
    hours after a dose. Patients who stop before that dose stop because they are well or because it
    fails, and who is not assessed after it may be away for either; the deciding reading holds
    whatever they had or would have had. A cohort in which nobody was given that dose, or seen after
    any dose, is not asked.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.
    only_deciding : bool
        Leave out the readings that do not bear on the word.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    last = int(max(claim.facts["dose_numbers"]))
    doses = patients.of(cohort.doses)
    had_last = doses.loc[doses["exseq"] == last, "usubjid"].nunique()
    needed = f"Patients with {last} doses, assessed within {duration(claim.horizon)} of each."
    if not had_last:
        return not_testable(
            claim,
            f"Nobody was given dose {last}.",
            limits=limits,
            needed=needed,
            sources=cohort.sources,
        )
    (rule, _), *others = rules_by_priority(claim, patients)
    deciding = _by_dose(claim, patients, rule, last)
    if deciding is None:
        return not_testable(
            claim,
            f"Nobody has a known {WORDS[rule.endpoint].lower()} within {duration(claim.horizon)} "
            "of a dose.",
            limits=limits,
            needed=needed,
            sources=cohort.sources,
        )
    rows = [_row(claim, rule, "reading", last, _bounds(deciding[last]))]
    if pd.notna(deciding[last]["estimate"]) and rows[0]["bound_low"] < rows[0]["bound_high"]:
        alike = _Reading("independent", _ALIKE, _plain(deciding[last]))
        rows.append(_row(claim, rule, "reading", last, alike))
    if pd.notna(deciding[1]["estimate"]):
        first = _Reading("first_dose", "", _plain(deciding[1]))
        rows.append(_row(claim, rule, "yardstick", 1, first))
    for other, role in () if only_deciding else others:
        table = _by_dose(claim, patients, other, last)
        if table is not None:
            rows.append(_row(claim, other, role, last, _bounds(table[last])))
    return decided(
        claim,
        verdict_frame(rows),
        where=f"in {patients.who}",
        limits=(*limits, NO_CAUSE),
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
        notes=(
            f"{had_last} of {len(patients.subjects)} patients were given dose {last}. Relief counts "
            f"if it is seen within {duration(claim.horizon)} of a dose.",
        ),
    )


def _by_dose(
    claim: Claim, patients: Patients, rule: Rule, last: int
) -> dict[int, dict[Any, Any]] | None:
    """The row of each dose number; None where nothing is known of anybody after a dose."""
    if patients.own_scores.empty:
        return None
    cohort = patients.cohort
    table = derive_relief_by_dose(
        patients.own_scores,
        patients.of(cohort.doses),
        endpoint=rule.endpoint,
        rule=rule.id,
        subjects=patients.subjects,
        window=claim.horizon,
        planned=last,
        medications=patients.of(cohort.medications),
        rescue="censor",
        at_start="exclude",
    )
    unseen = table["status"] == "censored"
    if (unseen & (table["dose_left"] == 0)).all():
        return None
    # Who had all doses and was not seen after them is as unknown as who stopped before.
    unknown = unseen & (table["dose_left"] < last) & table["stopped"].eq("course_end")
    table["stopped"] = table["stopped"].mask(unknown, "other")
    found = relief_by_dose(table, conf_level=DECISION_LEVEL, up_to=last)
    return {int(row["dose"]): row for row in found.to_frame().to_dict("records")}


def _bounds(row: Mapping[Any, Any]) -> _Reading:
    """The share whatever became of those who stopped or were not assessed."""
    n = int(row["n"])
    estimate = ReadingEstimate(
        row["bound_low"] if pd.isna(row["estimate"]) else row["estimate"],
        min(
            row["bound_conf_low"], exact_limits(row["bound_low"], n, conf_level=DECISION_LEVEL).low
        ),
        max(
            row["bound_conf_high"],
            exact_limits(row["bound_high"], n, conf_level=DECISION_LEVEL).high,
        ),
        n=n,
        bound_low=row["bound_low"],
        bound_high=row["bound_high"],
        unit="cohort",
    )
    return _Reading("bounds", _ANYWAY if row["bound_low"] < row["bound_high"] else "", estimate)


def _plain(row: Mapping[Any, Any]) -> ReadingEstimate:
    n = int(row["n"])
    return ReadingEstimate(
        row["estimate"],
        min(row["conf_low"], exact_limits(row["estimate"], n, conf_level=DECISION_LEVEL).low),
        max(
            row["conf_high"], exact_limits(row["estimate_high"], n, conf_level=DECISION_LEVEL).high
        ),
        n=n,
        bound_low=row["estimate"],
        bound_high=row["estimate_high"],
        unit="cohort",
    )


def _row(claim: Claim, rule: Rule, role: str, dose: int, reading: _Reading) -> dict[str, Any]:
    return reading_row(
        claim,
        reading.estimate,
        reading=f"{rule.id}/{reading.name}",
        role=role,
        title=f"{WORDS[rule.endpoint]} ({rule.name}) by dose {dose}{reading.words}",
        method="turnbull by dose number",
        rule=rule.id,
        missing=reading.name,
        grade=rule.grade,
    )

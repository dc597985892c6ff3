"""Judging after which dose relief comes: the share with relief by a dose number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import NO_CAUSE, WORDS, rules_by_priority
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.dose_course import derive_relief_by_dose
from ketastats.instruments.rules import Rule
from ketastats.models.relief_by_dose import relief_by_dose
from ketastats.results import duration

_ANYWAY = ", whatever those who stopped would have done"
_ALIKE = ", those who stopped like those who went on"


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
) -> Verdict:
    """Judge a `by_dose_number` claim on one arm of a cohort.

    Relief counts by the last dose number that the sentence names, if it is seen within the claim's
    hours after a dose. Patients who stop before that dose stop because they are well or because it
    fails; the deciding reading holds whatever they would have done.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    last = int(max(claim.facts["dose_numbers"]))
    doses = patients.of(cohort.doses)
    had_last = 0 if doses.empty else int((doses["exseq"] == last).sum())
    if not had_last:
        return _not_testable(claim, f"Nobody was given dose {last}.", limits, last, cohort)
    rules = rules_by_priority(claim, patients)
    tables = [(rule, role, _by_dose(claim, patients, rule, last)) for rule, role in rules]
    rule, _, deciding = tables[0]
    if pd.isna(deciding[last]["estimate"]):
        return _not_testable(
            claim,
            f"Nobody was assessed within {duration(claim.horizon)} of dose {last} without relief "
            "seen before.",
            limits,
            last,
            cohort,
        )
    rows = [
        _row(claim, rule, "reading", last, _Reading("bounds", _ANYWAY, _widest(deciding[last]))),
        _row(claim, rule, "reading", last, _Reading("independent", _ALIKE, _plain(deciding[last]))),
        _row(claim, rule, "yardstick", 1, _Reading("first_dose", "", _plain(deciding[1]))),
    ]
    rows += [
        _row(claim, other, role, last, _Reading("bounds", _ANYWAY, _widest(table[last])))
        for other, role, table in tables[1:]
    ]
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


def _not_testable(
    claim: Claim, reason: str, limits: tuple[str, ...], last: int, cohort: Cohort
) -> Verdict:
    return Verdict(
        verdict_frame([]),
        claim,
        NOT_TESTABLE,
        reason,
        limits=limits,
        needed=f"Patients with {last} doses, assessed within {duration(claim.horizon)} of each.",
        sources=cohort.sources,
    )


def _by_dose(claim: Claim, patients: Patients, rule: Rule, last: int) -> dict[int, dict[Any, Any]]:
    """The row of each dose number."""
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
    found = relief_by_dose(table, conf_level=DECISION_LEVEL, up_to=last)
    return {int(row["dose"]): row for row in found.to_frame().to_dict("records")}


def _widest(row: Mapping[Any, Any]) -> ReadingEstimate:
    return ReadingEstimate(
        row["estimate"],
        row["bound_conf_low"],
        row["bound_conf_high"],
        n=int(row["n"]),
        bound_low=row["bound_low"],
        bound_high=row["bound_high"],
        unit="cohort",
    )


def _plain(row: Mapping[Any, Any]) -> ReadingEstimate:
    return ReadingEstimate(
        row["estimate"],
        row["conf_low"],
        row["conf_high"],
        n=int(row["n"]),
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

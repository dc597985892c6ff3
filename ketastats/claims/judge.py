"""One function from a claim and data to a verdict."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from ketastats.checks.columns import missing_columns, refuse
from ketastats.checks.options import require_choice
from ketastats.claims.dose_number import judge_dose_number
from ketastats.claims.durability import judge_durability
from ketastats.claims.onset import judge_onset
from ketastats.claims.onset_ordering import judge_ordering
from ketastats.claims.published import judge_published
from ketastats.claims.rate_within import judge_rate_within
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.standing import NOT_TESTABLE
from ketastats.claims.superiority import judge_superiority
from ketastats.claims.verdict import Verdict, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.loaders.evidence import EVIDENCE_COLUMNS

_ON_COHORT: dict[str, Callable[..., Verdict]] = {
    "rate_within": judge_rate_within,
    "onset_within": judge_onset,
    "onset_ordering": judge_ordering,
    "by_dose_number": judge_dose_number,
    "durability": judge_durability,
    "rate_above": judge_durability,
    "superiority": judge_superiority,
}
"""The judging path of each kind of claim on a cohort."""

_FURTHER_OPTIONS = {
    "rate_within": ("visit",),
    "onset_ordering": ("reference", "comparator", "randomised"),
    "superiority": ("reference", "comparator", "randomised", "blinded"),
}
"""Options of `judge` beside arm, instrument and treatment, by kind of claim."""

READINGS = ("all", "deciding")
"""Which readings a verdict shows."""

JUDGED_KINDS = tuple(_ON_COHORT)
"""Kinds of claim that have a judging path in this version."""

PUBLISHED_KINDS = ("rate_within",)
"""Those of them that are judged on published evidence too."""


def judge(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    visit: str | None = None,
    arm: str | None = None,
    reference: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    comparator: str | None = None,
    randomised: bool = False,
    blinded: bool = False,
    readings: str = "all",
) -> Verdict:
    """Judge a claim on the shipped published evidence, on an evidence table, or on a cohort.

    Parameters
    ----------
    claim : str or Claim
        A claim id, such as ``"conventional-relief-30-40"``.
    data : Cohort, DataFrame or None
        A cohort; a table from `load_evidence`; or None for everything shipped.
    arm, instrument, treatment : str, optional
        For a cohort: the arm (everybody if not given), the instrument, and what these patients
        received in the claim's words (ketamine where all their recorded doses are of it).
    visit : str, optional
        For a share at a visit: the visit, the last if not given.
    reference, comparator : str, optional
        For a claim that compares two treatments: the other arm, and what its patients received.
    randomised, blinded : bool
        For such a claim: whether the arms were assigned at random, and for superiority whether patients and
        raters did not know which.
    readings : {"all", "deciding"}
        All readings, or only the one that decides and what it has to hold with: the same word, sooner.

    Returns
    -------
    Verdict
        Kinds of claim without a judging path are `not_testable`, and the reason says so; so are
        kinds that are judged on cohorts only, without a cohort.

    Raises
    ------
    UsageError
        If the claim, visit, arm or instrument does not exist, or an option has no meaning for this
        kind of claim.
    """
    require_choice("readings", readings, READINGS)
    found = find_claim(claim) if isinstance(claim, str) else claim
    if found.kind not in JUDGED_KINDS:
        return Verdict(verdict_frame([]), found, NOT_TESTABLE, _reason(found))
    further = {
        "visit": visit,
        "reference": reference,
        "comparator": comparator,
        "randomised": randomised,
        "blinded": blinded,
    }
    if isinstance(data, Cohort):
        taken = _FURTHER_OPTIONS.get(found.kind, ())
        unused = [name for name, value in further.items() if value and name not in taken]
        if unused:
            raise UsageError(
                f"{' and '.join(f'{name}=' for name in unused)} can mean nothing for a claim of kind "
                f"{found.kind}: leave out"
            )
        chosen = {name: value for name, value in further.items() if name in taken}
        return _ON_COHORT[found.kind](
            found,
            data,
            arm=arm,
            instrument=instrument,
            treatment=treatment,
            only_deciding=readings == "deciding",
            **chosen,
        )
    if data is not None and not isinstance(data, pd.DataFrame):
        raise UsageError(
            "data must be a Cohort (load_cohort) or an evidence table (load_evidence), "
            f"not {type(data).__name__}"
        )
    if arm or instrument or treatment or any(further.values()):
        raise UsageError(
            "arm, visit, instrument and the like choose within a cohort; published evidence has none"
        )
    if found.kind not in PUBLISHED_KINDS:
        return Verdict(
            verdict_frame([]),
            found,
            NOT_TESTABLE,
            "Claims of this kind are judged on the patients of a cohort, and "
            f"{'none' if data is None else 'a table that is none'} was given.",
            needed=f"A cohort of patients who had {found.treatment}, with their assessments.",
        )
    if data is not None:
        refuse(missing_columns(data, EVIDENCE_COLUMNS, table="evidence"), source="The evidence")
    return judge_published(found, data, only_deciding=readings == "deciding")


def _reason(claim: Claim) -> str:
    if claim.kind == "not_statistical":
        return "No cohort of patients can answer this."
    return f"This version of ketastats has no judging path for claims of the kind {claim.kind}."

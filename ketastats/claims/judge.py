"""One function from a claim and data to a verdict."""

from __future__ import annotations

import pandas as pd

from ketastats.claims.on_cohort import judge_cohort
from ketastats.claims.published import judge_published
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.standing import NOT_TESTABLE
from ketastats.claims.verdict import Verdict, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError

JUDGED_KINDS = ("rate_within",)
"""Kinds of claim that have a judging path in this version."""


def judge(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    visit: str | None = None,
    arm: str | None = None,
    instrument: str | None = None,
) -> Verdict:
    """Judge a claim on the shipped published evidence, on an evidence table, or on a cohort.

    Parameters
    ----------
    claim : str or Claim
        A claim id, such as ``"conventional-relief-30-40"``.
    data : Cohort, DataFrame or None
        A cohort; a table from `load_evidence`; or None for everything shipped.
    visit, arm, instrument : str, optional
        For a cohort: the visit (the last if not given), the arm (everybody if not given) and the
        instrument.

    Returns
    -------
    Verdict
        Kinds of claim without a judging path are `not_testable`, and the reason says so.

    Raises
    ------
    UsageError
        If the claim, visit, arm or instrument does not exist.
    """
    found = find_claim(claim) if isinstance(claim, str) else claim
    if found.kind not in JUDGED_KINDS:
        return Verdict(
            verdict_frame([]),
            found,
            NOT_TESTABLE,
            _reason(found),
            needed=str(found.facts.get("notes", "")),
        )
    if isinstance(data, Cohort):
        return judge_cohort(found, data, visit=visit, arm=arm, instrument=instrument)
    if visit or arm or instrument:
        raise UsageError(
            "visit, arm and instrument choose within a cohort; published evidence has none"
        )
    return judge_published(found, data)


def _reason(claim: Claim) -> str:
    if claim.kind == "not_statistical":
        return "No cohort of patients can answer this."
    return f"This version of ketastats has no judging path for claims of the kind {claim.kind}."

"""One function from a claim and data to a verdict."""

from __future__ import annotations

import pandas as pd

from ketastats.checks.columns import missing_columns, refuse
from ketastats.claims.on_cohort import judge_cohort
from ketastats.claims.published import judge_published
from ketastats.claims.registry import Claim, find_claim
from ketastats.claims.standing import NOT_TESTABLE
from ketastats.claims.verdict import Verdict, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.loaders.evidence import EVIDENCE_COLUMNS

JUDGED_KINDS = ("rate_within",)
"""Kinds of claim that have a judging path in this version."""


def judge(
    claim: str | Claim,
    data: Cohort | pd.DataFrame | None = None,
    *,
    visit: str | None = None,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
) -> Verdict:
    """Judge a claim on the shipped published evidence, on an evidence table, or on a cohort.

    Parameters
    ----------
    claim : str or Claim
        A claim id, such as ``"conventional-relief-30-40"``.
    data : Cohort, DataFrame or None
        A cohort; a table from `load_evidence`; or None for everything shipped.
    visit, arm, instrument, treatment : str, optional
        For a cohort: the visit (the last if not given), the arm (everybody if not given), the
        instrument, and what these patients received in the claim's words.

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
        return Verdict(verdict_frame([]), found, NOT_TESTABLE, _reason(found))
    if isinstance(data, Cohort):
        return judge_cohort(
            found, data, visit=visit, arm=arm, instrument=instrument, treatment=treatment
        )
    if data is not None and not isinstance(data, pd.DataFrame):
        raise UsageError(
            "data must be a Cohort (load_cohort) or an evidence table (load_evidence), "
            f"not {type(data).__name__}"
        )
    if visit or arm or instrument or treatment:
        raise UsageError(
            "visit, arm and instrument choose within a cohort; published evidence has none"
        )
    if data is not None:
        refuse(missing_columns(data, EVIDENCE_COLUMNS, table="evidence"), source="The evidence")
    return judge_published(found, data)


def _reason(claim: Claim) -> str:
    if claim.kind == "not_statistical":
        return "No cohort of patients can answer this."
    return f"This version of ketastats has no judging path for claims of the kind {claim.kind}."

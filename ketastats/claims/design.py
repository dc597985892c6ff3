"""Which patients of a cohort a claim is put to, and what their design cannot carry."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketastats.claims.registry import Claim
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.baseline import derive_baseline
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule

_DIAGNOSES = {
    "gad": "generalised anxiety disorder",
    "mdd": "major depression",
    "ocd": "obsessive-compulsive disorder",
    "panic": "panic disorder",
    "ptsd": "post-traumatic stress disorder",
    "social_anxiety": "social anxiety disorder",
    "trd": "treatment-resistant depression",
}
"""Condition codes of the evidence table in words."""


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """The patients a claim is put to: one arm or everybody, with their scores on one instrument.

    `scores` hold all instruments and a `base`; `treatment` is what the patients received in the
    claim's words, as far as it was said or their doses tell.
    """

    cohort: Cohort
    subjects: pd.DataFrame
    scores: pd.DataFrame
    instrument: str
    arm: str | None
    treatment: str | None

    @property
    def who(self) -> str:
        """The patients in words."""
        return f"the {self.arm} arm of {self.cohort.name}" if self.arm else self.cohort.name

    @property
    def own_scores(self) -> pd.DataFrame:
        """Scores of these subjects on the instrument."""
        scores = self.scores
        mine = scores["usubjid"].isin(self.subjects["usubjid"])
        return scores[mine & (scores["paramcd"] == self.instrument)].reset_index(drop=True)

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of a cohort's table that belong to these subjects."""
        return table[table["usubjid"].isin(self.subjects["usubjid"])].reset_index(drop=True)

    def can_use(self, rule: Rule) -> bool:
        """Whether totals, and a baseline where the rule needs one, are enough for the rule."""
        if rule.type == "item" or any(part.type == "item" for part in rule.parts):
            return False
        return bool(self.own_scores["base"].notna().any()) or not rule.needs_baseline


def choose_patients(
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
) -> Patients:
    """Choose the patients of one arm (or all) and the instrument they are judged on.

    Raises
    ------
    UsageError
        If arm or instrument do not exist, or several instruments have a baseline and none is named.
    """
    subjects = cohort.subjects
    if arm is not None:
        if arm not in cohort.arms:
            raise unknown_name("arm", arm, cohort.arms)
        subjects = subjects[subjects["trt01a"] == arm].reset_index(drop=True)
    scores = derive_baseline(cohort.scores)
    chosen = chosen_instrument(scores, instrument)
    return Patients(
        cohort, subjects, scores, chosen, arm, treatment or _treatment_given(cohort, subjects)
    )


def design_limits(claim: Claim, patients: Patients) -> tuple[tuple[str, ...], bool]:
    """What the design cannot carry, most serious first, and whether it caps the verdict."""
    found, capped = [], False
    subjects = patients.subjects
    wanted = set(claim.facts.get("conditions", ()))
    known = subjects["diagnosis"] if "diagnosis" in subjects.columns else pd.Series([pd.NA])
    held = set(known.dropna())
    if wanted and known.isna().any():
        found.append("The cohort does not say which disorder all of its patients have.")
        capped = True
    elif wanted and not held <= wanted:
        others = ", ".join(_DIAGNOSES.get(code, code) for code in sorted(held - wanted))
        found.append(f"The patients have {others}; the claim is about {population(claim)}.")
        capped = True
    if patients.treatment != claim.treatment:
        found.append(
            f"The claim is about {claim.treatment}, and these patients are not said to have had it "
            f"(treatment={claim.treatment!r} says so)."
        )
        capped = True
    elif others := _other_doses(claim, patients):
        found.append(f"The claim is about {claim.treatment}, and doses of {others} are recorded.")
        capped = True
    measures = find_instrument(patients.instrument)
    meant = claim.facts.get("constructs", ())
    if meant and measures.construct not in meant:
        listed = " or ".join(str(name).replace("_", " ") for name in meant)
        found.append(
            f"The claim is about {listed}, and {measures.title} measures "
            f"{measures.construct.replace('_', ' ')}."
        )
        capped = True
    if milder := _milder(claim, patients):
        found.append(milder)
        capped = True
    if patients.cohort.provenance == "synthetic":
        found.append("Synthetic data: they show the method and are no evidence about the world.")
        capped = True
    if patients.arm is None and len(patients.cohort.arms) > 1:
        found.append(f"The arms {', '.join(patients.cohort.arms)} are counted together.")
    return tuple(found), capped


def _milder(claim: Claim, patients: Patients) -> str:
    """Say it if most of the patients were less ill at baseline than the claim's, or it is not known."""
    wanted = claim.facts.get("severity")
    if wanted is None:
        return ""
    scale = find_instrument(patients.instrument)
    bands = scale.facts.get("severity_bands", ())
    least = next((band["min"] for band in bands if band["label"] == wanted), None)
    baselines = patients.own_scores.drop_duplicates("usubjid")["base"].dropna()
    if least is None or baselines.empty or not scale.higher_is_worse:
        return f"The claim is about {wanted} illness, and {scale.title} does not tell it of these patients."
    if (baselines >= least).mean() >= 0.5:
        return ""
    return (
        f"The claim is about {wanted} illness ({scale.title} {least:g} or more), and most of these patients "
        "began below it."
    )


def population(claim: Claim) -> str:
    """Who the claim is about, in words."""
    return str(claim.facts.get("population", "the patients it speaks of")).split(" (")[0]


def needed_patients(claim: Claim) -> str:
    """The cohort that could carry the claim."""
    with_what = f" with {population(claim)}" if "population" in claim.facts else ""
    return f"A cohort of real patients{with_what} who had {claim.treatment}."


def _treatment_given(cohort: Cohort, subjects: pd.DataFrame) -> str | None:
    """Ketamine, where every recorded dose of every one of the subjects is of it; else not known."""
    doses = cohort.doses
    if "extrt" not in doses.columns:
        return None
    mine = doses[doses["usubjid"].isin(subjects["usubjid"])]
    named = mine["extrt"].str.casefold().str.contains("ketamine", regex=False)
    all_dosed = subjects["usubjid"].isin(mine["usubjid"]).all()
    return "ketamine" if len(mine) and all_dosed and named.fillna(False).all() else None


def _other_doses(claim: Claim, patients: Patients) -> str:
    """Recorded treatments of these patients that the claim is not about, whatever was said."""
    doses = patients.of(patients.cohort.doses)
    if "extrt" not in doses.columns:
        return ""
    named = sorted(doses["extrt"].dropna().str.casefold().unique())
    if claim.treatment == "ketamine":
        return " and ".join(name for name in named if "ketamine" not in name)
    return " and ".join(name for name in named if "ketamine" in name)


def chosen_instrument(scores: pd.DataFrame, wanted: str | None) -> str:
    """The instrument that is named, or the only one with a baseline.

    Raises
    ------
    UsageError
        If it is not in the cohort, or several have a baseline and none is named.
    """
    with_baseline = sorted(scores.loc[scores["base"].notna(), "paramcd"].unique())
    if wanted is not None:
        if wanted not in set(scores["paramcd"].dropna()):
            raise unknown_name("instrument in this cohort", wanted, set(scores["paramcd"].dropna()))
        return wanted
    if len(with_baseline) != 1:
        held = ", ".join(with_baseline) or "none"
        raise UsageError(
            f"Instruments with a baseline in this cohort: {held}. Name one with instrument="
        )
    return str(with_baseline[0])

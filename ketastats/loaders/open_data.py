"""The shipped data sets, one call each. Origin, licence, columns and quirks are in each folder's README."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ketastats.cohort.cohort import Cohort
from ketastats.loaders.cohort_files import load_cohort
from ketastats.loaders.files import read_table
from ketastats.resources import shipped

FOUR_ANXIETY_DISORDERS = (
    "Generalized Anxiety Disorder",
    "Panic Disorder",
    "Social Anxiety Disorder",
    "Specific Phobia",
)
"""The disorders of the headline claim, as the psychotherapy file names them."""

_NHS_ANXIETY = "Anxiety and stress related disorders"
_NHS_LABELS = {
    "All": "All anxiety and stress related disorders",
    "Total": "All anxiety and stress related disorders",
    "Generalized anxiety disorder": "Generalised anxiety disorder",
    "Panic disorder [episodic paroxysmal anxiety]": "Panic disorder",
    "Specific (isolated) phobias": "Specific phobias",
}


def load_antidepressant_trial() -> Cohort:
    """Load the public antidepressant trial: 172 patients, HAM-D17 over six weeks, two arms."""
    return load_cohort(shipped("data", "antidepressant_hamd17"))


def load_synthetic_course() -> Cohort:
    """Load the made-up ketamine course: 150 patients, two arms, MADRS to week 24. No evidence of anything."""
    return load_cohort(shipped("data", "synthetic_course"))


def load_synthetic_cohort() -> Cohort:
    """Load the default made-up cohort: 300 patients, three arms, five tables. No evidence of anything."""
    return load_cohort(shipped("data", "synthetic", "cohort"))


def load_psychotherapy_trials() -> pd.DataFrame:
    """Load responders in psychotherapy trials: 569 comparisons, 437 trials, 8 disorders."""
    return _typed(
        shipped("data", "metapsy_response_rates", "psychotherapy_response_8_disorders.csv"),
        text=("study.es", "study", "country", "rob", "disorder", "therapy", "patient", "reference"),
    )


def load_psilocybin_trials() -> pd.DataFrame:
    """Load outcomes of 15 psilocybin trials, one row per comparison, outcome, instrument and time."""
    frame = read_table(
        shipped("data", "metapsy_psilocybin_depression", "psilocybin_depression_trials.csv")
    )
    return _numbers_where_possible(frame)


def load_nhs_outcomes() -> pd.DataFrame:
    """Load national outcomes of NHS Talking Therapies by problem and year, England.

    Adds `problem`, the label that stays the same over the years for anxiety and stress related
    disorders (missing for the other groups), and `finished_at_caseness`, finished minus not at
    caseness, the denominator of the published recovery rates.
    """
    frame = _typed(
        shipped("data", "nhs_talking_therapies", "outcomes_by_problem_england.csv"),
        text=(
            "reporting_period",
            "start_date",
            "end_date",
            "variable_type",
            "variable_a",
            "variable_b",
        ),
    )
    anxiety = frame["variable_a"] == _NHS_ANXIETY
    problem = frame["variable_b"].replace(_NHS_LABELS).where(anxiety)
    at_caseness = frame["finished_course_treatment_count"] - frame["not_at_caseness_count"]
    return frame.assign(problem=problem, finished_at_caseness=at_caseness)


def load_nhs_proms() -> pd.DataFrame:
    """Load PHQ-9, GAD-7 and WSAS before and after by problem and therapy, England."""
    return _typed(
        shipped("data", "nhs_talking_therapies", "proms_by_problem_therapy_england.csv"),
        text=("reporting_period", "problem", "therapy"),
    )


def select_therapy_arms(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the therapy arms of `load_psychotherapy_trials` for pooling: study_id, disorder, events, n."""
    return _arms(trials, "ig")


def select_control_arms(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the control arms, each once.

    A trial with several therapies repeats its control arm in every comparison. Rows with the same
    disorder, trial, events and people are taken as one arm.
    """
    arms = _arms(trials, "cg")
    return arms.drop_duplicates(["disorder", "study_id", "events", "n"], ignore_index=True)


def _arms(trials: pd.DataFrame, arm: str) -> pd.DataFrame:
    arms = pd.DataFrame(
        {
            "study_id": trials["study"],
            "disorder": trials["disorder"],
            "rob": trials["rob"],
            "events": trials[f"improved.{arm}"].astype("int64"),
            "n": trials[f"n.{arm}"].astype("int64"),
        }
    )
    arms.attrs = dict(trials.attrs)
    return arms


def _typed(path: Path, *, text: tuple[str, ...]) -> pd.DataFrame:
    frame = read_table(path)
    numbers = [name for name in frame.columns if name not in text]
    typed = frame.astype(dict.fromkeys(text, "string"))
    typed[numbers] = typed[numbers].apply(pd.to_numeric)
    typed.attrs = dict(frame.attrs)
    return typed


def _numbers_where_possible(frame: pd.DataFrame) -> pd.DataFrame:
    def convert(column: pd.Series) -> pd.Series:
        number = pd.to_numeric(column, errors="coerce")
        return (
            number
            if number.notna().eq(column.notna()).all() and column.notna().any()
            else column.astype("string")
        )

    converted = frame.apply(convert)
    converted.attrs = dict(frame.attrs)
    return converted

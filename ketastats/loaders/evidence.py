"""Published study-level outcomes: one row per study arm, or contrast, x outcome x time point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, problem
from ketastats.loaders.files import read_table
from ketastats.resources import shipped

REQUIRED = ("study_id", "arm", "outcome_type")
NUMBERS = (
    "n_studies",
    "n",
    "timepoint_weeks",
    "timepoint_hours",
    "events",
    "proportion",
    "mean",
    "sd",
    "se",
    "ci_low",
    "ci_high",
    "effect_value",
)
FLAGS = ("is_contrast", "is_derived")
TEXTS = (
    "row_id",
    "source_table",
    "study_id",
    "first_author",
    "year",
    "doi",
    "address",
    "grade",
    "design",
    "blinded",
    "condition",
    "treatment_resistant",
    "arm",
    "overlap",
    "route",
    "dose_mg_per_kg",
    "n_doses",
    "timepoint_anchor",
    "instrument",
    "outcome_type",
    "outcome_definition",
    "p_value",
    "effect_measure",
    "notes",
)
EVIDENCE_COLUMNS = (*TEXTS, *NUMBERS, *FLAGS)
"""Every column `load_evidence` gives, whatever the file held."""
GRADES = ("A", "B", "C")


def load_evidence(path: str | Path | None = None) -> pd.DataFrame:
    """Load a study-level table: the shipped one, or your own of the same columns.

    Parameters
    ----------
    path : str or Path, optional
        CSV or Parquet. `study_id`, `arm` and `outcome_type` are needed; other columns of the
        shipped table (data/evidence/README.md) are added empty where absent, flags as False.

    Returns
    -------
    DataFrame
        Text columns as strings, counts and values as float64, `is_contrast` and `is_derived` as
        booleans.

    Raises
    ------
    DataError
        For text in a number column, a proportion above 1, more events than people, a count that is
        not whole, or an unknown grade, all at once.
    """
    place = shipped("data", "evidence", "evidence.csv") if path is None else Path(path)
    raw = read_table(place)
    problems = missing_columns(raw, REQUIRED, table="evidence")
    problems += not_numbers(raw, NUMBERS, table="evidence")
    refuse(problems, source=str(place))
    frame = raw.copy(deep=False)
    for name in NUMBERS:
        column = frame[name] if name in frame.columns else pd.Series(np.nan, index=frame.index)
        frame[name] = pd.to_numeric(column).astype("float64")
    for name in FLAGS:
        frame[name] = _flag(frame, name)
    for name in dict.fromkeys([*TEXTS, *frame.columns]):
        if name not in (*NUMBERS, *FLAGS):
            column = frame[name] if name in frame.columns else pd.Series(pd.NA, index=frame.index)
            frame[name] = column.astype("string")
    refuse(_impossible(frame), source=str(place))
    return frame.astype(dict.fromkeys(FLAGS, "bool"))


_FLAG_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _flag(frame: pd.DataFrame, name: str) -> pd.Series:
    """A yes/no column; absent and empty mean no, any other word is left missing."""
    if name not in frame.columns:
        return pd.Series(False, index=frame.index)
    words = frame[name].astype("string").str.lower().fillna("false")
    return words.map(_FLAG_WORDS).astype("boolean")


def _impossible(frame: pd.DataFrame) -> list[Problem]:
    found = missing_values(frame, REQUIRED, table="evidence")
    if frame.empty:
        found.append(
            problem("empty", "evidence", "", [], "no rows", "Check that the export finished")
        )

    def add(bad: pd.Series, code: str, column: str, what: str, remedy: str) -> None:
        found.extend(flagged(bad, code, "evidence", column, what, remedy))

    for name in FLAGS:
        add(
            frame[name].isna(),
            "unknown_code",
            name,
            "neither true nor false",
            "Write true or false",
        )
    share = frame["proportion"]
    add(
        (share < 0) | (share > 1),
        "out_of_range",
        "proportion",
        "not a share from 0 to 1",
        "Divide percentages by 100",
    )
    add(
        frame["events"] > frame["n"],
        "impossible_count",
        "events and n",
        "more events than people",
        "Check which of the two was mistyped",
    )
    add(
        (frame["events"] < 0) | (frame["n"] < 1),
        "impossible_count",
        "events and n",
        "a count below what can be",
        "Leave unknown counts empty",
    )
    for name in ("events", "n"):
        add(
            frame[name].notna() & (frame[name] % 1 != 0),
            "not_whole",
            name,
            "not a whole number",
            "Give counts of people; put shares into proportion",
        )
    if "grade" in frame.columns:
        add(
            frame["grade"].notna() & ~frame["grade"].isin(GRADES),
            "unknown_code",
            "grade",
            "not one of A, B, C",
            "Grade the source as data/evidence/README.md says",
        )
    return found

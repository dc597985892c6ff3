"""Whether rows belong together and are told apart, and whether a column could tell who someone is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError, problem

_IDENTIFIERS = re.compile(
    r"^(first|last|full|sur|given|patient|subject)?_?name$|^name$|e_?mail|phone|mobile|address|street|post_?code|"
    r"^zip|^mrn$|medical_record|^ssn$|social_security|nhs_?number|passport|birth_?(date|day)|date_of_birth|^dob$|"
    r"^brthdtc?$|insurance|ip_address",
    re.IGNORECASE,
)


def duplicated_rows(
    frame: pd.DataFrame, keys: Sequence[str], *, table: str, what: str, remedy: str
) -> list[Problem]:
    """Rows that repeat an earlier row's keys."""
    present = [key for key in keys if key in frame.columns]
    return flagged(
        frame.duplicated(present).to_numpy(),
        "duplicate",
        table,
        " and ".join(present),
        what,
        remedy,
    )


def orphans(frame: pd.DataFrame, subjects: pd.DataFrame, *, table: str) -> list[Problem]:
    """Rows of subjects who are not in the table of subjects."""
    if frame.empty:
        return []
    known = frame["usubjid"].isin(subjects["usubjid"])
    return flagged(
        ~known.to_numpy() & frame["usubjid"].notna().to_numpy(),
        "unknown_subject",
        table,
        "usubjid",
        "subject not in the table of subjects",
        "Add the subjects, or leave these rows out",
    )


def look_alike_codes(frame: pd.DataFrame, name: str, *, table: str) -> list[Problem]:
    """Rows whose code differs from a more frequent one only in capitals or spaces."""
    if name not in frame.columns:
        return []
    counts = frame[name].value_counts().sort_index()
    plain = counts.index.str.casefold().str.replace(r"\s+", "", regex=True)
    if plain.is_unique:
        return []
    commonest = plain.map(counts.groupby(plain).idxmax().to_dict())
    return flagged(
        frame[name].isin(counts.index[counts.index != commonest]),
        "look_alike",
        table,
        name,
        "differs from another code only in capitals or spaces",
        "Write the code one way, or recode it in the mapping file",
    )


def identifying_columns(frame: pd.DataFrame, *, table: str) -> list[Problem]:
    """Columns whose name says that they identify a person."""
    bad = []
    for name in frame.columns:
        plain = re.sub(r"[^0-9a-z]+", "_", str(name).lower())
        if _IDENTIFIERS.search(plain):
            bad.append(str(name))
    if not bad:
        return []
    return [
        problem(
            "identifying_column",
            table,
            ", ".join(bad),
            [],
            "looks like a direct identifier",
            "Remove it: ketastats works on de-identified data only",
        )
    ]


def require_one_period(frame: pd.DataFrame, *, table: str) -> None:
    """Raise `UsageError` if the rows are of several periods of a crossover."""
    if "aperiod" in frame.columns and frame["aperiod"].nunique() > 1:
        raise UsageError(
            f"The {table} are of several periods of a crossover: choose the rows of one"
        )

"""A cohort: five tables that are whole, and what is known about where they came from."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pandas as pd

from ketastats.checks.columns import refuse
from ketastats.checks.identity import identifying_columns
from ketastats.checks.positions import SOURCE_ROW, in_source_rows
from ketastats.cohort.consistency import inconsistencies
from ketastats.cohort.conversion import convert_table
from ketastats.cohort.schema import PROVENANCES, TABLES
from ketastats.errors import PrivacyError, Problem, UsageError, problem, unknown_name
from ketastats.provenance import Source, with_sources

PUBLISHING = "KETASTATS_PUBLISHING"
"""Set in the kernel of a notebook whose output is published: no private cohort is made there."""

PRIVATE_REFUSED = (
    "Reports on private cohorts must hide cells of 1 to 10 people, which this version cannot do. "
    "Use the library on it (ketastats.judge), or a public or synthetic cohort."
)


class Cohort:
    """Subjects with their doses, scores, adverse events and medications, checked when made.

    Parameters
    ----------
    subjects : DataFrame, one row per subject
    doses, scores, events, medications : DataFrame, optional
        One row per administration, assessment, event and medicine x period. Absent tables are
        empty. Columns, units and limits are in `ketastats.cohort.schema`.
    windows : DataFrame, optional
        Visit windows, one row per visit: avisit, avisitn, target, from, to in hours, [from, to).
    provenance : "synthetic", "public" or "private"
        Decides what a report may show.
    name : str
        What to call the cohort in results.
    sources : iterable of Source
        The files the tables came from.

    Raises
    ------
    DataError
        With every problem found in any table.
    UsageError
        If `provenance` is none of the three words.
    PrivacyError
        If the cohort is private and the notebook that makes it is being published.
    """

    def __init__(
        self,
        subjects: pd.DataFrame,
        *,
        provenance: str,
        doses: pd.DataFrame | None = None,
        scores: pd.DataFrame | None = None,
        events: pd.DataFrame | None = None,
        medications: pd.DataFrame | None = None,
        windows: pd.DataFrame | None = None,
        name: str = "cohort",
        sources: Iterable[Source] = (),
    ) -> None:
        if provenance not in PROVENANCES:
            raise unknown_name("provenance", provenance, PROVENANCES)
        if provenance == "private" and os.environ.get(PUBLISHING):
            raise PrivacyError(PRIVATE_REFUSED)
        raw = {
            "subjects": subjects,
            "doses": doses,
            "scores": scores,
            "events": events,
            "medications": medications,
            "windows": windows,
        }
        self.name = name
        self.provenance = provenance
        self.sources = tuple(sources)
        self._tables = _checked_tables(raw, source=f"The cohort {name!r}")

    @property
    def subjects(self) -> pd.DataFrame:
        """One row per subject (ADSL)."""
        return self._table("subjects")

    @property
    def doses(self) -> pd.DataFrame:
        """One row per administration (ADEX)."""
        return self._table("doses")

    @property
    def scores(self) -> pd.DataFrame:
        """One row per subject, instrument and assessment (ADQS)."""
        return self._table("scores")

    @property
    def events(self) -> pd.DataFrame:
        """One row per adverse-event episode (ADAE)."""
        return self._table("events")

    @property
    def medications(self) -> pd.DataFrame:
        """One row per medicine and period (ADCM)."""
        return self._table("medications")

    @property
    def windows(self) -> pd.DataFrame:
        """One row per visit: target time and [from, to) in hours."""
        return self._table("windows")

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms actually received, sorted; empty if the cohort has none."""
        subjects = self._tables["subjects"]
        if "trt01a" not in subjects.columns:
            return ()
        return tuple(sorted(subjects["trt01a"].dropna().unique()))

    @property
    def instruments(self) -> tuple[str, ...]:
        """The instruments with at least one score, sorted."""
        return tuple(sorted(self._tables["scores"]["paramcd"].dropna().unique()))

    def __str__(self) -> str:
        tables = self._tables
        return (
            f"{self.provenance.capitalize()} cohort {self.name!r}: {len(tables['subjects'])} subjects, "
            f"{len(tables['scores'])} scores, {len(tables['doses'])} doses, "
            f"{len(tables['events'])} adverse events, {len(tables['medications'])} medicine periods"
        )

    __repr__ = __str__

    def _table(self, name: str) -> pd.DataFrame:
        return with_sources(self._tables[name], self.sources)


def _checked_tables(raw: dict[str, pd.DataFrame | None], *, source: str) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    problems: list[Problem] = []
    for table in TABLES:
        frame = raw[table]
        if frame is not None and not isinstance(frame, pd.DataFrame):
            raise UsageError(f"{table} must be a pandas DataFrame, not {type(frame).__name__}")
        tables[table], found = convert_table(frame, table)
        problems += found
        if frame is not None:
            problems += identifying_columns(frame, table=table)
    if tables["subjects"].empty:
        problems.append(
            problem(
                "empty",
                "subjects",
                "",
                [],
                "no rows",
                "A cohort needs at least one subject; check that the file is the right one",
            )
        )
    incomplete = {found.table for found in problems if found.code == "missing_column"}
    if "subjects" not in incomplete:
        complete = {name: table for name, table in tables.items() if name not in incomplete}
        empty = {name: convert_table(None, name)[0] for name in incomplete}
        problems += inconsistencies(complete | empty)
    if problems:
        refuse([_at_source(found, tables) for found in problems], source=source)
    return {name: table.drop(columns=SOURCE_ROW, errors="ignore") for name, table in tables.items()}


def _at_source(found: Problem, tables: dict[str, pd.DataFrame]) -> Problem:
    return in_source_rows([found], tables[found.table])[0]

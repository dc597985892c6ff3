"""Source tables rearranged into the schema's tables, as a mapping says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketastats.checks.columns import missing_columns, not_numbers
from ketastats.checks.positions import SOURCE_ROW, in_source_rows
from ketastats.cohort.schema import TABLES
from ketastats.errors import DataError, Problem, problem
from ketastats.instruments.scoring import item_names, score_items
from ketastats.loaders.mapping import HOURS, TableMapping, VisitColumns

_BASELINE_VISIT = "Baseline"


def build_table(
    source: pd.DataFrame, table: str, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Rename, recode and reshape one source table.

    Returns
    -------
    (DataFrame, list of Problem)
        The table in the schema's columns, times in hours, with the row of the source file in
        `source_row`; and what stood in the way, then the table is not to be used.
    """
    problems = missing_columns(source, mapping.source_columns, table=mapping.file)
    if problems:
        return pd.DataFrame(), problems
    kept = _kept(source.assign(**{SOURCE_ROW: np.arange(1, len(source) + 1)}), mapping)
    if kept.empty and len(source):
        remedy = "Check the codes under keep; they are compared as written in the file"
        what = "no row is left after keep"
        return pd.DataFrame(), [problem("empty", mapping.file, "", [], what, remedy)]
    renamed = pd.DataFrame({ours: kept[theirs] for ours, theirs in mapping.columns.items()})
    for ours, constant in mapping.constants.items():
        renamed[ours] = constant
    for ours, codes in mapping.recode.items():
        renamed[ours] = _recoded(renamed[ours], codes)
    renamed[SOURCE_ROW] = kept[SOURCE_ROW]
    renamed, problems = _with_hours(renamed, table, mapping)
    if table == "scores" and not problems:
        renamed, problems = _long_scores(renamed, kept, mapping)
    if table == "subjects":
        same = [name for name in renamed.columns if name != SOURCE_ROW]
        renamed = renamed.drop_duplicates(same, ignore_index=True)
    return renamed, problems


def derive_completion(subjects: pd.DataFrame, scores: pd.DataFrame, visit: str) -> pd.DataFrame:
    """Add `eosstt`: COMPLETED for subjects with a score at `visit`, DISCONTINUED for the others."""
    seen = scores.loc[(scores["avisit"] == visit) & scores["aval"].notna(), "usubjid"]
    status = np.where(subjects["usubjid"].isin(seen), "COMPLETED", "DISCONTINUED")
    return subjects.assign(eosstt=status)


def _kept(source: pd.DataFrame, mapping: TableMapping) -> pd.DataFrame:
    for name, value in mapping.keep.items():
        allowed = [str(v) for v in (value if isinstance(value, list) else [value])]
        source = source[_as_text(source[name]).isin(allowed)]
    return source.reset_index(drop=True)


def _recoded(column: pd.Series, codes: Mapping[str, object]) -> pd.Series:
    """Replace the codes that are named and keep the others."""
    text = _as_text(column)
    return text.map(lambda value: codes.get(value, value) if pd.notna(value) else value)


def _as_text(column: pd.Series) -> pd.Series:
    """Texts as a CSV file would hold them: a whole number without a decimal point."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string")


def _with_hours(
    frame: pd.DataFrame, table: str, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Turn time columns into hours since the first dose."""
    if mapping.time_unit == "hours":
        return frame, []
    times = [c.name for c in TABLES[table] if c.unit == "hours" and c.name in frame.columns]
    problems = not_numbers(frame, times, table=mapping.file)
    for name in times:
        value = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        if mapping.time_unit == "study_day":
            zero = np.flatnonzero((value == 0).to_numpy())
            if zero.size:
                problems.append(
                    problem(
                        "study_day_zero",
                        mapping.file,
                        name,
                        zero,
                        "study day 0, which does not exist: day 1 follows day -1",
                        'Correct the days, or use time_unit = "days" if they count from 0',
                    )
                )
            frame[name] = study_day_hours(value)
        else:
            frame[name] = value * HOURS[mapping.time_unit]
    return frame, in_source_rows(problems, frame)


def study_day_hours(day: pd.Series) -> pd.Series:
    """Start of a study day in hours: day 1 begins at 0, day -1 at -24; there is no day 0."""
    hours = np.where(day > 0, 24 * (day - 1), 24 * day)
    return pd.Series(hours, index=day.index).where(day.notna())


def _long_scores(
    keys: pd.DataFrame, source: pd.DataFrame, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Stack one row per instrument and visit from value, item and baseline columns."""
    parts, problems = _baselines(keys, source, mapping)
    sheets = [(keys, VisitColumns(mapping.values, mapping.items))]
    for visit in mapping.visits:
        given = keys.assign(avisit=visit.avisit, avisitn=visit.avisitn, afrlt=visit.hours)
        sheets.append((given, visit))
    for given, columns in sheets:
        found, more = _scores_of(given, source, columns, mapping.file)
        parts += found
        problems += more
    if "paramcd" in keys.columns and "aval" in keys.columns:
        parts.append(keys)
    if problems or not parts:
        return pd.DataFrame() if problems else keys, problems
    stacked = pd.concat(parts, ignore_index=True)
    return stacked[stacked["aval"].notna()].reset_index(drop=True), []


def _scores_of(
    keys: pd.DataFrame, source: pd.DataFrame, columns: VisitColumns, file: str
) -> tuple[list[pd.DataFrame], list[Problem]]:
    names = sorted(set(columns.values.values()))
    problems = in_source_rows(not_numbers(source, names, table=file), source)
    parts = [keys.assign(paramcd=p, aval=source[name]) for p, name in columns.values.items()]
    for paramcd, names in columns.items.items():
        answers = source[names].set_axis(list(item_names(paramcd)), axis=1)
        try:
            scored = score_items(answers, paramcd)
        except DataError as error:
            problems += in_source_rows(error.problems, source)
            continue
        parts.append(keys.assign(paramcd=paramcd, aval=scored["aval"]))
    return parts, problems


def _baselines(
    keys: pd.DataFrame, source: pd.DataFrame, mapping: TableMapping
) -> tuple[list[pd.DataFrame], list[Problem]]:
    """A row at time 0 per subject from each column that repeats a baseline."""
    names = sorted(set(mapping.baseline_column.values()))
    problems = in_source_rows(not_numbers(source, names, table=mapping.file), source)
    parts = []
    for paramcd, name in mapping.baseline_column.items():
        given = keys.assign(paramcd=paramcd, aval=source[name], afrlt=0.0)
        given = given[given["aval"].notna()]
        different = given.groupby("usubjid")["aval"].transform("nunique") > 1
        if different.any():
            found = problem(
                "baseline",
                mapping.file,
                name,
                np.flatnonzero(different.to_numpy()),
                "differs between rows of one subject",
                "A baseline column must repeat one value per subject",
            )
            problems += in_source_rows([found], given)
        first = given.drop_duplicates("usubjid")
        if "avisit" in first.columns:
            first = first.assign(avisit=_BASELINE_VISIT)
        if "avisitn" in first.columns:
            first = first.assign(avisitn=0)
        parts.append(first)
    return parts, problems

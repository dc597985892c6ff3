"""Source tables rearranged into the schema's tables, as a mapping says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketastats.checks.columns import missing_columns, not_numbers
from ketastats.cohort.schema import TABLES
from ketastats.errors import DataError, Problem
from ketastats.instruments.scoring import item_names, score_items
from ketastats.loaders.mapping import HOURS, TableMapping

_BASELINE_VISIT = "Baseline"


def build_table(
    source: pd.DataFrame, table: str, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Rename, recode and reshape one source table.

    Returns
    -------
    (DataFrame, list of Problem)
        The table in the schema's columns, times in hours, and what stood in the way; with problems
        the table is empty.
    """
    wanted = [
        *mapping.columns.values(),
        *mapping.keep,
        *mapping.values.values(),
        *mapping.baseline_column.values(),
        *(name for names in mapping.items.values() for name in names),
    ]
    problems = missing_columns(source, list(dict.fromkeys(wanted)), table=mapping.file)
    if problems:
        return pd.DataFrame(), problems
    for name, value in mapping.keep.items():
        allowed = [str(v) for v in (value if isinstance(value, list) else [value])]
        source = source[source[name].astype("string").isin(allowed)]
    source = source.reset_index(drop=True)
    renamed = pd.DataFrame({ours: source[theirs] for ours, theirs in mapping.columns.items()})
    for ours, constant in mapping.constants.items():
        renamed[ours] = constant
    for ours, codes in mapping.recode.items():
        if ours in renamed.columns:
            renamed[ours] = _recoded(renamed[ours], codes)
    renamed, problems = _with_hours(renamed, table, mapping)
    if table == "scores" and not problems:
        renamed, problems = _long_scores(renamed, source, mapping)
    if table == "subjects":
        renamed = renamed.drop_duplicates(ignore_index=True)
    return renamed, problems


def derive_completion(subjects: pd.DataFrame, scores: pd.DataFrame, visit: str) -> pd.DataFrame:
    """Add `eosstt`: COMPLETED for subjects with a score at `visit`, DISCONTINUED for the others."""
    seen = scores.loc[(scores["avisit"] == visit) & scores["aval"].notna(), "usubjid"]
    status = np.where(subjects["usubjid"].isin(seen), "COMPLETED", "DISCONTINUED")
    return subjects.assign(eosstt=status)


def _recoded(column: pd.Series, codes: Mapping[str, object]) -> pd.Series:
    """Replace the codes that are named and keep the others."""
    text = column.astype("string")
    return text.map(lambda value: codes.get(value, value) if pd.notna(value) else value)


def _with_hours(
    frame: pd.DataFrame, table: str, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Turn time columns into hours since the first dose."""
    if mapping.time_unit == "hours":
        return frame, []
    times = [c.name for c in TABLES[table] if c.unit == "hours" and c.name in frame.columns]
    problems = not_numbers(frame, times, table=mapping.file)
    if problems:
        return frame, problems
    for name in times:
        value = pd.to_numeric(frame[name]).astype("float64")
        frame[name] = (
            study_day_hours(value)
            if mapping.time_unit == "study_day"
            else value * HOURS[mapping.time_unit]
        )
    return frame, []


def study_day_hours(day: pd.Series) -> pd.Series:
    """Start of a study day in hours: day 1 begins at 0, day -1 at -24; there is no day 0."""
    return pd.Series(np.where(day > 0, 24 * (day - 1), 24 * day), index=day.index).where(
        day.notna()
    )


def _long_scores(
    keys: pd.DataFrame, source: pd.DataFrame, mapping: TableMapping
) -> tuple[pd.DataFrame, list[Problem]]:
    """Stack one row per instrument from value columns, item columns and baseline columns."""
    if not (mapping.values or mapping.items or mapping.baseline_column):
        return keys, []
    columns = {*mapping.values.values(), *mapping.baseline_column.values()}
    problems = not_numbers(source, sorted(columns), table=mapping.file)
    parts = []
    for paramcd, name in mapping.values.items():
        parts.append(keys.assign(paramcd=paramcd, aval=source[name]))
    for paramcd, names in mapping.items.items():
        answers = source[names].set_axis(list(item_names(paramcd)), axis=1)
        try:
            scored = score_items(answers, paramcd)
        except DataError as error:
            problems += list(error.problems)
            continue
        parts.append(keys.assign(paramcd=paramcd, aval=scored["aval"]))
    if "paramcd" in keys.columns and "aval" in keys.columns:
        parts.append(keys)
    if problems:
        return pd.DataFrame(), problems
    for paramcd, name in mapping.baseline_column.items():
        first = keys.assign(paramcd=paramcd, aval=source[name], afrlt=0.0).drop_duplicates(
            "usubjid"
        )
        if "avisit" in first.columns:
            first = first.assign(avisit=_BASELINE_VISIT)
        if "avisitn" in first.columns:
            first = first.assign(avisitn=0)
        parts.insert(0, first)
    stacked = pd.concat(parts, ignore_index=True)
    return stacked[stacked["aval"].notna()].reset_index(drop=True), []

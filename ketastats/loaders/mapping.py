"""The column mapping of a data set: a small TOML file that says which source column is which.

    name = "my_trial"               # what to call the cohort
    provenance = "private"          # synthetic, public or private
    time_unit = "days"              # hours, minutes, days, weeks or study_day, of every time column
    missing = ["NA"]                # texts that mean missing, besides an empty cell
    encoding = "utf-8"

    [subjects]                      # one section per table: subjects, doses, scores, events,
    medications file = "patients.csv" columns = { usubjid = "ID", trt01a = "Arm" } constants = {
    diagnosis = "gad" } keep = { SAFFL = "Y" }          # rows of the source to use recode = {
    trt01a = { A = "ketamine", B = "midazolam" } } completed_visit = "Week 6"      # eosstt =
    COMPLETED for those seen then, DISCONTINUED for the others

    [scores]
    file = "patients.csv"
    columns = { usubjid = "ID", afrlt = "Day", avisit = "Visit" }
    values = { madrs = "MADRS_total", ham_a = "HAMA_total" }    # wide: a column per instrument
    items = { phq9 = ["q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9"] }   # item columns,
    scored baseline_column = { madrs = "MADRS_baseline" }              # becomes a row at time 0

    [[windows]]                     # hours, [from, to)
    avisit = "Week 6"
    avisitn = 6
    target = 1008
    from = 840
    to = 1176

A long table of scores names `paramcd` and `aval` under `columns` instead of `values`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ketastats.cohort.schema import TABLES
from ketastats.errors import DataError, UsageError, problem, unknown_name

HOURS = {"hours": 1.0, "minutes": 1 / 60, "days": 24.0, "weeks": 168.0}
TIME_UNITS = (*HOURS, "study_day")

_TOP = {"name", "provenance", "time_unit", "missing", "encoding", "windows"} | set(TABLES)
_SECTION = {
    "file",
    "columns",
    "constants",
    "keep",
    "recode",
    "values",
    "items",
    "baseline_column",
    "completed_visit",
    "time_unit",
    "missing",
    "encoding",
}


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table of the schema is made from one source file."""

    file: str
    columns: Mapping[str, str]
    constants: Mapping[str, Any]
    keep: Mapping[str, Any]
    recode: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, str]
    items: Mapping[str, list[str]]
    baseline_column: Mapping[str, str]
    completed_visit: str
    time_unit: str
    missing: tuple[str, ...]
    encoding: str


@dataclass(frozen=True, slots=True)
class CohortMapping:
    """A whole mapping file."""

    name: str
    provenance: str
    tables: Mapping[str, TableMapping]
    windows: tuple[Mapping[str, Any], ...] = field(default=())


def read_mapping(path: Path) -> CohortMapping:
    """Read a mapping file and check its words.

    Raises
    ------
    DataError
        If the file is absent or not TOML.
    UsageError
        If a key, table or time unit is unknown; the nearest known word is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError as error:
        raise DataError(
            str(path),
            [
                problem(
                    "no_file",
                    path.name,
                    "",
                    [],
                    "there is no such file",
                    "Write the mapping file, or correct the path",
                )
            ],
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            str(path),
            [
                problem(
                    "not_toml",
                    path.name,
                    "",
                    [],
                    f"not valid TOML ({error})",
                    "Correct the line; texts need quotes",
                )
            ],
        ) from error
    for key in raw:
        if key not in _TOP:
            raise unknown_name("key of a mapping file", key, _TOP)
    shared: dict[str, Any] = {
        key: raw[key] for key in ("time_unit", "missing", "encoding") if key in raw
    }
    tables = {
        table: _read_section(table, {**shared, **dict(raw[table])})
        for table in TABLES
        if table in raw and table != "windows"
    }
    if "provenance" not in raw:
        raise UsageError(f'{path.name} must say provenance = "synthetic", "public" or "private"')
    return CohortMapping(
        name=str(raw.get("name", path.parent.name)),
        provenance=str(raw["provenance"]),
        tables=tables,
        windows=tuple(raw.get("windows", ())),
    )


def _read_section(table: str, section: Mapping[str, Any]) -> TableMapping:
    for key in section:
        if key not in _SECTION:
            raise unknown_name(f"key of [{table}] in a mapping file", key, _SECTION)
    unit = str(section.get("time_unit", "hours"))
    if unit not in TIME_UNITS:
        raise unknown_name("time unit", unit, TIME_UNITS)
    if "file" not in section:
        raise UsageError(f"[{table}] in the mapping file must name its file")
    return TableMapping(
        file=str(section["file"]),
        columns=dict(section.get("columns", {})),
        constants=dict(section.get("constants", {})),
        keep=dict(section.get("keep", {})),
        recode=dict(section.get("recode", {})),
        values=dict(section.get("values", {})),
        items=dict(section.get("items", {})),
        baseline_column=dict(section.get("baseline_column", {})),
        completed_visit=str(section.get("completed_visit", "")),
        time_unit=unit,
        missing=tuple(section.get("missing", ())),
        encoding=str(section.get("encoding", "utf-8")),
    )

"""The column mapping of a data set: a small TOML file that says which source column is which.

`EXAMPLE` is one that uses every key. A long table of scores names `paramcd` and `aval` under
`columns` instead of `values`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ketastats.cohort.schema import TABLES
from ketastats.errors import DataError, UsageError, problem, unknown_name
from ketastats.instruments.scoring import item_names

HOURS = {"hours": 1.0, "minutes": 1 / 60, "days": 24.0, "weeks": 168.0}
TIME_UNITS = (*HOURS, "study_day")

_TOP = {"name", "provenance", "time_unit", "missing", "encoding", "windows"} | set(TABLES)
_SECTION = {
    "file": str,
    "columns": dict,
    "constants": dict,
    "keep": dict,
    "recode": dict,
    "values": dict,
    "items": dict,
    "baseline_column": dict,
    "visits": list,
    "completed_visit": str,
    "time_unit": str,
    "missing": list,
    "encoding": str,
}
_TOML_WORD = {str: "a text in quotes", dict: "a table in braces", list: "a list in brackets"}

EXAMPLE = """\
name = "my_trial"               # what to call the cohort
provenance = "private"          # synthetic, public or private
time_unit = "days"              # hours, minutes, days, weeks or study_day, of every time column
missing = ["NA"]                # texts that mean missing, besides an empty cell
encoding = "utf-8"

[subjects]                      # a section per table: subjects, doses, scores, events, medications
file = "patients.csv"
columns = { usubjid = "ID", trt01a = "Arm" }
constants = { diagnosis = "gad" }
keep = { Enrolled = "Y" }       # rows of the source to use
recode = { trt01a = { A = "ketamine", B = "midazolam" } }
completed_visit = "Week 6"      # eosstt = COMPLETED for those seen then, DISCONTINUED otherwise

[scores]                        # one row per visit, a column per instrument
file = "visits.csv"
columns = { usubjid = "ID", afrlt = "Day", avisit = "Visit" }
values = { madrs = "MADRS_total", ham_a = "HAMA_total" }
items = { gad7 = ["g1", "g2", "g3", "g4", "g5", "g6", "g7"] }     # item columns, scored
baseline_column = { madrs = "MADRS_baseline" }                    # becomes a row at time 0

[[scores.visits]]               # or one row per subject, a column per instrument and visit
avisit = "Week 1"
avisitn = 1
time = 7                        # in time_unit
values = { phq9 = "PHQ9_week1" }

[[windows]]                     # hours, [from, to)
avisit = "Week 6"
avisitn = 6
target = 1008
from = 840
to = 1176
"""
"""A mapping file that uses every key."""


@dataclass(frozen=True, slots=True)
class VisitColumns:
    """Which columns hold the scores of one visit of a wide table."""

    values: Mapping[str, str]
    items: Mapping[str, list[str]]
    avisit: str = ""
    avisitn: float = 0.0
    hours: float = 0.0


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
    visits: tuple[VisitColumns, ...]
    completed_visit: str
    time_unit: str
    missing: tuple[str, ...]
    encoding: str

    @property
    def source_columns(self) -> list[str]:
        """Every source column the mapping names, once."""
        named = [*self.columns.values(), *self.keep, *self.baseline_column.values()]
        for part in (VisitColumns(self.values, self.items), *self.visits):
            named += part.values.values()
            named += [name for names in part.items.values() for name in names]
        return list(dict.fromkeys(named))


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
        If a key, table, instrument or time unit is unknown, or a value is of the wrong kind.
    """
    raw = _read_toml(path)
    for key in raw:
        if key not in _TOP:
            raise unknown_name("key of a mapping file", key, _TOP)
    shared: dict[str, Any] = {
        key: raw[key] for key in ("time_unit", "missing", "encoding") if key in raw
    }
    tables = {}
    for table in TABLES:
        if table in raw and table != "windows":
            if not isinstance(raw[table], dict):
                raise UsageError(f"{table} in a mapping file must be a section: [{table}]")
            tables[table] = _read_section(table, {**shared, **raw[table]})
    if "provenance" not in raw:
        raise UsageError(f'{path.name} must say provenance = "synthetic", "public" or "private"')
    subjects = tables.get("subjects")
    if subjects is not None and subjects.completed_visit and "scores" not in tables:
        raise UsageError("completed_visit needs a [scores] section to see who came")
    return CohortMapping(
        name=str(raw.get("name", path.parent.name)),
        provenance=str(raw["provenance"]),
        tables=tables,
        windows=tuple(raw.get("windows", ())),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what, remedy = "there is no such file", "Write the mapping file, or correct the path"
        found = problem("no_file", path.name, "", [], what, remedy)
        raise DataError(str(path), [found]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what, remedy = f"not valid TOML ({error})", "Correct the line; texts need quotes"
        found = problem("not_toml", path.name, "", [], what, remedy)
        raise DataError(str(path), [found]) from error


def _read_section(table: str, section: Mapping[str, Any]) -> TableMapping:
    where = f"[{table}] in a mapping file"
    for key, value in section.items():
        if key not in _SECTION:
            raise unknown_name(f"key of {where}", key, _SECTION)
        if not isinstance(value, _SECTION[key]):
            raise UsageError(f"{key} of {where} must be {_TOML_WORD[_SECTION[key]]}")
    unit = str(section.get("time_unit", "hours"))
    if unit not in TIME_UNITS:
        raise unknown_name("time unit", unit, TIME_UNITS)
    if table != "subjects" and "time_unit" not in section:
        raise UsageError(f"{where} needs a time_unit, one of {', '.join(TIME_UNITS)}")
    if "file" not in section:
        raise UsageError(f"{where} must name its file")
    columns, constants = dict(section.get("columns", {})), dict(section.get("constants", {}))
    for key in section.get("recode", {}):
        if key not in columns:
            raise unknown_name(f"column to recode in {where}", key, columns)
    items = dict(section.get("items", {}))
    _check_items(items, where)
    return TableMapping(
        file=section["file"],
        columns=columns,
        constants=constants,
        keep=dict(section.get("keep", {})),
        recode=dict(section.get("recode", {})),
        values=dict(section.get("values", {})),
        items=items,
        baseline_column=dict(section.get("baseline_column", {})),
        visits=tuple(_read_visit(visit, unit, where) for visit in section.get("visits", ())),
        completed_visit=section.get("completed_visit", ""),
        time_unit=unit,
        missing=tuple(section.get("missing", ())),
        encoding=section.get("encoding", "utf-8"),
    )


def _read_visit(visit: Mapping[str, Any], unit: str, where: str) -> VisitColumns:
    for key in visit:
        if key not in {"avisit", "avisitn", "time", "values", "items"}:
            raise unknown_name(f"key of a visit of {where}", key, ["avisit", "avisitn", "time"])
    if unit == "study_day":
        raise UsageError(f"The visits of {where} need a time_unit of hours, minutes, days or weeks")
    try:
        avisit, number, time = str(visit["avisit"]), float(visit["avisitn"]), float(visit["time"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"Every visit of {where} needs avisit (a text), avisitn and time (numbers)"
        ) from error
    items = dict(visit.get("items", {}))
    _check_items(items, where)
    return VisitColumns(dict(visit.get("values", {})), items, avisit, number, time * HOURS[unit])


def _check_items(items: Mapping[str, list[str]], where: str) -> None:
    for paramcd, names in items.items():
        wanted = len(item_names(paramcd))
        if not isinstance(names, list) or len(set(names)) != wanted or len(names) != wanted:
            raise UsageError(
                f"items of {paramcd} of {where} must list its {wanted} columns in order"
            )

"""Columns of the five tables: CDISC ADaM names in lower case, kinds, units and hard limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `kind` is text or number; limits are what is physically possible, not what is usual."""

    name: str
    kind: str
    required: bool = False
    unit: str = ""
    low: float = -inf
    high: float = inf


def _text(name: str, *, required: bool = False) -> Column:
    return Column(name, "text", required)


def _number(
    name: str, unit: str, low: float = -inf, high: float = inf, *, required: bool = False
) -> Column:
    return Column(name, "number", required, unit, low, high)


def _subject_key() -> Column:
    return _text("usubjid", required=True)


TABLES: dict[str, tuple[Column, ...]] = {
    "subjects": (
        _subject_key(),
        _text("trt01a"),
        _text("trt01p"),
        _number("age", "years", 0, 120),
        _text("sex"),
        _text("diagnosis"),
        _number("ntrials_failed", "treatments", 0),
        _text("siteid"),
        _number("weightbl", "kg", 20, 400),
        _text("ittfl"),
        _text("saffl"),
        _number("eosafrlt", "hours"),
        _text("eosstt"),
        _text("dcsreas"),
    ),
    "doses": (
        _subject_key(),
        _number("exseq", "count", 1, required=True),
        _number("afrlt", "hours", required=True),
        _text("extrt"),
        _text("exroute"),
        _number("exdose", "mg", 0),
        _number("exdosekg", "mg/kg", 0, 20),
        _number("exdur", "minutes", 0),
        _number("aperiod", "period", 1),
    ),
    "scores": (
        _subject_key(),
        _text("paramcd", required=True),
        _text("avisit"),
        _number("avisitn", "visit number"),
        _number("afrlt", "hours", required=True),
        _number("arrlt", "hours"),
        _number("aval", "points", required=True),
        _number("aperiod", "period", 1),
    ),
    "events": (
        _subject_key(),
        _text("aedecod", required=True),
        _text("aesev"),
        _text("aeser"),
        _number("astrlt", "hours"),
        _number("aenrlt_left", "hours"),
        _number("aenrlt_right", "hours"),
        _number("exseq", "count", 1),
        _number("aperiod", "period", 1),
    ),
    "medications": (
        _subject_key(),
        _text("cmclas"),
        _text("cmdecod"),
        _text("cmcat"),
        _number("cmstrlt", "hours"),
        _number("cmenrlt", "hours"),
        _number("cmdose", "mg", 0),
        _number("cmdoseeq", "mg", 0),
    ),
    "windows": (
        _text("avisit", required=True),
        _number("avisitn", "visit number", required=True),
        _number("target", "hours", required=True),
        _number("from", "hours", required=True),
        _number("to", "hours", required=True),
    ),
}
"""Column definitions per table; further columns are kept as they come."""

SEVERITIES = ("MILD", "MODERATE", "SEVERE")
END_STATUSES = ("COMPLETED", "DISCONTINUED", "ONGOING")
MEDICATION_CATEGORIES = ("RESCUE", "SWITCH", "CONCOMITANT")
PROVENANCES = ("synthetic", "public", "private")


def required_columns(table: str) -> list[str]:
    """Names of the columns a table cannot do without."""
    return [column.name for column in TABLES[table] if column.required]


def number_columns(table: str) -> list[str]:
    """Names of the columns that hold numbers."""
    return [column.name for column in TABLES[table] if column.kind == "number"]

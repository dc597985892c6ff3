"""Whether the rows of a scenario can be used, by themselves and together, with all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import numpy as np

from ketastats.errors import DataError, Problem, problem
from ketastats.instruments.registry import load_instruments
from ketastats.synthetic.parameters import (
    CATALOGUE,
    DEFINES,
    KINDS,
    MAY_BE_LEFT_OUT,
    NEEDED_SCOPES,
    WORDS,
    Parameter,
)

VITALS = ("sysbp", "diabp", "pulse")
LONGEST_NAME = 80
MOST_HOURS = 20 * 8766.0
"""The latest visit: 20 years."""
CLOSEST = 0.2
"""Hours from one visit to the next, at least: times are kept to the tenth of an hour."""

_ENTRY = ("entry.instrument", "entry.score")  # given together, or left out together
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOST = {"drift.per_week": 1.0, "visit.hours": MOST_HOURS}  # beyond the kinds of the catalogue
_HINTS = 20
_SUM_ROUNDING = 1e-6
_NO_DEFAULT = "is not the catalogue's, though its source says default"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a scenario's table, with the file it stands in and its place there."""

    parameter: str
    of: str
    text: str
    unit: str
    source: str
    note: str
    file: str
    position: int

    @property
    def key(self) -> Key:
        """Parameter and member."""
        return self.parameter, self.of


class Found:
    """Faults so far: one `Problem` for each kind and place, whatever the number of rows."""

    def __init__(self) -> None:
        self.whole = True  # whether every table could be read
        self.read: list[Problem] = []
        self._rows: dict[tuple[str, str, str, str, str], list[int]] = {}

    def add(
        self, code: str, at: Row | str, column: str, what: str, remedy: str = "Correct it"
    ) -> None:
        """Note a fault of a row, or of a file."""
        file = at if isinstance(at, str) else at.file
        positions = self._rows.setdefault((code, file, column, what, remedy), [])
        if isinstance(at, Row):
            positions.append(at.position)

    def hints_left(self) -> bool:
        """Whether near names are still looked for."""
        return sum(key[0] == "unknown_parameter" for key in self._rows) < _HINTS

    def refuse(self, source: str) -> None:
        """Raise `DataError` if anything was found."""
        every = [
            problem(code, file, column, positions, what, remedy)
            for (code, file, column, what, remedy), positions in self._rows.items()
        ]
        if self.read or every:
            raise DataError(source, [*self.read, *every])


def checked_rows(rows: Iterable[Row], found: Found, *, sourced: bool) -> list[Row]:
    """Rows that name a parameter and a member; what is wrong with any is found."""
    usable = []
    seen: set[Key] = set()
    for row in rows:
        parameter = CATALOGUE.get(row.parameter)
        if parameter is None:
            _unknown_parameter(row, found)
            continue
        if row.unit and row.unit != parameter.unit:
            right = f"in {parameter.unit}" if parameter.unit else "without a unit"
            found.add("wrong_unit", row, "unit", f"{row.parameter} is given {right}")
        if sourced and not row.source:
            found.add("no_source", row, "source", "empty", "Name a source, or write assumed")
        wrong = _wrong_value(row, parameter) if row.text else ""
        if wrong:
            found.add("bad_value", row, "value", f"{row.parameter} {wrong}")
        wrong = _wrong_member(row.of, parameter.scope)
        if wrong:
            found.add("bad_member", row, "of", f"{row.parameter} {wrong}")
        elif row.key in seen:
            what = "a second row for one parameter and member"
            found.add("twice", row, "parameter", what, "Keep one of them")
        else:
            usable.append(row)
        seen.add(row.key)
    return usable


def check_together(
    file: str, kept: Mapping[Key, Row], values: Mapping[Key, float | str], found: Found
) -> None:
    """Find what is wrong between rows that are sound by themselves."""
    members = members_of(kept)
    for scope in NEEDED_SCOPES:
        if not members.get(scope):
            found.add("not_given", file, "parameter", f"there is no {scope}", "Give at least one")
    for one in CATALOGUE.values():
        if one.default is None and "/" not in one.scope and one.name not in MAY_BE_LEFT_OUT:
            lacking = [of for of in members.get(one.scope, {}) if (one.name, of) not in kept]
            if lacking:
                whose = f" of {_listed(lacking)}" if one.scope else ""
                what = f"{one.name}{whose} is not given"
                found.add("not_given", file, "parameter", what, f"Give the {one.meaning}")
    for row in kept.values():
        scope = CATALOGUE[row.parameter].scope
        if "/" in scope:
            for part, name in zip(scope.split("/"), row.of.split("/", 1), strict=True):
                if name not in members.get(part, {}):
                    what = f"{shown(name)} is no {part} of the scenario"
                    found.add("bad_member", row, "of", what, f"Give its {DEFINES[part]}")
    _check_entry(file, kept, values, members, found)
    _check_mediator(kept, values, members, found)
    _check_arms_and_visits(file, kept, values, members, found)


def parsed(row: Row) -> float | str | None:
    """Value of a row; None where it is none."""
    parameter = CATALOGUE[row.parameter]
    if _wrong_value(row, parameter):
        return None
    return float(row.text) + 0.0 if parameter.kind in KINDS else row.text  # +0.0: no minus zero


def members_of(rows: Iterable[Key]) -> dict[str, dict[str, None]]:
    """Members of each scope in their order."""
    members: dict[str, dict[str, None]] = {"": {"": None}}
    for name, of in rows:
        members.setdefault(CATALOGUE[name].scope, {})[of] = None
    return members


def shown(text: str) -> str:
    """A text from a file, quoted, escaped and of a bearable length."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _unknown_parameter(row: Row, found: Found) -> None:
    if row.parameter == "extends":
        what, remedy = "extends is not in the first row", "Move it there"
    elif not found.hints_left():
        what, remedy = "further parameters that do not exist", "Correct them"
    else:
        near = get_close_matches(row.parameter[:LONGEST_NAME], CATALOGUE, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"there is no parameter called {shown(row.parameter)}{hint}"
        remedy = "Take the name from the catalogue"
    found.add("unknown_parameter", row, "parameter", what, remedy)


def _wrong_member(of: str, scope: str) -> str:
    """What is wrong with the member a row names, in words; "" if nothing is."""
    if not scope:
        return f"belongs to the whole cohort, not to {shown(of)}" if of else ""
    scopes, names = scope.split("/"), of.split("/", 1) if "/" in scope or scope == "arm" else [of]
    if len(names) != len(scopes) or not all(names):
        wanted = " and ".join(f"{'an' if one[0] in 'aeiou' else 'a'} {one}" for one in scopes)
        return f"needs the name of {wanted}" + (", with a / between them" if "/" in scope else "")
    for kind, name in zip(scopes, names, strict=True):
        if not _is_name(name):
            return f"belongs to {shown(name)}, which is no name: letter or digit first, one line"
        if kind == "vital" and name not in VITALS:
            return f"belongs to {shown(name)}; vital signs are {', '.join(VITALS)}"
        if kind == "instrument":
            scale = load_instruments().get(name)
            if scale is None or scale.total_min is None or name in VITALS:
                near = get_close_matches(name, load_instruments(), n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near and near[0] != name else ""
                return f"belongs to {shown(name)}, no instrument with a total{hint}"
    return ""


def _wrong_value(row: Row, parameter: Parameter) -> str:
    """What is wrong with a row's value, in words; "" if nothing is."""
    default: float | str | None = parameter.default
    if parameter.kind in KINDS:
        wrong = _wrong_number(row.text, parameter.kind)
        if not wrong and float(row.text) > _MOST.get(row.parameter, np.inf):
            return f"is above {_MOST[row.parameter]:g}"
        if wrong or row.source != "default" or float(row.text) == default:
            return wrong
        return _NO_DEFAULT
    if row.source == "default" and row.text != default:
        return _NO_DEFAULT
    known = ("yes", "no") if parameter.kind == "yes_or_no" else WORDS.get(row.parameter, ())
    if known and row.text not in known:
        return f"is {' or '.join(known)}, not {shown(row.text)}"
    if row.parameter == "checks.hours":
        steps = row.text.split()
        hours = [float(step) for step in steps if _NUMBER.fullmatch(step)]
        rising = all(low < high for low, high in zip([0.0, *hours], hours, strict=False))
        if len(hours) < len(steps) or not np.isfinite(hours).all() or not rising:
            return "needs hours above 0 that rise, separated by blanks"
    return "" if _is_name(row.text) else "is no word: letter or digit first, one line"


def _wrong_number(text: str, kind: str) -> str:
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return "is not finite"
    if not _NUMBER.fullmatch(text):
        return "is text where a number is meant"
    number = float(text)
    least, most = KINDS[kind]
    if not np.isfinite(number):
        return "is not finite"
    if not least <= number <= most:
        words = {"probability": "outside 0 to 1", "positive": "not above 0"}
        return f"is {words.get(kind, 'below 0')}"
    return "is not whole" if kind == "count" and number != int(number) else ""


def _check_entry(
    file: str,
    kept: Mapping[Key, Row],
    values: Mapping[Key, float | str],
    members: Mapping[str, Iterable[str]],
    found: Found,
) -> None:
    given = [name for name in _ENTRY if (name, "") in kept]
    if len(given) == 1:
        what, remedy = f"{given[0]} stands alone", f"Give {' and '.join(_ENTRY)}, or neither"
        found.add("not_given", file, "parameter", what, remedy)
    row = kept.get(("entry.instrument", ""))
    if row is not None and row.text not in members.get("instrument", {}):
        what = f"entry.instrument {shown(row.text)} is no instrument of the scenario"
        found.add("bad_value", row, "value", what, "Name one of them")
    elif row is not None and isinstance(score := values.get(("entry.score", "")), float):
        scale = load_instruments()[row.text]
        low, high = scale.total_min or 0.0, np.inf if scale.total_max is None else scale.total_max
        if not low <= score <= high:
            what = f"entry.score is outside the scale, {low:g} to {high:g}"
            found.add("bad_value", kept["entry.score", ""], "value", what)


def _check_mediator(
    kept: Mapping[Key, Row],
    values: Mapping[Key, float | str],
    members: Mapping[str, Iterable[str]],
    found: Found,
) -> None:
    row = kept.get(("mediator.event", ""))
    if row is not None and row.text not in members.get("event", {}):
        what = f"mediator.event {shown(row.text)} is no event of the scenario"
        found.add("bad_value", row, "value", what, "Name one of them, or empty the value")
    if row is not None:
        return
    for name in ("mediator.gain", "mediator.guess"):
        if values.get((name, "")):
            what = f"{name} is given without mediator.event"
            found.add("not_given", kept[name, ""], "value", what, "Name the side effect")


def _check_arms_and_visits(
    file: str,
    kept: Mapping[Key, Row],
    values: Mapping[Key, float | str],
    members: Mapping[str, Iterable[str]],
    found: Found,
) -> None:
    timed = [
        (float(hour), visit)
        for visit in members.get("visit", ())
        if (hour := values.get(("visit.hours", visit))) is not None
    ]
    timed.sort(key=lambda one: one[0])
    for (before, _), (hour, visit) in pairwise(timed):
        if hour - before < CLOSEST * (1 - 1e-9):
            what, remedy = "two visits at one hour", "Move or leave out one of them"
            found.add("one_hour", kept["visit.hours", visit], "value", what, remedy)
    shares = [values.get(("diagnosis.share", one)) for one in members.get("diagnosis", ())]
    given = [float(share) for share in shares if share is not None]
    if shares and len(given) == len(shares) and abs(sum(given) - 1) > _SUM_ROUNDING:
        what = f"the shares of the diagnoses sum to {sum(given):.6g}, not to 1"
        found.add("shares", file, "value", what, "Correct them, or empty the one to leave out")
    for arm in members.get("arm", ()):
        if values.get(("arm.daily", arm)) == "yes" and values.get(("arm.doses", arm), 1.0) != 1:
            row, what = kept["arm.doses", arm], "arm.doses is 1 for a daily medicine"
            found.add("bad_value", row, "value", what)
        if values.get(("arm.dose", arm)) and values.get(("arm.dose_mg", arm)):
            row, what = kept["arm.dose_mg", arm], "a dose by weight and a fixed one for one arm"
            found.add("bad_value", row, "value", what, "Set one of them to 0")


def _is_name(text: str) -> bool:
    """Whether a text can be a name in tables and figures: a spreadsheet will not run it."""
    return text[:1].isalnum() and text.isprintable() and len(text) <= LONGEST_NAME


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more

"""Scenarios: what a made-up cohort is like, as a table that is read, composed, checked and changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ketastats.errors import DataError, UsageError, problem, unknown_name
from ketastats.loaders.files import read_table
from ketastats.provenance import sources_of, with_sources
from ketastats.resources import shipped
from ketastats.synthetic.parameters import CATALOGUE, DEFINES, KINDS
from ketastats.synthetic.scenario_checks import (
    LONGEST_NAME,
    Found,
    Key,
    Row,
    check_together,
    checked_rows,
    members_of,
    parsed,
    shown,
)

COLUMNS = ("parameter", "of", "value", "unit", "source", "note")
"""Columns of a scenario's table."""
OVERLAYS = ("no_effect", "unseen_dropout")
"""Shipped tables that change another scenario and are none by themselves."""
MOST_ROWS = 100_000
MOST_BYTES = 50_000_000
_ONE_MEMBER = re.compile(r"([^\[\]]+)\[(.*)\]", re.DOTALL)
_FIELDS = {"value": "text"}

_DEEPEST = 50


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scenario:
    """What a made-up cohort is like: a value for every parameter of the catalogue that applies.

    `values` maps a parameter and what it belongs to ("" for the whole cohort) to a number or a
    word. `key` names the values, whatever the order of the rows and the name of the scenario, and
    two scenarios of one key are equal.
    """

    name: str
    values: Mapping[Key, float | str]
    key: str
    _table: pd.DataFrame = field()

    @property
    def table(self) -> pd.DataFrame:
        """A copy of the rows, defaults that apply (source "default") last; values are text."""
        return self._table.copy()

    def value(self, name: str, of: str = "") -> float:
        """Number of a parameter; `UsageError` where there is none."""
        return float(self._found(name, of, number=True))

    def word(self, name: str, of: str = "") -> str:
        """Word of a parameter; `UsageError` where there is none."""
        return str(self._found(name, of, number=False))

    def given(self, name: str, of: str) -> float:
        """Number of a parameter of a pair, such as "KETAMINE/Nausea"; 0 where the pair is not named."""
        return self.value(name, of) if (name, of) in self.values else 0.0

    def members(self, scope: str) -> tuple[str, ...]:
        """Arms, instruments, events and so on in the order of the table; visits by their hours.

        `scope` is one of the catalogue's, such as "arm"; of "arm/event" the pairs that are given
        come as "KETAMINE/Nausea".
        """
        known = {one.scope for one in CATALOGUE.values()} - {""}
        if scope not in known:
            raise unknown_name("scope", str(scope), known)
        found = dict.fromkeys(of for name, of in self.values if CATALOGUE[name].scope == scope)
        if scope == "visit":
            return tuple(sorted(found, key=lambda visit: self.value("visit.hours", visit)))
        return tuple(found)

    def in_order(self, scope: str) -> tuple[str, ...]:
        """Members in an order that does not depend on the table's, so that draws do not either."""
        found = self.members(scope)
        return found if scope == "visit" else tuple(sorted(found))

    def changed(
        self,
        changes: Mapping[str, float | str | None]
        | Mapping[Key, float | str | None]
        | Mapping[str | Key, float | str | None],
        *,
        name: str | None = None,
    ) -> Scenario:
        """Return the scenario with other values, checked as a file is.

        Parameters
        ----------
        changes : mapping
            From a parameter, such as "site.count", "arm.responders[KETAMINE]" or
            ("arm.responders", "KETAMINE"), to its value; None removes the row, and with it the
            whole member where the row is the one that makes it. New members may be added.
        name : str, optional
            Of the new scenario; without it, "changed" is put behind this one's.

        Raises
        ------
        DataError
            With every problem, numbered as the changes are.
        """
        kept = [row for row in _as_rows(self._table, self.name) if row.source != "default"]
        found = Found()
        given = [_change(at, key, value) for at, (key, value) in enumerate(changes.items())]
        rows = [*kept, *checked_rows(given, found, sourced=False)]
        return _scenario(name or f"{self.name.removesuffix(' changed')} changed", rows, found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:  # a read-only mapping cannot be pickled
        return _restored, (self.name, dict(self.values), self.key, self._table)

    def __str__(self) -> str:
        parts = (("arm", "arms"), ("instrument", "instruments"), ("visit", "visits"))
        counts = [(len(self.members(one)), one, many) for one, many in parts]
        listed = ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts)
        return f"Scenario {self.name!r}: {listed}, {len(self.values)} values, key {self.key}"

    __repr__ = __str__

    def _found(self, name: str, of: str, *, number: bool) -> float | str:
        if name not in CATALOGUE:
            raise unknown_name("parameter", str(name), CATALOGUE)
        if (CATALOGUE[name].kind in KINDS) != number:
            right = "word" if number else "value"
            raise UsageError(f"{name} is no {'number' if number else 'word'}; ask .{right}(...)")
        if (name, of) not in self.values:
            whose = f" of {of!r}" if of else ""
            raise UsageError(f"The scenario {self.name!r} says nothing about {name}{whose}")
        return self.values[name, of]


def load_scenario(scenario: str | Path | Scenario) -> Scenario:
    """Load a scenario and check it as a whole.

    Parameters
    ----------
    scenario : str, Path or Scenario
        A shipped name, several separated by blanks (later ones win, so that "ketamine_trd
        unseen_dropout" is the first with the changes of the second), a CSV file of your own, or a
        scenario, which is returned as it is. data/synthetic/README.md describes the file.

    Raises
    ------
    UsageError
        If there is no shipped scenario of that name, or it only changes others.
    DataError
        If anything in the tables cannot be used, with all problems at once.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if not isinstance(scenario, (str, Path)):
        raise UsageError(f"A scenario is a name or a CSV file, not {type(scenario).__name__}")
    if isinstance(scenario, Path) or scenario.strip().lower().endswith(".csv"):
        path = Path(scenario)
        return _loaded([path], path.stem)
    names, known = scenario.split(), _shipped_names()
    for name in names or [scenario]:
        if name not in known:
            raise unknown_name("scenario", name, known)
    if all(name in OVERLAYS for name in names):
        raise UsageError(
            f"{scenario!r} only changes another scenario; name that before it, "
            f"such as 'ketamine_trd {names[0]}'"
        )
    return _loaded([_shipped_file(name) for name in names], " ".join(names))


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the shipped scenarios; `OVERLAYS` names the tables that change one of them."""
    return tuple(name for name in _shipped_names() if name not in OVERLAYS)


@cache
def _shipped_names() -> tuple[str, ...]:
    folder = shipped("data", "synthetic", "scenarios")
    return tuple(sorted(path.stem for path in folder.glob("*.csv")))


def _shipped_file(name: str) -> Path:
    return shipped("data", "synthetic", "scenarios", f"{name}.csv")


_Tables = dict[Path, tuple[pd.DataFrame, Sequence[Row]]]


def _restored(name: str, values: dict[Key, float | str], key: str, table: pd.DataFrame) -> Scenario:
    return Scenario(name, MappingProxyType(values), key, table)


def _loaded(paths: Sequence[Path], name: str) -> Scenario:
    found = Found()
    read: _Tables = {}
    rows = [row for path in paths for row in _rows_of(path, (), found, read)]
    return _scenario(name, rows, found, [table for table, _ in read.values()])


def _scenario(
    name: str, rows: Sequence[Row], found: Found, tables: Iterable[pd.DataFrame] = ()
) -> Scenario:
    """Fold rows of usable parameters into a scenario, or refuse them with everything found."""
    kept = _folded(rows, found)
    values = {key: value for key, row in kept.items() if (value := parsed(row)) is not None}
    if found.whole:
        check_together(name, kept, values, found)
    found.refuse(f"The scenario {name!r}")
    defaults = [Row(*key, text, unit, "default", "", "", 0) for key, text, unit in _unsaid(kept)]
    values |= {row.key: value for row in defaults if (value := parsed(row)) is not None}
    every = [replace(row, unit=CATALOGUE[row.parameter].unit) for row in kept.values()] + defaults
    cells = {name: [getattr(row, _FIELDS.get(name, name)) for row in every] for name in COLUMNS}
    table = pd.DataFrame(cells, dtype="str")
    # defaults are left out, so that a parameter added to the catalogue changes no key
    own = [[*key, value] for key, value in values.items() if value != CATALOGUE[key[0]].default]
    canonical = json.dumps(sorted(own))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    return _restored(name, values, digest, with_sources(table, sources_of(*tables)))


def _rows_of(path: Path, chain: tuple[Path, ...], found: Found, read: _Tables) -> Sequence[Row]:
    """Rows of a file behind those of the tables it extends; each file is read and judged once."""
    path = path.resolve()
    if path in read:
        return read[path][1]
    try:
        table = _read(path)
    except DataError as error:
        found.read += [one for one in error.problems if one not in found.read]
        found.whole = False
        return []
    raw = _as_rows(table, path.name)
    rows: list[Row] = []
    if raw and raw[0].parameter == "extends":
        head, *raw = raw
        if head.of or not head.text:
            found.add("extends", head, "value", "extends names tables, and nothing else")
        for name in head.text.split():
            other = _extended_file(name, path, head, (*chain, path), found)
            rows += [] if other is None else _rows_of(other, (*chain, path), found, read)
            if len(rows) > MOST_ROWS:
                found.add("too_large", head, "value", f"more than {MOST_ROWS:,} rows in all")
                found.whole = False
                rows = []
    sourced = path.parent == shipped("data", "synthetic", "scenarios").resolve()
    rows += checked_rows(raw, found, sourced=sourced)
    read[path] = (table, rows)
    return rows


def _read(path: Path) -> pd.DataFrame:
    """Cells of a file as text, empty ones as ""; `DataError` if it is no table of a scenario."""

    def refuse(code: str, what: str, remedy: str, column: str = "") -> None:
        raise DataError(path.name, [problem(code, path.name, column, [], what, remedy)])

    if path.suffix.lower() != ".csv":
        refuse("unknown_format", "not a CSV file", "Save the table as CSV (UTF-8)")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        refuse("too_large", f"larger than {MOST_BYTES:,} bytes", "Leave out what is no parameter")
    table = read_table(path)
    if len(table) > MOST_ROWS:
        refuse("too_large", f"more than {MOST_ROWS:,} rows", "Leave out what is no parameter")
    absent = ", ".join(name for name in COLUMNS if name not in table)
    if absent:
        remedy = f"The header is {','.join(COLUMNS)}"
        refuse("missing_column", "not in the table", remedy, absent)
    return table[list(COLUMNS)].fillna("")


def _as_rows(table: pd.DataFrame, file: str) -> list[Row]:
    columns = [table[name].tolist() for name in COLUMNS]
    return [
        Row(name, of, text, unit, source, note, file, at)
        for at, (name, of, text, unit, source, note) in enumerate(zip(*columns, strict=True))
    ]


def _extended_file(
    name: str, path: Path, head: Row, chain: tuple[Path, ...], found: Found
) -> Path | None:
    """File that `name` means in a table at `path`; None, and a problem, if there is none."""
    known, other = _shipped_names(), None
    if name in known:
        other = _shipped_file(name)
    elif name.lower().endswith(".csv") and not Path(name).is_absolute():
        other = path.parent / name
    if other is None:
        near = get_close_matches(name[:LONGEST_NAME], known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"there is no scenario called {shown(name)}{hint}"
        found.add("extends", head, "value", what, "Name a shipped scenario or a .csv file beside")
    elif other.resolve() in chain or len(chain) > _DEEPEST:
        loop = other.resolve() in chain
        what = "extends itself in the end" if loop else f"is more than {_DEEPEST} tables deep"
        found.add("extends", head, "value", f"{shown(name)} {what}", "Name fewer tables")
        other = None
    if other is None:
        found.whole = False
    return other


def _change(at: int, key: object, value: object) -> Row:
    """One change as the row of a file."""
    if isinstance(key, str):
        match = _ONE_MEMBER.fullmatch(key)
        name, of = match.groups() if match else (key, "")
    elif isinstance(key, tuple) and len(key) == 2 and all(isinstance(part, str) for part in key):
        name, of = key
    else:
        raise UsageError(f"A change names a parameter and what it belongs to, not {key!r}")
    text = "" if value is None else str(value)
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        text = repr(float(value))
    return Row(name, of, text, "", "changed", "", "changes", at)


def _folded(rows: Sequence[Row], found: Found) -> dict[Key, Row]:
    """Last row of each parameter and member; a row without a value takes them away."""
    kept: dict[Key, Row] = {}
    of_member: dict[Key, set[Key]] = {}
    for row in rows:
        scope = CATALOGUE[row.parameter].scope
        if row.text:
            kept[row.key] = row
            for part, name in zip(scope.split("/"), row.of.split("/", 1), strict=False):
                of_member.setdefault((part, name if "/" in scope else row.of), set()).add(row.key)
        elif row.key not in kept:
            remedy = "Correct the name, or leave out the row"
            found.add("nothing_removed", row, "value", "empty, and nothing to take away", remedy)
        elif DEFINES.get(scope) == row.parameter:
            for key in of_member.pop((scope, row.of)):
                kept.pop(key, None)
        else:
            del kept[row.key]
    return kept


def _unsaid(kept: Mapping[Key, Row]) -> Iterator[tuple[Key, str, str]]:
    """Parameters that are not given, with the default as text and the unit."""
    members = members_of(kept)
    for one in CATALOGUE.values():
        if one.default is None:
            continue
        left, _, right = one.scope.partition("/")
        of = members.get(left, {})
        pairs = [f"{a}/{b}" for a in of for b in members.get(right, {})] if right else list(of)
        for name in pairs:
            if (one.name, name) not in kept:
                yield (one.name, name), str(one.default), one.unit

"""The claims, and how each of their readings is taken from data, read from `data/claims/claims.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, isinf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ketastats.errors import UsageError, unknown_name
from ketastats.resources import shipped

ROLES = ("reading", "group", "yardstick")
SHARE_KINDS = ("onset_within", "by_dose_number", "durability", "rate_above")
"""Kinds of claim that put a share above or below a stated value."""

SOURCES = ("evidence", "psychotherapy_therapy_arms", "psychotherapy_control_arms", "nhs")


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of a sentence, and which rows of which shipped table give its number.

    `where` maps columns to allowed values, `between` columns to both ends. A `complement_of`
    another reading is one minus it.
    """

    id: str
    role: str
    title: str
    source: str
    method: str
    where: Mapping[str, tuple[str, ...]]
    between: Mapping[str, tuple[float, float]]
    without_note: str
    events: str
    out_of: str
    complement_of: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence somebody says, with the number in it.

    `kind` is the shape of the sentence (data/claims/README.md); `facts` holds every key of its
    table.
    """

    id: str
    sentence: str
    kind: str
    readings: tuple[Reading, ...]
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def range(self) -> tuple[float, float]:
        """Where the claim says its number lies: a share, a ratio above 1, or a benefit above 0.

        A share that a sentence puts above a value is claimed to lie between it and 1, one that it
        puts below a value between 0 and it.
        """
        if "range" in self.facts:
            low, high = self.facts["range"]
            return float(low), float(high)
        if self.kind == "onset_ordering":
            return 1.0, inf
        if self.kind == "superiority":
            return 0.0, inf
        share = self.facts.get("share", self.facts.get("threshold"))
        if share is None or self.kind not in SHARE_KINDS:
            raise UsageError(f"The claim {self.id!r} states no range")
        if self.facts.get("direction") in ("later_than", "below"):
            return 0.0, float(share)
        return float(share), 1.0

    @property
    def range_text(self) -> str:
        """The claimed range in words, such as ``30 to 40%`` or ``more than 50%``."""
        low, high = self.range
        if isinf(high):
            return f"above {low:g}"
        if high == 1.0:
            return f"more than {100 * low:g}%"
        if low == 0.0:
            return f"less than {100 * high:g}%"
        return f"{100 * low:g} to {100 * high:g}%"

    @property
    def treatment(self) -> str:
        """What the patients of the sentence received."""
        return str(self.facts.get("arm", "ketamine"))

    @property
    def horizon(self) -> float:
        """Hours by when, or until when, as the sentence has it."""
        if "horizon_hours" not in self.facts:
            raise UsageError(f"The claim {self.id!r} states no horizon")
        return float(self.facts["horizon_hours"])

    @property
    def primary(self) -> Reading | None:
        """The reading that decides on published evidence, if one is declared."""
        wanted = self.facts.get("primary_reading_id")
        return next((reading for reading in self.readings if reading.id == wanted), None)

    def __str__(self) -> str:
        return f"“{self.sentence}”"


@lru_cache(maxsize=4)
def load_claims(path: Path | None = None) -> Mapping[str, Claim]:
    """Read the claims: the shipped ones, or another file of the same form.

    Returns
    -------
    Mapping from claim id to `Claim`, in the order of the file.

    Raises
    ------
    UsageError
        If a reading names an unknown role, source or reading.
    """
    with (path or shipped("data", "claims", "claims.toml")).open("rb") as stream:
        tables = tomllib.load(stream)["claims"]
    return MappingProxyType({table["id"]: _read_claim(table) for table in tables})


def find_claim(name: str) -> Claim:
    """Return a claim by id; the nearest id is named if there is none."""
    claims = load_claims()
    if name not in claims:
        raise unknown_name("claim", name, claims)
    return claims[name]


def _read_claim(table: Mapping[str, Any]) -> Claim:
    given = {entry["id"]: entry for entry in table.get("readings", ())}
    readings = tuple(_read_reading(entry, given) for entry in given.values())
    facts = {key: value for key, value in table.items() if key != "readings"}
    return Claim(table["id"], table["paraphrase"], table["kind"], readings, MappingProxyType(facts))


def _read_reading(entry: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]]) -> Reading:
    for key in ("like", "complement_of"):
        if key in entry and entry[key] not in given:
            raise unknown_name("reading", entry[key], given)
    model = dict(given[entry["like"]]) if "like" in entry else {}
    merged = {**model, **entry, "where": {**model.get("where", {}), **entry.get("where", {})}}
    for word, known in (("role", ROLES), ("source", SOURCES)):
        if merged[word] not in known:
            raise unknown_name(word, merged[word], known)
    return Reading(
        id=merged["id"],
        role=merged["role"],
        title=merged["title"],
        source=merged["source"],
        method=merged["method"],
        where={key: tuple(values) for key, values in merged["where"].items()},
        between={key: (low, high) for key, (low, high) in merged.get("between", {}).items()},
        without_note=merged.get("without_note", ""),
        events=merged.get("events", "events"),
        out_of=merged.get("out_of", "n"),
        complement_of=merged.get("complement_of", ""),
    )

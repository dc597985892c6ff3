"""The registry of instruments, read once from `data/instruments/instruments.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.rules import ENDPOINTS, Rule, read_rule
from ketastats.resources import shipped


@dataclass(frozen=True, slots=True)
class Instrument:
    """One scale: what its totals can be, which way is better, and its rules.

    `total_min` and `total_max` are missing (None) where a scale has no bounded total. `facts` holds
    everything else the registry says (bands, cut-offs, sources, scoring details), as read.
    """

    id: str
    name: str
    construct: str
    higher_is_worse: bool
    total_min: float | None
    total_max: float | None
    total_method: str
    rules: tuple[Rule, ...]
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        """The usual abbreviation, or the name where there is none."""
        return str(self.facts.get("abbreviations", [self.name])[0])

    def rules_for(self, endpoint: str) -> tuple[Rule, ...]:
        """All rules of one endpoint, the default first."""
        if endpoint not in ENDPOINTS:
            raise unknown_name("endpoint", endpoint, ENDPOINTS)
        found = [rule for rule in self.rules if rule.endpoint == endpoint]
        return tuple(sorted(found, key=lambda rule: not rule.default))

    def severity(self, total: float) -> str:
        """Label of the severity band that holds `total`; empty where the registry has no bands."""
        label = ""
        for band in self.facts.get("severity_bands", ()):
            if total >= band["min"]:
                label = str(band["label"])
        return label


@lru_cache(maxsize=4)
def load_instruments(path: Path | None = None) -> Mapping[str, Instrument]:
    """Read a registry: the shipped one, or another file of the same form.

    Returns
    -------
    Mapping from instrument id to `Instrument`; vital signs are included under their own ids.
    """
    with (path or shipped("data", "instruments", "instruments.toml")).open("rb") as stream:
        tables = tomllib.load(stream)
    found = {key: _read_instrument(key, table) for key, table in tables["instruments"].items()}
    for key, table in tables.get("vital_signs", {}).get("parameters", {}).items():
        found[key] = _read_instrument(key, {"construct": "vital_sign", **table})
    return MappingProxyType(found)


def instrument(name: str) -> Instrument:
    """Return the registry's entry for an instrument id such as ``"madrs"``.

    Raises
    ------
    UsageError
        If there is no such id; the nearest one is named.
    """
    registry = load_instruments()
    if name not in registry:
        raise unknown_name("instrument", name, registry)
    return registry[name]


def rule(name: str) -> Rule:
    """Return a rule by id: ``"madrs:remission_12"``, or ``"madrs:remission"`` for the default.

    Raises
    ------
    UsageError
        If the instrument or the rule does not exist, or the endpoint has no rule on that scale.
    """
    name = name.partition(" ")[0]  # results mark a rule's name; the mark is no part of its id
    scale_id, _, variant = name.partition(":")
    if not variant:
        raise UsageError(
            f"A rule is named <instrument>:<rule>, such as 'madrs:response', not {name!r}"
        )
    scale = instrument(scale_id)
    if variant in ENDPOINTS:
        return default_rule(scale_id, variant)
    by_id = {found.id: found for found in scale.rules}
    if name not in by_id:
        raise unknown_name("rule", name, by_id)
    return by_id[name]


def default_rule(scale_id: str, endpoint: str) -> Rule:
    """Return the default rule of an endpoint on one scale."""
    found = instrument(scale_id).rules_for(endpoint)
    if not found:
        raise UsageError(
            f"The registry has no {endpoint} rule for {scale_id!r}; its rules are "
            + (", ".join(r.id for r in instrument(scale_id).rules) or "none")
        )
    return found[0]


def _read_instrument(key: str, table: Mapping[str, Any]) -> Instrument:
    grades = {source["key"]: source["grade"] for source in table.get("sources", ())}
    return Instrument(
        id=key,
        name=table["name"],
        construct=table["construct"],
        higher_is_worse=table.get("direction", "higher_is_worse") == "higher_is_worse",
        total_min=table.get("total_min"),
        total_max=table.get("total_max"),
        total_method=table.get("total_method", "none"),
        rules=tuple(
            read_rule(entry, instrument=key, grades=grades) for entry in table.get("rules", ())
        ),
        facts=MappingProxyType(dict(table)),
    )

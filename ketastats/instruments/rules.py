"""A rule decides from a score, and mostly a baseline, whether an endpoint was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDPOINTS = (
    "response",
    "partial_response",
    "remission",
    "reliable_change",
    "minimal_important_difference",
    "early_improvement",
    "clinically_significant",
    "relapse",
)
"""What a rule can decide. Relapse needs consecutive visits and is derived from times, not from one score."""

_NEEDS_BASELINE = {"relative_reduction", "absolute_reduction", "absolute_increase"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One published (or project-default) rule of one scale.

    `id` is ``<instrument>:<name>``, the word that every result made with the rule carries. `type`
    is one of relative_reduction, absolute_reduction, absolute_increase, total, category, item, all;
    "reduction" means improvement on scales where high is good. `grade` is that of the best source
    (A, B or C; see the registry's README), empty for a project default.
    """

    id: str
    instrument: str
    endpoint: str
    type: str
    op: str
    value: float
    values: tuple[float, ...]
    items: tuple[int, ...]
    parts: tuple[Rule, ...]
    default: bool
    grade: str
    origin: str
    note: str

    @property
    def needs_baseline(self) -> bool:
        """Whether the rule compares with a baseline score."""
        return self.type in _NEEDS_BASELINE or any(part.needs_baseline for part in self.parts)

    @property
    def name(self) -> str:
        """The id, marked where the rule is this project's own default."""
        return f"{self.id} [project default]" if self.origin == "project default" else self.id

    @property
    def label(self) -> str:
        """The name, marked where the rule rests on a grade C source."""
        return f"{self.name} [grade C]" if self.grade == "C" else self.name

    def __str__(self) -> str:
        return f"{self.label}: {self.describe()}"

    def describe(self) -> str:
        """Say the rule in words."""
        if self.type == "all":
            return " and ".join(part.describe() for part in self.parts)
        if self.type == "category":
            return "score is " + " or ".join(f"{value:g}" for value in self.values)
        words = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}[self.op]
        if self.type == "relative_reduction":
            return f"{words} {100 * self.value:g}% better than baseline"
        if self.type == "absolute_reduction":
            return f"{words} {self.value:g} points better than baseline"
        if self.type == "absolute_increase":
            return f"{words} {self.value:g} points worse than baseline"
        if self.type == "item":
            return f"items {', '.join(map(str, self.items))} each {words} {self.value:g}"
        return f"score {words} {self.value:g}"


def read_rule(table: Mapping[str, Any], *, instrument: str, grades: Mapping[str, str]) -> Rule:
    """Build a rule from its table in the registry; `grades` maps source keys to A, B or C."""
    parts = tuple(
        read_rule(
            {"id": table["id"], "endpoint": table["endpoint"], **part},
            instrument=instrument,
            grades=grades,
        )
        for part in table.get("rules", ())
    )
    known = sorted(grades[key] for key in table.get("sources", ()))
    return Rule(
        id=f"{instrument}:{table['id']}",
        instrument=instrument,
        endpoint=table["endpoint"],
        type=table["type"],
        op=table.get("op", ""),
        value=float(table.get("value", "nan")),
        values=tuple(float(value) for value in table.get("values", ())),
        items=tuple(table.get("items", ())),
        parts=parts,
        default=bool(table.get("default", False)),
        grade=known[0] if known else "",
        origin=table.get("origin", ""),
        note=table.get("note", ""),
    )

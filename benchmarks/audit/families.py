"""All entries, by family, and how a process finds one of them again."""

from __future__ import annotations

from functools import cache

from audit import (
    courses,
    effect_sizes,
    exact_times,
    missing_visits,
    pooling,
    rates,
    relief,
    relief_models,
    repeated,
)
from audit.entry import Entry
from audit.runner import Task, planted, replicate
from audit.scoring import Replicate

PLANTED = "ancova, model"
"""The estimator that a planted fault spoils."""

MODULES = (
    rates,
    pooling,
    relief,
    relief_models,
    courses,
    exact_times,
    repeated,
    missing_visits,
    effect_sizes,
)


@cache
def entries(plant: str = "") -> tuple[Entry, ...]:
    """Every entry in the order of the families, one of them spoilt if a fault is planted."""
    found = [entry for module in MODULES for entry in module.entries()]
    if plant:
        found = [planted(e, plant) if e.estimator == PLANTED else e for e in found]
    return tuple(found)


@cache
def _by_key(plant: str) -> dict[str, Entry]:
    return {entry.key: entry for entry in entries(plant)}


def job(task: Task) -> list[Replicate]:
    """Replicates of one entry, in a process of their own."""
    key, plant, numbers = task
    entry = _by_key(plant)[key]
    return [replicate(entry, number) for number in numbers]

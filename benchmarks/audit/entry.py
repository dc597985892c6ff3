"""One estimator on one design: how data are drawn, what is estimated, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

DataFrame = pd.DataFrame
Generator = np.random.Generator


class Limits(NamedTuple):
    """An estimate with its limits, which should hold the truth 95 times of 100."""

    estimate: float
    low: float
    high: float


class Point(NamedTuple):
    """An estimate that claims no limits."""

    estimate: float


class PValue(NamedTuple):
    """The p-value of a test whose null hypothesis is true of the data."""

    p: float


Answer = Limits | Point | PValue


class Truth(NamedTuple):
    """What limits should hold, and what the estimate aims at if a convention makes that another number.

    Without an aim (None) bias is not judged. `error` is the Monte Carlo error of a simulated truth.
    """

    value: float
    aim: float | None
    error: float = 0.0


NULL = Truth(0.05, None)
"""Of tests: the share of p-values below 0.05."""


@dataclass(frozen=True)
class Entry:
    """One estimator on one design; `estimate` answers for each quantity that `truth` names.

    `share` is the part of the replicates that a slow estimator gets. `reason` says, by quantity or under
    "", why the estimator is known to fall short here. `anchored`: limits that count information which
    the assumption supplies as missing are wide by intention.
    """

    family: str
    estimator: str
    design: str
    size: int
    draw: Callable[[Generator], Any]
    estimate: Callable[[Any], Mapping[str, Answer]]
    truth: Callable[[], Mapping[str, Truth]]
    share: float = 1.0
    reason: str = ""
    anchored: bool = False

    @property
    def key(self) -> str:
        return f"{self.family}, {self.estimator}, {self.design}, {self.size}"

    @property
    def seed_of(self) -> str:
        """Entries of one design see the same data."""
        return f"{self.family}, {self.design}, {self.size}"


def known(
    truths: Mapping[str, float | Truth] | None = None, **more: float | Truth
) -> Callable[[], dict[str, Truth]]:
    """Truths that are there at once; a bare number is the aim of the estimate too."""

    def truth() -> dict[str, Truth]:
        return {
            name: value if isinstance(value, Truth) else Truth(value, value)
            for name, value in {**(truths or {}), **more}.items()
        }

    return truth


def covers(value: float) -> Truth:
    """A truth of which only the limits are judged."""
    return Truth(value, None)


def limits_of(row: Any, *, log: bool = False) -> Limits:
    """Estimate and limits of a row in the shared words, on the log scale if asked."""
    found = (float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))
    if log:
        with np.errstate(divide="ignore"):
            found = tuple(float(np.log(value)) for value in found)  # type: ignore[assignment]
    return Limits(*found)


def row_where(frame: DataFrame, **where: Any) -> pd.Series:
    """The one row in which columns have the values given."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    if len(frame) != 1:
        raise LookupError(f"{len(frame)} rows where {where}")
    return frame.iloc[0]


def of_sizes(make: Callable[[int], list[Entry]], *sizes: int) -> list[Entry]:
    """Entries at each size."""
    return [entry for size in sizes for entry in make(size)]

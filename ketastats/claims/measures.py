"""What the numbers of a verdict are: shares, ratios or differences, and how each is written and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ketastats.results import number, percent, percentage_points


@dataclass(frozen=True, slots=True)
class Measure:
    """How one kind of number is called, written and drawn.

    `unit` follows a value in a sentence; `null` is the value of no effect, where there is one.
    """

    noun: str
    done: str
    form: Callable[[float], str]
    unit: str
    heading: str
    axis: str
    as_percent: bool = False
    null: float | None = None


MEASURES = {
    "share": Measure("share", "Counted", percent, "%", "%", "Share of people (%)", as_percent=True),
    "ratio": Measure(
        "ratio", "Compared", number, "", "Ratio", "Ratio (above 1: relief earlier)", null=1.0
    ),
    "share_difference": Measure(
        "difference",
        "Compared",
        percentage_points,
        " percentage points",
        "Better by",
        "Better by (percentage points)",
        as_percent=True,
        null=0.0,
    ),
    "mean_difference": Measure(
        "difference", "Compared", number, " points", "Better by", "Better by (points)", null=0.0
    ),
    "standardised_difference": Measure(
        "difference",
        "Compared",
        number,
        " standard deviations",
        "Better by",
        "Better by (standard deviations)",
        null=0.0,
    ),
}
"""By the word in the column `measure` of a verdict's table."""

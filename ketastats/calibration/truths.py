"""The number that decides a claim without a count of its own: one value of a scenario's table of truths."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketastats.errors import UsageError
from ketastats.synthetic.scenario import Scenario
from ketastats.synthetic.truth import true_values

_BOTH_WAYS = ("modified_by_failed_treatments", "modified_by_diagnosis")

Value = tuple[float, float]
"""A number and its simulation error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which value of a table of truths is meant, and on which side of `border` the claim is true.

    With several `arms` it is the value of the one that speaks most against the claim.
    """

    estimand: str
    arms: tuple[str, ...]
    reference: str | None
    instrument: str | None
    endpoint: str | None
    visit: str | None
    true_above: bool
    border: float

    @property
    def instruments(self) -> tuple[str, ...]:
        """The instruments that the value may be about: an endpoint may be another one."""
        return tuple(name for name in (self.instrument, self.endpoint) if name is not None)


def stated_value(scenario: Scenario, asked: Asked, *, n: int, seed: int) -> Value:
    """Read one number from what is true in a scenario.

    Raises
    ------
    UsageError
        If the table of truths has no such value.
    """
    table = true_values(scenario, n=n, seed=seed, estimands=[asked.estimand])
    values = [_of_arm(table, asked, arm) for arm in asked.arms]
    return min(values) if asked.true_above else max(values)


def _of_arm(table: pd.DataFrame, asked: Asked, arm: str) -> Value:
    """Value of an arm, or of it minus its reference in whichever order the table has them."""
    rows = _rows(table, asked, arm, asked.reference)
    if len(rows) == 1:
        return float(rows["value"].iloc[0]), float(rows["std_error"].iloc[0])
    turned = asked.estimand.endswith("_difference") or asked.estimand in _BOTH_WAYS
    rows = _rows(table, asked, str(asked.reference), arm) if turned else rows
    if len(rows) == 1:
        return 0.0 - float(rows["value"].iloc[0]), float(rows["std_error"].iloc[0])
    words = [asked.estimand, arm, asked.reference, asked.instrument, asked.endpoint, asked.visit]
    told = ", ".join(word for word in words if word)
    raise UsageError(f"What is true in the scenario has no single value for {told}")


def _rows(table: pd.DataFrame, asked: Asked, arm: str, reference: str | None) -> pd.DataFrame:
    """Rows that are meant; one without instrument or visit stands for all of them."""
    kept = (table["arm"] == arm) & _equal(table["reference"], reference)
    kept &= _equal(table["endpoint"], asked.endpoint)
    for name, wanted in (("instrument", asked.instrument), ("visit", asked.visit)):
        kept &= table[name].isna() | _equal(table[name], wanted)
    return table[kept]


def _equal(column: pd.Series, wanted: str | None) -> pd.Series:
    return column.isna() if wanted is None else column == wanted


def on_the_right_side(asked: Asked, value: float, which: str) -> bool:
    """Whether a value makes the claim what a case should be: "false", "border" or "true"."""
    if which == "border":
        return True
    return value != asked.border and (value > asked.border) == (
        asked.true_above == (which == "true")
    )

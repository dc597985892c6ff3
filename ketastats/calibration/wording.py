"""The rates of a verdict's words in words."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ketastats.calibration.judging import WHERE
from ketastats.claims.measures import MEASURES
from ketastats.claims.standing import (
    CONTRADICTED,
    DECISION_LEVEL,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    WORDS,
)
from ketastats.results import count, estimate_text, level_text, number, percent

BESIDE = "error rates"
"""The word of a statement that stands beside a verdict and says how often such a one is wrong."""

Row = Mapping[Hashable, Any]

_TOLD = {
    "false": (SUPPORTED, UNDECIDED),
    "border": (SUPPORTED, CONTRADICTED),
    "true": (CONTRADICTED, UNDECIDED),
}
_PLACES = {
    "false": "where the claim is false",
    "border": "at its border",
    "true": "where it is true",
}
_VERBS = {SUPPORTED: "called supported", CONTRADICTED: "contradicted", UNDECIDED: "left undecided"}


def reader_sentence(cases: Sequence[Sequence[Row]], of: str, setting: str) -> str:
    """How often a verdict on one claim is wrong, or none, at each truth.

    Parameters
    ----------
    cases : sequence of sequences of rows
        Those of each truth.
    of, setting : str
        What was drawn, and what it has in common with the data at hand.
    """
    rows = [row for case in cases for row in case]
    many = made_text(row["replicates"] for row in rows)
    level = level_text(rows[0]["conf_level"])
    return (
        f"How often such a verdict is wrong, in {many} made-up {of} ({count(rows[0]['n'])} patients) "
        f"{setting}: {'; '.join(_told(case) for case in cases)}. In brackets, {level} Monte Carlo limits."
    )


def made_text(replicates: Iterable[float]) -> str:
    """How many were drawn for each truth: ``200`` or ``200 to 1,000``."""
    made = sorted({int(number) for number in replicates})
    return count(made[0]) if len(made) == 1 else f"{count(made[0])} to {count(made[-1])}"


def _told(case: Sequence[Row]) -> str:
    """What happens at one truth; a wrong word with its limits."""
    first, by_word = case[0], {str(row["word"]): row for row in case}
    rates = [_rate(by_word[word]) for word in _TOLD[str(first["which"])]]
    if first["refused"] > 0:
        rates.append(f"refused in {percent(first['refused'])}%")
    measure = MEASURES.get(str(first["measure"]))
    noun = "value" if measure is None else measure.noun
    value = value_text(first["truth"], str(first["measure"]))
    return f"{_PLACES[str(first['which'])]} (true {noun} {value}), {' and '.join(rates)}"


def _rate(row: Row) -> str:
    said = f"{_VERBS[str(row['word'])]} in {percent(row['estimate'])}%"
    if not row["wrong"]:
        return said
    return f"{said} ({percent(row['conf_low'])} to {percent(row['conf_high'])})"


def value_text(value: float, measure: str) -> str:
    """A true value with its unit: ``35.0%``."""
    if pd.isna(value):
        return "–"
    known = MEASURES.get(measure)
    return number(value) if known is None else f"{known.form(value)}{known.unit}"


def case_sentence(rows: Sequence[Row], of: str, *, named: bool) -> str:
    """Every rate at one truth with its limits, coverage and bias."""
    first, by_word = rows[0], {str(row["word"]): row for row in rows}
    said = f"{level_text(first['conf_level'])} Monte Carlo limits "
    rates = []
    for word in WORDS:
        row = by_word[word]
        if word == NOT_TESTABLE and not row["estimate"] > 0:
            continue
        limits = f"{said}{percent(row['conf_low'])} to {percent(row['conf_high'])}%"
        rates.append(f"{word.replace('_', ' ')} in {percent(row['estimate'])}% ({limits})")
        said = ""
    claim = f"{first['claim']}, at" if named else "At"
    text = (
        f"{claim} n = {count(first['n'])} {WHERE[str(first['which'])]} (true value "
        f"{value_text(first['truth'], str(first['measure']))}): {', '.join(rates)} of {of}"
    )
    if first["refused"] > 0:
        text += f"; refused in {percent(first['refused'])}%"
    if not pd.isna(first["coverage"]):
        text += (
            f"; the {level_text(DECISION_LEVEL)} interval holds the true value in "
            f"{percent(first['coverage'])}%"
        )
    if not pd.isna(first["bias"]):
        text += f"; bias {bias_text(first)}"
    return f"{text}."


def rate_text(row: Row) -> str:
    """Write a rate with its limits, in per cent."""
    return estimate_text(row["estimate"], row["conf_low"], row["conf_high"], percent)


def bias_text(row: Row, *, bare: bool = False) -> str:
    """Bias with its Monte Carlo error, and its unit unless `bare` leaves out that of shares."""
    if pd.isna(row["bias"]):
        return "–"
    measure = str(row["measure"])
    shares = measure in ("share", "share_difference")
    times = 100 if shares else 1
    unit = MEASURES[measure].unit if measure in MEASURES else ""
    if shares:
        unit = "" if bare else " percentage points"
    error = "" if pd.isna(row["bias_std_error"]) else f" ({number(times * row['bias_std_error'])})"
    return f"{number(times * row['bias'])}{error}{unit}"

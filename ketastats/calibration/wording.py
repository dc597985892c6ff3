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

_WHERE = {**WHERE, "false": "where the claim is false"}  # the first of them names it
_TOLD = {
    "false": ((SUPPORTED, "called supported"),),
    "true": ((CONTRADICTED, "contradicted"), (UNDECIDED, "left undecided")),
    "border": ((SUPPORTED, "called supported"), (CONTRADICTED, "contradicted")),
}


def reader_sentence(cases: Sequence[Sequence[Row]], of: str, setting: str) -> str:
    """How often a verdict on one claim is wrong, at each truth, without limits.

    Parameters
    ----------
    cases : sequence of sequences of rows
        Those of each truth.
    of, setting : str
        What was drawn, and what it has in common with the data at hand.
    """
    rows = [row for case in cases for row in case]
    many = made_text(row["replicates"] for row in rows)
    told = [_told(case) for case in cases]
    error = max(float(row["std_error"]) for row in rows)
    return (
        f"How often such a verdict is wrong, in {many} made-up {of} ({count(rows[0]['n'])} patients) "
        f"{setting}: {'; '.join(told)}. Monte Carlo error at most {percent(error)} percentage points."
    )


def made_text(replicates: Iterable[float]) -> str:
    """How many were drawn for each truth: ``200`` or ``200 to 1,000``."""
    made = sorted({int(number) for number in replicates})
    return count(made[0]) if len(made) == 1 else f"{count(made[0])} to {count(made[-1])}"


def _told(case: Sequence[Row]) -> str:
    first, by_word = case[0], {str(row["word"]): row for row in case}
    which = str(first["which"])
    rates = [f"{said} in {percent(by_word[word]['estimate'])}%" for word, said in _TOLD[which]]
    if first["refused"] > 0:
        rates.append(f"refused in {percent(first['refused'])}%")
    value = value_text(first["truth"], str(first["measure"]))
    return f"{_WHERE[which]} (true value {value}), {' and '.join(rates)}"


def value_text(value: float, measure: str) -> str:
    """A true value with its unit: ``35.0%``."""
    if pd.isna(value):
        return "–"
    known = MEASURES.get(measure)
    return number(value) if known is None else f"{known.form(value)}{known.unit}"


def case_sentence(rows: Sequence[Row], *, named: bool) -> str:
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
        f"{value_text(first['truth'], str(first['measure']))}): {', '.join(rates)} of cohorts"
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

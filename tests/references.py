"""Numbers from outside: reads tests/reference/*.csv, whose first lines say where they come from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "reference"


def read_reference(name: str, **equal: str) -> pd.DataFrame:
    """Read a reference table, keeping the rows whose columns have the given values."""
    frame = pd.read_csv(FOLDER / f"{name}.csv", comment="#")
    for column, value in equal.items():
        frame = frame[frame[column] == value]
    if frame.empty:
        raise LookupError(f"no reference row in {name} for {equal}")
    return frame


def read_input(name: str) -> pd.DataFrame:
    """Read a data set that reference values were made from."""
    return pd.read_csv(FOLDER / "inputs" / f"{name}.csv", comment="#")


def half_last_digit(printed: str) -> float:
    """Half a unit of the last printed digit: the tolerance for a number as printed."""
    _, _, decimals = printed.partition(".")
    return 0.5000001 * 10.0 ** -len(decimals)

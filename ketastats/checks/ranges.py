"""Whether values lie where they can lie."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketastats.checks.positions import flagged
from ketastats.errors import Problem
from ketastats.instruments.registry import load_instruments


def outside_limits(
    frame: pd.DataFrame, name: str, low: float, high: float, *, table: str, unit: str
) -> list[Problem]:
    """Numbers of one column outside fixed limits."""
    if name not in frame.columns:
        return []
    values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    limits = f"below {low:g}" if high == np.inf else f"outside {low:g} to {high:g}"
    return flagged(
        (values < low) | (values > high),
        "out_of_range",
        table,
        name,
        f"{limits} {unit}".strip(),
        f"Correct the rows; the unit of {name} is {unit or 'a plain number'}",
    )


def unknown_instruments(scores: pd.DataFrame) -> list[Problem]:
    """Rows whose `paramcd` the registry does not hold."""
    known = scores["paramcd"].isin(list(load_instruments()))
    return flagged(
        ~known.to_numpy() & scores["paramcd"].notna().to_numpy(),
        "unknown_instrument",
        "scores",
        "paramcd",
        "not an instrument of the registry",
        "Use the registry's id (ketastats.load_instruments() lists them), or add a table "
        "for the scale to data/instruments/instruments.toml",
    )


def scores_out_of_range(scores: pd.DataFrame) -> list[Problem]:
    """Totals that their scale cannot give."""
    found: list[Problem] = []
    registry = load_instruments()
    values = scores["aval"].to_numpy(dtype=float, na_value=np.nan)
    for paramcd in scores["paramcd"].dropna().unique():
        scale = registry.get(paramcd)
        if scale is None or scale.total_min is None or scale.total_max is None:
            continue
        here = (scores["paramcd"] == paramcd).to_numpy(dtype=bool, na_value=False)
        found += flagged(
            here & ((values < scale.total_min) | (values > scale.total_max)),
            "out_of_range",
            "scores",
            "aval",
            f"outside the {scale.title} total range {scale.total_min:g} to {scale.total_max:g}",
            "Correct the rows, or map them to the scale that was recorded",
        )
    return found

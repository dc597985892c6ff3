"""What tipping surfaces of multipliers share: changes in per cent for a figure, and its words."""

from __future__ import annotations

import pandas as pd


def as_changes(surface: pd.DataFrame) -> dict[str, pd.Series]:
    """Multipliers of both arms as changes in per cent, 0 where nothing is changed."""
    return {name: 100 * (surface[name] - 1) for name in ("arm_delta", "reference_delta")}


def surface_text(
    sentence: str, surface: pd.DataFrame, nearest: tuple[float, float] | None, null: str
) -> str:
    """Say for how many pairs the interval leaves `null` out, and the nearest pair that changes it."""
    kept = int((surface["excludes_zero"] != 0).sum())
    near = ""
    if nearest is not None:
        near = f" The nearest pair that changes it is {nearest[0]:g} and {nearest[1]:g}."
    return f"{sentence}. The interval leaves {null} out for {kept} of {len(surface)} pairs.{near}"

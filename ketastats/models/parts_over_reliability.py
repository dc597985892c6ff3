"""The parts of one arm's change under several reliabilities, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.results import TabularResult, estimate_text, level_text, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = {
    "regression_to_the_mean": "Regression to the mean",
    "expectancy": "Placebo or expectancy beyond",
    "remainder": "Left",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PartsOverReliability(TabularResult):
    """Rows of `SingleArmParts` for each `reliability`, taken as known exactly."""

    label: str = field(kw_only=True)
    unit: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per reliability: regression, expectancy (where told) and what is left, as text."""
        level = level_text(self.frame["conf_level"].iloc[0])
        rows = []
        for reliability, parts in self.frame.groupby("reliability", sort=False):
            told = parts.set_index("part")
            row = {"Reliability": f"{reliability:g}"}
            for name in (name for name in _SHOWN if name in told.index):
                part = told.loc[[name]].to_dict("records")[0]
                row[f"{_SHOWN[name]} ({level} interval)"] = estimate_text(
                    part["estimate"], part["conf_low"], part["conf_high"], number
                )
            rows.append(row)
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw regression to the mean by reliability."""
        from ketastats.plots.forest import draw_forest

        kept = self._regression()
        rows = kept[["estimate", "conf_low", "conf_high"]].replace([np.inf, -np.inf], np.nan)
        rows = rows.assign(term=[f"Reliability {value:g}" for value in kept["reliability"]])
        label = f"Regression to the mean in {self.label} ({self.unit})".replace("$", r"\$")
        return draw_forest(rows, ax, xlabel=label, reference=0.0)

    def __str__(self) -> str:
        kept = self._regression()
        said = [
            f"{number(value)} at {reliability:g}"
            for value, reliability in zip(kept["estimate"], kept["reliability"], strict=True)
        ]
        return (
            f"Regression to the mean by reliability, in {self.label} ({self.unit}): "
            f"{', '.join(said)}"
        )

    def _regression(self) -> pd.DataFrame:
        return self.frame[self.frame["part"] == "regression_to_the_mean"]

"""The same arms pooled by every method, to see what the method does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ketastats.models.pooled_rate import METHODS, pool_rates
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, estimate_text, level_text, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoolingComparison(TabularResult):
    """One pooled rate per method; `band` is a claimed range to draw, if any."""

    band: tuple[float, float] | None = None

    def display(self) -> pd.DataFrame:
        """Return one row per method, in per cent."""
        level = self.frame["conf_level"].iloc[0]
        return pd.DataFrame(
            {
                "Method": self.frame["term"],
                f"Pooled rate % ({level_text(level)} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], percent)
                    for row in self.frame.to_dict("records")
                ],
                "New setting %": [
                    f"{percent(row['new_low'])} to {percent(row['new_high'])}"
                    for row in self.frame.to_dict("records")
                ],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one row per method; thin lines show where a new setting may lie."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(self.frame, ax, xlabel="Rate (%)", as_percent=True, band=self.band)

    def __str__(self) -> str:
        low, high = self.frame["estimate"].min(), self.frame["estimate"].max()
        arms, people = self.frame["k"].iloc[0], self.frame["n"].iloc[0]
        pooled = f"{percent(low)} to {percent(high)}%"
        return f"{arms} arms with {people:,} people pool to {pooled} depending on the method"


def compare_pooling(
    table: pd.DataFrame, *, conf_level: float = 0.95, band: tuple[float, float] | None = None
) -> PoolingComparison:
    """Pool the arms of a table by every method of `pool_rates`.

    Parameters
    ----------
    table, conf_level
        As for `pool_rates`.
    band : (float, float), optional
        A claimed range to show in the figure.
    """
    parts = [
        pool_rates(table, method=method, conf_level=conf_level)
        .to_frame()
        .assign(term=words[0].upper() + words[1:])
        for method, words in METHODS.items()
    ]
    return PoolingComparison(
        pd.concat(parts, ignore_index=True), sources=sources_of(table), band=band
    )

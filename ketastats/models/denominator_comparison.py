"""The same endpoint at the same visit under each meaning of a missing value, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ketastats.models.response_rate import response_rate
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, estimate_text, level_text, percent, share_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DENOMINATORS = {
    "non_response": "Everyone, missing = not met",
    "observed": "Those seen at the visit",
    "completers": "Those who completed",
}
"""Denominators that are compared, with their headings."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DenominatorComparison(TabularResult):
    """Rates per arm, one row per arm and denominator; `band` is a claimed range to draw, if any."""

    band: tuple[float, float] | None = None

    def display(self) -> pd.DataFrame:
        """Return one row per denominator, one column per arm."""
        level = self.frame["conf_level"].iloc[0]
        cells = [
            f"{estimate_text(row['estimate'], row['conf_low'], row['conf_high'], percent)}, "
            f"{count(row['successes'])} of {count(row['n'])}"
            for row in self.frame.to_dict("records")
        ]
        wide = self.frame.assign(_cell=cells).pivot(
            index="denominator", columns="term", values="_cell"
        )
        wide = (
            wide.reindex(self.frame["denominator"].drop_duplicates())
            .reset_index()
            .rename_axis(columns=None)
        )
        titles = {
            name: f"{name} % ({level_text(level)} interval)"
            for name in wide.columns
            if name != "denominator"
        }
        return wide.rename(columns={"denominator": "Who is counted", **titles})

    def figure_text(self) -> str:
        """Return every row of the figure in words."""
        parts = [
            f"{row['term']}, {row['denominator']}: {share_text(row)}"
            for row in self.frame.to_dict("records")
        ]
        return f"Rates under each denominator. {'; '.join(parts)}."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the arms under each denominator."""
        from ketastats.plots.denominators import draw_denominators

        return draw_denominators(self.frame, ax, band=self.band)

    def __str__(self) -> str:
        low, high = self.frame["estimate"].min(), self.frame["estimate"].max()
        endpoint = str(self.frame["endpoint"].iloc[0]).replace("_", " ")
        arms = self.frame.groupby("term", sort=True)["estimate"].agg(["min", "max"])
        spans = [
            f"{arm} {percent(row['min'])} to {percent(row['max'])}%" for arm, row in arms.iterrows()
        ]
        if len(spans) == 1:
            span = f"{percent(low)} to {percent(high)}%"
            return f"{endpoint.capitalize()} is {span} depending on who is counted"
        return f"{endpoint.capitalize()} depending on who is counted: {', '.join(spans)}"


def compare_denominators(
    table: pd.DataFrame,
    *,
    by: str | None = "trt01a",
    endpoint: str = "response",
    method: str = "wilson",
    conf_level: float = 0.95,
    band: tuple[float, float] | None = None,
) -> DenominatorComparison:
    """Estimate a rate under every denominator the table allows.

    Parameters
    ----------
    table, by, endpoint, method, conf_level
        As for `response_rate`. Completers need `eosstt`.
    band : (float, float), optional
        A claimed range to show in the figure.

    Returns
    -------
    DenominatorComparison
    """
    parts = [
        response_rate(
            table, by=by, endpoint=endpoint, method=method, missing=missing, conf_level=conf_level
        )
        .to_frame()
        .assign(denominator=title)
        for missing, title in DENOMINATORS.items()
        if missing != "completers" or "eosstt" in table.columns
    ]
    stacked = pd.concat(parts, ignore_index=True)
    frame = stacked[["denominator", *(name for name in stacked.columns if name != "denominator")]]
    return DenominatorComparison(frame, sources=sources_of(table), band=band)

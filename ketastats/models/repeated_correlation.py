"""Correlation of two measurements within subjects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.options import checked_level
from ketastats.errors import UsageError
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.within_correlation import within_correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_SOURCE = "The table of paired measurements"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RepeatedCorrelation(TabularResult):
    """How two measurements go together within subjects, differences between subjects taken out.

    `slope` is the common slope of `second` on `first`, `pairs` the number of paired measurements.
    """

    first: str = field(kw_only=True)
    second: str = field(kw_only=True)
    centred: pd.DataFrame = field(kw_only=True, repr=False)

    def display(self) -> pd.DataFrame:
        """Return the correlation as text."""
        row = self.frame.iloc[0]
        level = f"{level_text(row['conf_level'])}"
        return pd.DataFrame(
            {
                "": [str(row["term"])],
                "n": [count(row["n"])],
                "Pairs": [count(row["pairs"])],
                f"Correlation ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                ],
                "Slope": [number(row["slope"])],
                "p": [p_text(row["p_value"])],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw deviations from subjects' means against each other, without saying whose they are."""
        from ketastats.plots.residuals import draw_deviations

        return draw_deviations(
            self.centred,
            ax,
            slope=float(self.frame["slope"].iloc[0]),
            xlabel=f"{self.first}, from the subject's mean (points)",
            ylabel=f"{self.second}, from the subject's mean (points)",
        )

    def __str__(self) -> str:
        row = self.frame.iloc[0]
        limits = ""
        if not pd.isna(row["conf_low"]):
            low, high = number(row["conf_low"]), number(row["conf_high"])
            limits = f"{level_text(row['conf_level'])} interval {low} to {high}; "
        return (
            f"Within subjects, {self.first} and {self.second} have a correlation of "
            f"{number(row['estimate'])} ({limits}"
            f"{count(row['n'])} subjects, {count(row['pairs'])} pairs)"
        )


def repeated_correlation(
    data: pd.DataFrame,
    first: str,
    second: str,
    *,
    subject: str = "usubjid",
    conf_level: float = 0.95,
) -> RepeatedCorrelation:
    """Correlate two measurements within subjects, over their visits.

    Parameters
    ----------
    data : DataFrame, one row per subject and visit
        Rows without both measurements take no part, nor do subjects with one row.
    first, second : str
        Columns of the measurements.
    subject : str
    conf_level : float, default 0.95

    Returns
    -------
    RepeatedCorrelation

    Raises
    ------
    UsageError, DataError
        If a column is missing or holds text, or too few subjects have two pairs.

    Notes
    -----
    A common slope for all subjects is taken; visits of a subject count as independent given the
    subject's mean, so that trends over time that both measurements share count as correlation.

    References
    ----------
    Bland JM, Altman DG (1995). BMJ 310:446. Bakdash JZ, Marusich LR (2017). Front Psychol 8:456.
    """
    checked_level(conf_level)
    if first == second:
        raise UsageError("Name two different measurements")
    refuse(missing_columns(data, [subject, first, second], table="data"), source=_SOURCE)
    found = not_numbers(data, [first, second], table="data")
    refuse([*found, *missing_values(data, [subject], table="data")], source=_SOURCE)
    held = data[[subject, first, second]].dropna()
    held = held[held.groupby(subject)[first].transform("size") > 1]
    code, ids = pd.factorize(held[subject])
    if len(held) - len(ids) < 3:
        raise UsageError(
            f"A correlation within subjects needs subjects with two pairs or more; there are {len(ids)} "
            f"with {len(held)} pairs"
        )
    x, y = (held[name].to_numpy(dtype=float) for name in (first, second))
    z = two_sided_quantile(conf_level)
    try:
        found_r = within_correlation(x, y, code, z=z)
    except ValueError as error:
        raise UsageError(str(error)) from None
    row = {
        "slope": found_r.slope,
        "pairs": len(held),
        "term": f"{first} and {second} within subjects",
        "n": len(ids),
        "estimate": found_r.estimate,
        "statistic": found_r.statistic,
        "df": found_r.df,
        "p_value": found_r.p_value,
        "conf_low": found_r.low,
        "conf_high": found_r.high,
        "conf_level": conf_level,
        "method": "repeated_measures_correlation",
    }
    left_out = data[subject].nunique() - len(ids)
    notes = []
    if left_out:
        verb = "subject takes" if left_out == 1 else "subjects take"
        notes.append(f"{count(left_out)} {verb} no part, for want of two complete pairs.")
    return RepeatedCorrelation(
        in_shared_words([row], own=("slope", "pairs")),
        first=first,
        second=second,
        centred=pd.DataFrame({"x": found_r.x, "y": found_r.y}),
        sources=sources_of(data),
        notes=tuple(notes),
    )

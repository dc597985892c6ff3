"""One yes/no endpoint of the same subjects at two times, or on two scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ketastats.checks.columns import missing_columns, refuse
from ketastats.errors import UsageError
from ketastats.models.denominators import yes_no
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, display_estimates, in_shared_words, level_text, percent
from ketastats.stats.paired_proportions import mcnemar_test, tango_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairedRateDifference(TabularResult):
    """Difference of two rates of the same subjects, second minus first."""

    def display(self) -> pd.DataFrame:
        """Return the difference in percentage points with the numbers who changed."""
        shown = display_estimates(
            self.frame,
            heading="Difference in points",
            as_percent=True,
            labels={"term": "Comparison"},
        )
        return shown.assign(
            **{
                "No to yes": self.frame["gained"].astype(str),
                "Yes to no": self.frame["lost"].astype(str),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference with its interval and the line of no difference."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(
            self.frame, ax, xlabel="Difference (percentage points)", as_percent=True, reference=0.0
        )

    def __str__(self) -> str:
        row = self.frame.iloc[0]
        return (
            f"{row['term']}: {percent(row['estimate'])} percentage points "
            f"({level_text(row['conf_level'])} interval {percent(row['conf_low'])} to "
            f"{percent(row['conf_high'])}; {row['n']} pairs)"
        )


def paired_rate_difference(
    table: pd.DataFrame, *, first: str, second: str, conf_level: float = 0.95
) -> PairedRateDifference:
    """Compare two yes/no columns of the same subjects by Tango's score interval.

    Parameters
    ----------
    table : DataFrame, one row per subject
    first, second : str
        Boolean columns; a subject in whom either is missing is left out, and the result says how
        many were.
    conf_level : float, default 0.95

    Returns
    -------
    PairedRateDifference
        `estimate` is the rate of `second` minus that of `first`; `p_value` is McNemar's without
        correction.
    """
    refuse(
        missing_columns(table, [first, second], table="subjects"), source="The table of subjects"
    )
    both = pd.DataFrame({name: yes_no(table, name) for name in (first, second)})
    pairs = both.dropna()
    if pairs.empty:
        raise UsageError(f"No subject has both {first} and {second}")
    gained = int((~pairs[first] & pairs[second]).sum())
    lost = int((pairs[first] & ~pairs[second]).sum())
    low, high = tango_interval(gained, lost, len(pairs), conf_level=conf_level)
    row = {
        "gained": gained,
        "lost": lost,
        "term": f"{second} minus {first}",
        "n": len(pairs),
        "estimate": (gained - lost) / len(pairs),
        "p_value": mcnemar_test(gained, lost),
        "conf_low": low,
        "conf_high": high,
        "conf_level": conf_level,
        "method": "tango",
    }
    left_out = len(both) - len(pairs)
    notes = (f"{left_out} without both values were left out.",) if left_out else ()
    frame = in_shared_words([row], own=("gained", "lost"))
    return PairedRateDifference(frame, sources=sources_of(table), notes=notes)

"""Whether a difference of two arms is too small to matter: two one-sided tests against stated bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

import pandas as pd

from ketastats.checks.options import checked_level, require_choice, require_flag
from ketastats.errors import UsageError
from ketastats.models.linear_result import interval_text
from ketastats.models.two_groups import TwoGroups, moments, two_groups_of
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
from ketastats.stats.equivalence import Equivalence, two_one_sided

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("welch", "pooled")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EquivalenceTest(TabularResult):
    """A difference of means with two one-sided tests against the bounds.

    `p_value` is the larger of `p_low` (that the difference lies below the lower bound) and `p_high`; the
    interval has coverage 1 - 2 alpha, so it lies inside the bounds exactly when `p_value` is below alpha.
    """

    bounds: tuple[float, float] = field(kw_only=True)
    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return the test as text."""
        row = self.frame.iloc[0]
        return pd.DataFrame(
            {
                "": [str(row["term"])],
                "n": [count(row["n"])],
                f"Difference ({level_text(row['conf_level'])} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                ],
                "Bounds": [f"{number(self.bounds[0])} to {number(self.bounds[1])}"],
                "p below": [p_text(row["p_low"])],
                "p above": [p_text(row["p_high"])],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference with its interval over the band of the bounds."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(
            self.frame,
            ax,
            xlabel=f"Difference in {self.outcome} ({self.unit})",
            band=self.bounds,
            band_label="too small to matter",
        )

    def __str__(self) -> str:
        row = {str(name): value for name, value in self.frame.iloc[0].items()}
        low, high = self.bounds
        inside = low < row["conf_low"] and row["conf_high"] < high
        outside = row["conf_high"] < low or row["conf_low"] > high
        said = "inside" if inside else "outside" if outside else "not told to be inside or outside"
        return (
            f"{row['term']} in {self.outcome}: {interval_text(row)}, {said} {number(low)} to {number(high)} "
            f"{self.unit} (p {p_text(row['p_value'])})"
        )


def equivalence_test(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    bounds: tuple[float, float],
    in_sd: bool = False,
    of: str = "trt01a",
    subject: str = "usubjid",
    method: str = "welch",
    missing: str = "error",
    alpha: float = 0.05,
    unit: str = "points",
) -> EquivalenceTest:
    """Test that the difference of two means lies inside bounds within which it would not matter.

    Parameters
    ----------
    data, outcome, arm, reference, of, subject, missing
        As for `cohens_d`.
    bounds : (float, float)
        Smallest differences that matter, either way, such as plus and minus a minimal important difference.
    in_sd : bool, default False
        The bounds are in pooled standard deviations instead of units of the outcome.
    method : {"welch", "pooled"}
        Unequal or equal variances.
    alpha : float, default 0.05
        Level of each of the two tests.
    unit : str
        Of the outcome, for sentences and figures.

    Returns
    -------
    EquivalenceTest

    References
    ----------
    See `ketastats.stats.equivalence`.
    """
    require_choice("method", method, METHODS)
    require_flag("in_sd", in_sd)
    level = checked_level(1 - 2 * alpha if isinstance(alpha, (int, float)) else alpha)
    groups = two_groups_of(
        data, outcome, arm=arm, reference=reference, of=of, subject=subject, missing=missing
    )
    low, high = _bounds(bounds)
    estimate, se, df, sd = _difference(groups, method)
    scale = sd if in_sd else 1.0
    try:
        test = two_one_sided(estimate, se, df, scale * low, scale * high, alpha=alpha)
    except ValueError as error:
        raise UsageError(f"equivalence of {outcome}: {error}") from None
    return _result(
        data, groups, test, (estimate, se, df), (scale * low, scale * high), level, method, unit
    )


def _bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(edge) for edge in bounds)
    except (TypeError, ValueError):
        raise UsageError(f"bounds are two numbers, such as (-3, 3), not {bounds!r}") from None
    return low, high


def _difference(groups: TwoGroups, method: str) -> tuple[float, float, float, float]:
    """Difference, standard error, degrees of freedom and pooled standard deviation."""
    a, b = moments(groups.first), moments(groups.second)
    df = float(a.n + b.n - 2)
    pooled = ((a.n - 1) * a.sd**2 + (b.n - 1) * b.sd**2) / df
    se = sqrt(pooled * (1 / a.n + 1 / b.n))
    if method == "welch":
        va, vb = a.sd**2 / a.n, b.sd**2 / b.n
        se = sqrt(va + vb)
        if se > 0:
            df = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))
    return a.mean - b.mean, se, df, sqrt(pooled)


def _result(
    data: pd.DataFrame,
    groups: TwoGroups,
    test: Equivalence,
    found: tuple[float, float, float],
    bounds: tuple[float, float],
    level: float,
    method: str,
    unit: str,
) -> EquivalenceTest:
    estimate, se, df = found
    row = {
        "t_low": test.t_low,
        "p_low": test.p_low,
        "t_high": test.t_high,
        "p_high": test.p_high,
        "term": f"{groups.arm} minus {groups.reference}",
        "n": groups.n,
        "estimate": estimate,
        "std_error": se,
        "df": df,
        "p_value": test.p_value,
        "conf_low": test.low,
        "conf_high": test.high,
        "conf_level": level,
        "method": f"two_one_sided, {method}",
    }
    return EquivalenceTest(
        in_shared_words([row], own=("t_low", "p_low", "t_high", "p_high")),
        bounds=bounds,
        outcome=groups.outcome,
        unit=unit,
        sources=sources_of(data),
        notes=groups.notes,
    )

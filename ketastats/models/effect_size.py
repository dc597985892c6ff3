"""Effect sizes of two arms: standardised differences of means, and how often one arm exceeds the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy.special import stdtrit

from ketastats.checks.options import checked_level, require_choice
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
)
from ketastats.stats.dominance import cliffs_delta as dominance
from ketastats.stats.standardised_differences import (
    Standardised,
    odds_ratio_of,
    overlap,
    two_groups,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIVISORS = ("pooled", "average")
TITLES = {
    "cohens_d": "Cohen's d",
    "hedges_g": "Hedges' g",
    "glass_delta": "Glass's delta",
    "overlap": "Overlap of two normal distributions",
    "odds_ratio_from_d": "Odds ratio, if logistic (approximation)",
    "cliffs_delta": "Cliff's delta",
    "probability_of_superiority": "Probability of superiority",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EffectSize(TabularResult):
    """An effect size, arm minus reference, in the first row; below it what follows from it.

    `measure` names each row. Standardised differences are in standard deviations, `divisor` says of what
    size, in units of the outcome. The figure draws every subject's outcome: it is for synthetic and public
    data.
    """

    groups: TwoGroups = field(kw_only=True, repr=False)

    def display(self) -> pd.DataFrame:
        """Return one row per measure."""
        rows = self.frame.to_dict("records")
        level = level_text(self.frame["conf_level"].iloc[0])
        return pd.DataFrame(
            {
                "": [TITLES[str(row["measure"])] for row in rows],
                "n": [count(row["n"]) for row in rows],
                f"Estimate ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every outcome, the means, and the difference of means with its limits beside them."""
        from ketastats.plots.estimation import draw_estimation

        groups = self.groups
        return draw_estimation(
            {groups.reference: groups.second, groups.arm: groups.first},
            ax,
            ylabel=f"{groups.outcome}",
            conf_level=float(self.frame["conf_level"].iloc[0]),
        )

    def figure_text(self) -> str:
        """Return the means and the effect size in words."""
        groups = self.groups
        return (
            f"Mean {groups.outcome}: {groups.arm} {number(float(groups.first.mean()))}, {groups.reference} "
            f"{number(float(groups.second.mean()))}. {self}."
        )

    def __str__(self) -> str:
        row = {str(name): value for name, value in self.frame.iloc[0].items()}
        return f"{TITLES[str(row['measure'])]}, {row['term']}: {interval_text(row)}"


def cohens_d(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    subject: str = "usubjid",
    divisor: str = "pooled",
    missing: str = "error",
    conf_level: float = 0.95,
) -> EffectSize:
    """Difference of means in standard deviations.

    Parameters
    ----------
    data : DataFrame, one row per subject
        See `select_visit`.
    outcome : str
        Column of numbers.
    arm, reference : str
        Groups in the column `of`; the difference is arm minus reference.
    divisor : {"pooled", "average"}
        Standard deviation pooled over both arms, or the root of the mean of their variances (Welch degrees
        of freedom).
    missing : {"error", "observed"}
        What a missing outcome means.
    conf_level : float, default 0.95

    Returns
    -------
    EffectSize
        Limits from the noncentral t distribution. The overlap and the odds ratio below it hold for normal
        and logistic outcomes of equal spread only.

    Raises
    ------
    UsageError, DataError
        If a column or arm is not there, or a standard deviation is 0.

    References
    ----------
    See `ketastats.stats.standardised_differences`.
    """
    require_choice("divisor", divisor, DIVISORS)
    groups = two_groups_of(
        data, outcome, arm=arm, reference=reference, of=of, subject=subject, missing=missing
    )
    return _standardised(
        data, groups, "cohens_d", divisor, corrected=False, conf_level=checked_level(conf_level)
    )


def hedges_g(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    subject: str = "usubjid",
    divisor: str = "pooled",
    missing: str = "error",
    conf_level: float = 0.95,
) -> EffectSize:
    """Cohen's d corrected for few subjects; see `cohens_d`.

    Parameters
    ----------
    data, outcome, arm, reference, of, subject, divisor, missing, conf_level
        As for `cohens_d`. Estimate and limits are multiplied by Hedges' J.
    """
    require_choice("divisor", divisor, DIVISORS)
    groups = two_groups_of(
        data, outcome, arm=arm, reference=reference, of=of, subject=subject, missing=missing
    )
    return _standardised(
        data, groups, "hedges_g", divisor, corrected=True, conf_level=checked_level(conf_level)
    )


def glass_delta(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    subject: str = "usubjid",
    missing: str = "error",
    conf_level: float = 0.95,
) -> EffectSize:
    """Difference of means in standard deviations of the reference arm; see `cohens_d`.

    Parameters
    ----------
    data, outcome, arm, reference, of, subject, missing, conf_level
        As for `cohens_d`.
    """
    groups = two_groups_of(
        data, outcome, arm=arm, reference=reference, of=of, subject=subject, missing=missing
    )
    return _standardised(
        data, groups, "glass_delta", "second", corrected=False, conf_level=checked_level(conf_level)
    )


def cliffs_delta(
    data: pd.DataFrame,
    outcome: str,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    subject: str = "usubjid",
    missing: str = "error",
    conf_level: float = 0.95,
) -> EffectSize:
    """How much more often a subject of the arm has the larger outcome than the smaller one.

    Parameters
    ----------
    data, outcome, arm, reference, of, subject, missing, conf_level
        As for `cohens_d`; the outcome may be any ordered number.

    Returns
    -------
    EffectSize
        Cliff's delta from -1 to 1, and the probability of superiority, (1 + delta) / 2, in which a tie counts
        one half. Limits are Feng and Cliff's, with n + m - 2 degrees of freedom.

    References
    ----------
    See `ketastats.stats.dominance`.
    """
    level = checked_level(conf_level)
    groups = two_groups_of(
        data, outcome, arm=arm, reference=reference, of=of, subject=subject, missing=missing
    )
    quantile = float(stdtrit(groups.n - 2, 0.5 + level / 2))
    found = dominance(groups.first, groups.second, z=quantile)
    rows = [
        ("cliffs_delta", found.estimate, found.std_error, found.low, found.high),
        (
            "probability_of_superiority",
            (1 + found.estimate) / 2,
            found.std_error / 2,
            (1 + found.low) / 2,
            (1 + found.high) / 2,
        ),
    ]
    return _result(data, groups, [(*row, nan, "feng_cliff") for row in rows], level)


def _standardised(
    data: pd.DataFrame,
    groups: TwoGroups,
    measure: str,
    divisor: str,
    *,
    corrected: bool,
    conf_level: float,
) -> EffectSize:
    try:
        found = two_groups(
            moments(groups.first),
            moments(groups.second),
            divisor=divisor,
            corrected=corrected,
            conf_level=conf_level,
        )
    except ValueError as error:
        raise UsageError(f"{measure} of {groups.outcome}: {error}") from None
    rows = [(measure, found.estimate, nan, found.low, found.high, found.divisor, "noncentral_t")]
    rows.append(_follows("odds_ratio_from_d", found, odds_ratio_of))
    rows.append(_overlap(found))
    return _result(data, groups, rows, conf_level)


def _follows(
    measure: str, found: Standardised, convert: Callable[[float], float]
) -> tuple[Any, ...]:
    values = [convert(value) for value in (found.estimate, found.low, found.high)]
    return (measure, values[0], nan, values[1], values[2], nan, "from_standardised_difference")


def _overlap(found: Standardised) -> tuple[Any, ...]:
    ends = sorted(overlap(value) for value in (found.low, found.high))
    top = 1.0 if found.low <= 0 <= found.high else ends[1]
    return (
        "overlap",
        overlap(found.estimate),
        nan,
        ends[0],
        top,
        nan,
        "from_standardised_difference",
    )


def _result(
    data: pd.DataFrame, groups: TwoGroups, rows: list[tuple[Any, ...]], conf_level: float
) -> EffectSize:
    shared = {
        "term": f"{groups.arm} minus {groups.reference} in {groups.outcome}",
        "n": groups.n,
        "conf_level": conf_level,
    }
    words = ("measure", "estimate", "std_error", "conf_low", "conf_high", "divisor", "method")
    made = [{**dict(zip(words, row, strict=True)), **shared} for row in rows]
    return EffectSize(
        in_shared_words(made, own=("measure", "divisor")),
        groups=groups,
        sources=sources_of(data),
        notes=groups.notes,
    )

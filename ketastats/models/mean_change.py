"""Mean change from baseline in standard deviations, from subjects or from the numbers a paper prints."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.options import checked_level, matched, require_choice, require_column_name
from ketastats.errors import UsageError
from ketastats.models.linear_result import interval_text
from ketastats.models.two_groups import MISSING, moments, second_rows
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
)
from ketastats.stats.standardised_differences import (
    Moments,
    Standardised,
    change_against_control,
    change_in_sd_at_start,
    change_in_sd_of_change,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Correlations of baseline and end that are supposed in turn where the correlation is not known."""

TITLES = {
    "change_in_sd_at_baseline": "Change in SDs at baseline",
    "change_in_sd_of_change": "Change in SDs of the change",
    "change_against_control": "Difference of changes in SDs at baseline",
}
_ONE_ARM = "A change in one arm is not the effect of its treatment."
_TABLE = "data"
_SOURCE = "The table of subjects' changes"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StandardizedMeanChange(TabularResult):
    """Mean change in standard deviations: one row per measure, and per correlation where it is not known.

    `measure` names a row, `divisor` is the standard deviation in units of the outcome, `correlation` that of
    baseline and end which was seen or is supposed; it is missing where the row does not depend on it.
    """

    def display(self) -> pd.DataFrame:
        """Return one row per measure and correlation."""
        rows = self.frame.to_dict("records")
        level = level_text(self.frame["conf_level"].iloc[0])
        return pd.DataFrame(
            {
                "": [TITLES[str(row["measure"])] for row in rows],
                "Correlation": [_correlation(row["correlation"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                f"Estimate ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every row with its limits."""
        from ketastats.plots.forest import draw_forest

        named = [
            TITLES[str(row["measure"])]
            + ("" if pd.isna(row["correlation"]) else f", r = {_correlation(row['correlation'])}")
            for row in self.frame.to_dict("records")
        ]
        return draw_forest(self.frame.assign(term=named), ax, xlabel="Change (standard deviations)")

    def __str__(self) -> str:
        first = str(self.frame["measure"].iloc[0])
        rows = self.frame[self.frame["measure"] == first]
        row = {str(name): value for name, value in rows.iloc[0].items()}
        if len(rows) == 1:
            return f"{TITLES[first]}, {row['term']}: {interval_text(row)}"
        low, high = (number(pick) for pick in (rows["estimate"].min(), rows["estimate"].max()))
        value = low if low == high else f"{low} to {high}"
        widest = f"{number(rows['conf_low'].min())} to {number(rows['conf_high'].max())}"
        span = f"{_correlation(CORRELATIONS[0])} to {_correlation(CORRELATIONS[-1])}"
        return (
            f"{TITLES[first]}, {row['term']}: {value} ({level_text(row['conf_level'])} limits {widest} over "
            f"correlations of baseline and end from {span}, since it is not known)"
        )


def standardized_mean_change(
    data: pd.DataFrame,
    change: str = "chg",
    *,
    base: str = "base",
    arm: str | None = None,
    reference: str | None = None,
    of: str = "trt01a",
    subject: str = "usubjid",
    missing: str = "error",
    conf_level: float = 0.95,
) -> StandardizedMeanChange:
    """Mean change from baseline in standard deviations, of one arm or against another.

    Parameters
    ----------
    data : DataFrame, one row per subject
        See `select_visit`.
    change, base : str
        Columns with the change from baseline and the baseline, in one unit.
    arm, reference : str, optional
        Groups in the column `of`: only one arm, or one against the other. Everybody if neither is given.
    missing : {"error", "observed"}
        What a missing change or baseline means.
    conf_level : float, default 0.95

    Returns
    -------
    StandardizedMeanChange
        Of one group: the mean change over the standard deviation at baseline (normal limits) and over that of
        the change (noncentral t limits), both times Hedges' J. Of two: the difference of mean changes over
        the pooled standard deviation at baseline, with the correlation pooled within arms.

    Raises
    ------
    UsageError, DataError
        If a column or arm is not there, a subject has two rows, or a standard deviation is 0.

    References
    ----------
    Becker BJ (1988). Br J Math Stat Psychol 41:257-278. Morris SB (2008). Organ Res Methods 11:364-386.
    """
    level = checked_level(conf_level)
    _require_changes(data, change, base, of if arm is not None else None, subject, missing)
    if reference is not None and arm is None:
        raise UsageError("reference= needs arm=, the arm that is compared with it")
    names = [name for name in (arm, reference) if name is not None]
    if arm is not None and str(arm) == str(reference):
        raise UsageError(f"{arm} cannot be compared with itself")
    groups = _groups(data, change, base, of, names)
    r = _pooled_correlation(groups)
    treated, *control = (_Summary.of(pair) for pair in groups)
    who = f"{arm} minus {reference}" if control else (str(arm) if arm is not None else "everybody")
    rows = _rows(treated, control[0] if control else None, (r,), f"{who} in {change}", level)
    n_rows = len(data) if not names else int(data[of].astype(str).isin(map(str, names)).sum())
    notes = () if control else (_ONE_ARM,)
    if left_out := n_rows - sum(len(pair) for pair in groups):
        notes = (*notes, f"{count(left_out)} without a baseline or a change take no part.")
    return _result(rows, notes=notes, sources=sources_of(data))


def published_mean_change(
    change: float,
    sd_baseline: float,
    n: int,
    *,
    sd_end: float | None = None,
    sd_change: float | None = None,
    correlation: float | None = None,
    control: tuple[float, float, int] | None = None,
    conf_level: float = 0.95,
) -> StandardizedMeanChange:
    """Mean change in standard deviations from the numbers a paper prints.

    Parameters
    ----------
    change, sd_baseline : float
        Mean change and standard deviation at baseline, in units of the outcome.
    n : int
        Subjects with both.
    sd_end, sd_change : float, optional
        Standard deviations at the end and of the change. Both together tell the correlation.
    correlation : float, optional
        Of baseline and end. If nothing tells it, every row is repeated over `CORRELATIONS`: a band, no guess.
    control : (change, sd_baseline, n), optional
        The same numbers of a control arm; the effect is then the difference of changes.
    conf_level : float, default 0.95

    Returns
    -------
    StandardizedMeanChange
        Rows as of `standardized_mean_change`. The change in standard deviations of the change needs
        `sd_change`, or `sd_end` and a correlation, known or supposed.

    Raises
    ------
    UsageError
        If a number is out of range, or the three standard deviations and the correlation contradict each
        other.

    References
    ----------
    Becker BJ (1988). Br J Math Stat Psychol 41:257-278. Morris SB (2008). Organ Res Methods 11:364-386.
    """
    level = checked_level(conf_level)
    one = _Summary(change, sd_baseline, n, sd_end, sd_change)
    other = None if control is None else _control(control)
    _require_possible(one, other, correlation)
    r = one.correlation() if correlation is None else float(correlation)
    supposed = CORRELATIONS if r is None else (r,)
    term = "treated minus control" if other else "published change"
    rows = _rows(one, other, supposed, term, level)
    return _result(rows, notes=() if other else (_ONE_ARM,))


@dataclass(frozen=True, slots=True)
class _Summary:
    """What is known of the changes in one group."""

    change: float
    sd_baseline: float
    n: int
    sd_end: float | None = None
    sd_change: float | None = None

    @classmethod
    def of(cls, pairs: Floats) -> _Summary:
        """From rows of change and baseline."""
        changes, start = moments(pairs[:, 0]), moments(pairs[:, 1])
        return cls(changes.mean, start.sd, changes.n, None, changes.sd)

    def correlation(self) -> float | None:
        """Of baseline and end, if all three standard deviations are known."""
        if self.sd_end is None or self.sd_change is None:
            return None
        squares = self.sd_baseline**2 + self.sd_end**2 - self.sd_change**2
        return squares / (2 * self.sd_baseline * self.sd_end)

    def sd_of_change(self, correlation: float) -> float | None:
        """Standard deviation of the change, printed or by a correlation; None if it cannot be told."""
        if self.sd_change is not None:
            return self.sd_change
        if self.sd_end is None:
            return None
        shared = 2 * correlation * self.sd_baseline * self.sd_end
        return sqrt(max(self.sd_baseline**2 + self.sd_end**2 - shared, 0.0))


def _rows(
    one: _Summary,
    other: _Summary | None,
    correlations: tuple[float, ...],
    term: str,
    level: float,
) -> list[dict[str, Any]]:
    """Every measure that the numbers allow, at each correlation."""
    rows = []
    try:
        if other is not None:
            treated, control = ((g.change, g.sd_baseline, g.n) for g in (one, other))
            for r in correlations:
                found = change_against_control(treated, control, r, conf_level=level)
                rows.append(_row("change_against_control", found, r, one.n + other.n, "normal"))
        else:
            for r in correlations:
                found = change_in_sd_at_start(
                    one.change, one.sd_baseline, r, one.n, corrected=True, conf_level=level
                )
                rows.append(_row("change_in_sd_at_baseline", found, r, one.n, "normal"))
            for r in correlations if one.sd_change is None else (nan,):
                sd = one.sd_of_change(r)
                if sd is not None:
                    changes = Moments(one.change, sd, one.n)
                    found = change_in_sd_of_change(changes, corrected=True, conf_level=level)
                    rows.append(_row("change_in_sd_of_change", found, r, one.n, "noncentral_t"))
    except ValueError as error:
        raise UsageError(f"The change cannot be standardised: {error}") from None
    return [{**row, "term": term, "conf_level": level} for row in rows]


def _row(measure: str, found: Standardised, r: float, n: int, method: str) -> dict[str, Any]:
    return {
        "measure": measure,
        "correlation": r,
        "divisor": found.divisor,
        "estimate": found.estimate,
        "conf_low": found.low,
        "conf_high": found.high,
        "n": n,
        "method": method,
    }


def _result(rows: list[dict[str, Any]], **known: Any) -> StandardizedMeanChange:
    frame = in_shared_words(rows, own=("measure", "correlation", "divisor"))
    return StandardizedMeanChange(frame, **known)


def _require_changes(
    data: pd.DataFrame, change: str, base: str, of: str | None, subject: str, missing: str
) -> None:
    """Refuse tables without the columns, with text in them, or with two rows of one subject."""
    require_choice("meaning of missing", missing, MISSING)
    columns = {"change": change, "base": base, "subject": subject}
    for option, name in columns.items():
        require_column_name(option, name)
    named = [subject] if of is None else [subject, of]
    refuse(missing_columns(data, [*named, change, base], table=_TABLE), source=_SOURCE)
    found = not_numbers(data, [change, base], table=_TABLE)
    needed = [*named, change, base] if missing == "error" else named
    found += missing_values(data, needed, table=_TABLE)
    found += second_rows(data, subject)
    refuse(found, source=_SOURCE)


def _groups(
    data: pd.DataFrame, change: str, base: str, of: str, names: list[str]
) -> tuple[Floats, ...]:
    """Change and baseline of those with both, per group."""
    pairs = data[[change, base]]
    parts = {"the table": pairs}
    if names:
        levels = list(data[of].unique())
        parts = {name: pairs[data[of] == matched("arm", name, levels)] for name in names}
    seen = {name: part.dropna().to_numpy(dtype=float) for name, part in parts.items()}
    few = [name for name, held in seen.items() if len(held) < 2]
    if few:
        raise UsageError(f"Fewer than two subjects with baseline and change in {' and '.join(few)}")
    return tuple(seen[name] for name in parts)


def _pooled_correlation(groups: tuple[Floats, ...]) -> float:
    """Correlation of baseline and end within groups."""
    within = np.vstack([pairs - pairs.mean(axis=0) for pairs in groups])
    start, end = within[:, 1], within.sum(axis=1)
    spread = sqrt(float(start @ start) * float(end @ end))
    if spread <= 0:
        raise UsageError("Baselines or ends are all alike, so nothing can be standardised by them")
    return float(np.clip(start @ end / spread, -1.0, 1.0))


def _control(given: Any) -> _Summary:
    if not isinstance(given, tuple) or len(given) != 3:
        raise UsageError("control is (mean change, standard deviation at baseline, n)")
    return _Summary(*given)


def _require_possible(one: _Summary, other: _Summary | None, correlation: float | None) -> None:
    """Refuse printed numbers that are out of range, all at once."""
    found = []
    for name, group in (("", one), ("control ", other)):
        if group is None:
            continue
        if not _number(group.change):
            found.append(f"the {name}change must be a finite number")
        for what in ("sd_baseline", "sd_end", "sd_change"):
            sd = getattr(group, what)
            if (sd is not None or what == "sd_baseline") and not (_number(sd) and sd > 0):
                found.append(f"{name}{what} must be a number above 0")
        if not _number(group.n) or group.n < 2 or group.n != int(group.n):
            found.append(f"{name}n must be a whole number of at least 2")
    if correlation is not None and not (_number(correlation) and -1 < correlation < 1):
        found.append("correlation must lie between -1 and 1")
    if not found:
        found = _contradictions(one, correlation)
    if found:
        raise UsageError(f"The change cannot be standardised: {'; '.join(found)}")


def _contradictions(one: _Summary, correlation: float | None) -> list[str]:
    told = one.correlation()
    if told is None:
        return []
    if not -1 < told < 1:
        return ["sd_change must lie between the difference and the sum of sd_baseline and sd_end"]
    if correlation is not None:
        return ["sd_end and sd_change tell the correlation: leave out correlation, or one of them"]
    return []


def _number(value: Any) -> bool:
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return real and isfinite(value)


def _correlation(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"

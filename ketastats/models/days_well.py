"""Mean days well per patient, known only up to bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import (
    column_names,
    missing_columns,
    missing_values,
    not_numbers,
    refuse,
)
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.positions import flagged
from ketastats.endpoints.well_time import CHANGES
from ketastats.errors import Problem, problem
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, in_shared_words, level_text
from ketastats.stats.well_share import mean_within_bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD = "bounds_imbens_manski_t"
_DAY = 24.0  # hours
_TIMES = ("well_low", "well_high", "well_visit", "start", "horizon")
_NAMES = ("endpoint", "rule", "changes")
_UNBROKEN = "\u00a0"  # a space at which no line is broken


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DaysWell(TabularResult):
    """Mean days well, one row per group.

    `days_low` and `days_high` bound the mean of these people; `conf_low` and `conf_high` allow for
    chance as well. `estimate` is the value by one convention: a status holds until the next
    assessment, and nobody is well after the last one.
    """

    def display(self) -> pd.DataFrame:
        """Return one row per group, in days."""
        rows = self.frame.to_dict("records")
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        return pd.DataFrame(
            {
                "Group": self.frame["term"].map(str),
                "n": self.frame["n"].map(count),
                f"Days well, bounds ({level} limits)": [_bounds_text(row) for row in rows],
                "If a status holds until the next assessment": [
                    f"{row['estimate']:.1f}" for row in rows
                ],
                "Of days": [f"{row['horizon_day'] - row['start_day']:.4g}" for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the bounds as a thick line per group, their limits as a thin one."""
        from ketastats.plots.forest import draw_forest

        shown = self.frame.rename(columns={"conf_low": "new_low", "conf_high": "new_high"})
        shown = shown.rename(columns={"days_low": "conf_low", "days_high": "conf_high"})
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        span = f"of {self._span():.4g} days"
        label = f"Mean days {self._well()} {span} (thick: bounds; thin: {level} limits)"
        axes = draw_forest(shown, ax, xlabel=label)
        axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
        return axes

    def figure_text(self) -> str:
        """Return the rows in words."""
        return f"{self}. Thick lines are bounds, thin lines limits."

    def __str__(self) -> str:
        row = self.frame.iloc[0]
        parts = []
        for found in self.frame.to_dict("records"):
            group = "" if found["term"] == "all" else f"{found['term']} "
            limits = (
                "no limits"
                if pd.isna(found["conf_low"]) or pd.isna(found["conf_high"])
                else f"{level_text(found['conf_level'])} limits {found['conf_low']:.1f} to "
                f"{found['conf_high']:.1f}"
            )
            parts.append(
                f"{group}between {found['days_low']:.1f} and {found['days_high']:.1f} ({limits}; "
                f"{found['estimate']:.1f} if a status holds until the next assessment; n = {found['n']})"
            )
        since = f" from day {row['start_day']:.4g}" if row["start_day"] else ""
        return f"Mean days {self._well()}{since} up to day {row['horizon_day']:.4g}: {'; '.join(parts)}"

    def _well(self) -> str:
        return f"in {self.frame['endpoint'].iloc[0]}".replace("_", " ")

    def _span(self) -> float:
        return float(self.frame["horizon_day"].iloc[0] - self.frame["start_day"].iloc[0])


def days_well(
    well_time: pd.DataFrame, *, by: str | Sequence[str] | None = None, conf_level: float = 0.95
) -> DaysWell:
    """Estimate the mean days well per patient, as bounds with confidence limits.

    Parameters
    ----------
    well_time : DataFrame, one row per subject
        From `ketastats.endpoints.well_time.derive_well_time`; hours.
    by : str or sequence of str, optional
        Grouping columns, such as ``"trt01a"``.
    conf_level : float, default 0.95

    Returns
    -------
    DaysWell
        One row per group. `days_low` and `days_high` are the means of the least and the most days
        well. The confidence limits are those of `ketastats.stats.well_share.mean_within_bounds`: by
        Imbens and Manski's critical value with Student's t distribution, they cover the mean,
        wherever between the bounds it lies. They are missing where a group has one subject or a
        bound is the same for everybody (unless at the end of the range). `estimate` is the mean
        if a status holds until the next assessment.

    Raises
    ------
    DataError
        If a column is absent, a value is missing or out of range, or there is nobody.
    """
    groups = column_names(by)
    _check(well_time, groups)
    parts = list(well_time.groupby(groups, sort=True)) if groups else [((), well_time)]
    rows = []
    for key, part in parts:
        names = dict(zip(groups, key if isinstance(key, tuple) else (key,), strict=True))
        term = ", ".join(str(value) for value in names.values()) or "all"
        rows.append({**names, **_row(part, conf_level), "term": term})
    own = (*groups, *_NAMES, "start_day", "horizon_day", "days_low", "days_high")
    frame = in_shared_words(rows, own=own)
    notes = _notes(frame, without_group=len(well_time) - int(frame["n"].sum()))
    return DaysWell(frame, sources=sources_of(well_time), notes=notes)


def _row(part: pd.DataFrame, conf_level: float) -> dict[str, Any]:
    start, horizon = float(part["start"].iloc[0]), float(part["horizon"].iloc[0])
    span = (horizon - start) / _DAY
    # A sum of hours may exceed the whole span by a rounding error.
    days = {name: np.clip(part[name].to_numpy(dtype=float) / _DAY, 0.0, span) for name in _TIMES}
    found = mean_within_bounds(
        days["well_low"], days["well_high"], least=0.0, most=span, conf_level=conf_level
    )
    return {
        **{name: part[name].iloc[0] for name in _NAMES},
        "start_day": start / _DAY,
        "horizon_day": horizon / _DAY,
        "days_low": found.low,
        "days_high": found.high,
        "n": found.n,
        "estimate": float(days["well_visit"].mean()),
        "conf_low": found.limits.low,
        "conf_high": found.limits.high,
        "conf_level": conf_level,
        "method": METHOD,
    }


def _notes(frame: pd.DataFrame, *, without_group: int) -> tuple[str, ...]:
    notes = [
        f"Status is known at assessments only; the bounds assume {CHANGES[frame['changes'].iloc[0]]}. "
        "Time after the last assessment may have been well or not. Other treatment given meanwhile "
        "changes nothing.",
        "Limits cover the mean wherever between the bounds it lies (Imbens and Manski 2004, with "
        "Student's t).",
    ]
    if frame[["conf_low", "conf_high"]].isna().any(axis=None):
        notes.append(
            "A limit is missing where a group has one subject, or its members do not differ."
        )
    if without_group:
        notes.append(f"{without_group} without a group are left out.")
    return tuple(notes)


def _check(table: pd.DataFrame, groups: Sequence[str]) -> None:
    source = "The table of time well"
    needed = ["usubjid", *_TIMES, *_NAMES, *groups]
    refuse(missing_columns(table, needed, table="well_time"), source=source)
    found = not_numbers(table, _TIMES, table="well_time")
    found += missing_values(table, ["usubjid", *_TIMES], table="well_time")
    found += duplicated_rows(
        table,
        ["usubjid"],
        table="well_time",
        what="a second row of one subject",
        remedy="Keep one row per subject, as derive_well_time makes them",
    )
    if not found:
        found += _out_of_order(table) + _mixed(table)
    kept = table.dropna(subset=list(groups)) if groups else table
    if kept.empty:
        found.append(
            problem(
                "empty",
                "well_time",
                "",
                [],
                "nobody is left to count",
                "Check the subjects and the groups",
            )
        )
    refuse(found, source=source)


def _out_of_order(table: pd.DataFrame) -> list[Problem]:
    low, high, visit = (table[name].astype(float) for name in _TIMES[:3])
    span = table["horizon"].astype(float) - table["start"].astype(float)
    slack = 1e-9 * span.abs()
    return flagged(
        (low < -slack)
        | (low > high + slack)
        | (high > span + slack)
        | (visit < -slack)
        | (visit > span + slack),
        "out_of_range",
        "well_time",
        "well_low, well_visit, well_high",
        "not between 0 and the whole time, or the least is more than the most",
        "Take the table from derive_well_time",
    )


def _mixed(table: pd.DataFrame) -> list[Problem]:
    mixed = [
        name for name in ("start", "horizon", *_NAMES) if table[name].nunique(dropna=False) > 1
    ]
    if not mixed:
        return []
    return [
        problem(
            "mixed",
            "well_time",
            ", ".join(mixed),
            [],
            "more than one value",
            "Estimate each horizon, endpoint and rule by itself",
        )
    ]


def _bounds_text(row: Mapping[Any, Any]) -> str:
    bounds = f"{row['days_low']:.1f} to {row['days_high']:.1f}"
    if pd.isna(row["conf_low"]) or pd.isna(row["conf_high"]):
        return bounds.replace(" ", _UNBROKEN)
    return f"{bounds} ({row['conf_low']:.1f} to {row['conf_high']:.1f})".replace(" ", _UNBROKEN)

"""Relief by dose number: the share reached by each dose, what early stopping may hide, and regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names, missing_columns, refuse
from ketastats.errors import UsageError, unknown_name
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    estimate_text,
    in_shared_words,
    level_text,
    percent,
    share_text,
    text,
)
from ketastats.stats.discrete_hazard import (
    Floats,
    hazard_by_dose,
    hazard_limits,
    share_by_dose,
    share_limits,
)
from ketastats.stats.followed_share import share_of_all
from ketastats.stats.intervals import Interval, check_level
from ketastats.summaries.dose_counts import (
    count_dose_intervals,
    dose_table_problems,
    nobody_at_risk,
    rows_that_inform,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OWN = (
    "endpoint",
    "rule",
    "group",
    "dose",
    "at_risk",
    "reached",
    "hazard",
    "hazard_low",
    "hazard_high",
    "estimate_high",
    "bound_low",
    "bound_high",
    "bound_conf_low",
    "bound_conf_high",
    "informed",
)
_SOURCE = "The table of relief by dose"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReliefByDose(TabularResult):
    """Share reached by each dose number, one row per group and dose."""

    def share_by(self, dose: int, group: str | None = None) -> ReliefByDose:
        """Return the one row of a dose (and group, by its label): the answer to "by dose 3"."""
        groups = list(self.frame["group"].drop_duplicates())
        if group is None and len(groups) > 1:
            raise UsageError(f"Name one of the groups: {', '.join(groups)}")
        if group is not None and group not in groups:
            raise unknown_name("group", group, groups)
        rows = self.frame[self.frame["group"].eq(groups[0] if group is None else group)]
        rows = rows[rows["dose"] == dose].reset_index(drop=True)
        if rows.empty:
            last = self.frame["dose"].max()
            raise UsageError(f"This answer has doses 1 to {last}; ask for more with up_to={dose}")
        return replace(self, frame=rows)

    def display(self) -> pd.DataFrame:
        """Return one row per group and dose, shares in per cent."""
        labels = {
            "group": "Group",
            "dose": "By dose",
            "at_risk": "At risk",
            "reached": "First seen with it",
        }
        shown = pd.DataFrame({title: self.frame[name].map(text) for name, title in labels.items()})
        if self.frame["group"].nunique() == 1 and self.frame["group"].iloc[0] == "all":
            shown = shown.drop(columns="Group")
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        rows = self.frame.to_dict("records")
        shown[f"Share by then % ({level} interval)"] = [
            estimate_text(row["estimate"], row["conf_low"], row["conf_high"], percent)
            for row in rows
        ]
        shown["If those who stopped had gone on, %"] = [
            f"{percent(row['bound_low'])} to {percent(row['bound_high'])}" for row in rows
        ]
        shown["By their reasons, %"] = [
            "–" if pd.isna(row["informed"]) else percent(row["informed"]) for row in rows
        ]
        return shown

    def plot(self, ax: Axes | None = None, *, threshold: float | None = None) -> Axes:
        """Draw the share by dose number with limits and bounds; `threshold` is a claimed share."""
        from ketastats.plots.dose_number import draw_dose_numbers

        label = f"Reached {self._endpoint()} (%)"
        return draw_dose_numbers(self.frame, ax, ylabel=label, threshold=threshold)

    def figure_text(self) -> str:
        """Return every share of the figure in words."""
        return ". ".join(self._sentence(row) for row in self.frame.to_dict("records")) + "."

    def __str__(self) -> str:
        last = self.frame.drop_duplicates("group", keep="last")
        return ". ".join(self._sentence(row) for row in last.to_dict("records"))

    def _sentence(self, row: dict[Any, Any]) -> str:
        group = "" if row["group"] == "all" else f"{row['group']}: "
        low, high = percent(row["bound_low"]), percent(row["bound_high"])
        if pd.isna(row["estimate"]):
            return (
                f"{group}nobody was at risk at dose {row['dose']}; the share that reached "
                f"{self._endpoint()} by then lies between {low} and {high}%"
            )
        said = f"{group}{share_text(row)} reached {self._endpoint()} by dose {row['dose']}"
        if low == high:
            return said
        return f"{said}; between {low} and {high}% whatever those who stopped early would have done"

    def _endpoint(self) -> str:
        return str(self.frame["endpoint"].iloc[0]).replace("_", " ")


def relief_by_dose(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
    up_to: int | None = None,
) -> ReliefByDose:
    """Estimate the share that reached an endpoint by each dose number, with bounds.

    Parameters
    ----------
    table : DataFrame, one row per subject
        From `derive_relief_by_dose`: `usubjid`, `dose_left`, `dose_right`, `n_doses`, `stopped`.
    by : str or sequence of str, optional
        Grouping columns; subjects in whom one is missing are in no group.
    conf_level : float, default 0.95
    up_to : int, optional
        Last dose number to report; by default the last at which anyone of the table was at risk.

    Returns
    -------
    ReliefByDose
        One row per group and dose number k. `n` counts the group's subjects; `at_risk`, `reached`
        and `hazard` (with likelihood-ratio limits) belong to dose k alone.

        `estimate` is the share reached by dose k if those who stopped are like those who went on
        (independent stopping), with likelihood-ratio limits. Where assessments were skipped, the
        likelihood says at which of several doses relief came; `reached` counts it at the dose at
        which it was seen, and `estimate_high` is the larger share where two are as likely.

        `bound_low` and `bound_high` hold whatever those who stopped early without relief would have
        had: the share among the others, with any share of those who stopped from none to all
        (`ketastats.stats.followed_share`). "course_end" is no early stop. `bound_conf_low` and
        `bound_conf_high` are limits that hold for both, each one-sided at (1 + conf_level) / 2. Both
        are widened to hold the estimate and its limits.

        `informed` takes "well" as reached by the dose after the last one given, "no_effect" as
        never, other reasons as independent.

        Beyond the last dose at which anyone of a group is at risk, the hazard, the estimate, its
        limits and `informed` (unless it is known there) are missing; the bounds are not.

    Raises
    ------
    UsageError
        If an option does not fit.
    DataError
        If the table has faults, or nobody of a group was assessed after a dose.

    References
    ----------
    Manski CF (2003). Partial Identification of Probability Distributions, chapters 1 and 2. See also
    `ketastats.stats.discrete_hazard`.
    """
    groups = column_names(by)
    counts = _counts(table, groups)
    check_level(conf_level)
    most = int(_last_known(counts))
    if up_to is not None and (up_to < 1 or up_to != int(up_to)):
        raise UsageError(f"up_to is a dose number of at least 1, not {up_to!r}")
    last = most if up_to is None else int(up_to)
    parts = list(counts.groupby(groups, sort=True)) if groups else [((), counts)]
    rows: list[dict[str, Any]] = []
    for key, part in parts:
        values = key if isinstance(key, tuple) else (key,)
        group = ", ".join(str(value) for value in values) or "all"
        for row in _rows(part, last, conf_level):
            term = f"dose {row['dose']}" if group == "all" else f"{group}, dose {row['dose']}"
            named = dict(zip(groups, values, strict=True)) | row | {"group": group, "term": term}
            rows.append(named | {"conf_level": conf_level})
    for row in rows:
        row.update(endpoint=_only(table, "endpoint", "relief"), rule=_only(table, "rule", ""))
    own = tuple(name for name in groups if name not in _OWN)
    frame = in_shared_words(rows, own=(*own, *_OWN))
    frame = frame.astype({"dose": "int64", "at_risk": "Int64", "reached": "Int64"})
    return ReliefByDose(frame, sources=sources_of(table), notes=_notes(counts, frame))


def _counts(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Check the table, and count its distinct intervals."""
    absent = missing_columns(table, groups, table="relief by dose")
    refuse(absent + dose_table_problems(table), source=_SOURCE)
    counts = count_dose_intervals(table, by=groups)
    if counts.empty or not groups:
        refuse(
            [] if rows_that_inform(counts).any() else [nobody_at_risk("the table")], source=_SOURCE
        )
        return counts
    anybody = rows_that_inform(counts).groupby([counts[name] for name in groups]).any()
    silent = [key for key, known in anybody.items() if not known]
    labels = [", ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in silent]
    refuse([nobody_at_risk(label) for label in labels], source=_SOURCE)
    return counts


def _last_known(counts: pd.DataFrame) -> float:
    """The last dose at which anyone is at risk."""
    right = counts["dose_right"].to_numpy()
    return float(max(counts["dose_left"].max(), right[np.isfinite(right)].max(initial=0.0)))


def _rows(counts: pd.DataFrame, last: int, conf_level: float) -> list[dict[str, Any]]:
    """One row per dose 1 to `last` of one group."""
    seen = counts["dose_left"].to_numpy(float), counts["dose_right"].to_numpy(float)
    weight, known = counts["n"].to_numpy(dtype=float), int(_last_known(counts))
    share = share_by_dose(*seen, weight, last)
    limits = share_limits(*seen, weight, last, conf_level=conf_level)
    at_risk, reached, hazard = hazard_by_dose(*seen, weight, last)
    rows = []
    for i, k in enumerate(range(1, last + 1)):
        row = {
            "dose": k,
            "at_risk": int(at_risk[i]),
            "reached": int(reached[i]),
            "hazard": hazard[i],
            "informed": _by_reason(counts, k),
            "n": int(weight.sum()),
            "method": "likelihood_ratio",
            **_whatever_they_had(counts, k, conf_level),
        }
        if not np.isnan(hazard[i]):
            within = hazard_limits(*seen, weight, k, conf_level=conf_level)
            row.update(hazard_low=within.low, hazard_high=within.high)
        if k <= known:
            row.update(estimate=share[0, i], estimate_high=share[1, i])
            row.update(conf_low=limits[0, i], conf_high=limits[1, i])
            _hold(row, share[:, i], limits[:, i])
        rows.append(row)
    return rows


def _stopped_before(counts: pd.DataFrame, dose: int) -> NDArray[np.bool_]:
    """Who stopped early and was not seen with relief, nor without it at this dose or later."""
    unseen = np.isinf(counts["dose_right"].to_numpy(float))
    early = (counts["stopped"] != "course_end").to_numpy(dtype=bool, na_value=True)
    return np.asarray(unseen & early & (counts["dose_left"].to_numpy(float) < dose))


def _whatever_they_had(counts: pd.DataFrame, dose: int, conf_level: float) -> dict[str, float]:
    """Bounds of the share of everybody, and limits that hold, whatever those who stopped had."""
    lost = _stopped_before(counts, dose)
    n_lost, n_followed = (float(counts.loc[part, "n"].sum()) for part in (lost, ~lost))
    part = counts[~lost]
    followed, limits = Interval(0.0, 1.0), Interval(0.0, 1.0)
    if rows_that_inform(part).any():
        bounds = part["dose_left"].to_numpy(float), part["dose_right"].to_numpy(float)
        weight = part["n"].to_numpy(float)
        followed = Interval(*share_by_dose(*bounds, weight, dose)[:, -1])
        limits = Interval(*share_limits(*bounds, weight, dose, conf_level=conf_level)[:, -1])
    found = share_of_all(
        followed, limits, n_followed=n_followed, n_lost=n_lost, conf_level=conf_level
    )
    return {
        "bound_low": found.low,
        "bound_high": found.high,
        "bound_conf_low": found.limits.low if n_lost else limits.low,
        "bound_conf_high": found.limits.high if n_lost else limits.high,
    }


def _hold(row: dict[str, Any], share: Floats, limits: Floats) -> None:
    """Widen the bounds to hold the estimate under independent stopping."""
    row["bound_low"] = min(row["bound_low"], share[0])
    row["bound_high"] = max(row["bound_high"], share[1])
    row["bound_conf_low"] = min(row["bound_conf_low"], limits[0])
    row["bound_conf_high"] = max(row["bound_conf_high"], limits[1])


def _by_reason(counts: pd.DataFrame, dose: int) -> float:
    """The share if those who stopped well reached it next, those without effect never did."""
    lost = _stopped_before(counts, dose)
    reason = counts["stopped"].to_numpy(dtype=object)
    well = lost & (reason == "well") & (counts["n_doses"].to_numpy(float) < dose)
    never = lost & (reason == "no_effect")
    rest = counts[~well & ~never]
    sizes = counts["n"].to_numpy(float)
    n_well, n_rest = sizes[well].sum(), float(rest["n"].sum())
    if n_rest == 0:
        return float(n_well / sizes.sum())
    if not rows_that_inform(rest).any() or dose > _last_known(rest):
        return nan
    bounds = rest["dose_left"].to_numpy(float), rest["dose_right"].to_numpy(float)
    share = share_by_dose(*bounds, rest["n"].to_numpy(float), dose)[0, -1]
    return float((n_rest * share + n_well) / sizes.sum())


def _only(table: pd.DataFrame, name: str, otherwise: str) -> str:
    """The words of a column that says the same in every row."""
    if name not in table.columns:
        return otherwise
    return " and ".join(sorted(table[name].dropna().astype(str).unique())) or otherwise


def _notes(counts: pd.DataFrame, frame: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    unseen = counts[np.isinf(counts["dose_right"])]
    early = unseen[unseen["stopped"] != "course_end"].groupby("stopped")["n"].sum()
    if len(early):
        why = ", ".join(f"{size} {str(word).replace('_', ' ')}" for word, size in early.items())
        notes.append(f"Stopped early without relief: {why}.")
    spans = counts[
        np.isfinite(counts["dose_right"]) & (counts["dose_right"] > counts["dose_left"] + 1)
    ]
    if len(spans):
        notes.append(
            f"{spans['n'].sum()} were not assessed in every period before relief was seen: it lies "
            "somewhere over several doses."
        )
    silent = int(counts.loc[~rows_that_inform(counts), "n"].sum())
    if silent:
        notes.append(
            f"{silent} have no known assessment after a dose and tell nothing of the estimate."
        )
    if (frame["estimate_high"] - frame["estimate"] > 1e-9).any():
        notes.append("Some shares are known only to lie between two values; the smaller is given.")
    return tuple(notes)

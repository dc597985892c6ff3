"""Mean number of recurrent events per subject by a horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names, refuse
from ketastats.checks.options import checked_level
from ketastats.endpoints.episodes import require_throughout
from ketastats.errors import Problem, UsageError, problem
from ketastats.models.at_risk_spans import checked_spans
from ketastats.models.exact_times import grouping
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    duration,
    estimate_text,
    in_shared_words,
    level_text,
    number,
)
from ketastats.stats.mean_cumulative import MeanCumulativeCount as Curve
from ketastats.stats.mean_cumulative import count_limits
from ketastats.stats.mean_cumulative import mean_cumulative_count as curve_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TABLE = "spans"
_METHODS = ("nelson_lawless_nadeau", "ghosh_lin")  # without and with a terminal event


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeanCumulativeCount(TabularResult):
    """Events per subject by `horizon` hours, one row per group, with robust standard errors."""

    steps: pd.DataFrame = field(kw_only=True)
    at_risk: pd.DataFrame = field(kw_only=True)

    def curves(self) -> pd.DataFrame:
        """Return the curves: `group`, `time` (hours), `estimate`, `std_error` and limits."""
        return self.steps.copy()

    def display(self) -> pd.DataFrame:
        """Return one row per group."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        return pd.DataFrame(
            {
                "Group": self.frame["term"].map(str),
                "Subjects": self.frame["n"].map(count),
                "Events": self.frame["events"].map(count),
                f"Mean number by {duration(self._horizon())} ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in self.frame.to_dict("records")
                ],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one rising step curve per group, with pointwise limits and the number at risk."""
        from ketastats.plots.step_curves import draw_step_curves

        return draw_step_curves(
            self.steps,
            ax,
            ylabel="Mean number of events per subject",
            at_risk=self.at_risk,
            as_percent=False,
            horizon=self._horizon(),
        )

    def figure_text(self) -> str:
        """Return where each curve ends, in words."""
        return f"Step curves rising from 0. {self}"

    def __str__(self) -> str:
        parts = []
        for row in self.frame.to_dict("records"):
            name = "" if row["term"] == "all" else f"{row['term']} "
            text = f"{name}{number(row['estimate'])}"
            if not pd.isna(row["conf_low"]):
                low, high = number(row["conf_low"]), number(row["conf_high"])
                text += f" ({level_text(row['conf_level'])} interval {low} to {high})"
            parts.append(text)
        return f"Mean number of events by {duration(self._horizon())}: {', '.join(parts)}"

    def _horizon(self) -> float:
        return float(self.frame["horizon"].iloc[0])


def mean_cumulative_count(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    horizon: float | None = None,
    terminal: str | None = None,
    conf_level: float = 0.95,
) -> MeanCumulativeCount:
    """Average how many events a subject has had by a horizon, whatever model the events follow.

    Parameters
    ----------
    table : DataFrame, one row per subject and span at risk (start, stop]
        `usubjid`, `start` and `stop` in hours, `event` (1 if it happened at `stop`). A gap between
        two spans of a subject is time in which it is not under observation. Spans of
        `derive_episodes` must be derived with ``at_risk="throughout"``.
    by : str or sequence of str, optional
        Grouping columns, one value per subject.
    horizon : float, optional
        Hours; by default the last time to which all groups are followed.
    terminal : str, optional
        A column with 1 in the subject's last span if a death (or whatever ends the course for good)
        came at its `stop`, else 0. Without it, every end is censoring: the mean is then that of a
        world in which nobody dies. The spans of a subject must then follow each other without gaps.
    conf_level : float, default 0.95
        Of the limits, which are normal on the log scale.

    Returns
    -------
    MeanCumulativeCount

    Raises
    ------
    UsageError, DataError
        If an option or the table does not fit, with all reasons at once.

    References
    ----------
    See `ketastats.stats.mean_cumulative`: Nelson's estimate with Lawless and Nadeau's variance, or
    Ghosh and Lin's with a terminal event.
    """
    conf_level = checked_level(conf_level)
    columns = column_names(by)
    marks = column_names(terminal)
    table = checked_spans(table, marks=marks, constant=columns)
    require_throughout(table, "a mean number per subject counts everybody followed")
    if terminal is not None:
        refuse(_terminal_problems(table, terminal), source="The table of spans at risk")
    groups = grouping(table, columns)
    curves = [_curve(table[groups.codes == c], terminal) for c in range(len(groups.labels))]
    end = _horizon(horizon, curves, groups.labels)
    rows, steps, at_risk = [], [], []
    for code, label in enumerate(groups.labels):
        here = table[groups.codes == code]
        row = _row(curves[code], here, end, conf_level)
        row |= {"term": label, "terminal": terminal, "method": _METHODS[terminal is not None]}
        rows.append({**groups.values[code], **row})
        steps.append(_steps(curves[code], label, conf_level))
        at_risk.append(_at_risk(here, label))
    frame = in_shared_words(rows, own=(*columns, "horizon", "terminal", "events"))
    return MeanCumulativeCount(
        frame,
        sources=sources_of(table),
        notes=_notes(terminal, rows),
        steps=pd.concat(steps, ignore_index=True),
        at_risk=pd.concat(at_risk, ignore_index=True),
    )


def _curve(table: pd.DataFrame, terminal: str | None) -> Curve:
    return curve_of(
        pd.factorize(table["usubjid"])[0],
        table["start"].to_numpy(dtype=float),
        table["stop"].to_numpy(dtype=float),
        table["event"].to_numpy(dtype=float),
        None if terminal is None else table[terminal].to_numpy(dtype=float),
    )


def _terminal_problems(table: pd.DataFrame, terminal: str) -> list[Problem]:
    subject = pd.factorize(table["usubjid"])[0]
    start, stop = (table[name].to_numpy(dtype=float) for name in ("start", "stop"))
    order = np.lexsort((start, subject))
    same = np.diff(subject[order]) == 0  # whether the next row is of the same subject
    ended = table[terminal].to_numpy(dtype=float)[order][:-1] == 1
    gap = start[order][1:] > stop[order][:-1] * (1 + 1e-9) + 1e-9
    found = []
    for bad, code, column, what, remedy in (
        (
            np.append(same & ended, False),
            "span_after_terminal",
            terminal,
            "1 before the subject's last span",
            "Nothing follows a terminal event: mark the last span, or use 0",
        ),
        (
            np.append(False, same & gap),
            "gap_between_spans",
            "start",
            "begins after the subject's previous span has ended",
            "With a terminal event a subject is at risk of it throughout: join the spans",
        ),
    ):
        rows = np.sort(order[bad])
        if rows.size:
            found.append(problem(code, _TABLE, column, rows, what, remedy))
    return found


def _horizon(horizon: float | None, curves: list[Curve], labels: tuple[str, ...]) -> float:
    longest = min(curve.last for curve in curves)
    if horizon is None:
        return longest
    if not isinstance(horizon, (int, float)) or not (isfinite(horizon) and horizon > 0):
        raise UsageError(f"horizon must be hours, finite and after 0, not {horizon!r}")
    short = [label for label, curve in zip(labels, curves, strict=True) if curve.last < horizon]
    if short:
        raise UsageError(
            f"Follow-up of {', '.join(short)} ends before the horizon of {horizon:g} h; all groups "
            f"are followed to {longest:g} h"
        )
    return float(horizon)


def _row(curve: Curve, table: pd.DataFrame, horizon: float, conf_level: float) -> dict[str, Any]:
    mean, variance = curve.at(horizon)
    low, high = count_limits([mean], [variance], conf_level=conf_level)
    return {
        "horizon": horizon,
        "events": int(((table["event"] == 1) & (table["stop"] <= horizon)).sum()),
        "n": curve.n,
        "estimate": mean,
        "std_error": sqrt(variance) if variance > 0 else nan,
        "conf_low": float(low[0]),
        "conf_high": float(high[0]),
        "conf_level": conf_level,
    }


def _steps(curve: Curve, label: str, conf_level: float) -> pd.DataFrame:
    """Tidy table of one curve from 0 to the end of follow-up."""
    mean, variance = (
        np.concatenate([[0.0], values, values[-1:] if values.size else [0.0]])
        for values in (curve.mean, curve.variance)
    )
    low, high = count_limits(mean, variance, conf_level=conf_level)
    return pd.DataFrame(
        {
            "group": label,
            "time": np.concatenate([[0.0], curve.times, [curve.last]]),
            "estimate": mean,
            "std_error": np.sqrt(variance),
            "conf_low": low,
            "conf_high": high,
        }
    )


def _at_risk(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """How many are at risk just before each time at which the number changes."""
    start, stop = (np.sort(table[name].to_numpy(dtype=float)) for name in ("start", "stop"))
    times = np.unique(np.concatenate([start[start > 0], stop]))
    entered = np.searchsorted(start, times, side="left")
    gone = np.searchsorted(stop, times, side="left")
    return pd.DataFrame({"group": label, "time": times, "at_risk": entered - gone})


def _notes(terminal: str | None, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    notes = []
    if terminal is not None:
        notes.append(
            f"{terminal} ends a course for good: the mean counts the events that happened before it."
        )
    none = [str(row["term"]) for row in rows if row["estimate"] == 0]
    if none:
        notes.append(
            f"{', '.join(none)}: no events by the horizon, so the mean of 0 has no limits."
        )
    return tuple(notes)

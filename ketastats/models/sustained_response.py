"""The share of subjects in sustained response at a horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names, missing_columns, refuse
from ketastats.endpoints.assessments import followed_subjects
from ketastats.endpoints.course import derive_status, status_rule
from ketastats.errors import UsageError, problem, unknown_name
from ketastats.models.response_rate import METHODS
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    display_estimates,
    in_shared_words,
    level_text,
    percent,
    share_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

MISSING = {
    "error": "a subject whose sustained response is not known is an error",
    "non_response": "everybody counts, an unknown sustained response as not sustained",
    "observed": "only those assessed near the start and near the horizon count",
    "bounds": "both extremes are given: none, and all, of those not known were in sustained response",
}
"""What it can mean that a subject was not followed to the horizon, in words for a report."""

ENROLLED, AT_START = "enrolled", "at_start"
"""Of whom the share is taken: of everybody, or of those seen in response at the start."""

_EXTREMES = {"low": "at least", "high": "at most"}
_DAY = 24.0  # hours


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SustainedResponse(TabularResult):
    """Shares in sustained response, of all enrolled and of those in response at the start.

    One row per group and denominator (`of`); with ``missing="bounds"`` two, whose `bound` is "low"
    and "high".
    """

    def display(self) -> pd.DataFrame:
        """Return one row per group, denominator and bound, shares in per cent."""
        labels = {"term": "Of whom", "rule": "Rule", "missing": "Missing means"}
        return display_estimates(self.frame, heading="Share", as_percent=True, labels=labels)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one interval per row."""
        from ketastats.plots.forest import draw_forest

        return draw_forest(self.frame, ax, xlabel=f"{self._what()} (%)", as_percent=True)

    def __str__(self) -> str:
        rows = self.frame.to_dict("records")
        highest = {row["term"].rpartition(", ")[0]: row for row in rows if row["bound"] == "high"}
        parts = []
        for row in rows:
            if row["bound"] == "low":
                name = row["term"].rpartition(", ")[0]
                parts.append(f"{name}: {_extremes_text(row, highest[name])}")
            elif not row["bound"]:
                parts.append(f"{row['term']}: {_one_text(row)}")
        return f"{self._what()}: {'; '.join(parts)}"

    def _what(self) -> str:
        row = self.frame.iloc[0]
        name = str(row["endpoint"]).replace("_", " ")
        first, last = _day(_DAY * row["start_day"]), _day(_DAY * row["horizon_day"])
        return f"Sustained {name}, day {first} to day {last}"


def sustained_response(
    scores: pd.DataFrame,
    *,
    horizon: float,
    start: float,
    subjects: pd.DataFrame,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    missing: str = "error",
    tolerance: tuple[float, float] = (168.0, 168.0),
    by: str | Sequence[str] | None = None,
    method: str = "wilson",
    conf_level: float = 0.95,
) -> SustainedResponse:
    """Estimate the share in response at the start and at every later assessment up to the horizon.

    The definition is that of ``sustained_response`` in the registry of endpoints: present at a named
    visit and at every later named visit. The visit at the start (and at the horizon) is the known
    assessment nearest to it within `tolerance`, the earlier on a tie. Every known assessment between
    the two counts. One at which the endpoint was not met decides that it was not sustained, however
    long the subject was followed; otherwise a subject without an assessment near the start or the
    horizon is missing. Medicines taken meanwhile change nothing (treatment policy); after a death or
    a drop-out there are no assessments, and `missing` says what that means.

    Parameters
    ----------
    scores, endpoint, rule, instrument
        As for `ketastats.endpoints.course.derive_status`. Not modified.
    horizon, start : float
        Hours since the first dose, ``0 < start < horizon``; `start` is mostly the end of treatment.
    subjects : DataFrame, one row per subject
        Everybody enrolled (or randomised).
    missing : "error", "non_response", "observed" or "bounds"
        What an unknown sustained response means (`MISSING`).
    tolerance : (float, float), default (168, 168)
        Hours before and after: how far from the start, and from the horizon, an assessment may lie.
    by : str or sequence of str, optional
        Grouping columns of `subjects`.
    method : str, default "wilson"
        A key of `ketastats.models.response_rate.METHODS`.
    conf_level : float, default 0.95

    Returns
    -------
    SustainedResponse
        Rows for all enrolled (`of` = "enrolled") and for those seen in response at the start
        ("at_start"). Under "bounds" the outer limits of the two rows together cover every value
        between the extremes with at least `conf_level`. Where nobody was in response at the start,
        that row has n = 0, and its estimate and limits are missing.

    Raises
    ------
    UsageError
        If an option does not fit, or if in some group nobody was assessed near the start, or near
        the horizon: the share is then not testable, and the message names the longest follow-up.
    DataError
        If a table cannot be used, or a value is missing under "error".
    """
    groups = column_names(by)
    _check_options(start, horizon, tolerance, missing, method)
    refuse(missing_columns(subjects, groups, table="subjects"), source="The table of subjects")
    one = status_rule(scores, endpoint, rule=rule, instrument=instrument)
    known = derive_status(
        scores, endpoint=endpoint, rule=rule, instrument=instrument, subjects=subjects
    )
    people = followed_subjects(scores, subjects)
    table = _sustained(known, pd.Index(people["usubjid"]), start, horizon, tolerance)
    table = people[groups].join(table)
    if groups:
        table = table.dropna(subset=groups)
    _check_followed(table, groups, start, horizon, tolerance)
    if missing == "error":
        _refuse_missing(table)
    described = {
        "endpoint": endpoint,
        "rule": one.label,
        "start_day": start / _DAY,
        "horizon_day": horizon / _DAY,
        "missing": missing,
        "conf_level": conf_level,
        "method": method,
    }
    rows = _rows(table, groups, described)
    own = (
        *groups,
        "endpoint",
        "rule",
        "start_day",
        "horizon_day",
        "of",
        "missing",
        "bound",
        "successes",
        "n_missing",
    )
    frame = in_shared_words(rows, own=own)
    notes = _notes(frame, missing, tolerance, without_group=len(subjects) - len(table))
    return SustainedResponse(frame, sources=sources_of(scores), notes=notes)


def _sustained(
    known: pd.DataFrame,
    people: pd.Index,
    start: float,
    horizon: float,
    tolerance: tuple[float, float],
) -> pd.DataFrame:
    """One row per subject: status at the start, sustained or not, and how long followed."""
    later = known[known["afrlt"].to_numpy(dtype=float) > 0]
    subject = people.get_indexer(pd.Index(later["usubjid"]))
    time, met = later["afrlt"].to_numpy(dtype=float), later["met"].to_numpy(dtype=bool)
    n = len(people)
    begin = _nearest(subject, time, start, tolerance, n)
    end = _nearest(subject, time, horizon, tolerance, n)
    first, final = _taken(time, begin, start), _taken(time, end, horizon)
    within = (time >= first[subject]) & (time <= final[subject])
    failed = np.bincount(subject[within & ~met], minlength=n) > 0
    last = np.full(n, -np.inf)
    np.maximum.at(last, subject, time)
    table = pd.DataFrame(
        {
            "at_start": _taken(met, begin, absent=False),
            "sustained": pd.array(~failed, dtype="boolean"),
            "near_start": begin >= 0,
            "near_horizon": end >= 0,
            "last": last,
        }
    )
    followed = table["near_start"] & table["near_horizon"]
    return table.assign(sustained=table["sustained"].where(failed | followed))


def _nearest(
    subject: NDArray[np.intp],
    time: Floats,
    target: float,
    tolerance: tuple[float, float],
    n: int,
) -> NDArray[np.intp]:
    """Position of each subject's assessment nearest to the target; -1 without one within reach."""
    inside = np.flatnonzero((time >= target - tolerance[0]) & (time <= target + tolerance[1]))
    order = inside[np.lexsort((time[inside], np.abs(time[inside] - target), subject[inside]))]
    who, first = np.unique(subject[order], return_index=True)
    found = np.full(n, -1, dtype=np.intp)
    found[who] = order[first]
    return found


def _taken(values: NDArray[Any], position: NDArray[np.intp], absent: Any) -> NDArray[Any]:
    """The values at these positions; `absent` at position -1."""
    return np.append(values, absent)[position]


def _rows(table: pd.DataFrame, groups: list[str], shared: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for key, part in list(table.groupby(groups, sort=True)) if groups else [((), table)]:
        names = dict(zip(groups, key if isinstance(key, tuple) else (key,), strict=True))
        group = ", ".join(str(value) for value in names.values())
        prefix = f"{group}, " if group else ""
        condition = str(shared["endpoint"]).replace("_", " ")
        for of, counted, words in (
            (ENROLLED, part, "all enrolled"),
            (
                AT_START,
                part[part["at_start"]],
                f"in {condition} on day {_day(_DAY * shared['start_day'])}",
            ),
        ):
            rows += [
                {**names, **row, "of": of, "term": prefix + words + row["term"], **shared}
                for row in _shares(counted, shared)
            ]
    return rows


def _shares(table: pd.DataFrame, shared: dict[str, Any]) -> list[dict[str, Any]]:
    """One share, or the two extremes."""
    missing = shared["missing"]
    if missing == "observed":
        table = table[table["near_start"] & table["near_horizon"]]
    n, unknown = len(table), int(table["sustained"].isna().sum())
    yes = int(table["sustained"].sum())
    if missing != "bounds":
        return [_share(yes, n, shared) | {"n_missing": unknown, "bound": "", "term": ""}]
    return [
        _share(successes, n, shared)
        | {"n_missing": unknown, "bound": bound, "term": f", {_EXTREMES[bound]}"}
        for bound, successes in (("low", yes), ("high", yes + unknown))
    ]


def _share(successes: int, n: int, shared: dict[str, Any]) -> dict[str, Any]:
    if n == 0:
        return {"successes": 0, "n": 0}
    low, high = METHODS[shared["method"]](successes, n, conf_level=shared["conf_level"])
    return {
        "successes": successes,
        "n": n,
        "estimate": successes / n,
        "conf_low": low,
        "conf_high": high,
    }


def _notes(
    frame: pd.DataFrame, missing: str, tolerance: tuple[float, float], *, without_group: int
) -> tuple[str, ...]:
    notes = [
        "In response at the assessment nearest to the start and at every later known one up to that "
        f"nearest to the horizon; nearest means at most {_days(tolerance[0])} before or "
        f"{_days(tolerance[1])} after. Other treatment given meanwhile changes nothing.",
    ]
    once = (frame["of"] == ENROLLED) & (frame["bound"] != "high")
    unknown = int(frame.loc[once, "n_missing"].sum())
    if unknown:
        notes.append(
            f"{unknown} have no assessment near the start or near the horizon and were not seen to "
            f"fail: {MISSING[missing]}."
        )
    if missing == "observed":
        notes.append(f"Missing: {MISSING[missing]}.")
    if (frame["n"] == 0).any():
        notes.append("A share of nobody does not exist and is left empty.")
    if without_group:
        notes.append(f"{without_group} without a group are left out.")
    return tuple(notes)


def _check_options(
    start: float, horizon: float, tolerance: tuple[float, float], missing: str, method: str
) -> None:
    if missing not in MISSING:
        raise unknown_name("meaning of missing", missing, MISSING)
    if method not in METHODS:
        raise unknown_name("interval method", method, METHODS)
    if not (np.isfinite(start) and np.isfinite(horizon) and 0 < start < horizon):
        raise UsageError(f"0 < start < horizon must hold (hours), not {start:g} and {horizon:g}")
    if len(tolerance) != 2 or not all(np.isfinite(edge) and edge >= 0 for edge in tolerance):
        raise UsageError("tolerance is two numbers of hours, before and after, each 0 or more")
    if start + tolerance[1] >= horizon - tolerance[0]:
        raise UsageError(
            "One assessment could be near the start and near the horizon: make tolerance smaller"
        )


def _check_followed(
    table: pd.DataFrame,
    groups: list[str],
    start: float,
    horizon: float,
    tolerance: tuple[float, float],
) -> None:
    """Refuse groups of which nobody was seen near the start or the horizon."""
    if table.empty:
        refuse(
            [
                problem(
                    "empty",
                    "subjects",
                    "",
                    [],
                    "nobody is left to count",
                    "Check the subjects and the groups",
                )
            ],
            source="The table of subjects",
        )
    failures = []
    for key, part in list(table.groupby(groups, sort=True)) if groups else [((), table)]:
        group = f"In {', '.join(map(str, key))} nobody" if groups else "Nobody"
        last = part["last"].max()
        longest = (
            f"the longest follow-up is {_days(last)}" if last > 0 else "nobody has a known status"
        )
        for near, name, target in (
            ("near_start", "start", start),
            ("near_horizon", "horizon", horizon),
        ):
            if not part[near].any():
                failures.append(
                    f"{group} was assessed within {_days(tolerance[0])} before or "
                    f"{_days(tolerance[1])} after the {name}, day {_day(target)}: {longest}"
                )
    if failures:
        raise UsageError(
            f"A share in sustained response is not testable here. {'. '.join(failures)}. Choose "
            "times within the follow-up, or a wider tolerance"
        )


def _refuse_missing(table: pd.DataFrame) -> None:
    unknown = table.index[table["sustained"].isna()]
    if len(unknown):
        found = problem(
            "missing_value",
            "subjects",
            "",
            unknown,
            "not assessed near the start or near the horizon, and not seen to fail before",
            'Say what missing means: missing="non_response", "observed" or "bounds"',
        )
        refuse([found], source="The table of subjects")


def _one_text(row: Mapping[Any, Any]) -> str:
    if row["n"] == 0:
        return "nobody to count"
    return share_text(row, also=f"{row['successes']} of {row['n']}")


def _extremes_text(low: Mapping[Any, Any], high: Mapping[Any, Any]) -> str:
    if low["successes"] == high["successes"]:
        return _one_text(low)
    limits = f"{percent(low['conf_low'])} to {percent(high['conf_high'])}"
    return (
        f"between {percent(low['estimate'])}% and {percent(high['estimate'])}% "
        f"({level_text(low['conf_level'])} limits {limits}; {low['successes']} to {high['successes']} of "
        f"{low['n']})"
    )


def _day(hours: float) -> str:
    return f"{round(hours / _DAY, 1):g}"


def _days(hours: float) -> str:
    return f"{_day(hours)} days"

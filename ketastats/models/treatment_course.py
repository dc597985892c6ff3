"""The course of treatment, subject by subject in the figure and counted in the table."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import refuse, require_columns
from ketastats.checks.identity import orphans
from ketastats.cohort.cohort import PRIVATE_REFUSED, PUBLISHING, Cohort
from ketastats.endpoints.assessments import followed_subjects
from ketastats.endpoints.course import (
    MET,
    NOT_MET,
    UNKNOWN,
    derive_milestones,
    derive_spans,
    derive_status,
    status_rule,
)
from ketastats.errors import PrivacyError, UsageError, problem
from ketastats.results import TabularResult, in_shared_words, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDED = "ended"
"""Status of a subject whose record ended before the day."""

_DAY = 24.0  # hours
_STEPS = (1, 2, 7, 14, 28, 84, 168, 364)  # days between the rows of the table
_ROWS = 13
_CONDITIONS = {
    "response": "response",
    "partial_response": "partial response",
    "remission": "remission",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TreatmentCourse(TabularResult):
    """How many were in which status on which day; the figure has a lane per subject.

    The table holds counts only, never a row about one subject. `lanes`, `spans` and `marks` are what
    the figure draws, by number of lane, without subject ids.
    """

    name: str = field(kw_only=True)
    provenance: str = field(kw_only=True)
    lanes: pd.DataFrame = field(kw_only=True)
    spans: pd.DataFrame = field(kw_only=True)
    marks: pd.DataFrame = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per day, one column per status, as counts and per cent of everybody."""
        labels = self._labels()
        rows = self.frame[self.frame["kind"] == "status"]
        cells = rows.assign(
            cell=[f"{row['count']} ({percent(row['estimate'])}%)" for _, row in rows.iterrows()]
        )
        wide = cells.pivot(index="day", columns="status", values="cell")
        shown = wide[[MET, NOT_MET, UNKNOWN, ENDED]].rename(columns=labels)
        shown.insert(0, "Day", [f"{day:g}" for day in shown.index])
        return shown.reset_index(drop=True).rename_axis(columns=None)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one lane per subject; refused where a private cohort's report is being published."""
        from ketastats.plots.swimmer import draw_swimmer

        _refuse_private(self.provenance)
        return draw_swimmer(self.lanes, self.spans, self.marks, ax, labels=self._labels())

    def figure_text(self) -> str:
        """Return the totals behind the figure; no subject is described."""
        n = int(self.frame["n"].iloc[0])
        drawn = f"{len(self.lanes)} of {n} subjects" if len(self.lanes) < n else f"{n} subjects"
        events = self.frame[self.frame["kind"] == "event"]
        parts = [f"{row['term'].lower()} {row['count']}" for row in events.to_dict("records")]
        return (
            f"Swimmer plot with one lane for each of {drawn}, longest record first: status, doses "
            f"and events over time. Subjects with each event: {', '.join(parts)}. {self._at_the_end()}"
        )

    def __str__(self) -> str:
        events = self.frame[self.frame["kind"] == "event"].set_index("status")
        what = self._labels()["reached"].lower()
        return (
            f"Course of treatment in {self.name}: {self.frame['n'].iloc[0]} subjects, "
            f"{events['marks']['dose']} doses, {what} in {events['count']['reached']}"
        )

    def _at_the_end(self) -> str:
        rows = self.frame[self.frame["kind"] == "status"]
        last = rows[rows["day"] == rows["day"].max()].set_index("status")
        labels = self._labels()
        parts = [f"{last['count'][code]} {labels[code].lower()}" for code in last.index]
        return f"On day {last['day'].iloc[0]:g}: {', '.join(parts)}."

    def _labels(self) -> dict[str, str]:
        return _labels(str(self.frame["endpoint"].iloc[0]))


def treatment_course(
    cohort: Cohort,
    *,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    max_subjects: int = 40,
) -> TreatmentCourse:
    """Lay out each subject's doses, status and events over time, and count them.

    Between two assessments of one status that status is taken to hold; between two of different
    status, and after the last, it is unknown (`ketastats.endpoints.course.derive_spans`). A record
    ends at the end of follow-up (`eosafrlt`), or at the last dose, score or rescue medicine if that
    is later. Marks stand where something was seen: "loss first seen" is the first assessment at
    which the endpoint was no longer met, which is not yet a relapse by a relapse rule. A drop-out
    (`eosstt` DISCONTINUED) or death (`dcsreas` DEATH) is marked at `eosafrlt`, or at the end of the
    record if that is missing. Rescue medicine is `cmcat` RESCUE in the medications.

    Parameters
    ----------
    cohort : Cohort
    endpoint, rule, instrument
        As for `ketastats.endpoints.course.derive_status`.
    subjects : DataFrame, optional
        Only these subjects of the cohort (one row per subject; only `usubjid` is read).
    max_subjects : int, default 40
        At most this many lanes. Of more subjects, evenly spaced ones in the order of the length of
        their records are drawn; the table counts all of them.

    Returns
    -------
    TreatmentCourse

    Raises
    ------
    UsageError, DataError
        If an option or a table does not fit.
    PrivacyError
        If the cohort is private and what is made of it is being published.
    """
    _require_cohort(cohort)
    _refuse_private(cohort.provenance)
    if max_subjects < 1:
        raise UsageError(f"max_subjects must be at least 1, not {max_subjects}")
    people = cohort.subjects if subjects is None else _known_subjects(subjects, cohort)
    ids = pd.Index(people["usubjid"], name="usubjid", dtype=object)
    status, label = _status(cohort, people, endpoint, rule, instrument)
    ends = _ends(cohort, ids)
    spans = derive_spans(status, ends)
    marks = _marks(cohort, status, ends)
    frame = in_shared_words(
        _status_rows(status, spans, ends, endpoint, label)
        + _event_rows(marks, ends, endpoint, label),
        own=("kind", "day", "status", "count", "marks", "endpoint", "rule"),
    ).astype({"day": "float64", "count": "Int64", "marks": "Int64"})
    lane_of = _lanes(ends, marks, max_subjects)
    return TreatmentCourse(
        frame,
        name=cohort.name,
        provenance=cohort.provenance,
        lanes=pd.DataFrame({"lane": np.arange(1, len(lane_of) + 1)}),
        spans=_on_lanes(spans, lane_of),
        marks=_on_lanes(marks, lane_of),
        sources=cohort.sources,
        notes=_notes(len(lane_of), len(ids)),
    )


def _require_cohort(given: object) -> None:
    if not isinstance(given, Cohort):
        raise UsageError(
            f"treatment_course takes a whole Cohort, not {type(given).__name__}: pass the cohort "
            "itself, not one of its tables"
        )


def _known_subjects(subjects: pd.DataFrame, cohort: Cohort) -> pd.DataFrame:
    require_columns(subjects, ["usubjid"], table="subjects")
    found = orphans(subjects, cohort.subjects, table="subjects")
    if subjects.empty:
        found += [problem("empty", "subjects", "", [], "no rows", "Give at least one subject")]
    refuse(found, source="The table of subjects")
    return followed_subjects(cohort.scores.iloc[:0], subjects)


def _refuse_private(provenance: str) -> None:
    if provenance == "private" and os.environ.get(PUBLISHING):
        raise PrivacyError(PRIVATE_REFUSED)


def _status(
    cohort: Cohort,
    people: pd.DataFrame,
    endpoint: str,
    rule: str | None,
    instrument: str | None,
) -> tuple[pd.DataFrame, str]:
    """Known status, and the rule's label; a cohort without scores has neither."""
    scores = cohort.scores
    if scores.empty and rule is None and instrument is None:
        none = pd.DataFrame({"usubjid": pd.Series(dtype=object), "afrlt": np.zeros(0)})
        return none.assign(met=np.zeros(0, dtype=bool)), ""
    one = status_rule(scores, endpoint, rule=rule, instrument=instrument)
    own = scores[scores["usubjid"].isin(people["usubjid"])]
    return derive_status(own, endpoint=endpoint, rule=one.id, subjects=people), one.label


def _ends(cohort: Cohort, ids: pd.Index) -> pd.Series:
    """The last hour of each subject's record, 0 or later."""
    parts = [
        cohort.doses[["usubjid", "afrlt"]],
        cohort.scores[["usubjid", "afrlt"]],
        _rescue(cohort),
    ]
    if "eosafrlt" in cohort.subjects.columns:
        parts.append(cohort.subjects[["usubjid", "eosafrlt"]].rename(columns={"eosafrlt": "afrlt"}))
    every = pd.concat(parts, ignore_index=True).astype({"usubjid": object, "afrlt": float})
    latest = every.groupby("usubjid")["afrlt"].max().reindex(ids)
    return latest.fillna(0.0).clip(lower=0.0)


def _rescue(cohort: Cohort) -> pd.DataFrame:
    given = cohort.medications
    if not {"cmcat", "cmstrlt"} <= set(given.columns):
        return pd.DataFrame({"usubjid": pd.Series(dtype=object), "afrlt": np.zeros(0)})
    rescue = (given["cmcat"] == "RESCUE").to_numpy(bool, na_value=False)
    since = (given["cmstrlt"] >= 0).to_numpy()
    return given.loc[rescue & since, ["usubjid", "cmstrlt"]].rename(columns={"cmstrlt": "afrlt"})


def _marks(cohort: Cohort, status: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    doses = cohort.doses[["usubjid", "afrlt"]].assign(kind="dose")
    every = [
        doses,
        derive_milestones(status),
        _rescue(cohort).assign(kind="rescue"),
        _departures(cohort.subjects, ends),
    ]
    marks = pd.concat([part.astype({"usubjid": object}) for part in every], ignore_index=True)
    kept = marks[marks["usubjid"].isin(ends.index) & (marks["afrlt"] >= 0)]
    return kept[["usubjid", "kind", "afrlt"]].reset_index(drop=True)


def _departures(subjects: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """Drop-outs and deaths; a death is not a drop-out too."""

    def words(name: str) -> pd.Series:
        if name not in subjects.columns:
            return pd.Series("", index=subjects.index)
        return subjects[name].astype("string").str.strip().str.casefold().fillna("")

    dead, left = words("dcsreas") == "death", words("eosstt") == "discontinued"
    when = subjects["usubjid"].map(ends).to_numpy(dtype=float)
    if "eosafrlt" in subjects.columns:
        told = subjects["eosafrlt"].to_numpy(dtype=float, na_value=np.nan)
        when = np.where(np.isnan(told), when, told)
    kind = np.where(dead, "death", np.where(left, "dropout", ""))
    table = pd.DataFrame({"usubjid": subjects["usubjid"], "kind": kind, "afrlt": when})
    gone: pd.DataFrame = table[kind != ""]
    return gone


def _lanes(ends: pd.Series, marks: pd.DataFrame, max_subjects: int) -> pd.Series:
    """Lane of each subject drawn: longest record first, then earliest met."""
    reached = marks[marks["kind"] == "reached"].set_index("usubjid")["afrlt"]
    order = pd.DataFrame({"end": ends, "reached": reached.reindex(ends.index)})
    order = order.sort_values(
        ["end", "reached"], ascending=[False, True], kind="stable", na_position="last"
    )
    if len(order) > max_subjects:
        every = np.linspace(0, len(order) - 1, max_subjects).round().astype(int)
        order = order.iloc[np.unique(every)]
    return pd.Series(np.arange(1, len(order) + 1), index=order.index)


def _on_lanes(table: pd.DataFrame, lane_of: pd.Series) -> pd.DataFrame:
    drawn = table[table["usubjid"].isin(lane_of.index)]
    numbered = drawn.assign(lane=drawn["usubjid"].map(lane_of).astype(int))
    return numbered.drop(columns="usubjid").reset_index(drop=True)


def _status_rows(
    status: pd.DataFrame, spans: pd.DataFrame, ends: pd.Series, endpoint: str, label: str
) -> list[dict[str, Any]]:
    """Count who was in which status on a grid of days."""
    labels = _labels(endpoint)
    rows = []
    for day in _grid(float(ends.max()) / _DAY):
        hour = _DAY * day
        now = pd.Series(UNKNOWN, index=ends.index).mask(ends < hour, ENDED)
        holds = spans[(spans["start"] <= hour) & (hour < spans["end"])]
        now[holds["usubjid"]] = holds["status"].to_numpy()
        seen = status[status["afrlt"] == hour]
        now[seen["usubjid"]] = np.where(seen["met"], MET, NOT_MET)
        counts = now.value_counts()
        rows += [
            {
                "kind": "status",
                "day": float(day),
                "status": code,
                "count": int(counts.get(code, 0)),
                "term": f"Day {day}: {labels[code].lower()}",
                "n": len(ends),
                "estimate": int(counts.get(code, 0)) / len(ends),
                "endpoint": endpoint,
                "rule": label,
                "method": "share",
            }
            for code in (MET, NOT_MET, UNKNOWN, ENDED)
        ]
    return rows


def _event_rows(
    marks: pd.DataFrame, ends: pd.Series, endpoint: str, label: str
) -> list[dict[str, Any]]:
    """Count subjects with each kind of event, and the events."""
    labels = _labels(endpoint)
    rows = []
    for kind in ("dose", "reached", "lost", "rescue", "dropout", "death"):
        found = marks[marks["kind"] == kind]
        rows.append(
            {
                "kind": "event",
                "status": kind,
                "count": found["usubjid"].nunique(),
                "marks": len(found),
                "term": labels[kind],
                "n": len(ends),
                "estimate": found["usubjid"].nunique() / len(ends),
                "endpoint": endpoint,
                "rule": label,
                "method": "share",
            }
        )
    return rows


def _grid(last: float) -> list[int]:
    """Whole days from 0 to the last, in steps that keep the table short."""
    step = next((days for days in _STEPS if last / days < _ROWS), ceil(last / (_ROWS - 1)))
    return list(range(0, int(last) + 1, step))


def _labels(endpoint: str) -> dict[str, str]:
    condition = _CONDITIONS.get(endpoint)
    name = endpoint.replace("_", " ").capitalize()
    return {
        MET: f"In {condition}" if condition else f"{name}",
        NOT_MET: f"Not in {condition}" if condition else f"No {name.lower()}",
        UNKNOWN: "Status not known",
        ENDED: "Record ended",
        "dose": "Dose",
        "reached": f"{name} first seen",
        "lost": f"Loss of {name.lower()} first seen",
        "rescue": "Rescue medicine",
        "dropout": "Dropped out",
        "death": "Died",
    }


def _notes(n_drawn: int, n: int) -> tuple[str, ...]:
    notes = [
        "Status is known at assessments only: between two of one status it is taken to hold, between "
        "two of different status and after the last it is not known.",
    ]
    if n_drawn < n:
        notes.append(
            f"The figure draws {n_drawn} of {n} subjects, evenly spaced by length of record; the "
            "table counts all."
        )
    return tuple(notes)

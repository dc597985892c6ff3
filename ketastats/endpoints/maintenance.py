"""Doses after the first series: as further series, or as recurrent events."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_values, not_numbers, refuse, require_columns
from ketastats.checks.identity import duplicated_rows, require_one_period
from ketastats.checks.intervals import CENSORED
from ketastats.checks.positions import flagged
from ketastats.endpoints.assessments import Floats, Whole
from ketastats.endpoints.event_spans import (
    SPAN_COLUMNS,
    cut_follow_up,
    require_free_names,
    with_subject_columns,
)
from ketastats.endpoints.intercurrent_events import end_of_follow_up
from ketastats.errors import DataError, Problem, UsageError, problem, unknown_name
from ketastats.provenance import sources_of, with_sources

SERIES_GAP = 168.0
"""Hours: doses at most a week apart belong to one series."""

KINDS = ("dose", "series")
"""What `derive_maintenance_doses` can count."""

ORIGINS = ("series_end", "first_dose")
"""Where its time 0 lies."""

_SLACK = 1e-9  # hours; a gap of 7 days is 7 days whatever binary fractions make of it


def first_series(doses: pd.DataFrame, *, gap: float = SERIES_GAP) -> pd.DataFrame:
    """The first series of each subject; a single dose is a series of one.

    Parameters
    ----------
    doses : DataFrame, one row per administration
        Needs `usubjid` and `afrlt` (hours since the first dose), in any order; of one treatment and
        one period of a crossover. Not modified.
    gap : float, default 168
        Most hours between two doses of one series, included. Weekly doses whose dates slip need more.

    Returns
    -------
    DataFrame, one row per subject with a dose, sorted by `usubjid`
        `usubjid`, `start`, `end` (hours of the first and last dose) and `n_doses`.

    Raises
    ------
    UsageError, DataError
        If `gap` is no number of hours, the doses are of several periods, or a dose has no subject,
        no time, or the time of another dose of the subject.
    """
    return _series(doses, gap).query("number == 0").drop(columns="number").reset_index(drop=True)


def second_series(doses: pd.DataFrame, *, gap: float = SERIES_GAP) -> pd.DataFrame:
    """The next series of two or more doses after the first, of those subjects who had one.

    A dose on its own, further than `gap` from the doses around it, is a maintenance dose and no
    series. Parameters, columns, order and errors as for `first_series`.
    """
    later = _series(doses, gap).query("number > 0 and n_doses > 1")
    return later.drop_duplicates("usubjid").drop(columns="number").reset_index(drop=True)


def derive_maintenance_doses(
    doses: pd.DataFrame,
    *,
    subjects: pd.DataFrame,
    gap: float = SERIES_GAP,
    kind: str = "dose",
    origin: str = "series_end",
    dropout: str = "censor",
    death: str | None = None,
) -> pd.DataFrame:
    """Derive spans at risk of a dose after the first series, for models of recurrent events.

    A subject is at risk from the end of its first series to the end of its follow-up. Dose times are
    exact, so these are ordinary recurrent events; no assessment is involved.

    Parameters
    ----------
    doses : DataFrame, one row per administration
        As for `first_series`. Choose the rows of one treatment. Not modified, nor is `subjects`.
    subjects : DataFrame, one row per subject
        `usubjid` and `eosafrlt` (hours from the first dose to the end of follow-up), complete; and
        `eosstt` and `dcsreas`, which tell who dropped out or died. Doses of others are left out.
    gap : float, default 168
        As for `first_series`.
    kind : {"dose", "series"}
        "dose": every dose after the first series is an event, alone or in a series. "series": the
        first dose of each later series of two or more; subjects stay at risk during a series.
    origin : {"series_end", "first_dose"}
        Time 0: the last dose of the subject's first series, so that everybody enters at 0; or the
        first dose, on which clock subjects enter when their first series ends. With few at risk
        early on, the second clock makes for an unsteady ``terminal``.
    dropout : {"censor", "competing"}, default "censor"
        What it means that a subject left. "censor": follow-up ends, as for everybody. "competing":
        it ends the course for good, and `terminal` is 1.
    death : {"censor", "competing"}, optional
        The same for deaths; needed if there are any.

    Returns
    -------
    DataFrame, one row per span (start, stop], sorted by subject as in `subjects` and by time
        `usubjid`, `start`, `stop` (hours), `event` (1: a dose, or series, at `stop`), `episode` (1,
        2, ...: which one the span is at risk of), `terminal` (1 in the last span of who ended by a
        competing event; for ``mean_cumulative_count(terminal="terminal")``) and the columns of
        `subjects`. The spans of a subject follow each other without gaps. ``attrs["left_out"]``
        counts the subjects without a span: no dose, or no follow-up after the first series.

    Raises
    ------
    UsageError
        If an option is unknown, or there are deaths and no word for them.
    DataError
        With every problem of a table found in one go; also for doses after the end of follow-up.

    Notes
    -----
    A dose within `gap` of the first series would have been part of it, so no event can come in a
    subject's first `gap` hours at risk.
    """
    _require_options(kind, origin, dropout=dropout, death=death)
    series = _series(doses, gap)
    followed = _followed(subjects, series)
    who = pd.Index(followed["usubjid"])
    end = followed["eosafrlt"].to_numpy(dtype=np.float64)
    refuse(_late_doses(doses, who, end), source="The table of doses")
    first = series[series["number"] == 0].set_index("usubjid")["end"]
    entry = followed["usubjid"].map(first).to_numpy(dtype=np.float64, na_value=np.nan)
    subject, time = _events(doses, series, who, entry, kind)
    time = np.minimum(time, end[subject])  # later than that by rounding only
    over = _ended_for_good(followed, dropout=dropout, death=death)
    spans = cut_follow_up(subject, time, entry=entry, end=end, over=over)
    whose = spans["subject"].to_numpy()
    if origin == "series_end":
        spans[["start", "stop"]] -= entry[whose][:, np.newaxis]
    table = with_subject_columns(spans, followed)
    table.attrs = {**doses.attrs, "left_out": len(followed) - len(np.unique(whose))}
    return with_sources(table, sources_of(doses, subjects))


def _series(doses: pd.DataFrame, gap: float) -> pd.DataFrame:
    """One row per series, by subject and time; `number` is 0 for a subject's first."""
    if isinstance(gap, bool) or not isinstance(gap, Real) or not gap > 0:
        raise UsageError(f"gap is a number of hours above 0, not {gap!r}")
    _require_doses(doses)
    ordered = doses[["usubjid", "afrlt"]].astype({"afrlt": "float64"})
    ordered = ordered.sort_values(["usubjid", "afrlt"], ignore_index=True)
    apart = ordered.groupby("usubjid")["afrlt"].diff() > gap + _SLACK
    ordered["number"] = apart.groupby(ordered["usubjid"]).cumsum().astype("int64")
    found = ordered.groupby(["usubjid", "number"], as_index=False)["afrlt"].agg(
        start="min", end="max", n_doses="size"
    )
    return pd.DataFrame(found)


def _require_doses(doses: pd.DataFrame) -> None:
    names = ["usubjid", "afrlt"]
    require_columns(doses, names, table="doses")
    require_one_period(doses, table="doses")
    found = missing_values(doses, names, table="doses")
    found += not_numbers(doses, ["afrlt"], table="doses")
    if not found:
        found += duplicated_rows(
            doses,
            names,
            table="doses",
            what="a second dose of one subject at one time",
            remedy="Keep one row per administration, and the rows of one treatment",
        )
    refuse(found, source="The table of doses")


def _require_options(kind: str, origin: str, **handling: str | None) -> None:
    if kind not in KINDS:
        raise unknown_name("kind of maintenance", str(kind), KINDS)
    if origin not in ORIGINS:
        raise unknown_name("origin", str(origin), ORIGINS)
    for event, word in handling.items():
        needed = event == "dropout"
        if word not in ("censor", "competing") and (needed or word is not None):
            raise UsageError(
                f'{event} is "censor" or "competing", not {word!r}: nothing is known of the doses '
                "after eosafrlt"
            )


def _followed(subjects: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """The table of subjects with a plain index, each with an end of follow-up."""
    require_columns(subjects, ["usubjid", "eosafrlt"], table="subjects")
    require_free_names(subjects, SPAN_COLUMNS)
    found = missing_values(subjects, ["usubjid", "eosafrlt"], table="subjects")
    found += not_numbers(subjects, ["eosafrlt"], table="subjects")
    found += duplicated_rows(
        subjects,
        ["usubjid"],
        table="subjects",
        what="a second record for one subject",
        remedy="Keep one row per subject",
    )
    refuse(found, source="The table of subjects")
    if len(series) and len(subjects) and not series["usubjid"].isin(subjects["usubjid"]).any():
        strangers = problem(
            "unknown_subject",
            "doses",
            "usubjid",
            [],
            "nobody with a dose is in the table of subjects",
            "Write usubjid in both tables in the same way, and with the same type",
        )
        raise DataError("The table of doses", [strangers])
    return subjects.reset_index(drop=True)


def _late_doses(doses: pd.DataFrame, who: pd.Index, end: Floats) -> list[Problem]:
    """Doses of the followed outside their follow-up."""
    subject = who.get_indexer(pd.Index(doses["usubjid"]))
    time = doses["afrlt"].to_numpy(dtype=np.float64)
    found = flagged(
        (subject >= 0) & (time < 0),
        "negative_time",
        "doses",
        "afrlt",
        "before time 0",
        "Times are hours since the first dose: correct them, or leave earlier doses out",
    )
    last = np.append(end, np.inf)[subject]  # position -1: nobody's, and never late
    return found + flagged(
        time > last + _SLACK,
        "after_follow_up",
        "doses",
        "afrlt",
        "after the subject's end of follow-up (eosafrlt)",
        "Correct eosafrlt or the dose's time, or leave these doses out",
    )


def _events(
    doses: pd.DataFrame, series: pd.DataFrame, who: pd.Index, entry: Floats, kind: str
) -> tuple[Whole, Floats]:
    """Position of the subject and hours of each event after the first series."""
    if kind == "dose":
        table, column = doses, "afrlt"
    else:
        table, column = series[(series["number"] > 0) & (series["n_doses"] > 1)], "start"
    subject = who.get_indexer(pd.Index(table["usubjid"])).astype(np.intp)
    time = table[column].to_numpy(dtype=np.float64)
    later = (subject >= 0) & (time > np.append(entry, np.inf)[subject])
    return subject[later], time[later]


def _ended_for_good(
    followed: pd.DataFrame, *, dropout: str, death: str | None
) -> NDArray[np.bool_]:
    _, status = end_of_follow_up(
        followed,
        since=np.zeros(len(followed)),
        medications=None,
        subjects=followed,
        handling={"rescue": None, "dropout": dropout, "death": death},
    )
    over: NDArray[np.bool_] = status != CENSORED
    return over

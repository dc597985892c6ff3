"""Rescue, drop-out and death: when they ended a follow-up, and what the analyst said they mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_values, not_numbers, refuse, require_columns
from ketastats.checks.intervals import CENSORED
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError, unknown_name

Floats = NDArray[np.float64]

KINDS = ("death", "rescue", "dropout")
"""The events, in the order that settles which counts of two at one time."""

HANDLING = {
    "censor": "assessments after it are not used, and the subject is right-censored",
    "competing": "it ends the follow-up as an event of its own, at its own time",
    "ignore": "as if it had not happened: later assessments count",
}
"""What an analyst can say of an event, and what it then means."""

_NAMES = {"death": "deaths", "rescue": "rescue medicines", "dropout": "drop-outs"}


def end_of_follow_up(
    followed: pd.DataFrame,
    *,
    since: Floats,
    medications: pd.DataFrame | None,
    subjects: pd.DataFrame | None,
    handling: Mapping[str, str | None],
) -> tuple[Floats, NDArray[np.object_]]:
    """Time at which each follow-up ends by an intercurrent event, and the status that it gives.

    Parameters
    ----------
    followed : DataFrame, one row per subject
        `usubjid` of everybody at risk.
    since : array of hours, one per row of `followed`
        Events at or before this time are no part of the follow-up, except that who died or dropped
        out by then is followed no longer.
    medications : DataFrame, optional
        Rescue is a row with `cmcat` RESCUE, at `cmstrlt` (hours since the first dose).
    subjects : DataFrame, optional
        A drop-out has `eosstt` DISCONTINUED and a death `dcsreas` DEATH (capitals or not), at
        `eosafrlt`; a death is no drop-out.
    handling : mapping of "rescue", "dropout" and "death" to a word of `HANDLING` or None

    Returns
    -------
    (time, status)
        Hours since the first dose, infinite where nothing ended the follow-up; "censored" or the
        name of a competing event. A competing event comes before a censoring one at the same time;
        of two competing ones death comes before rescue, and rescue before drop-out.

    Raises
    ------
    UsageError
        If a word is unknown, is given for events that cannot be seen, or is not given for events
        that the data hold.
    DataError
        If an event whose time is needed has none.
    """
    _require_words(handling, medications=medications, subjects=subjects)
    index = pd.Index(followed["usubjid"])
    times: dict[str, Floats] = {}
    undated: dict[str, NDArray[np.bool_]] = {}
    times["rescue"], undated["rescue"] = _rescues(
        medications, index, since, needed=_used(handling, "rescue")
    )
    times["death"], times["dropout"], undated["death"], undated["dropout"] = _endings(
        subjects, index
    )
    _refuse_unsettled(handling, times, since, undated)
    _refuse_undated(handling, undated)
    used = [kind for kind in KINDS if _used(handling, kind)]
    end = np.min([times[kind] for kind in used], axis=0) if used else np.full(len(index), np.inf)
    status = np.full(len(index), CENSORED, dtype=object)
    for kind in reversed(KINDS):
        if handling[kind] == "competing":
            status[np.isfinite(end) & (times[kind] == end)] = kind
    return end, status


def _used(handling: Mapping[str, str | None], kind: str) -> bool:
    return handling[kind] in ("censor", "competing")


def _require_words(
    handling: Mapping[str, str | None],
    *,
    medications: pd.DataFrame | None,
    subjects: pd.DataFrame | None,
) -> None:
    for kind, word in handling.items():
        if word is not None and word not in HANDLING:
            raise unknown_name(f"word for {kind}", str(word), HANDLING)
    tables = {"rescue": medications, "dropout": subjects, "death": subjects}
    blind = [kind for kind, word in handling.items() if word is not None and tables[kind] is None]
    if blind:
        needed = sorted({"medications" if kind == "rescue" else "subjects" for kind in blind})
        raise UsageError(
            f"{', '.join(f'{kind}={handling[kind]!r}' for kind in blind)} was given, but without "
            f"{' and '.join(f'{name}=' for name in needed)} such events cannot be seen: pass the "
            "table too"
        )


def _rescues(
    medications: pd.DataFrame | None, index: pd.Index, since: Floats, *, needed: bool
) -> tuple[Floats, NDArray[np.bool_]]:
    """First rescue after `since`, infinite if none; and which rescues (rows) have no time."""
    first = np.full(len(index), np.inf)
    if medications is None or medications.empty:
        return first, np.zeros(0, dtype=bool)
    if needed:
        require_columns(medications, ["usubjid", "cmcat", "cmstrlt"], table="medications")
    elif "cmcat" not in medications.columns:
        return first, np.zeros(0, dtype=bool)
    refuse(not_numbers(medications, ["cmstrlt"], table="medications"), source="The medications")
    who = index.get_indexer(pd.Index(medications["usubjid"]))
    rescue = _reads(medications["cmcat"], "rescue") & (who >= 0)
    time = _hours(medications, "cmstrlt")
    later = rescue & (time > since[who] if len(index) else False)
    np.minimum.at(first, who[later], time[later])
    return first, rescue & np.isnan(time)


def _endings(
    subjects: pd.DataFrame | None, index: pd.Index
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Times of death and of drop-out, infinite if none; and which (rows) have no time."""
    never = np.full(len(index), np.inf)
    if subjects is None:
        return never, never.copy(), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    require_columns(subjects, ["usubjid"], table="subjects")
    found = missing_values(subjects, ["usubjid"], table="subjects")
    found += not_numbers(subjects, ["eosafrlt"], table="subjects")
    refuse(found, source="The table of subjects")
    death, left_early = (
        _reads(subjects[name], word) if name in subjects.columns else np.zeros(len(subjects), bool)
        for name, word in (("dcsreas", "death"), ("eosstt", "discontinued"))
    )
    time = _hours(subjects, "eosafrlt")
    who = index.get_indexer(pd.Index(subjects["usubjid"]))
    times, undated = [], []
    for event in (death, left_early & ~death):
        event = event & (who >= 0)
        first = never.copy()
        dated = event & ~np.isnan(time) & (time > 0)
        np.minimum.at(first, who[dated], time[dated])
        times.append(first)
        undated.append(event & np.isnan(time))
    return times[0], times[1], undated[0], undated[1]


def _hours(table: pd.DataFrame, name: str) -> Floats:
    """A column of hours; all missing where the table has no such column."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _reads(column: pd.Series, word: str) -> NDArray[np.bool_]:
    plain = column.astype("string").str.strip().str.casefold()
    return plain.eq(word).to_numpy(dtype=bool, na_value=False)


def _refuse_unsettled(
    handling: Mapping[str, str | None],
    times: Mapping[str, Floats],
    since: Floats,
    undated: Mapping[str, NDArray[np.bool_]],
) -> None:
    """Say which events the data hold that nobody said a word about."""
    counts = {
        kind: int((np.isfinite(times[kind]) & (times[kind] > since)).sum())
        + (int(undated[kind].sum()) if kind == "rescue" else 0)
        for kind in ("rescue", "dropout", "death")
        if handling[kind] is None
    }
    open_ends = {kind: count for kind, count in counts.items() if count}
    if not open_ends:
        return
    held = ", ".join(f"{count} {_NAMES[kind]} ({kind}=)" for kind, count in open_ends.items())
    words = "; ".join(f"{word!r}: {meaning}" for word, meaning in HANDLING.items())
    raise UsageError(f"The data hold {held}: say what each means with one word. {words}")


def _refuse_undated(
    handling: Mapping[str, str | None], undated: Mapping[str, NDArray[np.bool_]]
) -> None:
    """Refuse events whose time is needed and not known.

    A drop-out or death without a time is still censored rightly, at the last assessment; a rescue
    is not, since the assessments after it cannot be told.
    """
    found: list[Problem] = []
    for kind, table, column in (
        ("rescue", "medications", "cmstrlt"),
        ("dropout", "subjects", "eosafrlt"),
        ("death", "subjects", "eosafrlt"),
    ):
        refused = ("competing", "censor") if kind == "rescue" else ("competing",)
        if handling[kind] in refused:
            found += flagged(
                undated[kind],
                "missing_time",
                table,
                column,
                f"{_NAMES[kind]} without a time",
                f"Give the hours since the first dose, or say {kind}='ignore'"
                + ("" if kind == "rescue" else " or 'censor'"),
            )
    refuse(found, source="The times of events that end a follow-up")

"""Spans at risk of recurrent events: the table, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketastats.checks.columns import (
    missing_columns,
    missing_values,
    not_numbers,
    refuse,
)
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError, problem

_TABLE = "spans"
_SOURCE = "The table of spans at risk"
_NUMBERS = ("start", "stop", "event")


def checked_spans(
    table: pd.DataFrame,
    *,
    episodes: bool = False,
    marks: Sequence[str] = (),
    constant: Sequence[str] = (),
    complete: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a table of spans at risk with its numbers as numbers, in the same order.

    Parameters
    ----------
    table : DataFrame, one row per subject and span at risk (start, stop]
        `usubjid`, `start` and `stop` in hours, `event` (0/1, at `stop`).
    episodes : bool
        Whether `episode` (1, 2, ...) is needed too: it must not fall with time, and an event ends
        its episode.
    marks : sequence of str
        Other columns of 0 and 1.
    constant : sequence of str
        Columns that must have one value per subject.
    complete : sequence of str
        Other columns that must not be empty.

    Returns
    -------
    DataFrame
        A copy with a plain index, in which numbers written as text are numbers.

    Raises
    ------
    UsageError, DataError
        If it is no table, or the table holds no spans at risk, with everything found.
    """
    if not isinstance(table, pd.DataFrame):
        raise UsageError(f"A table of spans must be a pandas DataFrame, not {type(table).__name__}")
    numbers = [*_NUMBERS, *(["episode"] if episodes else []), *marks]
    names = list(dict.fromkeys(["usubjid", *numbers, *constant, *complete]))
    found = missing_columns(table, names, table=_TABLE)
    found += missing_values(table, names, table=_TABLE)
    found += not_numbers(table, numbers, table=_TABLE)
    if not len(table):
        found.append(problem("no_rows", _TABLE, "", [], "nobody in it", "Give at least one row"))
    refuse(found, source=_SOURCE)
    # What follows compares numbers, which must be there to be compared.
    table = table.assign(**{name: table[name].astype(float) for name in numbers})
    table = table.reset_index(drop=True)
    found = _time_problems(table)
    for name in ("event", *marks):
        found += _mark_problems(table, name)
    if not found:
        found += _overlaps(table)
        found += _changing(table, constant)
        found += _episode_problems(table) if episodes else []
    refuse(found, source=_SOURCE)
    return table


def _time_problems(table: pd.DataFrame) -> list[Problem]:
    start, stop = (table[name].to_numpy(dtype=float) for name in ("start", "stop"))
    found = flagged(
        start < 0,
        "negative_time",
        _TABLE,
        "start",
        "before time 0",
        "Times are hours since the start of treatment; cut earlier follow-up off",
    )
    return found + flagged(
        stop <= start,
        "stop_not_after_start",
        _TABLE,
        "start and stop",
        "stop is not after start",
        "A span is at risk in (start, stop]; leave out spans without length",
    )


def _mark_problems(table: pd.DataFrame, name: str) -> list[Problem]:
    return flagged(
        ~np.isin(table[name].to_numpy(dtype=float), (0.0, 1.0)),
        "not_zero_or_one",
        _TABLE,
        name,
        "neither 0 nor 1",
        "Write 1 where it happened at stop, 0 where it did not; two at one stop need two spans",
    )


def _in_order(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows by subject and start, and which of them continue the subject of the row before."""
    subject = pd.factorize(table["usubjid"])[0]
    order = np.lexsort((table["start"].to_numpy(dtype=float), subject))
    same = np.concatenate([[False], np.diff(subject[order]) == 0])
    return table.iloc[order].assign(position=order), same


def _overlaps(table: pd.DataFrame) -> list[Problem]:
    rows, same = _in_order(table)
    start, stop = (rows[name].to_numpy(dtype=float) for name in ("start", "stop"))
    before = np.concatenate([[-np.inf], stop[:-1]])
    tolerance = 1e-9 * np.maximum(1.0, np.abs(before))
    return _at(
        rows,
        same & (start < before - tolerance),
        "overlap",
        "start",
        "begins before another span of the same subject has ended",
        "One subject is at risk once at any time: cut or merge the spans",
    )


def _changing(table: pd.DataFrame, names: Sequence[str]) -> list[Problem]:
    found: list[Problem] = []
    for name in names:
        first = table.groupby("usubjid")[name].transform("first")
        found += flagged(
            (table[name] != first).to_numpy(dtype=bool),
            "changes_within_subject",
            _TABLE,
            name,
            "not the value of the subject's first row",
            "A group is one for each subject: correct the rows",
        )
    return found


def _episode_problems(table: pd.DataFrame) -> list[Problem]:
    rows, same = _in_order(table)
    episode = rows["episode"].to_numpy(dtype=float)
    found = flagged(
        (episode < 1) | (episode != np.floor(episode)),
        "not_an_episode_number",
        _TABLE,
        "episode",
        "not a whole number from 1 on",
        "Number a subject's episodes 1, 2, 3, ...",
    )
    previous = np.concatenate([[0.0], episode[:-1]])
    after_event = np.concatenate([[0.0], rows["event"].to_numpy(dtype=float)[:-1]])
    bad = same & ((episode < previous) | ((after_event == 1) & (episode == previous)))
    return found + _at(
        rows,
        bad,
        "episode_out_of_order",
        "episode",
        "not later than the episode whose event came before",
        "An event ends its episode: the subject's next span belongs to the next number",
    )


def _at(
    rows: pd.DataFrame, bad: np.ndarray, code: str, column: str, what: str, remedy: str
) -> list[Problem]:
    positions = np.sort(rows["position"].to_numpy()[bad])
    return [problem(code, _TABLE, column, positions, what, remedy)] if positions.size else []

"""Follow-up cut into spans at the events that end them: what models of recurrent events take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketastats.endpoints.assessments import Flags, Floats, Whole
from ketastats.errors import UsageError

SPAN_COLUMNS = ("start", "stop", "event", "episode", "terminal")
"""Columns of a table of spans at risk, beside `usubjid` and the columns of its subjects."""


def cut_follow_up(
    subject: Whole, time: Floats, *, entry: Floats, end: Floats, over: Flags
) -> pd.DataFrame:
    """Cut each subject's follow-up (entry, end] at its events.

    Parameters
    ----------
    subject, time : arrays, one entry per event, in any order
        Positions of subjects, and hours: after the subject's entry, no later than its end, and
        no two of one subject the same.
    entry, end : arrays of hours, one entry per subject
        Who has no entry, no end (NaN), or no time between them, has no span.
    over : boolean array, one entry per subject
        Whether the course is over for good at `end`.

    Returns
    -------
    DataFrame, one row per span, sorted by subject and time
        `subject` (position), `start`, `stop`, `event` (1 at each event; 0 in the span after the last
        one, which is absent if that event came at `end`), `episode` (1, 2, ...) and `terminal` (1
        in the last span of whose course is over).
    """
    present = np.flatnonzero(entry < end).astype(np.intp)
    who = np.concatenate([subject, present])
    stop = np.concatenate([time, end[present]])
    event = np.concatenate([np.ones(len(subject)), np.zeros(len(present))]).astype(np.int64)
    order = np.lexsort((1 - event, stop, who))  # an event at the very end comes before it
    who, stop, event = who[order], stop[order], event[order]
    begins = np.append(True, who[1:] != who[:-1])[: len(who)]
    start = np.where(begins, entry[who], np.append(np.nan, stop[:-1])[: len(who)])
    kept = stop > start
    who, start, stop, event = who[kept], start[kept], stop[kept], event[kept]
    last = np.append(who[1:] != who[:-1], True)[: len(who)]
    return pd.DataFrame(
        {
            "subject": who,
            "start": start,
            "stop": stop,
            "event": event,
            "episode": pd.Series(who).groupby(who).cumcount().to_numpy(dtype=np.int64) + 1,
            "terminal": (last & over[who]).astype(np.int64),
        }
    )


def with_subject_columns(spans: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Put the columns of `subjects` in place of `subject`, their position in it; `usubjid` first."""
    whose = subjects.iloc[spans["subject"].to_numpy()].reset_index(drop=True)
    own = spans.drop(columns="subject").reset_index(drop=True)
    return pd.concat([whose[["usubjid"]], own, whose.drop(columns="usubjid")], axis=1)


def require_free_names(subjects: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise if `subjects` has a column that the result needs for itself."""
    taken = [name for name in names if name in subjects.columns]
    if taken:
        raise UsageError(
            f"The table of subjects has columns that the result needs for itself: "
            f"{', '.join(taken)}. Rename or drop them"
        )

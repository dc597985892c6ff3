"""Follow-up cut at events: by hand, and what must hold for any events."""

import numpy as np
import pandas as pd
import pytest

from ketastats.endpoints.event_spans import (
    cut_follow_up,
    require_free_names,
    with_subject_columns,
)
from ketastats.errors import UsageError

NAN = float("nan")


def cut(events, entry, end, over=None):
    subject = np.array([who for who, _ in events], dtype=np.intp)
    time = np.array([at for _, at in events], dtype=float)
    over = np.zeros(len(entry), dtype=bool) if over is None else np.array(over)
    return cut_follow_up(
        subject, time, entry=np.array(entry, dtype=float), end=np.array(end, dtype=float), over=over
    )


def test_a_follow_up_is_cut_at_its_events_in_the_order_of_time():
    made = cut([(1, 30), (0, 50), (1, 20)], entry=[0, 10], end=[50, 60], over=[True, True])
    assert list(made.itertuples(index=False, name=None)) == [
        (0, 0, 50, 1, 1, 1),  # an event at the very end: nothing after it
        (1, 10, 20, 1, 1, 0),
        (1, 20, 30, 1, 2, 0),
        (1, 30, 60, 0, 3, 1),
    ]


def test_who_has_no_entry_no_end_or_no_time_has_no_span():
    made = cut([], entry=[NAN, 0, 5, 0], end=[10, NAN, 5, 7])
    assert made["subject"].tolist() == [3]
    assert cut([], entry=[], end=[]).empty


def test_the_spans_of_a_subject_add_up_to_its_follow_up():
    rng = np.random.default_rng(1)
    events = sorted({(int(rng.integers(5)), int(rng.integers(1, 100))) for _ in range(60)})
    made = cut(events, entry=np.zeros(5), end=np.full(5, 100))
    length = (made["stop"] - made["start"]).groupby(made["subject"]).sum()
    assert length.tolist() == [100] * 5
    assert made["event"].sum() == len(events)


def test_the_columns_of_subjects_follow_their_spans():
    subjects = pd.DataFrame({"trt01a": ["x", "y"], "usubjid": ["a", "b"]}, index=[3, 3])
    made = with_subject_columns(cut([(1, 5)], entry=[0, 0], end=[9, 9]), subjects)
    assert made["usubjid"].tolist() == ["a", "b", "b"]
    assert made["trt01a"].tolist() == ["x", "y", "y"]
    assert list(made.columns)[:2] == ["usubjid", "start"]


def test_a_column_that_the_result_needs_is_refused():
    require_free_names(pd.DataFrame({"usubjid": []}), ["start"])
    with pytest.raises(UsageError, match="needs for itself: start"):
        require_free_names(pd.DataFrame({"start": []}), ["start", "stop"])

"""What makes a table of event intervals unusable, all of it at once and without values."""

import re

import numpy as np
import pandas as pd
import pytest

from ketastats.checks.intervals import interval_problems, require_intervals
from ketastats.errors import DataError, UsageError

INF, NAN = float("inf"), float("nan")


def table(left, right, usubjid=None):
    who = [f"s{i}" for i in range(len(left))] if usubjid is None else usubjid
    return pd.DataFrame({"usubjid": who, "left": left, "right": right})


def codes(frame):
    return {(p.code, p.column): (p.rows, p.n_bad) for p in interval_problems(frame)}


def test_intervals_exact_times_right_and_left_censoring_are_in_order():
    good = table([0.0, 4.0, 24.0, 24], [4.0, 24.0, INF, 24])
    assert interval_problems(good) == []
    require_intervals(good)


def test_a_table_without_rows_is_in_order():
    assert interval_problems(table([], [])) == []
    require_intervals(table([], []), exact_or_right=True)


@pytest.mark.parametrize(
    ("left", "right", "code", "column"),
    [
        (5.0, 4.0, "left_after_right", "left and right"),
        (-1.0, 4.0, "negative_time", "left"),
        (NAN, 4.0, "missing_value", "left"),
        (4.0, NAN, "missing_value", "right"),
        (INF, INF, "infinite_left", "left"),
        (-INF, 4.0, "infinite_left", "left"),
        (0.0, 0.0, "right_not_positive", "right"),
    ],
)
def test_a_bound_that_cannot_be_is_told_by_its_row(left, right, code, column):
    assert codes(table([0.0, left], [4.0, right])) == {(code, column): ((2,), 1)}


def test_all_problems_are_told_at_once_and_no_value_is_shown():
    bad = table(
        [-777.25, INF, NAN, 888.5, "secret", 1.0],
        [NAN, INF, 0.0, 3.0, 999.75, "10%"],
        usubjid=["patient-1", None, "patient-3", "d", "e", "f"],
    )
    assert set(codes(bad)) == {
        ("missing_value", "usubjid"),
        ("not_a_number", "left"),
        ("missing_value", "left"),
        ("infinite_left", "left"),
        ("negative_time", "left"),
        ("not_a_number", "right"),
        ("missing_value", "right"),
        ("right_not_positive", "right"),
        ("left_after_right", "left and right"),
    }
    with pytest.raises(DataError) as caught:
        require_intervals(bad)
    assert len(caught.value.problems) == 9
    assert not re.search("777|888|999|secret|patient|10%", str(caught.value))


def test_absent_columns_are_told_beside_the_problems_of_those_there():
    found = interval_problems(pd.DataFrame({"left": [-1.0]}))
    assert [(p.code, p.column) for p in found] == [
        ("missing_column", "usubjid, right"),
        ("negative_time", "left"),
    ]


@pytest.mark.parametrize(
    "column",
    [
        pd.array(["0", "24"], dtype="string"),
        ["0", "24"],
        pd.to_datetime(["2020-01-01", "2020-01-02"]),
    ],
)
def test_numbers_written_as_text_and_dates_are_no_hours(column):
    frame = table([0.0, 0.0], [4.0, 4.0]).assign(right=column)
    assert codes(frame) == {("not_a_number", "right"): ((1, 2), 2)}


def test_nullable_and_whole_numbers_are_hours():
    frame = table(pd.array([0, 24], dtype="Int64"), [4, 24])
    assert interval_problems(frame) == []
    frame["left"] = pd.array([0, None], dtype="Int64")
    assert codes(frame) == {("missing_value", "left"): ((2,), 1)}


def test_intervals_are_refused_where_exact_times_are_needed_and_the_right_tool_is_named():
    frame = table([0.0, 24.0, 24.0], [24.0, 24.0, INF])
    with pytest.raises(DataError, match=r"row 1: .*time_to_relief, relief_test"):
        require_intervals(frame, exact_or_right=True)
    require_intervals(frame.iloc[1:], exact_or_right=True)


def test_something_else_than_a_frame_is_refused_by_its_type():
    with pytest.raises(UsageError, match="not list"):
        require_intervals([(0, 4)])


def test_checking_changes_nothing():
    frame = table([0.0, NAN], [4.0, -1.0])
    before = frame.copy()
    interval_problems(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_million_rows_are_checked_as_arrays():
    left = np.tile([0.0, 24.0], 500_000)
    assert interval_problems(table(left, left + 24, usubjid=np.arange(10**6))) == []

"""The same distinct intervals from every engine."""

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketastats.errors import UsageError
from ketastats.summaries.intervals import count_intervals

INF = float("inf")
ROWS = pd.DataFrame(
    {
        "left": [24.0, 0.0, 0.0, 24.0, 4.0, 4.0, 0.0],
        "right": [INF, 4.0, 4.0, INF, 24.0, 4.0, 4.0],
        "trt01a": ["b", "a", "b", "b", "a", None, "b"],
        "status": ["censored", "relief", "relief", "censored", "relief", "death", "death"],
    }
)
ENGINES = pytest.mark.parametrize(
    "engine",
    [lambda f: f, lambda f: duckdb.from_arrow(pa.Table.from_pandas(f)), pa.Table.from_pandas],
    ids=["pandas", "duckdb", "arrow"],
)


@ENGINES
def test_distinct_intervals_are_counted_and_sorted(engine):
    counted = count_intervals(engine(ROWS))
    assert counted.to_dict("list") == {
        "left": [0.0, 4.0, 4.0, 24.0],
        "right": [4.0, 4.0, 24.0, INF],
        "n": [3, 1, 1, 2],
    }
    assert counted.dtypes.astype(str).tolist() == ["float64", "float64", "int64"]
    assert counted.index.equals(pd.RangeIndex(4))


@ENGINES
def test_groups_are_counted_apart_and_rows_without_one_are_in_none(engine):
    for by in ("trt01a", ["trt01a"]):
        counted = count_intervals(engine(ROWS), by=by)
        assert counted.to_dict("list") == {
            "trt01a": ["a", "a", "b", "b"],
            "left": [0.0, 4.0, 0.0, 24.0],
            "right": [4.0, 24.0, 4.0, INF],
            "n": [1, 1, 2, 2],
        }


@ENGINES
def test_kinds_of_event_are_told_apart_if_asked(engine):
    counted = count_intervals(engine(ROWS), status="status")
    assert counted.to_dict("list") == {
        "left": [0.0, 0.0, 4.0, 4.0, 24.0],
        "right": [4.0, 4.0, 4.0, 24.0, INF],
        "status": ["death", "relief", "death", "relief", "censored"],
        "n": [1, 2, 1, 1, 2],
    }


@ENGINES
def test_no_rows_have_no_intervals(engine):
    assert len(count_intervals(engine(ROWS.iloc[:0]))) == 0
    assert list(count_intervals(engine(ROWS.iloc[:0]), by="trt01a", status="status").columns) == [
        "trt01a",
        "left",
        "right",
        "status",
        "n",
    ]


def test_whole_hours_and_an_odd_index_count_like_any_other():
    frame = pd.DataFrame({"left": [0, 0], "right": [4, 4]}, index=[7, 7])
    assert count_intervals(frame).to_dict("list") == {"left": [0.0], "right": [4.0], "n": [2]}


def test_grouping_by_a_column_of_the_counts_is_refused():
    with pytest.raises(UsageError, match="left"):
        count_intervals(ROWS, by="left")
    with pytest.raises(UsageError, match="status"):
        count_intervals(ROWS, by="status", status="status")


BOUND = st.sampled_from([0.0, 2.0, 4.0, 24.0])


@given(rows=st.lists(st.tuples(BOUND, BOUND, st.sampled_from("ab")), max_size=30))
@settings(max_examples=25, deadline=None, database=None)
def test_no_row_is_lost_and_the_order_of_rows_does_not_matter(rows):
    frame = pd.DataFrame(rows, columns=["left", "right", "arm"]).astype(
        {"left": float, "right": float, "arm": "string"}
    )
    counted = count_intervals(frame, by="arm")
    assert counted["n"].sum() == len(frame)
    assert not counted.duplicated(["arm", "left", "right"]).any()
    backwards = count_intervals(frame.iloc[::-1], by="arm")
    pd.testing.assert_frame_equal(counted, backwards)

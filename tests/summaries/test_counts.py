"""The same counts from every engine."""

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest

from ketastats.endpoints.expressions import met
from ketastats.instruments.registry import rule
from ketastats.summaries.counts import count_endpoint

MET = [True, None, False, True, True, None]
ARM = ["b", "b", "a", "b", None, "b"]
SCHEMA = pa.schema({"trt01a": pa.string(), "response": pa.bool_()})


def as_pandas(table):
    return table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)


ENGINES = pytest.mark.parametrize(
    "engine", [as_pandas, duckdb.from_arrow, lambda t: t], ids=["pandas", "duckdb", "arrow"]
)


@ENGINES
def test_rows_missing_and_met_are_counted_apart_per_group(engine):
    table = engine(pa.table({"trt01a": ARM, "response": MET}, schema=SCHEMA))
    by_arm = count_endpoint(table, "response", by=["trt01a"])
    assert by_arm.to_dict("records") == [
        {"trt01a": "a", "n": 1, "n_missing": 0, "successes": 0},
        {"trt01a": "b", "n": 4, "n_missing": 2, "successes": 2},
    ]
    everybody = count_endpoint(table, "response")
    assert everybody.to_dict("records") == [{"n": 6, "n_missing": 2, "successes": 3}]
    assert set(everybody.dtypes.astype(str)) == {"int64"}


@ENGINES
def test_no_rows_are_counted_as_none(engine):
    table = engine(SCHEMA.empty_table())
    assert count_endpoint(table, "response").to_dict("records") == [
        {"n": 0, "n_missing": 0, "successes": 0}
    ]
    assert len(count_endpoint(table, "response", by=["trt01a"])) == 0


@pytest.mark.parametrize("engine", [lambda frame: frame, duckdb.from_df], ids=["pandas", "duckdb"])
def test_responders_are_counted_where_the_rows_are(engine):
    frame = pd.DataFrame(
        {
            "trt01a": ["ketamine"] * 4 + ["placebo"] * 2,
            "base": [20.0, 20.0, 20.0, None, 20.0, 20.0],
            "aval": [10.0, 11.0, None, 5.0, 20.0, 9.0],
        }
    )
    judged = nw.from_native(engine(frame)).with_columns(response=met(rule("madrs:response")))
    counts = count_endpoint(judged.to_native(), "response", by=["trt01a"])
    assert counts.to_dict("records") == [
        {"trt01a": "ketamine", "n": 4, "n_missing": 2, "successes": 1},
        {"trt01a": "placebo", "n": 2, "n_missing": 0, "successes": 1},
    ]

"""One expression per rule, whatever engine holds the rows."""

import itertools

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest

import ketastats as ks
from ketastats.endpoints.criteria import POINT_ENDPOINTS
from ketastats.endpoints.expressions import change, met, percent_change

POINTS = [None, 0.0, 4.0, 7.0, 9.0, 10.0, 11.6, 13.0, 20.0, 28.0]
PAIRS = list(itertools.product(POINTS, POINTS))
GRID = pd.DataFrame({"base": [b for b, _ in PAIRS], "aval": [a for _, a in PAIRS]}, dtype="float64")
RULES = {
    rule.id: rule
    for scale in ks.load_instruments().values()
    for rule in scale.rules
    if rule.endpoint in POINT_ENDPOINTS and rule.id != "sds:remission_all_items_below_4"
}


def on_pandas(expressions):
    done = nw.from_native(GRID).with_columns(**expressions).to_native()
    return {name: [None if pd.isna(v) else v for v in done[name]] for name in expressions}


def on_duckdb(expressions):
    relation = nw.from_native(duckdb.from_df(GRID))
    done = relation.with_columns(**expressions).to_native()
    rows = done.select(*(duckdb.ColumnExpression(name) for name in expressions)).fetchall()
    return dict(zip(expressions, map(list, zip(*rows, strict=True)), strict=True))


def test_every_rule_says_the_same_on_pandas_and_on_duckdb():
    expressions = {name: met(rule) for name, rule in RULES.items()}
    assert len(expressions) == 104 - 2 - 1  # all but relapse, which needs visits, and the item rule
    assert on_duckdb(expressions) == on_pandas(expressions)


def test_change_is_the_same_on_pandas_and_on_duckdb():
    expressions = {"chg": change(), "pchg": percent_change()}
    one, other = on_pandas(expressions), on_duckdb(expressions)
    assert one["chg"] == pytest.approx(other["chg"])
    assert one["pchg"] == pytest.approx(other["pchg"])


@pytest.mark.parametrize(
    "engine", [duckdb.from_arrow, lambda table: table], ids=["duckdb", "arrow"]
)
def test_a_score_that_is_not_a_number_counts_as_missing_on_every_engine(engine):
    nan = float("nan")
    table = pa.table({"aval": [nan, 10.0, 10.0], "base": [20.0, nan, 20.0]})
    done = nw.from_native(engine(table)).with_columns(met=met(ks.rule("madrs:response")))
    assert done.lazy().collect("pyarrow")["met"].to_list() == [None, None, True]

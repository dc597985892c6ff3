"""Change, response, remission and the other endpoints, against cases worked by hand."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ketastats as ks
from ketastats.endpoints.criteria import POINT_ENDPOINTS, derive_rules
from ketastats.errors import DataError, UsageError

NONE = float("nan")


def visit(paramcd, base, aval):
    return pd.DataFrame({"paramcd": [paramcd], "base": [base], "aval": [aval]}).astype(
        {"base": "float64", "aval": "float64"}
    )


def answer(rule, base, aval):
    paramcd = rule.split(":")[0]
    endpoint = ks.rule(rule).endpoint
    done = ks.derive_endpoint(visit(paramcd, base, aval), endpoint, rule=rule)
    value = done[endpoint].item()
    return None if pd.isna(value) else bool(value)


def test_change_is_in_points_and_in_per_cent_of_a_baseline_above_zero():
    table = pd.DataFrame({"base": [20, 20, 0, NONE, 20], "aval": [10, 25, 5, 5, NONE]})
    done = ks.derive_change(table)
    assert done["chg"].tolist()[:3] == [-10, 5, 5]
    assert done["pchg"].tolist()[:2] == [-50, 25]
    assert done["chg"].isna().tolist() == [False, False, False, True, True]
    assert done["pchg"].isna().tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("rule", "cases"),  # (baseline, score): met, not met, or unknown
    [
        ("madrs:response", {(20, 10): True, (20, 11): False, (7, 3.5): True}),  # exactly 50%
        ("madrs:response", {(0, 0): None, (NONE, 10): None, (20, NONE): None}),
        ("ybocs:remission_55pct", {(20, 9): True, (20, 10): False}),  # exactly 55%
        ("ybocs:response_35", {(20, 13): True, (20, 14): False}),  # exactly 35%
        ("lsas:response_29", {(100, 71): True, (100, 72): False}),  # exactly 29%
        ("lsas:response_above_35pct", {(100, 65): False, (100, 64): True}),  # more than 35%
        ("caps5:response_10pts", {(40, 30): True, (40, 31): False, (NONE, 3): None}),
        (
            "isi:response_8_4pts",
            {(20, 11.6): True, (0, 0): False},
        ),  # points need no baseline above 0
        ("madrs:remission", {(NONE, 10): True, (30, 11): False, (30, NONE): None}),
        ("madrs:remission_below_10", {(30, 10): False, (30, 9): True}),
        ("madrs:remission_10_and_50pct", {(20, 10): True, (18, 10): False, (30, 11): False}),
        ("madrs:remission_10_and_50pct", {(NONE, 5): None, (30, NONE): None}),
        ("cgi_i:response", {(NONE, 2): True, (NONE, 3): False, (NONE, NONE): None}),
        ("who5:mid_2_5", {(10, 13): True, (10, 12): False, (13, 10): False}),  # high is good
        ("pdss:partial_10", {(20, 18): True, (20, 19): False, (20, 12): False}),  # 40% is response
        ("pdss:partial_10", {(20, NONE): None, (0, 0): None}),
    ],
)
def test_a_rule_is_met_or_not_met_or_unknown(rule, cases):
    assert {pair: answer(rule, *pair) for pair in cases} == cases


def test_the_sheehan_scale_remits_when_all_three_items_are_below_four():
    table = pd.DataFrame(
        {
            "paramcd": "sds",
            "aval": [9.0, 10.0],
            "item1": [3.0, 4.0],
            "item2": [3.0, 3.0],
            "item3": [3.0, 3.0],
        }
    )
    assert ks.derive_remission(table)["remission"].tolist() == [True, False]
    half_answered = table.assign(item2=[3.0, NONE], item1=[3.0, 3.0])
    assert ks.derive_remission(half_answered)["remission"].isna().tolist() == [False, True]


def test_each_instrument_follows_its_own_default_and_one_without_a_rule_stays_missing():
    table = pd.concat([visit("ybocs", 20, 13), visit("madrs", 20, 13), visit("who5", 10, 20)])
    done = ks.derive_response(table)
    assert done["response"].tolist()[:2] == [True, False]  # 35% is enough on the Y-BOCS alone
    assert done["response_rule"].tolist()[:2] == ["ybocs:response_35", "madrs:response_50"]
    assert done["response"].isna().tolist() == [False, False, True]
    assert done["response_rule"].isna().tolist() == [False, False, True]


def test_an_instrument_whose_rule_needs_absent_items_does_not_stop_the_others():
    table = pd.concat([visit("madrs", 30, 9), visit("sds", 20, 6)], ignore_index=True)
    done = ks.derive_remission(table)["remission"]
    assert done.isna().tolist() == [False, True]
    assert done[0]


def test_a_named_rule_leaves_the_rows_of_other_instruments_missing():
    table = pd.concat([visit("madrs", 30, 12), visit("gad7", 20, 5)], ignore_index=True)
    done = ks.derive_remission(table, rule="madrs:remission_12")
    assert done["remission"].isna().tolist() == [False, True]
    assert done["remission_rule"].dropna().tolist() == ["madrs:remission_12"]


def test_the_rule_named_beside_the_endpoint_shows_its_grade_or_origin():
    table = visit("gad7", 20, 5)
    assert ks.derive_remission(table)["remission_rule"].item() == "gad7:remission_below_8 [grade C]"
    assert ks.derive_response(table)["response_rule"].item() == "gad7:response_50 [project default]"


@pytest.mark.parametrize(
    ("derive", "paramcd", "endpoint", "expected"),
    [
        (ks.derive_reliable_change, "gad7", "reliable_change", True),  # 4 points or more
        (ks.derive_minimal_important_difference, "hamd17", "minimal_important_difference", True),
        (ks.derive_partial_response, "nrs_pain", "partial_response", False),  # 40%: response
    ],
)
def test_every_endpoint_has_its_own_function(derive, paramcd, endpoint, expected):
    done = derive(visit(paramcd, 10, 6))
    assert bool(done[endpoint].item()) is expected
    assert done[f"{endpoint}_rule"].item().startswith(f"{paramcd}:")


def test_all_variants_of_the_named_endpoints_are_applied_and_named():
    done = ks.derive_endpoints(visit("madrs", 18, 10))  # a fall of 44%
    assert dict(zip(done["rule"], done["met"], strict=True)) == {
        "madrs:response_50": False,
        "madrs:remission_10": True,
        "madrs:remission_12": True,
        "madrs:remission_below_10": False,
        "madrs:remission_10_and_50pct": False,
    }
    assert done["endpoint"].tolist() == ["response"] + ["remission"] * 4


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda t: ks.derive_response(t, rule="madrs:respons_50"), UsageError, "madrs:response_50"),
        (lambda t: ks.derive_response(t, rule="madrs:remission"), UsageError, "not of response"),
        (lambda t: ks.derive_endpoint(t, "respnse"), UsageError, "choose from response"),
        (lambda t: ks.derive_endpoint(t, "relapse"), UsageError, "not decided by one score"),
        (lambda t: ks.derive_reliable_change(t), UsageError, "no reliable_change rule for madrs"),
        (lambda t: ks.derive_response(t.drop(columns="base")), DataError, "base: not in the table"),
        (lambda t: ks.derive_response(t.assign(paramcd="mdrs")), UsageError, "'madrs'"),
        (lambda t: ks.derive_endpoints(t, ["early_improvement"]), UsageError, "No instrument"),
    ],
)
def test_a_rule_or_endpoint_that_does_not_fit_is_refused_with_a_sentence(ask, error, words):
    with pytest.raises(error, match=words):
        ask(visit("madrs", 30, 10))


def test_deriving_leaves_rows_index_and_input_as_they_were():
    table = pd.concat([visit("madrs", 20, 13), visit("ybocs", 20, 13)]).set_axis([9, 9])
    before = table.copy()
    done = ks.derive_remission(ks.derive_response(ks.derive_change(table)))
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(done[before.columns.tolist()], before)


def test_an_empty_table_has_an_empty_endpoint():
    done = ks.derive_response(visit("madrs", 20, 13).iloc[:0], rule="madrs:response")
    assert len(done) == 0
    assert done["response"].dtype == "boolean"


SCORE = st.integers(0, 60).map(float)


@given(base=st.integers(1, 60).map(float), lower=SCORE, higher=SCORE)
@settings(max_examples=25, deadline=None, database=None)
def test_a_better_score_never_loses_an_endpoint(base, lower, higher):
    lower, higher = sorted([lower, higher])
    table = pd.concat([visit("madrs", base, lower), visit("madrs", base, higher)])
    met = ks.derive_endpoints(table, ["response", "remission", "minimal_important_difference"])
    better, worse = met[met["aval"] == lower], met[met["aval"] == higher]
    assert set(worse.loc[worse["met"], "rule"]) <= set(better.loc[better["met"], "rule"])


@pytest.mark.parametrize("paramcd", ["madrs", "hamd17", "gad7"])
def test_all_rules_in_one_pass_are_those_derived_one_by_one(paramcd):
    scores = pd.concat(
        [
            visit(paramcd, base, aval)
            for base in (0.0, 20.0, NONE)
            for aval in (1.0, 9.0, 20.0, NONE)
        ],
        ignore_index=True,
    )
    rules = [
        rule
        for rule in ks.load_instruments()[paramcd].rules
        if rule.endpoint in POINT_ENDPOINTS and rule.type != "item"
    ]
    scores = pd.concat([scores, visit("ham_a", 20.0, 5.0)], ignore_index=True)
    together = derive_rules(scores, rules)
    assert len(rules) > 1
    for rule in rules:
        alone = ks.derive_endpoint(scores, rule.endpoint, rule=rule.id)[rule.endpoint]
        pd.testing.assert_series_equal(together[rule.id], alone, check_names=False)

"""Kaplan-Meier, log-rank and restricted mean from tables of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from references import half_last_digit, read_input, read_reference

import ketastats as ks
from ketastats.models.kaplan_meier import KaplanMeier, kaplan_meier, limits_text
from ketastats.models.log_rank_test import log_rank_test
from ketastats.models.restricted_mean import restricted_mean
from ketastats.stats.product_limit import kaplan_meier as product_limit


def as_intervals(frame):
    """Exact and right-censored times as a table of intervals."""
    left = frame["time"].astype(float)
    return frame.assign(
        usubjid=[f"s{i}" for i in range(len(frame))],
        left=left,
        right=left.where(frame["event"] == 1, np.inf),
    )


@pytest.fixture(scope="module")
def lung():
    rows = read_input("survival_lung")
    return as_intervals(rows.assign(sex=rows["sex"].map({1: "male", 2: "female"})))


@pytest.fixture
def few():
    return pd.DataFrame(
        {
            "usubjid": list("abcdef"),
            "left": [2.0, 4.0, 4.0, 6.0, 8.0, 9.0],
            "right": [2.0, 4.0, np.inf, 6.0, np.inf, 9.0],
            "status": ["relief", "relief", "censored", "relief", "censored", "relief"],
            "trt01a": ["x", "y", "x", "y", "x", "y"],
        }
    )


CALLS = {
    "kaplan_meier": lambda table: kaplan_meier(table, by="trt01a"),
    "log_rank_test": lambda table: log_rank_test(table, by="trt01a"),
    "restricted_mean": lambda table: restricted_mean(table, tau=5, by="trt01a"),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


def test_medians_agree_with_r(lung):
    frame = kaplan_meier(lung, by="sex").to_frame().set_index("sex")
    expected = read_reference("survival_quantiles", dataset="lung")
    expected = expected[(expected["share"] == 0.5) & (expected["conf_level"] == 0.95)]
    for row in expected.itertuples():
        found = frame.loc[{1: "male", 2: "female"}[row.group]]
        assert found["estimate"] == row.estimate
        assert (found["conf_low"], found["conf_high"]) == (row.low, row.high)
        assert found["method"] == "kaplan_meier_log_log"


def test_shares_at_given_times_are_those_of_the_curve(lung):
    result = kaplan_meier(lung, times=[365, 100], conf_level=0.9)
    shares = result.to_frame().query("quantity == 'share_without'")
    assert shares["time"].tolist() == [100.0, 365.0]
    curve = product_limit(lung["time"], lung["event"])
    survival, variance = curve.at([100, 365])
    assert shares["estimate"].to_numpy() == pytest.approx(survival)
    assert shares["std_error"].to_numpy() == pytest.approx(np.sqrt(variance))
    assert (shares["conf_low"] < shares["estimate"]).all()
    assert (shares["estimate"] < shares["conf_high"]).all()


def test_curves_start_at_one_with_everybody_at_risk_and_are_handed_out_as_copies(few):
    result = kaplan_meier(few, by="trt01a")
    starts = result.curves().query("time == 0")
    assert starts["at_risk"].tolist() == [3, 3]
    assert (starts["estimate"] == 1).all()
    mine = result.curves()
    mine["estimate"] = -1.0
    assert (result.curves()["estimate"] >= 0).all()


def test_a_median_that_is_not_reached_is_missing_and_the_sentence_says_until_when(few):
    never = few.assign(right=np.inf, status="censored")
    result = kaplan_meier(never)
    row = result.to_frame().iloc[0]
    assert np.isnan(row["estimate"])
    assert np.isnan(row["conf_low"])
    assert row["conf_high"] == np.inf
    assert "not reached by 9 h (0 of 6 had it)" in str(result)
    assert "never falls to 50%" in result.notes[0]
    assert "not reached by 9 h" in result.display().to_string()


def test_a_share_after_follow_up_is_missing_and_a_note_says_so(few):
    result = kaplan_meier(few.iloc[:5], times=[20])
    assert np.isnan(result.to_frame()["estimate"].iloc[1])
    assert "known up to 8 h only" in " ".join(result.notes)


def test_log_rank_agrees_with_r_plain_stratified_and_weighted(lung):
    expected = read_reference("survival_log_rank", dataset="lung")
    table = lung.assign(ph_ecog=lung["ph_ecog"].fillna(-1))
    for row in expected.itertuples():
        strata = "ph_ecog" if row.stratified else None
        result = log_rank_test(table, by="sex", strata=strata, rho=row.rho)
        test = result.to_frame().iloc[0]
        assert test["statistic"] == pytest.approx(row.statistic, rel=1e-9)
        assert test["p_value"] == pytest.approx(row.p_value, rel=1e-8)
        assert test["df"] == 1
        male = result.to_frame().set_index("term").loc["male"]
        assert male["observed"] == pytest.approx(row.observed_1)
        assert male["expected"] == pytest.approx(row.expected_1)
    assert test["method"] == "stratified_fleming_harrington(0.5)"


def test_a_trend_is_tested_beside_the_difference():
    rows = read_input("survival_cases").query("name == 'three_groups'")
    table = as_intervals(rows.assign(dose=rows["group"] * 1.0))
    result = log_rank_test(table, by="dose", trend={1.0: 1, 2.0: 2, 3.0: 3})
    expected = read_reference("survival_log_rank", dataset="three_groups").iloc[0]
    trend = result.to_frame().set_index("quantity").loc["trend"]
    assert trend["statistic"] == pytest.approx(expected["trend_z"])
    assert "trend z = " in str(result)


def test_restricted_means_and_their_differences_agree_with_what_greenwood_holds(lung):
    printed = read_reference("survival_printed", source="greenwood", dataset="lung")
    expected = printed.set_index("quantity")["printed"]
    whole = restricted_mean(lung, tau=365, by="sex", reference="female").to_frame()
    means = whole.set_index("term")["estimate"]
    assert means["male"] == pytest.approx(expected["rmst_1"], rel=1e-11)
    assert means["female"] == pytest.approx(expected["rmst_2"], rel=1e-11)
    difference = whole.query("quantity == 'difference'").iloc[0]
    assert difference["term"] == "male minus female"
    assert difference["estimate"] == pytest.approx(expected["rmst_difference"], rel=1e-11)
    assert difference["std_error"] == pytest.approx(expected["rmst_difference_se"], rel=1e-11)
    known = lung[lung["ph_ecog"].notna()]
    pooled = restricted_mean(known, tau=365, by="sex", reference="female", strata="ph_ecog")
    row = pooled.to_frame().query("quantity == 'difference'").iloc[0]
    assert row["estimate"] == pytest.approx(expected["rmst_pooled"], rel=1e-11)
    assert row["std_error"] == pytest.approx(expected["rmst_pooled_se"], rel=1e-11)
    assert "3.0" in pooled.notes[0]  # of which there is one man only
    parts = pooled.to_frame().query("quantity == 'difference_in_stratum'")
    assert parts["stratum"].tolist() == ["0.0", "1.0", "2.0"]
    assert row["n"] == parts["n"].sum()


def test_exchanging_arm_and_reference_exchanges_the_sign(few):
    table = few.assign(left=few["left"] + 1, right=few["right"] + 1)
    one = restricted_mean(table, tau=6, by="trt01a", reference="x").to_frame().iloc[-1]
    two = restricted_mean(table, tau=6, by="trt01a", reference="y").to_frame().iloc[-1]
    assert one["estimate"] == pytest.approx(-two["estimate"])
    assert one["p_value"] == pytest.approx(two["p_value"])


def test_a_group_without_events_has_a_mean_without_limits_and_a_note(few):
    table = few.assign(
        right=few["right"].where(few["trt01a"] == "y", np.inf),
        status=few["status"].where(few["trt01a"] == "y", "censored"),
    )
    result = restricted_mean(table, tau=5, by="trt01a", reference="y")
    row = result.to_frame().set_index("term").loc["x"]
    assert row["estimate"] == 5
    assert np.isnan(row["std_error"])
    assert np.isnan(row["conf_low"])
    assert any(note.startswith("x: ") for note in result.notes)


def test_an_interval_is_no_event_time_and_the_message_says_what_takes_it(call, few):
    few.loc[[1, 3], "left"] = 1.0
    with pytest.raises(ks.DataError) as caught:
        call(few)
    (problem,) = caught.value.problems
    assert problem.rows == (2, 4)
    assert "time_to_relief" in problem.remedy
    assert "relief_test" in problem.remedy
    assert "visit" in problem.remedy


def test_everything_wrong_is_said_at_once_and_no_value_is_shown(call, few):
    few.loc[0, "left"] = -123.0
    few.loc[1, "right"] = np.nan
    few.loc[2, "trt01a"] = None
    few.loc[3, "status"] = None
    few.loc[4, "status"] = "relief"
    few.loc[5, "status"] = "censored"
    with pytest.raises(ks.DataError) as caught:
        call(few)
    codes = {problem.code for problem in caught.value.problems}
    assert codes >= {
        "negative_time",
        "missing_value",
        "event_without_a_time",
        "censored_with_an_end",
    }
    assert "123" not in str(caught.value)
    assert not any(subject in str(caught.value).split() for subject in "bcdef")


def test_absent_columns_and_empty_tables_are_refused(call, few):
    with pytest.raises(ks.DataError, match="left"):
        call(few.drop(columns="left"))
    with pytest.raises(ks.DataError, match="trt01a"):
        call(few.drop(columns="trt01a"))
    with pytest.raises(ks.DataError, match="nobody"):
        call(few.iloc[:0])
    with pytest.raises(ks.UsageError, match="DataFrame"):
        call([1, 2])


def test_the_table_is_unchanged_and_the_order_of_its_rows_does_not_matter(call, few):
    before = few.copy(deep=True)
    a, b = (call(t).to_frame() for t in (few, few.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(few, before)


def test_competing_events_are_never_counted_silently(call, few):
    few.loc[3, "status"] = "dropout"
    with pytest.raises(ks.UsageError, match="dropout, relief: say with event="):
        call(few)
    only = few.assign(status=few["status"].replace("relief", "dropout"))
    with pytest.raises(ks.UsageError, match="dropout"):
        call(only)


def test_other_events_end_follow_up_where_one_is_named_and_a_note_says_so(few):
    few.loc[3, "status"] = "dropout"
    result = kaplan_meier(few, event="relief")
    censored = few.assign(right=few["right"].mask(few.index == 3, np.inf))
    plain = kaplan_meier(censored.drop(columns="status"))
    assert result.curves()["estimate"].tolist() == plain.curves()["estimate"].tolist()
    assert result.notes[0].startswith("1 had dropout first")
    with pytest.raises(ks.UsageError, match="'relief'"):
        kaplan_meier(few, event="relif")
    with pytest.raises(ks.UsageError, match="column status"):
        kaplan_meier(few.drop(columns="status"), event="relief")


def test_several_rows_of_one_subject_are_used_with_a_note(few):
    few["usubjid"] = list("aabcde")
    assert "2 rows belong to subjects who have several" in kaplan_meier(few).notes[0]


def test_one_group_or_no_events_cannot_be_compared(few):
    with pytest.raises(ks.DataError, match="one group only"):
        log_rank_test(few.assign(trt01a="x"), by="trt01a")
    with pytest.raises(ks.DataError, match="one group only"):
        restricted_mean(few.assign(trt01a="x"), tau=5, by="trt01a", reference="x")
    with pytest.raises(ks.DataError, match="nobody had the event"):
        log_rank_test(few.assign(right=np.inf, status="censored"), by="trt01a")


def test_a_group_that_is_gone_before_any_event_is_named():
    rows = read_input("survival_cases").query("name == 'group_gone_before_any_event'")
    result = log_rank_test(as_intervals(rows), by="group")
    assert result.to_frame()["df"].iloc[0] == 1
    assert result.notes[0].startswith("1: nobody was still followed")
    alone = as_intervals(rows[rows["group"] < 3])
    with pytest.raises(ks.UsageError, match="only one group is ever at risk"):
        log_rank_test(alone, by="group")


def test_a_horizon_after_follow_up_is_refused_with_the_longest_that_serves(few):
    with pytest.raises(ks.DataError, match="at most 8 h"):
        restricted_mean(few, tau=9, by="trt01a")
    assert len(restricted_mean(few, tau=8, by="trt01a").to_frame()) == 2


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda t: kaplan_meier(t, conf_level=95), "conf_level"),
        (lambda t: kaplan_meier(t, times=["soon"]), "list of hours"),
        (lambda t: kaplan_meier(t, times=[np.inf]), "finite"),
        (lambda t: kaplan_meier(t, by="left"), "Cannot group by left"),
        (lambda t: log_rank_test(t, by=[]), "by must name"),
        (lambda t: log_rank_test(t, by="trt01a", rho=np.nan), "rho"),
        (lambda t: log_rank_test(t, by="trt01a", trend={"x": 1}), "each of: x, y"),
        (lambda t: log_rank_test(t, by="trt01a", trend=[1, 2]), "trend gives"),
        (lambda t: log_rank_test(t, by="trt01a", trend={"x": 1, "y": 1}), "different scores"),
        (lambda t: log_rank_test(t, by="trt01a", trend={"x": 1, "y": "b"}), "numbers"),
        (lambda t: restricted_mean(t, tau=0), "tau"),
        (lambda t: restricted_mean(t, tau=5, by="trt01a", strata="status"), "reference="),
        (lambda t: restricted_mean(t, tau=5, by="trt01a", reference="z"), "no group called"),
        (lambda t: restricted_mean(t, tau=5, reference="x"), "needs by="),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(run, words, few):
    with pytest.raises(ks.UsageError, match=words):
        run(few)


def test_strata_without_a_common_pair_cannot_be_pooled(few):
    table = few.assign(site=few["trt01a"])
    with pytest.raises(ks.UsageError, match="cannot be pooled"):
        restricted_mean(table, tau=2, by="trt01a", reference="x", strata="site")


def test_one_subject_is_enough_for_a_curve():
    table = pd.DataFrame({"usubjid": ["a"], "left": [3.0], "right": [3.0]})
    result = kaplan_meier(table)
    assert isinstance(result, KaplanMeier)
    assert result.to_frame()["estimate"].iloc[0] == 3.0
    assert "interval unknown to not reached" in str(result)


def test_the_curve_of_savvyrs_data_ends_where_savvyr_says():
    rows = read_input("survival_savvyr_n25")
    table = as_intervals(rows.assign(event=(rows["type"] == 1).astype(int)))
    row = kaplan_meier(table, times=[rows["time"].max()]).to_frame().iloc[1]
    printed = read_reference("survival_printed", source="savvyr", quantity="one_minus_km")
    text = str(printed["printed"].iloc[0])
    assert 1 - row["estimate"] == pytest.approx(float(text), abs=half_last_digit(text))


def test_times_are_written_in_days_from_four_days_on(few):
    days = few.assign(left=few["left"] * 24, right=few["right"] * 24)
    result = kaplan_meier(days, times=[36, 120])
    row = result.to_frame().iloc[0]
    assert f"{row['estimate'] / 24:g} days (95% interval " in str(result)
    assert row["conf_high"] == np.inf
    assert f"{row['conf_low']:g} h to not reached" in str(result)  # less than four days
    assert any("at 36 h, %" in name for name in result.display().columns)
    assert any("at 5 days, %" in name for name in result.display().columns)
    assert "at 9 days" in result.figure_text()
    never = kaplan_meier(days.assign(right=np.inf, status="censored"))
    assert "not reached by 9 days (0 of 6 had it)" in str(never)
    assert "ended at 9 days, so" in never.notes[0]
    mean = restricted_mean(days, tau=120, by="trt01a", reference="x")
    assert str(mean).startswith("Mean time without relief up to 5 days: y minus x ")
    assert any("up to 5 days (" in name for name in mean.display().columns)
    assert f"x {mean.display().iloc[0, 2]}" in mean.figure_text()
    assert (
        mean.display().iloc[0, 2].startswith(f"{mean.to_frame()['estimate'].iloc[0] / 24:g} days (")
    )


def test_times_that_would_read_the_same_in_days_stay_apart_in_hours(few):
    days = few.assign(left=few["left"] * 24, right=few["right"] * 24)
    shown = kaplan_meier(days, times=[100, 101]).display()
    assert [name.split(",")[0] for name in shown.columns[-2:]] == [
        "Without relief at 100 h",
        "Without relief at 101 h",
    ]


def test_events_are_written_with_spaces(few):
    status = few["status"].where(few["status"] != "relief", "first_relief")
    status.iloc[1] = "rescue_medication"
    table = few.assign(status=status)
    for result in (
        kaplan_meier(table, event="first_relief"),
        log_rank_test(table, by="trt01a", event="first_relief"),
        restricted_mean(table, tau=5, by="trt01a", event="first_relief"),
    ):
        said = " ".join(
            [str(result), result.figure_text(), *result.notes, *result.display().columns]
        )
        assert "first relief" in said
        assert "rescue medication" in said
        assert "_" not in said


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.25, 0.5, "15 to 30 min"),
        (0.5, 8.0, "30 min to 8 h"),
        (20.0, 120.0, "20 h to 5 days"),
        (120.0, 240.0, "5 to 10 days"),
        (-200.0, 3.0, "-8.3 days to 3 h"),
        (np.nan, np.inf, "unknown to not reached"),
    ],
)
def test_limits_have_one_unit_only_where_it_suits_both(low, high, words):
    assert limits_text(low, high) == words

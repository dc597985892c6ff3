"""Comparing groups by when relief came: agreement with R, signs, and what is refused."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references import half_last_digit, read_input, read_reference

from ketastats.errors import DataError, UsageError
from ketastats.models.relief_test import relief_test
from ketastats.stats.interval_scores import SCORES

SUBSET = [*range(5), *range(49, 65)]  # R's rows c(1:5, 50:65)


def intervals(name):
    source, rows = ("bcos_intervals", SUBSET) if name == "bcos_subset" else (name, slice(None))
    table = read_input(source)
    table["right"] = table["right"].fillna(np.inf)
    return table.assign(usubjid=[f"s{i}" for i in range(len(table))]).iloc[rows]


@pytest.fixture
def bcos():
    return intervals("bcos_intervals")


@pytest.fixture
def doses():
    return intervals("score_visits")


def first_row(result):
    return result.to_frame().iloc[0]


def options_of(test):
    """The arguments that belong to a name of test in the reference table."""
    found = {"method": "exact" if "exact" in test else "score" if "score" in test else "asymptotic"}
    found["tails"] = "absolute" if test.endswith(("abs", "absolute")) else "central"
    found["strata"] = "site" if "stratified" in test else None
    found["trend"] = {0: 0, 0.5: 0.5, 1: 1} if "trend" in test else None
    return found


R_CASES = [
    case
    for case in read_reference("score_tests").itertuples()
    if not case.test.startswith("monte_carlo")
]


@pytest.mark.parametrize("case", R_CASES, ids=lambda case: f"{case.data}-{case.scores}-{case.test}")
def test_statistic_and_p_value_agree_with_r(case):
    table = intervals(case.data)
    if "two" in case.test:
        table = table[table["dose"] != 0.5]
    row = first_row(relief_test(table, by=case.by, scores=case.scores, **options_of(case.test)))
    assert row["p_value"] == pytest.approx(case.p_value, rel=1e-5)
    if not np.isnan(case.statistic):
        assert row["statistic"] == pytest.approx(case.statistic, rel=1e-5)
    assert row["df"] == pytest.approx(case.df, nan_ok=True)


@pytest.mark.parametrize("scores", SCORES)
def test_monte_carlo_agrees_with_r_within_both_errors(bcos, scores):
    case = read_reference("score_tests", scores=scores, test="monte_carlo_99999").iloc[0]
    found = relief_test(bcos, by="treatment", scores=scores, method="monte_carlo", replicates=40000)
    row = first_row(found)
    error = np.sqrt(2 * case["p_value"] * (1 / 1e5 + 1 / 4e4))
    assert row["p_value"] == pytest.approx(case["p_value"], abs=4 * error)
    assert row["p_low"] < row["p_value"] < row["p_high"]


@pytest.mark.parametrize("case", list(read_reference("score_tests_printed").itertuples()))
def test_numbers_printed_for_bcos_are_met(bcos, case):
    frame = relief_test(bcos, by="treatment", scores=case.scores, reference="Rad").to_frame()
    row = frame.set_index("term").loc[case.term]
    assert abs(row[case.word]) == pytest.approx(
        float(case.printed), abs=half_last_digit(str(case.printed))
    )


@pytest.mark.parametrize("case", list(read_reference("score_tests_survdiff").itertuples()))
def test_on_right_censored_times_only_the_variance_differs_from_the_log_rank_test(case):
    found = relief_test(intervals(case.data), by=case.by, scores=case.scores, method="asymptotic")
    row = found.to_frame().set_index("term").loc[case.group]
    assert row["estimate"] == pytest.approx(case.observed_minus_expected, rel=1e-9)
    assert row["std_error"] ** 2 != pytest.approx(case.variance, rel=1e-3)
    assert row["std_error"] ** 2 == pytest.approx(case.variance, rel=0.5)


def relief_seen(rng, n, scale, schedule=(4, 24, 72, 168, 336, 504, 672)):
    schedule = np.array(schedule, dtype=float)
    rows = []
    for time in rng.exponential(scale, n):
        kept = schedule[rng.uniform(size=schedule.size) > 0.12]
        rows.append((max(kept[kept < time], default=0.0), min(kept[kept >= time], default=np.inf)))
    return rows


def faster_and_slower(seed=1, n=60):
    rng = np.random.default_rng(seed)
    rows = relief_seen(rng, n, 60) + relief_seen(rng, n, 300)
    arm = np.repeat(["fast", "slow"], n)
    table = pd.DataFrame(rows, columns=["left", "right"])
    return table.assign(usubjid=[f"p{i}" for i in range(2 * n)], trt01a=arm)


@pytest.mark.parametrize(
    ("scores", "method"),
    [
        pair
        for pair in itertools.product(SCORES, ["asymptotic", "monte_carlo", "score"])
        if pair != ("sun", "score")
    ],
)
def test_a_positive_sum_is_earlier_relief_whatever_the_scores(scores, method):
    result = relief_test(
        faster_and_slower(), by="trt01a", scores=scores, method=method, reference="slow"
    )
    frame = result.to_frame().set_index("term")
    assert frame["estimate"]["fast"] > 0 > frame["estimate"]["slow"]
    assert frame["reading"]["fast"] == "earlier than expected"
    assert frame["statistic"]["fast against slow"] > 3
    assert "earlier than expected in fast" in str(result)
    turned = relief_test(faster_and_slower(), by="trt01a", scores=scores, method=method)
    assert first_row(turned)["statistic"] == pytest.approx(-frame["statistic"].iloc[0])


def test_a_positive_trend_is_earlier_relief_at_larger_numbers():
    table = faster_and_slower()
    up = relief_test(table, by="trt01a", trend={"fast": 1, "slow": 0})
    assert first_row(up)["statistic"] > 3
    down = relief_test(table, by="trt01a", trend={"fast": 0, "slow": 1})
    assert first_row(down)["statistic"] == pytest.approx(-first_row(up)["statistic"])


def test_sums_of_groups_cancel_and_sizes_add_up(doses):
    frame = relief_test(doses, by="dose", strata="site").to_frame()
    groups = frame[frame["part"] == "group"]
    assert groups["estimate"].sum() == pytest.approx(0, abs=1e-9)
    assert groups["n"].sum() == frame["n"].iloc[0] == len(doses)
    assert list(groups["term"]) == ["0", "0.5", "1"]


def test_auto_is_exact_where_that_is_quick_and_says_which():
    small = relief_test(intervals("bcos_subset"), by="treatment")
    assert first_row(small)["method"] == "exact"
    assert "exact" in str(small)
    large = relief_test(intervals("bcos_intervals"), by="treatment")
    assert first_row(large)["method"] == "asymptotic"
    assert any("too many" in note for note in large.notes)


def test_an_exact_test_out_of_reach_points_to_monte_carlo(doses):
    with pytest.raises(UsageError, match="monte_carlo"):
        relief_test(doses, by="site", method="exact")


def test_the_same_seed_gives_the_same_answer_and_progress_is_told(bcos):
    told = []
    options = {"by": "treatment", "method": "monte_carlo", "replicates": 499}
    a = relief_test(bcos, seed=7, **options, progress=lambda *at: told.append(at))
    b = relief_test(bcos, seed=7, **options)
    pd.testing.assert_frame_equal(a.to_frame(), b.to_frame())
    assert told[-1] == (499, 499)
    assert any("seed 7" in note for note in a.notes)


@pytest.mark.parametrize("method", ["asymptotic", "exact", "monte_carlo", "score"])
def test_the_order_of_rows_does_not_matter_and_the_table_is_unchanged(method):
    table = intervals("bcos_subset")
    before = table.copy(deep=True)
    a, b = (
        relief_test(t, by="treatment", method=method).to_frame()
        for t in (table, table.sample(frac=1, random_state=2))
    )
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(table, before)


def test_relief_seen_exactly_and_between_assessments_go_together(doses):
    exact = doses["left"] == doses["right"]
    assert exact.any()
    assert not exact.all()
    assert first_row(relief_test(doses, by="dose"))["n"] == len(doses)


def test_several_columns_make_groups_and_strata(doses):
    two = doses.assign(sex=np.tile(["f", "m"], 38)[: len(doses)])
    frame = relief_test(two, by=["site", "sex"], strata=["dose"]).to_frame()
    assert list(frame["term"][1:]) == ["north, f", "north, m", "south, f", "south, m"]
    assert frame["df"][0] == 3


def test_a_stratum_with_one_group_is_counted_in_a_note(bcos):
    table = bcos.assign(site=np.where(bcos.index < 5, "one", "two"))
    notes = " ".join(relief_test(table, by="treatment", strata="site").notes)
    assert "2 strata of site" in notes
    assert "1 of them hold" in notes


def test_the_event_is_named_after_the_status(bcos):
    status = np.where(np.isinf(bcos["right"]), "censored", "loss_of_response")
    result = relief_test(bcos.assign(status=status), by="treatment")
    assert str(result).startswith("Time to loss of response, RadChem against Rad: Z = 2.6")


def test_a_different_schedule_of_one_group_is_noted():
    rng = np.random.default_rng(3)
    rows = relief_seen(rng, 80, 300, np.arange(24, 673, 24)) + relief_seen(
        rng, 80, 300, np.arange(72, 673, 72)
    )
    table = pd.DataFrame(rows, columns=["left", "right"]).assign(
        usubjid=range(160), trt01a=np.repeat(["a", "b"], 80)
    )
    assert any("schedules" in note for note in relief_test(table, by="trt01a").notes)
    assert not any("schedules" in n for n in relief_test(faster_and_slower(), by="trt01a").notes)


def test_an_empty_category_is_left_out_and_said(bcos):
    kind = pd.CategoricalDtype(["Rad", "RadChem", "nobody's"])
    result = relief_test(bcos.assign(treatment=bcos["treatment"].astype(kind)), by="treatment")
    assert first_row(result)["term"] == "RadChem against Rad"
    assert any("nobody's" in note for note in result.notes)


def test_the_figure_shows_each_group_and_says_so_in_words(doses):
    result = relief_test(doses, by="dose")
    ax = result.plot()
    shown = {text.get_text() for text in ax.texts}
    plt.close("all")
    assert {"0", "0.5", "1"} <= shown
    assert "0.5 −" in result.figure_text()


def test_one_group_is_refused_by_name(bcos):
    with pytest.raises(DataError, match="everyone is in one group, Rad"):
        relief_test(bcos[bcos["treatment"] == "Rad"], by="treatment")


@pytest.mark.parametrize("method", ["auto", "asymptotic", "exact", "monte_carlo", "score"])
def test_intervals_without_information_are_refused(bcos, method):
    nobody = bcos.assign(right=np.inf)
    with pytest.raises(DataError, match="right-censored"):
        relief_test(nobody, by="treatment", method=method)
    with pytest.raises(DataError, match="before that of anybody"):
        relief_test(bcos.assign(left=2.0, right=9.0), by="treatment", method=method)


def test_everyone_right_censored_but_one_is_enough():
    table = pd.DataFrame({"left": [0.0] + [5.0] * 9, "right": [5.0] + [np.inf] * 9})
    table = table.assign(usubjid=range(10), trt01a=list("ab") * 5)
    row = first_row(relief_test(table, by="trt01a", method="exact"))
    assert row["p_value"] == pytest.approx(1.0)


def test_a_missing_group_and_a_bad_bound_are_problems(bcos):
    treatment = bcos["treatment"].mask(bcos.index == 3)
    with pytest.raises(DataError, match="row 4") as caught:
        relief_test(bcos.assign(treatment=treatment), by="treatment")
    assert caught.value.problems[0].column == "treatment"
    with pytest.raises(DataError, match="left is after right"):
        relief_test(bcos.assign(right=1.0), by="treatment")


def test_a_subject_with_two_rows_is_refused(bcos):
    with pytest.raises(DataError, match="second interval"):
        relief_test(pd.concat([bcos, bcos.iloc[:2]]), by="treatment")


def test_competing_events_are_refused_in_words(bcos):
    status = np.where(np.isinf(bcos["right"]), "censored", "relief")
    status[1] = "rescue"
    with pytest.raises(UsageError, match="rescue"):
        relief_test(bcos.assign(status=status), by="treatment")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scores": "finkelstien"}, "'finkelstein'"),
        ({"method": "exakt"}, "'exact'"),
        ({"tails": "both"}, "central"),
        ({"by": "arm"}, "arm"),
        ({"by": []}, "by="),
        ({"by": "treatment", "strata": "treatment"}, "stratum"),
        ({"reference": "Radd"}, "'Rad'"),
        ({"trend": {"Rad": 0}}, "RadChem"),
        ({"trend": {"Rad": 0, "RadChem": 0}}, "different"),
        ({"trend": {"Rad": 0, "RadChem": float("inf")}}, "finite"),
        ({"trend": {"Rad": 0, "RadChem": "many"}}, "number"),
        ({"trend": {"Rad": 0, "RadChem": 1}, "reference": "Rad"}, "reference"),
        ({"replicates": 10}, "99"),
        ({"replicates": 200.5}, "whole"),
        ({"scores": "sun", "method": "score"}, "wilcoxon"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_words(bcos, options, words):
    with pytest.raises((UsageError, DataError), match=words):
        relief_test(bcos, **{"by": "treatment", **options})

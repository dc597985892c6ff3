"""Relief by dose number: shares, bounds for early stopping, and regression, from tables of courses."""

from math import inf

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from references import read_reference
from statsmodels.stats.proportion import proportion_confint

from ketastats.errors import DataError, UsageError
from ketastats.models.dose_hazard import dose_hazard
from ketastats.models.relief_by_dose import relief_by_dose
from ketastats.results import SHARED_WORDS

NONE = float("nan")


def courses(*kinds):
    """One row per subject from (how many, left, right, doses, why stopped)."""
    rows = [kind[1:] for kind in kinds for _ in range(kind[0])]
    table = pd.DataFrame(rows, columns=["dose_left", "dose_right", "n_doses", "stopped"])
    table.insert(0, "usubjid", [f"s{i}" for i in range(len(table))])
    return table.astype({"stopped": "string"})


TEN = [
    (2, 0, 1, 2, None),
    (1, 1, inf, 1, "no_effect"),
    (1, 1, inf, 1, "well"),
    (3, 1, 2, 2, None),
    (3, 2, inf, 2, "course_end"),
]


def rows_of(result):
    return result.to_frame().set_index("dose")


def test_ten_courses_by_hand():
    found = rows_of(relief_by_dose(courses(*TEN)))
    assert found["at_risk"].tolist() == [10, 6]
    assert found["reached"].tolist() == [2, 3]
    assert found["hazard"].tolist() == pytest.approx([0.2, 0.5])
    assert found["estimate"].tolist() == pytest.approx([0.2, 1 - 0.8 * 0.5])
    assert found["bound_low"].tolist() == pytest.approx([0.2, 5 / 10])
    assert found["bound_high"].tolist() == pytest.approx([0.2, 7 / 10])
    assert found["informed"].tolist() == pytest.approx([0.2, 6 / 10])
    assert found["n"].tolist() == [10, 10]


def test_outer_limits_are_the_exact_ones_of_the_bounds_where_no_assessment_was_skipped():
    found = rows_of(relief_by_dose(courses(*TEN))).loc[2]
    assert (found["bound_low"], found["bound_high"]) == pytest.approx((0.5, 0.7))
    low, _ = proportion_confint(5, 10, alpha=0.05, method="beta")
    _, high = proportion_confint(7, 10, alpha=0.05, method="beta")
    assert found["bound_conf_low"] == pytest.approx(low, abs=1e-9)
    assert found["bound_conf_high"] == pytest.approx(high, abs=1e-9)


def test_bounds_hold_wherever_those_who_stopped_would_have_had_relief():
    # Skipped assessments reach over dose 2, and where the lost are put moves them with it.
    seen = [(20, 0, 1, 2, None), (40, 1, 3, 3, None), (4, 2, 3, 3, None)]
    rows = [*seen, (4, 1, inf, 1, "other")]
    found = rows_of(relief_by_dose(courses(*rows), up_to=3)).loc[2]
    for left, right in ((0, 1), (1, 2), (2, 3), (3, inf)):
        placed = relief_by_dose(courses(*seen, (4, left, right, 3, "course_end")), up_to=3)
        share = rows_of(placed).loc[2, "estimate"] if right != inf else None
        followed = rows_of(relief_by_dose(courses(*seen), up_to=3)).loc[2, "estimate"]
        mixed = (64 * followed + (4 if right <= 2 else 0)) / 68
        assert found["bound_low"] - 1e-9 <= mixed <= found["bound_high"] + 1e-9
        assert share is None or 0 <= share <= 1


def test_the_sentence_gives_share_limits_and_bounds():
    result = relief_by_dose(courses(*TEN).assign(endpoint="response"))
    row = rows_of(result).loc[2]
    assert str(result) == (
        f"60.0% (95% interval {100 * row['conf_low']:.1f} to {100 * row['conf_high']:.1f}) reached "
        "response by dose 2; between 50.0 and 70.0% whatever those who stopped early would have done"
    )
    assert str(result.share_by(1)).endswith("reached response by dose 1")
    assert result.notes == ("Stopped early without relief: 1 no effect, 1 well.",)


def test_who_ended_the_course_is_no_early_stopper():
    ended = [
        (4, 0, 1, 1, None),
        (6, 1, inf, 1, "course_end"),
        (5, 1, 2, 2, None),
        (5, 2, inf, 2, "course_end"),
    ]
    row = rows_of(relief_by_dose(courses(*ended))).loc[2]
    assert row["bound_low"] == row["estimate"] == row["bound_high"]
    assert row["informed"] == pytest.approx(row["estimate"])


def test_shares_and_limits_agree_with_r_in_each_group():
    data = read_reference("discrete_hazard_data")
    data = data[data["dataset"].isin(["course120", "lung90"])].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "usubjid": data.index.astype(str),
            "trt01a": data["dataset"],
            "dose_left": data["left"],
            "dose_right": data["right"],
            "n_doses": 9,
            "stopped": "other",
        }
    )
    result = relief_by_dose(table, by="trt01a", up_to=5)
    for dataset, found in result.to_frame().groupby("trt01a"):
        expected = read_reference("discrete_hazard_shares", dataset=dataset)
        expected = expected[expected["conf_level"] == 0.95].reset_index(drop=True)
        for name in ("estimate", "conf_low", "conf_high"):
            assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), abs=1e-7)


def random_courses(n=120, seed=3, skip=0.0):
    random = np.random.default_rng(seed)
    kinds = []
    for _ in range(n):
        given, left, right = random.integers(1, 7), 0, inf
        for k in range(1, given + 1):
            relief = random.random() < 0.25
            if random.random() >= skip or relief:
                if relief:
                    right = k
                    break
                left = k
        why = None if right < inf else random.choice(["well", "no_effect", "other", "course_end"])
        kinds.append((1, left, right, given, why))
    return courses(*kinds)


@pytest.mark.parametrize("skip", [0.0, 0.3])
def test_estimates_lie_inside_their_bounds_and_those_inside_their_limits(skip):
    found = relief_by_dose(random_courses(skip=skip)).to_frame()
    order = ["bound_conf_low", "bound_low", "estimate", "bound_high", "bound_conf_high"]
    assert (np.diff(found[order].to_numpy(), axis=1) >= -1e-7).all()
    assert (found["conf_low"] <= found["estimate"] + 1e-7).all()
    assert (found["estimate_high"] <= found["conf_high"] + 1e-7).all()
    for name in ("estimate", "bound_low", "bound_high"):
        assert found[name].is_monotonic_increasing or (found[name].diff().min() > -1e-7)
    assert (found["hazard_low"] <= found["hazard"] + 1e-7).all()
    assert (found["hazard"] <= found["hazard_high"] + 1e-7).all()


def test_the_order_of_rows_does_not_matter_and_the_table_is_unchanged():
    table = random_courses(skip=0.2)
    before = table.copy(deep=True)
    a, b = (relief_by_dose(t).to_frame() for t in (table, table.sample(frac=1, random_state=4)))
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(table, before)


def test_all_relieved_at_dose_one():
    row = rows_of(relief_by_dose(courses((8, 0, 1, 3, None)))).loc[1]
    assert row["estimate"] == row["conf_high"] == row["bound_low"] == row["bound_high"] == 1
    assert 0.7 < row["conf_low"] < 1


def test_nobody_ever_reaches_it():
    found = rows_of(relief_by_dose(courses((8, 3, inf, 3, "course_end"))))
    assert found["estimate"].tolist() == [0, 0, 0]
    assert found["conf_low"].tolist() == [0, 0, 0]
    assert (found["conf_high"] < 0.3).all()


def test_everybody_stops_after_dose_one():
    table = courses((2, 0, 1, 1, None), (6, 1, inf, 1, "other"))
    found = rows_of(relief_by_dose(table, up_to=3))
    assert found["estimate"].tolist() == pytest.approx([0.25, NONE, NONE], nan_ok=True)
    assert found["hazard"].isna().tolist() == [False, True, True]
    assert found["bound_low"].tolist() == pytest.approx([0.25] * 3)
    assert found["bound_high"].tolist() == pytest.approx([0.25, 1, 1])
    assert str(relief_by_dose(table, up_to=3)) == (
        "nobody was at risk at dose 3; the share that reached relief by then lies between 25.0 and "
        "100.0%"
    )


def test_one_subject_is_enough():
    row = rows_of(relief_by_dose(courses((1, 0, 1, 1, None)))).loc[1]
    assert row["estimate"] == 1
    assert 0 < row["conf_low"] < row["conf_high"] == 1


def test_relief_over_skipped_doses_counts_where_it_was_seen_and_the_table_says_so():
    result = relief_by_dose(courses((5, 0, 2, 2, None), (5, 2, inf, 2, "course_end")))
    found = rows_of(result)
    assert found["estimate"].tolist() == pytest.approx([0.0, 0.5])
    assert found["estimate_high"].tolist() == pytest.approx([0.5, 0.5])
    assert len(result.notes) == 2
    assert result.notes[0].startswith("5 were not assessed in every period")


def test_subjects_who_were_never_assessed_are_told_and_move_only_the_bounds():
    more = relief_by_dose(courses(*TEN, (2, 0, inf, 1, "other")))
    few = relief_by_dose(courses(*TEN))
    assert rows_of(more)["estimate"].tolist() == pytest.approx(rows_of(few)["estimate"].tolist())
    assert rows_of(more).loc[1, "bound_high"] == pytest.approx(4 / 12)
    assert rows_of(more).loc[1, "bound_low"] == pytest.approx(2 / 12)
    assert any(note.startswith("2 have no known assessment") for note in more.notes)


def grouped():
    table = pd.concat([courses(*TEN), courses(*TEN)], ignore_index=True)
    return table.assign(usubjid=range(20), trt01a=["a"] * 10 + ["b"] * 10)


def test_groups_have_rows_of_their_own_and_a_missing_group_is_none():
    table = grouped()
    table.loc[0, "trt01a"] = None
    result = relief_by_dose(table, by="trt01a")
    frame = result.to_frame()
    assert frame.groupby("trt01a")["n"].first().tolist() == [9, 10]
    assert frame["term"].tolist() == ["a, dose 1", "a, dose 2", "b, dose 1", "b, dose 2"]
    assert tuple(frame.columns[-len(SHARED_WORDS) :]) == SHARED_WORDS
    assert str(result).count("reached relief by dose 2") == 2
    assert str(result.share_by(2, "b")).startswith("b: 60.0%")
    with pytest.raises(UsageError, match="Name one"):
        result.share_by(2)
    with pytest.raises(UsageError, match="up_to=7"):
        result.share_by(7, "a")
    with pytest.raises(UsageError, match="no group"):
        result.share_by(1, "c")


def test_a_group_without_a_known_assessment_is_named():
    table = grouped()
    table.loc[10:, ["dose_left", "dose_right", "stopped"]] = [0, inf, "other"]
    with pytest.raises(DataError, match="nobody in b was assessed"):
        relief_by_dose(table, by="trt01a")
    with pytest.raises(DataError, match="nobody in the table"):
        relief_by_dose(table[10:])
    with pytest.raises(DataError, match="nobody in the table"):
        relief_by_dose(table[:0])


def test_faults_and_options_are_refused():
    table = courses(*TEN)
    with pytest.raises(DataError, match="trt01a"):
        relief_by_dose(table, by="trt01a")
    with pytest.raises(DataError, match="two dose numbers"):
        relief_by_dose(table.assign(dose_left=3))
    with pytest.raises(UsageError, match="up_to"):
        relief_by_dose(table, up_to=0)
    with pytest.raises(ValueError, match="conf_level"):
        relief_by_dose(table, conf_level=1.0)


def regression_table(dataset):
    data = read_reference("discrete_hazard_data", dataset=dataset).reset_index(drop=True)
    return data.rename(columns={"left": "dose_left", "right": "dose_right"}).assign(
        usubjid=data.index.astype(str), n_doses=9, stopped="other"
    )


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("dataset", ["course400", "lung90", "veteran30"])
def test_regression_by_formula_agrees_with_r_glm(dataset, link):
    expected = read_reference("discrete_hazard", dataset=dataset, model="free_group", link=link)
    result = dose_hazard(regression_table(dataset), "group + x2", link=link)
    found = result.to_frame()
    assert found["estimate"].to_numpy() == pytest.approx(expected["estimate"].to_numpy(), abs=1e-8)
    assert found["std_error"].to_numpy() == pytest.approx(
        expected["std_error"].to_numpy(), rel=1e-8
    )
    assert result.loglik == pytest.approx(expected["loglik"].iloc[0], abs=1e-8)
    assert result.deviance == pytest.approx(expected["deviance"].iloc[0], abs=1e-8)


def test_a_linear_effect_of_the_dose_and_one_that_changes_over_the_course_agree_with_r():
    expected = read_reference(
        "discrete_hazard", dataset="course400", model="linear_inter", link="cloglog"
    )
    found = dose_hazard(regression_table("course400"), "x1 + x1:dose", dose="linear").to_frame()
    assert found["estimate"].to_numpy() == pytest.approx(expected["estimate"].to_numpy(), abs=1e-8)


def test_ratios_belong_to_covariates_and_the_sentence_gives_them():
    result = dose_hazard(regression_table("course400"), "x1")
    frame = result.to_frame()
    assert frame["ratio"].isna().tolist() == [True] * 6 + [False]
    assert frame["ratio"].iloc[-1] == pytest.approx(np.exp(frame["estimate"].iloc[-1]))
    assert str(result).startswith("Hazard ratio by dose number: x1 ")
    assert "Odds ratio" in str(dose_hazard(regression_table("course400"), "x1", link="logit"))
    assert str(dose_hazard(regression_table("course400"), "1")).endswith("no covariates")


def test_shares_from_the_regression_are_averaged_over_everybody():
    table = regression_table("course400")
    result = dose_hazard(table, "group + x2")
    held = [result.share_by(3, {"group": g}).loc[0, "estimate"] for g in "abc"]
    everybody = result.share_by(3).loc[0]
    assert min(held) < everybody["estimate"] < max(held)
    assert everybody["conf_low"] < everybody["estimate"] < everybody["conf_high"]
    coefficients = result.to_frame().set_index("term")["estimate"]
    effect = {"a": 0.0, "b": coefficients.iloc[-3], "c": coefficients.iloc[-2]}
    eta = table["group"].map(effect) + coefficients.iloc[-1] * table["x2"]
    told = (table["dose_left"] > 0) | np.isfinite(table["dose_right"])
    levels = np.exp([coefficients[f"dose {k}"] for k in (1, 2, 3)]).sum()
    by_hand = 1 - np.exp(-levels * np.exp(eta[told])).mean()
    assert everybody["estimate"] == pytest.approx(by_hand, abs=1e-10)


def test_without_covariates_the_regression_gives_the_share_of_the_table():
    table = regression_table("course120")
    share = relief_by_dose(table).share_by(3).to_frame().loc[0, "estimate"]
    assert dose_hazard(table, "1").share_by(3).loc[0, "estimate"] == pytest.approx(share, abs=1e-9)


def test_later_doses_can_be_left_out():
    table = regression_table("course400")
    few = dose_hazard(table, "x1", up_to=2).to_frame()
    assert few["term"].tolist() == ["dose 1", "dose 2", "x1"]
    cut = table.assign(
        dose_right=table["dose_right"].where(table["dose_right"] <= 2, inf),
        dose_left=table["dose_left"].clip(upper=2),
    )
    pd.testing.assert_frame_equal(few, dose_hazard(cut, "x1").to_frame())


def test_terms_that_tell_events_apart_are_named():
    table = courses(*TEN).assign(arm=["a"] * 5 + ["b"] * 5, twice=[1.0] * 10)
    never = table.assign(dose_right=inf, dose_left=2, stopped="other", n_doses=3)
    with pytest.raises(UsageError, match="dose 1, dose 2"):
        dose_hazard(never, "1")
    mixed = pd.concat([table.assign(arm="a"), never.assign(arm="b")], ignore_index=True)
    mixed["usubjid"] = range(20)
    with pytest.raises(UsageError, match="arm b against a"):
        dose_hazard(mixed, "arm")
    with pytest.raises(UsageError, match="twice: constant"):
        dose_hazard(table, "twice")


def test_regression_refuses_what_does_not_fit():
    table = regression_table("course120")
    with pytest.raises(UsageError, match="cloglog"):
        dose_hazard(table, "x1", link="cloglg")
    with pytest.raises(UsageError, match="linear"):
        dose_hazard(table, "x1", dose="lin")
    with pytest.raises(DataError, match="height"):
        dose_hazard(table, "height")
    with pytest.raises(DataError, match="x1"):
        dose_hazard(table.assign(x1=table["x1"].where(table.index > 2)), "x1")
    with pytest.raises(UsageError, match="up_to"):
        dose_hazard(table, "x1", up_to=0)
    result = dose_hazard(table, "group")
    with pytest.raises(UsageError, match="doses 1 to"):
        result.share_by(9)
    with pytest.raises(UsageError, match="covariate"):
        result.share_by(2, {"groop": "a"})
    with pytest.raises(DataError, match="had in the data"):
        result.share_by(2, {"group": "z"})


@pytest.mark.parametrize("skip", [0.0, 0.3])
def test_results_display_text_and_leave_dashes_where_nothing_is_known(skip):
    shown = relief_by_dose(random_courses(skip=skip), up_to=8).display()
    assert shown.map(lambda cell: isinstance(cell, str)).all(axis=None)
    assert shown.iloc[-1].tolist().count("–") >= 1


def test_hazard_ratios_are_drawn_on_a_logarithmic_axis():
    result = dose_hazard(regression_table("course400"), "x1 + x1:dose")
    axes = result.plot(Figure().add_subplot())
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Hazard ratio"
    ratios = result.to_frame().dropna(subset="ratio")
    squares = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "s"]
    assert squares == pytest.approx(list(ratios["ratio"]))

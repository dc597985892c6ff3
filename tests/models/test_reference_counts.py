"""Rate ratios with the events of unobserved time imputed."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references import read_input, read_reference

from ketastats.errors import DataError, UsageError
from ketastats.models.reference_counts import reference_counts
from ketastats.results import SHARED_WORDS
from ketastats.stats.count_imputation import STRATEGIES


def trial(n=90):
    data = read_input("reference_counts_events").rename(columns={"arm": "trt01a"}).head(n)
    return data.assign(usubjid=[f"s{i}" for i in range(len(data))], planned=84)


def three_arms():
    rng = np.random.default_rng(3)
    n = 120
    arm = np.tile(["placebo", "low", "high"], n // 3)
    rate = pd.Series(arm).map({"placebo": 0.12, "low": 0.1, "high": 0.05}) * rng.gamma(2, 0.5, n)
    days = np.where(rng.random(n) < 0.4, rng.integers(7, 84, n), 84)
    frame = pd.DataFrame({"usubjid": [f"s{i}" for i in range(n)], "trt01a": arm, "days": days})
    return frame.assign(events=rng.poisson(rate * days))


def compared(data=None, **options):
    chosen = {"planned": 84, "reference": "placebo", "imputations": 20}
    return reference_counts(trial() if data is None else data, **{**chosen, **options})


def test_covariates_enter_as_in_the_regression_of_r():
    printed = read_reference("reference_counts", dataset="events").set_index("term")
    data = trial()
    observed = compared(data.assign(planned=data["days"]), planned="planned", covariates="base")
    row = observed.to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(printed.loc["armdrug", "estimate"], abs=1e-7)
    assert row["std_error"] == pytest.approx(printed.loc["armdrug", "std_error"], rel=1e-4)
    assert 1 / observed.dispersion == pytest.approx(printed.loc["theta", "estimate"], rel=1e-6)
    assert row["imputed"] == 0


def test_jump_to_reference_lies_between_no_difference_and_missing_at_random():
    ratio = {s: compared(strategy=s, imputations=400).to_frame()["ratio"][0] for s in STRATEGIES}
    assert ratio["mar"] < ratio["copy_reference"] < ratio["jump_to_reference"] < 1


def test_rows_are_the_arms_against_the_reference_on_the_log_scale():
    frame = compared(three_arms()).to_frame()
    assert frame["term"].tolist() == ["high against placebo", "low against placebo"]
    assert tuple(frame.columns[-len(SHARED_WORDS) :]) == SHARED_WORDS
    assert np.exp(frame["conf_low"]).tolist() == pytest.approx(frame["ratio_low"].tolist())
    assert frame["n"].tolist() == [80, 80]
    assert compared(three_arms()).arms == ("placebo", "high", "low")


def test_another_reference_turns_the_ratio_round_when_missing_at_random():
    mine = compared(strategy="mar", imputations=300).to_frame().iloc[0]
    other = compared(strategy="mar", imputations=300, reference="drug").to_frame().iloc[0]
    apart = 4 * np.hypot(mine["monte_carlo_se"], other["monte_carlo_se"])
    assert other["estimate"] == pytest.approx(-mine["estimate"], abs=apart)


def test_row_order_changes_nothing_and_a_seed_gives_one_answer():
    data = trial()
    one = compared(data, covariates=["base"]).to_frame()
    mixed = compared(data.sample(frac=1, random_state=5), covariates=["base"]).to_frame()
    pd.testing.assert_frame_equal(one, mixed)
    assert (
        compared(data, covariates=["base"], seed=1).to_frame()["estimate"][0] != one["estimate"][0]
    )


def test_the_unit_of_a_covariate_changes_nothing():
    data = trial()
    one = compared(data, covariates="base").to_frame()
    other = compared(data.assign(base=1e6 + 1e4 * data["base"]), covariates="base").to_frame()
    assert other["estimate"][0] == pytest.approx(one["estimate"][0], abs=1e-6)


def test_the_given_table_is_left_alone_and_may_hold_nullable_numbers_and_categories():
    data = trial().astype({"events": "Int64", "days": "Float64", "trt01a": "category"})
    before = data.copy()
    pd.testing.assert_frame_equal(compared(data).to_frame(), compared().to_frame())
    pd.testing.assert_frame_equal(data, before)


def test_the_ratio_rises_with_the_arms_delta_and_falls_with_the_references():
    result = compared()
    grid = [0.25, 0.5, 1.0, 2.0, 4.0]
    table = np.array([[result.ratio_at("drug", (a, r)).ratio for a in grid] for r in grid])
    assert (np.diff(table, axis=1) > 0).all()
    assert (np.diff(table, axis=0) < 0).all()


def test_the_ratio_at_given_deltas_is_that_of_a_result_with_these_deltas():
    shifted = compared(three_arms(), delta={"placebo": 1.5, "low": 0.5})
    there = compared(three_arms()).ratio_at("low", (0.5, 1.5))
    row = shifted.to_frame().set_index("arm").loc["low"]
    assert (there.estimate, there.conf_high) == (row["estimate"], row["conf_high"])
    assert (row["delta"], row["reference_delta"]) == (0.5, 1.5)
    assert shifted.ratio_at("low", (0.5, 1.5), conf_level=0.8).conf_high < there.conf_high


def test_notes_say_what_was_not_observed_and_what_was_assumed():
    data = three_arms()
    data.loc[data["trt01a"] == "low", "days"] = 84
    notes = compared(data, delta={"high": 1.5}).notes
    assert "0 of 40 in low were not observed for all of the planned time: 0.0%" in notes[2]
    assert "Events of that time were imputed under jump to reference." in notes
    assert "The rate of unobserved time was multiplied by 1.5 in high." in notes


def test_counts_that_vary_little_are_said_to():
    data = pd.DataFrame({"usubjid": range(12), "trt01a": ["a", "b"] * 6, "days": [10, 20] * 6})
    result = compared(data.assign(events=[4, 5, 4, 5, 5, 4] * 2), planned=21, reference="a")
    assert result.dispersion == 0
    assert "The events observed vary no more than Poisson counts do." in result.notes


def test_the_sentence_and_the_figure_say_the_ratio():
    result = compared(three_arms())
    try:
        assert "Ratio of rates of events" in result.plot().get_xlabel()
    finally:
        plt.close("all")
    row = result.to_frame().iloc[0]
    shown = f"{row['ratio']:.2f} (95% interval {row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    assert shown in str(result)
    assert "first of 2 arms" in str(result)


def test_progress_is_told_what_was_done_and_wanted():
    told = []
    compared(imputations=120, progress=lambda *done: told.append(done))
    assert told == [(50, 120), (100, 120), (120, 120)]


def test_two_hundred_imputations_of_two_hundred_subjects_take_less_than_two_seconds():
    data = pd.concat([trial(), trial().assign(usubjid=lambda d: "t" + d["usubjid"])])
    begun = time.perf_counter()
    compared(data, imputations=200)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reference": "plcebo"}, "did you mean 'placebo'"),
        ({"strategy": "last_mean"}, "There is no strategy called"),
        ({"planned": 0}, "planned must be a column or a time above 0"),
        ({"planned": True}, "planned must be a column or a time above 0"),
        ({"imputations": 1}, "imputations must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"conf_level": 95}, "conf_level"),
        ({"delta": {"drug": 0}}, "The delta of drug must be finite and above 0"),
        ({"delta": {"drug": "half"}}, "The delta of drug must be finite and above 0"),
        ({"delta": {"nobody": 1}}, "There is no arm called 'nobody'"),
        ({"covariates": "trt01a"}, "in the model already"),
        ({"covariates": ["base", "I(2 * base)"]}, "tell the same as each other"),
        ({"events": 3}, "events must be the name of a column"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        compared(**options)


def test_arms_that_cannot_be_compared_are_refused():
    data = trial()
    with pytest.raises(UsageError, match="Everybody is in placebo"):
        compared(data[data["trt01a"] == "placebo"])
    quiet = data["events"].mask(data["trt01a"] == "drug", 0)
    with pytest.raises(UsageError, match="Nobody had events in drug"):
        compared(data.assign(events=quiet))
    group = np.where((data["events"] == 0) & (data["trt01a"] == "drug"), "none", "some")
    with pytest.raises(UsageError, match="The model cannot be fitted"):
        compared(data.assign(group=group), covariates="group")
    with pytest.raises(UsageError, match="There is no arm called 'placebo'"):
        compared().ratio_at("placebo", (1.0, 1.0))


def test_everything_wrong_with_a_table_is_said_at_once_without_a_subject():
    data = trial().astype({"events": float, "days": float})
    data.loc[[0, 1], "events"] = [-1, 1.5]
    data.loc[[2, 3, 4], "days"] = [0, 85, np.nan]
    data.loc[5, "base"] = np.nan
    data.loc[7, "usubjid"] = "s6"
    with pytest.raises(DataError) as error:
        compared(data, covariates="base")
    found = {(one.code, one.column, one.rows) for one in error.value.problems}
    assert found == {
        ("not_a_count", "events", (1, 2)),
        ("no_time", "days", (3,)),
        ("above_planned", "days", (4,)),
        ("missing_value", "days", (5,)),
        ("missing_value", "base", (6,)),
        ("duplicate", "usubjid", (8,)),
    }
    assert "s6" not in str(error.value)
    with pytest.raises(DataError, match="wanted: not in the table"):
        compared(planned="wanted")
    with pytest.raises(DataError, match="holds text"):
        compared(trial().assign(events="many"))

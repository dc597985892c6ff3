"""Mean days well per patient: bounds, limits, groups, refusals."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.endpoints.well_time import derive_well_time
from ketastats.errors import DataError
from ketastats.models.days_well import days_well
from ketastats.stats.well_share import mean_within_bounds

NONE = float("nan")


def well_time(low, high, visit=None, *, horizon=2016.0, **more):
    """Days well to the table that `derive_well_time` makes."""
    columns = {
        "usubjid": [f"s{i}" for i in range(len(low))],
        "well_low": 24.0 * np.array(low, dtype=float),
        "well_high": 24.0 * np.array(high, dtype=float),
        "well_visit": 24.0 * np.array(low if visit is None else visit, dtype=float),
        "start": 0.0,
        "horizon": horizon,
        "endpoint": "response",
        "rule": "madrs:response_50",
        "changes": "one",
    }
    return pd.DataFrame(columns | more)


def only(result):
    (row,) = result.to_frame().to_dict("records")
    return row


def test_days_are_means_of_the_bounds_with_their_limits_around():
    table = well_time([0, 10, 20, 40, 60], [30, 10, 50, 84, 70], [5, 10, 30, 60, 65])
    row = only(days_well(table, conf_level=0.9))
    exact = mean_within_bounds(
        [0, 10, 20, 40, 60], [30, 10, 50, 84, 70], least=0, most=84, conf_level=0.9
    )
    assert (row["days_low"], row["days_high"], row["estimate"]) == pytest.approx((26, 48.8, 34))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(exact.limits)
    assert (row["n"], row["start_day"], row["horizon_day"]) == (5, 0, 84)


def test_each_group_is_estimated_by_itself():
    table = well_time([0, 4, 9, 30], [20, 40, 11, 31], trt01a=["b", "a", "a", None])
    result = days_well(table, by="trt01a")
    assert list(result.to_frame()["term"]) == ["a", "b"]
    assert list(result.to_frame()["n"]) == [2, 1]
    alone = only(days_well(table[table["trt01a"] == "a"]))
    assert result.to_frame().loc[0, "conf_high"] == alone["conf_high"]
    assert any("1 without a group" in note for note in result.notes)


def test_one_subject_has_bounds_and_no_limits_and_the_result_says_why():
    result = days_well(well_time([3], [9]))
    assert np.isnan(only(result)["conf_low"])
    assert "no limits" in str(result)
    assert any("one subject" in note for note in result.notes)
    assert "(" not in result.display().iloc[0, 2]


def test_a_whole_span_that_is_exceeded_by_rounding_is_no_fault():
    table = well_time([84, 84, 80], [84 + 1e-12, 84, 84])
    assert only(days_well(table))["days_high"] == 84


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"well_low": [NONE, 1.0]}, "well_low, row 1: empty"),
        ({"well_low": [500.0, 1.0]}, "least is more than the most"),
        ({"well_high": [240.0, 3000.0]}, "not between 0 and the whole time"),
        ({"well_visit": [-5.0, 1.0]}, "not between 0"),
        ({"horizon": [2016.0, 1008.0]}, "more than one value"),
        ({"usubjid": ["s0", "s0"]}, "second row of one subject"),
        ({"well_high": ["x", "y"]}, "text where a number"),
    ],
)
def test_a_table_that_is_no_table_of_time_well_is_refused(change, word):
    table = well_time([0, 5], [10, 10]).assign(**change)
    with pytest.raises(DataError, match=word):
        days_well(table)


def test_absent_columns_and_nobody_are_refused():
    with pytest.raises(DataError, match="trt01a"):
        days_well(well_time([0], [1]), by="trt01a")
    with pytest.raises(DataError, match="nobody"):
        days_well(well_time([], []))
    with pytest.raises(DataError, match="nobody"):
        days_well(well_time([1], [2], trt01a=[None]), by="trt01a")


def test_the_public_trial_goes_from_scores_to_days():
    trial = ks.load_antidepressant_trial()
    table = derive_well_time(
        trial.scores, horizon=1008, subjects=trial.subjects, instrument="hamd17"
    )
    result = days_well(table, by="trt01a")
    frame = result.to_frame()
    assert dict(zip(frame["term"], frame["n"], strict=True)) == {"DRUG": 84, "PLACEBO": 88}
    means = table.groupby("trt01a")[["well_low", "well_high", "well_visit"]].mean() / 24
    assert np.allclose(frame[["days_low", "days_high", "estimate"]], means)
    assert (frame["conf_low"] < frame["days_low"]).all()
    assert (frame["days_high"] < frame["conf_high"]).all()
    assert (frame["days_low"] <= frame["estimate"]).all()
    assert (frame["estimate"] <= frame["days_high"]).all()
    assert "antidepressant_hamd17.csv" in {source.name for source in result.sources}
    assert "up to day 42" in str(result)


def test_a_conservative_table_says_so_in_the_notes():
    table = well_time([0, 0], [10, 20], [5, 9], changes="any")
    assert any("relapse may hide" in note for note in days_well(table).notes)

"""Checks and counts of a table of intervals before anything is estimated."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.models.event_intervals import (
    assessment_times,
    event_intervals,
    group_labels,
    hours_after_zero,
    refuse_names,
    require_assessed,
)

INF = np.inf


@pytest.fixture
def few():
    return pd.DataFrame(
        {
            "usubjid": list("abcdef"),
            "left": [0.0, 0.0, 24.0, 24.0, 24.0, 72.0],
            "right": [24.0, 24.0, 72.0, INF, INF, INF],
            "status": ["relief"] * 3 + ["censored"] * 3,
            "trt01a": ["x", "x", "y", "y", "y", "x"],
        }
    )


def test_like_intervals_are_counted_by_group(few):
    counted, event = event_intervals(few, ["trt01a"])
    assert event == "relief"
    assert counted[["trt01a", "left", "right", "n"]].to_numpy().tolist() == [
        ["x", 0, 24, 2],
        ["x", 72, INF, 1],
        ["y", 24, 72, 1],
        ["y", 24, INF, 2],
    ]


def test_the_event_is_named_by_status_or_relief_if_there_is_none(few):
    assert event_intervals(few.replace({"status": {"relief": "relapse"}}), [])[1] == "relapse"
    assert event_intervals(few.drop(columns="status"), [])[1] == "relief"
    none = few[few["status"] == "censored"]
    assert event_intervals(none, [])[1] == "relief"


def test_two_kinds_of_event_are_refused_unless_they_are_wanted(few):
    few.loc[0, "status"] = "response"
    with pytest.raises(ks.UsageError, match="2 kinds of event in status"):
        event_intervals(few, [])
    counted, _ = event_intervals(few, [], allow_competing=True)
    assert set(counted["status"]) == {"relief", "response", "censored"}


@pytest.mark.parametrize("kind", ["death", "rescue", "dropout"])
def test_competing_events_are_refused_with_what_takes_them(few, kind):
    few.loc[0, "status"] = kind
    with pytest.raises(ks.UsageError, match=rf"\({kind}\).*cumulative_incidence"):
        event_intervals(few, [])


def test_everything_wrong_is_said_at_once_and_no_value_is_shown(few):
    few.loc[0, "left"] = -123.0
    few.loc[1, "right"] = np.nan
    few.loc[2, "left"] = 99.0
    few.loc[3, "left"] = INF
    with pytest.raises(ks.DataError) as caught:
        event_intervals(few, [])
    assert len(caught.value.problems) >= 4
    assert "123" not in str(caught.value)
    assert "99" not in str(caught.value)


def test_missing_groups_and_status_against_right_are_both_said(few):
    few.loc[0, "trt01a"] = None
    few.loc[1, "status"] = "censored"
    few.loc[3, "status"] = "relief"
    with pytest.raises(ks.DataError) as caught:
        event_intervals(few, ["trt01a"])
    codes = {problem.code for problem in caught.value.problems}
    assert codes >= {"missing_value", "event_without_a_time", "censored_with_an_end"}


def test_columns_that_are_not_there_or_named_twice_are_refused(few):
    with pytest.raises(ks.DataError, match="sex"):
        event_intervals(few, ["sex"])
    with pytest.raises(ks.UsageError, match="twice"):
        event_intervals(few, ["trt01a", "trt01a"])
    with pytest.raises(ks.DataError, match="left"):
        event_intervals(few.drop(columns="left"), [])
    with pytest.raises(ks.UsageError, match="no rows"):
        event_intervals(few.iloc[:0], [])


def test_groups_come_in_the_order_of_their_categories_without_unused_ones(few):
    few["trt01a"] = pd.Categorical(few["trt01a"], ["y", "x", "z"])
    few["sex"] = ["f", "m"] * 3
    counted, _ = event_intervals(few, ["trt01a", "sex"])
    labels = [label for label, _ in group_labels(counted, ["trt01a", "sex"])]
    assert labels == ["y, f", "y, m", "x, f", "x, m"]
    assert [label for label, _ in group_labels(counted, [])] == ["all"]


def test_groups_of_whom_nothing_is_known_are_named(few):
    nothing = few.assign(left=0.0, right=INF)
    with pytest.raises(ks.UsageError, match="anybody's time in x, y"):
        require_assessed([("x", nothing), ("y", nothing)])
    require_assessed([("x", few)])


def test_names_of_the_answers_own_columns_are_refused():
    with pytest.raises(ks.UsageError, match="Cannot group by bound_low, n: "):
        refuse_names(["n", "bound_low", "sex"], ["bound_low"])
    refuse_names(["sex"], ["bound_low"])


def test_hours_are_numbers_after_zero():
    assert hours_after_zero("times", None) == []
    assert hours_after_zero("times", (24, "72")) == [24, 72]
    for wrong in ([0], [-1], [INF], [np.nan]):
        with pytest.raises(ks.UsageError, match="tau must be hours after 0"):
            hours_after_zero("tau", wrong)
    for wrong in (["soon"], 24, [None]):
        with pytest.raises(ks.UsageError, match="tau must be a list of hours"):
            hours_after_zero("tau", wrong)


def test_few_assessment_times_are_shown_all_and_many_as_ten_with_first_and_last():
    few = assessment_times(np.array([0.0, 24, 24]), np.array([24.0, 72, INF]))
    assert few == [24, 72]
    many = np.arange(1.0, 101)
    shown = assessment_times(many, many)
    assert len(shown) == 10
    assert (shown[0], shown[-1]) == (1, 100)


def test_a_subject_given_twice_is_refused_unless_the_rows_are_of_doses():
    twice = pd.DataFrame({"usubjid": ["a", "a"], "left": [0.0, 24.0], "right": [24.0, 72.0]})
    with pytest.raises(ks.DataError, match="second interval of one subject"):
        ks.time_to_relief(twice)
    by_dose = ks.time_to_relief(twice.assign(exseq=[1.0, 2.0]))
    assert any("take all rows for independent" in note for note in by_dose.notes)


def test_who_tells_nothing_is_counted_in_a_note():
    table = pd.DataFrame({"usubjid": ["a", "b"], "left": [0.0, 0.0], "right": [24.0, float("inf")]})
    notes = ks.time_to_relief(table).notes
    assert any(note.startswith("1 of 2 tell nothing of the time") for note in notes)

"""Counts of relief by dose number, on several engines."""

from math import inf

import duckdb
import numpy as np
import pandas as pd
import pytest

from ketastats.summaries.dose_counts import (
    count_dose_intervals,
    dose_table_problems,
    person_doses,
)


def table():
    return pd.DataFrame(
        {
            "usubjid": list("abcdef"),
            "trt01a": ["k", "k", "k", "m", "m", None],
            "dose_left": [0, 0, 2, 2, 2, 1],
            "dose_right": [1, 1, inf, inf, inf, inf],
            "n_doses": [3, 3, 2, 2, 2, 2],
            "stopped": [None, "other", "well", "no_effect", "no_effect", "other"],
        }
    ).astype({"stopped": "string", "trt01a": "string"})


def test_equal_courses_are_counted_and_a_missing_group_is_none():
    counted = count_dose_intervals(table(), by=["trt01a"])
    assert counted["trt01a"].tolist() == ["k", "k", "m"]
    assert counted["n"].tolist() == [2, 1, 2]  # a reason where relief was seen makes no difference
    assert counted["stopped"].tolist() == ["", "well", "no_effect"]
    assert count_dose_intervals(table())["n"].sum() == 6


def test_counts_are_the_same_on_duckdb():
    frame = table()  # noqa: F841 (DuckDB reads it by name)
    relation = duckdb.sql("select * from frame")
    here, there = (count_dose_intervals(t, by=["trt01a"]) for t in (table(), relation))
    pd.testing.assert_frame_equal(here, there, check_dtype=False)


def test_a_table_as_derived_has_no_problems():
    assert dose_table_problems(table()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dose_left": [0, 0, 2, 2, 2, -1]}, "dose_interval"),
        ({"dose_left": [1, 0, 2, 2, 2, 1]}, "dose_interval"),
        ({"dose_left": [0.5, 0, 2, 2, 2, 1]}, "dose_interval"),
        ({"dose_right": [1, np.nan, inf, inf, inf, inf]}, "dose_interval"),
        ({"dose_right": [1, 1.5, inf, inf, inf, inf]}, "dose_interval"),
        ({"dose_left": ["a", 0, 2, 2, 2, 1]}, "dose_interval"),
        ({"n_doses": [0, 3, 2, 2, 2, 2]}, "dose_count"),
        ({"n_doses": [3, 3, 1, 2, 2, 2]}, "dose_count"),
        ({"stopped": [None, None, "tired", "well", "well", "well"]}, "unknown_code"),
        ({"stopped": [None, None, None, "well", "well", "well"]}, "unknown_code"),
        ({"usubjid": [None, *"bcdef"]}, "missing_value"),
        ({"usubjid": list("abcdee")}, "duplicate"),
    ],
)
def test_each_fault_of_a_table_is_found(change, code):
    assert [found.code for found in dose_table_problems(table().assign(**change))] == [code]


def test_absent_columns_are_named_together():
    (found,) = dose_table_problems(table().drop(columns=["n_doses", "stopped"]))
    assert found.column == "n_doses, stopped"


def test_doses_are_laid_out_per_person_and_skipped_ones_make_one_trial():
    people = pd.DataFrame({"dose_left": [1, 2, 0], "dose_right": [3, inf, 1], "n": [4, 1, 2]})
    laid = person_doses(people)
    assert laid.rows["dose"].tolist() == [1, 2, 3, 1, 2, 1]
    assert laid.trial.tolist() == [0, 1, 1, 2, 3, 4]
    assert laid.event.tolist() == [False, True, False, False, True]
    assert laid.weight.tolist() == [4, 4, 1, 1, 2]

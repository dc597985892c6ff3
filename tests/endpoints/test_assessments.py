"""Assessments in the order of time, as arrays: positions, confirmation, first sight."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketastats.endpoints.assessments import (
    Assessments,
    chosen_rule,
    first_seen,
    judge_assessments,
    last_true,
    next_true,
    scored_assessments,
)
from ketastats.errors import UsageError
from ketastats.instruments.registry import rule

INF, NAN = float("inf"), float("nan")


def assessments(*rows):
    """From (subject, time, met) triples in any order."""
    subject, time, met = (np.array(column) for column in zip(*sorted(rows), strict=True))
    return Assessments(subject.astype(np.intp), time.astype(float), met.astype(bool))


SEEN = assessments((0, 2, 0), (0, 4, 1), (0, 24, 1), (2, 2, 1), (2, 168, 0), (2, 336, 1))


def test_the_place_after_a_time_is_counted_within_the_subject():
    who = np.array([0, 0, 0, 0, 1, 2, 2, 3])
    at = np.array([0, 2, 3, INF, 24, 1, 168, 5.0])
    assert SEEN.after(who, at).tolist() == [0, 1, 1, 3, 3, 3, 5, 6]
    assert SEEN.start_of(np.array([0, 1, 2, 3])).tolist() == [0, 3, 3, 6]


def test_what_holds_is_told_by_the_last_assessment_at_or_before():
    who, at = np.array([0, 0, 0, 1, 2, 2]), np.array([1.0, 2, 4, 4, 2, 200])
    assert SEEN.holds_at(who, at, SEEN.met).tolist() == [False, False, True, False, True, False]


def test_a_met_assessment_is_confirmed_by_the_next_of_the_same_subject():
    assert SEEN.sustained().tolist() == [False, True, False, False, False, False]
    two = assessments((0, 2, 1), (1, 4, 1))
    assert two.sustained().tolist() == [False, False]


@pytest.mark.parametrize(
    ("times", "met", "counted"),
    [
        ([0, 5], [1, 1], [1, 0]),
        ([0, 4.9], [1, 1], [0, 0]),  # too soon
        ([0, 15], [1, 1], [1, 0]),
        ([0, 15.1], [1, 1], [0, 0]),  # too late
        ([0, 2, 7], [1, 1, 1], [1, 1, 0]),  # one in between that agrees
        ([0, 2, 7], [1, 0, 1], [0, 0, 0]),  # one in between that does not
        ([0, 2, 20], [1, 1, 1], [0, 0, 0]),
        ([0, 16, 22], [1, 1, 1], [0, 1, 0]),
    ],
)
def test_confirmation_can_ask_for_a_shortest_and_a_longest_distance(times, met, counted):
    one = assessments(*[(0, at, good) for at, good in zip(times, met, strict=True)])
    assert one.sustained(5, 15).tolist() == [bool(flag) for flag in counted]


def test_the_first_that_counts_is_looked_for_between_origin_and_stop():
    table = first_seen(
        SEEN,
        SEEN.met,
        subject=np.array([0, 0, 0, 1, 2]),
        origin=np.array([0.0, 2, 24, 0, 2]),
        stop=np.array([INF, 3, INF, INF, 200]),
    )
    assert table["left"].tolist() == [2, 0, 0, 0, 166]
    assert table["right"].tolist() == [4, INF, INF, INF, INF]
    assert table["n_assessed"].tolist() == [3, 0, 0, 0, 1]
    assert not table["unconfirmed"].any()


def test_nothing_assessed_is_nothing_seen():
    none = Assessments(np.zeros(0, np.intp), np.zeros(0), np.zeros(0, bool))
    table = first_seen(
        none, none.sustained(), subject=np.arange(2), origin=np.zeros(2), stop=np.full(2, INF)
    )
    assert table["right"].tolist() == [INF, INF]
    assert none.holds_at(np.arange(2), np.zeros(2), none.met).tolist() == [False, False]


@given(flags=st.lists(st.booleans(), max_size=12))
@settings(max_examples=50, deadline=None, database=None)
def test_next_and_last_true_agree_with_looking(flags):
    n = len(flags)
    array = np.array(flags, dtype=bool)
    assert next_true(array).tolist() == [
        next((j for j in range(i, n) if flags[j]), n) for i in range(n + 1)
    ]
    assert last_true(array).tolist() == [
        next((j for j in reversed(range(i)) if flags[j]), -1) for i in range(n + 1)
    ]


def test_judging_keeps_the_known_scores_of_the_subjects_asked_for_in_order():
    scores = pd.DataFrame(
        {
            "usubjid": ["b", "a", "a", "a", "c"],
            "paramcd": ["madrs", "madrs", "madrs", "madrs", "madrs"],
            "afrlt": [4.0, 24.0, 2.0, 4.0, 2.0],
            "aval": [10.0, 9.0, 11.0, NAN, 5.0],
        }
    )
    subjects = pd.Series(["a", "b"])
    seen = judge_assessments(scores, rule("madrs:remission"), subjects)
    assert seen.subject.tolist() == [0, 0, 1]
    assert seen.time.tolist() == [2, 24, 4]
    assert seen.met.tolist() == [False, True, True]
    assert scored_assessments(scores, "madrs", subjects).time.tolist() == [2, 24, 4]
    assert seen.turned().met.tolist() == [True, False, False]
    assert seen.until(np.array([2.0, 3.0])).time.tolist() == [2]


def test_a_rule_is_the_one_named_or_the_default_of_the_only_instrument():
    scores = pd.DataFrame({"paramcd": ["madrs", None]})
    assert chosen_rule(scores, "response", None, None).id == "madrs:response_50"
    assert chosen_rule(scores, "remission", "madrs:remission_12", None).id == "madrs:remission_12"
    with pytest.raises(UsageError, match="no reliable_change rule"):
        chosen_rule(scores, "reliable_change", None, None)

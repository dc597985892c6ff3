"""The baseline: the last score that is not missing at or before the first dose."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ketastats as ks
from ketastats.provenance import Source, sources_of

NONE = float("nan")


def scores(*rows, **more):
    """Rows are (subject, hours, points) on the MADRS."""
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs", **more)


def same(found, expected):
    return pd.Series(found).equals(pd.Series(expected, dtype="float64"))


def test_the_last_score_at_or_before_time_zero_is_the_baseline_of_every_row():
    table = scores(
        ("1", 24.0, 12), ("1", 0.0, 30), ("1", -168.0, 35), ("2", -24.0, 28), ("2", 0.5, 9)
    )
    done = ks.derive_baseline(table)
    assert done["base"].tolist() == [30, 30, 30, 28, 28]
    assert done["ablfl"].tolist() == [False, True, False, True, False]


def test_a_missing_score_at_time_zero_leaves_the_one_before_it_as_baseline():
    table = scores(("1", -168.0, 35.0), ("1", 0.0, NONE), ("1", 24.0, 12.0))
    done = ks.derive_baseline(table)
    assert done["base"].tolist() == [35, 35, 35]
    assert done["ablfl"].tolist() == [True, False, False]


def test_a_subject_without_a_score_before_the_first_dose_has_no_baseline():
    done = ks.derive_baseline(scores(("1", 1.0, 30.0), ("2", 0.0, NONE), ("3", 0.0, 20.0)))
    assert same(done["base"], [NONE, NONE, 20.0])
    assert done["ablfl"].tolist() == [False, False, True]


def test_every_instrument_and_every_period_of_a_crossover_has_its_own_baseline():
    table = scores(
        ("1", 0.0, 30),
        ("1", 24.0, 12),
        ("1", 0.0, 25),
        ("1", 24.0, 20),
        ("1", 0.0, 18),
        aperiod=[1, 1, 2, 2, 1],
    ).assign(paramcd=["madrs"] * 4 + ["gad7"])
    assert ks.derive_baseline(table)["base"].tolist() == [30, 30, 25, 25, 18]


def test_an_empty_column_of_periods_is_the_same_as_none():
    table = scores(("1", 0.0, 30), ("1", 24.0, 12), aperiod=NONE)
    assert ks.derive_baseline(table)["base"].tolist() == [30, 30]


def test_two_scores_at_the_baseline_time_are_refused():
    table = scores(("1", 0.0, 30), ("1", 0.0, 26), ("1", 24.0, 12))
    with pytest.raises(ks.DataError, match="two scores at their baseline time"):
        ks.derive_baseline(table)


def test_rows_index_and_sources_stay_as_they_were_and_so_does_the_input():
    table = scores(("2", 24.0, 12), ("1", 0.0, 30), ("2", 0.0, 20))
    table.index = [7, 3, 3]
    cohort = ks.Cohort(
        pd.DataFrame({"usubjid": ["1", "2"]}),
        scores=table,
        provenance="synthetic",
        sources=[Source("trial.csv", "0" * 64)],
    )
    before = table.copy()
    done = ks.derive_baseline(table)
    assert done.index.tolist() == [7, 3, 3]
    pd.testing.assert_frame_equal(done[table.columns.tolist()], before)
    pd.testing.assert_frame_equal(table, before)
    assert sources_of(ks.derive_response(ks.derive_baseline(cohort.scores))) == cohort.sources


def test_deriving_twice_gives_the_same_and_an_empty_table_gives_an_empty_one():
    once = ks.derive_baseline(scores(("1", 0.0, 30), ("1", 24.0, 12)))
    pd.testing.assert_frame_equal(ks.derive_baseline(once), once)
    empty = ks.derive_baseline(once.iloc[:0])
    assert len(empty) == 0
    assert {"base", "ablfl"} <= set(empty.columns)


ASSESSMENTS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([-48.0, -24.0, 0.0, 24.0, 48.0]),
        st.one_of(st.just(NONE), st.integers(0, 60).map(float)),
    ),
    unique_by=lambda row: row[:2],
    min_size=1,
    max_size=12,
)


@given(rows=ASSESSMENTS, data=st.data())
@settings(max_examples=25, deadline=None, database=None)
def test_the_order_of_the_rows_changes_no_baseline_and_no_response(rows, data):
    table = scores(*rows)
    as_it_was = table.copy()
    shuffled = table.loc[data.draw(st.permutations(range(len(table))))]
    one = ks.derive_response(ks.derive_baseline(table))
    other = ks.derive_response(ks.derive_baseline(shuffled))
    pd.testing.assert_frame_equal(other.sort_index(), one)
    pd.testing.assert_frame_equal(table, as_it_was)

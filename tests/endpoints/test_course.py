"""Status from assessment to assessment: where it is known, spans, and milestones."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.endpoints.course import derive_milestones, derive_spans, derive_status
from ketastats.errors import DataError, UsageError

NONE = float("nan")


def scores(*rows, **more):
    """Rows of usubjid, afrlt, aval on the MADRS."""
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs", **more)


def rows_of(status):
    return list(status[["usubjid", "afrlt", "met"]].itertuples(index=False, name=None))


def spans_of(status, **ends):
    table = derive_spans(status, pd.Series(ends, dtype=float))
    return list(table.itertuples(index=False, name=None))


def test_status_is_not_met_at_the_first_dose_and_then_as_assessed():
    table = scores(("a", -2.0, 30), ("a", 24, 14), ("a", 48, 20))
    assert rows_of(derive_status(table)) == [("a", 0, False), ("a", 24, True), ("a", 48, False)]


def test_a_missing_score_gives_no_status():
    table = scores(("a", 0, 30), ("a", 24, NONE), ("a", 48, 10))
    assert rows_of(derive_status(table)) == [("a", 0, False), ("a", 48, True)]


def test_without_a_baseline_status_is_never_known():
    table = scores(("a", 24, 14), ("b", 0, 0), ("b", 24, 3), ("c", 0, 30))
    assert rows_of(derive_status(table)) == [("b", 0, False), ("c", 0, False)]


def test_a_rule_on_the_score_alone_is_known_at_the_last_score_before_the_first_dose():
    table = scores(("a", -48, 30), ("a", -1, 8), ("a", 24, 30), ("b", 24, 5))
    status = derive_status(table, endpoint="remission", rule="madrs:remission_10")
    assert rows_of(status) == [("a", 0, True), ("a", 24, False), ("b", 24, True)]
    assert set(status["rule"]) == {"madrs:remission_10"}


def test_a_baseline_that_is_given_is_used():
    table = scores(("a", 24, 14), base=30.0)
    assert rows_of(derive_status(table)) == [("a", 0, False), ("a", 24, True)]


def test_only_the_given_subjects_are_listed_in_their_order():
    table = scores(("a", 0, 30), ("b", 0, 30), ("c", 0, 30))
    people = pd.DataFrame({"usubjid": ["c", "x", "a"]})
    assert [row[0] for row in rows_of(derive_status(table, subjects=people))] == ["c", "a"]


def test_the_order_of_rows_does_not_matter_and_the_table_is_unchanged():
    trial = ks.load_antidepressant_trial()
    table, before = trial.scores, trial.scores.copy(deep=True)
    usual = derive_status(table, instrument="hamd17", subjects=trial.subjects)
    shuffled = table.sample(frac=1, random_state=1)
    mixed = derive_status(shuffled, instrument="hamd17", subjects=trial.subjects)
    pd.testing.assert_frame_equal(usual, mixed)
    pd.testing.assert_frame_equal(table, before)


def test_scores_without_rows_give_no_status_if_the_rule_is_named():
    assert derive_status(scores(), rule="madrs:response_50").empty
    with pytest.raises(UsageError, match="no scores"):
        derive_status(scores())


def test_an_instrument_must_be_named_where_there_are_two():
    table = pd.concat([scores(("a", 0, 30)), scores(("a", 0, 20)).assign(paramcd="hamd17")])
    with pytest.raises(UsageError, match="hamd17, madrs"):
        derive_status(table)
    assert len(derive_status(table, instrument="hamd17")) == 1
    with pytest.raises(UsageError, match="phq9"):
        derive_status(table, instrument="phq9")


def test_a_rule_must_fit_the_endpoint_and_the_instrument():
    table = scores(("a", 0, 30))
    with pytest.raises(UsageError, match="a rule of response"):
        derive_status(table, endpoint="remission", rule="madrs:response_50")
    with pytest.raises(UsageError, match="not a rule of 'hamd17'"):
        derive_status(table, rule="madrs:response_50", instrument="hamd17")
    with pytest.raises(UsageError, match="not decided by one score"):
        derive_status(table, endpoint="relapse")


def test_everything_wrong_with_the_scores_is_said_at_once():
    table = scores(("a", 24, 14), ("a", 24, 15), ("b", NONE, 3), (None, 0, 30))
    with pytest.raises(DataError) as caught:
        derive_status(table)
    found = [(p.code, p.column, p.rows) for p in caught.value.problems]
    assert found == [
        ("missing_value", "usubjid", (4,)),
        ("missing_value", "afrlt", (3,)),
        ("duplicate", "usubjid and afrlt", (2,)),
    ]
    with pytest.raises(DataError, match="aval"):
        derive_status(scores(("a", 0, "thirty")))
    with pytest.raises(DataError, match="not in the table"):
        derive_status(table.drop(columns=["aval", "afrlt"]))


def test_two_periods_are_refused():
    table = scores(("a", 0, 30), ("a", 24, 12), aperiod=[1.0, 2.0])
    with pytest.raises(UsageError, match="aperiod"):
        derive_status(table)


def test_spans_hold_between_equal_assessments_and_are_unknown_where_status_changed_or_is_not_seen():
    status = derive_status(
        scores(
            ("a", 0, 30), ("a", 24, 29), ("a", 48, 10), ("a", 72, 9), ("a", 96, 8), ("a", 120, 25)
        )
    )
    assert spans_of(status, a=200.0) == [
        ("a", 0, 24, "not_met"),
        ("a", 24, 48, "unknown"),
        ("a", 48, 96, "met"),
        ("a", 96, 200, "unknown"),
    ]


def test_spans_cover_each_record_once_without_a_gap():
    trial = ks.load_antidepressant_trial()
    status = derive_status(trial.scores, instrument="hamd17", subjects=trial.subjects)
    ends = trial.scores.groupby("usubjid")["afrlt"].max().clip(lower=0).astype(float) + 5
    spans = derive_spans(status, ends)
    length = (spans["end"] - spans["start"]).groupby(spans["usubjid"]).sum()
    assert np.allclose(length.reindex(ends.index), ends)
    same = spans["usubjid"].eq(spans["usubjid"].shift())
    assert (spans["start"].eq(spans["end"].shift()) | ~same).all()
    assert (spans["status"].ne(spans["status"].shift()) | ~same).all()


def test_a_subject_never_seen_has_one_unknown_span_and_one_without_time_none():
    status = derive_status(scores(("a", 24, 30)))
    assert spans_of(status, a=48.0, b=0.0, c=12.0) == [
        ("a", 0, 48, "unknown"),
        ("c", 0, 12, "unknown"),
    ]


def test_spans_stop_where_the_record_ends():
    status = derive_status(scores(("a", 0, 30), ("a", 24, 29), ("a", 48, 28)))
    assert spans_of(status, a=30.0) == [("a", 0, 24, "not_met"), ("a", 24, 30, "unknown")]


def test_milestones_are_the_first_met_and_the_first_not_met_after_it():
    status = derive_status(
        scores(
            *[("a", hours, score) for hours, score in ((0, 30), (24, 29), (48, 9), (72, 8))],
            *[("a", hours, score) for hours, score in ((96, 28), (120, 9), (144, 29))],
            ("b", 0, 30),
            ("b", 24, 30),
            ("c", 0, 30),
            ("c", 24, 3),
        )
    )
    found = list(derive_milestones(status).itertuples(index=False, name=None))
    assert found == [("a", "reached", 48), ("c", "reached", 24), ("a", "lost", 96)]
    assert derive_milestones(status.iloc[:0]).empty


def test_partial_response_is_still_met_by_those_who_got_better_than_that():
    table = scores(("a", 0, 20), ("a", 24, 17), ("a", 48, 3)).assign(paramcd="pdss")
    status = derive_status(table, endpoint="partial_response")
    assert rows_of(status) == [("a", 0, False), ("a", 24, True), ("a", 48, True)]


def test_scores_of_nobody_among_the_subjects_are_refused():
    with pytest.raises(DataError, match="usubjid in both tables"):
        derive_status(scores(("1", 0, 30)), subjects=pd.DataFrame({"usubjid": [1]}))

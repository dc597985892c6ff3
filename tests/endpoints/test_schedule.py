"""When subjects were assessed after the first dose."""

import pandas as pd
import pytest

import ketastats as ks
from ketastats.endpoints.schedule import assessment_times, first_assessment
from ketastats.errors import DataError, UsageError

NAN = float("nan")
SCORES = pd.DataFrame(
    {
        "usubjid": ["a", "a", "a", "a", "b", "b", "c"],
        "paramcd": "madrs",
        "afrlt": [24.0, 0.0, 4.0, 168.0, -24.0, 48.0, 2.0],
        "aval": [20.0, 30.0, 25.0, NAN, 30.0, 20.0, NAN],
    }
)


def test_known_scores_after_the_dose_are_listed_in_order_with_the_time_between():
    times = assessment_times(SCORES)
    assert times["usubjid"].tolist() == ["a", "a", "b"]
    assert times["afrlt"].tolist() == [4, 24, 48]
    assert times["nth"].tolist() == [1, 2, 1]
    assert times["gap"].isna().tolist() == [True, False, True]
    assert times["gap"].iloc[1] == 20


def test_the_first_assessment_is_missing_for_who_was_never_assessed():
    subjects = pd.DataFrame(
        {"usubjid": ["c", "a", "d", "b"], "trt01a": list("xyxy")}, index=[3] * 4
    )
    first = first_assessment(SCORES, subjects=subjects)
    assert first["usubjid"].tolist() == ["c", "a", "d", "b"]
    assert first["trt01a"].tolist() == list("xyxy")
    assert first["n_assessed"].tolist() == [0, 2, 0, 1]
    assert first["first_at"].tolist()[1::2] == [4, 48]
    assert first["first_at"].isna().tolist() == [True, False, True, False]
    assert first_assessment(SCORES)["usubjid"].tolist() == ["a", "b", "c"]


def test_the_order_of_rows_does_not_matter_and_the_table_is_not_changed():
    before = SCORES.copy()
    subjects = pd.DataFrame({"usubjid": ["a", "b", "c"]})
    mixed = assessment_times(SCORES.iloc[::-1], subjects=subjects)
    pd.testing.assert_frame_equal(mixed, assessment_times(SCORES, subjects=subjects))
    pd.testing.assert_frame_equal(SCORES, before)


def test_empty_tables_have_no_assessments():
    empty = SCORES.iloc[:0]
    assert len(assessment_times(empty, instrument="madrs")) == 0
    assert len(first_assessment(empty, instrument="madrs")) == 0
    first = first_assessment(empty, instrument="madrs", subjects=pd.DataFrame({"usubjid": ["a"]}))
    assert first["n_assessed"].tolist() == [0]
    assert first["first_at"].isna().all()


def test_scores_that_cannot_be_put_in_order_are_refused():
    with pytest.raises(DataError, match="a second score"):
        assessment_times(SCORES.assign(afrlt=4.0))
    with pytest.raises(DataError, match="aval: not in the table"):
        assessment_times(SCORES.drop(columns="aval"))
    with pytest.raises(UsageError, match="name one"):
        assessment_times(SCORES.assign(paramcd=["madrs"] * 6 + ["ham_a"]))


def test_the_public_trial_was_first_assessed_after_four_days():
    trial = ks.load_antidepressant_trial()
    times = assessment_times(trial.scores, instrument="hamd17")
    own = trial.scores.query("paramcd == 'hamd17' and afrlt > 0").dropna(subset="aval")
    assert len(times) == len(own)
    assert times["afrlt"].min() == own["afrlt"].min() == 96
    first = first_assessment(trial.scores, instrument="hamd17", subjects=trial.subjects)
    smallest = own.groupby("usubjid")["afrlt"].min()
    assert first["first_at"].tolist() == smallest.reindex(trial.subjects["usubjid"]).tolist()

"""The course of treatment: counts in the table, lanes in the figure, nobody by name."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import ketastats as ks
from ketastats.cohort.cohort import PUBLISHING
from ketastats.errors import DataError, PrivacyError, UsageError
from ketastats.models.treatment_course import treatment_course

WELL, ILL = 10.0, 28.0  # of a baseline of 30: response, no response
DAY = 24.0


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def cohort(**options):
    """Five subjects: well to the end, lost and rescued, dropped out, died, and one never seen."""
    subjects = pd.DataFrame(
        {
            "usubjid": ["subject-1", "subject-2", "subject-3", "subject-4", "subject-5"],
            "eosafrlt": [28 * DAY, 28 * DAY, 10 * DAY, 20 * DAY, None],
            "eosstt": ["COMPLETED", "COMPLETED", "DISCONTINUED", "DISCONTINUED", None],
            "dcsreas": [None, None, "LACK OF EFFICACY", "DEATH", None],
        }
    )
    seen = {
        "subject-1": {0: 30, 7: WELL, 14: WELL, 28: WELL},
        "subject-2": {0: 30, 7: WELL, 14: ILL, 21: ILL},
        "subject-3": {0: 30, 7: ILL},
        "subject-4": {0: 30, 7: ILL, 14: WELL},
    }
    scores = pd.DataFrame(
        [
            (name, "madrs", DAY * day, float(score))
            for name, rows in seen.items()
            for day, score in rows.items()
        ],
        columns=["usubjid", "paramcd", "afrlt", "aval"],
    )
    doses = pd.DataFrame(
        [(name, i + 1, DAY * day) for name in seen for i, day in enumerate((0, 3, 7))],
        columns=["usubjid", "exseq", "afrlt"],
    )
    medications = pd.DataFrame(
        {
            "usubjid": ["subject-2", "subject-1", "subject-3"],
            "cmcat": ["RESCUE", "CONCOMITANT", "RESCUE"],
            "cmstrlt": [16 * DAY, 5 * DAY, -40.0],
        }
    )
    tables = {"scores": scores, "doses": doses, "medications": medications}
    given = {"provenance": "synthetic", "name": "five"} | tables | options
    return ks.Cohort(given.pop("subjects", subjects), **given)


def on_day(result, day):
    rows = result.to_frame().query("kind == 'status' and day == @day")
    return dict(zip(rows["status"], rows["count"], strict=True))


def events(result):
    rows = result.to_frame().query("kind == 'event'")
    return {
        row.status: (row.count, row.marks)
        for row in rows[["status", "count", "marks"]].itertuples(index=False)
    }


def test_the_table_counts_each_status_on_each_day():
    course = treatment_course(cohort())
    # Day 0: no relief yet, and the one who was never seen. His record ends there.
    assert on_day(course, 0) == {"met": 0, "not_met": 4, "unknown": 1, "ended": 0}
    assert on_day(course, 7) == {"met": 2, "not_met": 2, "unknown": 0, "ended": 1}
    assert on_day(course, 14) == {"met": 2, "not_met": 1, "unknown": 0, "ended": 2}
    assert on_day(course, 21) == {"met": 1, "not_met": 1, "unknown": 0, "ended": 3}
    # On day 28 the first was seen well; the second was last seen on day 21.
    assert on_day(course, 28) == {"met": 1, "not_met": 0, "unknown": 1, "ended": 3}


def test_between_two_assessments_of_different_status_it_is_unknown():
    late = cohort().subjects.assign(eosafrlt=200 * DAY)
    course = treatment_course(cohort(subjects=late))
    assert sorted(set(on_every_day(course).index)) == list(range(0, 201, 28))
    one = cohort().scores.query("usubjid == 'subject-1'")
    apart = one.assign(afrlt=DAY * pd.Series([0.0, 40.0, 56.0, 100.0], index=one.index))
    course = treatment_course(cohort(subjects=late, scores=apart), subjects=late.iloc[[0]])
    # Not met on day 0, met on days 40, 56 and 100, then not seen.
    status = [max(on_day(course, day), key=on_day(course, day).get) for day in (0, 28, 56, 84, 112)]
    assert status == ["not_met", "unknown", "met", "met", "unknown"]


def on_every_day(result):
    return result.to_frame().query("kind == 'status'").groupby("day")["count"].sum()


def test_every_subject_is_in_one_status_on_each_day():
    assert set(on_every_day(treatment_course(cohort()))) == {5}
    trial = ks.load_antidepressant_trial()
    assert set(on_every_day(treatment_course(trial, instrument="hamd17"))) == {len(trial.subjects)}


def test_events_are_counted_by_subject_and_by_mark():
    assert events(treatment_course(cohort())) == {
        "dose": (4, 12),
        "reached": (3, 3),
        "lost": (1, 1),
        "rescue": (1, 1),  # a medicine begun before the first dose is no rescue of it
        "dropout": (1, 1),
        "death": (1, 1),  # and is not a drop-out too
    }


def test_lanes_are_numbered_from_the_longest_record_and_carry_no_name():
    course = treatment_course(cohort())
    assert list(course.lanes["lane"]) == [1, 2, 3, 4, 5]
    ends = course.spans.groupby("lane")["end"].max()
    assert list(ends) == [28 * DAY, 28 * DAY, 20 * DAY, 10 * DAY]
    for held in (course.lanes, course.spans, course.marks, course.to_frame()):
        assert "usubjid" not in held.columns
    written = (
        json.dumps(course.to_json()) + course._repr_html_() + str(course) + course.figure_text()
    )
    assert "subject-" not in written


def test_the_table_has_counts_only_and_does_not_grow_with_the_number_of_subjects():
    small = treatment_course(cohort()).to_frame()
    one = cohort().subjects.iloc[[0]]
    assert len(treatment_course(cohort(), subjects=one).to_frame()) == len(small)
    assert set(small["n"]) == {5}


def test_a_table_in_place_of_the_cohort_is_refused():
    with pytest.raises(UsageError, match="takes a whole Cohort, not DataFrame"):
        treatment_course(cohort().scores)


def test_more_subjects_than_lanes_are_drawn_evenly_and_all_are_counted():
    course = treatment_course(cohort(), max_subjects=3)
    assert len(course.lanes) == 3
    assert set(course.to_frame()["n"]) == {5}
    assert any("3 of 5 subjects" in note for note in course.notes)
    assert "3 of 5 subjects" in course.figure_text()
    with pytest.raises(UsageError, match="max_subjects"):
        treatment_course(cohort(), max_subjects=0)


def test_some_subjects_can_be_chosen_and_strangers_and_nobody_are_refused():
    people = cohort().subjects
    assert set(treatment_course(cohort(), subjects=people.iloc[:2]).to_frame()["n"]) == {2}
    with pytest.raises(DataError, match="not in the table of subjects"):
        treatment_course(cohort(), subjects=pd.DataFrame({"usubjid": ["stranger"]}))
    with pytest.raises(DataError, match="no rows"):
        treatment_course(cohort(), subjects=people.iloc[:0])


@pytest.mark.parametrize("absent", ["scores", "doses", "medications"])
def test_a_cohort_without_a_table_has_a_course(absent):
    course = treatment_course(cohort(**{absent: None}))
    assert course.plot().get_xlabel() == "Days since the first dose"
    assert set(on_every_day(course)) == {5}
    if absent == "scores":
        assert on_day(course, 0)["unknown"] == 5
        assert events(course)["reached"] == (0, 0)


def test_a_cohort_of_one_subject_and_nothing_else_has_a_course():
    alone = ks.Cohort(pd.DataFrame({"usubjid": ["a"]}), provenance="synthetic")
    course = treatment_course(alone)
    assert on_day(course, 0) == {"met": 0, "not_met": 0, "unknown": 1, "ended": 0}
    course.plot()
    assert course.figure_text()


def test_all_scores_missing_leave_every_status_unknown():
    empty = cohort().scores.assign(aval=float("nan"))
    course = treatment_course(cohort(scores=empty))
    assert on_day(course, 0) == {"met": 0, "not_met": 0, "unknown": 5, "ended": 0}


def test_no_baseline_leaves_every_status_unknown():
    later = cohort().scores.query("afrlt > 0")
    assert on_day(treatment_course(cohort(scores=later)), 14)["met"] == 0


def test_remission_is_named_in_the_words_of_the_result():
    course = treatment_course(cohort(), endpoint="remission", rule="madrs:remission_10")
    assert list(course.display().columns[1:3]) == ["In remission", "Not in remission"]
    assert "remission first seen in 3" in str(course)
    assert set(course.to_frame()["rule"]) == {"madrs:remission_10"}


def test_a_private_cohort_is_drawn_in_the_library_and_not_where_a_report_is_published(monkeypatch):
    private = cohort(provenance="private")
    made = treatment_course(private)
    made.plot()
    monkeypatch.setenv(PUBLISHING, "1")
    with pytest.raises(PrivacyError):
        made.plot()
    with pytest.raises(PrivacyError):
        treatment_course(private)
    treatment_course(cohort()).plot()


def test_the_words_of_the_figure_are_totals():
    text = treatment_course(cohort()).figure_text()
    assert "one lane for each of 5 subjects" in text
    assert "response first seen 3" in text
    assert (
        "On day 28: 1 in response, 0 not in response, 1 status not known, 3 record ended." in text
    )


def test_the_order_of_rows_does_not_matter():
    mixed = {
        name: getattr(cohort(), name).sample(frac=1, random_state=4)
        for name in ("scores", "doses", "medications")
    }
    a, b = treatment_course(cohort()), treatment_course(cohort(**mixed))
    pd.testing.assert_frame_equal(a.to_frame(), b.to_frame())
    pd.testing.assert_frame_equal(a.spans, b.spans)

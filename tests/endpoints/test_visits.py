"""Assessments to visits by windows, and one row per subject at a visit."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, UsageError

NONE = float("nan")
WINDOWS = pd.DataFrame(
    {
        "avisit": ["Day 1", "Week 1"],
        "avisitn": [1, 2],
        "target": [24, 168],
        "from": [12, 96],
        "to": [96, 240],
    }
)
SUBJECTS = pd.DataFrame({"usubjid": ["2", "1", "3"], "trt01a": ["placebo", "ketamine", "ketamine"]})


def scores(*rows, **more):
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs", **more)


def test_a_window_begins_at_from_and_ends_before_to():
    table = scores(*[("1", hours, 20) for hours in (11.9, 12, 95.9, 96, 239.9, 240, NONE)])
    done = ks.derive_visits(table, WINDOWS)
    seen = done["avisit"].astype(object).where(done["avisit"].notna(), None).tolist()
    assert seen == [None, "Day 1", "Day 1", "Week 1", "Week 1", None, None]
    assert done["avisitn"].dropna().tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([("1", 30, 20), ("1", 20, 21), ("1", 50, 22)], [False, True, False]),  # 4 h away, not 6
        ([("1", 28, 20), ("1", 20, 21)], [False, True]),  # both 4 h away: the earlier
        ([("1", 24, NONE), ("1", 40, 21)], [False, True]),  # a missing score does not count
        ([("1", 24, 20), ("2", 60, 21)], [True, True]),  # each subject on their own
        ([("1", 24, 20), ("1", 168, 21)], [True, True]),  # each visit on its own
        ([("1", 0, 20), ("1", 24, 21)], [False, True]),  # outside every window
    ],
)
def test_the_assessment_nearest_to_the_target_counts(rows, counts):
    table = scores(*rows)
    before = table.copy()
    assert ks.derive_visits(table, WINDOWS)["anl01fl"].tolist() == counts
    assert ks.derive_visits(table, WINDOWS[::-1])["anl01fl"].tolist() == counts
    pd.testing.assert_frame_equal(table, before)


def test_one_assessment_per_visit_counts_even_where_the_index_repeats():
    table = scores(("1", 24, 20), ("1", 30, 21)).set_axis([7, 7])
    assert ks.derive_visits(table, WINDOWS)["anl01fl"].tolist() == [True, False]


def test_without_windows_no_assessment_belongs_to_a_visit():
    cohort = ks.Cohort(SUBJECTS, scores=scores(("1", 24, 20)), provenance="synthetic")
    done = ks.derive_visits(cohort.scores, cohort.windows)
    assert done["avisit"].isna().tolist() == [True]
    assert done["anl01fl"].tolist() == [False]


def test_every_subject_has_one_row_at_a_visit_also_the_unseen():
    table = scores(("1", 24, 12), ("1", 168, 8), ("2", 24, 30), avisit=["Day 1", "Week 1", "Day 1"])
    at_visit = ks.select_visit(table, "Week 1", subjects=SUBJECTS)
    assert at_visit["usubjid"].tolist() == ["2", "1", "3"]
    assert at_visit["trt01a"].tolist() == ["placebo", "ketamine", "ketamine"]
    assert at_visit["aval"].isna().tolist() == [True, False, True]
    assert at_visit["aval"][1] == 8
    assert set(at_visit["avisit"]) == {"Week 1"}


def test_only_the_assessment_that_counts_is_selected():
    table = ks.derive_visits(scores(("1", 30, 20), ("1", 25, 12)), WINDOWS)
    assert ks.select_visit(table, "Day 1", subjects=SUBJECTS)["aval"].tolist()[1] == 12


TWICE = scores(("2", 0, 30), ("1", 24, 20), ("1", 30, 21), avisit=["Baseline", "Day 1", "Day 1"])


def test_two_records_of_one_subject_at_a_visit_are_refused():
    with pytest.raises(DataError, match="derive_visits"):
        ks.select_visit(TWICE, "Day 1", subjects=SUBJECTS)


def test_the_second_record_is_named_by_its_row_in_the_table_of_scores():
    with pytest.raises(DataError) as caught:
        ks.select_visit(TWICE, "Day 1", subjects=SUBJECTS)
    assert caught.value.problems[0].rows == (3,)


@pytest.mark.parametrize(
    ("visit", "instrument", "words"),
    [
        ("Day 1", None, "holds gad7, madrs: name one with instrument="),
        ("Day 11", "madrs", "did you mean 'Day 1'"),
        ("Day 1", "mdrs", "did you mean 'madrs'"),
    ],
)
def test_a_visit_or_instrument_that_is_not_there_is_answered_with_the_nearest(
    visit, instrument, words
):
    both = pd.concat([scores(("1", 24, 20), avisit="Day 1")] * 2).assign(paramcd=["madrs", "gad7"])
    with pytest.raises(UsageError, match=words):
        ks.select_visit(both, visit, subjects=SUBJECTS, instrument=instrument)
    assert len(ks.select_visit(both, "Day 1", subjects=SUBJECTS, instrument="gad7")) == 3


def two_visits(**more):
    return scores(
        ("1", 0, 30), ("2", 0, 28), ("1", 336, 20), ("1", 168, 25), ("2", 168, 24), **more
    ).assign(
        avisit=["Baseline", "Baseline", "Week 10", "Week 2", "Week 2"], base=[30, 28, 30, 30, 28]
    )


def test_select_visits_gives_everyone_every_visit_after_baseline_in_order():
    table = two_visits()
    rows = ks.select_visits(table, subjects=SUBJECTS)
    assert list(rows["usubjid"]) == ["2", "2", "1", "1", "3", "3"]
    assert list(rows["avisit"]) == ["Week 2", "Week 10"] * 3
    assert list(rows["avisit"].cat.categories) == ["Week 2", "Week 10"]
    assert rows["aval"].isna().tolist() == [False, True, False, False, True, True]
    assert rows["base"].tolist()[:4] == [28, 28, 30, 30]  # known where the visit was missed
    assert list(rows["trt01a"].unique()) == ["placebo", "ketamine"]


def test_select_visits_takes_the_visits_named_in_the_order_named():
    rows = ks.select_visits(two_visits(), subjects=SUBJECTS, visits=["Week 2"])
    assert list(rows["avisit"]) == ["Week 2"] * 3
    with pytest.raises(UsageError, match="no visit called 'Week 3'"):
        ks.select_visits(two_visits(), subjects=SUBJECTS, visits=["Week 3"])


def test_select_visits_without_a_visit_after_baseline_is_refused():
    only = scores(("1", 0, 30)).assign(avisit="Baseline")
    with pytest.raises(UsageError, match="No visit is after baseline"):
        ks.select_visits(only, subjects=SUBJECTS)


def test_leaving_begins_with_the_first_visit_missed_for_good():
    visits = pd.DataFrame(
        {
            "usubjid": np.repeat(["stayed", "gap", "left", "never"], 3),
            "avisit": pd.Categorical(
                ["Week 1", "Week 2", "Week 10"] * 4,
                categories=["Week 1", "Week 2", "Week 10"],
                ordered=True,
            ),
            "chg": [1, 2, 3, 1, np.nan, 3, 1, np.nan, np.nan, np.nan, np.nan, np.nan],
        }
    )
    events = ks.leaving_events(visits.sample(frac=1, random_state=1))
    found = dict(zip(events["usubjid"], events["avisit"], strict=True))
    assert found == {"left": "Week 2", "never": "Week 1"}
    assert set(events["event"]) == {"left"}
    assert ks.leaving_events(visits[visits["usubjid"] == "stayed"]).empty
    with pytest.raises(ks.UsageError, match="ordered category"):
        ks.leaving_events(visits.assign(avisit=visits["avisit"].astype(str)))


def test_a_derived_endpoint_is_not_taken_from_a_column_of_the_subjects():
    subjects = SUBJECTS.assign(response=pd.array([True, True, True], dtype="boolean"))
    table = scores(("1", -1, 30), ("1", 24, 29), ("2", -1, 30), ("2", 24, 10), avisit="Day 1")
    derived = ks.derive_response(ks.derive_baseline(table)).query("afrlt > 0")
    seen = ks.select_visit(derived, "Day 1", subjects=subjects).set_index("usubjid")["response"]
    assert seen.loc[["1", "2"]].tolist() == [False, True]
    assert pd.isna(seen.loc["3"])

"""Hours well between two times: bounds from what was seen at assessments."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.endpoints.well_time import derive_well_time
from ketastats.errors import DataError, UsageError

NONE = float("nan")
WELL, ILL = 10.0, 28.0  # of a baseline of 30: response, no response


def scores(**people):
    """MADRS scores by subject, each a mapping from hours to a score; baseline 30 unless given."""
    rows = [
        (name, float(hours), score)
        for name, seen in people.items()
        for hours, score in ({0: 30.0} | seen).items()
    ]
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs")


def bounds(table, horizon=100.0, **options):
    found = derive_well_time(table, horizon=horizon, rule="madrs:response_50", **options)
    return list(
        found[["well_low", "well_high", "well_visit", "seen_until"]].itertuples(
            index=False, name=None
        )
    )


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({20: WELL, 100: WELL}, (80, 100, 80, 100)),  # not met at 0: when it came is not known
        ({20: ILL, 100: ILL}, (0, 0, 0, 100)),
        ({20: ILL, 50: WELL, 100: WELL}, (50, 80, 50, 100)),
        ({20: WELL, 60: WELL, 100: ILL}, (40, 100, 80, 100)),
        ({20: WELL, 60: WELL}, (40, 100, 40, 60)),  # after the last assessment: not known
        ({20: ILL, 60: ILL}, (0, 40, 0, 60)),
        ({20: WELL, 40: NONE, 60: WELL, 100: ILL}, (40, 100, 80, 100)),  # unseen, between two met
        ({}, (0, 100, 0, 0)),  # a baseline only
        ({20: WELL, 140: WELL}, (80, 100, 80, 100)),  # what is seen later tells of the time before
        ({20: WELL, 140: ILL}, (0, 100, 80, 100)),
        ({0: NONE, 20: WELL}, (0, 100, 0, 0)),  # no baseline, no status
        ({100: WELL}, (0, 100, 0, 100)),
    ],
)
def test_time_well_is_bounded_by_what_was_seen(seen, expected):
    assert bounds(scores(a=seen)) == [expected]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({20: WELL, 80: WELL}, (30, 50, 30, 80)),
        ({20: ILL, 80: WELL}, (0, 50, 0, 80)),
        ({20: WELL, 80: ILL}, (0, 50, 30, 80)),  # the change lies in (20, 80], 50 to 80 counts
        ({20: WELL}, (0, 50, 0, 50)),  # last seen before the start
        ({50: WELL, 100: WELL}, (50, 50, 50, 100)),
    ],
)
def test_only_time_between_start_and_horizon_counts(seen, expected):
    assert bounds(scores(a=seen), start=50) == [expected]


def test_any_number_of_changes_lets_a_relapse_hide_between_two_assessments_of_being_well():
    table = scores(a={20: WELL, 60: WELL, 100: ILL}, b={50: ILL, 100: ILL})
    assert bounds(table, changes="any") == [(0, 100, 80, 100), (0, 0, 0, 100)]


def test_status_at_the_first_dose_is_that_of_the_last_score_where_the_rule_needs_no_baseline():
    table = scores(a={-5: 40.0, 0: 8.0, 60: 9.0}, b={0: NONE, 60: 9.0, 100: 9.0})
    found = derive_well_time(table, horizon=100, endpoint="remission")
    assert list(found["well_low"]) == [60, 40]
    assert list(found["well_high"]) == [100, 100]


def test_everybody_among_the_subjects_has_a_row_in_their_order_and_keeps_their_columns():
    people = pd.DataFrame({"usubjid": ["z", "a"], "trt01a": ["x", "y"]}, index=[7, 9])
    found = derive_well_time(scores(a={50: WELL, 100: WELL}), horizon=100, subjects=people)
    assert list(found["usubjid"]) == ["z", "a"]
    assert list(found["trt01a"]) == ["x", "y"]
    assert list(found["well_low"]) == [0, 50]
    assert list(found["well_high"]) == [100, 100]
    assert list(found.index) == [0, 1]


def test_time_can_be_counted_from_an_hour_of_each_subject():
    table = scores(a={20: WELL, 60: WELL}, b={40: ILL, 80: WELL, 120: WELL})
    people = pd.DataFrame({"usubjid": ["a", "b"], "end_of_treatment": [20.0, 80.0]})
    found = derive_well_time(table, horizon=40, subjects=people, after="end_of_treatment")
    assert list(found["well_low"]) == [40, 40]
    assert list(found["seen_until"]) == [40, 40]
    missing = people.assign(end_of_treatment=[20.0, NONE])
    with pytest.raises(DataError, match="end_of_treatment, row 2"):
        derive_well_time(table, horizon=40, subjects=missing, after="end_of_treatment")
    early = people.assign(end_of_treatment=[-1.0, 3.0])
    with pytest.raises(DataError, match="before the first dose"):
        derive_well_time(table, horizon=40, subjects=early, after="end_of_treatment")
    with pytest.raises(UsageError, match="subjects="):
        derive_well_time(table, horizon=40, after="end_of_treatment")


def dead(when=60.0):
    return pd.DataFrame({"usubjid": ["a"], "dcsreas": ["Death"], "eosafrlt": [when]})


def test_what_the_time_after_a_death_counts_as_must_be_said():
    table = scores(a={20: WELL, 40: WELL})
    with pytest.raises(UsageError, match="1 of 1 subjects died"):
        bounds(table, subjects=dead())
    assert bounds(table, subjects=dead(), death="unknown") == [(20, 100, 20, 40)]
    assert bounds(table, subjects=dead(), death="not_well") == [(20, 60, 40, 100)]
    assert bounds(table, subjects=dead(150.0)) == [(20, 100, 20, 40)]  # after the horizon
    with pytest.raises(DataError, match="eosafrlt, row 1: no time for a death"):
        bounds(table, subjects=dead(NONE), death="not_well")
    with pytest.raises(UsageError, match="subjects="):
        bounds(table, death="unknown")


def test_removing_an_assessment_widens_the_bounds_unless_it_showed_a_change_and_back():
    rng = np.random.default_rng(3)
    for _ in range(40):
        times = np.sort(rng.uniform(1, 130, 6))
        status = [ILL, *rng.choice([WELL, ILL], 6)]
        seen = dict(zip(times, status[1:], strict=True))
        (full,) = bounds(scores(a=seen))
        assert 0 <= full[0] <= full[2] + 1e-9
        assert full[2] <= full[1] + 1e-9 <= 100 + 1e-8
        for i, time in enumerate(times, start=1):
            if i < 6 and status[i - 1] == status[i + 1] != status[i]:
                continue
            (less,) = bounds(scores(a={t: s for t, s in seen.items() if t != time}))
            assert less[0] <= full[0] + 1e-9
            assert less[1] >= full[1] - 1e-9


def test_bounds_agree_with_a_subject_at_a_time_on_a_public_trial():
    trial = ks.load_antidepressant_trial()
    found = derive_well_time(
        trial.scores, horizon=800, start=100, subjects=trial.subjects, instrument="hamd17"
    )
    visits = ks.derive_response(ks.derive_baseline(trial.scores))
    visits = visits[visits["paramcd"] == "hamd17"]
    for row in found.itertuples():
        own = visits[(visits["usubjid"] == row.usubjid) & (visits["afrlt"] > 0)]
        known = own[own["response"].notna()].sort_values("afrlt")
        seen = [(0.0, False), *zip(known["afrlt"], known["response"].astype(bool), strict=True)]
        low = high = visit = 0.0
        for (t0, m0), (t1, m1) in pairwise(seen):
            hours = max(0.0, min(t1, 800) - max(t0, 100))
            low, high, visit = (
                low + hours * (m0 and m1),
                high + hours * (m0 or m1),
                visit + hours * m0,
            )
        high += max(0.0, 800 - max(seen[-1][0], 100))
        assert (row.well_low, row.well_high, row.well_visit) == pytest.approx((low, high, visit))


def test_the_order_of_rows_does_not_matter_and_the_table_is_unchanged():
    trial = ks.load_antidepressant_trial()
    before = trial.scores.copy(deep=True)
    a, b = (
        derive_well_time(t, horizon=1008, subjects=trial.subjects, instrument="hamd17")
        for t in (trial.scores, trial.scores.sample(frac=1, random_state=2))
    )
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(trial.scores, before)
    assert a.attrs["ketastats_sources"]


def test_no_scores_and_no_subjects_give_what_is_known_nothing():
    none = scores()
    people = pd.DataFrame({"usubjid": ["a"]})
    assert bounds(none, subjects=people) == [(0, 100, 0, 0)]
    assert bounds(none) == []
    assert bounds(scores(a={50: WELL}), subjects=people.iloc[:0]) == []


@pytest.mark.parametrize(
    "options",
    [
        {"horizon": 0.0},
        {"start": 200.0},
        {"start": -1.0},
        {"horizon": NONE},
        {"changes": "two"},
        {"death": "well"},
    ],
)
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(UsageError):
        bounds(scores(a={50: WELL}), **options)


def test_a_second_row_of_one_subject_is_refused():
    twice = pd.DataFrame({"usubjid": ["a", "a"]})
    with pytest.raises(DataError, match="second record for one subject"):
        bounds(scores(a={50: WELL}), subjects=twice)

"""Relief counted from each dose, or from one dose number."""

import pandas as pd
import pytest
from made_scores import INF, NAN, bounds, course, doses_of, rescue_at, scores_of

from ketastats.endpoints.relief import derive_relief
from ketastats.errors import DataError, UsageError


def by_dose(steps, *times, origin="each_dose", **options):
    scores = scores_of(a=course(steps))
    done = derive_relief(scores, doses=doses_of(a=times), origin=origin, **options)
    return [(k, *row) for k, row in zip(done["exseq"], bounds(done), strict=True)]


def test_each_dose_has_a_row_until_the_next_dose():
    assert by_dose("N4 N160 N172 M180", 0, 168, 336) == [
        (1, 160, INF, "censored"),
        (2, 4, 12, "relief"),  # 172 and 180 hours, since a dose at 168
    ]  # at dose 3 relief had been seen


def test_an_assessment_at_the_time_of_a_dose_belongs_to_the_dose_before():
    assert by_dose("N4 N168 M170", 0, 168) == [(1, 168, INF, "censored"), (2, 0, 2, "relief")]
    assert by_dose("N4 M168 M170", 0, 168) == [(1, 4, 168, "relief")]


def test_who_lost_relief_is_at_risk_again_at_the_next_dose():
    assert by_dose("M4 N160 M170", 0, 168) == [(1, 0, 4, "relief"), (2, 0, 2, "relief")]


def test_a_dose_without_an_assessment_until_the_next_shows_nothing():
    found = derive_relief(
        scores_of(a=course("N200 M400")), doses=doses_of(a=[0, 24, 168]), origin="each_dose"
    )
    assert bounds(found) == [(0, INF, "censored"), (0, INF, "censored"), (32, 232, "relief")]
    assert found["n_assessed"].tolist() == [0, 0, 2]


def test_doses_of_others_make_no_rows():
    doses = doses_of(x=[0, 168], a=[0], y=[0])
    done = derive_relief(scores_of(a=course("M4"), b=course("N4")), doses=doses, origin="each_dose")
    assert done[["usubjid", "exseq"]].to_numpy().tolist() == [["a", 1]]


def test_a_dose_number_follows_those_without_relief_by_then_to_the_end():
    assert by_dose("N4 N172 N340 M400", 0, 168, 336, origin=2) == [(2, 172, 232, "relief")]
    scores = scores_of(early=course("M4 N160 M170"), late=course("N4 M170"), one=course("N4"))
    doses = doses_of(early=[0, 168], late=[0, 168], one=[0])
    done = derive_relief(scores, doses=doses, origin=2)
    assert done["usubjid"].tolist() == ["late"]  # relief seen once is relief seen, lost or not
    assert done.attrs["left_out"] == 1
    assert bounds(derive_relief(scores, doses=doses, origin=1)) == bounds(derive_relief(scores))


def test_who_is_well_at_the_start_is_not_at_risk_at_a_later_dose_number():
    scores = scores_of(well={0: 8, 4: 20, 170: 8}, ill={0: 30, 4: 20, 170: 8})
    options = {"endpoint": "remission", "doses": doses_of(well=[0, 168], ill=[0, 168])}
    with pytest.raises(UsageError, match="1 of 2 subjects"):
        derive_relief(scores, origin=2, **options)
    done = derive_relief(scores, origin=2, at_start="exclude", **options)
    assert done["usubjid"].tolist() == ["ill"]
    each = derive_relief(scores, origin="each_dose", at_start="exclude", **options)
    assert each[["usubjid", "exseq"]].to_numpy().tolist() == [["well", 2], ["ill", 1], ["ill", 2]]


def test_confirmation_may_come_after_the_next_dose():
    assert by_dose("N4 M160 M170", 0, 168, confirmed=True) == [(1, 4, 160, "relief")]
    assert by_dose("N4 M160 N170", 0, 168, confirmed=True) == [
        (1, 4, INF, "censored"),
        (2, 2, INF, "censored"),
    ]


@pytest.mark.parametrize(
    ("at", "word", "expected"),
    [
        (200.0, "competing", [(1, 160, INF, "censored"), (2, 32, 32, "rescue")]),
        (200.0, "censor", [(1, 160, INF, "censored"), (2, 4, INF, "censored")]),
        (168.0, "competing", [(1, 168, 168, "rescue")]),  # dose 2 at its time is followed no more
        (100.0, "competing", [(1, 100, 100, "rescue")]),
        (100.0, "censor", [(1, 4, INF, "censored")]),
        (1.0, "ignore", [(1, 160, INF, "censored"), (2, 4, 162, "relief")]),
    ],
)
def test_an_event_ends_the_row_of_its_dose_and_all_later_ones(at, word, expected):
    found = by_dose("N4 N160 N172 M330", 0, 168, medications=rescue_at(at), rescue=word)
    assert found == expected


def test_rows_by_dose_follow_the_subjects_and_the_doses_whatever_the_order_of_the_table():
    scores = scores_of(a=course("N4"), b=course("N4"))
    doses = doses_of(a=[0, 168], b=[0, 168]).iloc[[3, 0, 2, 1]].astype({"exseq": float})
    subjects = pd.DataFrame({"usubjid": ["b", "a", "c"]})
    done = derive_relief(scores, subjects=subjects, doses=doses, origin="each_dose")
    assert done[["usubjid", "exseq"]].to_numpy().tolist() == [
        ["b", 1],
        ["b", 2],
        ["a", 1],
        ["a", 2],
    ]
    assert done["exseq"].dtype == "int64"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.drop(columns="exseq"), "exseq: not in the table"),
        (lambda d: d.assign(exseq=[1, 1]), "second dose with the same number"),
        (lambda d: d.assign(exseq=[1, 1.5]), "not a whole number"),
        (lambda d: d.assign(afrlt=[0.0, NAN]), "doses, afrlt, row 2: empty"),
        (lambda d: d.assign(afrlt=[0.0, 0.0]), "row 2: exseq goes up while time does not"),
        (lambda d: d.assign(afrlt=["0", "x"]), "holds text"),
    ],
)
def test_doses_that_cannot_be_put_in_order_are_refused(change, words):
    doses = change(doses_of(a=[0, 168]))
    with pytest.raises(DataError, match=words):
        derive_relief(scores_of(a=course("N4")), doses=doses, origin="each_dose")

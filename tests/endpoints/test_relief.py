"""The interval in which relief came: worked by hand, by a slow loop, and on the public trial."""

import random
import re

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.checks.intervals import interval_problems
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import DataError, UsageError

INF, NAN = float("inf"), float("nan")
HIGH, LOW = 30.0, 10.0  # on the MADRS: not a response from 30, and one


def scores_of(**subjects):
    """Scores from one mapping of hours to a score per subject."""
    rows = [(who, at, value) for who, course in subjects.items() for at, value in course.items()]
    table = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return table.assign(paramcd="madrs").astype({"afrlt": float, "aval": float})


def course(*steps, start=HIGH):
    """Baseline and then N (not met), M (met) or ? (missing) at the given hours: course("N4 M24")."""
    values = {"N": HIGH, "M": LOW, "?": NAN}
    return {0: start} | {float(step[1:]): values[step[0]] for step in " ".join(steps).split()}


def bounds(table):
    return list(zip(table["left"], table["right"], table["status"], strict=True))


def one(steps, **options):
    (found,) = bounds(derive_relief(scores_of(a=course(steps)), **options))
    return found


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("N2 N4 M24 N168", (4, 24, "relief")),  # after the last not met, up to the first met
        ("M2", (0, 2, "relief")),  # nothing seen before: left-censored
        ("N2 N4", (4, INF, "censored")),
        ("N2 ?4 M24", (2, 24, "relief")),  # a missing score shows nothing
        ("N2 ?4 ?24", (2, INF, "censored")),
        ("?2 ?4", (0, INF, "censored")),
        ("?2 M4", (0, 4, "relief")),
        ("", (0, INF, "censored")),
    ],
)
def test_relief_lies_between_the_last_assessment_without_it_and_the_first_with_it(steps, expected):
    assert one(steps) == expected


def test_known_assessments_after_the_origin_are_counted_and_the_rule_is_named():
    scores = scores_of(a=course("N2 ?4 M24 M168"), b=course(""), c={2: HIGH, 4: LOW})
    done = derive_relief(scores)
    assert done["n_assessed"].tolist() == [3, 0, 0]  # c has no baseline, so nothing is known
    assert bounds(done)[1:] == [(0, INF, "censored")] * 2
    assert done["rule"].tolist() == ["madrs:response_50"] * 3
    assert list(done.columns) == ["usubjid", "left", "right", "status", "n_assessed", "rule"]


def test_a_baseline_in_the_table_is_used_and_one_that_is_not_is_derived():
    scores = scores_of(a={0: 30, 2: 20, 4: 10})
    assert bounds(derive_relief(scores.assign(base=40.0))) == [(0, 2, "relief")]
    derived = ks.derive_baseline(scores)
    assert bounds(derive_relief(derived)) == bounds(derive_relief(scores)) == [(2, 4, "relief")]


def test_everybody_in_the_table_of_subjects_is_there_in_its_order_with_its_columns():
    scores = scores_of(a=course("M2"), b=course("N2"), stranger=course("M2"))
    subjects = pd.DataFrame(
        {"usubjid": ["z", "b", "a"], "trt01a": ["x", "y", "x"]}, index=[5, 5, 1]
    )
    done = derive_relief(scores, subjects=subjects)
    assert done["usubjid"].tolist() == ["z", "b", "a"]
    assert bounds(done) == [(0, INF, "censored"), (2, INF, "censored"), (0, 2, "relief")]
    assert done["trt01a"].tolist() == ["x", "y", "x"]
    assert done.index.equals(pd.RangeIndex(3))


def test_without_a_table_of_subjects_nobody_in_the_scores_is_lost():
    other = scores_of(only_other=course("M2")).assign(paramcd="ham_a")
    scores = pd.concat([scores_of(a=course("M2"), b={0: NAN}), other])
    done = derive_relief(scores, instrument="madrs")
    assert done["usubjid"].tolist() == ["a", "b", "only_other"]
    assert done["n_assessed"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("N2 M4 M24", (2, 4, "relief")),
        ("N2 M4 ?5 M24", (2, 4, "relief")),  # the next known one confirms
        ("N2 M4 N24 M168 M336", (24, 168, "relief")),  # the first was not confirmed
        ("N2 M4", (2, INF, "censored")),  # the last known stays unconfirmed
        ("N2 M4 N24 M168", (24, INF, "censored")),
        ("M2", (0, INF, "censored")),
    ],
)
def test_confirmed_relief_needs_the_next_known_assessment(steps, expected):
    assert one(steps, confirmed=True) == expected


def test_relief_that_was_seen_but_not_confirmed_is_counted():
    scores = scores_of(a=course("N2 M4"), b=course("N2"), c=course("M2 M4"))
    assert derive_relief(scores, confirmed=True).attrs["unconfirmed"] == 1
    assert derive_relief(scores).attrs["unconfirmed"] == 0


def test_the_end_of_follow_up_confirms_nothing():
    scores = scores_of(a=course("N2 M4 M24"))
    medications = rescue_at(10.0)
    for word, expected in (
        ("censor", (2, INF, "censored")),
        ("competing", (10, 10, "rescue")),
        ("ignore", (2, 4, "relief")),
    ):
        done = derive_relief(scores, medications=medications, rescue=word, confirmed=True)
        assert bounds(done) == [expected]


# ------------------------------------------------------------------ rescue, drop-out and death


def rescue_at(*times, who="a", category="RESCUE"):
    return pd.DataFrame({"usubjid": who, "cmcat": category, "cmstrlt": list(times)})


def ended(at, *, status="DISCONTINUED", reason=None, who="a"):
    return pd.DataFrame(
        {"usubjid": [who], "eosstt": [status], "dcsreas": [reason], "eosafrlt": [at]}
    ).astype({"dcsreas": "string"})


@pytest.mark.parametrize(
    ("steps", "word", "expected"),
    [
        ("N2 N4 M24", "censor", (4, INF, "censored")),
        ("N2 N4 M24", "competing", (10, 10, "rescue")),
        ("N2 N4 M24", "ignore", (4, 24, "relief")),
        ("N2 M4 M24", "censor", (2, 4, "relief")),
        ("N2 M4 M24", "competing", (2, 4, "relief")),
        ("N2 M10", "censor", (2, 10, "relief")),  # seen at the very time: relief
        ("N2 M10", "competing", (2, 10, "relief")),
        ("N2 N10 M24", "censor", (10, INF, "censored")),
        ("M24", "censor", (0, INF, "censored")),
        ("M24", "competing", (10, 10, "rescue")),
    ],
)
def test_a_rescue_censors_competes_or_is_ignored_as_said(steps, word, expected):
    assert one(steps, medications=rescue_at(10.0, 50.0), rescue=word) == expected


@pytest.mark.parametrize(
    ("subjects", "kind"),
    [
        (ended(10.0), "dropout"),
        (ended(10.0, reason="LACK OF EFFICACY"), "dropout"),
        (ended(10.0, reason="Death"), "death"),
        (ended(10.0, status="COMPLETED", reason="death"), "death"),
    ],
)
def test_a_drop_out_or_a_death_is_told_from_how_the_subject_ended(subjects, kind):
    scores = scores_of(a=course("N2 N4 M24"))
    for word, expected in (
        ("censor", (4, INF, "censored")),
        ("competing", (10, 10, kind)),
        ("ignore", (4, 24, "relief")),
    ):
        assert bounds(derive_relief(scores, subjects=subjects, **{kind: word})) == [expected]


def test_a_death_is_no_drop_out():
    scores = scores_of(a=course("N2 M24"))
    done = derive_relief(scores, subjects=ended(10.0, reason="DEATH"), death="ignore")
    assert bounds(done) == [(2, 24, "relief")]  # no word about drop-outs is needed


@pytest.mark.parametrize("status", ["COMPLETED", "ONGOING", None])
def test_who_completed_or_goes_on_did_not_drop_out(status):
    subjects = ended(10.0, status=status).astype({"eosstt": "string"})
    done = derive_relief(scores_of(a=course("N2 M24")), subjects=subjects)
    assert bounds(done) == [(2, 24, "relief")]


@pytest.mark.parametrize(
    ("rescue", "end", "reason", "words", "expected"),
    [
        (8.0, 10.0, None, ("competing", "competing"), (8, 8, "rescue")),
        (10.0, 8.0, None, ("competing", "competing"), (8, 8, "dropout")),
        (10.0, 10.0, None, ("competing", "competing"), (10, 10, "rescue")),
        (10.0, 10.0, "DEATH", ("competing", "competing"), (10, 10, "death")),
        (8.0, 10.0, None, ("censor", "competing"), (4, INF, "censored")),
        (8.0, 10.0, None, ("ignore", "competing"), (10, 10, "dropout")),
        (10.0, 8.0, None, ("competing", "censor"), (4, INF, "censored")),
        (10.0, 10.0, None, ("censor", "competing"), (10, 10, "dropout")),  # events before censoring
    ],
)
def test_the_earliest_event_counts_and_ties_have_an_order(rescue, end, reason, words, expected):
    kind = "death" if reason else "dropout"
    found = one(
        "N2 N4 M24",
        medications=rescue_at(rescue),
        subjects=ended(end, reason=reason),
        rescue=words[0],
        **{kind: words[1]},
    )
    assert found == expected


def test_events_at_or_before_the_first_dose_are_none():
    scores = scores_of(a=course("N2 M4"))
    tables = {"medications": rescue_at(-24.0, 0.0), "subjects": ended(0.0)}
    assert bounds(derive_relief(scores, **tables)) == [(2, 4, "relief")]
    said = derive_relief(scores, **tables, rescue="competing", dropout="censor")
    assert bounds(said) == [(2, 4, "relief")]


def test_other_medicines_and_other_peoples_rescues_are_none():
    scores = scores_of(a=course("N2 M4"))
    other = pd.concat([rescue_at(3.0, category="CONCOMITANT"), rescue_at(3.0, who="b")])
    assert bounds(derive_relief(scores, medications=other)) == [(2, 4, "relief")]
    assert bounds(derive_relief(scores, medications=other, rescue="censor")) == [(2, 4, "relief")]


def test_events_that_nobody_said_a_word_about_are_all_listed_with_what_can_be_said():
    scores = scores_of(a=course("N2 M4"), b=course("N2"), c=course("N2"))
    subjects = pd.concat(
        [ended(10.0), ended(9.0, who="b"), ended(9.0, reason="DEATH", who="c")], ignore_index=True
    )
    medications = pd.concat([rescue_at(3.0), rescue_at(4.0, who="b")])
    with pytest.raises(UsageError) as caught:
        derive_relief(scores, subjects=subjects, medications=medications)
    said = str(caught.value)
    assert "2 rescue medicines (rescue=), 2 drop-outs (dropout=), 1 deaths (death=)" in said
    assert all(word in said for word in ("'censor'", "'competing'", "'ignore'"))
    with pytest.raises(UsageError, match=r"hold 2 drop-outs \(dropout=\): "):
        derive_relief(
            scores, subjects=subjects, medications=medications, rescue="ignore", death="censor"
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rescue": "censor"}, "medications= such events cannot be seen"),
        ({"dropout": "ignore"}, "subjects= such events"),
        ({"death": "competing", "rescue": "ignore"}, "medications= and subjects="),
        ({"rescue": "cencor"}, "did you mean 'censor'"),
    ],
)
def test_a_word_that_is_unknown_or_about_what_cannot_be_seen_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        one("N2", **options)


def test_an_event_whose_time_is_needed_and_unknown_is_refused():
    scores = scores_of(a=course("N2 M24"))
    with pytest.raises(DataError, match=r"eosafrlt, row 1: drop-outs without a time.*'censor'"):
        derive_relief(scores, subjects=ended(NAN), dropout="competing")
    assert bounds(derive_relief(scores, subjects=ended(NAN))) == [(2, 24, "relief")]
    for word in ("censor", "competing"):
        with pytest.raises(DataError, match="cmstrlt, row 1: rescue medicines without a time"):
            derive_relief(scores, medications=rescue_at(NAN), rescue=word)
    with pytest.raises(UsageError, match="1 rescue medicines"):
        derive_relief(scores, medications=rescue_at(NAN))
    done = derive_relief(scores, medications=rescue_at(NAN), rescue="ignore")
    assert bounds(done) == [(2, 24, "relief")]


def test_a_table_of_medicines_that_cannot_tell_a_rescue_is_refused_only_if_one_is_asked_for():
    scores, plain = scores_of(a=course("M2")), rescue_at(1.0).drop(columns="cmcat")
    assert bounds(derive_relief(scores, medications=plain)) == [(0, 2, "relief")]
    with pytest.raises(DataError, match="cmcat: not in the table"):
        derive_relief(scores, medications=plain, rescue="censor")
    assert bounds(derive_relief(scores, medications=plain.iloc[:0], rescue="censor")) == [
        (0, 2, "relief")
    ]


# ------------------------------------------------------------------ who is at risk


def test_who_is_in_remission_at_the_start_is_refused_or_left_out_and_counted():
    scores = scores_of(well={0: 8, 2: 8}, ill={0: 30, 2: 8}, unknown={2: 20, 4: 8})
    with pytest.raises(UsageError, match=r"1 of 3 subjects meet madrs:remission_10 .*exclude"):
        derive_relief(scores, endpoint="remission")
    done = derive_relief(scores, endpoint="remission", at_start="exclude")
    assert done["usubjid"].tolist() == ["ill", "unknown"]
    assert bounds(done) == [(0, 2, "relief"), (2, 4, "relief")]  # this rule needs no baseline
    assert done.attrs["left_out"] == 1
    assert derive_relief(scores).attrs["left_out"] == 0


def test_only_the_last_assessment_before_the_dose_decides_who_is_well_at_the_start():
    scores = scores_of(a={-168: 5, 0: 30, 2: 8})
    assert bounds(derive_relief(scores, endpoint="remission")) == [(0, 2, "relief")]


def test_partial_response_is_at_least_its_lower_bound():
    scores = scores_of(a={0: 20, 2: 5}).assign(paramcd="pdss")  # 75%: response, so not partial only
    done = derive_relief(scores, rule="pdss:partial_10", endpoint="partial_response")
    assert bounds(done) == [(0, 2, "relief")]


def test_scales_on_which_high_is_good_and_rules_in_points_work_alike():
    scores = scores_of(a={0: 10, 2: 12, 4: 13}).assign(paramcd="who5")
    done = derive_relief(scores, endpoint="minimal_important_difference", rule="who5:mid_2_5")
    assert bounds(done) == [(2, 4, "relief")]


# ------------------------------------------------------------------ time from a dose


def doses_of(**subjects):
    rows = [(who, k, at) for who, times in subjects.items() for k, at in enumerate(times, 1)]
    return pd.DataFrame(rows, columns=["usubjid", "exseq", "afrlt"]).astype({"afrlt": float})


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"origin": "each_dose"}, "pass doses="),
        ({"origin": 2}, "pass doses="),
        ({"origin": "each_does"}, "did you mean 'each_dose'"),
        ({"origin": 0}, "dose number, not 0"),
        ({"origin": True}, "dose number, not True"),
        ({"origin": 1.0}, "dose number, not 1.0"),
        ({"origin": 3, "doses": doses_of(a=[0, 168])}, "highest dose number is 2"),
        ({"origin": 3, "doses": doses_of()}, "there are no doses"),
        ({"at_start": "keep"}, "exclude"),
        ({"endpoint": "relapse"}, "relapse"),
        ({"endpoint": "respons"}, "response"),
        ({"rule": "madrs:remission"}, "not of response"),
        ({"rule": "madrs:response", "instrument": "ham_a"}, "not a rule of 'ham_a'"),
        ({"instrument": "ham_a"}, "instrument in this table"),
        ({"instrument": "hama"}, "'ham_a'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_with_a_sentence(options, words):
    with pytest.raises(UsageError, match=words):
        one("N2", **options)


# ------------------------------------------------------------------ hostile tables


def test_two_scores_at_one_time_a_score_without_time_and_text_are_all_told_at_once():
    scores = scores_of(secret=course("N2 N4")).astype({"aval": object})
    bad = pd.concat([scores, scores.iloc[[1]], scores.iloc[[1]].assign(afrlt=NAN)])
    bad = pd.concat([bad, scores.iloc[[2]].assign(aval="many", afrlt=99)], ignore_index=True)
    with pytest.raises(DataError) as caught:
        derive_relief(bad)
    assert {(p.code, p.column, p.rows) for p in caught.value.problems} == {
        ("duplicate", "usubjid and afrlt", (4,)),
        ("missing_value", "afrlt", (5,)),
        ("not_a_number", "aval", (6,)),
    }
    assert not re.search("secret|many|99", str(caught.value))


def test_a_visit_that_was_not_done_needs_no_time_and_no_place_of_its_own():
    scores = scores_of(a=course("N2 M4"))
    empty = scores.iloc[[0, 0, 0]].assign(aval=NAN, afrlt=[NAN, 2.0, NAN], usubjid=["a", "a", None])
    assert bounds(derive_relief(pd.concat([scores, empty]))) == [(2, 4, "relief")]


def test_one_period_of_a_crossover_must_be_chosen():
    scores = scores_of(a=course("N2 M4")).assign(aperiod=[1.0, 1.0, 2.0])
    with pytest.raises(UsageError, match="aperiod"):
        derive_relief(scores)
    assert bounds(derive_relief(scores.assign(aperiod=1.0))) == [(2, 4, "relief")]


def test_ids_written_in_two_ways_are_refused():
    scores = scores_of(a=course("M2")).assign(usubjid=1)
    with pytest.raises(DataError, match="nobody in the scores"):
        derive_relief(scores, subjects=pd.DataFrame({"usubjid": ["1"]}))


def test_subjects_must_be_one_row_each_and_leave_the_result_its_names():
    scores = scores_of(a=course("M2"))
    with pytest.raises(DataError, match="row 2: a second record"):
        derive_relief(scores, subjects=pd.DataFrame({"usubjid": ["a", "a"]}))
    with pytest.raises(DataError, match="row 2: empty"):
        derive_relief(scores, subjects=pd.DataFrame({"usubjid": ["a", None]}))
    with pytest.raises(UsageError, match="left, status"):
        derive_relief(scores, subjects=pd.DataFrame({"usubjid": ["a"], "status": 1, "left": 2}))


@pytest.mark.parametrize("column", ["usubjid", "paramcd", "afrlt", "aval"])
def test_an_absent_column_is_named(column):
    with pytest.raises(DataError, match=f"{column}: not in the table"):
        derive_relief(scores_of(a=course("M2")).drop(columns=column), rule="madrs:response")


def test_several_instruments_need_a_name_and_so_does_an_empty_table():
    scores = scores_of(a=course("M2"))
    both = pd.concat([scores, scores.assign(paramcd="ham_a")])
    with pytest.raises(UsageError, match="holds ham_a, madrs: name one"):
        derive_relief(both)
    assert bounds(derive_relief(both, rule="madrs:response")) == [(0, 2, "relief")]
    with pytest.raises(UsageError, match="no scores: name one"):
        derive_relief(scores.iloc[:0])


def test_empty_scores_leave_everybody_unknown():
    empty = scores_of(a=course("M2")).iloc[:0]
    subjects = pd.DataFrame({"usubjid": ["a", "b"]})
    done = derive_relief(empty, instrument="madrs", subjects=subjects)
    assert bounds(done) == [(0, INF, "censored")] * 2
    assert len(derive_relief(empty, instrument="madrs")) == 0
    doses = doses_of(a=[0, 24])
    by = derive_relief(
        empty, instrument="madrs", subjects=subjects, doses=doses, origin="each_dose"
    )
    assert bounds(by) == [(0, INF, "censored")] * 2
    untyped = pd.DataFrame({name: [] for name in ("usubjid", "paramcd", "afrlt", "aval")})
    assert len(derive_relief(untyped, instrument="madrs")) == 0


def test_an_empty_table_of_subjects_has_nobody():
    nobody = pd.DataFrame({"usubjid": pd.array([], dtype="string"), "eosstt": [], "eosafrlt": []})
    done = derive_relief(
        scores_of(a=course("M2")), subjects=nobody, medications=rescue_at(1.0), rescue="censor"
    )
    assert len(done) == 0


# ------------------------------------------------------------------ a slow loop, written from the rules


def slow_relief(people, word, *, confirmed, origin):
    """Rows as (subject, dose, left, right, status), one subject at a time."""
    rows = []
    for who, (values, given, event) in people.items():
        base = [v for at, v in sorted(values.items()) if at <= 0 and v == v]
        stop = event if event is not None and word != "ignore" else INF
        known = [
            (at, value <= base[-1] / 2)
            for at, value in sorted(values.items())
            if base and value == value and at <= stop
        ]
        counts = [
            (at, good and (not confirmed or (i + 1 < len(known) and known[i + 1][1])))
            for i, (at, good) in enumerate(known)
        ]
        spans = {0: (0.0, INF)}
        if origin == "each_dose":
            spans = {k: (t, (*given, INF)[k]) for k, t in enumerate(given, 1)}
        elif origin != "first_dose":
            spans = {origin: (given[origin - 1], INF)} if len(given) >= origin else {}
        for k, (start, last) in spans.items():
            before = [good for at, good in counts if at <= start]
            if origin == "each_dose" and before and before[-1]:
                continue
            if isinstance(origin, int) and any(good for at, good in counts if 0 < at <= start):
                continue
            if stop <= start:
                continue
            good = [at for at, met in counts if met and start < at <= last]
            limit = good[0] if good else INF
            bad = [at for at, met in known if not met and start < at <= last and at < limit]
            left = bad[-1] - start if bad else 0.0
            if good:
                rows.append((who, k, left, good[0] - start, "relief"))
            elif word == "competing" and stop <= last and stop < INF:
                rows.append((who, k, stop - start, stop - start, "rescue"))
            else:
                rows.append((who, k, left, INF, "censored"))
    return rows


def made_up_people(n):
    """Scores, doses and a rescue per subject, on a coarse clock so that they often meet."""
    draw = random.Random(20)
    people = {}
    for i in range(n):
        at = draw.sample(range(-2, 13), draw.randint(1, 9))
        values = {t: draw.choice([30.0, 20.0, 15.0, 9.0, NAN]) for t in at}
        given = sorted(draw.sample(range(12), draw.randint(0, 4)))
        people[f"s{i}"] = (values, given, draw.choice([None, draw.randint(1, 12)]))
    return people


@pytest.fixture(scope="module")
def crowd():
    return made_up_people(600)


@pytest.mark.parametrize("word", ["censor", "competing", "ignore"])
@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("origin", ["first_dose", "each_dose", 1, 2])
def test_arrays_and_a_loop_over_subjects_agree(crowd, word, confirmed, origin):
    scores = scores_of(**{who: values for who, (values, _, _) in crowd.items()})
    before = scores.copy()
    rescues = {who: at for who, (_, _, at) in crowd.items() if at is not None}
    options = {
        "confirmed": confirmed,
        "origin": origin,
        "rescue": word,
        "doses": doses_of(**{who: given for who, (_, given, _) in crowd.items()}),
        "medications": pd.DataFrame(
            {"usubjid": list(rescues), "cmcat": "RESCUE", "cmstrlt": list(rescues.values())}
        ),
    }
    done = derive_relief(scores, **options)
    dose = done["exseq"] if "exseq" in done else [0] * len(done)
    found = [
        (who, int(k), *row) for who, k, row in zip(done["usubjid"], dose, bounds(done), strict=True)
    ]
    assert found == slow_relief(crowd, word, confirmed=confirmed, origin=origin)
    assert {"relief", "censored"} <= set(done["status"])
    assert interval_problems(done) == []
    everybody = pd.DataFrame({"usubjid": list(crowd)})
    mixed = derive_relief(scores.sample(frac=1, random_state=1), subjects=everybody, **options)
    pd.testing.assert_frame_equal(mixed, done)
    pd.testing.assert_frame_equal(scores, before)


def test_losing_an_assessment_that_was_not_met_only_widens_the_interval(crowd):
    people = {who: values | {0: 30.0} for who, (values, _, _) in crowd.items()}
    poorer = {}
    for who, values in people.items():
        not_met = [at for at, value in values.items() if at > 0 and value > 15]
        poorer[who] = {at: v for at, v in values.items() if at not in not_met[:1]}
    full, fewer = derive_relief(scores_of(**people)), derive_relief(scores_of(**poorer))
    assert (fewer["left"] <= full["left"]).all()
    assert (fewer["left"] < full["left"]).any()
    assert fewer["right"].tolist() == full["right"].tolist()


# ------------------------------------------------------------------ the public trial


@pytest.fixture(scope="module")
def trial():
    return ks.load_antidepressant_trial()


def test_the_public_trial_gives_what_a_plain_count_gives(trial):
    done = derive_relief(trial.scores, instrument="hamd17", subjects=trial.subjects)
    own = trial.scores[trial.scores["paramcd"] == "hamd17"].dropna(subset="aval")
    own = own.sort_values(["usubjid", "afrlt"])
    base = own[own["afrlt"] <= 0].groupby("usubjid")["aval"].last()
    later = own[own["afrlt"] > 0].assign(half=lambda f: f["usubjid"].map(base) / 2)
    right = later[later["aval"] <= later["half"]].groupby("usubjid")["afrlt"].min()
    right = right.reindex(trial.subjects["usubjid"]).fillna(INF)
    before = later[later["afrlt"] < later["usubjid"].map(right)].groupby("usubjid")["afrlt"].max()
    left = before.reindex(trial.subjects["usubjid"]).fillna(0.0)
    assert len(done) == 172
    assert done["right"].tolist() == right.tolist()
    assert done["left"].tolist() == left.tolist()
    assert (done["status"] == "relief").sum() == np.isfinite(right).sum() > 0
    assert done["trt01a"].tolist() == trial.subjects["trt01a"].tolist()


def test_the_files_behind_the_scores_are_kept(trial):
    done = derive_relief(trial.scores, instrument="hamd17")
    assert ks.provenance.sources_of(done) == ks.provenance.sources_of(trial.scores)


def test_confirmed_relief_of_the_public_trial_is_rarer_and_never_earlier(trial):
    options = {"instrument": "hamd17", "subjects": trial.subjects}
    seen = derive_relief(trial.scores, **options)
    sure = derive_relief(trial.scores, confirmed=True, **options)
    assert (sure["right"] >= seen["right"]).all()
    assert sure.attrs["unconfirmed"] == ((seen["right"] < INF) & (sure["right"] == INF)).sum()

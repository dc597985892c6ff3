"""The interval in which relief came: worked by hand, by a slow loop, and on the public trial."""

import re

import pandas as pd
import pytest
from made_scores import HIGH, INF, LOW, NAN, bounds, course, doses_of, one, rescue_at, scores_of

import ketastats as ks
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import DataError, UsageError


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

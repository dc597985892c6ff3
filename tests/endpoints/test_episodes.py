"""Losses of response that come again: worked by hand, by a slow loop, on the synthetic course."""

from math import isnan, log, sqrt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ketastats as ks
from ketastats.endpoints.episodes import derive_episodes
from ketastats.errors import DataError, UsageError

NAN = float("nan")
HIGH, LOW = 30.0, 10.0  # on the MADRS: not a response from 30, and one


def scores_of(**subjects):
    """Baseline and then N (not met), M (met) or ? (missing) at hours: a="N4 M24"."""
    values = {"N": HIGH, "M": LOW, "?": NAN}
    rows = [
        (who, float(step[1:]), values[step[0]])
        for who, course in subjects.items()
        for step in ["N0", *course.split()]
    ]
    table = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return table.assign(paramcd="madrs").astype({"afrlt": float, "aval": float})


def spans(table, *names):
    names = names or ("start", "stop", "event", "episode", "left")
    return [
        tuple(None if isinstance(v, float) and isnan(v) else v for v in row)
        for row in table[list(names)].itertuples(index=False, name=None)
    ]


def one(course, **options):
    return spans(derive_episodes(scores_of(a=course), **options))


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("N4 M24 M72 N168", [(24, 168, 1, 1, 72)]),
        ("M4 N24 N72 M168 N336", [(4, 24, 1, 1, 4), (168, 336, 1, 2, 168)]),
        ("M4 N24 M72 M168", [(4, 24, 1, 1, 4), (72, 168, 0, 2, 168)]),
        ("M4 ?24 N72", [(4, 72, 1, 1, 4)]),  # a missing score shows nothing
        ("M4 M24 ?72", [(4, 24, 0, 1, 24)]),  # censored at the last known assessment
        ("M4 N24 M72", [(4, 24, 1, 1, 4)]),  # back at the very end: no time at risk
        ("M4", []),
        ("N4 N24", []),
        ("", []),
    ],
)
def test_a_subject_is_at_risk_from_response_seen_to_its_loss_seen(course, expected):
    assert one(course) == expected


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("N4 M24 M72 N168", [(0, 168, 1, 1, 72)]),
        ("M4 N24 N72 M168 N336", [(0, 24, 1, 1, 4), (24, 336, 1, 2, 168)]),
        ("M4 N24 M72 M168", [(0, 24, 1, 1, 4), (24, 168, 0, 2, 168)]),
        ("M4 N24 N72", [(0, 24, 1, 1, 4), (24, 72, 0, 2, None)]),
        ("N4 N24 ?72", [(0, 24, 0, 1, None)]),
        ("M4", [(0, 4, 0, 1, 4)]),
        ("?4", []),
    ],
)
def test_throughout_everybody_is_at_risk_from_the_first_dose_without_gaps(course, expected):
    assert one(course, at_risk="throughout") == expected


@pytest.mark.parametrize(
    ("course", "within", "throughout", "unconfirmed"),
    [
        (
            "M4 N24 M72 N168 N336",
            [(4, 168, 1, 1, 72)],
            [(0, 168, 1, 1, 72), (168, 336, 0, 2, None)],
            1,
        ),
        (
            "M4 N24 N72 M168 M336",
            [(4, 24, 1, 1, 4), (168, 336, 0, 2, 336)],
            [(0, 24, 1, 1, 4), (24, 336, 0, 2, 336)],
            0,
        ),
        ("M4 M24 N72", [(4, 24, 0, 1, 24)], [(0, 24, 0, 1, 24)], 1),
        ("M4 N24 ?72 N168", [(4, 24, 1, 1, 4)], [(0, 24, 1, 1, 4), (24, 168, 0, 2, None)], 0),
        ("N4", [], [(0, 4, 0, 1, None)], 0),  # not a loss
    ],
)
def test_with_two_consecutive_assessments_a_single_one_changes_nothing(
    course, within, throughout, unconfirmed
):
    made = derive_episodes(scores_of(a=course), consecutive=2)
    assert spans(made) == within
    assert made.attrs["unconfirmed"] == unconfirmed
    made = derive_episodes(scores_of(a=course), consecutive=2, at_risk="throughout")
    assert spans(made) == throughout


def test_the_table_has_its_columns_and_those_of_the_subjects_in_their_order():
    scores = scores_of(a="M4 N24", b="M4 M24", stranger="M4 N24")
    subjects = pd.DataFrame(
        {"usubjid": ["z", "b", "a"], "trt01a": ["x", "y", "x"]}, index=[5, 5, 1]
    )
    made = derive_episodes(scores, subjects=subjects)
    assert list(made.columns) == [
        "usubjid", "start", "stop", "event", "episode", "terminal", "left", "rule", "at_risk",
        "trt01a",
    ]  # fmt: skip
    assert spans(made, "usubjid", "event", "trt01a") == [("b", 0, "y"), ("a", 1, "x")]
    assert set(made["rule"]) == {"madrs:response_50"}
    assert made.attrs["left_out"] == 1
    assert made.index.equals(pd.RangeIndex(2))


def test_a_remission_rule_can_be_lost_too_and_who_meets_it_at_the_start_is_told():
    scores = pd.concat(
        [scores_of(a="M4 N24"), pd.DataFrame({"usubjid": "b", "paramcd": "madrs",
         "afrlt": [0.0, 4.0, 24.0], "aval": [5.0, 5.0, 30.0]})]
    )  # fmt: skip
    with pytest.raises(UsageError, match="1 of 2 subjects meet"):
        derive_episodes(scores, endpoint="remission")
    made = derive_episodes(scores, endpoint="remission", at_start="exclude")
    assert spans(made, "usubjid", "start", "stop", "event") == [("a", 4, 24, 1)]
    assert made.attrs["left_out"] == 1
    everybody = derive_episodes(
        scores, endpoint="remission", at_start="exclude", at_risk="throughout"
    )
    assert set(everybody["usubjid"]) == {"a"}


# ------------------------------------------------------------------ rescue, drop-out and death


def rescue_at(time):
    return pd.DataFrame({"usubjid": ["a"], "cmcat": ["RESCUE"], "cmstrlt": [float(time)]})


@pytest.mark.parametrize(
    ("word", "at", "within", "throughout"),
    [
        ("censor", 100, [(4, 72, 0, 0)], [(0, 72, 0, 0)]),
        ("competing", 100, [(4, 100, 0, 1)], [(0, 100, 0, 1)]),
        ("ignore", 100, [(4, 168, 1, 0)], [(0, 168, 1, 0), (168, 336, 0, 0)]),
        ("competing", 200, [(4, 168, 1, 0)], [(0, 168, 1, 0), (168, 200, 0, 1)]),
        ("competing", 168, [(4, 168, 1, 1)], [(0, 168, 1, 1)]),  # a loss at its time is seen
        ("censor", 168, [(4, 168, 1, 0)], [(0, 168, 1, 0)]),
        ("competing", 2, [], [(0, 2, 0, 1)]),
        ("censor", 2, [], []),
    ],
)
def test_rescue_ends_the_follow_up_as_the_word_says(word, at, within, throughout):
    scores, names = scores_of(a="M4 M72 N168 N336"), ("start", "stop", "event", "terminal")
    options = {"medications": rescue_at(at), "rescue": word}
    assert spans(derive_episodes(scores, **options), *names) == within
    assert spans(derive_episodes(scores, at_risk="throughout", **options), *names) == throughout


def test_events_need_a_word():
    scores = scores_of(a="M4 N24")
    with pytest.raises(UsageError, match="1 rescue medicines"):
        derive_episodes(scores, medications=rescue_at(10))
    subjects = pd.DataFrame(
        {"usubjid": ["a"], "eosstt": ["DISCONTINUED"], "dcsreas": ["DEATH"], "eosafrlt": [50.0]}
    )
    with pytest.raises(UsageError, match="1 deaths"):
        derive_episodes(scores, subjects=subjects)
    made = derive_episodes(scores, subjects=subjects, death="competing", at_risk="throughout")
    assert spans(made, "stop", "event", "terminal") == [(24, 1, 0), (50, 0, 1)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"at_risk": "response"}, "did you mean 'in_response'"),
        ({"consecutive": 3}, "consecutive is 1 or 2"),
        ({"at_start": "drop"}, "way to treat who meets the rule"),
        ({"endpoint": "relapse", "rule": "madrs:response_50"}, "not of relapse"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        derive_episodes(scores_of(a="M4 N24"), **options)


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="needs for itself: left"):
        derive_episodes(scores_of(a="M4"), subjects=pd.DataFrame({"usubjid": ["a"], "left": [1.0]}))
    with pytest.raises(DataError, match="a second score of one subject"):
        derive_episodes(scores_of(a="M4 N4"))


def test_the_tables_given_are_not_changed_and_the_order_of_rows_does_not_matter():
    scores = scores_of(a="M4 N24 M72 N168", b="M4 M24 N72")
    kept = scores.copy()
    made = derive_episodes(scores)
    pd.testing.assert_frame_equal(scores, kept)
    turned = derive_episodes(scores.iloc[::-1], subjects=pd.DataFrame({"usubjid": ["a", "b"]}))
    pd.testing.assert_frame_equal(made, turned)


def slow_spans(course, consecutive, at_risk):
    """The rule of the docstring, one assessment after the other."""
    known = [(at, met) for at, met in course if met is not None]
    made, state, start, left = [], False, 0 if at_risk == "throughout" else None, None
    for k, (at, met) in enumerate(known):
        if met:
            start = at if not state and at_risk == "in_response" else start
            state, left = True, at
        elif state and (consecutive == 1 or (k + 1 < len(known) and not known[k + 1][1])):
            made.append((start, at, 1, left))
            state, left = False, None
            start = at if at_risk == "throughout" else None
    end = left if state else known[-1][0] if known else None
    if start is not None and end is not None and end > start:
        made.append((start, end, 0, left))
    return [(a, b, e, number, f) for number, (a, b, e, f) in enumerate(made, start=1)]


seen = st.lists(st.sampled_from([True, False, None]), max_size=9)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(seen, min_size=1, max_size=4),
    st.sampled_from([1, 2]),
    st.sampled_from(["in_response", "throughout"]),
)
def test_spans_are_those_of_a_slow_loop(courses, consecutive, at_risk):
    words = {True: "M", False: "N", None: "?"}
    scores = scores_of(
        **{
            f"s{k}": " ".join(f"{words[met]}{4 * (n + 1)}" for n, met in enumerate(course))
            for k, course in enumerate(courses)
        }
    )
    made = derive_episodes(scores, consecutive=consecutive, at_risk=at_risk)
    expected = [
        (f"s{k}", *row)
        for k, course in enumerate(courses)
        for row in slow_spans(
            [(4 * (n + 1), met) for n, met in enumerate(course)], consecutive, at_risk
        )
    ]
    assert spans(made, "usubjid", "start", "stop", "event", "episode", "left") == expected


# ------------------------------------------------------------------ through to the models

THREE = scores_of(
    a="M10 N20 M30 N40 M50 M60", b="M10 M20 M30 N40 N50 M60", c="N10 M20 M30 M40 M50 M60"
)
TREATED = pd.DataFrame({"usubjid": ["a", "b", "c"], "treated": [0.0, 1.0, 0.0]})


def test_three_subjects_have_the_spans_by_hand():
    made = derive_episodes(THREE, subjects=TREATED)
    assert spans(made, "usubjid", "start", "stop", "event", "episode") == [
        ("a", 10, 20, 1, 1),
        ("a", 30, 40, 1, 2),
        ("a", 50, 60, 0, 3),
        ("b", 10, 40, 1, 1),
        ("c", 20, 60, 0, 1),
    ]


def test_the_mean_count_of_three_subjects_is_the_average_of_their_losses():
    made = derive_episodes(THREE, subjects=TREATED, at_risk="throughout")
    row = ks.mean_cumulative_count(made, terminal="terminal").to_frame().iloc[0]
    assert row["estimate"] == pytest.approx((2 + 1 + 0) / 3)
    assert row["std_error"] == pytest.approx(sqrt(((2 - 1) ** 2 + 0 + (0 - 1) ** 2) / 3**2))


@pytest.mark.parametrize(
    ("model", "at_risk", "ratio"),
    [
        # Scores of r: a at 20 h; a and b at 40 h, tied; b alone is treated. 1 = 3r / (r + 2)
        ("lwyy", "throughout", 1.0),
        # At 20 h a and b are in response, at 40 h all. 1 = r / (r + 1) + 2r / (r + 2)
        ("ag", "in_response", (sqrt(17) - 1) / 4),
        # First losses after 10 (a) and 30 h (b) of 40 (c); a's second is alone. 1 = r/(r+2) + r/(r+1)
        ("pwp_gap", "in_response", sqrt(2)),
    ],
)
def test_the_regressions_of_three_subjects_are_those_by_hand(model, at_risk, ratio):
    made = derive_episodes(THREE, subjects=TREATED, at_risk=at_risk)
    found = ks.recurrent_events(made, "treated", model=model).to_frame().iloc[0]
    assert found["estimate"] == pytest.approx(log(ratio), abs=1e-7)


@pytest.fixture(scope="module")
def course():
    return ks.load_synthetic_course()


def of_course(course, **options):
    words = {"rescue": "censor", "dropout": "competing", **options}
    return derive_episodes(
        course.scores, subjects=course.subjects, medications=course.medications, **words
    )


def test_the_synthetic_course_goes_through_to_the_models(course):
    throughout = of_course(course, at_risk="throughout")
    counts = ks.mean_cumulative_count(throughout, by="trt01a", terminal="terminal").to_frame()
    assert (counts["estimate"] > 0).all()
    assert counts["n"].tolist() == [60, 90]
    made = of_course(course)
    assert made["event"].sum() == throughout["event"].sum()
    ketamine = {"ketamine": lambda table: (table["trt01a"] == "KETAMINE").astype(float)}
    for model, table in (("lwyy", throughout), ("pwp_gap", made)):
        result = ks.recurrent_events(table.assign(**ketamine), "ketamine", model=model)
        assert result.to_frame()["events"][0] == made["event"].sum()
        assert "scores.csv" in {source.name for source in result.sources}


def test_spans_at_risk_in_response_only_give_no_numbers_per_patient(course):
    made = of_course(course)
    assert set(made["at_risk"]) == {"in_response"}
    assert set(of_course(course, at_risk="throughout")["at_risk"]) == {"throughout"}
    chosen = made[made["trt01a"].notna() & (made["start"] < 2000)]  # the column stays
    for refused in (
        lambda: ks.recurrent_events(chosen, "trt01a"),
        lambda: ks.recurrent_events(chosen, "trt01a", model="lwyy"),
        lambda: ks.mean_cumulative_count(chosen, by="trt01a"),
    ):
        with pytest.raises(UsageError, match=r'derive_episodes.*at_risk="throughout"'):
            refused()
    assert ks.recurrent_events(chosen, "trt01a", model="ag").to_frame()["events"][0] > 0


def test_a_column_at_risk_with_other_words_or_none_refuses_nothing(course):
    made = of_course(course, at_risk="throughout")
    for column in (1, None, "throughout"):
        ks.mean_cumulative_count(made.assign(at_risk=column))
    ks.mean_cumulative_count(made.drop(columns="at_risk"))


def test_the_first_loss_is_that_of_derive_loss_of_response(course):
    words = {"rescue": "censor", "dropout": "censor", "medications": course.medications}
    relief = ks.derive_relief(course.scores, subjects=course.subjects, **words)
    loss = ks.derive_loss_of_response(course.scores, relief=relief, **words)
    lost = loss[loss["status"] == "loss_of_response"].set_index("usubjid")
    origin = relief.set_index("usubjid")["right"].loc[lost.index]
    episodes = of_course(course, dropout="censor")
    first = episodes[(episodes["episode"] == 1) & (episodes["event"] == 1)].set_index("usubjid")
    assert first.index.tolist() == lost.index.tolist()
    assert first["start"].tolist() == origin.tolist()
    assert first["left"].tolist() == (lost["left"] + origin).tolist()
    assert first["stop"].tolist() == (lost["right"] + origin).tolist()

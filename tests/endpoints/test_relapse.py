"""From first-seen relief to relapse or to response lost: by hand, by a slow loop, on the public trial."""

import random

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.checks.intervals import interval_problems
from ketastats.endpoints.relapse import derive_loss_of_response, derive_relapse
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import DataError, UsageError

INF, NAN = float("inf"), float("nan")
DAY = 24.0
# On the MADRS from 40: W (well, response, 10), M (middle: response no longer met, 21), R (relapse, 30).
LEVELS = {"W": 10.0, "M": 21.0, "R": 30.0, "?": NAN}


def scores_of(**subjects):
    """Scores at days: scores_of(a="R0 W1 R8") with 40 at baseline."""
    rows = [
        (who, DAY * float(step[1:]), LEVELS[step[0]])
        for who, steps in subjects.items()
        for step in steps.split()
    ]
    rows += [(who, 0.0, 40.0) for who in subjects]
    table = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return table.assign(paramcd="madrs")


def days(table):
    return [
        (left / DAY, right / DAY, status)
        for left, right, status in zip(table["left"], table["right"], table["status"], strict=True)
    ]


def relapse(steps, **options):
    scores = scores_of(a=steps)
    return days(derive_relapse(scores, relief=derive_relief(scores), **options))


def loss(steps, **options):
    scores = scores_of(a=steps)
    return days(derive_loss_of_response(scores, relief=derive_relief(scores), **options))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("W1 W8 R15", (7, 14, "loss_of_response")),  # the clock starts on day 1
        ("W1 M8", (0, 7, "loss_of_response")),
        ("W1 ?8 M15", (0, 14, "loss_of_response")),  # a missing score shows nothing
        ("W1 W8 W15", (14, INF, "censored")),
        ("W1", (0, INF, "censored")),
        ("R1 W8 W15 M22 W29", (7, 14, "loss_of_response")),
    ],
)
def test_response_is_lost_at_the_first_known_assessment_that_does_not_meet_it(steps, expected):
    assert loss(steps) == [expected]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("W1 W8 R15", (7, 14, "relapse")),
        ("W1 M8 R15", (7, 14, "relapse")),  # response lost is not yet relapse
        ("W1 W8 M15", (14, INF, "censored")),
    ],
)
def test_relapse_follows_the_registry_rule_at_one_assessment_if_said(steps, expected):
    assert relapse(steps, consecutive=1) == [expected]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("W1 W8 R15 R22", (7, 14, "relapse")),  # dated at the first of two a week apart
        ("W1 W8 R15 M22", (21, INF, "censored")),
        ("W1 W8 R15", (7, INF, "censored")),  # the last one stays unconfirmed
        ("W1 W8 R15 R19", (7, INF, "censored")),  # four days are too few
        ("W1 W8 R15 R31", (7, INF, "censored")),  # sixteen are too many
        ("W1 R15 R17 R22", (0, 14, "relapse")),  # none in between disagrees
        ("W1 R15 W17 R22", (16, INF, "censored")),
        ("W1 W8 R15 R31 R38", (7, 30, "relapse")),  # the first of the two that agree in time
    ],
)
def test_by_default_relapse_needs_the_two_assessments_that_the_registry_asks_for(steps, expected):
    assert relapse(steps) == [expected]  # 5 to 15 days apart on the MADRS


def test_the_distance_of_the_two_can_be_said():
    assert relapse("W1 R15 R31") == [(0, INF, "censored")]
    assert relapse("W1 R15 R31", gap_days=(0, INF)) == [(0, 14, "relapse")]
    assert relapse("W1 R15 R31", consecutive=2, gap_days=(5, 20)) == [(0, 14, "relapse")]
    assert loss("W1 R15 W31 R50 R60", consecutive=2) == [(30, 49, "loss_of_response")]


def test_each_scale_has_the_distances_of_its_own_trial():
    scores = scores_of(a="W1 R15 R20").assign(paramcd="hamd17")
    relief = derive_relief(scores)
    assert days(derive_relapse(scores, relief=relief))[0][2] == "censored"  # 7 to 14 days
    week = scores.assign(afrlt=scores["afrlt"].replace(20 * DAY, 22 * DAY))
    assert days(derive_relapse(week, relief=relief)) == [(0, 14, "relapse")]


def test_the_duration_says_by_how_much_relief_may_have_come_earlier():
    scores = scores_of(a="R1 W8 R15", b="W2 R9", c="R1")
    relief = derive_relief(scores)
    done = derive_loss_of_response(scores, relief=relief)
    assert done["usubjid"].tolist() == ["a", "b"]
    assert done["origin_left"].tolist() == [7 * DAY, 2 * DAY]
    assert done.attrs["left_out"] == 1  # c had no relief
    assert done["n_assessed"].tolist() == [1, 1]
    assert list(done.columns) == [
        "usubjid",
        "left",
        "right",
        "status",
        "n_assessed",
        "rule",
        "origin_left",
    ]


def test_the_rule_lost_is_the_rule_that_relief_was_seen_by_unless_another_is_named():
    scores = scores_of(a="W1 M8 R15")
    remission = derive_relief(scores, rule="madrs:remission_12", endpoint="remission")
    done = derive_loss_of_response(scores, relief=remission)
    assert done["rule"].tolist() == ["madrs:remission_12"]
    assert days(done) == [(0, 7, "loss_of_response")]
    other = derive_loss_of_response(scores, relief=remission, rule="madrs:response_50")
    assert other["rule"].tolist() == ["madrs:response_50"]
    assert derive_relapse(scores, relief=remission)["rule"].tolist() == ["madrs:relapse_22"]
    with pytest.raises(UsageError, match="no single rule"):
        derive_loss_of_response(scores, relief=remission.drop(columns="rule"))
    with pytest.raises(UsageError, match="use derive_relapse"):
        derive_loss_of_response(scores, relief=remission, rule="madrs:relapse_22")


def test_a_rule_marked_as_project_default_is_found_again():
    scores = scores_of(a="W1 M8").assign(paramcd="gad7")
    relief = derive_relief(scores)
    assert "[project default]" in relief["rule"].item()
    assert derive_loss_of_response(scores, relief=relief)["rule"].item() == relief["rule"].item()


def test_who_relapses_while_relief_is_first_seen_is_refused_or_left_out():
    high = scores_of(a="R1", b="W1 R8").assign(
        aval=lambda f: f["aval"].replace({40.0: 60.0})
    )  # from 60 to 30: a response, and as high as a relapse
    relief = derive_relief(high)
    with pytest.raises(UsageError, match="1 of 2 subjects with relief meet madrs:relapse_22"):
        derive_relapse(high, relief=relief)
    done = derive_relapse(high, relief=relief, at_start="exclude", consecutive=1)
    assert done["usubjid"].tolist() == ["b"]
    assert done.attrs["left_out"] == 1


def test_relapse_that_was_seen_but_not_confirmed_is_counted():
    scores = scores_of(a="W1 R15 R43", b="W1 R15 R22")
    done = derive_relapse(scores, relief=derive_relief(scores))
    assert done["status"].tolist() == ["censored", "relapse"]
    assert done.attrs["unconfirmed"] == 1


# ------------------------------------------------------------------ rescue, drop-out and death


def rescue_on(*on, who="a"):
    return pd.DataFrame({"usubjid": who, "cmcat": "RESCUE", "cmstrlt": [DAY * day for day in on]})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("censor", (7, INF, "censored")),
        ("competing", (9, 9, "rescue")),
        ("ignore", (7, 14, "loss_of_response")),
    ],
)
def test_a_rescue_after_relief_censors_competes_or_is_ignored_as_said(word, expected):
    assert loss("W1 W8 R15", medications=rescue_on(10), rescue=word) == [expected]


def test_a_rescue_before_relief_was_seen_is_over():
    scores = scores_of(a="R1 W8 R15")
    medications = rescue_on(2)
    relief = derive_relief(scores, medications=medications, rescue="ignore")
    done = derive_loss_of_response(scores, relief=relief, medications=medications)
    assert days(done) == [(0, 7, "loss_of_response")]
    both = derive_loss_of_response(
        scores, relief=relief, medications=rescue_on(2, 10), rescue="competing"
    )
    assert days(both) == [(2, 2, "rescue")]


def test_one_subjects_end_does_not_move_anothers_relapse():
    scores = scores_of(a="W1 W8 R30", b="W1 W8 R15")
    done = derive_relapse(
        scores,
        relief=derive_relief(scores),
        consecutive=1,
        medications=rescue_on(10),
        rescue="competing",
    )
    assert days(done) == [(9, 9, "rescue"), (7, 14, "relapse")]


@pytest.mark.parametrize("word", ["censor", "competing"])
def test_who_was_gone_before_relief_was_seen_is_not_at_risk(word):
    scores = scores_of(a="R1 W8 R15", b="W1 R8")
    subjects = pd.DataFrame(
        {"usubjid": ["a", "b"], "eosstt": "DISCONTINUED", "eosafrlt": [3 * DAY, 90 * DAY]}
    )
    relief = derive_relief(scores, subjects=subjects, dropout="ignore")
    done = derive_loss_of_response(scores, relief=relief, dropout=word)
    assert done["usubjid"].tolist() == ["b"]
    assert done.attrs["left_out"] == 1


def test_events_that_nobody_said_a_word_about_are_listed():
    with pytest.raises(UsageError, match=r"1 rescue medicines \(rescue=\)"):
        loss("W1 W8", medications=rescue_on(10))


def test_how_subjects_ended_is_read_from_the_relief_table_or_from_subjects():
    scores = scores_of(a="W1 W8 R30", b="W1 W8 R30")
    subjects = pd.DataFrame(
        {
            "usubjid": ["a", "b"],
            "trt01a": ["x", "y"],
            "eosstt": ["DISCONTINUED"] * 2,
            "dcsreas": [None, "DEATH"],
            "eosafrlt": [20 * DAY] * 2,
        }
    )
    words = {"dropout": "competing", "death": "competing"}
    carried = derive_relief(scores, subjects=subjects, **words)
    with pytest.raises(UsageError, match=r"1 drop-outs \(dropout=\), 1 deaths \(death=\)"):
        derive_relapse(scores, relief=carried)
    done = derive_loss_of_response(scores, relief=carried, **words)
    assert days(done) == [(19, 19, "dropout"), (19, 19, "death")]
    assert done["trt01a"].tolist() == ["x", "y"]
    plain = derive_relief(scores)
    told = derive_loss_of_response(scores, relief=plain, subjects=subjects, **words)
    assert days(told) == days(done)
    with pytest.raises(UsageError, match="subjects= such events cannot be seen"):
        derive_relapse(scores, relief=plain, dropout="censor")


def test_competing_events_are_no_relief_to_relapse_from():
    scores = scores_of(a="R1 W8", b="W1 R8")
    relief = derive_relief(scores, medications=rescue_on(3), rescue="competing")
    assert relief["status"].tolist() == ["rescue", "relief"]
    done = derive_loss_of_response(scores, relief=relief)
    assert done["usubjid"].tolist() == ["b"]
    assert done.attrs["left_out"] == 1


# ------------------------------------------------------------------ what cannot be used


def test_nobody_with_relief_is_an_empty_table():
    scores = scores_of(a="R1")
    for derive in (derive_relapse, derive_loss_of_response):
        done = derive(scores, relief=derive_relief(scores))
        assert len(done) == 0
        assert done.attrs["left_out"] == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda r: r.assign(exseq=1), UsageError, "first_dose"),
        (lambda r: r.drop(columns="right"), DataError, "right: not in the table"),
        (lambda r: r.assign(left=-1.0), DataError, "negative"),
        (lambda r: pd.concat([r, r]), DataError, "row 2: a second row"),
        (lambda r: r.assign(usubjid="z"), DataError, "nobody in the scores"),
    ],
)
def test_a_relief_table_that_does_not_fit_is_refused(change, error, words):
    scores = scores_of(a="W1 R8")
    relief = change(derive_relief(scores))
    for derive in (derive_relapse, derive_loss_of_response):
        with pytest.raises(error, match=words):
            derive(scores, relief=relief)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"consecutive": 3}, "1 or 2, not 3"),
        ({"gap_days": (15, 5)}, "shortest and the longest"),
        ({"gap_days": (-1, 5)}, "shortest and the longest"),
        ({"rule": "madrs:response_50"}, "not of relapse"),
        ({"at_start": "keep"}, "exclude"),
        ({"rescue": "censored"}, "did you mean 'censor'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        relapse("W1 R8", **options)


def test_a_scale_without_a_relapse_rule_is_refused():
    scores = scores_of(a="W1 R8").assign(paramcd="ham_a")
    with pytest.raises(UsageError, match="no relapse rule"):
        derive_relapse(scores, relief=derive_relief(scores))


# ------------------------------------------------------------------ for any data


def slow_relapse(person, start, gap):
    """Days since the start, one assessment after the other."""
    known = [(at, v >= 22) for at, v in sorted(person.items()) if v == v and at > start]
    for i, (at, met) in enumerate(known):
        if not met:
            continue
        run = []
        for later, good in known[i + 1 :]:
            if not good:
                break
            run.append(later - at)
        if gap is None or any(gap[0] <= apart <= gap[1] for apart in run):
            before = [t for t, good in known[:i] if not good]
            return (before[-1] - start if before else 0), at - start, "relapse"
    not_met = [t for t, good in known if not good]
    return (not_met[-1] - start if not_met else 0), INF, "censored"


def made_up_people(n):
    draw = random.Random(30)
    return {
        f"s{i}": {
            at: draw.choice([10.0, 21.0, 30.0, 30.0, NAN])
            for at in draw.sample(range(1, 41), draw.randint(1, 10))
        }
        for i in range(n)
    }


@pytest.mark.parametrize("consecutive", [1, 2])
def test_arrays_and_a_loop_over_subjects_agree(consecutive):
    people = made_up_people(600)
    rows = [
        (who, DAY * at, value)
        for who, person in people.items()
        for at, value in ({0: 40.0} | person).items()
    ]
    scores = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"]).assign(paramcd="madrs")
    before = scores.copy()
    relief = derive_relief(scores)
    done = derive_relapse(scores, relief=relief, consecutive=consecutive)
    started = {
        who: right / DAY
        for who, right in zip(relief["usubjid"], relief["right"], strict=True)
        if np.isfinite(right)
    }
    gap = (5, 15) if consecutive == 2 else None
    assert done["usubjid"].tolist() == list(started)
    assert days(done) == [slow_relapse(people[who], at, gap) for who, at in started.items()]
    assert set(done["status"]) == {"relapse", "censored"}
    assert interval_problems(done) == []
    mixed = derive_relapse(
        scores.sample(frac=1, random_state=1), relief=relief, consecutive=consecutive
    )
    pd.testing.assert_frame_equal(mixed, done)
    pd.testing.assert_frame_equal(scores, before)


def test_the_public_trial_gives_what_a_plain_count_gives():
    trial = ks.load_antidepressant_trial()
    relief = derive_relief(trial.scores, instrument="hamd17", subjects=trial.subjects)
    done = derive_loss_of_response(trial.scores, relief=relief)
    own = trial.scores[trial.scores["paramcd"] == "hamd17"].dropna(subset="aval")
    own = own.sort_values(["usubjid", "afrlt"])
    base = own[own["afrlt"] <= 0].groupby("usubjid")["aval"].last()
    start = relief.set_index("usubjid")["right"]
    later = own[own["afrlt"] > own["usubjid"].map(start)]
    gone = later[later["aval"] > later["usubjid"].map(base) / 2]
    right = (gone.groupby("usubjid")["afrlt"].min() - start).reindex(done["usubjid"]).fillna(INF)
    assert done["right"].tolist() == right.tolist()
    assert done.attrs["left_out"] == 172 - len(done) == (relief["right"] == INF).sum()
    assert (done["status"] == "loss_of_response").sum() == np.isfinite(right).sum() > 0
    assert ks.provenance.sources_of(done) == ks.provenance.sources_of(trial.scores)

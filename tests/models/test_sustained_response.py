"""Sustained response: who counts, which assessment counts, and what missing means."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, UsageError
from ketastats.models.response_rate import METHODS
from ketastats.models.sustained_response import sustained_response

NONE = float("nan")
WELL, ILL = 10.0, 28.0  # of a baseline of 30: response, no response
START, HORIZON = 500.0, 2000.0

# Seen at hours; then in response at the start, sustained (None: not known), assessed at both ends.
PEOPLE = {
    "kept": ({500: WELL, 1000: WELL, 2000: WELL}, True, True, True),
    "kept, with a visit missed": ({480: WELL, 1000: NONE, 2100: WELL}, True, True, True),
    "lost between": ({500: WELL, 1000: ILL, 2000: WELL}, True, False, True),
    "lost at the horizon": ({500: WELL, 1000: WELL, 1990: ILL}, True, False, True),
    "not at the start": ({500: ILL, 1000: WELL, 2000: WELL}, False, False, True),
    "not followed": ({500: WELL, 1000: WELL}, True, None, False),
    "lost, then not followed": ({500: WELL, 1000: ILL}, True, False, False),
    "not seen at the start": ({1000: WELL, 2000: WELL}, False, None, False),
    "not seen at the start, then ill": ({1000: ILL, 2000: WELL}, False, False, False),
    "no baseline": ({0: NONE, 500: WELL, 2000: WELL}, False, None, False),
    "well before, ill after": ({100: ILL, 500: WELL, 2000: WELL, 2400: ILL}, True, True, True),
}


def scores(people):
    rows = [
        (name, float(hours), score)
        for name, seen in people.items()
        for hours, score in ({0: 30.0} | seen).items()
    ]
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs")


def subjects(people, **columns):
    return pd.DataFrame({"usubjid": list(people), **columns})


def estimate(people, missing="error", **options):
    given = {"horizon": HORIZON, "start": START, "subjects": subjects(people)} | options
    return sustained_response(scores(people), missing=missing, **given)


def counts(result):
    frame = result.to_frame()
    return {
        (row.of, row.bound): (row.successes, row.n, row.n_missing) for row in frame.itertuples()
    }


@pytest.mark.parametrize("name", PEOPLE)
def test_one_person_is_sustained_failed_or_not_known(name):
    seen, at_start, sustained, _ = PEOPLE[name]
    others = {"other": {500: WELL, 2000: WELL}}  # somebody must have been followed
    found = counts(estimate(others | {name: seen}, missing="bounds"))
    unknown = sustained is None
    assert found["enrolled", "low"] == (1 + (sustained is True), 2, unknown)
    assert found["enrolled", "high"] == (1 + (sustained is not False), 2, unknown)
    assert found["at_start", "high"][1] == 1 + at_start


def test_each_meaning_of_missing_counts_the_people_it_names():
    people = {name: seen for name, (seen, *_) in PEOPLE.items()}
    everybody = PEOPLE.values()
    yes = sum(s is True for _, _, s, _ in everybody)
    unknown = sum(s is None for _, _, s, _ in everybody)
    began = [row for row in everybody if row[1]]
    assert counts(estimate(people, "non_response")) == {
        ("enrolled", ""): (yes, len(people), unknown),
        ("at_start", ""): (yes, len(began), sum(s is None for _, _, s, _ in began)),
    }
    both = [row for row in everybody if row[3]]
    assert counts(estimate(people, "observed")) == {
        ("enrolled", ""): (yes, len(both), 0),
        ("at_start", ""): (yes, sum(row[1] for row in both), 0),
    }
    extremes = counts(estimate(people, "bounds"))
    assert extremes["enrolled", "low"] == (yes, len(people), unknown)
    assert extremes["enrolled", "high"] == (yes + unknown, len(people), unknown)


def test_an_unknown_sustained_response_is_an_error_unless_its_meaning_is_given():
    people = {name: seen for name, (seen, *_) in PEOPLE.items()}
    with pytest.raises(DataError, match="missing=") as caught:
        estimate(people)
    (problem,) = caught.value.problems
    rows = [i for i, (_, _, s, _) in enumerate(PEOPLE.values(), start=1) if s is None]
    assert list(problem.rows) == rows
    known = {name: seen for name, (seen, _, s, _) in PEOPLE.items() if s is not None}
    assert counts(estimate(known))["enrolled", ""][1] == len(known)


def test_the_nearest_assessment_counts_and_the_earlier_on_a_tie():
    a = {480: ILL, 520: WELL, 2000: WELL}  # equally far: the earlier, not met
    b = {480: WELL, 519: WELL, 1990: WELL, 2010: ILL}  # equally far from the horizon: the earlier
    c = {470: ILL, 510: WELL, 2000: WELL}  # the nearer, met
    found = counts(estimate({"a": a, "b": b, "c": c}))
    assert found["enrolled", ""] == (2, 3, 0)
    assert found["at_start", ""] == (2, 2, 0)


def test_tolerance_is_hours_before_and_after():
    people = {
        "a": {500: WELL, 2000: WELL},
        "b": {500: WELL, 1900: WELL},
        "c": {510: WELL, 2000: WELL},
    }
    found = counts(estimate(people, "bounds", tolerance=(50.0, 0.0)))
    assert found["enrolled", "low"] == (1, 3, 2)


@pytest.mark.parametrize("method", ["wilson", "clopper_pearson", "jeffreys"])
def test_limits_are_those_of_the_named_method(method):
    people = {name: seen for name, (seen, *_) in PEOPLE.items()}
    frame = estimate(people, "bounds", method=method, conf_level=0.9).to_frame()
    for row in frame.itertuples():
        exact = METHODS[method](row.successes, row.n, conf_level=0.9)
        assert (row.conf_low, row.conf_high) == pytest.approx(tuple(exact))
        assert row.estimate == row.successes / row.n
    assert set(frame["method"]) == {method}


def test_nobody_followed_to_the_horizon_is_not_testable_and_the_longest_follow_up_is_named():
    people = {"a": {500: WELL, 1000: WELL}, "b": {480: WELL, 1200: ILL}}
    with pytest.raises(
        UsageError, match=r"not testable.*horizon, day 83\.3: .*longest follow-up is 50 days"
    ):
        estimate(people, "bounds")
    with pytest.raises(UsageError, match=r"start, day 20\.8"):
        estimate({"a": {2000: WELL}}, "bounds")
    with pytest.raises(UsageError, match="nobody has a known status"):
        estimate({"a": {}}, "bounds")


def test_a_group_of_which_nobody_was_followed_is_named():
    people = {"a": {500: WELL, 2000: WELL}, "b": {500: WELL}}
    groups = subjects(people, trt01a=["x", "y"])
    with pytest.raises(UsageError, match="In y nobody was assessed") as caught:
        estimate(people, "bounds", subjects=groups, by="trt01a")
    assert "In x" not in str(caught.value)


def test_groups_are_counted_apart_and_those_without_one_are_left_out():
    people = {
        name: {500: WELL, 2000: score}
        for name, score in zip("abcd", [WELL, ILL, WELL, WELL], strict=True)
    }
    groups = subjects(people, trt01a=["x", "x", "y", None])
    result = estimate(people, subjects=groups, by="trt01a")
    frame = result.to_frame()
    assert list(frame["term"]) == [
        "x, all enrolled",
        "x, in response on day 20.8",
        "y, all enrolled",
        "y, in response on day 20.8",
    ]
    assert list(frame["successes"]) == [1, 1, 1, 1]
    assert any("1 without a group" in note for note in result.notes)


def test_nobody_in_response_at_the_start_leaves_that_share_empty():
    result = estimate({"a": {500: ILL, 2000: WELL}}, "bounds")
    rows = result.to_frame().query("of == 'at_start'")
    assert list(rows["n"]) == [0, 0]
    assert rows[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert "nobody to count" in str(result)
    assert "nobody to count" in str(estimate({"a": {500: ILL, 2000: WELL}}))


def test_subjects_without_any_score_are_in_the_denominator():
    people = {"a": {500: WELL, 2000: WELL}}
    everybody = subjects(["a", "b"])
    assert counts(estimate(people, "non_response", subjects=everybody))["enrolled", ""] == (1, 2, 1)
    with pytest.raises(DataError, match="nobody is left"):
        estimate(people, "non_response", subjects=everybody.iloc[:0])


def test_remission_is_sustained_by_the_same_definition():
    people = {"a": {500: 9.0, 2000: 9.0}, "b": {500: 14.0, 2000: 9.0}}
    result = estimate(people, endpoint="remission", rule="madrs:remission_10")
    assert counts(result)["enrolled", ""] == (1, 2, 0)
    assert str(result).startswith("Sustained remission, day 20.8 to day 83.3: all enrolled: 50.0%")


@pytest.mark.parametrize(
    "options",
    [
        {"start": 0.0},
        {"start": 2000.0},
        {"horizon": NONE},
        {"tolerance": (-1.0, 3.0)},
        {"tolerance": (1.0,)},
        {"tolerance": (800.0, 800.0)},  # one assessment could be near both
        {"missing": "completers"},
        {"method": "wilsn"},
    ],
)
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(UsageError):
        estimate({"a": {500: WELL, 2000: WELL}}, **options)


def test_an_absent_group_column_is_refused():
    with pytest.raises(DataError, match="trt01a"):
        estimate({"a": {500: WELL, 2000: WELL}}, by="trt01a")


def test_shares_of_a_public_trial_agree_with_a_count_subject_by_subject():
    trial = ks.load_antidepressant_trial()
    before = trial.scores.copy(deep=True)
    options = {"start": 336.0, "horizon": 1008.0, "tolerance": (96.0, 96.0), "instrument": "hamd17"}
    result = sustained_response(
        trial.scores, subjects=trial.subjects, missing="bounds", by="trt01a", **options
    )
    visits = ks.derive_response(ks.derive_baseline(trial.scores))
    visits = visits[
        (visits["paramcd"] == "hamd17") & (visits["afrlt"] > 0) & visits["response"].notna()
    ]
    expected = {}
    for subject in trial.subjects.itertuples():
        own = visits[visits["usubjid"] == subject.usubjid].sort_values("afrlt")
        near = [
            own.assign(far=(own["afrlt"] - target).abs())
            .query("far <= 96")
            .sort_values(["far", "afrlt"])
            for target in (336, 1008)
        ]
        ends = [part["afrlt"].iloc[0] if len(part) else None for part in near]
        first = ends[0] if ends[0] is not None else 336
        last = ends[1] if ends[1] is not None else 1008
        between = own[own["afrlt"].between(first, last)]["response"].astype(bool)
        low = bool(between.all()) and None not in ends
        high = bool(between.all())
        tally = expected.setdefault(subject.trt01a, np.zeros(3, dtype=int))
        tally += [low, high, 1]
    frame = result.to_frame().query("of == 'enrolled'").set_index(["trt01a", "bound"])
    for arm, (low, high, n) in expected.items():
        assert frame.loc[(arm, "low"), "successes"] == low
        assert frame.loc[(arm, "high"), "successes"] == high
        assert frame.loc[(arm, "low"), "n"] == n
    pd.testing.assert_frame_equal(trial.scores, before)
    mixed = sustained_response(
        trial.scores.sample(frac=1, random_state=5),
        subjects=trial.subjects,
        missing="bounds",
        by="trt01a",
        **options,
    )
    pd.testing.assert_frame_equal(mixed.to_frame(), result.to_frame())
    assert result.sources

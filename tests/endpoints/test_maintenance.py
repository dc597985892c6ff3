"""Series, and the doses after the first one: worked by hand, by a slow loop, on the synthetic course."""

from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ketastats as ks
from ketastats.endpoints.maintenance import derive_maintenance_doses, first_series, second_series
from ketastats.errors import DataError, UsageError

NAN = float("nan")


def doses_of(**subjects):
    rows = [(who, at) for who, times in subjects.items() for at in times]
    return pd.DataFrame(rows, columns=["usubjid", "afrlt"]).astype({"afrlt": float})


def followed(end, **columns):
    """Subjects from a mapping of usubjid to the end of follow-up."""
    table = pd.DataFrame({"usubjid": list(end), "eosafrlt": [float(at) for at in end.values()]})
    return table.assign(**columns)


def rows(table, *names):
    return list(table[list(names)].itertuples(index=False, name=None))


def series(table):
    return rows(table, "usubjid", "start", "end", "n_doses")


def spans(table):
    return rows(table, "usubjid", "start", "stop", "event", "episode")


# ------------------------------------------------------------------ series


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 72, 168, 240], (0, 240, 4)),
        ([0, 72, 168, 600], (0, 168, 3)),
        ([0], (0, 0, 1)),
        ([0, 600], (0, 0, 1)),  # a single dose is a series of one
        ([0, 168, 336], (0, 336, 3)),  # a gap of the very length still belongs to it
        ([0, 168.1], (0, 0, 1)),
        ([168, 0, 72], (0, 168, 3)),  # in any order
        ([-2, 0, 72], (-2, 72, 3)),
    ],
)
def test_the_first_series_ends_where_the_next_dose_is_further_than_the_gap(times, expected):
    assert series(first_series(doses_of(a=times))) == [("a", *expected)]


def test_a_gap_is_the_same_whatever_binary_fractions_make_of_it():
    times = [0.1 + 168.0 * k for k in range(50)]
    assert first_series(doses_of(a=times))["n_doses"].tolist() == [50]


def test_the_gap_is_what_is_asked_for():
    doses = doses_of(a=[0, 200, 400, 900])
    assert series(first_series(doses)) == [("a", 0, 0, 1)]
    assert series(first_series(doses, gap=200)) == [("a", 0, 400, 3)]
    assert series(first_series(doses, gap=np.int64(500))) == [("a", 0, 900, 4)]
    assert series(first_series(doses, gap=np.inf)) == [("a", 0, 900, 4)]


def test_the_second_series_is_the_next_one_of_two_or_more_doses():
    doses = doses_of(
        d=[0, 72],
        c=[0, 72, 1000, 2000, 2072, 3000, 3072, 3144],  # a single dose first, a third series later
        b=[0, 1000, 2000],
        a=[0, 500, 572, 644],
    )
    assert series(second_series(doses)) == [("a", 500, 644, 3), ("c", 2000, 2072, 2)]


def test_the_order_of_rows_and_the_index_do_not_matter():
    doses = doses_of(b=[0, 72, 1000, 1072], a=[0, 500, 572])
    shuffled = doses.sample(frac=1, random_state=1).set_index(pd.Index([7] * len(doses)))
    for function in (first_series, second_series):
        assert series(function(shuffled)) == series(function(doses))
        assert function(doses)["usubjid"].is_monotonic_increasing


def test_no_doses_are_no_series():
    for function in (first_series, second_series):
        made = function(doses_of())
        assert made.empty
        assert list(made.columns) == ["usubjid", "start", "end", "n_doses"]


@pytest.mark.parametrize("function", [first_series, second_series])
def test_doses_without_subject_time_or_a_time_of_their_own_are_refused_at_once(function):
    doses = doses_of(a=[0, NAN, 72], b=[0, 72])
    doses.loc[3, "usubjid"] = None
    with pytest.raises(DataError) as refused:
        function(doses)
    assert {found.column for found in refused.value.problems} == {"usubjid", "afrlt"}
    with pytest.raises(DataError, match="a second dose of one subject at one time"):
        function(doses_of(a=[0, 72, 72], b=[0, 72]))
    with pytest.raises(DataError, match="afrlt"):
        function(pd.DataFrame({"usubjid": ["a"]}))
    with pytest.raises(DataError, match="text where a number"):
        function(pd.DataFrame({"usubjid": ["a"], "afrlt": ["day 1"]}))


@pytest.mark.parametrize("gap", [0, -1, NAN, "168", True, None])
def test_a_gap_that_is_no_number_of_hours_is_refused(gap):
    with pytest.raises(UsageError, match="gap is a number of hours"):
        first_series(doses_of(a=[0]), gap=gap)


def test_periods_of_a_crossover_are_refused():
    with pytest.raises(UsageError, match="several periods"):
        first_series(doses_of(a=[0, 72]).assign(aperiod=[1, 2]))


# ------------------------------------------------------------------ spans at risk

THREE = doses_of(a=[0, 72, 168, 1000, 2000], b=[0, 500], c=[0, 72])
ENDS = {"a": 3000, "b": 2500, "c": 1500}
BY_HAND = [
    ("a", 168, 1000, 1, 1),
    ("a", 1000, 2000, 1, 2),
    ("a", 2000, 3000, 0, 3),
    ("b", 0, 500, 1, 1),
    ("b", 500, 2500, 0, 2),
    ("c", 72, 1500, 0, 1),
]


def test_spans_go_from_the_end_of_the_first_series_to_the_end_of_follow_up():
    made = derive_maintenance_doses(THREE, subjects=followed(ENDS), origin="first_dose")
    assert spans(made) == BY_HAND
    assert made["terminal"].tolist() == [0] * 6
    assert made.attrs["left_out"] == 0
    assert list(made.columns) == [
        "usubjid", "start", "stop", "event", "episode", "terminal", "eosafrlt",
    ]  # fmt: skip


def test_by_default_everybody_enters_at_0_when_the_first_series_ends():
    made = derive_maintenance_doses(THREE, subjects=followed(ENDS))
    entry = made["usubjid"].map({"a": 168, "b": 0, "c": 72})
    back = made.assign(start=made["start"] + entry, stop=made["stop"] + entry)
    assert spans(back) == BY_HAND
    assert made.groupby("usubjid")["start"].min().eq(0).all()


def test_subjects_come_in_their_order_with_their_columns_and_strangers_are_left_out():
    subjects = followed({"z": 900, "b": 2500, "c": 1500}, trt01a=["x", "y", "x"])
    made = derive_maintenance_doses(
        THREE, subjects=subjects.set_index(pd.Index([5, 5, 1])), origin="first_dose"
    )
    assert spans(made) == [*BY_HAND[3:]]
    assert made["trt01a"].tolist() == ["y", "y", "x"]
    assert made.index.equals(pd.RangeIndex(3))
    assert made.attrs["left_out"] == 1  # z had no dose


def test_who_is_not_followed_after_the_first_series_is_left_out_and_counted():
    doses = doses_of(a=[0, 72], b=[0, 72])
    made = derive_maintenance_doses(doses, subjects=followed({"a": 72, "b": 73}))
    assert spans(made) == [("b", 0, 1, 0, 1)]
    assert made.attrs["left_out"] == 1


def test_a_dose_at_the_very_end_leaves_no_span_after_it():
    made = derive_maintenance_doses(doses_of(a=[0, 1000]), subjects=followed({"a": 1000}))
    assert spans(made) == [("a", 0, 1000, 1, 1)]


def test_series_are_counted_by_their_first_dose_and_single_doses_are_not():
    doses = doses_of(a=[0, 72, 1000, 2000, 2072, 3000, 3072], b=[0, 700])
    subjects = followed({"a": 4000, "b": 4000})
    made = derive_maintenance_doses(doses, subjects=subjects, kind="series", origin="first_dose")
    assert spans(made) == [
        ("a", 72, 2000, 1, 1),
        ("a", 2000, 3000, 1, 2),
        ("a", 3000, 4000, 0, 3),
        ("b", 0, 4000, 0, 1),
    ]
    every = derive_maintenance_doses(doses, subjects=subjects)
    assert every["event"].sum() == 6


def ending(reason, status="DISCONTINUED"):
    return followed({"a": 3000, "b": 2500}, dcsreas=[None, reason], eosstt=["COMPLETED", status])


def test_a_death_needs_a_word_and_a_competing_one_is_terminal():
    doses = doses_of(a=[0], b=[0, 500])
    with pytest.raises(UsageError, match="1 deaths"):
        derive_maintenance_doses(doses, subjects=ending("Death"))
    for word, expected in (("censor", [0, 0, 0]), ("competing", [0, 0, 1])):
        made = derive_maintenance_doses(doses, subjects=ending("Death"), death=word)
        assert made["terminal"].tolist() == expected


def test_a_drop_out_is_censored_unless_it_competes():
    doses = doses_of(a=[0], b=[0, 500])
    made = derive_maintenance_doses(doses, subjects=ending("WITHDRAWAL"))
    assert made["terminal"].tolist() == [0, 0, 0]
    made = derive_maintenance_doses(doses, subjects=ending("WITHDRAWAL"), dropout="competing")
    assert made["terminal"].tolist() == [0, 0, 1]
    at_end = derive_maintenance_doses(
        doses_of(b=[0, 2500]), subjects=ending("WITHDRAWAL"), dropout="competing"
    )
    assert rows(at_end, "event", "terminal") == [(1, 1)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "doses"}, "did you mean 'dose'"),
        ({"origin": "each_dose"}, "did you mean 'first_dose'"),
        ({"dropout": "ignore"}, "dropout is"),
        ({"dropout": None}, "dropout is"),
        ({"death": "ignore"}, "death is"),
    ],
)
def test_unknown_words_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        derive_maintenance_doses(THREE, subjects=followed(ENDS), **options)


def test_a_missing_end_of_follow_up_names_the_column():
    with pytest.raises(DataError, match="eosafrlt: not in the table"):
        derive_maintenance_doses(THREE, subjects=pd.DataFrame({"usubjid": ["a"]}))
    with pytest.raises(DataError, match="eosafrlt, row 2: empty"):
        derive_maintenance_doses(THREE, subjects=followed({"a": 3000, "b": NAN, "c": 1500}))


def test_doses_outside_the_follow_up_are_refused():
    with pytest.raises(DataError, match="after the subject's end of follow-up"):
        derive_maintenance_doses(THREE, subjects=followed(ENDS | {"a": 1500}))
    with pytest.raises(DataError, match="before time 0"):
        derive_maintenance_doses(doses_of(a=[-5, 0]), subjects=followed({"a": 100}))
    stranger = doses_of(a=[0], z=[0, 9999])
    assert len(derive_maintenance_doses(stranger, subjects=followed({"a": 100}))) == 1


def test_subjects_told_apart_wrongly_are_refused():
    with pytest.raises(DataError, match="a second record for one subject"):
        derive_maintenance_doses(THREE, subjects=pd.concat([followed(ENDS)] * 2))
    with pytest.raises(DataError, match="nobody with a dose"):
        derive_maintenance_doses(THREE, subjects=followed({"x": 10}))
    with pytest.raises(UsageError, match="needs for itself: episode"):
        derive_maintenance_doses(THREE, subjects=followed(ENDS, episode=1))


def test_empty_tables_give_an_empty_table():
    assert derive_maintenance_doses(doses_of(), subjects=followed(ENDS)).attrs["left_out"] == 3
    assert derive_maintenance_doses(THREE, subjects=followed({})).empty


def test_the_tables_given_are_not_changed():
    doses, subjects = THREE.copy(), followed(ENDS)
    derive_maintenance_doses(doses, subjects=subjects)
    pd.testing.assert_frame_equal(doses, THREE)
    pd.testing.assert_frame_equal(subjects, followed(ENDS))


def slow_spans(times, end, gap):
    """The rule of the docstring, one dose after the other."""
    times = sorted(times)
    entry = times[0]
    for at in times[1:]:
        if at - entry > gap:
            break
        entry = at
    made, start = [], entry
    for at in times:
        if at > entry:
            made.append((start, at, 1))
            start = at
    if end > start:
        made.append((start, end, 0))
    return [(*one, number) for number, one in enumerate(made, start=1)]


courses = st.lists(
    st.tuples(st.sets(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 20)),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(courses, st.integers(1, 30))
def test_spans_are_those_of_a_slow_loop(courses, gap):
    doses = doses_of(**{f"s{k}": times for k, (times, _) in enumerate(courses)})
    ends = {f"s{k}": max(times) + more for k, (times, more) in enumerate(courses)}
    made = derive_maintenance_doses(
        doses, subjects=followed(ends), gap=float(gap), origin="first_dose"
    )
    expected = [
        (f"s{k}", *one)
        for k, (times, _) in enumerate(courses)
        for one in slow_spans(times, ends[f"s{k}"], gap)
    ]
    assert spans(made) == expected


# ------------------------------------------------------------------ through to the models


def test_the_mean_count_of_three_subjects_is_the_one_by_hand():
    made = derive_maintenance_doses(THREE, subjects=followed(ENDS), origin="first_dose")
    row = ks.mean_cumulative_count(made).to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(1 / 3 + 1 / 3 + 1 / 2)  # 3, 3 and 2 at risk
    # Sum over subjects of the squared sum of (dN - dN/Y) / Y.
    a, b, c = 2 / 9 - 1 / 9 + 1 / 4, 2 / 9 - 1 / 9 - 1 / 4, -2 / 9
    assert row["std_error"] == pytest.approx(sqrt(a**2 + b**2 + c**2))


@pytest.mark.parametrize(
    ("model", "ratio"),
    [
        # Scores of r: events of b, a, a at hours 500, 1000, 2000: 2 = 2r/(r+2) + r/(r+1)
        ("lwyy", 1 + sqrt(5)),
        # First doses after 500 (b) and 832 h (a), a's second after 1000: 2 = r/(r+2) + 2r/(r+1)
        ("pwp_gap", (1 + sqrt(17)) / 2),
    ],
)
def test_the_regressions_of_three_subjects_are_those_by_hand(model, ratio):
    subjects = followed(ENDS, treated=[1.0, 0.0, 0.0])
    made = derive_maintenance_doses(THREE, subjects=subjects, origin="first_dose")
    found = ks.recurrent_events(made, "treated", model=model).to_frame().iloc[0]
    assert found["estimate"] == pytest.approx(log(ratio), abs=1e-7)


def test_the_synthetic_course_goes_through_to_the_models_with_its_sources():
    course = ks.load_synthetic_course()
    treated = course.subjects[course.subjects["trt01a"] == "KETAMINE"]
    made = derive_maintenance_doses(course.doses, subjects=treated, dropout="competing")
    infusions = course.doses[course.doses["usubjid"].isin(treated["usubjid"])]
    outside = len(infusions) - first_series(infusions)["n_doses"].sum()
    assert made["event"].sum() == outside > 50
    counted = ks.mean_cumulative_count(made)
    alive = ks.mean_cumulative_count(made, terminal="terminal")
    assert 0 < alive.to_frame()["estimate"][0] < counted.to_frame()["estimate"][0]
    for model in ("lwyy", "pwp_gap"):
        result = ks.recurrent_events(made, "age", model=model)
        assert result.to_frame()["events"][0] == outside
        assert {source.name for source in result.sources} >= {"doses.csv", "subjects.csv"}
    none = derive_maintenance_doses(course.doses, subjects=treated, kind="series")
    assert ks.mean_cumulative_count(none).to_frame()["estimate"][0] == 0

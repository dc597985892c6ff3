"""Relief by dose number from assessments and doses, against courses worked by hand."""

from math import inf

import numpy as np
import pandas as pd
import pytest

from ketastats.endpoints.dose_course import STOPPED, derive_relief_by_dose
from ketastats.errors import DataError, UsageError

DAY = 24.0


def doses(**times):
    """Dose times in hours, by subject."""
    return pd.DataFrame(
        [(who, float(k + 1), t) for who, given in times.items() for k, t in enumerate(given)],
        columns=["usubjid", "exseq", "afrlt"],
    )


def scores(**seen):
    """MADRS totals by subject as pairs of hour and total; a baseline of 30 for everybody."""
    rows = [(who, -1.0, 30.0) for who in seen]
    rows += [(who, t, value) for who, pairs in seen.items() for t, value in pairs]
    frame = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return frame.assign(paramcd="madrs")


def interval(pairs, given=(0.0, 100.0, 200.0), **options):
    done = derive_relief_by_dose(scores(a=pairs), doses(a=given), **options)
    row = done.iloc[0]
    return row["dose_left"], row["dose_right"]


BAD, GOOD = 25.0, 10.0


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(24, GOOD)], (0, 1)),
        ([(24, BAD), (124, GOOD)], (1, 2)),
        ([(24, BAD), (100, GOOD)], (0, 1)),  # at the time of dose 2: still the period of dose 1
        ([(24, BAD), (90, GOOD)], (0, 1)),  # seen later in the same period
        ([(24, BAD), (224, GOOD)], (1, 3)),  # nothing known of the period of dose 2
        ([(224, GOOD)], (0, 3)),
        ([(24, BAD), (124, BAD), (224, BAD)], (3, inf)),
        ([(24, BAD), (124, BAD)], (2, inf)),  # the last period was not assessed
        ([(24, BAD), (124, float("nan"))], (1, inf)),
        ([], (0, inf)),
        ([(24, GOOD), (124, BAD)], (0, 1)),  # relief lost again is relief reached
        ([(5000, GOOD)], (0, 3)),  # the last period has no end
    ],
)
def test_relief_lies_between_the_last_dose_without_and_the_first_with_it(pairs, expected):
    assert interval(pairs) == expected


def test_a_window_leaves_out_what_was_seen_later():
    assert interval([(24, BAD), (90, GOOD)], window=48) == (1, inf)
    assert interval([(48, GOOD)], window=48) == (0, 1)
    assert interval([(90, BAD), (124, GOOD)], window=48) == (0, 2)


def test_confirmed_relief_is_met_again_at_the_next_known_assessment():
    pairs = [(24, GOOD), (50, BAD), (124, GOOD), (150, GOOD)]
    assert interval(pairs, confirmed=True) == (1, 2)
    assert interval([(24, BAD), (224, GOOD)], confirmed=True) == (1, inf)
    assert interval([(24, GOOD), (90, GOOD)], confirmed=True, window=48) == (0, 1)
    assert interval([(24, GOOD), (60, float("nan")), (90, GOOD)], confirmed=True) == (0, 1)


def test_everybody_with_a_dose_has_a_row_in_the_order_of_the_subjects_with_their_columns():
    subjects = pd.DataFrame({"usubjid": ["c", "a", "b"], "trt01a": ["k", "m", "k"]})
    done = derive_relief_by_dose(
        scores(a=[(24, GOOD)], b=[(24, BAD)]), doses(a=[0.0], c=[0.0, 9.0]), subjects=subjects
    )
    assert done["usubjid"].tolist() == ["c", "a"]
    assert done["trt01a"].tolist() == ["k", "m"]
    assert done["n_doses"].tolist() == [2, 1]
    assert done["n_assessed"].tolist() == [0, 1]
    assert done["status"].tolist() == ["censored", "relief"]
    assert set(done["rule"]) == {"madrs:response_50"}
    assert done.attrs["left_out"] == {"without a dose": 1, "met before the first dose": 0}


REASONS = [
    ("COMPLETED", None, "course_end"),
    ("COMPLETED", "RECOVERY", "course_end"),
    ("DISCONTINUED", "Lack of efficacy", "no_effect"),
    ("DISCONTINUED", "ADVERSE EVENT", "adverse_event"),
    ("DISCONTINUED", "RECOVERY", "well"),
    ("DISCONTINUED", "SATISFACTORY RESPONSE", "well"),
    ("DISCONTINUED", "WITHDRAWAL BY SUBJECT", "other"),
    ("DISCONTINUED", None, "other"),
    (None, None, "other"),
]


@pytest.mark.parametrize(("eosstt", "dcsreas", "expected"), REASONS)
def test_why_dosing_stopped_follows_the_status_and_its_reason(eosstt, dcsreas, expected):
    subjects = pd.DataFrame({"usubjid": ["a"], "eosstt": [eosstt], "dcsreas": [dcsreas]})
    done = derive_relief_by_dose(scores(a=[(24, BAD)]), doses(a=[0.0]), subjects=subjects)
    assert done["stopped"].tolist() == [expected]
    assert expected in STOPPED


def test_the_reason_is_missing_where_relief_was_seen_and_unknown_without_subjects():
    done = derive_relief_by_dose(scores(a=[(24, GOOD)], b=[(24, BAD)]), doses(a=[0.0], b=[0.0]))
    assert done["stopped"].isna().tolist() == [True, False]
    assert done["stopped"].tolist()[1] == "other"


def test_planned_doses_decide_who_stopped_early_whatever_the_study_status_says():
    subjects = pd.DataFrame({"usubjid": ["a", "b"], "eosstt": ["COMPLETED", "DISCONTINUED"]})
    done = derive_relief_by_dose(
        scores(a=[(24, BAD)], b=[(24, BAD)]),
        doses(a=[0.0], b=[0.0, 100.0]),
        subjects=subjects,
        planned=2,
    )
    assert done["stopped"].tolist() == ["other", "course_end"]


def test_own_words_for_reasons_come_first():
    subjects = pd.DataFrame({"usubjid": ["a"], "dcsreas": ["Recovery"]})
    done = derive_relief_by_dose(
        scores(a=[(24, BAD)]), doses(a=[0.0]), subjects=subjects, reasons={"recovery ": "other"}
    )
    assert done["stopped"].tolist() == ["other"]
    with pytest.raises(UsageError, match="no_effect"):
        derive_relief_by_dose(scores(a=[]), doses(a=[0.0]), reasons={"x": "no_efect"})


def rescued(**options):
    medications = pd.DataFrame(
        {"usubjid": ["a", "a"], "cmcat": ["RESCUE", "CONCOMITANT"], "cmstrlt": [110.0, 5.0]}
    )
    pairs = [(24, BAD), (105, BAD), (124, GOOD)]
    given = doses(a=[0.0, 100.0, 200.0])
    return derive_relief_by_dose(scores(a=pairs), given, medications=medications, **options)


def test_a_rescue_is_never_passed_over_in_silence():
    with pytest.raises(UsageError, match="1 subjects had a rescue"):
        rescued()
    with pytest.raises(UsageError, match="derive_relief"):
        rescued(rescue="competing")
    with pytest.raises(UsageError, match="medications"):
        derive_relief_by_dose(scores(a=[]), doses(a=[0.0]), rescue="censor")


def test_a_table_of_medications_without_rows_holds_no_rescue():
    empty = pd.DataFrame({"usubjid": [], "cmcat": [], "cmstrlt": []})
    for word in (None, "censor", "ignore"):
        done = derive_relief_by_dose(
            scores(a=[(24, GOOD)]), doses(a=[0.0]), medications=empty, rescue=word
        )
        assert done["status"].tolist() == ["relief"]


def test_a_rescue_ends_the_observation_or_is_ignored():
    row = rescued(rescue="censor").iloc[0]
    assert (row["dose_left"], row["dose_right"], row["n_doses"]) == (2, inf, 2)
    assert row["stopped"] == "no_effect"
    row = rescued(rescue="ignore").iloc[0]
    assert (row["dose_left"], row["dose_right"], row["n_doses"]) == (1, 2, 3)


def test_an_endpoint_met_before_the_first_dose_is_an_error_or_left_out_and_counted():
    table = scores(a=[(24, GOOD)], b=[(24, GOOD)])
    table.loc[table["usubjid"].eq("b") & table["afrlt"].eq(-1), "aval"] = 5.0
    given = doses(a=[0.0], b=[0.0])
    with pytest.raises(UsageError, match="1 subjects met remission"):
        derive_relief_by_dose(table, given, endpoint="remission")
    done = derive_relief_by_dose(table, given, endpoint="remission", at_start="exclude")
    assert done["usubjid"].tolist() == ["a"]
    assert done.attrs["left_out"]["met before the first dose"] == 1


def codes(caught):
    return [(found.code, found.table, found.rows) for found in caught.value.problems]


def test_all_faults_of_the_tables_are_told_at_once_without_their_values():
    given = doses(secret=[0.0, 100.0], b=[0.0, 0.0], c=[50.0, 20.0])
    given.loc[1, "exseq"] = 3.0
    twice = pd.concat([scores(secret=[(24, BAD)])] * 2)
    subjects = pd.DataFrame({"usubjid": ["secret", "b"]})
    with pytest.raises(DataError) as caught:
        derive_relief_by_dose(twice, given, subjects=subjects)
    assert codes(caught) == [
        ("duplicate", "scores", (3, 4)),
        ("dose_number", "doses", (2,)),
        ("duplicate", "doses", (4,)),
        ("time_order", "doses", (6,)),
        ("unknown_subject", "doses", (5, 6)),
    ]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s, d: (s, d.iloc[:0]), "empty"),
        (lambda s, d: (s.iloc[:0], d), "empty"),
        (lambda s, d: (s.drop(columns="aval"), d), "missing_column"),
        (lambda s, d: (s, d.drop(columns="exseq")), "missing_column"),
        (lambda s, d: (s, d.assign(afrlt=np.nan)), "missing_value"),
        (lambda s, d: (s.assign(aval="much"), d), "not_a_number"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(change, code):
    with pytest.raises(DataError) as caught:
        derive_relief_by_dose(*change(scores(a=[(24, BAD)]), doses(a=[0.0])))
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(
    "options",
    [{"window": 0}, {"planned": 0}, {"rescue": "drop"}, {"at_start": "keep"}, {"instrument": "x"}],
)
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(UsageError):
        derive_relief_by_dose(scores(a=[(24, BAD)]), doses(a=[0.0]), **options)


def test_two_instruments_need_a_choice_and_a_rule_is_one():
    both = pd.concat([scores(a=[(24, GOOD)]), scores(a=[(24, BAD)]).assign(paramcd="hamd17")])
    with pytest.raises(UsageError, match="name one"):
        derive_relief_by_dose(both, doses(a=[0.0]))
    by_rule = derive_relief_by_dose(both, doses(a=[0.0]), rule="madrs:response_50")
    named = derive_relief_by_dose(both, doses(a=[0.0]), instrument="hamd17")
    assert by_rule["dose_right"].tolist() == [1]
    assert named["dose_right"].tolist() == [inf]


def test_a_crossover_is_refused_until_a_period_is_chosen():
    given = doses(a=[0.0, 100.0]).assign(aperiod=[1.0, 2.0])
    with pytest.raises(UsageError, match="aperiod"):
        derive_relief_by_dose(scores(a=[(24, BAD)]), given)


def many(n=300, seed=5):
    random = np.random.default_rng(seed)
    given = {f"s{i}": [100.0 * k for k in range(random.integers(1, 7))] for i in range(n)}
    seen = {
        who: [(t + 24, random.choice([BAD, GOOD], p=[0.75, 0.25])) for t in times]
        for who, times in given.items()
    }
    return scores(**seen), doses(**given)


def test_each_subject_agrees_with_a_plain_walk_through_the_course():
    table, given = many()
    done = derive_relief_by_dose(table, given).set_index("usubjid")
    for who, rows in table[table["afrlt"] > 0].groupby("usubjid"):
        met = (rows.sort_values("afrlt")["aval"] <= 15).tolist()
        expected = (met.index(True), met.index(True) + 1) if any(met) else (len(met), inf)
        assert tuple(done.loc[who, ["dose_left", "dose_right"]]) == expected


def test_the_order_of_rows_does_not_matter_and_the_tables_are_unchanged():
    table, given = many()
    before = (table.copy(deep=True), given.copy(deep=True))
    a = derive_relief_by_dose(table, given)
    b = derive_relief_by_dose(
        table.sample(frac=1, random_state=1), given.sample(frac=1, random_state=2)
    )
    pd.testing.assert_frame_equal(
        a.sort_values("usubjid", ignore_index=True), b.sort_values("usubjid", ignore_index=True)
    )
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_frame_equal(given, before[1])


def test_leaving_out_assessments_without_relief_only_widens_the_intervals():
    table, given = many()
    bad = table.index[(table["afrlt"] > 0) & (table["aval"] > 15)]
    fewer = table.drop(index=bad[::3])
    wide, narrow = (derive_relief_by_dose(t, given).set_index("usubjid") for t in (fewer, table))
    assert (wide["dose_left"] <= narrow["dose_left"]).all()
    assert (wide["dose_right"] == narrow["dose_right"]).all()

"""What makes a cohort whole, and that nobody can change it afterwards."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, UsageError

NONE = float("nan")


def subjects(**columns):
    return pd.DataFrame({"usubjid": ["1", "2"], "weightbl": [80.0, NONE], **columns})


def scores(**columns):
    usual = {
        "usubjid": ["1", "1", "2"],
        "paramcd": ["madrs"] * 3,
        "afrlt": [0.0, 24.0, 0.0],
        "aval": [30.0, 12.0, 28.0],
    }
    return pd.DataFrame(usual | columns)


def doses(**columns):
    return pd.DataFrame({"usubjid": ["1", "1"], "exseq": [1, 2], "afrlt": [0.0, 48.0], **columns})


def events(**columns):
    return pd.DataFrame({"usubjid": ["1", "2"], "aedecod": ["Nausea", "Headache"], **columns})


def windows(**columns):
    usual = {
        "avisit": ["Day 1", "Week 1"],
        "avisitn": [1, 2],
        "target": [24.0, 168.0],
        "from": [12.0, 96.0],
        "to": [96.0, 240.0],
    }
    return pd.DataFrame(usual | columns)


def cohort(**tables):
    tables = {"subjects": subjects(), "scores": scores(), "provenance": "synthetic"} | tables
    return ks.Cohort(tables.pop("subjects"), **tables)


def problems_of(**tables):
    with pytest.raises(DataError) as caught:
        cohort(**tables)
    return caught.value


# What is wrong; then the problem's code, table, column and rows; the planted value; a word of the remedy.
FAULTS = {
    "column absent": (
        {"scores": scores().drop(columns="afrlt")},
        ("missing_column", "scores", "afrlt", ()),
        "madrs",
        "Add it",
    ),
    "text in a score": (
        {"scores": scores(aval=["30", "zebra", "28"])},
        ("not_a_number", "scores", "aval", (2,)),
        "zebra",
        "leave them empty",
    ),
    "percent sign": (
        {"scores": scores(aval=["30", "28", "4321%"])},
        ("percent_sign", "scores", "aval", (3,)),
        "4321",
        "plain numbers",
    ),
    "score out of range": (
        {"scores": scores(aval=[30.0, 987.0, -654.0])},
        ("out_of_range", "scores", "aval", (2, 3)),
        "987",
        "scale that was recorded",
    ),
    "age out of range": (
        {"subjects": subjects(age=[40, 4321])},
        ("out_of_range", "subjects", "age", (2,)),
        "4321",
        "years",
    ),
    "unknown instrument": (
        {"scores": scores(paramcd=["madrs", "zebra", "madrs"])},
        ("unknown_instrument", "scores", "paramcd", (2,)),
        "zebra",
        "load_instruments",
    ),
    "same assessment twice": (
        {"scores": scores(usubjid=["1", "1", "1"], afrlt=[0.0, 4321.0, 4321.0])},
        ("duplicate", "scores", "usubjid and paramcd and afrlt", (3,)),
        "4321",
        "Keep one",
    ),
    "same subject twice": (
        {"subjects": subjects(usubjid=["zebra", "zebra"]), "scores": None},
        ("duplicate", "subjects", "usubjid", (2,)),
        "zebra",
        "one row per subject",
    ),
    "score of nobody": (
        {"scores": scores(usubjid=["1", "2", "zebra"])},
        ("unknown_subject", "scores", "usubjid", (3,)),
        "zebra",
        "Add the subjects",
    ),
    "event of nobody": (
        {"events": events(usubjid=["zebra", "2"])},
        ("unknown_subject", "events", "usubjid", (1,)),
        "zebra",
        "leave these rows out",
    ),
    "visits back in time": (
        {"scores": scores(avisitn=[2, 1, 1], afrlt=[0.0, 4321.0, 0.0])},
        ("time_order", "scores", "avisitn and afrlt", (1,)),
        "4321",
        "numbering",
    ),
    "doses back in time": (
        {"doses": doses(afrlt=[4321.0, 0.0])},
        ("time_order", "doses", "exseq and afrlt", (2,)),
        "4321",
        "hours since the first dose",
    ),
    "dose per kg without weight": (
        {"doses": doses(usubjid=["1", "2"], exseq=[1, 1], exdosekg=[0.5, 4.321])},
        ("missing_weight", "doses", "exdosekg", (2,)),
        "4.321",
        "weightbl",
    ),
    "mg and mg per kg apart": (
        {"doses": doses(exdose=[40.0, 43.21], exdosekg=[0.5, 0.7])},  # 43.21 / 80 = 0.54
        ("dose_mismatch", "doses", "exdose and exdosekg", (2,)),
        "43.21",
        "mg/kg",
    ),
    "identifying column": (
        {"subjects": subjects(patient_name=["zebra", ""])},
        ("identifying_column", "subjects", "patient_name", ()),
        "zebra",
        "Remove it",
    ),
    "no subjects": (
        {"subjects": subjects().iloc[:0], "scores": None},
        ("empty", "subjects", "", ()),
        "zebra",
        "at least one subject",
    ),
    "event ends before it starts": (
        {"events": events(astrlt=[4321.0, 1.0], aenrlt_left=[5.0, 2.0])},
        ("time_order", "events", "astrlt and aenrlt_left", (1,)),
        "4321",
        "Correct the times",
    ),
    "severity that does not exist": (
        {"events": events(aesev=["MILD", "zebra"])},
        ("unknown_code", "events", "aesev", (2,)),
        "zebra",
        "Recode",
    ),
    "end status that does not exist": (
        {"subjects": subjects(eosstt=["COMPLETED", "zebra"])},
        ("unknown_code", "subjects", "eosstt", (2,)),
        "zebra",
        "Recode",
    ),
    "dose number left out": (
        {"doses": doses(exseq=[1, 4321])},
        ("dose_number", "doses", "exseq", (2,)),
        "4321",
        "1, 2, 3 ... within each subject",
    ),
    "times in days": (
        {"scores": scores(avisit=["Baseline", "Week 617", None], afrlt=[0.0, 4321.0, 0.0])},
        ("looks_like_days", "scores", "afrlt", (2,)),
        "4321",
        "time_unit",
    ),
    "overlapping windows": (
        {"windows": windows(**{"from": [12.0, 43.21]})},
        ("window", "windows", "from and to", (2,)),
        "43.21",
        "begin where the last one ends",
    ),
    "target outside its window": (
        {"windows": windows(target=[24.0, 4321.0])},
        ("window", "windows", "from, target, to", (2,)),
        "4321",
        "between from and to",
    ),
}


@pytest.mark.parametrize(
    ("tables", "expected", "planted", "remedy"), list(FAULTS.values()), ids=list(FAULTS)
)
def test_a_fault_is_named_with_place_and_remedy_and_without_the_value(
    tables, expected, planted, remedy
):
    error = problems_of(**tables)
    (only,) = error.problems
    assert (only.code, only.table, only.column, only.rows) == expected
    assert remedy in only.remedy
    assert planted not in str(error)


def test_the_faultless_tables_of_these_tests_make_a_cohort():
    whole = cohort(
        doses=doses(exdose=[40.0, 41.0], exdosekg=[0.5, 0.5]),
        events=events(aesev=["MILD", None], astrlt=[1.0, 2.0], aenrlt_left=[1.0, NONE]),
        windows=windows(),
    )
    assert str(whole) == (
        "Synthetic cohort 'cohort': 2 subjects, 3 scores, 2 doses, 2 adverse events, 0 medicine periods"
    )


def test_faults_of_all_tables_come_in_one_error():
    error = problems_of(
        subjects=subjects(age=[40, 400]),
        doses=doses(exseq=[1, 1]),
        scores=scores(aval=[30.0, 99.0, 28.0], paramcd=["madrs", "madrs", "mdrs"]),
        events=events(usubjid=["1", "9"], aesev=["mild", "SEVERE"]),
        windows=windows(target=[0.0, 168.0]),
    )
    assert {(p.table, p.code) for p in error.problems} == {
        ("subjects", "out_of_range"),
        ("doses", "duplicate"),
        ("scores", "out_of_range"),
        ("scores", "unknown_instrument"),
        ("events", "unknown_subject"),
        ("events", "unknown_code"),
        ("windows", "window"),
    }


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param(
            {
                "scores": scores(aval=["30", "zebra", "28"]),
                "events": events(aesev=["mild", "SEVERE"]),
            },
            {("scores", "not_a_number"), ("events", "unknown_code")},
            id="in-another-table",
        ),
        pytest.param(
            {"subjects": subjects(age=[40, 400], weightbl=["80", "zebra"])},
            {("subjects", "out_of_range"), ("subjects", "not_a_number")},
            id="in-the-same-table",
        ),
        pytest.param(
            {"subjects": subjects().iloc[:0], "scores": scores(aval=["30", "zebra", "28"])},
            {("subjects", "empty"), ("scores", "not_a_number")},
            id="beside-an-empty-table",
        ),
    ],
)
def test_text_where_a_number_belongs_hides_no_other_fault(tables, expected):
    found = {(p.table, p.code) for p in problems_of(**tables).problems}
    assert expected <= found


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"]), id="dates"),
        pytest.param(["0", "inf", "0"], id="infinity"),
    ],
)
def test_dates_and_infinities_are_not_taken_for_hours(times):
    assert "afrlt" in {p.column for p in problems_of(scores=scores(afrlt=times)).problems}


@pytest.mark.parametrize("word", ["dropped out", "completed", "Discontinued", ""])
def test_an_end_status_is_one_of_the_words_allowed_and_the_problem_names_them(word):
    (only,) = problems_of(subjects=subjects(eosstt=[word, None])).problems
    assert "COMPLETED, DISCONTINUED, ONGOING" in only.what


def test_every_end_status_allowed_a_missing_one_and_any_reason_are_taken():
    for status in ("COMPLETED", "DISCONTINUED", "ONGOING", None):
        cohort(subjects=subjects(eosstt=[status, None], dcsreas=["moved away", None]))


@pytest.mark.parametrize("numbers", [[2, 3], [0.5, 1], [1, 3], [1, 1.5]])
def test_dose_numbers_that_are_not_1_2_3_are_refused(numbers):
    assert "exseq" in {p.column for p in problems_of(doses=doses(exseq=numbers)).problems}


def test_doses_are_numbered_within_each_subject_and_period_in_rows_of_any_order():
    table = doses(usubjid=["1"] * 3, exseq=[2, 1, 3], afrlt=[48.0, 0.0, 96.0])
    assert len(cohort(doses=table).doses) == 3
    periods = doses(exseq=[1, 1], aperiod=[1, 2])
    assert len(cohort(doses=periods).doses) == 2
    (only,) = problems_of(doses=doses(exseq=[1, 2], aperiod=[1, 2])).problems
    assert (only.code, only.rows) == ("dose_number", (2,))
    assert "subject and period" in only.remedy


def visits(**times):
    """Scores of one subject at visits by name, such as Week_1=7."""
    names = [name.strip("_").replace("_", " ") for name in times]
    return pd.DataFrame(
        {"usubjid": "1", "paramcd": "madrs", "aval": 20.0, "avisit": names, "afrlt": times.values()}
    ).astype({"afrlt": float})


@pytest.mark.parametrize(
    "times",
    [
        {"Baseline": 0, "Day_1": 1, "Day_7": 7, "Week_2": 14, "Month_3": 84},
        {"_24_hours": 1, "week_1": 6},
        {"DAY_7_follow-up": 7},
        {"Day_1": 0, "_2_weeks": 15},  # the first dose tells no unit
        {"_4_h": 0.17, "_24_h": 1, "_72_h": 3},
    ],
)
def test_times_in_days_are_refused_where_visits_are_named_by_their_times(times):
    (only,) = problems_of(scores=visits(**times)).problems
    assert (only.code, only.table, only.column) == ("looks_like_days", "scores", "afrlt")
    assert "1/24 of their hours" in only.what


@pytest.mark.parametrize(
    "times",
    [
        {"Baseline": -20, "_4_h": 4, "_24_h": 24, "Week_1": 166, "Month_3": 2184},
        {"Day_1": 1, "Day_2": 25, "Day_8": 169},  # study days: day 1 is that of the first dose
        {"Day_1": 1},
        {"Visit_1": 1, "Visit_2": 7, "Weekly_call": 14, "Daytime": 3},
        {"Day_7": 7, "Week_2": 336},
    ],
)
def test_hours_and_names_without_a_time_are_taken(times):
    assert len(cohort(scores=visits(**times)).scores) == len(times)


def test_two_assessments_of_one_visit_may_stand_in_either_order():
    later_first = scores(avisitn=[1, 1, 1], afrlt=[24.0, 0.0, 0.0])
    assert len(cohort(scores=later_first).scores) == 3


def test_an_event_whose_last_possible_end_is_before_its_start_is_refused():
    error = problems_of(
        events=events(astrlt=[10.0, 1.0], aenrlt_left=[NONE, 2.0], aenrlt_right=[5.0, 3.0])
    )
    assert [(p.code, p.rows) for p in error.problems] == [("time_order", (1,))]


def test_a_medicine_that_ends_before_it_starts_is_refused():
    table = pd.DataFrame({"usubjid": ["1"], "cmstrlt": [24.0], "cmenrlt": [0.0]})
    error = problems_of(medications=table)
    assert [(p.code, p.table, p.rows) for p in error.problems] == [
        ("time_order", "medications", (1,))
    ]


def test_the_message_about_a_million_bad_rows_is_short():
    n_rows = 1_000_000
    error = problems_of(
        scores=pd.DataFrame(
            {
                "usubjid": ["1"] * n_rows,
                "paramcd": ["madrs"] * n_rows,
                "afrlt": np.arange(n_rows, dtype=float),
                "aval": np.full(n_rows, 987.0),
            }
        )
    )
    (only,) = error.problems
    assert only.n_bad == n_rows
    assert only.rows == (1, 2, 3, 4, 5)
    assert len(str(error)) < 300


@pytest.mark.parametrize(("word", "near"), [("Private", "private"), ("publik", "public")])
def test_a_provenance_that_does_not_exist_is_refused_with_the_nearest(word, near):
    with pytest.raises(UsageError, match=near):
        cohort(provenance=word)


def test_a_table_that_is_no_data_frame_is_refused():
    with pytest.raises(UsageError, match="scores must be a pandas DataFrame, not dict"):
        cohort(scores={"usubjid": ["1"]})


def test_tables_may_be_absent_or_empty_and_then_have_all_columns():
    bare = cohort(scores=scores().iloc[:0], doses=pd.DataFrame(), events=None)
    assert {"usubjid", "paramcd", "afrlt", "aval"} <= set(bare.scores.columns)
    assert {"usubjid", "exseq", "afrlt"} <= set(bare.doses.columns)
    assert {"usubjid", "aedecod"} <= set(bare.events.columns)
    assert (len(bare.doses), len(bare.events), len(bare.windows)) == (0, 0, 0)
    assert (bare.arms, bare.instruments) == ((), ())


def test_columns_take_the_types_of_the_schema_and_further_columns_are_kept():
    made = cohort(scores=scores(aval=["30", None, "28"], rater=["A", "B", "A"]))
    assert made.scores["aval"].dtype == "float64"
    assert made.scores["usubjid"].dtype == "string"
    assert made.scores["rater"].tolist() == ["A", "B", "A"]
    assert made.scores["aval"].isna().tolist() == [False, True, False]


def test_neither_the_tables_handed_out_nor_those_handed_in_change_the_cohort():
    given = scores()
    made = cohort(scores=given)
    before = made.scores.copy()
    handed_out = made.scores
    handed_out["aval"] = 0.0
    handed_out.loc[0, "paramcd"] = "gad7"
    handed_out.attrs["note"] = "mine"
    given.loc[:, "aval"] = 0.0
    pd.testing.assert_frame_equal(made.scores, before)
    assert "note" not in made.scores.attrs


def test_making_a_cohort_leaves_the_input_as_it_was():
    given, as_it_was = scores(aval=["30", "12", "28"]), scores(aval=["30", "12", "28"])
    cohort(scores=given)
    pd.testing.assert_frame_equal(given, as_it_was)


def test_an_absent_column_hides_no_other_problem():
    error = problems_of(
        subjects=subjects(usubjid=["zebra", "zebra"]),
        scores=scores(aval=["30", "4321%", "28"]).drop(columns="afrlt"),
        events=events(usubjid=["zebra", "2"]),
    )
    assert {(p.code, p.table, p.rows) for p in error.problems} == {
        ("missing_column", "scores", ()),
        ("percent_sign", "scores", (2,)),
        ("duplicate", "subjects", (2,)),
        ("unknown_subject", "events", (2,)),
    }


def test_without_subject_identifiers_tables_are_still_checked_cell_by_cell():
    error = problems_of(
        subjects=subjects(age=[40, 4321]).drop(columns="usubjid"), scores=scores(aval=[1, 2, None])
    )
    assert {(p.code, p.table, p.rows) for p in error.problems} == {
        ("missing_column", "subjects", ()),
        ("out_of_range", "subjects", (2,)),
    }


@pytest.mark.parametrize("seed", range(8))
def test_times_that_go_back_are_those_a_loop_over_all_pairs_finds(seed):
    rng = np.random.default_rng(seed)
    n = 24
    scores = pd.DataFrame(
        {
            "usubjid": rng.choice(["a", "b"], n),
            "paramcd": rng.choice(["madrs", "gad7"], n),
            "avisitn": rng.choice([0.0, 1.0, 2.0, np.nan], n),
            "afrlt": rng.permutation(n).astype(float) if seed else np.arange(n, dtype=float),
            "aval": 5.0,
        }
    )
    if not seed:
        scores = scores.sort_values(["avisitn", "afrlt"]).assign(afrlt=np.arange(n, dtype=float))
    rows = list(scores.itertuples())
    back = [
        at
        for at, row in enumerate(rows)
        for other in rows
        if (row.usubjid, row.paramcd) == (other.usubjid, other.paramcd)
        and row.avisitn > other.avisitn
        and row.afrlt < other.afrlt
    ]
    told = {}
    try:
        ks.Cohort(pd.DataFrame({"usubjid": ["a", "b"]}), scores=scores, provenance="public")
    except DataError as error:
        told = {found.code: found for found in error.problems}
    assert set(told) == ({"time_order"} if back else set())
    if back:
        expected = sorted(set(back))
        assert told["time_order"].n_bad == len(expected)
        assert told["time_order"].rows == tuple(at + 1 for at in expected[:5])

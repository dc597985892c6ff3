"""Folders and questionnaire tables to cohorts."""

import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, KetastatsError, UsageError

PEOPLE = "usubjid,trt01a\n1,ketamine\n2,placebo\n"
LONG = "usubjid,paramcd,afrlt,aval\n1,madrs,0,30\n1,madrs,24,12\n2,madrs,0,28\n"
WIDE = "ID,Arm,Day,Visit,MADRS,GAD,Base\n1,A,7,V1,20,9,33\n1,A,14,V2,10,NA,33\n2,B,7,V1,25,8,28\n"
HEAD = 'provenance = "private"\nmissing = ["NA"]\ntime_unit = "days"\n'
SUBJECTS = '[subjects]\nfile = "t.csv"\ncolumns = { usubjid = "ID", trt01a = "Arm" }\n'
SCORES = (
    '[scores]\nfile = "t.csv"\ncolumns = { usubjid = "ID", afrlt = "Day", avisit = "Visit" }\n'
    'values = { madrs = "MADRS", gad7 = "GAD" }\n'
)


def fill(folder, **files):
    """Write files; a double underscore in a keyword is the dot of the file's name."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            content.to_parquet(path)
    return folder


def load(folder, mapping, table=WIDE):
    return ks.load_cohort(fill(folder, mapping__toml=mapping, t__csv=table))


def test_a_folder_of_csv_tables_is_a_private_cohort_named_after_it(tmp_path):
    cohort = ks.load_cohort(fill(tmp_path, subjects__csv=PEOPLE, scores__csv=LONG))
    assert (cohort.name, cohort.provenance) == (tmp_path.name, "private")
    assert (cohort.arms, cohort.instruments) == (("ketamine", "placebo"), ("madrs",))
    assert cohort.scores["aval"].tolist() == [30, 12, 28]
    assert [source.name for source in cohort.sources] == ["scores.csv", "subjects.csv"]


def test_a_folder_of_parquet_tables_gives_the_same_tables_as_csv(tmp_path):
    as_csv = ks.load_cohort(fill(tmp_path, subjects__csv=PEOPLE, scores__csv=LONG))
    other = tmp_path / "parquet"
    other.mkdir()
    subjects = pd.DataFrame({"usubjid": ["1", "2"], "trt01a": ["ketamine", "placebo"]})
    scores = pd.DataFrame(
        {
            "usubjid": ["1", "1", "2"],
            "paramcd": ["madrs"] * 3,
            "afrlt": [0, 24, 0],
            "aval": [30, 12, 28],
        }
    )
    as_parquet = ks.load_cohort(fill(other, subjects__parquet=subjects, scores__parquet=scores))
    pd.testing.assert_frame_equal(as_parquet.scores, as_csv.scores)
    pd.testing.assert_frame_equal(as_parquet.subjects, as_csv.subjects)


def test_cohort_toml_beside_the_tables_gives_name_and_provenance(tmp_path):
    about = 'name = "pilot"\nprovenance = "synthetic"\n'
    cohort = ks.load_cohort(fill(tmp_path, subjects__csv=PEOPLE, cohort__toml=about))
    assert (cohort.name, cohort.provenance) == ("pilot", "synthetic")


def test_a_wide_table_becomes_one_row_per_instrument_with_times_in_hours(tmp_path):
    scores = load(tmp_path, HEAD + SUBJECTS + SCORES).scores
    rows = scores[["usubjid", "paramcd", "afrlt", "avisit", "aval"]].values.tolist()
    assert sorted(rows) == [
        ["1", "gad7", 168, "V1", 9],  # no row for the visit without an answer
        ["1", "madrs", 168, "V1", 20],
        ["1", "madrs", 336, "V2", 10],
        ["2", "gad7", 168, "V1", 8],
        ["2", "madrs", 168, "V1", 25],
    ]


def test_a_long_table_may_call_its_columns_and_instruments_as_it_likes(tmp_path):
    mapping = (
        'provenance = "private"\n'
        '[subjects]\nfile = "t.csv"\ncolumns = { usubjid = "who" }\n'
        '[scores]\nfile = "t.csv"\ntime_unit = "hours"\n'
        'columns = { usubjid = "who", afrlt = "hours", paramcd = "scale", aval = "points" }\n'
        'recode = { paramcd = { M = "madrs" } }\n'
    )
    cohort = load(tmp_path, mapping, "who,hours,scale,points\n1,0,M,30\n1,24,gad7,5\n")
    assert cohort.scores[["paramcd", "aval"]].values.tolist() == [["madrs", 30], ["gad7", 5]]
    assert len(cohort.subjects) == 1


def test_item_columns_are_scored_and_a_form_without_a_total_has_no_row(tmp_path):
    mapping = (
        'provenance = "private"\n'
        '[subjects]\nfile = "t.csv"\ncolumns = { usubjid = "ID" }\n'
        '[scores]\nfile = "t.csv"\ntime_unit = "hours"\n'
        'columns = { usubjid = "ID", afrlt = "h" }\n'
        'items = { phq9 = ["a", "b", "c", "d", "e", "f", "g", "h1", "i"] }\n'
    )
    table = (
        "ID,h,a,b,c,d,e,f,g,h1,i\n1,0,0,0,1,1,1,0,0,0,0\n2,0,2,1,2,1,2,1,2,1,\n3,0,1,1,1,1,1,1,,,\n"
    )
    scores = load(tmp_path, mapping, table).scores
    assert scores[["usubjid", "paramcd", "aval"]].values.tolist() == [
        ["1", "phq9", 3],
        ["2", "phq9", 13.5],
    ]


def test_a_baseline_column_becomes_one_row_per_subject_at_time_zero(tmp_path):
    scores = load(
        tmp_path, HEAD + SUBJECTS + SCORES + 'baseline_column = { madrs = "Base" }\n'
    ).scores
    first = scores[scores["afrlt"] == 0]
    assert first[["usubjid", "paramcd", "avisit", "aval"]].values.tolist() == [
        ["1", "madrs", "Baseline", 33],
        ["2", "madrs", "Baseline", 28],
    ]


def test_a_baseline_given_in_a_later_row_alone_is_not_lost(tmp_path):
    table = WIDE.replace("V1,20,9,33", "V1,20,9,")
    mapping = HEAD + SUBJECTS + SCORES + 'baseline_column = { madrs = "Base" }\n'
    scores = load(tmp_path, mapping, table).scores
    assert scores.loc[scores["afrlt"] == 0, "aval"].tolist() == [33, 28]


def test_two_different_baselines_of_one_subject_are_refused(tmp_path):
    table = WIDE.replace("V1,20,9,33", "V1,20,9,31")
    with pytest.raises(DataError):
        load(tmp_path, HEAD + SUBJECTS + SCORES + 'baseline_column = { madrs = "Base" }\n', table)


def test_times_become_hours_since_the_first_dose(tmp_path):
    def hours(unit, value):
        table = f"ID,Arm,Day,Visit,MADRS,GAD\n1,A,{value},V1,20,NA\n"
        scores = load(tmp_path, HEAD.replace("days", unit) + SUBJECTS + SCORES, table).scores
        return scores["afrlt"].item()

    expected = {
        ("hours", 36): 36,
        ("minutes", 90): 1.5,
        ("days", 2): 48,
        ("weeks", 2): 336,
        ("study_day", 1): 0,  # day 1 is the day of the first dose, and there is no day 0
        ("study_day", 8): 168,
        ("study_day", -7): -168,
    }
    assert {(unit, value): hours(unit, value) for unit, value in expected} == expected


def test_rows_are_kept_codes_renamed_and_constants_added(tmp_path):
    subjects = SUBJECTS + (
        'keep = { Visit = ["V1", "V9"] }\n'
        'recode = { trt01a = { A = "ketamine" } }\nconstants = { diagnosis = "gad" }\n'
    )
    cohort = load(
        tmp_path, HEAD + subjects + SCORES.replace("values", "keep = { Day = 7 }\nvalues")
    )
    assert cohort.subjects[["trt01a", "diagnosis"]].values.tolist() == [
        ["ketamine", "gad"],
        ["B", "gad"],  # a code that is not named stays
    ]
    assert set(cohort.scores["afrlt"]) == {168}


def test_numbers_of_a_parquet_file_are_kept_and_recoded_like_those_of_a_csv(tmp_path):
    table = pd.DataFrame({"ID": ["1", "1"], "Day": [7.0, 14.0], "MADRS": [20.0, 10.0]})
    fill(tmp_path, t__parquet=table)
    mapping = (
        'provenance = "private"\n'
        '[subjects]\nfile = "t.parquet"\ncolumns = { usubjid = "ID" }\n'
        '[scores]\nfile = "t.parquet"\ntime_unit = "days"\n'
        'keep = { Day = 7 }\nvalues = { madrs = "MADRS" }\n'
        'columns = { usubjid = "ID", afrlt = "Day", avisit = "Day" }\n'
        'recode = { avisit = { 7 = "Week 1" } }\n'
    )
    scores = load(tmp_path, mapping).scores
    assert scores[["avisit", "aval"]].values.tolist() == [["Week 1", 20]]


def test_subjects_seen_at_the_named_visit_have_completed(tmp_path):
    cohort = load(tmp_path, HEAD + SUBJECTS + 'completed_visit = "V2"\n' + SCORES)
    assert cohort.subjects["eosstt"].tolist() == ["COMPLETED", "DISCONTINUED"]


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param(SUBJECTS + 'completed_visit = "V22"\n' + SCORES, id="a visit nobody had"),
        pytest.param(SUBJECTS + 'completed_visit = "V2"\n', id="no scores"),
        pytest.param(
            SUBJECTS + 'completed_visit = "V2"\n' + SCORES.replace(', avisit = "Visit"', ""),
            id="no visits",
        ),
        pytest.param(
            SUBJECTS + SCORES + 'items = { phq9 = ["MADRS", "GAD"] }\n', id="too few item columns"
        ),
        pytest.param(
            SUBJECTS + SCORES.replace("values", 'keep = { Visit = "V9" }\nvalues'),
            id="no row is kept",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_its_table_is_refused_with_a_sentence(tmp_path, mapping):
    with pytest.raises(KetastatsError):
        load(tmp_path, HEAD + mapping)


def test_windows_of_the_mapping_are_the_windows_of_the_cohort(tmp_path):
    window = '[[windows]]\navisit = "W1"\navisitn = 1\ntarget = 168\nfrom = 96\nto = 240\n'
    cohort = load(tmp_path, HEAD + SUBJECTS + SCORES + window)
    assert cohort.windows[["avisit", "target", "to"]].values.tolist() == [["W1", 168, 240]]
    done = ks.derive_visits(cohort.scores.drop(columns="avisit"), cohort.windows)
    assert done["avisit"].notna().sum() == 4


def test_one_questionnaire_table_is_read_by_every_section(tmp_path):
    fill(tmp_path, export__csv=WIDE, map__toml=HEAD + SUBJECTS + SCORES)
    one = ks.load_questionnaire(tmp_path / "export.csv", tmp_path / "map.toml")
    other = ks.load_cohort(tmp_path / "export.csv", mapping=tmp_path / "map.toml")
    assert len(one.scores) == len(other.scores) == 5
    assert [source.name for source in one.sources] == ["export.csv", "map.toml"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (WIDE.replace("MADRS", "HAMD"), "t.csv, MADRS: not in the table"),
        (WIDE.replace("25,8,28", "4321%,8,28"), r"t.csv, MADRS, row 3: holds a per-cent sign"),
        (WIDE.replace("14,V2", "zebra,V2"), r"t.csv, afrlt, row 2: holds text"),
        (WIDE.replace("25,8,28", "4321,8,28"), "outside the MADRS total range 0 to 60"),
        ("ID,Arm,Day,Visit,MADRS,GAD\n", "subjects: no rows"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_a_sentence(tmp_path, table, words):
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path, HEAD + SUBJECTS + SCORES, table)
    assert "4321" not in str(caught.value)
    assert "zebra" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "mapping"),
    [
        pytest.param("25,99,28", SCORES, id="an impossible score"),
        pytest.param(
            "25,zebra,28", SCORES.replace("values", "keep = { ID = 2 }\nvalues"), id="text"
        ),
    ],
)
def test_a_bad_cell_is_named_by_its_row_in_the_file(tmp_path, bad, mapping):
    with pytest.raises(DataError) as caught:
        load(tmp_path, HEAD + SUBJECTS + mapping, WIDE.replace("25,8,28", bad))
    assert [p.rows for p in caught.value.problems] == [(3,)]


def test_faults_of_several_files_come_in_one_error(tmp_path):
    mapping = HEAD + SUBJECTS.replace("Arm", "Group") + SCORES.replace("t.csv", "other.csv")
    with pytest.raises(DataError) as caught:
        load(tmp_path, mapping)
    assert [(p.table, p.code) for p in caught.value.problems] == [
        ("t.csv", "missing_column"),
        ("other.csv", "no_file"),
    ]


def test_a_header_without_scores_is_a_cohort_without_scores(tmp_path):
    files = {"subjects__csv": PEOPLE, "scores__csv": LONG.splitlines()[0] + "\n"}
    assert len(ks.load_cohort(fill(tmp_path, **files)).scores) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("", "nor a table called subjects"),
        ("t.csv", "a single table needs a mapping file"),
    ],
)
def test_a_place_without_a_cohort_is_refused_with_a_sentence(tmp_path, name, words):
    (tmp_path / "t.csv").write_text(WIDE, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        ks.load_cohort(tmp_path / name)


def test_an_instrument_the_registry_does_not_hold_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="'phq9'"):
        load(tmp_path, HEAD + SUBJECTS + SCORES + 'items = { phq99 = ["MADRS"] }\n')


def test_a_table_with_a_column_per_visit_becomes_one_row_per_visit(tmp_path):
    mapping = (
        'provenance = "private"\ntime_unit = "days"\n'
        '[subjects]\nfile = "t.csv"\ncolumns = { usubjid = "ID" }\n'
        '[scores]\nfile = "t.csv"\ncolumns = { usubjid = "ID" }\n'
        'baseline_column = { gad7 = "g0" }\n'
        '[[scores.visits]]\navisit = "Week 1"\navisitn = 1\n'
        'time = 7\nvalues = { gad7 = "g7" }\n'
        '[[scores.visits]]\navisit = "Week 4"\navisitn = 4\n'
        'time = 28\nvalues = { gad7 = "g28" }\n'
    )
    scores = load(tmp_path, mapping, "ID,g0,g7,g28\n1,15,9,4\n2,12,,6\n").scores
    found = scores.sort_values(["usubjid", "afrlt"])[["usubjid", "afrlt", "aval"]]
    assert found.values.tolist() == [
        ["1", 0, 15],
        ["1", 168, 9],
        ["1", 672, 4],
        ["2", 0, 12],
        ["2", 672, 6],
    ]


def test_rows_of_problems_are_those_of_the_file(tmp_path):
    mapping = (
        'provenance = "private"\ntime_unit = "days"\n'
        '[subjects]\nfile = "t.csv"\ncolumns = { usubjid = "ID" }\nkeep = { In = "Y" }\n'
        '[scores]\nfile = "t.csv"\ncolumns = { usubjid = "ID", afrlt = "d" }\n'
        'keep = { In = "Y" }\nvalues = { madrs = "M", phq9 = "P" }\n'
    )
    table = "ID,In,d,M,P\n1,N,0,1,1\n2,N,0,1,1\n3,Y,0,10,99\n"
    with pytest.raises(ks.DataError) as caught:
        load(tmp_path, mapping, table)
    assert [problem.rows for problem in caught.value.problems] == [(3,)]

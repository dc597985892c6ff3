import os
import re
import tomllib

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.cohort.schema import TABLES
from ketastats.errors import UsageError
from ketastats.synthetic import writing
from ketastats.synthetic.cohort import SyntheticCohort, synthetic_cohort
from ketastats.synthetic.scenario import load_scenario, shipped_scenarios
from ketastats.synthetic.writing import FILES, ORDER, require_place, set_aside, write_cohort

TABLE_FILES = [f"{name}.csv" for name in ORDER]


@pytest.fixture(scope="module")
def cohort():
    return synthetic_cohort("ketamine_clinic", 40, 5)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "place" / "cohort"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def comparable(table, name):
    """Rows in the written order, an empty text as missing, columns beyond the schema as numbers."""
    by = [key for key in ORDER[name] if key in table.columns]
    table = table.sort_values(by, kind="stable", ignore_index=True)
    items = [column for column in table.columns if re.fullmatch(r"item\d+", str(column))]
    table = table.assign(
        **{column: pd.to_numeric(table[column]).astype("float64") for column in items}
    )
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    for column in texts:
        table[column] = table[column].astype("string").replace("", pd.NA)
    return table


@pytest.mark.parametrize("scenario", [*shipped_scenarios(), "ketamine_trd no_effect"])
def test_what_is_read_back_is_what_was_written_items_included(scenario, folder):
    made = synthetic_cohort(scenario, 25, 3)
    read = ks.load_cohort(write_cohort(made, folder, truth=False))
    assert (read.name, read.provenance) == (made.name, "synthetic")
    for name in ORDER:
        pd.testing.assert_frame_equal(
            comparable(getattr(read, name), name),
            comparable(getattr(made, name), name),
            rtol=0,
            atol=1e-9,  # a tenth is no binary fraction
        )


def test_some_scenario_has_items_and_they_are_scored_from_the_files(cohort, folder):
    scores = ks.load_cohort(write_cohort(cohort, folder, truth=False)).scores
    madrs = scores[scores["paramcd"] == "madrs"]
    again = ks.score_items(madrs[["usubjid", *(f"item{k}" for k in range(1, 11))]], "madrs")
    np.testing.assert_array_equal(again["aval"], madrs["aval"])


def test_a_cohort_without_side_effects_and_medicines_has_tables_without_rows(folder):
    scenario = load_scenario("conventional_anxiety")
    without = [key for key in scenario.values if key[0].startswith(("event", "medicine"))]
    bare = scenario.changed(
        dict.fromkeys([key for key in without if key[0].endswith((".hours", ".share"))], None)
        | {"rescue.share": 0.0}
    )
    made = synthetic_cohort(bare, 12, 1)
    read = ks.load_cohort(write_cohort(made, folder, truth=False))
    assert (folder / "events.csv").read_text().count("\n") == 1
    assert (len(read.events), len(read.medications)) == (0, 0)
    assert list(read.events.columns) == [column.name for column in TABLES["events"]]


def test_the_same_cohort_is_written_to_the_same_bytes_whatever_the_order_of_its_rows(
    cohort, tmp_path
):
    tables = {name: getattr(cohort, name).sample(frac=1, random_state=2) for name in ORDER}
    mixed = SyntheticCohort(cohort.scenario, tables, provenance="synthetic")
    one = write_cohort(cohort, tmp_path / "one", truth=False)
    assert contents(one) == contents(write_cohort(mixed, tmp_path / "two", truth=False))


def test_the_size_of_the_blocks_in_which_rows_become_text_changes_nothing(
    cohort, tmp_path, monkeypatch
):
    one = write_cohort(cohort, tmp_path / "one", truth=False)
    monkeypatch.setattr(writing, "_BLOCK", 7)
    told = []
    two = write_cohort(
        cohort, tmp_path / "two", truth=False, progress=lambda *step: told.append(step)
    )
    assert contents(one) == contents(two)
    rows = sum(len(getattr(cohort, name)) for name in ORDER)
    assert (told[0], told[-1]) == ((0, rows), (rows, rows))
    assert told == sorted(told)


@pytest.mark.parametrize("name", list(ORDER))
def test_a_table_is_sorted_by_subject_and_time_ends_lines_with_lf_and_says_synthetic(
    cohort, folder, name
):
    data = (write_cohort(cohort, folder, truth=False) / f"{name}.csv").read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n")
    table = pd.read_csv(folder / f"{name}.csv")
    assert set(table["studyid"]) == {"SYNTHETIC"}
    keys = list(ORDER[name][:2])
    pd.testing.assert_frame_equal(table[keys], table[keys].sort_values(keys, ignore_index=True))


@pytest.mark.parametrize(
    ("name", "columns", "pattern"),
    [
        ("scores", ["afrlt"], r"-?\d+\.\d"),
        ("doses", ["afrlt", "exdose"], r"-?\d+\.\d"),
        ("doses", ["exdosekg"], r"\d+\.\d{3}"),
        ("subjects", ["eosafrlt", "weightbl"], r"\d+\.\d"),
        ("subjects", ["age", "ntrials_failed"], r"\d+"),
        ("events", ["astrlt", "aenrlt_left", "aenrlt_right"], r"\d+\.\d\d"),
        ("events", ["exseq"], r"\d+"),
        ("medications", ["cmstrlt", "cmenrlt", "cmdose", "cmdoseeq"], r"-?\d+\.\d"),
        ("scores", ["aval", "item1", "item10"], r"\d+"),
    ],
)
def test_a_number_has_the_decimals_of_its_unit(cohort, folder, name, columns, pattern):
    write_cohort(cohort, folder, truth=False)
    table = pd.read_csv(folder / f"{name}.csv", dtype=str)
    for column in columns:
        assert table[column].dropna().str.fullmatch(pattern).all(), column
        assert not table[column].dropna().str.fullmatch(r"-0(\.0*)?").any(), column


@pytest.mark.parametrize(
    ("value", "unit", "table", "text"),
    [
        (-0.04, "hours", "scores", "0.0"),
        (-0.0, "points", "scores", "0"),
        (12.0, "points", "scores", "12"),
        (12.5, "points", "scores", "12.5"),
        (10.0, "minutes", "doses", "10"),
        (0.1, "visit number", "scores", "0.1"),
        (2.0, "hours", "events", "2.00"),
        (float("nan"), "hours", "events", ""),
    ],
)
def test_numbers_are_whole_where_they_may_be_and_nought_has_no_sign(value, unit, table, text):
    assert list(writing._numbers_in_text(pd.Series([value]), unit, table)) == [text]


def test_every_unit_of_the_schema_has_its_decimals():
    units = {c.unit for name in ORDER for c in TABLES[name] if c.kind == "number"}
    assert units == set(writing.DECIMALS) | set(writing.MOST_DECIMALS)


def test_the_folder_says_what_it_was_made_from(cohort, folder):
    write_cohort(cohort, folder, seed=5, truth=False)
    about = tomllib.loads((folder / "cohort.toml").read_text("utf-8"))
    assert about == {
        "name": "ketamine_clinic",
        "provenance": "synthetic",
        "scenario": "ketamine_clinic",
        "scenario_key": cohort.scenario.key,
        "n": 40,
        "seed": 5,
    }


def test_the_name_of_a_scenario_may_hold_quotes_and_letters_of_any_alphabet(cohort, folder):
    name = 'a "quoted" \\ naïve\tname'
    made = synthetic_cohort(cohort.scenario.changed({"site.count": 2}, name=name), 5, 1)
    assert ks.load_cohort(write_cohort(made, folder, truth=False)).name == name


def test_truths_are_written_to_six_digits(folder):
    made = synthetic_cohort("conventional_anxiety", 10, 1)
    write_cohort(made, folder)
    assert set(contents(folder)) == set(FILES)
    read = pd.read_csv(folder / "truth.csv")
    truth = made.truth
    assert list(read.columns) == list(truth.columns)
    np.testing.assert_allclose(read["value"], truth["value"], rtol=0.5e-5)
    np.testing.assert_allclose(read["std_error"], truth["std_error"], rtol=0.5e-5)
    lines = (folder / "truth.csv").read_text("utf-8").splitlines()[1:]
    for cell in (cell for line in lines for cell in line.split(",")[7:9]):
        digits = re.sub(r"e.*", "", cell).replace(".", "").lstrip("-0")
        assert len(digits) <= 6


def test_truths_are_left_out_where_nobody_wants_them(cohort, folder):
    assert set(contents(write_cohort(cohort, folder, truth=False))) == {
        *TABLE_FILES,
        "cohort.toml",
    }


def test_an_earlier_synthetic_cohort_is_replaced_as_a_whole(cohort, folder):
    write_cohort(synthetic_cohort("conventional_anxiety", 10, 1), folder, truth=False)
    (folder / "truth.csv").write_text("old\n")
    write_cohort(cohort, folder, truth=False)
    assert set(contents(folder)) == {*TABLE_FILES, "cohort.toml"}
    assert [path.name for path in folder.parent.iterdir()] == ["cohort"]
    assert ks.load_cohort(folder).name == "ketamine_clinic"


def test_an_empty_folder_is_taken_and_others_may_read_what_is_written(cohort, folder):
    folder.mkdir(parents=True)
    write_cohort(cohort, folder, truth=False)
    assert folder.stat().st_mode & 0o777 == 0o755


def with_a_note(folder):
    (folder / "notes.txt").write_text("mine")


def with_real_tables(folder):
    (folder / "subjects.csv").write_text("usubjid\ns1\n")
    (folder / "cohort.toml").write_text('provenance = "private"\n')


def with_tables_of_unknown_origin(folder):
    (folder / "subjects.csv").write_text("usubjid\ns1\n")


def with_a_synthetic_cohort_made_by_hand(folder):
    (folder / "subjects.csv").write_text("usubjid\ns1\n")
    (folder / "cohort.toml").write_text('provenance = "synthetic"\n')


def with_a_broken_description(folder):
    (folder / "cohort.toml").write_bytes(b"\xff = [")


def with_a_folder_called_like_a_table(folder):
    (folder / "truth.csv").mkdir()


OTHERS = [
    with_a_note,
    with_real_tables,
    with_tables_of_unknown_origin,
    with_a_synthetic_cohort_made_by_hand,
    with_a_broken_description,
    with_a_folder_called_like_a_table,
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_folder_with_anything_else_is_refused_and_left_as_it_is(cohort, folder, other):
    folder.mkdir(parents=True)
    other(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="something else than an earlier synthetic cohort"):
        write_cohort(cohort, folder, truth=False)
    assert sorted(folder.rglob("*")) == before
    assert [path.name for path in folder.parent.iterdir()] == ["cohort"]


@pytest.mark.parametrize("other", OTHERS)
def test_force_sets_aside_what_was_there_and_deletes_nothing(cohort, folder, other):
    for kept in ("cohort.before", "cohort.before-2"):
        folder.mkdir(parents=True)
        other(folder)
        before = sorted(path.name for path in folder.iterdir())
        assert set_aside(folder) == folder.parent / kept
        write_cohort(cohort, folder, truth=False, force=True)
        assert sorted(path.name for path in (folder.parent / kept).iterdir()) == before
        assert set_aside(folder) is None
        (folder / "cohort.toml").rename(folder.parent / "moved.toml")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_a_synthetic_cohort_with_a_note_beside_it_is_something_else(cohort, folder):
    write_cohort(cohort, folder, truth=False)
    with_a_note(folder)
    with pytest.raises(UsageError, match="force"):
        write_cohort(cohort, folder, truth=False)


@pytest.mark.parametrize("failing", ["_truth_text", "_about", "_write_tables"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_what_stops_on_the_way_leaves_the_old_cohort_and_nothing_half_written(
    cohort, folder, monkeypatch, failing, error
):
    write_cohort(cohort, folder, truth=False)
    old = contents(folder)

    def stopped(*_):
        raise error

    monkeypatch.setattr(writing, failing, stopped)
    monkeypatch.setattr(SyntheticCohort, "truth", pd.DataFrame())
    with pytest.raises(error):
        write_cohort(cohort, folder)
    assert contents(folder) == old
    assert [path.name for path in folder.parent.iterdir()] == ["cohort"]


@pytest.mark.parametrize("step", [1, 2])
def test_a_rename_that_fails_puts_the_old_cohort_back(cohort, folder, monkeypatch, step):
    write_cohort(cohort, folder, truth=False)
    old, rename, calls = contents(folder), os.replace, []

    def once_failing(*paths):
        calls.append(paths)
        if len(calls) == step:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(writing.os, "replace", once_failing)
    with pytest.raises(KeyboardInterrupt):
        write_cohort(cohort, folder, seed=9, truth=False)
    assert contents(folder) == old
    assert [path.name for path in folder.parent.iterdir()] == ["cohort"]


def test_a_link_to_a_folder_stays_a_link(cohort, folder):
    folder.mkdir(parents=True)
    link = folder.with_name("link")
    link.symlink_to(folder)
    write_cohort(cohort, link, truth=False)
    assert link.is_symlink()
    assert (folder / "subjects.csv").is_file()


def test_a_file_is_no_place_even_by_force(cohort, tmp_path):
    (tmp_path / "file").write_text("mine")
    for force in (False, True):
        with pytest.raises(UsageError, match="is a file"):
            write_cohort(cohort, tmp_path / "file", truth=False, force=force)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["", "/", None, 3])
def test_no_place_at_all_is_refused(place):
    with pytest.raises(UsageError, match="folder"):
        require_place(place, force=True)


def test_flags_are_true_or_false(cohort, folder):
    for flag in ("truth", "force"):
        with pytest.raises(UsageError, match=flag):
            write_cohort(cohort, folder, **{flag: "no"})


def test_only_a_made_up_cohort_is_written(folder):
    with pytest.raises(UsageError, match="synthetic_cohort"):
        write_cohort(ks.load_antidepressant_trial(), folder)
    assert not folder.exists()

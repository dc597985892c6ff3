"""One file to one table, or a sentence that says why not."""

import pandas as pd
import pytest

from ketastats.errors import DataError
from ketastats.loaders.files import read_table
from ketastats.provenance import sources_of

CAFE = "id,site\n1,north\n2,Café\n"
LONG_FILE = "id,site\n" + "1,north\n" * 60_000 + "2,Café\n"  # the accent is in line 60,002


def write(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def refusal(path, **options):
    with pytest.raises(DataError) as caught:
        read_table(path, **options)
    (only,) = caught.value.problems
    assert only.table == path.name
    return str(only)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "the file is empty. Check that the export finished"),
        ("a.csv", "a,b\n1,2\n3,4,5\n", "line 3, saw 3"),
        ("a.csv", 'a,b\n1,"x\n2,y\n', "Quote cells"),
        ("a.csv", "a;b\n1,5;2\n", "Save the file with commas"),
        ("a.xlsx", "a,b\n1,2\n", "'.xlsx' is not read. Save the table as CSV"),
        ("a", "a,b\n1,2\n", "Save the table as CSV"),
        ("a.parquet", "a,b\n1,2\n", "not a readable Parquet file"),
    ],
    ids=["empty", "ragged", "open quote", "semicolons", "Excel", "no suffix", "false Parquet"],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(tmp_path, name, content, words):
    assert words in refusal(write(tmp_path, name, content))


def test_a_missing_file_is_named(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a,b,c\n1,2,3\n4,5\n", id="a row too short"),
        pytest.param("a,b\n1,2,3\n4,5,6\n", id="every row too long"),
        pytest.param("a,b\n1,2,\n4,5,\n", id="every row ends in a comma"),
        pytest.param("a,a\n1,2\n", id="one name for two columns"),
    ],
)
def test_rows_that_do_not_fit_the_header_are_refused_and_not_shifted_or_filled(tmp_path, content):
    refusal(write(tmp_path, "a.csv", content))


@pytest.mark.parametrize(
    ("content", "line"), [(CAFE, 3), (LONG_FILE, 60_002)], ids=["short", "long"]
)
def test_text_in_another_encoding_is_refused_by_line_and_read_when_it_is_named(
    tmp_path, content, line
):
    path = write(tmp_path, "a.csv", content, "cp1252")
    message = refusal(path)
    assert f"line {line})" in message
    assert 'encoding = "cp1252"' in message
    assert "Caf" not in message
    assert read_table(path, encoding="cp1252")["site"].iloc[-1] == "Café"


def test_an_unknown_encoding_is_refused(tmp_path):
    assert "unknown" in refusal(write(tmp_path, "a.csv", CAFE), encoding="klingon")


def test_cells_are_texts_and_only_empty_and_named_texts_are_missing(tmp_path):
    path = write(tmp_path, "a.csv", "id,aval,unit\n007,NA,nan\n008,-99,\n", "utf-8-sig")
    table = read_table(path, missing=["-99"])
    assert table["id"].tolist() == ["007", "008"]
    assert table["aval"].isna().tolist() == [False, True]
    assert table["unit"].isna().tolist() == [False, True]


def test_texts_that_mean_missing_are_missing_in_a_parquet_file_too(tmp_path):
    pd.DataFrame({"aval": ["NA", "12"]}).to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", missing=["NA"])
    assert table["aval"].isna().tolist() == [True, False]


def test_a_header_without_rows_is_an_empty_table(tmp_path):
    table = read_table(write(tmp_path, "a.csv", "usubjid,aval\n"))
    assert (len(table), table.columns.tolist()) == (0, ["usubjid", "aval"])


def test_a_table_remembers_the_file_and_its_fingerprint(tmp_path):
    (source,) = sources_of(read_table(write(tmp_path, "abc.csv", "abc")))
    assert source.name == "abc.csv"
    # SHA-256 of the three letters, FIPS 180-2 appendix B.1
    assert source.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

"""The words of a mapping file."""

import pytest

from ketastats.errors import DataError, UsageError
from ketastats.loaders import mapping
from ketastats.loaders.mapping import read_mapping

SUBJECTS = '[subjects]\nfile = "a.csv"\ncolumns = { usubjid = "ID" }\n'


def write(folder, text):
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_a_mapping_file_with_every_key(tmp_path):
    plan = read_mapping(write(tmp_path, mapping.EXAMPLE))
    assert plan.tables["subjects"].completed_visit == "Week 6"
    assert plan.tables["scores"].visits[0].hours == 7 * 24
    assert plan.windows[0]["target"] == 1008
    for key in mapping._SECTION:
        assert f"{key} =" in mapping.EXAMPLE or f".{key}]]" in mapping.EXAMPLE, key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('provenence = "private"\n', "did you mean 'provenance'"),
        (SUBJECTS + 'colums = { age = "A" }\n', "did you mean 'columns'"),
        ('time_unit = "day"\n' + SUBJECTS, "did you mean 'days'"),
        ('[subject]\nfile = "a.csv"\n', "did you mean 'subjects'"),
        (SUBJECTS, "must say provenance"),
        ('provenance = "private"\n[subjects]\ncolumns = {}\n', "must name its file"),
        ('provenance = "private"\nsubjects = "a.csv"\n', "subjects"),
        ('provenance = "private"\n[subjects]\nfile = "a.csv"\ncolumns = "ID"\n', "columns"),
    ],
    ids=[
        "key",
        "key of a table",
        "time unit",
        "table",
        "provenance",
        "file",
        "no table",
        "no columns",
    ],
)
def test_a_word_that_does_not_exist_or_is_absent_is_refused_with_a_sentence(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_mapping(write(tmp_path, text))


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path):
    with pytest.raises(DataError, match=r"not valid TOML \(.*line 2.*texts need quotes"):
        read_mapping(write(tmp_path, 'provenance = "private"\nname = my trial\n'))


def test_a_mapping_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"mapping.toml: there is no such file"):
        read_mapping(tmp_path / "mapping.toml")

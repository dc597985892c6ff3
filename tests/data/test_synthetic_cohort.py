"""The default cohort is what its README says, and its command makes it again."""

import csv
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketastats.cli import cli
from ketastats.loaders.open_data import load_synthetic_cohort
from ketastats.resources import shipped
from ketastats.synthetic.writing import FILES, ORDER

FOLDER = shipped("data", "synthetic", "cohort")
README = shipped("data", "synthetic", "README.md").read_text("utf-8")
LOCK = Path(__file__).parents[2] / "locks" / "develop.txt"
COMMAND = re.search(r"ketastats (synth .* --out )data/synthetic/cohort\b", README)


def locked():
    """Whether pandas and numpy are those the shipped files were made with."""
    if not LOCK.is_file():
        return False
    pinned = re.findall(
        r"^(numpy|pandas)==(\S+)(?: ; python_full_version < '3\.12')? \\$",
        LOCK.read_text("utf-8"),
        re.MULTILINE,
    )
    return {"numpy", "pandas"} == {name for name, _ in pinned} and all(
        version(name) == number for name, number in pinned
    )


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The cohort made again by the command in the README."""
    assert COMMAND is not None
    place = tmp_path_factory.mktemp("again") / "cohort"
    cli.main(args=[*COMMAND[1].split(), str(place)], standalone_mode=False)
    return place


def rows_of(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.skipif(not locked(), reason="made with the locked numpy and pandas of Python 3.11")
def test_the_command_makes_the_same_bytes_again(again):
    made = {path.name: path.read_bytes() for path in again.iterdir()}
    shipped_files = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert sorted(made) == sorted(shipped_files) == sorted(FILES)
    assert [name for name in FILES if made[name] != shipped_files[name]] == []


@pytest.mark.parametrize("name", list(ORDER))
def test_the_command_makes_the_same_numbers_again_to_their_decimals(again, name):
    tables = [pd.read_csv(folder / f"{name}.csv") for folder in (again, FOLDER)]
    pd.testing.assert_frame_equal(*tables, rtol=0, atol=1e-9)


def test_the_command_makes_the_same_truths_again_within_their_errors(again):
    one, other = (pd.read_csv(folder / "truth.csv") for folder in (again, FOLDER))
    words = [name for name in one.columns if name not in ("value", "std_error")]
    pd.testing.assert_frame_equal(one[words], other[words])
    near = np.abs(one["value"] - other["value"]) <= other["std_error"] + 1e-5 * other["value"].abs()
    assert near.all()


def test_the_files_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_000_000


@pytest.mark.parametrize("name", list(ORDER))
def test_every_row_says_that_it_is_synthetic_and_the_readme_counts_the_rows(name):
    rows = rows_of(name)
    assert {row["studyid"] for row in rows} == {"SYNTHETIC"}
    counts = dict(re.findall(r"^\| cohort/(\w+)\.csv \| ([\d,]+) \|", README, re.MULTILINE))
    assert f"{len(rows):,}" == counts[name]


def test_the_readme_counts_the_truths():
    assert f"| cohort/truth.csv | {len(rows_of('truth')):,} |" in README


def test_the_cohort_is_whole_and_synthetic():
    cohort = load_synthetic_cohort()
    assert (cohort.name, cohort.provenance) == ("ketamine_clinic", "synthetic")
    assert cohort.arms == ("CONVENTIONAL", "KETAMINE", "MIDAZOLAM")
    for name in ORDER:
        assert len(getattr(cohort, name)) == len(rows_of(name)) > 0


def test_the_description_and_the_readme_agree_on_what_it_was_made_from():
    about = tomllib.loads((FOLDER / "cohort.toml").read_text("utf-8"))
    assert COMMAND is not None
    words = f"synth {about['scenario']} --n {about['n']} --seed {about['seed']} --out "
    assert COMMAND[1] == words
    assert about["n"] == len(rows_of("subjects"))

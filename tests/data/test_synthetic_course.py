"""The synthetic course is what its README says, and its script makes it again."""

import csv
import re
import subprocess
import sys

import pytest

import ketastats as ks
from ketastats.resources import shipped

FOLDER = shipped("data", "synthetic_course")
TABLES = ("subjects", "doses", "scores", "medications")


def rows_of(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def course():
    return ks.load_synthetic_course()


def test_the_script_makes_the_same_bytes_again(tmp_path):
    subprocess.run(
        [sys.executable, str(FOLDER / "generate.py"), str(tmp_path)], check=True, timeout=120
    )
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {f"{name}.csv": (FOLDER / f"{name}.csv").read_bytes() for name in TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_that_it_is_synthetic_and_the_readme_counts_the_rows(name):
    rows = rows_of(name)
    assert {row["studyid"] for row in rows} == {"SYNTHETIC"}
    counts = dict(
        re.findall(r"^\| (\w+)\.csv \| (\d+) \|", (FOLDER / "README.md").read_text("utf-8"), re.M)
    )
    assert len(rows) == int(counts[name])


def test_the_cohort_is_whole_and_synthetic(course):
    assert (course.name, course.provenance) == ("synthetic_course", "synthetic")
    assert course.subjects["usubjid"].str.fullmatch(r"syn-\d{3}").all()
    assert course.subjects["trt01a"].value_counts().to_dict() == {
        "KETAMINE": 90,
        "CONVENTIONAL": 60,
    }


def test_only_the_ketamine_arm_is_assessed_in_the_first_days(course):
    arm = course.scores["usubjid"].map(course.subjects.set_index("usubjid")["trt01a"])
    early = course.scores["afrlt"].between(0, 100)
    assert set(course.scores.loc[early, "afrlt"]) == {4.0, 24.0, 72.0}
    assert set(arm[early]) == {"KETAMINE"}


def test_nothing_happens_after_the_end_of_follow_up(course):
    end = course.subjects.set_index("usubjid")["eosafrlt"]
    tables = ((course.scores, "afrlt"), (course.doses, "afrlt"), (course.medications, "cmstrlt"))
    for table, column in tables:
        assert (table[column] <= table["usubjid"].map(end)).all()


def test_it_holds_what_durability_analyses_need_and_no_second_series(course):
    from ketastats.endpoints.maintenance import first_series, second_series

    infusions = course.doses[course.doses["extrt"] == "ketamine"]
    first = first_series(infusions)
    assert set(first["n_doses"]) <= {1, 2, 3, 4, 5, 6}
    assert (first["end"] < 18 * 24).all()
    assert (infusions.groupby("usubjid").size().max()) > 6  # single infusions after the series
    assert second_series(infusions).empty
    losses = ks.derive_episodes(course.scores, rescue="ignore", subjects=course.subjects,
                                medications=course.medications, dropout="censor")  # fmt: skip
    again = losses[(losses["event"] == 1) & (losses["episode"] > 1)]
    assert set(again["trt01a"]) == {"KETAMINE", "CONVENTIONAL"}

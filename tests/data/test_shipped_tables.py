"""Files that the tests and the package bring along are the ones their READMEs describe."""

import csv
import tomllib
from pathlib import Path

import pytest

from ketastats.resources import shipped

EXAMPLES = Path(__file__).parent / "mmrm_examples"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_fev_example_has_800_rows_of_200_subjects_537_with_an_outcome():
    rows = rows_of(EXAMPLES / "fev_data.csv")
    assert len(rows) == 800
    assert len({row["USUBJID"] for row in rows}) == 200
    assert sum(row["FEV1"] not in ("", "NA") for row in rows) == 537


def test_the_bcva_example_has_8605_rows_of_1000_subjects():
    rows = rows_of(EXAMPLES / "bcva_data.csv")
    assert len(rows) == 8605
    assert len({row["USUBJID"] for row in rows}) == 1000


@pytest.mark.parametrize(
    ("file", "rows"),  # the table of data/README.md
    [
        ("antidepressant_hamd17/antidepressant_hamd17.csv", 608),
        ("metapsy_response_rates/psychotherapy_response_8_disorders.csv", 569),
        ("metapsy_psilocybin_depression/psilocybin_depression_trials.csv", 220),
        ("nhs_talking_therapies/outcomes_by_problem_england.csv", 150),
        ("nhs_talking_therapies/proms_by_problem_therapy_england.csv", 1267),
        ("evidence/evidence.csv", 978),
    ],
)
def test_a_data_file_is_utf8_with_lf_and_the_rows_the_readme_counts(file, rows):
    path = shipped("data").joinpath(*file.split("/"))
    assert b"\r" not in path.read_bytes()
    assert len(rows_of(path)) == rows


def test_there_are_36_claims():
    claims = tomllib.loads(shipped("data", "claims", "claims.toml").read_text(encoding="utf-8"))
    assert len(claims["claims"]) == 36

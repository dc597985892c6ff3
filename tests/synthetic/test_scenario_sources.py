"""Where the shipped scenarios say their values come from."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ketastats.loaders.evidence import load_evidence
from ketastats.resources import shipped
from ketastats.synthetic.parameters import CATALOGUE
from ketastats.synthetic.scenario import OVERLAYS, load_scenario, shipped_scenarios

FOLDER = shipped("data", "synthetic", "scenarios")
ROOT = Path(__file__).resolve().parents[2]


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [dict(row, file=file.stem) for row in csv.DictReader(stream)]
    return [row for row in rows if row["parameter"] != "extends"]


ROWS = [row for file in sorted(FOLDER.glob("*.csv")) for row in rows_of(file)]


@pytest.fixture(scope="module")
def evidence():
    return load_evidence().set_index("row_id")


def test_every_shipped_table_is_a_scenario_or_an_overlay():
    assert {row["file"] for row in ROWS} == {*shipped_scenarios(), *OVERLAYS}


def test_every_source_is_a_row_of_the_evidence_a_doi_a_data_set_or_an_assumption(evidence):
    for row in ROWS:
        source = row["source"]
        if source.startswith("data:"):
            folder = source.removeprefix("data:")
            assert shipped("data", folder, f"{folder}.csv").is_file()
        elif source.startswith("doi:"):
            assert re.fullmatch(r"doi:10\.\d{4,9}/\S+", source)
        else:
            assert source == "assumed" or source in evidence.index, source


def test_every_row_has_its_unit_and_what_is_not_plain_a_note():
    for row in ROWS:
        assert row["unit"] == CATALOGUE[row["parameter"]].unit, row
        assert row["note"] or row["parameter"] == "arm.treatment", row


def test_what_is_as_printed_is_the_value_of_its_row(evidence):
    printed = [row for row in ROWS if "as printed" in row["note"]]
    assert len(printed) >= 7
    for row in printed:
        column = row["note"].split(" as printed")[0]
        assert float(row["value"]) == float(evidence.at[row["source"], column]), row


def test_what_is_per_dose_follows_from_the_share_in_its_row(evidence):
    formula = re.compile(r"per dose 1-\(1-([\d.]+)\)\^\(1/(\d+)\)")
    derived = [(row, match) for row in ROWS if (match := formula.search(row["note"]))]
    assert len(derived) > 10
    for row, match in derived:
        share, doses = float(match[1]), int(match[2])
        assert share == evidence.at[row["source"], "proportion"]
        assert float(row["value"]) == pytest.approx(1 - (1 - share) ** (1 / doses), abs=5e-5)


def test_shares_that_a_note_divides_are_those_of_the_rows_it_names(evidence):
    formula = re.compile(r"([\d.]+) severe of ([\d.]+) with any \((ket-\d+)\)")
    for row in ROWS:
        if match := formula.search(row["note"]):
            severe, total = float(match[1]), float(match[2])
            assert severe == evidence.at[row["source"], "proportion"]
            assert total == evidence.at[match[3], "proportion"]
            assert float(row["value"]) == pytest.approx(severe / total, abs=5e-3)


def test_what_comes_from_an_abstract_is_the_number_in_the_note():
    for row in ROWS:
        if row["source"].startswith("doi:") and "middle of" not in row["note"]:
            assert float(row["value"]) in {float(x) for x in re.findall(r"\d+\.\d+", row["note"])}


def test_arms_given_as_in_a_row_are_the_arms_of_that_row(evidence):
    routes = {"iv": "INTRAVENOUS"}
    given = [row for row in ROWS if row["note"] == "as given there"]
    assert len(given) == 4
    for row in given:
        source = evidence.loc[row["source"]]
        assert row["value"] in (source["arm"], routes[source["route"]])


def test_a_note_names_only_rows_that_exist(evidence):
    for row in ROWS:
        for name in re.findall(r"(?:ket|conv)-\d+", row["note"]):
            assert name in evidence.index


def test_the_published_shares_and_changes_that_notes_aim_at_are_those_of_the_rows(evidence):
    aims = [(row, re.search(r"near (-?[\d.]+\d)", row["note"])) for row in ROWS]
    aimed = [(row, float(match[1])) for row, match in aims if match]
    assert len(aimed) >= 8
    for row, aim in aimed:
        source = evidence.loc[row["source"]]
        assert any(abs(aim - source[name]) < 0.005 for name in ("proportion", "mean")), row


def test_the_script_prints_the_shipped_fit_to_the_antidepressant_trial():
    script = ROOT / "benchmarks" / "fit_antidepressant_scenario.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    shown = pd.read_csv(io.StringIO(done.stdout), dtype=str)
    kept = pd.read_csv(FOLDER / "antidepressant_trial.csv", dtype=str)
    assert list(shown["parameter"]) == list(kept["parameter"])
    for new, old in zip(shown["value"], kept["value"], strict=True):
        try:
            assert float(new) == pytest.approx(float(old), rel=2e-3)
        except ValueError:
            assert new == old


def test_the_fitted_trial_has_the_counts_of_the_data_sets_readme():
    trial = load_scenario("antidepressant_trial")
    assert trial.value("arm.share", "DRUG") == 84
    assert trial.value("arm.share", "PLACEBO") == 88
    assert trial.value("arm.leave", "DRUG") == pytest.approx(20 / 84, abs=5e-5)
    assert trial.value("arm.leave", "PLACEBO") == pytest.approx(23 / 88, abs=5e-5)
    assert [trial.value("visit.hours", one) / 168 for one in trial.members("visit")] == [1, 2, 4, 6]


def test_the_readme_counts_the_rows_of_every_table_and_source():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for file in FOLDER.glob("*.csv"):
        data = file.read_bytes()
        lines = data.count(b"\n")
        assert b"\r" not in data
        assert f"| {file.stem} | {lines - 1} |" in readme
    kinds = [re.split(r"[-:]", row["source"])[0] for row in ROWS]
    for shown, names in {
        "`ket-NNN`, `conv-NNN`": ("ket", "conv"),
        "`doi:...`": ("doi",),
        "`data:<folder>`": ("data",),
        "`assumed`": ("assumed",),
    }.items():
        assert f"| {shown} | {sum(kinds.count(name) for name in names)} |" in readme

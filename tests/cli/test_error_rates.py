"""`ketastats plan` and `ketastats judge --calibrate`, with few cohorts."""

import json

import pytest

import ketastats as ks
from ketastats.resources import shipped

COURSE = str(shipped("data", "synthetic_course"))
HEADLINE = "conventional-relief-30-40"
ONSET = ["judge", "onset-hours-to-days", "--arm", "KETAMINE"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_judge_says_how_often_such_a_verdict_is_wrong(run):
    code, printed, _ = run(*ONSET, "--data", COURSE, "--calibrate", "--replicates", "2")
    assert code == 0
    assert "in 2 made-up cohorts (90 patients) with this schedule and drop-out" in printed


def test_judge_says_so_of_published_evidence_too(run):
    code, printed, _ = run("judge", HEADLINE, "--calibrate", "--replicates", "2")
    assert code == 0
    assert "in 2 made-up sets of 8 trials (1,269 patients) as large and as different" in printed


def test_a_verdict_stands_where_no_error_rates_can_be_given(run):
    code, printed, said = run("judge", "onset-hours-to-days", "--calibrate", "--replicates", "2")
    assert code == 0
    assert "Not testable" in printed
    assert "No error rates: The claim 'onset-hours-to-days' is not decided by a pooled rate" in said


def test_plan_says_how_many_patients_and_draws_them(run, tmp_path):
    figure = tmp_path / "plan.png"
    options = ["--sizes", "40,80", "--replicates", "2", "--figure", str(figure), "--json"]
    code, printed, _ = run("plan", "medicines-take-weeks", *options)
    assert code == 0
    assert json.loads(printed)["kind"] == "SizePlan"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_plan_refuses_what_it_cannot_plan(run):
    assert run("plan", "medicines-take-weeks", "--sizes", "forty")[0] == 2
    assert run("plan", "inflammation-and-bdnf")[0] == 2
    assert run("plan", "medicines-take-weeks", "--set", "arm.share=2")[0] in (2, 3)


def test_a_further_visit_is_part_of_the_plan():
    cases = ks.claim_cases("onset-hours-to-days", changes={"visit.hours[Day 2]": 48}, n=5_000)
    assert all("Day 2" in case.scenario.members("visit") for case in cases)

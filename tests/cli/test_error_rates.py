"""`ketastats plan` and `ketastats judge --calibrate`, with few cohorts."""

import json

import pytest

import ketastats as ks
from ketastats.resources import shipped

COURSE = str(shipped("data", "synthetic_course"))
ONSET = ["judge", "onset-hours-to-days", "--arm", "KETAMINE"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_judge_says_how_often_such_a_verdict_is_wrong(run):
    code, printed, _ = run(*ONSET, "--data", COURSE, "--calibrate", "--replicates", "2")
    assert code == 0
    assert "At n = 90, with this schedule and drop-out, the claim would be called" in printed


def test_judge_calibrates_a_cohort_and_nothing_else(run):
    code, _, said = run("judge", "conventional-relief-30-40", "--calibrate")
    assert code == 2
    assert "--data" in said


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

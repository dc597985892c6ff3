"""Cohorts like one at hand: its size, visits, doses, leaving and gaps, and what is refused."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.calibration.at_hand import cases_like, like
from ketastats.calibration.cases import template
from ketastats.endpoints.baseline import derive_baseline


@pytest.fixture(scope="module")
def course() -> ks.Cohort:
    return ks.load_synthetic_course()


def test_a_scenario_like_a_cohort_has_its_visits_leaving_gaps_and_doses(course):
    one = template("ketamine-works-faster")
    scores = derive_baseline(course.scores)
    pairs = {"KETAMINE": "KETAMINE", "CONVENTIONAL": "CONVENTIONAL"}
    made = like(one.scenario, course, scores, pairs)
    after = scores[scores["afrlt"] > 0]
    planned = after.groupby("avisit")["afrlt"].median()
    assert {v: made.value("visit.hours", v) for v in made.members("visit")} == pytest.approx(
        planned.to_dict()
    )
    for arm in pairs:
        assert made.value("arm.share", arm) == (course.subjects["trt01a"] == arm).sum()
    assert made.value("arm.doses", "KETAMINE") == 6
    assert made.value("arm.every", "KETAMINE") == pytest.approx(3.5, abs=0.6)
    assert 0.02 < made.value("gap.share") < 0.2
    base = scores.drop_duplicates("usubjid")["base"]
    assert made.value("score.mean", "madrs") == pytest.approx(base.mean())
    assert ("entry.score", "") not in made.values


def test_cohorts_like_one_at_hand_leave_and_miss_visits_as_often(course):
    one = template("onset-hours-to-days")
    made = like(one.scenario, course, derive_baseline(course.scores), {"KETAMINE": "KETAMINE"})
    drawn = ks.synthetic_cohort(made, 6_000, 8)
    mine = drawn.subjects[drawn.subjects["trt01a"] == "KETAMINE"]
    wanted = course.subjects.query("trt01a == 'KETAMINE'")["eosstt"].eq("DISCONTINUED").mean()
    found = mine["eosstt"].eq("DISCONTINUED").mean()
    assert found == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / len(mine)))


def test_the_cases_have_as_many_patients_and_truths_on_both_sides(course):
    cases, n = cases_like("onset-hours-to-days", course, arm="KETAMINE")
    assert n == 90
    assert [case.which for case in cases] == ["false", "border", "true"]
    assert [round(case.truth, 2) for case in cases] == [0.40, 0.50, 0.65]
    assert cases[0].options["instrument"] == "madrs"


def test_error_rates_of_a_cohort_at_hand_are_told_in_a_sentence(course):
    found = ks.calibrate(
        "onset-hours-to-days", course, arm="KETAMINE", replicates=3, workers=1, seed=2
    )
    assert str(found).startswith("At n = 90, with this schedule and drop-out")
    assert set(found.to_frame()["which"]) == {"false", "border", "true"}


def test_another_instrument_than_the_scenarios_takes_its_place():
    trial = ks.load_antidepressant_trial()
    cases, n = cases_like(
        "conventional-relief-30-40", trial, arm="PLACEBO", instrument="hamd17", visit="Week 4"
    )
    assert n == (trial.subjects["trt01a"] == "PLACEBO").sum()
    assert cases[0].options["visit"] == "Week 4"
    assert cases[0].truth == pytest.approx(0.5, abs=0.01)


def test_a_visit_an_arm_or_a_claim_that_is_not_there_is_refused(course):
    trial = ks.load_antidepressant_trial()
    asked = {"arm": "DRUG", "instrument": "hamd17"}
    with pytest.raises(ks.UsageError, match="visit"):
        cases_like("conventional-relief-30-40", trial, visit="Week 60", **asked)
    with pytest.raises(ks.UsageError, match="same arm"):
        cases_like("ketamine-works-faster", course, arm="KETAMINE", reference="KETAMINE")
    with pytest.raises(ks.UsageError, match="about doses"):
        cases_like("relief-after-second-or-third", trial, **asked)
    claim = ks.find_claim("onset-hours-to-days")
    other = replace(claim, facts=MappingProxyType({**claim.facts, "horizon_hours": 24}))
    with pytest.raises(ks.UsageError, match="differs from the registered"):
        cases_like(other, course, arm="KETAMINE")


def test_what_cannot_be_matched_is_said(course):
    trial = ks.load_antidepressant_trial()
    both = pd.concat([course.scores, course.scores.assign(paramcd="ham_a")], ignore_index=True)
    two = ks.Cohort(course.subjects, scores=both, doses=course.doses, provenance="synthetic")
    with pytest.raises(ks.UsageError, match="Name one with"):
        cases_like("onset-hours-to-days", two, arm="KETAMINE")
    with pytest.raises(ks.UsageError, match="instrument with a baseline"):
        cases_like("onset-hours-to-days", course, arm="KETAMINE", instrument="ham_a")
    with pytest.raises(ks.UsageError, match="arm"):
        cases_like("onset-hours-to-days", course, arm="KETAMIN")
    with pytest.raises(ks.UsageError, match="compares two arms"):
        cases_like("ketamine-works-faster", course)
    with pytest.raises(
        ks.UsageError, match=r"whatever arm\.responders.* it cannot be"
    ):  # no visit within a day
        cases_like("depression-lifts-in-hours", trial, arm="DRUG", instrument="hamd17")
    nobody = ks.Cohort(
        pd.DataFrame({"usubjid": ["a", "b"], "trt01a": "KETAMINE"}),
        scores=pd.DataFrame(
            {"usubjid": ["a", "b"], "paramcd": "madrs", "afrlt": -1.0, "aval": [30, 32]}
        ),
        provenance="public",
    )
    with pytest.raises(ks.UsageError, match="no visits"):
        cases_like("onset-hours-to-days", nobody, arm="KETAMINE")

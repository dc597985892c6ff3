"""Cases with known truth: the truth that is counted, and the judging path on the same population."""

import numpy as np
import pytest

import ketastats as ks
from ketastats.calibration.cases import WHICH, Case, claims_with_cases, draw, only, template
from ketastats.calibration.population import (
    as_cohort,
    deciding_value,
    standardised_effect,
)
from ketastats.calibration.settling import _far_enough, settle
from ketastats.claims.judge import JUDGED_KINDS
from ketastats.synthetic.cohort import make_up

COUNTED = (
    "conventional-relief-30-40",
    "medicines-take-weeks",
    "depression-lifts-in-hours",
    "relief-after-second-or-third",
    "ketamine-anxiety-benefit",
    "works-when-others-failed",
    "long-term-improvement",
    "lasting-resilience",
)


def test_every_claim_with_a_judging_path_on_a_cohort_has_cases():
    judged = {one.id for one in ks.load_claims().values() if one.kind in JUDGED_KINDS}
    assert set(claims_with_cases()) == judged


@pytest.mark.parametrize("claim", claims_with_cases())
def test_a_template_names_arms_and_instruments_of_its_scenario(claim):
    one = template(claim)
    assert set(one.arms) <= set(one.scenario.members("arm"))
    assert one.options["instrument"] in one.scenario.members("instrument")
    assert set(one.targets) == set(WHICH)
    verdict = ks.judge(claim, _cohort(claim), readings="deciding", **one.options)
    assert verdict.word != "not_testable", verdict.reason


def _cohort(claim: str) -> ks.Cohort:
    one = template(claim)
    case = Case(claim, "true", one.scenario, one.options, one.arms, 0.5, 0.0, (0.5,))
    return draw(case, 160, 3)


@pytest.mark.parametrize("claim", COUNTED)
def test_the_truth_that_is_counted_is_what_the_judging_path_finds_in_a_large_cohort(claim):
    one = template(claim)
    scenario = only(one.scenario, one.arms, one.options["instrument"])
    on_time = {("visit.spread", name): 0.0 for name in scenario.members("visit")}
    scenario = scenario.changed(
        on_time | {("arm.slip", arm): 0.0 for arm in one.arms} | {("site.sd", ""): 0.0}
    )
    value, error = deciding_value(one.claim, scenario, one.options, n=30_000)
    counted = one.claim.kind == "rate_within" or one.claim.facts.get("endpoint") == "response"
    as_seen = counted and one.claim.kind in ("rate_within", "superiority")
    cohort = as_cohort(make_up(scenario, 4_000, 99), everybody=not as_seen)
    row = ks.judge(claim, cohort, readings="deciding", **one.options).to_frame().iloc[0]
    spread = (row["conf_high"] - row["conf_low"]) / (2 * 1.645)
    assert abs(row["estimate"] - value) < 4 * np.hypot(error, spread)


def test_the_lever_brings_the_truth_to_the_border():
    case = settle(template("conventional-relief-30-40"), "border", n=20_000)
    assert case.truth == pytest.approx(0.40, abs=2e-3)
    assert case.border == (0.30, 0.40)
    assert 0 < case.truth_std_error < 0.005
    assert case.settings.startswith("arm.responders[CONVENTIONAL]=")


def test_arms_of_one_law_differ_by_exactly_nothing():
    assert settle(template("ketamine-anxiety-benefit"), "border", n=5_000).truth == 0.0
    assert settle(template("works-when-others-failed"), "border", n=5_000).truth_std_error == 0.0


def test_swapped_arms_turn_the_truth_around():
    one = template("ptsd-fewer-intrusions")
    true, false = (settle(one, which, n=20_000) for which in ("true", "false"))
    assert true.truth > 5 * true.truth_std_error
    assert false.truth < -5 * false.truth_std_error


def test_a_truth_that_no_setting_brings_about_is_said():
    one = template("depression-lifts-in-hours")
    slow = one.replaced(one.scenario.changed({"arm.onset[KETAMINE]": 5000.0}))
    with pytest.raises(ks.UsageError, match=r"whatever arm\.responders.* it cannot be"):
        settle(slow, "true", n=2_000)
    with pytest.raises(ks.UsageError, match="no cases"):
        template("inflammation-and-bdnf")


def test_a_truth_that_is_nearly_reached_is_taken_as_far_as_it_goes_and_told():
    one = template("onset-hours-to-days")
    weaker = {"arm.gain[KETAMINE]": 0.9, "arm.step[KETAMINE]": 0.49}
    case = settle(one.replaced(one.scenario.changed(weaker)), "true", n=5_000)
    assert 0.575 <= case.truth < float(one.targets["true"])  # at least half way from the border
    weaker["arm.step[KETAMINE]"] = 0.45
    with pytest.raises(ks.UsageError, match=r"it cannot be 0\.65"):
        settle(one.replaced(one.scenario.changed(weaker)), "true", n=5_000)


def test_half_way_is_counted_from_the_border_on_the_side_of_the_value():
    claimed = (0.3, 0.4)
    assert _far_enough(claimed, 0.375, 0.35)
    assert _far_enough(claimed, 0.325, 0.35)
    for short in (0.399, 0.301, 0.45, 0.2):
        assert not _far_enough(claimed, short, 0.35)
    assert _far_enough(claimed, 0.46, 0.5)
    assert not _far_enough(claimed, 0.41, 0.5)


def test_a_drawn_cohort_holds_the_arms_of_the_case_and_no_other():
    assert _cohort("depression-lifts-in-hours").arms == ("KETAMINE",)
    assert _cohort("works-when-others-failed").arms == ("KETAMINE", "MIDAZOLAM")


@pytest.mark.parametrize("claim", claims_with_cases())
def test_the_deciding_readings_alone_give_the_same_word(claim):
    one = template(claim)
    if one.claim.id in ("ptsd-fewer-intrusions", "chronic-pain-relief"):
        pytest.skip("as the others of its kind, and slow with all readings")
    cohort = _cohort(claim)
    short = ks.judge(claim, cohort, readings="deciding", **one.options)
    whole = ks.judge(claim, cohort, **one.options)
    assert short.word == whole.word
    first = ["reading", "estimate", "conf_low", "conf_high", "verdict"]
    assert short.to_frame()[first].iloc[0].tolist() == whole.to_frame()[first].iloc[0].tolist()
    with pytest.raises(ks.UsageError, match="readings"):
        ks.judge(claim, cohort, readings="some", **one.options)


def test_a_claim_that_asks_for_a_size_has_its_border_at_that_size():
    one = template("single-low-dose-helps")
    case = settle(one, "border", n=20_000)
    chosen = only(case.scenario, case.arms, case.options["instrument"])
    size = standardised_effect(one.claim, chosen, case.options, n=20_000)
    assert size == pytest.approx(0.5, abs=0.01)
    assert case.truth > 0  # no effect at all would make the claim false


def test_who_leaves_stays_with_the_arm_unless_leaving_is_counted_as_failure():
    for claim, moved in (("ketamine-anxiety-benefit", False), ("works-when-others-failed", True)):
        one = template(claim)
        one = one.replaced(
            one.scenario.changed({"arm.leave[KETAMINE]": 0.05, "arm.leave[MIDAZOLAM]": 0.5})
        )
        case = settle(one, "border", n=2_000)
        assert (case.scenario.value("arm.leave", "KETAMINE") == 0.5) is moved


def test_a_case_on_the_wrong_side_of_its_border_is_refused():
    one = template("works-when-others-failed")
    harmful = one.replaced(
        one.scenario.changed({"arm.leave[KETAMINE]": 0.99, "leave.log_odds": 6.0})
    )
    assert settle(harmful, "border", n=2_000).truth == 0.0
    worse = one.replaced(
        one.scenario.changed({"arm.gain[KETAMINE]": -0.4, "arm.gain_other[KETAMINE]": -0.4})
    )
    with pytest.raises(ks.UsageError, match="is not true where it should be"):
        settle(worse, "true", n=5_000)


def test_relief_after_rescue_is_no_relief_in_the_truth_as_in_the_path():
    one = template("medicines-take-weeks")
    chosen = only(one.scenario, one.arms, one.options["instrument"])
    less, more = (
        deciding_value(one.claim, chosen.changed({"rescue.share": share}), one.options, n=20_000)[0]
        for share in (0.0, 0.9)
    )
    assert more < less

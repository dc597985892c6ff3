"""Cases of claims without a judging path: truths on the right side, and no verdicts counted on them."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.calibration.cases import (
    WHICH,
    claims_with_cases,
    claims_with_known_truth,
    draw,
    only,
    template,
    template_of_any,
)
from ketastats.calibration.settling import settle
from ketastats.calibration.truths import Asked, on_the_right_side, stated_value
from ketastats.resources import shipped
from ketastats.synthetic.scenario import load_scenario

N, MANY = 4_000, 10_000
WITHOUT_PATH = tuple(name for name in claims_with_known_truth() if name not in claims_with_cases())
SETTLED_HERE = ("listed-side-effects", "more-function", "all-routes-work", "not-for-everyone")


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(shipped("data", "calibration", "settled_without_path.csv"))


def test_every_claim_that_a_cohort_can_answer_has_cases():
    claims = ks.load_claims().values()
    out_of_reach = {one.id for one in claims if one.kind == "not_statistical"}
    out_of_reach.add("inflammation-and-bdnf")
    assert set(claims_with_known_truth()) == {one.id for one in claims} - out_of_reach
    for claim in out_of_reach:
        with pytest.raises(ks.UsageError, match="no cases with known truth"):
            ks.claim_cases(claim)


@pytest.mark.parametrize("claim", SETTLED_HERE)
def test_a_claim_without_a_path_has_truths_on_both_sides_of_its_border_and_at_it(claim):
    cases = {case.which: case for case in ks.claim_cases(claim, n=N)}
    assert set(cases) == set(WHICH)
    asked = template_of_any(claim).asked
    sign = 1 if asked.true_above else -1
    (border,) = cases["border"].border
    assert sign * (cases["true"].truth - border) > 0
    assert sign * (cases["false"].truth - border) < 0
    widest = abs(cases["true"].truth - cases["false"].truth)
    assert abs(cases["border"].truth - border) < 0.05 * widest
    for case in cases.values():
        assert np.isfinite(case.truth)
        assert case.truth_std_error >= 0
        assert case.estimand == asked.estimand


@pytest.mark.parametrize("claim", WITHOUT_PATH)
def test_at_the_stored_settings_other_patients_have_the_stored_truth(stored, claim):
    one = template_of_any(claim)
    for row in stored[stored["claim"] == claim].to_dict("records"):
        if one.edges is None:
            case = settle(one, row["which"], n=MANY)
            value, error = case.truth, case.truth_std_error
        else:
            lever, setting = row["settings"].split("=")
            assert lever == one.lever
            chosen = one.scenario.changed({lever: float(setting)})
            value, error = stated_value(
                only(chosen, one.arms, *one.asked.instruments, beside=True),
                one.asked,
                n=MANY,
                seed=12,
            )
        apart = np.hypot(error, row["std_error"])
        assert abs(value - row["truth"]) <= max(4 * apart, 1e-5)


@pytest.mark.parametrize("claim", WITHOUT_PATH)
def test_the_share_that_a_claim_names_is_its_border_and_other_borders_are_said_to_be_chosen(claim):
    facts = ks.load_claims()[claim].facts
    named = facts.get("share", facts.get("threshold"))
    table = pd.read_csv(shipped("data", "calibration", "claim_cases.csv"), dtype=str)
    row = table.set_index("claim").loc[claim]
    if named is not None:
        assert float(row["border"]) == named
        assert "own" in row["note"]
    else:
        assert "chosen" in row["note"] or "registry" in row["note"]


@pytest.mark.parametrize("claim", WITHOUT_PATH)
def test_stored_truths_are_on_the_right_side_too(stored, claim):
    rows = stored[stored["claim"] == claim].set_index("which")
    assert tuple(rows.index) == WHICH
    asked = template_of_any(claim).asked
    for which, row in rows.iterrows():
        assert on_the_right_side(asked, row["truth"], which)
        assert row["border"] == asked.border
    at = rows.loc["border"]
    assert abs(at["truth"] - at["border"]) <= max(2 * at["std_error"], 1e-3)


@pytest.mark.parametrize("claim", ["course-of-sessions", "needs-supervision"])
def test_stored_settings_of_closed_forms_are_found_again(stored, claim):
    rows = stored[stored["claim"] == claim].set_index("which")
    for case in ks.claim_cases(claim, n=500):
        assert case.settings == rows.loc[case.which, "settings"]
        assert case.truth == pytest.approx(rows.loc[case.which, "truth"], rel=1e-5)
        assert case.truth_std_error == 0


@pytest.mark.parametrize("claim", ["better-after-failed-treatments", "dissociation-is-therapeutic"])
def test_at_the_border_nothing_modifies_or_mediates_at_all(claim):
    case = settle(template_of_any(claim), "border", n=500)
    assert (case.truth, case.truth_std_error) == (0.0, 0.0)
    assert case.settings.endswith("=0")


def test_verdicts_on_claims_without_a_path_are_refused_before_anything_is_drawn():
    case = settle(template_of_any("course-of-sessions"), "true", n=200)

    def never(*_):
        raise AssertionError("a cohort was drawn")

    for run in (ks.operating_characteristics, ks.plan_size):
        size = {"n": 20} if run is ks.operating_characteristics else {"sizes": (20, 40)}
        with pytest.raises(ks.UsageError, match="no judging path"):
            run(case, draw=never, **size)
    with pytest.raises(ks.UsageError, match="no judging path"):
        template("course-of-sessions")
    with pytest.raises(ks.UsageError, match="no judging path"):
        ks.calibrate("course-of-sessions", ks.load_synthetic_cohort())


def test_a_case_can_be_drawn_with_what_its_claim_is_about():
    by_route = draw(settle(template_of_any("all-routes-work"), "true", n=2_000), 60, 1)
    assert set(by_route.subjects["trt01a"]) == {"INTRAVENOUS", "INTRANASAL", "ORAL", "MIDAZOLAM"}
    linked = draw(settle(template_of_any("anxiety-depression-linked"), "true", n=2_000), 40, 1)
    assert {"madrs", "ham_a"} <= set(linked.scores["paramcd"])
    assert set(linked.subjects["trt01a"]) == {"KETAMINE"}
    listed = draw(settle(template_of_any("listed-side-effects"), "true", n=2_000), 60, 1)
    assert "Nausea" in set(listed.events["aedecod"])
    assert not listed.medications.empty
    again = draw(settle(template("works-when-others-failed"), "border", n=500), 40, 1)
    assert again.events.empty


def test_the_arm_that_speaks_most_against_a_claim_decides_it():
    scenario = load_scenario("ketamine_routes")
    options = {"reference": "MIDAZOLAM", "instrument": "madrs", "endpoint": "response"}
    options |= {"visit": "Week 1", "border": 0.0}
    arms = ("INTRAVENOUS", "INTRANASAL", "ORAL")
    each = [
        stated_value(
            scenario,
            Asked("share_difference", (arm,), true_above=True, **options),
            n=3_000,
            seed=1,
        )
        for arm in arms
    ]
    least, most = (
        stated_value(
            scenario,
            Asked("share_difference", arms, true_above=above, **options),
            n=3_000,
            seed=1,
        )
        for above in (True, False)
    )
    assert least == min(each)
    assert most == max(each)
    with pytest.raises(ks.UsageError, match="no single value"):
        stated_value(
            scenario,
            Asked("share_difference", ("NOBODY",), true_above=True, **options),
            n=200,
            seed=1,
        )


def test_a_difference_is_read_in_either_order_of_its_arms():
    scenario = load_scenario("ketamine_trd")
    words = {"instrument": "madrs", "endpoint": None, "visit": "24 h"}
    one, other = (
        stated_value(
            scenario,
            Asked("mean_change_difference", (arm,), reference, **words, true_above=False, border=0),
            n=1_000,
            seed=1,
        )
        for arm, reference in (("KETAMINE", "MIDAZOLAM"), ("MIDAZOLAM", "KETAMINE"))
    )
    assert one[0] == -other[0]
    assert one[1] == other[1] > 0


def test_gains_by_diagnosis_move_with_the_law_of_the_arms_and_a_mediator_forbids_it():
    one = template("works-when-others-failed")
    given = one.replaced(one.scenario.changed({"diagnosis.gain[KETAMINE/trd]": 0.1}))
    swapped = settle(given, "false", n=2_000).scenario
    assert swapped.given("diagnosis.gain", "MIDAZOLAM/trd") == 0.1
    assert swapped.given("diagnosis.gain", "KETAMINE/trd") == 0
    alike = settle(given, "border", n=500).scenario
    assert alike.given("diagnosis.gain", "KETAMINE/trd") == 0
    through = {"mediator.event": "Nausea", "mediator.gain": 0.1}
    with pytest.raises(ks.UsageError, match="part of how they work"):
        settle(one.replaced(one.scenario.changed(through)), "border", n=500)

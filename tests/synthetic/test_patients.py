from math import sqrt

import numpy as np
import pytest
from scipy.special import ndtr

from ketastats.stats.regression_to_mean import expected_change
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.patients import make_patients
from ketastats.synthetic.scenario import load_scenario

N = 100_000


def drawn(scenario, n=N, seed=1):
    return make_patients(scenario, n, np.random.default_rng(seed))


def test_arms_are_as_large_as_their_shares_say_to_the_patient():
    scenario = load_scenario("ketamine_trd").changed(
        {"arm.share[KETAMINE]": 2, "arm.share[MIDAZOLAM]": 1, "arm.share[CONVENTIONAL]": 0.5}
    )
    for n in (1, 2, 7, 35, 1000):
        patients = drawn(scenario, n)
        sizes = np.bincount(patients.arm, minlength=3)
        share = np.array([scenario.value("arm.share", arm) for arm in patients.arms])
        assert sizes.sum() == n
        assert (np.abs(sizes - n * share / share.sum()) < 1).all()


def test_arms_come_in_random_order():
    patients = drawn(load_scenario("ketamine_trd"), 3000)
    halves = [(patients.arm[half] == 0).mean() for half in (slice(1500), slice(1500, None))]
    assert halves == pytest.approx([1 / 3, 1 / 3], abs=0.05)


@pytest.mark.parametrize("name", ["ketamine_trd", "ketamine_anxiety", "ketamine_ptsd"])
def test_nobody_is_let_in_short_of_the_entry_score(name):
    scenario = load_scenario(name)
    entry = scenario.word("entry.instrument")
    assert drawn(scenario, 20_000).first[entry].min() >= scenario.value("entry.score")


def test_where_high_is_good_nobody_is_let_in_beyond_the_entry_score():
    scenario = load_scenario("ketamine_trd").changed({"entry.instrument": "who5", "entry.score": 7})
    first = drawn(scenario, 20_000).first["who5"]
    assert first.max() == 7


@pytest.mark.parametrize("entry", [20, 26, 32])
def test_baseline_and_the_second_look_without_treatment_are_those_of_a_cut_normal_law(still, entry):
    reliability, mean, sd = 0.7, 28.0, 4.0
    scenario = still.changed(
        {
            "score.reliability[madrs]": reliability,
            "score.mean[madrs]": mean,
            "score.sd[madrs]": sd,
            "entry.score": entry,
        }
    )
    made = make_up(scenario, N, 5)
    first, later = made.patients.first["madrs"], made.course.scores["madrs"]
    z = (entry - 0.5 - mean) / sd  # scores are whole
    excess = -expected_change(sd, z, 0.0)
    scores = np.arange(entry, 61)
    law = np.diff(ndtr((np.append(scores, 61) - 0.5 - mean) / sd)) / ndtr(-z)
    error = first.std() / sqrt(N)
    assert first.mean() == pytest.approx(scores @ law, abs=4 * error)
    assert scores @ law == pytest.approx(mean + excess, abs=0.03)  # what rounding does at the cut
    error = later.std() / sqrt(N)
    assert later.mean(axis=0) == pytest.approx(
        np.full(14, mean + excess + expected_change(sd, z, reliability)), abs=4 * error
    )


def test_without_entry_scales_correlate_as_loadings_and_reliabilities_say(still):
    scenario = still.changed(
        {
            "entry.instrument": None,
            "entry.score": None,
            "score.mean[ham_a]": 28,
            "score.sd[ham_a]": 5,
            "score.sd[madrs]": 6,
            "score.reliability[madrs]": 0.9,
            "score.reliability[ham_a]": 0.6,
            "score.loading[madrs]": 0.8,
            "score.loading[ham_a]": 0.7,
        }
    )
    made = make_up(scenario, N, 2)
    first = made.patients.first
    expected = 0.8 * 0.7 * sqrt(0.9 * 0.6)
    found = np.corrcoef(first["madrs"], first["ham_a"])[0, 1]
    assert found == pytest.approx(expected, abs=4 * (1 - expected**2) / sqrt(N) + 0.005)  # rounding
    again = made.course.scores["madrs"]
    assert np.corrcoef(first["madrs"], again[:, 3])[0, 1] == pytest.approx(0.9, abs=0.01)
    assert first["madrs"].mean() == pytest.approx(scenario.value("score.mean", "madrs"), abs=0.08)


def test_among_those_let_in_the_other_scale_follows_the_law_of_the_whole_given_the_entry(still):
    # regression of one baseline on the other is the same with and without a cut of the other
    scenario = still.changed({"score.loading[madrs]": 0.8, "score.loading[ham_a]": 0.7})
    first = drawn(scenario).first
    rho = (
        0.8
        * 0.7
        * sqrt(
            scenario.value("score.reliability", "madrs")
            * scenario.value("score.reliability", "ham_a")
        )
    )
    slope = rho * scenario.value("score.sd", "ham_a") / scenario.value("score.sd", "madrs")
    fit = np.polyfit(first["madrs"], first["ham_a"], 1)
    spread = first["ham_a"].std() / first["madrs"].std() / sqrt(N)
    assert fit[0] == pytest.approx(slope, abs=4 * spread + 0.01)  # rounding, ends of the scale


def test_a_far_entry_keeps_a_law_and_not_one_value(still):
    scenario = still.changed(
        {"score.mean[madrs]": 20, "score.sd[madrs]": 4, "entry.score": 52}  # 8 standard deviations
    )
    first = drawn(scenario, 10_000).first["madrs"]
    assert first.min() == 52
    assert len(np.unique(first)) > 2
    assert (first == 60).mean() < 0.01


def test_ages_weights_and_sites_stay_where_they_can_be():
    scenario = load_scenario("ketamine_trd").changed({"age.sd": 40, "weight.sd": 60})
    patients = drawn(scenario, 5000)
    assert patients.age.min() >= 18
    assert patients.age.max() <= 85
    assert patients.weight.min() >= 40
    assert patients.weight.max() <= 180
    assert set(patients.site) == set(range(int(scenario.value("site.count"))))
    assert patients.failed.min() == scenario.value("failed.least")


def test_shares_of_patients_are_those_of_the_scenario():
    scenario = load_scenario("ketamine_clinic")
    patients = drawn(scenario)
    error = 4 * 0.5 / sqrt(N)
    assert patients.female.mean() == pytest.approx(scenario.value("female.share"), abs=error)
    for code, name in enumerate(scenario.in_order("diagnosis")):
        share = scenario.value("diagnosis.share", name)
        assert (patients.diagnosis == code).mean() == pytest.approx(share, abs=error)
    for code, arm in enumerate(patients.arms):
        share = patients.works[patients.arm == code].mean()
        assert share == pytest.approx(scenario.value("arm.responders", arm), abs=2 * error)


@pytest.mark.parametrize("step", [0.2, 0.5, 0.85])
def test_steps_of_doses_have_their_mean_and_stay_between_0_and_1(still, step):
    steps = drawn(still.changed({"arm.step[KETAMINE]": step}), 50_000).step
    assert steps.mean() == pytest.approx(step, abs=4 * steps.std() / sqrt(50_000))
    assert steps.min() > 0
    assert steps.max() <= 1
    assert steps.std() > 0


@pytest.mark.parametrize("step", [0, 1])
def test_a_step_of_0_or_1_is_exact(still, step):
    assert (drawn(still.changed({"arm.step[KETAMINE]": step}), 100).step == step).all()

"""Truths of what modifies and what mediates an effect: closed forms, and counts in large cohorts."""

from math import sqrt

import numpy as np
import pytest

import ketastats as ks
from ketastats.synthetic.cohort import make_up, synthetic_cohort
from ketastats.synthetic.scenario import load_scenario
from ketastats.synthetic.truth import ESTIMANDS, true_values
from ketastats.synthetic.truth_rows import same_law

N = 20_000
LATE = "Week 24"
PATHS = (
    "modified_by_failed_treatments",
    "modified_by_diagnosis",
    "mediated_by_side_effects",
    "mediated_by_guess",
)


@pytest.fixture(scope="module")
def pair():
    """Two arms and one scale, as in life."""
    gone = [("arm.share", "CONVENTIONAL")]
    gone += [("score.mean", name) for name in ("ham_a", "sds", "who5", "pcl5", "nrs_pain")]
    changes = dict.fromkeys(gone) | {("score.items", "madrs"): "no", ("site.count", ""): N}
    return load_scenario("ketamine_clinic").changed(changes, name="pair")


@pytest.fixture(scope="module")
def plain(pair):
    """The same with nothing but a gain of 0.3 in everybody under ketamine, in full at once and for good."""
    changes = {"expectancy.sd": 0, "expectancy.guess": 0, "drift.per_week": 0, "site.sd": 0}
    changes |= {"score.reliability[madrs]": 1, "score.own_sd[madrs]": 0, "entry.score": 30}
    for arm, gain in (("KETAMINE", 0.3), ("MIDAZOLAM", 0)):
        changes |= {f"arm.gain[{arm}]": gain, f"arm.responders[{arm}]": 1, f"arm.step[{arm}]": 1}
        still = ("gain_sd", "expectancy", "guess", "leave", "broken", "maintained", "lapses")
        changes |= {f"arm.{name}[{arm}]": 0 for name in still}
        changes |= {f"arm.onset[{arm}]": 0.01, f"arm.onset_spread[{arm}]": 0}
        changes |= {f"arm.fade[{arm}]": 1e6, f"arm.slip[{arm}]": 0}
    return pair.changed(changes, name="plain")


def mean_score(scenario):
    """Mean true score before treatment, as the generator draws it."""
    true = make_up(scenario, 100_000, 5).patients.true["madrs"]
    return true.mean(), true.std() / sqrt(len(true))


def row_of(table, estimand, **where):
    rows = table[table["estimand"] == estimand]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def changes_at(cohort, visit):
    """Change in MADRS at a visit with what is known of each patient."""
    table = ks.derive_change(ks.derive_baseline(cohort.scores))
    return ks.select_visit(table, visit, subjects=cohort.subjects, instrument="madrs")


def test_where_nothing_modifies_or_mediates_all_of_it_is_exactly_0(pair):
    table = true_values(pair, n=100, estimands=PATHS)
    assert set(table["estimand"]) == set(PATHS)
    assert (table["value"] == 0).all()
    assert (table["std_error"] == 0).all()
    assert (table["method"] == "closed_form").all()
    assert table["visit"].isna().all()


def test_arms_alike_in_what_modifies_are_not_told_apart_by_it(pair):
    both = {f"arm.gain_per_failed[{arm}]": 0.05 for arm in ("KETAMINE", "MIDAZOLAM")}
    one = load_scenario("ketamine_trd no_effect").changed(both)
    table = true_values(one, n=100, estimands=["modified_by_failed_treatments"])
    found = row_of(table, PATHS[0], arm="KETAMINE", reference="MIDAZOLAM")
    assert (found["value"], found["std_error"]) == (0, 0)
    assert same_law(one, "KETAMINE", "MIDAZOLAM")
    alone = one.changed({"arm.gain_per_failed[KETAMINE]": 0})
    assert not same_law(alone, "KETAMINE", "MIDAZOLAM")
    named = one.changed({"diagnosis.gain[KETAMINE/trd]": 0.1})
    assert not same_law(named, "KETAMINE", "MIDAZOLAM")
    through = {"mediator.event": "Nausea", "mediator.gain": 0.1}
    assert not same_law(one.changed(through), "KETAMINE", "MIDAZOLAM")
    assert same_law(one.changed({"mediator.event": "Nausea"}), "KETAMINE", "MIDAZOLAM")


def test_the_slope_is_the_gain_per_treatment_times_the_mean_score(plain):
    scenario = plain.changed({"arm.gain_per_failed[KETAMINE]": 0.02})
    table = true_values(scenario, n=100_000, estimands=[PATHS[0]])
    found = row_of(table, PATHS[0], visit=LATE)
    mean, error = mean_score(scenario)
    assert found["value"] == pytest.approx(
        -0.02 * mean, abs=4 * np.hypot(found["std_error"], 0.02 * error)
    )


def test_the_effect_in_a_diagnosis_differs_by_its_gain_times_the_mean_score(plain):
    scenario = plain.changed({"diagnosis.gain[KETAMINE/ptsd]": -0.2})
    table = true_values(scenario, n=100_000, estimands=[PATHS[1]])
    found = row_of(table, PATHS[1], visit=LATE, endpoint="ptsd")
    mean, _ = mean_score(scenario)
    assert found["value"] == pytest.approx(0.2 * mean, abs=4 * found["std_error"])
    other = row_of(table, PATHS[1], visit=LATE, endpoint="trd")
    share = 0.2 / 0.5  # of the others, how many have ptsd: 0.2 of the half that is not trd
    assert other["value"] == pytest.approx(-0.2 * mean * share, abs=4 * other["std_error"])


def test_where_all_have_the_side_effect_under_one_drug_only_its_path_is_the_gain_in_points(plain):
    through = {"mediator.event": "Nausea", "mediator.gain": 0.1, "mediator.guess": 1}
    through |= {"event.share[KETAMINE/Nausea]": 1, "event.share[MIDAZOLAM/Nausea]": 0}
    scenario = plain.changed(through | {"expectancy.guess": 0.2})
    table = true_values(scenario, n=60_000, estimands=PATHS[2:])
    mean, error = mean_score(scenario)
    # with the guess, a fifth of what is left is gone already; without it, the guess takes a fifth of the rest
    for name, wanted in ((PATHS[2], -0.1 * 0.8 * mean), (PATHS[3], -0.2 * 0.7 * mean)):
        found = row_of(table, name, visit=LATE)
        assert found["value"] == pytest.approx(wanted, abs=4 * np.hypot(found["std_error"], error))


def test_the_two_paths_are_the_natural_indirect_effect_and_each_can_be_absent(plain):
    through = {"mediator.event": "Nausea", "event.share[KETAMINE/Nausea]": 0.6}
    through |= {"expectancy.guess": 0.2}
    direct, told, both = (
        true_values(plain.changed(through | more), n=4_000, estimands=PATHS[2:])
        for more in (
            {"mediator.gain": 0.1},
            {"mediator.guess": 1},
            {"mediator.gain": 0.1, "mediator.guess": 1},
        )
    )
    assert (direct.loc[direct["estimand"] == PATHS[3], "value"] == 0).all()
    assert (told.loc[told["estimand"] == PATHS[2], "value"] == 0).all()
    for name in PATHS[2:]:
        assert row_of(both, name, visit=LATE)["value"] < 0


def test_the_slope_agrees_with_a_regression_in_a_large_cohort(pair):
    scenario = pair.changed({"arm.gain_per_failed[KETAMINE]": 0.04})
    table = true_values(scenario, n=60_000, estimands=[PATHS[0]])
    truth = row_of(table, PATHS[0], visit="24 h", instrument="madrs")
    rows = changes_at(synthetic_cohort(scenario, N, 99, follow_up="everybody"), "24 h")
    slopes, errors = [], []
    for arm in ("KETAMINE", "MIDAZOLAM"):
        mine = rows[rows["trt01a"] == arm]
        x = mine["ntrials_failed"].to_numpy(dtype=float)
        fit, covariance = np.polyfit(x, mine["chg"].to_numpy(dtype=float), 1, cov="unscaled")
        left = mine["chg"] - np.polyval(fit, x)
        slopes.append(fit[0])
        errors.append(sqrt(covariance[0, 0]) * left.std())
    assert truth["value"] < -0.3
    assert slopes[0] - slopes[1] == pytest.approx(
        truth["value"], abs=4 * np.linalg.norm([*errors, truth["std_error"]])
    )


def test_the_difference_between_diagnoses_agrees_with_four_means_in_a_large_cohort(pair):
    scenario = pair.changed({"diagnosis.gain[KETAMINE/ptsd]": -0.3})
    table = true_values(scenario, n=60_000, estimands=[PATHS[1]])
    truth = row_of(table, PATHS[1], visit="24 h", endpoint="ptsd", instrument="madrs")
    rows = changes_at(synthetic_cohort(scenario, N, 98, follow_up="everybody"), "24 h")
    told = rows.assign(inside=rows["diagnosis"] == "ptsd").groupby(["inside", "trt01a"])["chg"]
    mean, square = told.mean(), (told.var() / told.count()).sum()
    effects = [mean[inside, "KETAMINE"] - mean[inside, "MIDAZOLAM"] for inside in (True, False)]
    assert truth["value"] > 2
    assert effects[0] - effects[1] == pytest.approx(
        truth["value"], abs=4 * sqrt(square + truth["std_error"] ** 2)
    )


def test_what_goes_through_the_side_effect_agrees_with_those_who_had_it_and_those_who_had_not(pair):
    through = {"mediator.event": "Dissociation", "mediator.gain": 0.3, "arm.gain[KETAMINE]": 0.4}
    through |= {"event.share[KETAMINE/Dissociation]": 0.5, "arm.leave[KETAMINE]": 0}
    scenario = pair.changed(through)
    table = true_values(scenario, n=60_000, estimands=[PATHS[2]])
    truth = row_of(table, PATHS[2], visit="24 h", instrument="madrs")
    cohort = synthetic_cohort(scenario, N, 97, follow_up="everybody")
    had = cohort.events[
        (cohort.events["aedecod"] == "Dissociation") & (cohort.events["exseq"] == 1)
    ]
    rows = changes_at(cohort, "24 h")
    rows = rows.assign(had=rows["usubjid"].isin(had["usubjid"]))
    more = rows.groupby("trt01a")["had"].mean()
    mine = rows[rows["trt01a"] == "KETAMINE"].groupby("had")["chg"]
    # nothing makes both the side effect and the change, so that the two groups can be compared
    found = (more["KETAMINE"] - more["MIDAZOLAM"]) * (mine.mean()[True] - mine.mean()[False])
    error = sqrt((mine.var() / mine.count()).sum()) * more["KETAMINE"]
    error = np.hypot(error, found / more["KETAMINE"] * sqrt(0.25 / (N / 2)))
    assert truth["value"] < -1
    assert found == pytest.approx(truth["value"], abs=4 * np.hypot(error, truth["std_error"]))


def test_the_error_of_a_path_is_that_of_pairs_and_smaller_than_that_of_two_groups(pair):
    through = {"mediator.event": "Dissociation", "mediator.gain": 0.2, "arm.gain[KETAMINE]": 0.4}
    scenario = pair.changed(through)
    one, other = (true_values(scenario, n=8_000, seed=seed) for seed in (1, 2))
    first, second = (row_of(table, PATHS[2], visit="Week 4") for table in (one, other))
    apart = np.hypot(first["std_error"], second["std_error"])
    assert abs(first["value"] - second["value"]) < 4 * apart
    groups = row_of(one, "mean_change_difference", visit="Week 4")
    assert first["std_error"] < groups["std_error"] / 2


def test_only_the_estimands_that_are_asked_for_are_worked_out_and_are_the_same(pair):
    whole = true_values(pair, n=500)
    assert set(whole["estimand"]) <= set(ESTIMANDS)
    for name in ("share_difference", "left", "event_incidence_difference"):
        alone = true_values(pair, n=500, estimands=[name])
        wanted = whole[whole["estimand"] == name].reset_index(drop=True)
        assert alone.equals(wanted)
    with pytest.raises(ks.UsageError, match="estimand"):
        true_values(pair, n=500, estimands=["mean_chang"])


def test_a_slope_on_what_does_not_vary_does_not_exist(pair):
    scenario = pair.changed({"failed.further": 0, "arm.gain_per_failed[KETAMINE]": 0.1})
    table = true_values(scenario, n=200, estimands=[PATHS[0]])
    assert table["value"].isna().all()
    assert len(table) == len(scenario.members("visit"))


@pytest.mark.parametrize(("doses", "other"), [(6, 0.1), (0, 0.5)])
def test_what_goes_through_a_side_effect_is_its_gain_times_the_difference_in_its_chance(
    plain, doses, other
):
    changes = {"mediator.event": "Dissociation", "mediator.gain": 0.2, "arm.dose[MIDAZOLAM]": 0.5}
    changes |= {"event.share[KETAMINE/Dissociation]": 0.5, "arm.doses[MIDAZOLAM]": doses}
    through = plain.changed({**changes, "event.share[MIDAZOLAM/Dissociation]": other})
    row = row_of(
        true_values(through, n=N, estimands=["mediated_by_side_effects"]),
        "mediated_by_side_effects",
        arm="KETAMINE",
        visit=LATE,
    )
    mean, error = mean_score(through)
    chance = 0.5 - (other if doses else 0.0)  # without a dose nobody has it
    assert row["value"] == pytest.approx(
        -0.2 * chance * mean, abs=4 * (row["std_error"] + error) + 0.02
    )
    assert row["method"] == "simulated"

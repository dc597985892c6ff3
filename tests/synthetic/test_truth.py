from math import sqrt

import numpy as np
import pytest

import ketastats as ks
from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.scenario import load_scenario
from ketastats.synthetic.truth import COLUMNS, same_law, true_values

N = 20_000


@pytest.fixture(scope="module")
def two_arms():
    """Two arms and two scales, so that a large cohort is counted soon."""
    gone = [
        ("arm.share", "CONVENTIONAL"),
        ("score.mean", "sds"),
        ("score.mean", "who5"),
        *(("visit.hours", name) for name in ("4 h", "72 h", "96 h", "Day 10", "Week 3", "Week 6")),
    ]
    scenario = load_scenario("ketamine_trd")
    changes = dict.fromkeys(gone) | {("score.items", "madrs"): "no", ("site.count", ""): N}
    return scenario.changed(changes, name="two arms")


@pytest.fixture(scope="module")
def truths(two_arms):
    return true_values(two_arms, n=60_000)


@pytest.fixture(scope="module")
def everybody(two_arms):
    return synthetic_cohort(two_arms, N, 99, follow_up="everybody")


def one(truths, estimand, arm="KETAMINE", **where):
    rows = truths[(truths["estimand"] == estimand) & (truths["arm"] == arm)]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def agrees(truth, found, error):
    assert found == pytest.approx(truth["value"], abs=4 * sqrt(truth["std_error"] ** 2 + error**2))


@pytest.mark.parametrize("visit", ["24 h", "Week 4", "Week 24"])
@pytest.mark.parametrize("arm", ["KETAMINE", "MIDAZOLAM"])
def test_shares_agree_with_a_count_by_the_public_functions(truths, everybody, visit, arm):
    visits = ks.derive_response(ks.derive_baseline(everybody.scores), rule="madrs:response_50")
    week = ks.select_visit(visits, visit, subjects=everybody.subjects, instrument="madrs")
    mine = week[week["trt01a"] == arm]
    row = ks.response_rate(mine).to_frame().iloc[0]
    truth = one(
        truths,
        "share",
        arm,
        instrument="madrs",
        endpoint="response",
        visit=visit,
        rule="madrs:response_50",
    )
    p = row["estimate"]
    agrees(truth, p, sqrt(p * (1 - p) / row["n"]))


def test_shares_as_counted_agree_with_a_cohort_as_seen_where_the_missing_count_as_no(
    truths, two_arms
):
    seen = synthetic_cohort(two_arms, N, 98)
    visits = ks.derive_response(ks.derive_baseline(seen.scores), rule="madrs:response_50")
    week = ks.select_visit(visits, "Week 24", subjects=seen.subjects, instrument="madrs")
    assert week["response"].isna().any()
    for arm in ("KETAMINE", "MIDAZOLAM"):
        mine = week[week["trt01a"] == arm]
        row = ks.response_rate(mine, missing="non_response").to_frame().iloc[0]
        truth = one(
            truths,
            "share_as_counted",
            arm,
            instrument="madrs",
            endpoint="response",
            visit="Week 24",
        )
        p = row["estimate"]
        agrees(truth, p, sqrt(p * (1 - p) / row["n"]))
        assert (
            truth["value"]
            < one(truths, "share", arm, instrument="madrs", endpoint="response", visit="Week 24")[
                "value"
            ]
        )


def test_mean_changes_and_their_difference_agree_with_a_count(truths, everybody):
    changes = ks.derive_change(ks.derive_baseline(everybody.scores))
    week = ks.select_visit(changes, "Week 4", subjects=everybody.subjects, instrument="ham_a")
    means, errors = {}, {}
    for arm, rows in week.groupby("trt01a"):
        means[arm] = rows["chg"].mean()
        errors[arm] = rows["chg"].std() / sqrt(len(rows))
        truth = one(truths, "mean_change", arm, instrument="ham_a", visit="Week 4")
        agrees(truth, means[arm], errors[arm])
    difference = one(truths, "mean_change_difference", instrument="ham_a", visit="Week 4")
    assert difference["reference"] == "MIDAZOLAM"
    agrees(difference, means["KETAMINE"] - means["MIDAZOLAM"], np.hypot(*errors.values()))


def test_relief_by_a_visit_agrees_with_a_count_of_those_who_ever_met_it(truths, everybody):
    visits = ks.derive_response(ks.derive_baseline(everybody.scores), rule="madrs:response_50")
    rows = visits[(visits["paramcd"] == "madrs") & visits["avisitn"].between(1, 3)]
    ever = rows.groupby("usubjid")["response"].any()
    arm = everybody.subjects.set_index("usubjid")["trt01a"]
    visit = rows.loc[rows["avisitn"] == 3, "avisit"].iloc[0]
    p = ever[arm[ever.index] == "KETAMINE"].mean()
    truth = one(truths, "relief_by", instrument="madrs", endpoint="response", visit=visit)
    agrees(truth, p, sqrt(p * (1 - p) / (N / 2)))


def test_correlations_agree_with_a_count(truths, everybody):
    changes = ks.derive_change(ks.derive_baseline(everybody.scores))
    week = changes[changes["avisit"] == "Week 4"].pivot_table(
        index="usubjid", columns="paramcd", values="chg"
    )
    arm = everybody.subjects.set_index("usubjid")["trt01a"]
    r = week[arm[week.index] == "KETAMINE"].corr().loc["ham_a", "madrs"]
    truth = one(truths, "correlation_of_change", visit="Week 4")
    assert {truth["instrument"], truth["endpoint"]} == {"madrs", "ham_a"}
    agrees(truth, r, (1 - r**2) / sqrt(N / 2))


def test_incidence_of_side_effects_and_leaving_agree_with_a_cohort_as_seen(truths, two_arms):
    seen = synthetic_cohort(two_arms, N, 97)
    ketamine = seen.subjects.loc[seen.subjects["trt01a"] == "KETAMINE", "usubjid"]
    events = seen.events[seen.events["usubjid"].isin(ketamine)]
    for name in ("Nausea", "any", "any moderate or severe"):
        rows = events
        if name == "any moderate or severe":
            rows = events[events["aesev"] != "MILD"]
        elif name != "any":
            rows = events[events["aedecod"] == name]
        p = rows["usubjid"].nunique() / len(ketamine)
        agrees(one(truths, "event_incidence", endpoint=name), p, sqrt(p * (1 - p) / len(ketamine)))
    left = (seen.subjects.set_index("usubjid").loc[ketamine, "eosstt"] == "DISCONTINUED").mean()
    agrees(one(truths, "left"), left, sqrt(left * (1 - left) / len(ketamine)))


@pytest.mark.parametrize("name", ["ketamine_trd", "ketamine_ptsd"])
def test_without_an_effect_every_difference_of_the_two_arms_is_exactly_0(name):
    scenario = load_scenario(f"{name} no_effect")
    truths = true_values(scenario, n=600)
    between = truths[(truths["arm"] == "KETAMINE") & (truths["reference"] == "MIDAZOLAM")]
    of_events = between["estimand"].str.contains("event_incidence")  # not what the overlay is about
    assert of_events.any()
    between = between[~of_events]
    assert set(between["estimand"]) >= {
        "mean_change_difference",
        "share_difference",
        "share_as_counted_difference",
        "medicine_stopped_difference",
        "modified_by_failed_treatments",
    }
    assert (between["value"] == 0).all()
    assert (between["std_error"] == 0).all()
    assert (between["method"] == "closed_form").all()
    assert same_law(scenario, "KETAMINE", "MIDAZOLAM")
    assert not same_law(load_scenario(name), "KETAMINE", "MIDAZOLAM")


def test_with_known_improvement_and_no_error_the_share_is_that_of_those_it_works_in(still):
    scenario = still.changed(
        {
            "arm.responders[KETAMINE]": 0.4,
            "arm.gain[KETAMINE]": 0.8,
            "arm.onset[KETAMINE]": 0.01,
            "score.reliability[madrs]": 1,
        }
    )
    truth = one(
        true_values(scenario, n=40_000),
        "share",
        instrument="madrs",
        endpoint="response",
        visit="Week 4",
    )
    assert truth["value"] == pytest.approx(0.4, abs=4 * truth["std_error"])
    assert truth["std_error"] == pytest.approx(sqrt(0.24 / 40_000), rel=0.02)


def test_where_nothing_varies_a_correlation_does_not_exist(still):
    scenario = still.changed({"score.reliability[madrs]": 1, "score.reliability[ham_a]": 1})
    rows = true_values(scenario, n=200)
    found = rows[rows["estimand"] == "correlation_of_change"]
    assert len(found) == len(scenario.members("visit"))
    assert found[["value", "std_error"]].isna().all().all()


def test_a_cohort_knows_its_truth_of_the_whole_population_not_of_itself(two_arms):
    small, large = synthetic_cohort(two_arms, 2, 1), synthetic_cohort(two_arms, 50, 2)
    assert small.truth.equals(large.truth)
    assert tuple(small.truth.columns) == COLUMNS
    assert not small.truth["value"].isna().any()


def test_the_truth_is_that_of_all_sites_there_could_be_and_not_of_a_few(two_arms):
    scenario = two_arms.changed({"site.sd": 0.1})
    few, many = (true_values(scenario.changed({"site.count": n}), n=4000) for n in (2, 400))
    assert few.equals(many)
    other = true_values(scenario.changed({"site.count": 2}), n=4000, seed=8)
    z = (few["value"] - other["value"]) / np.hypot(few["std_error"], other["std_error"])
    assert z[few["estimand"] == "mean_change"].abs().max() < 4.5


def test_one_seed_gives_one_table_of_truths_and_another_stays_within_its_error(two_arms):
    one_draw, again, other = (true_values(two_arms, n=8000, seed=s) for s in (1, 1, 2))
    assert one_draw.equals(again)
    z = (one_draw["value"] - other["value"]) / np.hypot(one_draw["std_error"], other["std_error"])
    z = z[np.isfinite(z.astype(float))]
    assert z.abs().max() < 5.5
    assert 0.5 < z.std() < 1.5


def test_side_effects_per_dose_are_in_closed_form_and_what_patients_have():
    truth = true_values(load_scenario("ketamine_trd"), n=20_000)
    per_dose = truth[truth["estimand"] == "event_chance_per_dose"].set_index(["arm", "endpoint"])
    assert set(per_dose["method"]) == {"closed_form"}
    cohort = synthetic_cohort("ketamine_trd", 6_000, 4)
    events = cohort.events.merge(cohort.subjects[["usubjid", "trt01a"]], on="usubjid")
    doses = cohort.doses.merge(cohort.subjects[["usubjid", "trt01a"]], on="usubjid")
    for name in ("Nausea", "Dissociation"):
        had = ((events["trt01a"] == "KETAMINE") & (events["aedecod"] == name)).sum()
        given = (doses["trt01a"] == "KETAMINE").sum()
        p = per_dose.loc[("KETAMINE", name), "value"]
        assert abs(had / given - p) < 4 * np.sqrt(p * (1 - p) / given)


def test_medicines_are_stopped_by_some_of_those_with_benefit_and_nothing_modifies_or_mediates():
    scenario = load_scenario("ketamine_trd")
    truth = true_values(scenario, n=20_000).set_index("estimand")
    stopped = truth.loc["medicine_stopped"]
    assert stopped["value"].between(0, 1).all()
    most = max(scenario.value("medicine.tapered", name) for name in scenario.members("medicine"))
    assert (stopped["value"] < most).all()  # only of those in whom the treatment works
    for name in ("modified_by_failed_treatments", "mediated_by_side_effects", "mediated_by_guess"):
        assert (truth.loc[name, "value"] == 0.0).all()
        assert (truth.loc[name, "method"] == "closed_form").all()

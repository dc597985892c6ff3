"""The headline claim on the shipped evidence, its numbers worked out again by other means."""

import numpy as np
import pandas as pd
import pytest
from references import read_reference
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from ketastats.resources import shipped

FOUR = {
    "psychotherapy_gad": "Generalized Anxiety Disorder",
    "psychotherapy_panic": "Panic Disorder",
    "psychotherapy_social_anxiety": "Social Anxiety Disorder",
    "psychotherapy_specific_phobia": "Specific Phobia",
    "psychotherapy_four_disorders": "Four anxiety disorders",
}
CONDITIONS = ["gad", "social_anxiety", "panic", "phobia", "mixed_anxiety"]


def printed_trial_arms(*, placebo: bool) -> pd.DataFrame:
    """First-line acute response arms of adults, from the file as it is printed, a definition each."""
    table = pd.read_csv(shipped("data", "evidence", "evidence.csv"))
    kept = table[
        (table["source_table"] == "conventional_arms")
        & (table["outcome_type"] == "response")
        & (table["design"] == "rct")
        & (table["treatment_resistant"] == "no")
        & table["condition"].isin(CONDITIONS)
        & table["timepoint_weeks"].between(6, 20)
        & ((table["arm"] == "placebo") == placebo)
        & ~table["notes"].fillna("").str.contains("CHILDREN")
    ]
    by_arm = kept.sort_values("row_id").groupby(["study_id", "arm"])
    return kept[kept["outcome_definition"] == by_arm["outcome_definition"].transform("first")]


def logit_pool(events, people, *, level=0.90):
    """REML by direct maximisation, Hartung-Knapp by hand; rate and limits."""
    y = np.log(events / (people - events))
    v = 1 / events + 1 / (people - events)

    def minus_restricted_loglik(tau2):
        w = 1 / (v + tau2)
        mu = np.sum(w * y) / np.sum(w)
        return 0.5 * (np.sum(np.log(v + tau2)) + np.log(np.sum(w)) + np.sum(w * (y - mu) ** 2))

    fit = optimize.minimize_scalar(
        minus_restricted_loglik, bounds=(0, 5), method="bounded", options={"xatol": 1e-12}
    )
    tau2 = fit.x if minus_restricted_loglik(0.0) > fit.fun else 0.0
    w = 1 / (v + tau2)
    mu = np.sum(w * y) / np.sum(w)
    k = len(y)
    se = np.sqrt(np.sum(w * (y - mu) ** 2) / ((k - 1) * np.sum(w)))
    se = max(se, np.sqrt(1 / np.sum(w)))  # never narrower than REML's own error
    half = stats.t.ppf(0.5 + level / 2, k - 1) * se
    return 1 / (1 + np.exp(-np.array([mu, mu - half, mu + half])))


FIVE_PROBLEMS = {
    "Generalised anxiety disorder",
    "Panic disorder [episodic paroxysmal anxiety]",
    "Social phobias",
    "Agoraphobia",
    "Specific (isolated) phobias",
}


def five_problems_of_2024():
    """The anxiety disorders of the claim in the latest year, from the file as it is printed."""
    file = shipped("data", "nhs_talking_therapies", "outcomes_by_problem_england.csv")
    table = pd.read_csv(file)
    rows = table[(table["reporting_period"] == "2024-25") & table["variable_b"].isin(FIVE_PROBLEMS)]
    assert len(rows) == 5
    return rows


def limits(row):
    return row[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("reading", "placebo", "trials"),
    [("response_trials", False, 8), ("control_arms_drug_trials", True, 7)],
)
def test_response_in_trials_is_the_pool_of_their_summed_arms(readings, reading, placebo, trials):
    arms = printed_trial_arms(placebo=placebo).dropna(subset="n")
    arms = arms.assign(events=arms["events"].fillna((arms["n"] * arms["proportion"]).round()))
    # 5 of 24 is 20.8%, not the printed 21.7%: that share had another denominator.
    arms = arms[(arms["events"] / arms["n"] - arms["proportion"]).abs() < 0.005]
    summed = arms.groupby("study_id")[["events", "n"]].sum()
    row = readings.loc[reading]
    assert len(summed) == trials == row["k"]
    assert (summed["events"].sum(), summed["n"].sum()) == (row["events"], row["n"])
    expected = logit_pool(summed["events"].to_numpy(), summed["n"].to_numpy())
    assert limits(row) == pytest.approx(expected, abs=1e-6)


def test_response_without_arm_sizes_is_the_plain_mean_of_the_logits_of_the_trials(readings):
    arms = printed_trial_arms(placebo=False)
    logits = np.log(arms["proportion"] / (1 - arms["proportion"]))
    means = logits.groupby(arms["study_id"]).mean()
    half = stats.t.ppf(0.95, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
    ends = np.array([means.mean(), means.mean() - half, means.mean() + half])
    expected = 1 / (1 + np.exp(-ends))
    assert limits(readings.loc["response_trials_unweighted"]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("reading", "events", "people"),
    [
        ("service_all_anxiety_and_stress", 161826, 312358),  # NHS England 2024-25, recovery
        ("service_gad", 96283, 167066),
        ("service_panic", 7196, 14181),
        ("remission_after_failed_first", 38, 181),  # 21% of 181, as printed
    ],
)
def test_a_share_of_one_setting_has_the_wilson_interval_of_its_counts(
    readings, reading, events, people
):
    row = readings.loc[reading]
    assert (row["events"], row["n"]) == (events, people)
    low, high = proportion_confint(events, people, alpha=0.10, method="wilson")
    assert limits(row) == pytest.approx([events / people, low, high], abs=1e-9)


@pytest.mark.parametrize(
    ("reading", "count"),
    [
        ("service_recovery_finishers", "recovery_count"),
        ("service_reliable_recovery_finishers", "reliable_recovery_count"),
    ],
)
def test_the_service_counts_add_up_the_anxiety_disorders_of_the_claim(readings, reading, count):
    rows = five_problems_of_2024()
    people = (rows["finished_course_treatment_count"] - rows["not_at_caseness_count"]).sum()
    row = readings.loc[reading]
    assert (row["events"], row["n"]) == (rows[count].sum(), people)


def test_a_service_is_judged_over_all_its_years(readings):
    """Social phobia: 35.6% in 2024-25, inside the range, but 43.4% in 2017-18."""
    row = readings.loc["service_social_phobia"]
    assert 0.30 < row["conf_low"] < row["conf_high"] < 0.40
    assert row["high_seen"] > 0.40
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize(("reading", "name"), FOUR.items())
def test_psychotherapy_rates_agree_with_the_mixed_model_of_r(readings, reading, name):
    reference = read_reference("pooling_glmm", dataset=name, arm="therapy").iloc[0]
    row = readings.loc[reading]
    assert (row["k"], row["events"], row["n"]) == (
        reference["k"],
        reference["events"],
        reference["total"],
    )
    z = stats.norm.ppf(0.95)
    on_logit = reference["mu"] + np.array([0, -z, z]) * reference["se"]
    assert limits(row) == pytest.approx(1 / (1 + np.exp(-on_logit)), abs=1e-6)


def test_the_ratio_to_referrals_has_a_range_over_the_years_but_no_interval_and_no_verdict(readings):
    row = readings.loc["service_recoveries_per_referral"]
    assert row["verdict"] == "not_testable"
    assert row[["conf_low", "conf_high", "conf_level", "n"]].isna().all()
    rows = five_problems_of_2024()
    expected = rows["recovery_count"].sum() / rows["referrals_received_count"].sum()
    assert row["estimate"] == pytest.approx(expected, abs=1e-12)
    assert row["low_seen"] <= row["estimate"] <= row["high_seen"]


@pytest.mark.parametrize(
    ("opposite", "of"),
    [
        ("not_responding_trials", "response_trials"),
        ("not_recovered_finishers", "service_recovery_finishers"),
    ],
)
def test_an_opposite_reading_is_one_minus_the_other(readings, opposite, of):
    one, other = readings.loc[opposite], readings.loc[of]
    assert one["estimate"] == pytest.approx(1 - other["estimate"], abs=1e-12)
    assert one["conf_low"] == pytest.approx(1 - other["conf_high"], abs=1e-12)
    assert one["conf_high"] == pytest.approx(1 - other["conf_low"], abs=1e-12)
    assert one["events"] + other["events"] == one["n"] == other["n"]


def test_the_overall_word_is_that_of_the_declared_reading(headline, readings):
    declared = headline.claim.facts["primary_reading_id"]
    assert headline.word == readings.loc[declared, "verdict"] == "contradicted"
    assert set(readings.loc[readings["role"] == "reading", "verdict"]) > {headline.word}


def test_each_word_follows_from_its_interval_and_yardsticks_have_none(readings):
    judged = readings[(readings["role"] != "yardstick") & readings["conf_low"].notna()]
    # A service has to lie on the same side in every year.
    low = judged[["conf_low", "low_seen"]].min(axis=1)
    high = judged[["conf_high", "high_seen"]].max(axis=1)
    inside, outside = (low >= 0.3) & (high <= 0.4), (high < 0.3) | (low > 0.4)
    expected = np.select([inside, outside], ["supported", "contradicted"], "undecided")
    assert list(judged["verdict"]) == list(expected)
    assert set(readings.loc[readings["role"] == "yardstick", "verdict"]) == {""}
    assert judged["conf_level"].to_numpy() == pytest.approx(0.9)


def test_the_reason_names_the_readings_that_make_the_sentence_true(headline, readings):
    assert headline.readings_that_make_it_true == (
        readings.loc["psychotherapy_four_disorders", "term"],
    )
    assert "a 50% symptom fall in psychotherapy trials of anxiety, 33.6%" in headline.reason


def test_readings_that_rest_on_grade_c_are_marked_in_the_display(headline, readings):
    marked = headline.display()["Reading"].str.endswith("[rests on grade C]")
    assert list(marked) == list(readings["grade"] == "C")
    assert 0 < marked.sum() < len(marked)


def test_a_part_of_a_verdict_keeps_its_word_and_only_the_roles_asked_for(headline):
    part = headline.only("group")
    assert set(part.to_frame()["role"]) == {"group"}
    assert (part.word, part.reason) == (headline.word, headline.reason)


def test_the_verdict_names_the_bytes_of_the_files_behind_it(headline):
    assert {source.name for source in headline.sources} == {
        "evidence.csv",
        "outcomes_by_problem_england.csv",
        "psychotherapy_response_8_disorders.csv",
    }

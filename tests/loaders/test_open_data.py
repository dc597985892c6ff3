"""Every shipped data set gives the check figures printed in its README."""

import pytest

import ketastats as ks


@pytest.fixture(scope="module")
def trial():
    return ks.load_antidepressant_trial()


@pytest.fixture(scope="module")
def week_6(trial):
    """One row per patient and instrument at week 6, response and remission by the default rules."""
    scores = ks.derive_change(ks.derive_baseline(trial.scores))
    done = ks.derive_remission(ks.derive_response(scores))
    return {
        name: ks.select_visit(done, "Week 6", subjects=trial.subjects, instrument=name)
        for name in ("hamd17", "ham_a")
    }


def per_arm(counts):
    return (counts["DRUG"], counts["PLACEBO"])


def test_the_antidepressant_trial_has_its_patients_and_visits(trial):
    assert per_arm(trial.subjects["trt01a"].value_counts()) == (84, 88)
    seen = trial.scores[trial.scores["paramcd"] == "hamd17"]["avisit"].value_counts()
    weeks = ["Baseline", "Week 1", "Week 2", "Week 4", "Week 6"]
    assert [seen[week] for week in weeks] == [172, 172, 158, 149, 129]
    assert trial.subjects["eosstt"].value_counts()["COMPLETED"] == 129


def test_the_antidepressant_trial_gives_its_printed_figures_at_week_6(week_6):
    depression = week_6["hamd17"].groupby("trt01a")
    anxiety = week_6["ham_a"].groupby("trt01a")
    assert per_arm(depression["aval"].count()) == (64, 65)
    assert per_arm(depression["response"].sum()) == (29, 20)
    assert per_arm(depression["response"].mean()) == pytest.approx((0.453, 0.308), abs=5e-4)
    assert per_arm(depression["response"].sum() / depression.size()) == pytest.approx(
        (0.345, 0.227), abs=5e-4
    )
    assert per_arm(depression["remission"].sum()) == (20, 18)
    assert per_arm(depression["chg"].mean()) == pytest.approx((-8.344, -5.138), abs=5e-4)
    assert per_arm(anxiety["remission"].sum()) == (27, 19)


def test_the_antidepressant_trial_gives_its_printed_responders_at_any_visit(trial):
    scores = trial.scores[trial.scores["paramcd"] == "hamd17"]
    done = ks.derive_response(ks.derive_baseline(scores)).merge(trial.subjects, on="usubjid")
    ever = done.groupby(["trt01a", "usubjid"])["response"].any()
    assert per_arm(ever.groupby("trt01a").sum()) == (38, 33)


def test_the_synthetic_course_has_the_patients_its_readme_counts_and_says_that_it_is_made_up():
    course = ks.load_synthetic_course()
    assert course.provenance == "synthetic"
    assert course.subjects["trt01a"].value_counts().to_dict() == {
        "KETAMINE": 90,
        "CONVENTIONAL": 60,
    }
    assert len(course.doses) == 660
    assert len(course.scores) == 1671
    assert len(course.medications) == 16
    assert set(course.scores["paramcd"]) == {"madrs"}


# disorder: responders, people, pooled, low, high, pooled control; printed to three decimals.
METAPSY = {
    "Generalized Anxiety Disorder": (783, 2162, 0.359, 0.312, 0.409, 0.149),
    "Panic Disorder": (784, 2236, 0.383, 0.334, 0.434, 0.163),
    "Social Anxiety Disorder": (880, 2593, 0.326, 0.291, 0.363, 0.117),
    "Specific Phobia": (268, 711, 0.316, 0.232, 0.413, 0.093),
    "the four together": (2715, 7702, 0.351, 0.327, 0.376, 0.132),
    "Post-Traumatic Stress Disorder": (881, 2325, 0.378, 0.333, 0.425, 0.101),
    "Obsessive Compulsive Disorder": (216, 582, 0.381, 0.306, 0.462, 0.046),
    "Depression": (3457, 8362, 0.420, 0.391, 0.449, 0.185),
}


@pytest.fixture(scope="module")
def psychotherapy():
    return ks.load_psychotherapy_trials()


@pytest.mark.parametrize(("disorder", "figures"), list(METAPSY.items()), ids=list(METAPSY))
def test_psychotherapy_trials_give_their_printed_pooled_rates(psychotherapy, disorder, figures):
    names = ks.FOUR_ANXIETY_DISORDERS if disorder == "the four together" else (disorder,)
    trials = psychotherapy[psychotherapy["disorder"].isin(names)]

    def pooled(arms):
        return ks.pool_rates(arms, method="dersimonian_laird").to_frame().iloc[0]

    therapy = pooled(ks.select_therapy_arms(trials))
    control = pooled(ks.select_control_arms(trials))
    assert (therapy["events"], therapy["n"]) == figures[:2]
    found = (therapy["estimate"], therapy["conf_low"], therapy["conf_high"], control["estimate"])
    assert found == pytest.approx(figures[2:], abs=5.001e-4)


def test_psychotherapy_trials_have_the_rows_and_traps_their_readme_counts(psychotherapy):
    assert len(psychotherapy) == 569
    assert psychotherapy["study"].nunique() == 437
    assert psychotherapy["rob"].value_counts().to_dict() == {"high": 463, "low": 106}
    assert psychotherapy.isna().sum().sum() == 0
    assert len(psychotherapy) - len(ks.select_control_arms(psychotherapy)) == 127
    assert (psychotherapy["improved.cg"] == 0).sum() == 121


def test_psilocybin_trials_give_the_printed_counts_of_goodwin_2022():
    trials = ks.load_psilocybin_trials()
    assert trials.shape == (220, 70)
    assert trials["outcome_type"].value_counts().to_dict() == {
        "msd": 71,
        "imsd": 30,
        "change": 38,
        "response": 42,
        "remission": 39,
    }
    goodwin = trials[trials["study"].str.contains("Goodwin") & (trials["year"] == 2022)]
    assert len(goodwin) == 87
    response = goodwin[
        (goodwin["outcome_type"] == "response")
        & (goodwin["multi_arm1"].str.startswith("25"))
        & (goodwin["multi_arm2"].str.startswith("1 "))
        & ~goodwin["study_time_point"].str.contains("Sustained")
    ].sort_values("time_days")
    assert response["event_arm1"].tolist() == [42, 35, 29, 26, 20, 26]
    assert response["event_arm2"].tolist() == [18, 12, 14, 16, 12, 13]
    assert set(response["totaln_arm1"]) == set(response["totaln_arm2"]) == {79}


@pytest.fixture(scope="module")
def nhs():
    return ks.load_nhs_outcomes()


ALL_ANXIETY = "All anxiety and stress related disorders"


@pytest.mark.parametrize(
    ("year", "printed"),
    [
        ("2017-18", (278_817, 52.9, 50.6, 68.4, 5.3)),
        ("2019-20", (298_885, 53.1, 50.6, 68.6, 5.3)),
        ("2022-23", (338_098, 51.4, 48.7, 68.3, 5.3)),
        ("2024-25", (330_280, 51.8, 49.2, 69.2, 5.2)),
    ],
)
def test_nhs_outcomes_of_all_anxiety_disorders_are_the_printed_ones(nhs, year, printed):
    row = nhs[(nhs["reporting_period"] == year) & (nhs["problem"] == ALL_ANXIETY)].squeeze()
    names = ["recovery", "reliable_recovery", "improvement", "deterioration"]
    found = [row[f"{name}_percentage"] for name in names]
    assert (row["finished_course_treatment_count"], *found) == printed


def test_nhs_recovery_by_problem_and_by_denominator_is_the_printed_one(nhs):
    latest = nhs[nhs["reporting_period"] == "2024-25"]
    anxiety = latest.dropna(subset="problem").set_index("problem")
    printed = {
        "Generalised anxiety disorder": 57.6,
        "Panic disorder": 50.7,
        "Social phobias": 35.6,
        "Agoraphobia": 35.2,
        "Specific phobias": 63.8,
        "Obsessive-compulsive disorder": 44.6,
        "Post-traumatic stress disorder": 41.7,
    }
    assert anxiety["recovery_percentage"].reindex(list(printed)).to_dict() == printed
    depression = latest[latest["variable_a"] == "Depression"]
    assert 49.6 in depression["recovery_percentage"].tolist()
    everybody = anxiety.loc[ALL_ANXIETY]
    assert everybody["recovery_count"] == 161_826
    assert everybody["referrals_received_count"] == 492_121
    assert round(100 * 161_826 / 492_121, 1) == 32.9
    assert everybody["recovery_count"] / everybody["finished_at_caseness"] == pytest.approx(
        0.518, abs=5e-4
    )


def test_nhs_counts_give_the_published_percentages_of_every_row(nhs):
    assert len(nhs) == 150
    rows = nhs.dropna(subset="recovery_count")
    of = {
        "recovery": "finished_at_caseness",
        "reliable_recovery": "finished_at_caseness",
        "improvement": "finished_course_treatment_count",
        "deterioration": "finished_course_treatment_count",
    }
    assert len(rows) > 100
    for name, denominator in of.items():
        share = 100 * rows[f"{name}_count"] / rows[denominator]
        assert ((share - rows[f"{name}_percentage"]).abs() < 0.0501).all(), name


def test_nhs_proms_give_the_printed_figures_of_cbt_for_generalised_anxiety():
    proms = ks.load_nhs_proms()
    assert len(proms) == 1267
    row = proms[
        (proms["reporting_period"] == "2024-25")
        & (proms["problem"] == "Generalised Anxiety Disorder")
        & (proms["therapy"] == "Cognitive Behaviour Therapy (CBT)")
    ].squeeze()
    assert row["courses_of_therapy_count"] == 52_448
    assert (row["gad_mean_start"], row["gad_mean_end"]) == (13.7, 8.2)
    assert (row["ther_recovery_count"], row["not_caseness_count"]) == (24_728, 5_527)
    assert row["ther_recovery_percentage"] == round(100 * 24_728 / (52_448 - 5_527), 1) == 52.7
    assert row["ther_improvement_percentage"] == 63.9
    assert row["ther_deterioration_percentage"] == 5.1

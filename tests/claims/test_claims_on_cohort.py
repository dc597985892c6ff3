import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

import ketastats as ks
from ketastats.claims.rate_within import judge_rate_within

HEADLINE = "conventional-relief-30-40"


def test_patients_with_another_disorder_cannot_decide_the_claim(trial):
    verdict = ks.judge(HEADLINE, trial, arm="DRUG", visit="Week 6")
    assert verdict.word == "not_testable"
    assert "major depression" in verdict.limits[0]
    assert "anxiety" in verdict.needed


def test_every_rule_is_shown_under_all_three_denominators(trial):
    table = ks.judge(HEADLINE, trial, arm="DRUG", visit="Week 6").to_frame()
    by_rule = table.groupby("rule")["missing"].agg(list)
    assert len(by_rule) >= 3
    assert all(list(m) == ["non_response", "observed", "completers"] for m in by_rule)


def test_the_deciding_row_counts_every_randomised_patient(trial):
    row = ks.judge(HEADLINE, trial, arm="DRUG", visit="Week 6").to_frame().iloc[0]
    scores, subjects = trial.scores, trial.subjects
    drug = set(subjects.loc[subjects["trt01a"] == "DRUG", "usubjid"])
    mine = scores[(scores["paramcd"] == "hamd17") & scores["usubjid"].isin(drug)]
    base = mine[mine["avisit"] == "Baseline"].set_index("usubjid")["aval"]
    last = mine[mine["avisit"] == "Week 6"].set_index("usubjid")["aval"]
    responders = int((last <= 0.5 * base.reindex(last.index)).sum())
    assert (row["events"], row["n"]) == (responders, len(drug)) == (29, 84)
    expected = proportion_confint(responders, len(drug), alpha=0.1, method="beta")
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(expected, abs=1e-9)


def test_the_same_patients_with_the_disorder_of_the_claim_are_judged(relabelled):
    verdict = ks.judge(
        HEADLINE,
        relabelled("gad"),
        arm="DRUG",
        visit="Week 6",
        treatment="conventional treatment",
    )
    assert verdict.word == verdict.to_frame()["verdict"].iloc[0] == "undecided"


def test_synthetic_patients_never_decide_a_claim(relabelled):
    verdict = ks.judge(
        HEADLINE, relabelled("gad", "synthetic"), arm="DRUG", treatment="conventional treatment"
    )
    assert verdict.word == "not_testable"
    assert any("Synthetic" in limit for limit in verdict.limits)


def test_patients_not_said_to_have_had_the_treatment_of_the_claim_cannot_decide_it(relabelled):
    verdict = ks.judge(HEADLINE, relabelled("gad"), arm="DRUG", visit="Week 6")
    assert verdict.word == "not_testable"
    assert "conventional treatment" in verdict.limits[0]


def test_a_cohort_that_does_not_say_the_disorder_cannot_decide(relabelled):
    verdict = ks.judge(HEADLINE, relabelled(pd.NA), arm="DRUG", visit="Week 6")
    assert verdict.word == "not_testable"


@pytest.mark.parametrize("others", [pd.NA, "mdd"])
def test_a_cohort_of_which_only_some_are_known_to_have_the_disorder_cannot_decide(
    trial, relabelled, others
):
    diagnosis = pd.Series("gad", index=trial.subjects.index, dtype="string")
    diagnosis.iloc[::2] = others
    verdict = ks.judge(HEADLINE, relabelled(diagnosis), arm="DRUG", visit="Week 6")
    assert verdict.word == "not_testable"


def word_or_refusal(cohort, **chosen):
    try:
        return ks.judge(HEADLINE, cohort, arm="DRUG", **chosen).word
    except ks.UsageError:
        return "refused"


def test_an_instrument_without_a_baseline_decides_nothing(relabelled):
    # ham_a is in the trial without a baseline: nobody can be said to have responded, or not to have
    word = word_or_refusal(relabelled(), visit="Week 6", instrument="ham_a")
    assert word in ("refused", "not_testable")


def test_the_baseline_is_no_visit_at_which_relief_can_be_judged(relabelled):
    assert word_or_refusal(relabelled(), visit="Baseline") in ("refused", "not_testable")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ({"arm": "DRUGS"}, "DRUG"),
        ({"visit": "Week 66"}, "Week 6"),
        ({"instrument": "hamd_17"}, "hamd17"),
    ],
)
def test_an_unknown_arm_visit_or_instrument_names_the_nearest_one(trial, wrong, near):
    with pytest.raises(ks.UsageError, match=f"did you mean '{near}'"):
        ks.judge(HEADLINE, trial, **wrong)


def test_the_last_visit_counts_if_none_is_named(relabelled):
    named = ks.judge(HEADLINE, relabelled(), arm="DRUG", visit="Week 6").to_frame()
    unnamed = ks.judge(HEADLINE, relabelled(), arm="DRUG").to_frame()
    pd.testing.assert_frame_equal(named, unnamed)


def test_the_order_of_the_rows_of_a_cohort_changes_nothing(trial):
    shuffled = ks.Cohort(
        trial.subjects.sample(frac=1, random_state=1, ignore_index=True),
        scores=trial.scores.sample(frac=1, random_state=2, ignore_index=True),
        provenance="public",
    )
    one, other = (ks.judge(HEADLINE, c, arm="DRUG").to_frame() for c in (trial, shuffled))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("name", ["all-routes-work", "regulator-approved"])
def test_a_claim_of_a_kind_that_is_not_judged_is_not_testable_with_a_reason(name, trial):
    for data in (None, trial):
        verdict = ks.judge(name, data)
        assert verdict.word == "not_testable"
        assert len(verdict.reason) > 20
        assert verdict.to_frame().empty


@pytest.mark.parametrize("visit", ["Week 1", "Week 4", "Week 6"])
def test_every_number_is_that_of_the_estimator_under_the_same_rule_and_denominator(trial, visit):
    table = ks.judge(HEADLINE, trial, arm="DRUG", visit=visit, instrument="hamd17").to_frame()
    subjects = trial.subjects[trial.subjects["trt01a"] == "DRUG"]
    scores = ks.derive_baseline(trial.scores)
    for row in table.to_dict("records"):
        endpoint = ks.rule(row["rule"]).endpoint
        derived = ks.derive_endpoint(scores, endpoint, rule=row["rule"])
        seen = ks.select_visit(derived, visit, subjects=subjects, instrument="hamd17")
        exact = {"method": "clopper_pearson", "conf_level": 0.9}
        rate = ks.response_rate(seen, endpoint=endpoint, missing=row["missing"], **exact)
        expected = rate.to_frame().iloc[0]
        numbers = ["n", "estimate", "conf_low", "conf_high"]
        assert [row[name] for name in numbers] == expected[numbers].tolist()
        assert row["events"] == expected["successes"]


def test_a_column_of_the_subjects_cannot_stand_in_for_a_rule(trial):
    made_up = trial.subjects.assign(response=True, remission=True)
    cohort = ks.Cohort(made_up, scores=trial.scores, provenance="public")
    one, other = (ks.judge(HEADLINE, c, arm="DRUG", visit="Week 6") for c in (trial, cohort))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())


@pytest.mark.parametrize("visit", ["Week 1", "Week 6"])
def test_the_deciding_reading_alone_is_the_first_of_all_and_gives_the_same_word(relabelled, visit):
    claim, options = ks.load_claims()[HEADLINE], {"arm": "DRUG", "visit": visit}
    options["treatment"] = "conventional treatment"
    every = judge_rate_within(claim, relabelled(), **options)
    one = judge_rate_within(claim, relabelled(), **options, only_deciding=True)
    assert one.word == every.word
    pd.testing.assert_frame_equal(one.to_frame(), every.to_frame().head(1))

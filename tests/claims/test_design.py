"""What the design of a cohort cannot carry, whatever its numbers say."""

from dataclasses import replace
from types import MappingProxyType

import pandas as pd
import pytest
from made_cohorts import clinic, course, deciding

import ketastats as ks
from ketastats.claims.design import choose_patients, design_limits, needed_patients
from ketastats.resources import shipped

VISITS = (4.0, 24.0, 72.0, 168.0)
SOON = [course(VISITS, relief=4.0)] * 40
CLAIM = "depression-lifts-in-hours"


def capped(cohort, said, *, claim=CLAIM, **chosen):
    """The cohort's numbers support the claim, the verdict does not, and a limit says why."""
    verdict = ks.judge(claim, cohort, **chosen)
    assert verdict.word == "not_testable"
    assert deciding(verdict)["verdict"] == "supported"
    assert any(said in limit for limit in verdict.limits), verdict.limits
    assert verdict.reason.startswith(verdict.limits[0])
    assert verdict.needed
    return verdict


def test_a_cohort_that_fits_the_claim_is_not_capped():
    verdict = ks.judge(CLAIM, clinic(SOON))
    assert verdict.word == "supported"
    assert verdict.needed == ""


def test_patients_with_another_diagnosis_cannot_show_what_happens_in_resistant_depression():
    verdict = capped(clinic(SOON, diagnosis="mdd"), "The patients have major depression")
    assert "treatment-resistant depression" in verdict.needed


@pytest.mark.parametrize("diagnosis", [None, ["trd"] * 39 + [None], ["trd"] * 39 + ["mdd"]])
def test_a_diagnosis_that_is_not_known_of_all_caps_the_verdict(diagnosis):
    assert ks.judge(CLAIM, clinic(SOON, diagnosis=diagnosis)).word == "not_testable"


def test_a_cohort_without_a_column_of_diagnoses_cannot_show_it_either():
    cohort = clinic(SOON)
    bare = ks.Cohort(
        cohort.subjects[["usubjid"]], scores=cohort.scores, doses=cohort.doses, provenance="public"
    )
    capped(bare, "does not say which disorder")


def test_a_scale_of_another_construct_caps_the_verdict():
    capped(
        clinic(SOON, instrument="ham_a"),
        "The claim is about depression, and HAM-A measures anxiety",
    )


def test_synthetic_patients_never_decide_a_claim():
    capped(clinic(SOON, provenance="synthetic"), "Synthetic data")


def test_the_shipped_synthetic_course_decides_none_of_the_claims(synthetic_course):
    judged = [
        claim.id
        for claim in ks.load_claims().values()
        if claim.kind in ("onset_within", "by_dose_number", "durability")
        and claim.id not in ("long-term-improvement", "lasting-resilience")
    ]
    assert len(judged) == 6
    for claim in judged:
        arm = "CONVENTIONAL" if claim == "medicines-take-weeks" else "KETAMINE"
        verdict = ks.judge(
            claim, synthetic_course, arm=arm, treatment=ks.find_claim(claim).treatment
        )
        assert verdict.word == "not_testable"
        assert any("Synthetic data" in limit for limit in verdict.limits)


@pytest.fixture(scope="module")
def synthetic_course():
    return ks.load_cohort(shipped("data", "synthetic_course"))


def test_patients_not_said_to_have_had_the_treatment_cap_the_verdict():
    cohort = clinic(SOON, doses=[()])
    capped(cohort, "not said to have had it")
    assert ks.judge(CLAIM, cohort, treatment="ketamine").word == "supported"


def test_one_patient_without_a_dose_leaves_the_treatment_of_all_unsaid():
    capped(clinic(SOON, doses=[(0.0,)] * 39 + [()]), "not said to have had it")


def test_doses_of_something_else_are_not_talked_away():
    given = ["ketamine"] * 30 + ["midazolam"] * 10
    capped(clinic(SOON, treatment=given), "doses of midazolam are recorded", treatment="ketamine")


def test_doses_of_ketamine_are_no_conventional_treatment():
    late = [course((168.0, 336.0, 504.0), relief=504.0)] * 40
    capped(
        clinic(late),
        "doses of ketamine are recorded",
        claim="medicines-take-weeks",
        treatment="conventional treatment",
    )


def test_esketamine_counts_as_ketamine():
    assert ks.judge(CLAIM, clinic(SOON, treatment="Esketamine nasal spray")).word == "supported"


def test_arms_that_are_counted_together_are_named():
    cohort = clinic(SOON, arms=["A"] * 20 + ["B"] * 20)
    together, alone = ks.judge(CLAIM, cohort), ks.judge(CLAIM, cohort, arm="A")
    assert "The arms A, B are counted together." in together.limits
    assert not any("counted together" in limit for limit in alone.limits)
    assert (deciding(together)["n"], deciding(alone)["n"]) == (40, 20)


def test_every_cap_is_listed_and_the_most_serious_is_the_reason():
    cohort = clinic(SOON, diagnosis="gad", instrument="ham_a", provenance="synthetic", doses=[()])
    limits, cap = design_limits(ks.find_claim(CLAIM), choose_patients(cohort))
    assert cap
    assert len(limits) == 4
    assert "generalised anxiety disorder" in limits[0]


def test_a_single_arm_is_said_to_show_no_cause():
    assert "not that the treatment did it" in ks.judge(CLAIM, clinic(SOON)).limits[-1]


def test_the_patients_of_one_arm_are_the_only_ones_counted():
    cohort = clinic(SOON, arms=["A"] * 10 + ["B"] * 30)
    chosen = choose_patients(cohort, arm="A")
    assert len(chosen.subjects) == 10
    assert set(chosen.own_scores["usubjid"]) == set(chosen.subjects["usubjid"])
    assert chosen.who == "the A arm of a clinic"


def test_an_arm_or_instrument_that_does_not_exist_is_named():
    with pytest.raises(ks.UsageError, match="KETAMINE"):
        choose_patients(clinic(SOON), arm="KETAMIN")
    with pytest.raises(ks.UsageError, match="madrs"):
        choose_patients(clinic(SOON), instrument="madr")


def test_several_instruments_with_a_baseline_need_a_name():
    one, other = clinic(SOON), clinic(SOON, instrument="ham_a")
    both = ks.Cohort(
        one.subjects,
        scores=pd.concat([one.scores, other.scores]),
        doses=one.doses,
        provenance="public",
    )
    with pytest.raises(ks.UsageError, match=r"ham_a, madrs\. Name one"):
        ks.judge(CLAIM, both)
    assert ks.judge(CLAIM, both, instrument="madrs").word == "supported"


def test_a_cohort_without_scores_is_refused_in_words():
    with pytest.raises(ks.UsageError, match="Instruments with a baseline in this cohort: none"):
        ks.judge(CLAIM, ks.Cohort(pd.DataFrame({"usubjid": ["a"]}), provenance="public"))


def test_what_is_needed_names_the_patients_of_the_claim_and_their_treatment():
    claim = ks.find_claim(CLAIM)
    assert needed_patients(claim) == (
        "A cohort of real patients with treatment-resistant depression who had ketamine."
    )
    plain = replace(claim, facts=MappingProxyType({"arm": "conventional treatment"}))
    assert needed_patients(plain) == "A cohort of real patients who had conventional treatment."

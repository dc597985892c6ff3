"""Claims that one treatment does better than another, on two arms with a known difference."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_cohorts import deciding

import ketastats as ks
from ketastats.claims.superiority import _doubt

HOURS = {"2 h": 2.0, "24 h": 24.0, "1 week": 168.0}
RESISTANT = "works-when-others-failed"
ANXIETY = "ketamine-anxiety-benefit"
LOW_DOSE = "single-low-dose-helps"
DESIGN = {
    "arm": "KETAMINE",
    "reference": "MIDAZOLAM",
    "comparator": "midazolam",
    "randomised": True,
    "blinded": True,
}


def trial(
    effect=10.0,
    n=40,
    gone=0.0,
    *,
    fall=8.0,
    instrument="madrs",
    diagnosis="trd",
    hours=HOURS,
    doses=(0.0,),
    exdosekg=0.5,
    seed=4,
):
    """Two arms of n with scores at these hours; ketamine falls by `effect` points more.

    `gone` is the share of either arm that is not seen at the last hour.
    """
    rng = np.random.default_rng(seed)
    ids = [f"p{k:03d}" for k in range(2 * n)]
    arms = np.repeat(["KETAMINE", "MIDAZOLAM"], n)
    base = np.clip(rng.normal(34, 3, 2 * n), 25, 45).round()
    rows = list(zip(ids, [0.0] * 2 * n, base, ["Baseline"] * 2 * n, strict=True))
    level = rng.normal(0, 3, 2 * n)
    for k, (name, hour) in enumerate(hours.items(), start=1):
        falls = fall + effect * (arms == "KETAMINE") + level + rng.normal(0, 3, 2 * n)
        seen = rng.random(2 * n) >= (gone if k == len(hours) else 0.0)
        rows += [
            (ids[i], hour, float(np.clip(base[i] - falls[i], 0, 50).round()), name)
            for i in range(2 * n)
            if seen[i]
        ]
    scores = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval", "avisit"])
    given = [
        (ids[i], float(number), hour, "ketamine" if i < n else "midazolam", exdosekg)
        for i in range(2 * n)
        for number, hour in enumerate(doses, start=1)
    ]
    return ks.Cohort(
        pd.DataFrame({"usubjid": ids, "trt01a": arms, "diagnosis": diagnosis, "weightbl": 70.0}),
        scores=scores.assign(paramcd=instrument),
        doses=pd.DataFrame(given, columns=["usubjid", "exseq", "afrlt", "extrt", "exdosekg"]),
        provenance="public",
        name="a trial",
    )


def judged(claim, cohort, **options):
    return ks.judge(claim, cohort, **{**DESIGN, **options})


@pytest.mark.parametrize(
    ("effect", "word"), [(10.0, "supported"), (0.0, "undecided"), (-10.0, "contradicted")]
)
def test_each_word_can_be_reached_where_the_truth_is_plain(effect, word):
    anxious = trial(effect, instrument="ham_a", diagnosis="gad")
    change = judged(ANXIETY, anxious)
    assert change.word == word
    assert deciding(change)["measure"] == "mean_difference"
    assert deciding(change)["estimate"] == pytest.approx(effect, abs=2.5)
    response = judged(RESISTANT, trial(effect + 4 * np.sign(effect)))
    assert deciding(response)["measure"] == "share_difference"
    assert response.word == ("undecided" if word == "contradicted" else word)


def test_fewer_responses_in_the_arm_contradict_a_benefit():
    verdict = judged(
        RESISTANT, trial(14.0), arm="MIDAZOLAM", reference="KETAMINE", treatment="ketamine"
    )
    assert deciding(verdict)["estimate"] < 0
    assert deciding(verdict)["verdict"] == "contradicted"
    assert verdict.word == "not_testable"  # doses of the other drug are recorded


def test_the_number_is_that_of_the_estimator():
    cohort = trial(14.0)
    visits = ks.derive_response(ks.derive_baseline(cohort.scores))
    day = ks.select_visit(visits, "24 h", subjects=cohort.subjects, instrument="madrs")
    expected = ks.rate_difference(
        day, arm="KETAMINE", reference="MIDAZOLAM", missing="non_response", conf_level=0.9
    )
    columns = ["estimate", "conf_low", "conf_high"]
    found = judged(RESISTANT, cohort).to_frame()[columns].iloc[0]
    assert found.tolist() == expected.to_frame()[columns].iloc[0].tolist()


def test_visits_after_the_hour_change_nothing():
    short = {name: hour for name, hour in HOURS.items() if hour <= 24}
    one = judged(ANXIETY, trial(instrument="ham_a", diagnosis="gad"))
    other = judged(ANXIETY, trial(instrument="ham_a", diagnosis="gad", hours=short))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())


def test_missed_visits_add_readings_under_other_assumptions():
    cohort = trial(gone=0.3, instrument="ham_a", diagnosis="gad", hours={"2 h": 2.0, "24 h": 24.0})
    table = judged(ANXIETY, cohort).to_frame()
    changes = table[table["measure"] == "mean_difference"].set_index("missing")
    assert {"missing_at_random", "jump_to_reference", "bocf", "those_seen"} <= set(changes.index)
    assert (
        changes.loc["jump_to_reference", "estimate"] < changes.loc["missing_at_random", "estimate"]
    )
    bounds = table[table["missing"] == "bounds"].iloc[0]
    everyone = table[table["missing"] == "non_response"].iloc[0]
    assert bounds["bound_low"] <= everyone["estimate"] <= bounds["bound_high"]


def test_a_response_that_holds_only_by_counting_the_unseen_as_failures_stays_undecided():
    cohort = trial(3.0, n=60, fall=15)
    # Of the other arm, only responders are seen at the hour.
    scores = cohort.scores
    base = scores[scores["afrlt"] == 0].set_index("usubjid")["aval"]
    responded = scores["aval"] <= scores["usubjid"].map(base) / 2
    other = scores["usubjid"].str[1:].astype(int) >= 60
    lost = (scores["avisit"] == "24 h") & other & ~responded
    verdict = judged(
        RESISTANT,
        ks.Cohort(
            cohort.subjects, scores=scores[~lost], doses=cohort.doses, provenance="public", name="x"
        ),
    )
    table = verdict.to_frame().set_index("missing")
    assert table["verdict"].iloc[0] == "supported"
    assert table.loc["observed", "verdict"] == "contradicted"
    assert verdict.word == "undecided"
    assert "those seen" in verdict.reason
    assert table.loc["bounds", "verdict"] == "undecided"


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ("observed", "those seen"),
        ("jump_to_reference", "went on like MIDAZOLAM"),
    ],
)
def test_a_reading_that_does_not_hold_beside_the_deciding_one_leaves_a_doubt(beside, said):
    comparison = SimpleNamespace(reference="MIDAZOLAM")
    rows = [
        {"missing": "first", "verdict": "supported"},
        {"missing": beside, "verdict": "undecided"},
    ]
    assert said in _doubt(rows, beside, comparison)
    assert not _doubt([rows[0], {**rows[1], "verdict": "supported"}], beside, comparison)


def test_with_one_visit_the_change_is_an_analysis_of_covariance():
    cohort = trial(gone=0.2, instrument="ham_a", diagnosis="gad", hours={"24 h": 24.0})
    verdict = judged(ANXIETY, cohort)
    table = verdict.to_frame()
    assert verdict.word == "supported"
    assert "analysis of covariance" in table["term"].iloc[0]
    assert {"jump_to_reference", "bocf"} <= set(table["missing"])


@pytest.mark.parametrize(
    ("effect", "word", "said"),
    [
        (16.0, "supported", "as claimed"),
        (2.5, "undecided", "not clearly 0.5"),
        (0.0, "contradicted", "clearly smaller than 0.5"),
    ],
)
def test_a_substantial_benefit_is_at_least_the_stated_size(effect, word, said):
    verdict = judged(LOW_DOSE, trial(effect, n=150, fall=15))
    assert verdict.word == word
    assert said in verdict.reason


class TestDesign:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"randomised": False}, "assigned at random"),
            ({"blinded": False}, "blinded"),
            ({"comparator": None}, "not said"),
            ({"comparator": "saline"}, "not said"),
        ],
    )
    def test_what_the_design_cannot_carry_caps_the_verdict(self, options, said):
        verdict = judged(RESISTANT, trial(14.0), **options)
        assert verdict.word == "not_testable"
        assert any(said in limit for limit in verdict.limits)
        assert deciding(verdict)["verdict"] == "supported"
        assert "randomised, blinded comparison" in verdict.needed

    def test_saline_is_a_control_of_which_the_limit_is_said(self):
        cohort = trial(instrument="ham_a", diagnosis="gad")
        verdict = judged(ANXIETY, cohort, comparator="saline")
        assert verdict.word == "supported"
        assert any("tell saline" in limit for limit in verdict.limits)

    def test_ketamine_in_the_other_arm_is_no_comparator(self):
        cohort = trial(14.0)
        doses = cohort.doses.assign(extrt="ketamine")
        both = ks.Cohort(
            cohort.subjects, scores=cohort.scores, doses=doses, provenance="public", name="x"
        )
        assert "no comparator" in judged(RESISTANT, both).reason

    @pytest.mark.parametrize(
        ("cohort", "said"),
        [
            (trial(16.0, doses=(0.0, 12.0)), "second dose"),
            (trial(16.0, exdosekg=1.0), "above 0.5 mg/kg"),
            (trial(16.0, exdosekg=np.nan), "not all recorded"),
        ],
    )
    def test_one_low_dose_is_one_and_low(self, cohort, said):
        verdict = judged(LOW_DOSE, cohort)
        assert verdict.word == "not_testable"
        assert said in " ".join(verdict.limits)

    def test_a_total_that_stands_for_a_part_is_said(self):
        cohort = trial(
            instrument="caps5", diagnosis="ptsd", hours={"1 week": 168.0, "2 weeks": 336.0}
        )
        verdict = judged("ptsd-fewer-intrusions", cohort)
        assert verdict.word == "supported"
        assert any("intrusive thoughts" in limit for limit in verdict.limits)

    def test_one_arm_cannot_be_compared(self):
        cohort = trial()
        subjects = cohort.subjects.assign(trt01a="KETAMINE")
        one = ks.Cohort(subjects, scores=cohort.scores, provenance="public", name="x")
        verdict = ks.judge(RESISTANT, one)
        assert verdict.word == "not_testable"
        assert "not that the treatment did it" in verdict.reason

    def test_without_a_visit_near_the_hour_it_is_not_testable(self):
        verdict = judged(RESISTANT, trial(hours={"2 h": 2.0, "1 week": 168.0}))
        assert verdict.word == "not_testable"
        assert "No visit lies near" in verdict.reason

    def test_synthetic_patients_are_no_evidence(self):
        cohort = trial(14.0)
        made = ks.Cohort(
            cohort.subjects,
            scores=cohort.scores,
            doses=cohort.doses,
            provenance="synthetic",
            name="x",
        )
        assert judged(RESISTANT, made).word == "not_testable"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_patients_decides_nothing(n):
    anxious = trial(2.0, n=n, instrument="ham_a", diagnosis="gad")
    assert judged(ANXIETY, anxious).word in ("undecided", "not_testable")
    assert judged(RESISTANT, trial(14.0, n=n)).word == "undecided"


def test_an_arm_that_nobody_saw_at_the_hour_is_not_testable():
    cohort = trial(instrument="ham_a", diagnosis="gad")
    unseen = cohort.scores["usubjid"].str[1:].astype(int).ge(40) & (
        cohort.scores["avisit"] == "24 h"
    )
    verdict = judged(
        ANXIETY,
        ks.Cohort(
            cohort.subjects,
            scores=cohort.scores[~unseen],
            doses=cohort.doses,
            provenance="public",
            name="x",
        ),
    )
    assert verdict.word == "not_testable"
    assert "cannot be compared" in verdict.reason


def test_without_a_true_difference_support_is_as_rare_as_the_level_says():
    supported = 0
    for seed in range(150):
        cohort = trial(0.0, n=30, gone=0.1, instrument="ham_a", diagnosis="gad", seed=seed)
        supported += judged(ANXIETY, cohort).word == "supported"
    # one-sided 5%, three standard errors
    assert supported / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)

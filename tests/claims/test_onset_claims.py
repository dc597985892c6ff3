"""Claims on how soon relief comes, on cohorts in which it is plain when it came."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from made_cohorts import UNWELL, WELL, clinic, course, deciding
from scipy.stats import beta, binom

import ketastats as ks
from ketastats.claims.share_by_time import shares_by
from ketastats.stats.followed_share import exact_limits

DAYS = (4.0, 24.0, 72.0, 168.0, 336.0)
CLAIMS = {
    "onset-hours-to-days": "ketamine",
    "effects-within-hours": "ketamine",
    "depression-lifts-in-hours": "ketamine",
    "medicines-take-weeks": "conventional treatment",
}


def two_kinds(early, late, *, times=DAYS, relief=4.0):
    """Some patients with relief at `relief`, and others without any."""
    return [course(times, relief=relief)] * early + [course(times)] * late


def within(hours, share=0.5, direction=None):
    """A claim that more (or fewer) than a share have relief by some hours."""
    claim = ks.find_claim("onset-hours-to-days")
    facts = {**claim.facts, "horizon_hours": hours, "share": share}
    return replace(
        claim, facts=MappingProxyType(facts | ({"direction": direction} if direction else {}))
    )


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize(
    ("early", "word"), [(45, "supported"), (5, "contradicted"), (25, "undecided")]
)
def test_each_word_can_be_reached_where_the_truth_is_plain(claim, early, word):
    if claim == "medicines-take-weeks":  # the sentence says that relief comes late
        early = 50 - early
    treatment = CLAIMS[claim]
    verdict = ks.judge(
        claim,
        clinic(two_kinds(early, 50 - early), doses=((),) if "conv" in treatment else ((0.0,),)),
        treatment=treatment,
    )
    assert (verdict.word, deciding(verdict)["verdict"]) == (word, word)


def test_relief_after_the_horizon_does_not_count():
    cohort = clinic([course(DAYS, relief=168.0)] * 40)
    assert ks.judge("onset-hours-to-days", cohort).word == "contradicted"
    assert ks.judge(within(168.0), cohort).word == "supported"


def test_a_share_known_at_the_horizon_is_the_count_with_exact_limits():
    row = deciding(ks.judge(within(24.0), clinic(two_kinds(30, 20))))
    assert row["estimate"] == pytest.approx(0.6, abs=1e-6)
    assert (row["events"], row["n"]) == (30, 50)
    exact = beta.ppf(0.05, 30, 21), beta.ppf(0.95, 31, 20)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("relief", [4.0, np.inf])
def test_a_handful_of_patients_decides_nothing(n, relief):
    # by chance alone all of four are alike once in sixteen times, or more often
    assert ks.judge(within(24.0), clinic([course(DAYS, relief=relief)] * n)).word == "undecided"


@pytest.mark.parametrize("n", [8, 20, 47])
def test_at_the_border_no_more_than_one_in_twenty_cohorts_is_called_either_way(n):
    tables = [shares_by(intervals_of(k, n), 24.0).anyway for k in range(n + 1)]
    chance = binom.pmf(np.arange(n + 1), n, 0.5)
    assert chance[[table.low >= 0.5 for table in tables]].sum() <= 0.05
    assert chance[[table.high < 0.5 for table in tables]].sum() <= 0.05


def intervals_of(relieved, n):
    cohort = clinic(two_kinds(relieved, n - relieved, times=(24.0,), relief=24.0))
    return ks.derive_relief(cohort.scores, rescue="ignore", medications=cohort.medications)


def test_exact_limits_reach_the_edges_with_no_or_all_events():
    assert exact_limits(0.0, 20, conf_level=0.9).low == 0.0
    assert exact_limits(1.0, 20, conf_level=0.9).high == 1.0
    assert exact_limits(0.0, 20, conf_level=0.9).high == pytest.approx(1 - 0.05 ** (1 / 20))


def test_a_horizon_one_hour_before_the_visit_is_not_resolved_and_one_hour_after_it_is():
    cohort = clinic(two_kinds(45, 5, times=(24.0, 168.0), relief=24.0))
    before = ks.judge(within(23.0), cohort)
    assert before.word == "not_testable"
    assert "24 h" in before.reason
    assert [ks.judge(within(hours), cohort).word for hours in (24.0, 25.0)] == ["supported"] * 2


def test_a_first_assessment_at_a_day_cannot_show_relief_within_four_hours():
    verdict = ks.judge(within(4.0), clinic(two_kinds(50, 0, times=(24.0, 72.0), relief=24.0)))
    assert verdict.word == "not_testable"
    assert "cannot be told from later relief" in verdict.reason
    assert verdict.needed == "Assessments at or shortly before 4 h after the first dose."
    assert verdict.to_frame().empty


def test_a_schedule_that_only_some_patients_had_is_not_enough():
    seen_early = two_kinds(10, 0)
    late = [course((336.0,), relief=336.0)] * 40
    assert ks.judge(within(24.0), clinic(seen_early + late)).word == "not_testable"


def test_between_two_visits_only_bounds_are_known_and_the_verdict_waits():
    # relief came between 24 hours and a week: perhaps by 72 hours, perhaps not
    cohort = clinic([course((24.0, 168.0), relief=168.0)] * 40)
    verdict = ks.judge(within(72.0), cohort)
    assert verdict.word == "undecided"
    assert (deciding(verdict)["bound_low"], deciding(verdict)["bound_high"]) == pytest.approx(
        (0, 1), abs=1e-6
    )
    assert "between 0.0 and 100.0%" in verdict.reason


def test_beyond_the_last_visit_the_share_may_only_have_grown():
    early = clinic(two_kinds(45, 5, times=(24.0,), relief=24.0))
    late = clinic(two_kinds(5, 45, times=(24.0,), relief=24.0))
    assert ks.judge(within(1000.0), early).word == "supported"
    assert ks.judge(within(1000.0), late).word == "undecided"
    assert ks.judge(within(1000.0, direction="later_than"), late).word == "undecided"


def test_patients_who_never_came_back_may_have_been_well_or_not():
    # 32 of the 40 who were seen had relief; with the 30 who were not, 46 to 89%
    verdict = ks.judge(within(24.0), clinic([*two_kinds(32, 8), *[{}] * 30]))
    table = verdict.to_frame().set_index("reading")
    assert verdict.word == "undecided"
    assert table.loc["madrs:response_50/alike", "verdict"] == "supported"
    assert table.loc["madrs:response_50/alike", "estimate"] == pytest.approx(0.8, abs=1e-6)
    assert table.loc["madrs:response_50/never", "estimate"] == pytest.approx(32 / 70, abs=1e-6)
    assert deciding(verdict)["bound_high"] == pytest.approx(62 / 70, abs=1e-6)
    assert any("30 of 70 patients" in note for note in verdict.notes)


def test_few_drop_outs_do_not_stop_a_verdict_that_holds_whatever_they_had():
    assert ks.judge(within(24.0), clinic([*two_kinds(46, 4), *[{}] * 3])).word == "supported"
    assert ks.judge(within(24.0), clinic([*two_kinds(4, 46), *[{}] * 3])).word == "contradicted"


def test_patients_without_a_baseline_are_as_unknown_as_those_who_never_came():
    with_baseline = two_kinds(30, 5)
    cohort = clinic(
        [{0.0: 30.0, **one} for one in with_baseline] + [course(DAYS)] * 25, baseline=None
    )
    verdict = ks.judge(within(24.0), cohort)
    assert verdict.word == "undecided"
    assert (deciding(verdict)["bound_low"], deciding(verdict)["n"]) == (pytest.approx(0.5), 60)


def test_an_arm_without_any_baseline_is_refused_in_words():
    courses = [{0.0: 30.0, **course(DAYS)}] * 10 + [course(DAYS)] * 10
    cohort = clinic(courses, baseline=None, arms=["A"] * 10 + ["B"] * 10)
    with pytest.raises(ks.UsageError, match="has no rule for it that this cohort can carry"):
        ks.judge(within(24.0), cohort, arm="B")


def test_missing_scores_are_no_assessments():
    seen = two_kinds(20, 5)
    cohort = clinic(seen + [dict.fromkeys(DAYS, np.nan)] * 30)
    assert ks.judge(within(24.0), cohort).word == "not_testable"


def test_rescue_before_relief_counts_as_no_relief_and_is_said():
    courses = [course(DAYS, relief=72.0)] * 50
    rescued = [(number, "RESCUE", 30.0) for number in range(40)]
    assert ks.judge(within(72.0), clinic(courses)).word == "supported"
    verdict = ks.judge(within(72.0), clinic(courses, medications=rescued))
    assert verdict.word == "contradicted"
    assert deciding(verdict)["estimate"] == pytest.approx(0.2, abs=1e-6)
    assert "Rescue came before relief in 40: counted as no relief." in verdict.notes


def test_rescue_after_relief_changes_nothing():
    rescued = [(number, "RESCUE", 100.0) for number in range(40)]
    with_rescue = ks.judge(within(24.0), clinic(two_kinds(45, 5), medications=rescued))
    assert with_rescue.word == "supported"


def test_rescue_in_everybody_leaves_nobody_with_relief():
    rescued = [(number, "RESCUE", 2.0) for number in range(20)]
    verdict = ks.judge(within(24.0), clinic([course(DAYS, relief=24.0)] * 20, medications=rescued))
    assert (verdict.word, deciding(verdict)["estimate"]) == ("contradicted", 0.0)


def test_death_before_relief_counts_as_no_relief():
    ends = {
        "eosstt": ["DISCONTINUED"] * 40 + ["COMPLETED"] * 10,
        "dcsreas": ["DEATH"] * 40 + [None] * 10,
        "eosafrlt": [10.0] * 40 + [400.0] * 10,
    }
    courses = [course((4.0,))] * 40 + [course(DAYS, relief=24.0)] * 10
    verdict = ks.judge(within(24.0), clinic(courses, subjects=ends))
    assert verdict.word == "contradicted"
    assert "Death came before relief in 40: counted as no relief." in verdict.notes


def test_who_met_a_rule_before_the_first_dose_is_left_out_of_its_reading():
    mild = [dict.fromkeys(DAYS, 4.0)] * 20
    with_base = [{0.0: 9.0, **one} for one in mild] + [
        {0.0: 30.0, **one} for one in two_kinds(20, 0)
    ]
    cohort = clinic(with_base, baseline=None)
    table = ks.judge(within(24.0), cohort).to_frame().set_index("rule")
    assert table.loc["madrs:response_50", "n"].max() == 40
    assert set(table.loc[["madrs:remission_10"], "n"]) == {20}


def test_readings_of_which_nothing_is_known_are_left_out_and_stop_nothing():
    # everybody is in remission before the first dose: response can be judged, remission cannot
    cohort = clinic([{0.0: 8.0, **dict.fromkeys(DAYS, 2.0)}] * 30, baseline=None)
    verdict = ks.judge(within(24.0), cohort)
    assert verdict.word == "supported"
    assert "madrs:remission_10" not in set(verdict.to_frame()["rule"])


def test_fewer_than_half_exactly_half_and_more_are_undecided_near_the_border():
    words = {ks.judge(within(24.0), clinic(two_kinds(k, 60 - k))).word for k in (27, 30, 33)}
    assert words == {"undecided"}


def test_a_later_than_claim_is_the_mirror_of_a_within_claim():
    for early in (5, 25, 45):
        cohort = clinic(two_kinds(early, 50 - early))
        soon, late = (ks.judge(within(24.0, direction=way), cohort) for way in (None, "later_than"))
        mirrored = {"supported": "contradicted", "contradicted": "supported"}
        assert late.word == mirrored.get(soon.word, soon.word)
        assert deciding(late)["estimate"] == deciding(soon)["estimate"]


def test_irregular_visits_are_judged_with_limits_at_least_as_wide_as_the_chi_square_ones():
    rng = np.random.default_rng(7)
    courses = []
    for number in range(60):
        times = tuple(np.sort(rng.uniform(2, 200, 4)))
        courses.append(course((*times, 400.0), relief=3.0 if number < 40 else 500.0))
    verdict = ks.judge(within(72.0), clinic(courses))
    row = deciding(verdict)
    wide = ks.time_to_relief(
        ks.derive_relief(clinic(courses).scores), times=[72.0], limits="likelihood", conf_level=0.9
    ).to_frame()
    reached = wide[wide["quantity"] == "reached"].iloc[0]
    assert row["conf_low"] <= reached["conf_low"] + 1e-6
    assert row["conf_high"] >= reached["conf_high"] - 1e-6


def test_a_shared_visit_among_irregular_ones_keeps_the_level_of_the_shared_one():
    # all were seen at 24 h, and later each at times of their own: at 24 h the count decides
    rng = np.random.default_rng(3)
    courses = [
        course((24.0, *np.sort(rng.uniform(100, 900, 3))), relief=24.0 if k < 30 else 1e9)
        for k in range(52)
    ]
    row = deciding(ks.judge(within(24.0), clinic(courses)))
    exact = beta.ppf(0.05, 30, 23), beta.ppf(0.95, 31, 22)
    assert row["conf_low"] <= exact[0] + 1e-6
    assert row["conf_high"] >= exact[1] - 1e-6


def test_more_patients_like_these_narrow_the_interval():
    widths = []
    for n in (20, 40, 80):
        row = deciding(ks.judge(within(24.0), clinic(two_kinds(n // 2, n // 2))))
        widths.append(row["conf_high"] - row["conf_low"])
    assert widths == sorted(widths, reverse=True)


def test_the_order_of_the_rows_changes_nothing():
    cohort = clinic(two_kinds(20, 15))
    mixed = ks.Cohort(
        cohort.subjects.sample(frac=1, random_state=1, ignore_index=True),
        scores=cohort.scores.sample(frac=1, random_state=2, ignore_index=True),
        doses=cohort.doses.sample(frac=1, random_state=3, ignore_index=True),
        provenance="public",
        name=cohort.name,
    )
    one, other = (ks.judge(within(24.0), c).to_frame() for c in (cohort, mixed))
    assert one.equals(other) or np.allclose(one["estimate"], other["estimate"])


def test_the_same_relief_lost_again_still_came_but_is_not_confirmed():
    cohort = clinic([{4.0: WELL, 24.0: UNWELL, 72.0: UNWELL, 168.0: UNWELL}] * 30)
    table = ks.judge(within(24.0), cohort).to_frame().set_index("reading")
    assert table.loc["madrs:response_50/followed", "verdict"] == "supported"
    assert table.loc["madrs:response_50/confirmed", "verdict"] == "contradicted"


def test_the_trial_shows_when_its_patients_had_relief_and_not_that_the_medicine_did_it():
    trial = ks.load_antidepressant_trial()
    verdict = ks.judge(
        "medicines-take-weeks",
        trial,
        arm="DRUG",
        instrument="hamd17",
        treatment="conventional treatment",
    )
    assert verdict.word == "supported"
    row = deciding(verdict)
    drug = trial.subjects[trial.subjects["trt01a"] == "DRUG"]
    scores = trial.scores[trial.scores["usubjid"].isin(drug["usubjid"])]
    intervals = ks.derive_relief(
        scores, instrument="hamd17", subjects=drug, dropout="censor", death="censor"
    )
    curve = ks.time_to_relief(intervals, times=[336.0], limits="likelihood", conf_level=0.9)
    reached = curve.to_frame().set_index("quantity").loc["reached"]
    assert row["estimate"] == pytest.approx(reached["estimate"], abs=1e-5)
    assert row["conf_low"] <= reached["conf_low"] + 1e-5
    assert row["conf_high"] >= reached["conf_high"] - 1e-5
    assert any("not that the treatment did it" in limit for limit in verdict.limits)


def test_two_instruments_need_a_name_and_the_same_claim_may_read_differently_on_each():
    trial = ks.load_antidepressant_trial()
    assert ks.judge("medicines-take-weeks", trial, instrument="hamd17").word == "not_testable"
    with pytest.raises(ks.UsageError, match="instrument in this cohort"):
        ks.judge("medicines-take-weeks", trial, instrument="hamd")


def test_periods_of_a_crossover_are_refused_in_words():
    cohort = clinic(two_kinds(5, 5))
    twice = ks.Cohort(
        cohort.subjects,
        scores=cohort.scores.assign(aperiod=np.where(cohort.scores["afrlt"] > 72, 2.0, 1.0)),
        provenance="public",
    )
    with pytest.raises((ks.UsageError, ks.DataError), match=r"\w"):
        ks.judge(within(24.0), twice)

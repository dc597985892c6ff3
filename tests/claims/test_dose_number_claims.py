"""Claims on after which dose relief comes, on courses in which it is plain after which it came."""

import numpy as np
import pytest
from made_cohorts import UNWELL, WELL, clinic, deciding

import ketastats as ks

CLAIM = "relief-after-second-or-third"
EVERY = 72.0


def seen_after(doses, *, relief=np.inf, hours=24.0):
    """Scores some hours after each of these doses, of who is well from one dose on."""
    return {EVERY * (dose - 1) + hours: WELL if dose >= relief else UNWELL for dose in doses}


def given(number):
    return tuple(EVERY * dose for dose in range(number))


def judged(courses, doses, **more):
    return ks.judge(CLAIM, clinic(courses, doses=doses, **more))


ALL = (1, 2, 3)


@pytest.mark.parametrize(
    ("relieved", "word"), [(45, "supported"), (5, "contradicted"), (25, "undecided")]
)
def test_each_word_can_be_reached_where_the_truth_is_plain(relieved, word):
    courses = [seen_after(ALL, relief=2)] * relieved + [seen_after(ALL)] * (50 - relieved)
    verdict = judged(courses, [given(3)])
    assert verdict.word == word
    assert deciding(verdict)["estimate"] == pytest.approx(relieved / 50, abs=1e-6)


def test_relief_after_a_fourth_dose_does_not_count():
    courses = [seen_after((1, 2, 3, 4, 5), relief=4)] * 40
    assert judged(courses, [given(5)]).word == "contradicted"


def test_relief_after_the_first_dose_counts_and_its_share_is_shown_for_comparison():
    verdict = judged([seen_after(ALL, relief=1)] * 40, [given(3)])
    table = verdict.to_frame().set_index("reading")
    assert verdict.word == "supported"
    assert table.loc["madrs:response_50/first_dose", "role"] == "yardstick"
    assert table.loc["madrs:response_50/first_dose", "estimate"] == pytest.approx(1.0)
    assert "for comparison" in set(verdict.display()["Verdict"])


def test_relief_seen_later_than_a_few_days_after_a_dose_does_not_count():
    weekly = tuple(168.0 * dose for dose in range(3))
    late = {hour + 120.0: WELL for hour in weekly} | {hour + 24.0: UNWELL for hour in weekly}
    assert judged([late] * 30, [weekly]).word == "contradicted"


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("relief", [2, np.inf])
def test_a_handful_of_patients_decides_nothing(n, relief):
    assert judged([seen_after(ALL, relief=relief)] * n, [given(3)]).word == "undecided"


def test_those_who_stopped_early_leave_bounds_that_the_verdict_has_to_bear():
    courses = [seen_after(ALL, relief=2)] * 40 + [seen_after((1,))] * 40
    verdict = judged(courses, [given(3)] * 40 + [given(1)] * 40)
    row = deciding(verdict)
    assert verdict.word == "undecided"
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((0.5, 1.0), abs=1e-6)
    assert "between 50.0 and 100.0%" in verdict.reason


def test_those_who_had_every_dose_and_were_not_seen_after_it_are_not_taken_to_be_like_the_others():
    courses = [seen_after(ALL, relief=2)] * 30 + [{}] * 40
    verdict = judged(courses, [given(3)])
    assert verdict.word == "undecided"
    assert deciding(verdict)["bound_low"] == pytest.approx(30 / 70, abs=1e-6)


def test_few_who_stopped_do_not_stop_a_verdict_that_holds_whatever_became_of_them():
    courses = [seen_after(ALL, relief=2)] * 46 + [seen_after((1,))] * 4
    assert judged(courses, [given(3)] * 46 + [given(1)] * 4).word == "supported"


def test_relief_in_everybody_by_the_second_dose_needs_no_third_assessment():
    courses = [seen_after((1, 2), relief=2)] * 30
    assert judged(courses, [given(2)] * 29 + [given(3)]).word == "supported"


def test_rescue_is_taken_as_a_course_that_failed_and_leaves_bounds():
    courses = [seen_after(ALL, relief=3)] * 40
    rescued = [(number, "RESCUE", 30.0) for number in range(40)]
    assert judged(courses, [given(3)]).word == "supported"
    assert judged(courses, [given(3)], medications=rescued).word == "undecided"


def test_a_cohort_without_medications_is_judged_like_one_with_none_that_matter():
    courses = [seen_after(ALL, relief=2)] * 30
    plain = judged(courses, [given(3)])
    other = judged(courses, [given(3)], medications=[(0, "CONCOMITANT", 5.0)])
    assert plain.word == other.word == "supported"


def test_who_met_the_rule_before_the_first_dose_is_left_out():
    courses = [{0.0: 8.0, 24.0: 6.0}] * 10 + [{0.0: 30.0, **seen_after(ALL, relief=2)}] * 30
    table = judged(courses, [given(3)], baseline=None).to_frame()
    rows = table[table["rule"] == "madrs:remission_10"]
    assert set(rows["n"]) == {30}


@pytest.mark.parametrize(
    ("courses", "doses", "said"),
    [
        ([seen_after((1, 2), relief=2)] * 20, [given(2)], "Nobody was given dose 3."),
        ([seen_after((1, 2), relief=2)] * 20, [()], "Nobody was given dose 3."),
        ([{}] * 20, [given(3)], "Nobody has a known response within 4 days of a dose."),
        ([{700.0: WELL}] * 20, [given(3)], "Nobody has a known response within 4 days of a dose."),
    ],
)
def test_cohorts_that_cannot_be_asked_say_why_and_what_would_do(courses, doses, said):
    verdict = judged(courses, doses)
    assert (verdict.word, verdict.reason) == ("not_testable", said)
    assert verdict.needed == "Patients with 3 doses, assessed within 4 days of each."


def test_doses_that_are_misnumbered_are_refused_in_words():
    cohort = clinic([seen_after(ALL, relief=2)] * 10, doses=[given(3)])
    doses = cohort.doses.assign(exseq=cohort.doses["exseq"] + 1)
    with pytest.raises(ks.DataError, match="not numbered 1, 2, 3"):
        ks.Cohort(cohort.subjects, scores=cohort.scores, doses=doses, provenance="public")


def test_informative_stopping_does_not_turn_failures_into_support():
    # those without relief stop after each dose; those who go on do well: 30 of 100 had relief
    rng = np.random.default_rng(5)
    courses, doses = [], []
    for number in range(100):
        if number < 30:
            courses.append(seen_after(ALL, relief=int(rng.integers(1, 4))))
            doses.append(given(3))
        else:
            stop = int(rng.integers(1, 3))
            courses.append(seen_after(range(1, stop + 1)))
            doses.append(given(stop))
    verdict = judged(courses, doses)
    assert verdict.word == "undecided"
    assert deciding(verdict)["bound_low"] == pytest.approx(0.3, abs=1e-6)

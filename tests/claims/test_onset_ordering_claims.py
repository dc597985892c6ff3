"""Claims that relief comes earlier under one treatment, on arms in which it is plain where it does."""

import numpy as np
import pytest
from made_cohorts import clinic, course, deciding

import ketastats as ks

CLAIM = "ketamine-works-faster"
VISITS = (24.0, 72.0, 168.0, 336.0, 672.0)
NEVER = np.inf


def two_arms(first, second, *, times=VISITS, second_times=None, **more):
    """A cohort with arms A and B, given the hours at which relief came in each patient."""
    courses = [course(times, relief=hour) for hour in first]
    courses += [course(second_times or times, relief=hour) for hour in second]
    return clinic(courses, doses=((),), arms=["A"] * len(first) + ["B"] * len(second), **more)


def judged(cohort, **changed):
    said = {
        "arm": "A",
        "reference": "B",
        "treatment": "ketamine",
        "comparator": "conventional treatment",
        "randomised": True,
    }
    return ks.judge(CLAIM, cohort, **(said | changed))


EARLY = [24.0] * 15 + [72.0] * 8 + [336.0] * 4 + [NEVER] * 3
LATE = [24.0] * 3 + [168.0] * 4 + [336.0] * 8 + [672.0] * 8 + [NEVER] * 7


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [(EARLY, LATE, "supported"), (LATE, EARLY, "contradicted"), (EARLY, EARLY, "undecided")],
)
def test_each_word_can_be_reached_where_the_truth_is_plain(first, second, word):
    verdict = judged(two_arms(first, second))
    assert verdict.word == word
    if word != "undecided":
        assert set(verdict.to_frame()["verdict"]) == {word}


def test_exchanging_the_arms_inverts_the_ratios():
    there = judged(two_arms(EARLY, LATE)).to_frame()
    back = judged(two_arms(LATE, EARLY)).to_frame()
    assert there["estimate"].to_numpy() == pytest.approx(1 / back["estimate"].to_numpy(), rel=1e-4)
    assert there["conf_low"].to_numpy() == pytest.approx(1 / back["conf_high"].to_numpy(), rel=1e-3)


def test_the_other_of_two_arms_is_found():
    assert judged(two_arms(EARLY, LATE), reference=None).word == "supported"


def test_all_relief_of_one_arm_before_any_of_the_other_is_judged_by_the_score_test():
    verdict = judged(two_arms([24.0] * 20, [336.0] * 20))
    row = deciding(verdict)
    assert verdict.word == "supported"
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (np.inf, 1.0, np.inf)
    assert "score test" in row["term"]
    assert judged(two_arms([336.0] * 20, [24.0] * 20)).word == "contradicted"


def test_no_relief_at_all_in_the_reference_arm_still_decides():
    assert judged(two_arms([24.0] * 12 + [NEVER] * 8, [NEVER] * 20)).word == "supported"


@pytest.mark.parametrize("n", [1, 2])
def test_a_handful_of_patients_decides_nothing(n):
    assert judged(two_arms([24.0] * n, [NEVER] * n)).word == "undecided"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([NEVER] * 10, [NEVER] * 10, "Nobody in either arm"),
        ([24.0] * 10, [24.0] * 10, "nobody is known to have had it earlier"),
    ],
)
def test_arms_in_which_nobody_was_earlier_cannot_be_compared(first, second, said):
    verdict = judged(two_arms(first, second))
    assert verdict.word == "not_testable"
    assert said in verdict.reason


def test_an_arm_that_was_never_assessed_cannot_be_compared():
    verdict = judged(two_arms(EARLY, LATE, second_times=(-24.0,)))
    assert verdict.word == "not_testable"
    assert verdict.reason.startswith("In B nobody was assessed")


def test_one_visit_shows_in_how_many_and_not_how_early():
    cohort = two_arms([24.0] * 30 + [NEVER] * 5, [24.0] * 10 + [NEVER] * 30, times=(1008.0,))
    verdict = judged(cohort)
    assert verdict.word == "not_testable"
    assert "at 42 days" in verdict.reason
    assert deciding(verdict)["verdict"] == "supported"


def test_arms_seen_at_different_times_whose_order_the_visits_leave_open_are_undecided():
    # half by a day in the one arm, more than half by two weeks in the other
    first, second = [1.0] * 20 + [NEVER] * 20, [1.0] * 24 + [NEVER] * 16
    cohort = two_arms(first, second, times=(24.0,), second_times=(336.0,))
    assert judged(cohort).word == "undecided"


def test_curves_that_cross_leave_the_verdict_undecided():
    # a third of A at once and nobody later; nobody of B at once and everybody later
    cohort = two_arms([24.0] * 20 + [NEVER] * 40, [336.0] * 30 + [672.0] * 30)
    verdict = judged(cohort)
    assert deciding(verdict)["verdict"] == "contradicted"
    assert verdict.word == "undecided"
    assert "The curves cross: more patients had relief in A by 24 h and in B by 28 days" in str(
        verdict
    )


def test_rescue_that_would_decide_by_how_it_is_counted_leaves_the_verdict_undecided():
    # of B most had rescue within hours; leave them out, and all the others of B had relief in a day
    first = [24.0] * 20 + [72.0] * 10 + [NEVER] * 10
    second = [24.0] * 20 + [NEVER] * 40
    rescued = [(40 + 20 + number, "RESCUE", 2.0) for number in range(40)]
    verdict = judged(two_arms(first, second, medications=rescued))
    table = verdict.to_frame().set_index("missing")
    assert deciding(verdict)["verdict"] == "contradicted"
    assert table.loc["never", "verdict"] == "supported"
    assert verdict.word == "undecided"
    assert verdict.reason.endswith("It does not hold with rescue and death counted as no relief.")


def test_one_arm_cannot_show_an_order():
    verdict = ks.judge(CLAIM, clinic([course(VISITS, relief=24.0)] * 10))
    assert verdict.word == "not_testable"
    assert "one arm" in verdict.reason
    assert "conventional treatment" in verdict.needed


def test_arms_have_to_be_named_where_there_is_a_choice():
    cohort = two_arms(EARLY, LATE)
    with pytest.raises(ks.UsageError, match=r"name arm= and reference= \(A, B\)"):
        ks.judge(CLAIM, cohort)
    with pytest.raises(ks.UsageError, match="same arm"):
        judged(cohort, reference="A")
    with pytest.raises(ks.UsageError, match="'C'"):
        judged(cohort, reference="C")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"randomised": False}, "not said to have been assigned at random"),
        ({"comparator": None}, "compares with conventional treatment"),
        ({"treatment": None}, "The claim is about ketamine"),
    ],
)
def test_what_is_not_known_of_the_arms_caps_the_verdict(changed, said):
    verdict = judged(two_arms(EARLY, LATE), **changed)
    assert verdict.word == "not_testable"
    assert said in verdict.limits[0]
    assert deciding(verdict)["verdict"] == "supported"


def test_drop_outs_are_said_to_be_taken_like_the_others():
    n = len(EARLY) + len(LATE)
    ends = {
        "eosstt": ["DISCONTINUED"] * 5 + ["COMPLETED"] * (n - 5),
        "dcsreas": ["OTHER"] * 5 + [None] * (n - 5),
        "eosafrlt": [500.0] * n,
    }
    verdict = judged(two_arms(EARLY, LATE, subjects=ends))
    assert any("dropped out" in limit for limit in verdict.limits)


def test_the_trial_of_weekly_visits_gives_a_verdict_once_its_design_is_said():
    verdict = ks.judge(
        CLAIM,
        ks.load_antidepressant_trial(),
        arm="DRUG",
        reference="PLACEBO",
        instrument="hamd17",
        treatment="ketamine",
        comparator="conventional treatment",
        randomised=True,
    )
    assert verdict.word == "undecided"
    assert deciding(verdict)["n"] == 172

from math import sqrt

import numpy as np
import pytest
from scipy.special import ndtr

from ketastats.errors import UsageError
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.course import DAY, USUAL
from ketastats.synthetic.patients import arm_values
from ketastats.synthetic.scenario import load_scenario, shipped_scenarios

WORKS = {"arm.responders[KETAMINE]": 1, "arm.gain[KETAMINE]": 0.8}


def visits_at(scenario, *hours):
    """The scenario with visits at these hours and no others."""
    gone = {("visit.hours", name): None for name in scenario.members("visit")}
    return scenario.changed(gone | {("visit.hours", f"at {hour}"): hour for hour in hours})


def leaving_at_a_visit(made):
    """Per patient and visit: still there before it, and gone by it."""
    hours, leaves = made.course.hours, made.course.leaves[:, None]
    before = np.concatenate([np.zeros((len(hours), 1)), hours[:, :-1]], axis=1)
    gone = leaves < hours
    there = ~np.concatenate([np.zeros((len(hours), 1), dtype=bool), gone[:, :-1]], axis=1)
    return before, there, gone & there


def test_without_effect_expectancy_or_drift_nothing_improves(still):
    assert (make_up(still, 500, 1).course.improvement == 0).all()


def test_at_the_onset_time_half_of_step_times_gain_is_there(still):
    scenario = still.changed({**WORKS, "arm.doses[KETAMINE]": 1, "arm.onset[KETAMINE]": 4})
    for step in (0.4, 1.0):
        one = visits_at(scenario.changed({"arm.step[KETAMINE]": step}), 4, 2000)
        made = make_up(one, 20_000, 1)
        at_onset, late = made.course.improvement.T
        assert at_onset == pytest.approx(0.5 * made.patients.step * 0.8, abs=1e-6)
        assert late == pytest.approx(made.patients.step * 0.8, abs=1e-4)
        error = made.patients.step.std() / sqrt(20_000)
        assert at_onset.mean() == pytest.approx(0.5 * step * 0.8, abs=4 * error + 1e-6)


def test_half_of_a_doses_effect_is_gone_after_its_half_life(still):
    scenario = still.changed(
        {**WORKS, "arm.doses[KETAMINE]": 1, "arm.onset[KETAMINE]": 1, "arm.fade[KETAMINE]": 14}
    )
    course = make_up(visits_at(scenario, 14 * DAY, 28 * DAY), 100, 1).course
    assert course.improvement == pytest.approx(np.tile([0.4, 0.2], (100, 1)))


def test_doses_build_on_each_other_by_what_is_left(still):
    scenario = still.changed({**WORKS, "arm.doses[KETAMINE]": 3, "arm.step[KETAMINE]": 0.5})
    made = make_up(visits_at(scenario, 2000), 200, 3)
    expected = 0.8 * (1 - (1 - made.patients.step) ** 3)
    assert made.course.improvement[:, 0] == pytest.approx(expected, abs=1e-3)


def test_expectancy_comes_in_by_its_onset_and_drift_by_the_week(still):
    scenario = still.changed(
        {"arm.expectancy[KETAMINE]": 0.2, "expectancy.onset": 12, "drift.per_week": 0.01}
    )
    improvement = make_up(visits_at(scenario, 12, 1680), 50, 1).course.improvement
    expected = [1 - (1 - 0.1) * 0.99 ** (12 / 168), 1 - (1 - 0.2) * 0.99**10]
    assert improvement == pytest.approx(np.tile(expected, (50, 1)))


def test_where_high_is_good_scores_rise(still):
    scenario = load_scenario("ketamine_trd").changed({"arm.responders[KETAMINE]": 1})
    made = make_up(scenario, 3000, 1)
    mine = made.patients.arm == made.patients.arms.index("KETAMINE")
    change = {
        name: (made.course.scores[name][mine, 4] - made.patients.first[name][mine]).mean()
        for name in ("madrs", "who5")
    }
    assert change["madrs"] < -10
    assert change["who5"] > 5


@pytest.mark.parametrize("name", shipped_scenarios())
def test_visits_rise_in_time_and_stay_nearer_to_their_own_hour_than_to_another(name):
    scenario = load_scenario(name)
    course = make_up(scenario, 2000, 4).course
    planned = np.array([scenario.value("visit.hours", visit) for visit in course.visits])
    assert (np.diff(course.hours, axis=1) > 0).all()
    distance = np.abs(course.hours[:, :, None] - planned).argmin(axis=2)
    assert (distance == np.arange(len(planned))).all()


@pytest.mark.parametrize("hours", [(0.3, 0.5, 0.7), (1, 2, 3), (1, 100.05, 100.3, 5000)])
def test_visits_close_together_never_fall_together(still, hours):
    scenario = visits_at(still, *hours)
    spread = {("visit.spread", visit): 50 for visit in scenario.members("visit")}
    hours = make_up(scenario.changed(spread), 2000, 1).course.hours
    assert (np.diff(hours, axis=1) > 0.05).all()
    assert (hours > 0).all()


@pytest.mark.parametrize("name", shipped_scenarios())
def test_no_dose_comes_after_leaving_or_the_last_visit(name):
    course = make_up(load_scenario(name), 3000, 2).course
    last = np.where(np.isfinite(course.doses), course.doses, -np.inf).max(axis=1)
    assert (last <= course.leaves).all()
    assert (last <= course.hours[:, -1]).all()
    assert (np.where(course.seen, course.hours, -np.inf).max(axis=1) <= course.leaves).all()


def test_series_and_later_doses_are_in_order_and_later_ones_more_than_a_week_apart():
    scenario = load_scenario("ketamine_trd").changed(
        {"arm.maintained[KETAMINE]": 1, "arm.maintained_every[KETAMINE]": 8}
    )
    made = make_up(scenario, 3000, 2)
    course, ketamine = made.course, made.patients.arm == made.patients.arms.index("KETAMINE")
    end_of_series = np.where(np.isfinite(course.series), course.series, -np.inf).max(axis=1)
    later = np.column_stack([end_of_series, course.later])
    with np.errstate(invalid="ignore"):
        between, within = np.diff(later, axis=1), np.diff(course.series, axis=1)
    assert (between[np.isfinite(between)] > 7 * DAY).all()
    assert (within[np.isfinite(within)] > 0).all()
    on = np.isfinite(course.later).any(axis=1)
    assert (on == (ketamine & made.patients.works)).all()


def test_later_doses_go_on_for_years_if_visits_do(still):
    scenario = still.changed(
        {**WORKS, "arm.maintained[KETAMINE]": 1, "arm.maintained_every[KETAMINE]": 8}
    )
    course = make_up(visits_at(scenario, 3 * 365 * DAY), 20, 1).course
    last = np.where(np.isfinite(course.later), course.later, -np.inf).max(axis=1)
    assert (last > 3 * 365 * DAY - 14 * DAY).all()


def test_an_arm_without_doses_has_none_and_no_effect(still):
    scenario = still.changed({**WORKS, "arm.doses[KETAMINE]": 0, "arm.maintained[KETAMINE]": 1})
    course = make_up(scenario, 100, 1).course
    assert not np.isfinite(course.doses).any()
    assert (course.improvement == 0).all()


def test_series_are_broken_off_in_the_stated_share_of_those_without_benefit(still):
    scenario = still.changed({"arm.broken[KETAMINE]": 0.3, "arm.responders[KETAMINE]": 0.5})
    made = make_up(scenario, 40_000, 1)
    count = np.isfinite(made.course.series).sum(axis=1)
    assert (count[made.patients.works] == 6).all()
    others = count[~made.patients.works]
    assert others.min() >= 3
    assert (others < 6).mean() == pytest.approx(0.3, abs=4 * sqrt(0.21 / len(others)))


@pytest.mark.parametrize("depends_on", ["seen", "unseen"])
def test_with_log_odds_0_the_stated_share_leaves(still, depends_on):
    scenario = still.changed({"arm.leave[KETAMINE]": 0.23, "leave.depends_on": depends_on, **WORKS})
    course = make_up(scenario, 50_000, 1).course
    left = np.isfinite(course.leaves).mean()
    assert left == pytest.approx(0.23, abs=4 * sqrt(0.23 * 0.77 / 50_000))
    # half of the time, half of the log of those who stay
    half = (course.leaves < course.hours[:, 7]).mean()
    planned = scenario.value("visit.hours", course.visits[7]) / scenario.value(
        "visit.hours", course.visits[-1]
    )
    assert half == pytest.approx(1 - 0.77**planned, abs=4 * sqrt(0.25 / 50_000))


def test_at_the_usual_improvement_the_stated_share_leaves_whatever_the_log_odds(still):
    scenario = still.changed(
        {
            "arm.responders[KETAMINE]": 1,
            "arm.gain[KETAMINE]": USUAL,
            "arm.onset[KETAMINE]": 0.01,
            "arm.leave[KETAMINE]": 0.3,
            "leave.log_odds": -3,
            "leave.depends_on": "unseen",
        }
    )
    left = np.isfinite(make_up(scenario, 50_000, 1).course.leaves).mean()
    assert left == pytest.approx(0.3, abs=4 * sqrt(0.21 / 50_000))


def test_those_who_stay_miss_the_stated_share_of_visits(still):
    scenario = still.changed({"gap.share": 0.12, "arm.leave[KETAMINE]": 0.2})
    course = make_up(scenario, 20_000, 1).course
    due = course.hours < course.leaves[:, None]
    error = sqrt(0.12 * 0.88 / due.sum())
    assert 1 - course.seen[due].mean() == pytest.approx(0.12, abs=4 * error)
    assert not course.seen[~due].any()


def leaving_by_the_present(scenario, n=60_000):
    """Slope of leaving by the true improvement now, given the score last seen, with its error."""
    made = make_up(scenario, n, 3)
    course, first = made.course, made.patients.first["madrs"]
    _, there, gone = leaving_at_a_visit(made)
    slopes = []
    rows = []
    for t in range(2, len(course.visits)):
        last = np.zeros(n)
        for earlier in range(t):
            gone_by_then = np.clip(
                1 - course.scores["madrs"][:, earlier] / np.maximum(first, 1), -1, 1
            )
            last = np.where(course.seen[:, earlier], gone_by_then, last)
        keep = there[:, t]
        rows.append(
            np.column_stack(
                [np.full(keep.sum(), t), last[keep], course.improvement[keep, t], gone[keep, t]]
            )
        )
    table = np.concatenate(rows)
    # within visit and narrow classes of the score last seen, so that no form has to be assumed
    classes = table[:, 0] * 1000 + np.floor(100 * (table[:, 1] + 1))
    _, group = np.unique(classes, return_inverse=True)
    size = np.bincount(group)
    x, y = (
        column - (np.bincount(group, column) / size)[group] for column in (table[:, 2], table[:, 3])
    )
    slope = (x @ y) / (x @ x)
    error = sqrt(((y - slope * x) ** 2 * x**2).sum()) / (x @ x)
    slopes.append((slope, error))
    return slopes[0]


@pytest.fixture(scope="module")
def varied(still):
    """Improvement that varies between patients and visits, scores that are seen with gaps."""
    scenario = still.changed(
        {
            "arm.responders[KETAMINE]": 0.5,
            "arm.gain[KETAMINE]": 0.8,
            "arm.fade[KETAMINE]": 14,
            "arm.leave[KETAMINE]": 0.5,
            "arm.lapses[KETAMINE]": 2,
            "leave.log_odds": -3,
            "gap.share": 0.1,
            "score.reliability[madrs]": 0.8,
        }
    )
    return visits_at(scenario, 24, 168, 336, 672, 1344, 2016, 2688)


def test_seen_leaving_does_not_depend_on_the_unseen_given_the_seen(varied):
    slope, error = leaving_by_the_present(varied)
    assert abs(slope) < 4 * error


def test_unseen_leaving_does_depend_on_it(varied):
    slope, error = leaving_by_the_present(varied.changed({"leave.depends_on": "unseen"}))
    assert slope < -8 * error


def test_without_an_entry_the_scale_that_tells_improvement_best_decides_who_leaves():
    scenario = load_scenario("antidepressant_trial").changed({"leave.log_odds": -8})
    made = make_up(scenario, 20_000, 1)
    _, there, gone = leaving_at_a_visit(made)
    keep = there[:, 3] & made.course.seen[:, 2]
    score = {
        name: made.course.scores[name][keep, 2] / np.maximum(made.patients.first[name][keep], 1)
        for name in ("hamd17", "ham_a")
    }
    left = gone[keep, 3]

    def partial(one, other):
        design = np.column_stack([np.ones(keep.sum()), score[other]])
        rest = [y - design @ np.linalg.lstsq(design, y, rcond=None)[0] for y in (score[one], left)]
        return np.corrcoef(*rest)[0, 1]

    assert partial("hamd17", "ham_a") > 5 * abs(partial("ham_a", "hamd17"))


def test_without_lapses_nobody_loses_benefit_and_with_them_some_do_from_day_21_on(still):
    scenario = still.changed({**WORKS, "arm.onset[KETAMINE]": 0.01})
    steady = make_up(scenario, 2000, 1).course
    assert (np.diff(steady.improvement, axis=1) >= -1e-4).all()
    lapsing = make_up(scenario.changed({"arm.lapses[KETAMINE]": 3, "lapse.left": 0.4}), 2000, 1)
    improvement, hours = lapsing.course.improvement, lapsing.course.hours
    assert improvement[hours < 21 * DAY] == pytest.approx(steady.improvement[hours < 21 * DAY])
    late = improvement[hours >= 21 * DAY]
    kept = steady.improvement[hours >= 21 * DAY]
    down = late < 0.9 * kept
    assert 0.1 < down.mean() < 0.9
    assert late[down] == pytest.approx(0.4 * kept[down])


def test_the_share_of_time_in_lapses_is_that_of_an_alternating_renewal_process(still):
    scenario = visits_at(
        still.changed({**WORKS, "arm.lapses[KETAMINE]": 2, "lapse.days": 30}), 400 * DAY, 401 * DAY
    )
    improvement = make_up(scenario, 20_000, 1).course.improvement[:, 0]
    # means of 45 days well and 30 days not: 30 of 75 days, long after the start
    assert (improvement < 0.7).mean() == pytest.approx(0.4, abs=4 * sqrt(0.24 / 20_000))


def test_more_spells_than_can_be_followed_are_refused_and_not_cut_short(still):
    scenario = still.changed(
        {**WORKS, "arm.lapses[KETAMINE]": 1e6, "lapse.days": 1e-4, ("visit.hours", "late"): 1e5}
    )
    with pytest.raises(UsageError, match=r"lower arm\.lapses"):
        make_up(scenario, 3, 1)


def test_scores_are_whole_within_the_scale_and_err_as_their_reliability_says(still):
    scenario = still.changed({"score.reliability[madrs]": 0.7, "score.sd[madrs]": 6})
    course = make_up(scenario, 20_000, 1).course
    scores = course.scores["madrs"]
    assert (scores == np.round(scores)).all()
    assert scores.min() >= 0
    assert scores.max() <= 60
    difference = scores[:, 3] - scores[:, 4]
    # two errors, and the rounding of two scores
    expected = 2 * 36 * 0.3 + 2 / 12
    assert difference.var() == pytest.approx(expected, rel=4 * sqrt(2 / 20_000))


def test_rescue_comes_only_to_those_without_benefit_and_within_the_course(still):
    scenario = still.changed({"rescue.share": 0.3, "arm.responders[KETAMINE]": 0.5})
    made = make_up(scenario, 20_000, 1)
    rescued = np.isfinite(made.course.rescue)
    assert not rescued[made.patients.works].any()
    share = rescued[~made.patients.works].mean()
    assert share == pytest.approx(0.3, abs=4 * sqrt(0.21 / 10_000))
    assert made.course.rescue[rescued].min() >= 4 * DAY
    short = make_up(visits_at(scenario, 24), 2000, 1).course.rescue
    assert short[np.isfinite(short)].max() <= 24


def test_a_share_of_responders_shows_as_a_mixture(still):
    scenario = still.changed({"arm.responders[KETAMINE]": 0.4, "arm.gain[KETAMINE]": 0.8})
    scenario = scenario.changed({"score.reliability[madrs]": 1, "arm.onset[KETAMINE]": 0.01})
    made = make_up(scenario, 20_000, 1)
    fallen = made.course.scores["madrs"][:, -1] <= 0.5 * made.patients.first["madrs"]
    assert fallen.mean() == pytest.approx(0.4, abs=4 * sqrt(0.24 / 20_000))


def test_response_under_a_normal_gain_is_its_tail(still):
    scenario = still.changed(
        {
            "arm.responders[KETAMINE]": 1,
            "arm.gain[KETAMINE]": 0.45,
            "arm.gain_sd[KETAMINE]": 0.12,
            "arm.onset[KETAMINE]": 0.01,
            "score.reliability[madrs]": 1,
        }
    )
    made = make_up(scenario, 40_000, 1)
    gone = made.course.improvement[:, -1]
    assert (gone >= 0.5).mean() == pytest.approx(
        ndtr((0.45 - 0.5) / 0.12), abs=4 * sqrt(0.25 / 40_000)
    )
    assert arm_values(scenario, made.patients.arms, "arm.gain") == pytest.approx([0.45])

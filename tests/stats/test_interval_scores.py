"""Scores of intervals from the pooled curve, against R's interval and survival packages."""

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.interval_scores import SCORES, sun_scores, wilcoxon_scores

EVERY = sorted(SCORES)


def intervals(name):
    table = read_input(name)
    return table.assign(right=table["right"].fillna(np.inf))


@pytest.mark.parametrize("case", list(read_reference("score_tests_sums").itertuples()))
def test_sums_of_scores_agree_with_r(case):
    table = intervals(case.data)
    score = SCORES[case.scores](table["left"], table["right"])
    inside = (table[case.by].astype(str).str.removesuffix(".0") == case.group).to_numpy()
    assert inside.sum() == case.n
    # R's EM stops at 1e-11, which leaves about 1e-8 in the sums.
    assert score[inside].sum() == pytest.approx(case.u, abs=1e-6)


@pytest.mark.parametrize("case", list(read_reference("score_tests_survdiff").itertuples()))
def test_on_right_censored_times_sums_are_observed_minus_expected_of_survdiff(case):
    table = intervals(case.data)
    score = SCORES[case.scores](table["left"], table["right"])
    inside = (table[case.by] == case.group).to_numpy()
    assert score[inside].sum() == pytest.approx(case.observed_minus_expected, rel=1e-9)


def test_wilcoxon_scores_of_exact_times_are_centred_ranks():
    from scipy.stats import rankdata

    time = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    expected = 1 - (2 * rankdata(time) - 1) / time.size
    assert wilcoxon_scores(time, time) == pytest.approx(expected)


def test_sun_scores_are_one_minus_the_cumulative_hazard():
    left, right = [1.0, 2.0, 2.0, 3.0], [1.0, 2.0, np.inf, np.inf]
    first, second = 1 / 4, 1 / 3
    expected = [1 - first, 1 - first - second, -first - second, -first - second]
    assert sun_scores(left, right) == pytest.approx(expected)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("data", ["bcos_intervals", "score_visits", "score_small"])
def test_scores_sum_to_zero_over_everyone(kind, data):
    table = intervals(data)
    assert SCORES[kind](table["left"], table["right"]).sum() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", EVERY)
def test_weights_stand_for_repeated_intervals(kind):
    table = intervals("score_visits")
    counted = table.groupby(["left", "right"], as_index=False).size()
    once = SCORES[kind](counted["left"], counted["right"], counted["size"])
    merged = table.merge(counted.assign(score=once), on=["left", "right"])
    ordered = table.merge(merged.drop_duplicates(["left", "right"]), on=["left", "right"])
    assert SCORES[kind](ordered["left"], ordered["right"]) == pytest.approx(
        ordered["score"], abs=1e-6
    )


@pytest.mark.parametrize("kind", EVERY)
def test_scores_know_only_the_order_of_times(kind):
    table = intervals("bcos_intervals")
    a = SCORES[kind](table["left"], table["right"])
    b = SCORES[kind](table["left"] ** 2, table["right"] ** 2)
    assert a == pytest.approx(b, abs=1e-6)


@pytest.mark.parametrize("kind", EVERY)
def test_the_earlier_of_two_intervals_has_the_higher_score(kind):
    score = SCORES[kind]([0.0, 4.0, 24.0, 72.0], [4.0, 24.0, 72.0, np.inf])
    assert (np.diff(score) < 0).all()
    assert score[0] > 0 > score[-1]


@pytest.mark.parametrize("kind", EVERY)
def test_intervals_that_say_nothing_score_zero(kind):
    assert SCORES[kind]([0.0, 5.0], [np.inf, np.inf]) == pytest.approx([0.0, 0.0])
    assert SCORES[kind]([2.0, 2.0], [7.0, 7.0]) == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize("kind", EVERY)
def test_bounds_that_are_no_interval_are_refused(kind):
    with pytest.raises(ValueError, match="after"):
        SCORES[kind]([3.0], [1.0])

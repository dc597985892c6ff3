from math import inf, nan, nextafter

import numpy as np
import pytest

from ketastats.claims.standing import ALPHA, DECISION_LEVEL, distance, standing, word
from ketastats.stats.exact_proportions import clopper_pearson_interval

CLAIMED = (0.3, 0.4)


@pytest.mark.parametrize(
    ("low", "high", "place", "said"),
    [
        (0.3, 0.4, "inside", "supported"),
        (0.35, 0.35, "inside", "supported"),
        (nextafter(0.3, 0), 0.4, "undecided", "undecided"),
        (0.3, nextafter(0.4, 1), "undecided", "undecided"),
        (0.1, 0.3, "undecided", "undecided"),  # touches: the border belongs to the range
        (0.1, nextafter(0.3, 0), "outside", "contradicted"),
        (0.4, 0.5, "undecided", "undecided"),
        (nextafter(0.4, 1), 0.5, "outside", "contradicted"),
        (0.0, 1.0, "undecided", "undecided"),
        (-inf, inf, "undecided", "undecided"),
    ],
)
def test_an_interval_decides_only_wholly_inside_or_wholly_outside(low, high, place, said):
    assert standing(low, high, CLAIMED) == place
    assert word(place) == said


@pytest.mark.parametrize("limits", [(nan, 0.5), (0.3, nan)])
def test_an_interval_with_a_missing_limit_stands_nowhere(limits):
    with pytest.raises(ValueError, match="missing limit"):
        standing(*limits, CLAIMED)


def test_intervals_cover_what_two_one_sided_tests_at_five_per_cent_need():
    assert ALPHA == 0.05
    assert pytest.approx(0.90) == DECISION_LEVEL


def test_the_distance_from_a_range_is_zero_inside_and_the_gap_outside():
    assert [distance(x, CLAIMED) for x in (0.3, 0.35, 0.4)] == [0, 0, 0]
    assert distance(0.25, CLAIMED) == pytest.approx(0.05)
    assert distance(0.55, CLAIMED) == pytest.approx(0.15)


@pytest.mark.parametrize(("true_rate", "wrong"), [(0.40, "supported"), (0.30, "supported")])
def test_a_rate_on_the_border_is_rarely_called_inside(true_rate, wrong):
    words = _words_of_simulated_cohorts(true_rate, n=400, draws=4000, seed=20240611)
    # at the border itself `inside` is the wrong side of one test of level alpha
    assert words.count(wrong) / len(words) <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / len(words))


@pytest.mark.parametrize("n", [1, 20, 33, 50, 150, 172])
def test_no_count_of_patients_is_called_wrong_more_often_than_alpha(n):
    from scipy.stats import binom

    words = np.array([word(_standing_of(x, n)) for x in range(n + 1)])
    for border in CLAIMED:
        chance = binom.pmf(np.arange(n + 1), n, border)
        assert chance[words == "supported"].sum() <= ALPHA
        assert chance[words == "contradicted"].sum() <= ALPHA + 1e-12


def test_a_rate_in_the_range_is_rarely_called_outside_even_at_its_border():
    words = _words_of_simulated_cohorts(0.40, n=400, draws=4000, seed=7)
    share = words.count("contradicted") / len(words)
    assert 0 < share <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / len(words))


def test_two_hundred_patients_cannot_support_a_range_of_ten_points():
    places = {_standing_of(x, 200) for x in range(201)}
    assert places == {"outside", "undecided"}


def _words_of_simulated_cohorts(rate, *, n, draws, seed):
    events = np.random.default_rng(seed).binomial(n, rate, size=draws)
    places = {int(x): word(_standing_of(int(x), n)) for x in np.unique(events)}
    return [places[int(x)] for x in events]


def _standing_of(x, n):
    return standing(*clopper_pearson_interval(x, n, conf_level=DECISION_LEVEL), CLAIMED)

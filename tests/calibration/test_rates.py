"""Rates, coverage and bias against what they are in closed form."""

from functools import partial
from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from coins import Coin
from known_truths import case_of, draw_count, judge_count
from scipy.special import bdtr

from ketastats.calibration.judging import JudgingTask
from ketastats.calibration.rates import bias, coverage, monte_carlo_rate, word_rates
from ketastats.calibration.replicates import replicate_seeds, run_replicates
from ketastats.claims.standing import DECISION_LEVEL, WORDS
from ketastats.stats.proportions import wilson_interval

here = partial(run_replicates, workers=1, key="k")
SURE = 0.9999  # level of Monte Carlo limits in tests, so that one seed in thousands would fail


def test_the_limits_of_no_hits_are_those_of_the_rule_of_three():
    rate = monte_carlo_rate(0, 1000, conf_level=0.90)  # upper limit: 1 - 0.05 ** (1 / n)
    assert (rate.estimate, rate.low) == (0, 0)
    assert rate.high == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert rate.high == pytest.approx(3 / 1000, rel=0.01)


def test_limits_mirror_when_hits_and_misses_swap():
    one, other = monte_carlo_rate(30, 1000), monte_carlo_rate(970, 1000)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))
    assert one.std_error == pytest.approx(sqrt(0.03 * 0.97 / 1000))


def test_a_rate_of_no_replicates_is_missing():
    rate = monte_carlo_rate(0, 0)
    assert all(isnan(value) for value in rate[2:])


@pytest.mark.parametrize("chance", [0.05, 0.5])
def test_the_rate_of_a_coin_is_its_chance(chance):
    table = here(Coin(chance), replicate_seeds(1, 2000))
    rate = word_rates(table, conf_level=SURE)["supported"]
    assert rate.low < chance < rate.high
    assert rate.hits == table["heads"].sum()


def test_rates_of_words_and_of_refusal_add_up_to_one():
    table = here(Coin(0.3, refused=0.2), replicate_seeds(2, 500))
    rates = word_rates(table)
    assert tuple(rates) == WORDS
    assert {rate.of for rate in rates.values()} == {500}
    total = sum(rate.estimate for rate in rates.values())
    assert total + table["refused"].mean() == pytest.approx(1)


def test_words_of_a_table_without_any_are_counted_as_none():
    assert {rate.hits for rate in word_rates(pd.DataFrame({"seed": [1, 2]})).values()} == {0}


@pytest.fixture(scope="module")
def shares():
    """1,200 cohorts of 200, 35% of whom have relief."""
    task = JudgingTask(case_of(0.35, "true"), 200, draw_count, judge_count)
    return here(task, replicate_seeds(3, 1200))


def test_coverage_is_that_of_wilsons_interval_in_closed_form(shares):
    """Brown, Cai and DasGupta (2001): sum of the chances of counts whose interval holds the share."""
    n, p = 200, 0.35
    x = np.arange(n + 1)
    chance = np.diff(bdtr(x, n, p), prepend=0.0)
    limits = np.array([wilson_interval(k, n, conf_level=DECISION_LEVEL) for k in x])
    exact = chance[(limits[:, 0] <= p) & (p <= limits[:, 1])].sum()
    found = coverage(shares, p, conf_level=SURE)
    assert found.of == 1200
    assert found.low < exact < found.high


def test_a_share_is_unbiased_and_its_error_that_of_a_mean_of_counts(shares):
    found = bias(shares, 0.35)
    expected = sqrt(0.35 * 0.65 / 200 / 1200)
    assert found.std_error == pytest.approx(expected, rel=0.1)
    assert abs(found.estimate) < 4 * expected


def test_the_error_of_the_truth_is_part_of_that_of_the_bias(shares):
    alone, both = bias(shares, 0.35), bias(shares, 0.35, truth_std_error=0.01)
    assert both.std_error == pytest.approx(sqrt(alone.std_error**2 + 0.01**2))
    assert both.estimate == alone.estimate


def test_a_shifted_truth_shifts_the_bias(shares):
    assert bias(shares, 0.33).estimate == pytest.approx(bias(shares, 0.35).estimate + 0.02)


def test_missing_and_infinite_estimates_take_no_part_in_bias_and_open_limits_cover():
    table = pd.DataFrame(
        {
            "estimate": [1.0, 3.0, np.inf, np.nan],
            "conf_low": [0.0, 2.0, 1.0, np.nan],
            "conf_high": [1.5, np.inf, np.inf, np.nan],
        }
    )
    assert bias(table, 1.0)[:2] == (2, 1.0)
    held = coverage(table, 1.0)
    assert (held.hits, held.of) == (2, 3)


def test_without_estimates_bias_and_coverage_are_missing():
    table = pd.DataFrame({"seed": [1, 2], "word": ["not_testable"] * 2})
    assert isnan(bias(table, 0.3).estimate)
    assert isnan(coverage(table, 0.3).estimate)

"""Regression to the mean: Barnett's formula, truncated normal fits, limits of sums and ratios."""

import math

import numpy as np
import pytest
from references import read_reference
from scipy.special import ndtri, stdtrit

from ketastats.stats.regression_to_mean import (
    Part,
    expected_change,
    fit_truncated_normal,
    one_arm,
    ratio_limits,
    regression_part,
    sum_of_parts,
)

DATA = read_reference("regression_to_mean_data")


def baselines(name: str) -> np.ndarray:
    return DATA.loc[DATA["set"] == name, "base"].to_numpy()


@pytest.mark.parametrize("case", list(read_reference("regression_to_mean").itertuples()))
def test_the_expected_change_is_barnetts_in_both_directions(case):
    sign = 1 if case.upper else -1
    z = sign * (case.entry - case.mean) / case.sd
    found = sign * expected_change(case.sd, z, case.reliability)
    assert found == pytest.approx(case.change, rel=1e-9)


@pytest.mark.parametrize("case", list(read_reference("regression_to_mean_fits").itertuples()))
def test_a_truncated_normal_law_is_fitted_as_by_r(case):
    law = fit_truncated_normal(baselines(case.set), case.entry)
    assert law.mean == pytest.approx(case.mean, rel=1e-6)
    assert law.sd == pytest.approx(case.sd, rel=1e-6)
    assert law.excess == pytest.approx(case.excess, rel=1e-6)
    assert law.std_error == pytest.approx(case.excess_se, rel=1e-5)
    limits = law.excess_limits(float(stdtrit(case.n - 1, 0.975)))
    assert limits == pytest.approx((case.excess_low, case.excess_high), rel=1e-5)


def test_the_fitted_law_has_the_mean_and_the_change_of_those_seen():
    values = baselines("mild")
    law = fit_truncated_normal(values, 20)
    assert law.mean + law.excess == pytest.approx(values.mean())
    z = (20 - law.mean) / law.sd
    assert -0.3 * law.excess == pytest.approx(expected_change(law.sd, z, 0.7))


def test_influence_values_tell_what_leaving_one_out_does():
    values = baselines("mild")
    law = fit_truncated_normal(values, 20)
    without = [fit_truncated_normal(np.delete(values, k), 20).excess for k in range(len(values))]
    spread = math.sqrt((len(values) - 1) * np.var(without))
    assert law.influence.mean() == pytest.approx(0, abs=1e-9)
    assert law.std_error == pytest.approx(spread, rel=0.15)


def test_another_unit_or_origin_moves_the_fit_along():
    values = baselines("median")
    law = fit_truncated_normal(values, 20)
    other = fit_truncated_normal(60 * values - 7, 60 * 20 - 7)
    assert other.mean == pytest.approx(60 * law.mean - 7)
    assert other.excess == pytest.approx(60 * law.excess)
    assert other.influence == pytest.approx(60 * law.influence)
    scaled = [60 * end for end in law.excess_limits(2.0)]
    assert other.excess_limits(2.0) == pytest.approx(scaled, rel=1e-6)


def test_an_entry_far_below_all_leaves_nothing_to_regress():
    values = np.random.default_rng(1).normal(20, 2, 50)
    for entry in (10.0, -1e3):
        law = fit_truncated_normal(values, entry)
        assert law.mean == pytest.approx(values.mean(), abs=1e-4)
        assert law.sd == pytest.approx(values.std(), abs=1e-4)
        low, high = law.excess_limits(1.96)
        assert low == 0
        assert law.excess <= high < 0.01


def test_limits_are_infinite_where_an_exponential_law_fits_as_well():
    values = 20 - 5 * np.log(1 - (np.arange(40) + 0.5) / 40)
    law = fit_truncated_normal(values, 20)
    low, high = law.excess_limits(1.96)
    assert math.isinf(high)
    assert 0 < low < law.excess


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([20.0, 21, 22, 23, 24, 25, 26, 27, 28], "9 baselines do not tell"),
        ([20.0] * 12, "all alike"),
        ([24.0] * 12, "all alike"),
        ([19.0, *range(20, 32)], "below the cut"),
        ([20.1] * 30 + [60.0], "exponential"),
    ],
)
def test_values_that_tell_nothing_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        fit_truncated_normal(values, 20.0)


def test_an_unsure_reliability_widens_the_part_and_never_past_nothing():
    excess = Part(4.0, 0.5, 3.2, 5.5)
    sure, unsure = (regression_part(excess, 0.7, se, 1.96) for se in (0.0, 0.2))
    assert (sure.low, sure.high) == pytest.approx((-0.3 * 5.5, -0.3 * 3.2))
    assert unsure.low < sure.low < sure.high < unsure.high <= 0
    assert unsure.std_error == pytest.approx(math.hypot(0.3 * 0.5, 4.0 * 0.2))
    assert regression_part(excess, 1.0, 0.0, 1.96) == Part(0, 0, 0, 0)
    endless = Part(4.0, 9.0, 1.0, math.inf)
    assert regression_part(endless, 1.0, 0.0, 1.96).low == 0
    assert regression_part(excess.negative, 0.7, 0.2, 1.96) == unsure.negative


def test_sums_of_symmetric_parts_have_the_limits_of_their_variance():
    one, other = Part.symmetric(3, 1.0, 2.0), Part.symmetric(-1, 0.5, 2.0)
    found = sum_of_parts([one, other, Part.symmetric(0.5, 0.2, 2.0)], correlation=-0.4)
    se = math.sqrt(1 + 0.25 + 0.04 - 2 * 0.4 * 0.5)
    assert found.std_error == pytest.approx(se)
    assert (found.low, found.high) == pytest.approx((2.5 - 2 * se, 2.5 + 2 * se))
    endless = sum_of_parts([one, Part(0.0, 1.0, -math.inf, 1.0)])
    assert endless.low == -math.inf
    assert math.isfinite(endless.high)


def test_fiellers_limits_are_the_ratios_that_are_just_not_refused():
    above, below = Part.symmetric(-9, 0.8, 1.96), Part.symmetric(-5, 0.9, 1.96)
    for ratio in ratio_limits(above, below, 1.96):
        gap = above.estimate - ratio * below.estimate
        se = math.hypot(above.std_error, ratio * below.std_error)
        assert abs(gap) == pytest.approx(1.96 * se)
    assert ratio_limits(above, Part.symmetric(-1, 0.9, 1.96), 1.96) is None


def _selected(rng, n, *, z, rho, effect):
    """Baselines at or above an entry z (mean 0, SD 1) and changes of the same patients."""
    base = -ndtri((1 - 0.5 * math.erfc(-z / math.sqrt(2))) * rng.random(n))
    change = -(1 - rho) * base + effect + math.sqrt(1 - rho**2) * rng.normal(size=n)
    return base, change


def _parts(change, base, entry, rho):
    """Parts of a change of which nothing else is known."""
    given = {"before": None, "natural": (0, 0), "unspecific": None, "conf_level": 0.95}
    return one_arm(change, base, entry=entry, **given).parts(rho, 0.0)


@pytest.mark.parametrize(("n", "z", "effect"), [(60, -0.5, 0.0), (200, 0.0, 0.0), (200, -1, -1.2)])
def test_limits_of_what_is_left_cover_the_effect_as_often_as_they_say(n, z, effect):
    rng, times, rho = np.random.default_rng(17), 600, 0.7
    covered = told = 0
    regressions = []
    for _ in range(times):
        base, change = _selected(rng, n, z=z, rho=rho, effect=effect)
        parts = _parts(change, base, z, rho)
        left, regression = parts["remainder"], parts["regression_to_the_mean"]
        covered += left.low <= effect <= left.high
        truth = expected_change(1.0, z, rho)
        told += regression.low <= truth <= regression.high
        regressions.append(regression.estimate)
    three = 3 * math.sqrt(0.95 * 0.05 / times)
    assert covered / times == pytest.approx(0.95, abs=three)
    assert told / times == pytest.approx(0.95, abs=three)
    # the estimate is skewed, so that it is its median that is right
    below = np.mean(np.array(regressions) < truth)
    assert below == pytest.approx(0.5, abs=0.5 * (0.28 if n == 60 else 0.2))


def test_with_a_mild_entry_and_many_patients_regression_is_unbiased():
    rng, z, rho = np.random.default_rng(23), -1.0, 0.6
    found = []
    for _ in range(300):
        base, change = _selected(rng, 1000, z=z, rho=rho, effect=0.0)
        parts = _parts(change, base, z, rho)
        found.append([parts["regression_to_the_mean"].estimate, parts["remainder"].estimate])
    error = np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
    assert np.mean(found, axis=0) == pytest.approx(
        [expected_change(1.0, z, rho), 0], abs=3 * max(error)
    )

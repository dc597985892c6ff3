"""A mean known only up to bounds: the critical value, the limits, and where there are none."""

import math

import numpy as np
import pytest
from references import read_reference
from scipy.special import ndtri

from ketastats.stats.well_share import imbens_manski_critical_value, mean_within_bounds


def test_the_critical_value_agrees_with_r():
    for case in read_reference("well_share_critical").itertuples():
        found = imbens_manski_critical_value(case.distance, df=case.df, conf_level=case.conf_level)
        assert found == pytest.approx(case.critical, rel=1e-8)


@pytest.mark.parametrize("case", list(read_reference("well_share_limits").itertuples()))
def test_bounds_and_limits_agree_with_r(case):
    low, high = ([float(value) for value in text.split()] for text in (case.low, case.high))
    found = mean_within_bounds(low, high, least=0, most=84, conf_level=case.conf_level)
    assert (found.low, found.high) == pytest.approx((case.mean_low, case.mean_high))
    assert found.limits == pytest.approx((case.conf_low, case.conf_high), rel=1e-8)


def test_the_critical_value_falls_from_the_two_sided_to_the_one_sided_quantile():
    found = [imbens_manski_critical_value(d) for d in (0, 0.2, 0.5, 1, 2, 4, math.inf)]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(ndtri(0.975))
    assert found[-1] == pytest.approx(ndtri(0.95))


@pytest.mark.parametrize("width", [0.0, 0.05, 1.0])
def test_limits_cover_either_end_of_the_bounds_as_often_as_they_say(width):
    rng = np.random.default_rng(7)
    held = np.zeros(2)
    replicates = 2000
    for _ in range(replicates):
        low = rng.uniform(0, 1, 40)
        limits = mean_within_bounds(low, low + width).limits
        held += [limits.low <= mean <= limits.high for mean in (0.5, 0.5 + width)]
    error = 3 * math.sqrt(0.95 * 0.05 / replicates)
    assert (held / replicates > 0.95 - error - 0.003).all()  # 40 uniform values are nearly normal


def test_one_person_gives_bounds_without_limits():
    found = mean_within_bounds([3.0], [5.0])
    assert (found.low, found.high) == (3, 5)
    assert np.isnan(found.limits).all()


def test_people_who_do_not_differ_give_no_limits_inside_the_range():
    found = mean_within_bounds([3.0] * 4, [5.0] * 4, least=0, most=84)
    assert np.isnan(found.limits).all()


def test_a_bound_at_the_end_of_the_range_is_its_own_limit():
    found = mean_within_bounds([0.0, 0.0], [84.0, 84.0], least=0, most=84)
    assert found.limits == (0, 84)
    one_side = mean_within_bounds([0.0, 0.0, 0.0], [80.0, 82.0, 84.0], least=0, most=84)
    assert one_side.limits.low == 0
    assert 82 < one_side.limits.high <= 84


@pytest.mark.parametrize(
    ("low", "high"),
    [([], []), ([1.0], [1.0, 2.0]), ([2.0], [1.0]), ([math.nan], [1.0]), ([-1.0], [1.0])],
)
def test_arrays_that_are_no_bounds_are_refused(low, high):
    with pytest.raises(ValueError, match=r"low"):
        mean_within_bounds(low, high, least=0)


def test_a_level_or_a_distance_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="conf_level"):
        mean_within_bounds([1.0, 2.0], [2.0, 3.0], conf_level=1.0)
    with pytest.raises(ValueError, match="distance"):
        imbens_manski_critical_value(-0.1)

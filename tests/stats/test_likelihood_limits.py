"""Limits at which a likelihood-ratio statistic reaches its quantile."""

from math import inf

import pytest

from ketastats.stats.likelihood_limits import likelihood_limits

Z = 1.959963984540054  # normal quantile for 95%


def test_a_quadratic_statistic_gives_normal_limits_wherever_the_search_starts():
    for start in (0.01, 0.4, 30.0):
        limits = likelihood_limits(lambda b: ((b - 2) / 0.4) ** 2, 2.0, start)
        assert tuple(limits) == pytest.approx((2 - Z * 0.4, 2 + Z * 0.4), abs=1e-7)


def test_a_side_on_which_the_statistic_stays_low_is_unlimited():
    limits = likelihood_limits(lambda b: (b * (b > 0)) ** 2, 0.0, 1.0)
    assert limits.low == -inf
    assert limits.high == pytest.approx(Z)


def test_a_higher_level_gives_wider_limits():
    narrow, wide = (
        likelihood_limits(lambda b: b**2, 0.0, 1.0, conf_level=level) for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < 0 < narrow.high < wide.high
    with pytest.raises(ValueError, match="conf_level"):
        likelihood_limits(lambda b: b**2, 0.0, 1.0, conf_level=1.0)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from ketastats.stats.followed_share import exact_limits, share_of_all
from ketastats.stats.intervals import Interval

counts = st.integers(0, 40)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_exact_limits_of_whole_numbers_are_those_of_clopper_and_pearson(n):
    for events in range(n + 1):
        expected = proportion_confint(events, n, alpha=0.1, method="beta")
        assert exact_limits(events / n, n, conf_level=0.9) == pytest.approx(expected, abs=1e-9)


@given(counts, counts, counts)
def test_bounds_and_limits_hold_the_share_whatever_the_lost_had(relieved, not_relieved, lost):
    followed = relieved + not_relieved
    if followed == 0 or lost == 0:
        return
    share = relieved / followed
    found = share_of_all(
        Interval(share, share),
        exact_limits(share, followed, conf_level=0.9),
        n_followed=followed,
        n_lost=lost,
        conf_level=0.9,
    )
    n = followed + lost
    for among_lost in np.arange(lost + 1):
        value = (relieved + among_lost) / n
        assert found.low - 1e-12 <= value <= found.high + 1e-12
        assert found.limits.low <= value + 1e-12
        assert found.limits.high >= value - 1e-12
    assert found.low == pytest.approx(relieved / n)
    assert found.high == pytest.approx((relieved + lost) / n)
    assert found.if_none.low == found.limits.low
    assert found.if_none.high <= found.limits.high + 1e-12


def test_nobody_followed_leaves_everything_open():
    nothing = Interval(0.0, 1.0)
    found = share_of_all(nothing, nothing, n_followed=0, n_lost=5, conf_level=0.9)
    assert (found.low, found.high, found.limits) == (0.0, 1.0, (0.0, 1.0))


def test_limits_cover_either_extreme_as_often_as_they_say():
    rng = np.random.default_rng(20261124)
    n, relief, lost = 60, 0.4, 0.2
    replicates, missed = 4000, np.zeros(2)
    for _ in range(replicates):
        is_lost = rng.random(n) < lost
        well = rng.random(n) < relief
        followed = int((~is_lost).sum())
        share = well[~is_lost].mean()
        found = share_of_all(
            Interval(share, share),
            exact_limits(share, followed, conf_level=0.9),
            n_followed=followed,
            n_lost=n - followed,
            conf_level=0.9,
        )
        # True bounds of the share of everybody, over all that the lost may have.
        missed += [
            found.limits.low > relief * (1 - lost),
            found.limits.high < relief * (1 - lost) + lost,
        ]
    assert (missed / replicates <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / replicates)).all()

"""Cumulative incidence of competing events seen through intervals."""

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.interval_incidence import IntervalIncidence
from ketastats.stats.product_limit import aalen_johansen
from ketastats.stats.turnbull import turnbull
from ketastats.stats.turnbull_limits import LikelihoodLimits, chi_square_critical

INF = np.inf
LEVEL_95 = chi_square_critical(0.95)


def competing(rng, n=25, causes=2, top=8):
    """Intervals between whole numbers with causes; about a third without an event."""
    left = rng.integers(0, top, n).astype(float)
    right = left + rng.integers(1, 4, n)
    cause = rng.integers(0, causes + 1, n)
    return left, np.where(cause == 0, INF, right), cause


def exact(time, cause):
    return np.asarray(time, dtype=float), np.where(np.asarray(cause) == 0, INF, time)


@pytest.mark.parametrize("cause", [1, 2])
def test_on_exact_times_it_is_aalen_and_johansens_of_r(cause):
    rows = read_input("survival_savvyr_n25")
    kind = rows["type"].where(rows["type"] != 3, 0).to_numpy()
    expected = read_reference("survival_aalen_johansen", dataset="savvyr_n25")
    expected = expected[expected["cause"] == cause]
    # Printed times have 15 digits; the ones meant are the nearest of the data.
    times = rows["time"].to_numpy()
    fit = IntervalIncidence(*exact(times, kind), kind, times=times)
    for row in expected.itertuples():
        at = float(times[np.abs(times - row.time).argmin()])
        assert fit.bounds(cause, at) == pytest.approx((row.survfit,) * 2, abs=1e-5)
    assert fit.gap <= 1e-8


@pytest.mark.parametrize("coding", ["type 2 competes, type 3 censored", "types 2 and 3 compete"])
def test_savvyrs_incidence_at_the_end_is_that_of_either_coding(coding):
    rows = read_input("survival_savvyr_n25")
    kind = rows["type"].to_numpy()
    if "censored" in coding:
        kind = np.where(kind == 3, 0, kind)
    expected = read_reference("npmle_savvyr", coding=coding)["incidence"].item()
    end = float(rows["time"].max())
    fit = IntervalIncidence(*exact(rows["time"], kind), kind, times=[end])
    assert fit.bounds(1, end)[0] == pytest.approx(expected, abs=1e-5)


def test_on_a_larger_set_of_exact_times_it_is_aalen_and_johansens():
    rows = read_input("survival_mgus2").iloc[:150]
    rows = rows[rows["time"] > 0]
    time, cause = rows["time"].to_numpy(float), rows["cause"].to_numpy()
    fit = IntervalIncidence(*exact(time, cause), cause, times=[60, 120])
    curve = aalen_johansen(time, cause)
    for at in (60, 120):
        for number in (1, 2):
            share, _ = curve.at(at, number)
            assert fit.bounds(number, at) == pytest.approx((share, share), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_with_one_cause_it_is_turnbulls_curve_with_its_limits(seed):
    left, right, cause = competing(np.random.default_rng(seed), causes=1)
    times = [2.0, 4.5, 7.0]
    fit = IntervalIncidence(left, right, cause, times=times)
    alone, limits = turnbull(left, right), LikelihoodLimits(left, right, times=times)
    assert fit.loglik == pytest.approx(alone.loglik, abs=1e-6)
    for time in times:
        low, high = (1 - float(side[0]) for side in alone.survival_bounds(time)[::-1])
        assert fit.bounds(1, time) == pytest.approx((low, high), abs=1e-4)
        low, high = (1 - s for s in limits.survival(time, critical=LEVEL_95)[::-1])
        assert fit.limits(1, time, critical=LEVEL_95) == pytest.approx((low, high), abs=1e-5)


def test_nobody_censored_and_causes_in_mixed_order_give_the_plain_shares():
    # Shares of six people: three of cause 1, two of them early; two of cause 2; one of cause 3.
    left = np.array([0.0, 2.0, 0.0, 2.0, 2.0, 0.0])
    cause = np.array([2, 1, 1, 3, 2, 1])
    fit = IntervalIncidence(left, left + 2, cause, times=[2, 4])
    assert fit.loglik == pytest.approx(
        sum(np.log(share) for share in (1 / 6, 1 / 6, 2 / 6, 1 / 6, 1 / 6, 2 / 6)), abs=1e-6
    )
    shares = [[fit.bounds(number, at)[0] for at in (2, 4)] for number in (1, 2, 3)]
    expected = [[2 / 6, 3 / 6], [1 / 6, 2 / 6], [0, 1 / 6]]
    assert np.array(shares) == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_people_and_of_causes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    left, right, cause = competing(rng, causes=3)
    if seed % 2:
        kept = cause > 0  # nobody censored
        left, right, cause = left[kept], right[kept], cause[kept]
    order, renamed = rng.permutation(left.size), np.array([0, 3, 1, 2])
    one = IntervalIncidence(left, right, cause, times=[5], n_causes=3)
    other = IntervalIncidence(
        left[order], right[order], renamed[cause[order]], times=[5], n_causes=3
    )
    assert one.loglik == pytest.approx(other.loglik, abs=1e-6)
    for number in (1, 2, 3):
        found = other.limits(int(renamed[number]), 5, critical=LEVEL_95)
        assert one.limits(number, 5, critical=LEVEL_95) == pytest.approx(found, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_is_the_largest_that_em_finds(seed):
    left, right, cause = competing(np.random.default_rng(seed), n=12)
    fit = IntervalIncidence(left, right, cause)
    # Unit cells of each cause, and one after the last bound.
    grid = np.arange(13)
    table = np.array(
        [
            np.concatenate(
                [((grid >= a) & (grid < b)) * (1.0 if why in (0, k) else 0.0) for k in (1, 2)]
            )
            for a, b, why in zip(left, right, cause, strict=True)
        ]
    )
    p = np.full(26, 1 / 26)
    for _ in range(20_000):
        p = p * (table.T @ (1 / (table @ p))) / 12
    em = float(np.log(table @ p).sum())
    assert em <= fit.loglik + 1e-6
    assert em == pytest.approx(fit.loglik, abs=1e-2)
    for number, part in ((1, p[:13]), (2, p[13:])):
        low, high = fit.limits(number, 6, critical=0.1)  # EM ends well inside a narrow limit
        assert low <= part[:6].sum() <= high


@pytest.mark.parametrize("seed", range(5))
def test_limits_hold_bounds_widen_with_the_level_and_shares_add_up_to_no_more_than_one(seed):
    left, right, cause = competing(np.random.default_rng(seed))
    times = [1.0, 3.5, 6.0]
    fit = IntervalIncidence(left, right, cause, times=times)
    for time in times:
        least = 0.0
        for number in (1, 2):
            low, high = fit.bounds(number, time)
            narrow = fit.limits(number, time, critical=chi_square_critical(0.8))
            wide = fit.limits(number, time, critical=LEVEL_95)
            assert 0 <= wide[0] <= narrow[0] + 1e-6
            assert narrow[0] <= low + 1e-5
            assert low <= high + 1e-6
            assert high - 1e-5 <= narrow[1] <= wide[1] + 1e-6
            least += low
        assert least <= 1 + 1e-6


def test_bounds_open_where_maxima_are_equal():
    # The second person may have had either event, at any time after 2.
    fit = IntervalIncidence([0.0, 2.0], [2.0, INF], [1, 0], times=[2, 4], n_causes=2)
    assert fit.bounds(1, 2) == pytest.approx((0.5, 0.5), abs=1e-6)
    assert fit.bounds(1, 4) == pytest.approx((0.5, 1.0), abs=1e-6)
    assert fit.bounds(2, 4) == pytest.approx((0.0, 0.5), abs=1e-6)


def test_many_equal_maxima_beside_cells_of_little_mass_do_not_stop_the_fit():
    # Steps along directions that change nothing once hid, by their rounding, the ones that count.
    times = [5.36421445, 31.49249676, 46.3650122]
    left, right = [2.0, 1, 0, 0, 3], [INF, 2, INF, 1, INF]
    fit = IntervalIncidence(left, right, [0, 3, 0, 3, 0], [1, 1, 1, 1, 1000], times=times)
    for time in times:
        for number in (1, 2, 3):
            low, high = fit.limits(number, time, critical=chi_square_critical(0.999))
            assert 0 <= low <= high <= 1


def test_a_cause_that_was_not_seen_has_limits_from_zero_up():
    left, right = np.zeros(10), np.full(10, 4.0)
    fit = IntervalIncidence(left, right, np.ones(10, dtype=int), times=[4], n_causes=2)
    low, high = fit.limits(2, 4, critical=LEVEL_95)
    assert low == 0
    assert high == pytest.approx(1 - np.exp(-LEVEL_95 / 20), abs=1e-6)  # (1 - p)^10 at its limit


def test_weights_count_people():
    left, right, cause = competing(np.random.default_rng(3), n=60, top=3)
    rows, n = np.unique(np.column_stack((left, right, cause)), axis=0, return_counts=True)
    one = IntervalIncidence(left, right, cause, times=[3])
    two = IntervalIncidence(*rows.T, n, times=[3])
    assert one.loglik == pytest.approx(two.loglik, abs=1e-6)
    for number in (1, 2):
        assert one.limits(number, 3, critical=LEVEL_95) == pytest.approx(
            two.limits(number, 3, critical=LEVEL_95), abs=1e-5
        )


@pytest.mark.parametrize(
    ("right", "cause", "message"),
    [
        ([3.0, INF], [0, 0], "exactly where no event"),
        ([3.0, INF], [1, 2], "exactly where no event"),
        ([3.0, INF], [-1, 0], "whole number"),
        ([3.0, INF], [1.5, 0], "whole number"),
        ([3.0, INF], [1], "whole number"),
        ([np.nan, INF], [1, 0], "missing bound"),
    ],
)
def test_causes_that_cannot_be_are_refused(right, cause, message):
    with pytest.raises(ValueError, match=message):
        IntervalIncidence([1.0, 2.0], right, cause)

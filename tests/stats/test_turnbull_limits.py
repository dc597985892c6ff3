"""Limits of curve, quantiles and mean from intervals, and which kind holds on which schedule."""

from itertools import pairwise

import numpy as np
import pytest
from references import read_reference
from right_censored import people

from ketastats.stats.proportions import likelihood_interval
from ketastats.stats.turnbull import turnbull
from ketastats.stats.turnbull_limits import (
    COMMON,
    EXACT,
    IRREGULAR,
    ONE_EACH,
    LikelihoodLimits,
    banerjee_wellner_critical,
    chi_square_critical,
    percentile_limits,
    resample,
    schedule_kind,
    subsample_size,
    subsampling_limits,
)

INF = np.inf
LEVEL_95 = chi_square_critical(0.95)


def visits(rng, n, times, missed=0.2):
    """Intervals of exponential times (mean 100) between common visits, some of them missed."""
    event = rng.exponential(100, n)[:, None]
    seen = rng.random((n, len(times))) >= missed
    at = np.array(times, dtype=float)
    left = np.where(seen & (at < event), at, 0).max(axis=1)
    return left, np.where(seen & (at >= event), at, INF).min(axis=1)


@pytest.mark.parametrize(("had", "n"), [(3, 10), (0, 8), (8, 8), (1, 40), (25, 60)])
@pytest.mark.parametrize("conf_level", [0.8, 0.95, 0.99])
def test_with_one_common_visit_they_are_the_likelihood_interval_of_a_proportion(had, n, conf_level):
    right = np.where(np.arange(n) < had, 24.0, INF)
    left = np.where(np.arange(n) < had, 0.0, 24.0)
    limits = LikelihoodLimits(left, right, times=[24])
    low, high = limits.survival(24, critical=chi_square_critical(conf_level))
    expected = likelihood_interval(had, n, conf_level=conf_level)
    assert (1 - high, 1 - low) == pytest.approx(tuple(expected), abs=1e-6)


def test_on_exact_times_they_are_thomas_and_grunkemeiers():
    data = people("lung")
    right = np.where(data["event"] == 1, data["time"], INF)
    expected = read_reference("npmle_thomas_grunkemeier")
    limits = LikelihoodLimits(data["time"], right, times=expected["time"].unique())
    for row in expected.itertuples():
        found = limits.survival(row.time, critical=chi_square_critical(row.conf_level))
        assert found == pytest.approx((row.low, row.high), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_limits_widen_with_the_level_and_hold_the_bounds(seed):
    left, right = visits(np.random.default_rng(seed), 30, [24, 72, 168])
    times, levels = [24.0, 50.0, 168.0, 300.0], [0.5, 0.8, 0.95, 0.99]
    limits, fit = LikelihoodLimits(left, right, times=times), turnbull(left, right)
    for time in times:
        least, most = (float(side[0]) for side in fit.survival_bounds(time))
        nested = [(least, most)]
        nested += [limits.survival(time, critical=chi_square_critical(c)) for c in levels]
        for (low, high), (lower, higher) in pairwise(nested):
            assert 0 <= lower <= low + 1e-6
            assert high - 1e-6 <= higher <= 1
    means = [fit.restricted_mean_bounds(168)]
    means += [limits.restricted_mean(168, critical=chi_square_critical(c)) for c in levels]
    for (low, high), (lower, higher) in pairwise(means):
        assert lower <= low + 1e-4
        assert high - 1e-4 <= higher <= 168


def test_before_the_first_and_after_the_last_assessment_limits_reach_the_edge():
    limits = LikelihoodLimits([0.0, 5.0, 5.0], [5.0, INF, INF], times=[2, 8])
    assert limits.survival(2, critical=LEVEL_95)[1] == 1
    assert limits.survival(8, critical=LEVEL_95)[0] == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_limits_of_quantiles_are_where_those_of_the_curve_hold_the_share(seed, share):
    left, right = visits(np.random.default_rng(seed), 25, [24, 72, 168, 336])
    ends = np.unique(right[np.isfinite(right)])
    limits = LikelihoodLimits(left, right, times=ends)
    low, high = limits.quantile(share, critical=LEVEL_95)
    early, late = (float(side[0]) for side in turnbull(left, right).quantile_bounds(share))
    assert low <= early
    assert late <= high
    for end in ends:
        least, most = (1 - s for s in limits.survival(end, critical=LEVEL_95)[::-1])
        assert (most < share) == (end <= low)
        assert (least < share) == (end < high)


def test_an_exact_event_can_be_the_lower_limit_of_a_quantile():
    time = np.arange(1.0, 21)
    limits = LikelihoodLimits(time, time)
    low, high = limits.quantile(0.5, critical=LEVEL_95)
    inside = [
        at
        for at in time
        if likelihood_interval(int(at), 20).low < 0.5 < likelihood_interval(int(at), 20).high
    ]
    assert low == inside[0]
    assert high == inside[-1] + 1  # the first time by which surely half had it


def test_a_median_that_data_do_not_bound_has_no_upper_limit():
    limits = LikelihoodLimits([0.0, 5.0, 5.0, 5.0], [5.0, INF, INF, INF])
    low, high = limits.quantile(0.5, critical=LEVEL_95)
    assert (low, high) == (0, INF)


def test_weights_count_people():
    left, right = visits(np.random.default_rng(3), 40, [24, 72])
    pairs, n = np.unique(np.column_stack((left, right)), axis=0, return_counts=True)
    one = LikelihoodLimits(left, right, times=[72]).survival(72, critical=LEVEL_95)
    two = LikelihoodLimits(*pairs.T, n, times=[72]).survival(72, critical=LEVEL_95)
    assert one == pytest.approx(two, abs=1e-6)


def test_the_kind_of_schedule_is_read_from_the_bounds():
    rng = np.random.default_rng(9)
    once = rng.uniform(1, 200, 60)
    reached = rng.exponential(100, 60) <= once
    grid = visits(rng, 60, [24, 72, 168])
    days = np.sort(rng.uniform(1, 250, (60, 3)), axis=1)
    late = rng.exponential(100, 60)[:, None]
    assert schedule_kind(*grid) == COMMON
    one_each = (np.where(reached, 0, once), np.where(reached, once, INF))
    assert schedule_kind(*one_each) == ONE_EACH
    several = (
        np.where(days < late, days, 0).max(axis=1),
        np.where(days >= late, days, INF).min(axis=1),
    )
    assert schedule_kind(*several) == IRREGULAR
    assert schedule_kind([1.0, 2.0, 3.0], [1.0, 2.0, INF]) == EXACT
    assert schedule_kind([3.0, 4.0], [INF, INF]) == EXACT


@pytest.mark.parametrize("n", [2, 4, 5, 40])
def test_subjects_who_share_their_one_assessment_have_a_common_schedule(n):
    assert schedule_kind([0.0], [24.0], [n]) == COMMON
    assert schedule_kind([0.0] * n, [24.0] * n) == COMMON


@pytest.mark.parametrize(("each", "kind"), [(5, COMMON), (4, IRREGULAR)])
def test_a_time_is_common_from_five_subjects_on(each, kind):
    times = np.arange(1.0, 11.0)
    assert schedule_kind(np.zeros(10), times, np.full(10, each)) == kind


def test_few_subjects_are_never_too_irregular_for_the_wider_limits():
    # Banerjee and Wellner's law is one of many subjects: a handful never gets its narrower limits.
    for n in range(1, 30):
        assert schedule_kind(np.zeros(n), np.arange(1.0, n + 1)) in (COMMON, IRREGULAR)
    assert schedule_kind(np.zeros(30), np.arange(1.0, 31)) == ONE_EACH


def test_critical_values_are_those_printed_or_refused():
    assert chi_square_critical(0.95) == pytest.approx(3.841458820694124)  # R: qchisq(.95, 1)
    assert f"{banerjee_wellner_critical(0.95):.2f}" == "2.27"  # their paper's table 2
    levels = (0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
    values = [banerjee_wellner_critical(level) for level in levels]
    assert values == sorted(values)
    assert all(banerjee_wellner_critical(c) < chi_square_critical(c) for c in levels)
    with pytest.raises(ValueError, match="tabulated"):
        banerjee_wellner_critical(0.93)
    with pytest.raises(ValueError, match="conf_level"):
        chi_square_critical(1.0)


def median(fit):
    return np.concatenate(fit.quantile_bounds(0.5))


def test_samples_depend_on_the_seed_only_and_are_those_of_whole_subjects():
    left, right = visits(np.random.default_rng(4), 30, [24, 72])
    draws = [resample(left, right, None, median, replicates=20, seed=seed) for seed in (1, 1, 2)]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()
    # The same multinomial draws, written out as rows.
    rng = np.random.default_rng(1)
    for row in draws[0]:
        drawn = np.repeat(np.arange(30), rng.multinomial(30, np.full(30, 1 / 30)))
        assert row.tolist() == median(turnbull(left[drawn], right[drawn])).tolist()


def test_subsamples_have_the_size_asked_for_and_progress_is_told():
    told, sizes = [], []
    resample(
        [0.0, 5.0],
        [5.0, INF],
        [12, 8],
        lambda fit: np.array([sizes.append(fit.n) or fit.n]),
        replicates=3,
        seed=1,
        size=7,
        progress=lambda done, wanted: told.append((done, wanted)),
    )
    assert sizes == [7, 7, 7]
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        ([1.5, 1], {"replicates": 5, "seed": 1}, "whole numbers"),
        (None, {"replicates": 0, "seed": 1}, "at least one"),
        (None, {"replicates": 5, "seed": -1}, "seed"),
    ],
)
def test_samples_that_cannot_be_drawn_are_refused(weight, options, message):
    with pytest.raises(ValueError, match=message):
        resample([0.0, 5.0], [5.0, INF], weight, median, **options)


def test_percentiles_are_order_statistics_also_infinite_ones():
    sample = np.concatenate((np.arange(1.0, 39), [INF, INF]))[:, None]
    assert percentile_limits(sample, conf_level=0.95, upper=False).tolist() == [1]
    assert percentile_limits(sample, conf_level=0.95, upper=True).tolist() == [INF]
    assert percentile_limits(sample, conf_level=0.8, upper=True).tolist() == [37]


def test_limits_from_subsamples_turn_deviations_round_and_shrink_them():
    sample = 0.5 + np.linspace(-0.2, 0.3, 101)[:, None]
    low, high = (
        subsampling_limits(
            sample, np.array([0.5]), size=8, n=64, conf_level=0.9, upper=upper
        ).item()
        for upper in (False, True)
    )
    # 5% and 95% deviations are -0.175 and 0.275; the rate n^(1/3) halves them.
    assert (low, high) == pytest.approx((0.5 - 0.275 / 2, 0.5 + 0.175 / 2))
    assert subsample_size(64) == 16
    assert subsample_size(3) == 2

"""Imputing whether an event came by a horizon, with the hazard after leaving multiplied."""

from functools import cache

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.proportions import wilson_interval
from ketastats.stats.relief_imputation import (
    imputed_difference,
    imputed_share,
    relief_imputations,
    tipping_delta,
)

INF = np.inf
REFERENCE = read_reference("delta_relief")
VISITS = np.array([0.0, 24, 72, 168, 336])
SIMULATED = 160


def lung(sex):
    d = read_input("survival_lung").query("sex == @sex")
    time = d["time"].to_numpy(float)
    return time, np.where(d["event"] == 1, time, INF)


def seen_at_visits(rng, n, mean, leaving):
    """Exponential times as seen at `VISITS`, with a share leaving after a visit drawn at random."""
    event = rng.exponential(mean, n)
    last = np.where(rng.random(n) < leaving, rng.integers(0, 4, n), 4)
    first = np.searchsorted(VISITS, event)
    seen = first <= last
    left = np.where(seen, VISITS[np.maximum(first - 1, 0)], VISITS[last])
    return left, np.where(seen, VISITS[np.minimum(first, 4)], INF)


def drawn(left, right, horizon=336.0, imputations=20, seed=1):
    rng = np.random.default_rng(seed)
    return relief_imputations(left, right, horizon=horizon, imputations=imputations, rng=rng)


@pytest.fixture(scope="module")
def arms():
    rng = np.random.default_rng(4)
    return (
        drawn(*seen_at_visits(rng, 70, 200, 0.4)),
        drawn(*seen_at_visits(rng, 60, 400, 0.4), seed=2),
    )


@pytest.fixture(scope="module", params=[1, 2])
def by_sex(request):
    rows = REFERENCE[REFERENCE["group"] == request.param]
    return rows, drawn(*lung(request.param), horizon=365.0, imputations=600)


def test_the_expected_share_agrees_with_kaplan_meier_curves_of_r(by_sex):
    rows, arm = by_sex
    found = [arm.expected(delta) for delta in rows["delta"]]
    assert found == pytest.approx(rows["expected"].tolist(), abs=1e-9)
    assert arm.dropped == rows["left"].iloc[0]


def test_pooled_shares_and_their_errors_agree_with_imputations_in_r(by_sex):
    rows, arm = by_sex
    for row in rows.itertuples():
        found = imputed_share(arm, row.delta, conf_level=0.95)
        apart = 3.5 * np.hypot(found.monte_carlo_se, row.monte_carlo_se)
        assert found.pooled == pytest.approx(row.pooled, abs=apart + 1e-12)
        assert found.std_error == pytest.approx(row.std_error, rel=0.03)


def test_the_mean_of_many_imputations_is_near_the_expected_share_where_many_were_seen(by_sex):
    _, arm = by_sex
    for delta in (0.5, 1.0):
        found = imputed_share(arm, delta, conf_level=0.95)
        assert found.pooled == pytest.approx(found.estimate, abs=4 * found.monte_carlo_se)


def test_without_a_hazard_after_leaving_nobody_is_imputed_an_event():
    left, right = seen_at_visits(np.random.default_rng(3), 50, 150, 0.5)
    arm = drawn(left, right)
    known = (right <= 336).sum()
    found = imputed_share(arm, 0.0, conf_level=0.95)
    assert found.estimate == found.pooled == known / 50
    assert found.monte_carlo_se == found.missing_share == 0
    assert (found.conf_low, found.conf_high) == pytest.approx(wilson_interval(int(known), 50))


def test_with_nobody_missing_the_difference_is_that_of_two_proportions():
    rng = np.random.default_rng(8)
    first, second = (seen_at_visits(rng, n, mean, 0.0) for n, mean in ((40, 150), (50, 300)))
    found = imputed_difference(drawn(*first), drawn(*second), (1.0, 1.0), conf_level=0.9)
    p, q = ((right <= 336).mean() for _, right in (first, second))
    half = two_sided_quantile(0.9) * np.sqrt(p * (1 - p) / 40 + q * (1 - q) / 50)
    assert found.estimate == pytest.approx(p - q)
    assert (found.conf_low, found.conf_high) == pytest.approx((p - q - half, p - q + half))


def test_shares_rise_with_delta_in_every_imputation(arms):
    grid = [0.0, 0.2, 0.5, 1.0, 2.0, 8.0]
    for arm in arms:
        shares = np.array([arm.shares(delta) for delta in grid])
        assert (np.diff(shares, axis=0) >= 0).all()
        assert (np.diff([arm.expected(delta) for delta in grid]) > 0).all()


def test_the_order_of_subjects_changes_nothing():
    left, right = seen_at_visits(np.random.default_rng(3), 40, 200, 0.4)
    mixed = np.random.default_rng(0).permutation(40)
    one, other = drawn(left, right), drawn(left[mixed], right[mixed])
    np.testing.assert_array_equal(one.shares(0.7), other.shares(0.7))
    assert one.expected(0.7) == other.expected(0.7)


def test_an_event_between_assessments_around_the_horizon_is_split_by_the_curve():
    left = np.array([0.0] * 6 + [2.0] * 3 + [0.0] * 2)
    right = np.array([2.0] * 6 + [4.0] * 3 + [4.0] * 2)
    arm = drawn(left, right, horizon=2.0, imputations=50)
    assert arm.between == 2  # the cell (2, 4] is after the horizon, (0, 4] is two thirds before it
    assert arm.expected(1.0) == pytest.approx((6 + 2 * 6 / 9) / 11)
    assert arm.expected(0.0) == arm.expected(1.0)  # nobody left


def test_after_the_last_step_of_a_curve_there_is_no_event():
    arm = drawn(np.array([0.0, 0.0, 10.0, 24.0]), np.array([10.0, 10.0, INF, INF]), horizon=50.0)
    assert arm.expected(3.0) == 0.5
    assert set(arm.shares(3.0)) == {0.5}


def test_a_difference_without_variance_has_no_limits():
    nobody = drawn(np.full(5, 336.0), np.full(5, INF))
    found = imputed_difference(nobody, nobody, (1.0, 1.0), conf_level=0.95)
    assert found.estimate == 0
    assert np.isnan([found.std_error, found.p_value, found.conf_low, found.conf_high]).all()


def test_at_the_tipping_delta_a_limit_meets_zero(arms):
    found = tipping_delta(*arms, conf_level=0.8)
    sides = [
        imputed_difference(*arms, (delta, 1.0), conf_level=0.8).side
        for delta in (1.0, found + 1e-6 * (found < 1), found - 1e-6 * (found < 1))
    ]
    assert 0 < found < 1
    assert sides == [1, 1, 0]


def true_share(mean, leaving, delta):
    """Share with an event by hour 336 of those that `seen_at_visits` draws."""
    later = np.exp(-(336 - VISITS[:4]) / mean) ** delta * np.exp(-VISITS[:4] / mean)
    return 1 - (1 - leaving) * np.exp(-336 / mean) - leaving * later.mean()


@pytest.mark.parametrize("delta", [0.0, 0.4, 1.0])
def test_limits_cover_and_estimates_are_unbiased_when_the_hazard_after_leaving_is_as_said(delta):
    truth = true_share(200, 0.4, delta) - true_share(400, 0.4, 1.0)
    covered, errors = [], []
    for seed in range(SIMULATED):
        found = imputed_difference(*simulated(seed), (delta, 1.0), conf_level=0.95)
        covered.append(found.conf_low <= truth <= found.conf_high)
        errors.append(found.estimate - truth)
    assert np.mean(covered) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / SIMULATED))
    assert np.mean(errors) == pytest.approx(0, abs=3 * np.std(errors) / np.sqrt(SIMULATED))


@cache
def simulated(seed):
    """Two arms of eighty. Leaving does not depend on the time of the event, so it tells nothing of it."""
    rng = np.random.default_rng([11, seed])
    return [
        relief_imputations(
            *seen_at_visits(rng, 80, mean, 0.4), horizon=336.0, imputations=8, rng=rng
        )
        for mean in (200, 400)
    ]


def test_what_cannot_be_imputed_is_refused():
    with pytest.raises(ValueError, match="two imputations"):
        drawn([0.0], [1.0], imputations=1)
    with pytest.raises(ValueError, match="horizon"):
        drawn([0.0], [1.0], horizon=0.0)

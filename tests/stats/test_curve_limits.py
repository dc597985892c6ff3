"""Which limits go with a curve on its schedule, and that each kind is computed as its name says."""

import numpy as np
import pytest

from ketastats.stats.curve_limits import LIMITS, Resampling, Wanted, curve_limits
from ketastats.stats.product_limit import kaplan_meier
from ketastats.stats.restricted_mean import restricted_mean
from ketastats.stats.turnbull import turnbull
from ketastats.stats.turnbull_limits import (
    COMMON,
    EXACT,
    IRREGULAR,
    ONE_EACH,
    LikelihoodLimits,
    banerjee_wellner_critical,
    chi_square_critical,
)

INF = np.inf
KINDS = (COMMON, IRREGULAR, ONE_EACH, EXACT)


def data(kind, n=40, seed=1):
    """Left, right and weight of people on a schedule of one kind."""
    rng = np.random.default_rng(seed)
    event = rng.exponential(80, n)[:, None]
    if kind == EXACT:
        time, end = np.round(event[:, 0], 1) + 0.1, 120.0
        return np.minimum(time, end), np.where(time <= end, time, INF), np.ones(n)
    at = {
        COMMON: np.tile([24.0, 72, 168], (n, 1)),
        IRREGULAR: np.sort(rng.uniform(5, 200, (n, 3)), axis=1),
        ONE_EACH: rng.uniform(5, 200, (n, 1)),
    }[kind]
    left = np.where(at < event, at, 0).max(axis=1)
    return left, np.where(at >= event, at, INF).min(axis=1), np.ones(n)


def limits_of(kind, limits="auto", *, level=0.95, times=(24, 72), replicates=25, seed=1, rows=None):
    rows = data(kind) if rows is None else rows
    return curve_limits(
        turnbull(*rows),
        rows,
        Wanted(times, (0.5,), 72.0, level),
        kind=kind,
        limits=limits,
        resampling=Resampling(replicates, seed),
    )


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (COMMON, "likelihood"),
        (IRREGULAR, "likelihood"),
        (ONE_EACH, "banerjee_wellner"),
        (EXACT, "greenwood"),
    ],
)
def test_by_default_the_kind_that_holds_on_the_schedule_is_taken(kind, method):
    found = limits_of(kind)
    assert found.method == method
    assert f"Schedule with {kind}" in found.note
    assert "do not hold" not in found.note


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limits", [name for name in LIMITS if name not in ("auto", "greenwood")])
def test_any_kind_can_be_asked_for_and_the_note_says_where_it_does_not_hold(kind, limits):
    found = limits_of(kind, limits)
    assert found.method == limits
    holds = {
        "likelihood": (COMMON, EXACT, IRREGULAR),
        "bootstrap": (COMMON, EXACT),
        "banerjee_wellner": (ONE_EACH,),
        "subsampling": (ONE_EACH, IRREGULAR),
    }
    assert ("do not hold" in found.note) == (kind not in holds[limits])
    for low, high in (*found.reached, found.mean):
        assert low <= high
    for low, high in found.reached:
        assert 0 <= low <= high <= 1
    for low, high in found.quantiles:
        assert 0 <= low <= high


def test_several_irregular_times_are_said_to_have_no_law_of_their_own():
    assert "is not known" in limits_of(IRREGULAR).note
    assert "is not known" not in limits_of(COMMON).note


def test_likelihood_limits_take_the_chi_square_law_everywhere():
    rows = data(IRREGULAR)
    found = limits_of(IRREGULAR, level=0.9, rows=rows)
    profile, critical = LikelihoodLimits(*rows, times=[24, 72]), chi_square_critical(0.9)
    for time, limit in zip((24, 72), found.reached, strict=True):
        low, high = profile.survival(time, critical=critical)
        assert limit == pytest.approx((1 - high, 1 - low), abs=1e-6)
    assert found.quantiles == [profile.quantile(0.5, critical=critical)]
    assert found.mean == pytest.approx(profile.restricted_mean(72, critical=critical), abs=1e-4)


def test_banerjee_and_wellners_law_is_for_the_curve_and_chi_square_for_the_mean():
    rows = data(ONE_EACH)
    found = limits_of(ONE_EACH, rows=rows)
    profile = LikelihoodLimits(*rows, times=[24, 72])
    low, high = profile.survival(24, critical=banerjee_wellner_critical(0.95))
    assert found.reached[0] == pytest.approx((1 - high, 1 - low), abs=1e-6)
    mean = profile.restricted_mean(72, critical=chi_square_critical(0.95))
    assert found.mean == pytest.approx(mean, abs=1e-4)
    assert "the mean keeps the chi-square law" in found.note
    with pytest.raises(ValueError, match="tabulated"):
        limits_of(ONE_EACH, level=0.93)


def test_greenwoods_limits_are_those_of_kaplan_and_meiers_curve():
    rows = data(EXACT)
    left, right, _ = rows
    found = limits_of(EXACT, rows=rows)
    curve = kaplan_meier(left, (left == right).astype(int))
    low, high = curve.limits()
    for time, limit in zip((24, 72), found.reached, strict=True):
        at = np.flatnonzero(curve.times <= time)[-1]
        assert limit == pytest.approx((1 - high[at], 1 - low[at]))
    median = curve.quantile(0.5)
    assert found.quantiles == [(median.low, median.high)]
    mean = restricted_mean(curve, 72.0)
    reach = 1.959963984540054 * mean.std_error  # R: qnorm(.975)
    assert found.mean == pytest.approx((mean.estimate - reach, mean.estimate + reach))


def test_greenwoods_limits_stop_at_follow_up_and_do_not_exist_where_nothing_happened():
    rows = (np.array([5.0, 6, 80]), np.array([5.0, 6, INF]), np.ones(3))
    found = limits_of(EXACT, rows=rows, times=(2, 6, 90))
    assert np.isnan(found.reached[0]).all()
    assert found.reached[2][1] == 1
    assert found.quantiles[0][1] == INF


def test_without_an_event_exact_times_take_the_likelihood():
    rows = (np.array([80.0, 90, 100]), np.full(3, INF), np.ones(3))
    found = limits_of(EXACT, rows=rows, times=(24,))
    assert found.method == "likelihood"
    assert found.reached[0][0] == 0
    assert 0 < found.reached[0][1] < 1


def test_greenwoods_limits_of_intervals_are_refused():
    with pytest.raises(ValueError, match="exact and right-censored"):
        limits_of(COMMON, "greenwood")


@pytest.mark.parametrize(("kind", "limits"), [(COMMON, "bootstrap"), (ONE_EACH, "subsampling")])
def test_resampled_limits_depend_on_the_seed_only(kind, limits):
    one, again, other = (limits_of(kind, limits, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.reached != other.reached


def test_bootstrap_limits_come_near_those_of_the_likelihood_on_common_times():
    rows = data(COMMON, n=400)
    boot = limits_of(COMMON, "bootstrap", rows=rows, replicates=400)
    exact = limits_of(COMMON, rows=rows)
    assert np.array(boot.reached) == pytest.approx(np.array(exact.reached), abs=0.015)
    assert boot.quantiles == exact.quantiles
    assert boot.mean == pytest.approx(exact.mean, abs=1.5)


def test_subsamples_give_limits_around_the_estimate():
    rows = data(ONE_EACH, n=200)
    found = limits_of(ONE_EACH, "subsampling", rows=rows, replicates=200)
    low, high = (1 - side for side in turnbull(*rows).survival_bounds([24, 72])[::-1])
    for least, most, limit in zip(low, high, found.reached, strict=True):
        assert limit[0] <= (least + most) / 2 <= limit[1]
        assert limit[1] - limit[0] < 0.6


def test_two_people_are_too_few_for_subsamples():
    rows = (np.array([0.0, 5]), np.array([4.0, INF]), np.ones(2))
    with pytest.raises(ValueError, match="at least 3"):
        limits_of(ONE_EACH, "subsampling", rows=rows)

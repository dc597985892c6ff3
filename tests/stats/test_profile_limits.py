"""Limits from a profile likelihood, against optimisers that know nothing of tilts."""

import numpy as np
import pytest
from scipy.optimize import brentq, linprog

from ketastats.stats.npmle import Incidence
from ketastats.stats.profile_limits import Profile, fit_tolerance
from ketastats.stats.proportions import likelihood_interval
from ketastats.stats.turnbull import cut_into_cells
from ketastats.stats.turnbull_limits import chi_square_critical

CRITICAL = chi_square_critical(0.9)


def design(seed):
    """A dozen intervals, some of them points or without end, over cells from 0 to infinity."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 6, 12).astype(float)
    right = left + rng.choice([0, 1, 2, 3, np.inf], 12)
    right[right == 0] = 1.0
    return cut_into_cells(left, right, cuts=(0.0, np.inf))


def loglik_with_share(cover, inside, share, steps=6000):
    """Largest log-likelihood when given cells hold a share, by EM with both sums held."""
    table = cover.dense()
    used = table.any(axis=0)

    def both(p):
        for part, total in ((inside, share), (~inside, 1 - share)):
            p[part] *= total / p[part].sum()
        return p

    p = both(np.where(used, 1.0, 1e-3))
    for _ in range(steps):
        p = both(np.maximum(p * (table.T @ (1 / (table @ p))), 1e-300))
    return float(np.log(table @ p).sum())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("upper", [False, True])
def test_at_a_limit_of_a_share_em_under_the_constraint_finds_the_critical_value(seed, upper):
    cells = design(seed)
    profile = Profile(cells.cover, np.ones(12))
    inside = cells.left >= 3
    limit = profile.limit(inside * 1.0, upper=upper, critical=CRITICAL)
    assert 0 < limit < 1
    statistic = 2 * (profile.loglik - loglik_with_share(cells.cover, inside, limit))
    assert statistic == pytest.approx(CRITICAL, abs=2e-3)
    beyond = limit + (0.02 if upper else -0.02) * min(limit, 1 - limit)
    further = 2 * (profile.loglik - loglik_with_share(cells.cover, inside, beyond))
    assert further > CRITICAL


def extreme_by_cutting_planes(table, end, least):
    """Bounds from inside and outside of the largest ``end @ p`` with a log-likelihood >= `least`."""
    k = end.size
    centre = np.full(k, 1 / k)
    for _ in range(3000):  # EM: a point well inside
        centre = centre * (table.T @ (1 / (table @ centre))) / table.shape[0]
    centre = 0.99 * centre + 0.01 / k

    def loglik(p):
        return np.log(np.maximum(table @ p, 1e-300)).sum()

    planes, heights, inner = [], [], -np.inf
    for _ in range(400):
        found = linprog(
            -end,
            A_ub=np.array(planes) if planes else None,
            b_ub=heights or None,
            A_eq=np.ones((1, k)),
            b_eq=[1.0],
        )
        far = found.x
        if loglik(far) >= least:
            return end @ far, end @ far
        share = brentq(lambda s, far=far: loglik(centre + s * (far - centre)) - least, 0, 1)
        edge = centre + share * (far - centre)
        inner = max(inner, float(end @ edge))
        if end @ far - inner < 1e-6:
            break
        slope = table.T @ (1 / (table @ edge))
        planes.append(-slope)
        heights.append(-float(slope @ edge))
    return inner, float(end @ far)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("upper", [False, True])
def test_limits_of_a_mean_lie_where_cutting_planes_close_in(seed, upper):
    cells = design(seed)
    profile = Profile(cells.cover, np.ones(12))
    end = np.minimum(cells.right if upper else cells.left, 5.0)
    limit = profile.limit(end, upper=upper, critical=CRITICAL)
    sign = 1 if upper else -1
    inner, outer = extreme_by_cutting_planes(
        cells.cover.dense(), sign * end, profile.loglik - CRITICAL / 2
    )
    assert outer - inner < 1e-4
    assert inner - 1e-4 <= sign * limit <= outer + 1e-6


def two_cells(had, n):
    """`had` of `n` people in the first of two cells, the rest in the second."""
    rows = np.arange(2)
    return Profile(Incidence.of_ranges(rows, rows + 1, 2), np.array([had, n - had], dtype=float))


def test_a_statistic_of_two_cells_is_the_binomial_one():
    profile = two_cells(3, 10)
    p = profile.limit(np.array([1.0, 0.0]), upper=True, critical=CRITICAL)
    statistic = 2 * (3 * np.log(0.3 / p) + 7 * np.log(0.7 / (1 - p)))
    assert statistic == pytest.approx(CRITICAL, abs=1e-6)
    assert profile.loglik == pytest.approx(3 * np.log(0.3) + 7 * np.log(0.7))


def test_scale_and_place_of_the_function_carry_over():
    profile = two_cells(3, 10)
    plain = np.array([1.0, 0.0])
    for upper in (False, True):
        one = profile.limit(plain, upper=upper, critical=CRITICAL)
        assert profile.limit(1e6 * plain - 5, upper=upper, critical=CRITICAL) == pytest.approx(
            1e6 * one - 5
        )
        other = profile.limit(-plain, upper=not upper, critical=CRITICAL)
        assert other == pytest.approx(-one)


def test_a_function_that_is_constant_has_no_width():
    assert two_cells(3, 10).limit(np.array([2.0, 2.0]), upper=True, critical=CRITICAL) == 2


def test_critical_value_zero_gives_what_equal_maxima_allow():
    # One person in either of two cells: nothing chooses between them.
    both = Profile(Incidence.of_ranges(np.array([0]), np.array([2]), 2), np.ones(1))
    first = np.array([1.0, 0.0])
    assert both.limit(first, upper=False, critical=0) == 0
    assert both.limit(first, upper=True, critical=0) == 1
    unique = two_cells(3, 10)
    for upper in (False, True):
        assert unique.limit(first, upper=upper, critical=0) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("n", [1e3, 1e6])
def test_limits_close_in_at_the_root_of_the_number_of_people(n):
    profile = two_cells(0.3 * n, n)
    high = profile.limit(np.array([1.0, 0.0]), upper=True, critical=CRITICAL)
    assert high - 0.3 == pytest.approx(np.sqrt(CRITICAL * 0.21 / n), rel=0.1)


def test_the_gap_asked_for_follows_the_number_of_people_down_to_rounding():
    assert fit_tolerance(1) == 5e-9
    assert fit_tolerance(1e6) == 1e-10


@pytest.mark.parametrize("had", [1, 3, 100, 500_000])
def test_a_rare_event_among_a_million_has_the_limits_of_a_proportion(had):
    # The statistic is far from linear in the tilt here: secants alone would not arrive.
    people = np.array([had, 1_000_000 - had], dtype=float)
    profile = Profile(Incidence.of_ranges(np.arange(2), np.arange(1, 3), 2), people)
    share = np.array([1.0, 0.0])
    found = [profile.limit(share, upper=upper, critical=CRITICAL) for upper in (False, True)]
    assert found == pytest.approx(likelihood_interval(had, 1_000_000, conf_level=0.9), rel=1e-5)

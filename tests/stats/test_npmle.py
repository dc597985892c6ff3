"""The maximiser of likelihoods of sums of masses: certified, and hard to break."""

import time

import numpy as np
import pytest
from scipy.optimize import minimize

from ketastats.stats import npmle
from ketastats.stats.npmle import Incidence, NoConvergenceError, as_weights, maximise
from ketastats.stats.turnbull import cut_into_cells, turnbull

INF = np.inf


def tiny_design(rng):
    """A few intervals with every kind of tie: shared ends, points at ends, duplicates, no end."""
    n, top = int(rng.integers(1, 9)), int(rng.integers(1, 7))
    left = rng.integers(0, top, n).astype(float)
    width = rng.choice([0, 1, 1, 2, 4, INF], n)
    right = np.where((left == 0) & (width == 0), 1.0, left + width)
    weight = rng.choice([1.0, 1.0, 2.0, 30.0], n)
    return left, right, weight


def random_cover(rng, *, ranges=1):
    """Observations on random cells, with one range or two that do not overlap."""
    n, k = int(rng.integers(1, 30)), int(rng.integers(2 * ranges, 25))
    if ranges == 1:
        start = rng.integers(0, k, n)
        return Incidence.of_ranges(start, start + 1 + rng.integers(0, k - start), k)
    half = k // 2
    first, second = rng.integers(0, half, n), half + rng.integers(0, k - half, n)
    starts = np.column_stack((first, second)).ravel()
    stops = np.column_stack(
        (first + 1 + rng.integers(0, half - first), second + 1 + rng.integers(0, k - second))
    ).ravel()
    return Incidence(np.repeat(np.arange(n), 2), starts, stops, n, k)


def by_self_consistency(cover, weight, steps=20_000):
    """Masses after many steps of EM, in which the likelihood only ever rises."""
    table = cover.dense()
    p = np.full(cover.n_cells, 1 / cover.n_cells)
    for _ in range(steps):
        p = p * (table.T @ (weight / (table @ p)))
    return p


def by_general_optimiser(cover, weight):
    """Largest mean log-likelihood that SLSQP finds, begun where EM has got in some steps."""
    table = cover.dense()
    k = cover.n_cells
    begun = by_self_consistency(cover, weight, steps=1000)

    def loss(p):
        return -weight @ np.log(np.maximum(table @ p, 1e-300))

    def slope(p):
        return -table.T @ (weight / np.maximum(table @ p, 1e-300))

    sums = {"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda _: np.ones(k)}
    found = minimize(
        loss,
        begun,
        jac=slope,
        bounds=[(0, 1)] * k,
        constraints=sums,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    ended = np.maximum(found.x, 0) / np.maximum(found.x, 0).sum()
    return -min(loss(ended), loss(begun))


def test_no_other_optimiser_gets_above_the_maximum_and_its_gap_is_honest():
    rng = np.random.default_rng(1)
    for trial in range(150):
        left, right, weight = tiny_design(rng)
        cover, share = cut_into_cells(left, right).cover, weight / weight.sum()
        fit = maximise(cover, share)
        other = by_general_optimiser(cover, share)
        assert fit.gap <= 1e-8
        assert other <= fit.mean_loglik + fit.gap + 1e-12, trial
        assert fit.mean_loglik == pytest.approx(other, abs=1e-6), trial


def test_many_steps_of_em_end_at_the_same_likelihood():
    rng = np.random.default_rng(2)
    for _ in range(4):
        left, right, weight = tiny_design(rng)
        cover, share = cut_into_cells(left, right).cover, weight / weight.sum()
        fit = maximise(cover, share)
        em = share @ np.log(cover.mass(by_self_consistency(cover, share)))
        assert em <= fit.mean_loglik + fit.gap + 1e-12
        assert em == pytest.approx(fit.mean_loglik, abs=1e-3)


@pytest.mark.parametrize("ranges", [1, 2])
def test_masses_add_up_and_the_gap_is_that_of_the_gradient(ranges):
    rng = np.random.default_rng(3)
    for _ in range(100):
        cover = random_cover(rng, ranges=ranges)
        weight = rng.dirichlet(np.full(cover.n_rows, 0.3)) + 1e-9
        weight /= weight.sum()
        fit = maximise(cover, weight)
        table = cover.dense()
        assert fit.p.sum() == pytest.approx(1, abs=1e-12)
        assert (fit.p >= 0).all()
        gradient = table.T @ (weight / (table @ fit.p))
        assert gradient.max() - 1 <= 1e-8 + 1e-12
        assert fit.mean_loglik == pytest.approx(weight @ np.log(table @ fit.p), abs=1e-12)


@pytest.mark.parametrize("ranges", [1, 2])
def test_sums_over_ranges_are_those_of_the_dense_table(ranges):
    rng = np.random.default_rng(4)
    for _ in range(30):
        cover = random_cover(rng, ranges=ranges)
        table = cover.dense()
        p, value = rng.dirichlet(np.ones(cover.n_cells)), rng.random(cover.n_rows)
        assert set(np.unique(table)) <= {0.0, 1.0}
        assert cover.mass(p) == pytest.approx(table @ p)
        assert cover.score(value) == pytest.approx(table.T @ value)
        assert cover.products(value) == pytest.approx((table * value[:, None]).T @ table)
        cells = np.flatnonzero(rng.random(cover.n_cells) < 0.6)
        assert (cover.covered(cells).dense() == table[:, cells]).all()


def test_a_mass_that_is_a_small_difference_of_large_sums_keeps_its_digits():
    p = np.array([0.7, 1e-17, 1e-18, 0.3])
    cover = Incidence.of_ranges(np.array([1]), np.array([3]), 4)
    assert cover.mass(p) == pytest.approx([1.1e-17], rel=1e-12)


def test_a_tilt_leads_to_the_maximum_under_a_constraint():
    rng = np.random.default_rng(5)
    for _ in range(30):
        cover = random_cover(rng)
        weight = np.full(cover.n_rows, 1 / cover.n_rows)
        tilt = rng.normal(size=cover.n_cells)
        tilted = maximise(cover, weight, tilt=tilt)
        for _ in range(20):
            # A rival has more of the tilt or less of the likelihood.
            rival = rng.dirichlet(np.full(cover.n_cells, 0.5)) + 1e-12
            rival = 0.1 * rival / rival.sum() + 0.9 * tilted.p
            reached = weight @ np.log(cover.mass(rival)) + tilt @ rival
            assert reached <= tilted.mean_loglik + tilt @ tilted.p + tilted.gap + 1e-12


def test_only_candidates_carry_mass():
    cover = Incidence.of_ranges(np.array([0, 1, 0]), np.array([2, 4, 4]), 4)
    fit = maximise(cover, np.full(3, 1 / 3), candidates=np.array([True, False, True, False]))
    assert (fit.p[[1, 3]] == 0).all()
    assert fit.p[[0, 2]] == pytest.approx([0.5, 0.5], abs=1e-4)


def test_masses_are_the_same_from_any_start():
    rng = np.random.default_rng(6)
    left, right, weight = rng.integers(0, 9, 40) * 1.0, np.zeros(40), np.full(40, 1 / 40)
    right = left + rng.integers(1, 4, 40)
    cells = cut_into_cells(left, right)
    first = maximise(cells.cover, weight, candidates=cells.maximal, tol=1e-13).p
    for _ in range(10):
        start = np.where(cells.maximal, rng.dirichlet(np.full(cells.left.size, 0.2)) + 1e-9, 0)
        again = maximise(cells.cover, weight, candidates=cells.maximal, initial=start, tol=1e-13)
        assert again.p == pytest.approx(first, abs=1e-6)


def chain(n, overlap):
    left = np.arange(n, dtype=float)
    return left, left + overlap + 0.5


HARD = {
    "long chain, overlap 1": (*chain(1000, 1), None),
    "long chain, overlap 40": (*chain(1000, 40), None),
    "weights from 1e-8 to 1": (*chain(40, 2), 10.0 ** -np.linspace(0, 8, 40)),
    "weights of a million": (*chain(40, 2), np.full(40, 1e6)),
    "tiny weights": (*chain(40, 2), np.full(40, 1e-9)),
    "everyone right-censored": (np.arange(50.0), np.full(50, INF), None),
    "all in one interval": (np.zeros(50), np.full(50, 7.0), None),
    "nested": (np.arange(50.0), 200 - np.arange(50.0), None),
    "huge times": (*(1e9 * side for side in chain(60, 3)), None),
    "tiny times": (*(1e-9 * side for side in chain(60, 3)), None),
    "points at the ends of intervals": (
        np.repeat(np.arange(40.0), 2),
        np.repeat(np.arange(40.0), 2) + np.tile([0, 1], 40),
        None,
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_designs_reach_the_gap(name):
    assert turnbull(*HARD[name]).gap <= 1e-8


def test_designs_made_to_be_hard_reach_the_gap():
    rng = np.random.default_rng(7)
    for trial in range(200):
        n = int(rng.integers(2, 80))
        left = rng.choice([rng.integers(0, 30, n) * 1.0, rng.exponential(10, n)])
        right = left + rng.choice([0, 1e-9, 1, 10, INF], n, p=[0.2, 0.1, 0.3, 0.3, 0.1])
        weight = 10.0 ** -rng.uniform(0, rng.choice([1, 8]), n)
        assert turnbull(left, np.where(right == 0, 1, right), weight).gap <= 1e-8, trial


def test_thousands_of_times_take_about_a_second():
    rng = np.random.default_rng(8)
    event = rng.exponential(100, 3000)
    exact = (event, event)
    visits = np.sort(rng.uniform(0, 300, (2000, 4)), axis=1)
    event = rng.exponential(100, 2000)[:, None]
    left = np.where(visits < event, visits, 0).max(axis=1)
    right = np.where(visits >= event, visits, INF).min(axis=1)
    begun = time.perf_counter()
    assert turnbull(*exact).gap <= 1e-8
    assert turnbull(left, right).gap <= 1e-8
    assert time.perf_counter() - begun < 5  # a busy machine is granted a few times what it needs


def test_a_maximum_that_is_not_reached_is_said_and_not_returned(monkeypatch):
    monkeypatch.setattr(npmle, "_MOST_STEPS", 1)
    cover = cut_into_cells(*chain(30, 3)).cover
    with pytest.raises(NoConvergenceError, match="wanted 1e-08"):
        maximise(cover, np.full(30, 1 / 30))


def test_weights_default_to_one_each():
    assert as_weights(None, 3).tolist() == [1, 1, 1]
    assert as_weights([2, 0, 1], 3).tolist() == [2, 0, 1]

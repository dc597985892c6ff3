"""Linear permutation tests: against R, against plain enumeration, and by their own laws."""

from itertools import combinations

import numpy as np
import pytest

from ketastats.stats.permutation_tests import (
    NoVariationError,
    Stratum,
    TooManyAssignmentsError,
    asymptotic_test,
    exact_test,
    group_sums,
    monte_carlo_test,
)

TWO = np.array([0.0, 1.0])


def stratum(scores, groups, k=None):
    values, at = np.unique(scores, return_inverse=True)
    counts = np.zeros((values.size, k or max(groups) + 1), dtype=int)
    np.add.at(counts, (at, groups), 1)
    return Stratum(values, counts)


def random_stratum(rng, n, k, distinct):
    return stratum(rng.choice(rng.normal(size=distinct), n), rng.permutation(np.arange(n) % k), k)


def enumerated(scores, groups):
    """Sums of the second group's scores under every assignment, one by one."""
    centred = scores - scores.mean()
    n1 = int((groups == 1).sum())
    return np.array(
        [centred[list(chosen)].sum() for chosen in combinations(range(len(scores)), n1)]
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tails", ["central", "absolute"])
def test_exact_two_group_p_values_are_those_of_plain_enumeration(seed, tails):
    rng = np.random.default_rng(seed)
    scores = rng.choice(rng.normal(size=7), 11)
    groups = rng.permutation(np.arange(11) % 2)
    every = enumerated(scores, groups)
    seen = (scores - scores.mean())[groups == 1].sum()
    lower, upper = (every <= seen + 1e-9).mean(), (every >= seen - 1e-9).mean()
    expected = {
        "central": min(1.0, 2 * min(lower, upper)),
        "absolute": (abs(every) >= abs(seen) - 1e-9).mean(),
    }
    found = exact_test([stratum(scores, groups)], positions=TWO, tails=tails)
    assert found.p_value == pytest.approx(expected[tails], rel=1e-10)
    assert found.statistic == pytest.approx(seen / every.std())


def test_the_permutation_variance_is_that_of_all_assignments():
    rng = np.random.default_rng(8)
    scores, groups = rng.normal(size=10), np.arange(10) % 2
    _, covariance = group_sums([stratum(scores, groups)])
    assert covariance[1, 1] == pytest.approx(enumerated(scores, groups).var())
    assert covariance[0, 1] == pytest.approx(-covariance[1, 1])


def test_fishers_exact_test_is_the_exact_test_of_zeros_and_ones():
    from scipy.stats import fisher_exact

    counts = np.array([[9, 4], [3, 10]])
    found = exact_test([Stratum(np.array([0.0, 1.0]), counts)], positions=TWO, tails="absolute")
    assert found.p_value == pytest.approx(fisher_exact(counts).pvalue, rel=1e-9)


def test_few_distinct_scores_are_quick_however_many_subjects():
    rng = np.random.default_rng(2)
    part = random_stratum(rng, 200, 2, 4)
    exact = exact_test([part], positions=TWO)
    assert exact.p_value == pytest.approx(asymptotic_test([part], positions=TWO).p_value, abs=0.02)


def test_too_many_assignments_stop_an_exact_test():
    part = stratum(np.arange(60.0) ** 1.5, np.arange(60) % 2)
    with pytest.raises(TooManyAssignmentsError, match="10,000"):
        exact_test([part], positions=TWO, limit=10_000)
    strata = [stratum(np.arange(12.0) ** (1.5 + i), np.arange(12) % 2) for i in range(2)]
    with pytest.raises(TooManyAssignmentsError, match="10,000"):
        exact_test(strata, positions=TWO, limit=10_000)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("trend", [False, True])
def test_monte_carlo_limits_hold_the_exact_p_value(k, trend):
    rng = np.random.default_rng(20 + k)
    strata = [random_stratum(rng, 12, k, 4) for _ in range(2)]
    positions = np.arange(k, dtype=float) if trend else None
    exact = exact_test(strata, positions=positions)
    sampled = monte_carlo_test(strata, positions=positions, replicates=9999, seed=5)
    assert sampled.p_low <= exact.p_value <= sampled.p_high
    assert sampled.statistic == pytest.approx(exact.statistic)
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.03)


def test_the_same_seed_gives_the_same_p_value_and_progress_is_told():
    part = random_stratum(np.random.default_rng(1), 40, 2, 30)
    told = []
    a = monte_carlo_test([part], positions=TWO, replicates=199, seed=3)
    b = monte_carlo_test(
        [part], positions=TWO, replicates=199, seed=3, progress=lambda *at: told.append(at)
    )
    assert repr(a) == repr(b)  # a missing df equals nothing, itself included
    assert told[-1] == (199, 199)
    assert repr(monte_carlo_test([part], positions=TWO, replicates=199, seed=4)) != repr(a)


def test_a_sampled_p_value_is_never_zero():
    part = stratum(np.arange(80.0), (np.arange(80) >= 40).astype(int))
    found = monte_carlo_test([part], positions=TWO, replicates=999)
    assert found.p_value == pytest.approx(2 / 1000)
    assert found.p_low == 0


def test_two_groups_as_a_quadratic_form_are_the_square_of_z():
    part = random_stratum(np.random.default_rng(4), 30, 2, 30)
    z, square = asymptotic_test([part], positions=TWO), asymptotic_test([part])
    assert square.statistic == pytest.approx(z.statistic**2)
    assert square.df == 1
    assert square.p_value == pytest.approx(z.p_value)


def test_positions_may_be_shifted_and_scaled_and_reversed():
    part = random_stratum(np.random.default_rng(6), 40, 3, 12)
    one = asymptotic_test([part], positions=np.array([0.0, 0.5, 1.0]))
    other = asymptotic_test([part], positions=np.array([100.0, 150.0, 200.0]))
    back = asymptotic_test([part], positions=np.array([1.0, 0.5, 0.0]))
    assert other.statistic == pytest.approx(one.statistic)
    assert back.statistic == pytest.approx(-one.statistic)


def test_the_order_of_groups_does_not_matter_to_the_quadratic_form():
    part = random_stratum(np.random.default_rng(7), 15, 3, 5)
    turned = Stratum(part.scores, part.counts[:, [2, 0, 1]])
    for test in (asymptotic_test, exact_test):
        assert test([turned]).p_value == pytest.approx(test([part]).p_value)


def test_a_stratum_of_one_group_adds_nothing():
    rng = np.random.default_rng(9)
    part, alone = random_stratum(rng, 14, 2, 6), stratum(rng.normal(size=9), np.ones(9, int), 2)
    for test in (asymptotic_test, exact_test):
        with_it = test([part, alone], positions=TWO)
        assert with_it.p_value == pytest.approx(test([part], positions=TWO).p_value)


def test_groups_that_meet_in_no_stratum_cost_a_degree_of_freedom():
    rng = np.random.default_rng(10)
    first = stratum(rng.normal(size=20), np.arange(20) % 2, 4)
    second = stratum(rng.normal(size=20), 2 + np.arange(20) % 2, 4)
    assert asymptotic_test([first, second]).df == 2


def test_without_variation_there_is_no_test():
    equal = stratum(np.ones(10), np.arange(10) % 2)
    alone = stratum(np.arange(10.0), np.ones(10, int), 2)
    for part in (equal, alone):
        for test in (asymptotic_test, exact_test, monte_carlo_test):
            with pytest.raises(NoVariationError, match="equal"):
                test([part], positions=TWO)


def test_positions_must_tell_groups_apart():
    part = random_stratum(np.random.default_rng(4), 30, 2, 30)
    for positions in ([1.0, 1.0], [0.0, np.nan]):
        with pytest.raises(ValueError, match="positions"):
            asymptotic_test([part], positions=np.array(positions))

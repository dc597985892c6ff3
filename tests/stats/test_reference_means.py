import numpy as np
import pytest

from ketastats.stats.augmented_draws import Draw, posterior_draws
from ketastats.stats.imputation_pooling import pool_imputations
from ketastats.stats.reference_means import STRATEGIES, completed, mean_course, regression_ahead

OWN = np.array([[-1.0, -3.0, -5.0, -8.0]] * 3)
REFERENCE = np.array([[-1.5, -2.0, -2.5, -4.0]] * 3)
AFFECTED = np.array([4, 2, 0])  # nobody, from the third visit, from the first


@pytest.mark.parametrize(
    ("strategy", "third", "first"),
    [
        ("mar", [-1, -3, -5, -8], [-1, -3, -5, -8]),
        ("jump_to_reference", [-1, -3, -2.5, -4], [-1.5, -2, -2.5, -4]),
        ("copy_reference", [-1.5, -2, -2.5, -4], [-1.5, -2, -2.5, -4]),
        ("copy_increments", [-1, -3, -3.5, -5], [-1.5, -2, -2.5, -4]),
        ("last_mean", [-1, -3, -3, -3], [-1, -1, -1, -1]),
    ],
)
def test_mean_courses_are_those_of_carpenter_roger_and_kenward(strategy, third, first):
    course = mean_course(OWN, REFERENCE, AFFECTED, strategy)
    assert course[0] == pytest.approx(OWN[0])
    assert course[1] == pytest.approx(third)
    assert course[2] == pytest.approx(first)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_in_the_reference_arm_the_strategies_that_copy_it_change_nothing(strategy):
    if strategy != "last_mean":
        assert mean_course(OWN, OWN, AFFECTED, strategy) == pytest.approx(OWN)


def test_an_unknown_strategy_is_an_error():
    with pytest.raises(ValueError, match="no strategy"):
        mean_course(OWN, REFERENCE, AFFECTED, "locf")


def made(seed=0, n=400):
    rng = np.random.default_rng(seed)
    sigma = np.array([[2.0, 1.2, 0.8], [1.2, 3.0, 1.9], [0.8, 1.9, 4.0]])
    y = rng.normal(size=(n, 3)) @ np.linalg.cholesky(sigma).T + [0.0, -1.0, -2.0]
    y[: n // 4, 2] = np.nan
    y[: n // 8, 1] = np.nan
    return y, sigma


def test_completed_outcomes_are_conditional_means_and_seen_ones_are_kept():
    y, sigma = made()
    course = np.broadcast_to([0.0, -1.0, -2.0], y.shape)
    whole = completed(y, course, sigma)
    seen = ~np.isnan(y)
    assert (whole[seen] == y[seen]).all()
    i = 399 if np.isnan(y[399]).any() else 60  # the last visit missed, two seen
    b = np.linalg.solve(sigma[:2, :2], sigma[:2, 2])
    assert whole[i, 2] == pytest.approx(-2.0 + b @ (y[i, :2] - [0.0, -1.0]))
    nobody = completed(np.full((1, 3), np.nan), course[:1], sigma)
    assert nobody[0] == pytest.approx(course[0])


def test_the_regression_on_nothing_seen_is_empty():
    assert regression_ahead(np.eye(3), np.array([True, True, True])).shape == (3, 0)


def test_posterior_draws_of_complete_data_have_the_known_moments():
    rng = np.random.default_rng(3)
    n, t = 30, 2
    y = rng.normal(size=(n, t)) @ np.array([[1.0, 0.6], [0.0, 1.2]])
    design = np.broadcast_to(np.eye(t), (n, t, t))
    start = Draw(y.mean(axis=0), np.cov(y.T))
    draws = list(posterior_draws(design, y, start, draws=6_000, burn_in=50, thin=1, rng=rng))
    scatter = (y - y.mean(axis=0)).T @ (y - y.mean(axis=0))
    expected = scatter / (n - 1 - t - 1)  # mean of the inverse Wishart on n - 1 degrees of freedom
    beta = np.array([d.beta for d in draws])
    sigma = np.mean([d.sigma for d in draws], axis=0)
    assert beta.mean(axis=0) == pytest.approx(y.mean(axis=0), abs=0.02)
    assert np.cov(beta.T) == pytest.approx(expected / n, rel=0.1, abs=0.003)
    assert sigma == pytest.approx(expected, rel=0.04)


def test_posterior_draws_with_missing_visits_centre_near_the_maximum():
    y, sigma = made()
    design = np.broadcast_to(np.eye(3), (*y.shape, 3))
    start = Draw(np.nanmean(y, axis=0), sigma)
    rng = np.random.default_rng(4)
    seen = []
    draws = list(
        posterior_draws(
            design, y, start, draws=500, burn_in=50, thin=2, rng=rng,
            progress=lambda done, wanted: seen.append((done, wanted)),
        )
    )  # fmt: skip
    assert seen[-1] == (500, 500)
    beta = np.mean([d.beta for d in draws], axis=0)
    assert beta == pytest.approx([0.0, -1.0, -2.0], abs=0.35)
    assert np.mean([d.sigma for d in draws], axis=0) == pytest.approx(sigma, abs=0.7)


def test_rubins_rules_with_barnard_and_rubins_degrees_of_freedom():
    # by hand: m = 3, W = 2, B = 1, T = 2 + 4/3, share 0.4, old df 2/0.16 = 12.5, observed 50 * 51/53 * 0.6
    pooled = pool_imputations(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]), 50.0)
    assert pooled.estimate == 2.0
    assert pooled.std_error == pytest.approx(np.sqrt(10 / 3))
    assert pooled.missing_share == pytest.approx(0.4)
    assert pooled.df == pytest.approx(1 / (1 / 12.5 + 1 / (51 / 53 * 50 * 0.6)))
    assert pooled.monte_carlo_se == pytest.approx(np.sqrt(1 / 3))
    assert pool_imputations(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2, 2])).df == pytest.approx(
        12.5
    )


def test_pooling_data_sets_that_agree_leaves_the_degrees_of_freedom_of_complete_data():
    pooled = pool_imputations(np.array([1.0, 1.0]), np.array([4.0, 4.0]), 30.0)
    assert (pooled.std_error, pooled.missing_share) == (2.0, 0.0)
    assert pooled.df == pytest.approx(31 / 33 * 30)
    with pytest.raises(ValueError, match="two imputed data sets"):
        pool_imputations(np.array([1.0]), np.array([1.0]))

"""The maximum over rising heights and coefficients, against a general optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ketastats.stats.npmle import NoConvergenceError
from ketastats.stats.ordered_newton import OrderedProblem, maximise_ordered
from ketastats.stats.shifted_laws import EXTREME, LOGISTIC, NORMAL

LAWS = {law.name: law for law in (EXTREME, LOGISTIC, NORMAL)}


def problem(law, seed, cells=6, n=30):
    """Random ranges of cells, among them every first and last one, and two covariates."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, cells, n), rng.integers(0, cells, n)
    start, stop = np.minimum(a, b), np.maximum(a, b) + 1
    start[:4], stop[:4] = [0, 0, cells - 1, cells - 1], [1, 1, cells, cells]
    x = rng.normal(size=(n, 2))
    x[:4] = [[1, 0], [-1, 0.5], [1, -1], [-1, 1]]
    weight = rng.integers(1, 4, n).astype(float)
    return OrderedProblem(law, start, stop, x, np.zeros(n), weight, cells)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("seed", range(6))
def test_no_general_optimiser_gets_higher(name, seed):
    made = problem(LAWS[name], seed)
    start = np.linspace(-1, 1, made.n_cells - 1)
    fit = maximise_ordered(made, start, np.zeros(2))
    k = start.size

    def fall(v):  # the first height, steps from one to the next, coefficients
        value = made.loglik(np.cumsum(v[:k]), v[k:])
        return -value if np.isfinite(value) else 1e3

    found = minimize(
        fall,
        np.concatenate((start[:1], np.diff(start), [0, 0])),
        method="L-BFGS-B",
        bounds=[(None, None), *[(0, None)] * (k - 1), (None, None), (None, None)],
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
    )
    assert -found.fun <= fit.loglik + 1e-9
    assert -found.fun == pytest.approx(fit.loglik, abs=1e-5)
    assert (np.diff(fit.heights) >= 0).all()


@pytest.mark.parametrize("name", LAWS)
def test_the_maximum_does_not_depend_on_the_start(name):
    made = problem(LAWS[name], 3, cells=12, n=60)
    fits = [
        maximise_ordered(made, heights, beta)
        for heights, beta in (
            (np.linspace(-2, 2, 11), np.zeros(2)),
            (np.linspace(-0.5, 0.1, 11), np.array([1.0, -1.0])),
            (np.linspace(-6, 5, 11), np.array([-2.0, 0.5])),
        )
    ]
    for fit in fits[1:]:
        assert fit.loglik == pytest.approx(fits[0].loglik, abs=1e-9)
        assert fit.beta == pytest.approx(fits[0].beta, abs=1e-6)
        assert fit.heights == pytest.approx(fits[0].heights, abs=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_information_is_the_curvature_of_the_log_likelihood(name):
    made = problem(LAWS[name], 1)
    fit = maximise_ordered(made, np.linspace(-1, 1, 5), np.zeros(2))
    m = fit.first.size
    size = np.diff(np.append(fit.first, 5))

    def loglik(move):
        return made.loglik(fit.heights + np.repeat(move[:m], size), fit.beta + move[m:])

    h = 1e-4
    for j, unit in enumerate(np.eye(m + 2)):
        second = (loglik(h * unit) - 2 * loglik(0 * unit) + loglik(-h * unit)) / h**2
        assert -(fit.information @ unit)[j] == pytest.approx(second, rel=1e-4)
    full = np.column_stack([fit.information @ unit for unit in np.eye(m + 2)])
    inverse = np.linalg.inv(full)
    assert fit.covariance() == pytest.approx(inverse[m:, m:])
    assert fit.variances(np.eye(m + 2)) == pytest.approx(np.diag(inverse))


def test_a_likelihood_without_maximum_is_not_called_one():
    n = 8
    start, stop = np.array([0] * 4 + [1] * 4), np.array([1] * 4 + [2] * 4)
    x = np.array([[1.0]] * 4 + [[-1.0]] * 4)
    made = OrderedProblem(NORMAL, start, stop, x, np.zeros(n), np.ones(n), 2)
    try:
        fit = maximise_ordered(made, np.zeros(1), np.zeros(1))
    except NoConvergenceError:
        return
    assert fit.covariance()[0, 0] > 1e4

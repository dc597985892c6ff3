"""The log-likelihood of accelerated failure times in the parameters in which it is concave."""

import numpy as np
import pytest

from ketastats.stats.aft_likelihood import LogTimes, maximise_ends
from ketastats.stats.interval_aft import AFT_LAWS
from ketastats.stats.npmle import NoConvergenceError


@pytest.fixture(params=AFT_LAWS, scope="module")
def times(request):
    rng = np.random.default_rng(5)
    n = 40
    low = rng.normal(size=n)
    high = low + rng.exponential(size=n)
    exact = np.arange(n) < 10
    high[exact] = low[exact]
    high[10:18], low[18:22] = np.inf, -np.inf
    x = np.column_stack((np.ones(n), rng.normal(size=n)))
    weight = rng.integers(1, 3, n).astype(float)
    return LogTimes(AFT_LAWS[request.param], x, np.ones(2), low, high, exact, weight)


def test_derivatives_are_slopes(times):
    ends, theta, h = times.ends(), np.array([0.3, -0.2, 0.8]), 1e-5
    gradient, information = ends.derivatives(theta)
    for j, unit in enumerate(np.eye(3)):
        up, down = theta + h * unit, theta - h * unit
        slope = (ends.loglik(up) - ends.loglik(down)) / (2 * h)
        assert gradient[j] == pytest.approx(slope, abs=1e-6)
        curve = (ends.derivatives(up)[0] - ends.derivatives(down)[0]) / (2 * h)
        assert -information[j] == pytest.approx(curve, abs=1e-5)


def test_the_maximum_does_not_depend_on_the_start(times):
    ends = times.ends()
    near = maximise_ends(ends, times.start())
    far = maximise_ends(ends, np.array([50.0, -30.0, 40.0]))
    assert far.theta == pytest.approx(near.theta, abs=1e-8)
    assert near.loglik == pytest.approx(far.loglik, abs=1e-9)


def test_holding_a_parameter_at_its_estimate_keeps_the_maximum(times):
    best = maximise_ends(times.ends(), times.start())
    beta, gamma = best.theta[:2] / best.theta[2], best.theta[2]
    held = times.ends(held=np.array([1]), at=beta[1:])
    assert maximise_ends(held, best.theta[[0, 2]]).loglik == pytest.approx(best.loglik, abs=1e-9)
    scale = times.ends(log_scale=-np.log(gamma))
    assert maximise_ends(scale, best.theta[:2]).loglik == pytest.approx(best.loglik, abs=1e-9)


def test_a_scale_that_is_not_positive_has_no_likelihood(times):
    assert times.ends().loglik(np.array([0.0, 0.0, -1.0])) == -np.inf
    start = np.array([0.0, 0.0, -1.0])
    with pytest.raises(NoConvergenceError, match="no scale"):
        maximise_ends(times.ends(), start)

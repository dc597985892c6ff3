"""The random-intercept model against its likelihood written out over rows."""

import numpy as np
import pytest

from ketastats.stats.variance_components import (
    _evaluate,
    _gradient,
    cluster_components,
    fit_intercept,
)


def made(seed=0, n=60, clusters=7, between=1.0):
    rng = np.random.default_rng(seed)
    cluster = np.concatenate([np.arange(clusters), rng.integers(0, clusters, n - clusters)])
    design = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = design @ [1.0, 0.5] + between * rng.normal(size=clusters)[cluster] + rng.normal(size=n)
    return design, y, cluster


def from_rows(design, y, cluster, theta, *, reml):
    sigma = theta[0] * (cluster[:, None] == cluster) + theta[1] * np.eye(len(y))
    inverse = np.linalg.inv(sigma)
    information = design.T @ inverse @ design
    beta = np.linalg.solve(information, design.T @ inverse @ y)
    r = y - design @ beta
    p = design.shape[1]
    value = np.linalg.slogdet(sigma)[1] + r @ inverse @ r + (len(y) - reml * p) * np.log(2 * np.pi)
    return value + reml * np.linalg.slogdet(information)[1], beta, np.linalg.inv(information)


@pytest.mark.parametrize("reml", [True, False])
def test_likelihood_and_derivatives_are_those_of_the_rows(reml):
    design, y, cluster = made()
    parts = cluster_components(design, y, cluster)
    both = np.array([0, 1])
    theta = np.array([0.7, 1.2])
    here = _evaluate(parts, theta, both, reml=reml)
    value, beta, bread = from_rows(design, y, cluster, theta, reml=reml)
    assert here.value == pytest.approx(value)
    assert here.beta == pytest.approx(beta)
    assert here.bread == pytest.approx(bread)
    step = 1e-5
    gradient, second = [], []
    for k in range(2):
        up, down = (
            _evaluate(parts, theta + sign * step * np.eye(2)[k], both, reml=reml)
            for sign in (1, -1)
        )
        gradient.append((up.value - down.value) / (2 * step))
        slopes = [_gradient(parts, at, reml=reml) for at in (up, down)]
        second.append((slopes[0] - slopes[1]) / (2 * step))
    assert _gradient(parts, here, reml=reml) == pytest.approx(np.array(gradient), rel=1e-6)
    assert here.observed == pytest.approx(np.array(second), rel=1e-6)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_no_parameters_nearby_or_at_the_edge_fit_better(reml, seed):
    design, y, cluster = made(seed, between=0.5)
    fit = fit_intercept(cluster_components(design, y, cluster), reml=reml)
    rng = np.random.default_rng(seed)
    for _ in range(30):
        other = np.abs(fit.theta + rng.normal(size=2) * 0.2)
        assert from_rows(design, y, cluster, other, reml=reml)[0] >= fit.value - 1e-9
    at_edge = from_rows(design, y, cluster, np.array([0.0, fit.theta[1]]), reml=reml)[0]
    assert at_edge >= fit.value - 1e-9


def test_clusters_that_differ_less_than_chance_have_no_variance_between_them():
    design, y, cluster = made(between=0.0)
    means = np.bincount(cluster, y - design @ [1.0, 0.5]) / np.bincount(cluster)
    fit = fit_intercept(cluster_components(design, y - means[cluster], cluster), reml=True)
    assert fit.theta[0] == 0
    assert list(fit.free) == [1]
    assert fit.moved.shape == (1, 2, 2)

"""The likelihood from cross-products against the likelihood from rows, and its derivatives."""

from dataclasses import replace

import numpy as np
import pytest
from repeated_data import family, rows, some_parameters

from ketastats.stats.covariance_structures import CODES, SPATIAL, structure
from ketastats.stats.kenward_roger import kenward_roger_covariance
from ketastats.stats.repeated_measures import (
    curvature,
    expected_curvature,
    likelihood,
    partial_curvature,
    slopes,
)
from ketastats.summaries.cross_products import cross_products

CASES = [(code, 1) for code in (*CODES, *SPATIAL)] + [("us", 2), ("ar1h", 2), ("sp_exp", 2)]


def prepared(code, groups):
    data = rows()
    products = data.products(groups=groups, spatial=code in SPATIAL)
    covariance = family(code, products, groups)
    return data, products, covariance, some_parameters(code, covariance, groups)


def from_rows(data, code, groups, theta, *, reml):
    """Minus twice the log-likelihood, its beta and covariance, subject by subject."""
    q = theta.size // groups
    p = data.design.shape[1]
    m, c, yy, logdet = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    for s in np.unique(data.subject):
        here = data.subject == s
        own = theta[data.group[here][0] * q :][:q] if groups > 1 else theta
        if code in SPATIAL:
            distance = np.abs(np.subtract.outer(data.position[here, 0], data.position[here, 0]))
            sigma = own[0] * SPATIAL[code](distance, own[1])[0]
        else:
            whole = structure(code, data.occasions).at(own).matrix
            sigma = whole[np.ix_(data.occasion[here], data.occasion[here])]
        weight = np.linalg.inv(sigma)
        x, y = data.design[here], data.outcome[here]
        m += x.T @ weight @ x
        c += x.T @ weight @ y
        yy += y @ weight @ y
        logdet += np.linalg.slogdet(sigma)[1]
    beta = np.linalg.solve(m, c)
    n = len(data.outcome)
    value = logdet + yy - c @ beta + (n - reml * p) * np.log(2 * np.pi)
    return value + reml * np.linalg.slogdet(m)[1], beta, np.linalg.inv(m)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("code", "groups"), CASES)
def test_likelihood_from_cross_products_is_the_one_from_rows(code, groups, reml):
    data, products, covariance, theta = prepared(code, groups)
    here = likelihood(products, covariance, theta, reml=reml)
    value, beta, bread = from_rows(data, code, groups, theta, reml=reml)
    assert here.value == pytest.approx(value, rel=1e-12)
    assert here.beta == pytest.approx(beta, rel=1e-9)
    assert here.bread == pytest.approx(bread, rel=1e-9)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("code", "groups"), CASES)
def test_first_and_second_derivatives_agree_with_differences(code, groups, reml):
    _, products, covariance, theta = prepared(code, groups)

    def at(t):
        return likelihood(products, covariance, t, reml=reml)

    here = at(theta)
    slope = slopes(here)
    step = 1e-5
    gradient, second, moved = [], [], []
    for j in range(theta.size):
        up, down = (at(theta + sign * step * np.eye(theta.size)[j]) for sign in (1, -1))
        gradient.append((up.value - down.value) / (2 * step))
        second.append((slopes(up).gradient - slopes(down).gradient) / (2 * step))
        moved.append((np.linalg.inv(up.bread) - np.linalg.inv(down.bread)) / (2 * step))
    found = curvature(here, slope)
    p = products.columns
    assert slope.gradient == pytest.approx(np.array(gradient), rel=1e-6, abs=1e-6)
    assert found.observed == pytest.approx(np.array(second), rel=1e-5, abs=1e-6)
    assert found.products[:, :p, :p] == pytest.approx(np.array(moved), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("code", ["us", "toeph", "ar1", "sp_gau"])
def test_expected_curvature_is_the_mean_of_the_observed_one_under_reml(code):
    _, products, covariance, theta = prepared(code, 1)
    rng = np.random.default_rng(8)
    data = rows()
    layout = data.layout(spatial=code in SPATIAL)
    here = likelihood(products, covariance, theta, reml=True)
    roots = [
        np.linalg.cholesky(matrix[np.ix_(seen, seen)])
        for matrix, seen in zip(here.covariance.matrices, layout.seen, strict=True)
    ]
    observed = []
    blocks = layout.blocks(data.outcome)
    for _ in range(1500):
        drawn = [rng.normal(size=b.shape) @ root.T for b, root in zip(blocks, roots, strict=True)]
        again = cross_products(layout, data.design, layout.restored(drawn))
        moved = likelihood(again, replace(covariance, products=again), theta, reml=True)
        observed.append(curvature(moved, slopes(moved)).observed)
    mean, spread = np.mean(observed, axis=0), np.std(observed, axis=0) / np.sqrt(1500)
    expected = curvature(here, slopes(here)).expected
    assert (np.abs(mean - expected) < 4.5 * spread + 1e-9).all()


def test_cheap_second_derivatives_are_exact_without_columns_to_estimate():
    _, products, covariance, theta = prepared("us", 1)
    here = likelihood(products, covariance, theta, reml=False)
    slope = slopes(here)
    exact = curvature(here, slope)
    pull = exact.products[:, : products.columns] @ np.r_[here.beta, -1.0]
    added = -2 * pull @ here.bread @ pull.T
    assert partial_curvature(here, slope) + added == pytest.approx(exact.observed)
    assert np.linalg.eigvalsh(expected_curvature(here))[0] > 0


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(("code", "groups"), [("us", 1), ("ar1h", 2), ("sp_exp", 1), ("adh", 1)])
def test_kenward_roger_from_sums_is_the_one_over_all_pairs_of_parameters(code, groups, linear):
    _, products, covariance, theta = prepared(code, groups)
    here = likelihood(products, covariance, theta, reml=True)
    found = curvature(here, slopes(here))
    w = 2 * np.linalg.inv(found.expected)
    p, q = products.columns, theta.size
    moved = found.products[:, :p, :p]
    total = np.zeros((p, p))
    step = 1e-4

    def precision(t):
        return likelihood(products, covariance, t, reml=True).covariance.matrices

    first = np.array(
        [
            (precision(theta + step * e) - precision(theta - step * e)) / (2 * step)
            for e in np.eye(q)
        ]
    )
    for j in range(q):
        for k in range(q):
            e, f = np.eye(q)[j] * step, np.eye(q)[k] * step
            bend = (
                precision(theta + e + f)
                - precision(theta + e - f)
                - precision(theta - e + f)
                + precision(theta - e - f)
            ) / (4 * step**2)
            inverse = here.inverse
            middle = inverse @ first[j] @ inverse @ first[k] @ inverse
            if not linear:
                middle = middle - inverse @ bend @ inverse / 4
            middle = (middle + middle.swapaxes(1, 2)) / 2
            total += w[j, k] * (products.total(middle)[:p, :p] - moved[j] @ here.bread @ moved[k])
    expected = here.bread + 2 * here.bread @ total @ here.bread
    ours = kenward_roger_covariance(here, moved, w, linear=linear)
    assert ours == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_a_matrix_that_is_not_positive_definite_has_no_likelihood():
    _, products, covariance, _ = prepared("cs", 1)
    assert likelihood(products, covariance, np.array([-2.0, 0.5]), reml=True) is None
    assert likelihood(products, covariance, np.array([np.nan, 0.5]), reml=True) is None

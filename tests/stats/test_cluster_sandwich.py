import numpy as np
import pytest

from ketastats.stats.cluster_sandwich import POWERS, cluster_sandwich, sandwich_df


def made(seed=0, n=12, m=3, p=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, m, p))
    root = rng.normal(size=(m, m + 2))
    sigma = root @ root.T / m
    inverse = np.linalg.inv(sigma)
    information = np.einsum("nmp,mk,nkq->pq", x, inverse, x)
    y = rng.normal(size=(n, m))
    bread = np.linalg.inv(information)
    beta = bread @ np.einsum("nmp,mk,nk->p", x, inverse, y)
    return x, y, y - x @ beta, sigma, inverse, bread, beta


def test_without_correction_it_is_the_sum_of_squared_scores():
    x, _, e, _, inverse, bread, _ = made()
    scores = np.einsum("nmp,mk,nk->np", x, inverse, e)
    direct = bread @ scores.T @ scores @ bread
    found = cluster_sandwich([x], [e], [inverse], bread, correction="cr0")
    assert found.covariance == pytest.approx(direct)


def test_the_third_correction_is_leaving_one_cluster_out():
    x, y, e, _, inverse, bread, beta = made()
    moves = []
    for k in range(len(x)):
        kept = np.arange(len(x)) != k
        information = np.einsum("nmp,mk,nkq->pq", x[kept], inverse, x[kept])
        score = np.einsum("nmp,mk,nk->p", x[kept], inverse, y[kept])
        moves.append(np.linalg.solve(information, score) - beta)
    direct = np.array(moves).T @ np.array(moves)
    found = cluster_sandwich([x], [e], [inverse], bread, correction="cr3")
    assert found.covariance == pytest.approx(direct)


def test_the_second_correction_is_unbiased_under_the_working_model():
    x, _, _, sigma, inverse, bread, _ = made()
    rng = np.random.default_rng(5)
    root = np.linalg.cholesky(sigma)
    total = np.zeros((2, 2))
    draws = 4_000
    for _ in range(draws):
        y = rng.normal(size=x.shape[:2]) @ root.T
        beta = bread @ np.einsum("nmp,mk,nk->p", x, inverse, y)
        total += cluster_sandwich(
            [x], [y - x @ beta], [inverse], bread, correction="cr2"
        ).covariance
    assert total / draws == pytest.approx(bread, rel=0.05, abs=0.02 * bread.max())


@pytest.mark.parametrize("correction", list(POWERS))
def test_degrees_of_freedom_match_the_moments_of_the_robust_variance(correction):
    x, _, _, sigma, inverse, bread, _ = made()
    rng = np.random.default_rng(6)
    root = np.linalg.cholesky(sigma)
    contrast = np.array([[1.0, -0.5]])
    found = []
    for _ in range(6_000):
        y = rng.normal(size=x.shape[:2]) @ root.T
        beta = bread @ np.einsum("nmp,mk,nk->p", x, inverse, y)
        sandwich = cluster_sandwich([x], [y - x @ beta], [inverse], bread, correction=correction)
        found.append((contrast @ sandwich.covariance @ contrast.T).item())
    df = sandwich_df(sandwich, contrast)[0]
    assert 2 * np.mean(found) ** 2 / np.var(found) == pytest.approx(df, rel=0.08)


def test_patterns_may_be_split_without_a_difference():
    x, _, e, _, inverse, bread, _ = made()
    whole = cluster_sandwich([x], [e], [inverse], bread, correction="cr2")
    parts = cluster_sandwich(
        [x[:5], x[5:]], [e[:5], e[5:]], [inverse, inverse], bread, correction="cr2"
    )
    assert parts.covariance == pytest.approx(whole.covariance)
    assert sandwich_df(parts, np.eye(2)) == pytest.approx(sandwich_df(whole, np.eye(2)))

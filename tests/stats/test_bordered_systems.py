"""Sparse blocks with dense borders solve as the full matrices do."""

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from ketastats.stats.bordered_systems import Bordered, symmetric_block


def made(m, p, seed=1):
    """A bordered matrix with neighbours coupled, and the same as a full array."""
    rng = np.random.default_rng(seed)
    at = np.arange(m - 1)
    above = -rng.random(m - 1)
    border = rng.normal(size=(m, p))
    block = symmetric_block(at, at + 1, above, np.full(m, 4.0))
    full = np.diag(np.full(m, 4.0)) + np.diag(above, 1) + np.diag(above, -1)
    corner = np.eye(p) * (1 + (border**2).sum())
    matrix = Bordered(block, border, corner)
    return matrix, np.block([[full, border], [border.T, corner]])


@pytest.mark.parametrize("m", [1, 7, 301, 900])
@pytest.mark.parametrize("p", [0, 1, 3])
def test_solutions_and_products_are_those_of_the_full_matrix(m, p):
    matrix, full = made(m, p)
    rng = np.random.default_rng(2)
    one, several = rng.normal(size=m + p), rng.normal(size=(m + p, 4))
    assert matrix.shape == (m, p)
    assert matrix @ one == pytest.approx(full @ one)
    factor = matrix.factor()
    assert factor.solve(one) == pytest.approx(np.linalg.solve(full, one))
    assert factor.solve(several) == pytest.approx(np.linalg.solve(full, several))


@pytest.mark.parametrize("m", [7, 400])
def test_merging_adds_up_rows_and_columns(m):
    matrix, full = made(m, 2)
    first = np.array([0, 1, 4, 5])
    merged = matrix.merged(first)
    starts = np.array([0, 1, 4, 5, m, m + 1])
    expected = np.add.reduceat(np.add.reduceat(full, starts, axis=0), starts, axis=1)
    for column in np.eye(6):
        assert merged @ column == pytest.approx(expected @ column)


def test_entries_given_twice_are_added_up():
    for m in (3, 400):
        block = symmetric_block(
            np.array([0, 0]), np.array([1, 1]), np.array([1.0, 2.0]), np.full(m, 5.0)
        )
        assert (block @ np.eye(m)[0])[:3] == pytest.approx([5, 3, 0])


def test_a_matrix_that_is_not_positive_definite_is_refused():
    none = np.zeros((2, 0)), np.zeros((0, 0))
    for block in (np.array([[1.0, 2], [2, 1]]), np.diag([1.0, 0]), np.diag([1.0, np.nan])):
        with pytest.raises(LinAlgError):
            Bordered(block, *none).factor()
    singular = symmetric_block(np.array([0]), np.array([1]), np.array([0.0]), np.zeros(400))
    with pytest.raises(LinAlgError):
        Bordered(singular, np.zeros((400, 1)), np.eye(1)).factor()


@pytest.mark.parametrize("m", [5, 400])
def test_a_ridge_is_a_share_of_the_largest_diagonal_entry(m):
    matrix, full = made(m, 2)
    added = 1e-3 * np.diag(full).max()
    first = np.eye(m + 2)[0]
    assert matrix.ridged(1e-3) @ first == pytest.approx(full[0] + added * first)

"""Rows of a regression: distinct ones, with their weight."""

import numpy as np

from ketastats.stats.regression_rows import checked_rows


def test_equal_rows_are_put_together_and_those_without_weight_left_out():
    low, high, x, weight = checked_rows(
        [0, 2, 0, 5], [1, np.inf, 1, 6], [[1.0], [0], [1], [0]], [1, 2, 3, 0]
    )
    assert low.tolist() == [0, 2]
    assert high.tolist() == [1, np.inf]
    assert x.tolist() == [[1], [0]]
    assert weight.tolist() == [4, 2]


def test_rows_that_differ_in_a_covariate_stay_apart():
    *_, weight = checked_rows([0, 0], [1, 1], [[1.0], [2]], None)
    assert weight.tolist() == [1, 1]

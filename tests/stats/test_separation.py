"""Aliased columns, and directions in which a likelihood never falls."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from ketastats.stats.separation import AliasedColumnError, endless_direction, refuse_aliased


def test_independent_columns_pass_whatever_their_scale():
    rng = np.random.default_rng(1)
    refuse_aliased(rng.normal(size=(30, 4)) * [1, 1e-6, 1e6, 1], constant=True)


def test_the_later_of_two_repeated_columns_is_named():
    x = np.arange(6.0)
    with pytest.raises(AliasedColumnError) as caught:
        refuse_aliased(np.column_stack((x, x**2, 3 * x - x**2)), constant=False)
    assert caught.value.columns == (2,)


def test_a_constant_column_repeats_an_intercept_of_the_models_own():
    ones = np.ones((5, 1))
    refuse_aliased(ones, constant=False)
    with pytest.raises(AliasedColumnError):
        refuse_aliased(ones, constant=True)


def test_a_cone_beyond_zero_is_found_and_one_of_zero_alone_is_not():
    half_plane = csr_array(np.array([[1.0, 1.0]]))
    found = endless_direction(half_plane, None, slice(0, 2))
    assert (half_plane @ found <= 1e-9).all()
    assert np.abs(found).max() == pytest.approx(1)
    zero = csr_array(np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]))
    assert endless_direction(zero, None, slice(0, 2)) is None


def test_only_watched_entries_count():
    free_in_the_first = csr_array(np.array([[0.0, 1.0], [0.0, -1.0]]))
    assert endless_direction(free_in_the_first, None, slice(1, 2)) is None
    assert endless_direction(free_in_the_first, None, slice(0, 1)) is not None


def test_fixed_rows_and_a_rising_entry_bind():
    nothing = csr_array((0, 2), dtype=float)
    line = csr_array(np.array([[1.0, -1.0]]))
    found = endless_direction(nothing, line, slice(0, 2), rising=1)
    assert found == pytest.approx([1, 1])
    down = csr_array(np.array([[1.0, 0.0]]))
    assert endless_direction(down, line, slice(0, 2), rising=1) is None

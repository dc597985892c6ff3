import numpy as np

from ketastats.stats.tied_times import merge_tied_times


def test_close_times_become_the_smallest_of_them_across_all_arrays():
    start, stop = merge_tied_times(np.array([0.0, 0.3]), np.array([0.1 + 0.2, 2.0]))
    assert start.tolist() == [0.0, 0.3]
    assert stop.tolist() == [0.3, 2.0]


def test_different_times_and_infinities_stay_and_the_input_is_unchanged():
    given = np.array([1.0, 1.0001, np.inf, -np.inf])
    (merged,) = merge_tied_times(given)
    assert merged.tolist() == given.tolist()
    assert merged is not given


def test_nothing_but_infinities_is_no_problem():
    assert merge_tied_times(np.array([np.inf]))[0].tolist() == [np.inf]

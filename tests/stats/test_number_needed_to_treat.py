"""Numbers needed to treat, above all where the difference may be zero."""

from __future__ import annotations

from math import inf

import pytest
from references import read_reference

from ketastats.stats.number_needed_to_treat import number_needed_to_treat


def test_altmans_example_runs_through_infinity():
    """Altman 1998: a difference of 10% (-5% to 25%) is NNT 10, NNTB 4 to infinity to NNTH 20."""
    found = number_needed_to_treat(0.10, -0.05, 0.25)
    assert found.estimate == pytest.approx(10)
    assert found.benefit == pytest.approx((4, inf))
    assert found.harm == pytest.approx((20, inf))
    assert str(found) == "NNT to benefit 10.0 (benefit 4.0 to infinity or harm 20.0 to infinity)"


def test_numbers_agree_with_the_reference_table():
    for row in read_reference("nnt").itertuples():
        found = number_needed_to_treat(row.rd, row.rd_low, row.rd_high)
        assert found.estimate == pytest.approx(row.nnt, rel=1e-9)
        if row.kind == "benefit":
            assert found.harm is None
            assert found.benefit == pytest.approx((row.nnt_at_rd_high, row.nnt_at_rd_low), rel=1e-9)
        elif row.kind == "harm":
            assert found.benefit is None
            assert found.harm == pytest.approx((-row.nnt_at_rd_low, -row.nnt_at_rd_high), rel=1e-9)
        else:
            assert found.benefit == pytest.approx((row.nnt_at_rd_high, inf), rel=1e-9)
            assert found.harm == pytest.approx((-row.nnt_at_rd_low, inf), rel=1e-9)


def test_no_difference_at_all_needs_infinitely_many():
    found = number_needed_to_treat(0.0, 0.0, 0.0)
    assert found.estimate == inf
    assert found.benefit == found.harm == (inf, inf)


def test_limits_out_of_order_are_refused():
    with pytest.raises(ValueError, match="low <= estimate"):
        number_needed_to_treat(0.1, 0.2, 0.3)

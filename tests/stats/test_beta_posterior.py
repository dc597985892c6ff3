"""The conjugate posterior of a rate against R."""

from __future__ import annotations

import pytest
from references import read_reference

from ketastats.stats.beta_posterior import beta_posterior


def test_posterior_agrees_with_r():
    rows = read_reference("bayes")
    assert len(rows) > 100
    for row in rows.itertuples():
        found = beta_posterior(row.successes, row.n, prior=(row.prior_a, row.prior_b))
        assert found.mean == pytest.approx(row.posterior_mean, rel=1e-12)
        limits = found.interval(conf_level=row.conf_level)
        assert limits == pytest.approx((row.conf_low, row.conf_high), rel=1e-9, abs=1e-13)
        inside = found.probability_between(row.range_low, row.range_high)
        assert inside == pytest.approx(row.prob_in_range, rel=1e-7, abs=1e-12)


def test_an_impossible_prior_or_range_is_refused():
    with pytest.raises(ValueError, match="positive"):
        beta_posterior(1, 2, prior=(0, 1))
    with pytest.raises(ValueError, match="low <= high"):
        beta_posterior(1, 2).probability_between(0.4, 0.3)

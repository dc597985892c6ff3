"""Restricted mean times against R and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from references import read_input, read_reference
from right_censored import people

from ketastats.stats.product_limit import kaplan_meier
from ketastats.stats.restricted_mean import MeanTime, difference_of, pooled, restricted_mean

ROWS = list(read_reference("survival_restricted_mean").itertuples())
PRINTED = read_reference("survival_printed", source="greenwood")


def printed(dataset, quantity):
    rows = PRINTED[(PRINTED["dataset"] == dataset) & (PRINTED["quantity"] == quantity)]
    return pytest.approx(float(rows["printed"].iloc[0]), rel=1e-11)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.dataset}-{r.group}-{r.tau}")
def test_mean_and_standard_error_agree_with_r(row):
    found = restricted_mean(kaplan_meier(**people(row.dataset, row.group)), row.tau)
    assert found.estimate == pytest.approx(row.estimate, rel=1e-12)
    error = 0.0 if np.isnan(row.std_error) else row.std_error
    assert found.std_error == pytest.approx(error, rel=1e-10, abs=1e-12)


def test_lung_and_veteran_agree_with_what_greenwood_holds():
    lung = read_input("survival_lung")
    whole = restricted_mean(kaplan_meier(lung["time"], lung["event"]), 365)
    assert whole.estimate == printed("lung", "rmst")
    assert whole.std_error == printed("lung", "rmst_se")
    veteran = read_input("survival_veteran")
    whole = restricted_mean(kaplan_meier(veteran["time"], veteran["event"]), 180)
    assert whole.estimate == printed("veteran", "rmst")
    assert whole.std_error == printed("veteran", "rmst_se")


def test_difference_and_pooled_difference_agree_with_what_greenwood_holds():
    lung = read_input("survival_lung")

    def difference(rows):
        men, women = (rows[rows["sex"] == sex] for sex in (1, 2))
        means = [restricted_mean(kaplan_meier(r["time"], r["event"]), 365) for r in (men, women)]
        return difference_of(*means)

    whole = difference(lung)
    assert whole.estimate == printed("lung", "rmst_difference")
    assert whole.std_error == printed("lung", "rmst_difference_se")
    over_strata = pooled([difference(lung[lung["ph_ecog"] == ecog]) for ecog in (0, 1, 2)])
    assert over_strata.estimate == printed("lung", "rmst_pooled")
    assert over_strata.std_error == printed("lung", "rmst_pooled_se")


def test_without_censoring_it_is_the_mean_of_the_shorter_of_time_and_horizon():
    time = np.array([1.0, 1, 2, 3, 5, 8, 8, 13, 21, 34])
    for tau in (0.5, 1.0, 6.0, 34.0, 50.0):
        found = restricted_mean(kaplan_meier(time, np.ones(10)), tau)
        shorter = np.minimum(time, tau)
        assert found.estimate == pytest.approx(shorter.mean())
        # Greenwood's variance of the mean is then the usual one with divisor n.
        assert found.std_error == pytest.approx(shorter.std() / np.sqrt(10))


def test_a_horizon_before_the_first_event_is_itself_without_error():
    assert restricted_mean(kaplan_meier([5.0, 6.0], [1, 0]), 4.0) == MeanTime(4.0, 0.0)


def test_a_horizon_at_which_the_curve_is_unknown_or_that_is_none_is_refused():
    curve = kaplan_meier([1.0, 3.0], [1, 0])
    assert restricted_mean(curve, 3.0).estimate == pytest.approx(2.0)
    with pytest.raises(ValueError, match="known up to 3"):
        restricted_mean(curve, 3.5)
    for tau in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="positive time"):
            restricted_mean(curve, tau)


def test_pooling_needs_differences_with_a_variance():
    with pytest.raises(ValueError, match="no difference"):
        pooled([])
    with pytest.raises(ValueError, match="no events before tau"):
        pooled([MeanTime(1.0, 0.0), MeanTime(1.0, 1.0)])

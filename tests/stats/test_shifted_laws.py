"""Masses of intervals under the three laws, in the middle and far out."""

import numpy as np
import pytest

from ketastats.stats.shifted_laws import (
    EXTREME,
    LOGISTIC,
    NORMAL,
    interval_loglik,
    interval_terms,
)

LAWS = {law.name: law for law in (EXTREME, LOGISTIC, NORMAL)}


@pytest.fixture(params=LAWS, scope="module")
def law(request):
    return LAWS[request.param]


def frozen(law):
    from scipy import stats

    return {"extreme": stats.gumbel_l, "logistic": stats.logistic, "normal": stats.norm}[law.name]


def test_a_mass_is_a_difference_of_the_distribution_function(law):
    low = np.array([-1.0, 0.2, -np.inf, 1.0, -2.0])
    high = np.array([0.5, 0.3, -0.4, np.inf, 1.5])
    expected = frozen(law).cdf(high) - frozen(law).cdf(low)
    assert np.exp(interval_loglik(law, low, high)) == pytest.approx(expected, rel=1e-12)


def test_density_survival_and_slopes_are_those_of_the_law(law):
    z = np.linspace(-4, 2, 13)
    assert law.log_density(z) == pytest.approx(frozen(law).logpdf(z), abs=1e-12)
    assert law.log_survival(z) == pytest.approx(frozen(law).logsf(z), abs=1e-12)
    assert law.log_cdf(z) == pytest.approx(frozen(law).logcdf(z), abs=1e-12)
    h = 1e-5
    slope = (law.log_density(z + h) - law.log_density(z - h)) / (2 * h)
    assert law.slope(z) == pytest.approx(slope, abs=1e-8)
    curvature = (law.slope(z + h) - law.slope(z - h)) / (2 * h)
    assert law.curvature(z) == pytest.approx(curvature, abs=1e-8)


def test_masses_far_out_in_either_tail_are_neither_zero_nor_infinite(law):
    low, high = np.array([-np.inf, -40.0, 5.0, -30.0]), np.array([-39.0, -39.0, 5.5, np.inf])
    found = interval_loglik(law, low, high)
    assert np.isfinite(found).all()
    left_tail = law.log_cdf(np.array([-39.0]))[0]
    assert found[0] == pytest.approx(left_tail, rel=1e-12)
    assert left_tail - 40 < found[1] <= left_tail


def test_the_left_tail_of_the_extreme_value_law_is_its_exponential():
    far = interval_loglik(EXTREME, np.array([-np.inf]), np.array([-800.0]))
    assert far[0] == pytest.approx(-800.0)


def test_an_empty_interval_has_no_mass(law):
    assert interval_loglik(law, np.array([1.0]), np.array([1.0]))[0] == -np.inf


def test_derivatives_are_the_slopes_of_the_log_mass(law):
    low = np.array([-1.0, 0.3, -np.inf, 1.2, -np.inf])
    high = np.array([0.5, 0.9, -1.0, np.inf, np.inf])
    h = 1e-5
    found = interval_terms(law, low, high)

    def slope(which):
        up = interval_loglik(law, low + h * (which == "low"), high + h * (which == "high"))
        down = interval_loglik(law, low - h * (which == "low"), high - h * (which == "high"))
        return (up - down) / (2 * h)

    assert found.low == pytest.approx(slope("low"), abs=1e-8)
    assert found.high == pytest.approx(slope("high"), abs=1e-8)
    up, down = interval_terms(law, low + h, high), interval_terms(law, low - h, high)
    assert found.low_low == pytest.approx((up.low - down.low) / (2 * h), abs=1e-8)
    assert found.low_high == pytest.approx((up.high - down.high) / (2 * h), abs=1e-8)
    up, down = interval_terms(law, low, high + h), interval_terms(law, low, high - h)
    assert found.high_high == pytest.approx((up.high - down.high) / (2 * h), abs=1e-8)

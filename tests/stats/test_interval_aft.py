"""Accelerated failure time regression against R's survreg, and what holds for any data."""

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.interval_aft import AFT_LAWS, NoScaleError, interval_aft
from ketastats.stats.separation import AliasedColumnError, SeparatedError


def rows(name):
    """Left, right, design and the names R gives its columns."""
    if name == "bcos":
        d = read_input("bcos_intervals")
        return d["left"], d["right"], {"x": d["treatment"] == "RadChem"}
    if name == "lung":
        d = read_input("survival_lung")
        return d["time"], np.where(d["event"] == 1, d["time"], np.inf), d[["age", "sex"]]
    d = read_input("regression_mixed")
    return d["left"], d["right"], {"z": d["z"], "armb": d["arm"] == "b", "armc": d["arm"] == "c"}


def fitted(name, law):
    left, right, covariates = rows(name)
    columns = [np.ones(len(left)), *(np.asarray(covariates[c], float) for c in covariates)]
    fit = interval_aft(left, right, np.column_stack(columns), law=law)
    return fit, ["(Intercept)", *covariates, "log(scale)"]


@pytest.mark.parametrize("name", ["bcos", "lung", "mixed"])
@pytest.mark.parametrize("law", AFT_LAWS)
def test_fits_agree_with_survreg(name, law):
    fit, names = fitted(name, law)
    expected = read_reference("regression_survreg", dataset=name, model=law).set_index("parameter")
    expected = expected.loc[names]
    assert fit.parameters == pytest.approx(expected["estimate"].to_numpy(), abs=1e-6)
    assert fit.std_errors == pytest.approx(expected["std_error"].to_numpy(), abs=1e-6)
    assert fit.loglik == pytest.approx(expected["loglik"].iloc[0], abs=1e-8)
    for index, row in enumerate(expected.itertuples()):
        if np.isfinite(row.profile_low):
            limits = fit.limits(index)
            assert tuple(limits) == pytest.approx((row.profile_low, row.profile_high), abs=1e-6)


@pytest.mark.parametrize("name", ["bcos", "lung", "mixed"])
@pytest.mark.parametrize("law", AFT_LAWS)
def test_the_profile_at_no_covariates_is_the_fit_without_them(name, law):
    fit, names = fitted(name, law)
    expected = read_reference("regression_survreg", dataset=name, model=law)["loglik_null"].iloc[0]
    covariates = range(1, len(names) - 1)
    assert fit.profile(covariates, np.zeros(len(covariates))) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", ["bcos", "mixed"])
@pytest.mark.parametrize("law", AFT_LAWS)
def test_fits_agree_with_icenreg(name, law):
    fit, _ = fitted(name, law)
    expected = read_reference("regression_icenreg_aft", dataset=name, model=law)
    # It stops a little below the maximum.
    assert fit.loglik == pytest.approx(expected["loglik"].iloc[0], abs=1e-8)
    assert fit.loglik >= expected["loglik"].iloc[0] - 1e-9
    slopes = expected[~expected["parameter"].str.match("log_|mu")]["estimate"]
    assert fit.coefficients[1:] == pytest.approx(slopes.to_numpy(), abs=1e-6)


@pytest.mark.parametrize("law", AFT_LAWS)
def test_quantiles_and_survival_agree_with_r(law):
    fit, _ = fitted("bcos", law)
    for row in read_reference("regression_survreg_predict", model=law).itertuples():
        x = [[1.0, row.x]]
        if row.quantity == "survival":
            assert fit.survival(x, row.at)[0, 0] == pytest.approx(row.value, rel=1e-6)
            continue
        assert fit.quantile(x, row.at)[0, 0] == pytest.approx(row.value, rel=1e-6)
        upper = np.log(fit.quantile(x, row.at, z=1.0)[0, 0] / row.value)
        assert upper == pytest.approx(row.log_std_error, rel=1e-5)


@pytest.mark.parametrize("law", AFT_LAWS)
def test_limits_of_survival_and_of_quantiles_are_moved_by_the_same_error(law):
    fit, _ = fitted("bcos", law)
    x, time = [[1.0, 1.0]], 20.0
    survival = fit.survival(x, time)[0, 0]
    # The quantile of the share that has had the event by then is that time, with its error.
    moved = np.log(fit.quantile(x, 1 - survival, z=1.96)[0, 0] / time)
    u = (np.log(time) - fit.coefficients.sum() - moved) / fit.scale
    upper = np.exp(fit.law.log_survival(np.array(u)))
    assert fit.survival(x, time, z=1.96)[0, 0] == pytest.approx(upper, rel=1e-9)
    assert fit.survival(x, time, z=-1.96)[0, 0] < survival < upper


@pytest.mark.parametrize("law", AFT_LAWS)
@pytest.mark.parametrize("factor", [1e-3, 24.0])
def test_a_change_of_the_time_unit_moves_the_intercept_alone(law, factor):
    left, right, covariates = rows("mixed")
    x = np.column_stack((np.ones(len(left)), covariates["z"], covariates["armb"])).astype(float)
    a = interval_aft(left, right, x, law=law)
    b = interval_aft(factor * left, factor * right, x, law=law)
    shift = np.array([np.log(factor), 0, 0, 0])
    assert b.parameters == pytest.approx(a.parameters + shift, abs=1e-9)
    assert b.covariance == pytest.approx(a.covariance, abs=1e-9)


@pytest.mark.parametrize("law", AFT_LAWS)
def test_a_change_of_a_covariates_unit_changes_its_coefficient_alone(law):
    left, right, covariates = rows("mixed")
    x = np.column_stack((np.ones(len(left)), covariates["z"]))
    a = interval_aft(left, right, x, law=law)
    b = interval_aft(left, right, x * [1, 1e4], law=law)
    assert b.coefficients * [1, 1e4] == pytest.approx(a.coefficients, rel=1e-9)
    assert b.std_errors * [1, 1e4, 1] == pytest.approx(a.std_errors, rel=1e-8)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-9)


@pytest.mark.parametrize("law", AFT_LAWS)
def test_weights_are_repeated_rows_in_any_order(law):
    left, right, covariates = rows("mixed")
    x = np.column_stack((np.ones(len(left)), covariates["z"])).astype(float)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, len(left))
    again = rng.permutation(np.repeat(np.arange(len(left)), weight))
    a = interval_aft(left, right, x, weight, law=law)
    b = interval_aft(np.asarray(left)[again], np.asarray(right)[again], x[again], law=law)
    assert a.parameters == pytest.approx(b.parameters, abs=1e-10)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-9)
    assert a.n == b.n == weight.sum()


@pytest.mark.parametrize("law", AFT_LAWS)
def test_exchanging_the_groups_turns_the_sign(law):
    left, right, covariates = rows("bcos")
    x = np.asarray(covariates["x"], float)
    a = interval_aft(left, right, np.column_stack((np.ones(x.size), x)), law=law)
    b = interval_aft(left, right, np.column_stack((np.ones(x.size), 1 - x)), law=law)
    assert b.coefficients[1] == pytest.approx(-a.coefficients[1], abs=1e-10)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-10)


@pytest.mark.parametrize("law", AFT_LAWS)
def test_the_maximum_is_certified(law):
    for name in ("bcos", "lung", "mixed"):
        fit, _ = fitted(name, law)
        assert fit.decrement <= 1e-12
        assert fit.gradient <= 1e-9


def test_the_scales_limits_hold_its_estimate():
    fit, _ = fitted("bcos", "weibull")
    low, high = fit.limits(2, conf_level=0.9)
    assert low < np.log(fit.scale) < high
    statistic = 2 * (fit.loglik - fit.profile_log_scale(low))
    assert statistic == pytest.approx(2.705543454, abs=1e-6)  # chi-square quantile


@pytest.mark.parametrize("law", AFT_LAWS)
def test_a_group_without_events_has_no_finite_ratio(law):
    left = [0, 4, 6, 1, 3, 5, 8]
    right = [3, 9, 8, 4, *[np.inf] * 3]
    x = np.column_stack((np.ones(7), [0, 0, 0, 0, 1, 1, 1]))
    with pytest.raises(SeparatedError) as caught:
        interval_aft(left, right, x, law=law)
    assert caught.value.columns == (1,)


def test_aliased_columns_are_named():
    x = np.column_stack((np.ones(4), [1, 2, 3, 4], [2, 4, 6, 8], np.full(4, 3.0)))
    with pytest.raises(AliasedColumnError) as caught:
        interval_aft([1, 2, 3, 4], [2, 4, 5, np.inf], x)
    assert caught.value.columns == (2, 3)


def test_events_at_one_time_have_no_scale():
    with pytest.raises(NoScaleError, match="one time"):
        interval_aft([3, 3, 3], [3, 3, 3], np.ones((3, 1)))
    with pytest.raises(NoScaleError):  # those seen earlier have it, those seen later do not
        interval_aft([0, 3, 4, 1, 0], [3, np.inf, np.inf, np.inf, 1], np.ones((5, 1)))


def test_an_interval_that_says_nothing_changes_nothing():
    left, right, covariates = rows("bcos")
    x = np.column_stack((np.ones(len(left)), covariates["x"])).astype(float)
    a = interval_aft(left, right, x)
    b = interval_aft([*left, 0], [*right, np.inf], np.vstack((x, [1, 1])))
    assert b.parameters == pytest.approx(a.parameters, abs=1e-10)


@pytest.mark.parametrize(
    ("left", "right", "design", "says"),
    [
        ([0, 1], [0, 2], np.ones((2, 1)), "exact time is 0"),
        ([1, 1], [np.inf, np.inf], np.ones((2, 1)), "nobody had the event"),
        ([2, 1], [1, 2], np.ones((2, 1)), "after its right"),
        ([-1, 1], [1, 2], np.ones((2, 1)), "at least 0"),
        ([np.nan, 1], [1, 2], np.ones((2, 1)), "missing bound"),
        ([0, 1], [1, 2], [[1], [np.nan]], "covariate is missing"),
        ([0, 1], [1, 2], np.ones((3, 1)), "one row per interval"),
        ([0, 1], [1, 2], np.ones((2, 0)), "no columns"),
    ],
)
def test_what_cannot_be_fitted_is_said(left, right, design, says):
    with pytest.raises(ValueError, match=says):
        interval_aft(left, right, design)


def test_unknown_laws_shares_and_times_are_refused():
    with pytest.raises(ValueError, match="weibull"):
        interval_aft([0, 1], [1, 2], np.ones((2, 1)), law="gamma")
    fit, _ = fitted("bcos", "weibull")
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit.quantile([[1, 1]], 1.0)
    with pytest.raises(ValueError, match="at least 0"):
        fit.survival([[1, 1]], -1.0)
    assert fit.survival([[1, 1]], [0.0, np.inf]) == pytest.approx(np.array([[1.0, 0.0]]))


@pytest.mark.parametrize("law", AFT_LAWS)
def test_a_very_strong_effect_can_be_held_at_nothing(law):
    rng = np.random.default_rng(7)
    x = np.column_stack((np.ones(300), rng.normal(size=300)))
    time = np.exp(0.01 * rng.normal(size=300) + 5 * x[:, 1])
    fit = interval_aft(0.99 * time, 1.01 * time, x, law=law)
    without = interval_aft(0.99 * time, 1.01 * time, x[:, :1], law=law)
    assert fit.coefficients[1] == pytest.approx(5, abs=0.1)
    assert fit.profile([1], [0.0]) == pytest.approx(without.loglik, abs=1e-7)
    for limit in fit.limits(1):
        statistic = 2 * (fit.loglik - fit.profile([1], [limit]))
        assert statistic == pytest.approx(3.841458820694124, abs=1e-6)  # chi-square quantile

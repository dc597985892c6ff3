"""Semi-parametric regression against icenReg, glm and polr, and what holds for any data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import half_last_digit, read_input, read_reference

from ketastats.stats.interval_transformation import (
    TRANSFORMATIONS,
    NoOrderError,
    interval_transformation,
)
from ketastats.stats.separation import AliasedColumnError, SeparatedError
from ketastats.stats.turnbull import turnbull

SIGN = {"ph": 1.0, "po": -1.0}  # icenReg's odds are those of not having had the event


def rows(name):
    """Left, right and covariates by R's names."""
    if name == "bcos":
        d = read_input("bcos_intervals")
        return d["left"], d["right"], {"x": d["treatment"] == "RadChem"}
    if name == "ir_diabetes":
        d = read_input("ir_diabetes")
        return d["left"], d["right"], {"male": d["gender"] == "male"}
    if name == "mice":
        d = read_input("mice_tumour")
        return d["left"], d["right"], {"ge": d["group"] == "ge"}
    d = read_input(f"regression_{name}")
    if name == "mixed":
        return d["left"], d["right"], {"z": d["z"], "b": d["arm"] == "b", "c": d["arm"] == "c"}
    return d["left"], d["right"], {"arm": d["arm"], "z": d["z"]}


def design(covariates, names=None):
    return np.column_stack([np.asarray(covariates[c], float) for c in names or covariates])


def fitted(name, model):
    left, right, covariates = rows(name)
    return interval_transformation(left, right, design(covariates), model=model)


@pytest.fixture(params=TRANSFORMATIONS, scope="module")
def model(request):
    return request.param


@pytest.mark.parametrize("name", ["ir_diabetes", "bcos", "mice", "mixed"])
def test_fits_agree_with_icenreg(name, model):
    fit = fitted(name, model)
    expected = read_reference("regression_icenreg", dataset=name, model=model)
    slopes = SIGN[model] * expected["estimate"].to_numpy()
    assert fit.coefficients == pytest.approx(slopes, abs=5e-5)  # where icenReg stops
    assert fit.loglik == pytest.approx(expected["loglik"].iloc[0], abs=1e-6)
    assert fit.loglik >= expected["loglik"].iloc[0] - 1e-9


@pytest.mark.parametrize(
    "case", list(read_reference("regression_printed").astype(str).itertuples())
)
def test_the_diabetes_study_agrees_with_what_is_printed(case):
    fit = fitted("ir_diabetes", case.model)
    printed = SIGN[case.model] * float(case.estimate)
    assert fit.coefficients[0] == pytest.approx(printed, abs=half_last_digit(case.estimate))
    # The printed fits stop up to 1e-4 below the maximum.
    assert float(case.loglik) < fit.loglik < float(case.loglik) + 1e-4


@pytest.mark.parametrize(
    ("name", "model"), [("schedule", "ph"), ("schedule", "po"), ("dropout", "ph")]
)
def test_common_schedules_agree_with_binomial_and_ordinal_regression(name, model):
    left, right, covariates = rows(name)
    fit = interval_transformation(left, right, design(covariates), model=model)
    expected = read_reference("regression_schedule", dataset=name, model=model)
    for row in expected.itertuples():
        index = list(covariates).index(row.parameter)
        assert fit.coefficients[index] == pytest.approx(row.estimate, abs=1e-6)
        assert fit.loglik == pytest.approx(row.loglik, abs=1e-8)
        if np.isfinite(row.std_error):
            error = np.sqrt(fit.covariance[index, index])
            assert error == pytest.approx(row.std_error, rel=1e-5)
        if np.isfinite(row.profile_low):
            limits = fit.limits(index)
            assert tuple(limits) == pytest.approx((row.profile_low, row.profile_high), abs=1e-6)


@pytest.mark.parametrize("name", ["schedule", "dropout"])
def test_on_few_common_times_both_standard_errors_agree(name, model):
    fit = fitted(name, model)
    a, b = np.sqrt(np.diag(fit.covariance)), np.sqrt(np.diag(fit.profile_covariance()))
    assert a == pytest.approx(b, rel=1e-3)
    correlation = fit.covariance[0, 1] / a.prod()
    assert fit.profile_covariance()[0, 1] / b.prod() == pytest.approx(correlation, abs=1e-3)


@pytest.mark.parametrize("name", ["ir_diabetes", "bcos", "mice", "mixed", "schedule", "dropout"])
def test_the_maximum_is_certified(name, model):
    fit = fitted(name, model)
    assert fit.gradient <= 1e-10
    assert fit.multiplier <= 1e-10
    assert fit.decrement <= 1e-13


@pytest.mark.parametrize("name", ["ir_diabetes", "bcos", "mice", "mixed", "schedule"])
def test_without_covariates_the_fit_is_turnbulls(name, model):
    left, right, _ = rows(name)
    fit = interval_transformation(left, right, np.zeros((len(left), 0)), model=model)
    curve = turnbull(left, right, tol=1e-12)
    assert fit.loglik == pytest.approx(curve.loglik, abs=1e-8)
    times = np.unique(np.concatenate((left, right[np.isfinite(right)])))
    low, high = fit.survival_bounds(np.zeros((1, 0)), times)
    expected = curve.survival_bounds(times)
    assert low[0] == pytest.approx(expected[0], abs=1e-5)
    assert high[0] == pytest.approx(expected[1], abs=1e-5)


@pytest.mark.parametrize("name", ["bcos", "mice", "ir_diabetes"])
def test_with_the_coefficient_held_at_zero_the_likelihood_is_turnbulls(name, model):
    left, right, _ = rows(name)
    at_zero = fitted(name, model).profile([0], [0.0])
    assert at_zero == pytest.approx(turnbull(left, right, tol=1e-12).loglik, abs=1e-8)


@pytest.mark.parametrize("name", ["bcos", "mixed"])
def test_weights_are_repeated_rows_in_any_order(name, model):
    left, right, covariates = rows(name)
    x, rng = design(covariates), np.random.default_rng(2)
    weight = rng.integers(0, 4, len(left))
    again = rng.permutation(np.repeat(np.arange(len(left)), weight))
    a = interval_transformation(left, right, x, weight, model=model)
    b = interval_transformation(
        np.asarray(left)[again], np.asarray(right)[again], x[again], model=model
    )
    assert a.coefficients == pytest.approx(b.coefficients, abs=1e-9)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-8)
    assert a.covariance == pytest.approx(b.covariance, rel=1e-8)


@pytest.mark.parametrize("name", ["bcos", "ir_diabetes"])
def test_exchanging_the_groups_turns_the_sign_and_keeps_every_curve(name, model):
    left, right, covariates = rows(name)
    x = design(covariates)
    a = interval_transformation(left, right, x, model=model)
    b = interval_transformation(left, right, 1 - x, model=model)
    assert b.coefficients == pytest.approx(-a.coefficients, abs=1e-9)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-9)
    assert b.profile_covariance() == pytest.approx(a.profile_covariance(), rel=1e-6)
    for one, other in zip(
        a.survival_bounds([[0], [1]], [5, 15, 30], z=1.96),
        b.survival_bounds([[1], [0]], [5, 15, 30], z=1.96),
        strict=True,
    ):
        assert one == pytest.approx(other, abs=1e-8)


def test_any_rising_change_of_time_changes_nothing(model):
    left, right, covariates = rows("mixed")
    x = design(covariates)
    a = interval_transformation(left, right, x, model=model)
    b = interval_transformation(np.sqrt(left), np.sqrt(right), x, model=model)
    assert b.coefficients == pytest.approx(a.coefficients, abs=1e-12)
    assert b.cumulative == pytest.approx(a.cumulative, rel=1e-12)


def test_curves_of_two_groups_are_related_as_the_model_says(model):
    fit = fitted("bcos", model)
    relation = {"ph": np.log, "po": lambda s: (1 - s) / s}[model]
    for s0, s1 in fit.survival_bounds([[0.0], [1.0]], [20, 40]):
        ratio = relation(s1) / relation(s0)
        assert ratio == pytest.approx(np.exp(fit.coefficients[0]), rel=1e-9)


def test_the_curve_begins_at_one_ends_at_zero_and_is_crossed_at_the_quantiles(model):
    fit = fitted("bcos", model)
    low, high = fit.survival_bounds([[0.0], [1.0]], [0, 1e9])
    assert low[:, 0] == pytest.approx(1)
    assert high[:, 1] == pytest.approx(fit.survival_bounds([[0.0], [1.0]], [60])[1][:, 0])
    early, late = fit.quantile_bounds([[0.0], [1.0]], [0.25, 0.5])
    for i, x in enumerate([[[0.0]], [[1.0]]]):
        for j, share in enumerate([0.25, 0.5]):
            assert fit.survival_bounds(x, early[i, j])[1][0, 0] > 1 - share
            assert fit.survival_bounds(x, late[i, j])[1][0, 0] <= 1 - share + 1e-9


def test_confidence_limits_of_the_curve_hold_its_bounds(model):
    fit = fitted("schedule", model)
    x = [[0.0, 0.5], [1.0, -1.0]]
    low, high = fit.survival_bounds(x, [4, 100, 336])
    wide_low, wide_high = fit.survival_bounds(x, [4, 100, 336], z=1.96)
    assert (wide_low < low).all()
    assert (wide_high > high).all()


def test_the_error_of_the_curve_at_the_mean_does_not_depend_on_where_zero_is(model):
    left, right, covariates = rows("schedule")
    x = design(covariates)
    a = interval_transformation(left, right, x, model=model)
    b = interval_transformation(left, right, x + np.array([0, 50]), model=model)
    found = zip(
        a.survival_bounds([[1, 0]], [72], z=1), b.survival_bounds([[1, 50]], [72], z=1), strict=True
    )
    for one, other in found:
        assert one == pytest.approx(other, abs=1e-8)


def test_bootstrap_errors_are_near_the_information_and_repeat_with_their_seed(model):
    fit = fitted("schedule", model)
    told = []
    sample = fit.bootstrap(replicates=60, seed=3, progress=lambda done, of: told.append((done, of)))
    assert sample.shape == (60, 2)
    assert sample.std(axis=0) == pytest.approx(np.sqrt(np.diag(fit.covariance)), rel=0.35)
    assert told[-1] == (60, 60)
    assert np.array_equal(sample[:5], fit.bootstrap(replicates=60, seed=3)[:5])


def test_bootstrap_samples_without_a_finite_estimate_are_missing(model):
    left, right = [0, 1, 2, 0, 1, 2], [1, 2, np.inf, 1, 2, np.inf]
    x = np.array([[0.0], [0], [0], [1], [1], [1]])
    fit = interval_transformation(left, right, x, model=model)
    sample = fit.bootstrap(replicates=30, seed=1)
    assert np.isnan(sample).any()
    assert np.isfinite(sample).any()


def test_fractional_weights_are_fitted_but_not_resampled(model):
    left, right, covariates = rows("bcos")
    weight = np.full(len(left), 0.5)
    fit = interval_transformation(left, right, design(covariates), weight, model=model)
    assert fit.coefficients == pytest.approx(fitted("bcos", model).coefficients, abs=1e-9)
    with pytest.raises(ValueError, match="whole numbers"):
        fit.bootstrap(replicates=2, seed=1)


def test_a_group_without_events_has_no_finite_ratio(model):
    left, right, covariates = rows("bcos")
    x = design(covariates)
    never = np.where(x[:, 0] == 1, np.inf, right)
    with pytest.raises(SeparatedError) as caught:
        interval_transformation(left, never, np.column_stack((x, rng_column(len(x)))), model=model)
    assert caught.value.columns == (0,)


def test_groups_whose_times_cannot_be_compared_have_no_ratio(model):
    # Everybody's interval of one group overlaps those of the other.
    with pytest.raises(SeparatedError):
        interval_transformation([0, 2, 0], [2, 4, 9], [[0.0], [0], [1]], model=model)


def rng_column(n):
    return np.random.default_rng(0).normal(size=n)


def test_aliased_and_constant_columns_are_named(model):
    left, right, covariates = rows("bcos")
    x = design(covariates)
    with pytest.raises(AliasedColumnError) as caught:
        interval_transformation(
            left, right, np.column_stack((x, 1 - x, np.ones(len(x)))), model=model
        )
    assert caught.value.columns == (1, 2)


def test_intervals_with_a_time_in_common_tell_nobody_apart(model):
    with pytest.raises(NoOrderError):
        interval_transformation([0, 1, 2], [4, 5, 6], [[0.0], [1], [0]], model=model)


def test_nobodys_event_and_unknown_models_are_refused():
    with pytest.raises(ValueError, match="nobody had the event"):
        interval_transformation([1, 2], [np.inf, np.inf], [[0.0], [1]])
    with pytest.raises(ValueError, match="ph, po"):
        interval_transformation([1, 2], [3, 4], [[0.0], [1]], model="aft")
    with pytest.raises(ValueError, match="between 0 and 1"):
        fitted("bcos", "ph").quantile_bounds([[0.0]], [0.0])


intervals = st.tuples(st.integers(0, 8), st.integers(0, 5), st.booleans(), st.integers(-3, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(intervals, min_size=3, max_size=40), st.sampled_from(sorted(TRANSFORMATIONS)))
def test_every_table_has_a_certified_maximum_or_a_reason(table, model):
    left = np.array([row[0] for row in table], float)
    width = np.array([row[1] for row in table], float)
    right = np.where([row[2] for row in table], left + width, np.inf)
    right = np.where(right == 0, 1, right)
    x = np.array([[row[3]] for row in table], float)
    try:
        fit = interval_transformation(left, right, x, model=model)
    except ValueError:
        return
    assert fit.gradient <= 1e-9
    assert fit.multiplier <= 1e-9
    for b in (fit.coefficients[0] - 0.3, fit.coefficients[0] + 0.3):
        assert fit.profile([0], [b]) <= fit.loglik + 1e-9


def test_a_very_strong_effect_has_limits_at_the_quantile_of_its_statistic(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    event = np.exp(0.1 * rng.normal(size=400) + 5 * x[:, 0])
    visits = np.exp(np.linspace(-12, 12, 40))
    seen = np.searchsorted(visits, event)
    left, right = np.append(0, visits)[seen], np.append(visits, np.inf)[seen]
    fit = interval_transformation(left, right, x, model=model)
    assert fit.coefficients[0] < -30
    for limit in fit.limits(0):
        statistic = 2 * (fit.loglik - fit.profile([0], [limit]))
        assert statistic == pytest.approx(3.841458820694124, abs=1e-6)  # chi-square quantile
    without = turnbull(left, right, tol=1e-12).loglik
    assert fit.profile([0], [0.0]) == pytest.approx(without, abs=1e-6)

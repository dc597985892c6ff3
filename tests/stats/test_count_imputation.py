"""Negative binomial fits, and the events of time that was not observed."""

from functools import cache

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.count_imputation import (
    STRATEGIES,
    ObservedCounts,
    count_imputations,
    draw_parameters,
    fit_counts,
    pooled_ratio,
)
from ketastats.stats.npmle import NoConvergenceError

FITS = read_reference("reference_counts")
IMPUTED = read_reference("reference_counts_imputed")
SIMULATED = 200
PLANNED, RATE, RATIO = 84.0, 0.1, 0.6  # days, events a day under the reference, of the arm to it


def columns(*given):
    return np.column_stack([np.ones(len(given[0])), *given]).astype(float)


def data_set(name):
    d = read_input(f"reference_counts_{name}")
    if name == "quine":
        ages = [d["age"] == age for age in ("F1", "F2", "F3")]
        return d["days"], columns(d["sex"] == "M", *ages, d["eth"] == "N", d["lrn"] == "SL"), None
    if name == "epil4":
        return d["y"], columns(d["trt"] == "progabide", np.log(d["base"]), d["age"]), None
    return d["events"], columns(d["arm"] == "drug", d["base"]), np.log(d["days"].to_numpy(float))


def fitted(name):
    y, design, offset = data_set(name)
    return fit_counts(y, design, np.zeros(len(y)) if offset is None else offset)


def two_arms(y, time, planned=PLANNED):
    """The first half of the subjects is the reference."""
    n = len(y)
    design = columns(np.arange(n) >= n // 2)
    as_reference = np.array([[1.0, 0.0]] * n)
    full = np.broadcast_to(planned, n).astype(float)
    return ObservedCounts(np.asarray(y, float), np.asarray(time, float), full, design, as_reference)


def analysed(observed, strategy, rng, imputations, multiplier=None):
    fit = fit_counts(observed.y, observed.design, np.log(observed.time))
    made = count_imputations(observed, draw_parameters(fit, imputations, rng), strategy, rng)
    ones = np.ones(len(observed.y)) if multiplier is None else multiplier
    return pooled_ratio(made.fits(made.counts(ones)), 1, observed.spare, conf_level=0.95)


@pytest.mark.parametrize("name", ["quine", "epil4", "events"])
def test_fits_agree_with_glm_nb_of_r(name):
    fit, printed = fitted(name), FITS[FITS["dataset"] == name]
    k = fit.dispersion[0]
    assert [*fit.coefficients[0], 1 / k] == pytest.approx(printed["estimate"].tolist(), rel=1e-8)
    errors = [*np.sqrt(np.diag(fit.covariance[0])), fit.dispersion_error[0] / k**2]
    assert errors == pytest.approx(printed["std_error"].tolist(), rel=5e-5)  # R stops a step before
    assert fit.loglik[0] == pytest.approx(printed["loglik"].iloc[0], abs=1e-9)


def test_sets_of_counts_fitted_together_are_fitted_as_each_alone():
    y, design, _ = data_set("epil4")
    sets = np.random.default_rng(1).permuted(np.tile(y.to_numpy(float), (4, 1)), axis=1)
    sets[3] = sets[3].mean().round()  # varies less than Poisson
    together = fit_counts(sets, design, np.zeros(len(y)))
    for at, one in enumerate(sets):
        alone = fit_counts(one, design, np.zeros(len(y)))
        assert together.coefficients[at] == pytest.approx(alone.coefficients[0], abs=1e-9)
        assert together.dispersion[at] == pytest.approx(alone.dispersion[0], rel=1e-7)
    assert together.dispersion[3] == 0


def test_arms_observed_for_one_time_have_their_means_as_rates():
    y = np.random.default_rng(2).negative_binomial(1.2, 0.1, 50)
    fit = fit_counts(y, columns(np.arange(50) >= 20), np.full(50, np.log(7.0)))
    first, second = y[:20].mean() / 7, y[20:].mean() / 7
    assert fit.coefficients[0] == pytest.approx([np.log(first), np.log(second / first)])


def test_another_unit_of_time_moves_the_intercept_only():
    y, design, offset = data_set("events")
    days, weeks = fit_counts(y, design, offset), fit_counts(y, design, offset - np.log(7))
    assert weeks.coefficients[0] - days.coefficients[0] == pytest.approx(
        [np.log(7), 0, 0], abs=1e-8
    )
    assert weeks.covariance[0] == pytest.approx(days.covariance[0], abs=1e-8)


def test_counts_that_vary_less_than_poisson_counts_have_no_dispersion():
    fit = fit_counts([4, 4, 5, 5, 4, 5], columns([0, 0, 0, 1, 1, 1]), np.zeros(6))
    assert fit.dispersion[0] == 0
    assert fit.covariance[0][1, 1] == pytest.approx(1 / 13 + 1 / 14)
    _, drawn = draw_parameters(fit, 400, np.random.default_rng(0))
    assert (drawn >= 0).all()
    assert (drawn == 0).any()


def test_an_arm_without_events_has_no_finite_rate():
    with pytest.raises(NoConvergenceError, match="no events"):
        fit_counts([3, 1, 4, 0, 0, 0], columns([0, 0, 0, 1, 1, 1]), np.zeros(6))


def test_parameters_are_drawn_around_the_fit_with_its_errors():
    fit = fitted("quine")
    beta, k = draw_parameters(fit, 20_000, np.random.default_rng(3))
    scale = np.sqrt(np.diag(fit.covariance[0]))
    assert (beta.mean(axis=0) - fit.coefficients[0]) / scale == pytest.approx(np.zeros(7), abs=0.03)
    assert np.cov(beta.T) / np.outer(scale, scale) == pytest.approx(
        fit.covariance[0] / np.outer(scale, scale), abs=0.04
    )
    assert k.std() == pytest.approx(fit.dispersion_error[0], rel=0.02)


@pytest.mark.parametrize("k", [0.0, 0.7])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_imputed_events_have_the_mean_of_their_negative_binomial_law(strategy, k):
    own, reference = 0.3, 0.5
    observed = two_arms([0, 3, 0, 3, 9], [10, 10, 10, 10, 84])
    beta = np.tile([np.log(reference), np.log(own / reference)], (20_000, 1))
    made = count_imputations(
        observed, (beta, np.full(20_000, k)), strategy, np.random.default_rng(4)
    ).counts(np.full(5, 2.0))
    past = {"mar": own, "jump_to_reference": own, "copy_reference": reference}[strategy]
    ahead = own if strategy == "mar" else reference
    frailty = (1 + k * 3) / (1 + k * past * 10)  # of the fourth subject, in the arm
    mean = frailty * 2 * ahead * 74
    spread = np.sqrt(mean + mean**2 * k / (1 + 3 * k)) / np.sqrt(20_000)
    assert made[:, 3].mean() - 3 == pytest.approx(mean, abs=4 * spread)
    assert made[:, 3].std() == pytest.approx(spread * np.sqrt(20_000), rel=0.03)
    assert (made[:, 4] == 9).all()  # observed for all of the planned time
    assert (made >= observed.y).all()


def test_strategies_are_one_where_the_arms_have_one_rate():
    observed = two_arms([0, 3, 0, 3], [10, 20, 30, 40])
    beta, k = np.tile([np.log(0.2), 0.0], (30, 1)), np.full(30, 0.5)
    made = [
        count_imputations(observed, (beta, k), strategy, np.random.default_rng(5))
        for strategy in STRATEGIES
    ]
    for other in made[1:]:
        np.testing.assert_allclose(other.expected, made[0].expected)


def test_a_higher_multiplier_never_gives_fewer_events():
    observed = two_arms(np.arange(20) % 5, 5.0 + np.arange(20))
    beta, k = np.tile([np.log(0.2), -0.3], (50, 1)), np.linspace(0, 2, 50)
    made = count_imputations(observed, (beta, k), "mar", np.random.default_rng(6))
    counts = np.array([made.counts(np.full(20, by)) for by in (0.01, 0.5, 1.0, 1.7, 6.0)])
    assert (np.diff(counts, axis=0) >= 0).all()
    assert (np.diff(counts.sum(axis=(1, 2))) > 0).all()


@pytest.mark.parametrize("case", list(IMPUTED.itertuples()), ids=lambda case: case.strategy)
def test_pooled_ratios_agree_with_imputations_by_dejavu_of_r(case):
    d = read_input("reference_counts_events").sort_values("arm", ascending=False, kind="stable")
    observed = two_arms(d["events"], d["days"])
    multiplier = np.where(d["arm"] == "drug", case.delta_drug, case.delta_placebo)
    found = analysed(observed, case.strategy, np.random.default_rng(7), 1000, multiplier)
    apart = found.monte_carlo_se * np.sqrt(1 + 1000 / case.imputations)
    assert found.estimate == pytest.approx(case.log_ratio, abs=3.5 * apart)
    assert found.std_error == pytest.approx(case.std_error, rel=0.03)


def test_with_nothing_missing_the_pooled_ratio_is_that_of_the_fit():
    y = np.random.default_rng(8).negative_binomial(1.5, 0.2, 40)
    observed = two_arms(y, np.full(40, PLANNED))
    fit = fit_counts(y, observed.design, np.log(observed.time))
    found = analysed(observed, "jump_to_reference", np.random.default_rng(9), 5)
    assert found.estimate == pytest.approx(fit.coefficients[0][1])
    assert found.std_error == pytest.approx(np.sqrt(fit.covariance[0][1, 1]))
    assert found.monte_carlo_se == pytest.approx(0, abs=1e-9)
    assert found.ratio == pytest.approx(np.exp(found.estimate))


@cache
def simulated(strategy):
    """Log ratios and their cover; those with more events than usual by half time leave more often.

    Under a reference-based strategy leaving depends on nothing, so that the true ratio is known.
    """
    begun, half = [], PLANNED / 2
    for seed in range(SIMULATED):
        rng = np.random.default_rng([21, seed])
        rate = RATE * np.repeat([1.0, RATIO], 60) * rng.gamma(1.5, 1 / 1.5, 120)
        early, late = rng.poisson(rate * half), rng.poisson(rate * half)
        chance = np.where(early > 3, 0.75, 0.2) if strategy == "mar" else 0.5
        left = rng.random(120) < chance
        observed = two_arms(early + np.where(left, 0, late), np.where(left, half, PLANNED))
        begun.append(analysed(observed, strategy, rng, 10))
    return np.array([(one.estimate, one.conf_low, one.conf_high) for one in begun]).T


def test_missing_at_random_is_unbiased_and_covered_when_leaving_depends_on_events_seen():
    estimate, low, high = simulated("mar")
    error = estimate - np.log(RATIO)
    assert error.mean() == pytest.approx(0, abs=3 * error.std() / np.sqrt(SIMULATED))
    covered = ((low <= np.log(RATIO)) & (np.log(RATIO) <= high)).mean()
    assert covered == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / SIMULATED))


def test_jump_to_reference_tends_to_the_own_rate_while_observed_and_the_references_after():
    estimate, low, high = simulated("jump_to_reference")
    truth = np.log(0.75 * RATIO + 0.25)  # half of the arm leaves at half time
    error = estimate - truth
    assert error.mean() == pytest.approx(0, abs=3 * error.std() / np.sqrt(SIMULATED))
    covered = ((low <= truth) & (truth <= high)).mean()
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / SIMULATED)  # Rubin's rules are wide here

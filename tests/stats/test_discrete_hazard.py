"""The discrete hazard against R's glm and survfit, and against likelihoods maximised independently."""

from math import inf

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import read_reference
from scipy.optimize import minimize

from ketastats.stats.discrete_hazard import (
    fit_hazard,
    hazard_by_dose,
    hazard_limits,
    share_by_dose,
    share_limits,
    standardised_share,
)
from ketastats.stats.proportions import likelihood_interval
from ketastats.stats.standardised_risks import SeparationError
from ketastats.summaries.dose_counts import person_doses

WHOLE = ["course120", "course400", "lung90", "veteran30"]
SKIPPED = ["skipped150", "skipped60"]


def grouped(dataset):
    rows = read_reference("discrete_hazard_data", dataset=dataset)
    counts = rows.groupby(["left", "right"]).size().reset_index(name="n")
    return counts["left"], counts["right"], counts["n"]


def trials(dataset):
    rows = read_reference("discrete_hazard_data", dataset=dataset)
    people = rows.rename(columns={"left": "dose_left", "right": "dose_right"}).assign(n=1)
    told = (people["dose_left"] > 0) | np.isfinite(people["dose_right"])
    return person_doses(people[told])


def design(rows, model):
    """The columns of a model of the R script, under R's names."""
    dose = rows["dose"]
    columns = {}
    if model.startswith("free"):
        columns |= {f"factor(dose){k:g}": dose == k for k in sorted(dose.unique())}
    else:
        columns |= {"(Intercept)": dose > 0, "I(dose - 1)": dose - 1}
    if model == "free_group":
        columns |= {f"factor(group){g}": rows["group"] == g for g in ("b", "c")}
        columns |= {"x2": rows["x2"]}
    if model in ("free_x", "linear_x"):
        columns |= {"x1": rows["x1"], "x2": rows["x2"]}
    if model == "linear_inter":
        columns |= {"x1": rows["x1"], "x1:dose": rows["x1"] * dose}
    return pd.DataFrame(columns).astype(float)


def fitted(dataset, matrix, link):
    laid = trials(dataset)
    return fit_hazard(
        matrix(laid.rows).to_numpy(),
        laid.trial,
        laid.event,
        laid.weight,
        link=link,
        names=list(matrix(laid.rows)),
    )


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("model", ["free_none", "free_x", "free_group", "linear_x", "linear_inter"])
@pytest.mark.parametrize("dataset", WHOLE)
def test_regression_agrees_with_r_glm(dataset, model, link):
    rows = read_reference("discrete_hazard", dataset=dataset, model=model, link=link)
    fit = fitted(dataset, lambda r: design(r, model)[rows["term"].tolist()], link)
    assert fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), abs=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(rows["std_error"].to_numpy(), rel=1e-8)
    assert fit.loglik == pytest.approx(rows["loglik"].iloc[0], abs=1e-8)
    assert fit.deviance == pytest.approx(rows["deviance"].iloc[0], abs=1e-8)


def linear(rows):
    return design(rows, "linear_x")


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("dataset", SKIPPED)
def test_regression_over_skipped_doses_agrees_with_likelihoods_maximised_in_r(dataset, link):
    rows = read_reference("discrete_hazard_skipped", dataset=dataset, link=link)
    fit = fitted(dataset, linear, link)
    assert fit.loglik == pytest.approx(rows["loglik"].iloc[0], abs=1e-7)
    assert fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), abs=2e-6)
    errors = np.sqrt(np.diag(fit.covariance))  # R's are numerical second derivatives
    assert errors == pytest.approx(rows["std_error"].to_numpy(), rel=2e-5)


@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_regression_over_skipped_doses_is_the_maximum_of_products_of_hazards(link):
    rows = read_reference("discrete_hazard_data", dataset="skipped60")
    fit = fitted("skipped60", linear, link)

    def minus(beta):
        total = 0.0
        for row in rows.itertuples():
            last = int(row.right if np.isfinite(row.right) else row.left)
            eta = beta[0] + beta[1] * np.arange(last) + beta[2] * row.x1 + beta[3] * row.x2
            h = 1 - np.exp(-np.exp(eta)) if link == "cloglog" else 1 / (1 + np.exp(-eta))
            before = np.prod(1 - h[: int(row.left)])
            total += np.log(before - (np.prod(1 - h) if np.isfinite(row.right) else 0.0))
        return -total

    found = minimize(
        minus,
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 4000},
    )
    assert -found.fun == pytest.approx(fit.loglik, abs=1e-8)
    assert found.x == pytest.approx(fit.coefficients, abs=1e-4)


@pytest.mark.parametrize("conf_level", [0.95, 0.9])
@pytest.mark.parametrize("dataset", WHOLE)
def test_shares_agree_with_kaplan_meier_and_thomas_grunkemeier_in_r(dataset, conf_level):
    rows = read_reference("discrete_hazard_shares", dataset=dataset)
    rows = rows[rows["conf_level"] == conf_level]
    table = grouped(dataset)
    for end in share_by_dose(*table, 5):
        assert end == pytest.approx(rows["estimate"].to_numpy(), abs=1e-12)
    low, high = share_limits(*table, 5, conf_level=conf_level)
    assert low == pytest.approx(rows["conf_low"].to_numpy(), abs=1e-7)
    assert high == pytest.approx(rows["conf_high"].to_numpy(), abs=1e-7)
    counted = hazard_by_dose(*table, 5)
    assert counted.at_risk.tolist() == rows["at_risk"].tolist()
    assert counted.reached.tolist() == rows["reached"].tolist()
    assert counted.hazard == pytest.approx(counted.reached / counted.at_risk, abs=1e-12)


@pytest.mark.parametrize("dataset", SKIPPED)
def test_shares_over_skipped_doses_agree_with_the_profile_likelihood_in_r(dataset):
    rows = read_reference("discrete_hazard_skipped_shares", dataset=dataset)
    for end in share_by_dose(*grouped(dataset), 5):
        assert end == pytest.approx(rows["estimate"].to_numpy(), abs=2e-6)
    low, high = share_limits(*grouped(dataset), 5)
    assert low == pytest.approx(rows["conf_low"].to_numpy(), abs=2e-7)
    assert high == pytest.approx(rows["conf_high"].to_numpy(), abs=2e-7)


def test_limits_of_the_first_share_are_those_of_a_proportion():
    low, high = share_limits([0, 1], [1, inf], [7, 13], 1)
    assert (low[0], high[0]) == pytest.approx(tuple(likelihood_interval(7, 20)), abs=1e-7)


@pytest.mark.parametrize(
    ("left", "right", "weight", "expected"),
    [
        ([0], [1], [5], (np.exp(-1.920729 / 5), 1.0)),  # all at dose 1
        ([1], [inf], [5], (0.0, 1 - np.exp(-1.920729 / 5))),  # nobody
        ([0], [inf], [5], (0.0, 1.0)),  # nothing known
        ([0, 0], [2, 1], [5, 3], (0.0, 1.0)),
    ],
)
def test_limits_behave_where_all_or_none_reached_it(left, right, weight, expected):
    low, high = share_limits(left, right, weight, 1)
    if (left, right) == ([0, 0], [2, 1]):
        assert high[0] == 1
        assert 0 < low[0] < 0.6
    else:
        assert (low[0], high[0]) == pytest.approx(expected, abs=1e-6)


def test_a_share_within_a_skipped_stretch_is_known_only_to_lie_between_two_values():
    low, high = share_by_dose([0, 2], [2, inf], [5, 5], 3)
    assert low.tolist() == pytest.approx([0, 0.5, 0.5])
    assert high.tolist() == pytest.approx([0.5, 0.5, 1.0])  # nobody is at risk at dose 3


def test_hazard_limits_are_binomial_unless_an_interval_spans_the_dose():
    left, right, weight = [0, 1, 1, 2], [1, 2, inf, inf], [4, 3, 5, 6]
    assert hazard_limits(left, right, weight, 2) == likelihood_interval(3, 9)
    assert hazard_limits(left, right, weight, 3) == (0, 1)  # nobody at risk
    spanned = hazard_limits([0, *left], [2, *right], [3, *weight], 2)
    assert spanned.low < 3 / 9 < spanned.high
    hardly = hazard_limits([0, *left], [2, *right], [1e-6, *weight], 2)
    assert hardly == pytest.approx(likelihood_interval(3, 9), abs=1e-5)


def test_hazard_limits_over_skipped_doses_are_where_the_profile_has_fallen_far_enough():
    left, right, weight = grouped("skipped60")
    low, high = hazard_limits(left, right, weight, 2)

    def minus(logits, held=None):
        h = 1 / (1 + np.exp(-np.asarray(logits)))
        if held is not None:
            h = np.insert(h, 1, held)
        stay = np.concatenate(([1.0], np.cumprod(1 - h)))
        ends = np.where(np.isfinite(right), right, 0).astype(int)
        mass = stay[left.astype(int)] - np.where(np.isfinite(right), stay[ends], 0.0)
        return -float(weight @ np.log(np.maximum(mass, 1e-300)))

    def lowest(size, held=None):
        start, options = (
            np.full(size, -0.5),
            {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000},
        )
        for _ in range(3):
            start = minimize(minus, start, args=(held,), method="Nelder-Mead", options=options).x
        return minus(start, held)

    best = lowest(6)
    for end in (low, high):
        assert 2 * (lowest(5, end) - best) == pytest.approx(3.841459, abs=1e-3)


courses = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([1, 2, inf]), st.integers(1, 9)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(courses)
def test_shares_rise_with_the_dose_and_lie_inside_their_limits(course):
    left = np.array([row[0] for row in course], dtype=float)
    right = left + np.array([row[1] for row in course])
    weight = [row[2] for row in course]
    low, high = share_by_dose(left, right, weight, 6)
    ends = share_limits(left, right, weight, 6)
    assert (np.diff(low) >= -1e-9).all()
    assert (np.diff(high) >= -1e-9).all()
    assert (low <= high + 1e-9).all()
    assert (ends[0] <= low + 1e-6).all()
    assert (high <= ends[1] + 1e-6).all()


def one_dose(event, column, **options):
    n = len(event)
    matrix = np.column_stack([np.ones(n), column])
    arguments = {"link": "logit", "names": ["level", "arm"]} | options
    return fit_hazard(matrix, np.arange(n), np.array(event, dtype=bool), np.ones(n), **arguments)


@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_a_term_that_tells_events_apart_is_named(link):
    with pytest.raises(SeparationError, match="arm"):
        one_dose([1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], link=link)
    with pytest.raises(SeparationError, match="level"):
        one_dose([0, 0, 0, 0], [0, 1, 0, 1], link=link)


def test_a_term_that_repeats_another_is_named():
    with pytest.raises(SeparationError, match="arm: constant"):
        one_dose([1, 0, 1, 0], [2, 2, 2, 2])


def test_an_unknown_link_is_refused():
    with pytest.raises(ValueError, match="cloglog"):
        one_dose([1, 0, 1, 0], [0, 1, 1, 0], link="probit")


def test_without_covariates_the_standardised_share_is_the_product_of_hazards():
    laid = trials("course120")
    matrix = design(laid.rows, "free_none")
    fit = fit_hazard(
        matrix.to_numpy(), laid.trial, laid.event, laid.weight, link="cloglog", names=list(matrix)
    )
    expected = share_by_dose(*grouped("course120"), 3)[0][2]
    one = np.eye(matrix.shape[1])[:3]
    share, se, limits = standardised_share(fit, one, np.zeros(3, dtype=int), np.ones(1))
    assert share == pytest.approx(expected, abs=1e-10)
    assert 0 < limits.low < share < limits.high < 1
    moved = [
        standardised_share(
            type(fit)(fit.coefficients + step, fit.covariance, 0, 0, fit.link),
            one,
            np.zeros(3, dtype=int),
            np.ones(1),
        )[0]
        for step in 1e-6 * np.eye(fit.coefficients.size)
    ]
    gradient = (np.array(moved) - share) / 1e-6
    assert se == pytest.approx(np.sqrt(gradient @ fit.covariance @ gradient), rel=1e-5)

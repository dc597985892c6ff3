"""Two proportions: differences, ratios and odds ratios against R, SAS and papers."""

from __future__ import annotations

from math import inf, isinf, isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from references import FOLDER, half_last_digit, read_reference
from statsmodels.stats.proportion import confint_proportions_2indep

from ketastats.models.rate_difference import METHODS
from ketastats.stats.exact_two_proportions import (
    MOST_TABLES,
    conditional_odds_ratio,
    exact_difference,
    fisher_test,
)
from ketastats.stats.two_proportions import (
    miettinen_nurminen_difference,
    miettinen_nurminen_odds_ratio,
    miettinen_nurminen_ratio,
    newcombe_difference,
    wald_difference,
)

MEASURES = {"rd": "risk difference", "rr": "risk ratio", "or": "odds ratio"}
NAMES = {"log": "wald"}
REFERENCE = read_reference("two_proportions")
# R's search for this upper limit stopped at its lower end (1e-15); see the test of the score below.
WRONG_IN_R = {("or", "miettinen_nurminen", 29, 55, 11, 11)}
PRINTED = pd.read_csv(FOLDER / "two_proportions_printed.csv", comment="#", dtype=str)


def function_of(measure, method):
    return METHODS.get(NAMES.get(method, method), {}).get(MEASURES[measure])


def groups():
    for (measure, method), rows in REFERENCE.groupby(["measure", "method"]):
        if function_of(measure, method) is not None:
            yield pytest.param(measure, method, rows, id=f"{measure}-{method}")


@pytest.mark.parametrize(("measure", "method", "rows"), list(groups()))
def test_interval_agrees_with_r_at_every_case(measure, method, rows):
    interval = function_of(measure, method)
    # The unconditional exact limits are searched over a nuisance grid on both sides.
    tolerance = 2e-5 if method == "exact" and measure != "or" else 1e-7
    compared = 0
    for row in rows.itertuples():
        if method == "exact" and measure != "or" and (row.n1 + 1) * (row.n2 + 1) > MOST_TABLES:
            continue
        if (measure, method, row.x1, row.n1, row.x2, row.n2) in WRONG_IN_R:
            continue
        found = interval(row.x1, row.n1, row.x2, row.n2, conf_level=row.conf_level)
        for limit, expected in zip(found, (row.conf_low, row.conf_high), strict=True):
            if measure == "rd":
                expected = min(1.0, max(-1.0, expected))
            case = (row.x1, row.n1, row.x2, row.n2)
            assert limit == pytest.approx(expected, rel=tolerance, abs=tolerance), case
            compared += 1
    assert compared >= 8


@pytest.mark.parametrize(
    "case",
    [row for row in PRINTED.itertuples() if function_of(row.measure, row.method) is not None],
    ids=lambda c: f"{c.measure}-{c.method}-{c.x1}of{c.n1}-{c.x2}of{c.n2}",
)
def test_interval_agrees_with_every_printed_digit(case):
    counts = (int(case.x1), int(case.n1), int(case.x2), int(case.n2))
    found = function_of(case.measure, case.method)(*counts, conf_level=float(case.conf_level))
    for limit, printed in zip(found, (case.conf_low, case.conf_high), strict=True):
        if isinf(float(printed)):
            assert limit == inf
        else:
            assert limit == pytest.approx(float(printed), abs=half_last_digit(printed))


def test_upper_odds_ratio_limit_solves_the_score_equation_when_the_reference_arm_is_full():
    """29/55 against 11/11: at the limit the standardised score is the normal quantile."""
    low, high = miettinen_nurminen_odds_ratio(29, 55, 11, 11)
    assert low == 0
    # Constrained fit by direct search: 55 p1 + 11 p2 = 40 and the odds ratio is `high`.
    from scipy.optimize import brentq

    def odds_ratio_gap(p1):
        p2 = (40 - 55 * p1) / 11
        return p1 * (1 - p2) / (p2 * (1 - p1)) - high

    p1 = brentq(odds_ratio_gap, 29 / 55 + 1e-12, 40 / 66)
    p2 = (40 - 55 * p1) / 11
    variance = 1 / (1 / (55 * p1 * (1 - p1)) + 1 / (11 * p2 * (1 - p2))) * 66 / 65
    assert (29 - 55 * p1) / np.sqrt(variance) == pytest.approx(-1.959963984540054, rel=1e-7)


def test_conditional_odds_ratio_agrees_with_fisher_test_in_r():
    rows = REFERENCE[(REFERENCE["measure"] == "or") & (REFERENCE["method"] == "exact")]
    for row in rows.itertuples():
        found = conditional_odds_ratio(row.x1, row.n1, row.x2, row.n2)
        if isnan(row.conditional_mle):
            assert isnan(found)
        else:
            assert found == pytest.approx(row.conditional_mle, rel=1e-3)


@pytest.mark.parametrize(
    ("interval", "compare"),
    [(miettinen_nurminen_ratio, "ratio"), (miettinen_nurminen_odds_ratio, "odds-ratio")],
)
def test_score_ratios_agree_with_statsmodels(interval, compare):
    expected = confint_proportions_2indep(29, 84, 20, 88, compare=compare, method="score")
    assert interval(29, 84, 20, 88) == pytest.approx(expected, rel=1e-6)


counts = st.tuples(st.integers(1, 25), st.integers(1, 25)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@pytest.mark.parametrize(
    "interval", [miettinen_nurminen_difference, newcombe_difference, wald_difference]
)
@given(case=counts)
def test_difference_changes_sign_when_the_arms_swap(interval, case):
    x1, n1, x2, n2 = case
    low, high = interval(x1, n1, x2, n2)
    assert interval(x2, n2, x1, n1) == pytest.approx((-high, -low), abs=1e-7)
    assert -1 - 1e-9 <= low <= x1 / n1 - x2 / n2 + 1e-9
    assert x1 / n1 - x2 / n2 - 1e-9 <= high <= 1 + 1e-9


@pytest.mark.parametrize("interval", [miettinen_nurminen_ratio, miettinen_nurminen_odds_ratio])
@example(case=(14, 25, 1, 1))
@example(case=(0, 1, 21, 21))
@given(case=counts)
def test_ratio_turns_over_when_the_arms_swap(interval, case):
    x1, n1, x2, n2 = case
    low, high = interval(x1, n1, x2, n2)
    flipped = interval(x2, n2, x1, n1)
    expected = (0 if isinf(high) else 1 / high, inf if low == 0 else 1 / low)
    assert flipped == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("n1", "n2"), [(2, 1_000_000), (1_000_000, 200), (5000, 1_000_000), (9, 9)]
)
def test_score_limits_of_arms_where_nobody_or_everybody_responds_have_a_closed_form(n1, n2):
    # The fit is then at the edge (p1 = d, p2 = 0 or p1 = 1, p2 = 1 / r), and z squared = score
    # squared is linear: d / (1 - d) = k1 = z^2 (n / (n - 1)) / n1, and r - 1 = k2, by hand.
    z_squared, inflation = 3.841458820694124, (n1 + n2) / (n1 + n2 - 1)
    k1, k2 = z_squared * inflation / n1, z_squared * inflation / n2
    limits = pytest.approx((-k2 / (1 + k2), k1 / (1 + k1)), rel=1e-9)
    assert miettinen_nurminen_difference(0, n1, 0, n2) == limits
    mirrored = pytest.approx((-k1 / (1 + k1), k2 / (1 + k2)), rel=1e-9)
    assert miettinen_nurminen_difference(n1, n1, n2, n2) == mirrored
    ratio = miettinen_nurminen_ratio(n1, n1, n2, n2)
    assert (1 / ratio.low - 1, ratio.high - 1) == pytest.approx((k1, k2), rel=1e-7)


@settings(max_examples=15, deadline=None)
@given(case=counts)
def test_exact_difference_mirrors_and_holds_the_estimate(case):
    x1, n1, x2, n2 = case
    low, high = exact_difference(x1, n1, x2, n2)
    assert exact_difference(x2, n2, x1, n1) == pytest.approx((-high, -low), abs=1e-5)
    assert low - 1e-6 <= x1 / n1 - x2 / n2 <= high + 1e-6


def test_miettinen_nurminen_covers_as_often_as_it_says():
    """Exact coverage by summing over all tables; the mean lies within a point of 95%."""
    from scipy.stats import binom

    n1, n2 = 20, 30
    limits = {
        (a, b): miettinen_nurminen_difference(a, n1, b, n2)
        for a in range(n1 + 1)
        for b in range(n2 + 1)
    }
    covered = []
    for p1, p2 in [(0.2, 0.4), (0.5, 0.5), (0.35, 0.3), (0.7, 0.9), (0.1, 0.2)]:
        weight = np.outer(binom.pmf(range(n1 + 1), n1, p1), binom.pmf(range(n2 + 1), n2, p2))
        hit = sum(weight[k] for k, (low, high) in limits.items() if low <= p1 - p2 <= high)
        covered.append(hit)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    assert min(covered) > 0.93


def test_a_large_exact_interval_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="Miettinen-Nurminen"):
        exact_difference(100, 500, 120, 500)


def test_fisher_test_agrees_with_scipy():
    from scipy.stats import fisher_exact

    for case in [(9, 10, 3, 10), (0, 15, 5, 15), (7, 34, 1, 34)]:
        x1, n1, x2, n2 = case
        expected = fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue
        assert fisher_test(*case) == pytest.approx(expected, rel=1e-9)

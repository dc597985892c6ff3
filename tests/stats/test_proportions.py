"""One proportion: every interval method against R, SAS and papers, and what must hold for any counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import FOLDER, half_last_digit, read_reference
from statsmodels.stats.proportion import proportion_confint

from ketastats.models.response_rate import METHODS
from ketastats.stats.exact_proportions import blaker_interval, clopper_pearson_interval
from ketastats.stats.proportions import logit_interval, wilson_interval

NOT_OURS = {"arcsine_anscombe", "wald_cc"}
R_CASES = [
    row for row in read_reference("one_proportion").itertuples() if row.method not in NOT_OURS
]
PRINTED = pd.read_csv(FOLDER / "one_proportion_printed.csv", comment="#", dtype=str)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_interval_agrees_with_r_at_every_case(method):
    cases = [case for case in R_CASES if case.method == method]
    assert len(cases) >= 20
    for case in cases:
        found = METHODS[method](case.successes, case.n, conf_level=case.conf_level)
        # The reference leaves Wald and Agresti-Coull uncut; ours never leave [0, 1].
        expected = np.clip((case.conf_low, case.conf_high), 0, 1)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), (case.successes, case.n)


@pytest.mark.parametrize(
    "case",
    [row for row in PRINTED.itertuples() if row.method in METHODS],
    ids=lambda c: f"{c.method}-{c.source}",
)
def test_interval_agrees_with_every_printed_digit(case):
    found = METHODS[case.method](
        int(case.successes), int(case.n), conf_level=float(case.conf_level)
    )
    for limit, printed in zip(found, (case.conf_low, case.conf_high), strict=True):
        # SAS's own search is good to 1e-8, which shows where nine digits are printed.
        slack = max(half_last_digit(printed), 1e-8)
        assert limit == pytest.approx(np.clip(float(printed), 0, 1), abs=slack)


@pytest.mark.parametrize(
    ("method", "theirs"),
    [("wilson", "wilson"), ("agresti_coull", "agresti_coull"), ("clopper_pearson", "beta")],
)
def test_interval_agrees_with_statsmodels(method, theirs):
    for successes, n in [(0, 7), (3, 7), (7, 7), (130, 400)]:
        expected = np.clip(proportion_confint(successes, n, method=theirs), 0, 1)
        assert METHODS[method](successes, n) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", sorted(METHODS))
@given(n=st.integers(1, 60), data=st.data())
def test_interval_mirrors_when_events_and_non_events_swap(method, n, data):
    x = data.draw(st.integers(0, n))
    low, high = METHODS[method](x, n)
    assert METHODS[method](n - x, n) == pytest.approx((1 - high, 1 - low), abs=1e-10)


@pytest.mark.parametrize("method", sorted(METHODS))
@given(n=st.integers(1, 60), data=st.data())
def test_interval_stays_in_0_to_1_and_holds_the_estimate(method, n, data):
    x = data.draw(st.integers(0, n))
    low, high = METHODS[method](x, n)
    assert 0 <= low <= x / n + 1e-12
    assert x / n - 1e-12 <= high <= 1


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"wald"}))
def test_interval_is_closed_at_no_events_and_at_all(method):
    assert METHODS[method](0, 12).low == 0
    assert METHODS[method](12, 12).high == 1
    assert 0 < METHODS[method](0, 12).high < 0.5


@pytest.mark.parametrize("method", sorted(METHODS))
def test_more_confidence_is_wider(method):
    narrow, wide = (METHODS[method](7, 31, conf_level=level) for level in (0.8, 0.99))
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(n=st.integers(2, 40), data=st.data(), p=st.floats(0.01, 0.99))
def test_blaker_lies_inside_clopper_pearson(n, data, p):
    x = data.draw(st.integers(0, n))
    inner, outer = blaker_interval(x, n), clopper_pearson_interval(x, n)
    assert outer.low - 1e-12 <= inner.low
    assert inner.high <= outer.high + 1e-12


def test_exact_intervals_cover_at_least_as_often_as_they_say():
    from scipy.stats import binom

    n = 25
    for interval in (blaker_interval, clopper_pearson_interval):
        limits = np.array([interval(x, n) for x in range(n + 1)])
        for p in np.linspace(0.001, 0.999, 401):
            held = (limits[:, 0] <= p) & (p <= limits[:, 1])
            assert binom.pmf(np.arange(n + 1), n, p)[held].sum() >= 0.95 - 1e-9


def test_logit_falls_back_to_clopper_pearson_where_the_logit_is_infinite():
    assert logit_interval(0, 9) == pytest.approx(clopper_pearson_interval(0, 9))
    assert logit_interval(9, 9) == pytest.approx(clopper_pearson_interval(9, 9))


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0), (1.5, 4), (1, -3)])
def test_counts_that_cannot_be_are_refused(successes, n):
    with pytest.raises(ValueError, match="whole number"):
        wilson_interval(successes, n)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1])
def test_a_coverage_outside_0_to_1_is_refused(level):
    with pytest.raises(ValueError, match="conf_level"):
        wilson_interval(1, 5, conf_level=level)

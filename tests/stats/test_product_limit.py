"""Kaplan-Meier and Aalen-Johansen against R, savvyr and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import half_last_digit, read_input, read_reference
from right_censored import people

from ketastats.stats.product_limit import aalen_johansen, kaplan_meier, survival_limits

CURVES = list(read_reference("survival_kaplan_meier").groupby(["dataset", "group", "conf_level"]))
QUANTILES = list(read_reference("survival_quantiles").itertuples())
INCIDENCES = list(read_reference("survival_aalen_johansen").groupby("dataset"))
PEOPLE = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=25
)


def printed(source, quantity):
    row = read_reference("survival_printed", source=source, quantity=quantity).iloc[0]
    text = np.format_float_positional(row["printed"], trim="-")
    return row["printed"], half_last_digit(text)


@pytest.mark.parametrize("case", CURVES, ids=lambda case: "-".join(map(str, case[0])))
def test_kaplan_meier_agrees_with_r(case):
    (dataset, group, conf_level), rows = case
    curve = kaplan_meier(**people(dataset, group))
    kept = np.isin(curve.times, rows["time"])
    assert kept.all()
    assert curve.at_risk == pytest.approx(rows["at_risk"].to_numpy())
    assert curve.events == pytest.approx(rows["events"].to_numpy())
    assert curve.survival == pytest.approx(rows["survival"].to_numpy(), rel=1e-12, abs=1e-14)
    error = rows["std_error"].fillna(0.0).to_numpy()
    assert np.sqrt(curve.variance) == pytest.approx(error, rel=1e-10, abs=1e-14)
    inside = (curve.survival > 0) & (curve.survival < 1)
    for kind, suffix in (("log-log", "loglog"), ("plain", "plain")):
        low, high = curve.limits(conf_level=conf_level, kind=kind)
        assert low[inside] == pytest.approx(rows[f"low_{suffix}"].to_numpy()[inside], rel=1e-10)
        assert high[inside] == pytest.approx(rows[f"high_{suffix}"].to_numpy()[inside], rel=1e-10)
        assert np.isnan(low[~inside]).all()


@pytest.mark.parametrize(
    "row", QUANTILES, ids=lambda r: f"{r.dataset}-{r.group}-{r.share}-{r.conf_level}"
)
def test_quantiles_agree_with_r(row):
    curve = kaplan_meier(**people(row.dataset, row.group))
    found = curve.quantile(row.share, conf_level=row.conf_level)
    expected = (row.estimate, row.low, np.inf if np.isnan(row.high) else row.high)
    assert tuple(found) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("case", INCIDENCES, ids=lambda case: case[0])
def test_aalen_johansen_agrees_with_r_and_with_the_matrix_recursion(case):
    dataset, rows = case
    if dataset.startswith("savvyr"):
        frame = read_input("survival_savvyr_n25")
        cause = frame["type"] if dataset.endswith("types") else frame["type"].replace(3, 0)
    else:
        frame = read_input(f"survival_{dataset}")
        frame = frame[frame["time"] > 0]
        cause = frame["cause"]
    found = aalen_johansen(frame["time"], cause)
    for row in rows.itertuples():
        incidence, variance = found.at(row.time * (1 + 1e-12), row.cause)
        assert incidence == pytest.approx(row.survfit, rel=1e-10, abs=1e-14)
        assert incidence == pytest.approx(row.cuminc, rel=1e-10, abs=1e-14)
        assert variance == pytest.approx(row.variance, rel=1e-9, abs=1e-14)


def test_both_estimators_agree_with_what_savvyr_prints():
    frame = read_input("survival_savvyr_n25")
    curve = kaplan_meier(frame["time"], frame["type"] == 1)
    survival, variance = curve.at([curve.times[-1]])
    incidence = aalen_johansen(frame["time"], frame["type"].replace(3, 0)).at(4.0)
    found = {
        "one_minus_km": 1 - survival[0],
        "one_minus_km_variance": variance[0],
        "aalen_johansen": incidence[0],
        "aalen_johansen_variance": incidence[1],
    }
    for quantity, value in found.items():
        expected, tolerance = printed("savvyr", quantity)
        assert value == pytest.approx(expected, abs=tolerance), quantity


@given(PEOPLE)
@settings(max_examples=80, deadline=None)
def test_incidences_and_survival_add_up_to_one_and_one_cause_is_kaplan_meier(rows):
    time, cause, weight = map(np.array, zip(*rows, strict=True))
    found = aalen_johansen(time, cause, weight)
    curve = kaplan_meier(time, cause > 0, weight)
    assert found.incidence.sum(axis=1) + found.survival == pytest.approx(np.ones(found.times.size))
    assert found.survival == pytest.approx(curve.survival)
    assert (np.diff(found.incidence, axis=0) >= -1e-15).all()
    assert (np.diff(curve.survival) <= 0).all()
    alone = aalen_johansen(time, (cause > 0).astype(int), weight)
    assert 1 - alone.incidence[:, 0] == pytest.approx(curve.survival)
    assert alone.variance[:, 0] == pytest.approx(curve.variance, abs=1e-14)


@given(PEOPLE)
@settings(max_examples=80, deadline=None)
def test_without_censoring_shares_are_counts_with_binomial_variance(rows):
    time, cause, weight = map(np.array, zip(*rows, strict=True))
    cause = cause + 1
    n = weight.sum()
    found = aalen_johansen(time, cause, weight)
    for j in (1, 2, 3)[: found.incidence.shape[1]]:
        share = np.array([weight[(time <= t) & (cause == j)].sum() / n for t in found.times])
        assert found.incidence[:, j - 1] == pytest.approx(share)
        assert found.variance[:, j - 1] == pytest.approx(share * (1 - share) / n, abs=1e-14)


@given(PEOPLE)
@settings(max_examples=50, deadline=None)
def test_a_weight_is_so_many_people_in_any_order(rows):
    time, cause, weight = map(np.array, zip(*rows, strict=True))
    each = np.repeat(np.arange(time.size), weight)[::-1]
    one = kaplan_meier(time, cause > 0, weight)
    many = kaplan_meier(time[each], cause[each] > 0)
    for name in ("times", "at_risk", "events", "censored", "survival", "variance"):
        assert getattr(one, name) == pytest.approx(getattr(many, name))


def test_a_censoring_counts_as_after_an_event_at_the_same_time():
    assert kaplan_meier([1.0, 1.0], [1, 0]).survival == pytest.approx([0.5])


def test_times_apart_by_rounding_only_are_one_time():
    curve = kaplan_meier([0.1 + 0.2, 0.3, 1.0], [1, 1, 0])
    assert curve.times.size == 2
    assert curve.survival == pytest.approx([1 / 3, 1 / 3])


def test_everyone_censored_leaves_the_curve_at_one_with_the_median_not_reached():
    curve = kaplan_meier([2, 4, 4, 9], [0, 0, 0, 0])
    assert (curve.survival == 1).all()
    median = curve.quantile()
    assert np.isnan(median.estimate)
    assert np.isnan(median.low)
    assert median.high == np.inf


def test_the_curve_is_unknown_after_follow_up_unless_it_has_reached_zero():
    survival, _ = kaplan_meier([1, 2], [1, 0]).at([0.5, 1, 2, 2.1])
    assert survival == pytest.approx([1, 0.5, 0.5, np.nan], nan_ok=True)
    survival, variance = kaplan_meier([1, 2], [1, 1]).at([99])
    assert (survival[0], variance[0]) == (0, 0)
    assert np.isnan(aalen_johansen([1, 2], [1, 0]).at(3)).all()


def test_limits_lie_inside_zero_and_one_and_widen_with_coverage():
    narrow = survival_limits([0.02, 0.98], [0.01, 0.01], conf_level=0.5)
    wide = survival_limits([0.02, 0.98], [0.01, 0.01], conf_level=0.99)
    assert (wide[0] < narrow[0]).all()
    assert (wide[1] > narrow[1]).all()
    assert wide[0].min() >= 0
    assert wide[1].max() <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], []), "nobody"),
        (([1.0], [2]), "event must be 1"),
        (([1.0, 2.0], [1]), "one length"),
        (([-1.0], [1]), "not negative"),
        (([np.nan], [1]), "not missing"),
        (([np.inf], [0]), "finite"),
        (([1.0], [1], [-1.0]), "weights"),
        (([1.0], [1], [0.0]), "nobody"),
    ],
)
def test_arrays_that_cannot_be_are_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        kaplan_meier(*arguments)


def test_wrong_options_are_refused_in_words():
    with pytest.raises(ValueError, match="entry must come before"):
        kaplan_meier([1.0], [1], entry=[1.0])
    with pytest.raises(ValueError, match="cause must be 0"):
        aalen_johansen([1.0], [-1])
    with pytest.raises(ValueError, match="log-log"):
        survival_limits([0.5], [0.1], kind="log")
    with pytest.raises(ValueError, match="share"):
        kaplan_meier([1.0], [1]).quantile(1.0)

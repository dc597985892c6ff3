"""Log-rank tests against R's survdiff and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from references import read_input, read_reference
from scipy.stats import hypergeom

from ketastats.stats.log_rank import log_rank

ROWS = list(read_reference("survival_log_rank").itertuples())


def table(dataset):
    if dataset == "lung":
        frame = read_input("survival_lung")
        return frame.assign(group=frame["sex"], stratum=frame["ph_ecog"].fillna(-1))
    if dataset.startswith("veteran"):
        frame = read_input("survival_veteran")
        cell = frame["celltype"].rank(method="dense").astype(int)
        one, two = (frame["trt"], cell) if dataset == "veteran" else (cell, frame["trt"])
        return frame.assign(group=one, stratum=two)
    return read_input("survival_cases").query("name == @dataset")


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.dataset}-{r.stratified}-{r.rho}")
def test_statistic_agrees_with_r(row):
    frame = table(row.dataset)
    found = log_rank(
        frame["time"],
        frame["event"],
        frame["group"] - 1,
        stratum=frame["stratum"] if row.stratified else None,
        rho=row.rho,
    )
    assert found.statistic == pytest.approx(row.statistic, rel=1e-9)
    assert found.df == row.df
    assert found.p_value == pytest.approx(row.p_value, rel=1e-8)
    assert found.observed[0] == pytest.approx(row.observed_1, rel=1e-12)
    assert found.expected[0] == pytest.approx(row.expected_1, rel=1e-12)
    scores = np.arange(1, found.observed.size + 1)
    assert found.trend(scores).z == pytest.approx(row.trend_z, rel=1e-9)


def test_statistic_agrees_with_what_greenwood_holds_for_lung():
    printed = read_reference("survival_printed", source="greenwood", dataset="lung")
    expected = printed.set_index("quantity")["printed"]
    frame = table("lung")
    found = log_rank(frame["time"], frame["event"], frame["group"] - 1)
    assert found.statistic == pytest.approx(expected["log_rank_statistic"], rel=1e-12)
    assert found.p_value == pytest.approx(expected["log_rank_p"], rel=1e-12)
    assert found.expected == pytest.approx(expected[["expected_1", "expected_2"]].to_numpy())


def test_one_event_time_is_the_hypergeometric_distribution():
    time, group = np.array([1.0] * 5 + [2.0] * 7), np.array([0, 0, 0, 1, 1] + [0, 1] * 3 + [1])
    found = log_rank(time, time == 1, group)
    exact = hypergeom(12, int((group == 0).sum()), 5)
    assert found.expected[0] == pytest.approx(exact.mean())
    assert found.covariance[0, 0] == pytest.approx(exact.var())


def test_trend_with_two_groups_is_the_test_itself_whatever_the_scores():
    frame = table("lung")
    found = log_rank(frame["time"], frame["event"], frame["group"] - 1)
    for scores in ([0, 1], [3, -5]):
        assert found.trend(scores).z ** 2 == pytest.approx(found.statistic)
        assert found.trend(scores).p_value == pytest.approx(found.p_value)
    assert found.trend([0, 1]).z < 0  # women die later


def test_order_of_rows_and_names_of_groups_do_not_matter_and_weights_are_people():
    frame = table("three_groups_strata")
    base = log_rank(frame["time"], frame["event"], frame["group"] - 1, stratum=frame["stratum"])
    mixed = frame.sample(frac=1, random_state=1)
    swapped = log_rank(mixed["time"], mixed["event"], 3 - mixed["group"], stratum=mixed["stratum"])
    assert swapped.statistic == pytest.approx(base.statistic)
    assert swapped.observed[::-1] == pytest.approx(base.observed)
    keys = ["time", "event", "group", "stratum"]
    counted = frame.groupby(keys).size().reset_index(name="n")
    few = log_rank(
        counted["time"],
        counted["event"],
        counted["group"] - 1,
        stratum=counted["stratum"],
        weight=counted["n"],
    )
    assert few.statistic == pytest.approx(base.statistic)


def test_observed_and_expected_have_one_total_and_the_covariance_no_net_sum():
    frame = table("veteran_cell")
    found = log_rank(frame["time"], frame["event"], frame["group"] - 1)
    assert found.observed.sum() == pytest.approx(found.expected.sum())
    assert found.covariance.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [0, 0], [0, 1]), "no events"),
        (([1.0, 2.0], [1, 1], [0, 0]), "only one group"),
        (([1.0, 2.0], [0, 1], [0, 1]), "only one group"),
        (([1.0, 1.0], [1, 1], [0, 1]), "cannot be compared"),
        (([], [], []), "nobody"),
        (([1.0], [1], [-1]), "numbered from 0"),
        (([1.0], [3], [0]), "event must be 1"),
        (([np.inf], [1], [0]), "finite"),
        (([1.0, 2.0], [1], [0]), "one length"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        log_rank(*arguments)


def test_a_trend_needs_different_scores_one_per_group():
    found = log_rank([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], [0, 1, 0, 1])
    with pytest.raises(ValueError, match="different scores"):
        found.trend([2, 2])
    with pytest.raises(ValueError, match="one finite score"):
        found.trend([1, 2, 3])

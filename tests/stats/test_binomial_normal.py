"""The random-intercept logistic model against R's converged integral."""

from __future__ import annotations

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats import binomial_normal as module
from ketastats.stats.binomial_normal import binomial_normal

FOUR = [
    "Generalized Anxiety Disorder",
    "Panic Disorder",
    "Social Anxiety Disorder",
    "Specific Phobia",
]


def arms(dataset, arm):
    if dataset == "nielweise2007":
        frame = read_input("nielweise2007")
        names = ("ci", "n2i") if arm == "control" else ("ai", "n1i")
        return frame[names[0]], frame[names[1]]
    frame = read_input("metapsy_psychotherapy_response")
    chosen = frame["disorder"].isin(FOUR if dataset.startswith("Four") else [dataset])
    frame = frame[chosen]
    if arm == "therapy":
        return frame["improved.ig"], frame["n.ig"]
    once = frame.drop_duplicates(["disorder", "study", "improved.cg", "n.cg"])
    return once["improved.cg"], once["n.cg"]


ROWS = list(read_reference("pooling_glmm").itertuples())


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.dataset}-{r.arm}")
def test_fit_agrees_with_the_converged_integral(row):
    x, n = arms(row.dataset, row.arm)
    assert (len(x), x.sum(), n.sum()) == (row.k, row.events, row.total)
    fit = binomial_normal(x, n)
    assert fit.mean.mu == pytest.approx(row.mu, rel=1e-6)
    assert fit.mean.std_error == pytest.approx(row.se, rel=1e-6)
    assert fit.mean.tau2 == pytest.approx(row.tau2, rel=1e-6)
    assert fit.log_likelihood == pytest.approx(row.loglik, rel=1e-8)
    assert fit.mean.interval() == pytest.approx((row.conf_low, row.conf_high), rel=1e-6)


def test_the_printed_converged_values_are_met():
    fit = binomial_normal(*arms("nielweise2007", "treated"))
    assert fit.mean.mu == pytest.approx(-4.811850, abs=0.5e-6)
    assert fit.mean.tau2 == pytest.approx(0.825324, abs=1e-6)
    assert binomial_normal(*arms("nielweise2007", "control")).mean.mu == pytest.approx(
        -3.496409, abs=1e-6
    )


def test_more_nodes_do_not_change_the_fit(monkeypatch):
    x, n = arms("Borderline Personality Disorder", "therapy")
    before = binomial_normal(x, n)
    monkeypatch.setattr(module, "N_NODES", 81)
    after = binomial_normal(x, n)
    assert after.mean.mu == pytest.approx(before.mean.mu, rel=1e-7)
    assert after.mean.tau2 == pytest.approx(before.mean.tau2, rel=1e-6)


def test_events_and_non_events_mirror():
    x, n = (np.asarray(a) for a in arms("nielweise2007", "control"))
    plain, mirrored = binomial_normal(x, n), binomial_normal(n - x, n)
    assert mirrored.mean.mu == pytest.approx(-plain.mean.mu, rel=1e-9)
    assert mirrored.mean.tau2 == pytest.approx(plain.mean.tau2, rel=1e-7)


def test_alike_studies_give_the_plain_rate_and_no_heterogeneity():
    fit = binomial_normal([5, 10, 15], [10, 20, 30])
    assert fit.mean.tau2 == 0
    assert fit.mean.mu == pytest.approx(0, abs=1e-12)
    assert fit.mean.std_error == pytest.approx(1 / np.sqrt(60 * 0.25))


def test_the_order_of_the_studies_does_not_matter():
    x, n = (np.asarray(a) for a in arms("Panic Disorder", "therapy"))
    order = np.random.default_rng(3).permutation(len(x))
    assert binomial_normal(x[order], n[order]).mean.mu == pytest.approx(
        binomial_normal(x, n).mean.mu, rel=1e-9
    )


@pytest.mark.parametrize("x", [[0, 0, 0], [4, 5, 6]])
def test_an_infinite_logit_is_said_in_words(x):
    with pytest.raises(ValueError, match="infinite"):
        binomial_normal(x, [4, 5, 6])


@pytest.mark.parametrize(("x", "n"), [([5], [4]), ([0.5], [4]), ([], []), ([1, 2], [3])])
def test_counts_that_cannot_be_are_refused(x, n):
    with pytest.raises(ValueError, match=r"events"):
        binomial_normal(x, n)


def test_intervals_cover_as_often_as_they_say():
    """Simulated: 30 studies of 20 to 80 people, mean logit -.6, tau2 .4."""
    rng = np.random.default_rng(7)
    hits, draws = 0, 1000
    for _ in range(draws):
        n = rng.integers(20, 81, 30)
        x = rng.binomial(n, 1 / (1 + np.exp(-rng.normal(-0.6, np.sqrt(0.4), 30))))
        low, high = binomial_normal(x, n).mean.interval()
        hits += low <= -0.6 <= high
    # The normal interval of a maximum-likelihood fit runs a little short with 30 studies.
    assert 0.92 <= hits / draws <= 0.97

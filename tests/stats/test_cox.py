"""Proportional hazards regression against R's coxph and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from references import read_input, read_reference
from scipy.optimize import approx_fprime

from ketastats.stats.cox import (
    AliasedError,
    MonotoneLikelihoodError,
    cox_regression,
)

REFERENCE = list(read_reference("survival_cox").groupby(["dataset", "ties"]))


def data(dataset):
    """Arguments of `cox_regression` and the clusters for a reference."""
    name, _, variant = dataset.partition("_")
    if dataset in ("heavy_ties", "late_entry"):
        rows = read_input("survival_cases").query("name == @dataset")
        if dataset == "heavy_ties":
            return {"design": rows[["group"]], **times(rows)}, None
        x = (np.arange(1, len(rows) + 1) % 3)[:, None]
        return {"design": x, **times(rows), "start": rows["entry"]}, None
    rows = read_input(f"survival_{name}")
    if name == "heart":
        arguments = {"design": rows[["age", "surgery", "transplant"]], "stop": rows["stop"]}
        return {**arguments, "event": rows["event"], "start": rows["start"]}, rows["id"]
    if name == "test1":
        return {"design": rows[["x"]], **times(rows)}, None
    if name == "lung":
        rows = rows[rows["ph_ecog"].notna()] if variant else rows
        layers = {"stratum": rows["ph_ecog"]} if variant else {}
        return {"design": rows[["age", "sex"]], **times(rows), **layers}, None
    columns = ["trt", "karno"] if variant else ["trt", "karno", "age"]
    layers = {"stratum": rows["celltype"]} if variant else {}
    return {"design": rows[columns], **times(rows), **layers}, None


def times(rows):
    return {"stop": rows["time"], "event": rows["event"]}


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: "-".join(case[0]))
def test_fit_agrees_with_r(case):
    (dataset, ties), rows = case
    arguments, cluster = data(dataset)
    fit = cox_regression(**arguments, ties=ties)
    assert fit.coefficients == pytest.approx(rows["coefficient"].to_numpy(), rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(rows["std_error"].to_numpy(), rel=1e-8)
    robust = np.sqrt(np.diag(fit.robust_covariance()))
    assert robust == pytest.approx(rows["robust_row"].to_numpy(), rel=1e-7)
    assert fit.log_likelihood == pytest.approx(rows["log_likelihood"].iloc[0], rel=1e-11)
    at_zero = rows["log_likelihood_at_zero"].iloc[0]
    assert fit.log_likelihood_at_zero == pytest.approx(at_zero, rel=1e-11)
    if cluster is not None:
        by_subject = np.sqrt(np.diag(fit.robust_covariance(cluster)))
        assert by_subject == pytest.approx(rows["robust_cluster"].to_numpy(), rel=1e-7)


def test_lung_agrees_with_what_greenwood_holds():
    printed = read_reference("survival_printed", source="greenwood", dataset="lung")
    expected = printed.set_index("quantity")["printed"]
    fit = cox_regression(**data("lung")[0])
    # Those numbers are from R's default number of steps, which leaves an error of 5e-9.
    assert fit.coefficients == pytest.approx(expected[["cox_age", "cox_sex"]].to_numpy(), rel=1e-8)
    errors = expected[["cox_age_se", "cox_sex_se"]].to_numpy()
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(errors, rel=1e-8)
    assert fit.log_likelihood == pytest.approx(expected["cox_log_likelihood"], rel=1e-13)


def test_the_hand_calculation_of_six_subjects_holds():
    # With r = exp(beta), the Breslow score of this data set vanishes where
    # 2 = 3r/(3r + 3) + 2r/(r + 3) (Therneau and Grambsch 2000, appendix E).
    rows = read_input("survival_test1")
    fit = cox_regression(rows[["x"]], rows["time"], rows["event"], ties="breslow")
    r = float(np.exp(fit.coefficients[0]))
    assert r / (r + 1) + 2 * r / (r + 3) == pytest.approx(2.0, rel=1e-9)
    information = r / (r + 1) ** 2 + 2 * 3 * r / (r + 3) ** 2
    assert fit.covariance[0, 0] == pytest.approx(1 / information, rel=1e-9)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_the_fit_is_a_maximum_of_a_likelihood_written_down_plainly(ties):
    rng = np.random.default_rng(5)
    x, start = rng.normal(size=(60, 2)), rng.integers(0, 4, 60)
    stop, event = start + rng.integers(1, 6, 60), rng.integers(0, 2, 60)
    layer = rng.integers(0, 2, 60)

    def log_likelihood(beta):
        total = 0.0
        for s in (0, 1):
            for t in np.unique(stop[(event == 1) & (layer == s)]):
                risk = (start < t) & (stop >= t) & (layer == s)
                dead = risk & (stop == t) & (event == 1)
                w, d = np.exp(x @ beta), int(dead.sum())
                total += float((x @ beta)[dead].sum())
                for k in range(d):
                    off = k / d if ties == "efron" else 0.0
                    total -= np.log(w[risk].sum() - off * w[dead].sum())
        return total

    fit = cox_regression(x, stop, event, start=start, stratum=layer, ties=ties)
    assert fit.log_likelihood == pytest.approx(log_likelihood(fit.coefficients), rel=1e-12)
    assert fit.log_likelihood_at_zero == pytest.approx(log_likelihood(np.zeros(2)), rel=1e-12)
    assert approx_fprime(fit.coefficients, log_likelihood, 1e-6) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_residuals_sum_to_zero_and_rows_may_be_split_or_shuffled(ties):
    arguments, _ = data("veteran")
    fit = cox_regression(**arguments, ties=ties)
    scale = np.abs(fit.residuals).sum(axis=0)
    assert fit.residuals.sum(axis=0) / scale == pytest.approx(np.zeros(3), abs=1e-10)
    x, stop = arguments["design"].to_numpy(), arguments["stop"].to_numpy()
    event = arguments["event"].to_numpy()
    order = np.random.default_rng(2).permutation(stop.size)
    halves = cox_regression(
        np.vstack([x[order], x]),
        np.concatenate([stop[order] / 2, stop]),
        np.concatenate([np.zeros(stop.size), event]),
        start=np.concatenate([np.zeros(stop.size), stop / 2]),
        ties=ties,
    )
    assert halves.coefficients == pytest.approx(fit.coefficients, rel=1e-9)
    subject = np.concatenate([order, np.arange(stop.size)])
    assert halves.robust_covariance(subject) == pytest.approx(fit.robust_covariance(), rel=1e-7)


def test_units_of_a_covariate_do_not_matter():
    arguments, _ = data("lung")
    base = cox_regression(**arguments)
    moved = cox_regression(**{**arguments, "design": arguments["design"] * [1e-4, 1e5] + [7, -9]})
    assert moved.coefficients * [1e-4, 1e5] == pytest.approx(base.coefficients, rel=1e-8)
    assert moved.log_likelihood == pytest.approx(base.log_likelihood, rel=1e-12)


def test_a_group_without_events_has_no_finite_coefficient_and_the_error_names_its_column():
    rng = np.random.default_rng(0)
    other, group = rng.normal(size=40), np.repeat([0.0, 1.0], 20)
    event = np.where(group == 1, 0, rng.integers(0, 2, 40))
    with pytest.raises(MonotoneLikelihoodError) as caught:
        cox_regression(np.column_stack([other, group]), rng.exponential(size=40), event)
    assert caught.value.columns == (1,)


def test_a_covariate_that_orders_the_events_perfectly_is_monotone():
    time = np.arange(1.0, 21.0)
    with pytest.raises(MonotoneLikelihoodError, match="rises without end"):
        cox_regression(-time[:, None], time, np.ones(20))


def test_a_strong_but_finite_effect_is_found():
    time = np.arange(1.0, 61.0)
    x = -time.copy()
    x[[20, 21]] = x[[21, 20]]  # one exchange bounds the effect
    fit = cox_regression(x[:, None], time, np.ones(60))
    assert np.isfinite(fit.coefficients[0])
    r = float(np.exp(fit.coefficients[0]))
    assert 20 < r < 120  # about 59 orderly neighbours to one exchanged pair


def test_columns_that_repeat_each_other_or_are_constant_where_it_counts_are_refused():
    rng = np.random.default_rng(1)
    x, stop, layer = rng.normal(size=30), rng.exponential(size=30), np.repeat([0, 1], 15)
    with pytest.raises(AliasedError) as caught:
        cox_regression(np.column_stack([x, rng.normal(size=30), 2 * x]), stop, np.ones(30))
    assert caught.value.columns == (0, 2)
    with pytest.raises(AliasedError):
        cox_regression(np.ones((30, 1)), stop, np.ones(30))
    with pytest.raises(AliasedError):
        cox_regression(layer[:, None], stop, np.ones(30), stratum=layer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"event": [0, 0, 0]}, "no events"),
        ({"event": [2, 0, 1]}, "event must be 1"),
        ({"stop": [1.0, np.nan, 2.0]}, "none missing"),
        ({"start": [1.0, 0.0, 0.0]}, "start must come before"),
        ({"design": [[1.0], [np.inf], [0.0]]}, "finite"),
        ({"design": [1.0, 2.0, 0.0]}, "shape"),
        ({"design": [[1.0], [0.0]]}, "same number of rows"),
        ({"ties": "exact"}, "breslow"),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_words(change, words):
    good = {"design": [[1.0], [0.0], [0.5]], "stop": [1.0, 2.0, 3.0], "event": [1, 1, 0]}
    with pytest.raises(ValueError, match=words):
        cox_regression(**{**good, **change})


def test_clusters_must_fit_the_rows():
    fit = cox_regression(**data("test1")[0])
    with pytest.raises(ValueError, match="one value per row"):
        fit.robust_covariance([1, 2])

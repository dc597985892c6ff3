"""Covariate-adjusted risks against SAS and R: Ge's and Ye's variances."""

from __future__ import annotations

import numpy as np
import pytest
from references import read_input, read_reference

from ketastats.stats.standardised_risks import (
    SeparationError,
    ge_standardised_risks,
    logistic_fit,
    ye_standardised_risks,
)

ESTIMATORS = {"ge_model": ge_standardised_risks, "ye": ye_standardised_risks}


def trial01():
    frame = read_input("beeca_trial01").dropna(subset=["aval"])
    return (
        frame["trtp"].to_numpy(int),
        frame[["bl_cov"]].to_numpy(float),
        frame["aval"].to_numpy(float),
    )


def glm_data():
    frame = read_input("robincar2_glm_data")
    arm = frame["treatment"].map({"pbo": 0, "trt1": 1, "trt2": 2}).to_numpy()
    return arm, (frame[["s1"]] == "b").to_numpy(float), frame["y_b"].to_numpy(float)


@pytest.mark.parametrize("method", sorted(ESTIMATORS))
def test_two_arms_agree_with_sas_and_r(method):
    arm, covariates, outcome = trial01()
    assert arm.size == 267
    found = ESTIMATORS[method](arm, covariates, outcome, 2)
    rows = read_reference(
        "adjusted_rd", dataset="beeca_trial01", variance_method=method, model="aval ~ trtp + bl_cov"
    ).set_index(["quantity", "arm"])
    contrast = np.array([-1.0, 1.0])
    for a in (0, 1):
        expected = rows.loc[("mean", str(a))]
        assert found.risks[a] == pytest.approx(expected["estimate"], rel=1e-9)
        assert found.covariance[a, a] == pytest.approx(expected["variance"], rel=1e-7)
    difference = rows.loc[("difference", "1")]
    assert contrast @ found.risks == pytest.approx(difference["estimate"], rel=1e-9)
    assert contrast @ found.covariance @ contrast == pytest.approx(difference["variance"], rel=1e-7)


def test_printed_numbers_of_the_ge_macro_and_beeca():
    arm, covariates, outcome = trial01()
    contrast = np.array([-1.0, 1.0])
    ge = ge_standardised_risks(arm, covariates, outcome, 2)
    assert contrast @ ge.risks == pytest.approx(-0.068364, abs=0.5e-6)
    assert np.sqrt(contrast @ ge.covariance @ contrast) == pytest.approx(0.060716, abs=0.5e-6)
    # The macro prints .419109 and .487472; R's glm, run to the optimum, gives .4191083 and .4874723.
    assert ge.risks == pytest.approx([0.487472, 0.419109], abs=1e-6)
    ye = ye_standardised_risks(arm, covariates, outcome, 2)
    assert contrast @ ye.covariance @ contrast == pytest.approx(0.003706813, abs=0.5e-9)


def test_three_arms_agree_with_beeca():
    frame = read_input("beeca_trial02")
    names = {str(name).lower(): name for name in frame.columns}
    arm_codes = np.unique(frame[names["trtpn"]])
    arm = np.searchsorted(arm_codes, frame[names["trtpn"]])
    covariates = (frame[[names["sex"]]] == "M").to_numpy(float)
    found = ye_standardised_risks(arm, covariates, frame[names["aval"]].to_numpy(float), 3)
    expected = [2.652272364e-3, 2.303420439e-3, 2.379076091e-3]
    assert sorted(np.diag(found.covariance)) == pytest.approx(sorted(expected), rel=1e-8)


def test_a_saturated_three_arm_model_agrees_with_robincar2():
    """Treatment by stratum is saturated, so logit and linear working models agree."""
    arm, stratum, outcome = glm_data()
    crossed = np.column_stack(
        [stratum, stratum * (arm == 1)[:, None], stratum * (arm == 2)[:, None]]
    )
    rows = read_reference("adjusted_rd", dataset="robincar2_glm_data", variance_method="ye")
    means = rows[(rows["quantity"] == "mean") & (rows["family"] == "binomial")]
    simple = means[means["model"].str.contains(r"\+")].set_index("arm")["estimate"]
    found = ye_standardised_risks(arm, stratum, outcome, 3)
    assert found.risks == pytest.approx([simple["pbo"], simple["trt1"], simple["trt2"]], rel=1e-8)
    assert crossed.shape == (arm.size, 3)


def test_without_covariates_the_risks_are_the_raw_ones():
    arm, _, outcome = trial01()
    found = ge_standardised_risks(arm, np.empty((arm.size, 0)), outcome, 2)
    assert found.risks == pytest.approx([outcome[arm == a].mean() for a in (0, 1)], abs=1e-10)


def test_the_order_of_the_rows_does_not_matter():
    arm, covariates, outcome = trial01()
    order = np.random.default_rng(1).permutation(arm.size)
    for estimator in ESTIMATORS.values():
        a = estimator(arm, covariates, outcome, 2)
        b = estimator(arm[order], covariates[order], outcome[order], 2)
        assert b.risks == pytest.approx(a.risks, abs=1e-12)
        assert b.covariance == pytest.approx(a.covariance, abs=1e-14)


def test_separation_and_aliased_columns_are_said_in_words():
    outcome = np.array([0.0, 0.0, 1.0, 1.0])
    design = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    with pytest.raises(SeparationError, match="separates"):
        logistic_fit(design, outcome)
    with pytest.raises(SeparationError, match="constant or repeats"):
        logistic_fit(np.column_stack([np.ones(4), np.ones(4)]), outcome)

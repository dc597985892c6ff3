"""Mixed models for repeated measures against R: mmrm, nlme and pbkrtest, on five data sets."""

import numpy as np
import pytest
from mmrm_models import by_r_name, fitted, our_name, r_name
from references import read_reference

KEYS = ["model", "covariance", "likelihood", "df_method", "vcov"]
R_MMRM = {" ".join(key): rows for key, rows in read_reference("mmrm_r").groupby(KEYS)}
STUCK = "fev_arm ad reml satterthwaite model"  # R stops at another stationary point, 3.9 above ours
GLS = {
    " ".join(key): rows
    for key, rows in read_reference("mmrm_gls").groupby(["model", "covariance", "likelihood"])
    if not key[1].startswith("sp_")
}


@pytest.mark.parametrize("name", [name for name in R_MMRM if name != STUCK])
def test_coefficients_standard_errors_and_degrees_of_freedom_agree_with_mmrm(name):
    model, covariance, likelihood, df, vcov = name.split()
    fit = fitted(model, covariance=covariance, reml=likelihood == "reml", df=df, vcov=vcov)
    rows = R_MMRM[name]
    ours = by_r_name(fit).loc[rows["column"].map(r_name)]
    assert fit.deviance == pytest.approx(rows["deviance"].iloc[0], abs=1e-7)
    errors = np.abs(ours["estimate"].to_numpy() - rows["estimate"].to_numpy())
    assert (errors / rows["std_error"].to_numpy()).max() < 1e-5
    assert ours["std_error"].to_numpy() == pytest.approx(rows["std_error"].to_numpy(), rel=1e-5)
    assert ours["df"].to_numpy() == pytest.approx(rows["df"].to_numpy(), rel=1e-5)


def test_where_r_is_stuck_our_restricted_likelihood_is_higher():
    fit = fitted("fev_arm", covariance="ad", df="satterthwaite")
    assert fit.deviance < R_MMRM[STUCK]["deviance"].iloc[0] - 3
    assert fit.certificate["decrement"] < 1e-12
    assert fit.certificate["least_curvature"] > 0


@pytest.mark.parametrize("name", list(GLS))
def test_maxima_agree_with_gls(name):
    model, covariance, likelihood = name.split()
    fit = fitted(model, covariance=covariance, reml=likelihood == "reml", df="satterthwaite")
    rows = GLS[name]
    assert fit.deviance == pytest.approx(rows["deviance"].iloc[0], abs=1e-6)
    assert fit.deviance <= rows["deviance"].iloc[0] + 1e-9
    ours = by_r_name(fit).loc[rows["column"].map(r_name)]
    errors = np.abs(ours["estimate"].to_numpy() - rows["estimate"].to_numpy())
    assert (errors / ours["std_error"].to_numpy()).max() < 1e-3  # gls stops earlier


@pytest.mark.parametrize("case", list(read_reference("mmrm_r_joint").itertuples()))
def test_joint_tests_agree_with_mmrm(case):
    fit = fitted(case.model, df=case.df_method)
    test = fit.joint([our_name(fit, name) for name in case.columns.split()]).to_frame().iloc[0]
    assert test["df"] == case.num_df
    assert test["statistic"] == pytest.approx(case.f_stat, rel=1e-6)
    assert test["denominator_df"] == pytest.approx(case.denom_df, rel=1e-6)
    assert test["p_value"] == pytest.approx(case.p_val, rel=1e-5)


@pytest.mark.parametrize("case", list(read_reference("mmrm_pbkrtest").itertuples()))
def test_kenward_roger_with_expected_information_agrees_with_pbkrtest(case):
    fit = fitted(case.model, covariance="cs", information="expected")
    if case.kind == "one":
        row = by_r_name(fit).loc[r_name(case.columns)]
        assert row["std_error"] == pytest.approx(case.std_error, rel=1e-6)
        assert row["df"] == pytest.approx(case.denom_df, rel=1e-6)
        assert row["statistic"] ** 2 == pytest.approx(case.f_stat, rel=1e-5)
        return
    test = fit.joint([our_name(fit, name) for name in case.columns.split()]).to_frame().iloc[0]
    assert test["statistic"] == pytest.approx(case.f_stat, rel=1e-6)
    assert test["denominator_df"] == pytest.approx(case.denom_df, rel=1e-6)
    assert test["scale"] == pytest.approx(case.scale, rel=1e-6)


@pytest.mark.parametrize("weights", ["equal", "proportional", "subjects", "subjects_random"])
def test_marginal_means_agree_with_emmeans_and_g_computation(weights):
    rows = read_reference("mmrm_r_emmeans", weights=weights).set_index(["ARMCD", "AVISIT"])
    fit = fitted("fev_full", df="satterthwaite")
    kind, _, random = weights.partition("_")
    means = fit.emmeans(
        ["ARMCD", "AVISIT"], weights=kind, covariates="random" if random else "fixed"
    )
    ours = means.to_frame().set_index(["ARMCD", "AVISIT"]).loc[rows.index]
    assert ours["estimate"].to_numpy() == pytest.approx(rows["estimate"].to_numpy(), rel=1e-7)
    assert ours["std_error"].to_numpy() == pytest.approx(rows["std_error"].to_numpy(), rel=1e-6)
    if not random:
        assert ours["df"].to_numpy() == pytest.approx(rows["df"].to_numpy(), rel=1e-6)

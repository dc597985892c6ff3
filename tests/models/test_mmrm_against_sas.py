"""Mixed models for repeated measures against SAS PROC MIXED and the exact optimum of the same likelihood.

SAS stops short of the optimum by up to 2e-5 in the deviance, so its covariance elements are good to 2e-3.
"""

import math

import numpy as np
import pandas as pd
import pytest
from mmrm_models import FORMULAS, by_r_name, fitted, table
from references import FOLDER, half_last_digit, read_reference

import ketastats as ks

DEVIANCES = read_reference("mmrm_deviance")
KENWARD_ROGER = read_reference("mmrm_sas_kenward_roger")


def intercept_only(case) -> ks.Mmrm:
    options = {}
    if isinstance(case.coordinates, str):
        options["coordinates"] = case.coordinates.split()
    if isinstance(case.by, str):
        options["covariance_by"] = case.by
    if case.weighted:
        options["weights"] = "WEIGHT"
    return ks.mmrm(
        "FEV1 ~ 1",
        table("fev"),
        subject="USUBJID",
        visit="AVISIT",
        covariance=case.covariance,
        reml=case.likelihood == "reml",
        df="satterthwaite",
        **options,
    )


def case_name(case) -> str:
    parts = [case.covariance, case.coordinates, case.by, case.likelihood]
    return " ".join(str(part) for part in parts if isinstance(part, str))


@pytest.mark.parametrize("case", list(DEVIANCES.itertuples()), ids=case_name)
def test_deviance_agrees_with_sas_and_is_not_above_it(case):
    fit = intercept_only(case)
    assert fit.deviance == pytest.approx(
        case.deviance, abs=5e-5
    )  # ad, sp_gau: four decimals printed
    assert fit.deviance <= case.deviance + 5e-5
    if not math.isnan(case.std_error):
        row = fit.to_frame().iloc[0]
        assert row["estimate"] == pytest.approx(case.intercept, rel=3e-5)
        assert row["std_error"] == pytest.approx(case.std_error, abs=1e-4)


@pytest.mark.parametrize(
    "case", list(DEVIANCES.dropna(subset=["optimum_deviance"]).itertuples()), ids=case_name
)
def test_fit_is_the_exact_optimum(case):
    fit = intercept_only(case)
    row = fit.to_frame().iloc[0]
    assert fit.deviance == pytest.approx(case.optimum_deviance, abs=1e-8)
    assert row["estimate"] == pytest.approx(case.optimum_intercept, abs=0.5e-5 + 1e-9)
    assert row["std_error"] == pytest.approx(case.optimum_std_error, abs=0.5e-5 + 1e-9)


@pytest.mark.parametrize(
    ("reml", "expected"),
    [
        (False, [49.80186, 2.62050, -40.58633, 4.84043, -8.65413, 22.93180]),
        (True, [49.89101, 2.74294, -40.45956, 4.97263, -8.52786, 23.06848]),
    ],
)
def test_unstructured_covariances_agree_with_the_optimum(reml, expected):
    # source: the collected reference numbers, section 1, exact optimum; ours has a decrement below 1e-12
    fit = ks.mmrm(
        "FEV1 ~ 1", table("fev"), subject="USUBJID", visit="AVISIT", reml=reml, df="satterthwaite"
    )
    sigma = fit.sigma.to_numpy()
    assert sigma[np.triu_indices(4, 1)] == pytest.approx(expected, abs=2e-5)
    if reml:
        assert [sigma[1, 1], sigma[2, 2]] == pytest.approx([44.01578, 27.27341], abs=2e-5)


def kenward_roger(covariance: str, **options: object) -> pd.Series:
    given = {"coordinates": ("VISITN", "VISITN2")} if covariance == "sp_exp" else {}
    fit = fitted("fev_arm", covariance=covariance, **given, **options)
    return by_r_name(fit).loc["ARMCDTRT"]


@pytest.mark.parametrize("case", list(KENWARD_ROGER.itertuples()), ids=lambda case: case.covariance)
def test_kenward_roger_agrees_with_sas(case):
    full = kenward_roger(case.covariance)
    linear = kenward_roger(case.covariance, df="kenward_roger_linear")
    assert full["estimate"] == pytest.approx(case.estimate, rel=3e-4)
    assert full["std_error"] == pytest.approx(case.std_error, rel=3e-4)
    assert linear["std_error"] == pytest.approx(case.std_error_linear, rel=3e-4)
    assert full["df"] == pytest.approx(case.df, rel=5e-4)
    assert linear["df"] == pytest.approx(full["df"], rel=1e-12)


@pytest.mark.parametrize(
    "case",
    list(read_reference("mmrm_kenward_roger_optimum").itertuples()),
    ids=lambda case: case.covariance,
)
def test_kenward_roger_at_the_optimum_with_both_kinds_of_information(case):
    full = kenward_roger(case.covariance)
    linear = kenward_roger(case.covariance, df="kenward_roger_linear")
    assert full["estimate"] == pytest.approx(case.estimate, abs=1e-5)
    assert full["std_error"] == pytest.approx(case.std_error, abs=1e-5)
    assert linear["std_error"] == pytest.approx(case.std_error_linear, abs=1e-5)
    assert full["df"] == pytest.approx(case.df, abs=6e-4)
    if not math.isnan(case.df_expected):
        expected = kenward_roger(case.covariance, information="expected")
        assert expected["df"] == pytest.approx(case.df_expected, abs=0.006)


@pytest.mark.parametrize("case", list(read_reference("mmrm_sas_empirical").itertuples()))
def test_sandwich_without_correction_agrees_with_sas(case):
    given = {"coordinates": ("VISITN", "VISITN2")} if case.covariance == "sp_exp" else {}
    given |= {"weights": "WEIGHT"} if case.weighted else {}
    fit = fitted("fev_arm", covariance=case.covariance, vcov="cr0", df="satterthwaite", **given)
    found = fit.vcov.to_numpy()
    assert found[0, 0] == pytest.approx(case.var_intercept, rel=3e-4)
    assert found[1, 1] == pytest.approx(case.var_arm, rel=3e-4)
    assert found[0, 1] == pytest.approx(case.cov, rel=3e-4)


@pytest.mark.parametrize(
    "case",
    list(pd.read_csv(FOLDER / "mmrm_sas_limits.csv", comment="#", dtype=str).itertuples()),
    ids=lambda case: f"{case.covariance} {case.likelihood} {case.term}",
)
def test_confidence_limits_agree_with_sas(case):
    fit = ks.mmrm(
        "FEV1 ~ ARMCD + SEX",
        table("fev"),
        subject="USUBJID",
        visit="AVISIT",
        covariance=case.covariance,
        df="satterthwaite",
        reml=case.likelihood == "reml",
        reference={"SEX": "Male"},
    )
    row = fit.to_frame().set_index("covariate").rename(index={"1": "Intercept"}).loc[case.term]
    off = 1.2e-3 if case.covariance == "us" else 1e-4  # SAS's optimum is off by that much for us
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        assert row[name] == pytest.approx(float(getattr(case, name)), abs=off)
    assert row["df"] == pytest.approx(float(case.df), abs=0.6)  # printed as a whole number


def test_normalized_and_pearson_residuals_agree_with_sas():
    printed = pd.read_csv(FOLDER / "mmrm_sas_residuals.csv", comment="#", dtype=str)
    fit = fitted("fev_full")
    for kind in ("response", "pearson", "normalized"):
        values = fit.residuals(kind).values.set_index(["USUBJID", "AVISIT"])["residual"]
        ours = values.loc[list(zip(printed["USUBJID"], printed["AVISIT"], strict=True))]
        theirs = printed[kind].astype(float).to_numpy()
        assert len(ours) == 537
        # SAS's covariance elements are up to 2e-3 off the optimum
        assert ours.to_numpy() == pytest.approx(theirs, rel=2e-3, abs=3e-4)


@pytest.mark.parametrize("covariance", ["us", "ar1", "cs", "toep"])
def test_predictions_agree_with_sas(covariance):
    cases = read_reference("mmrm_sas_prediction", covariance=covariance)
    data = table("fev")
    fit = fitted("fev_arm", covariance=covariance, df="satterthwaite")
    mean = fit.predict(data, kind="mean").iloc[cases["row"]]
    assert mean["estimate"].to_numpy() == pytest.approx(cases["mean"].to_numpy(), rel=2e-5)
    assert mean["std_error"].to_numpy() == pytest.approx(cases["mean_se"].to_numpy(), rel=2e-3)
    missed = data["FEV1"].isna().to_numpy()[cases["row"]]
    given = fit.predict(data, kind="given_seen").iloc[cases["row"]][missed]
    assert given["estimate"].to_numpy() == pytest.approx(
        cases["given_seen"].to_numpy()[missed], rel=5e-4
    )
    assert given["std_error"].to_numpy() == pytest.approx(
        cases["given_seen_se"].to_numpy()[missed], rel=2e-3
    )


def test_antidepressant_trial_agrees_with_sas_as_printed():
    # source: rbmi, misc/antidepressant_analysis/results_SAS.pdf, collected reference numbers, section 2
    fit = fitted("hamd")
    assert fit.deviance == pytest.approx(3494.20285008, abs=1e-5)
    matrix = [
        [19.6845, 16.5157, 15.3879, 16.3599],
        [np.nan, 34.2105, 25.4250, 26.1843],
        [np.nan, np.nan, 38.4363, 33.8949],
        [np.nan, np.nan, np.nan, 45.2587],
    ]
    upper = np.triu_indices(4)
    assert fit.sigma.to_numpy()[upper] == pytest.approx(np.array(matrix)[upper], abs=3e-4)
    means = fit.emmeans(["THERAPY", "VISIT"])
    frame = means.to_frame().set_index(["THERAPY", "VISIT"])
    for arm, printed in (("DRUG", (-7.6239, 0.7914, 149)), ("PLACEBO", (-4.8221, 0.7785, 151))):
        row = frame.loc[(arm, 7)]
        assert row["estimate"] == pytest.approx(printed[0], abs=half_last_digit("7.6239"))
        assert row["std_error"] == pytest.approx(printed[1], abs=half_last_digit("0.7914"))
        assert round(row["df"]) == printed[2]
    differences = means.differences("PLACEBO").to_frame().set_index("VISIT")
    for visit, printed in {
        7: (-2.8018, 1.1163, 150, 0.0131),
        5: (-1.4032, 0.9244, 165, 0.1309),
        6: (-2.2247, 1.0008, 162, 0.0276),
        4: (0.09181, 0.6826, 169, 0.8932),
    }.items():
        row = differences.loc[visit]
        assert row["estimate"] == pytest.approx(printed[0], abs=0.51e-4)
        assert row["std_error"] == pytest.approx(printed[1], abs=0.51e-4)
        assert round(row["df"]) == printed[2]
        assert row["p_value"] == pytest.approx(printed[3], abs=0.51e-4)


def test_full_model_agrees_with_its_published_numbers():
    # source: README of openpharma/mmrm, collected reference numbers, section 1; SAS linear = full for us
    fit = fitted("fev_full")
    assert fit.deviance == pytest.approx(3386.45, abs=0.005)
    assert fit.aic == pytest.approx(3406.4, abs=0.05)
    assert fit.bic == pytest.approx(3439.3, abs=0.05)
    male = ks.mmrm(
        FORMULAS["fev_full"],
        table("fev"),
        subject="USUBJID",
        visit="AVISIT",
        df="satterthwaite",
        reference={"SEX": "Male"},
    )
    rows = by_r_name(male)
    for name, printed in {
        "ARMCDTRT": (3.77423, 1.07415, 145.55),
        "Intercept": (30.77748, 0.88656, 218.80),
        "AVISITVIS4": (15.05390, 1.31281, 138.47),
    }.items():
        assert rows.loc[name, "estimate"] == pytest.approx(printed[0], abs=5e-4)
        assert rows.loc[name, "std_error"] == pytest.approx(printed[1], abs=2e-4)
        assert rows.loc[name, "df"] == pytest.approx(printed[2], abs=0.02)
    means = fit.emmeans(["AVISIT", "ARMCD"]).to_frame()["estimate"]
    assert means.to_numpy() == pytest.approx(
        [33.3, 37.1, 38.2, 41.9, 43.7, 46.8, 48.4, 52.8], abs=0.051
    )

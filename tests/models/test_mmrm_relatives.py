"""Analysis of covariance, sites, constrained longitudinal analysis and association, against R."""

import numpy as np
import pandas as pd
import pytest
from mmrm_models import by_r_name, r_name, table
from references import read_input, read_reference

import ketastats as ks

REFERENCE = read_reference("mmrm_relatives")
KEYS = {"subject": "PATIENT", "visit": "VISIT"}
PLACEBO = {"reference": {"THERAPY": "PLACEBO"}}


def expected(model: str, method: str) -> pd.DataFrame:
    rows = REFERENCE[(REFERENCE["model"] == model) & (REFERENCE["method"] == method)]
    return rows.set_index(rows["column"].map(r_name))


def assert_agrees(result, model: str, method: str, *, rel: float = 1e-6) -> None:
    rows = expected(model, method)
    ours = by_r_name(result).loc[rows.index]
    assert ours["estimate"].to_numpy() == pytest.approx(rows["estimate"].to_numpy(), rel=rel)
    assert ours["std_error"].to_numpy() == pytest.approx(rows["std_error"].to_numpy(), rel=rel)
    held = rows["df"].notna().to_numpy()
    assert ours["df"].to_numpy()[held] == pytest.approx(rows["df"].to_numpy()[held], rel=rel)


@pytest.mark.parametrize("vcov", ["model", "hc0", "hc2", "hc3"])
def test_analysis_of_covariance_agrees_with_lm_and_clubsandwich(vcov):
    fit = ks.ancova("CHANGE ~ BASVAL + THERAPY", table("hamd"), at=7, vcov=vcov, **KEYS, **PLACEBO)
    assert_agrees(fit, "ancova", vcov, rel=1e-9)


@pytest.mark.parametrize(
    ("reml", "df", "information", "method"),
    [
        (True, "satterthwaite", "observed", "satterthwaite"),
        (True, "kenward_roger", "expected", "kenward_roger_expected"),
        (False, "satterthwaite", "observed", "satterthwaite"),
    ],
)
def test_random_intercept_of_sites_agrees_with_lmertest_and_pbkrtest(reml, df, information, method):
    fit = ks.random_intercept(
        "CHANGE ~ BASVAL + THERAPY",
        table("hamd"),
        cluster="POOLINV",
        at=7,
        df=df,
        information=information,
        reml=reml,
        **KEYS,
        **PLACEBO,
    )
    model = "sites_reml" if reml else "sites_ml"
    assert_agrees(fit, model, method, rel=2e-5)  # lmerTest differentiates numerically
    assert fit.deviance == pytest.approx(expected(model, method)["deviance"].iloc[0], abs=1e-8)


def test_random_intercept_is_the_repeated_measures_model_with_compound_symmetry():
    trial = table("hamd")
    last = trial[trial["VISIT"] == 7]
    numbered = last.assign(
        place=last.groupby("POOLINV").cumcount(), POOLINV=last["POOLINV"].astype(str)
    )
    formula = "CHANGE ~ BASVAL + THERAPY"
    by_site = ks.random_intercept(formula, last, cluster="POOLINV", **KEYS, **PLACEBO)
    repeated = ks.mmrm(
        formula, numbered, subject="POOLINV", visit="place", covariance="cs", **PLACEBO
    )
    assert by_site.deviance == pytest.approx(repeated.deviance, abs=1e-8)
    pd.testing.assert_frame_equal(
        by_site.to_frame().drop(columns=["n", "method"]),
        repeated.to_frame().drop(columns=["n", "method"]),
        rtol=1e-6,
    )
    assert by_site.icc == pytest.approx(repeated.correlation.to_numpy()[0, 1], abs=1e-6)


def test_a_variance_between_sites_at_its_edge_is_said_and_gives_the_model_without_sites():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"usubjid": range(60), "siteid": np.arange(60) % 6, "age": np.arange(60.0)})
    noise = rng.normal(size=60)
    noise -= pd.Series(noise).groupby(data["siteid"]).transform("mean").to_numpy()
    data["chg"] = noise + 0.01 * data["age"]
    fit = ks.random_intercept("chg ~ age", data, cluster="siteid")
    plain = ks.ancova("chg ~ age", data)
    assert fit.cluster_sd == 0
    assert any("estimated as 0" in note for note in fit.notes)
    assert fit.to_frame()["estimate"].to_numpy() == pytest.approx(
        plain.to_frame()["estimate"].to_numpy()
    )
    assert fit.to_frame()["df"].to_numpy() == pytest.approx([58, 58])
    assert fit.residual_sd == pytest.approx(plain.residual_sd)


def scores_with_baseline() -> pd.DataFrame:
    trial = table("hamd")
    first = trial.drop_duplicates("PATIENT")
    return pd.concat([first.assign(VISIT=0, HAMDTL17=first["BASVAL"]), trial], ignore_index=True)


def constrained(data: pd.DataFrame | None = None, **options) -> ks.Mmrm:
    given = {
        "outcome": "HAMDTL17",
        "arm": "THERAPY",
        "reference": "PLACEBO",
        "baseline": 0,
        **KEYS,
        **options,
    }
    return ks.constrained_longitudinal(scores_with_baseline() if data is None else data, **given)


def test_constrained_longitudinal_analysis_agrees_with_mmrm_on_dummies():
    fit = constrained()
    rows = expected("clda", "kenward_roger")
    ours = by_r_name(fit)
    ours.index = [
        name.replace("THERAPYDRUG:VISIT[", "D") if ":" in name else name for name in ours.index
    ]
    ours = ours.loc[rows.index]
    assert fit.deviance == pytest.approx(rows["deviance"].iloc[0], abs=1e-7)
    for name in ("estimate", "std_error", "df"):
        assert ours[name].to_numpy() == pytest.approx(rows[name].to_numpy(), rel=1e-6)


def test_constrained_arms_share_their_mean_at_baseline_and_say_so():
    fit = constrained()
    assert fit.notes[0].startswith("All arms have one mean at 0")
    assert not any("Left out" in note for note in fit.notes)
    means = fit.emmeans(["THERAPY", "VISIT"])
    first = means.to_frame().query("VISIT == 0")
    assert first["estimate"].nunique() == 1
    differences = means.differences("PLACEBO").to_frame().set_index("VISIT")
    assert differences.loc[0, "estimate"] == 0
    assert np.isnan(differences.loc[0, "std_error"])
    assert differences.loc[7, "estimate"] == pytest.approx(-2.8018, abs=1e-3)  # as adjusting for it


def test_constrained_longitudinal_analysis_refuses_changes_and_unknown_visits():
    data = scores_with_baseline()
    data["CHG"] = (data["HAMDTL17"] - data["BASVAL"]).where(data["VISIT"] > 0, 0.0)
    with pytest.raises(ks.DataError, match="scores themselves"):
        constrained(data, outcome="CHG")
    with pytest.raises(ks.UsageError, match="visit called '3'"):
        constrained(data, baseline=3)
    with pytest.raises(ks.UsageError, match="arm called 'placebo'"):
        constrained(data, reference="placebo")


@pytest.mark.parametrize("case", list(read_reference("repeated_correlation").itertuples()))
def test_correlation_within_subjects_agrees_with_one_slope_for_all(case):
    if case.dataset == "bland1995":
        result = ks.repeated_correlation(read_input("bland1995"), "PaCO2", "pH", subject="Subject")
    else:
        result = ks.repeated_correlation(table("hamd"), "HAMDTL17", "HAMATOTL", subject="PATIENT")
    row = result.to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(case.correlation, rel=1e-9)
    assert row["slope"] == pytest.approx(case.slope, rel=1e-9)
    assert row["df"] == case.df
    assert row["p_value"] == pytest.approx(case.p_value, rel=1e-6)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((case.conf_low, case.conf_high))


def test_correlation_within_subjects_is_the_one_that_rmcorr_prints():
    row = ks.repeated_correlation(read_input("bland1995"), "PaCO2", "pH", subject="Subject")
    row = row.to_frame().iloc[0]
    printed = (-0.5067697, 38, 0.0008471081, -0.7067146, -0.2318631)  # README of rmcorr 0.8.1
    words = ("estimate", "df", "p_value", "conf_low", "conf_high")
    assert tuple(row[word] for word in words) == pytest.approx(printed, abs=5e-8)


@pytest.fixture(scope="module")
def pair() -> ks.BivariateMmrm:
    return ks.bivariate_mmrm(
        table("hamd"),
        "CHANGE",
        "HAMATOTL",
        "THERAPY*VISIT + BASVAL*VISIT",
        arm="DRUG",
        reference="PLACEBO",
        of="THERAPY",
        **KEYS,
    )


@pytest.mark.parametrize("quantity", ["correlation", "slope"])
def test_correlation_and_slope_of_two_outcomes_agree_with_mmrm(pair, quantity):
    rows = expected("two_outcomes", quantity)
    frame = pair.to_frame()
    ours = frame.loc[frame["quantity"] == quantity, "estimate"].to_numpy()
    assert ours == pytest.approx(rows["estimate"].to_numpy(), rel=1e-6)
    assert pair.deviance == pytest.approx(rows["deviance"].iloc[0], abs=1e-7)


def test_effects_on_two_outcomes_agree_with_mmrm(pair):
    rows = expected("two_outcomes", "kenward_roger")
    frame = pair.to_frame()
    effects = frame[frame["quantity"] == "effect"]
    ours = pd.concat([effects[effects["outcome"] == name] for name in ("CHANGE", "HAMATOTL")])
    for name in ("estimate", "std_error", "df"):
        assert ours[name].to_numpy() == pytest.approx(rows[name].to_numpy(), rel=1e-5)


def test_the_effect_left_is_what_analysis_of_covariance_gives_when_nothing_is_missing():
    trial = table("hamd")
    complete = trial[trial.groupby("PATIENT")["VISIT"].transform("size") == 4]
    pair = ks.bivariate_mmrm(
        complete,
        "CHANGE",
        "HAMATOTL",
        "THERAPY*VISIT + BASVAL*VISIT",
        arm="DRUG",
        reference="PLACEBO",
        of="THERAPY",
        **KEYS,
    )
    frame = pair.to_frame().set_index(["quantity", "outcome", "visit"])
    for visit in (4, 5, 6, 7):
        adjusted = ks.ancova(
            "CHANGE ~ BASVAL + HAMATOTL + THERAPY", complete, at=visit, **KEYS, **PLACEBO
        )
        rows = by_r_name(adjusted)
        left = frame.loc[("effect_left", "CHANGE", visit)]
        slope = frame.loc[("slope", "CHANGE", visit)]
        assert left["estimate"] == pytest.approx(rows.loc["THERAPYDRUG", "estimate"], rel=1e-6)
        assert slope["estimate"] == pytest.approx(rows.loc["HAMATOTL", "estimate"], rel=1e-6)
        assert left["std_error"] == pytest.approx(rows.loc["THERAPYDRUG", "std_error"], rel=0.02)


def test_comparing_covariances_gives_each_models_own_numbers():
    compared = ks.compare_covariances(
        "CHANGE ~ THERAPY*VISIT + BASVAL*VISIT",
        table("hamd"),
        arm="DRUG",
        reference="PLACEBO",
        of="THERAPY",
        covariances=["us", "cs"],
        **KEYS,
    )
    frame = compared.to_frame().set_index("code")
    for code in ("us", "cs"):
        fit = ks.mmrm(
            "CHANGE ~ THERAPY*VISIT + BASVAL*VISIT",
            table("hamd"),
            covariance=code,
            **KEYS,
            **PLACEBO,
        )
        row = fit.emmeans(["THERAPY", "VISIT"]).differences("PLACEBO").to_frame().iloc[-1]
        assert frame.loc[code, "aic"] == pytest.approx(fit.aic)
        assert frame.loc[code, "parameters"] == fit.fitted.theta.size
        for name in ("estimate", "std_error", "df", "p_value"):
            assert frame.loc[code, name] == pytest.approx(row[name])
    assert "smallest AIC has unstructured" in str(compared)

"""What a mixed model for repeated measures does on any data, and when the data are hard."""

import numpy as np
import pandas as pd
import pytest
from made_visits import FORMULA, visits
from mmrm_models import fitted, table

import ketastats as ks

NUMBERS = ["estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"]


def numbers(fit: ks.Mmrm) -> pd.DataFrame:
    return fit.to_frame().set_index("column")[NUMBERS].sort_index()


def test_the_order_of_rows_does_not_matter():
    data = visits()
    mixed = data.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        numbers(ks.mmrm(FORMULA, mixed)), numbers(ks.mmrm(FORMULA, data)), rtol=1e-7
    )


def test_the_data_are_not_changed():
    data = visits()
    before = data.copy()
    ks.mmrm(FORMULA, data).emmeans(["trt01a", "avisit"])
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("covariance", ["us", "toeph", "ar1", "csh"])
def test_units_of_the_outcome_scale_estimates_and_leave_tests_alone(covariance):
    data = visits()
    scaled = data.assign(chg=1e6 * data["chg"] + 4e7)
    ours = ks.mmrm(FORMULA, data, covariance=covariance)
    theirs = ks.mmrm(FORMULA, scaled, covariance=covariance)
    slopes = [name for name in numbers(ours).index if name != "Intercept"]
    a, b = numbers(ours).loc[slopes], numbers(theirs).loc[slopes]
    assert b["estimate"].to_numpy() == pytest.approx(1e6 * a["estimate"].to_numpy(), rel=1e-6)
    assert b["std_error"].to_numpy() == pytest.approx(1e6 * a["std_error"].to_numpy(), rel=1e-6)
    assert b["df"].to_numpy() == pytest.approx(a["df"].to_numpy(), rel=1e-6)
    assert theirs.sigma.to_numpy() == pytest.approx(1e12 * ours.sigma.to_numpy(), rel=1e-6)
    n, p = 90, len(a) + 1
    assert theirs.deviance == pytest.approx(ours.deviance + 2 * (n - p) * np.log(1e6))


def test_units_of_a_covariate_scale_its_coefficient_only():
    data = visits()
    ours = ks.mmrm(FORMULA, data)
    theirs = ks.mmrm(FORMULA, data.assign(base=data["base"] * 1e5))
    a, b = numbers(ours), numbers(theirs)
    assert b.loc["base", "estimate"] * 1e5 == pytest.approx(a.loc["base", "estimate"])
    others = [name for name in a.index if name != "base"]
    pd.testing.assert_frame_equal(b.loc[others], a.loc[others], rtol=1e-6)


def test_visits_come_in_their_order_and_not_in_that_of_letters():
    data = visits()
    assert list(ks.mmrm(FORMULA, data).sigma.columns) == ["Week 1", "Week 2", "Week 10"]
    numbered = data.assign(avisitn=data["avisit"].map({"Week 1": 3, "Week 2": 2, "Week 10": 1}))
    assert list(ks.mmrm(FORMULA, numbered).sigma.columns) == ["Week 10", "Week 2", "Week 1"]
    declared = data.assign(
        avisit=pd.Categorical(data["avisit"], categories=["Week 10", "Week 1", "Week 2"])
    )
    assert list(ks.mmrm(FORMULA, declared).sigma.columns) == ["Week 10", "Week 1", "Week 2"]


def test_visits_that_are_numbers_are_groups():
    data = visits().assign(avisit=lambda d: d["avisit"].str.split().str[1].astype(int))
    frame = ks.mmrm(FORMULA, data).to_frame()
    assert "avisit[T.10]" in set(frame["column"])


def test_swapping_the_reference_swaps_the_sign_of_the_difference():
    data = visits()
    means = ks.mmrm(FORMULA, data).emmeans(["trt01a", "avisit"])
    ours = means.differences("placebo").to_frame()
    theirs = means.differences("active").to_frame()
    assert ours["estimate"].to_numpy() == pytest.approx(-theirs["estimate"].to_numpy())
    assert ours["p_value"].to_numpy() == pytest.approx(theirs["p_value"].to_numpy())
    assert next(iter(ours["term"])) == "active minus placebo, Week 1"


def test_marginal_means_do_not_depend_on_the_reference_of_the_formula():
    data = visits()
    ours = ks.mmrm(FORMULA, data).emmeans(["trt01a", "avisit"]).to_frame()
    other = ks.mmrm(FORMULA, data, reference={"trt01a": "placebo"})
    theirs = other.emmeans(["trt01a", "avisit"]).to_frame()
    keys = ["trt01a", "avisit"]
    pd.testing.assert_frame_equal(
        ours.set_index(keys)[NUMBERS].sort_index(),
        theirs.set_index(keys)[NUMBERS].sort_index(),
        rtol=1e-7,
    )


def test_complete_data_have_the_differences_of_each_visits_own_covariance_analysis():
    data = visits()
    formula = "chg ~ base*avisit + trt01a*avisit"
    fit = ks.mmrm(formula, data)
    ours = fit.emmeans(["trt01a", "avisit"]).differences("placebo").to_frame().set_index("avisit")
    for visit in ("Week 1", "Week 10"):
        alone = ks.ancova("chg ~ base + trt01a", data, at=visit, reference={"trt01a": "placebo"})
        row = alone.to_frame().set_index("column").loc["trt01a[T.active]"]
        assert ours.loc[visit, "estimate"] == pytest.approx(row["estimate"])
        assert ours.loc[visit, "std_error"] == pytest.approx(row["std_error"], rel=1e-6)
        assert ours.loc[visit, "df"] == pytest.approx(27, rel=1e-6)


def test_no_difference_anywhere_is_hotellings_test_when_nothing_is_missing():
    data = visits()
    fit = ks.mmrm("chg ~ trt01a*avisit", data, reference={"trt01a": "placebo"})
    test = fit.emmeans(["trt01a", "avisit"]).differences("placebo").joint().to_frame().iloc[0]
    wide = data.pivot(index="usubjid", columns="avisit", values="chg").to_numpy()
    active = np.arange(30) % 2 == 1
    a, b = wide[active], wide[~active]
    pooled = (np.cov(a.T) * 14 + np.cov(b.T) * 14) / 28
    gap = a.mean(axis=0) - b.mean(axis=0)
    t2 = 15 * 15 / 30 * gap @ np.linalg.solve(pooled, gap)
    assert test["denominator_df"] == pytest.approx(30 - 3 - 1, rel=1e-5)
    assert test["statistic"] == pytest.approx(t2 * (30 - 3 - 1) / (28 * 3), rel=1e-5)


def test_contrasts_and_coefficients_tell_the_same():
    fit = ks.mmrm(FORMULA, visits())
    row = fit.contrast({"base": 10.0}).to_frame().iloc[0]
    base = fit.to_frame().set_index("column").loc["base"]
    assert row["estimate"] == pytest.approx(10 * base["estimate"])
    assert row["p_value"] == pytest.approx(base["p_value"])
    both = fit.contrast({"a": {"base": 1.0}, "b": {"base": 1.0, "Intercept": 2.0}})
    assert list(both.to_frame()["term"]) == ["a", "b"]
    one = fit.joint(["base"]).to_frame().iloc[0]
    assert one["statistic"] == pytest.approx(base["statistic"] ** 2)
    assert one["p_value"] == pytest.approx(base["p_value"])


def test_a_joint_test_leaves_out_what_follows_from_other_contrasts():
    fit = ks.mmrm(FORMULA, visits())
    once = fit.joint(["base", "trt01a[T.placebo]"])
    twice = fit.joint({"a": {"base": 1.0}, "b": {"trt01a[T.placebo]": 2.0}, "c": {"base": 3.0}})
    assert twice.to_frame()["df"].iloc[0] == 2
    assert twice.to_frame()["statistic"].iloc[0] == pytest.approx(
        once.to_frame()["statistic"].iloc[0]
    )


def test_criteria_count_covariance_parameters_and_under_ml_coefficients_too():
    data = visits()
    reml, ml = (ks.mmrm(FORMULA, data, reml=reml) for reml in (True, False))
    assert reml.aic == pytest.approx(reml.deviance + 2 * 6)
    assert ml.aic == pytest.approx(ml.deviance + 2 * (6 + 7))
    assert ml.bic == pytest.approx(ml.deviance + np.log(30) * (6 + 7))
    assert reml.loglik == pytest.approx(-reml.deviance / 2)


def test_a_larger_structure_never_fits_worse_and_the_ratio_tests_it():
    data = visits()
    ladder = [ks.mmrm(FORMULA, data, covariance=code) for code in ("us", "toeph", "ar1h", "ar1")]
    deviances = [fit.deviance for fit in ladder]
    assert deviances == sorted(deviances)
    test = ladder[0].compare(ladder[-1]).to_frame().iloc[-1]
    assert test["statistic"] == pytest.approx(deviances[-1] - deviances[0])
    assert test["df"] == 6 - 2


def test_groups_of_their_own_covariance_are_the_groups_alone_where_means_are_separate():
    data = visits()
    together = ks.mmrm("chg ~ trt01a*avisit", data, covariance_by="trt01a")
    alone = [
        ks.mmrm("chg ~ avisit", data[data["trt01a"] == arm], df="satterthwaite")
        for arm in ("active", "placebo")
    ]
    assert together.deviance == pytest.approx(sum(fit.deviance for fit in alone), abs=1e-7)
    for arm, fit in zip(("active", "placebo"), alone, strict=True):
        assert together.sigma.loc[arm].to_numpy() == pytest.approx(fit.sigma.to_numpy(), rel=1e-5)


def test_equal_weights_change_nothing_but_the_unit_of_the_variance():
    data = visits()
    plain = ks.mmrm(FORMULA, data)
    weighted = ks.mmrm(FORMULA, data.assign(w=4.0), weights="w")
    pd.testing.assert_frame_equal(numbers(weighted), numbers(plain), rtol=1e-7)
    assert weighted.deviance == pytest.approx(plain.deviance)
    assert weighted.sigma.to_numpy() == pytest.approx(4 * plain.sigma.to_numpy(), rel=1e-6)


def test_residuals_of_each_kind_have_the_spread_of_their_name():
    fit = fitted("bcva", df="satterthwaite")
    normalized = fit.residuals().values["residual"]
    assert normalized.std() == pytest.approx(1, abs=0.02)
    by_visit = fit.residuals("response").to_frame().set_index("term")
    sd = np.sqrt(np.diag(fit.sigma))
    assert by_visit["sd"].to_numpy() == pytest.approx(sd, rel=0.1)
    values = fit.residuals("normalized").values
    wide = values.pivot(index="USUBJID", columns="AVISIT", values="residual").dropna()
    r = np.corrcoef(wide.to_numpy().T)[np.triu_indices(10, 1)]
    assert np.abs(r).max() < 0.2  # decorrelated; the outcomes themselves are correlated up to 0.8


def test_predictions_of_means_are_fitted_means_and_seen_outcomes_are_themselves():
    data = visits()
    data.loc[[2, 30, 31], "chg"] = np.nan
    fit = ks.mmrm(FORMULA, data)
    mean = fit.predict(data)
    held = fit.residuals("response").values["fitted"].to_numpy()
    seen = data["chg"].notna().to_numpy()
    assert mean["estimate"].to_numpy()[seen] == pytest.approx(held)
    given = fit.predict(data, kind="given_seen")
    assert given["estimate"].to_numpy()[seen] == pytest.approx(data["chg"].to_numpy()[seen])
    assert given["conf_low"].isna().to_numpy()[seen].all()
    assert given["std_error"].notna().to_numpy()[~seen].all()
    outcome = fit.predict(data, kind="new_outcome")
    variance = np.diag(fit.sigma)[data["avisit"].map({"Week 1": 0, "Week 2": 1, "Week 10": 2})]
    squares = outcome["std_error"] ** 2 - mean["std_error"] ** 2
    assert squares.to_numpy() == pytest.approx(variance)


def test_a_cell_without_outcomes_is_said_not_to_be_told():
    data = visits()
    data.loc[(data["trt01a"] == "active") & (data["avisit"] == "Week 10"), "chg"] = np.nan
    fit = ks.mmrm(FORMULA, data)
    assert fit.aliased == ("trt01a[T.placebo]:avisit[T.Week 10]",)
    assert any("Left out" in note and "Week 10" in note for note in fit.notes)
    means = fit.emmeans(["trt01a", "avisit"])
    row = means.to_frame().set_index(["trt01a", "avisit"]).loc[("active", "Week 10")]
    assert np.isnan(row["estimate"])
    assert row["n"] == 0
    assert "Not told by the data: active, Week 10." in means.notes
    differences = means.differences("placebo")
    assert "not told by the data" in str(differences)
    assert differences.joint().to_frame()["df"].iloc[0] == 2


def test_an_aliased_column_is_dropped_and_named_and_the_rest_is_unchanged():
    data = visits()
    fit = ks.mmrm("chg ~ base + twice + trt01a*avisit", data.assign(twice=2 * data["base"] + 1))
    assert fit.aliased == ("twice",)
    plain = ks.mmrm(FORMULA, data)
    pd.testing.assert_frame_equal(numbers(fit), numbers(plain), rtol=1e-7)
    ours, theirs = (f.emmeans(["trt01a", "avisit"]).to_frame() for f in (fit, plain))
    pd.testing.assert_frame_equal(ours[NUMBERS], theirs[NUMBERS], rtol=1e-7)
    assert "not told" in str(fit.contrast({"base": 1.0}))


def test_a_fit_without_a_maximum_falls_down_the_ladder_and_records_it():
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(
        [(f"s{i}", k, rng.normal()) for i in range(5) for k in range(8)],
        columns=["usubjid", "avisit", "y"],
    )
    with pytest.raises(ks.DataError, match="8 visits and only 5 subjects"):
        ks.mmrm("y ~ 1", wide)
    fit = ks.mmrm("y ~ 1", wide, fallback=("toeph", "cs"))
    assert fit.covariance == "cs"
    assert "compound symmetry covariance was kept" in fit.notes[0]
    assert "runs towards a singular one" in fit.notes[0]
    attempts = fit.attempts
    assert list(attempts["covariance"].unique()) == ["us", "toeph", "cs"]
    assert attempts["outcome"].iloc[-1] == "converged"
    assert (attempts["outcome"].iloc[:-1] != "converged").all()
    assert attempts["deviance"].iloc[-1] == pytest.approx(fit.deviance)


def test_visits_that_follow_from_others_are_said():
    data = visits(subjects=60)
    rng = np.random.default_rng(4)
    first = data.groupby("usubjid")["chg"].transform("first")
    late = data["avisit"] == "Week 10"
    data["chg"] = data["chg"].where(~late, first + 0.002 * rng.normal(size=len(data)))
    fit = ks.mmrm("chg ~ avisit", data)
    assert any("nearly singular" in note for note in fit.notes)
    assert not any("singular" in note for note in ks.mmrm("chg ~ avisit", visits()).notes)


def test_where_most_leave_before_the_last_visit_a_maximum_is_still_reached():
    rng = np.random.default_rng(7)
    n, t = 300, 8
    root = np.linalg.cholesky(0.7 ** np.abs(np.subtract.outer(range(t), range(t))))
    y = rng.normal(size=(n, t)) @ root.T
    stays = np.minimum.accumulate(rng.random((n, t)) < 0.72, axis=1)
    stays[:, 0] = True
    subject, visit = np.nonzero(stays)
    data = pd.DataFrame({"usubjid": subject, "avisit": visit, "y": y[subject, visit]})
    assert (visit == t - 1).sum() < 0.15 * n
    fit = ks.mmrm("y ~ avisit", data)
    assert fit.attempts["outcome"].iloc[-1] == "converged"
    assert fit.certificate["decrement"] < 1e-12


BAD = {
    "a second outcome of one subject at one visit": lambda d: pd.concat([d, d.iloc[[3, 4]]]),
    "Week 99 has 1 outcome, which the formula fits exactly": lambda d: pd.concat(
        [d, d.iloc[[0]].assign(avisit="Week 99")]
    ),
    "base, row 6: empty in a row that has an outcome": lambda d: d.assign(
        base=d["base"].where(d.index != 5)
    ),
    "fits every value of chg exactly": lambda d: d.assign(chg=3.0),
    "Nobody has an outcome": lambda d: d.assign(chg=np.nan),
    "holds text where a number is needed": lambda d: d.assign(chg="much"),
    "usubjid, row 3: empty": lambda d: d.assign(usubjid=d["usubjid"].where(d.index != 2)),
    "avisit, row 3: empty": lambda d: d.assign(avisit=d["avisit"].where(d.index != 2)),
    "at least two visits": lambda d: d[d["avisit"] == "Week 1"],
    "Everyone has the same trt01a": lambda d: d[d["trt01a"] == "active"],
    "several periods of a crossover": lambda d: d.assign(aperiod=d.index % 2),
    "trt01a: not in the table": lambda d: d.drop(columns="trt01a"),
    "fewer than two subjects were seen at Week 2 and Week 10": lambda d: d[
        ((d["usubjid"] < "s15") & (d["avisit"] != "Week 10"))
        | ((d["usubjid"] >= "s15") & (d["avisit"] != "Week 2"))
    ],
}


@pytest.mark.parametrize("said", BAD)
def test_data_that_cannot_be_used_are_refused_in_a_sentence(said):
    with pytest.raises(ks.KetastatsError, match=said):
        ks.mmrm(FORMULA, BAD[said](visits()))


def test_no_value_of_a_patient_is_in_an_error():
    data = visits().assign(chg=lambda d: d["chg"] + 7123.456)
    with pytest.raises(ks.DataError) as stopped:
        ks.mmrm(FORMULA, pd.concat([data, data.iloc[[3]]]))
    assert "7123" not in str(stopped.value)
    assert "s01" not in str(stopped.value)


def test_a_subject_without_outcomes_takes_no_part_and_is_counted():
    data = visits()
    data.loc[data["usubjid"] == "s03", "chg"] = np.nan
    fit = ks.mmrm(FORMULA, data)
    assert fit.fitted.rows.subjects == 29
    assert fit.notes[0] == "1 subject takes no part, for having no outcome at all."
    assert fit.notes[1].startswith("3 rows have no outcome")


WRONG = {
    "no covariance called 'un'": {"covariance": "un"},
    "no method of degrees of freedom called 'kr'": {"df": "kr"},
    "no covariance of the coefficients called 'hc3'": {"vcov": "hc3"},
    'pass df="satterthwaite"': {"vcov": "cr2"},
    "need coordinates=": {"covariance": "sp_exp"},
    "the others have no use for them": {"coordinates": "base"},
    "the same as in another row of the subject": {"covariance": "sp_exp", "coordinates": "base"},
    "no information called": {"information": "fisher"},
    "strictly between 0 and 1": {"conf_level": 95},
    "differs from the subject's first row": {"covariance_by": "avisit"},
    "a weight of 0 or less": {"weights": "zero"},
}


@pytest.mark.parametrize("said", WRONG)
def test_options_that_do_not_fit_are_refused_in_a_sentence(said):
    with pytest.raises(ks.KetastatsError, match=said):
        ks.mmrm(FORMULA, visits().assign(zero=0.0), **WRONG[said])


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("chg", "outcome and covariates"),
        ("chg ~ base ~ avisit", "outcome and covariates"),
        ("~ base", "Name the outcome"),
        ("chg ~ 0 + avisit", "Leave the intercept to the model"),
        ("chg ~ nothing + avisit", "nothing: not in the table"),
        ("avisit ~ base", "cannot be the outcome"),
        ("chg ~ base +* avisit", "cannot be read"),
    ],
)
def test_formulas_that_cannot_be_used_are_refused_in_a_sentence(formula, said):
    with pytest.raises(ks.KetastatsError, match=said):
        ks.mmrm(formula, visits())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda f: f.emmeans("arm"), "no column of the formula called 'arm'"),
        (lambda f: f.emmeans("base"), "is a number: say at which values"),
        (lambda f: f.emmeans("trt01a", weights="cells"), "no way of weighting"),
        (lambda f: f.emmeans("trt01a", covariates="random"), 'goes with weights="subjects"'),
        (lambda f: f.emmeans("trt01a", weights="subjects"), "avisit changes within subjects"),
        (lambda f: f.emmeans("trt01a", at={"avisit": "Week 3"}), "a value that nobody had"),
        (lambda f: f.emmeans(["trt01a", "avisit"]).differences("sham"), "group in trt01a, avisit"),
        (lambda f: f.contrast({"x": {"nope": 1.0}}), "no coefficient called 'nope'"),
        (lambda f: f.contrast({"x": {"base": "1"}}), "must be a number"),
        (lambda f: f.contrast({}), "Name combinations"),
        (lambda f: f.joint({"x": {"base": 0.0}}), "tell nothing about"),
        (lambda f: f.residuals("raw"), "no kind of residual"),
        (lambda f: f.predict(visits(), kind="sum"), "no kind of prediction"),
        (lambda f: f.predict(visits().drop(columns="base")), "base: not in the table"),
        (
            lambda f: f.predict(visits().assign(avisit="Week 3"), kind="new_outcome"),
            "a visit that the model was not fitted to",
        ),
        (
            lambda f: f.compare(ks.mmrm(FORMULA, visits(), reml=False)),
            "One model is fitted by REML",
        ),
        (lambda f: f.compare(ks.mmrm("chg ~ avisit", visits())), "not comparable"),
        (lambda f: f.compare(ks.mmrm(FORMULA, visits(1))), "the same rows"),
        (lambda f: ks.mmrm(FORMULA, visits(), covariance="cs").compare(f), "not a simpler one"),
    ],
)
def test_questions_that_have_no_answer_are_refused_in_a_sentence(ask, said):
    with pytest.raises(ks.KetastatsError, match=said):
        ask(ks.mmrm(FORMULA, visits()))


def test_the_spatial_structure_in_the_number_of_the_visit_is_autoregressive():
    data = table("fev").assign(step=lambda d: d["VISITN"] * 10.0)
    options = {"subject": "USUBJID", "visit": "AVISIT", "df": "satterthwaite"}
    spatial = ks.mmrm("FEV1 ~ ARMCD", data, covariance="sp_exp", coordinates="step", **options)
    plain = ks.mmrm("FEV1 ~ ARMCD", data, covariance="ar1", **options)
    assert spatial.deviance == pytest.approx(plain.deviance, abs=1e-8)
    reach = spatial.parameters.set_index("term").loc["Reach", "estimate"]
    assert np.exp(-10 / reach) == pytest.approx(plain.correlation.iloc[0, 1], rel=1e-6)
    with pytest.raises(ks.UsageError, match="depends on each subject's coordinates"):
        _ = spatial.sigma


def test_covariance_parameters_have_the_names_of_sas_and_positive_standard_errors():
    frame = ks.mmrm(FORMULA, visits(), covariance="ar1h").parameters
    assert list(frame["term"]) == ["Var(1)", "Var(2)", "Var(3)", "AR(1)"]
    assert (frame["std_error"] > 0).all()
    sigma = ks.mmrm(FORMULA, visits(), covariance="ar1h").sigma
    assert frame["estimate"].iloc[:3].to_numpy() == pytest.approx(np.diag(sigma))


def test_the_jackknife_reports_its_progress_and_is_near_the_third_correction():
    seen = []
    options = {"df": "satterthwaite"}
    jack = ks.mmrm(
        FORMULA, visits(), vcov="jackknife", progress=lambda d, n: seen.append((d, n)), **options
    )
    assert seen[-1] == (30, 30)
    near = ks.mmrm(FORMULA, visits(), vcov="cr3", **options)
    ratio = jack.to_frame()["std_error"] / near.to_frame()["std_error"]
    assert ratio.between(0.9, 1.15).all()


def test_between_within_takes_the_least_degrees_of_freedom_of_a_contrast():
    fit = ks.mmrm(FORMULA, visits(), df="between_within")
    frame = fit.to_frame().set_index("column")
    assert frame.loc["base", "df"] == 30 - (1 + 2)
    assert frame.loc["avisit[T.Week 2]", "df"] == 90 - (30 + 4)
    both = fit.contrast({"x": {"base": 1.0, "avisit[T.Week 2]": 1.0}}).to_frame()
    assert both["df"].iloc[0] == 27

"""Corners in which a wrong number or a traceback would come without a word."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from made_visits import FORMULA, visits
from mmrm_models import by_r_name, table

import ketastats as ks

NUMBERS = ["estimate", "std_error", "df", "conf_low", "conf_high"]


def with_sex() -> pd.DataFrame:
    data = visits(subjects=40)
    number = data["usubjid"].str[1:].astype(int)
    return data.assign(sexn=(number % 3 == 0).astype(int), sex=np.where(number % 3, "f", "m"))


def without_last_active() -> pd.DataFrame:
    data = visits(subjects=40)
    gone = (data["trt01a"] == "active") & (data["avisit"] == "Week 10")
    return data.assign(chg=data["chg"].mask(gone))


def alone_at_site(n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    data = visits(subjects=n)
    site = {f"s{i:02d}": "lone" if i == 0 else f"site{i % 3}" for i in range(n)}
    return data.assign(
        siteid=data["usubjid"].map(site), chg=data["chg"] + rng.normal(size=len(data))
    )


def test_several_values_of_a_covariate_outside_the_cells_are_refused():
    fit = ks.mmrm(FORMULA, visits())
    for value in (["Week 1", "Week 2"], pd.Index(["Week 1"]), range(2)):
        with pytest.raises(ks.UsageError, match=r"not in by=, so at= needs one value"):
            fit.emmeans("trt01a", at={"avisit": value})
    one = fit.emmeans("trt01a", at={"avisit": "Week 2"}).to_frame()
    both = fit.emmeans(["trt01a", "avisit"]).to_frame()
    assert one["estimate"].tolist() == pytest.approx(
        both.loc[both["avisit"] == "Week 2", "estimate"].tolist()
    )


@pytest.mark.parametrize(
    "values", [[18.0, 22.0], (18.0, 22.0), pd.Index([18.0, 22.0]), range(18, 20)]
)
def test_values_of_a_covariate_in_the_cells_may_come_in_any_list(values):
    means = ks.mmrm(FORMULA, visits()).emmeans("base", at={"base": values})
    assert means.to_frame()["base"].tolist() == list(values)


@pytest.mark.parametrize(
    ("by", "at", "said"),
    [
        (["avisit", "avisit"], {}, "each column of the cells once"),
        ("base", {"base": []}, "must hold a value at least"),
        ("trt01a", {"base": "much"}, "holds text where a number is needed"),
    ],
)
def test_cells_that_make_no_sense_are_refused(by, at, said):
    with pytest.raises(ks.KetastatsError, match=said):
        ks.mmrm(FORMULA, visits()).emmeans(by, at=at)


def test_a_number_that_the_formula_takes_as_a_group_is_one_in_means_and_predictions():
    data = with_sex()
    as_number = ks.mmrm("chg ~ C(sexn)*avisit + trt01a*avisit", data)
    as_text = ks.mmrm("chg ~ sex*avisit + trt01a*avisit", data)
    assert as_number.deviance == pytest.approx(as_text.deviance)
    ours, theirs = (fit.emmeans(["trt01a", "avisit"]) for fit in (as_number, as_text))
    pd.testing.assert_frame_equal(ours.to_frame()[NUMBERS], theirs.to_frame()[NUMBERS], rtol=1e-6)
    assert "Averaged over sexn with equal weights." in ours.notes
    assert set(as_number.emmeans("sexn").to_frame()["sexn"]) == {0, 1}
    with pytest.raises(ks.DataError, match="a value that nobody had"):
        as_number.predict(data.assign(sexn=7))


def test_the_effect_left_of_an_effect_that_is_not_told_is_missing():
    rng = np.random.default_rng(5)
    data = without_last_active().assign(other=lambda d: rng.normal(size=len(d)) + d["base"])
    pair = ks.bivariate_mmrm(
        data, "chg", "other", "trt01a*avisit", arm="active", reference="placebo"
    )
    frame = pair.to_frame()
    last = frame[(frame["visit"] == "Week 10") & (frame["outcome"] == "chg")]
    assert last.loc[last["quantity"].isin(["effect", "effect_left"]), "estimate"].isna().all()
    assert "do not tell" in str(pair)
    assert any(note.startswith("chg: 20 rows") for note in pair.notes)


def test_predictions_of_a_cell_that_is_not_told_are_missing_under_every_kind():
    data = without_last_active()
    fit = ks.mmrm("chg ~ trt01a*avisit", data)
    untold = ((data["trt01a"] == "active") & (data["avisit"] == "Week 10")).to_numpy()
    for kind in ("mean", "new_outcome", "given_seen"):
        found = fit.predict(data, kind=kind)
        assert found.loc[untold, NUMBERS].isna().all(axis=None)
    told = fit.predict(data, kind="given_seen").loc[~untold]
    assert told["estimate"].notna().all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chg": "secret12"}, "chg, rows"),
        ({"base": "secret12"}, "base, rows"),
        ({"usubjid": None}, "usubjid, rows"),
        ({"chg": np.inf}, "infinite"),
    ],
)
def test_tables_to_predict_for_are_checked_without_telling_their_values(change, said):
    fit = ks.mmrm(FORMULA, visits())
    with pytest.raises(ks.DataError, match=said) as stopped:
        fit.predict(visits().assign(**change), kind="given_seen")
    assert "secret" not in str(stopped.value)


@pytest.mark.parametrize("vcov", ["hc2", "hc3"])
def test_robust_variance_of_what_one_subject_alone_tells_is_said(vcov):
    data = alone_at_site()
    fit = ks.ancova("chg ~ trt01a + siteid", data, at="Week 2", vcov=vcov)
    frame = fit.to_frame().set_index("column")
    assert any("rest on one subject alone" in note for note in fit.notes)
    sites = [name for name in frame.index if name.startswith("siteid")]
    assert frame.loc[sites, "std_error"].isna().all() == (vcov == "hc3")
    assert frame.loc["trt01a[T.placebo]", "std_error"] > 0
    assert not ks.ancova("chg ~ trt01a", data, at="Week 2", vcov=vcov).notes


def test_a_jackknife_that_cannot_leave_a_subject_out_is_refused_in_a_sentence():
    with pytest.raises(ks.UsageError, match="a coefficient may rest on that subject alone"):
        ks.mmrm(
            "chg ~ trt01a*avisit + siteid", alone_at_site(), vcov="jackknife", df="satterthwaite"
        )


def test_the_joint_test_does_not_ignore_that_covariates_are_random():
    fit = ks.mmrm("chg ~ base*trt01a + avisit*trt01a", visits())
    means = fit.emmeans(["trt01a", "avisit"], weights="subjects", covariates="random")
    with pytest.raises(ks.UsageError, match='for covariates="fixed"'):
        means.differences("placebo").joint()


@pytest.mark.parametrize(
    ("names", "guessed"),
    [
        (["Day -1", "Day 1", "Day 8", "Day 15"], False),
        (["Week 2", "Week 10", "Week 20", "Week 100"], False),
        (["v1", "v2.5", "v3", "v10"], False),
        (["Week 2", "Week 6", "Month 3", "Month 6"], True),
        (["Baseline", "Week 1", "Week 2", "End of treatment"], True),
    ],
)
def test_visits_are_ordered_by_their_numbers_and_a_guess_is_said(names, guessed):
    rng = np.random.default_rng(3)
    rows = [(i, name, rng.normal()) for i in range(20) for name in names]
    data = pd.DataFrame(rows, columns=["usubjid", "avisit", "y"])
    fit = ks.mmrm("y ~ avisit", data, covariance="cs")
    assert any("put in this order by their names" in note for note in fit.notes) == guessed
    if not guessed:
        assert list(fit.sigma.columns) == names
    timed = data.assign(afrlt=data["avisit"].map({name: 24.0 * k for k, name in enumerate(names)}))
    assert list(ks.mmrm("y ~ avisit", timed, covariance="cs").sigma.columns) == names
    text = data.assign(avisitn=data["avisit"].map({n: str(k + 8) for k, n in enumerate(names)}))
    assert list(ks.mmrm("y ~ avisit", text, covariance="cs").sigma.columns) == names


@pytest.mark.parametrize(
    ("larger", "simpler"),
    [
        ({"covariance": "csh"}, {"covariance": "toep"}),
        ({"covariance": "adh"}, {"covariance": "csh"}),
        ({"covariance": "us"}, {"covariance": "cs", "weights": "w"}),
        ({"covariance": "us"}, {"covariance": "cs", "covariance_by": "trt01a"}),
    ],
)
def test_models_that_are_not_nested_are_not_compared(larger, simpler):
    data = visits().assign(w=lambda d: 1.0 + d["base"] % 3)
    with pytest.raises(ks.UsageError, match=r"not a simpler one|the same rows"):
        ks.mmrm(FORMULA, data, **larger).compare(ks.mmrm(FORMULA, data, **simpler))


def test_formulas_are_nested_if_the_columns_of_one_are_sums_of_the_others():
    data = visits().assign(age=lambda d: 30.0 + d["base"] * 2 + (d["usubjid"] > "s11"))
    large = ks.mmrm("chg ~ base*avisit + trt01a", data, reml=False)
    small = ks.mmrm("chg ~ base + avisit", data, reml=False)
    row = large.compare(small).to_frame().iloc[-1]
    assert row["df"] == 3
    with pytest.raises(ks.UsageError, match="not a simpler one nested"):
        large.compare(ks.mmrm("chg ~ age + avisit", data, reml=False))
    with pytest.raises(ks.UsageError, match="a model fitted by mmrm"):
        large.compare(3)


def with_baseline() -> pd.DataFrame:
    data = visits()
    first = data.drop_duplicates("usubjid")
    start = first.assign(avisit="Day 0", aval=first["base"])
    later = data.assign(aval=data["base"] + data["chg"])
    order = ["Day 0", "Week 1", "Week 2", "Week 10"]
    whole = pd.concat([start, later], ignore_index=True)
    return whole.assign(avisit=pd.Categorical(whole["avisit"], categories=order))


def test_arms_and_visits_that_are_numbers_may_be_named_as_text_or_numbers():
    data = with_baseline()
    words = ks.constrained_longitudinal(data, reference="placebo", baseline="Day 0")
    expected = words.emmeans(["trt01a", "avisit"]).differences("placebo").to_frame()
    coded = data.assign(
        **{
            "my arm": data["trt01a"].map({"placebo": 0, "active": 1}),
            "week": data["avisit"]
            .astype(str)
            .map({"Day 0": 0.0, "Week 1": 1.0, "Week 2": 2.0, "Week 10": 10.0}),
        }
    )
    for reference, baseline in (("0", 0), (0, "0.0")):
        fit = ks.constrained_longitudinal(
            coded, arm="my arm", visit="week", reference=reference, baseline=baseline
        )
        assert not any("Left out" in note for note in fit.notes)
        found = fit.emmeans(["my arm", "week"]).differences("0").to_frame()
        assert found["estimate"].tolist() == pytest.approx(expected["estimate"].tolist())


def test_constrained_longitudinal_analysis_tells_no_value_and_needs_a_baseline():
    data = with_baseline()
    secret = data.assign(aval=data["aval"].astype(object))
    secret.loc[3, "aval"] = "secret77"
    with pytest.raises(ks.DataError, match="aval, row 4") as stopped:
        ks.constrained_longitudinal(secret, reference="placebo", baseline="Day 0")
    assert "secret" not in str(stopped.value)
    empty = data.assign(aval=data["aval"].mask(data["avisit"] == "Day 0"))
    with pytest.raises(ks.UsageError, match="Nobody has an outcome at Day 0"):
        ks.constrained_longitudinal(empty, reference="placebo", baseline="Day 0")


def test_a_joint_test_that_has_no_law_is_missing_and_said():
    rng = np.random.default_rng(1)
    rows = [(i, k, "ab"[i % 2], rng.normal()) for i in range(8) for k in range(5)]
    data = pd.DataFrame(rows, columns=["usubjid", "avisit", "trt01a", "y"])
    test = ks.mmrm("y ~ avisit*trt01a", data).emmeans(["trt01a", "avisit"]).differences("a").joint()
    row = test.to_frame().iloc[0]
    assert row[["statistic", "denominator_df", "p_value"]].isna().all()
    assert any("no F law" in note for note in test.notes)


@pytest.mark.parametrize(
    "values",
    [
        lambda n: pd.to_timedelta(np.arange(n), unit="D"),
        lambda n: pd.date_range("2024-01-01", periods=n),
        lambda n: pd.period_range("2024-01", periods=n, freq="M"),
        lambda n: [dt.date(2024, 1, 1 + k % 28) for k in range(n)],
    ],
)
def test_dates_and_durations_are_no_covariates(values):
    data = visits()
    with pytest.raises(ks.UsageError, match="when is a date or a duration"):
        ks.mmrm("chg ~ when + avisit", data.assign(when=values(len(data))))


def test_a_group_not_seen_at_a_visit_goes_down_the_ladder():
    data = without_last_active()
    for covariance in ("us", "toeph", "ar1h", "adh", "csh"):
        with pytest.raises(ks.DataError, match="Week 10 in active"):
            ks.mmrm("chg ~ trt01a*avisit", data, covariance=covariance, covariance_by="trt01a")
    fit = ks.mmrm("chg ~ trt01a*avisit", data, covariance_by="trt01a", fallback=("toeph", "cs"))
    assert fit.covariance == "cs"


def test_a_covariance_for_each_subject_is_refused_without_naming_them():
    with pytest.raises(ks.UsageError, match="30 of the 30 groups") as stopped:
        ks.mmrm(FORMULA, visits(), covariance_by="usubjid")
    assert "s01" not in str(stopped.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"conf_level": "0.95"}, "must be a number strictly between 0 and 1"),
        ({"covariance": ["us"]}, "no covariance called"),
        ({"df": None}, "no method of degrees of freedom"),
        ({"vcov": None}, "no covariance of the coefficients"),
        ({"reml": "no"}, "reml must be True or False"),
        ({"subject": None}, "subject must be the name of a column"),
        ({"visit": ["avisit"]}, "visit must be the name of a column"),
        ({"weights": 3}, "weights must be the name of a column"),
        ({"reference": {"trt01a": "sham"}}, "no group in trt01a called 'sham'"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_in_a_sentence(options, said):
    with pytest.raises(ks.UsageError, match=said):
        ks.mmrm(FORMULA, visits(), **options)


def test_tables_and_formulas_of_odd_shape_are_refused_in_a_sentence():
    data = visits()
    with pytest.raises(ks.UsageError, match="several parts"):
        ks.mmrm("chg ~ avisit | trt01a", data)
    with pytest.raises(ks.UsageError, match="two columns called base"):
        ks.mmrm(FORMULA, pd.concat([data, data[["base"]]], axis=1))
    with pytest.raises(ks.UsageError, match="holds lists"):
        ks.mmrm("chg ~ bag + avisit", data.assign(bag=[["a"]] * len(data)))
    assert ks.mmrm(FORMULA, data, fallback=None).covariance == "us"


def test_rows_of_a_fault_are_rows_of_the_table_given():
    data = visits()
    at_last = data.index[data["avisit"] == "Week 10"]
    data.loc[at_last[5], "base"] = np.nan
    with pytest.raises(ks.DataError, match=rf"base, row {at_last[5] + 1}:"):
        ks.ancova("chg ~ base + trt01a", data, at="Week 10")


def test_a_group_is_not_compared_with_itself():
    means = ks.mmrm(FORMULA, visits()).emmeans(["trt01a", "avisit"])
    with pytest.raises(ks.UsageError, match="cannot be compared with itself"):
        means.differences("placebo", arm="placebo")


def test_weights_of_contrasts_may_be_numpys_numbers():
    fit = ks.mmrm(FORMULA, visits())
    ours = fit.contrast({"x": {"base": np.int64(2)}, "y": {"base": np.float32(2)}}).to_frame()
    assert ours["estimate"].iloc[0] == pytest.approx(ours["estimate"].iloc[1])


def test_kenward_roger_under_maximum_likelihood_is_said_to_be_an_approximation():
    assert any("restricted" in note for note in ks.mmrm(FORMULA, visits(), reml=False).notes)
    plain = ks.mmrm(FORMULA, visits(), reml=False, df="satterthwaite")
    assert not any("restricted" in note for note in plain.notes)


def test_coverages_keep_their_decimals_in_words():
    fit = ks.mmrm(FORMULA, visits(), conf_level=0.975)
    assert "Coefficient (97.5% interval)" in fit.display().columns


def test_a_comparison_whose_difference_is_not_told_says_so():
    compared = ks.compare_covariances(
        "chg ~ trt01a*avisit",
        without_last_active(),
        arm="active",
        reference="placebo",
        covariances=["cs"],
    )
    assert "the data do not tell it" in str(compared)


def test_a_correlation_of_one_has_no_limits_and_says_none():
    data = visits().assign(twice=lambda d: 2 * d["chg"])
    result = ks.repeated_correlation(data, "chg", "twice")
    assert result.to_frame()["estimate"].iloc[0] == pytest.approx(1)
    assert "nan" not in str(result)


def test_many_patterns_and_visits_fit_in_little_room():
    import tracemalloc

    rng = np.random.default_rng(3)
    n, t = 150, 16
    seen = rng.random((n, t)) > 0.15
    subject, visit = np.nonzero(seen)
    y = rng.normal(size=n)[subject] + rng.normal(size=len(subject))
    data = pd.DataFrame(
        {"usubjid": subject, "avisit": visit, "trt01a": subject % 2, "y": y}
    ).assign(trt01a=lambda d: d["trt01a"].map({0: "a", 1: "b"}))
    tracemalloc.start()
    fit = ks.mmrm("y ~ trt01a*avisit", data, covariance="cs")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.attempts["outcome"].iloc[-1] == "converged"
    assert peak < 600e6


def test_a_visit_held_as_a_number_may_be_named_as_text():
    fit = ks.ancova(
        "CHANGE ~ BASVAL + THERAPY",
        table("hamd"),
        subject="PATIENT",
        visit="VISIT",
        at="7",  # written as text, held as a number
        reference={"THERAPY": "PLACEBO"},
    )
    assert by_r_name(fit).loc["THERAPYDRUG", "estimate"] == pytest.approx(-2.65745098078581)

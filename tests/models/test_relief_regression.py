"""Regression of event intervals by formula: ratios, directions, tests, predictions, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references import read_input, read_reference

from ketastats.errors import DataError, UsageError
from ketastats.models.relief_fit import MODELS
from ketastats.models.relief_regression import LIMITS, relief_regression
from ketastats.results import SHARED_WORDS

AFT = [name for name in MODELS if name.startswith("aft")]
SEMI = ["ph", "po"]


def with_ids(table):
    return table.assign(usubjid=[f"s{i:03d}" for i in range(len(table))])


@pytest.fixture(scope="module")
def bcos():
    return with_ids(read_input("bcos_intervals"))


@pytest.fixture(scope="module")
def mixed():
    return with_ids(read_input("regression_mixed"))


@pytest.fixture(scope="module")
def schedule():
    return with_ids(read_input("regression_schedule"))


def coefficients(result):
    frame = result.to_frame()
    return frame[frame["part"] == "coefficient"].set_index("column")


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("model", AFT)
def test_accelerated_failure_times_agree_with_survreg(mixed, model, limits):
    frame = relief_regression(mixed, "z + arm", model, limits=limits).to_frame()
    law = model.removeprefix("aft_")
    expected = read_reference("regression_survreg", dataset="mixed", model=law)
    expected = expected.set_index("parameter").loc[
        ["(Intercept)", "armb", "armc", "z", "log(scale)"]
    ]
    frame = frame.set_index("column").loc[["Intercept", "arm[T.b]", "arm[T.c]", "z", np.nan]]
    assert frame["estimate"].to_numpy() == pytest.approx(expected["estimate"].to_numpy(), abs=1e-6)
    assert frame["std_error"].to_numpy() == pytest.approx(
        expected["std_error"].to_numpy(), abs=1e-6
    )
    assert frame["loglik"].to_numpy() == pytest.approx(expected["loglik"].to_numpy(), abs=1e-8)
    assert frame["aic"].iloc[0] == pytest.approx(10 - 2 * expected["loglik"].iloc[0], abs=1e-8)
    if limits == "likelihood":
        row = frame.loc["z"]
        printed = expected.loc["z", ["profile_low", "profile_high"]].tolist()
        assert [row["conf_low"], row["conf_high"]] == pytest.approx(printed, abs=1e-6)


def test_proportional_hazards_on_a_common_schedule_agree_with_a_binomial_regression(schedule):
    found = coefficients(relief_regression(schedule, "arm + z", "ph", limits="likelihood"))
    expected = read_reference(
        "regression_schedule", dataset="schedule", model="ph", software="glm cloglog"
    ).set_index("parameter")
    arm = found.loc["arm"]
    for ours, theirs in {
        "estimate": "estimate",
        "std_error": "std_error",
        "conf_low": "profile_low",
        "conf_high": "profile_high",
        "loglik": "loglik",
    }.items():
        assert arm[ours] == pytest.approx(expected.loc["arm", theirs], abs=1e-5)
    assert found["std_error_method"].unique() == ["information"]


def test_ratios_are_exponentials_and_say_which_way_they_point(bcos):
    for model, above in {**dict.fromkeys(AFT, "later"), "ph": "earlier", "po": "earlier"}.items():
        row = coefficients(relief_regression(bcos, "treatment", model)).iloc[0]
        assert row["ratio"] == pytest.approx(np.exp(row["estimate"]))
        assert row["ratio_low"] == pytest.approx(np.exp(row["conf_low"]))
        assert row["ratio_high"] == pytest.approx(np.exp(row["conf_high"]))
        # Radiation with chemotherapy brings retraction earlier (Finkelstein and Wolfe 1985).
        assert row["reading"] == "relief earlier"
        assert (row["ratio"] > 1) == (above == "earlier")
        assert row["term"] == "treatment RadChem against Rad"


@pytest.mark.parametrize("model", MODELS)
def test_the_reference_group_turns_the_ratio_over(bcos, model):
    a = coefficients(relief_regression(bcos, "treatment", model)).iloc[0]
    turned = relief_regression(bcos, "treatment", model, reference={"treatment": "RadChem"})
    b = coefficients(turned).iloc[0]
    assert b["ratio"] == pytest.approx(1 / a["ratio"], rel=1e-8)
    assert b["p_value"] == pytest.approx(a["p_value"], rel=1e-5)
    assert b["term"] == "treatment Rad against RadChem"
    assert b["reading"] == "relief later"


@pytest.mark.parametrize("model", MODELS)
def test_row_order_does_not_matter_and_the_table_is_unchanged(mixed, model):
    before = mixed.copy(deep=True)
    shuffled = mixed.sample(frac=1, random_state=4)
    a, b = (relief_regression(t, "z + C(arm)", model).to_frame() for t in (mixed, shuffled))
    pd.testing.assert_frame_equal(a, b, rtol=1e-7)
    pd.testing.assert_frame_equal(mixed, before)


@pytest.mark.parametrize("model", MODELS)
def test_a_test_of_one_column_is_its_terms_test(mixed, model):
    for method, limits in (("likelihood", "likelihood"), ("wald", "wald")):
        result = relief_regression(mixed, "z + arm", model, limits=limits)
        tests = result.term_tests(method=method).set_index("term")
        assert tuple(result.term_tests().columns) == SHARED_WORDS
        assert tests["df"].to_dict() == {"z": 1.0, "arm": 2.0}
        row = coefficients(result).loc["z"]
        assert tests.loc["z", "p_value"] == pytest.approx(row["p_value"], rel=1e-9)


def test_the_likelihood_ratio_of_all_terms_is_that_of_survreg(bcos):
    expected = read_reference("regression_survreg", dataset="bcos", model="weibull").iloc[0]
    tests = relief_regression(bcos, "treatment").term_tests()
    ratio = 2 * (expected["loglik"] - expected["loglik_null"])
    assert tests["statistic"].iloc[0] == pytest.approx(ratio, abs=1e-7)


@pytest.mark.parametrize("model", SEMI)
def test_standard_errors_of_three_kinds_are_near_each_other(schedule, model):
    errors = [
        coefficients(
            relief_regression(schedule, "arm", model, std_errors=kind, replicates=80, seed=5)
        )["std_error"].iloc[0]
        for kind in ("information", "profile", "bootstrap")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)
    assert errors[2] == pytest.approx(errors[0], rel=0.3)


def test_irregular_times_take_the_profile_likelihood(bcos):
    result = relief_regression(bcos, "treatment", "ph")
    assert set(result.to_frame()["std_error_method"]) == {"profile"}
    assert any("profile likelihood" in note for note in result.notes)
    given = relief_regression(bcos, "treatment", "ph", std_errors="information")
    assert any("irregular" in note for note in given.notes)


@pytest.mark.parametrize("model", MODELS)
def test_a_prediction_knows_its_row_time_and_limits(schedule, model):
    result = relief_regression(schedule, "arm + z", model)
    new = pd.DataFrame({"arm": [0, 1], "z": [0.0, 0.0]}, index=[7, 9])
    found = result.predict(new, [4, 100, 336])
    assert list(found["row"]) == [0, 0, 0, 1, 1, 1]
    assert (found["bound_low"] <= found["estimate"]).all()
    assert (found["conf_low"] < found["bound_low"]).all()
    assert (found["conf_high"] > found["bound_high"]).all()
    for _, part in found.groupby("row"):
        assert part["estimate"].is_monotonic_decreasing
    first, second = (found[found["row"] == i]["estimate"].to_numpy() for i in (0, 1))
    assert (second < first).all()  # arm 1 is earlier
    median = result.quantiles(new, [0.5])
    assert (median["bound_low"] <= median["bound_high"]).all()
    assert median["estimate"].iloc[1] <= median["estimate"].iloc[0]


def test_predicted_quantiles_and_shares_agree_with_r(bcos):
    data = bcos.assign(x=(bcos["treatment"] == "RadChem").astype(int))
    result = relief_regression(data, "x", "aft_loglogistic")
    for row in read_reference("regression_survreg_predict", model="loglogistic").itertuples():
        new = pd.DataFrame({"x": [row.x]})
        if row.quantity == "survival":
            found = result.predict(new, [row.at]).iloc[0]
            assert found["estimate"] == pytest.approx(row.value, rel=1e-6)
        else:
            found = result.quantiles(new, [row.at]).iloc[0]
            assert found["estimate"] == pytest.approx(row.value, rel=1e-6)
            upper = row.value * np.exp(1.959963984540054 * row.log_std_error)
            assert found["conf_high"] == pytest.approx(upper, rel=1e-5)


def test_within_a_step_the_curve_has_bounds_and_irregular_times_no_limits(bcos):
    result = relief_regression(bcos, "treatment", "ph")
    new = pd.DataFrame({"treatment": ["Rad"]})
    found = result.predict(new, np.arange(0.5, 60))
    assert (found["bound_low"] < found["bound_high"]).any()
    assert found["conf_low"].isna().all()
    assert (found["estimate"] == found["bound_high"]).all()


def test_new_patients_need_every_covariate_and_known_groups(bcos):
    result = relief_regression(bcos.assign(age=np.arange(94.0)), "treatment + age", "ph")
    with pytest.raises(DataError, match="age") as caught:
        result.predict(pd.DataFrame({"treatment": ["Surgery"]}), [5])
    assert {p.code for p in caught.value.problems} == {"missing_column", "unknown_level"}
    assert "Surgery" not in str(caught.value)
    with pytest.raises(UsageError, match="times"):
        result.predict(pd.DataFrame({"treatment": ["Rad"], "age": [3]}), [-1])
    with pytest.raises(UsageError, match="shares"):
        result.quantiles(pd.DataFrame({"treatment": ["Rad"], "age": [3]}), [50])
    with pytest.raises(UsageError, match="DataFrame"):
        result.predict({"treatment": "Rad"}, [5])


def test_the_maximum_is_certified(bcos):
    for model in MODELS:
        found = relief_regression(bcos, "treatment", model).certificate
        assert max(found.values()) <= 1e-9
        assert ("multiplier" in found) == (model in SEMI)


def test_formulas_take_interactions_functions_and_nullable_types(mixed):
    table = mixed.assign(
        visits=pd.array([1, 2] * 75, dtype="Int64"), well=pd.array([True, False] * 75, "boolean")
    )
    found = coefficients(relief_regression(table, "~ arm * z + log(visits)", "ph"))
    assert list(found.index) == [
        "arm[T.b]",
        "arm[T.c]",
        "z",
        "log(visits)",
        "arm[T.b]:z",
        "arm[T.c]:z",
    ]
    assert len(coefficients(relief_regression(table, "well", "aft_lognormal"))) == 1


def test_a_declared_group_without_subjects_is_left_out_and_named(bcos):
    treatment = pd.Categorical(bcos["treatment"], categories=["RadChem", "Rad", "Surgery"])
    result = relief_regression(bcos.assign(treatment=treatment), "treatment", "po")
    assert coefficients(result)["term"].tolist() == ["treatment Rad against RadChem"]
    assert "Nobody is in treatment Surgery: left out." in result.notes


def test_an_intercept_alone_is_a_distribution(bcos):
    result = relief_regression(bcos, "1", "aft_weibull")
    expected = read_reference("regression_survreg", dataset="bcos", model="weibull").iloc[0]
    assert result.to_frame()["loglik"].iloc[0] == pytest.approx(expected["loglik_null"], abs=1e-8)
    assert "without covariates" in str(result)
    try:
        result.plot()
    finally:
        plt.close("all")


@pytest.mark.parametrize("model", MODELS)
def test_a_group_without_events_is_said_and_gets_no_number(bcos, model):
    never = bcos.assign(right=bcos["right"].where(bcos["treatment"] == "Rad", np.inf))
    with pytest.raises(DataError, match="treatment RadChem against Rad") as caught:
        relief_regression(never, "treatment", model)
    assert "no finite estimate" in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("treatment + other", "other"),
        ("treatment + fixed", "fixed: constant"),
        ("treatment + age + double", "double: constant in this table, or a sum"),
        ("gaps", "gaps, row 4: empty"),
        ("log(zero)", "not a number in every row"),
        ("treatment - 1", "intercept"),
        ("left ~ treatment", "right-hand side"),
        ("treatment + (", "cannot be read"),
        ("treatment + open('x')", "open: not in the table"),
        ("log(treatment)", "does not fit"),
        (3, "is text"),
    ],
)
def test_what_is_wrong_with_a_formula_or_a_covariate_is_said(bcos, model, formula, says):
    age = np.arange(94.0)
    table = bcos.assign(
        fixed=2, age=age, double=2 * age, gaps=pd.Series(age).mask(age == 3), zero=age
    )
    with pytest.raises((UsageError, DataError), match=says.replace("(", r"\(")):
        relief_regression(table, formula, model)


def test_competing_events_are_refused_with_what_to_do(bcos):
    status = np.where(np.isinf(bcos["right"]), "censored", "relief").astype(object)
    fine = relief_regression(bcos.assign(status=status), "treatment").to_frame()
    pd.testing.assert_frame_equal(fine, relief_regression(bcos, "treatment").to_frame())
    status[np.flatnonzero(np.isfinite(bcos["right"]))[0]] = "rescue"
    with pytest.raises(UsageError, match="censor them explicitly"):
        relief_regression(bcos.assign(status=status), "treatment")


def test_the_event_is_called_by_its_name(bcos):
    status = np.where(np.isinf(bcos["right"]), "censored", "relapse")
    result = relief_regression(bcos.assign(status=status), "treatment", "ph")
    assert str(result).startswith("Time to relapse, proportional hazards regression of 94 subjects")
    assert coefficients(result)["reading"].iloc[0] == "relapse earlier"


def test_tables_that_hold_no_comparison_are_refused(bcos):
    nobody = bcos.assign(right=np.inf)
    with pytest.raises(DataError, match="everyone is right-censored"):
        relief_regression(nobody, "treatment")
    twice = pd.concat([bcos, bcos.iloc[:1]])
    with pytest.raises(DataError, match="second interval"):
        relief_regression(twice, "treatment")
    with pytest.raises(DataError, match="left is after right"):
        relief_regression(bcos.assign(left=70.0, right=60.0), "treatment")
    overlapping = bcos.assign(left=0.0)
    with pytest.raises(DataError, match="time in common"):
        relief_regression(overlapping.assign(right=5.0), "treatment", "ph")
    with pytest.raises(DataError, match="one time"):
        relief_regression(overlapping.assign(right=5.0), "1")


@pytest.mark.parametrize("model", MODELS)
def test_an_exact_time_of_zero_is_refused_and_a_left_bound_of_zero_is_not(bcos, model):
    at_start = bcos.copy()
    at_start.loc[0, ["left", "right"]] = 0
    with pytest.raises(DataError, match="time 0"):
        relief_regression(at_start, "treatment", model)
    assert (bcos["left"] == 0).any()
    relief_regression(bcos, "treatment", model)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "cox"}, "model"),
        ({"limits": "score"}, "limits"),
        ({"std_errors": "sandwich", "model": "ph"}, "standard errors"),
        ({"std_errors": "bootstrap"}, "few parameters"),
        ({"std_errors": "bootstrap", "model": "ph", "replicates": 1}, "replicates"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"reference": {"treatment": "Surgery"}}, "Surgery"),
        ({"reference": {"arm": "a"}}, "arm"),
    ],
)
def test_options_that_do_not_exist_are_refused(bcos, options, says):
    with pytest.raises(UsageError, match=says):
        relief_regression(bcos, "treatment", **options)


def test_semi_parametric_models_need_a_covariate(bcos):
    with pytest.raises(UsageError, match="covariate"):
        relief_regression(bcos, "1", "ph")


def test_a_reader_sees_ratios_readings_and_the_assumption(mixed):
    result = relief_regression(mixed, "z + arm", "ph")
    shown = result.display()
    assert "Hazard ratio (95% interval)" in shown.columns
    assert shown.map(lambda cell: isinstance(cell, str)).all(axis=None)
    assert any("same at all times" in note for note in result.notes)
    assert "arm b against a (relief earlier)" in str(result)
    assert "above 1: relief earlier" in result.figure_text()
    assert any(
        note.startswith("An odds ratio") for note in relief_regression(mixed, "z", "po").notes
    )


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("model", MODELS)
def test_a_direction_is_told_only_where_the_interval_leaves_out_1(bcos, model, limits):
    arm = np.tile(["a", "b", "b", "a"], len(bcos))[: len(bcos)]  # says nothing about the event
    result = relief_regression(bcos.assign(arm=arm), "arm + treatment", model, limits=limits)
    rows = coefficients(result)
    assert rows["ratio_low"].iloc[0] < 1 < rows["ratio_high"].iloc[0]
    assert rows["reading"].tolist() == ["direction not told", "relief earlier"]
    for words in (str(result), result.figure_text()):
        assert "arm b against a (direction not told)" in words
        assert "RadChem against Rad (relief earlier)" in words
    assert "direction not told" in result.display()["Reading"].tolist()

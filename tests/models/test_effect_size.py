"""Effect sizes and equivalence tests against R, and what must hold on any data."""

import math

import numpy as np
import pandas as pd
import pytest
from mmrm_models import table
from references import read_input, read_reference

import ketastats as ks

FUNCTIONS = {
    "cohens_d": ks.cohens_d,
    "hedges_g": ks.hedges_g,
    "glass_delta": ks.glass_delta,
    "cliffs_delta": ks.cliffs_delta,
}


def data_set(name: str) -> tuple[pd.DataFrame, str, dict[str, str]]:
    if name == "mtcars":
        cars = read_input("mtcars")
        return cars, "wt", {"arm": "0", "reference": "1", "of": "am", "subject": "car"}
    if name == "hamd":
        trial = table("hamd")
        options = {"arm": "DRUG", "reference": "PLACEBO", "of": "THERAPY", "subject": "PATIENT"}
        return trial[trial["VISIT"] == 7], "CHANGE", options
    trial = table("btheb")
    options = {"arm": "BtheB", "reference": "TAU", "of": "treatment", "subject": "id"}
    return (
        trial[trial["month"] == "2m"].assign(bdi=lambda d: d["bdi"].astype(float)),
        "bdi",
        options,
    )


def effect(measure: str, name: str, **more) -> pd.DataFrame:
    data, outcome, options = data_set(name)
    result = FUNCTIONS[measure](data, outcome, missing="observed", **options, **more)
    return result.to_frame().set_index("measure")


@pytest.mark.parametrize(
    "case",
    list(read_reference("effect_sizes").itertuples()),
    ids=lambda c: f"{c.dataset} {c.measure} {c.divisor} {c.conf_level}",
)
def test_effect_sizes_agree_with_effectsize(case):
    measure = case.measure if case.measure in FUNCTIONS else "cohens_d"
    options = {"divisor": case.divisor} if measure in ("cohens_d", "hedges_g") else {}
    row = effect(measure, case.dataset, conf_level=case.conf_level, **options).loc[case.measure]
    assert row["estimate"] == pytest.approx(case.estimate, rel=1e-9)
    if not math.isnan(case.conf_low):
        # effectsize stops its search for a limit within 1e-5
        limits = (row["conf_low"], row["conf_high"])
        assert limits == pytest.approx((case.conf_low, case.conf_high), rel=2e-4, abs=2e-5)


def test_the_published_effect_of_weight_on_transmission():
    # source: effectsize, test-cohens_d.R, collected reference numbers, section 14
    expected = {
        ("cohens_d", "pooled"): (1.892406, 1.030022, 2.732922),
        ("cohens_d", "average"): (1.934, 1.075151, 2.772516),
        ("hedges_g", "pooled"): (1.844631, 1.004019, 2.663927),
    }
    for (measure, divisor), printed in expected.items():
        row = effect(measure, "mtcars", divisor=divisor).loc[measure]
        found = (row["estimate"], row["conf_low"], row["conf_high"])
        assert found == pytest.approx(printed, abs=1e-6 if divisor == "pooled" else 1e-3)


def test_cliffs_delta_of_a_published_example():
    # source: documentation of R package effsize, cliff.delta: -0.25, -0.7265846 to 0.3890062
    values = {"t": [10, 10, 20, 20, 20, 30, 30, 30, 40, 50], "c": [10, 20, 30, 40, 40, 50]}
    rows = [(f"{arm}{k}", arm, v) for arm, held in values.items() for k, v in enumerate(held)]
    data = pd.DataFrame(rows, columns=["usubjid", "trt01a", "y"])
    frame = ks.cliffs_delta(data, "y", arm="t", reference="c").to_frame()
    row, superiority = frame.iloc[0], frame.iloc[1]
    found = (row["estimate"], row["conf_low"], row["conf_high"])
    assert found == pytest.approx((-0.25, -0.7265846, 0.3890062), abs=5e-8)
    assert superiority["estimate"] == pytest.approx(0.375)


@pytest.mark.parametrize(
    "case",
    list(read_reference("equivalence").itertuples()),
    ids=lambda c: f"{c.dataset} {c.method} {c.bound_low} {c.bound_high}",
)
def test_equivalence_agrees_with_two_t_tests(case):
    data, outcome, options = data_set(case.dataset)
    bounds = (case.bound_low, case.bound_high)
    result = ks.equivalence_test(
        data, outcome, bounds=bounds, method=case.method, missing="observed", **options
    )
    row = result.to_frame().iloc[0]
    for name in ("t_low", "t_high", "p_low", "p_high", "df", "conf_low", "conf_high"):
        assert row[name] == pytest.approx(getattr(case, name), rel=1e-8, abs=1e-300)
    inside = bounds[0] < row["conf_low"] and row["conf_high"] < bounds[1]
    assert (row["p_value"] < 0.05) == inside


@pytest.mark.parametrize(
    ("method", "df", "p"), [("pooled", 10, 0.9650974), ("welch", 9.49, 0.9643479)]
)
def test_equivalence_of_a_published_example(method, df, p):
    # source: pingouin, test_equivalence.py, collected reference numbers, section 14
    a, b = [4, 7, 8, 6, 3, 2], [6, 8, 7, 10, 11, 9]
    data = pd.DataFrame({"usubjid": range(12), "trt01a": list("a" * 6 + "b" * 6), "y": a + b})
    options = {"arm": "a", "reference": "b", "method": method}
    row = ks.equivalence_test(data, "y", bounds=(-1, 1), **options).to_frame().iloc[0]
    assert row["p_value"] == pytest.approx(p, abs=5e-8)
    assert row["df"] == pytest.approx(df, abs=0.005)


def two_arms() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    arm = np.repeat(["active", "placebo"], 20)
    y = rng.normal(0, 3, 40) - 2 * (arm == "active")
    return pd.DataFrame({"usubjid": np.arange(40), "trt01a": arm, "chg": y})


def test_bounds_in_standard_deviations_are_those_of_the_pooled_one():
    data = two_arms()
    divisor = (
        ks.cohens_d(data, "chg", arm="active", reference="placebo").to_frame()["divisor"].iloc[0]
    )
    options = {"arm": "active", "reference": "placebo"}
    in_sd = ks.equivalence_test(data, "chg", bounds=(-0.3, 0.3), in_sd=True, **options)
    raw = ks.equivalence_test(data, "chg", bounds=(-0.3 * divisor, 0.3 * divisor), **options)
    pd.testing.assert_frame_equal(in_sd.to_frame(), raw.to_frame())


@pytest.mark.parametrize("measure", list(FUNCTIONS))
def test_units_do_not_matter_and_signs_turn_with_the_arms(measure):
    data = two_arms()
    options = {"arm": "active", "reference": "placebo"}
    plain = FUNCTIONS[measure](data, "chg", **options).to_frame()
    scaled = FUNCTIONS[measure](data.assign(chg=10 * data["chg"] + 7), "chg", **options).to_frame()
    names = ["estimate", "conf_low", "conf_high"]
    assert scaled[names].to_numpy() == pytest.approx(plain[names].to_numpy())
    if measure != "glass_delta":
        turned = FUNCTIONS[measure](data, "chg", arm="placebo", reference="active").to_frame()
        assert turned["estimate"].iloc[0] == pytest.approx(-plain["estimate"].iloc[0])
        assert turned["conf_low"].iloc[0] == pytest.approx(-plain["conf_high"].iloc[0])


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"arm": "sham"}, "no arm called 'sham'"),
        ({}, {"arm": "placebo"}, "cannot be compared with itself"),
        ({}, {"of": "group"}, "group: not in the table"),
        ({}, {"missing": "worst"}, "no meaning of missing called 'worst'"),
        ({}, {"conf_level": 95}, "strictly between 0 and 1"),
        ({"usubjid": 1}, {}, "a second row of one subject"),
        ({"chg": "much"}, {}, "holds text where a number is needed"),
        ({"chg": 3.0}, {}, "the standard deviation is 0"),
        ({"trt01a": ["active", *["placebo"] * 39]}, {}, "Fewer than two outcomes in active"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(change, options, said):
    given = {"arm": "active", "reference": "placebo", **options}
    with pytest.raises(ks.KetastatsError, match=said):
        ks.hedges_g(two_arms().assign(**change), "chg", **given)


def test_a_missing_outcome_is_an_error_unless_its_meaning_is_said():
    data = two_arms()
    data.loc[3, "chg"] = np.nan
    options = {"arm": "active", "reference": "placebo"}
    with pytest.raises(ks.DataError, match="chg, row 4: empty"):
        ks.hedges_g(data, "chg", **options)
    seen = ks.hedges_g(data, "chg", missing="observed", **options)
    assert seen.to_frame()["n"].iloc[0] == 39
    assert seen.notes == ("1 subject takes no part, for having no outcome.",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bounds": (3, -3)}, "lower bound must lie below"),
        ({"bounds": 3}, "bounds are two numbers"),
        ({"alpha": 0.7}, "strictly between 0 and 1"),
        ({"method": "student"}, "no method called"),
        ({"in_sd": "yes"}, "in_sd must be True or False"),
    ],
)
def test_bounds_that_make_no_sense_are_refused_in_a_sentence(options, said):
    given = {"arm": "active", "reference": "placebo", "bounds": (-3, 3), **options}
    with pytest.raises(ks.UsageError, match=said):
        ks.equivalence_test(two_arms(), "chg", **given)


def test_an_equivalence_test_says_where_its_interval_lies():
    options = {"arm": "active", "reference": "placebo"}
    wide = ks.equivalence_test(two_arms(), "chg", bounds=(-30, 30), **options)
    far = ks.equivalence_test(two_arms(), "chg", bounds=(20, 30), **options)
    assert "inside −30.00 to 30.00 points" in str(wide)
    assert "outside 20.00" in str(far)


def test_an_estimation_plot_draws_every_outcome_and_the_difference():
    import matplotlib.pyplot as plt

    axes = ks.hedges_g(two_arms(), "chg", arm="active", reference="placebo").plot()
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert sum(len(line.get_xdata()) for line in marks[:2]) == 40
    assert [t.get_text() for t in axes.get_xticklabels()] == ["placebo", "active", "Difference"]
    plt.close("all")

"""Differences of a mixed model in its standard deviations: emmeans, known truth, and what must hold."""

import numpy as np
import pandas as pd
import pytest
from mmrm_models import FORMULAS, table
from references import read_reference

import ketastats as ks


def complete(trial: str) -> tuple[ks.StandardizedDifferences, list[str]]:
    """Standardised differences of subjects seen at all visits."""
    data = table(trial)
    if trial == "orthodont":
        fit = ks.mmrm(
            FORMULAS["orthodont"],
            data,
            subject="Subject",
            visit="visit",
            reference={"Sex": "Male"},
        )
        found = ks.standardized_differences(fit, ["Sex", "visit"], "Male")
        return found, [str(v).removeprefix("age") for v in found.to_frame()["visit"]]
    seen = data.groupby("PATIENT")["VISIT"].transform("size") == 4
    fit = ks.mmrm(
        FORMULAS["hamd"],
        data[seen].assign(VISIT=lambda d: d["VISIT"].astype(str)),
        subject="PATIENT",
        visit="VISIT",
        reference={"THERAPY": "PLACEBO"},
    )
    found = ks.standardized_differences(fit, ["THERAPY", "VISIT"], "PLACEBO")
    return found, [str(v) for v in found.to_frame()["VISIT"]]


@pytest.mark.parametrize("trial", ["orthodont", "hamd"])
def test_on_complete_data_the_numbers_are_those_of_emmeans(trial):
    found, visits = complete(trial)
    expected = read_reference("model_effect_size").query("dataset == @trial")
    assert visits == expected["visit"].astype(str).tolist()
    numbers = ["estimate", "std_error", "df", "conf_low", "conf_high", "divisor"]
    ours = found.to_frame()[numbers].to_numpy()
    assert ours == pytest.approx(expected[numbers].to_numpy(), rel=1e-6)


def made(rng, d, n=24, gone=0.3):
    """Two visits in two arms, true standardised difference d at the second, some gone before it."""
    arm = np.repeat(["active", "placebo"], n)
    first = rng.normal(0, 2, 2 * n)
    second = 0.6 * first + rng.normal(0, 2, 2 * n) * 0.8 + 2 * d * (arm == "active")
    second[rng.random(2 * n) < gone] = np.nan
    rows = {"usubjid": np.tile(np.arange(2 * n), 2), "trt01a": np.tile(arm, 2)}
    rows |= {"avisit": np.repeat(["1", "2"], 2 * n), "chg": np.concatenate([first, second])}
    return pd.DataFrame(rows)


def fitted(data, **options):
    return ks.mmrm("chg ~ trt01a * avisit", data, reference={"trt01a": "placebo"}, **options)


def test_limits_cover_the_truth_as_often_as_they_say_with_drop_out():
    rng = np.random.default_rng(8)
    covered, times, d = 0, 400, 0.8
    for _ in range(times):
        found = ks.standardized_differences(
            fitted(made(rng, d)), ["trt01a", "avisit"], "placebo"
        ).to_frame()
        covered += found["conf_low"].iloc[-1] <= d <= found["conf_high"].iloc[-1]
    assert covered / times == pytest.approx(0.95, abs=0.033)  # three standard errors


@pytest.mark.parametrize("covariance", ["us", "csh", "ar1h", "toep", "cs"])
def test_the_unit_of_the_outcome_changes_nothing(covariance):
    data = made(np.random.default_rng(1), 0.5)
    one, other = (
        ks.standardized_differences(
            fitted(data.assign(chg=data["chg"] * factor), covariance=covariance),
            ["trt01a", "avisit"],
            "placebo",
        ).to_frame()
        for factor in (1.0, 250.0)
    )
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    assert one[numbers].to_numpy() == pytest.approx(other[numbers].to_numpy(), rel=1e-5)
    assert (other["divisor"] / one["divisor"]).to_numpy() == pytest.approx(250, rel=1e-5)


def test_a_sentence_names_arm_visit_and_limits():
    result = ks.standardized_differences(
        fitted(made(np.random.default_rng(1), 0.5)), ["trt01a", "avisit"], "placebo"
    )
    assert "active minus placebo, 2" in str(result)
    assert "95% interval" in str(result)


def test_fits_without_one_standard_deviation_per_visit_are_refused():
    data = made(np.random.default_rng(1), 0.5).assign(w=1.5)
    by = ["trt01a", "avisit"]
    for options in ({"covariance_by": "trt01a"}, {"weights": "w"}):
        with pytest.raises(ks.UsageError, match="one standard deviation per visit"):
            ks.standardized_differences(fitted(data, **options), by, "placebo")
    with pytest.raises(ks.UsageError, match="by must hold the visit"):
        ks.standardized_differences(fitted(data), "trt01a", "placebo")
    with pytest.raises(ks.UsageError, match="placebo"):
        ks.standardized_differences(fitted(data), by, "placebos")

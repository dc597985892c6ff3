"""Pooling from a table of arms: methods, refusals, repeated controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from references import read_reference

import ketastats as ks
from ketastats.models.pooled_rate import METHODS

THERAPY = ks.select_therapy_arms(ks.load_psychotherapy_trials())
CONTROL = ks.select_control_arms(ks.load_psychotherapy_trials())


def expit(value):
    return 1 / (1 + np.exp(-value))


def test_glmm_per_disorder_agrees_with_r():
    frame = ks.pool_rates(THERAPY, by="disorder").to_frame().set_index("disorder")
    reference = read_reference("pooling_glmm", arm="therapy").set_index("dataset")
    for disorder, row in frame.iterrows():
        assert row["estimate"] == pytest.approx(reference["proportion"][disorder], rel=1e-6)
        limits = (row["conf_low"], row["conf_high"])
        expected = reference.loc[disorder, ["proportion_low", "proportion_high"]]
        assert limits == pytest.approx(tuple(expected), rel=1e-6)
        new = reference.loc[disorder, ["pi_t_k2_low", "pi_t_k2_high"]]
        assert (row["new_low"], row["new_high"]) == pytest.approx(tuple(new), rel=1e-6)


@pytest.mark.parametrize(
    ("method", "estimator", "low", "high"),
    [
        ("reml_hartung_knapp", "REML_counts", "hk_conf_low", "hk_conf_high"),
        ("reml_cluster_robust", "REML_counts", "cr0_conf_low_t", "cr0_conf_high_t"),
        ("dersimonian_laird", "DL_counts", "conf_low", "conf_high"),
    ],
)
def test_logit_methods_per_disorder_agree_with_metafor(method, estimator, low, high):
    reference = read_reference("pooling_logit", arm="therapy", estimator=estimator).set_index(
        "dataset"
    )
    frame = ks.pool_rates(THERAPY, by="disorder", method=method).to_frame().set_index("disorder")
    for disorder, row in frame.iterrows():
        assert row["estimate"] == pytest.approx(expit(reference["mu"][disorder]), rel=1e-6)
        assert row["conf_low"] == pytest.approx(expit(reference[low][disorder]), rel=1e-6)
        assert row["conf_high"] == pytest.approx(expit(reference[high][disorder]), rel=1e-6)


def test_repeated_control_arms_are_counted_once():
    assert len(THERAPY) - len(CONTROL) == 127
    reference = read_reference("pooling_glmm", arm="control_distinct").set_index("dataset")
    frame = ks.pool_rates(CONTROL, by="disorder").to_frame().set_index("disorder")
    for disorder, row in frame.iterrows():
        assert row["k"] == reference["k"][disorder]
        assert row["estimate"] == pytest.approx(reference["proportion"][disorder], rel=1e-6)


def test_chance_of_a_new_setting_is_that_of_the_prediction_interval():
    result = ks.pool_rates(THERAPY[THERAPY["disorder"] == "Panic Disorder"])
    row = result.to_frame().iloc[0]
    assert result.probability_new_between(row["new_low"], row["new_high"])[0] == pytest.approx(0.95)
    assert result.probability_new_between(0, 1)[0] == pytest.approx(1)


def test_contrasts_derived_rows_and_overlaps_are_refused_all_at_once():
    table = pd.DataFrame(
        {
            "study_id": ["a", "b", "c", "d"],
            "events": [1, 2, 9, 1.5],
            "n": [10, 10, 5, 10],
            "is_contrast": [True, False, False, False],
            "is_derived": [False, True, False, False],
            "overlap": ["x", "x", None, None],
        }
    )
    with pytest.raises(ks.DataError) as caught:
        ks.pool_rates(table)
    codes = {problem.code for problem in caught.value.problems}
    assert codes == {"is_contrast", "is_derived", "impossible_count", "not_whole", "overlap"}


def test_overlapping_studies_pool_only_if_asked():
    table = pd.DataFrame(
        {"study_id": ["a", "b"], "events": [3, 4], "n": [10, 10], "overlap": ["x", "x"]}
    )
    with pytest.raises(ks.DataError, match="overlap"):
        ks.pool_rates(table)
    assert ks.pool_rates(table, allow_overlap=True).to_frame()["k"][0] == 2


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_order_of_the_arms_does_not_matter(method):
    arms = THERAPY[THERAPY["disorder"] == "Specific Phobia"]
    a = ks.pool_rates(arms, method=method).to_frame()
    b = ks.pool_rates(arms.sample(frac=1, random_state=1), method=method).to_frame()
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)


def test_one_arm_alone_and_no_events_at_all_have_an_answer_or_a_sentence():
    one = pd.DataFrame({"study_id": ["a"], "events": [3], "n": [10]})
    assert ks.pool_rates(one).to_frame()["estimate"][0] == pytest.approx(0.3)
    with pytest.raises(ks.UsageError, match="infinite"):
        ks.pool_rates(pd.DataFrame({"study_id": ["a", "b"], "events": [0, 0], "n": [10, 9]}))
    with pytest.raises(ks.UsageError, match="no study arm"):
        ks.pool_rates(one.iloc[:0])


def test_pooling_comparison_holds_every_method():
    result = ks.compare_pooling(THERAPY[THERAPY["disorder"] == "Panic Disorder"])
    assert set(result.to_frame()["method"]) == set(METHODS)

"""Two arms compared from a table: measures, strata, pairs, covariates."""

from __future__ import annotations

import math
from math import isnan

import pandas as pd
import pytest
from references import read_input, read_reference

import ketastats as ks
from ketastats.models.rate_difference import METHODS


@pytest.fixture(scope="module")
def week6():
    cohort = ks.load_antidepressant_trial()
    visits = ks.derive_response(ks.derive_baseline(cohort.scores))
    return ks.select_visit(visits, "Week 6", subjects=cohort.subjects, instrument="hamd17")


def compare(table, **options):
    options = {"arm": "DRUG", "reference": "PLACEBO", "missing": "non_response", **options}
    return ks.rate_difference(table, **options)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_method_gives_its_measures(week6, method):
    frame = compare(week6, method=method).to_frame()
    terms = [term for term in frame["term"] if term != "number needed to treat"]
    assert terms == list(METHODS[method])
    for row in frame.itertuples():
        if row.term in METHODS[method]:
            expected = METHODS[method][row.term](29, 84, 20, 88)
            assert (row.conf_low, row.conf_high) == pytest.approx(tuple(expected))


def test_the_difference_is_arm_minus_reference(week6):
    one = compare(week6).to_frame().set_index("term")
    other = compare(week6, arm="PLACEBO", reference="DRUG").to_frame().set_index("term")
    assert one["estimate"]["risk difference"] == pytest.approx(29 / 84 - 20 / 88)
    assert other["estimate"]["risk difference"] == pytest.approx(
        -one["estimate"]["risk difference"]
    )
    assert other["estimate"]["odds ratio"] == pytest.approx(1 / one["estimate"]["odds ratio"])


def test_the_number_needed_to_treat_has_no_finite_limits_when_the_difference_may_be_zero(week6):
    result = compare(week6)
    row = result.to_frame().set_index("term").loc["number needed to treat"]
    assert row["estimate"] == pytest.approx(1 / (29 / 84 - 20 / 88))
    assert isnan(row["conf_low"])
    assert isnan(row["conf_high"])
    assert result.number_needed_to_treat().harm is not None


def test_strata_give_the_mantel_haenszel_family():
    frame = read_input("clasp")
    rows = []
    for trial in frame.itertuples():
        for arm, events, n in (("drug", trial.a, trial.n1), ("control", trial.c, trial.n2)):
            rows.append(
                pd.DataFrame(
                    {
                        "arm": arm,
                        "trial": trial.Index,
                        "response": [True] * events + [False] * (n - events),
                    }
                )
            )
    table = pd.concat(rows, ignore_index=True)
    found = ks.rate_difference(
        table, arm="drug", reference="control", by="arm", strata="trial"
    ).to_frame()
    found = found.set_index("term")
    # R 4.2.2, mantelhaen.test: 0.8171062, X-squared 8.5973, p 0.003367; metafor rma.mh RR 0.8280415.
    assert found["estimate"]["odds ratio"] == pytest.approx(0.8171062, abs=0.5e-7)
    assert found["estimate"]["risk ratio"] == pytest.approx(0.8280415, abs=0.5e-7)
    assert found["p_value"]["risk ratio"] == pytest.approx(0.003367, abs=0.5e-6)


def test_an_arm_that_is_not_there_names_the_nearest(week6):
    with pytest.raises(ks.UsageError, match="'PLACEBO'"):
        compare(week6, reference="PLACEBOO")
    with pytest.raises(ks.UsageError, match="both"):
        compare(week6, reference="DRUG")


def test_adjusted_difference_agrees_with_the_ge_macro():
    table = read_input("beeca_trial01")
    table = table.assign(response=table["aval"].astype("boolean"), arm=table["trtp"].astype(str))
    options = {
        "arm": "1",
        "reference": "0",
        "by": "arm",
        "covariates": "bl_cov",
        "missing": "observed",
    }
    ge = ks.adjusted_rate_difference(table, variance="ge", **options).to_frame().iloc[0]
    assert ge["estimate"] == pytest.approx(-0.068364, abs=0.5e-6)
    assert ge["std_error"] == pytest.approx(0.060716, abs=0.5e-6)
    # The macro multiplies by 1.96.
    assert (ge["conf_low"], ge["conf_high"]) == pytest.approx((-0.187368, 0.050640), abs=3e-6)
    ye = ks.adjusted_rate_difference(table, variance="ye", **options).to_frame().iloc[0]
    assert ye["std_error"] ** 2 == pytest.approx(0.003706813, abs=0.5e-9)


def test_a_covariate_that_is_not_there_is_said_in_words(week6):
    with pytest.raises(ks.UsageError, match="covariates"):
        ks.adjusted_rate_difference(
            week6, arm="DRUG", reference="PLACEBO", covariates="agee", missing="non_response"
        )


def test_paired_difference_leaves_out_and_counts_the_incomplete():
    table = pd.DataFrame(
        {"before": [True, False, False, True, None], "after": [True, True, True, False, True]},
        dtype="boolean",
    )
    result = ks.paired_rate_difference(table, first="before", second="after")
    row = result.to_frame().iloc[0]
    assert (row["n"], row["gained"], row["lost"]) == (4, 2, 1)
    assert row["estimate"] == pytest.approx(0.25)
    assert "1 without both" in result.notes[0]


@pytest.mark.parametrize("case", list(read_reference("cohens_h").itertuples()))
def test_cohens_h_agrees_with_effectsize(case):
    table = pd.DataFrame(
        {
            "usubjid": [str(k) for k in range(case.n1 + case.n2)],
            "trt01a": ["A"] * case.n1 + ["B"] * case.n2,
            "response": [k < case.x1 for k in range(case.n1)]
            + [k < case.x2 for k in range(case.n2)],
        }
    )
    result = ks.rate_difference(
        table, arm="A", reference="B", method="arcsine", conf_level=case.conf_level
    )
    row = result.to_frame().iloc[0]
    found = (row["estimate"], row["conf_low"], row["conf_high"])
    assert found == pytest.approx((case.estimate, case.conf_low, case.conf_high), rel=1e-9)
    assert "Cohen's h" in str(result)
    assert result.plot().get_xlabel() == "Cohen's h (radians)"


def test_limits_of_cohens_h_stay_within_what_it_can_be():
    low, high = METHODS["arcsine"]["Cohen's h"](1, 1, 0, 1)
    assert (low, high) == pytest.approx((math.pi - 1.959963984540054 * math.sqrt(2), math.pi))

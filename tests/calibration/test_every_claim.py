"""Every claim on one made-up cohort, and the error rates that are stored for it."""

import pandas as pd
import pytest

import ketastats as ks
from ketastats.calibration.cases import claims_with_cases, template
from ketastats.calibration.every_claim import patients_of
from ketastats.calibration.settling import settle
from ketastats.resources import shipped


@pytest.fixture(scope="module")
def cohort() -> ks.Cohort:
    return ks.load_synthetic_cohort()


@pytest.fixture(scope="module")
def table(cohort) -> ks.ClaimTable:
    return ks.judge_every_claim(cohort)


def test_every_claim_has_one_row_and_those_without_a_path_say_why(table):
    frame = table.to_frame()
    assert frame["claim"].tolist() == list(ks.load_claims())
    judged = frame[frame["verdict"] != ""]
    assert set(judged["claim"]) == set(claims_with_cases())
    without = table.without_path()
    assert len(without.frame) + len(judged) == len(frame)
    assert without.frame["reason"].str.len().min() > 20
    assert len(table.display()) == len(judged)


def test_the_page_is_headed_by_a_sentence_that_says_synthetic(table):
    said = table.statement()
    assert said.word == "synthetic, no evidence"
    assert "claims can be judged" in str(said.text)
    assert any("no line of this table is evidence" in note for note in table.notes)


def test_a_claim_is_put_to_the_patients_it_is_about(cohort):
    one = template("works-when-others-failed")
    mine = patients_of(one, cohort)
    assert set(mine.subjects["diagnosis"]) == {"trd"}
    assert mine.arms == ("KETAMINE", "MIDAZOLAM")
    assert set(mine.scores["usubjid"]) <= set(mine.subjects["usubjid"])


def test_real_patients_are_not_put_to_every_claim_at_once():
    with pytest.raises(ks.UsageError, match="synthetic"):
        ks.judge_every_claim(ks.load_antidepressant_trial())


def test_stored_error_rates_are_of_all_claims_with_a_path_and_this_cohort(cohort):
    rates = ks.stored_error_rates().to_frame()
    assert set(rates["claim"]) == set(claims_with_cases())
    for claim, rows in rates.groupby("claim"):
        assert set(rows["which"]) == {"false", "border", "true"}
        assert rows["n"].unique().tolist() == [len(patients_of(template(claim), cohort).subjects)]
        by_case = rows.groupby("which")["estimate"].sum() + rows.groupby("which")["refused"].first()
        assert by_case.to_numpy() == pytest.approx(1.0, abs=1e-5)


def test_at_the_border_no_claim_is_called_supported_more_often_than_the_nominal_level():
    rates = ks.stored_error_rates().to_frame()
    at = rates[(rates["which"] == "border") & (rates["word"] == "supported")]
    above = at[at["conf_low"] > 0.05]
    assert above.empty, above[["claim", "estimate", "conf_low"]]


def test_away_from_the_border_no_wrong_word_comes_up_more_often_than_that():
    rates = ks.stored_error_rates().to_frame()
    wrong = rates[rates["wrong"] & (rates["which"] != "border")]
    assert (wrong["conf_low"] <= 0.05).all()


@pytest.mark.parametrize("claim", ["conventional-relief-30-40", "works-when-others-failed"])
def test_stored_settings_are_those_that_settling_finds(claim):
    stored = pd.read_csv(shipped("data", "calibration", "settled_cases.csv"))
    row = stored[(stored["claim"] == claim) & (stored["which"] == "border")].iloc[0]
    found = settle(template(claim), "border")
    assert found.settings == row["settings"]
    assert found.truth == pytest.approx(row["truth"], rel=1e-5)


def test_rates_of_cohorts_of_another_size_are_not_shown(cohort):
    few = cohort.subjects.groupby("trt01a").head(30).reset_index(drop=True)
    scores = cohort.scores[cohort.scores["usubjid"].isin(few["usubjid"])]
    doses = cohort.doses[cohort.doses["usubjid"].isin(few["usubjid"])]
    other = ks.Cohort(few, scores=scores, doses=doses, provenance="synthetic")
    frame = ks.judge_every_claim(other).to_frame()
    assert frame["undecided_where_true"].isna().all()

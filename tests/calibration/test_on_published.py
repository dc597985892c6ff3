"""Made-up trials like the published ones: what is drawn, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

import ketastats as ks
from ketastats.calibration.cases import draw
from ketastats.calibration.on_published import (
    PublishedTrials,
    cases_on_published,
    draw_trials,
)
from ketastats.calibration.operating import operating_characteristics
from ketastats.calibration.settling import claim_cases

HEADLINE = ks.find_claim("conventional-relief-30-40")


@pytest.fixture(scope="module")
def published():
    return cases_on_published(HEADLINE)


def test_made_up_trials_have_the_arms_sizes_and_spread_of_those_that_decide(published):
    cases, people, trials = published
    row = ks.judge(HEADLINE).to_frame().iloc[0]
    assert (people, trials) == (row["n"], row["k"])
    arms = cases[0].scenario.arms
    assert set(arms["row_id"]) == set(row["rows"].split())
    counts = arms.groupby("study_id")[["events", "n"]].sum()
    pooled = ks.pool_rates(counts.reset_index(), method="reml_hartung_knapp").to_frame()
    assert cases[0].scenario.tau == pytest.approx(pooled["tau2"].iloc[0] ** 0.5, rel=1e-5)
    assert [case.truth for case in cases] == [0.5, 0.4, 0.35]
    assert all(case.border == (0.3, 0.4) for case in cases)


def test_rates_of_drawn_trials_scatter_around_the_true_one_and_arms_of_a_trial_share_theirs():
    size = 10**9  # so that what is seen is the rate
    arms = pd.DataFrame(
        {"row_id": ["a", "b", "c"], "study_id": ["one", "one", "two"], "n": [size] * 3}
    )
    (first, *_), _, _ = cases_on_published(HEADLINE)
    case = type(first)("x", "true", PublishedTrials(arms, 0.35, 0.4), {}, (), 0.35, 0.0, (0.3, 0.4))
    drawn = np.array(
        [logit(draw_trials(case, 3 * size, seed)["proportion"]) for seed in range(2_000)]
    )
    assert drawn[:, 0] == pytest.approx(drawn[:, 1], abs=1e-3)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1]) < 4 / np.sqrt(len(drawn))
    assert drawn[:, 0].mean() == pytest.approx(logit(0.35), abs=4 * 0.4 / np.sqrt(len(drawn)))
    assert drawn[:, 0].std(ddof=1) == pytest.approx(0.4, rel=4 / np.sqrt(2 * len(drawn)))


def test_the_deciding_reading_alone_gives_the_word_of_all(published):
    for evidence in (None, *(draw_trials(case, published[1], 3) for case in published[0])):
        all_readings = ks.judge(HEADLINE, evidence)
        alone = ks.judge(HEADLINE, evidence, readings="deciding")
        assert alone.word == all_readings.word
        assert len(alone.to_frame()) == 1


def test_a_seed_gives_one_set_of_trials_and_every_truth_another_key(published):
    cases, people, _ = published
    one, again, other = (draw_trials(cases[0], people, seed) for seed in (5, 5, 6))
    assert one.equals(again)
    assert not one["events"].equals(other["events"])
    assert len({case.scenario.key for case in cases}) == 3


def test_the_pooled_interval_holds_the_rate_of_a_trial_in_the_middle(published):
    cases, people, _ = published
    found = operating_characteristics(
        cases[2], people, replicates=200, workers=1, draw=draw_trials
    ).to_frame()
    assert found["coverage_low"].iloc[0] <= 0.9 <= found["coverage_high"].iloc[0]
    assert found.loc[found["word"] == "contradicted", "conf_low"].iloc[0] <= 0.05


def test_the_sentence_says_that_trials_were_drawn():
    found = ks.calibrate(HEADLINE, replicates=2, workers=1)
    assert str(found).startswith(
        "In sets of 8 trials (1,269 patients) as large and as different as"
    )
    for said in (found, found.statement(), found.statement_for("border"), found.figure_text()):
        assert "cohort" not in str(said)
    assert "trials (%)" in found.plot().get_xlabel()


def test_a_rate_of_nought_is_told_with_how_large_it_may_be():
    evidence = ks.load_evidence()
    counted = evidence["row_id"].isin(ks.judge(HEADLINE).to_frame()["rows"].iloc[0].split())
    none = evidence[counted].assign(events=0.0, proportion=0.0)
    said = str(ks.calibrate(HEADLINE, none, replicates=5, workers=1).statement())
    assert "contradicted in 0.0% (0.0 to 52.2)" in said


def test_only_a_claim_that_pooled_trials_decide_can_be_drawn_as_trials():
    with pytest.raises(ks.UsageError, match="is not decided by a pooled rate"):
        ks.calibrate("onset-hours-to-days", replicates=2)
    with pytest.raises(ks.UsageError, match="published evidence has none"):
        ks.calibrate(HEADLINE, arm="DRUG", replicates=2)
    with pytest.raises(ks.DataError, match="row_id"):
        ks.calibrate(HEADLINE, pd.DataFrame({"n": [1]}), replicates=2)
    half = ks.load_evidence()
    with pytest.raises(ks.UsageError, match="not whole"):
        ks.calibrate(HEADLINE, half.assign(n=half["n"] + 0.5), replicates=2)
    one_trial = ks.load_evidence().query("row_id == 'conv-116'")
    with pytest.raises(ks.UsageError, match="at least two trials"):
        ks.calibrate(HEADLINE, one_trial, replicates=2)


def test_cohorts_and_trials_are_not_drawn_from_each_others_populations(published):
    with pytest.raises(ks.UsageError, match="drawn by draw_trials"):
        draw(published[0][0], 10, 1)
    with pytest.raises(ks.UsageError, match="hold 1269 people"):
        draw_trials(published[0][0], 17, 1)
    case = claim_cases(HEADLINE, which=["true"], n=2_000)[0]
    with pytest.raises(ks.UsageError, match="PublishedTrials only"):
        draw_trials(case, 10, 1)

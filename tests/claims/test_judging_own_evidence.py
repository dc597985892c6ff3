import numpy as np
import pandas as pd
import pytest

import ketastats as ks

HEADLINE = "conventional-relief-30-40"


def own_table(**changes) -> pd.DataFrame:
    """Six first-line trials with a response of about a third, one drug arm each."""
    people = np.array([400, 420, 380, 500, 450, 410])
    table = pd.DataFrame(
        {
            "row_id": [f"own-{i}" for i in range(6)],
            "source_table": "conventional_arms",
            "study_id": [f"trial{i}" for i in range(6)],
            "condition": "gad",
            "treatment_resistant": "no",
            "design": "rct",
            "arm": "ssri",
            "outcome_type": "response",
            "outcome_definition": "CGI-I 1 or 2",
            "grade": "A",
            "notes": "",
            "timepoint_weeks": 8,
            "n": people,
            "events": (people * np.array([0.34, 0.36, 0.35, 0.33, 0.36, 0.34])).round().astype(int),
            "proportion": [0.34, 0.36, 0.35, 0.33, 0.36, 0.34],
        }
    )
    return table.assign(**changes)


@pytest.fixture
def judge_own(tmp_path):
    def judge(table):
        path = tmp_path / "own.csv"
        table.to_csv(path, index=False)
        return ks.judge(HEADLINE, ks.load_evidence(path))

    return judge


def test_an_own_table_is_judged_by_the_same_rule(judge_own):
    verdict = judge_own(own_table())
    row = verdict.to_frame().set_index("reading").loc["response_trials"]
    assert verdict.word == row["verdict"] == "supported"
    assert row["n"] == own_table()["n"].sum()
    assert [source.name for source in verdict.sources] == ["own.csv"]


def test_readings_without_a_row_in_an_own_table_are_named(judge_own):
    notes = " ".join(judge_own(own_table()).notes)
    assert "Remission in first-line trials" in notes


def test_an_own_table_with_counts_and_no_printed_shares_is_judged(judge_own):
    verdict = judge_own(own_table().drop(columns="proportion"))
    assert verdict.word == "supported"


@pytest.mark.parametrize("column", ["notes", "row_id", "grade", "outcome_definition"])
def test_an_own_table_may_leave_out_columns_that_do_not_choose_rows(judge_own, column):
    assert judge_own(own_table().drop(columns=column)).word == "supported"


def test_an_own_table_without_a_column_that_chooses_rows_is_refused_in_words(judge_own):
    with pytest.raises(ks.KetastatsError, match=r"treatment_resistant|no row"):
        judge_own(own_table().drop(columns="treatment_resistant"))


def test_an_own_table_of_one_trial_has_no_verdict_but_says_what_is_needed(judge_own):
    with pytest.raises(ks.KetastatsError, match="two trials"):
        judge_own(own_table().head(1))


def test_a_table_about_something_else_is_refused_with_the_claim_in_the_message(judge_own):
    with pytest.raises(ks.UsageError, match=HEADLINE):
        judge_own(own_table(arm="ketamine"))


@pytest.mark.parametrize("thing", ["evidence.csv", 3, pd.DataFrame({"a": [1]})])
def test_what_is_neither_cohort_nor_evidence_is_refused_in_words(thing):
    with pytest.raises(ks.KetastatsError):
        ks.judge(HEADLINE, thing)


def test_a_visit_cannot_be_chosen_within_published_evidence():
    with pytest.raises(ks.UsageError, match="cohort"):
        ks.judge(HEADLINE, visit="Week 6")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_the_rows_of_the_evidence_changes_nothing(seed):
    evidence = ks.load_evidence()
    shuffled = evidence.sample(frac=1, random_state=seed, ignore_index=True)
    one, other = (ks.judge(HEADLINE, table).to_frame() for table in (evidence, shuffled))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_judging_leaves_the_evidence_as_it_was():
    evidence = ks.load_evidence()
    before = evidence.copy(deep=True)
    ks.judge(HEADLINE, evidence)
    pd.testing.assert_frame_equal(evidence, before)

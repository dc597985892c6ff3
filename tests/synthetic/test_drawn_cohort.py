import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.scenario import COLUMNS, OVERLAYS, load_scenario, shipped_scenarios
from ketastats.synthetic.truth import true_values

TABLES = ("subjects", "doses", "scores", "events", "medications")
COMPOSED = [*shipped_scenarios(), *(f"ketamine_trd {name}" for name in OVERLAYS)]


def same(one, other):
    return all(getattr(one, name).equals(getattr(other, name)) for name in TABLES)


def test_one_seed_gives_one_cohort_and_another_seed_another():
    first = synthetic_cohort("ketamine_clinic", 40, 3)
    assert same(first, synthetic_cohort("ketamine_clinic", 40, 3))
    other = synthetic_cohort("ketamine_clinic", 40, 4)
    for name in TABLES:
        assert not getattr(first, name).equals(getattr(other, name)), name


def test_a_whole_number_of_numpy_is_a_whole_number():
    assert same(
        synthetic_cohort("chronic_pain", np.int64(5), np.int64(3)),
        synthetic_cohort("chronic_pain", 5, 3),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_does_not_change_the_cohort_only_the_key_does(tmp_path, seed):
    scenario = load_scenario("ketamine_clinic")
    shuffled = scenario.table.sample(frac=1, random_state=seed)
    shuffled[list(COLUMNS)].to_csv(tmp_path / "own.csv", index=False)
    again = load_scenario(tmp_path / "own.csv")
    scopes = ("arm", "instrument", "diagnosis", "event", "vital", "medicine")
    assert any(again.members(scope) != scenario.members(scope) for scope in scopes)
    assert again.key == scenario.key
    assert same(synthetic_cohort(again, 60, 5), synthetic_cohort(scenario, 60, 5))


def test_the_order_of_rows_changes_no_truth_but_which_arm_of_a_difference_comes_first():
    scenario = load_scenario("ketamine_trd")
    backwards = scenario.changed({})
    rows = scenario.table.iloc[::-1]
    assert backwards.key == scenario.key
    keys = ["estimand", "arm", "instrument", "endpoint", "visit"]
    one = true_values(scenario, n=300)
    one = one[one["reference"].isna()]
    other = true_values(_in_order_of(rows), n=300)
    other = other[other["reference"].isna()]
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )


def _in_order_of(rows):
    whole = load_scenario("ketamine_trd")
    named = list(zip(rows["parameter"], rows["of"], strict=True))
    values = {key: whole.values[key] for key in named}
    return type(whole)("backwards", values, whole.key, rows)


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("n", [1, 2, 3, 200])
def test_every_shipped_scenario_gives_whole_cohorts_labelled_synthetic(name, n):
    cohort = synthetic_cohort(name, n, 11)
    assert isinstance(cohort, Cohort)
    assert cohort.provenance == "synthetic"
    assert len(cohort.subjects) == cohort.subjects["usubjid"].nunique() == n
    for table in TABLES:
        frame = getattr(cohort, table)
        if len(frame):
            assert set(frame["studyid"]) == {"SYNTHETIC"}, table
            assert frame["usubjid"].str.startswith("syn-").all(), table
    assert "Synthetic" in str(cohort)


def test_a_table_without_rows_is_an_empty_table():
    cohort = synthetic_cohort("antidepressant_trial", 20, 1)
    assert cohort.events.empty
    assert cohort.medications.empty


def test_arms_are_those_of_the_scenario_in_equal_parts():
    cohort = synthetic_cohort("ketamine_trd", 300, 1)
    assert cohort.arms == tuple(sorted(load_scenario("ketamine_trd").members("arm")))
    assert set(cohort.subjects["trt01a"].value_counts()) == {100}


def test_the_entry_is_kept_in_the_scores():
    scores = synthetic_cohort("ketamine_trd", 400, 1).scores
    first = scores[(scores["paramcd"] == "madrs") & (scores["avisit"] == "Baseline")]
    assert len(first) == 400
    assert first["aval"].min() >= load_scenario("ketamine_trd").value("entry.score")


def test_items_add_up_to_their_totals_and_stay_in_range():
    cohort = synthetic_cohort("ketamine_trd", 400, 1)
    scores = cohort.scores
    items = [f"item{k}" for k in range(1, 11)]
    madrs = scores[scores["paramcd"] == "madrs"]
    assert (madrs[items].sum(axis=1) == madrs["aval"]).all()
    assert madrs[items].min().min() >= 0
    assert madrs[items].max().max() <= ks.instrument("madrs").facts["item_max"]
    assert scores.loc[scores["paramcd"] != "madrs", items].isna().all().all()


def test_nothing_is_recorded_after_the_end_of_the_study_of_a_patient():
    scenario = load_scenario("ketamine_trd").changed(
        {f"arm.leave[{arm}]": 0.95 for arm in ("KETAMINE", "MIDAZOLAM", "CONVENTIONAL")}
    )
    cohort = synthetic_cohort(scenario, 2000, 1)
    end = cohort.subjects.set_index("usubjid")["eosafrlt"]
    for name, column in (("scores", "afrlt"), ("doses", "afrlt"), ("events", "astrlt")):
        table = getattr(cohort, name)
        assert (table[column] <= table["usubjid"].map(end)).all(), name
    rescue = cohort.medications.query("cmcat == 'RESCUE'")
    assert (rescue["cmstrlt"] <= rescue["usubjid"].map(end)).all()


def test_those_who_leave_say_why_and_those_who_stay_do_not():
    subjects = synthetic_cohort("ketamine_trd", 600, 1).subjects
    left = subjects["eosstt"] == "DISCONTINUED"
    assert 0 < left.mean() < 1
    assert set(subjects.loc[left, "dcsreas"]) == {"WITHDRAWAL", "LACK OF EFFICACY"}
    assert not set(subjects.loc[~left, "dcsreas"].dropna()) - {""}


@pytest.mark.parametrize("name", ["ketamine_trd", "antidepressant_trial"])
def test_with_everybody_followed_nothing_is_missing_and_what_was_seen_is_the_same(name):
    scenario = load_scenario(name)
    whole = synthetic_cohort(scenario, 150, 1, follow_up="everybody")
    seen = synthetic_cohort(scenario, 150, 1)
    assert set(whole.subjects["eosstt"]) == {"COMPLETED"}
    vitals = set(scenario.members("vital"))
    keys = ["usubjid", "paramcd", "avisit"]
    scores = whole.scores[~whole.scores["paramcd"].isin(vitals)]
    visits = len(scenario.members("visit")) + 1
    assert len(scores) == 150 * visits * len(scenario.members("instrument"))
    assert not scores["aval"].isna().any()
    both = seen.scores.merge(whole.scores, on=keys, how="left")
    assert len(both) < len(whole.scores)
    assert (both["aval_x"] == both["aval_y"]).all()


def test_tables_can_be_changed_without_changing_the_cohort():
    cohort = synthetic_cohort("chronic_pain", 20, 1)
    handed_out = cohort.subjects
    handed_out["trt01a"] = "CHANGED"
    assert "CHANGED" not in set(cohort.subjects["trt01a"])
    truth = pd.DataFrame({"value": [1.0]})
    cohort._truth = truth
    handed_out = cohort.truth
    handed_out["value"] = 2.0
    assert cohort.truth["value"].tolist() == [1.0]


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "20", None, np.nan])
def test_a_number_of_patients_that_is_none_is_refused(n):
    with pytest.raises(UsageError, match=r"^n must be a whole number of at least 1$"):
        synthetic_cohort("ketamine_trd", n)


@pytest.mark.parametrize("seed", [-1, 2.5, True, "20", None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(UsageError, match=r"^seed must be a whole number of at least 0$"):
        synthetic_cohort("ketamine_trd", 5, seed)


def test_an_unknown_scenario_or_follow_up_names_what_is_near():
    with pytest.raises(UsageError, match="did you mean 'ketamine_trd'"):
        synthetic_cohort("ketamin_trd", 5)
    with pytest.raises(UsageError, match="follow_up"):
        synthetic_cohort("ketamine_trd", 5, follow_up="everyone")
    with pytest.raises(UsageError, match="not int"):
        synthetic_cohort(5, 5)


@pytest.mark.parametrize("name", ["hamd17", "bprs18", "qids_sr16"])
def test_items_of_a_scale_that_is_no_plain_sum_from_0_are_refused(still, name):
    facts = {"mean": 20, "sd": 5, "reliability": 0.8, "loading": 0.5, "items": "yes"}
    scenario = still.changed({f"score.{word}[{name}]": value for word, value in facts.items()})
    with pytest.raises(UsageError, match=f"Items of {name}"):
        synthetic_cohort(scenario, 5)

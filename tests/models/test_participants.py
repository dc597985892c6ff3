"""Participant flow and baseline table against the check figures of the trial's README."""

from __future__ import annotations

import pandas as pd
import pytest

import ketastats as ks
from ketastats.resources import shipped


@pytest.fixture(scope="module")
def trial():
    return ks.load_antidepressant_trial()


def test_flow_counts_each_arm_at_each_visit(trial):
    frame = ks.participant_flow(trial).to_frame()
    seen = frame[frame["step"] == "seen"].pivot(index="term", columns="arm", values="count")
    assert seen.sum(axis=1).loc[
        ["Seen at Week 1", "Seen at Week 2", "Seen at Week 4", "Seen at Week 6"]
    ].tolist() == [
        172,
        158,
        149,
        129,
    ]
    assert seen.loc["Seen at Week 6"].to_dict() == {"DRUG": 64, "PLACEBO": 65}
    enrolled = frame[frame["step"] == "enrolled"].set_index("arm")["count"]
    assert enrolled.to_dict() == {"DRUG": 84, "PLACEBO": 88}


def test_flow_never_gains_people_and_ends_with_everyone_accounted_for(trial):
    frame = ks.participant_flow(trial).to_frame()
    ended = frame[frame["step"] == "ended"].groupby("arm")["count"].sum()
    assert ended.to_dict() == {"DRUG": 84, "PLACEBO": 88}
    assert (frame["count"] <= frame["n"]).all()


def test_baseline_table_describes_each_arm(trial):
    frame = ks.baseline_table(trial).to_frame()
    file = shipped("data", "antidepressant_hamd17", "antidepressant_hamd17.csv")
    raw = pd.read_csv(file).drop_duplicates("PATIENT")
    means = raw.groupby("THERAPY")["BASVAL"].agg(["mean", "std"])
    rows = frame[frame["term"] == "HAM-D17 at baseline (points)"].set_index("arm")
    for arm in ("DRUG", "PLACEBO"):
        assert rows["estimate"][arm] == pytest.approx(means["mean"][arm])
        assert rows["sd"][arm] == pytest.approx(means["std"][arm])
    women = frame[frame["term"] == "Sex: F"].set_index("arm")["count"]
    expected = raw[raw["GENDER"] == "F"].groupby("THERAPY").size()
    assert women.to_dict() == expected.to_dict()


def test_a_cohort_without_arms_scores_or_visits_still_has_a_flow():
    cohort = ks.Cohort(pd.DataFrame({"usubjid": ["a", "b"]}), provenance="synthetic")
    frame = ks.participant_flow(cohort).to_frame()
    assert frame["count"].tolist() == [2]
    assert ks.baseline_table(cohort).to_frame()["n"].tolist() == [2]

"""Mean cumulative counts from tables of spans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from references import read_input, read_reference

import ketastats as ks
from ketastats.models.mean_cumulative_count import mean_cumulative_count


@pytest.fixture
def spans():
    frame = read_input("recurrent_terminal")
    return frame.assign(arm=frame["arm"].map({1: "one", 2: "two"}))


@pytest.mark.parametrize("terminal", [None, "death"])
def test_value_at_the_horizon_agrees_with_r(spans, terminal):
    rows = read_reference("recurrent_mean_count", dataset="recurrent_terminal")
    rows = rows[(rows["terminal"] == (terminal is not None)) & (rows["time"] <= 24)]
    expected = rows.groupby("group").last()
    frame = mean_cumulative_count(spans, by="arm", horizon=24, terminal=terminal).to_frame()
    assert frame["estimate"].to_numpy() == pytest.approx(expected["mean"].to_numpy(), rel=1e-10)
    errors = expected["std_error"].to_numpy()
    assert frame["std_error"].to_numpy() == pytest.approx(errors, rel=1e-7)
    method = "nelson_lawless_nadeau" if terminal is None else "ghosh_lin"
    assert set(frame["method"]) == {method}


def test_the_default_horizon_is_the_last_time_all_groups_are_followed_to(spans):
    frame = mean_cumulative_count(spans, by="arm").to_frame()
    assert set(frame["horizon"]) == {spans.groupby("arm")["stop"].max().min()}
    assert frame["n"].sum() == spans["usubjid"].nunique()
    assert (frame["conf_low"] < frame["estimate"]).all()


def test_curves_rise_from_zero_and_are_handed_out_as_copies(spans):
    result = mean_cumulative_count(spans, by="arm", terminal="death")
    for _, curve in result.curves().groupby("group"):
        assert curve["estimate"].iloc[0] == 0
        assert (np.diff(curve["estimate"]) >= 0).all()
    mine = result.curves()
    mine["estimate"] = -1.0
    assert (result.curves()["estimate"] >= 0).all()
    assert "ends a course for good" in result.notes[0]


def test_no_events_is_zero_without_limits_and_a_note(spans):
    result = mean_cumulative_count(spans.assign(event=0))
    row = result.to_frame().iloc[0]
    assert row["estimate"] == 0
    assert np.isnan(row["std_error"])
    assert np.isnan(row["conf_low"])
    assert "no events by the horizon" in result.notes[0]


def test_order_of_rows_does_not_matter_and_the_table_is_unchanged(spans):
    before = spans.copy(deep=True)
    a, b = (
        mean_cumulative_count(t, by="arm", terminal="death").to_frame()
        for t in (spans, spans.sample(frac=1, random_state=3))
    )
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(spans, before)


def test_nothing_may_follow_a_terminal_event_and_no_gap_come_before_it(spans):
    with pytest.raises(ks.DataError) as caught:
        mean_cumulative_count(spans.assign(death=1), terminal="death")
    assert {problem.code for problem in caught.value.problems} == {"span_after_terminal"}
    several = spans["usubjid"].duplicated()
    gap = spans.astype({"start": float})
    gap.loc[several.idxmax(), "start"] += 0.5
    with pytest.raises(ks.DataError) as caught:
        mean_cumulative_count(gap, terminal="death")
    assert [p.rows for p in caught.value.problems] == [(int(several.idxmax()) + 1,)]
    assert len(mean_cumulative_count(gap).to_frame()) == 1  # without one, a gap is no observation


def test_a_group_must_be_one_per_subject(spans):
    mixed = spans.assign(arm=["one", "two"] * (len(spans) // 2) + ["one"] * (len(spans) % 2))
    with pytest.raises(ks.DataError, match="first row"):
        mean_cumulative_count(mixed, by="arm")


def test_a_horizon_after_follow_up_is_refused_with_the_longest_that_serves(spans):
    longest = spans.groupby("arm")["stop"].max().min()
    with pytest.raises(ks.UsageError, match=f"followed to {longest:g} h"):
        mean_cumulative_count(spans, by="arm", horizon=1000)
    for horizon in (0, -1, np.nan, "soon"):
        with pytest.raises(ks.UsageError, match="horizon must be"):
            mean_cumulative_count(spans, horizon=horizon)


def test_tables_that_cannot_be_are_refused(spans):
    with pytest.raises(ks.DataError, match="not in the table"):
        mean_cumulative_count(spans, terminal="dead")
    with pytest.raises(ks.DataError, match="nobody"):
        mean_cumulative_count(spans.iloc[:0])
    with pytest.raises(ks.UsageError, match="DataFrame"):
        mean_cumulative_count({"start": [1]})
    with pytest.raises(ks.UsageError, match="conf_level"):
        mean_cumulative_count(spans, conf_level=0)


def test_the_number_knows_the_file_behind_it(spans):
    from ketastats.models.recurrent_events import recurrent_events
    from ketastats.provenance import Source, with_sources

    source = Source("spans.csv", "0" * 64)
    marked = with_sources(spans, [source])
    assert mean_cumulative_count(marked, terminal="death").sources == (source,)
    assert recurrent_events(marked, "arm").sources == (source,)


@pytest.mark.parametrize(("scale", "words"), [(1.0, "24 h"), (24.0, "24 days")])
def test_the_horizon_is_written_in_hours_or_days(spans, scale, words):
    later = spans.assign(start=spans["start"] * scale, stop=spans["stop"] * scale)
    result = mean_cumulative_count(later, by="arm", horizon=24 * scale)
    assert str(result).startswith(f"Mean number of events by {words}: one ")
    assert any(f"Mean number by {words} (" in name for name in result.display().columns)

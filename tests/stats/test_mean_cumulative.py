"""Mean cumulative counts against R and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import read_input, read_reference

from ketastats.stats.mean_cumulative import count_limits, mean_cumulative_count
from ketastats.stats.product_limit import kaplan_meier

CASES = list(read_reference("recurrent_mean_count").groupby(["dataset", "terminal", "group"]))
SUBJECTS = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=5),
    min_size=2,
    max_size=12,
)


def spans(dataset, group):
    frame = read_input(dataset)
    if dataset == "recurrent_cgd":
        number = 1 + (frame["treat"] != "placebo").astype(int)
    else:
        number = frame["rx"] if dataset == "recurrent_bladder2" else frame["arm"]
    return frame[number == group]


def made(subjects):
    """Spans of subjects given as lists of (length, whether it ended in an event)."""
    rows = []
    for who, lengths in enumerate(subjects):
        at = 0
        for length, event in lengths:
            rows.append((who, at, at + length, int(event)))
            at += length
    frame = pd.DataFrame(rows, columns=["who", "start", "stop", "event"])
    last = frame["who"] != frame["who"].shift(-1)
    return frame.assign(death=last.astype(int))


def fit(frame, *, who="who", death=None):
    return mean_cumulative_count(
        frame[who], frame["start"], frame["stop"], frame["event"], death and frame[death]
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[0])))
def test_mean_and_robust_standard_error_agree_with_r(case):
    (dataset, terminal, group), rows = case
    found = fit(spans(dataset, group), who="usubjid", death="death" if terminal else None)
    assert found.times == pytest.approx(rows["time"].to_numpy())
    assert found.at_risk == pytest.approx(rows["at_risk"].to_numpy())
    assert found.mean == pytest.approx(rows["mean"].to_numpy(), rel=1e-11)
    # R's standard errors are exact without death; with death the script differentiates numerically.
    precision = 1e-7 if terminal else 1e-10
    assert np.sqrt(found.variance) == pytest.approx(rows["std_error"].to_numpy(), rel=precision)


@given(SUBJECTS)
@settings(max_examples=80, deadline=None)
def test_when_everyone_is_seen_to_die_the_mean_is_the_average_count(subjects):
    frame = made(subjects)
    found = fit(frame, death="death")
    for t, mean, variance in zip(found.times, found.mean, found.variance, strict=True):
        counts = frame["event"].where(frame["stop"] <= t, 0).groupby(frame["who"]).sum()
        assert mean == pytest.approx(counts.mean())
        assert variance == pytest.approx(counts.var(ddof=0) / len(counts), abs=1e-12)


@given(SUBJECTS)
@settings(max_examples=50, deadline=None)
def test_a_terminal_column_of_zeros_changes_nothing_and_deaths_only_lower_the_mean(subjects):
    frame = made(subjects).assign(never=0)
    plain, zeros, deaths = fit(frame), fit(frame, death="never"), fit(frame, death="death")
    assert zeros.mean == pytest.approx(plain.mean)
    assert zeros.variance == pytest.approx(plain.variance, abs=1e-14)
    assert (deaths.mean <= plain.mean + 1e-12).all()


@given(SUBJECTS)
@settings(max_examples=50, deadline=None)
def test_order_of_rows_and_cuts_of_spans_do_not_matter(subjects):
    frame = made(subjects)
    first = frame.assign(stop=frame["start"] + 0.5, event=0, death=0)
    cut = pd.concat([first, frame.assign(start=frame["start"] + 0.5)]).sample(
        frac=1, random_state=4
    )
    for death in (None, "death"):
        whole, parts = fit(frame, death=death), fit(cut, death=death)
        assert parts.mean == pytest.approx(whole.mean)
        assert parts.variance == pytest.approx(whole.variance, abs=1e-14)
        assert parts.n == whole.n


def test_one_event_each_is_the_nelson_aalen_sum():
    time, event = np.array([1.0, 2, 2, 3, 4, 5]), np.array([1, 1, 0, 1, 0, 1])
    found = mean_cumulative_count(np.arange(6), np.zeros(6), time, event)
    curve = kaplan_meier(time, event)
    seen = curve.events > 0
    assert found.mean == pytest.approx(np.cumsum((curve.events / curve.at_risk)[seen]))


def test_blocks_of_times_give_what_one_block_gives(monkeypatch):
    frame = spans("recurrent_terminal", 1)
    whole = fit(frame, who="usubjid", death="death")
    monkeypatch.setattr("ketastats.stats.mean_cumulative._BLOCK", 1)
    assert fit(frame, who="usubjid", death="death").variance == pytest.approx(whole.variance)


def test_no_events_is_a_mean_of_zero_without_limits_and_unknown_after_follow_up():
    found = mean_cumulative_count([1, 2], [0, 0], [5, 7], [0, 0], [1, 0])
    assert found.at(6) == (0.0, 0.0)
    assert np.isnan(found.at(7.5)).all()
    assert all(np.isnan(limit[0]) for limit in count_limits([0.0], [0.0]))


def test_limits_are_positive_and_hold_the_mean():
    low, high = count_limits([0.2, 3.0], [0.09, 0.2])
    assert (low > 0).all()
    assert (low < [0.2, 3.0]).all()
    assert (high > [0.2, 3.0]).all()
    assert low * high == pytest.approx([0.04, 9.0])  # symmetric on the log scale


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], [], [], []), "nobody"),
        (([1], [2.0], [2.0], [1]), "start must come before"),
        (([1], [0.0], [2.0], [2]), "must be 0 or 1"),
        (([1], [0.0], [np.inf], [0]), "finite"),
        (([1, 2], [0.0], [2.0], [1]), "one length"),
    ],
)
def test_spans_that_cannot_be_are_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        mean_cumulative_count(*arguments)

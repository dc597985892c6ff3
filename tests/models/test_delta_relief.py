"""Shares with relief by a horizon under a changed hazard after leaving."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketastats.errors import DataError, UsageError
from ketastats.models.delta_relief import delta_relief
from ketastats.results import SHARED_WORDS

INF = np.inf
GRID = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0]


def trial(n=120, seed=1, leaving=0.35):
    rng = np.random.default_rng(seed)
    visits = np.array([0.0, 24, 72, 168, 336])
    arm = np.tile(["drug", "placebo"], n // 2)
    event = rng.exponential(np.where(arm == "drug", 150, 330))
    last = np.where(rng.random(n) < leaving, rng.integers(0, 4, n), 4)
    first = np.searchsorted(visits, event)
    seen = first <= last
    left = np.where(seen, visits[np.maximum(first - 1, 0)], visits[last])
    right = np.where(seen, visits[np.minimum(first, 4)], INF)
    frame = pd.DataFrame({"usubjid": [f"s{i}" for i in range(n)], "trt01a": arm})
    return frame.assign(left=left, right=right, status=np.where(seen, "relief", "censored"))


def compared(data=None, **options):
    chosen = {"arm": "drug", "reference": "placebo", "horizon": 336, "imputations": 20}
    return delta_relief(trial() if data is None else data, **{**chosen, **options})


@pytest.fixture(scope="module")
def result():
    return compared()


@pytest.fixture(scope="module")
def surface(result):
    return result.tipping(GRID, GRID)


def test_both_deltas_zero_are_non_response_imputation(result):
    data = trial()
    frame = compared(data, deltas={"drug": 0, "placebo": 0}).to_frame()
    shares = [
        (data.loc[data["trt01a"] == arm, "right"] <= 336).mean() for arm in ("drug", "placebo")
    ]
    assert frame["estimate"].tolist() == [*shares, shares[0] - shares[1]]
    assert frame["pooled"].tolist() == pytest.approx(frame["estimate"].tolist(), abs=1e-12)
    assert result.to_frame()["estimate"].iloc[0] > shares[0]


def test_rows_are_the_arms_and_their_difference(result):
    frame = result.to_frame()
    assert frame["term"].tolist() == ["drug", "placebo", "drug minus placebo"]
    assert frame["estimate"][2] == pytest.approx(frame["estimate"][0] - frame["estimate"][1])
    assert frame["n"].tolist() == [60, 60, 120]
    assert tuple(frame.columns[-len(SHARED_WORDS) :]) == SHARED_WORDS


def test_changing_arm_and_reference_mirrors_the_difference(result):
    other = compared(arm="placebo", reference="drug").to_frame().iloc[2]
    mine = result.to_frame().iloc[2]
    assert other["estimate"] == pytest.approx(-mine["estimate"])
    assert other["pooled"] == pytest.approx(-mine["pooled"])
    assert other["conf_low"] == pytest.approx(-mine["conf_high"])


def test_row_order_and_further_arms_change_nothing(result):
    more = trial(seed=9).assign(trt01a="third", usubjid=lambda d: "t" + d["usubjid"])
    mixed = pd.concat([trial(), more]).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(compared(mixed).to_frame(), result.to_frame())


def test_the_given_table_is_left_alone():
    data = trial()
    before = data.copy()
    compared(data)
    pd.testing.assert_frame_equal(data, before)


def test_the_surface_rises_with_the_arms_delta_and_falls_with_the_references(surface):
    for value in ("estimate", "pooled"):
        table = surface.to_frame().pivot(index="reference_delta", columns="arm_delta", values=value)
        assert (np.diff(table.to_numpy(), axis=1) >= 0).all()
        assert (np.diff(table.to_numpy(), axis=0) <= 0).all()


def test_the_surface_holds_the_result_where_the_deltas_are_those_of_the_result(result, surface):
    at_one = surface.to_frame().query("arm_delta == 1 and reference_delta == 1").iloc[0]
    for name in ("estimate", "pooled", "std_error", "conf_low", "conf_high", "p_value"):
        assert at_one[name] == result.to_frame()[name].iloc[2]
    shifted = compared(deltas={"drug": 0.5, "placebo": 2}).to_frame().iloc[2]
    there = surface.to_frame().query("arm_delta == 0.5 and reference_delta == 2").iloc[0]
    assert there["conf_low"] == shifted["conf_low"]


def test_the_nearest_pair_is_the_nearest_at_which_the_conclusion_changes(surface):
    frame = surface.to_frame()
    start = frame.query("arm_delta == 1 and reference_delta == 1")["excludes_zero"].iloc[0]
    distance = np.hypot(frame["arm_delta"] - 1, frame["reference_delta"] - 1)
    least = distance[frame["excludes_zero"] != start].min()
    assert start == 1
    assert np.hypot(surface.nearest[0] - 1, surface.nearest[1] - 1) == least


def test_the_tipping_delta_is_said_in_the_sentence(surface):
    text = str(surface)
    if np.isnan(surface.tipping_delta):
        assert "no hazard after leaving in drug alone" in text
    else:
        assert f"{surface.tipping_delta:.2f} times" in text


def test_figures_are_in_per_cent_and_the_start_of_the_surface_is_at_no_change(result, surface):
    try:
        assert "(%)" in result.plot().get_xlabel()
        axes = surface.plot()
        assert axes.get_xlabel() == "Change of hazard after leaving, drug (%)"
        assert surface.figure_text()
    finally:
        plt.close("all")


def test_notes_say_how_many_left_and_when_nobody_was_seen_any_more():
    data = trial()
    left = ((data["trt01a"] == "drug") & np.isinf(data["right"]) & (data["left"] < 336)).sum()
    notes = compared(horizon=400).notes
    assert compared().notes[0].startswith(f"{left} of 60 in drug left before 14 days")
    assert any("Nobody in drug was assessed after 14 days" in note for note in notes)


def test_progress_is_told_what_was_done_and_wanted():
    told = []
    compared(imputations=5, progress=lambda *done: told.append(done))
    assert told[-1] == (10, 10)
    assert len(told) == 10


def test_two_hundred_imputations_of_two_hundred_subjects_take_less_than_three_seconds():
    begun = time.perf_counter()
    compared(trial(200), imputations=200).tipping(np.linspace(0, 2, 21), np.linspace(0, 2, 21))
    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arm": "placebo"}, "compared with itself"),
        ({"reference": "nobody"}, "There is no arm called 'nobody'"),
        ({"horizon": 0}, "horizon must be hours after 0"),
        ({"imputations": 1}, "imputations must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"conf_level": 95}, "conf_level"),
        ({"deltas": {"other": 1}}, "There is no arm called 'other'"),
        ({"deltas": {"drug": -0.1}}, "at least 0"),
        ({"deltas": {"drug": "half"}}, "must be numbers"),
        ({"event": "remission"}, "There is no event in status called 'remission'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        compared(**options)


def test_a_surface_needs_somebody_who_left_and_hazards_not_below_zero(result):
    with pytest.raises(UsageError, match="Nobody left before 14 days"):
        compared(trial(leaving=0.0)).tipping([0, 1])
    with pytest.raises(UsageError, match="arm_deltas must be finite and at least 0"):
        result.tipping([-1, 1])
    with pytest.raises(UsageError, match="reference_deltas must be numbers"):
        result.tipping([1], [])


def test_tables_that_cannot_be_used_are_refused_without_a_subject_in_the_message():
    data = trial()
    twice = pd.concat([data, data.head(1)])
    with pytest.raises(DataError, match="second interval of one subject") as error:
        compared(twice)
    assert "s0" not in str(error.value)
    died = data["status"].mask(data.index == data.index[np.isfinite(data["right"])][0], "death")
    with pytest.raises(UsageError, match="competing events"):
        compared(data.assign(status=died))
    never = data.assign(left=data["left"].where(data["trt01a"] == "drug", 0.0),
                        right=data["right"].where(data["trt01a"] == "drug", INF),
                        status=data["status"].where(data["trt01a"] == "drug", "censored"))  # fmt: skip
    with pytest.raises(UsageError, match="Nothing is known of anybody's time in placebo"):
        compared(never)

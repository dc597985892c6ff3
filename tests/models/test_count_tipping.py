"""Rate ratios over multipliers of the rate of unobserved time."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ketastats.errors import UsageError
from ketastats.models.count_tipping import count_tipping
from ketastats.models.reference_counts import reference_counts

GRID = [0.25, 0.5, 1.0, 2.0, 4.0]


def fitted(leaving=0.4):
    rng = np.random.default_rng(3)
    n = 120
    arm = np.tile(["placebo", "low", "high"], n // 3)
    rate = pd.Series(arm).map({"placebo": 0.12, "low": 0.1, "high": 0.05}) * rng.gamma(2, 0.5, n)
    days = np.where(rng.random(n) < leaving, rng.integers(7, 84, n), 84)
    frame = pd.DataFrame({"usubjid": range(n), "trt01a": arm, "days": days})
    data = frame.assign(events=rng.poisson(rate * days))
    return reference_counts(data, planned=84, reference="placebo", strategy="mar", imputations=20)


@pytest.fixture(scope="module")
def result():
    return fitted()


@pytest.fixture(scope="module")
def surface(result):
    return count_tipping(result, arm="high", arm_deltas=GRID, reference_deltas=GRID)


def test_the_surface_rises_with_the_arms_delta_and_falls_with_the_references(surface):
    table = surface.to_frame().pivot(
        index="reference_delta", columns="arm_delta", values="estimate"
    )
    assert (np.diff(table.to_numpy(), axis=1) > 0).all()
    assert (np.diff(table.to_numpy(), axis=0) < 0).all()


def test_the_surface_holds_the_result_at_its_own_deltas(result, surface):
    row = surface.to_frame().query("arm_delta == 1 and reference_delta == 1").iloc[0]
    given = result.to_frame().set_index("arm").loc["high"]
    for name in ("estimate", "std_error", "conf_low", "conf_high", "monte_carlo_se"):
        assert row[name] == pytest.approx(given[name], rel=1e-8)


def test_the_nearest_pair_is_the_nearest_at_which_the_conclusion_changes(surface):
    frame = surface.to_frame()
    distance = np.hypot(frame["arm_delta"] - 1, frame["reference_delta"] - 1)
    least = distance[frame["excludes_zero"] != -1].min()
    assert np.hypot(surface.nearest[0] - 1, surface.nearest[1] - 1) == least


def test_at_the_tipping_delta_a_limit_meets_zero(result, surface):
    found = surface.tipping_delta
    assert 1 < found < 4
    assert result.ratio_at("high", (found - 0.01, 1.0)).conf_high < 0
    assert result.ratio_at("high", (found + 0.01, 1.0)).conf_high > 0
    assert f"{found:.2f} times that assumed" in str(surface)


def test_progress_is_told_and_the_figure_starts_at_no_change(result):
    told = []
    found = count_tipping(
        result, arm="low", arm_deltas=[1, 2], progress=lambda *done: told.append(done)
    )
    assert told == [(1, 2), (2, 2)]
    try:
        assert found.plot().get_xlabel() == "Change of unobserved rate, low (%)"
    finally:
        plt.close("all")


def test_a_surface_needs_an_arm_multipliers_above_zero_and_unobserved_time(result):
    with pytest.raises(UsageError, match="Name the arm"):
        count_tipping(result, arm_deltas=[1])
    with pytest.raises(UsageError, match="arm_deltas must be finite and above 0"):
        count_tipping(result, arm="low", arm_deltas=[0, 1])
    with pytest.raises(UsageError, match="All of the planned time was observed"):
        count_tipping(fitted(leaving=0.0), arm="low", arm_deltas=[1])

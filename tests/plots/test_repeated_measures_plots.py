"""Profiles over visits, heat maps, residuals and F tests: what is drawn, and that hostile names are safe."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ketastats.plots.f_test import draw_f_test
from ketastats.plots.heat_map import draw_heat_map
from ketastats.plots.profile import draw_profile
from ketastats.plots.residuals import (
    draw_against_fitted,
    draw_by_visit,
    draw_deviations,
    draw_normal_quantiles,
)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def points(lines=("active", "placebo"), visits=("Week 1", "Week 2", "Week 4")):
    rows = [(line, visit, -k - i) for i, line in enumerate(lines) for k, visit in enumerate(visits)]
    frame = pd.DataFrame(rows, columns=["line", "visit", "estimate"])
    return frame.assign(conf_low=frame["estimate"] - 1, conf_high=frame["estimate"] + 1)


def test_a_profile_has_a_line_and_a_marker_of_its_own_for_each_group():
    axes = draw_profile(points(), ylabel="Mean (points)", reference=0.0)
    drawn = [line for line in axes.lines if line.get_label() in ("active", "placebo")]
    assert [line.get_label() for line in drawn] == ["active", "placebo"]
    assert len({line.get_linestyle() for line in drawn}) == 2
    assert len({line.get_marker() for line in drawn}) == 2
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Week 1", "Week 2", "Week 4"]
    assert axes.get_ylabel() == "Mean (points)"
    first, second = (line.get_xdata()[0] for line in drawn)
    assert first < second  # side by side, so that limits do not hide each other


def test_a_visit_that_is_not_told_is_left_out_of_its_line():
    frame = points(lines=("active",))
    frame.loc[1, ["estimate", "conf_low", "conf_high"]] = np.nan
    axes = draw_profile(frame, ylabel="Mean")
    assert list(axes.lines[0].get_ydata()) == [0, -2]


def test_names_with_signs_of_formulas_are_drawn_as_they_are():
    hostile = "$x^$ <b>_"
    axes = draw_profile(points(lines=(hostile, "b"), visits=("$1^$", "2")), ylabel="Mean")
    axes.figure.canvas.draw()
    draw_heat_map(pd.DataFrame([[1.0]], index=[hostile], columns=["$^"]), label="r")
    plt.gcf().canvas.draw()
    values = pd.DataFrame({"visit": ["$^$"], "residual": [0.1], "fitted": [1.0]})
    draw_by_visit(values, ylabel="Residual").figure.canvas.draw()
    draw_against_fitted(values, xlabel="$^$", ylabel="Residual").figure.canvas.draw()


def test_many_visits_have_slanted_names():
    visits = [f"Week {k}" for k in range(1, 13)]
    axes = draw_profile(points(visits=tuple(visits)), ylabel="Mean")
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {40}


def test_a_heat_map_writes_its_numbers_dark_on_light_and_light_on_dark():
    table = pd.DataFrame([[1.0, 0.1], [0.1, -0.9]], index=["a", "b"], columns=["a", "b"])
    axes = draw_heat_map(table, label="Correlation")
    written = {text.get_text(): text.get_color() for text in axes.texts}
    assert written == {"1.00": "white", "0.10": "black", "−0.90": "white"}


def test_a_heat_map_of_many_rows_leaves_its_numbers_out():
    axes = draw_heat_map(pd.DataFrame(np.eye(15)), label="Correlation")
    assert not axes.texts


def test_normal_residuals_lie_on_their_line():
    residuals = np.random.default_rng(2).normal(2.0, 3.0, 4_000)
    axes = draw_normal_quantiles(residuals, ylabel="Residual")
    marks = next(line for line in axes.lines if line.get_linestyle() == "None")
    x, y = marks.get_xdata(), marks.get_ydata()
    assert len(x) <= 2_000
    middle = np.abs(x) < 2
    assert y[middle] == pytest.approx(2.0 + 3.0 * x[middle], abs=0.35)


def test_boxes_of_residuals_are_in_the_order_of_the_table():
    values = pd.DataFrame({"visit": ["Week 10", "Week 2"] * 20, "residual": np.arange(40.0)})
    axes = draw_by_visit(values, ylabel="Residual")
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Week 10", "Week 2"]


def test_deviations_are_drawn_with_the_common_slope():
    values = pd.DataFrame({"x": [-1.0, 1.0], "y": [-2.0, 2.0]})
    axes = draw_deviations(values, slope=2.0, xlabel="a", ylabel="b")
    assert axes.lines[1].get_slope() == 2.0


@pytest.mark.parametrize("denominator", [2.5, 150.0, float("inf")])
def test_an_f_test_shades_the_tail_beyond_the_statistic(denominator):
    test = {"statistic": 3.0, "df": 4.0, "denominator_df": denominator}
    axes = draw_f_test(test, Figure().add_subplot())
    assert axes.lines[1].get_xdata()[0] == 3.0
    assert axes.get_xlim()[1] > 3.0

"""The share assessed at least once, drawn against time."""

from itertools import pairwise

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ketastats.plots.schedule import draw_schedule


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def curve(hours, share, term="all"):
    return pd.DataFrame({"term": term, "hours": hours, "estimate": share})


def test_steps_rise_where_subjects_were_first_assessed():
    axes = draw_schedule(curve([24.0, 48.0], [0.4, 0.9]), required_share=0.5)
    line = axes.lines[0]
    assert list(line.get_xdata())[1:3] == [24, 48]
    assert list(line.get_ydata()) == pytest.approx([0, 40, 90, 90])
    assert axes.get_xlabel() == "Time since the first dose (hours)"
    assert axes.get_legend() is None


def test_long_schedules_are_in_days_and_wide_ones_logarithmic():
    days = draw_schedule(curve([120.0, 168.0], [0.4, 0.9]))
    assert days.get_xlabel() == "Time since the first dose (days)"
    assert list(days.lines[0].get_xdata())[1:3] == [5, 7]
    wide = draw_schedule(curve([2.0, 168.0], [0.4, 0.9]))
    assert wide.get_xscale() == "log"
    assert [t.get_text() for t in wide.get_xticklabels()] == [
        "7 d",
        "2 d",
        "1 d",
        "8 h",
        "4 h",
        "2 h",
    ]


@pytest.mark.parametrize("hours", [[0.01, 20_000.0], [2.0, 4.0, 24.0, 168.0, 672.0, 2016.0]])
def test_labels_of_the_time_axis_do_not_overlap(hours):
    axes = Figure(figsize=(5.6, 3.0), layout="constrained").add_subplot()
    share = [(i + 1) / len(hours) for i in range(len(hours))]
    draw_schedule(curve(hours, share), axes)
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    boxes = sorted(
        (t.get_window_extent(canvas.get_renderer()) for t in axes.get_xticklabels()),
        key=lambda box: box.x0,
    )
    assert len(boxes) > 2
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_groups_differ_in_more_than_colour_and_are_named():
    both = pd.concat([curve([24.0], [1.0], "a"), curve([48.0], [1.0], "b")])
    axes = draw_schedule(both)
    assert len({line.get_linestyle() for line in axes.lines[:2]}) == 2
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]


def test_horizons_and_the_required_share_are_marked():
    axes = draw_schedule(curve([24.0], [1.0]), horizons=[12, 36], required_share=0.5)
    assert [next(iter(line.get_xdata())) for line in axes.lines[1:3]] == [12, 36]
    assert list(axes.lines[3].get_ydata()) == [50, 50]


def test_no_assessment_is_said():
    axes = draw_schedule(curve([], []), horizons=[4.0])
    assert [t.get_text() for t in axes.texts] == ["No assessment"]
    assert draw_schedule(curve([], []), axes) is axes


def test_the_key_stands_above_the_axes_where_no_line_can_be():
    both = pd.concat([curve([24.0], [1.0], "a"), curve([48.0], [1.0], "b")])
    axes = Figure(figsize=(5.6, 3.0), layout="constrained").add_subplot()
    draw_schedule(both, axes)
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    key = axes.get_legend().get_window_extent(canvas.get_renderer())
    assert key.y0 >= axes.get_window_extent().y1 - 1

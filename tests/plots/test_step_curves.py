import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ketastats.plots.step_curves import draw_step_curves, time_unit


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def curve(group, times, at_risk):
    share = np.linspace(1, 0.2, len(times))
    return pd.DataFrame(
        {
            "group": group,
            "time": times,
            "at_risk": at_risk,
            "estimate": share,
            "conf_low": share - 0.1,
            "conf_high": share + 0.1,
        }
    )


@pytest.fixture
def two():
    return pd.concat(
        [
            curve("ketamine 0.5 mg/kg", [0.0, 10.0, 20.0, 40.0], [30, 30, 21, 4]),
            curve("placebo", [0.0, 15.0, 40.0], [28, 28, 11]),
        ]
    )


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_groups_differ_by_line_style_and_not_only_by_colour(two):
    axes = draw_step_curves(two, ylabel="Without relief (%)")
    handles, labels = axes.get_legend_handles_labels()
    assert labels == ["ketamine 0.5 mg/kg", "placebo"]
    assert len({handle.get_linestyle() for handle in handles}) == 2


def test_the_axis_names_the_unit_in_which_times_are_read(two):
    assert draw_step_curves(two, ylabel="x").get_xlabel() == "Time (hours)"
    long = two.assign(time=two["time"] * 24)
    axes = draw_step_curves(long, ylabel="x")
    assert axes.get_xlabel() == "Time (days)"
    assert axes.get_xlim()[1] == pytest.approx(40)
    assert time_unit(96) == (1.0, "hours")
    assert time_unit(97) == (24.0, "days")


def test_the_number_at_risk_under_a_tick_is_that_just_before_it(two):
    axes = draw_step_curves(two, ylabel="x")
    ticks = list(axes.get_xticks())
    written = texts(axes)
    start = written.index("ketamine 0.5 mg/kg") + 1
    shown = dict(zip(ticks, written[start : start + len(ticks)], strict=True))
    assert (shown[0.0], shown[10.0], shown[20.0], shown[40.0]) == ("30", "30", "21", "4")
    assert shown[30.0] == "4"


def test_no_two_texts_under_the_axis_overlap(two):
    axes = draw_step_curves(two, ylabel="x")
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    label = axes.xaxis.label.get_window_extent(renderer)
    assert all(not box.overlaps(label) for box in boxes)
    assert all(not a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[index + 1 :])
    page = axes.figure.bbox
    assert min(box.y0 for box in boxes) >= page.y0
    assert max(box.x1 for box in boxes) <= page.x1 + 1


def test_a_horizon_cuts_the_axis(two):
    assert draw_step_curves(two, ylabel="x", horizon=20).get_xlim() == (0, 20)


def test_names_with_dollars_or_underscores_are_drawn_as_they_are(two):
    odd = two.assign(group=two["group"].replace({"placebo": "_$x^{", "ketamine 0.5 mg/kg": "$"}))
    axes = draw_step_curves(odd, ylabel="x")
    FigureCanvasAgg(axes.figure).draw()
    assert len(axes.get_legend_handles_labels()[1]) == 2


def test_one_group_has_no_legend_and_five_groups_have_no_bands(two):
    alone = draw_step_curves(two[two["group"] == "placebo"], ylabel="x")
    assert alone.get_legend() is None
    many = pd.concat([curve(f"g{i}", [0.0, 5.0, 9.0], [9, 8, 1]) for i in range(5)])
    axes = draw_step_curves(many, ylabel="x")
    assert len(axes.lines) == 5
    assert not axes.collections

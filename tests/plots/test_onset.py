"""Curves of onset and of competing events, drawn against time."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ketastats.plots.onset import draw_incidence, draw_onset

LONG = "racemic ketamine 0.5 mg/kg iv"


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def curves(names=("all",), hours=(0.0, 24, 72, 168)):
    """Shares that rise by a quarter in each cell between visits."""
    k = len(hours)
    low = np.arange(k) / 4
    return pd.concat(
        pd.DataFrame(
            {
                "group": name,
                "time": hours,
                "reached_low": low,
                "reached_high": low,
                "followed": [40.0 - 10 * i for i in range(k)],
            }
        )
        for name in names
    )


def limits(names=("all",), hours=(24.0, 72, 168)):
    return pd.concat(
        pd.DataFrame({"group": name, "at": hours, "conf_low": 0.2, "conf_high": 0.6})
        for name in names
    )


def incidence(groups=("all",), events=("relief", "drop-out"), hours=(24.0, 72, 168)):
    rows = [
        (group, event, time, 0.2, 0.25, 0.1, 0.38)
        for group in groups
        for event in events
        for time in hours
    ]
    ends = ["bound_low", "bound_high", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=["group", "event", "time", *ends])


def drawn(axes):
    """Renderer of a figure that has been laid out."""
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    return canvas.get_renderer()


def inside(axes, texts):
    renderer, whole = drawn(axes), axes.figure.bbox
    boxes = [t.get_window_extent(renderer) for t in texts]
    return all(whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1 for box in boxes)


def test_the_area_between_bounds_spans_every_cell():
    axes = draw_onset(curves(), limits())
    low, high = axes.lines[0], axes.lines[1]
    assert list(low.get_ydata()) == [0, 25, 50, 75]
    assert list(high.get_ydata()) == [25, 50, 75, 75]
    assert list(low.get_xdata()) == pytest.approx([0, 1, 3, 7])
    assert axes.get_xlabel() == "Time (days)"
    assert axes.get_legend() is None


def test_short_follow_up_is_in_hours():
    axes = draw_onset(curves(hours=(0.0, 2, 4, 24)), limits(hours=(2.0, 4, 24)))
    assert axes.get_xlabel() == "Time (hours)"
    assert draw_incidence(incidence(hours=(2.0, 4))).get_xlabel() == "Time (hours)"


def test_the_event_is_named_and_a_claimed_share_drawn():
    axes = draw_onset(curves(), limits(), event="relapse", share=0.6)
    assert axes.get_ylabel() == "Share with relapse (%)"
    assert "claimed 60%" in [t.get_text() for t in axes.texts]


def test_numbers_still_followed_stand_under_the_ticks():
    axes = draw_onset(curves(), limits())
    numbers = [t.get_text() for t in axes.texts if t.get_text().isdigit()]
    assert len(numbers) == len(axes.get_xticks())
    assert numbers[0] == "40"
    assert numbers[-1] in ("10", "20")


def test_limits_that_do_not_exist_are_left_out():
    bars = limits().assign(conf_low=[np.nan, 0.2, 0.3])
    axes = draw_onset(curves(), bars)
    assert len(axes.collections[1].get_segments()) == 2


@pytest.mark.parametrize("draw", ["onset", "incidence"])
@pytest.mark.parametrize("names", [("a", "b"), (LONG + " 1", LONG + " 2", LONG + " 3", LONG)])
def test_groups_differ_in_more_than_colour_and_every_name_is_on_the_figure(draw, names):
    if draw == "onset":
        axes = draw_onset(curves(names), limits(names))
        styles = [line.get_linestyle() for line in axes.lines[::3]]
    else:
        axes = draw_incidence(incidence(names))
        styles = [line.get_linestyle() for line in axes.lines[: len(names)]]
    assert len(set(styles)) == len(names)
    key = axes.get_legend().get_texts()
    assert set(names) <= {t.get_text() for t in key}
    assert inside(axes, [*key, *axes.texts])
    assert axes.get_position().width > 0.6


def test_names_beside_numbers_followed_do_not_cover_them():
    axes = draw_onset(curves((LONG, "placebo")), limits((LONG, "placebo")))
    renderer = drawn(axes)
    boxes = [t.get_window_extent(renderer).shrunk(0.9, 0.6) for t in axes.texts]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])


def test_limits_of_groups_and_events_stand_side_by_side_in_order_of_time():
    groups, hours = ("a", "b", "c"), (24.0, 30, 72, 672)
    axes = draw_incidence(incidence(groups, ("relief", "drop-out", "rescue"), hours))
    places = np.array([line.get_xdata() for line in axes.lines]) * 24
    assert places.shape == (9, 4)
    for at, column in zip(hours, places.T, strict=True):
        assert len(set(column.round(6))) == 9
        assert column.mean() == pytest.approx(at)
    for (_, one), (_, two) in pairwise(enumerate(places.T)):
        assert one.max() < two.min()
    assert places.min() > 0
    assert axes.get_xlim()[1] * 24 > places.max()


def test_nothing_is_drawn_as_known_between_the_times_asked_for():
    axes = draw_incidence(incidence())
    for line in axes.lines:
        assert line.get_drawstyle() == "default"
        assert line.get_linewidth() < 1
        assert len(line.get_xdata()) == 3


def test_events_have_a_marker_each_and_bounds_and_limits_of_their_own_width():
    axes = draw_incidence(incidence())
    assert len({line.get_marker() for line in axes.lines}) == 2
    bounds, bars = axes.collections[:2]
    assert [list(s[:, 1]) for s in bounds.get_segments()] == [[20, 25]] * 3
    assert [list(s[:, 1]) for s in bars.get_segments()] == [[10, 38]] * 3
    assert bounds.get_linewidth()[0] > bars.get_linewidth()[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["relief", "drop-out"]


def test_the_axis_of_shares_ends_at_a_round_number_above_all_limits():
    assert draw_incidence(incidence()).get_ylim() == pytest.approx((0, 40))
    full = incidence().assign(conf_high=1.0)
    assert draw_incidence(full).get_ylim() == (0, 100)
    none = incidence().assign(conf_low=np.nan, conf_high=np.nan)
    assert draw_incidence(none).get_ylim() == pytest.approx((0, 40))
    assert draw_incidence(none.assign(bound_low=0.0, bound_high=0.0)).get_ylim()[1] == 20


def test_axes_given_are_used():
    axes = Figure(figsize=(5.6, 3.5), layout="constrained").add_subplot()
    assert draw_onset(curves(), limits(), axes) is axes
    other = Figure(figsize=(5.6, 3.5), layout="constrained").add_subplot()
    assert draw_incidence(incidence(), other) is other

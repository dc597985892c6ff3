"""The swimmer plot: what is drawn, told apart without colour, inside the page."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ketastats.plots.style import RC, WIDTH
from ketastats.plots.swimmer import draw_swimmer

KINDS = ("dose", "reached", "lost", "rescue", "dropout", "death")
LABELS = {
    "met": "In response",
    "not_met": "Not in response",
    "unknown": "Status not known",
    "dose": "Dose",
    "reached": "Minimal important difference first seen",
    "lost": "Loss of minimal important difference first seen",
    "rescue": "Rescue medicine",
    "dropout": "Dropped out",
    "death": "Died",
}


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def course(n):
    lanes = pd.DataFrame({"lane": np.arange(1, n + 1)})
    spans = pd.DataFrame(
        [
            (lane, 480.0 * k, 480.0 * (k + 1), status)
            for lane in lanes["lane"]
            for k, status in enumerate(("not_met", "unknown", "met"))
        ],
        columns=["lane", "start", "end", "status"],
    )
    marks = pd.DataFrame(
        [(lane, 200.0 * k, kind) for lane in lanes["lane"] for k, kind in enumerate(KINDS)],
        columns=["lane", "afrlt", "kind"],
    )
    return lanes, spans, marks


def legend_of(axes):
    return [text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts()]


def test_every_status_and_every_kind_of_mark_has_its_own_look_in_black_and_white():
    axes = draw_swimmer(*course(3), labels=LABELS)
    assert sorted(legend_of(axes)) == sorted(LABELS.values())
    bars = {
        (round(sum(bar.patches[0].get_facecolor()[:3]), 3) < 1.5, bar.patches[0].get_hatch())
        for bar in axes.containers
    }
    assert len(bars) == 3  # dark, pale and with lines across
    looks = {
        (line.get_marker(), mpl.colors.to_hex(line.get_markerfacecolor()) == "#ffffff")
        for line in axes.get_lines()
        if not line.get_label().startswith("_")
    }
    assert len(looks) == len(KINDS)


def test_only_what_is_there_is_in_the_legend():
    lanes, spans, marks = course(2)
    axes = draw_swimmer(
        lanes, spans[spans["status"] == "met"], marks[marks["kind"] == "dose"], labels=LABELS
    )
    assert legend_of(axes) == ["In response", "Dose"]
    bare = draw_swimmer(lanes, spans.iloc[:0], marks.iloc[:0], labels=LABELS)
    assert bare.get_legend() is None


def test_lane_one_is_on_top_and_lanes_are_numbers():
    axes = draw_swimmer(*course(12), labels=LABELS)
    low, high = axes.get_ylim()
    assert low > high
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "5", "10"]


def test_time_is_in_days():
    axes = draw_swimmer(*course(2), labels=LABELS)
    assert axes.get_xlabel() == "Days since the first dose"
    assert axes.get_xlim() == pytest.approx((0, 60.6))


@pytest.mark.parametrize("n", [1, 5, 25, 40])
def test_legend_and_labels_stay_on_a_page_of_the_common_width(n):
    with mpl.rc_context(RC):
        canvas = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = draw_swimmer(*course(n), canvas.add_subplot(), labels=LABELS)
        drawn = FigureCanvasAgg(canvas)
        drawn.draw()
    renderer, page = drawn.get_renderer(), canvas.bbox
    for artist in (axes.get_legend(), axes.xaxis.label, axes.yaxis.label, axes):
        box = artist.get_window_extent(renderer)
        assert box.x0 >= page.x0 - 1
        assert box.y0 >= page.y0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y1 <= page.y1 + 1


def test_axes_beside_others_keep_their_height():
    canvas = Figure(figsize=(8, 3))
    first, _ = canvas.subplots(1, 2)
    assert draw_swimmer(*course(30), first, labels=LABELS) is first
    assert canvas.get_figheight() == 3

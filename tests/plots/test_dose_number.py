"""The dose-number figure: what is drawn, where, and that nothing overlaps."""

from itertools import combinations
from math import inf

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ketastats.models.relief_by_dose import relief_by_dose
from ketastats.plots.dose_number import draw_dose_numbers
from ketastats.plots.figure import figure


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def result():
    kinds = [(2, 0, 1, None), (2, 1, inf, "other"), (3, 1, 2, None), (3, 2, inf, "course_end")]
    rows = [kind[1:] for kind in kinds for _ in range(kind[0])] * 2
    table = pd.DataFrame(rows, columns=["dose_left", "dose_right", "stopped"])
    table = table.assign(usubjid=range(20), n_doses=2, arm=["ketamine $5$"] * 10 + ["placebo"] * 10)
    return relief_by_dose(table, by="arm", up_to=4)


def test_marks_are_the_shares_and_boxes_the_bounds_in_per_cent(result):
    axes = draw_dose_numbers(result.to_frame())
    rows = result.to_frame().query("group == 'placebo'")
    shares = [line.get_ydata() for line in axes.get_lines() if line.get_marker() == "s"]
    assert list(shares[0]) == pytest.approx(100 * rows["estimate"].dropna())
    boxes = axes.patches[4:8]
    assert [box.get_y() for box in boxes] == pytest.approx(list(100 * rows["bound_low"]))
    tops = [box.get_y() + box.get_height() for box in boxes]
    assert tops == pytest.approx(list(100 * rows["bound_high"]))


def test_the_figure_says_its_axes_its_claimed_share_and_who_was_at_risk(result):
    axes = result.plot(threshold=0.5)
    words = [text.get_text() for text in axes.texts]
    assert axes.get_ylabel() == "Reached relief (%)"
    assert axes.get_xlabel() == "By dose number"
    assert "claimed 50%" in words
    assert words.count("10") == 2
    assert words.count("6") == 2
    assert any(line.get_ydata()[0] == pytest.approx(50) for line in axes.get_lines())


def test_words_under_the_figure_do_not_overlap_and_stay_on_the_page(result):
    axes = Figure(figsize=(5.6, 3.6), layout="constrained").add_subplot()
    result.plot(axes)
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    assert not any(one.overlaps(two) for one, two in combinations(boxes, 2))
    page = axes.figure.bbox
    assert all(box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1 for box in boxes)
    assert all(box.y0 >= page.y0 - 1 for box in boxes)


def test_the_drawing_goes_into_given_axes_and_an_empty_table_is_empty_axes(result):
    mine = Figure().add_subplot()
    assert draw_dose_numbers(result.to_frame(), mine) is mine
    empty = draw_dose_numbers(result.to_frame().iloc[:0])
    empty.figure.canvas.draw()
    assert len(empty.get_lines()) == 0


def test_the_words_of_the_figure_name_every_row(result):
    words = figure(result, caption="x").alt
    for row in result.to_frame().to_dict("records"):
        shown = row["bound_high"] if np.isnan(row["estimate"]) else row["estimate"]
        assert f"{100 * shown:.1f}" in words
    assert words.count("ketamine $5$") == 4


def test_the_same_answer_gives_the_same_bytes(result):
    assert figure(result, caption="x") == figure(result, caption="x")


def key_of(axes):
    legend = axes.get_legend()
    return [text.get_text() for text in legend.get_texts()], legend.findobj(Rectangle)


def test_the_key_has_the_boxes_only_where_there_are_some_and_in_their_colours(result):
    frame = result.to_frame()
    words, patches = key_of(draw_dose_numbers(frame))
    assert words[-1] == "room left by early stopping"
    drawn = draw_dose_numbers(frame).patches
    assert {p.get_facecolor() for p in patches} == {p.get_facecolor() for p in drawn}
    assert {p.get_hatch() for p in patches} == {p.get_hatch() for p in drawn}
    one = frame["group"] == "placebo"
    closed = frame.assign(bound_high=frame["bound_high"].where(~one, frame["bound_low"]))
    assert len(key_of(draw_dose_numbers(closed))[1]) == 1
    words, patches = key_of(draw_dose_numbers(closed[one]))
    assert words == ["share, with limits"]
    assert len(patches) == 0

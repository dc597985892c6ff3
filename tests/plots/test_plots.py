from itertools import combinations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import ketastats as ks
from ketastats.plots.balance import draw_balance
from ketastats.plots.denominators import draw_denominators
from ketastats.plots.forest import draw_forest
from ketastats.plots.retention import draw_retention

HEADLINE = "conventional-relief-30-40"


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def verdict():
    return ks.judge(HEADLINE)


@pytest.fixture(scope="module")
def trial():
    return ks.load_antidepressant_trial()


@pytest.fixture(scope="module")
def week_six(trial):
    visits = ks.derive_response(ks.derive_baseline(trial.scores))
    return ks.select_visit(visits[visits["base"].notna()], "Week 6", subjects=trial.subjects)


@pytest.fixture(scope="module")
def tables(trial, week_six):
    """A drawing function and a table for it."""
    return {
        "forest": (draw_forest, ks.response_rate(week_six, missing="observed").to_frame()),
        "denominators": (draw_denominators, ks.compare_denominators(week_six).to_frame()),
        "balance": (draw_balance, ks.baseline_table(trial).to_frame()),
        "retention": (
            draw_retention,
            ks.participant_flow(trial).to_frame().query("step == 'seen'"),
        ),
    }


def boxes(axes):
    """The texts in the axes and the rectangles they take on the page, in pixels."""
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    return [(t.get_text(), t.get_window_extent(renderer)) for t in axes.texts if t.get_text()]


def test_labels_numbers_and_rows_of_the_shipped_verdict_do_not_overlap(verdict):
    for part in (verdict, verdict.only("reading"), verdict.only("group")):
        axes = Figure(figsize=(5.6, 3.2), layout="constrained").add_subplot()
        part.plot(axes)
        found = boxes(axes)
        assert len(found) == 2 * len(part.to_frame()) + 1  # label and number a row, and the band's
        touching = [(a, b) for (a, one), (b, two) in combinations(found, 2) if one.overlaps(two)]
        assert touching == []
        page = axes.figure.bbox
        assert [a for a, box in found if box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1] == []


def test_a_long_label_is_broken_into_lines_and_still_meets_no_number():
    term = "a very long name of an arm that goes on " * 4
    row = {"term": term, "estimate": 0.5, "conf_low": 0.4, "conf_high": 0.6}
    axes = draw_forest(pd.DataFrame([row, row]), as_percent=True)
    found = boxes(axes)
    assert "\n" in found[0][0]
    assert [1 for (_, one), (_, two) in combinations(found, 2) if one.overlaps(two)] == []


def test_the_claimed_range_is_drawn_where_the_claim_says(verdict):
    axes = verdict.plot()
    (band,) = [patch for patch in axes.patches if patch.get_width() > 0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((30, 40))
    assert "claimed 30 to 40%" in [text for text, _ in boxes(axes)]


def test_the_marks_of_a_forest_are_the_numbers_of_its_table(tables):
    draw, table = tables["forest"]
    lines = draw(table, as_percent=True).get_lines()
    row = table.iloc[0]
    ends = [100 * row["conf_low"], 100 * row["conf_high"]]
    assert list(lines[0].get_xdata()) == pytest.approx(ends)
    assert list(lines[1].get_xdata()) == pytest.approx([100 * row["estimate"]])


@pytest.mark.parametrize("name", ["denominators", "balance", "retention"])
def test_a_drawing_goes_into_given_axes_and_says_what_its_axes_show_in_per_cent(tables, name):
    draw, table = tables[name]
    mine = Figure().add_subplot()
    assert draw(table, mine) is mine
    assert "%" in mine.get_xlabel() + mine.get_ylabel()


@pytest.mark.parametrize("role", ["reading", "group", "yardstick"])
def test_a_verdict_says_that_its_axis_is_in_per_cent(verdict, role):
    assert verdict.only(role).plot().get_xlabel() == "Share of people (%)"


@pytest.mark.parametrize("name", ["forest", "denominators", "balance", "retention"])
def test_an_empty_table_is_drawn_as_empty_axes(tables, name):
    draw, table = tables[name]
    axes = draw(table.iloc[:0])
    axes.figure.canvas.draw()
    assert len(axes.get_lines()) == 0


def test_drawing_leaves_the_table_as_it_was(tables):
    for draw, table in tables.values():
        before = table.copy(deep=True)
        draw(table)
        pd.testing.assert_frame_equal(table, before)


def test_a_figure_has_the_same_bytes_twice_and_no_script(verdict):
    one, two = (ks.figure(verdict.only("yardstick"), caption="Same.") for _ in range(2))
    assert one == two
    assert one.svg.lstrip().startswith("<?xml")
    assert "<script" not in one.svg


def test_a_figure_does_not_stay_open_in_pyplot(verdict):
    ks.figure(verdict.only("yardstick"), caption="Closed.")
    assert plt.get_fignums() == []


def test_the_words_of_a_verdict_figure_list_every_row_with_its_share(verdict):
    words = ks.figure(verdict.only("group"), caption="x").alt
    for row in verdict.only("group").to_frame().to_dict("records"):
        assert f"{row['term']}: {100 * row['estimate']:.1f}" in words


def test_the_words_of_a_comparison_of_denominators_list_every_row(week_six):
    comparison = ks.compare_denominators(week_six)
    words = comparison.figure_text().lower()
    for row in comparison.to_frame().to_dict("records"):
        assert f"{100 * row['estimate']:.1f}" in words
        assert row["denominator"].split(",")[0].lower() in words


def test_a_caption_and_words_are_escaped_where_a_notebook_shows_them():
    html = ks.Figure("<svg/>", 'alt "quoted" <b>', "<script>")._repr_html_()
    assert "<script>" not in html
    assert "&quot;quoted&quot; &lt;b&gt;" in html


def test_a_row_known_only_within_bounds_shows_both_and_no_single_number():
    frame = pd.DataFrame(
        {
            "term": ["a", "b"],
            "estimate": [0.231, 0.5],
            "conf_low": [0.142, 0.4],
            "conf_high": [0.396, 0.6],
            "bound_low": [0.216, 0.5],
            "bound_high": [0.304, 0.5],
        }
    )
    texts = [text.get_text() for text in draw_forest(frame, as_percent=True).texts]
    assert "21.6 to 30.4 (14.2 to 39.6)" in texts
    assert "50.0 (40.0 to 60.0)" in texts
    assert not any(text.startswith("23.1") for text in texts)

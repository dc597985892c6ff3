"""The forest of ratios: a logarithmic axis, text as given, unlimited limits."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ketastats.plots.ratios import draw_ratios, ratio_text


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def frame(rows):
    return pd.DataFrame(rows, columns=["term", "ratio", "ratio_low", "ratio_high"])


def test_the_axis_is_logarithmic_and_holds_one_and_every_limit():
    axes = draw_ratios(frame([("a", 2.0, 1.5, 4.0), ("b", 0.5, 0.3, 0.8)]), xlabel="Hazard ratio")
    low, high = axes.get_xlim()
    assert axes.get_xscale() == "log"
    assert low < 0.3 < 4.0 < high
    assert axes.get_xlabel() == "Hazard ratio"


def test_names_are_drawn_as_they_are_even_with_signs_of_formulas():
    axes = draw_ratios(frame([("$x^$ <b>", 1.2, 1.0, 1.5)]))
    axes.figure.canvas.draw()
    assert "$x^$ <b>" in [text.get_text() for text in axes.texts]


def test_unlimited_and_absent_limits_are_drawn():
    nan = float("nan")
    axes = draw_ratios(frame([("a", 2.0, 0.0, float("inf")), ("b", 1.1, nan, nan)]))
    axes.figure.canvas.draw()
    assert "2.00 (0.00 to ∞)" in [text.get_text() for text in axes.texts]
    assert "1.10" in [text.get_text() for text in axes.texts]


def test_a_table_without_ratios_is_an_empty_axis():
    assert draw_ratios(frame([])).get_xlim()[0] < 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0123, "0.012"),
        (0.5, "0.50"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (1234.5, "1234"),
        (0, "0.00"),
    ],
)
def test_ratios_are_written_with_the_decimals_a_reader_can_use(value, shown):
    assert ratio_text(value) == shown

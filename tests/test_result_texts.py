"""Hours, spans and counts as readers see them."""

import math

import pandas as pd
import pytest

from ketastats.results import count, duration, duration_range, percent, span_text, text


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (0, "0 h"),
        (0.5, "30 min"),
        (2 / 3, "40 min"),
        (1, "1 h"),
        (1.5, "1.5 h"),
        (24, "24 h"),
        (72, "72 h"),
        (95.9, "95.9 h"),
        (96, "4 days"),
        (168, "7 days"),
        (252, "10.5 days"),
        (24_000, "1,000 days"),
        (math.inf, "never"),
    ],
)
def test_hours_are_written_in_the_unit_people_use(hours, expected):
    assert duration(hours) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (24, 72, "24 to 72 h"),
        (0, 24, "0 to 24 h"),
        (24, 24, "24 h"),
        (168, 168, "7 days"),
        (168, 336, "7 to 14 days"),
        (24, 168, "1 to 7 days"),
        (168, math.inf, "7 days or later"),
        (24, math.inf, "24 h or later"),
        (0, math.inf, "not known"),
        (36, 36.01, "36 h"),
    ],
)
def test_a_span_of_hours_has_one_unit(low, high, expected):
    assert duration_range(low, high) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.25, 0.5, "25.0 to 50.0%"),
        (0.5, 0.5, "50.0%"),
        (0.5, 0.50001, "50.0%"),
        (0.0, 1.0, "0.0 to 100.0%"),
        (float("nan"), 0.5, "–"),
        (0.5, None, "–"),
        (pd.NA, 0.5, "–"),
    ],
)
def test_a_span_of_shares_is_in_per_cent_once_where_both_ends_read_alike(low, high, expected):
    assert span_text(low, high, percent) == expected


def test_a_span_of_hours_is_that_of_durations():
    assert span_text(24, 72, duration) == "24 to 72 h"
    assert span_text(float("nan"), 72, duration) == "–"


def test_no_share_that_rounds_to_nothing_has_a_sign():
    assert span_text(-1e-12, 0.0, percent) == "0.0%"


def test_counts_and_labels_that_are_missing_are_dashes():
    assert (count(1234), count(None), count(pd.NA)) == ("1,234", "–", "–")
    assert (text("x"), text(None), text(float("nan"))) == ("x", "–", "–")

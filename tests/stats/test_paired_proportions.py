"""Paired proportions: Tango's interval and McNemar's test against R and papers."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import FOLDER, half_last_digit, read_reference

from ketastats.stats.paired_proportions import mcnemar_test, tango_interval


def cells(row):
    n = sum(int(getattr(row, name)) for name in ("yes_yes", "yes_no", "no_yes", "no_no"))
    return int(row.yes_no), int(row.no_yes), n


def test_tango_agrees_with_r():
    rows = read_reference("paired", method="tango")
    assert len(rows) >= 5
    for row in rows.itertuples():
        gained, lost, n = cells(row)
        found = tango_interval(gained, lost, n, conf_level=row.conf_level)
        assert found == pytest.approx((row.conf_low, row.conf_high), abs=1e-9), cells(row)


@pytest.mark.parametrize(
    "row",
    [
        r
        for r in pd.read_csv(FOLDER / "paired_printed.csv", comment="#", dtype=str).itertuples()
        if r.method == "tango"
    ],
    ids=lambda r: r.source,
)
def test_tango_agrees_with_every_printed_digit(row):
    gained, lost, n = cells(row)
    found = tango_interval(gained, lost, n, conf_level=float(row.conf_level))
    for limit, printed in zip(found, (row.conf_low, row.conf_high), strict=True):
        assert limit == pytest.approx(float(printed), abs=half_last_digit(printed))


def test_mcnemar_agrees_with_r():
    for method, exact in (("mcnemar", False), ("mcnemar_exact", True)):
        for row in read_reference("paired", method=method).itertuples():
            gained, lost, _ = cells(row)
            if gained + lost:
                assert mcnemar_test(gained, lost, exact=exact) == pytest.approx(
                    row.p_value, rel=1e-7
                )


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_tango_mirrors_when_gains_and_losses_swap(gained, lost, rest):
    n = gained + lost + rest + 1
    low, high = tango_interval(gained, lost, n)
    assert tango_interval(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)
    assert -1 <= low <= (gained - lost) / n + 1e-12
    assert (gained - lost) / n - 1e-12 <= high <= 1


def test_more_changes_than_pairs_are_refused():
    with pytest.raises(ValueError, match="more than n"):
        tango_interval(4, 4, 7)

"""Intervals of groups as counted tables."""

import numpy as np
import pandas as pd
import pytest

from ketastats.errors import DataError, UsageError
from ketastats.models.grouped_intervals import group_label, grouped_intervals, scored, trend_numbers


def table():
    return pd.DataFrame(
        {
            "usubjid": range(8),
            "left": [0.0, 0.0, 4.0, 4.0, 24.0, 24.0, 4.0, 0.0],
            "right": [4.0, 4.0, 24.0, np.inf, np.inf, 72.0, 24.0, 4.0],
            "dose": [0.5, 1.0] * 4,
            "site": ["n"] * 5 + ["s"] * 3,
        }
    )


def test_each_stratum_is_a_table_of_distinct_intervals_by_group():
    data = grouped_intervals(table(), by=["dose"], strata=["site"])
    assert data.names == ["0.5", "1"]
    north, south = data.tables(["1", "0.5"])
    assert list(north.columns) == list(south.columns) == ["1", "0.5"]
    assert north.to_numpy().sum() == 5
    assert south.loc[(24.0, 72.0), "1"] == 1
    assert data.sizes(["1", "0.5"]) == [4, 4]


def test_intervals_with_equal_scores_are_put_together():
    data = grouped_intervals(
        table().assign(left=0.0, right=[np.inf, 5.0] * 4), by=["dose"], strata=[]
    )
    (one,) = data.tables(data.names)
    assert scored(one, "wilcoxon").counts.tolist() == [[4, 4]]


def test_a_whole_number_is_one_group_however_it_is_stored():
    assert group_label(1) == group_label(1.0) == group_label(np.float64(1)) == "1"
    assert group_label(0.5) == "0.5"
    assert trend_numbers(["0.5", "1"], {0.5: 5, 1: 10}) == {"0.5": 5.0, "1": 10.0}


def test_a_table_without_comparison_is_refused():
    with pytest.raises(UsageError, match="by="):
        grouped_intervals(table(), by=[], strata=[])
    with pytest.raises(DataError, match="one group"):
        grouped_intervals(table().assign(dose=1), by=["dose"], strata=[])
    with pytest.raises(DataError, match="right-censored"):
        grouped_intervals(table().assign(right=np.inf), by=["dose"], strata=[])

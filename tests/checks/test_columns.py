"""Columns that are absent, or not what they should be."""

import pandas as pd
import pytest

import ketastats as ks
from ketastats.checks.columns import missing_columns, missing_values, not_numbers, require_columns
from ketastats.errors import DataError, UsageError


def test_all_absent_columns_are_named_in_one_problem():
    with pytest.raises(DataError) as caught:
        require_columns(pd.DataFrame({"aval": [1]}), ["usubjid", "aval", "base"], table="scores")
    (only,) = caught.value.problems
    assert (only.code, only.table, only.column) == ("missing_column", "scores", "usubjid, base")


def test_text_and_percent_signs_are_told_apart_and_numbers_as_text_are_numbers():
    frame = pd.DataFrame({"aval": ["12", "35%", None, "zebra", " 7 ", "1e1", "12 %", "3,5"]})
    found = {p.code: p.rows for p in not_numbers(frame, ["aval"], table="scores")}
    assert found == {"percent_sign": (2, 7), "not_a_number": (4, 8)}


def test_empty_cells_are_counted_and_the_first_five_rows_are_named():
    frame = pd.DataFrame({"usubjid": [None] * 8 + ["1"]})
    (only,) = missing_values(frame, ["usubjid"], table="scores")
    assert (only.rows, only.n_bad) == ((1, 2, 3, 4, 5), 8)
    assert "rows 1, 2, 3, 4, 5 and 3 more" in str(only)


@pytest.mark.parametrize("given", [None, [1, 2], "scores", {"usubjid": ["1"]}])
@pytest.mark.parametrize("asks", [missing_columns, require_columns])
def test_what_is_no_table_is_refused_by_its_kind(asks, given):
    kind = type(given).__name__
    with pytest.raises(UsageError, match=f"^scores must be a pandas DataFrame, not {kind}$"):
        asks(given, ["usubjid"], table="scores")


def test_a_cohort_in_place_of_a_table_is_told_its_table():
    course = ks.load_synthetic_course()
    with pytest.raises(UsageError, match=r"not Cohort: use cohort\.scores$"):
        ks.derive_relief(course)
    with pytest.raises(UsageError, match=r"not Cohort: use cohort\.subjects$"):
        require_columns(course, [], table="subjects")
    with pytest.raises(UsageError, match=r"not Cohort: derive it from cohort\.scores$"):
        ks.relief_by_dose(course)
    with pytest.raises(UsageError, match="relief by dose must be a pandas DataFrame, not NoneType"):
        ks.relief_by_dose(None)

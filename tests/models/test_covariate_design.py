"""Covariates by formula: columns, labels, groups, refusals."""

import numpy as np
import pandas as pd
import pytest

from ketastats.errors import DataError, UsageError
from ketastats.models.covariate_design import covariate_design


@pytest.fixture
def table():
    return pd.DataFrame(
        {"arm": ["b", "a", "c", "a"], "age": [30, 41, 52, 60], "x y": [1.0, 2, 4, 3]}
    )


def test_text_becomes_groups_against_the_first(table):
    design = covariate_design(table, "arm + age", intercept=True)
    assert design.columns == ("Intercept", "arm[T.b]", "arm[T.c]", "age")
    assert design.labels == ("Intercept", "arm b against a", "arm c against a", "age")
    assert design.covariates == ("1", "arm", "arm", "age")
    assert design.matrix.tolist()[0] == [1, 1, 0, 30]


def test_a_reference_is_the_group_that_others_are_compared_with(table):
    design = covariate_design(table, "arm", intercept=False, reference={"arm": "c"})
    assert design.labels == ("arm a against c", "arm b against c")
    written = covariate_design(table, 'C(arm, contr.treatment("c"))', intercept=False)
    assert written.labels == ("arm a against c", "arm b against c")
    assert np.array_equal(written.matrix, design.matrix)


def test_names_with_spaces_and_interactions_are_taken(table):
    design = covariate_design(table, "`x y`:age", intercept=False)
    assert design.matrix[:, 0].tolist() == [30, 82, 208, 180]


def test_other_tables_get_the_same_columns(table):
    design = covariate_design(table, "arm * age", intercept=False)
    again = design.of(table.iloc[[2, 0]], name="newdata")
    assert np.array_equal(again, design.matrix[[2, 0]])


def test_groups_without_subjects_are_dropped_and_told(table):
    arm = pd.Categorical(table["arm"], categories=["c", "b", "z", "a"])
    design = covariate_design(table.assign(arm=arm), "arm", intercept=False)
    assert design.labels == ("arm b against c", "arm a against c")
    assert design.unused == ("arm z",)


def test_everything_missing_is_told_at_once_without_values(table):
    table.loc[1, "age"] = np.nan
    with pytest.raises(DataError) as caught:
        covariate_design(table, "age + sex", intercept=True)
    assert {p.code for p in caught.value.problems} == {"missing_column", "missing_value"}
    with pytest.raises(DataError, match="infinite"):
        covariate_design(table.assign(age=[1, 2, np.inf, 4.0]), "age", intercept=True)


def test_dates_are_not_numbers(table):
    dated = table.assign(day=pd.Timestamp("2026-01-01"))
    with pytest.raises(UsageError, match="day is a date"):
        covariate_design(dated, "day", intercept=True)


@pytest.mark.parametrize(
    "formula", ["arm + diagnosis", "diagnosis", "arm + C(site)", "diagnosis * age"]
)
def test_groups_of_which_there_is_one_only_are_refused_by_name(table, formula):
    same = table.assign(diagnosis="MDD", site=7)
    name = "site" if "site" in formula else "diagnosis"
    with pytest.raises(UsageError, match=f"Everyone has the same {name}, so there is nothing"):
        covariate_design(same, formula, intercept=True)
    declared = pd.Categorical(same["diagnosis"], categories=["MDD", "TRD"])
    with pytest.raises(UsageError, match="Everyone has the same diagnosis, site"):
        covariate_design(same.assign(diagnosis=declared), "C(site) + diagnosis", intercept=False)


def test_a_reference_that_names_no_column_is_answered_with_how_to_write_it(table):
    two = table.assign(sex=["f", "m", "f", "m"])
    for value, column in (("c", "arm"), ("m", "sex"), ("nowhere", "arm")):
        with pytest.raises(UsageError) as caught:
            covariate_design(two, "arm + sex", intercept=True, reference=value)
        assert f'pass reference={{"{column}": "{value}"}}' in str(caught.value)
    with pytest.raises(UsageError, match=r'pass reference=\{"arm": "placebo"\}'):
        covariate_design(table, "arm", intercept=True, reference=["c"])

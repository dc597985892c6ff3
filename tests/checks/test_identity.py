"""Column names that say who somebody is."""

import pandas as pd
import pytest

from ketastats.checks.identity import identifying_columns, look_alike_codes

PLAIN = ["name", "patient_name", "Surname", "email", "phone_number", "home_address", "postcode"]
PLAIN += ["BRTHDTC", "dob", "MRN"]
SPACED = ["E-mail", "First Name", "Date of Birth", "date-of-birth", "Medical Record Number"]
SPACED += ["NHS Number"]


def found_in(columns):
    problems = identifying_columns(
        pd.DataFrame([["zebra"] * len(columns)], columns=columns), table="t"
    )
    assert not any("zebra" in str(found) for found in problems)
    return ", ".join(found.column for found in problems)


def test_columns_that_name_a_person_are_found_in_one_problem():
    assert found_in(PLAIN) == ", ".join(PLAIN)


def test_columns_that_name_a_person_are_found_when_written_with_spaces_or_hyphens():
    assert found_in(SPACED) == ", ".join(SPACED)


def test_columns_of_the_schema_and_usual_covariates_are_no_identifiers():
    usual = ["usubjid", "siteid", "age", "sex", "weightbl", "trt01a", "diagnosis", "paramcd"]
    usual += ["avisit", "aedecod", "cmdecod", "drug_name", "mobility", "filename"]
    assert found_in(usual) == ""


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (["DRUG", "DRUG", "drug", None], [3]),
        (["Week 1", "week1", "WEEK 1", "Week 1"], [2, 3]),
        (["b", "B", "a"], [1]),
        (["a", "b", None], []),
        ([None, None], []),
    ],
)
def test_codes_that_look_like_a_commoner_one_are_told_and_of_equals_the_first_stays(codes, told):
    frame = pd.DataFrame({"avisit": pd.array(codes, dtype="string")})
    found = look_alike_codes(frame, "avisit", table="scores")
    assert [row for problem in found for row in problem.rows] == told

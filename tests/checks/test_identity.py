"""Column names that say who somebody is."""

import pandas as pd

from ketastats.checks.identity import identifying_columns

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

"""The table of published outcomes, shipped and own."""

import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError

# Counts printed in data/evidence/README.md: outcome type, conventional rows, ketamine rows.
OUTCOMES = {
    "response": (164, 111),
    "remission": (85, 71),
    "mean_change": (40, 57),
    "mean_score": (0, 34),
    "smd": (25, 42),
    "ae_incidence": (14, 198),
    "dropout": (40, 6),
    "time_to_response": (31, 0),
    "time_to_event": (0, 22),
    "relapse": (12, 8),
    "deterioration": (10, 0),
    "mediation": (0, 7),
    "blinding_check": (0, 1),
}
GRADES = {"A": (298, 500), "B": (85, 2), "C": (38, 55)}
OVERLAPS = {
    "aspire": 48,
    "transform": 62,
    "escape": 12,
    "calm": 12,
    "stard": 11,
    "nhs_2024_25": 33,
    "metapsy_anxiety": 20,
    "metapsy_ptsd": 7,
    "metapsy_ocd": 4,
    "metapsy_mdd": 4,
}


@pytest.fixture(scope="module")
def evidence():
    return ks.load_evidence()


def by_source(evidence, column):
    counts = pd.crosstab(evidence[column], evidence["source_table"])
    return {key: (row["conventional_arms"], row["ketamine_arms"]) for key, row in counts.iterrows()}


def test_the_shipped_table_has_the_rows_its_readme_counts(evidence):
    assert len(evidence) == 978
    assert evidence["row_id"].is_unique
    assert by_source(evidence, "outcome_type") == OUTCOMES
    assert by_source(evidence, "grade") == GRADES
    assert evidence["overlap"].value_counts().to_dict() == OVERLAPS
    assert evidence.groupby("source_table")["study_id"].nunique().to_dict() == {
        "conventional_arms": 116,
        "ketamine_arms": 80,
    }


def test_derived_rows_are_marked_and_conventional(evidence):
    derived = evidence[evidence["is_derived"]]
    assert len(derived) == 56
    assert set(derived["source_table"]) == {"conventional_arms"}
    says_so = evidence["notes"].fillna("").str.contains("DERIVED")
    assert (evidence["is_derived"] == says_so).all()


def test_published_counts_are_possible_and_agree_with_the_published_shares(evidence):
    counted = evidence[evidence["events"].notna()]
    assert counted["source_table"].value_counts().to_dict() == {
        "ketamine_arms": 301,
        "conventional_arms": 100,
    }
    assert (counted["events"] <= counted["n"]).all()
    ketamine = counted[(counted["source_table"] == "ketamine_arms") & counted["proportion"].notna()]
    assert len(ketamine) > 200
    assert ((ketamine["events"] / ketamine["n"] - ketamine["proportion"]).abs() < 0.02).all()


def test_published_intervals_are_the_right_way_round(evidence):
    ketamine = evidence[evidence["source_table"] == "ketamine_arms"]
    both = ketamine[ketamine["ci_low"].notna() & ketamine["ci_high"].notna()]
    assert len(both) > 50
    assert (both["ci_low"] <= both["ci_high"]).all()


def own(folder, text):
    path = folder / "own.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_of_ones_own_needs_three_columns_and_gets_the_others(tmp_path):
    table = ks.load_evidence(own(tmp_path, "study_id,arm,outcome_type\nx2001,ssri,response\n"))
    assert table["proportion"].isna().tolist() == [True]
    assert table[["is_contrast", "is_derived"]].values.tolist() == [[False, False]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study_id,arm\nx,y\n", {("missing_column", "outcome_type", ())}),
        ("study_id,arm,outcome_type\n", {("empty", "", ())}),
        (
            "study_id,arm,outcome_type,n,events,proportion,grade\n"
            "x,y,response,10,5,1.5,A\n"
            "x,,response,10,15,0.5,A\n"
            "x,y,response,10.5,5,-0.1,D\n"
            "x,y,response,10,-1,,\n",
            {
                ("missing_value", "arm", (2,)),
                ("out_of_range", "proportion", (1, 3)),
                ("impossible_count", "events and n", (2,)),
                ("impossible_count", "events and n", (4,)),
                ("not_whole", "n", (3,)),
                ("unknown_code", "grade", (3,)),
            },
        ),
        (
            "study_id,arm,outcome_type,n,proportion\nx,y,response,zebra,0.5\nx,y,response,5,43%\n",
            {("not_a_number", "n", (1,)), ("percent_sign", "proportion", (2,))},
        ),
        (
            "study_id,arm,outcome_type,is_contrast\nx,y,response,true\nx,y,response,zebra\n",
            {("unknown_code", "is_contrast", (2,))},
        ),
    ],
    ids=["column absent", "no rows", "impossible numbers", "text", "unclear flag"],
)
def test_impossible_evidence_is_refused_all_at_once_without_its_values(tmp_path, text, expected):
    with pytest.raises(DataError) as caught:
        ks.load_evidence(own(tmp_path, text))
    assert {(p.code, p.column, p.rows) for p in caught.value.problems} == expected
    assert "zebra" not in str(caught.value)
    assert "43" not in str(caught.value).replace(str(tmp_path), "")

import numpy as np
import pandas as pd
import pytest
from made_visits import visits
from mmrm_models import table

import ketastats as ks

FORMULA = "CHANGE ~ THERAPY*VISIT + BASVAL*VISIT"
KEYS = {
    "arm": "THERAPY",
    "reference": "PLACEBO",
    "subject": "PATIENT",
    "visit": "VISIT",
    "analysis": "BASVAL",
}


@pytest.fixture(scope="module")
def compared() -> ks.AssumptionComparison:
    return ks.compare_assumptions(FORMULA, table("hamd"), **KEYS)


def test_each_strategy_is_the_analysis_by_itself(compared):
    frame = compared.to_frame().set_index("assumption")
    for strategy in ("mar", "jump_to_reference", "copy_increments"):
        alone = ks.reference_based(FORMULA, table("hamd"), strategy=strategy, **KEYS).to_frame()
        for name in ("estimate", "std_error", "p_value", "imputed"):
            assert frame.loc[strategy, name] == alone[name].iloc[-1]


def test_those_seen_are_the_analysis_of_covariance_of_the_visit(compared):
    row = compared.to_frame().set_index("assumption").loc["those_seen"]
    alone = ks.ancova(
        "CHANGE ~ THERAPY + BASVAL",
        table("hamd"),
        subject="PATIENT",
        visit="VISIT",
        at=7,
        reference={"THERAPY": "PLACEBO"},
    )
    expected = alone.to_frame().set_index("column").loc["THERAPY[T.DRUG]"]
    assert row["n"] == 129
    for name in ("estimate", "std_error", "df", "p_value"):
        assert row[name] == pytest.approx(expected[name])


def test_carried_values_are_those_of_pandas(compared):
    trial = table("hamd")
    wide = trial.pivot(index="PATIENT", columns="VISIT", values="CHANGE")
    who = trial.drop_duplicates("PATIENT").set_index("PATIENT")
    for name, values in (("locf", wide.ffill(axis=1)[7]), ("bocf", wide[7].fillna(0.0))):
        data = who.assign(CHANGE=values).reset_index()
        alone = ks.ancova(
            "CHANGE ~ THERAPY + BASVAL", data, subject="PATIENT", reference={"THERAPY": "PLACEBO"}
        )
        expected = alone.to_frame().set_index("column").loc["THERAPY[T.DRUG]"]
        row = compared.to_frame().set_index("assumption").loc[name]
        assert row["estimate"] == pytest.approx(expected["estimate"])
        assert row["std_error"] == pytest.approx(expected["std_error"])
        assert (row["n"], row["imputed"]) == (172, 43)


def test_the_sentence_names_the_two_ends_of_what_models_say(compared):
    assert str(compared) == (
        "DRUG minus PLACEBO at 7 in CHANGE lies between −2.80 (missing at random) and −2.13 (jump to "
        "reference), depending on what is assumed of missed visits"
    )
    assert any("too narrow" in note for note in compared.notes)
    assert compared.statement().text.endswith("every interval leaves 0 out on the same side.")


def test_complete_visits_make_all_assumptions_agree():
    frame = ks.compare_assumptions(
        "chg ~ base*avisit + trt01a*avisit", visits(subjects=40), reference="placebo"
    ).to_frame()
    assert np.ptp(frame["estimate"]) < 1e-8
    assert (frame["imputed"] == 0).all()


def test_a_subject_never_seen_has_the_value_at_baseline_carried_forward():
    data = visits(subjects=40)
    data.loc[data["usubjid"] == "s07", "chg"] = np.nan
    options = {"reference": "placebo", "assumptions": ["locf"]}
    formula = "chg ~ base*avisit + trt01a*avisit"
    low, high = (
        ks.compare_assumptions(formula, data, at_baseline=value, **options).to_frame()
        for value in (0.0, 100.0)
    )
    assert high["estimate"].iloc[0] - low["estimate"].iloc[0] == pytest.approx(
        5, abs=0.6
    )  # 1 of 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"assumptions": []}, "a list of names"),
        ({"assumptions": "mar"}, "a list of names"),
        ({"assumptions": ["worst"]}, "no assumption called 'worst'"),
        ({"at": "Week 3"}, "no visit called 'Week 3'"),
        ({"group": "sham"}, "no arm called 'sham'"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(options, said):
    with pytest.raises(ks.UsageError, match=said):
        ks.compare_assumptions(
            "chg ~ base*avisit + trt01a*avisit",
            visits(subjects=40),
            reference="placebo",
            **options,
        )


def test_with_three_arms_the_one_compared_has_to_be_named():
    data = visits(subjects=45)
    third = data["usubjid"].str[1:].astype(int) % 3 == 0
    data = data.assign(trt01a=data["trt01a"].mask(third, "high dose"))
    formula, options = "chg ~ base*avisit + trt01a*avisit", {"reference": "placebo"}
    with pytest.raises(ks.UsageError, match="Name the arm that is compared"):
        ks.compare_assumptions(formula, data, assumptions=["those_seen"], **options)
    named = ks.compare_assumptions(
        formula, data, group="high dose", assumptions=["those_seen"], **options
    )
    assert "high dose minus placebo" in str(named.figure_text())
    assert isinstance(named.to_frame(), pd.DataFrame)

"""Estimands side by side are the estimands one by one."""

import numpy as np
import pandas as pd
import pytest
from made_visits import visits

import ketastats as ks

FORMULA = "chg ~ base*avisit + trt01a*avisit"


def some_left() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visits of two arms, and who left at the last."""
    data = visits(4, subjects=40)
    number = data["usubjid"].str[1:].astype(int)
    data = data.assign(chg=data["chg"].mask((data["avisit"] == "Week 10") & (number % 4 == 1)))
    people = [p for p in sorted(data["usubjid"].unique()) if int(p[1:]) % 4 == 1]
    events = pd.DataFrame({"usubjid": people, "avisit": "Week 10", "event": "left"})
    return data, events


def estimand(strategy: str, **options) -> ks.Estimand:
    given = {"arm": "active", "reference": "placebo", "variable": "change at week 10"}
    return ks.Estimand(events={"left": strategy}, **{**given, **options})


ESTIMANDS = {
    "as if nobody had left": estimand("hypothetical"),
    "whatever happened": estimand("treatment_policy"),
    "until leaving": estimand("while_on_treatment"),
    "leaving is no change": estimand("composite", composite_value=0.0),
}


def compared(**options) -> ks.AssumptionComparison:
    return ks.compare_estimands(ESTIMANDS, FORMULA, *some_left(), **options)


def test_each_row_is_the_estimand_estimated_alone():
    table = compared().to_frame().set_index("term")
    for name, one in ESTIMANDS.items():
        alone = ks.estimand_difference(one, FORMULA, *some_left()).to_frame().iloc[-1]
        numbers = ["estimate", "std_error", "conf_low", "conf_high"]
        assert table.loc[name, numbers].to_numpy(float) == pytest.approx(
            alone[numbers].to_numpy(float)
        )


def test_the_hypothetical_estimand_is_missing_at_random():
    data, _ = some_left()
    alone = ks.reference_based(FORMULA, data, reference="placebo", strategy="mar").to_frame()
    table = compared().to_frame().set_index("term")
    assert table.loc["as if nobody had left", "estimate"] == pytest.approx(
        alone["estimate"].iloc[-1], abs=1e-6
    )


def test_every_estimand_is_said_among_the_notes():
    result = compared()
    for name, one in ESTIMANDS.items():
        assert f"{name}: {one}" in result.notes
    assert "depending on what is estimated" in str(result)
    assert "What is estimated" in result.display().columns


def test_the_assumption_after_an_event_may_differ_between_estimands():
    both = {"jump": estimand("treatment_policy"), "own": estimand("treatment_policy")}
    data, events = some_left()
    table = ks.compare_estimands(both, FORMULA, data, events, after={"own": "mar"}).to_frame()
    jump, own = (
        ks.reference_based(FORMULA, data, reference="placebo", strategy=name).to_frame()
        for name in ("jump_to_reference", "mar")
    )
    expected = [jump["estimate"].iloc[-1], own["estimate"].iloc[-1]]
    assert table["estimate"].tolist() == pytest.approx(expected, abs=1e-6)


def test_shares_are_compared_by_a_rule():
    data, events = some_left()
    data = data.assign(base=30.0, chg=data["chg"] - 12)
    result = ks.compare_estimands(
        ESTIMANDS,
        "chg ~ trt01a*avisit",
        data,
        events,
        rule="hamd17:response_50",
    )
    table = result.to_frame().set_index("term")
    assert result.unit == "percentage points"
    last = data[data["avisit"] == "Week 10"]
    # no change is no response: the composite counts those who left as not met
    met = (last["chg"] <= -15).groupby(last["trt01a"]).mean()
    assert table.loc["leaving is no change", "estimate"] == pytest.approx(
        met["active"] - met["placebo"]
    )
    assert np.isfinite(table["conf_low"]).all()


def test_what_has_no_answer_is_refused():
    data, events = some_left()
    with pytest.raises(ks.UsageError, match="mapping of names"):
        ks.compare_estimands([estimand("composite", composite_value=0.0)], FORMULA, data, events)
    with pytest.raises(ks.UsageError, match="mapping of names"):
        ks.compare_estimands({}, FORMULA, data, events)
    other = {**ESTIMANDS, "x": estimand("hypothetical", arm="placebo", reference="active")}
    with pytest.raises(ks.UsageError, match="different arms"):
        ks.compare_estimands(other, FORMULA, data, events)
    with pytest.raises(ks.UsageError, match="estimand"):
        ks.compare_estimands(ESTIMANDS, FORMULA, data, events, after={"policy": "mar"})

"""An estimand chooses how each event is handled, and is said with every result."""

import numpy as np
import pandas as pd
import pytest
from made_visits import visits

import ketastats as ks

FORMULA = "chg ~ base*avisit + trt01a*avisit"


def some_left() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visits, and events of three kinds; nobody is seen after leaving, some after rescue."""
    data = visits(4, subjects=40)
    number = data["usubjid"].str[1:].astype(int)
    left = (data["avisit"] == "Week 10") & (number % 5 == 1)
    data = data.assign(chg=data["chg"].mask(left))
    people = sorted(data["usubjid"].unique())
    events = [(p, "Week 10", "left") for p in people if int(p[1:]) % 5 == 1]
    events += [(p, "Week 2", "rescue") for p in people if int(p[1:]) % 8 == 2]
    return data, pd.DataFrame(events, columns=["usubjid", "avisit", "event"])


def estimand(**options) -> ks.Estimand:
    given = {"arm": "active", "reference": "placebo", "variable": "change at week 10"}
    return ks.Estimand(**{**given, **options})


def difference(events: dict[str, str], **options) -> ks.ReferenceBased:
    data, table = some_left()
    value = options.pop("composite_value", None)
    return ks.estimand_difference(
        estimand(events=events, composite_value=value), FORMULA, data, table, **options
    )


def last(result: ks.ReferenceBased) -> float:
    return float(result.to_frame()["estimate"].iloc[-1])


def test_an_estimand_is_a_sentence_with_its_five_attributes():
    said = str(
        estimand(events={"left": "treatment_policy", "rescue": "composite"}, composite_value=5.0)
    )
    assert said.startswith(
        "Difference of means of change at week 10, active minus placebo, in all randomised patients."
    )
    assert "left: treatment policy, whatever happened after it counts" in said
    assert "rescue: composite" in said
    assert "The composite value is 5." in said
    assert "No events are foreseen." in str(estimand())


def test_every_result_says_its_estimand_first():
    result = difference({"left": "treatment_policy", "rescue": "hypothetical"})
    assert result.notes[0].startswith("Difference of means of change at week 10")


def test_treatment_policy_keeps_what_was_seen_after_the_event():
    data, table = some_left()
    ours = difference({"left": "treatment_policy", "rescue": "treatment_policy"})
    theirs = ks.reference_based(FORMULA, data, reference="placebo", events=table)
    assert last(ours) == pytest.approx(float(theirs.to_frame()["estimate"].iloc[-1]))


def test_hypothetical_sets_outcomes_after_the_event_aside():
    data, table = some_left()
    masked = data.copy()
    for event in table.itertuples():
        later = {"Week 2": ["Week 2", "Week 10"], "Week 10": ["Week 10"]}[event.avisit]
        masked.loc[(masked["usubjid"] == event.usubjid) & masked["avisit"].isin(later), "chg"] = (
            np.nan
        )
    ours = difference({"left": "hypothetical", "rescue": "hypothetical"})
    theirs = ks.reference_based(FORMULA, masked, reference="placebo", strategy="mar")
    assert last(ours) == pytest.approx(float(theirs.to_frame()["estimate"].iloc[-1]))


def test_composite_events_stand_for_their_value():
    worse = difference({"left": "treatment_policy", "rescue": "composite"}, composite_value=30.0)
    better = difference({"left": "treatment_policy", "rescue": "composite"}, composite_value=0.0)
    # people with rescue: s02, s10, s18, s26, s34, all in placebo (even numbers), 5 of 20
    assert last(worse) - last(better) == pytest.approx(-30 * 5 / 20, abs=1.0)


def test_while_on_treatment_takes_the_last_outcome_before_the_event():
    data, _ = some_left()
    result = difference({"left": "treatment_policy", "rescue": "while_on_treatment"})
    wide = data.pivot(index="usubjid", columns="avisit", values="chg")
    place = result.trial.subjects.get_loc("s10")
    assert result.trial.outcome[place, 2] == wide.loc["s10", "Week 1"]


def test_the_choice_of_strategies_changes_the_answer():
    found = {
        name: last(difference({"left": name, "rescue": name}))
        for name in ("treatment_policy", "hypothetical", "while_on_treatment")
    }
    assert len({round(value, 6) for value in found.values()}) == 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: estimand(events={"left": "ignore"}), "no strategy for left called 'ignore'"),
        (lambda: estimand(events=[("left", "composite")]), "events is a mapping"),
        (lambda: estimand(events={"left": "composite"}), "needs the outcome it stands for"),
        (
            lambda: difference({"left": "hypothetical"}),
            "rows 9, 10, 11, 12, 13: an event for which",
        ),
        (
            lambda: difference({"left": "principal_stratum", "rescue": "hypothetical"}),
            "stated here but not estimated",
        ),
    ],
)
def test_estimands_that_cannot_be_are_refused_in_a_sentence(make, said):
    with pytest.raises(ks.KetastatsError, match=said):
        make()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"avisit": "Week 99"}, "not one of the visits"),
        ({"usubjid": "nobody"}, "not in the table of visits"),
        ({"event": None}, "event, rows"),
    ],
)
def test_events_that_do_not_fit_are_refused_in_a_sentence(change, said):
    data, table = some_left()
    wanted = estimand(events={"left": "hypothetical", "rescue": "hypothetical"})
    with pytest.raises(ks.DataError, match=said):
        ks.estimand_difference(wanted, FORMULA, data, table.assign(**change))
    with pytest.raises(ks.DataError, match="event: not in the table"):
        ks.estimand_difference(wanted, FORMULA, data, table[["usubjid", "avisit"]])


def test_an_arm_that_is_not_there_is_refused():
    data, table = some_left()
    wanted = estimand(arm="sham", events={"left": "hypothetical", "rescue": "hypothetical"})
    with pytest.raises(ks.UsageError, match="no arm called 'sham'"):
        ks.estimand_difference(wanted, FORMULA, data, table)

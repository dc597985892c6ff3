"""Truths of side effects, medicines and sessions, against counts in a large cohort as it was seen."""

from math import sqrt

import numpy as np
import pytest

from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.scenario import load_scenario
from ketastats.synthetic.truth import true_values

N = 20_000
PAIR = ("KETAMINE", "MIDAZOLAM")
BESIDE = (
    "event_incidence",
    "event_incidence_difference",
    "lasting_event_incidence_difference",
    "episodes_mild_and_brief",
    "event_chance_per_dose",
    "medicine_stopped_difference",
    "doses_of_first_series",
    "session_of_40_to_60_minutes",
    "pressure_at_end_of_infusion",
)


@pytest.fixture(scope="module")
def scenario():
    gone = [("arm.share", "CONVENTIONAL")]
    gone += [("score.mean", name) for name in ("ham_a", "sds", "who5")]
    changes = dict.fromkeys(gone) | {("score.items", "madrs"): "no", ("site.count", ""): N}
    changes |= {("event.proneness_sd", ""): 1.0, ("event.share", "KETAMINE/Insomnia"): 0.2}
    changes |= {("arm.minutes_sd", "KETAMINE"): 9, ("vital.rise", "KETAMINE/sysbp"): 40}
    return load_scenario("ketamine_trd").changed(changes, name="beside")


@pytest.fixture(scope="module")
def truths(scenario):
    return true_values(scenario, n=60_000, estimands=BESIDE)


@pytest.fixture(scope="module")
def cohort(scenario):
    return synthetic_cohort(scenario, N, 96)


@pytest.fixture(scope="module")
def arms(cohort):
    return cohort.subjects.set_index("usubjid")["trt01a"]


def agrees(truths, found, error, estimand, **where):
    rows = truths[truths["estimand"] == estimand]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    truth = rows.iloc[0]
    assert found == pytest.approx(truth["value"], abs=4 * np.hypot(truth["std_error"], error))


def difference(arms, subjects):
    """Share of patients among `subjects` under ketamine minus that under midazolam, with its error."""
    shares = [arms.index[arms == arm].isin(subjects).mean() for arm in PAIR]
    sizes = [(arms == arm).sum() for arm in PAIR]
    square = sum(p * (1 - p) / n for p, n in zip(shares, sizes, strict=True))
    return shares[0] - shares[1], sqrt(square)


@pytest.mark.parametrize("name", ["Nausea", "any", "any moderate or severe"])
def test_differences_in_side_effects_agree_with_a_count(truths, cohort, arms, name):
    events = cohort.events
    if name == "any moderate or severe":
        events = events[events["aesev"] != "MILD"]
    elif name != "any":
        events = events[events["aedecod"] == name]
    found, error = difference(arms, events["usubjid"].unique())
    agrees(truths, found, error, "event_incidence_difference", endpoint=name)


def test_lasting_episodes_agree_with_those_that_are_over_late_or_not_at_all(truths, cohort, arms):
    events = cohort.events
    longest = events["aenrlt_right"].fillna(np.inf) - events["astrlt"]
    shortest = events["aenrlt_left"] - events["astrlt"]
    most, error = difference(arms, events.loc[longest > 672, "usubjid"].unique())
    least, _ = difference(arms, events.loc[shortest > 672, "usubjid"].unique())
    row = truths[truths["estimand"] == "lasting_event_incidence_difference"].iloc[0]
    assert least - 4 * error < row["value"] < most + 4 * error
    assert row["endpoint"] == "beyond 28 days"
    assert row["value"] > 0.05


def test_the_share_of_episodes_that_are_mild_and_brief_varies_between_draws_as_is_said(
    scenario, truths
):
    draws = [
        true_values(scenario, n=2_000, seed=seed, estimands=["episodes_mild_and_brief"])
        for seed in range(40)
    ]
    first = [draw[draw["arm"] == "KETAMINE"].iloc[0] for draw in draws]
    values = np.array([row["value"] for row in first])
    stated = np.array([row["std_error"] for row in first])
    assert values.std(ddof=1) == pytest.approx(stated.mean(), rel=0.4)
    agrees(
        truths, values.mean(), values.std() / sqrt(40), "episodes_mild_and_brief", arm="KETAMINE"
    )


def test_chances_per_dose_of_patients_who_differ_are_those_of_all_of_them(truths, cohort, arms):
    first = cohort.events[(cohort.events["exseq"] == 1) & (cohort.events["aedecod"] == "Dizziness")]
    ketamine = arms.index[arms == "KETAMINE"]
    p = ketamine.isin(first["usubjid"]).mean()
    error = sqrt(p * (1 - p) / len(ketamine))
    agrees(truths, p, error, "event_chance_per_dose", arm="KETAMINE", endpoint="Dizziness")
    rows = truths[truths["estimand"] == "event_chance_per_dose"]
    assert set(rows["method"]) == {"quadrature"}


def test_medicines_stopped_agree_with_a_count(truths, cohort, arms):
    table = cohort.medications
    mine = table[(table["cmdecod"] == "SSRI") & (table["cmcat"] == "CONCOMITANT")]
    stopped = mine.groupby("usubjid")["cmenrlt"].apply(lambda ends: ends.notna().all())
    told = stopped.groupby(arms[stopped.index])
    found = told.mean()["KETAMINE"] - told.mean()["MIDAZOLAM"]
    error = sqrt((told.mean() * (1 - told.mean()) / told.size()).sum())
    agrees(truths, found, error, "medicine_stopped_difference", endpoint="SSRI")


def test_sessions_and_doses_agree_with_the_dose_records(truths, cohort, arms):
    doses = cohort.doses.assign(arm=arms[cohort.doses["usubjid"]].to_numpy())
    ketamine = doses[(doses["arm"] == "KETAMINE") & (doses["exseq"] == 1)]
    inside = ketamine["exdur"].between(40, 60)
    error = inside.std() / sqrt(len(inside))
    agrees(truths, inside.mean(), error, "session_of_40_to_60_minutes", arm="KETAMINE")
    row = truths[truths["estimand"] == "session_of_40_to_60_minutes"].set_index("arm")
    assert row.loc["MIDAZOLAM", "value"] == 1
    midazolam = (
        doses[doses["arm"] == "MIDAZOLAM"].groupby("usubjid").size()
    )  # no later single doses
    error = midazolam.std() / sqrt(len(midazolam))
    agrees(truths, midazolam.mean(), error, "doses_of_first_series", arm="MIDAZOLAM")


def test_blood_pressure_agrees_with_the_readings(truths, cohort, arms):
    scores = cohort.scores
    at = scores[(scores["paramcd"] == "sysbp") & scores["avisit"].str.contains("end of infusion")]
    mine = at[arms[at["usubjid"]].to_numpy() == "KETAMINE"]
    high = mine["aval"] >= 180
    error = high.std() / sqrt(len(high))
    where = {"arm": "KETAMINE", "endpoint": "sysbp of 180 or more"}
    agrees(truths, high.mean(), error, "pressure_at_end_of_infusion", **where)
    assert high.mean() > 0.05


def test_side_effects_of_arms_alike_in_everything_differ_by_exactly_nothing(scenario):
    alike = {}
    for (name, of), value in scenario.values.items():
        if of == "MIDAZOLAM" or of.startswith("MIDAZOLAM/"):
            alike[name, of.replace("MIDAZOLAM", "KETAMINE")] = value
    given = {(name, of) for name, of in scenario.values if of.startswith("KETAMINE/")}
    alike |= dict.fromkeys(given - set(alike))
    table = true_values(scenario.changed(alike), n=300, estimands=BESIDE)
    between = table[table["reference"] == "MIDAZOLAM"]
    assert set(between["estimand"]) == {name for name in BESIDE if name.endswith("_difference")}
    assert (between["value"] == 0).all()
    assert (between["method"] == "closed_form").all()
    other = scenario.changed(alike | {("event.share", "KETAMINE/Nausea"): 0.5})
    table = true_values(other, n=300, estimands=["event_incidence_difference"])
    rows = table.set_index("endpoint")
    assert rows.loc["Headache", "method"] == "closed_form"
    assert rows.loc["Nausea", "value"] > 0
    assert rows.loc["any", "method"] == "simulated"


def test_readings_and_lengths_count_as_they_are_rounded(scenario):
    half = {"vital.mean[sysbp]": 120, "vital.rise[KETAMINE/sysbp]": 59.5}
    half |= {"arm.minutes[KETAMINE]": 39.5, "arm.minutes_sd[KETAMINE]": 0.5}
    longest = scenario.changed(half | {"arm.minutes[KETAMINE]": 60.5})
    rows = true_values(longest, n=100, estimands=[BESIDE[-2]]).set_index("arm")
    assert rows.loc["KETAMINE", "value"] == pytest.approx(0.5)
    rows = true_values(scenario.changed(half), n=100, estimands=BESIDE[-2:])
    ketamine = rows[rows["arm"] == "KETAMINE"].set_index("estimand")
    assert ketamine.loc["session_of_40_to_60_minutes", "value"] == pytest.approx(0.5)
    high = ketamine[ketamine["endpoint"] == "sysbp of 180 or more"]
    assert high["value"].to_numpy() == pytest.approx([0.5])
    sharp = half | {"vital.sd[sysbp]": 1e-9, "vital.error[sysbp]": 0}
    sharp |= {"vital.rise[KETAMINE/sysbp]": 60, "arm.minutes_sd[KETAMINE]": 0}
    rows = true_values(scenario.changed(sharp), n=100, estimands=BESIDE[-2:])
    ketamine = rows[(rows["arm"] == "KETAMINE") & ~rows["endpoint"].str.startswith("dia", na=False)]
    assert ketamine["value"].tolist() == [0.0, 1.0]


def test_side_effects_that_nobody_has_have_truths_of_nought():
    scenario = load_scenario("ketamine_trd")
    none = {key: 0.0 for key in scenario.values if key[0] == "event.share"}
    table = true_values(scenario.changed(none), n=1_000)
    for estimand in ("event_chance_per_dose", "event_incidence", "event_incidence_difference"):
        values = table.loc[table["estimand"] == estimand, "value"]
        assert len(values)
        assert (values == 0).all()

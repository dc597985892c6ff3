"""What modifies an effect or stands between a treatment and its effect, in the patients themselves."""

from math import sqrt

import numpy as np
import pytest

import ketastats as ks
from ketastats.synthetic.beside import side_effects
from ketastats.synthetic.chances import chance_per_dose, mean_chance_per_dose, shifted
from ketastats.synthetic.cohort import make_up, synthetic_cohort
from ketastats.synthetic.patients import Reactions
from ketastats.synthetic.scenario import load_scenario

N = 20_000
ARRAYS = ("arm", "failed", "diagnosis", "works", "onset", "step", "expects", "prone", "reacts")


@pytest.fixture(scope="module")
def clinic():
    gone = ("sds", "who5", "pcl5", "nrs_pain")
    changes = {("score.mean", name): None for name in gone} | {("score.items", "madrs"): "no"}
    return load_scenario("ketamine_clinic").changed(changes, name="clinic")


@pytest.fixture(scope="module")
def usual(clinic):
    return make_up(clinic, N, 1)


def events_of(made):
    return side_effects(made.scenario, made.patients, made.course, made.streams[8])


def same_but(one, other, *others):
    """Whether two draws of patients are the same but for some arrays."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ARRAYS
        if name not in others
    )


def moved(usual, made):
    """Whose gain moved by how much, and who is not at an end of the scale of gains."""
    inside = (made.patients.gain < 1) & (made.patients.gain > -0.5)
    inside &= (usual.patients.gain < 1) & (usual.patients.gain > -0.5)
    return made.patients.gain - usual.patients.gain, inside


def test_what_is_added_is_nothing_by_default(clinic):
    given = {
        "arm.gain_per_failed[KETAMINE]": 0,
        "diagnosis.gain[KETAMINE/ptsd]": 0,
        "event.proneness_sd": 0,
        "mediator.gain": 0,
        "arm.minutes_sd[KETAMINE]": 0,
    }
    plain, told = (synthetic_cohort(one, 300, 3) for one in (clinic, clinic.changed(given)))
    for table in ("subjects", "doses", "scores", "events", "medications"):
        assert getattr(plain, table).equals(getattr(told, table))


def test_failed_treatments_move_the_gain_of_their_arm_and_nothing_else(clinic, usual):
    made = make_up(clinic.changed({"arm.gain_per_failed[KETAMINE]": 0.03}), N, 1)
    assert same_but(usual.patients, made.patients)
    gone, inside = moved(usual, made)
    mean = clinic.value("failed.least") + clinic.value("failed.further")
    ketamine = made.patients.arm == made.patients.arms.index("KETAMINE")
    wanted = np.where(ketamine, 0.03 * (made.patients.failed - mean), 0.0)
    assert gone[inside] == pytest.approx(wanted[inside], abs=1e-12)
    assert inside.mean() > 0.5


def test_a_diagnosis_moves_the_gain_of_those_who_have_it_in_that_arm(clinic, usual):
    made = make_up(clinic.changed({"diagnosis.gain[KETAMINE/ptsd]": -0.2}), N, 1)
    assert same_but(usual.patients, made.patients)
    gone, inside = moved(usual, made)
    names = clinic.in_order("diagnosis")
    those = made.patients.arm == made.patients.arms.index("KETAMINE")
    those &= made.patients.diagnosis == names.index("ptsd")
    assert gone[inside & those] == pytest.approx(-0.2)
    assert (gone[~those] == 0).all()


def test_the_prone_have_more_side_effects_of_every_kind_and_the_same_scores(clinic, usual):
    made = make_up(clinic.changed({"event.proneness_sd": 1.5}), N, 1)
    assert same_but(usual.patients, made.patients, "prone")
    assert np.array_equal(made.course.scores["madrs"], usual.course.scores["madrs"])
    assert made.patients.prone.std() == pytest.approx(1.5, rel=0.03)
    table = events_of(made)
    most = made.patients.prone > 0
    for name in ("Nausea", "Headache"):
        who = table.loc[table["aedecod"] == name, "who"]
        assert most[who].mean() > 0.7
    hit = {name: np.zeros(N, dtype=bool) for name in ("Nausea", "Headache")}
    for name, flags in hit.items():
        flags[table.loc[table["aedecod"] == name, "who"]] = True
    ketamine = made.patients.arm == made.patients.arms.index("KETAMINE")
    together = np.corrcoef(hit["Nausea"][ketamine], hit["Headache"][ketamine])[0, 1]
    assert together > 4 / sqrt(ketamine.sum())


def test_the_mean_chance_is_that_of_all_patients_and_its_middle_the_parameter(clinic):
    prone = clinic.changed({"event.proneness_sd": 2.0})
    arms = ("KETAMINE", "MIDAZOLAM")
    middle = chance_per_dose(prone, arms, "Dizziness")
    assert middle == pytest.approx(chance_per_dose(clinic, arms, "Dizziness"))
    drawn = 2.0 * np.random.default_rng(1).standard_normal(400_000)
    for chance, wanted in zip(middle, mean_chance_per_dose(prone, arms, "Dizziness"), strict=True):
        each = shifted(np.full(len(drawn), chance), drawn)
        assert wanted == pytest.approx(each.mean(), abs=4 * each.std() / sqrt(len(drawn)))
    same = mean_chance_per_dose(clinic, arms, "Dizziness")
    assert (same == chance_per_dose(clinic, arms, "Dizziness")).all()


@pytest.mark.parametrize("proneness", [0.0, 1.0])
def test_the_mediating_side_effect_at_the_first_dose_is_in_the_record(clinic, proneness):
    through = {"mediator.event": "Dissociation", "event.proneness_sd": proneness}
    made = make_up(clinic.changed(through | {"gap.share": 0}), N, 1)
    table = events_of(made)
    first = table[(table["aedecod"] == "Dissociation") & (table["exseq"] == 1)]
    had = np.zeros(N, dtype=bool)
    had[first["who"]] = True
    daily = made.patients.arm == made.patients.arms.index("CONVENTIONAL")
    assert not made.patients.reacts[daily].any()
    early = made.course.end < 1  # who left before it could begin
    assert np.array_equal(had[~early], made.patients.reacts[~early])
    ketamine = made.patients.arm == made.patients.arms.index("KETAMINE")
    p = mean_chance_per_dose(made.scenario, ["KETAMINE"], "Dissociation")[0]
    share = made.patients.reacts[ketamine].mean()
    assert share == pytest.approx(p, abs=4 * sqrt(p * (1 - p) / ketamine.sum()))


def test_a_mediator_that_does_nothing_changes_no_score(clinic, usual):
    made = make_up(clinic.changed({"mediator.event": "Dissociation"}), N, 1)
    assert same_but(usual.patients, made.patients, "reacts")
    assert np.array_equal(made.course.scores["madrs"], usual.course.scores["madrs"])


def test_those_with_the_mediating_side_effect_gain_more_and_nobody_else(clinic, usual):
    through = {"mediator.event": "Dissociation", "mediator.gain": -0.1}
    made = make_up(clinic.changed(through), N, 1)
    gone, inside = moved(usual, made)
    reacts = made.patients.reacts
    assert 0 < reacts.mean() < 0.5
    assert gone[inside & reacts] == pytest.approx(-0.1)
    assert (gone[~reacts] == 0).all()


def test_those_with_it_think_they_have_the_real_drug_as_often_as_is_said(clinic, usual):
    through = {"mediator.event": "Dissociation", "mediator.guess": 1, "expectancy.guess": 0.3}
    told, untold = (
        make_up(clinic.changed(through | {"mediator.guess": share}), N, 1) for share in (1, 0)
    )
    more = told.patients.expects - untold.patients.expects
    reacts = told.patients.reacts
    assert (more[~reacts] == 0).all()
    inside = told.patients.expects < 1
    found = set(np.round(more[reacts & inside], 9))
    assert found == {0.0, 0.3}  # of those who did not guess it already
    assert np.array_equal(told.patients.gain, usual.patients.gain)


def test_the_same_patients_can_be_drawn_as_if_they_had_the_side_effect_of_another_arm(clinic):
    changes = {"mediator.event": "Dissociation", "mediator.gain": 0.1}
    changes |= {"event.share[KETAMINE/Dissociation]": 1, "event.share[MIDAZOLAM/Dissociation]": 0}
    one = clinic.changed(changes)
    own, other = make_up(one, N, 1), make_up(one, N, 1, as_if=Reactions(gain="MIDAZOLAM"))
    assert same_but(own.patients, other.patients)
    gone = own.patients.gain - other.patients.gain
    ketamine = own.patients.arm == own.patients.arms.index("KETAMINE")
    assert (gone[~ketamine] == 0).all()
    assert gone[ketamine].max() == pytest.approx(0.1)
    none = make_up(one, N, 1, as_if=Reactions(gain="KETAMINE", guess="KETAMINE"))
    assert none.patients.gain[ketamine] == pytest.approx(own.patients.gain[ketamine])


def test_sessions_vary_in_length_where_they_are_said_to(clinic):
    cohort = synthetic_cohort(clinic.changed({"arm.minutes_sd[KETAMINE]": 5}), 2_000, 1)
    lengths = cohort.doses.groupby("extrt")["exdur"]
    assert lengths.std()["ketamine"] == pytest.approx(5, rel=0.05)
    assert lengths.std()[["midazolam", "escitalopram"]].to_numpy() == pytest.approx([0, 0])
    assert cohort.doses["exdur"].min() >= 0
    assert (cohort.doses["exdur"] % 1 == 0).all()


def test_bad_values_are_refused_all_at_once(clinic):
    bad = {
        "arm.gain_per_failed[KETAMINE]": "",
        "diagnosis.gain[KETAMINE/gout]": 0.1,
        "diagnosis.gain[NOBODY/ptsd]": 0.1,
        "event.proneness_sd": -1,
        "mediator.event": "Levitation",
        "mediator.guess": 1.5,
        "mediator.gain": "much",
        "arm.minutes_sd[KETAMINE]": -2,
    }
    with pytest.raises(ks.DataError) as caught:
        clinic.changed(bad)
    rows = {row for one in caught.value.problems for row in one.rows}
    assert rows == set(range(1, len(bad) + 1))
    said = str(caught.value)
    for word in (
        "NOBODY",
        "gout",
        "Levitation",
        "outside 0 to 1",
        "below 0",
        "text where a number",
    ):
        assert word in said


@pytest.mark.parametrize("name", ["mediator.gain", "mediator.guess"])
def test_what_a_side_effect_does_needs_the_side_effect(clinic, name):
    with pytest.raises(ks.DataError, match="given without mediator"):
        clinic.changed({name: 0.1})
    with pytest.raises(ks.DataError, match="no event of the scenario"):
        clinic.changed({"mediator.event": "Nausea", "event.hours[Nausea]": None, name: 0.1})
    chosen = clinic.changed({"mediator.event": "Nausea", name: 0.1})
    assert chosen.changed({"mediator.event": None, name: None}).key == clinic.key


def test_by_three_routes_two_drugs_are_given_the_spray_in_a_fixed_dose():
    scenario = load_scenario("ketamine_routes")
    arms = {"INTRAVENOUS", "INTRANASAL", "ORAL", "MIDAZOLAM"}
    assert set(scenario.members("arm")) == arms
    doses = synthetic_cohort(scenario, 80, 1).doses
    assert set(doses["exroute"]) == {"INTRAVENOUS", "INTRANASAL", "ORAL"}
    spray = doses[doses["exroute"] == "INTRANASAL"]
    assert set(spray["extrt"]) == {"esketamine"}
    assert spray["exdosekg"].isna().all()

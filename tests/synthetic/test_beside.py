from math import sqrt

import numpy as np
import pandas as pd
import pytest

from ketastats.instruments.registry import instrument
from ketastats.synthetic.beside import dose_of, medicines, side_effects, vital_signs
from ketastats.synthetic.cohort import make_up
from ketastats.synthetic.course import DAY
from ketastats.synthetic.scenario import load_scenario

N = 20_000


@pytest.fixture(scope="module")
def trd():
    return load_scenario("ketamine_trd")


def with_event(still, **values):
    """One side effect of one arm, its severity and length as given."""
    given = {"event.hours[Nausea]": 2, "event.share[KETAMINE/Nausea]": 0.2}
    return still.changed(given | {f"event.{name}[Nausea]": value for name, value in values.items()})


def drawn(scenario, n=N, seed=1):
    made = make_up(scenario, n, seed)
    return made, side_effects(scenario, made.patients, made.course, made.streams[8])


def test_side_effects_come_after_the_stated_share_of_doses(still):
    made, table = drawn(with_event(still))
    doses = np.isfinite(made.course.doses).sum()
    assert len(table) / doses == pytest.approx(0.2, abs=4 * sqrt(0.16 / doses))
    at_first = (table["exseq"] == 1).sum() / N
    assert at_first == pytest.approx(0.2, abs=4 * sqrt(0.16 / N))


def test_more_of_a_drug_has_more_of_them_by_its_log_odds(still):
    scenario = with_event(still, per_tenth=0.3).changed({"arm.dose[KETAMINE]": 0.8})
    made, table = drawn(scenario)
    odds = 0.25 * np.exp(0.3 * 3)
    expected = odds / (1 + odds)
    doses = np.isfinite(made.course.doses).sum()
    assert len(table) / doses == pytest.approx(expected, abs=4 * sqrt(0.25 / doses))


@pytest.mark.parametrize("share", [0, 1])
def test_none_and_all_stay_none_and_all_at_any_dose(still, share):
    scenario = with_event(still, per_tenth=0.5).changed(
        {"event.share[KETAMINE/Nausea]": share, "arm.dose[KETAMINE]": 1.2}
    )
    made, table = drawn(scenario, 200)
    assert len(table) == share * np.isfinite(made.course.doses).sum()


def test_severities_have_their_shares(still):
    _, table = drawn(with_event(still, moderate=0.3, severe=0.1))
    found = table["aesev"].value_counts(normalize=True)
    for word, share in (("MILD", 0.6), ("MODERATE", 0.3), ("SEVERE", 0.1)):
        assert found[word] == pytest.approx(share, abs=4 * sqrt(0.25 / len(table)))


def test_lengths_are_lognormal_with_the_stated_median_and_spread(still):
    _, table = drawn(with_event(still, hours=3, spread=0.5))
    length = np.log(table["end"] - table["astrlt"])
    assert length.mean() == pytest.approx(np.log(3), abs=4 * 0.5 / sqrt(len(table)) + 0.01)
    assert length.std() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("checks", ["0.67 2 4 24", "0.333 1.777 5", "48"])
def test_the_interval_of_the_end_holds_the_true_end_and_lies_between_checks(trd, checks):
    _, table = drawn(trd.changed({"checks.hours": checks, "event.hours[Headache]": 0.001}), 3000)
    assert (table["astrlt"] <= table["aenrlt_left"]).all()
    assert (table["aenrlt_left"] <= table["end"]).all()
    closed = table["aenrlt_right"].notna()
    assert (table["end"] <= table["aenrlt_right"])[closed].all()
    assert (table["aenrlt_right"] - table["aenrlt_left"])[closed].max() <= max(
        24.02, float(checks.split()[-1])
    )
    assert closed.mean() > 0.9


def test_nothing_is_seen_after_the_end_and_what_lasts_longer_is_open(trd):
    made, table = drawn(trd.changed({"arm.leave[CONVENTIONAL]": 0.9}), 6000)
    last = made.course.end[table["who"]]
    assert (table["astrlt"] <= last).all()
    assert (table["aenrlt_left"] <= last + 0.01).all()
    is_open = table["aenrlt_right"].isna()
    assert is_open.any()
    assert ((table["end"] > last) == is_open).all()


def test_a_daily_medicine_has_each_of_them_once_at_most_in_its_first_weeks(trd):
    made, table = drawn(trd, 9000)
    arm = made.patients.arm[table["who"]]
    mine = table[arm == made.patients.arms.index("CONVENTIONAL")]
    assert not mine.duplicated(["who", "aedecod"]).any()
    assert mine["astrlt"].max() < 28 * DAY
    assert (mine["exseq"] == 1).all()


def test_the_dose_named_is_the_one_it_followed_also_if_arms_have_series_of_other_lengths(trd):
    scenario = trd.changed(
        {
            "arm.doses[MIDAZOLAM]": 9,
            "arm.doses[KETAMINE]": 2,
            "arm.maintained[KETAMINE]": 1,
            "arm.broken[KETAMINE]": 0,
        }
    )
    made, table = drawn(scenario, 600)
    infused = table[made.patients.arm[table["who"]] != made.patients.arms.index("CONVENTIONAL")]
    ordered = np.sort(made.course.doses, axis=1)
    at = ordered[infused["who"], infused["exseq"] - 1]
    since = infused["astrlt"] - at
    assert since.min() >= -0.011
    assert since.max() <= 0.68


def test_without_side_effects_there_is_an_empty_table(still):
    _, table = drawn(still, 10)
    assert table.empty


# Vital signs


def test_vital_signs_rise_by_the_stated_amount_at_the_end_of_the_infusion(trd):
    made = make_up(trd, N, 1)
    table = vital_signs(trd, made.patients, made.streams[6])
    wide = table[table["paramcd"] == "sysbp"].pivot_table(
        index="who", columns="avisit", values="aval"
    )
    rise = wide["Infusion 1, end of infusion"] - wide["Infusion 1, before"]
    arm = made.patients.arm[wide.index]
    for name in ("KETAMINE", "MIDAZOLAM"):
        mine = rise[arm == made.patients.arms.index(name)]
        expected = trd.value("vital.rise", f"{name}/sysbp")
        assert mine.mean() == pytest.approx(expected, abs=4 * mine.std() / sqrt(len(mine)))
    before = wide["Infusion 1, before"]
    assert before.mean() == pytest.approx(trd.value("vital.mean", "sysbp"), abs=0.6)
    spread = sqrt(trd.value("vital.sd", "sysbp") ** 2 + trd.value("vital.error", "sysbp") ** 2)
    assert before.std() == pytest.approx(spread, rel=0.03)


def test_only_those_with_an_infusion_have_vital_signs_within_the_scale(trd):
    scenario = trd.changed({"vital.sd[pulse]": 200})
    made = make_up(scenario, 600, 1)
    table = vital_signs(scenario, made.patients, made.streams[6])
    arms = made.patients.arm[table["who"].unique()]
    assert made.patients.arms.index("CONVENTIONAL") not in arms
    scale = instrument("pulse")
    assert (
        table.loc[table["paramcd"] == "pulse", "aval"]
        .between(scale.total_min, scale.total_max)
        .all()
    )


# Medicines


def test_medicines_have_their_shares_and_ordered_dates(trd):
    made = make_up(trd, N, 1)
    table = medicines(trd, made.patients, made.course, made.streams[9])
    ends = table["cmenrlt"].notna()
    assert (table["cmstrlt"] < table["cmenrlt"])[ends].all()
    for name in trd.members("medicine"):
        share = table.loc[table["cmdecod"] == name, "who"].nunique() / N
        assert share == pytest.approx(trd.value("medicine.share", name), abs=4 * 0.5 / sqrt(N))


def test_only_those_with_benefit_come_off_a_medicine_at_half_the_dose_and_before_the_end(trd):
    made = make_up(trd.changed({"medicine.tapered[SSRI]": 1}), N, 1)
    table = medicines(made.scenario, made.patients, made.course, made.streams[9])
    mine = table[table["cmdecod"] == "SSRI"].sort_values(["who", "cmstrlt"])
    tapering = mine[mine.duplicated("who", keep=False)]
    first, second = tapering.iloc[::2], tapering.iloc[1::2]
    assert made.patients.works[first["who"]].all()
    assert first["cmenrlt"].to_numpy() == pytest.approx(second["cmstrlt"].to_numpy())
    assert second["cmdose"].to_numpy() == pytest.approx(0.5 * first["cmdose"].to_numpy())
    assert (second["cmenrlt"].to_numpy() < made.course.end[second["who"]]).all()


def test_rescue_is_only_given_to_those_without_benefit_who_are_still_there(trd):
    made = make_up(trd, N, 1)
    table = medicines(trd, made.patients, made.course, made.streams[9])
    rescue = table[table["cmcat"] == "RESCUE"]
    assert len(rescue)
    assert not made.patients.works[rescue["who"]].any()
    assert (rescue["cmstrlt"].to_numpy() < made.course.end[rescue["who"]]).all()
    assert (rescue["cmclas"] == "BENZODIAZEPINE").all()


def test_a_dose_by_weight_is_milligrams_for_the_weight_and_a_fixed_one_is_as_it_is(trd):
    made = make_up(trd, 300, 1)
    milligrams, by_weight = dose_of(trd, made.patients)
    ketamine = made.patients.arm == made.patients.arms.index("KETAMINE")
    daily = made.patients.arm == made.patients.arms.index("CONVENTIONAL")
    assert milligrams[ketamine] == pytest.approx(0.5 * made.patients.weight[ketamine], abs=0.051)
    assert (milligrams[daily] == trd.value("arm.dose_mg", "CONVENTIONAL")).all()
    assert pd.isna(by_weight[daily]).all()

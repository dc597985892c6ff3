"""Reference-based imputation and tipping points against R's rbmi and SAS, and what must hold on any data."""

import numpy as np
import pandas as pd
import pytest
from made_visits import visits
from mmrm_models import table
from references import read_reference

import ketastats as ks

TRIALS = {
    "hamd": (
        "CHANGE ~ THERAPY*VISIT + BASVAL*VISIT",
        {
            "arm": "THERAPY",
            "reference": "PLACEBO",
            "subject": "PATIENT",
            "visit": "VISIT",
            "analysis": "BASVAL",
        },
        "DRUG",
    ),
    "btheb": (
        "bdi ~ bdi_pre*month + length + treatment*month",
        {
            "arm": "treatment",
            "reference": "TAU",
            "subject": "id",
            "visit": "month",
            "analysis": "bdi_pre + length",
        },
        "BtheB",
    ),
}
RBMI = {
    f"{trial} {strategy} {delta:g}": (trial, strategy, delta, rows)
    for (trial, strategy, delta), rows in read_reference("reference_based").groupby(
        ["trial", "strategy", "delta"]
    )
}
FORMULA = "chg ~ base*avisit + trt01a*avisit"


def filled(trial: str, **options) -> ks.ReferenceBased:
    formula, given, _ = TRIALS[trial]
    return ks.reference_based(formula, table(trial), **given, **options)


@pytest.mark.parametrize("name", list(RBMI))
def test_conditional_means_and_their_jackknife_agree_with_rbmi(name):
    trial, strategy, delta, rows = RBMI[name]
    frame = filled(trial, strategy=strategy, delta={TRIALS[trial][2]: delta}).to_frame()
    # rbmi's fits stop before the maximum, by up to 1e-4 in an estimate
    assert frame["estimate"].to_numpy() == pytest.approx(rows["estimate"].to_numpy(), abs=2e-4)
    assert frame["std_error"].to_numpy() == pytest.approx(rows["std_error"].to_numpy(), rel=5e-4)
    assert frame["p_value"].to_numpy() == pytest.approx(rows["p_value"].to_numpy(), abs=5e-4)


def test_published_numbers_of_rbmi_are_met_to_their_last_digit():
    # source: rbmi, vignettes/quickstart, collected reference numbers, section 2 (signs turned)
    frame = filled("hamd", strategy="jump_to_reference").to_frame()
    assert frame["estimate"].to_numpy() == pytest.approx([0.092, -1.305, -1.929, -2.126], abs=6e-4)
    assert frame["std_error"].to_numpy() == pytest.approx([0.695, 0.878, 0.862, 0.858], abs=6e-4)
    last = frame.iloc[-1]
    assert (last["conf_low"], last["conf_high"]) == pytest.approx((-3.807, -0.444), abs=6e-4)
    assert last["p_value"] == pytest.approx(0.013, abs=6e-4)


@pytest.mark.parametrize(
    ("strategy", "printed"),
    [
        ("mar", (-2.79516, 1.11445, 144.2)),
        ("copy_increments", (-2.44592, 1.10742, 148.6)),
        ("copy_reference", (-2.36644, 1.10747, 148.8)),
        ("jump_to_reference", (-2.12426, 1.12750, 146.0)),
    ],
)
def test_random_imputations_agree_with_the_five_macros_within_monte_carlo_error(strategy, printed):
    # source: SAS five macros, results_SAS.pdf of rbmi, collected reference numbers, section 2
    frame = filled("hamd", strategy=strategy, method="bayesian", imputations=400).to_frame()
    last = frame.iloc[-1]
    assert last["estimate"] == pytest.approx(printed[0], abs=4 * last["monte_carlo_se"])
    assert last["std_error"] == pytest.approx(printed[1], rel=0.03)
    assert last["df"] == pytest.approx(printed[2], rel=0.04)
    expected = filled("hamd", strategy=strategy).to_frame()["estimate"].iloc[-1]
    assert last["estimate"] == pytest.approx(expected, abs=4 * last["monte_carlo_se"])


def test_resampled_fits_give_about_the_same_as_the_deterministic_ways():
    jack = filled("hamd").to_frame().iloc[-1]
    boot = filled("hamd", inference="bootstrap", replicates=150).to_frame().iloc[-1]
    assert boot["estimate"] == jack["estimate"]
    assert boot["std_error"] == pytest.approx(jack["std_error"], rel=0.2)
    bayes = filled("hamd", method="bayesian", imputations=200).to_frame().iloc[-1]
    approximate = filled("hamd", method="bootstrap_mi", imputations=100).to_frame().iloc[-1]
    assert approximate["std_error"] == pytest.approx(bayes["std_error"], rel=0.1)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    options = {"method": "bayesian", "imputations": 20}
    first, again, other = (filled("btheb", seed=s, **options) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert not np.allclose(first.to_frame()["estimate"], other.to_frame()["estimate"])


def some_left(seed: int = 0) -> pd.DataFrame:
    """Visits of which each later one is missed by more patients, with all rows kept."""
    data = visits(seed, subjects=40)
    number = data["usubjid"].str[1:].astype(int)
    gone = (data["avisit"] == "Week 10") & (number % 4 == 1)
    gone |= (data["avisit"] != "Week 1") & (number % 7 == 3)
    return data.assign(chg=data["chg"].mask(gone))


def reference_based(data: pd.DataFrame, **options) -> ks.ReferenceBased:
    return ks.reference_based(FORMULA, data, **{"reference": "placebo", **options})


def test_nothing_missing_is_the_analysis_of_covariance_under_every_assumption():
    data = visits(subjects=40)
    found = [
        reference_based(data, strategy=s).to_frame()
        for s in ("mar", "jump_to_reference", "last_mean")
    ]
    for frame in found:
        assert (frame["imputed"] == 0).all()
        for visit, row in frame.set_index("visit").iterrows():
            alone = ks.ancova(
                "chg ~ base + trt01a", data, at=visit, reference={"trt01a": "placebo"}
            )
            expected = alone.to_frame().set_index("column").loc["trt01a[T.active]", "estimate"]
            assert row["estimate"] == pytest.approx(expected)


def test_a_stronger_effect_is_pulled_towards_none_by_jumping_to_the_reference():
    data = some_left()
    estimates = {
        s: reference_based(data, strategy=s).to_frame()["estimate"].iloc[-1]
        for s in ("mar", "copy_increments", "jump_to_reference")
    }
    assert abs(estimates["jump_to_reference"]) < abs(estimates["mar"])
    assert abs(estimates["copy_increments"]) < abs(estimates["mar"])


def test_a_subject_with_nothing_after_baseline_is_filled_in_from_the_means():
    data = some_left()
    data.loc[data["usubjid"] == "s05", "chg"] = np.nan
    frame = reference_based(data).to_frame()
    assert (frame["n"] == 40).all()
    assert frame["imputed"].iloc[0] == 1
    assert "outcomes were missed and filled in" in reference_based(data).notes[0]


def test_events_may_come_several_to_a_subject_and_the_first_counts():
    data = some_left()
    none = pd.DataFrame({"usubjid": [], "avisit": []})
    assert reference_based(data, events=none).to_frame()["estimate"].tolist() == pytest.approx(
        reference_based(data, strategy="mar").to_frame()["estimate"].tolist()
    )
    early = pd.DataFrame({"usubjid": ["s01", "s01"], "avisit": ["Week 10", "Week 2"]})
    first = early.iloc[[1]]
    ours, theirs = (reference_based(data, events=e).to_frame() for e in (early, first))
    pd.testing.assert_frame_equal(ours, theirs)


def test_what_was_seen_after_an_event_stays_but_does_not_inform_the_model():
    data = some_left()
    events = pd.DataFrame({"usubjid": ["s00"], "avisit": ["Week 2"]})
    wild = data.assign(
        chg=data["chg"].mask((data["usubjid"] == "s00") & (data["avisit"] == "Week 2"), 500.0)
    )
    plain = reference_based(data, events=events).to_frame().set_index("visit")
    moved = reference_based(wild, events=events).to_frame().set_index("visit")
    gap = (plain["estimate"] - moved["estimate"]).abs()
    assert gap["Week 2"] > 5  # it is data of the analysis
    assert gap["Week 1"] < 1e-9


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"usubjid": ["nobody"], "avisit": ["Week 2"]}, "who is not in the table of visits"),
        ({"usubjid": ["s00"], "avisit": ["Week 99"]}, "not one of the visits"),
        ({"usubjid": ["s00"]}, "avisit: not in the table"),
    ],
)
def test_events_that_do_not_fit_are_refused_in_a_sentence(events, said):
    with pytest.raises(ks.DataError, match=said) as stopped:
        reference_based(some_left(), events=pd.DataFrame(events))
    assert "nobody" not in str(stopped.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reference": "sham"}, "no arm called 'sham'"),
        ({"strategy": "locf"}, "no strategy called 'locf'"),
        ({"method": "em"}, "no method called 'em'"),
        ({"inference": "delta"}, "no inference called 'delta'"),
        ({"delta": {"sham": 1.0}}, "no arm called 'sham'"),
        ({"delta": {"active": "much"}}, "in units of the outcome"),
        ({"analysis": "nothing"}, "nothing: not in the table"),
        ({"arm": "base"}, "as groups"),
        ({"method": "bayesian", "imputations": 1}, "two imputations or more"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(options, said):
    with pytest.raises(ks.KetastatsError, match=said):
        reference_based(some_left(), **options)


def test_covariates_that_change_within_subjects_cannot_be_filled_in():
    data = some_left().assign(weather=lambda d: d.index % 3 * 1.0)
    with pytest.raises(ks.UsageError, match="weather changes within subjects"):
        ks.reference_based("chg ~ weather + trt01a*avisit", data, reference="placebo")


def test_progress_is_told_by_every_way():
    for options in (
        {},
        {"inference": "bootstrap", "replicates": 5},
        {"method": "bayesian", "imputations": 5},
    ):
        seen = []
        reference_based(some_left(), progress=lambda d, n, s=seen: s.append((d, n)), **options)
        assert seen[-1][0] == seen[-1][1]


GRID = [-6.0, -3.0, 0.0, 3.0, 6.0]


@pytest.mark.parametrize("method", ["conditional_mean", "bayesian"])
def test_a_tipping_grid_is_the_analysis_with_those_shifts(method):
    data = some_left()
    options = {"method": method, "imputations": 30}
    grid = ks.tipping_point(
        reference_based(data, **options), arm_deltas=GRID, reference_deltas=[0.0, 2.0]
    ).to_frame()
    for arm_delta, reference_delta in ((0.0, 0.0), (3.0, 2.0)):
        alone = reference_based(
            data, delta={"active": arm_delta, "placebo": reference_delta}, **options
        )
        row = grid[
            (grid["arm_delta"] == arm_delta) & (grid["reference_delta"] == reference_delta)
        ].iloc[0]
        last = alone.to_frame().iloc[-1]
        for name in ("estimate", "std_error", "conf_low", "conf_high"):
            assert row[name] == pytest.approx(last[name], rel=1e-9)


def test_a_tipping_surface_rises_with_the_arms_shift_and_falls_with_the_references():
    surface = ks.tipping_point(
        reference_based(some_left()), arm_deltas=GRID, reference_deltas=GRID
    ).to_frame()
    table = surface.pivot(index="reference_delta", columns="arm_delta", values="estimate")
    assert (np.diff(table.to_numpy(), axis=1) > 0).all()
    assert (np.diff(table.to_numpy(), axis=0) < 0).all()


def test_the_tipping_shift_is_where_a_limit_meets_zero():
    result = filled("hamd")
    tipping = ks.tipping_point(result, arm_deltas=[0.0])
    assert tipping.to_frame()["excludes_zero"].iloc[0] == -1
    at = filled("hamd", delta={"DRUG": tipping.tipping_delta}).to_frame().iloc[-1]
    assert at["conf_high"] == pytest.approx(0, abs=1e-6)
    assert "higher than assumed" in str(tipping)


def test_shifts_that_are_no_numbers_and_arms_that_are_not_there_are_refused():
    result = reference_based(some_left())
    with pytest.raises(ks.UsageError, match="arm_deltas must be numbers"):
        ks.tipping_point(result, arm_deltas=[])
    with pytest.raises(ks.UsageError, match="no arm called 'sham'"):
        ks.tipping_point(result, arm="sham", arm_deltas=[0.0])
    with pytest.raises(ks.UsageError, match="no visit called 'Week 3'"):
        ks.tipping_point(result, at="Week 3", arm_deltas=[0.0])


def test_without_anything_filled_in_no_shift_changes_the_conclusion():
    tipping = ks.tipping_point(reference_based(visits(subjects=40)), arm_deltas=[0.0, 5.0])
    assert np.isnan(tipping.tipping_delta)
    assert "no shift" in str(tipping)


def test_with_one_visit_missing_at_random_is_the_analysis_of_covariance_of_those_seen():
    last = visits(5, subjects=30).query("avisit == 'Week 10'")
    last = last.assign(chg=last["chg"].mask(np.arange(len(last)) % 5 == 2))
    seen = ks.ancova("chg ~ base + trt01a", last, reference={"trt01a": "placebo"})
    expected = seen.emmeans("trt01a").differences("placebo").to_frame()["estimate"].iloc[0]
    options = {"reference": "placebo", "strategy": "mar"}
    found = ks.reference_based("chg ~ base + trt01a", last, **options).to_frame()
    assert found["estimate"].tolist() == pytest.approx([expected])
    jump = ks.reference_based("chg ~ base + trt01a", last, reference="placebo").to_frame()
    assert abs(jump["estimate"].iloc[0]) < abs(expected)

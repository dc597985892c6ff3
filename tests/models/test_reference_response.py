"""Shares from filled-in scores: R's rbmi, what must hold on any data, and input that has no answer."""

import numpy as np
import pandas as pd
import pytest
from mmrm_models import table
from references import read_reference

import ketastats as ks
from ketastats.endpoints.criteria import POINT_ENDPOINTS
from ketastats.instruments.registry import instrument
from ketastats.instruments.registry import rule as find_rule

FORMULA = "CHANGE ~ BASVAL*VISIT + THERAPY*VISIT"
KEYS = {"arm": "THERAPY", "reference": "PLACEBO", "subject": "PATIENT", "visit": "VISIT"}
RESPONSE = "hamd17:response_50"


def trial() -> pd.DataFrame:
    """The antidepressant trial, one row per patient and visit, missing where not seen."""
    seen = table("hamd")[["PATIENT", "VISIT", "THERAPY", "BASVAL", "CHANGE"]]
    wanted = pd.MultiIndex.from_product(
        [seen["PATIENT"].unique(), sorted(seen["VISIT"].unique())], names=["PATIENT", "VISIT"]
    )
    whole = seen.set_index(["PATIENT", "VISIT"]).reindex(wanted).reset_index()
    first = seen.drop_duplicates("PATIENT").set_index("PATIENT")
    return whole.assign(
        THERAPY=whole["PATIENT"].map(first["THERAPY"]),
        BASVAL=whole["PATIENT"].map(first["BASVAL"]).astype(float),
    )


def filled(data=None, **options):
    given = {"rule": RESPONSE, "base": "BASVAL", **KEYS, **options}
    return ks.reference_response(FORMULA, trial() if data is None else data, **given)


def last(result) -> pd.Series:
    return result.to_frame().iloc[-1]


@pytest.mark.parametrize("case", list(read_reference("reference_response").itertuples()))
def test_shares_agree_with_rbmi_within_its_monte_carlo_error(case):
    drawn = last(
        filled(rule=case.rule, strategy=case.strategy, method="bootstrap_mi", imputations=400)
    )
    error = np.hypot(case.monte_carlo_se, drawn["monte_carlo_se"])
    assert abs(drawn["estimate"] - case.estimate) < 4 * error
    assert drawn["std_error"] == pytest.approx(case.std_error, rel=0.03)
    expected = last(filled(rule=case.rule, strategy=case.strategy))
    # plugging the fitted parameters in is no draw of them: that moves the share by less than a point
    assert abs(expected["estimate"] - case.estimate) < 4 * case.monte_carlo_se + 0.005


def test_under_missing_at_random_the_jackknife_and_rubin_agree_on_the_error():
    rubin = last(filled(strategy="mar", method="bayesian"))
    jackknife = last(filled(strategy="mar"))
    assert jackknife["std_error"] == pytest.approx(rubin["std_error"], rel=0.08)


def test_under_a_reference_based_assumption_the_jackknife_error_is_smaller():
    assert last(filled())["std_error"] < last(filled(method="bayesian"))["std_error"]


@pytest.mark.parametrize("method", ["conditional_probability", "bayesian"])
def test_where_nothing_is_missing_shares_are_those_counted(method):
    data = trial()
    whole = data[data.groupby("PATIENT")["CHANGE"].transform(lambda x: x.notna().all())]
    frame = filled(whole, method=method).to_frame()
    at_last = whole[whole["VISIT"] == 7]
    met = at_last["CHANGE"] <= -0.5 * at_last["BASVAL"]
    for name in ("DRUG", "PLACEBO"):
        own = met[at_last["THERAPY"] == name]
        row = frame[(frame["quantity"] == "share") & (frame["arm"] == name)].iloc[-1]
        p = own.mean()
        assert row["estimate"] == pytest.approx(p)
        assert row["std_error"] == pytest.approx(np.sqrt(p * (1 - p) / len(own)), rel=0.02)


def counted_rules() -> list[str]:
    """Rules of the registry that a total decides and that do not leave responders out."""
    return [
        rule.id
        for scale in ks.load_instruments().values()
        for rule in scale.rules
        if rule.type in ("total", "relative_reduction", "absolute_reduction", "absolute_increase")
        and rule.endpoint in POINT_ENDPOINTS
        and rule.endpoint != "partial_response"
    ]


@pytest.mark.parametrize("name", counted_rules())
def test_where_nothing_is_missing_each_rule_is_met_as_the_endpoints_have_it(name):
    rng = np.random.default_rng(7)
    chosen = find_rule(name)
    limit = chosen.value if chosen.type == "total" else 20.0 - chosen.value
    limit = 20.0 * (1 - chosen.value) if chosen.type == "relative_reduction" else limit
    if chosen.type.startswith("absolute") and not instrument(chosen.instrument).higher_is_worse:
        limit = 20.0 + chosen.value
    score = limit + rng.integers(-2, 3, size=60)  # on both sides of the limit and on it
    table = pd.DataFrame(
        {
            "usubjid": [f"P{i:02d}" for i in range(60)],
            "trt01a": np.where(np.arange(60) % 2 == 0, "A", "B"),
            "avisit": "Week 4",
            "paramcd": chosen.instrument,
            "aval": score,
            "base": 20.0,
        }
    )
    expected = ks.derive_endpoint(table, chosen.endpoint, rule=name).groupby("trt01a")
    share = expected[chosen.endpoint].mean()
    found = ks.reference_response(
        "aval ~ trt01a", table, rule=name, outcome="score", reference="A"
    ).to_frame()
    shares = found[found["quantity"] == "share"].set_index("arm")["estimate"]
    assert shares.to_dict() == pytest.approx(share.astype(float).to_dict())


def test_a_score_and_a_change_are_the_same_question():
    data = trial()
    scores = data.assign(CHANGE=data["CHANGE"] + data["BASVAL"])
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    one, other = (
        filled(frame, outcome=what).to_frame()[numbers].to_numpy()
        for frame, what in ((data, "change"), (scores, "score"))
    )
    assert one == pytest.approx(other, abs=1e-7)


def test_an_assumption_moves_the_arm_and_not_the_reference():
    at_random, jump = (filled(strategy=name).to_frame() for name in ("mar", "jump_to_reference"))
    shares = [frame[frame["quantity"] == "share"] for frame in (at_random, jump)]
    own, other = (frame[frame["arm"] == "PLACEBO"]["estimate"].to_numpy() for frame in shares)
    assert own == pytest.approx(other)
    drug = [frame[frame["arm"] == "DRUG"]["estimate"].iloc[-1] for frame in shares]
    assert drug[1] < drug[0]


def test_large_shifts_reach_all_that_the_missing_could_be():
    data = trial()
    at_last = data[(data["VISIT"] == 7) & (data["THERAPY"] == "DRUG")]
    met = at_last["CHANGE"] <= -0.5 * at_last["BASVAL"]
    missing = at_last["CHANGE"].isna()
    for delta, expected in ((-500, (met | missing).mean()), (500, met.mean())):
        frame = filled(delta={"DRUG": delta}).to_frame()
        row = frame[(frame["quantity"] == "share") & (frame["arm"] == "DRUG")].iloc[-1]
        assert row["estimate"] == pytest.approx(expected)


@pytest.mark.parametrize("method", ["conditional_probability", "bayesian"])
def test_the_tipping_surface_is_monotone_and_that_of_the_shifts(method):
    result = filled(method=method, imputations=50)
    grid = np.linspace(-6, 6, 7)
    surface = ks.tipping_point(result, arm_deltas=grid, reference_deltas=grid)
    values = surface.to_frame().pivot(
        index="reference_delta", columns="arm_delta", values="estimate"
    )
    assert (np.diff(values, axis=1) <= 0).all()  # a higher score is no response
    assert (np.diff(values, axis=0) >= 0).all()
    again = filled(method=method, imputations=50, delta={"DRUG": -4.0, "PLACEBO": 2.0})
    assert values.loc[2.0, -4.0] == pytest.approx(last(again)["estimate"])
    assert "points" in str(surface)
    assert surface.plot().get_title(loc="left").startswith("Difference (percentage points)")


def test_at_the_tipping_shift_a_limit_is_at_zero():
    surface = ks.tipping_point(filled(strategy="mar"), arm_deltas=[0.0])
    tipped = filled(strategy="mar", delta={"DRUG": surface.tipping_delta})
    assert min(abs(last(tipped)["conf_low"]), abs(last(tipped)["conf_high"])) < 1e-6


def test_one_visit_will_do():
    data = trial()
    result = ks.reference_response(
        "CHANGE ~ BASVAL + THERAPY", data[data["VISIT"] == 7], rule=RESPONSE, base="BASVAL", **KEYS
    )
    frame = result.to_frame()
    assert frame["term"].tolist() == ["PLACEBO, 7", "DRUG, 7", "DRUG minus PLACEBO, 7"]
    share = frame[frame["arm"] == "PLACEBO"]["estimate"].iloc[0]
    seen = data[(data["VISIT"] == 7) & (data["THERAPY"] == "PLACEBO")]
    met = (seen["CHANGE"] <= -0.5 * seen["BASVAL"]).sum()
    assert met / len(seen) < share < (met + seen["CHANGE"].isna().sum()) / len(seen)


def test_the_same_seed_gives_the_same_numbers_and_progress_is_told():
    told = []
    one, other = (
        filled(method="bayesian", imputations=20, progress=lambda *at: told.append(at))
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert told[:20] == [(k, 20) for k in range(1, 21)]


def test_assumptions_about_shares_stand_side_by_side():
    found = ks.compare_assumptions(FORMULA, trial(), rule=RESPONSE, base="BASVAL", **KEYS)
    frame = found.to_frame().set_index("assumption")
    for name in ("mar", "jump_to_reference", "last_mean"):
        assert frame.loc[name, "estimate"] == pytest.approx(last(filled(strategy=name))["estimate"])
    at_last = trial().query("VISIT == 7")
    met = (at_last["CHANGE"] <= -0.5 * at_last["BASVAL"]).groupby(at_last["THERAPY"]).mean()
    assert frame.loc["non_response", "estimate"] == pytest.approx(met["DRUG"] - met["PLACEBO"])
    assert frame.loc["those_seen", "n"] == at_last["CHANGE"].notna().sum()
    assert frame.loc["bocf", "estimate"] == frame.loc["non_response", "estimate"]
    assert found.unit == "percentage points"
    assert "counting those not seen" in " ".join(found.notes).lower()
    assert "response" in str(found.statement())


def test_what_has_no_answer_is_refused():
    with pytest.raises(ks.UsageError, match="more than a total"):
        filled(rule=_item_rule())
    with pytest.raises(ks.UsageError, match="those who met response"):
        filled(rule="pdss:partial_10")
    with pytest.raises(ks.UsageError, match="rule"):
        filled(rule="hamd17:response_500")
    with pytest.raises(ks.UsageError, match="method"):
        filled(method="multiple")
    with pytest.raises(ks.UsageError, match="two imputations"):
        filled(method="bayesian", imputations=1)
    with pytest.raises(ks.DataError, match="baseline, or one of 0"):
        filled(trial().assign(BASVAL=lambda d: d["BASVAL"].where(d["PATIENT"] != 1503, 0.0)))
    with pytest.raises(ks.DataError, match="not in the table"):
        filled(base="BASELINE")
    with pytest.raises(ks.UsageError, match="number"):
        filled(delta={"DRUG": "3 points"})
    with pytest.raises(ks.UsageError, match="non_response"):
        ks.compare_assumptions(FORMULA, trial(), assumptions=["non_response"], **KEYS)


def _item_rule() -> str:
    """A rule of the registry that one total does not decide."""
    from ketastats.instruments.registry import load_instruments

    return next(
        rule.id
        for scale in load_instruments().values()
        for rule in scale.rules
        if rule.type in ("item", "all", "category")
    )

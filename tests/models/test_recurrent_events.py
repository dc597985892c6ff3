"""Recurrent-event regression from tables of spans, against R, SAS as CAMIS prints it, and itself."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references import half_last_digit, read_input, read_reference

import ketastats as ks
from ketastats.models.recurrent_events import MODELS, recurrent_events

REFERENCE = list(
    read_reference("recurrent_regressions").groupby(["dataset", "model", "ties"], sort=False)
)
FORMULAS = {"recurrent_bladder2": "rx + number + size", "recurrent_cgd": "treat + age"}


def table(dataset):
    frame = read_input(dataset)
    return (
        frame
        if "rx" in frame
        else frame.astype({"treat": pd.CategoricalDtype(["placebo", "rIFN-g"])})
    )


@pytest.fixture
def bladder():
    return read_input("recurrent_bladder2")


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: "-".join(case[0]))
def test_every_model_agrees_with_r(case):
    (dataset, model, ties), rows = case
    name = "ag" if model == "ag_model" else model
    options = {"variance": "model"} if model == "ag_model" else {}
    result = recurrent_events(table(dataset), FORMULAS[dataset], model=name, ties=ties, **options)
    frame = result.to_frame()
    assert frame["estimate"].to_numpy() == pytest.approx(rows["coefficient"].to_numpy(), rel=1e-8)
    assert frame["std_error"].to_numpy() == pytest.approx(rows["std_error"].to_numpy(), rel=1e-7)
    naive = rows["std_error_model"].to_numpy()
    assert frame["std_error_model"].to_numpy() == pytest.approx(naive, rel=1e-8)
    assert frame["p_value"].to_numpy() == pytest.approx(rows["p_value"].to_numpy(), rel=1e-6)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_bladder_agrees_with_what_camis_prints_for_sas_and_r(model, bladder):
    row = recurrent_events(bladder, "rx + number + size", model=model).to_frame().iloc[0]
    found = {
        "hr": row["ratio"],
        "rse": row["std_error"],
        "p": row["p_value"],
        "low": row["ratio_low"],
        "high": row["ratio_high"],
    }
    printed = read_reference("survival_printed", source="camis", dataset=model)
    for expected in printed.itertuples():
        tolerance = half_last_digit(
            f"{expected.printed:.4f}" if expected.quantity == "p" else "0.000"
        )
        assert found[expected.quantity] == pytest.approx(expected.printed, abs=tolerance)


def test_the_default_is_robust_to_dependence_within_a_subject(bladder):
    result = recurrent_events(bladder, "rx")
    row = result.to_frame().iloc[0]
    assert (row["model"], row["ties"], row["variance"]) == ("lwyy", "breslow", "subject")
    assert row["n"] == bladder["usubjid"].nunique()
    assert row["events"] == bladder["event"].sum()
    assert "robust" in " ".join(result.notes)


def test_a_contrast_names_the_value_it_is_against(bladder):
    arms = bladder.assign(arm=bladder["rx"].map({1: "placebo", 2: "thiotepa"}))
    result = recurrent_events(arms, "arm + size")
    assert result.to_frame()["term"].tolist() == ["arm thiotepa against placebo", "size"]
    other = recurrent_events(arms, "arm + size", reference={"arm": "thiotepa"})
    assert "arm placebo against thiotepa 1.4" in str(other)


def test_text_columns_of_a_loaded_cohort_are_groups():
    course = ks.load_synthetic_course()
    spans = ks.derive_episodes(
        course.scores,
        subjects=course.subjects,
        at_risk="throughout",
        rescue="ignore",
        medications=course.medications,
        dropout="censor",
    )
    result = recurrent_events(spans, "trt01a")
    assert result.to_frame()["term"].tolist() == ["trt01a KETAMINE against CONVENTIONAL"]


def test_numbers_written_as_text_are_numbers(bladder):
    text = bladder.astype({"start": str, "stop": str, "event": str, "episode": str})
    for model in MODELS:
        a, b = (recurrent_events(t, "rx", model=model).to_frame() for t in (bladder, text))
        pd.testing.assert_frame_equal(a, b)


def test_text_groups_enter_as_contrasts_whose_exchange_inverts_the_ratio(bladder):
    one = bladder.assign(arm=bladder["rx"].map({1: "a", 2: "b"}))
    two = bladder.assign(arm=bladder["rx"].map({1: "b", 2: "a"}))
    first, second = (recurrent_events(t, "arm").to_frame().iloc[0] for t in (one, two))
    assert first["ratio"] * second["ratio"] == pytest.approx(1.0)
    assert first["p_value"] == pytest.approx(second["p_value"])
    assert first["ratio_low"] * second["ratio_high"] == pytest.approx(1.0)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_order_of_rows_and_cuts_within_an_episode_do_not_matter(model, bladder):
    first = bladder.assign(stop=bladder["start"] + 0.5, event=0)
    cut = pd.concat([first, bladder.assign(start=bladder["start"] + 0.5)])
    before = bladder.copy(deep=True)
    options = {"variance": "model"} if model == "ag" else {}
    whole, parts = (
        recurrent_events(t, "rx + number", model=model, **options).to_frame()
        for t in (bladder, cut.sample(frac=1, random_state=1))
    )
    for name in ("estimate", "std_error"):
        assert parts[name].to_numpy() == pytest.approx(whole[name].to_numpy(), rel=1e-8)
    pd.testing.assert_frame_equal(bladder, before)


def test_gap_time_survives_hours_that_are_not_round(bladder):
    odd = bladder.assign(start=bladder["start"] * 0.1 + 0.3, stop=bladder["stop"] * 0.1 + 0.3)
    base, moved = (
        recurrent_events(t, "rx", model="pwp_gap").to_frame()["estimate"].iloc[0]
        for t in (bladder, odd)
    )
    assert moved == pytest.approx(base, rel=1e-9)


def codes(caught):
    return {problem.code for problem in caught.value.problems}


def test_spans_that_overlap_are_refused(bladder):
    repeated = pd.concat([bladder, bladder.iloc[:3]], ignore_index=True)
    with pytest.raises(ks.DataError, match="before another span") as caught:
        recurrent_events(repeated, "rx")
    assert caught.value.problems[0].rows == (179, 180, 181)


def test_everything_wrong_with_the_times_is_said_at_once(bladder):
    bad = bladder.astype({"start": float, "event": float})
    bad.loc[0, "start"] = 99.0
    bad.loc[1, "start"] = -1.0
    bad.loc[2, "event"] = 2
    with pytest.raises(ks.DataError) as caught:
        recurrent_events(bad, "rx")
    assert codes(caught) == {"stop_not_after_start", "negative_time", "not_zero_or_one"}
    assert "99" not in str(caught.value)


def test_missing_values_and_columns_are_refused_with_their_rows(bladder):
    bad = bladder.astype({"number": float, "size": float})
    bad.loc[4, "number"] = np.nan
    with pytest.raises(ks.DataError) as caught:
        recurrent_events(bad, "rx + number")
    assert [(p.column, p.rows) for p in caught.value.problems] == [("number", (5,))]
    assert len(recurrent_events(bad, "rx").to_frame()) == 1  # a column that is not used may be
    with pytest.raises(ks.DataError, match="episode"):
        recurrent_events(bladder.drop(columns="episode"), "rx", model="pwp_gap")
    recurrent_events(bladder.drop(columns="episode"), "rx", model="ag")
    with pytest.raises(ks.DataError, match="absent"):
        recurrent_events(bladder, "absent")
    with pytest.raises(ks.DataError, match="nobody"):
        recurrent_events(bladder.iloc[:0], "rx")


def test_episodes_must_follow_each_other(bladder):
    falling = bladder.assign(episode=5 - bladder["episode"])
    with pytest.raises(ks.DataError) as caught:
        recurrent_events(falling, "rx", model="pwp_total")
    assert codes(caught) == {"episode_out_of_order"}
    with pytest.raises(ks.DataError, match="An event ends its episode"):
        recurrent_events(bladder.assign(episode=1), "rx", model="pwp_total")
    with pytest.raises(ks.DataError, match="whole number"):
        recurrent_events(bladder.assign(episode=bladder["episode"] - 0.5), "rx", model="pwp_gap")


def test_one_group_has_nothing_to_compare_with(bladder):
    for rx in (1, "only"):
        with pytest.raises(ks.UsageError, match=r"constant|Everyone has the same rx"):
            recurrent_events(bladder.assign(rx=rx), "rx")


def test_no_events_and_a_group_without_events_are_no_numbers(bladder):
    with pytest.raises(ks.UsageError, match="no events"):
        recurrent_events(bladder.assign(event=0), "rx")
    none = bladder.assign(event=bladder["event"].where(bladder["rx"] == 1, 0))
    with pytest.raises(ks.UsageError, match="rx: no finite ratio"):
        recurrent_events(none, "rx + size")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "lwy"}, "'lwyy'"),
        ({"ties": "exact"}, "breslow"),
        ({"model": "ag", "variance": "subject"}, 'model="lwyy"'),
        ({"model": "pwp_gap", "variance": "row"}, "'subject'"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"formula": "stop ~ rx"}, "right-hand side only"),
        ({"formula": "rx +"}, "cannot be read"),
        ({"formula": "1"}, "compares nothing"),
        ({"formula": 7}, "formula is text"),
        ({"formula": "rx + I(2 * rx)"}, "repeat of another"),
        ({"formula": "log(event)"}, "not a number in every row"),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(options, words, bladder):
    given = {"formula": "rx", **options}
    with pytest.raises(ks.UsageError, match=words):
        recurrent_events(bladder, given.pop("formula"), **given)


def test_ratios_are_drawn_on_a_logarithmic_axis_with_their_limits(bladder):
    result = recurrent_events(bladder, "rx + number")
    axes = result.plot()
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Rate ratio"
    first = result.to_frame().iloc[0]
    ends = [first["ratio_low"], first["ratio_high"]]
    assert any(list(line.get_xdata()) == pytest.approx(ends) for line in axes.lines)
    plt.close("all")

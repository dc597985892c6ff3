"""Time to relief from a table of intervals: shares, quantiles and mean with their bounds."""

import time

import numpy as np
import pandas as pd
import pytest
from references import read_input

import ketastats as ks
from ketastats.models.time_to_relief import time_to_relief
from ketastats.stats.product_limit import kaplan_meier
from ketastats.stats.proportions import likelihood_interval

INF = np.inf


def table(left, right, **columns):
    n = len(left)
    frame = pd.DataFrame({"usubjid": [f"s{i}" for i in range(n)], "left": left, "right": right})
    return frame.assign(**columns).astype({"left": float, "right": float})


def visits(n=60, seed=1, at=(24, 72, 168)):
    """Intervals between common visits in two arms."""
    rng = np.random.default_rng(seed)
    event = rng.exponential(80, n)[:, None]
    seen = np.array(at, dtype=float)
    left = np.where(seen < event, seen, 0).max(axis=1)
    right = np.where(seen >= event, seen, INF).min(axis=1)
    return table(left, right, trt01a=np.tile(["ketamine", "placebo"], n)[:n])


def once(n=40, seed=2):
    """One assessment each, at times that nobody shares."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(10, 200, n)
    had = rng.exponential(80, n) <= at
    return table(np.where(had, 0, at), np.where(had, at, INF))


def several(n=30, seed=3):
    rng = np.random.default_rng(seed)
    at, event = np.sort(rng.uniform(5, 200, (n, 3)), axis=1), rng.exponential(80, n)[:, None]
    return table(
        np.where(at < event, at, 0).max(axis=1), np.where(at >= event, at, INF).min(axis=1)
    )


def rows(result, quantity):
    return result.to_frame().query("quantity == @quantity")


def test_medians_of_a_published_trial_lie_between_the_visits_that_r_names():
    data = read_input("bcos_intervals").assign(usubjid=lambda f: [f"w{i}" for i in f.index])
    frame = rows(time_to_relief(data, by="treatment", tau=40), "quantile").query("at == 0.5")
    bounds = frame.set_index("group")[["bound_low", "bound_high"]]
    assert bounds.loc["Rad"].tolist() == [38, 40]
    assert bounds.loc["RadChem"].tolist() == [19, 20]
    assert (frame["estimate"] == frame["bound_high"]).all()


def test_shares_at_a_common_visit_that_nobody_missed_are_proportions():
    data = visits()
    frame = rows(time_to_relief(data, by="trt01a"), "reached")
    for row in frame.itertuples():
        arm = data[data["trt01a"] == row.group]
        had = int((arm["right"] <= row.at).sum())
        assert row.n == 30
        assert row.estimate == pytest.approx(had / 30, abs=1e-4)
        assert (row.conf_low, row.conf_high) == pytest.approx(
            tuple(likelihood_interval(had, 30)), abs=1e-5
        )


def test_on_exact_times_it_is_kaplan_and_meier_with_greenwoods_limits():
    lung = read_input("survival_lung")
    data = table(lung["time"], np.where(lung["event"] == 1, lung["time"], INF))
    result = time_to_relief(data, times=[100, 365])
    other = ks.kaplan_meier(data, times=[100, 365]).to_frame()
    median = rows(result, "quantile").query("at == 0.5").iloc[0]
    km = other[other["quantity"] != "share_without"].iloc[0]
    for name in ("estimate", "conf_low", "conf_high"):
        assert median[name] == km[name]
    shares = other[other["quantity"] == "share_without"]
    assert rows(result, "reached")["estimate"].to_numpy() == pytest.approx(
        1 - shares["estimate"].to_numpy()
    )
    assert rows(result, "reached")["conf_low"].to_numpy() == pytest.approx(
        1 - shares["conf_high"].to_numpy()
    )
    mean = ks.restricted_mean(data, tau=365).to_frame().iloc[0]
    own = rows(time_to_relief(data, tau=365), "restricted_mean").iloc[0]
    assert own["estimate"] == pytest.approx(mean["estimate"])
    assert (own["method"], own["schedule"]) == ("turnbull, greenwood", "exact times")


def test_every_estimate_lies_between_its_bounds_and_those_between_their_limits():
    for data in (visits(), once(), several()):
        frame = time_to_relief(data).to_frame()
        assert (frame["bound_low"] <= frame["bound_high"]).all()
        assert (frame["conf_low"] <= frame["bound_low"] + 1e-4).all()
        assert (frame["bound_high"] <= frame["conf_high"] + 1e-4).all()
        late = frame["quantity"].isin(["quantile", "restricted_mean"])
        latest = frame["bound_high"].where(late, frame["bound_low"])
        assert (frame["estimate"] == latest).all()
        assert set(frame["convention"]) == {"latest"}


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (visits(), "likelihood", "few common times"),
        (once(), "banerjee_wellner", "one irregular time each"),
        (several(), "likelihood", "several irregular times each"),
        (table([5, 6, 7], [5, 6, INF]), "greenwood", "exact times"),
    ],
)
def test_limits_are_those_that_hold_on_the_schedule_and_a_note_says_which(data, kind, words):
    result = time_to_relief(data)
    assert set(result.to_frame()["method"]) == {f"turnbull, {kind}"}
    assert set(result.to_frame()["schedule"]) == {words}
    assert any(f"Schedule with {words}" in note for note in result.notes)


def test_limits_that_do_not_hold_are_given_when_asked_for_and_the_note_says_so():
    result = time_to_relief(once(), limits="bootstrap", replicates=10)
    assert any("do not hold on such a schedule" in note for note in result.notes)
    assert not any("do not hold" in note for note in time_to_relief(once()).notes)


@pytest.mark.parametrize(("limits", "data"), [("bootstrap", visits()), ("subsampling", once())])
def test_resampled_limits_depend_on_the_seed_only(limits, data):
    told = []

    def run(seed):
        return time_to_relief(
            data, limits=limits, replicates=30, seed=seed, progress=lambda *a: told.append(a)
        ).to_frame()

    one, again, other = run(1), run(1), run(2)
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    assert told[:30] == [(i, 30) for i in range(1, 31)]


def test_a_level_without_a_printed_quantile_is_refused_in_words_where_it_is_needed():
    with pytest.raises(ks.UsageError, match="No limits for all: Banerjee and Wellner's law is tab"):
        time_to_relief(once(), conf_level=0.93)
    assert len(time_to_relief(visits(), conf_level=0.93).to_frame()) > 0


def test_the_note_on_imputed_times_holds_what_kaplan_and_meier_make_of_them():
    data = visits(seed=5)
    note = next(n for n in time_to_relief(data).notes if "would put the median" in n)
    told = np.isfinite(data["right"])
    texts = []
    for share in (1.0, 0.5):
        width = data["right"].where(told, data["left"]) - data["left"]
        point = data["left"] + share * width
        curve = kaplan_meier(point, told.astype(int))
        at = curve.times[np.flatnonzero(curve.survival <= 0.5)[0]]
        texts.append(f"{at:g} h" if at < 96 else f"{at / 24:g} days")
    assert f"the median at {texts[0]}, the middle of the interval at {texts[1]};" in note


def test_everyone_without_relief_leaves_the_share_at_nothing_with_limits_and_says_so():
    result = time_to_relief(table([24, 48, 48], [INF] * 3))
    reached = rows(result, "reached")
    assert (reached["estimate"] == 0).all()
    assert (reached["bound_high"] == [0, 0]).all()
    assert reached["conf_high"].iloc[0] == pytest.approx(likelihood_interval(0, 3).high, abs=1e-6)
    median = rows(result, "quantile").query("at == 0.5").iloc[0]
    assert (median["bound_low"], median["bound_high"]) == (48, INF)
    assert "median 48 h or later" in str(result)
    assert any("never seen" in note for note in result.notes)
    assert rows(result, "restricted_mean")["estimate"].item() == 48


@pytest.mark.parametrize("data", [table([0], [24]), table([24], [INF]), table([5], [5])])
def test_one_person_is_enough(data):
    frame = time_to_relief(data).to_frame()
    assert (frame["n"] == 1).all()
    assert frame[["bound_low", "bound_high"]].notna().all(axis=None)


def test_all_in_one_interval_says_nothing_of_when_in_it():
    result = time_to_relief(table([0] * 6, [24] * 6))
    assert (
        rows(result, "quantile")[["bound_low", "bound_high"]].to_numpy().tolist() == [[0, 24]] * 3
    )
    assert "median 0 to 24 h" in str(result)


def test_the_table_for_readers_has_groups_only_where_there_are_some():
    alone, arms = (
        time_to_relief(visits()).display(),
        time_to_relief(visits(), by="trt01a").display(),
    )
    assert list(alone.columns) == ["Quantity", "n", "The data allow", "95% limits"]
    assert list(arms.columns) == ["Group", *alone.columns]
    assert arms["Group"].unique().tolist() == ["ketamine", "placebo"]
    assert all(isinstance(cell, str) for cell in arms.to_numpy().ravel())
    assert "median time" in alone["Quantity"].tolist()


def test_curves_start_with_everybody_and_step_where_bounds_do():
    data = visits()
    curves = time_to_relief(data, by="trt01a").curves
    start = curves.query("time == 0")
    assert start["followed"].tolist() == [30, 30]
    assert (curves["reached_low"] <= curves["reached_high"] + 1e-12).all()
    day = curves.query("time == 24 and group == 'placebo'")["followed"].item()
    assert day == (data.query("trt01a == 'placebo'")["right"] > 24).sum()


def test_order_of_rows_does_not_matter_and_the_table_is_unchanged():
    data = visits()
    before = data.copy(deep=True)
    one = time_to_relief(data, by="trt01a").to_frame()
    other = time_to_relief(data.sample(frac=1, random_state=3), by="trt01a").to_frame()
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(data, before)


def test_the_horizon_is_by_default_where_every_group_was_followed():
    data = pd.concat([visits(), table([24, 0], [INF, 24], usubjid=["a", "b"], trt01a="open")])
    result = time_to_relief(data, by="trt01a")
    assert set(rows(result, "restricted_mean")["at"]) == {24}


def test_grouping_by_two_columns_keeps_both():
    data = visits().assign(sex=np.tile(["f", "f", "m", "m"], 15))
    frame = time_to_relief(data, by=["trt01a", "sex"]).to_frame()
    assert {"trt01a", "sex"} <= set(frame.columns)
    assert frame["group"].unique().tolist()[0] == "ketamine, f"


def test_a_million_rows_take_seconds():
    rng = np.random.default_rng(1)
    left = rng.choice([0.0, 24, 72, 168], 1_000_000)
    right = np.where(left == 168, INF, left + np.where(left == 72, 96, np.where(left > 0, 48, 24)))
    data = pd.DataFrame({"usubjid": np.arange(1_000_000), "left": left, "right": right})
    begun = time.perf_counter()
    result = time_to_relief(data)
    assert time.perf_counter() - begun < 10  # about 1 s; a busy machine is granted more
    assert (result.to_frame()["n"] == 1_000_000).all()
    share = rows(result, "reached").query("at == 24")["estimate"].item()
    assert share == pytest.approx((right == 24).mean(), abs=1e-4)

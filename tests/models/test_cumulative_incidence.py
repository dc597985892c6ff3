"""In what share each event came first, from a table of intervals with status."""

import numpy as np
import pandas as pd
import pytest
from references import read_input, read_reference

import ketastats as ks
from ketastats.models.cumulative_incidence import cumulative_incidence
from ketastats.stats.proportions import likelihood_interval

INF = np.inf


def table(left, right, status, **columns):
    names = [f"s{i}" for i in range(len(status))]
    frame = pd.DataFrame({"usubjid": names, "left": left, "right": right, "status": status})
    return frame.assign(**columns).astype({"left": float, "right": float})


def with_further(frame, others):
    """Both tables, the others of further subjects."""
    return pd.concat([frame, others.assign(usubjid="further " + others["usubjid"])])


def trial(n=80, seed=1):
    """Two arms, visits at 24, 72 and 168 h, relief, drop-out or rescue first."""
    rng = np.random.default_rng(seed)
    step = rng.integers(0, 3, n)
    status = rng.choice(["relief", "relief", "dropout", "rescue", "censored"], n)
    left, right = np.array([0, 24, 72.0])[step], np.array([24, 72, 168.0])[step]
    right = np.where(status == "censored", INF, right)
    left = np.where(status == "censored", 168, left)
    return table(left, right, status, trt01a=np.tile(["ketamine", "placebo"], n // 2))


def irregular(n=30, seed=2):
    rng = np.random.default_rng(seed)
    left = rng.uniform(1, 100, n)
    status = rng.choice(["relief", "dropout", "censored"], n)
    right = np.where(status == "censored", INF, left + rng.uniform(1, 50, n))
    return table(left, right, status)


def test_exact_times_give_aalen_and_johansens_share_of_r_with_log_log_limits():
    rows = read_input("survival_savvyr_n25")
    status = rows["type"].map({1: "relief", 2: "death", 3: "censored", 0: "censored"})
    data = table(rows["time"], np.where(status == "censored", INF, rows["time"]), status)
    end = float(rows["time"].max())
    frame = cumulative_incidence(data, times=[end]).to_frame().set_index("event")
    expected = read_reference("npmle_savvyr", coding="type 2 competes, type 3 censored")
    own = frame.loc["relief"]
    assert own["estimate"] == pytest.approx(expected["incidence"].item())
    assert own["bound_low"] == own["bound_high"]
    assert own["method"] == "aalen_johansen, log-log"
    # Printed by savvyr: .4792, variance .0266; log-log limits made of both by hand.
    survival = 1 - 0.4792
    power = np.exp(1.959964 * np.sqrt(0.0266) / (survival * -np.log(survival)))
    assert own["conf_low"] == pytest.approx(1 - survival ** (1 / power), abs=1e-3)
    assert own["conf_high"] == pytest.approx(1 - survival**power, abs=1e-3)


def test_without_losses_shares_are_proportions_with_likelihood_intervals():
    data = trial().query("status != 'censored'")
    n = len(data)
    frame = cumulative_incidence(data).to_frame()
    for row in frame.itertuples():
        had = int(((data["status"] == row.event) & (data["right"] <= row.time)).sum())
        assert row.n == n
        assert row.estimate == pytest.approx(had / n, abs=1e-4)
        assert (row.conf_low, row.conf_high) == pytest.approx(
            tuple(likelihood_interval(had, n)), abs=1e-5
        )
    assert set(frame["method"]) == {"npmle, likelihood"}


def test_shares_of_all_events_add_up_to_no_more_than_everybody_and_grow_with_time():
    for data in (trial(), irregular()):
        frame = cumulative_incidence(data).to_frame()
        assert frame.groupby("time")["bound_low"].sum().max() <= 1 + 1e-6
        for _, part in frame.groupby("event"):
            assert (np.diff(part["bound_low"]) >= -1e-5).all()
        assert (frame["conf_low"] <= frame["bound_low"] + 1e-5).all()
        assert (frame["bound_high"] <= frame["conf_high"] + 1e-5).all()
        assert (frame["estimate"] == frame["bound_low"]).all()


def test_with_one_event_it_is_the_curve_of_time_to_relief():
    data = trial().query("status in ['relief', 'censored']")
    one = cumulative_incidence(data, times=[24, 72]).to_frame()
    other = ks.time_to_relief(data, times=[24, 72]).to_frame().query("quantity == 'reached'")
    for name in ("bound_low", "bound_high", "conf_low", "conf_high"):
        assert one[name].to_numpy() == pytest.approx(other[name].to_numpy(), abs=1e-4)


def test_irregular_times_take_the_wider_law_and_a_note_says_why():
    result = cumulative_incidence(irregular(), times=[50])
    assert set(result.to_frame()["method"]) == {"npmle, likelihood_wide"}
    assert any("Banerjee and Wellner" in note for note in result.notes)


def test_an_event_seen_in_one_group_only_is_shown_in_both():
    data = trial()
    data.loc[data["trt01a"].eq("placebo") & data["status"].eq("rescue"), "status"] = "dropout"
    frame = cumulative_incidence(data, by="trt01a", times=[168]).to_frame()
    none = frame.query("group == 'placebo' and event == 'rescue'").iloc[0]
    assert none["estimate"] == 0
    assert 0 < none["conf_high"] < 0.2
    exact = data.assign(left=data["right"].where(data["right"] < INF, 168)).assign(
        right=data["right"]
    )
    shown = cumulative_incidence(exact, by="trt01a", times=[72]).to_frame()
    none = shown.query("group == 'placebo' and event == 'rescue'").iloc[0]
    assert none["estimate"] == 0
    assert np.isnan(none["conf_high"])  # log-log limits do not exist at 0


def test_a_group_with_no_event_at_all_has_shares_of_nothing():
    data = with_further(trial(), table([168] * 9, [INF] * 9, ["censored"] * 9, trt01a="open"))
    frame = cumulative_incidence(data, by="trt01a", times=[168]).to_frame()
    open_arm = frame.query("group == 'open'")
    assert (open_arm["estimate"] == 0).all()
    assert open_arm["conf_high"].to_numpy() == pytest.approx(
        likelihood_interval(0, 9).high, abs=1e-5
    )


def test_the_table_for_readers_has_a_row_per_time_and_a_column_per_event_relief_first():
    alone = cumulative_incidence(trial()).display()
    assert list(alone.columns) == [
        "By",
        "n",
        "relief, % (95% limits)",
        "drop-out, % (95% limits)",
        "rescue, % (95% limits)",
    ]
    assert alone["By"].tolist() == ["24 h", "72 h", "7 days"]
    arms = cumulative_incidence(trial(), by="trt01a", conf_level=0.9).display()
    assert list(arms.columns)[:3] == ["Group", "By", "n"]
    assert list(arms.columns)[3] == "relief, % (90% limits)"
    assert len(arms) == 6
    assert all(isinstance(cell, str) for cell in arms.to_numpy().ravel())


def test_a_cell_holds_both_bounds_where_data_leave_room_and_limits():
    cell = cumulative_incidence(trial(), times=[50]).display()["relief, % (95% limits)"].item()
    assert cell.count(" to ") == 2
    row = cumulative_incidence(trial(), times=[50]).to_frame().query("event == 'relief'").iloc[0]
    bounds, limits = (
        [f"{100 * row[f'{k}_{e}']:.1f}" for e in ("low", "high")] for k in ("bound", "conf")
    )
    assert cell == f"{bounds[0]} to {bounds[1]} ({limits[0]} to {limits[1]})"


def test_the_sentence_names_relief_first_and_drop_out_as_people_write_it():
    text = str(cumulative_incidence(trial()))
    assert text.startswith("relief first by 7 days in ")
    assert "drop-out first by 7 days in" in text
    assert "dropout" not in text
    other = trial().replace({"status": {"rescue": "course"}})
    assert str(cumulative_incidence(other)).startswith("relief first by")
    assert "course first" in cumulative_incidence(other).figure_text()


def test_order_of_rows_does_not_matter_and_the_table_is_unchanged():
    data = trial()
    before = data.copy(deep=True)
    one, other = (
        cumulative_incidence(d, by="trt01a").to_frame()
        for d in (data, data.sample(frac=1, random_state=4))
    )
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": []}, "at least one time"),
        ({"times": [-5]}, "hours after 0"),
        ({"conf_level": 0}, "conf_level"),
        ({"by": "event"}, "column of that name"),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(options, message):
    with pytest.raises(ks.UsageError, match=message):
        cumulative_incidence(trial().assign(event=1), **options)


def test_tables_without_status_events_or_assessments_are_refused():
    with pytest.raises(ks.UsageError, match="needs the column status"):
        cumulative_incidence(trial().drop(columns="status"))
    with pytest.raises(ks.UsageError, match="No event of any kind"):
        cumulative_incidence(table([5], [INF], ["censored"]))
    never = table([0, 0], [INF, INF], ["censored"] * 2, trt01a="never")
    with pytest.raises(ks.UsageError, match="anybody's time in never"):
        cumulative_incidence(with_further(trial(), never), by="trt01a")


def test_exact_times_beyond_follow_up_are_refused_in_words():
    data = table([5, 6, 7], [5, 6, INF], ["relief", "death", "censored"])
    with pytest.raises(ks.UsageError, match="Nobody was followed up to 20 h"):
        cumulative_incidence(data, times=[20])

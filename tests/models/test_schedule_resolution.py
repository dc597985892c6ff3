"""The finest onset that a schedule can tell apart, and what it says of a horizon."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, UsageError
from ketastats.models.schedule_resolution import schedule_resolution
from ketastats.results import duration

INF, NAN = float("inf"), float("nan")


def scores_of(**subjects):
    rows = [(who, float(at)) for who, times in subjects.items() for at in (0, *times)]
    table = pd.DataFrame(rows, columns=["usubjid", "afrlt"])
    return table.assign(paramcd="madrs", aval=20.0)


# Ten subjects: four first seen at 2 h, three at 24 h, two at 168 h, one never.
TEN = scores_of(
    **{f"early{i}": (2, 24, 168) for i in range(4)},
    **{f"day{i}": (24, 168) for i in range(3)},
    **{f"week{i}": (168,) for i in range(2)},
    never=(),
)


def of_kind(result, kind):
    frame = result.to_frame()
    return frame[frame["kind"] == kind]


def test_the_times_of_a_schedule_worked_by_hand():
    result = schedule_resolution(TEN)
    assert of_kind(result, "earliest")["estimate"].item() == 2
    assert of_kind(result, "median_first")["estimate"].item() == 24  # of the nine assessed
    shares = of_kind(result, "assessed_by").set_index("share")["estimate"]
    assert shares.to_dict() == {0.5: 24, 0.9: 168}
    assert of_kind(result, "gap")["estimate"].item() == 144  # 22, 144 four times; 144 three times
    assert result.to_frame()["n"].unique().tolist() == [10]


def test_a_horizon_is_resolved_where_enough_subjects_were_assessed_within_it():
    result = schedule_resolution(TEN, horizons=[1, 2, 24, 168])
    rows = of_kind(result, "horizon").set_index("horizon")
    assert rows["estimate"].tolist() == pytest.approx([0, 0.4, 0.7, 0.9])
    assert rows["resolvable"].tolist() == [False, False, True, True]
    assert [result.resolves(h) for h in (1, 2, 23.9, 24, 5000)] == [False, False, False, True, True]
    assert result.seen_by(2) == pytest.approx(0.4)
    assert result.finest() == 24


def test_the_required_share_is_an_argument():
    result = schedule_resolution(TEN, required_share=0.4, horizons=[2])
    assert result.resolves(2)
    assert of_kind(result, "assessed_by")["share"].tolist() == [0.4, 0.5, 0.9]
    strict = schedule_resolution(TEN, required_share=1.0)
    assert not strict.resolves(1e6)
    assert strict.finest() == INF
    assert of_kind(strict, "assessed_by").set_index("share")["estimate"][1.0] == INF


def test_advice_says_what_is_known_and_which_schedule_would_tell():
    result = schedule_resolution(TEN)
    assert result.advice(1) == (
        "Relief within 1 h cannot be told from later relief: 0.0% of 10 subjects had a known MADRS "
        "score by then, and 50% would be needed; the finest onset that can be told apart is 24 h. "
        "An assessment at or shortly before 1 h after the first dose would tell."
    )
    assert result.advice(24) == (
        "Relief within 24 h can be told from later relief: 70.0% of 10 subjects had a known MADRS "
        "score by then."
    )


def test_the_public_trial_cannot_tell_hours_apart():
    trial = ks.load_antidepressant_trial()
    result = schedule_resolution(
        trial.scores, instrument="hamd17", subjects=trial.subjects, by="trt01a", horizons=[4, 168]
    )
    own = trial.scores.query("paramcd == 'hamd17' and afrlt > 0").dropna(subset="aval")
    first = trial.subjects["usubjid"].map(own.groupby("usubjid")["afrlt"].min())
    arm = trial.subjects["trt01a"]
    seen = of_kind(result, "horizon")
    for name in ("DRUG", "PLACEBO"):
        of_arm = seen[seen["trt01a"] == name].set_index("horizon")["estimate"]
        assert of_arm[4] == 0
        assert of_arm[168] == pytest.approx((first[arm == name] <= 168).mean())
        assert result.seen_by(168, group=name) == pytest.approx(of_arm[168])
    assert not result.resolves(4)
    assert "DRUG: Relief within 4 h cannot" in result.advice(4)
    assert "PLACEBO: Relief within 4 h cannot" in result.advice(4)
    assert result.sources == ks.provenance.sources_of(trial.scores)


def test_with_groups_a_horizon_is_resolved_if_it_is_in_each():
    subjects = pd.DataFrame({"usubjid": TEN["usubjid"].unique()})
    subjects["arm"] = ["x" if name.startswith("early") else "y" for name in subjects["usubjid"]]
    result = schedule_resolution(TEN, subjects=subjects, by="arm")
    assert result.resolves(2, group="x")
    assert not result.resolves(2, group="y")
    assert not result.resolves(2)
    assert result.finest() == result.finest(group="y") == 24
    with pytest.raises(UsageError, match="group"):
        result.resolves(2, group="z")


def test_subjects_without_a_group_are_left_out_and_said():
    subjects = pd.DataFrame({"usubjid": TEN["usubjid"].unique(), "arm": ["x"] * 7 + [None] * 3})
    result = schedule_resolution(TEN, subjects=subjects, by=["arm"])
    assert result.to_frame()["n"].unique().tolist() == [7]
    assert any("3 subjects belong to no group" in note for note in result.notes)
    with pytest.raises(UsageError, match="No subject has a value of arm"):
        schedule_resolution(TEN, subjects=subjects.assign(arm=None), by="arm")


def test_everybody_in_the_table_of_subjects_counts():
    subjects = pd.DataFrame({"usubjid": ["early0", "x1", "x2"]})
    result = schedule_resolution(TEN, subjects=subjects, horizons=[2])
    assert of_kind(result, "horizon")["estimate"].item() == pytest.approx(1 / 3)
    assert "fewer than half of the 3 subjects had an assessment, the earliest at 2 h" in str(result)


def test_nobody_assessed_is_said_and_nothing_is_resolved():
    result = schedule_resolution(scores_of(a=(), b=()), horizons=[24])
    assert of_kind(result, "earliest")["estimate"].item() == INF
    assert of_kind(result, "median_first")["estimate"].isna().all()
    assert of_kind(result, "gap")["estimate"].isna().all()
    assert not result.resolves(24)
    assert "no onset can be told apart" in result.advice(24)
    assert "nobody of 2 was assessed" in str(result)
    assert "never" in result.display()["Value"].tolist()
    result.plot()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizons": 24}, "a list of hours"),
        ({"horizons": "24"}, "a list of hours"),
        ({"horizons": ["24 h"]}, "above 0"),
        ({"horizons": [0]}, "above 0"),
        ({"horizons": [NAN]}, "above 0"),
        ({"horizons": [INF]}, "above 0"),
        ({"required_share": 0}, "share above 0"),
        ({"required_share": 1.2}, "share above 0"),
        ({"by": "arm"}, "pass subjects="),
        ({"instrument": "ham_a"}, "instrument in this table"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        schedule_resolution(TEN, **options)


def test_no_subjects_and_absent_columns_are_refused():
    with pytest.raises(UsageError, match="no subjects"):
        schedule_resolution(TEN.iloc[:0], instrument="madrs")
    with pytest.raises(DataError, match="arm: not in the table"):
        schedule_resolution(TEN, subjects=pd.DataFrame({"usubjid": ["early0"]}), by="arm")
    with pytest.raises(UsageError, match="above 0"):
        schedule_resolution(TEN).resolves(-1)


def test_more_time_never_resolves_less():
    result = schedule_resolution(TEN)
    shares = [result.seen_by(hours) for hours in np.linspace(0.1, 200, 60)]
    assert shares == sorted(shares)


def test_the_order_of_rows_does_not_matter_and_the_table_is_not_changed():
    before = TEN.copy()
    one, other = schedule_resolution(TEN), schedule_resolution(TEN.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    pd.testing.assert_frame_equal(TEN, before)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.5, "30 min"), (4, "4 h"), (24, "24 h"), (72, "72 h"), (96, "4 days"), (INF, "never")],
)
def test_times_are_written_in_minutes_hours_or_days(hours, words):
    assert duration(hours) == words


def test_the_sentence_and_the_words_of_the_figure():
    result = schedule_resolution(TEN, horizons=[4, 24])
    assert str(result) == (
        "First MADRS assessment after the first dose: at least half of the 10 subjects had an "
        "assessment by 24 h, the earliest at 2 h; 4 h cannot be told apart; 24 h can be told apart"
    )
    assert result.figure_text().endswith("Vertical lines at 4 h, 24 h.")


def test_with_groups_the_sentence_says_in_which_of_them_a_horizon_can_be_told_apart():
    subjects = pd.DataFrame({"usubjid": TEN["usubjid"].unique()})
    subjects["arm"] = ["x" if name.startswith("early") else "y" for name in subjects["usubjid"]]
    horizons = [1, 2, 24]
    result = schedule_resolution(TEN, subjects=subjects, by="arm", horizons=horizons)
    assert str(result) == (
        "First MADRS assessment after the first dose: at least half of the 4 subjects in x had an "
        "assessment by 2 h, the earliest at 2 h; at least half of the 6 subjects in y had an "
        "assessment by 24 h, the earliest at 24 h; 1 h cannot be told apart in x or y; 2 h can be told "
        "apart in x, not in y; 24 h can be told apart in x and y"
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.4, "at least 40% of the 10 subjects had an assessment by 2 h"),
        (0.9, "at least 90% of the 10 subjects had an assessment by 7 days"),
        (0.95, "fewer than 95% of the 10 subjects had an assessment, the earliest at 2 h"),
        (1.0, "not all of the 10 subjects had an assessment, the earliest at 2 h"),
    ],
)
def test_the_required_share_does_not_read_as_an_observed_one(share, words):
    assert words in str(schedule_resolution(TEN, required_share=share))

"""Mean changes of placebo arms pooled: metafor, which rows of the evidence count, what cannot be pooled."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references import read_reference
from scipy.special import stdtrit

import ketastats as ks
from ketastats.errors import DataError, UsageError
from ketastats.models.placebo_benchmark import ARMS, PlaceboBenchmark, placebo_benchmark


def evidence(**changed) -> pd.DataFrame:
    """Placebo arms of five trials, the arms of one of them in two rows."""
    arms = read_reference("placebo_benchmark_arms")
    given = {
        "row_id": [f"row-{k}" for k in arms.index],
        "arm": "placebo",
        "condition": ["mdd", "mdd", "mdd", "trd", "trd", "mdd"],
        "outcome_type": "mean_change",
        "instrument": "HAM-D17",
        "timepoint_hours": 1008.0,
        "grade": "A",
    }
    return arms.assign(**{**given, **changed})


def without_errors() -> pd.DataFrame:
    return evidence().drop(columns="sd")


def row_of(result: PlaceboBenchmark) -> pd.Series:
    return result.to_frame().iloc[0]


@pytest.mark.parametrize("case", list(read_reference("placebo_benchmark").itertuples()))
def test_the_pooled_change_and_that_of_a_new_trial_are_metafors(case):
    found = row_of(placebo_benchmark("HAM-D17", evidence=evidence(), conf_level=case.conf_level))
    for name in ("estimate", "std_error", "conf_low", "conf_high", "tau2", "new_low", "new_high"):
        assert found[name] == pytest.approx(getattr(case, name), rel=1e-6, abs=1e-6)


def test_arms_of_one_trial_count_as_one():
    result = placebo_benchmark("HAM-D17", evidence=evidence())
    row = row_of(result)
    assert (row["trials"], row["arms"], row["n"], row["df"]) == (5, 6, 344, 4)
    assert result.trials["arms"].tolist() == [1, 2, 1, 1, 1]
    assert result.df == 4


def test_a_plain_mean_needs_no_standard_errors_and_has_the_limits_of_t():
    result = placebo_benchmark("HAM-D17", method="unweighted", evidence=without_errors())
    y = without_errors().groupby("study_id")["mean"].mean()
    half = float(stdtrit(4, 0.975)) * y.std() / math.sqrt(5)
    assert result.estimate == pytest.approx(y.mean())
    row = row_of(result)
    assert row["conf_high"] - row["estimate"] == pytest.approx(half)
    assert result.trials["std_error"].isna().all()
    try:
        assert len(result.display()) == 7
        assert result.plot().get_xlabel() == "Change of placebo arms (HAM-D17 points)"
    finally:
        plt.close("all")


def test_a_standard_error_is_printed_or_from_sd_and_n_or_from_limits():
    table = evidence()
    wanted = row_of(placebo_benchmark("HAM-D17", evidence=table))["estimate"]
    se = table["sd"] / np.sqrt(table["n"])
    half = 1.959963984540054 * se
    printed = table.drop(columns=["sd", "n"]).assign(se=se)
    limits = table.drop(columns="sd").assign(
        ci_low=table["mean"] - half, ci_high=table["mean"] + half
    )
    for other in (printed, limits):
        assert placebo_benchmark("HAM-D17", evidence=other).estimate == pytest.approx(wanted)


def test_trials_without_a_standard_error_take_no_part_and_are_counted():
    table = evidence()
    table.loc[0, "sd"] = np.nan
    result = placebo_benchmark("HAM-D17", evidence=table)
    assert result.trials["study_id"].tolist() == ["b", "c", "d", "e"]
    assert "row-0" not in result.row_ids
    assert any(note.startswith("1 trial has no standard error") for note in result.notes)


def test_the_latest_time_counts_once_unless_weeks_are_asked():
    late = evidence()
    early = evidence(
        timepoint_hours=168.0, mean=late["mean"] + 4, row_id=[f"early-{k}" for k in late.index]
    )
    both = pd.concat([early, late], ignore_index=True)
    last = placebo_benchmark("HAM-D17", evidence=late).estimate
    assert placebo_benchmark("HAM-D17", evidence=both).estimate == pytest.approx(last)
    first = placebo_benchmark("HAM-D17", weeks=(0, 2), evidence=both)
    assert first.estimate == pytest.approx(last + 4)
    assert set(first.row_ids) == set(early["row_id"])
    assert "Times: 7 days." in first.notes


def test_rows_that_are_no_change_of_one_placebo_arm_do_not_count():
    good = evidence()
    wanted = placebo_benchmark("HAM-D17", evidence=good.assign(is_contrast=False)).estimate
    others = [
        evidence(arm="ketamine"),
        evidence(outcome_type="response"),
        evidence(is_contrast=True, effect_measure="mean_difference"),
        evidence(is_derived=True),
        evidence(mean=np.nan),
    ]
    moved = [
        table.assign(mean=table["mean"] + 30, study_id="z" + table["study_id"]) for table in others
    ]
    result = placebo_benchmark("HAM-D17", evidence=pd.concat([good, *moved], ignore_index=True))
    assert result.estimate == pytest.approx(wanted)


def test_a_change_of_one_arm_may_be_stated_as_an_effect():
    table = evidence()
    stated = table.assign(
        effect_measure="mean_change", effect_value=table["mean"], mean=np.nan, is_contrast=True
    )
    ours = placebo_benchmark("HAM-D17", evidence=stated).to_frame()
    pd.testing.assert_frame_equal(ours, placebo_benchmark("HAM-D17", evidence=table).to_frame())


def test_the_weakest_grade_and_an_active_placebo_are_told():
    table = evidence(grade=["A", "C", "A", "B", "A", "A"], arm=[*ARMS, "placebo", "placebo"])
    result = placebo_benchmark("HAM-D17", evidence=table)
    assert row_of(result)["grade"] == "C"
    assert any("Midazolam, an active placebo" in note for note in result.notes)
    assert result.row_ids == tuple(f"row-{k}" for k in range(6))


def test_conditions_narrow_the_trials_and_spelling_of_the_instrument_does_not_matter():
    one = placebo_benchmark("hamd17", conditions="mdd", evidence=evidence())
    assert one.trials["study_id"].tolist() == ["a", "b", "e"]
    all_of = placebo_benchmark("HAM D17", conditions=["mdd", "trd"], evidence=evidence())
    assert all_of.estimate == placebo_benchmark("ham_d17", evidence=evidence()).estimate


@pytest.mark.parametrize("instrument", ["HAM-A", "MADRS"])
def test_of_the_shipped_evidence_the_plain_mean_is_that_of_its_rows(instrument):
    result = placebo_benchmark(instrument, method="unweighted")
    table = ks.load_evidence().set_index("row_id").loc[list(result.row_ids)]
    assert set(table["instrument"]) == {instrument}
    assert set(table["arm"]) <= set(ARMS)
    change = table["mean"].fillna(table["effect_value"])
    assert result.estimate == pytest.approx(change.groupby(table["study_id"]).mean().mean())
    loaded = placebo_benchmark(instrument, method="unweighted", evidence=ks.load_evidence())
    pd.testing.assert_frame_equal(result.to_frame(), loaded.to_frame())
    assert result.sources[0].sha256 == loaded.sources[0].sha256


def test_the_shipped_evidence_says_what_it_has_where_it_cannot_be_pooled():
    with pytest.raises(UsageError, match=r"of which .* a standard error: take method='unweighted'"):
        placebo_benchmark("HAM-A")
    with pytest.raises(UsageError, match=r"No placebo arm .* 'PHQ-9'.*MADRS \d+ \(\d+\)"):
        placebo_benchmark("PHQ-9")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weeks": (8, 2)}, "weeks is"),
        ({"weeks": 6}, "weeks is"),
        ({"weeks": (50, 60)}, "no mean change of a placebo arm at these times"),
        ({"conditions": "ocd"}, "There is no condition called 'ocd'"),
        ({"method": "fixed"}, "pooling method"),
        ({"conf_level": 2}, "conf_level"),
        ({"evidence": "evidence.csv"}, "must be a pandas DataFrame"),
        ({"evidence": evidence().head(1)}, r"two trials or more .* there is 1"),
        ({"evidence": evidence().head(0)}, "no mean change of a placebo arm"),
        ({"evidence": without_errors()}, "there are 5, of which 0 have a standard error"),
    ],
)
def test_what_cannot_be_pooled_is_refused(options, said):
    with pytest.raises(UsageError, match=f"(?i){said}"):
        placebo_benchmark("HAM-D17", **{"evidence": evidence(), **options})


def test_wrong_tables_and_trials_that_overlap_are_refused():
    with pytest.raises(DataError, match="instrument"):
        placebo_benchmark("HAM-D17", evidence=evidence().drop(columns="instrument"))
    with pytest.raises(DataError, match="mean, row"):
        placebo_benchmark("HAM-D17", evidence=evidence(mean="large"))
    shared = evidence(overlap=["x", None, None, "x", None, None])
    with pytest.raises(DataError, match=r"rows 1, 4.*Keep one of each overlap key") as caught:
        placebo_benchmark("HAM-D17", evidence=shared)
    assert "allow_overlap" not in str(caught.value)


def test_limits_cover_the_mean_of_trials_as_often_as_they_say():
    rng, times, covered = np.random.default_rng(41), 120, 0
    study, n = [f"t{k}" for k in range(8)], np.array([30, 45, 60, 60, 80, 110, 150, 200])
    for _ in range(times):
        se = 8 / np.sqrt(n)
        mean = rng.normal(-8, np.sqrt(se**2 + 2.0**2))
        table = pd.DataFrame({"study_id": study, "mean": mean, "se": se, "arm": "placebo"})
        table = table.assign(outcome_type="mean_change", instrument="MADRS")
        row = row_of(placebo_benchmark("MADRS", evidence=table))
        covered += row["conf_low"] <= -8 <= row["conf_high"]
    assert covered / times == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / times))

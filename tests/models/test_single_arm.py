"""Parts of one arm's change: R's numbers, how the parts add up, rounded scores, coverage, what is refused."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from references import read_reference
from scipy.special import ndtr, ndtri, stdtrit

from ketastats.errors import DataError, UsageError
from ketastats.models.placebo_benchmark import placebo_benchmark
from ketastats.models.single_arm import SingleArmParts, single_arm_parts
from ketastats.stats.regression_to_mean import expected_change

NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]
SPLIT = ["regression_to_the_mean", "natural_course"]


def patients(name: str = "strict") -> pd.DataFrame:
    data = read_reference("regression_to_mean_data", set=name)[["base", "chg"]]
    data = data.reset_index(drop=True)
    return data.assign(usubjid=[f"s{k:03d}" for k in data.index])


def split(data: pd.DataFrame | None = None, **options) -> SingleArmParts:
    given = {"entry": 22.0, "reliability": 0.7, "natural_course": (-0.8, 0.3), "step": 0.0}
    return single_arm_parts(patients() if data is None else data, **{**given, **options})


def parts(result: SingleArmParts | pd.DataFrame) -> pd.DataFrame:
    frame = result if isinstance(result, pd.DataFrame) else result.to_frame()
    return frame.set_index("part")[NUMBERS]


def benchmark():
    arms = read_reference("placebo_benchmark_arms").assign(
        arm="midazolam", outcome_type="mean_change", instrument="MADRS"
    )
    return placebo_benchmark("MADRS", evidence=arms)


@pytest.mark.parametrize("case", list(read_reference("regression_to_mean_fits").itertuples()))
def test_parts_of_the_change_are_those_of_r(case):
    result = split(patients(case.set), entry=case.entry, natural_course=(0.0, 0.0))
    found = parts(result)
    t = float(stdtrit(case.n - 1, 0.975))
    half = t * case.observed_se
    assert found.loc["observed"].tolist() == pytest.approx(
        [case.observed, case.observed_se, case.observed - half, case.observed + half]
    )
    assert found.loc["regression_to_the_mean"].tolist() == pytest.approx(
        [case.regression, 0.3 * case.excess_se, -0.3 * case.excess_high, -0.3 * case.excess_low],
        rel=1e-5,
    )
    left = found.loc["remainder"]
    assert left["estimate"] == pytest.approx(case.remainder, rel=1e-6)
    assert left["std_error"] == pytest.approx(case.remainder_se, rel=1e-5)
    assert (result.mean_before, result.sd_before) == pytest.approx((case.mean, case.sd), rel=1e-6)


def test_parts_add_up_to_the_observed_change():
    found = parts(split())["estimate"]
    assert "expectancy" not in found.index
    assert found[[*SPLIT, "remainder"]].sum() == pytest.approx(found["observed"])


def test_the_change_of_placebo_arms_already_holds_regression_and_natural_course():
    found = parts(split(unspecific=(-5.2, 0.8)))
    size = found["estimate"]
    assert size[[*SPLIT, "expectancy"]].sum() == pytest.approx(-5.2)
    assert size["remainder"] == pytest.approx(size["observed"] + 5.2)
    se = math.hypot(found.loc["observed", "std_error"], 0.8)
    assert found.loc["remainder", "std_error"] == pytest.approx(se)
    se = math.hypot(found.loc["regression_to_the_mean", "std_error"], 0.8, 0.3)
    assert found.loc["expectancy", "std_error"] == pytest.approx(se)
    other = parts(split(unspecific=(-5.2, 0.8), reliability=0.4, reliability_se=0.1))
    assert other.loc["remainder"].tolist() == pytest.approx(found.loc["remainder"].tolist())


def test_what_unspecific_effects_would_have_to_be_is_the_observed_change():
    found = parts(split(unspecific=(-5.2, 0.8)))
    assert found.loc["unspecific_needed"].tolist() == found.loc["observed"].tolist()
    times = found.loc["unspecific_needed_multiple"]
    assert times["estimate"] == pytest.approx(found.loc["observed", "estimate"] / -5.2)
    assert 1 < times["conf_low"] < times["estimate"] < times["conf_high"]


def test_there_is_no_multiple_of_a_placebo_change_that_is_not_told_from_nothing():
    result = split(unspecific=(-1.0, 0.8))
    assert "unspecific_needed_multiple" not in set(result.to_frame()["part"])
    assert any("no multiple" in note for note in result.notes)


def test_where_nobody_was_selected_nothing_regresses():
    result = split(entry=None, natural_course=(0.0, 0.0), reliability=0.3, reliability_se=0.2)
    found = parts(result)
    assert found.loc["regression_to_the_mean"].tolist() == [0, 0, 0, 0]
    assert found.loc["remainder"].tolist() == pytest.approx(found.loc["observed"].tolist())
    assert math.isnan(result.mean_before)
    assert any("No selection" in note for note in result.notes)


def test_a_perfect_reliability_leaves_no_regression_and_none_leaves_all():
    assert parts(split(reliability=1.0)).loc["regression_to_the_mean"].tolist() == [0, 0, 0, 0]
    result = split(reliability=0.0)
    excess = patients()["base"].mean() - result.mean_before
    assert parts(result).loc["regression_to_the_mean", "estimate"] == pytest.approx(-excess)


def test_a_scale_on_which_high_is_good_gives_the_mirrored_parts():
    given = {"reliability_se": 0.05, "unspecific": (-5.2, 0.8)}
    data, ours = patients(), parts(split(**given))
    good = parts(
        split(
            data.assign(base=-data["base"], chg=-data["chg"]),
            entry=-22.0,
            higher_is_worse=False,
            natural_course=(0.8, 0.3),
            reliability_se=0.05,
            unspecific=(5.2, 0.8),
        )
    )
    same = "unspecific_needed_multiple"
    assert good.loc[same].tolist() == pytest.approx(ours.loc[same].tolist())
    rest = ours.drop(index=same)
    turned = good.drop(index=same)
    assert turned["estimate"].tolist() == pytest.approx((-rest["estimate"]).tolist())
    assert turned["conf_low"].tolist() == pytest.approx((-rest["conf_high"]).tolist())


def test_another_unit_scales_every_part():
    data, ours = patients(), parts(split())
    minutes = split(
        data.assign(base=60 * data["base"], chg=60 * data["chg"]),
        entry=60 * 22.0,
        natural_course=(-48.0, 18.0),
    )
    assert parts(minutes).to_numpy() == pytest.approx(60 * ours.to_numpy(), rel=1e-6)


def test_a_known_mean_before_selection_is_taken_and_not_fitted():
    data = patients()
    result = split(before=(18.0, 0.5), natural_course=(0.0, 0.0))
    found = parts(result)
    excess = data["base"].mean() - 18
    se = math.sqrt(data["base"].var() / len(data) + 0.25)
    assert found.loc["regression_to_the_mean", "estimate"] == pytest.approx(-0.3 * excess)
    assert found.loc["regression_to_the_mean", "std_error"] == pytest.approx(0.3 * se)
    whole = np.var(data["chg"] + 0.3 * data["base"], ddof=1) / len(data) + (0.3 * 0.5) ** 2
    assert found.loc["remainder", "std_error"] == pytest.approx(math.sqrt(whole))
    assert result.mean_before == 18


def test_parts_over_reliabilities_are_those_of_each():
    found = split(unspecific=(-5.2, 0.8)).over_reliability([0.5, 0.9])
    table = found.to_frame()
    assert table["reliability"].unique().tolist() == [0.5, 0.9]
    for value in (0.5, 0.9):
        alone = split(unspecific=(-5.2, 0.8), reliability=value)
        pd.testing.assert_frame_equal(parts(table[table["reliability"] == value]), parts(alone))
    assert found.display()["Reliability"].tolist() == ["0.5", "0.9"]
    assert "at 0.5, " in str(found)
    for wrong in ([], [0.5, 1.2], ["0.5"], 0.5, [math.nan]):
        with pytest.raises(UsageError, match="values must be reliabilities"):
            split().over_reliability(wrong)


def test_a_benchmark_brings_its_degrees_of_freedom_its_files_and_its_notes():
    placebo = benchmark()
    given = (placebo.estimate, placebo.std_error)
    result = split(unspecific=placebo)
    ours = parts(result)
    same = parts(split(unspecific=(*given, placebo.df)))
    pd.testing.assert_frame_equal(ours, same)
    row = placebo.to_frame().iloc[0]
    limits = ours.loc["unspecific", ["conf_low", "conf_high"]].tolist()
    assert limits == pytest.approx([row["conf_low"], row["conf_high"]])
    normal = parts(split(unspecific=given)).loc["remainder"]
    assert ours.loc["remainder", "conf_low"] < normal["conf_low"]
    assert any("active placebo" in note for note in result.notes)


def test_whole_scores_are_cut_half_a_step_before_the_entry_and_a_note_says_so():
    rng, truth, found = np.random.default_rng(11), 5 * expected_change(1.0, -0.1, 0.7), []
    for step in (None, 0.0):
        estimates = []
        for _ in range(40):
            # all that round to 20 or more, of a normal law of mean 20 and SD 5
            base = np.round(20 - 5 * ndtri(ndtr(0.1) * rng.random(1500)))
            data = pd.DataFrame(
                {"usubjid": range(1500), "base": base, "chg": rng.normal(size=1500)}
            )
            result = split(data, entry=20, step=step)
            estimates.append(parts(result).loc["regression_to_the_mean", "estimate"])
        found.append((np.mean(estimates), np.std(estimates, ddof=1) / math.sqrt(40)))
        assert any("steps of 1" in note for note in result.notes) == (step is None)
    (rounded, error), (plain, _) = found
    assert rounded == pytest.approx(truth, abs=3 * error)
    assert abs(plain - truth) > abs(rounded - truth) + 3 * error


@pytest.mark.parametrize(("n", "effect"), [(60, 0.0), (200, -4.0)])
def test_limits_of_what_is_left_cover_the_effect_of_patients_who_were_measured_twice(n, effect):
    rng, times, covered, left = np.random.default_rng(29), 300, 0, []
    for _ in range(times):
        # true severity N(20, 16) and errors N(0, 9): reliability 0.64, SD 5
        severity = rng.normal(20, 4, 6 * n)
        base = severity + rng.normal(0, 3, 6 * n)
        chosen = np.flatnonzero(base >= 18)[:n]
        change = severity[chosen] + effect - 1.0 + rng.normal(0, 3, n) - base[chosen]
        natural = (float(rng.normal(-1.0, 0.3)), 0.3)
        data = pd.DataFrame({"usubjid": range(n), "base": base[chosen], "chg": change})
        result = single_arm_parts(data, entry=18, reliability=0.64, natural_course=natural)
        row = parts(result).loc["remainder"]
        covered += row["conf_low"] <= effect <= row["conf_high"]
        left.append(row["estimate"])
    assert covered / times == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / times))
    assert np.median(left) == pytest.approx(effect, abs=0.2)


def test_those_without_a_baseline_or_a_change_are_refused_or_counted():
    data = patients()
    data.loc[[3, 8], "chg"] = np.nan
    with pytest.raises(DataError, match="chg, rows 4, 9"):
        split(data)
    result = split(data, missing="observed")
    assert result.to_frame()["n"].iloc[0] == len(data) - 2
    assert any(note.startswith("2 without") for note in result.notes)


def test_nullable_numbers_give_the_same_and_the_table_is_left_alone():
    data = patients()
    kept = data.copy()
    whole = split(data).to_frame()
    pd.testing.assert_frame_equal(data, kept)
    nullable = data.astype({"base": "Float64", "chg": "Float64"})
    pd.testing.assert_frame_equal(split(nullable).to_frame(), whole)
    nullable.loc[len(nullable)] = {"base": pd.NA, "chg": pd.NA, "usubjid": "s999"}
    pd.testing.assert_frame_equal(parts(split(nullable, missing="observed")), parts(whole))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"entry": "22"}, "entry must be a score"),
        ({"step": -1}, "step must be"),
        ({"reliability": 1.01}, "reliability must be a correlation from 0 to 1"),
        ({"reliability": -0.1}, "reliability must be a correlation from 0 to 1"),
        ({"reliability": None}, "reliability must be a correlation from 0 to 1"),
        ({"reliability_se": -0.1}, "reliability_se must be"),
        ({"reliability_se": math.nan}, "reliability_se must be"),
        ({"before": 18.0}, "before must be"),
        ({"natural_course": (-1.0, -0.3)}, "natural_course must be"),
        ({"natural_course": None}, "natural_course must be"),
        ({"unspecific": (-5.0,)}, "unspecific must be"),
        ({"unspecific": (-5.0, 1.0, 0)}, "unspecific must be"),
        ({"conf_level": 95}, "conf_level"),
        ({"missing": "drop"}, "drop"),
        ({"higher_is_worse": "yes"}, "higher_is_worse must be True or False"),
        ({"change": None}, "change must be the name"),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        split(**options)


def test_all_wrong_options_are_named_at_once():
    with pytest.raises(UsageError, match=r"entry must.*reliability must.*natural_course must"):
        split(entry=math.inf, reliability=2, natural_course=3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base": "severe"}, "base, row"),
        ({"chg": "better"}, "chg, row"),
        ({"base": 21.5}, "a baseline short of the entry"),
        ({"usubjid": "s001"}, "second row"),
    ],
)
def test_wrong_tables_are_refused_without_a_value_of_a_patient(changed, said):
    with pytest.raises(DataError, match=said) as caught:
        split(patients().assign(**changed))
    assert not any(str(value) in str(caught.value) for value in changed.values())


def test_all_faults_of_a_table_are_named_at_once():
    data = patients()
    data.loc[0, "chg"], data.loc[1, "base"] = np.nan, 3.5
    with pytest.raises(DataError) as caught:
        split(pd.concat([data, data.tail(1)], ignore_index=True))
    assert {found.code for found in caught.value.problems} >= {"missing_value", "short_of_entry"}
    assert len(caught.value.problems) == 3
    with pytest.raises(DataError, match="chg, base"):
        split(data[["usubjid"]])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (patients().head(9), "9 baselines do not tell the mean before selection"),
        (patients().assign(base=22.0), "baselines are all alike"),
        (patients().assign(chg=-3.0), "All changes are alike"),
        (patients().head(1), "Fewer than two subjects"),
        (patients().head(0), "Fewer than two subjects"),
    ],
)
def test_tables_that_tell_nothing_are_refused(data, said):
    with pytest.raises(UsageError, match=said):
        split(data)


def test_few_patients_are_enough_where_the_mean_before_selection_is_known():
    found = parts(split(patients().head(9), before=(18.0, 0.5)))
    assert np.isfinite(found.to_numpy()).all()


def test_the_sentence_says_what_is_left_and_that_it_is_no_effect():
    words = str(split(unspecific=(-5.2, 0.8), label="HAM-D"))
    assert words.startswith(
        "Of 9.55 points of improvement in HAM-D, regression to the mean explains"
    )
    assert "unless the placebo arms are like these patients" in words
    assert "it is not the effect of the treatment" in str(split())
    worse = patients().assign(chg=lambda d: -d["chg"])
    assert str(split(worse)).startswith("No improvement in chg (−9.55 points): ")


def test_nothing_is_never_written_with_a_sign():
    result = split(entry=None, natural_course=(0.0, 0.0), reliability=1.0)
    assert "−0.00" not in str(result) + result.figure_text() + result.display().to_string()


def test_placebo_arms_that_improved_less_than_regression_alone_are_pointed_out():
    notes = split(unspecific=(-0.5, 0.1)).notes
    assert any(note.startswith("Placebo arms improved less") for note in notes)


def test_the_figure_takes_one_part_after_the_other_from_the_improvement():
    result = split(unspecific=(-5.2, 0.8), label="HAM-D")
    try:
        axes = result.plot()
        spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
        size = -parts(result)["estimate"]
        reach = sorted({round(max(span), 9) for span in spans})
        after = [size["remainder"], size["remainder"] + size["expectancy"]]
        after += [after[1] + size["natural_course"], size["observed"]]
        assert reach == pytest.approx(after)
        assert axes.get_xlabel() == "Improvement in HAM-D (points)"
        texts = {text.get_text() for text in axes.texts}
        assert {"Regression to the mean", "What is left"} <= texts
        assert all(words in result.figure_text() for words in texts if "(" not in words)
    finally:
        plt.close("all")


def test_a_limit_out_of_sight_ends_in_an_arrow():
    base = 20 - 5 * np.log(1 - (np.arange(40) + 0.5) / 40)
    data = pd.DataFrame({"usubjid": range(40), "base": base, "chg": -3.0 + np.arange(40) % 5})
    result = split(data, entry=20.0)
    assert parts(result).loc["regression_to_the_mean", "conf_low"] == -math.inf
    assert parts(result).loc["remainder", "conf_high"] == math.inf
    assert any("infinite" in note for note in result.notes)
    assert "∞" in str(result)
    axes = result.plot(Figure().add_subplot())
    assert {line.get_marker() for line in axes.lines} >= {"<", "|"}
    assert all(math.isfinite(end) for end in axes.get_xlim())

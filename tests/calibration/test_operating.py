"""Operating characteristics, with the whole judging path and with a count in its place."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from known_truths import (
    HEADLINE,
    RANGE,
    case_of,
    draw_count,
    draw_scores,
    judge_count,
    judge_sometimes,
)

import ketastats as ks
from ketastats.calibration.judging import judging_jobs
from ketastats.calibration.operating import (
    OWN,
    OperatingCharacteristics,
    operating_characteristics,
)
from ketastats.calibration.planning import share_power
from ketastats.calibration.replicates import run_jobs
from ketastats.results import in_shared_words

counted = partial(operating_characteristics, draw=draw_count, judge=judge_count, workers=1)
CASES = [
    case_of(0.22, "false"),
    case_of(0.30, "border"),
    case_of(0.40, "border"),
    case_of(0.35, "true"),
]


@pytest.fixture(scope="module")
def found():
    return counted(CASES, 400, replicates=500, conf_level=0.999)


def rates(result, word):
    rows = result.to_frame()
    return rows[rows["word"] == word].reset_index(drop=True)


def test_every_case_has_a_row_for_every_word_and_they_add_up(found):
    table = found.to_frame()
    assert len(table) == 16
    assert table.groupby("case")["estimate"].sum().tolist() == pytest.approx([1] * 4)
    assert set(table["n"]) == {400}


@pytest.mark.parametrize("word", ["supported", "contradicted"])
def test_rates_are_those_of_two_score_tests_in_closed_form(found, word):
    rows = rates(found, word)
    exact = [share_power(truth, [400], RANGE, word)[0] for truth in rows["truth"]]
    assert (rows["conf_low"] <= exact).all()
    assert (rows["conf_high"] >= exact).all()


def test_a_word_is_wrong_where_the_truth_is_otherwise_and_both_are_at_the_border(found):
    wrong = {(row["which"], row["word"]) for _, row in found.to_frame().iterrows() if row["wrong"]}
    assert wrong == {
        ("false", "supported"),
        ("border", "supported"),
        ("border", "contradicted"),
        ("true", "contradicted"),
    }


def test_two_one_sided_tests_are_sound_and_a_judge_with_too_narrow_limits_is_not(found):
    def overconfident(claim, cohort, **options):
        verdict = judge_count(claim, cohort)
        row = verdict.frame.iloc[0]
        outside = not RANGE[0] <= row["estimate"] <= RANGE[1]
        return SimpleNamespace(word="contradicted" if outside else "supported", frame=verdict.frame)

    assert found.sound
    assert not counted(CASES, 400, replicates=100, judge=overconfident).sound


def test_the_whole_judging_path_gives_the_words_of_judge():
    case = case_of(0.25, "false")
    result = operating_characteristics(case, 40, replicates=6, draw=draw_scores, workers=1)
    judge = ks.judge
    (job,) = judging_jobs([(case, 40)], replicates=6, seed=20261124, draw=draw_scores, judge=judge)
    words = pd.Series(
        [judge(case.claim, draw_scores(case, 40, seed), **case.options).word for seed in job.seeds]
    )
    rows = result.to_frame().set_index("word")["estimate"] * 6
    assert {word: n for word, n in rows.items() if n} == pytest.approx(dict(words.value_counts()))
    assert set(result.to_frame()["measure"]) == {"share"}


def test_a_case_has_the_same_rates_whatever_the_others(found):
    alone = counted(CASES[3], 400, replicates=500, conf_level=0.999)
    mine = found.to_frame().tail(4).assign(case=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.to_frame(), mine)


def test_cases_do_not_share_their_monte_carlo_error(found):
    one, other = (table["estimate"].to_numpy() for table in _replicates(CASES[1:3]))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


def _replicates(cases):
    pairs = [(case, 400) for case in cases]
    known = {"replicates": 500, "seed": 1, "draw": draw_count, "judge": judge_count}
    return run_jobs(judging_jobs(pairs, **known), workers=1)


def test_the_sentence_names_the_wrong_rates_and_the_undecided(found):
    text = str(counted([CASES[0], CASES[3]], 400, replicates=100))
    assert text.startswith(
        "At n = 400, with this schedule and drop-out, the claim would be called supported in "
    )
    assert text.count("Monte Carlo limits") == 1
    assert "of cohorts where it is false, contradicted in" in text
    assert "and left undecided in" in text
    assert "at most" in str(found)  # two borders: the worse one is told


def test_the_sentence_on_several_claims_names_the_worst():
    cases = [CASES[1], replace(CASES[0], claim="long-term-improvement")]
    text = str(counted(cases, 400, replicates=100))
    assert text.startswith("2 claims at 2 true values")
    assert HEADLINE in text


def test_a_statement_is_about_the_cases_asked_for(found):
    statement = found.statement_for("border")
    assert statement.text.count("At n = 400 at the border") == 2
    assert "30.0%" in statement.text
    assert "percentage points" in statement.text
    with pytest.raises(ks.UsageError):
        found.statement_for("maybe")
    with pytest.raises(ks.UsageError, match="No case"):
        counted(CASES[:1], 50, replicates=10).statement_for("true")


def test_one_claim_can_be_taken_out_of_several():
    cases = [CASES[0], replace(CASES[3], claim="long-term-improvement")]
    both = counted(cases, 100, replicates=50)
    one = both.of_claim(HEADLINE)
    assert str(one) == str(counted(cases[0], 100, replicates=50))
    with pytest.raises(ks.UsageError):
        one.of_claim("long-term-improvement")


def test_a_table_read_back_from_a_file_is_the_same_result(found, tmp_path):
    found.to_frame().to_csv(tmp_path / "stored.csv", index=False)
    rows = pd.read_csv(tmp_path / "stored.csv").to_dict("records")
    back = OperatingCharacteristics(in_shared_words(rows, own=OWN))
    assert str(back) == str(found)
    assert back.sound == found.sound
    pd.testing.assert_frame_equal(back.display(), found.display())


def test_refused_cohorts_are_counted_told_and_under_no_word():
    result = counted(CASES[3], 400, replicates=200, judge=judge_sometimes)
    table = result.to_frame()
    assert table["estimate"].sum() + table["refused"].iloc[0] == pytest.approx(1)
    assert "An odd count cannot be judged" in result.notes[0]
    assert "were refused" in str(result)
    assert "Refused %" in result.display()


def test_a_case_whose_every_cohort_is_refused_is_an_error_with_the_reason():
    def never(claim, cohort, **options):
        raise ks.UsageError("There is no arm called B. Name another")

    with pytest.raises(ks.UsageError, match=r"Every one drawn was refused.*no arm called B"):
        counted(CASES[0], 50, replicates=10, judge=never)


def test_a_claim_that_is_never_testable_has_rates_but_no_coverage():
    def capped(claim, cohort, **options):
        return SimpleNamespace(word="not_testable", frame=pd.DataFrame())

    result = counted(CASES[0], 50, replicates=10, judge=capped)
    assert rates(result, "not_testable")["estimate"].tolist() == [1.0]
    assert result.to_frame()[["coverage", "bias"]].isna().all(axis=None)
    assert "not testable in 100.0%" in str(result)
    assert "–" in set(result.display().iloc[0])


def test_stored_replicates_are_used_again_and_not_for_another_scenario(tmp_path):
    drawn = []

    def draw(case, n, seed):
        drawn.append(seed)
        return draw_count(case, n, seed)

    again = partial(counted, n=50, replicates=30, draw=draw, cache=tmp_path)
    first, second = again(CASES[0]), again(CASES[0])
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())
    assert len(drawn) == 30
    again(CASES[1])
    assert len(drawn) == 60


def test_wrong_options_are_refused():
    bad = [
        {"n": 0},
        {"n": 20.5},
        {"replicates": 1},
        {"seed": "x"},
        {"conf_level": 95},
        {"cases": []},
        {"cases": [HEADLINE]},
        {"cases": [replace(CASES[0], which="maybe")]},
    ]
    for options in bad:
        with pytest.raises(ks.UsageError):
            counted(**{"cases": CASES[:1], "n": 50, **options})
    with pytest.raises(ks.UsageError, match="did you mean"):
        operating_characteristics(replace(CASES[0], claim=HEADLINE + "0"), 50, draw=draw_count)


def test_the_figure_has_a_bar_per_case_and_a_mark_per_wrong_word(found):
    axes = found.plot()
    try:
        marks = [line for line in axes.lines if len(line.get_xdata()) == 2]
        assert sorted(line.get_xdata()[0] for line in marks) == [5, 5, 5, 95, 95, 95]
        shown = [text.get_text() for text in axes.texts]
        assert {"false: 22.0%", "true: 35.0%"} <= set(shown)
        hatches = {bar.get_hatch() for bar in axes.patches}
        assert len(hatches) == 3  # supported, undecided, contradicted
    finally:
        plt.close("all")
    for case in found._cases():
        assert found._label(case[0]) in found.figure_text()

"""Numbers of patients: from replicates, and in closed form."""

from functools import partial
from math import isnan

import matplotlib.pyplot as plt
import numpy as np
import pytest
from known_truths import RANGE, case_of, draw_count, judge_count
from scipy.special import ndtr, ndtri

import ketastats as ks
from ketastats.calibration.operating import operating_characteristics
from ketastats.calibration.planning import (
    needed_size,
    plan_size,
    share_power,
    share_size,
    smallest_supportable,
)
from ketastats.claims.standing import DECISION_LEVEL, standing, word
from ketastats.stats.exact_proportions import clopper_pearson_interval

counted = partial(plan_size, draw=draw_count, judge=judge_count, workers=1)


def words(n, claimed):
    """The word of every count of n, by the interval that decides."""
    limits = [clopper_pearson_interval(x, n, conf_level=DECISION_LEVEL) for x in range(n + 1)]
    return np.array([word(standing(*pair, claimed)) for pair in limits])


@pytest.mark.parametrize("claimed", [(0.3, 0.4), (0.5, 1.0), (0.0, 0.2), (0.05, 0.95)])
@pytest.mark.parametrize("n", [1, 7, 60, 244, 401])
def test_power_in_closed_form_is_the_chance_of_the_counts_with_that_word(claimed, n):
    from scipy.stats import binom

    chance = binom.pmf(np.arange(n + 1), n, 0.37)
    for wanted in ("supported", "contradicted"):
        expected = chance[words(n, claimed) == wanted].sum()
        assert share_power(0.37, [n], claimed, wanted)[0] == pytest.approx(expected, abs=1e-12)


def test_no_cohort_smaller_than_the_smallest_can_support_a_range():
    smallest = int(smallest_supportable(RANGE))
    assert "supported" in words(smallest, RANGE)
    assert all("supported" not in words(n, RANGE) for n in range(1, smallest))
    assert smallest > 200  # inside 30 to 40% no n of 200 can


def test_from_the_size_in_closed_form_on_the_power_stays_at_the_target():
    for share, wanted in ((0.35, "supported"), (0.25, "contradicted")):
        n = int(share_size(share, RANGE, wanted, 0.8))
        assert (share_power(share, np.arange(n, 2 * n), RANGE, wanted) >= 0.8).all()
        assert share_power(share, [n - 1], RANGE, wanted)[0] < 0.8


def test_at_the_border_no_size_is_enough():
    assert isnan(share_size(0.3, RANGE, "supported", 0.8))
    assert isnan(share_size(0.3, RANGE, "contradicted", 0.8))


def test_the_size_is_exact_where_power_is_that_of_a_normal_test():
    sizes = [50, 100, 200, 400, 800]
    power = ndtr(0.12 * np.sqrt(sizes) - ndtri(0.95))
    exact = ((ndtri(0.8) + ndtri(0.95)) / 0.12) ** 2
    found = needed_size(sizes, power, 0.8)
    assert exact <= found < exact + 10
    assert found % 10 == 0


def test_the_size_is_the_first_tried_if_enough_and_missing_if_none_is():
    assert needed_size([50, 100], [0.85, 0.9], 0.8) == 50
    assert isnan(needed_size([50, 100], [0.5, 0.7], 0.8))
    assert isnan(needed_size([50, 100, 200], [0.5, 0.85, 0.7], 0.8))  # reached, and lost again


@pytest.fixture(scope="module")
def plan():
    return counted([case_of(0.35, "true"), case_of(0.25, "false")], (100, 200, 400, 800, 1600))


def test_two_truths_are_planned_side_by_side_and_agree_with_the_closed_form(plan):
    table = plan.to_frame()
    assert len(table) == 10
    exact = counted(case_of(0.35, "true"), (400, 800), conf_level=0.9999).to_frame()
    assert (exact["conf_low"] <= exact["closed_form"]).all()
    assert (exact["closed_form"] <= exact["conf_high"]).all()
    for _, rows in table.groupby("case"):
        row = rows.iloc[0]
        assert row["needed_low"] <= row["needed"] <= row["needed_high"]
        assert abs(row["needed"] / row["closed_form_needed"] - 1) < 0.2
    assert table["word"].unique().tolist() == ["supported", "contradicted"]


def test_at_200_patients_the_headline_claim_is_never_supported(plan):
    row = plan.to_frame().query("word == 'supported' and n == 200").iloc[0]
    assert row["estimate"] == row["closed_form"] == 0


def test_the_sentence_tells_the_number_or_that_none_is_enough(plan):
    assert str(plan).count("patients are needed") == 2
    assert "no cohort can support it" in str(plan)
    short = counted(case_of(0.35, "true"), (50, 100), replicates=20)
    assert "none of the numbers tried, up to 100, is enough" in str(short)
    assert isnan(short.to_frame()["needed"].iloc[0])
    easy = counted(case_of(0.9, "false"), (50, 100), replicates=20)
    assert "n = 50, the fewest tried, are enough" in str(easy)


def test_a_claim_of_another_kind_has_no_closed_form():
    table = counted(case_of(0.35, "true", claim="long-term-improvement"), (50,), replicates=20)
    assert table.to_frame()[["closed_form", "closed_form_needed"]].isna().all(axis=None)
    assert "closed form" not in str(table)
    assert "In closed form %" not in table.display()


def test_wrong_options_are_refused():
    case = case_of(0.35, "true")
    for sizes in ((), (100, 50), (0, 50), (50, 50), (50.5,), 100):
        with pytest.raises(ks.UsageError, match="sizes"):
            counted(case, sizes)
    for target in (0, 1, 80, True):
        with pytest.raises(ks.UsageError, match="target"):
            counted(case, target=target)
    with pytest.raises(ks.UsageError, match="border"):
        counted(case_of(0.3, "border"))


def test_progress_counts_over_all_cases_and_sizes():
    told = []
    counted(case_of(0.35, "true"), (50, 100), replicates=20, progress=lambda *now: told.append(now))
    assert told[-1] == (40, 40)


def test_the_figure_marks_the_target_and_the_numbers_needed(plan):
    axes = plan.plot()
    try:
        shown = [text.get_text() for text in axes.texts]
        assert "80% wanted" in shown
        needed = plan.to_frame().groupby("case")["needed"].first()
        assert {f"n = {n:,.0f}" for n in needed} <= set(shown)
        assert len(axes.get_legend().get_texts()) == 2
    finally:
        plt.close("all")
    assert "at 1,600" in plan.figure_text()


def test_replicates_are_shared_with_the_operating_characteristics(tmp_path):
    drawn = []

    def draw(case, n, seed):
        drawn.append((n, seed))
        return draw_count(case, n, seed)

    known = {"draw": draw, "judge": judge_count, "workers": 1, "cache": tmp_path}
    case = case_of(0.35, "true")
    found = operating_characteristics(case, 500, replicates=60, **known)
    planned = plan_size(case, (500, 800), replicates=40, **known)
    assert len(drawn) == 60 + 40
    assert len(set(drawn)) == len(drawn)
    assert found.to_frame()["n"].iloc[0] == planned.to_frame()["n"].iloc[0]

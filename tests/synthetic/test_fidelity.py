from math import sqrt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import UsageError
from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.fidelity import compare_cohorts, correlation_part, sd_part, share_part
from ketastats.synthetic.scenario import load_scenario


@pytest.fixture(scope="module")
def real():
    return ks.load_antidepressant_trial()


@pytest.fixture(scope="module")
def everywhere():
    """The scenario of the trial with many sites, so that their chance does not enter."""
    return load_scenario("antidepressant_trial").changed({"site.count": 2000})


@pytest.fixture(scope="module")
def made(everywhere):
    return synthetic_cohort(everywhere, 2000, 1)


@pytest.fixture(scope="module")
def found(made, real):
    return compare_cohorts(made, real, instrument="hamd17", other="ham_a")


def test_the_real_numbers_are_those_of_the_data_sets_readme(found):
    rows = found.to_frame().set_index("term")
    responses = rows[rows.index.str.startswith("Response")]
    assert responses["real"].to_numpy() == pytest.approx([29 / 84, 20 / 88])
    gone = rows[rows.index.str.startswith("Not seen, DRUG")]["real"].to_numpy()
    assert gone[-1] == pytest.approx(20 / 84)
    assert gone[0] == 0


def test_a_difference_is_made_up_minus_real_and_z_is_in_its_errors(found):
    rows = found.to_frame()
    assert rows["estimate"].to_numpy() == pytest.approx(
        (rows["synthetic"] - rows["real"]).to_numpy(), abs=1e-12
    )
    z = (rows["estimate"] / rows["std_error"]).to_numpy()
    assert rows["statistic"].to_numpy() == pytest.approx(z)
    assert ((rows["conf_low"] <= rows["estimate"]) & (rows["estimate"] <= rows["conf_high"])).all()


def test_a_share_of_0_is_not_taken_as_certain(found):
    row = found.to_frame().set_index("term").loc["Not seen, DRUG, Week 1"]
    assert row["real"] == 0
    assert row["std_error"] > row["synthetic"] / 5


def test_two_made_up_cohorts_of_one_scenario_differ_by_chance_alone(everywhere):
    z = []
    for seed in range(6):
        one, other = (synthetic_cohort(everywhere, 400, s) for s in (seed, 100 + seed))
        z.append(compare_cohorts(one, other, instrument="hamd17", other="ham_a").to_frame())
    z = pd.concat(z)["statistic"].dropna()
    # checks of one pair go together: as if a quarter of them were independent
    assert (z.abs() <= 2).mean() == pytest.approx(0.954, abs=4 * sqrt(0.954 * 0.046 / (len(z) / 4)))
    assert 0.7 < z.std() < 1.35


def test_a_cohort_held_against_itself_has_no_difference(made):
    rows = compare_cohorts(made, made, instrument="hamd17").to_frame()
    assert (rows["estimate"] == 0).all()


def test_what_is_far_apart_is_counted_and_named(real, everywhere):
    other = everywhere.changed({"score.mean[hamd17]": 26})
    found = compare_cohorts(synthetic_cohort(other, 2000, 1), real, instrument="hamd17")
    inside, every = found.counted
    assert inside < every - 5
    assert f"{inside} of {every} checks" in str(found)
    assert "Mean HAM-D17, DRUG (" in found.statement().text
    assert "Mean HAM-D17, DRUG, Week 1" in found.figure_text()


def test_the_number_within_two_errors_is_that_of_the_table(found):
    z = found.to_frame()["statistic"].dropna().abs()
    assert found.counted == ((z <= 2).sum(), len(z))


def test_every_check_is_drawn_once_and_shown_as_text(found):
    axes = found.plot()
    drawn = sum(len(line.get_xdata()) for line in axes.lines[1:])  # the first is the line at 0
    assert drawn == found.counted[1]
    plt.close("all")
    shown = found.display()
    assert len(shown) == len(found.to_frame())
    assert shown.map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_errors_of_spreads_and_correlations_are_those_of_repeated_samples():
    rng = np.random.default_rng(3)
    samples = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=(3000, 100))
    spreads = np.array([sd_part(sample[:, 0])[:2] for sample in samples])
    together = np.array([correlation_part(*sample.T)[:2] for sample in samples])
    for parts in (spreads, together):
        assert parts[:, 1].mean() == pytest.approx(parts[:, 0].std(), rel=0.08)
    assert share_part(3, 12) == pytest.approx((0.25, sqrt(0.25 * 0.75 / 12), 12))


def test_what_cannot_be_compared_is_refused(made, real):
    with pytest.raises(UsageError, match="not labelled synthetic"):
        compare_cohorts(real, made, instrument="hamd17")
    with pytest.raises(UsageError, match="hamd17"):
        compare_cohorts(made, real, instrument="hamd71")
    with pytest.raises(UsageError, match="instrument in"):
        compare_cohorts(made, real, instrument="hamd17", other="madrs")
    elsewhere = synthetic_cohort("conventional_anxiety", 30, 1)
    with pytest.raises(UsageError, match="in common"):
        compare_cohorts(elsewhere, real, instrument="ham_a")

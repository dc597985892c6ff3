import matplotlib.pyplot as plt
import numpy as np
import pytest

import ketastats as ks
from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.nearest_records import nearest_records


@pytest.fixture(scope="module")
def real():
    return ks.load_antidepressant_trial()


@pytest.fixture(scope="module")
def made():
    return synthetic_cohort("antidepressant_trial", 400, 1)


def test_copies_are_found_all_of_them(real):
    copy = Cohort(real.subjects, scores=real.scores, provenance="synthetic", name="copy")
    found = nearest_records(copy, real, instruments=["hamd17", "ham_a"])
    assert (found.made_up == 0).all()
    assert str(found).startswith("128 of the 128 made-up patients")
    assert found.to_frame()["synthetic"].iloc[0] == 1


def test_a_real_patient_is_not_held_against_itself(real, made):
    found = nearest_records(made, real, instruments=["hamd17", "ham_a"])
    assert (found.real > 0).all()
    assert len(found.real) == 128  # the README's patients with all visits


def test_distances_are_those_of_a_plain_count(real, made):
    found = nearest_records(made, real, instruments=["hamd17"])

    def table(cohort):
        scores = cohort.scores.query("paramcd == 'hamd17'")
        wide = scores.pivot_table(index="usubjid", columns="avisit", values="aval", observed=True)
        return wide[["Baseline", "Week 1", "Week 2", "Week 4", "Week 6"]].dropna().to_numpy()

    one, known = table(made), table(real)
    first = [min(np.linalg.norm(row - other) for other in known) for row in one[:40]]
    # subjects come in the order of the cohort's table, which is that of their names
    assert found.made_up[:40] == pytest.approx(first)


def test_the_generator_copies_no_patient_of_the_trial_and_keeps_its_distance(real, made):
    found = nearest_records(made, real, instruments=["hamd17", "ham_a"])
    assert found.made_up.min() > 0
    assert np.median(found.made_up) > 0.8 * np.median(found.real)
    assert "None of the" in str(found)


def test_it_is_drawn_and_shown_as_text(real, made):
    found = nearest_records(made, real, instruments=["hamd17"])
    axes = found.plot()
    assert [len(line.get_xdata()) for line in axes.lines] == [len(found.made_up), len(found.real)]
    plt.close("all")
    assert found.display().map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_cohorts_without_a_score_in_common_are_refused(real):
    other = synthetic_cohort("chronic_pain", 5, 1)
    with pytest.raises(UsageError, match="one name in both"):
        nearest_records(other, real, instruments=["hamd17"])

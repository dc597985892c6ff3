import matplotlib.pyplot as plt
import pytest

import ketastats as ks
from ketastats.errors import UsageError
from ketastats.synthetic.evidence_fidelity import compare_with_evidence
from ketastats.synthetic.scenario import load_scenario

N = 20_000


@pytest.fixture(scope="module")
def found():
    return compare_with_evidence("ketamine_trd", n=N)


@pytest.fixture(scope="module")
def evidence():
    return ks.load_evidence().set_index("row_id")


def test_published_numbers_are_those_of_their_rows(found, evidence):
    for row in found.to_frame().to_dict("records"):
        source = evidence.loc[row["source"]]
        assert row["n"] == source["n"]
        column = "proportion" if row["unit"] == "share" else "mean"
        assert row["real"] == pytest.approx(source[column], abs=0.006)  # printed to two decimals
        assert row["real_low"] < row["real"] < row["real_high"]


def test_all_that_the_notes_of_the_main_scenario_aim_at_is_compared(found):
    sources = set(found.to_frame()["source"])
    assert {"ket-399", "ket-397", "ket-400", "ket-398", "conv-404", "ket-318"} <= sources


def test_the_main_scenario_is_near_what_it_was_set_to(found):
    rows = found.to_frame()
    assert rows["statistic"].abs().max() < 2
    assert str(found).startswith(f"{len(rows)} of {len(rows)} published figures")


def test_another_effect_is_told_apart_in_the_arm_that_has_it():
    changed = load_scenario("ketamine_trd").changed({"arm.step[KETAMINE]": 0.1})
    found = compare_with_evidence(changed, n=N)
    rows = found.to_frame().set_index("source")
    assert rows.loc["ket-399", "statistic"] < -3
    assert rows.loc["ket-400", "statistic"] == pytest.approx(0, abs=1)
    assert "50% fall of MADRS at 24 h, KETAMINE" in found.figure_text()


def test_a_value_that_was_changed_is_no_longer_its_sources():
    changed = load_scenario("ketamine_trd").changed({"arm.responders[KETAMINE]": 0.1})
    sources = set(compare_with_evidence(changed, n=2000).to_frame()["source"])
    assert "ket-399" not in sources
    assert "ket-397" in sources  # the gain still is


def test_a_source_without_its_visit_is_left_out():
    changed = load_scenario("ketamine_trd").changed({("visit.hours", "24 h"): None})
    sources = set(compare_with_evidence(changed, n=2000).to_frame()["source"])
    assert "ket-399" not in sources
    assert "conv-404" in sources


def test_side_effects_are_compared_with_courses_of_as_many_doses_only():
    changed = load_scenario("ketamine_trd").changed({"arm.doses[KETAMINE]": 4})
    terms = compare_with_evidence(changed, n=2000).to_frame()["term"]
    assert not terms.str.contains("first series, KETAMINE").any()


def test_it_is_drawn_and_shown_as_text_with_its_rows(found):
    axes = found.plot()
    assert "published" in axes.get_xlabel()
    plt.close("all")
    shown = found.display()
    assert shown["Row"].tolist() == found.to_frame()["source"].tolist()
    assert shown.map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_a_scenario_that_names_no_figure_is_refused():
    with pytest.raises(UsageError, match="names a published figure"):
        compare_with_evidence("antidepressant_trial", n=100)

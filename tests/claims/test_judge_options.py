"""The one function `judge`: its options, its answers in words, and odd cohorts."""

import math

import numpy as np
import pandas as pd
import pytest
from made_cohorts import WEEK, clinic, course

import ketastats as ks
from ketastats.claims.judge import JUDGED_KINDS

COHORT_KINDS = ("onset_within", "onset_ordering", "by_dose_number", "durability", "rate_above")
CLAIMS = [claim.id for claim in ks.load_claims().values() if claim.kind in COHORT_KINDS]
SERIES = (0.0, 72.0, 144.0, 216.0)
VISITS = (24.0, 96.0, 168.0, 240.0, 336.0, *(WEEK * week for week in (4, 8, 12, 16, 20, 24)))


ON_DEPRESSION = ("effects-within-hours", "depression-lifts-in-hours")
JUDGED_HERE = [
    name for name in CLAIMS if name != "lasting-resilience"
]  # asks for a scale of function


def whole(instrument):
    """Two arms on one schedule with everything that any of the claims asks for."""
    early = [course(VISITS, relief=24.0)] * 25 + [course(VISITS, relief=24.0, until=WEEK * 9)] * 8
    late = [course(VISITS, relief=WEEK * 8)] * 20 + [course(VISITS)] * 13
    return clinic(
        early + late,
        doses=[(*SERIES, WEEK * 6, WEEK * 11)] * 33 + [()] * 33,
        arms=["KETAMINE"] * 33 + ["USUAL"] * 33,
        instrument=instrument,
    )


@pytest.fixture(scope="module")
def anxious():
    return whole("ham_a")


@pytest.fixture(scope="module")
def verdicts(anxious):
    depressed, found = whole("madrs"), {}
    for name in JUDGED_HERE:
        arm = "USUAL" if name == "medicines-take-weeks" else "KETAMINE"
        options = {"arm": arm, "treatment": ks.find_claim(name).treatment}
        if name == "ketamine-works-faster":
            options |= {"comparator": "conventional treatment", "randomised": True}
        found[name] = ks.judge(name, depressed if name in ON_DEPRESSION else anxious, **options)
    return found


def test_all_claims_of_these_kinds_are_judged_on_a_cohort(verdicts):
    assert len(CLAIMS) == 10
    assert set(COHORT_KINDS) < set(JUDGED_KINDS)
    assert {name: verdict.word for name, verdict in verdicts.items()} == dict.fromkeys(
        JUDGED_HERE, "supported"
    )


@pytest.mark.parametrize("name", JUDGED_HERE)
def test_a_verdict_reads_as_sentences_and_names_no_patient(verdicts, anxious, name):
    verdict = verdicts[name]
    said = [str(verdict), *verdict.limits, *verdict.notes, verdict.figure_text()]
    for sentence in said:
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".")
        assert "  " not in sentence
        assert ".." not in sentence
    everything = " ".join([*said, verdict.needed, verdict.display().to_string()])
    for word in ("nan", "None", "p000", "NaN"):
        assert word not in everything
    html = verdict._repr_html_()
    assert not any(subject in html + everything for subject in anxious.subjects["usubjid"])


@pytest.mark.parametrize("name", JUDGED_HERE)
def test_a_verdict_can_be_drawn_and_stored(verdicts, name):
    import matplotlib.pyplot as plt

    verdict = verdicts[name]
    axes = verdict.plot()
    axes.figure.canvas.draw()
    plt.close(axes.figure)
    stored = verdict.to_json()
    assert stored["verdict"] == verdict.word
    assert len(stored["rows"]) == len(verdict.to_frame())


@pytest.mark.parametrize("name", JUDGED_HERE)
def test_the_word_of_a_reading_follows_from_its_interval(verdicts, name):
    low_claimed, high_claimed = ks.find_claim(name).range
    for row in verdicts[name].to_frame().to_dict("records"):
        inside = row["conf_low"] >= low_claimed and row["conf_high"] <= high_claimed
        outside = row["conf_high"] < low_claimed or row["conf_low"] > high_claimed
        word = "supported" if inside else "contradicted" if outside else "undecided"
        assert row["verdict"] == ("" if row["role"] == "yardstick" else word)
        assert row["conf_level"] == pytest.approx(0.90)


@pytest.mark.parametrize("name", CLAIMS)
def test_without_a_cohort_these_claims_ask_for_one(name):
    verdict = ks.judge(name)
    assert verdict.word == "not_testable"
    assert "patients of a cohort" in verdict.reason
    assert verdict.needed.startswith("A cohort of patients who had")
    assert verdict.display().empty
    verdict.plot()


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("onset-hours-to-days", {"visit": "Week 1"}),
        ("onset-hours-to-days", {"reference": "USUAL"}),
        ("relief-after-second-or-third", {"randomised": True}),
        ("top-ups-not-series", {"comparator": "conventional treatment"}),
        ("ketamine-works-faster", {"visit": "Week 1"}),
        ("conventional-relief-30-40", {"randomised": True}),
    ],
)
def test_an_option_that_means_nothing_for_a_claim_is_refused_and_named(anxious, name, option):
    with pytest.raises(ks.UsageError, match=f"^{next(iter(option))}= can mean nothing"):
        ks.judge(name, anxious, **option)


def test_options_of_a_cohort_are_refused_without_one():
    with pytest.raises(ks.UsageError, match="published evidence has none"):
        ks.judge("ketamine-works-faster", randomised=True)


def test_something_that_is_no_cohort_is_refused():
    with pytest.raises(ks.UsageError, match="must be a Cohort"):
        ks.judge("onset-hours-to-days", "data")


def odd_cohort(seed):
    """A small cohort with whatever clinics leave out: visits, baselines, doses, arms, times, ends."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 14))
    ids = [f"s{i}" for i in range(n)]
    subjects = pd.DataFrame({"usubjid": ids})
    if rng.random() < 0.85:
        subjects["trt01a"] = rng.choice(["A", "B", "C"][: int(rng.integers(1, 4))], n)
    if rng.random() < 0.6:
        subjects["diagnosis"] = rng.choice(["trd", "mdd", "gad"][: int(rng.integers(1, 4))], n)
    if rng.random() < 0.6:
        ended = rng.choice(["COMPLETED", "DISCONTINUED"], n)
        reasons = rng.choice(["LACK OF EFFICACY", "DEATH", "OTHER"], n, p=[0.5, 0.15, 0.35])
        subjects["eosstt"] = ended
        subjects["dcsreas"] = np.where(ended == "DISCONTINUED", reasons, None)
        subjects["eosafrlt"] = rng.choice([-3.0, 0.0, 30.0, 200.0, 900.0, 2100.0, np.nan], n)
    tables = {"doses": _odd_doses(rng, ids), "medications": _odd_medications(rng, ids)}
    return ks.Cohort(
        subjects,
        scores=_odd_scores(rng, ids),
        provenance="public" if rng.random() < 0.9 else "private",
        **{name: table for name, table in tables.items() if rng.random() < 0.7},
    )


def _odd_scores(rng, ids):
    hours = rng.choice(
        [
            1.0,
            4.0,
            23.5,
            24.0,
            25.0,
            72.0,
            96.0,
            168.0,
            336.0,
            1008.0,
            2016.0,
            3000.0,
            4032.0,
            5000.0,
        ],
        int(rng.integers(0, 12)),
        replace=False,
    )
    scales = rng.choice(["madrs", "ham_a", "hamd17", "phq9", "sds"], int(rng.choice([1, 1, 1, 2])))
    kind, rows = int(rng.integers(4)), []
    for scale in set(scales):
        for subject in ids:
            if rng.random() < 0.9:
                before = float(rng.choice([0.0, -24.0, -0.5]))
                rows.append((subject, scale, before, float(rng.choice([24.0, 24.0, 4.0, np.nan]))))
            for hour in hours[rng.random(len(hours)) > 0.2]:
                shifted = float(hour + (rng.normal(0, 3) if rng.random() < 0.3 else 0.0))
                values = [2.0, 24.0, float(rng.integers(0, 25)), float(rng.choice([2.0, 24.0]))]
                rows.append((subject, scale, shifted, values[kind]))
    scores = pd.DataFrame(rows, columns=["usubjid", "paramcd", "afrlt", "aval"])
    scores = scores.astype({"afrlt": float, "aval": float})
    if rng.random() < 0.05:
        scores["aperiod"] = rng.integers(1, 3, len(scores))
    return scores.drop_duplicates(["usubjid", "paramcd", "afrlt"])


def _odd_doses(rng, ids):
    step, rows = float(rng.choice([72.0, 168.0, 169.0, 336.0])), []
    for subject in ids:
        times = [step * number for number in range(int(rng.integers(0, 7)))]
        if times and rng.random() < 0.4:
            times += [times[-1] + 500.0, times[-1] + 500.0 + float(rng.choice([24.0, 600.0]))]
        what = rng.choice(["ketamine", "esketamine", "midazolam"], p=[0.9, 0.07, 0.03])
        rows += [(subject, number, hour, what) for number, hour in enumerate(times, start=1)]
    return pd.DataFrame(rows, columns=["usubjid", "exseq", "afrlt", "extrt"])


def _odd_medications(rng, ids):
    n = int(rng.integers(0, 6))
    table = pd.DataFrame(
        {
            "usubjid": rng.choice(ids, n),
            "cmcat": rng.choice(["RESCUE", "CONCOMITANT"], n),
            "cmstrlt": rng.choice([-5.0, 0.0, 2.0, 24.0, 300.0, 1500.0, np.nan], n),
        }
    )
    return table.drop(columns="cmcat") if rng.random() < 0.1 else table


@pytest.mark.parametrize("block", range(12))
def test_odd_cohorts_get_a_verdict_or_a_sentence_and_handfuls_decide_nothing(block):
    refusals = []
    for seed in range(10 * block, 10 * block + 10):
        cohort = odd_cohort(seed)
        # one claim of each path for each cohort, each claim on some cohorts
        for name in CLAIMS[seed % 3 :: 3]:
            options = {"instrument": cohort.instruments[0] if cohort.instruments else None}
            options["treatment"] = ks.find_claim(name).treatment
            if name == "ketamine-works-faster":
                if len(cohort.arms) > 1:
                    options |= {"arm": cohort.arms[0], "reference": cohort.arms[1]}
                options |= {"comparator": "conventional treatment", "randomised": True}
            try:
                verdict = ks.judge(name, cohort, **options)
            except (ks.UsageError, ks.DataError) as refused:
                refusals.append(str(refused))
            else:
                _check(verdict, len(cohort.subjects), seed)
    assert all(len(sentence) > 20 for sentence in refusals)


def _check(verdict, n, seed):
    said = " ".join([str(verdict), *verdict.limits, *verdict.notes, verdict.figure_text()])
    assert "nan" not in said, seed
    assert len(verdict.reason) > 20, seed
    assert not (verdict.word in ("supported", "contradicted") and n < 5), seed
    if verdict.word == "not_testable":
        assert verdict.needed, seed
    for row in verdict.to_frame().to_dict("records"):
        assert row["conf_low"] <= row["conf_high"], seed
        if not math.isnan(row["bound_low"]):
            assert row["conf_low"] <= row["bound_low"] + 1e-6, seed
            assert row["conf_high"] >= row["bound_high"] - 1e-6, seed

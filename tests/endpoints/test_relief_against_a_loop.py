"""Relief against a plain loop over subjects, and on the public trial."""

import random

import numpy as np
import pandas as pd
import pytest
from made_scores import INF, NAN, bounds, doses_of, scores_of

import ketastats as ks
from ketastats.checks.intervals import interval_problems
from ketastats.endpoints.relief import derive_relief


def slow_relief(people, word, *, confirmed, origin):
    """Rows as (subject, dose, left, right, status), one subject at a time."""
    rows = []
    for who, (values, given, event) in people.items():
        base = [v for at, v in sorted(values.items()) if at <= 0 and v == v]
        stop = event if event is not None and word != "ignore" else INF
        known = [
            (at, value <= base[-1] / 2)
            for at, value in sorted(values.items())
            if base and value == value and at <= stop
        ]
        counts = [
            (at, good and (not confirmed or (i + 1 < len(known) and known[i + 1][1])))
            for i, (at, good) in enumerate(known)
        ]
        spans = {0: (0.0, INF)}
        if origin == "each_dose":
            spans = {k: (t, (*given, INF)[k]) for k, t in enumerate(given, 1)}
        elif origin != "first_dose":
            spans = {origin: (given[origin - 1], INF)} if len(given) >= origin else {}
        for k, (start, last) in spans.items():
            before = [good for at, good in counts if at <= start]
            if origin == "each_dose" and before and before[-1]:
                continue
            if isinstance(origin, int) and any(good for at, good in counts if 0 < at <= start):
                continue
            if stop <= start:
                continue
            good = [at for at, met in counts if met and start < at <= last]
            limit = good[0] if good else INF
            bad = [at for at, met in known if not met and start < at <= last and at < limit]
            left = bad[-1] - start if bad else 0.0
            if good:
                rows.append((who, k, left, good[0] - start, "relief"))
            elif word == "competing" and stop <= last and stop < INF:
                rows.append((who, k, stop - start, stop - start, "rescue"))
            else:
                rows.append((who, k, left, INF, "censored"))
    return rows


def made_up_people(n):
    """Scores, doses and a rescue per subject, on a coarse clock so that they often meet."""
    draw = random.Random(20)
    people = {}
    for i in range(n):
        at = draw.sample(range(-2, 13), draw.randint(1, 9))
        values = {t: draw.choice([30.0, 20.0, 15.0, 9.0, NAN]) for t in at}
        given = sorted(draw.sample(range(12), draw.randint(0, 4)))
        people[f"s{i}"] = (values, given, draw.choice([None, draw.randint(1, 12)]))
    return people


@pytest.fixture(scope="module")
def crowd():
    return made_up_people(600)


@pytest.mark.parametrize("word", ["censor", "competing", "ignore"])
@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("origin", ["first_dose", "each_dose", 1, 2])
def test_arrays_and_a_loop_over_subjects_agree(crowd, word, confirmed, origin):
    scores = scores_of(**{who: values for who, (values, _, _) in crowd.items()})
    before = scores.copy()
    rescues = {who: at for who, (_, _, at) in crowd.items() if at is not None}
    options = {
        "confirmed": confirmed,
        "origin": origin,
        "rescue": word,
        "doses": doses_of(**{who: given for who, (_, given, _) in crowd.items()}),
        "medications": pd.DataFrame(
            {"usubjid": list(rescues), "cmcat": "RESCUE", "cmstrlt": list(rescues.values())}
        ),
    }
    done = derive_relief(scores, **options)
    dose = done["exseq"] if "exseq" in done else [0] * len(done)
    found = [
        (who, int(k), *row) for who, k, row in zip(done["usubjid"], dose, bounds(done), strict=True)
    ]
    assert found == slow_relief(crowd, word, confirmed=confirmed, origin=origin)
    assert {"relief", "censored"} <= set(done["status"])
    assert interval_problems(done) == []
    everybody = pd.DataFrame({"usubjid": list(crowd)})
    mixed = derive_relief(scores.sample(frac=1, random_state=1), subjects=everybody, **options)
    pd.testing.assert_frame_equal(mixed, done)
    pd.testing.assert_frame_equal(scores, before)


def test_losing_an_assessment_that_was_not_met_only_widens_the_interval(crowd):
    people = {who: values | {0: 30.0} for who, (values, _, _) in crowd.items()}
    poorer = {}
    for who, values in people.items():
        not_met = [at for at, value in values.items() if at > 0 and value > 15]
        poorer[who] = {at: v for at, v in values.items() if at not in not_met[:1]}
    full, fewer = derive_relief(scores_of(**people)), derive_relief(scores_of(**poorer))
    assert (fewer["left"] <= full["left"]).all()
    assert (fewer["left"] < full["left"]).any()
    assert fewer["right"].tolist() == full["right"].tolist()


# ------------------------------------------------------------------ the public trial


@pytest.fixture(scope="module")
def trial():
    return ks.load_antidepressant_trial()


def test_the_public_trial_gives_what_a_plain_count_gives(trial):
    done = derive_relief(trial.scores, instrument="hamd17", subjects=trial.subjects)
    own = trial.scores[trial.scores["paramcd"] == "hamd17"].dropna(subset="aval")
    own = own.sort_values(["usubjid", "afrlt"])
    base = own[own["afrlt"] <= 0].groupby("usubjid")["aval"].last()
    later = own[own["afrlt"] > 0].assign(half=lambda f: f["usubjid"].map(base) / 2)
    right = later[later["aval"] <= later["half"]].groupby("usubjid")["afrlt"].min()
    right = right.reindex(trial.subjects["usubjid"]).fillna(INF)
    before = later[later["afrlt"] < later["usubjid"].map(right)].groupby("usubjid")["afrlt"].max()
    left = before.reindex(trial.subjects["usubjid"]).fillna(0.0)
    assert len(done) == 172
    assert done["right"].tolist() == right.tolist()
    assert done["left"].tolist() == left.tolist()
    assert (done["status"] == "relief").sum() == np.isfinite(right).sum() > 0
    assert done["trt01a"].tolist() == trial.subjects["trt01a"].tolist()


def test_the_files_behind_the_scores_are_kept(trial):
    done = derive_relief(trial.scores, instrument="hamd17")
    assert ks.provenance.sources_of(done) == ks.provenance.sources_of(trial.scores)


def test_confirmed_relief_of_the_public_trial_is_rarer_and_never_earlier(trial):
    options = {"instrument": "hamd17", "subjects": trial.subjects}
    seen = derive_relief(trial.scores, **options)
    sure = derive_relief(trial.scores, confirmed=True, **options)
    assert (sure["right"] >= seen["right"]).all()
    assert sure.attrs["unconfirmed"] == ((seen["right"] < INF) & (sure["right"] == INF)).sum()

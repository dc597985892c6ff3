"""Rates from tables: denominators, groups, rules named in the result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from references import read_input

import ketastats as ks
from ketastats.models.denominators import count_by_denominator, count_every_denominator
from ketastats.models.response_rate import METHODS


@pytest.fixture(scope="module")
def week6():
    cohort = ks.load_antidepressant_trial()
    visits = ks.derive_response(ks.derive_baseline(cohort.scores))
    return ks.select_visit(visits, "Week 6", subjects=cohort.subjects, instrument="hamd17")


def by_arm(result):
    return result.to_frame().set_index("trt01a")


def test_everyone_counts_when_missing_is_non_response(week6):
    frame = by_arm(ks.response_rate(week6, by="trt01a", missing="non_response"))
    assert frame["successes"].to_dict() == {"DRUG": 29, "PLACEBO": 20}
    assert frame["n"].to_dict() == {"DRUG": 84, "PLACEBO": 88}


def test_only_those_seen_count_when_missing_is_left_out(week6):
    frame = by_arm(ks.response_rate(week6, by="trt01a", missing="observed"))
    assert frame["n"].to_dict() == {"DRUG": 64, "PLACEBO": 65}
    assert 100 * frame["estimate"]["DRUG"] == pytest.approx(45.3, abs=0.05)
    assert 100 * frame["estimate"]["PLACEBO"] == pytest.approx(30.8, abs=0.05)


def test_completers_are_those_whose_study_status_says_so(week6):
    one_left = week6.assign(eosstt=week6["eosstt"].where(week6.index != 0, "DISCONTINUED"))
    n = by_arm(ks.response_rate(one_left, by="trt01a", missing="completers"))["n"].sum()
    completed = (one_left["eosstt"] == "COMPLETED") & one_left["response"].notna()
    assert n == completed.sum()


def test_a_missing_response_is_an_error_unless_its_meaning_is_given(week6):
    with pytest.raises(ks.DataError, match="missing") as caught:
        ks.response_rate(week6)
    assert caught.value.problems[0].n_bad == 43
    assert len(caught.value.problems[0].rows) <= 5


def test_the_rule_is_named_in_the_result(week6):
    assert set(ks.response_rate(week6, missing="observed").to_frame()["rule"]) == {
        "hamd17:response_50"
    }


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_is_offered_by_name(week6, method):
    frame = ks.response_rate(week6, missing="observed", method=method).to_frame()
    row = frame.iloc[0]
    expected = METHODS[method](49, 129)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(expected))
    assert row["method"] == method


def test_an_unknown_method_names_the_nearest(week6):
    with pytest.raises(ks.UsageError, match="'wilson'"):
        ks.response_rate(week6, missing="observed", method="wilsn")


def test_the_order_of_the_rows_does_not_matter_and_the_table_is_unchanged(week6):
    before = week6.copy(deep=True)
    shuffled = week6.sample(frac=1, random_state=3)
    a, b = (
        ks.response_rate(t, by="trt01a", missing="observed").to_frame() for t in (week6, shuffled)
    )
    pd.testing.assert_frame_equal(a, b)
    pd.testing.assert_frame_equal(week6, before)


def test_zero_one_columns_count_and_other_numbers_are_refused():
    table = pd.DataFrame({"response": [1, 0, 1, 1]})
    assert ks.response_rate(table).to_frame()["estimate"][0] == 0.75
    with pytest.raises(ks.DataError, match="yes/no"):
        ks.response_rate(pd.DataFrame({"response": [1.5, 0]}))


def test_nobody_left_to_count_is_said_in_words(week6):
    with pytest.raises(ks.DataError, match="nobody"):
        ks.response_rate(week6.iloc[:0], missing="observed")
    unseen = week6.assign(response=pd.array([pd.NA] * len(week6), dtype="boolean"))
    with pytest.raises(ks.DataError, match="nobody"):
        ks.response_rate(unseen, missing="observed")


def test_one_subject_is_enough():
    row = ks.response_rate(pd.DataFrame({"response": [True]})).to_frame().iloc[0]
    assert row["estimate"] == 1
    assert 0 < row["conf_low"] < 1


def test_posterior_is_the_conjugate_one(week6):
    from scipy.stats import beta

    frame = ks.rate_posterior(week6, between=(0.3, 0.4), missing="observed").to_frame().iloc[0]
    exact = beta(49.5, 80.5)
    assert frame["probability_inside"] == pytest.approx(exact.cdf(0.4) - exact.cdf(0.3), rel=1e-9)
    assert frame["estimate"] == pytest.approx(exact.mean())


def test_the_number_knows_the_file_behind_it(week6):
    sources = ks.response_rate(week6, missing="observed").sources
    assert "antidepressant_hamd17.csv" in {source.name for source in sources}
    assert all(len(source.sha256) == 64 for source in sources)


def test_denominators_side_by_side_agree_with_one_at_a_time(week6):
    frame = ks.compare_denominators(week6).to_frame()
    for missing, rows in frame.groupby("missing"):
        alone = ks.response_rate(week6, by="trt01a", missing=missing).to_frame()
        assert np.allclose(rows["estimate"], alone["estimate"])


def test_strata_give_yan_and_sus_interval():
    strata = read_input("stratified_wilson")
    rows = [
        pd.DataFrame({"stratum": s.stratum, "response": [True] * s.x + [False] * (s.n - s.x)})
        for s in strata.itertuples()
    ]
    table = pd.concat(rows, ignore_index=True)
    found = ks.response_rate(table, strata="stratum", conf_level=0.90).to_frame().iloc[0]
    # R's tern prints .4072891 and .5647887.
    assert (found["conf_low"], found["conf_high"]) == pytest.approx(
        (0.4072891, 0.5647887), abs=1e-6
    )
    assert found["method"] == "stratified_wilson"
    assert found["conf_low"] < found["estimate"] < found["conf_high"]
    with pytest.raises(ks.UsageError, match="stratified"):
        ks.response_rate(table, strata="stratum", method="jeffreys")


@pytest.mark.parametrize("seed", range(6))
def test_counts_under_all_denominators_at_once_are_those_of_each_alone(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    table = pd.DataFrame({name: rng.random(n) < 0.5 for name in ("one", "other")}).astype("boolean")
    table["other"] = table["other"].mask(rng.random(n) < 0.6)
    ended = pd.Series(rng.choice(["COMPLETED", "DISCONTINUED"], n), dtype="string")
    table["eosstt"] = ended.mask(rng.random(n) < 0.2)
    together = count_every_denominator(table, ["one", "other"]).set_index(["endpoint", "missing"])
    for endpoint in ("one", "other"):
        completed = (table["eosstt"] == "COMPLETED").fillna(False)
        for missing in ("non_response", "observed", "completers"):
            people = table[completed] if missing == "completers" else table
            seen = people[endpoint].notna().any()
            assert ((endpoint, missing) in together.index) == seen
            if seen:
                alone = count_by_denominator(table, endpoint, missing=missing).iloc[0]
                assert together.loc[(endpoint, missing)].to_dict() == alone.to_dict()


def test_completers_have_no_counts_where_nobody_says_who_completed():
    table = pd.DataFrame({"response": pd.array([True, None], dtype="boolean")})
    assert list(count_every_denominator(table, ["response"])["missing"]) == [
        "non_response",
        "observed",
    ]

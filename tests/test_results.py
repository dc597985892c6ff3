"""The contract that every result type keeps; a new type without a case here fails."""

import dataclasses
import importlib
import json
import pkgutil
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import ketastats as ks
from ketastats.calibration.cases import Case
from ketastats.results import (
    RESULT_MIME,
    SHARED_WORDS,
    Result,
    Statement,
    TabularResult,
    estimate_text,
    records,
)

HOSTILE = "<script>alert(1)</script>"
NUMBERS = {
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
    "conf_level",
}


def patients() -> pd.DataFrame:
    """Forty subjects of two arms, one of them with a hostile name, two without an outcome."""
    arm = [HOSTILE, "placebo"] * 20
    response = pd.array([i % 3 == 0 for i in range(38)] + [None, None], dtype="boolean")
    return pd.DataFrame(
        {
            "usubjid": [f"s{i:02d}" for i in range(40)],
            "trt01a": arm,
            "age": [30 + i % 17 for i in range(40)],
            "response": response,
            "remission": response.copy(),
            "eosstt": ["COMPLETED"] * 38 + ["DISCONTINUED"] * 2,
        }
    )


def counted() -> pd.DataFrame:
    """Events of forty subjects in the days observed of twenty-eight planned."""
    n = np.arange(40)
    table = patients()[["usubjid", "trt01a"]]
    return table.assign(**{HOSTILE: n * 7 % 11 % 5}, days=28 - n % 4 * 5)


def counts_compared() -> ks.ReferenceCounts:
    return ks.reference_counts(counted(), HOSTILE, planned=28, reference="placebo", imputations=5)


def dropped_out() -> ks.DeltaRelief:
    return ks.delta_relief(
        relief_intervals(), arm=HOSTILE, reference="placebo", horizon=72, imputations=5
    )


def known_case() -> Case:
    scenario = SimpleNamespace(key="made")
    return Case(HOSTILE, "true", scenario, {}, (), 0.35, 0.0, (0.3, 0.4))


def drawn_count(case: Case, n: int, seed: int) -> tuple[int, int]:
    return n, 7 * n // 20


def judged_count(claim: str, cohort: tuple[int, int]) -> SimpleNamespace:
    n, events = cohort
    row = {"measure": "share", "n": n, "estimate": events / n, "conf_low": 0.2, "conf_high": 0.5}
    return SimpleNamespace(word="undecided", frame=pd.DataFrame([row]))


def every_claim() -> ks.ClaimTable:
    made = ks.load_synthetic_cohort()
    few = made.subjects.head(12).assign(trt01a=HOSTILE)
    scores = made.scores[made.scores["usubjid"].isin(few["usubjid"])]
    return ks.judge_every_claim(ks.Cohort(few, scores=scores, provenance="synthetic", name=HOSTILE))


def placebo_arms() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study_id": ["a", "b", "c"],
            "arm": "placebo",
            "outcome_type": "mean_change",
            "instrument": HOSTILE,
            "mean": [-6.0, -8.0, -7.0],
            "se": [1.0, 1.2, 0.8],
        }
    )


def cohort() -> ks.Cohort:
    table = patients()
    subjects = table[["usubjid", "trt01a", "age", "eosstt"]].assign(diagnosis="gad")
    first = pd.DataFrame(
        {
            "usubjid": table["usubjid"],
            "paramcd": "ham_a",
            "avisit": "Baseline",
            "afrlt": 0.0,
            "aval": 30.0,
        }
    )
    last = first.iloc[:38].assign(avisit="Week 6", afrlt=1008.0, aval=14.0)
    return ks.Cohort(subjects, scores=pd.concat([first, last]), provenance="public", name=HOSTILE)


def arms_of_studies() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study_id": ["a", "b", "c", "d"],
            "disorder": [HOSTILE, HOSTILE, "panic", "panic"],
            "events": [10, 14, 0, 9],
            "n": [30, 31, 12, 28],
        }
    )


def exact_times() -> pd.DataFrame:
    """Times seen exactly, every fourth one not reached."""
    hours = pd.Series([4.0 + i % 9 for i in range(40)])
    table = patients()[["usubjid", "trt01a"]]
    return table.assign(left=hours, right=hours.where(table.index % 4 > 0, float("inf")))


def relief_intervals() -> pd.DataFrame:
    return patients()[["usubjid", "trt01a"]].assign(
        left=[0.0, 4.0, 24.0, 24.0] * 10, right=[4.0, 24.0, 72.0, float("inf")] * 10
    )


def first_events() -> pd.DataFrame:
    return relief_intervals().assign(status=["relief", HOSTILE, "relief", "censored"] * 10)


def spans() -> pd.DataFrame:
    """Two spans at risk per subject, the first ending in an event for most."""
    first = patients()[["usubjid", "trt01a"]].assign(
        start=0.0,
        stop=[20.0 + i % 7 for i in range(40)],
        event=[int(i % 3 > 0) for i in range(40)],
        episode=1,
    )
    return pd.concat([first, first.assign(start=first["stop"], stop=60.0, event=0, episode=2)])


def courses_by_dose() -> pd.DataFrame:
    n = np.arange(40)
    return pd.DataFrame(
        {
            "usubjid": [f"s{i:02d}" for i in n],
            "trt01a": [HOSTILE, "placebo"] * 20,
            "dose_left": n // 2 % 3,
            "dose_right": np.where(n % 5 < 3, n // 2 % 3 + 1.0, np.inf),
            "n_doses": 3,
            "stopped": ["other", "well", "no_effect", "course_end"] * 10,
        }
    )


def sustained() -> ks.SustainedResponse:
    scores = cohort().scores
    halfway = scores[scores["afrlt"] > 0].assign(afrlt=504.0)
    return ks.sustained_response(
        pd.concat([scores, halfway]),
        start=504,
        horizon=1008,
        subjects=cohort().subjects,
        by="trt01a",
        missing="bounds",
    )


def visits_of_arms() -> pd.DataFrame:
    """Three visits of forty subjects, some missed, with a baseline and a second outcome."""
    rng = np.random.default_rng(4)
    person = patients()
    own = rng.normal(0, 3, 40)
    rows = []
    for k, visit in enumerate(["Week 1", "Week 2", "Week 4"]):
        chg = own - k * (1 + (person["trt01a"] == HOSTILE)) + rng.normal(0, 2, 40)
        rows.append(person.assign(avisit=visit, chg=chg.mask(rng.random(40) < 0.1 * k)))
    return pd.concat(rows, ignore_index=True)


def repeated(**options) -> ks.Mmrm:
    return ks.mmrm("chg ~ age + trt01a*avisit", visits_of_arms(), **options)


def last_visit() -> pd.DataFrame:
    visits = visits_of_arms()
    return visits[visits["avisit"] == "Week 1"]


def filled_in() -> ks.ReferenceBased:
    return ks.reference_based(
        "chg ~ age + trt01a*avisit", visits_of_arms(), reference="placebo", analysis="age"
    )


CASES = {
    "AdjustedRateDifference": lambda: ks.adjusted_rate_difference(
        patients(), arm=HOSTILE, reference="placebo", covariates="age", missing="observed"
    ),
    "Ancova": lambda: ks.ancova("chg ~ age + trt01a", visits_of_arms(), at="Week 4"),
    "BivariateMmrm": lambda: ks.bivariate_mmrm(
        visits_of_arms().assign(**{HOSTILE: lambda d: d["chg"] + d["age"] % 5 * (d.index % 7)}),
        "chg",
        HOSTILE,
        "trt01a*avisit",
        arm=HOSTILE,
        reference="placebo",
    ),
    "CovarianceComparison": lambda: ks.compare_covariances(
        "chg ~ trt01a*avisit",
        visits_of_arms(),
        arm=HOSTILE,
        reference="placebo",
        covariances=["us", "cs"],
    ),
    "AssumptionComparison": lambda: ks.compare_assumptions(
        "chg ~ age + trt01a*avisit",
        visits_of_arms(),
        reference="placebo",
        analysis="age",
        assumptions=["jump_to_reference", "locf"],
    ),
    "BaselineTable": lambda: ks.baseline_table(cohort()),
    "CountTipping": lambda: ks.count_tipping(
        counts_compared(), arm_deltas=[0.5, 1.0], reference_deltas=[0.5, 1.0]
    ),
    "CumulativeIncidence": lambda: ks.cumulative_incidence(first_events(), by="trt01a"),
    "DaysWell": lambda: ks.days_well(
        ks.derive_well_time(cohort().scores, horizon=1008, subjects=cohort().subjects), by="trt01a"
    ),
    "DenominatorComparison": lambda: ks.compare_denominators(patients(), band=(0.3, 0.4)),
    "DoseHazard": lambda: ks.dose_hazard(courses_by_dose(), "trt01a", up_to=2),
    "KaplanMeier": lambda: ks.kaplan_meier(exact_times(), by="trt01a", times=[6]),
    "LogRankTest": lambda: ks.log_rank_test(
        exact_times(), by="trt01a", trend={HOSTILE: 0, "placebo": 1}
    ),
    "EffectSize": lambda: ks.hedges_g(last_visit(), "chg", arm=HOSTILE, reference="placebo"),
    "EquivalenceTest": lambda: ks.equivalence_test(
        last_visit(), "chg", arm=HOSTILE, reference="placebo", bounds=(-1, 1)
    ),
    "FitComparison": lambda: repeated().compare(repeated(covariance="cs")),
    "FittedCovariance": lambda: repeated(covariance_by="trt01a", covariance="cs").fitted_covariance,
    "JointTest": lambda: repeated().joint([f"trt01a[T.{'placebo'}]"], term=HOSTILE),
    "LinearContrast": lambda: repeated().contrast({HOSTILE: {"age": 10.0}}),
    "MarginalMeans": lambda: repeated().emmeans(["trt01a", "avisit"]),
    "MeanDifferences": lambda: repeated().emmeans(["trt01a", "avisit"]).differences("placebo"),
    "Mmrm": repeated,
    "MmrmResiduals": lambda: repeated().residuals(),
    "MeanCumulativeCount": lambda: ks.mean_cumulative_count(spans(), by="trt01a"),
    "PairedRateDifference": lambda: ks.paired_rate_difference(
        patients().rename(columns={"response": HOSTILE}), first="remission", second=HOSTILE
    ),
    "ParticipantFlow": lambda: ks.participant_flow(cohort()),
    "PartsOverReliability": lambda: ks.single_arm_parts(
        last_visit(), base="age", entry=30, reliability=0.8, missing="observed", label=HOSTILE
    ).over_reliability([0.6, 0.9]),
    "ClaimTable": every_claim,
    "CohortComparison": lambda: ks.compare_cohorts(
        ks.synthetic_cohort("antidepressant_trial", 300, 1),
        ks.load_antidepressant_trial(),
        instrument="hamd17",
    ),
    "EvidenceComparison": lambda: ks.compare_with_evidence("ketamine_trd", n=2000),
    "NearestRecords": lambda: ks.nearest_records(
        ks.synthetic_cohort("antidepressant_trial", 300, 1),
        ks.load_antidepressant_trial(),
        instruments=["hamd17"],
    ),
    "OperatingCharacteristics": lambda: ks.operating_characteristics(
        known_case(), 40, replicates=5, workers=1, draw=drawn_count, judge=judged_count
    ),
    "SizePlan": lambda: ks.plan_size(
        known_case(), (40, 80), replicates=5, workers=1, draw=drawn_count, judge=judged_count
    ),
    "UnjudgedClaims": lambda: every_claim().without_path(),
    "PlaceboBenchmark": lambda: ks.placebo_benchmark(HOSTILE, evidence=placebo_arms()),
    "PooledRate": lambda: ks.pool_rates(
        arms_of_studies(), by="disorder", method="reml_hartung_knapp"
    ),
    "PoolingComparison": lambda: ks.compare_pooling(arms_of_studies(), band=(0.3, 0.4)),
    "RateDifference": lambda: ks.rate_difference(
        patients(), arm=HOSTILE, reference="placebo", missing="non_response"
    ),
    "RandomIntercept": lambda: ks.random_intercept(
        "chg ~ age + trt01a",
        visits_of_arms().assign(siteid=lambda d: d["age"] % 4),
        cluster="siteid",
        at="Week 4",
    ),
    "RepeatedCorrelation": lambda: ks.repeated_correlation(
        visits_of_arms().assign(**{HOSTILE: lambda d: d["chg"] + d.index % 7}), "chg", HOSTILE
    ),
    "RatePosterior": lambda: ks.rate_posterior(
        patients(), by="trt01a", between=(0.3, 0.4), missing="observed"
    ),
    "RecurrentEvents": lambda: ks.recurrent_events(spans(), "trt01a"),
    "ReferenceBased": filled_in,
    "DeltaRelief": dropped_out,
    "ReferenceCounts": counts_compared,
    "ReliefTipping": lambda: dropped_out().tipping([0.5, 1.0], [0.5, 1.0]),
    "ReferenceResponse": lambda: ks.reference_response(
        "chg ~ age + trt01a*avisit",
        visits_of_arms().assign(age=40.0),
        rule="hamd17:response_50",
        base="age",
        reference="placebo",
    ),
    "TippingPoint": lambda: ks.tipping_point(
        filled_in(), arm_deltas=[-1, 0, 1], reference_deltas=[-1, 0, 1]
    ),
    "ReliefByDose": lambda: ks.relief_by_dose(courses_by_dose(), by="trt01a"),
    "ReliefRegression": lambda: ks.relief_regression(relief_intervals(), "trt01a", "ph"),
    "ReliefTest": lambda: ks.relief_test(relief_intervals(), by="trt01a"),
    "ResponseRate": lambda: ks.response_rate(patients(), by="trt01a", missing="non_response"),
    "RestrictedMean": lambda: ks.restricted_mean(
        exact_times(), tau=8, by="trt01a", reference="placebo"
    ),
    "ScheduleResolution": lambda: ks.schedule_resolution(
        cohort().scores, subjects=cohort().subjects, by="trt01a", horizons=[24.0]
    ),
    "SingleArmParts": lambda: ks.single_arm_parts(
        last_visit(), base="age", entry=30, reliability=0.8, missing="observed", label=HOSTILE
    ),
    "StandardizedDifferences": lambda: ks.standardized_differences(
        repeated(), ["trt01a", "avisit"], "placebo"
    ),
    "StandardizedMeanChange": lambda: ks.standardized_mean_change(
        last_visit(), base="age", arm=HOSTILE, reference="placebo"
    ),
    "SustainedResponse": sustained,
    "TimeToRelief": lambda: ks.time_to_relief(relief_intervals(), by="trt01a"),
    "TreatmentCourse": lambda: ks.treatment_course(cohort()),
    "Verdict": lambda: ks.judge("conventional-relief-30-40", cohort(), arm=HOSTILE),
    "Verdict that is not testable": lambda: ks.judge("life-changing"),
}
ANONYMOUS = {
    "CohortComparison",
    "EvidenceComparison",
    "NearestRecords",
    "UnjudgedClaims",
    "PoolingComparison",
    "Verdict that is not testable",
    "FitComparison",
    "MmrmResiduals",
}  # no text of the user in them


@pytest.fixture(params=CASES, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def result(case):
    return CASES[case]()


def result_types() -> set[type]:
    """Every subclass of `TabularResult` in the whole package that is no base of others."""
    for module in pkgutil.walk_packages(ks.__path__, "ketastats."):
        importlib.import_module(module.name)
    found, open_ends = set(), [TabularResult]
    while open_ends:
        children = open_ends.pop().__subclasses__()
        # a dataclass with slots leaves the class it was made from behind; the module holds the other
        kept = [
            c for c in children if getattr(importlib.import_module(c.__module__), c.__name__) is c
        ]
        found.update(kept)
        open_ends += kept
    return {kind for kind in found if not any(other.__bases__[0] is kind for other in found)}


def test_every_result_type_has_a_case_here():
    covered = {name.split()[0] for name in CASES}
    assert {kind.__name__ for kind in result_types()} == covered


def test_a_result_keeps_the_protocol(case, result):
    assert isinstance(result, Result)
    assert type(result).__name__ == case.split()[0]


def test_a_table_ends_with_the_shared_words_in_order(result):
    assert tuple(result.to_frame().columns[-len(SHARED_WORDS) :]) == SHARED_WORDS


def test_numbers_of_a_table_are_floats_and_counts_nullable_integers(result):
    dtypes = result.to_frame().dtypes
    assert {name: str(dtypes[name]) for name in NUMBERS} == dict.fromkeys(NUMBERS, "float64")
    assert str(dtypes["n"]) == "Int64"


def test_changing_a_table_changes_nothing_in_the_result(result):
    before = result.to_frame()
    mine = result.to_frame()
    mine["estimate"] = -1.0
    mine.loc[len(mine), "term"] = "added"
    pd.testing.assert_frame_equal(result.to_frame(), before)


def test_a_result_is_frozen(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.notes = ("changed",)


def test_a_result_draws_itself_into_a_new_figure_and_into_given_axes(result):
    try:
        assert isinstance(result.plot(), Axes)
        mine = Figure().add_subplot()
        assert result.plot(mine) is mine
    finally:
        plt.close("all")


def test_a_result_is_one_line_of_text(result):
    assert str(result).strip()
    assert len(str(result).splitlines()) == 1


def test_hostile_text_is_escaped_in_the_html_of_a_result(case, result):
    html = result._repr_html_()
    assert "<script" not in html
    assert case in ANONYMOUS or "&lt;script&gt;" in html


def test_a_result_is_json_without_nan_and_with_its_sentence(result):
    bundle = result._repr_mimebundle_()
    back = json.loads(json.dumps(bundle, allow_nan=False))
    assert back[RESULT_MIME]["sentence"] == str(result) == bundle["text/plain"]
    assert len(back[RESULT_MIME]["rows"]) == len(result.to_frame())


def test_a_displayed_table_holds_only_text(result):
    shown = result.display()
    assert shown.map(lambda value: isinstance(value, str)).all(axis=None)
    assert all(isinstance(name, str) for name in shown.columns)


def test_the_words_of_a_figure_are_not_empty(result):
    assert result.figure_text().strip(" .")


def test_records_turn_missing_into_none_and_infinity_into_a_word():
    frame = pd.DataFrame({"a": [float("nan"), float("inf")], "b": pd.array([None, 3], "Int64")})
    assert records(frame) == [{"a": None, "b": None}, {"a": "inf", "b": 3}]


def test_an_absent_interval_is_left_out_and_an_absent_estimate_is_a_dash():
    nan = float("nan")
    form = "{:.1f}".format
    assert estimate_text(0.5, nan, nan, form) == "0.5"
    assert estimate_text(nan, 0.1, 0.2, form) == "–"
    assert estimate_text(0.5, 0.1, 0.9, form) == "0.5\u00a0(0.1\u00a0to\u00a00.9)"


def test_a_statement_escapes_its_text_and_its_word():
    html = Statement("a < b", "<i>")._repr_html_()
    assert "a &lt; b" in html
    assert "&lt;i&gt;" in html

"""From a claim about ketamine therapy to a verdict: load, derive, estimate, judge, report.

Public names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULE_OF = {
    "AdjustedRateDifference": "models.adjusted_rate_difference",
    "Ancova": "models.ancova",
    "AssumptionComparison": "models.assumption_comparison",
    "BaselineTable": "models.participants",
    "BivariateMmrm": "models.bivariate_mmrm",
    "Claim": "claims.registry",
    "ClaimTable": "calibration.every_claim",
    "Cohort": "cohort.cohort",
    "CohortComparison": "synthetic.fidelity",
    "CountTipping": "models.count_tipping",
    "CovarianceComparison": "models.covariance_comparison",
    "CumulativeIncidence": "models.cumulative_incidence",
    "DataError": "errors",
    "DaysWell": "models.days_well",
    "DeltaRelief": "models.delta_relief",
    "DenominatorComparison": "models.denominator_comparison",
    "DoseHazard": "models.dose_hazard",
    "EffectSize": "models.effect_size",
    "EquivalenceTest": "models.equivalence_test",
    "Estimand": "models.estimand",
    "EvidenceComparison": "synthetic.evidence_fidelity",
    "FOUR_ANXIETY_DISORDERS": "loaders.open_data",
    "Figure": "plots.figure",
    "Instrument": "instruments.registry",
    "KaplanMeier": "models.kaplan_meier",
    "KetastatsError": "errors",
    "LogRankTest": "models.log_rank_test",
    "MarginalMeans": "models.marginal_means",
    "MeanCumulativeCount": "models.mean_cumulative_count",
    "MeanDifferences": "models.marginal_means",
    "Mmrm": "models.mmrm",
    "NearestRecords": "synthetic.nearest_records",
    "NoErrorRatesError": "errors",
    "OperatingCharacteristics": "calibration.operating",
    "PairedRateDifference": "models.paired_difference",
    "ParticipantFlow": "models.participants",
    "PartsOverReliability": "models.parts_over_reliability",
    "PlaceboBenchmark": "models.placebo_benchmark",
    "PooledRate": "models.pooled_rate",
    "PoolingComparison": "models.pooling_comparison",
    "Problem": "errors",
    "RandomIntercept": "models.random_intercept",
    "RateDifference": "models.rate_difference",
    "RatePosterior": "models.response_rate",
    "RecurrentEvents": "models.recurrent_events",
    "ReferenceBased": "models.reference_based",
    "ReferenceCounts": "models.reference_counts",
    "ReferenceResponse": "models.reference_response",
    "ReliefByDose": "models.relief_by_dose",
    "ReliefRegression": "models.relief_regression",
    "ReliefTest": "models.relief_test",
    "ReliefTipping": "models.delta_relief",
    "RepeatedCorrelation": "models.repeated_correlation",
    "ResponseRate": "models.response_rate",
    "RestrictedMean": "models.restricted_mean",
    "Rule": "instruments.rules",
    "Scenario": "synthetic.scenario",
    "ScheduleResolution": "models.schedule_resolution",
    "SingleArmParts": "models.single_arm",
    "SizePlan": "calibration.planning",
    "StandardizedDifferences": "models.standardised_mean_difference",
    "StandardizedMeanChange": "models.mean_change",
    "SustainedResponse": "models.sustained_response",
    "SyntheticCohort": "synthetic.cohort",
    "TimeToRelief": "models.time_to_relief",
    "TippingPoint": "models.tipping_point",
    "TreatmentCourse": "models.treatment_course",
    "UnjudgedClaims": "calibration.every_claim",
    "UsageError": "errors",
    "Verdict": "claims.verdict",
    "adjusted_rate_difference": "models.adjusted_rate_difference",
    "ancova": "models.ancova",
    "baseline_table": "models.participants",
    "bivariate_mmrm": "models.bivariate_mmrm",
    "build_report": "reporting.report",
    "calibrate": "calibration.at_hand",
    "claim_cases": "calibration.settling",
    "cliffs_delta": "models.effect_size",
    "cohens_d": "models.effect_size",
    "compare_assumptions": "models.assumption_comparison",
    "compare_cohorts": "synthetic.fidelity",
    "compare_covariances": "models.covariance_comparison",
    "compare_denominators": "models.denominator_comparison",
    "compare_estimands": "models.estimand_comparison",
    "compare_pooling": "models.pooling_comparison",
    "compare_with_evidence": "synthetic.evidence_fidelity",
    "constrained_longitudinal": "models.constrained_longitudinal",
    "count_tipping": "models.count_tipping",
    "cumulative_incidence": "models.cumulative_incidence",
    "days_well": "models.days_well",
    "delta_relief": "models.delta_relief",
    "derive_baseline": "endpoints.baseline",
    "derive_change": "endpoints.criteria",
    "derive_endpoint": "endpoints.criteria",
    "derive_endpoints": "endpoints.criteria",
    "derive_episodes": "endpoints.episodes",
    "derive_loss_of_response": "endpoints.relapse",
    "derive_maintenance_doses": "endpoints.maintenance",
    "derive_minimal_important_difference": "endpoints.criteria",
    "derive_partial_response": "endpoints.criteria",
    "derive_relapse": "endpoints.relapse",
    "derive_reliable_change": "endpoints.criteria",
    "derive_relief": "endpoints.relief",
    "derive_relief_by_dose": "endpoints.dose_course",
    "derive_remission": "endpoints.criteria",
    "derive_response": "endpoints.criteria",
    "derive_visits": "endpoints.visits",
    "derive_well_time": "endpoints.well_time",
    "dose_hazard": "models.dose_hazard",
    "equivalence_test": "models.equivalence_test",
    "error_rate_statement": "calibration.beside_verdict",
    "error_rates": "calibration.beside_verdict",
    "estimand_difference": "models.estimand",
    "figure": "plots.figure",
    "find_claim": "claims.registry",
    "glass_delta": "models.effect_size",
    "hedges_g": "models.effect_size",
    "instrument": "instruments.registry",
    "judge": "claims.judge",
    "judge_every_claim": "calibration.every_claim",
    "kaplan_meier": "models.kaplan_meier",
    "leaving_events": "endpoints.visits",
    "load_antidepressant_trial": "loaders.open_data",
    "load_claims": "claims.registry",
    "load_cohort": "loaders.cohort_files",
    "load_endpoint_definitions": "instruments.endpoint_definitions",
    "load_evidence": "loaders.evidence",
    "load_instruments": "instruments.registry",
    "load_nhs_outcomes": "loaders.open_data",
    "load_nhs_proms": "loaders.open_data",
    "load_psilocybin_trials": "loaders.open_data",
    "load_psychotherapy_trials": "loaders.open_data",
    "load_questionnaire": "loaders.cohort_files",
    "load_scenario": "synthetic.scenario",
    "load_synthetic_cohort": "loaders.open_data",
    "load_synthetic_course": "loaders.open_data",
    "log_rank_test": "models.log_rank_test",
    "mean_cumulative_count": "models.mean_cumulative_count",
    "mmrm": "models.mmrm",
    "nearest_records": "synthetic.nearest_records",
    "operating_characteristics": "calibration.operating",
    "paired_rate_difference": "models.paired_difference",
    "participant_flow": "models.participants",
    "placebo_benchmark": "models.placebo_benchmark",
    "plan_size": "calibration.planning",
    "pool_rates": "models.pooled_rate",
    "published_mean_change": "models.mean_change",
    "random_intercept": "models.random_intercept",
    "rate_difference": "models.rate_difference",
    "rate_posterior": "models.response_rate",
    "recurrent_events": "models.recurrent_events",
    "reference_based": "models.reference_based",
    "reference_counts": "models.reference_counts",
    "reference_response": "models.reference_response",
    "relief_by_dose": "models.relief_by_dose",
    "relief_regression": "models.relief_regression",
    "relief_test": "models.relief_test",
    "repeated_correlation": "models.repeated_correlation",
    "response_rate": "models.response_rate",
    "restricted_mean": "models.restricted_mean",
    "rule": "instruments.registry",
    "schedule_resolution": "models.schedule_resolution",
    "score_items": "instruments.scoring",
    "score_subscales": "instruments.scoring",
    "select_control_arms": "loaders.open_data",
    "select_therapy_arms": "loaders.open_data",
    "select_visit": "endpoints.visits",
    "select_visits": "endpoints.visits",
    "shipped_scenarios": "synthetic.scenario",
    "single_arm_parts": "models.single_arm",
    "standardized_differences": "models.standardised_mean_difference",
    "standardized_mean_change": "models.mean_change",
    "stored_error_rates": "calibration.every_claim",
    "sustained_response": "models.sustained_response",
    "synthetic_cohort": "synthetic.cohort",
    "time_to_relief": "models.time_to_relief",
    "tipping_point": "models.tipping_point",
    "treatment_course": "models.treatment_course",
    "write_cohort": "synthetic.writing",
}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'ketastats' has no attribute {name!r}")
    value = getattr(import_module(f"ketastats.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from ketastats.calibration.at_hand import calibrate as calibrate
    from ketastats.calibration.beside_verdict import error_rate_statement as error_rate_statement
    from ketastats.calibration.beside_verdict import error_rates as error_rates
    from ketastats.calibration.every_claim import ClaimTable as ClaimTable
    from ketastats.calibration.every_claim import UnjudgedClaims as UnjudgedClaims
    from ketastats.calibration.every_claim import judge_every_claim as judge_every_claim
    from ketastats.calibration.every_claim import stored_error_rates as stored_error_rates
    from ketastats.calibration.operating import OperatingCharacteristics as OperatingCharacteristics
    from ketastats.calibration.operating import (
        operating_characteristics as operating_characteristics,
    )
    from ketastats.calibration.planning import SizePlan as SizePlan
    from ketastats.calibration.planning import plan_size as plan_size
    from ketastats.calibration.settling import claim_cases as claim_cases
    from ketastats.claims.judge import judge as judge
    from ketastats.claims.registry import Claim as Claim
    from ketastats.claims.registry import find_claim as find_claim
    from ketastats.claims.registry import load_claims as load_claims
    from ketastats.claims.verdict import Verdict as Verdict
    from ketastats.cohort.cohort import Cohort as Cohort
    from ketastats.endpoints.baseline import derive_baseline as derive_baseline
    from ketastats.endpoints.criteria import derive_change as derive_change
    from ketastats.endpoints.criteria import derive_endpoint as derive_endpoint
    from ketastats.endpoints.criteria import derive_endpoints as derive_endpoints
    from ketastats.endpoints.criteria import (
        derive_minimal_important_difference as derive_minimal_important_difference,
    )
    from ketastats.endpoints.criteria import derive_partial_response as derive_partial_response
    from ketastats.endpoints.criteria import derive_reliable_change as derive_reliable_change
    from ketastats.endpoints.criteria import derive_remission as derive_remission
    from ketastats.endpoints.criteria import derive_response as derive_response
    from ketastats.endpoints.dose_course import derive_relief_by_dose as derive_relief_by_dose
    from ketastats.endpoints.episodes import derive_episodes as derive_episodes
    from ketastats.endpoints.maintenance import derive_maintenance_doses as derive_maintenance_doses
    from ketastats.endpoints.relapse import derive_loss_of_response as derive_loss_of_response
    from ketastats.endpoints.relapse import derive_relapse as derive_relapse
    from ketastats.endpoints.relief import derive_relief as derive_relief
    from ketastats.endpoints.visits import derive_visits as derive_visits
    from ketastats.endpoints.visits import leaving_events as leaving_events
    from ketastats.endpoints.visits import select_visit as select_visit
    from ketastats.endpoints.visits import select_visits as select_visits
    from ketastats.endpoints.well_time import derive_well_time as derive_well_time
    from ketastats.errors import DataError as DataError
    from ketastats.errors import KetastatsError as KetastatsError
    from ketastats.errors import NoErrorRatesError as NoErrorRatesError
    from ketastats.errors import Problem as Problem
    from ketastats.errors import UsageError as UsageError
    from ketastats.instruments.endpoint_definitions import (
        load_endpoint_definitions as load_endpoint_definitions,
    )
    from ketastats.instruments.registry import Instrument as Instrument
    from ketastats.instruments.registry import instrument as instrument
    from ketastats.instruments.registry import load_instruments as load_instruments
    from ketastats.instruments.registry import rule as rule
    from ketastats.instruments.rules import Rule as Rule
    from ketastats.instruments.scoring import score_items as score_items
    from ketastats.instruments.scoring import score_subscales as score_subscales
    from ketastats.loaders.cohort_files import load_cohort as load_cohort
    from ketastats.loaders.cohort_files import load_questionnaire as load_questionnaire
    from ketastats.loaders.evidence import load_evidence as load_evidence
    from ketastats.loaders.open_data import FOUR_ANXIETY_DISORDERS as FOUR_ANXIETY_DISORDERS
    from ketastats.loaders.open_data import load_antidepressant_trial as load_antidepressant_trial
    from ketastats.loaders.open_data import load_nhs_outcomes as load_nhs_outcomes
    from ketastats.loaders.open_data import load_nhs_proms as load_nhs_proms
    from ketastats.loaders.open_data import load_psilocybin_trials as load_psilocybin_trials
    from ketastats.loaders.open_data import load_psychotherapy_trials as load_psychotherapy_trials
    from ketastats.loaders.open_data import load_synthetic_cohort as load_synthetic_cohort
    from ketastats.loaders.open_data import load_synthetic_course as load_synthetic_course
    from ketastats.loaders.open_data import select_control_arms as select_control_arms
    from ketastats.loaders.open_data import select_therapy_arms as select_therapy_arms
    from ketastats.models.adjusted_rate_difference import (
        AdjustedRateDifference as AdjustedRateDifference,
    )
    from ketastats.models.adjusted_rate_difference import (
        adjusted_rate_difference as adjusted_rate_difference,
    )
    from ketastats.models.ancova import Ancova as Ancova
    from ketastats.models.ancova import ancova as ancova
    from ketastats.models.assumption_comparison import AssumptionComparison as AssumptionComparison
    from ketastats.models.assumption_comparison import compare_assumptions as compare_assumptions
    from ketastats.models.bivariate_mmrm import BivariateMmrm as BivariateMmrm
    from ketastats.models.bivariate_mmrm import bivariate_mmrm as bivariate_mmrm
    from ketastats.models.constrained_longitudinal import (
        constrained_longitudinal as constrained_longitudinal,
    )
    from ketastats.models.count_tipping import CountTipping as CountTipping
    from ketastats.models.count_tipping import count_tipping as count_tipping
    from ketastats.models.covariance_comparison import CovarianceComparison as CovarianceComparison
    from ketastats.models.covariance_comparison import compare_covariances as compare_covariances
    from ketastats.models.cumulative_incidence import CumulativeIncidence as CumulativeIncidence
    from ketastats.models.cumulative_incidence import cumulative_incidence as cumulative_incidence
    from ketastats.models.days_well import DaysWell as DaysWell
    from ketastats.models.days_well import days_well as days_well
    from ketastats.models.delta_relief import DeltaRelief as DeltaRelief
    from ketastats.models.delta_relief import ReliefTipping as ReliefTipping
    from ketastats.models.delta_relief import delta_relief as delta_relief
    from ketastats.models.denominator_comparison import (
        DenominatorComparison as DenominatorComparison,
    )
    from ketastats.models.denominator_comparison import compare_denominators as compare_denominators
    from ketastats.models.dose_hazard import DoseHazard as DoseHazard
    from ketastats.models.dose_hazard import dose_hazard as dose_hazard
    from ketastats.models.effect_size import EffectSize as EffectSize
    from ketastats.models.effect_size import cliffs_delta as cliffs_delta
    from ketastats.models.effect_size import cohens_d as cohens_d
    from ketastats.models.effect_size import glass_delta as glass_delta
    from ketastats.models.effect_size import hedges_g as hedges_g
    from ketastats.models.equivalence_test import EquivalenceTest as EquivalenceTest
    from ketastats.models.equivalence_test import equivalence_test as equivalence_test
    from ketastats.models.estimand import Estimand as Estimand
    from ketastats.models.estimand import estimand_difference as estimand_difference
    from ketastats.models.estimand_comparison import compare_estimands as compare_estimands
    from ketastats.models.kaplan_meier import KaplanMeier as KaplanMeier
    from ketastats.models.kaplan_meier import kaplan_meier as kaplan_meier
    from ketastats.models.log_rank_test import LogRankTest as LogRankTest
    from ketastats.models.log_rank_test import log_rank_test as log_rank_test
    from ketastats.models.marginal_means import MarginalMeans as MarginalMeans
    from ketastats.models.marginal_means import MeanDifferences as MeanDifferences
    from ketastats.models.mean_change import StandardizedMeanChange as StandardizedMeanChange
    from ketastats.models.mean_change import published_mean_change as published_mean_change
    from ketastats.models.mean_change import standardized_mean_change as standardized_mean_change
    from ketastats.models.mean_cumulative_count import MeanCumulativeCount as MeanCumulativeCount
    from ketastats.models.mean_cumulative_count import (
        mean_cumulative_count as mean_cumulative_count,
    )
    from ketastats.models.mmrm import Mmrm as Mmrm
    from ketastats.models.mmrm import mmrm as mmrm
    from ketastats.models.paired_difference import PairedRateDifference as PairedRateDifference
    from ketastats.models.paired_difference import paired_rate_difference as paired_rate_difference
    from ketastats.models.participants import BaselineTable as BaselineTable
    from ketastats.models.participants import ParticipantFlow as ParticipantFlow
    from ketastats.models.participants import baseline_table as baseline_table
    from ketastats.models.participants import participant_flow as participant_flow
    from ketastats.models.parts_over_reliability import PartsOverReliability as PartsOverReliability
    from ketastats.models.placebo_benchmark import PlaceboBenchmark as PlaceboBenchmark
    from ketastats.models.placebo_benchmark import placebo_benchmark as placebo_benchmark
    from ketastats.models.pooled_rate import PooledRate as PooledRate
    from ketastats.models.pooled_rate import pool_rates as pool_rates
    from ketastats.models.pooling_comparison import PoolingComparison as PoolingComparison
    from ketastats.models.pooling_comparison import compare_pooling as compare_pooling
    from ketastats.models.random_intercept import RandomIntercept as RandomIntercept
    from ketastats.models.random_intercept import random_intercept as random_intercept
    from ketastats.models.rate_difference import RateDifference as RateDifference
    from ketastats.models.rate_difference import rate_difference as rate_difference
    from ketastats.models.recurrent_events import RecurrentEvents as RecurrentEvents
    from ketastats.models.recurrent_events import recurrent_events as recurrent_events
    from ketastats.models.reference_based import ReferenceBased as ReferenceBased
    from ketastats.models.reference_based import reference_based as reference_based
    from ketastats.models.reference_counts import ReferenceCounts as ReferenceCounts
    from ketastats.models.reference_counts import reference_counts as reference_counts
    from ketastats.models.reference_response import ReferenceResponse as ReferenceResponse
    from ketastats.models.reference_response import reference_response as reference_response
    from ketastats.models.relief_by_dose import ReliefByDose as ReliefByDose
    from ketastats.models.relief_by_dose import relief_by_dose as relief_by_dose
    from ketastats.models.relief_regression import ReliefRegression as ReliefRegression
    from ketastats.models.relief_regression import relief_regression as relief_regression
    from ketastats.models.relief_test import ReliefTest as ReliefTest
    from ketastats.models.relief_test import relief_test as relief_test
    from ketastats.models.repeated_correlation import RepeatedCorrelation as RepeatedCorrelation
    from ketastats.models.repeated_correlation import repeated_correlation as repeated_correlation
    from ketastats.models.response_rate import RatePosterior as RatePosterior
    from ketastats.models.response_rate import ResponseRate as ResponseRate
    from ketastats.models.response_rate import rate_posterior as rate_posterior
    from ketastats.models.response_rate import response_rate as response_rate
    from ketastats.models.restricted_mean import RestrictedMean as RestrictedMean
    from ketastats.models.restricted_mean import restricted_mean as restricted_mean
    from ketastats.models.schedule_resolution import ScheduleResolution as ScheduleResolution
    from ketastats.models.schedule_resolution import schedule_resolution as schedule_resolution
    from ketastats.models.single_arm import SingleArmParts as SingleArmParts
    from ketastats.models.single_arm import single_arm_parts as single_arm_parts
    from ketastats.models.standardised_mean_difference import (
        StandardizedDifferences as StandardizedDifferences,
    )
    from ketastats.models.standardised_mean_difference import (
        standardized_differences as standardized_differences,
    )
    from ketastats.models.sustained_response import SustainedResponse as SustainedResponse
    from ketastats.models.sustained_response import sustained_response as sustained_response
    from ketastats.models.time_to_relief import TimeToRelief as TimeToRelief
    from ketastats.models.time_to_relief import time_to_relief as time_to_relief
    from ketastats.models.tipping_point import TippingPoint as TippingPoint
    from ketastats.models.tipping_point import tipping_point as tipping_point
    from ketastats.models.treatment_course import TreatmentCourse as TreatmentCourse
    from ketastats.models.treatment_course import treatment_course as treatment_course
    from ketastats.plots.figure import Figure as Figure
    from ketastats.plots.figure import figure as figure
    from ketastats.reporting.report import build_report as build_report
    from ketastats.synthetic.cohort import SyntheticCohort as SyntheticCohort
    from ketastats.synthetic.cohort import synthetic_cohort as synthetic_cohort
    from ketastats.synthetic.evidence_fidelity import EvidenceComparison as EvidenceComparison
    from ketastats.synthetic.evidence_fidelity import compare_with_evidence as compare_with_evidence
    from ketastats.synthetic.fidelity import CohortComparison as CohortComparison
    from ketastats.synthetic.fidelity import compare_cohorts as compare_cohorts
    from ketastats.synthetic.nearest_records import NearestRecords as NearestRecords
    from ketastats.synthetic.nearest_records import nearest_records as nearest_records
    from ketastats.synthetic.scenario import Scenario as Scenario
    from ketastats.synthetic.scenario import load_scenario as load_scenario
    from ketastats.synthetic.scenario import shipped_scenarios as shipped_scenarios
    from ketastats.synthetic.writing import write_cohort as write_cohort

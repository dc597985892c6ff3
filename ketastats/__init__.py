"""From a claim about ketamine therapy to a verdict: load, derive, estimate, judge, report.

Public names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULE_OF = {
    "AdjustedRateDifference": "models.adjusted_rate_difference",
    "BaselineTable": "models.participants",
    "Claim": "claims.registry",
    "Cohort": "cohort.cohort",
    "DataError": "errors",
    "FOUR_ANXIETY_DISORDERS": "loaders.open_data",
    "Figure": "plots.figure",
    "Instrument": "instruments.registry",
    "KetastatsError": "errors",
    "PairedRateDifference": "models.paired_difference",
    "ParticipantFlow": "models.participants",
    "DenominatorComparison": "models.denominator_comparison",
    "PooledRate": "models.pooled_rate",
    "PoolingComparison": "models.pooling_comparison",
    "Problem": "errors",
    "RateDifference": "models.rate_difference",
    "RatePosterior": "models.response_rate",
    "ResponseRate": "models.response_rate",
    "Rule": "instruments.rules",
    "UsageError": "errors",
    "Verdict": "claims.verdict",
    "adjusted_rate_difference": "models.adjusted_rate_difference",
    "baseline_table": "models.participants",
    "build_report": "reporting.report",
    "compare_denominators": "models.denominator_comparison",
    "compare_pooling": "models.pooling_comparison",
    "derive_baseline": "endpoints.baseline",
    "derive_change": "endpoints.criteria",
    "derive_endpoint": "endpoints.criteria",
    "derive_endpoints": "endpoints.criteria",
    "derive_minimal_important_difference": "endpoints.criteria",
    "derive_partial_response": "endpoints.criteria",
    "derive_reliable_change": "endpoints.criteria",
    "derive_remission": "endpoints.criteria",
    "derive_response": "endpoints.criteria",
    "derive_visits": "endpoints.visits",
    "figure": "plots.figure",
    "find_claim": "claims.registry",
    "instrument": "instruments.registry",
    "judge": "claims.judge",
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
    "paired_rate_difference": "models.paired_difference",
    "participant_flow": "models.participants",
    "pool_rates": "models.pooled_rate",
    "rate_difference": "models.rate_difference",
    "rate_posterior": "models.response_rate",
    "response_rate": "models.response_rate",
    "rule": "instruments.registry",
    "score_items": "instruments.scoring",
    "score_subscales": "instruments.scoring",
    "select_control_arms": "loaders.open_data",
    "select_therapy_arms": "loaders.open_data",
    "select_visit": "endpoints.visits",
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
    from ketastats.claims.judge import judge as judge
    from ketastats.claims.registry import (
        Claim as Claim,
    )
    from ketastats.claims.registry import (
        find_claim as find_claim,
    )
    from ketastats.claims.registry import (
        load_claims as load_claims,
    )
    from ketastats.claims.verdict import Verdict as Verdict
    from ketastats.cohort.cohort import Cohort as Cohort
    from ketastats.endpoints.baseline import derive_baseline as derive_baseline
    from ketastats.endpoints.criteria import (
        derive_change as derive_change,
    )
    from ketastats.endpoints.criteria import (
        derive_endpoint as derive_endpoint,
    )
    from ketastats.endpoints.criteria import (
        derive_endpoints as derive_endpoints,
    )
    from ketastats.endpoints.criteria import (
        derive_minimal_important_difference as derive_minimal_important_difference,
    )
    from ketastats.endpoints.criteria import (
        derive_partial_response as derive_partial_response,
    )
    from ketastats.endpoints.criteria import (
        derive_reliable_change as derive_reliable_change,
    )
    from ketastats.endpoints.criteria import (
        derive_remission as derive_remission,
    )
    from ketastats.endpoints.criteria import (
        derive_response as derive_response,
    )
    from ketastats.endpoints.visits import (
        derive_visits as derive_visits,
    )
    from ketastats.endpoints.visits import (
        select_visit as select_visit,
    )
    from ketastats.errors import (
        DataError as DataError,
    )
    from ketastats.errors import (
        KetastatsError as KetastatsError,
    )
    from ketastats.errors import (
        Problem as Problem,
    )
    from ketastats.errors import (
        UsageError as UsageError,
    )
    from ketastats.instruments.endpoint_definitions import (
        load_endpoint_definitions as load_endpoint_definitions,
    )
    from ketastats.instruments.registry import (
        Instrument as Instrument,
    )
    from ketastats.instruments.registry import (
        instrument as instrument,
    )
    from ketastats.instruments.registry import (
        load_instruments as load_instruments,
    )
    from ketastats.instruments.registry import (
        rule as rule,
    )
    from ketastats.instruments.rules import Rule as Rule
    from ketastats.instruments.scoring import (
        score_items as score_items,
    )
    from ketastats.instruments.scoring import (
        score_subscales as score_subscales,
    )
    from ketastats.loaders.cohort_files import (
        load_cohort as load_cohort,
    )
    from ketastats.loaders.cohort_files import (
        load_questionnaire as load_questionnaire,
    )
    from ketastats.loaders.evidence import load_evidence as load_evidence
    from ketastats.loaders.open_data import (
        FOUR_ANXIETY_DISORDERS as FOUR_ANXIETY_DISORDERS,
    )
    from ketastats.loaders.open_data import (
        load_antidepressant_trial as load_antidepressant_trial,
    )
    from ketastats.loaders.open_data import (
        load_nhs_outcomes as load_nhs_outcomes,
    )
    from ketastats.loaders.open_data import (
        load_nhs_proms as load_nhs_proms,
    )
    from ketastats.loaders.open_data import (
        load_psilocybin_trials as load_psilocybin_trials,
    )
    from ketastats.loaders.open_data import (
        load_psychotherapy_trials as load_psychotherapy_trials,
    )
    from ketastats.loaders.open_data import (
        select_control_arms as select_control_arms,
    )
    from ketastats.loaders.open_data import (
        select_therapy_arms as select_therapy_arms,
    )
    from ketastats.models.adjusted_rate_difference import (
        AdjustedRateDifference as AdjustedRateDifference,
    )
    from ketastats.models.adjusted_rate_difference import (
        adjusted_rate_difference as adjusted_rate_difference,
    )
    from ketastats.models.denominator_comparison import (
        DenominatorComparison as DenominatorComparison,
    )
    from ketastats.models.denominator_comparison import (
        compare_denominators as compare_denominators,
    )
    from ketastats.models.paired_difference import (
        PairedRateDifference as PairedRateDifference,
    )
    from ketastats.models.paired_difference import (
        paired_rate_difference as paired_rate_difference,
    )
    from ketastats.models.participants import (
        BaselineTable as BaselineTable,
    )
    from ketastats.models.participants import (
        ParticipantFlow as ParticipantFlow,
    )
    from ketastats.models.participants import (
        baseline_table as baseline_table,
    )
    from ketastats.models.participants import (
        participant_flow as participant_flow,
    )
    from ketastats.models.pooled_rate import (
        PooledRate as PooledRate,
    )
    from ketastats.models.pooled_rate import (
        pool_rates as pool_rates,
    )
    from ketastats.models.pooling_comparison import (
        PoolingComparison as PoolingComparison,
    )
    from ketastats.models.pooling_comparison import (
        compare_pooling as compare_pooling,
    )
    from ketastats.models.rate_difference import (
        RateDifference as RateDifference,
    )
    from ketastats.models.rate_difference import (
        rate_difference as rate_difference,
    )
    from ketastats.models.response_rate import (
        RatePosterior as RatePosterior,
    )
    from ketastats.models.response_rate import (
        ResponseRate as ResponseRate,
    )
    from ketastats.models.response_rate import (
        rate_posterior as rate_posterior,
    )
    from ketastats.models.response_rate import (
        response_rate as response_rate,
    )
    from ketastats.plots.figure import (
        Figure as Figure,
    )
    from ketastats.plots.figure import (
        figure as figure,
    )
    from ketastats.reporting.report import build_report as build_report

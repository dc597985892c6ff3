"""Readings of a comparison of two arms at one visit: response, change and change in standard deviations.

All differences are benefits: above 0 where the arm did better than its reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import WORDS
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import reading_row
from ketastats.endpoints.criteria import derive_endpoint
from ketastats.endpoints.visits import select_visit
from ketastats.errors import KetastatsError
from ketastats.instruments.rules import Rule
from ketastats.models.ancova import Ancova, ancova
from ketastats.models.assumption_comparison import compare_assumptions
from ketastats.models.effect_size import hedges_g
from ketastats.models.mmrm import Mmrm, mmrm
from ketastats.models.rate_difference import rate_difference
from ketastats.models.reference_based import STRATEGY_TITLES
from ketastats.models.standardised_mean_difference import standardized_differences
from ketastats.stats.two_proportions import miettinen_nurminen_difference

ASSUMPTIONS = ("jump_to_reference", "copy_increments", "last_mean", "those_seen", "bocf")
"""Further assumptions about missed visits under which the change is estimated."""

_FORMULA = "benefit ~ base*avisit + trt01a*avisit"
_ONE_VISIT = "benefit ~ base + trt01a"
_ABOVE = (0.0, inf)


@dataclass(frozen=True)
class Comparison:
    """Two arms up to the visit that decides, one row per subject and visit in `table`.

    `table` has `benefit`, the improvement since baseline, and only subjects with a baseline; `scores`
    and `subjects` hold everybody.
    """

    claim: Claim
    arm: str
    reference: str
    instrument: str
    title: str
    at: str
    table: pd.DataFrame = field(repr=False)
    scores: pd.DataFrame = field(repr=False)
    subjects: pd.DataFrame = field(repr=False)

    @cached_property
    def visits(self) -> list[str]:
        """Visits at which anybody was seen, in order."""
        seen = self.table.loc[self.table["benefit"].notna(), "avisit"]
        return [str(name) for name in self.table["avisit"].cat.categories if (seen == name).any()]

    @cached_property
    def at_visit(self) -> pd.DataFrame:
        """One row per subject at the deciding visit."""
        return self.table[self.table["avisit"] == self.at].reset_index(drop=True)

    @cached_property
    def fit(self) -> Mmrm | Ancova:
        """The model of the change: a mixed model over the visits, or one of a single visit."""
        options: Mapping[str, Any] = {
            "reference": {"trt01a": self.reference},
            "conf_level": DECISION_LEVEL,
        }
        if len(self.visits) > 1:
            return mmrm(_FORMULA, _over(self.table, self.visits), **options)
        return ancova(_ONE_VISIT, self.at_visit, **options)


def _over(table: pd.DataFrame, visits: list[str]) -> pd.DataFrame:
    """Rows of these visits only, in their order."""
    kept = table[table["avisit"].isin(visits)]
    ordered = pd.CategoricalDtype(visits, ordered=True)
    return kept.assign(avisit=kept["avisit"].astype(str).astype(ordered))


def change_readings(comparison: Comparison, *, only_deciding: bool = False) -> list[dict[str, Any]]:
    """The difference in change: missing at random first, then other assumptions about who was not seen.

    Raises
    ------
    KetastatsError
        If the model has no maximum, or an arm no outcomes at the visit.
    """
    model = "mixed model" if isinstance(comparison.fit, Mmrm) else "analysis of covariance"
    first = _difference(comparison, comparison.fit)
    rows = [
        _change_row(comparison, first, "missing_at_random", f"{model}, missed visits at random")
    ]
    if not comparison.at_visit["benefit"].isna().any():
        return rows
    table = compare_assumptions(
        _FORMULA if len(comparison.visits) > 1 else _ONE_VISIT,
        _over(comparison.table, comparison.visits),
        reference=comparison.reference,
        at=comparison.at,
        assumptions=("jump_to_reference",) if only_deciding else ASSUMPTIONS,
        conf_level=DECISION_LEVEL,
    ).to_frame()
    return rows + [
        _change_row(comparison, row, str(row["assumption"]), str(row["term"]).lower())
        for row in table.to_dict("records")
    ]


def standardised_reading(comparison: Comparison) -> dict[str, Any]:
    """The difference in change in standard deviations, against the size that the claim states, if any."""
    if isinstance(comparison.fit, Mmrm):
        found = standardized_differences(
            comparison.fit, ["trt01a", "avisit"], comparison.reference, arm=comparison.arm
        ).to_frame()
        row = found[found["avisit"].astype(str) == comparison.at].iloc[0]
        method = "mixed model"
    else:
        row = (
            hedges_g(
                comparison.at_visit,
                "benefit",
                arm=comparison.arm,
                reference=comparison.reference,
                missing="observed",
                conf_level=DECISION_LEVEL,
            )
            .to_frame()
            .iloc[0]
        )
        method = "Hedges' g"
    least = float(comparison.claim.facts.get("standardised_effect", 0.0))
    return reading_row(
        comparison.claim,
        _estimate(row),
        reading=f"{comparison.instrument}/standardised",
        role="reading",
        title=f"Change in standard deviations of {comparison.title}, {method}",
        method=str(row["method"]),
        missing="missing_at_random",
        measure="standardised_difference",
        within=(least, inf),
    )


def response_readings(
    comparison: Comparison, rule: Rule, *, only_deciding: bool = False
) -> list[dict[str, Any]]:
    """The difference in the share that meets a rule: not seen = not met first, then others."""
    derived = derive_endpoint(comparison.scores, rule.endpoint, rule=rule.id)
    table = select_visit(
        derived, comparison.at, subjects=comparison.subjects, instrument=comparison.instrument
    )
    met = table[rule.endpoint]
    found = {"non_response": "everyone, not seen = not met"}
    if met.isna().any():
        found["observed"] = "those seen"
    rows = []
    for missing, words in found.items():
        row = (
            rate_difference(
                table,
                arm=comparison.arm,
                reference=comparison.reference,
                endpoint=rule.endpoint,
                missing=missing,
                conf_level=DECISION_LEVEL,
            )
            .to_frame()
            .iloc[0]
        )
        rows.append(_response_row(comparison, rule, _estimate(row), missing, words))
    if met.isna().any() and not only_deciding:
        rows += _filled_in_responses(comparison, rule)
        bounds = _whatever(table, rule.endpoint, comparison)
        rows.append(
            _response_row(
                comparison,
                rule,
                bounds,
                "bounds",
                "whatever became of those not seen",
                role="group",
            )
        )
    return rows


def _filled_in_responses(comparison: Comparison, rule: Rule) -> list[dict[str, Any]]:
    """The difference in the share under each assumption about scores that were missed.

    Empty where the rule needs more than a total or the scores have no model.
    """
    change = "chg ~ base*avisit + trt01a*avisit"
    try:
        table = compare_assumptions(
            change if len(comparison.visits) > 1 else "chg ~ base + trt01a",
            _over(comparison.table, comparison.visits),
            reference=comparison.reference,
            at=comparison.at,
            rule=rule.id,
            assumptions=tuple(STRATEGY_TITLES),
            conf_level=DECISION_LEVEL,
        ).to_frame()
    except KetastatsError:  # the counted shares stand without it
        return []
    return [
        _response_row(
            comparison,
            rule,
            _estimate(row),
            str(row["assumption"]),
            f"scores filled in, {row['term']}",
            role="group",
            method=str(row["method"]),
        )
        for row in table.to_dict("records")
    ]


def _whatever(table: pd.DataFrame, endpoint: str, comparison: Comparison) -> ReadingEstimate:
    """All that the difference can be: nobody of the arm and everybody of the reference, or the reverse."""
    counted = []
    for name in (comparison.arm, comparison.reference):
        own = table.loc[(table["trt01a"] == name).to_numpy(bool, na_value=False), endpoint]
        counted.append((int(own.sum()), int(own.isna().sum()), len(own)))
    (x1, m1, n1), (x2, m2, n2) = counted
    low = miettinen_nurminen_difference(x1, n1, x2 + m2, n2, conf_level=DECISION_LEVEL).low
    high = miettinen_nurminen_difference(x1 + m1, n1, x2, n2, conf_level=DECISION_LEVEL).high
    least, most = x1 / n1 - (x2 + m2) / n2, (x1 + m1) / n1 - x2 / n2
    return ReadingEstimate(
        least, low, high, n=n1 + n2, unit="cohort", bound_low=least, bound_high=most
    )


def _response_row(
    comparison: Comparison,
    rule: Rule,
    estimate: ReadingEstimate,
    missing: str,
    words: str,
    *,
    role: str = "reading",
    method: str = "miettinen_nurminen",
) -> dict[str, Any]:
    return reading_row(
        comparison.claim,
        estimate,
        reading=f"{rule.id}/{missing}",
        role=role,
        title=f"{WORDS[rule.endpoint]} ({rule.name}), {words}",
        method=method,
        rule=rule.id,
        missing=missing,
        grade=rule.grade,
        measure="share_difference",
        within=_ABOVE,
    )


def _difference(comparison: Comparison, fit: Mmrm | Ancova) -> Mapping[Any, Any]:
    """Arm minus reference at the deciding visit."""
    by = ["trt01a", "avisit"] if isinstance(fit, Mmrm) else ["trt01a"]
    found = fit.emmeans(by).differences(comparison.reference, arm=comparison.arm).to_frame()
    if "avisit" in found.columns:
        found = found[found["avisit"].astype(str) == comparison.at]
    row: Mapping[Any, Any] = found.to_dict("records")[0]
    if np.isnan(row["estimate"]) or np.isnan(row["conf_low"]):
        raise KetastatsError("The outcomes do not tell the difference at this visit")
    return row


def _change_row(
    comparison: Comparison, row: Mapping[Any, Any], missing: str, words: str
) -> dict[str, Any]:
    return reading_row(
        comparison.claim,
        _estimate(row),
        reading=f"{comparison.instrument}/change/{missing}",
        role="reading" if missing == "missing_at_random" else "group",
        title=f"Change in {comparison.title}, {words}",
        method=str(row["method"]),
        missing=missing,
        measure="mean_difference",
        within=_ABOVE,
    )


def _estimate(row: Any) -> ReadingEstimate:
    return ReadingEstimate(
        float(row["estimate"]),
        float(row["conf_low"]),
        float(row["conf_high"]),
        n=int(row["n"]),
        unit="cohort",
    )

"""Formulas with an outcome on the left."""

from __future__ import annotations

from ketastats.errors import UsageError


def split_formula(formula: str) -> tuple[str, str]:
    """Outcome and covariates of a formula such as ``"chg ~ base + trt01a"``."""
    if not isinstance(formula, str) or formula.count("~") != 1:
        raise UsageError(
            f'formula is text with an outcome and covariates, such as "chg ~ base + trt01a*avisit", not '
            f"{formula!r}"
        )
    outcome, covariates = (side.strip() for side in formula.split("~"))
    if not outcome:
        raise UsageError("Name the outcome, left of ~ in the formula")
    return outcome, covariates

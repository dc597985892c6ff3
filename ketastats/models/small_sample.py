"""Choosing the covariance of coefficients and their degrees of freedom by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketastats.checks.options import require_choice
from ketastats.errors import UsageError
from ketastats.stats.cluster_sandwich import Sandwich, sandwich_df
from ketastats.stats.fixed_effects import (
    FixedEffects,
    FTest,
    combined_f,
    kenward_roger_f,
    satterthwaite_df,
    satterthwaite_f,
)

Floats = NDArray[np.float64]

DF_METHODS = (
    "kenward_roger",
    "kenward_roger_linear",
    "satterthwaite",
    "between_within",
    "residual",
)
VCOV_METHODS = ("model", "cr0", "cr2", "cr3", "jackknife")
DF_TITLES = {
    "kenward_roger": "Kenward-Roger",
    "kenward_roger_linear": "Kenward-Roger, linear",
    "satterthwaite": "Satterthwaite",
    "between_within": "between-within degrees of freedom",
    "residual": "residual degrees of freedom",
}


@dataclass(frozen=True, slots=True, eq=False)
class SmallSample:
    """Degrees of freedom of one contrast each (`one`), and a test of several at once (`several`).

    Both take contrasts over the orthogonal columns of the design.
    """

    effects: FixedEffects
    method: str
    one: Callable[[Floats], Floats]
    several: Callable[[Floats], FTest]
    notes: tuple[str, ...] = ()


def check_methods(df: str, vcov: str) -> None:
    """Refuse unknown names and pairs that do not go together."""
    require_choice("method of degrees of freedom", df, DF_METHODS)
    require_choice("covariance of the coefficients", vcov, VCOV_METHODS)
    if vcov != "model" and df.startswith("kenward_roger"):
        raise UsageError(
            f"Kenward and Roger's method adjusts the model's own covariance, not {vcov!r}: pass "
            'df="satterthwaite" with it'
        )


def small_sample(
    effects: FixedEffects,
    df: str,
    *,
    sandwich: Sandwich | None = None,
    fixed_df: Callable[[Floats], Floats] | None = None,
    method: str,
) -> SmallSample:
    """Bind one method of degrees of freedom to a model's coefficients.

    `fixed_df` gives degrees of freedom that are counted, not estimated ("between_within", "residual");
    with a `sandwich`, "satterthwaite" is by the working model's moments of the robust variance.
    """
    if df in ("between_within", "residual"):
        if fixed_df is None:
            raise UsageError(f"{df} degrees of freedom are not defined for this model")
        counted = fixed_df
        return SmallSample(effects, method, counted, lambda rows: _least_f(effects, rows, counted))
    if sandwich is not None:
        robust = sandwich

        def one(rows: Floats) -> Floats:
            return sandwich_df(robust, rows)

        return SmallSample(
            effects, method, one, lambda rows: combined_f(effects, rows, one), _alone(robust)
        )
    f = kenward_roger_f if df.startswith("kenward_roger") else satterthwaite_f
    return SmallSample(
        effects, method, lambda rows: satterthwaite_df(effects, rows), lambda rows: f(effects, rows)
    )


def _alone(sandwich: Sandwich) -> tuple[str, ...]:
    """A sentence on coefficients that one subject alone tells."""
    if not len(sandwich.lost) or sandwich.correction == "cr0":
        return ()
    what = "are missing" if sandwich.correction == "cr3" else "are too small"
    return (
        "Some coefficients rest on one subject alone, such as the only one of a site; their robust "
        f"variances {what}.",
    )


def _least_f(effects: FixedEffects, rows: Floats, counted: Callable[[Floats], Floats]) -> FTest:
    """F test with the smallest degrees of freedom of its contrasts."""
    estimate = rows @ effects.beta
    wald = float(estimate @ np.linalg.solve(rows @ effects.covariance @ rows.T, estimate))
    return FTest(wald / len(rows), len(rows), float(counted(rows).min()), 1.0)

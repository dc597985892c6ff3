"""What a regression of times to an event predicts for given covariates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import checked_level
from ketastats.errors import UsageError
from ketastats.models.covariate_design import CovariateDesign
from ketastats.results import in_shared_words
from ketastats.stats.interval_aft import IntervalAFT
from ketastats.stats.interval_transformation import IntervalTransformation
from ketastats.stats.intervals import two_sided_quantile

Floats = NDArray[np.float64]

LATEST = "latest"
"""A single value takes the event to have come at the latest time it can have come."""


def predicted_survival(
    fit: IntervalAFT | IntervalTransformation,
    design: CovariateDesign,
    newdata: pd.DataFrame,
    times: Sequence[float],
    *,
    limits: bool,
    conf_level: float,
    event: str,
) -> pd.DataFrame:
    """Probability of no event by each time, one row per row of `newdata` and time.

    See `ketastats.models.relief_regression.ReliefRegression.predict`.
    """
    at = np.atleast_1d(np.asarray(times, dtype=float))
    if at.ndim != 1 or at.size == 0 or not np.isfinite(at).all() or (at < 0).any():
        raise UsageError("times must be hours of at least 0, finite, and at least one")
    z = _quantile(conf_level)
    x = design.of(newdata, name="newdata")
    if isinstance(fit, IntervalAFT):
        low = high = fit.survival(x, at)
        conf_low, conf_high = fit.survival(x, at, z=-z), fit.survival(x, at, z=z)
        method = "delta"
    else:
        low, high = fit.survival_bounds(x, at)
        if limits:
            conf_low, conf_high = fit.survival_bounds(x, at, z=z)
        else:
            conf_low = conf_high = np.full(low.shape, np.nan)
        method = f"delta, {LATEST}" if limits else LATEST
    parts = {"low": low, "high": high, "conf_low": conf_low, "conf_high": conf_high}
    terms = [f"no {event} by {time:g} h" for time in at]
    return _table(design, newdata, ("time", at), terms, parts, high, conf_level, method)


def predicted_quantiles(
    fit: IntervalAFT | IntervalTransformation,
    design: CovariateDesign,
    newdata: pd.DataFrame,
    shares: Sequence[float],
    *,
    conf_level: float,
    event: str,
) -> pd.DataFrame:
    """Hours by which each share has had the event, one row per row of `newdata` and share.

    See `ketastats.models.relief_regression.ReliefRegression.quantiles`.
    """
    wanted = np.atleast_1d(np.asarray(shares, dtype=float))
    if wanted.ndim != 1 or wanted.size == 0 or not ((wanted > 0) & (wanted < 1)).all():
        raise UsageError("shares must lie strictly between 0 and 1, at least one")
    z = _quantile(conf_level)
    x = design.of(newdata, name="newdata")
    if isinstance(fit, IntervalAFT):
        low = high = fit.quantile(x, wanted)
        conf_low, conf_high = fit.quantile(x, wanted, z=-z), fit.quantile(x, wanted, z=z)
        method = "delta"
    else:
        low, high = fit.quantile_bounds(x, wanted)
        conf_low = conf_high = np.full(low.shape, np.nan)
        method = LATEST
    parts = {"low": low, "high": high, "conf_low": conf_low, "conf_high": conf_high}
    terms = [f"hours until {share:.0%} have {event}" for share in wanted]
    return _table(design, newdata, ("share", wanted), terms, parts, high, conf_level, method)


def _quantile(conf_level: float) -> float:
    checked_level(conf_level)
    return two_sided_quantile(conf_level)


def _table(
    design: CovariateDesign,
    newdata: pd.DataFrame,
    asked: tuple[str, Floats],
    terms: Sequence[str],
    parts: dict[str, Floats],
    estimate: Floats,
    conf_level: float,
    method: str,
) -> pd.DataFrame:
    name, values = asked
    taken = {"row", name, "bound_low", "bound_high"}
    shown = [variable for variable in design.variables if variable not in taken]
    covariates = newdata[shown].to_dict("records")
    rows: list[dict[str, Any]] = []
    for i, patient in enumerate(covariates):
        for j, value in enumerate(values):
            rows.append(
                {
                    "row": i,
                    **{str(key): cell for key, cell in patient.items()},
                    name: float(value),
                    "bound_low": float(parts["low"][i, j]),
                    "bound_high": float(parts["high"][i, j]),
                    "term": terms[j],
                    "estimate": float(estimate[i, j]),
                    "conf_low": float(parts["conf_low"][i, j]),
                    "conf_high": float(parts["conf_high"][i, j]),
                    "conf_level": conf_level,
                    "method": method,
                }
            )
    return in_shared_words(rows, own=("row", *shown, name, "bound_low", "bound_high"))

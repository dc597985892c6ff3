"""One difference of arms under several estimands, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketastats.checks.options import checked_level, matched, require_choice
from ketastats.errors import UsageError
from ketastats.models.assumption_comparison import AssumptionComparison
from ketastats.models.estimand import Estimand, estimand_difference
from ketastats.models.reference_response import ReferenceResponse
from ketastats.results import in_shared_words


def compare_estimands(
    estimands: Mapping[str, Estimand],
    formula: str,
    data: pd.DataFrame,
    events: pd.DataFrame,
    *,
    after: str | Mapping[str, str] = "jump_to_reference",
    at: Any = None,
    rule: str | None = None,
    unit: str = "points",
    conf_level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> AssumptionComparison:
    """Estimate several estimands from one trial, so that a reader sees what the choice does.

    Parameters
    ----------
    estimands : mapping of name to Estimand
        All of the same two arms; names become the rows.
    formula, data, events, rule, unit, conf_level
        As for `estimand_difference`.
    after : str or mapping of name to str
        What is assumed after events under the treatment policy strategy, for all or for each estimand.
    at : visit, optional
        The last one by default.
    progress : callable, optional
        Told the number of estimands that are done, and of all.
    **options
        Further ones of `estimand_difference`.

    Returns
    -------
    AssumptionComparison
        One row per estimand; each one's sentence is among the notes.

    Raises
    ------
    UsageError, DataError
        As `estimand_difference`, and if the estimands compare different arms.
    """
    level = checked_level(conf_level)
    if not isinstance(estimands, Mapping) or not estimands:
        raise UsageError('estimands is a mapping of names to Estimand, such as {"policy": ...}')
    if len({(one.arm, one.reference) for one in estimands.values()}) > 1:
        raise UsageError("The estimands compare different arms: they have no place in one table")
    assumed = {name: after if isinstance(after, str) else after.get(name) for name in estimands}
    if not isinstance(after, str):
        for name in after:
            require_choice("estimand", name, estimands)
    found = {}
    for done, (name, estimand) in enumerate(estimands.items(), start=1):
        found[name] = estimand_difference(
            estimand,
            formula,
            data,
            events,
            after=assumed[name] or "jump_to_reference",
            rule=rule,
            unit=unit,
            conf_level=level,
            **options,
        )
        if progress is not None:
            progress(done, len(estimands))
    first = next(iter(found.values()))
    trial = first.trial
    when = trial.visits[-1] if at is None else matched("visit", at, trial.visits)
    t, k = trial.visits.index(when), trial.arms.index(next(iter(estimands.values())).arm) - 1
    rows = [
        {
            **one.difference_at(t, k, np.array(one.deltas), level),
            "assumption": name,
            "term": name,
            "n": len(one.trial.subjects),
            "imputed": int(one.trial.imputed[:, t].sum()),
            "conf_level": level,
            "method": one.replicates.method,
        }
        for name, one in found.items()
    ]
    return AssumptionComparison(
        in_shared_words(rows, own=("assumption", "imputed")),
        difference=f"{trial.arms[k + 1]} minus {trial.arms[0]} at {when}",
        outcome=first.outcome,
        unit=unit if rule is None else "percentage points",
        shares=isinstance(first, ReferenceResponse),
        what="what is estimated",
        sources=first.sources,
        notes=tuple(f"{name}: {estimand}" for name, estimand in estimands.items()),
    )

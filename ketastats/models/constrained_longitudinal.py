"""Constrained longitudinal data analysis: baseline as an outcome, with one mean for all arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names, not_numbers, refuse, require_columns
from ketastats.checks.options import matched, require_column_name
from ketastats.errors import UsageError, problem
from ketastats.models.mmrm import Mmrm, fitted_mmrm
from ketastats.models.repeated_fit import Constraint, RepeatedOptions, fit_model
from ketastats.models.repeated_inference import fitted_mean


def constrained_longitudinal(
    data: pd.DataFrame,
    *,
    outcome: str = "aval",
    arm: str = "trt01a",
    reference: str,
    baseline: Any,
    covariates: str = "",
    subject: str = "usubjid",
    visit: str = "avisit",
    covariance: str = "us",
    df: str = "kenward_roger",
    fallback: Sequence[str] = (),
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
) -> Mmrm:
    """Fit a mixed model to scores that include baseline, where the arms have the same mean.

    Randomisation makes that constraint true. Patients with a baseline and nothing after it, or the other
    way round, keep their place.

    Parameters
    ----------
    data : DataFrame, one row per subject and visit
        Scores, not changes, with rows of the baseline visit.
    outcome, arm, subject, visit : str
        Columns.
    reference : str
        The arm that others are compared with.
    baseline : value of `visit`
        The visit before treatment.
    covariates : str, optional
        More of the formula, such as ``"siteid + age"``.
    covariance, df, fallback, conf_level, label, unit
        As for `mmrm`.

    Returns
    -------
    Mmrm
        Coefficients of an arm at a visit are differences from the reference at that visit. Marginal means
        by arm and visit, and their differences, are as for `mmrm`; at baseline all arms have one mean.

    Raises
    ------
    UsageError, DataError
        As `mmrm`, and if there is no such baseline visit or arm.

    References
    ----------
    Liang KY, Zeger SL (2000). Sankhya B 62:134-148. Liu GF, Lu K, Mogg R, Mallick M, Mehrotra DV (2009).
    Stat Med 28:2509-2530.
    """
    for option, name in (
        ("arm", arm),
        ("visit", visit),
        ("subject", subject),
        ("outcome", outcome),
    ):
        require_column_name(option, name)
    require_columns(data, [outcome, arm, subject, visit], table="data")
    refuse(not_numbers(data, [outcome], table="data"), source="The table of visits")
    data = data.assign(**{arm: data[arm].astype(object).map(str, na_action="ignore")})
    levels = list(data[arm].dropna().unique())
    first = matched("arm", reference, levels)
    if len(levels) < 2:
        raise UsageError("There is one arm only: take mmrm()")
    before = matched("visit", baseline, data[visit].dropna().unique())
    _require_baseline(data, outcome, visit, before)
    options = RepeatedOptions(
        codes=(covariance, *column_names(fallback)),
        df=df,
        reml=True,
        vcov="model",
        information="observed",
        coordinates=(),
        covariance_by=None,
        conf_level=conf_level,
    )
    options.check()
    if any(code.startswith("sp_") for code in options.codes):
        raise UsageError("Spatial covariances are fitted by mmrm()")
    more = f" + {covariates}" if covariates and covariates.strip() else ""
    model = fit_model(
        f"{outcome} ~ {_quoted(visit)} + {_quoted(visit)}:{_quoted(arm)}{more}",
        data,
        options,
        subject=subject,
        visit=visit,
        weights=None,
        reference={arm: first},
        constraint=_one_baseline(arm, visit, before, first, levels),
    )
    mean = fitted_mean(model, options, label=label, unit=unit)
    return fitted_mmrm(model, mean, options, data)


def _require_baseline(data: pd.DataFrame, outcome: str, visit: str, baseline: Any) -> None:
    here = (data[visit] == baseline).to_numpy(dtype=bool, na_value=False)
    scores = data.loc[here, outcome].dropna()
    if scores.empty:
        raise UsageError(f"Nobody has an outcome at {baseline}")
    if np.ptp(scores.to_numpy(dtype=float)) == 0:
        found = problem(
            "constant_baseline",
            "data",
            outcome,
            [],
            f"the same for everyone at {baseline}, as changes from baseline are",
            "Give the scores themselves, not their changes",
        )
        refuse([found], source="The table of visits")


def _one_baseline(
    arm: str, visit: str, baseline: Any, reference: str, levels: list[str]
) -> Constraint:
    """Everyone belongs to the reference at baseline, whatever the table says."""

    def recode(table: pd.DataFrame) -> pd.DataFrame:
        if not {arm, visit} <= set(table.columns):
            return table
        early = (table[visit] == baseline).to_numpy(dtype=bool, na_value=False)
        named = table[arm].astype(object).map(str)
        return table.assign(**{arm: named.mask(early, reference)})

    emptied = [f"{visit}[{baseline}]:{arm}[T.{level}]" for level in levels]
    note = f"All arms have one mean at {baseline} (constrained longitudinal data analysis)."
    return Constraint(recode, frozenset(emptied), note)


def _quoted(name: str) -> str:
    """A column's name as a formula writes it."""
    return name if name.isidentifier() else f"`{name}`"

"""How covariates and the dose number change the chance of relief at a dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from ketastats.checks.columns import refuse
from ketastats.errors import UsageError, unknown_name
from ketastats.models.covariate_design import CovariateDesign, covariate_design
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    display_estimates,
    estimate_text,
    in_shared_words,
    level_text,
    number,
)
from ketastats.stats.discrete_hazard import (
    LINKS,
    HazardFit,
    fit_hazard,
    standardised_share,
)
from ketastats.stats.intervals import check_level, two_sided_quantile
from ketastats.stats.standardised_risks import SeparationError
from ketastats.summaries.dose_counts import (
    dose_table_problems,
    nobody_at_risk,
    person_doses,
    rows_that_inform,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SOURCE = "The table of relief by dose"


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """What is needed to predict: the fit, how to make a design, and whom to average over."""

    fit: HazardFit
    design: CovariateDesign
    people: pd.DataFrame
    dose: str
    last: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DoseHazard(TabularResult):
    """Regression of the discrete hazard, one row per term."""

    fitted: _Fitted = field(kw_only=True, repr=False)

    @property
    def loglik(self) -> float:
        """Log-likelihood at its maximum."""
        return self.fitted.fit.loglik

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood of the 0/1 outcomes by person and dose."""
        return self.fitted.fit.deviance

    def share_by(self, dose: int, group: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Share reached by a dose, averaged over the covariates of all subjects.

        Parameters
        ----------
        dose : int
        group : mapping of str to value, optional
            Covariates to hold at one value for everybody, such as ``{"trt01a": "ketamine"}``.

        Returns
        -------
        DataFrame, one row in the shared words
            `std_error` by the delta method, with the covariates as fixed.
        """
        fitted, held = self.fitted, dict(group or {})
        if dose not in range(1, fitted.last + 1):
            raise UsageError(f"The regression has doses 1 to {fitted.last}, not {dose!r}")
        for name in held:
            if name not in fitted.design.variables or name == "dose":
                raise unknown_name("covariate of this regression", name, fitted.design.variables)
        people = fitted.people.assign(**held)
        rows = people.loc[np.repeat(people.index, dose)].reset_index(drop=True)
        rows["dose"] = np.tile(np.arange(1.0, dose + 1), len(people))
        columns = fitted.design.of(rows, name="people to average over")
        design = np.column_stack([_dose_terms(rows["dose"], fitted.dose, fitted.last)[0], columns])
        who = np.repeat(np.arange(len(people)), dose)
        weight = people["n"].to_numpy(dtype=float)
        level = float(self.frame["conf_level"].iloc[0])
        share, se, limits = standardised_share(fitted.fit, design, who, weight, conf_level=level)
        row = {
            "term": ", ".join([*(str(value) for value in held.values()), f"dose {dose}"]),
            "n": int(weight.sum()),
            "estimate": share,
            "std_error": se,
            "conf_low": limits.low,
            "conf_high": limits.high,
            "conf_level": level,
            "method": f"discrete_hazard_{fitted.fit.link}",
        }
        return in_shared_words([row])

    def display(self) -> pd.DataFrame:
        """Return one row per term: coefficient, and the ratio for covariates."""
        shown = display_estimates(self.frame, heading="Coefficient", labels={"term": "Term"})
        shown[self._ratio()] = [
            estimate_text(row["ratio"], row["ratio_low"], row["ratio_high"], number)
            for row in self.frame.to_dict("records")
        ]
        return shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios of the covariates, or the coefficients where there are none."""
        from ketastats.plots.forest import draw_forest
        from ketastats.plots.ratios import draw_ratios

        ratios = self.frame[self.frame["ratio"].notna()]
        if ratios.empty:
            return draw_forest(self.frame, ax, xlabel=f"Coefficient ({self.fitted.fit.link})")
        return draw_ratios(ratios, ax, xlabel=self._ratio())

    def __str__(self) -> str:
        rows = self.frame[self.frame["ratio"].notna()].to_dict("records")
        parts = [
            f"{row['term']} {number(row['ratio'])} ({level_text(row['conf_level'])} interval "
            f"{number(row['ratio_low'])} to {number(row['ratio_high'])})"
            for row in rows
        ]
        said = ", ".join(parts) or "no covariates"
        return f"{self._ratio()} by dose number: {said}"

    def _ratio(self) -> str:
        return "Hazard ratio" if self.fitted.fit.link == "cloglog" else "Odds ratio of the hazard"


def dose_hazard(
    table: pd.DataFrame,
    formula: str,
    *,
    link: str = "cloglog",
    dose: str = "free",
    up_to: int | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> DoseHazard:
    """Regress the hazard of reaching an endpoint at each dose number on covariates.

    Parameters
    ----------
    table : DataFrame, one row per subject
        From `derive_relief_by_dose`. Stopping must be independent of what would have followed, given
        the covariates. Subjects without a known assessment after a dose do not count.
    formula : str
        Covariates, such as ``"trt01a + age"``; ``"1"`` for none. It may name `dose`, the dose
        number, for effects that change over the course (``"age + age:dose"``).
    link : {"cloglog", "logit"}
        With cloglog exp(coefficient) is a hazard ratio, with logit an odds ratio of the hazard.
    dose : {"free", "linear"}
        A level for each dose number, or an intercept (dose 1) with a slope.
    up_to : int, optional
        Last dose number to use: what happened later is censored there, and relief that may have come
        before or after it at the last not-met assessment.
    reference : mapping of column to value, optional
        The group that the others are compared with; by default the first.
    conf_level : float, default 0.95

    Returns
    -------
    DoseHazard
        One row per term with Wald limits on the scale of the link; `ratio`, `ratio_low` and
        `ratio_high` for covariates. Standard errors are those of `fit_hazard`.

    Raises
    ------
    UsageError
        If the formula does not fit, or terms tell events apart perfectly (they are named).
    DataError
        If the table has faults, or a covariate is missing.

    References
    ----------
    Prentice RL, Gloeckler LA (1978). Biometrics 34:57-67. Singer JD, Willett JB (1993). J Educ Stat
    18:155-195.
    """
    if link not in LINKS:
        raise unknown_name("link", link, LINKS)
    if dose not in ("free", "linear"):
        raise unknown_name("dose effect", dose, ("free", "linear"))
    check_level(conf_level)
    people = _distinct_people(table, formula, up_to)
    rows, trial, event, weight = person_doses(people)
    last = int(rows["dose"].max())
    covariates = covariate_design(
        rows, formula, intercept=False, reference=reference, name="relief by dose"
    )
    terms, names = _dose_terms(rows["dose"], dose, last)
    design = np.column_stack([terms, covariates.matrix])
    labels = [*names, *covariates.labels]
    try:
        fit = fit_hazard(design, trial, event, weight, link=link, names=labels)
    except SeparationError as error:
        raise UsageError(f"dose_hazard: {error}") from None
    made = _coefficient_rows(fit, labels, len(names), conf_level)
    for row in made:
        row.update(
            n=int(people["n"].sum()), conf_level=conf_level, method=f"discrete_hazard_{link}"
        )
    frame = in_shared_words(made, own=("ratio", "ratio_low", "ratio_high"))
    fitted = _Fitted(fit, covariates, people, dose, last)
    return DoseHazard(frame, sources=sources_of(table), fitted=fitted)


def _distinct_people(table: pd.DataFrame, formula: str, up_to: int | None) -> pd.DataFrame:
    """Distinct intervals and covariates of those who tell something, with multiplicity `n`."""
    refuse(dose_table_problems(table), source=_SOURCE)
    if up_to is not None and (up_to < 1 or up_to != int(up_to)):
        raise UsageError(f"up_to is a dose number of at least 1, not {up_to!r}")
    some_doses = 1.0 + np.arange(len(table)) % 2  # only so that the formula can be read
    checked = covariate_design(
        table.assign(dose=some_doses), formula, intercept=True, name="relief by dose"
    )
    names = [name for name in checked.variables if name != "dose"]
    used = table[[*names, "dose_left", "dose_right"]].astype(
        {"dose_left": "float64", "dose_right": "float64"}
    )
    if up_to is not None:
        right = used["dose_right"].where(used["dose_right"] <= up_to, inf)
        used = used.assign(dose_left=used["dose_left"].clip(upper=up_to), dose_right=right)
    used = used[rows_that_inform(used)]
    if used.empty:
        refuse([nobody_at_risk("the table")], source=_SOURCE)
    keys = [*names, "dose_left", "dose_right"]
    return used.groupby(keys, observed=True, sort=True).size().rename("n").reset_index()


def _dose_terms(dose: pd.Series, kind: str, last: int) -> tuple[NDArray[np.float64], list[str]]:
    """Columns of the dose number: a level for each, or an intercept and a slope."""
    number_of = dose.to_numpy(dtype=float)
    if kind == "linear":
        return np.column_stack([np.ones(number_of.size), number_of - 1]), [
            "dose 1",
            "each further dose",
        ]
    doses = np.arange(1, last + 1)
    return np.equal.outer(number_of, doses).astype(float), [f"dose {k}" for k in doses]


def _coefficient_rows(
    fit: HazardFit, labels: Sequence[str], n_dose_terms: int, conf_level: float
) -> list[dict[str, Any]]:
    z = two_sided_quantile(conf_level)
    errors = np.sqrt(np.diag(fit.covariance))
    rows: list[dict[str, Any]] = []
    for j, (label, estimate, se) in enumerate(zip(labels, fit.coefficients, errors, strict=True)):
        low, high = estimate - z * se, estimate + z * se
        row = {
            "term": label,
            "estimate": estimate,
            "std_error": se,
            "statistic": estimate / se,
            "p_value": 2 * float(ndtr(-abs(estimate / se))),
            "conf_low": low,
            "conf_high": high,
        }
        if j >= n_dose_terms:
            ratios = np.exp([estimate, low, high])
            row.update(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True))
        rows.append(row)
    return rows

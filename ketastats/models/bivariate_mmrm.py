"""Two outcomes over the same visits in one mixed model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ketastats.checks.options import checked_level
from ketastats.errors import DataError, UsageError, problem
from ketastats.models.covariate_design import covariate_design, formula_variables
from ketastats.models.linear_design import LinearDesign, linear_design
from ketastats.models.linear_result import FittedMean, first_row
from ketastats.models.marginal_means import MeanDifferences, marginal_means
from ketastats.models.repeated_fit import theta_covariance
from ketastats.models.repeated_rows import RepeatedRows, repeated_rows
from ketastats.models.small_sample import SmallSample
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)
from ketastats.stats.covariance_structures import structure
from ketastats.stats.fixed_effects import FixedEffects, satterthwaite_df, satterthwaite_f
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.joint_outcomes import JointMoments, fisher_limits, joint_moments
from ketastats.stats.kenward_roger import kenward_roger_covariance
from ketastats.stats.pattern_covariance import CommonCovariance
from ketastats.stats.repeated_measures_fit import (
    NotConvergedError,
    RepeatedFit,
    fit_repeated,
    moment_matrices,
)
from ketastats.summaries.cross_products import cross_products, layout_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

QUANTITIES = ("correlation", "slope", "effect", "effect_left")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BivariateMmrm(TabularResult):
    """Correlation of two outcomes by visit, and an arm's effect on the first before and after the second.

    `quantity` is "correlation" (at the visit, within arms), "slope" (points of the first per point of the
    second), "effect" (arm minus reference on each outcome) or "effect_left" (on the first, between
    patients with equal values of the second).
    """

    first: str = field(kw_only=True)
    second: str = field(kw_only=True)
    deviance: float = field(kw_only=True)
    sigma: pd.DataFrame = field(kw_only=True, repr=False)

    def display(self) -> pd.DataFrame:
        """Return one row per quantity and visit."""
        rows = self.frame.to_dict("records")
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                f"Estimate ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effect on the first outcome over visits, before and after the second."""
        from ketastats.plots.profile import draw_profile

        effects = self._effects()
        names = {"effect": "all of it", "effect_left": f"left at equal {self.second}"}
        points = effects.assign(
            line=effects["quantity"].map(names), visit=effects["visit"].astype(str)
        )
        label = "Difference between arms (points)"
        return draw_profile(points, ax, ylabel=label, reference=0.0)

    def figure_text(self) -> str:
        """Return the effects in words."""
        parts = [
            f"{row['term']} {estimate_text(row['estimate'], row['conf_low'], row['conf_high'], number)}"
            for row in self._effects().to_dict("records")
        ]
        return f"{'; '.join(parts)}."

    def _effects(self) -> pd.DataFrame:
        of_first = self.frame["outcome"] == self.first
        return self.frame[of_first & self.frame["quantity"].isin(["effect", "effect_left"])]

    def __str__(self) -> str:
        last = self.frame["visit"].iloc[-1]
        held = self.frame[self.frame["visit"] == last].set_index(["quantity", "outcome"])
        r, all_of = held.loc[("correlation", self.first)], held.loc[("effect", self.first)]
        left = held.loc[("effect_left", self.first)]
        return (
            f"{self.first} and {self.second} at {last}: correlation {number(r['estimate'])} within arms; "
            f"{_effect_words(all_of['estimate'], left['estimate'], self.first, self.second)}"
        )


def bivariate_mmrm(
    data: pd.DataFrame,
    first: str,
    second: str,
    covariates: str,
    *,
    arm: str,
    reference: str,
    of: str = "trt01a",
    subject: str = "usubjid",
    visit: str = "avisit",
    conf_level: float = 0.95,
) -> BivariateMmrm:
    """Fit two outcomes together, with one unstructured covariance over both at all visits, by REML.

    Parameters
    ----------
    data : DataFrame, one row per subject and visit
        Each outcome may be missing where the other is seen.
    first, second : str
        Columns of the outcomes, such as changes of two scales.
    covariates : str
        Right-hand side of the formula of both, such as ``"base*avisit + trt01a*avisit"``.
    arm, reference : str
        Groups in the column `of`; effects are arm minus reference.
    of, subject, visit : str
        Columns.
    conf_level : float, default 0.95

    Returns
    -------
    BivariateMmrm
        Effects have Kenward-Roger standard errors and degrees of freedom; correlations are limited by
        Fisher's z, slopes by normal limits, both from the observed information. The effect left takes
        coefficients and covariances as independent, as they are in large samples.

    Raises
    ------
    UsageError, DataError
        As `mmrm`, and if the outcomes were not seen at the same visits.

    Notes
    -----
    The effect left describes; it is causal (a direct effect) only if nothing else moves both outcomes.

    References
    ----------
    Verbeke G, Fieuws S, Molenberghs G, Davidian M (2014). Stat Methods Med Res 23:42-59 (joint models).
    Baron RM, Kenny DA (1986). J Pers Soc Psychol 51:1173-1182.
    """
    checked_level(conf_level)
    if first == second:
        raise UsageError("Name two different outcomes")
    names = formula_variables(covariates)
    if of not in names or visit not in names:
        raise UsageError(f"The formula must hold {of} and {visit}, so that arms differ by visit")
    both = [
        repeated_rows(data, outcome, subject=subject, visit=visit, covariates=names)
        for outcome in (first, second)
    ]
    if both[0].visits != both[1].visits:
        raise UsageError(f"{first} and {second} were not seen at the same visits")
    designs = [_design(rows, covariates, {of: reference}) for rows in both]
    fit = _fit(both, designs)
    pair = _Pair(both, designs, fit, conf_level, _effects(designs, fit))
    differences = [pair.differences(k, of, visit, arm, reference) for k in (0, 1)]
    frame = in_shared_words(
        pair.rows(differences, first, second, visit), own=("quantity", "outcome", "visit")
    )
    return BivariateMmrm(
        frame,
        first=first,
        second=second,
        deviance=pair.deviance,
        sigma=pair.sigma(first, second),
        sources=sources_of(data),
        notes=tuple(f"{rows.outcome_name}: {note}" for rows in both for note in rows.notes),
    )


def _effect_words(whole: float, left: float, first: str, second: str) -> str:
    """What is left of an effect, in words."""
    if np.isnan(whole) or np.isnan(left):
        return "the data do not tell the difference between arms in both"
    return (
        f"the difference between arms in {first} is {number(whole)}, and {number(left)} between "
        f"patients with equal {second}"
    )


def _design(rows: RepeatedRows, covariates: str, reference: Mapping[str, Any]) -> LinearDesign:
    columns = covariate_design(
        rows.table, covariates, intercept=True, reference=reference, name="data"
    )
    design = linear_design(columns, rows.outcome)
    if design.fits_exactly:
        raise UsageError(f"The formula fits every value of {rows.outcome_name} exactly")
    return design


def _fit(both: list[RepeatedRows], designs: list[LinearDesign]) -> RepeatedFit:
    ids = both[0].subject_ids.union(both[1].subject_ids, sort=False)
    visits = len(both[0].visits)
    subject = np.concatenate([ids.get_indexer(r.subject_ids)[r.subject] for r in both])
    occasion = np.concatenate([r.visit + k * visits for k, r in enumerate(both)])
    widths = [design.columns.shape[1] for design in designs]
    columns = np.zeros((len(subject), sum(widths)))
    n = len(both[0].outcome)
    columns[:n, : widths[0]] = designs[0].columns
    columns[n:, widths[0] :] = designs[1].columns
    outcome = np.concatenate([design.outcome for design in designs])
    products = cross_products(layout_of(subject, occasion, 2 * visits), columns, outcome)
    covariance = CommonCovariance(structure("us", 2 * visits), products)
    try:
        return fit_repeated(products, covariance, moment_matrices(products, 1), reml=True)
    except NotConvergedError as error:
        found = problem(
            "no_maximum",
            "data",
            f"{both[0].outcome_name} and {both[1].outcome_name}",
            [],
            f"no maximum of the joint likelihood was found ({error})",
            "Take fewer visits, or a simpler formula",
        )
        raise DataError("The table of visits", [found]) from None


def _effects(designs: list[LinearDesign], fit: RepeatedFit) -> FixedEffects:
    """Coefficients of both outcomes, with Kenward and Roger's covariance."""
    here, second = fit.here, fit.curvature
    p = here.products.columns
    moved = second.products[:, :p, :p]
    w = theta_covariance(second.observed)
    adjusted = kenward_roger_covariance(here, moved, w, linear=False)
    start = np.concatenate([design.least_squares for design in designs])
    return FixedEffects(start + here.beta, here.bread, moved, w, adjusted)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """The joint fit, seen as two outcomes."""

    both: list[RepeatedRows]
    designs: list[LinearDesign]
    fit: RepeatedFit
    conf_level: float
    effects: FixedEffects

    @property
    def deviance(self) -> float:
        back = 0.0
        for rows, design in zip(self.both, self.designs, strict=True):
            back += 2 * (len(rows.outcome) - len(design.kept)) * float(np.log(design.scale))
            back += design.log_determinant
        return self.fit.here.value + back

    def sigma(self, first: str, second: str) -> pd.DataFrame:
        scale = np.repeat([design.scale for design in self.designs], len(self.both[0].visits))
        names = pd.MultiIndex.from_product([[first, second], list(self.both[0].visits)])
        matrix = self.fit.here.covariance.matrices[0] * np.outer(scale, scale)
        return pd.DataFrame(matrix, index=names, columns=names)

    def embedded(self, rows: Floats, k: int) -> Floats:
        """Contrasts of one outcome's orthogonal columns as contrasts of both."""
        widths = [design.columns.shape[1] for design in self.designs]
        whole = np.zeros((len(rows), sum(widths)))
        start = k * widths[0]
        whole[:, start : start + widths[k]] = rows
        return whole

    def differences(self, k: int, of: str, visit: str, arm: str, reference: str) -> MeanDifferences:
        """Differences of arms by visit in one outcome."""
        effects = self.effects
        width = self.designs[0].columns.shape[1]
        cut = slice(0, width) if k == 0 else slice(width, None)
        own = FixedEffects(
            effects.beta[cut],
            effects.bread[cut, cut],
            effects.moved[:, cut, cut],
            effects.theta_covariance,
            effects.covariance[cut, cut],
        )
        inference = SmallSample(
            own,
            "kenward_roger",
            lambda rows: satterthwaite_df(effects, self.embedded(rows, k)),
            lambda rows: satterthwaite_f(effects, self.embedded(rows, k)),
        )
        rows = self.both[k]
        mean = FittedMean(
            design=self.designs[k],
            inference=inference,
            table=rows.table,
            subject=rows.subject,
            visit=rows.visit_name,
            outcome=rows.outcome_name,
            unit="points",
            conf_level=self.conf_level,
        )
        return marginal_means(mean, [of, visit]).differences(reference, of=of, arm=arm)

    def moments(self, t: int) -> JointMoments:
        """Correlation and slope of the two outcomes at one visit."""
        visits = len(self.both[0].visits)
        row, column = np.tril_indices(2 * visits)
        place = {pair: k for k, pair in enumerate(zip(row.tolist(), column.tolist(), strict=True))}
        at = [place[t, t], place[t + visits, t], place[t + visits, t + visits]]
        unit = np.array([self.designs[0].scale, self.designs[1].scale])
        squares = np.array([unit[0] ** 2, unit[0] * unit[1], unit[1] ** 2])
        matrix = self.fit.here.covariance.matrices[0][np.ix_([t, t + visits], [t, t + visits])]
        spread = theta_covariance(self.fit.curvature.observed)[np.ix_(at, at)]
        return joint_moments(matrix * np.outer(unit, unit), spread * np.outer(squares, squares))

    def rows(
        self, differences: list[MeanDifferences], first: str, second: str, visit: str
    ) -> list[dict[str, Any]]:
        """All quantities of all visits."""
        z = two_sided_quantile(self.conf_level)
        effects = self.effects
        made: list[dict[str, Any]] = []
        for t, when in enumerate(self.both[0].visits):
            moments = self.moments(t)
            shared = {"visit": when, "conf_level": self.conf_level, "n": self._seen(t)}
            made.append({**_correlation(moments, z), **shared, "outcome": first})
            made.append({**_slope(moments, z), **shared, "outcome": first})
            ours = [d.to_frame()[d.to_frame()[visit] == when] for d in differences]
            for name, frame in zip((first, second), ours, strict=True):
                row = first_row(frame.drop(columns=list(differences[0].by)))
                made.append({**row, "quantity": "effect", "outcome": name, "visit": when})
            at = [int(np.flatnonzero((d.frame[visit] == when).to_numpy())[0]) for d in differences]
            lifted = [
                self.embedded(d.rows[[a]][:, design.kept] @ design.back, k)
                for k, (d, a, design) in enumerate(zip(differences, at, self.designs, strict=True))
            ]
            other = float(ours[1]["estimate"].iloc[0])
            left = _left(effects, lifted, moments, other, self.conf_level)
            if any(np.isnan(frame["estimate"].iloc[0]) for frame in ours):
                left = {name: left[name] for name in ("quantity", "method")}
            made.append({**left, **shared, "outcome": first})
        return [{**each, "term": _term(each, first, second)} for each in made]

    def _seen(self, t: int) -> int:
        """Subjects with both outcomes at a visit."""
        ids = [rows.subject_ids[rows.subject[rows.visit == t]] for rows in self.both]
        return len(ids[0].intersection(ids[1]))


def _correlation(moments: JointMoments, z: float) -> dict[str, Any]:
    low, high = fisher_limits(moments.correlation, moments.correlation_se, z)
    return {
        "quantity": "correlation",
        "estimate": moments.correlation,
        "std_error": moments.correlation_se,
        "conf_low": low,
        "conf_high": high,
        "method": "fisher_z",
    }


def _slope(moments: JointMoments, z: float) -> dict[str, Any]:
    half = z * moments.slope_se
    return {
        "quantity": "slope",
        "estimate": moments.slope,
        "std_error": moments.slope_se,
        "conf_low": moments.slope - half,
        "conf_high": moments.slope + half,
        "method": "delta",
    }


def _left(
    effects: FixedEffects,
    lifted: list[Floats],
    moments: JointMoments,
    other: float,
    conf_level: float,
) -> dict[str, Any]:
    """What is left of the effect on the first outcome between patients with an equal second one."""
    contrast = lifted[0] - moments.slope * lifted[1]
    estimate = float((contrast @ effects.beta)[0])
    variance = float((contrast @ effects.covariance @ contrast.T)[0, 0])
    se = float(np.sqrt(variance + (other * moments.slope_se) ** 2))
    df = float(satterthwaite_df(effects, contrast)[0])
    half = se * float(stdtrit(df, 0.5 + conf_level / 2))
    return {
        "quantity": "effect_left",
        "estimate": estimate,
        "std_error": se,
        "statistic": estimate / se,
        "df": df,
        "p_value": 2 * float(stdtr(df, -abs(estimate / se))),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "method": "delta",
    }


def _term(row: Mapping[str, Any], first: str, second: str) -> str:
    words = {
        "correlation": f"Correlation of {first} and {second}",
        "slope": f"{first} per point of {second}",
        "effect": f"Difference between arms in {row['outcome']}",
        "effect_left": f"Difference in {first} at equal {second}",
    }
    return f"{words[row['quantity']]}, {row['visit']}"

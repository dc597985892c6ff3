"""What all linear models answer alike: coefficients, contrasts, joint tests and marginal means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ketastats.errors import UsageError, unknown_name
from ketastats.models.linear_design import LinearDesign
from ketastats.models.small_sample import SmallSample
from ketastats.results import (
    SHARED_WORDS,
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ketastats.models.marginal_means import MarginalMeans

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FittedMean:
    """The fitted mean of a linear model: its design, coefficients and the inference chosen.

    `table` holds the rows it was fitted to, `subject` their codes and `visit` the column that says
    when, if there is one. `outcome` is what a reader should see for the outcome, `unit` its unit.
    """

    design: LinearDesign
    inference: SmallSample
    table: pd.DataFrame
    subject: NDArray[np.intp]
    visit: str | None
    outcome: str
    unit: str
    conf_level: float

    @property
    def subjects(self) -> int:
        """Subjects in the fit."""
        return int(self.subject.max()) + 1

    @property
    def coefficients(self) -> Floats:
        """Coefficients of the formula's columns that were kept."""
        return np.asarray(self.design.back @ self.inference.effects.beta)

    @property
    def covariance(self) -> Floats:
        """Covariance of `coefficients`."""
        back = self.design.back
        return np.asarray(back @ self.inference.effects.covariance @ back.T)

    def estimates(
        self, rows: Floats, added: Floats | float = 0.0, *, aliased_as_zero: bool = False
    ) -> dict[str, Floats]:
        """Estimate, standard error, t test and limits of combinations of all the formula's columns.

        Missing where the data do not tell a combination, unless aliased coefficients are to count as 0.
        `added` variance does not come from the coefficients.
        """
        design = self.design
        told = np.ones(len(rows), bool) if aliased_as_zero else design.estimable(rows)
        kept = rows[:, design.kept]
        lifted = kept @ design.back
        variance = ((lifted @ self.inference.effects.covariance) * lifted).sum(axis=1) + added
        df = self.inference.one(lifted)
        with np.errstate(invalid="ignore", divide="ignore"):
            estimate = np.where(told, kept @ self.coefficients, nan)
            known = told & (variance > 0) & ~np.isnan(df)
            se = np.where(known, np.sqrt(np.maximum(variance, 0)), nan)
            t = estimate / se
        half = se * stdtrit(df, 0.5 + self.conf_level / 2)
        return {
            "estimate": estimate,
            "std_error": se,
            "statistic": t,
            "df": np.where(np.isnan(se), nan, df),
            "p_value": 2 * stdtr(df, -np.abs(t)),
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }

    def frame(
        self,
        rows: Floats,
        terms: Sequence[str],
        *,
        n: Any,
        own: Mapping[str, Sequence[Any]],
        added: Floats | float = 0.0,
        aliased_as_zero: bool = False,
    ) -> pd.DataFrame:
        """Combinations of coefficients in the shared words, after the columns in `own`."""
        found = self.estimates(rows, added, aliased_as_zero=aliased_as_zero)
        words = {"term": list(terms), "n": n, **found}
        words |= {"conf_level": self.conf_level, "method": self.inference.method}
        return shared_frame({**{name: list(values) for name, values in own.items()}, **words}, own)


def shared_frame(
    columns: Mapping[str, Any], own: Sequence[str] | Mapping[str, Any]
) -> pd.DataFrame:
    """Columns as a result's table: own ones first, then the shared words, missing where not given."""
    length = len(columns["term"])
    made: dict[str, Any] = {name: columns[name] for name in own}
    for word in SHARED_WORDS:
        given = columns.get(word)
        if word == "n":
            made[word] = pd.array(np.broadcast_to(np.asarray(given), length), dtype="Int64")
        elif word in ("term", "method"):
            made[word] = given
        else:
            made[word] = np.full(length, nan if given is None else given, dtype=float)
    return pd.DataFrame(made)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearResult(TabularResult):
    """Coefficients of a linear model, one row each, and what can be asked of them.

    `column` is the formula's name of a coefficient, `covariate` the term it belongs to.
    """

    mean: FittedMean = field(kw_only=True, repr=False)

    @property
    def coefficients(self) -> pd.DataFrame:
        """The coefficients, as `to_frame` gives them."""
        return self.to_frame()

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance matrix of the coefficients, as used in tests and limits."""
        names = list(self.mean.design.names)
        return pd.DataFrame(self.mean.covariance, index=names, columns=names)

    def contrast(
        self, weights: Mapping[str, Mapping[str, float]] | Mapping[str, float]
    ) -> LinearContrast:
        """Estimate combinations of coefficients, each with its own test.

        Parameters
        ----------
        weights : mapping of label to (mapping of coefficient to weight)
            Coefficients by their name in `column`; those not named count 0. One combination may be given
            as a mapping of coefficient to weight.
        """
        labels, rows = self._combinations(weights)
        frame = self.mean.frame(rows, labels, n=self.mean.subjects, own={})
        return LinearContrast(
            frame, sources=self.sources, outcome=self.mean.outcome, unit=self.mean.unit
        )

    def joint(
        self, weights: Mapping[str, Mapping[str, float]] | Sequence[str], *, term: str = ""
    ) -> JointTest:
        """Test several combinations of coefficients at once, or that all of the coefficients named are 0.

        Parameters
        ----------
        weights : mapping as for `contrast`, or sequence of coefficients
        term : str, optional
            What to call the hypothesis.
        """
        if not isinstance(weights, Mapping):
            names = [weights] if isinstance(weights, str) else list(weights)
            weights = {name: {name: 1.0} for name in names}
        labels, rows = self._combinations(weights)
        return joint_test(self.mean, rows, term or ", ".join(labels), sources=self.sources)

    def emmeans(
        self,
        by: str | Sequence[str],
        *,
        weights: str = "equal",
        at: Mapping[str, Any] | None = None,
        covariates: str = "fixed",
    ) -> MarginalMeans:
        """Estimate marginal means; see `ketastats.models.marginal_means.marginal_means`."""
        from ketastats.models.marginal_means import marginal_means

        return marginal_means(
            self.mean, by, weights=weights, at=at, covariates=covariates, sources=self.sources
        )

    def display(self) -> pd.DataFrame:
        """Return one row per coefficient: estimate, standard error, degrees of freedom and p."""
        return display_tests(self.frame, heading="Coefficient")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficients with their limits, without the intercept."""
        from ketastats.plots.forest import draw_forest

        shown = self.frame[self.frame["column"] != "Intercept"]
        shown = self.frame if shown.empty else shown
        label = f"Coefficient for {self.mean.outcome} ({self.mean.unit} per unit)"
        return draw_forest(shown, ax, xlabel=label, reference=0.0)

    def figure_text(self) -> str:
        """Return the coefficients in words."""
        parts = [f"{row['term']} {interval_text(row)}" for row in self.frame.to_dict("records")]
        return f"Coefficients: {'; '.join(parts)}."

    def _combinations(self, weights: Mapping[str, Any]) -> tuple[list[str], Floats]:
        if not isinstance(weights, Mapping) or not weights:
            raise UsageError(
                'Name combinations of coefficients, such as {"arm": {"trt01a[T.DRUG]": 1}}'
            )
        if not any(isinstance(each, Mapping) for each in weights.values()):
            weights = {" + ".join(map(str, weights)): weights}
        columns = self.mean.design.covariates.columns
        place = {name: k for k, name in enumerate(columns)}
        rows = np.zeros((len(weights), len(columns)))
        for row, (label, each) in zip(rows, weights.items(), strict=True):
            if not isinstance(each, Mapping):
                raise UsageError(f"{label!r} must be a mapping of coefficients to weights")
            for name, weight in each.items():
                if name not in place:
                    raise unknown_name("coefficient", str(name), columns)
                value = float(weight) if pd.api.types.is_number(weight) else nan  # type: ignore[arg-type]
                if not np.isfinite(value):
                    raise UsageError(f"The weight of {name} in {label!r} must be a number")
                row[place[name]] = value
        return [str(label) for label in weights], rows


def coefficient_frame(mean: FittedMean) -> pd.DataFrame:
    """The coefficients that were kept, in the shared words; those left out count as 0."""
    design = mean.design
    rows = np.eye(len(design.covariates.columns))[design.kept]
    covariates = [design.covariates.covariates[k] for k in design.kept]
    own = {"column": design.names, "covariate": covariates}
    return mean.frame(rows, design.labels, n=mean.subjects, own=own, aliased_as_zero=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearContrast(TabularResult):
    """Combinations of coefficients, one row each."""

    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return one row per combination."""
        return display_tests(self.frame, heading="Estimate")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the combinations with their limits."""
        from ketastats.plots.forest import draw_forest

        label = f"{self.outcome} ({self.unit})"
        return draw_forest(self.frame, ax, xlabel=label, reference=0.0)

    def __str__(self) -> str:
        parts = [f"{row['term']} {interval_text(row)}" for row in self.frame.to_dict("records")]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JointTest(TabularResult):
    """An F test of several contrasts at once.

    `statistic` is the scaled F, `df` its numerator and `denominator_df` its denominator degrees of
    freedom, `scale` Kenward and Roger's factor.
    """

    def display(self) -> pd.DataFrame:
        """Return the test as text."""
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "F": [number(row["statistic"]) for row in rows],
                "df": [f"{row['df']:.0f}, {_df(row['denominator_df'])}" for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the F statistic on its distribution under no effect."""
        from ketastats.plots.f_test import draw_f_test

        return draw_f_test(self.frame.iloc[0].to_dict(), ax)

    def __str__(self) -> str:
        return "; ".join(
            f"{row['term']}: F({row['df']:.0f}, {_df(row['denominator_df'])}) = "
            f"{number(row['statistic'])}, p {_equals(row['p_value'])}"
            for row in self.frame.to_dict("records")
        )


def joint_test(mean: FittedMean, rows: Floats, term: str, *, sources: tuple[Any, ...]) -> JointTest:
    """Test that all combinations are 0; those that follow from others, or are not told, are left out."""
    told = mean.design.estimable(rows)
    lifted = rows[told][:, mean.design.kept] @ mean.design.back
    used = _spanning(lifted)
    if not used.size:
        raise UsageError(f"The data tell nothing about {term}")
    test = mean.inference.several(lifted[used])
    notes = [] if told.all() else ["Combinations that the data do not tell take no part."]
    if not np.isfinite(test.p_value):
        notes.append("With so few subjects the method has no F law for this test.")
    row = {
        "term": term,
        "n": mean.subjects,
        "statistic": test.statistic,
        "df": test.df,
        "denominator_df": test.denominator_df,
        "scale": test.scale,
        "p_value": test.p_value,
        "conf_level": mean.conf_level,
        "method": mean.inference.method,
    }
    frame = in_shared_words([row], own=("denominator_df", "scale"))
    return JointTest(frame, sources=sources, notes=tuple(notes))


def _spanning(rows: Floats) -> NDArray[np.intp]:
    """Rows that are no combination of those before them."""
    kept: list[int] = []
    for k, row in enumerate(rows):
        trial = rows[[*kept, k]]
        if np.abs(row).max() > 0 and np.linalg.matrix_rank(
            trial, tol=1e-8 * np.abs(trial).max()
        ) == len(trial):
            kept.append(k)
    return np.array(kept, dtype=np.intp)


def first_row(frame: pd.DataFrame) -> dict[str, Any]:
    """The first row of a result's table, by column."""
    return {str(name): value for name, value in frame.iloc[0].items()}


def display_tests(frame: pd.DataFrame, *, heading: str) -> pd.DataFrame:
    """Rows with estimate and limits, standard error, degrees of freedom and p, as text."""
    level = f"{level_text(frame['conf_level'].iloc[0])}"
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "": [str(row["term"]) for row in rows],
            "n": [count(row["n"]) for row in rows],
            f"{heading} ({level} interval)": [
                estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                for row in rows
            ],
            "SE": ["–" if pd.isna(row["std_error"]) else number(row["std_error"]) for row in rows],
            "df": [_df(row["df"]) for row in rows],
            "p": [p_text(row["p_value"]) for row in rows],
        }
    )


def interval_text(row: Mapping[Any, Any]) -> str:
    """Write an estimate in a sentence: ``−2.80 (95% interval −5.01 to −0.60)``."""
    if pd.isna(row["estimate"]):
        return "not told by the data"
    if pd.isna(row["conf_low"]):
        return number(row["estimate"])
    low, high = number(row["conf_low"]), number(row["conf_high"])
    return f"{number(row['estimate'])} ({level_text(row['conf_level'])} interval {low} to {high})"


def _df(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "∞" if np.isinf(value) else f"{value:,.1f}"


def _equals(p: float) -> str:
    return p_text(p) if p < 0.001 else f"= {p_text(p)}"

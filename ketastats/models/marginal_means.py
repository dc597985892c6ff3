"""Marginal means of a linear model, such as by arm and visit, and their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names
from ketastats.checks.options import require_choice
from ketastats.errors import UsageError, unknown_name
from ketastats.models.linear_result import (
    FittedMean,
    JointTest,
    display_tests,
    interval_text,
    joint_test,
)
from ketastats.results import Statement, TabularResult, level_text, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

WEIGHTS = ("equal", "proportional", "subjects")
"""How cells are averaged: alike, by their share of the rows, or over the subjects themselves."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MarginalMeans(TabularResult):
    """Marginal means, one row per cell of the columns in `by`, which come first in the table."""

    mean: FittedMean = field(kw_only=True, repr=False)
    by: tuple[str, ...] = field(kw_only=True)
    rows: Floats = field(kw_only=True, repr=False)
    added: Floats = field(kw_only=True, repr=False)

    def differences(
        self, reference: str, *, of: str | None = None, arm: str | None = None
    ) -> MeanDifferences:
        """Differences from one group: arm minus reference, within every cell of the other columns.

        Parameters
        ----------
        reference : str
            The group that is taken off.
        of : str, optional
            The column that `reference` is a value of; by default the one that has it.
        arm : str, optional
            One group to compare; by default all others.
        """
        of = self._column_of(reference, of)
        others = [name for name in self.by if name != of]
        cells = self.frame[[*others, of]].astype(str)
        rows, labels, own, added = [], [], [], []
        for k, cell in enumerate(cells.to_dict("records")):
            if cell[of] == str(reference) or (arm is not None and cell[of] != str(arm)):
                continue
            same = (cells[of] == str(reference)).to_numpy()
            for name in others:
                same = same & (cells[name] == cell[name]).to_numpy()
            base = int(np.flatnonzero(same)[0])
            rows.append(self.rows[k] - self.rows[base])
            added.append(self.added[k, k] + self.added[base, base] - 2 * self.added[k, base])
            where = "".join(f", {cell[name]}" for name in others)
            labels.append(f"{cell[of]} minus {reference}{where}")
            own.append([self.frame[name].iloc[k] for name in self.by])
        if str(arm) == str(reference):
            raise UsageError(f"{reference} cannot be compared with itself")
        if not rows:
            raise unknown_name(f"group in {of}", str(arm), sorted(set(cells[of])))
        columns = dict(zip(self.by, map(list, zip(*own, strict=True)), strict=True))
        n = self.mean.subjects
        made = np.array(rows)
        frame = self.mean.frame(made, labels, n=n, own=columns, added=np.array(added))
        return MeanDifferences(
            frame,
            mean=self.mean,
            by=self.by,
            rows=made,
            of=of,
            reference=str(reference),
            random=bool(self.added.any()),
            sources=self.sources,
            notes=self.notes,
        )

    def _column_of(self, reference: str, of: str | None) -> str:
        holding = [n for n in self.by if str(reference) in set(self.frame[n].astype(str))]
        if of is None:
            if not holding:
                known = [str(v) for n in self.by for v in pd.unique(self.frame[n])]
                raise unknown_name(f"group in {', '.join(self.by)}", str(reference), known)
            return holding[0]
        if of not in self.by:
            raise unknown_name("column of these means", of, self.by)
        if of not in holding:
            raise unknown_name(
                f"group in {of}", str(reference), [str(v) for v in pd.unique(self.frame[of])]
            )
        return of

    def display(self) -> pd.DataFrame:
        """Return one row per cell."""
        return display_tests(self.frame, heading="Mean").drop(columns="p")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the profile over visits, one line per group; rows of means where there are no visits."""
        return _drawn(self, ax, f"Mean {self.mean.outcome} ({self.mean.unit})", reference=None)

    def figure_text(self) -> str:
        """Return the means in words."""
        return _in_words(self.frame)

    def __str__(self) -> str:
        where, rows = _last_visit(self.frame, self.mean.visit)
        return f"Means of {self.mean.outcome}{where}: {_in_words(rows)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeanDifferences(TabularResult):
    """Differences of marginal means, group minus reference."""

    mean: FittedMean = field(kw_only=True, repr=False)
    by: tuple[str, ...] = field(kw_only=True)
    rows: Floats = field(kw_only=True, repr=False)
    of: str = field(kw_only=True)
    reference: str = field(kw_only=True)
    random: bool = field(kw_only=True)

    def joint(self) -> JointTest:
        """Test that there is no difference anywhere.

        Raises
        ------
        UsageError
            If covariates were taken as random: the F test counts the coefficients' variance only.
        """
        if self.random:
            raise UsageError('The joint test is for covariates="fixed"')
        where = "at any visit" if self.mean.visit in self.by else f"in {self.of}"
        term = f"No difference from {self.reference} {where}"
        return joint_test(self.mean, self.rows, term, sources=self.sources)

    def statement(self) -> Statement:
        """Say the last difference as a sentence: which group is lower, by how much, how sure."""
        row = self.frame.iloc[-1]
        where = [str(row[name]) for name in self.by if name != self.of]
        at = f"At {', '.join(where)}, " if where else ""
        if pd.isna(row["estimate"]) or pd.isna(row["conf_low"]):
            return Statement(f"{at}the data do not tell the difference in {self.mean.outcome}.")
        side = "lower" if row["estimate"] < 0 else "higher"
        return Statement(
            f"{at}{self.mean.outcome} was {number(abs(row['estimate']))} {self.mean.unit} {side} in "
            f"{row[self.of]} than in {self.reference} ({level_text(row['conf_level'])} interval "
            f"{_span(row['conf_low'], row['conf_high'])})."
        )

    def display(self) -> pd.DataFrame:
        """Return one row per difference."""
        return display_tests(self.frame, heading="Difference")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences over visits, or as rows where there are none."""
        label = f"Difference from {self.reference} ({self.mean.unit})"
        return _drawn(self, ax, label, reference=0.0)

    def figure_text(self) -> str:
        """Return the differences in words."""
        return _in_words(self.frame)

    def __str__(self) -> str:
        where, rows = _last_visit(self.frame, self.mean.visit)
        return f"Difference in {self.mean.outcome}{where}: {_in_words(rows)}"


def marginal_means(
    mean: FittedMean,
    by: str | Sequence[str],
    *,
    weights: str = "equal",
    at: Mapping[str, Any] | None = None,
    covariates: str = "fixed",
    sources: tuple[Any, ...] = (),
) -> MarginalMeans:
    """Estimate the mean in every cell of some columns of the formula.

    Parameters
    ----------
    mean : FittedMean
    by : str or sequence of str
        Columns of the formula; numbers need their values in `at`.
    weights : {"equal", "proportional", "subjects"}
        The other groups count alike (SAS's least-squares means), or by their share of the rows; other
        covariates are at their mean over the rows. "subjects" is g-computation: the model predicts every
        subject in every cell, with the subject's own covariates, and these predictions are averaged.
    at : mapping of column to value, or for columns in `by` to values, optional
        Values of covariates.
    covariates : {"fixed", "random"}
        For "subjects": whether limits are for subjects with just these covariates, or count that they
        are a sample.

    Returns
    -------
    MarginalMeans
        A cell that the data do not tell, such as an arm without outcomes at a visit, is missing. `n` is
        the number of subjects seen in the cell.

    References
    ----------
    Searle SR, Speed FM, Milliken GA (1980). Am Stat 34:216-221. Lenth R, emmeans. Covariates as random:
    Ye T, Bannick M, Yi Y, Shao J (2023). Stat Theory Relat Fields 7:159-163.
    """
    names, given = column_names(by), dict(at or {})
    _check(mean, names, weights, given, covariates)
    cells = list(product(*(_values(mean, name, given) for name in names)))
    fixed = {name: value for name, value in given.items() if name not in names}
    if weights == "subjects":
        predictions = _own_rows(mean, names, cells, fixed)
        rows = predictions.mean(axis=1)
    else:
        rows = _grid_rows(mean, names, cells, fixed, proportional=weights == "proportional")
    added = np.zeros((len(cells), len(cells)))
    if covariates == "random":
        design = mean.design
        each = predictions[:, :, design.kept] @ mean.coefficients
        added = np.atleast_2d(np.cov(each)) / each.shape[1]
    own = {name: [cell[k] for cell in cells] for k, name in enumerate(names)}
    labels = [", ".join(map(str, cell)) for cell in cells]
    frame = mean.frame(rows, labels, n=_seen(mean, names, cells), own=own, added=np.diag(added))
    return MarginalMeans(
        frame,
        mean=mean,
        by=tuple(names),
        rows=rows,
        added=added,
        sources=sources,
        notes=_notes(mean, names, fixed, weights, frame),
    )


def _check(
    mean: FittedMean, names: list[str], weights: str, at: dict[str, Any], covariates: str
) -> None:
    design = mean.design.covariates
    if not names:
        raise UsageError("Name the columns of the cells: by=...")
    for name in [*names, *at]:
        require_choice("column of the formula", name, design.variables)
    if len(set(names)) < len(names):
        raise UsageError("Name each column of the cells once: by=...")
    for name, value in at.items():
        if name in names and not _listed(value):
            raise UsageError(f"at={{{name!r}: ...}} must hold a value at least")
        if name not in names and not pd.api.types.is_scalar(value):
            raise UsageError(
                f"{name} is not in by=, so at= needs one value for it; put it in by= to see several"
            )
    require_choice("way of weighting", weights, WEIGHTS)
    require_choice("kind of covariates", covariates, ("fixed", "random"))
    if covariates == "random" and weights != "subjects":
        raise UsageError('covariates="random" goes with weights="subjects"')
    for name in names:
        if name not in design.levels and name not in at:
            raise UsageError(f"{name} is a number: say at which values, at={{{name!r}: [...]}}")


def _values(mean: FittedMean, name: str, at: Mapping[str, Any]) -> list[Any]:
    if name not in at:
        levels = mean.design.covariates.levels[name]
        column = mean.table[name]
        if isinstance(column.dtype, pd.CategoricalDtype):  # in their own order, not reference first
            return [level for level in column.cat.categories if level in set(levels)]
        return levels
    return _listed(at[name])


def _listed(value: Any) -> list[Any]:
    """One value or several as a list."""
    return [value] if pd.api.types.is_scalar(value) else list(value)


def _grid_rows(
    mean: FittedMean,
    names: list[str],
    cells: list[tuple[Any, ...]],
    fixed: dict[str, Any],
    *,
    proportional: bool,
) -> Floats:
    """Design rows of the cells, averaged over the groups of the other columns."""
    design, table = mean.design.covariates, mean.table
    others = [v for v in design.levels if v not in names and v not in fixed]
    numbers = [v for v in design.variables if v not in design.levels and v not in (*names, *fixed)]
    combinations = list(product(*(design.levels[name] for name in others)))
    share = np.full(len(combinations), 1 / len(combinations))
    if proportional and others:
        counts = table.groupby(others, observed=False).size()
        share = np.array([counts.get(c if len(c) > 1 else c[0], 0) for c in combinations], float)
        share /= share.sum()
    grid = [(*cell, *other) for cell in cells for other in combinations]
    frame = pd.DataFrame(grid, columns=[*names, *others])
    for name in numbers:
        frame[name] = table[name].to_numpy(dtype=float).mean()
    for name, value in fixed.items():
        frame[name] = value
    rows = mean.design.rows_of(frame, name="the cells")
    averaged: Floats = np.tensordot(
        rows.reshape(len(cells), len(combinations), -1), share, axes=(1, 0)
    )
    return averaged


def _own_rows(
    mean: FittedMean, names: list[str], cells: list[tuple[Any, ...]], fixed: dict[str, Any]
) -> Floats:
    """Design rows of every subject in every cell, (cells, subjects, columns)."""
    own = [v for v in mean.design.covariates.variables if v not in (*names, *fixed)]
    held = mean.table[own].groupby(mean.subject)
    changing = [name for name in own if (held[name].nunique() > 1).any()]
    if changing:
        raise UsageError(
            f"{', '.join(changing)} changes within subjects, so it is not a subject's own: name it in by= "
            "or at="
        )
    first = held.first()
    frames = [first.assign(**dict(zip(names, cell, strict=True)), **fixed) for cell in cells]
    rows = mean.design.rows_of(pd.concat(frames, ignore_index=True), name="the subjects")
    return rows.reshape(len(cells), len(first), -1)


def _seen(mean: FittedMean, names: list[str], cells: list[tuple[Any, ...]]) -> list[int]:
    """Subjects with an outcome in each cell; in any, for columns of numbers."""
    groups = [name for name in names if name in mean.design.covariates.levels]
    if not groups:
        return [mean.subjects] * len(cells)
    codes = mean.table[groups].assign(_subject=mean.subject)
    counts = codes.groupby(groups, observed=True)["_subject"].nunique().to_dict()
    at = [names.index(name) for name in groups]
    keys = [tuple(cell[k] for k in at) for cell in cells]
    return [int(counts.get(key if len(key) > 1 else key[0], 0)) for key in keys]


def _notes(
    mean: FittedMean, names: list[str], fixed: dict[str, Any], weights: str, frame: pd.DataFrame
) -> tuple[str, ...]:
    design = mean.design.covariates
    said = []
    others = [v for v in design.levels if v not in names and v not in fixed]
    numbers = [v for v in design.variables if v not in design.levels and v not in (*names, *fixed)]
    if weights == "subjects":
        said.append("Averaged over the subjects with their own covariates (g-computation).")
    else:
        if others:
            how = "with equal weights" if weights == "equal" else "by their share of the rows"
            said.append(f"Averaged over {', '.join(others)} {how}.")
        if numbers:
            means = ", ".join(f"{n} {mean.table[n].astype(float).mean():.4g}" for n in numbers)
            said.append(f"Covariates at their mean over the rows: {means}.")
    untold = frame.loc[frame["estimate"].isna(), "term"]
    if len(untold):
        said.append(f"Not told by the data: {'; '.join(map(str, untold))}.")
    return tuple(said)


def _drawn(
    result: MarginalMeans | MeanDifferences, ax: Axes | None, label: str, *, reference: float | None
) -> Axes:
    visit = result.mean.visit
    if visit in result.by and len(result.by) <= 2:
        from ketastats.plots.profile import draw_profile

        others = [name for name in result.by if name != visit]
        lines = result.frame[others[0]].astype(str) if others else ""
        points = result.frame.assign(line=lines, visit=result.frame[visit].astype(str))
        return draw_profile(points, ax, ylabel=label, reference=reference)
    from ketastats.plots.forest import draw_forest

    return draw_forest(result.frame, ax, xlabel=label, reference=reference)


def _last_visit(frame: pd.DataFrame, visit: str | None) -> tuple[str, pd.DataFrame]:
    """The rows of the last visit, if there are visits, and where that is."""
    if visit is None or visit not in frame.columns:
        return "", frame
    last = frame[visit].iloc[-1]
    rows = frame[frame[visit] == last]
    ending = f", {last}"
    terms = [str(term).removesuffix(ending) for term in rows["term"]]
    return f" at {last}", rows.assign(term=terms)


def _span(low: float, high: float) -> str:
    """`0.60 to 5.01 lower`, or `5.01 lower to 0.60 higher`."""
    if low < 0 < high:
        return f"{number(-low)} lower to {number(high)} higher"
    near, far = sorted((abs(low), abs(high)))
    return f"{number(near)} to {number(far)} {'lower' if high <= 0 else 'higher'}"


def _in_words(frame: pd.DataFrame) -> str:
    return "; ".join(f"{row['term']} {interval_text(row)}" for row in frame.to_dict("records"))

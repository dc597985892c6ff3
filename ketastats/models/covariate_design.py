"""Covariates of a regression, by formula: checked columns of numbers with labels for a reader."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.options import matched
from ketastats.checks.positions import flagged
from ketastats.errors import Problem, UsageError, unknown_name

Floats = NDArray[np.float64]

INTERCEPT = "Intercept"

_TIMES = ("date", "datetime", "datetime64", "timedelta", "timedelta64", "period")


@dataclass(frozen=True, slots=True, eq=False)
class CovariateDesign:
    """The columns a formula makes of a table: `matrix` (n, p) and, per column, its names.

    `columns` are formulaic's names, `labels` what a reader should see, `covariates` the term of the
    formula each column belongs to. `unused` lists declared categories in which nobody is.
    """

    matrix: Floats
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    covariates: tuple[str, ...]
    variables: tuple[str, ...]
    unused: tuple[str, ...]
    _levels: Mapping[str, Sequence[Any]] = field(repr=False)
    _spec: Any = field(repr=False)

    @property
    def levels(self) -> dict[str, list[Any]]:
        """The groups of every variable that is made of groups, the reference first."""
        return {variable: list(levels) for variable, levels in self._levels.items()}

    def of(self, table: pd.DataFrame, *, name: str) -> Floats:
        """The same columns of another table, such as patients to predict for.

        Raises
        ------
        DataError
            If a variable is absent, missing in a row, or has a value that the fit has not seen.
        """
        if not isinstance(table, pd.DataFrame):
            raise UsageError(f"{name} must be a pandas DataFrame, not {type(table).__name__}")
        found = _variable_problems(table, self.variables, name)
        for variable, levels in self._levels.items():
            if variable not in table.columns:
                continue
            found += flagged(
                table[variable].notna() & ~table[variable].isin(list(levels)),
                "unknown_level",
                name,
                variable,
                "holds a value that nobody had in the data the model was fitted to",
                "Predict for the groups that were studied",
            )
        numbers = [variable for variable in self.variables if variable not in self._levels]
        found += not_numbers(table, numbers, table=name)
        refuse(found, source=f"The table of {name}")
        plain = _plain(table, self.variables, self._levels)
        return _numbers(self._spec.get_model_matrix(plain, context={}), self._spec, self.columns)


def covariate_design(
    table: pd.DataFrame,
    formula: str,
    *,
    intercept: bool,
    reference: Mapping[str, Any] | None = None,
    name: str = "intervals",
) -> CovariateDesign:
    """Turn a formula into columns.

    Parameters
    ----------
    table : DataFrame
    formula : str
        Right-hand side, such as ``"trt01a + age"``; text columns become groups, each against the
        first.
    intercept : bool
        Keep the column of ones.
    reference : mapping of column to value, optional
        The group that the others are compared with.
    name : str
        What to call the table in messages.

    Raises
    ------
    UsageError, DataError
        If the formula does not fit the table, a covariate is missing, or everyone is in one group.
    """
    parsed = _parsed(formula)
    variables = formula_variables(formula)
    refuse(_variable_problems(table, variables, name), source=f"The table of {name}")
    _refuse_times(table, variables)
    groups = [variable for variable in variables if _is_text(table[variable])]
    groups += _numbers_as_groups(parsed, formula, table, variables, groups)
    _require_mapping(reference, table, groups)
    levels = {
        variable: _levels_of(table[variable], variable, reference or {}) for variable in groups
    }
    for variable in reference or {}:
        if variable not in levels:
            raise unknown_name("group column in the formula", str(variable), levels)
    matrix = _built(parsed, formula, _plain(table, variables, levels))
    spec = matrix.model_spec
    _require_contrasts(spec)
    names = [str(column) for column in spec.column_names]
    if INTERCEPT not in names:
        raise UsageError(
            "Leave the intercept to the model: take '- 1' and '0 +' out of the formula"
        )
    columns = tuple(column for column in names if intercept or column != INTERCEPT)
    labels, covariates = _names(spec)
    return CovariateDesign(
        matrix=_numbers(matrix, spec, columns),
        columns=columns,
        labels=tuple(labels[column] for column in columns),
        covariates=tuple(covariates[column] for column in columns),
        variables=variables,
        unused=_unused(table, levels),
        _levels=levels,
        _spec=spec,
    )


def formula_variables(formula: str) -> tuple[str, ...]:
    """Columns of the table that a formula names, sorted; `UsageError` if it cannot be read."""
    return tuple(sorted(str(variable) for variable in _parsed(formula).required_variables))


def _parsed(formula: str) -> Any:
    if not isinstance(formula, str):
        raise UsageError(f'formula is text, such as "trt01a + age", not {formula!r}')
    return _read(formula)


@lru_cache(maxsize=64)
def _read(formula: str) -> Any:
    from formulaic import Formula, SimpleFormula

    right = formula.strip().removeprefix("~")
    if "~" in right:
        raise UsageError(
            "formula is the right-hand side only: what comes before ~ is in the table's own columns"
        )
    try:
        parsed = Formula(f"1 + {right}" if right.strip() else "1")
    except Exception:  # formulaic raises several kinds, with colours in the text
        raise UsageError(
            f'The formula {formula!r} cannot be read; write it like "trt01a + age" or '
            '"C(trt01a) * log(age)"'
        ) from None
    if not isinstance(parsed, SimpleFormula):
        raise UsageError(f"The formula {formula!r} has several parts; leave out the |")
    return parsed


def _variable_problems(table: pd.DataFrame, variables: Sequence[str], name: str) -> list[Problem]:
    found = missing_columns(table, variables, table=name)
    found += missing_values(table, variables, table=name)
    for variable in variables:
        if variable in table.columns and pd.api.types.is_float_dtype(table[variable]):
            found += flagged(
                np.isinf(table[variable].to_numpy(dtype=float, na_value=np.nan)),
                "infinite",
                name,
                variable,
                "infinite",
                "Correct the covariate, or leave the rows out",
            )
    return found


def _is_text(column: pd.Series) -> bool:
    kind = column.dtype
    return isinstance(kind, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)
    )


def _require_mapping(reference: object, table: pd.DataFrame, groups: Sequence[str]) -> None:
    """Refuse a reference that does not say which column it is a value of."""
    if reference is None or isinstance(reference, Mapping):
        return
    value = reference if isinstance(reference, str) else "placebo"
    held = [variable for variable in groups if (table[variable] == value).any()]
    column = next(iter([*held, *groups]), "trt01a")
    raise UsageError(
        "reference names the column and the group that others are compared with: pass "
        f'reference={{"{column}": "{value}"}}'
    )


def _require_contrasts(spec: Any) -> None:
    """Refuse groups of which there is one only: formulaic leaves them out without a word."""
    contrasts = {
        _variable_of(factor.expr): state for factor, state in spec.factor_contrasts.items()
    }
    single = sorted(variable for variable, state in contrasts.items() if len(state.levels) == 1)
    if single:
        raise UsageError(
            f"Everyone has the same {', '.join(single)}, so there is nothing to compare: take it "
            "out of the formula"
        )


def _refuse_times(table: pd.DataFrame, variables: Sequence[str]) -> None:
    """Refuse dates and durations, which are neither numbers nor groups."""
    for variable in variables:
        kind = table[variable].dtype
        timed = pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype)
        timed = timed or pd.api.types.is_timedelta64_dtype(kind)
        if not timed and pd.api.types.is_object_dtype(kind):
            timed = pd.api.types.infer_dtype(table[variable], skipna=True) in _TIMES
        if timed:
            raise UsageError(
                f"{variable} is a date or a duration: turn it into a number or into groups"
            )


def _numbers_as_groups(
    parsed: Any, formula: str, table: pd.DataFrame, variables: Sequence[str], groups: Sequence[str]
) -> list[str]:
    """Columns of numbers that the formula takes as groups, as `C(dose)` does."""
    if not any(str(factor).startswith("C(") for term in parsed for factor in term.factors):
        return []
    plain = {v: table[v].to_numpy() for v in variables if v not in groups}
    held = {v: table[v].astype(object).to_numpy() for v in groups}
    spec = _built(parsed, formula, pd.DataFrame({**plain, **held})).model_spec
    named = {_variable_of(factor.expr) for factor in spec.factor_contrasts}
    return [variable for variable in plain if variable in named]


def _levels_of(column: pd.Series, variable: str, reference: Mapping[str, Any]) -> list[Any]:
    """Groups in order: as declared or sorted, with the reference first."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = list(column.cat.categories[np.unique(column.cat.codes)])
    else:
        try:
            levels = list(column.unique())
        except TypeError:
            raise UsageError(f"{variable} holds lists or tables, which make no groups") from None
        numeric = pd.api.types.is_numeric_dtype(column.dtype)
        levels = sorted(levels) if numeric else sorted(levels, key=str)
    if variable not in reference:
        return levels
    first = matched(f"group in {variable}", reference[variable], levels)
    return [first, *(level for level in levels if level != first)]


def _plain(
    table: pd.DataFrame, variables: Sequence[str], levels: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """The variables in numpy's types, groups with only the levels that are in use."""
    columns: dict[str, Any] = {}
    for variable in variables:
        column = table[variable]
        if variable in levels:
            codes, held = pd.factorize(column)
            place = {level: k for k, level in enumerate(levels[variable])}
            moved = np.array([place[level] for level in held])
            columns[variable] = pd.Categorical.from_codes(
                moved[codes], categories=pd.Index(levels[variable])
            )
        else:
            columns[variable] = column.to_numpy(dtype=float)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def _built(parsed: Any, formula: str, plain: pd.DataFrame) -> Any:
    from formulaic import model_matrix

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that came out wrong are refused below
            return model_matrix(parsed, plain, na_action="ignore", context={}, output="numpy")
    except Exception as error:  # formulaic wraps whatever the formula's own code raises
        raise UsageError(
            f"The formula {formula!r} does not fit the table ({type(error).__name__}): it may use "
            "columns, numbers, C() and functions such as log()"
        ) from None


def _numbers(matrix: Any, spec: Any, columns: Sequence[str]) -> Floats:
    place = {str(name): k for k, name in enumerate(spec.column_names)}
    numbers = np.asarray(matrix, dtype=float)[:, [place[column] for column in columns]]
    bad = [c for c, fine in zip(columns, np.isfinite(numbers).all(axis=0), strict=True) if not fine]
    if bad:
        raise UsageError(
            f"{', '.join(bad)} is not a number in every row, as when a logarithm is taken of 0"
        )
    return numbers


def _names(spec: Any) -> tuple[dict[str, str], dict[str, str]]:
    """For each column its label and the term of the formula it belongs to."""
    labels: dict[str, str] = {}
    covariates: dict[str, str] = {}
    contrasts = {factor.expr: state for factor, state in spec.factor_contrasts.items()}
    for part in spec.structure:
        term = str(part.term)
        state = contrasts.get(term)
        for column in part.columns:
            covariates[column] = term
            labels[column] = _plain_label(column)
            if state is not None:
                labels[column] = _against(term, column, state)
    return labels, covariates


def _against(term: str, column: str, state: Any) -> str:
    """`trt01a active against placebo`, where that is what the column means."""
    if type(state.contrasts).__name__ != "TreatmentContrasts":
        return column
    base = state.contrasts.base
    first = state.levels[0] if base not in state.levels else base
    level = next((each for each in state.levels if column == f"{term}[T.{each}]"), None)
    return column if level is None else f"{_variable_of(term)} {level} against {first}"


def _plain_label(column: str) -> str:
    """`trt01a active, avisit Week 2` of `trt01a[T.active]:avisit[T.Week 2]`."""
    parts = column.split(":")
    if not all(part.count("[") == part.endswith("]") for part in parts):
        return column
    return ", ".join(part.removesuffix("]").replace("[T.", " ").replace("[", " ") for part in parts)


def _variable_of(term: str) -> str:
    """`trt01a` of `C(trt01a, contr.sum)`."""
    return term.removeprefix("C(").split(",")[0].rstrip(")").strip()


def _unused(table: pd.DataFrame, levels: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    found = []
    for variable, used in levels.items():
        column = table[variable]
        if isinstance(column.dtype, pd.CategoricalDtype):
            found += [
                f"{variable} {level}" for level in column.cat.categories if level not in set(used)
            ]
    return tuple(found)

"""Ratios of event rates when time that was not observed is filled in under a stated assumption."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import (
    column_names,
    missing_columns,
    missing_values,
    not_numbers,
    refuse,
)
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.options import checked_level, matched, require_choice, require_column_name
from ketastats.checks.positions import flagged
from ketastats.errors import UsageError
from ketastats.models.covariate_design import covariate_design, formula_variables
from ketastats.models.reference_based import STRATEGY_TITLES
from ketastats.plots.ratios import ratio_text
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    in_shared_words,
    level_text,
    p_text,
    percent,
)
from ketastats.stats.count_imputation import (
    STRATEGIES,
    CountFits,
    CountImputations,
    ObservedCounts,
    RateRatio,
    count_imputations,
    draw_parameters,
    fit_counts,
    pooled_ratio,
)
from ketastats.stats.npmle import NoConvergenceError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_TABLE = "data"
_SOURCE = "The table of subjects' events"
_METHOD = "imputed negative binomial counts, Rubin"
_RATIO = ("ratio", "ratio_low", "ratio_high", "monte_carlo_se", "missing_share")
_OWN = ("arm", "strategy", "delta", "reference_delta", "imputed", *_RATIO)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReferenceCounts(TabularResult):
    """Rate ratios over the planned time, one row per arm against the reference.

    `estimate` and its limits are on the log scale, `ratio`, `ratio_low` and `ratio_high` their
    exponentials. `imputed` of `n` subjects of the two arms were not observed for all of the planned time.
    `monte_carlo_se` says how far the estimate may move with other random draws, `missing_share` is the
    share of its variance that is due to what was not observed. `arms` starts with the reference, `codes`
    places the subjects in it; `dispersion` is the variance of their frailties, as fitted to what was
    observed.
    """

    arms: tuple[str, ...] = field(kw_only=True)
    codes: NDArray[np.intp] = field(kw_only=True, repr=False)
    draws: CountImputations = field(kw_only=True, repr=False)
    events: str = field(kw_only=True)
    strategy: str = field(kw_only=True)
    deltas: tuple[float, ...] = field(kw_only=True)
    dispersion: float = field(kw_only=True)
    conf_level: float = field(kw_only=True)

    def ratio_at(
        self, arm: str, deltas: tuple[float, float], *, conf_level: float | None = None
    ) -> RateRatio:
        """Return one rate ratio with its inference under other deltas, from the same random numbers.

        Parameters
        ----------
        arm : str
        deltas : (float, float)
            Of the arm and of the reference, above 0; further arms keep those of this result.
        conf_level : float, optional
            That of this result by default.

        Returns
        -------
        RateRatio
            In the words of `to_frame`.
        """
        k = self.arms.index(matched("arm", arm, self.arms[1:]))
        first, second = _checked_values("deltas", deltas)
        shifts = np.array(self.deltas)
        shifts[[0, k]] = second, first
        fits = self.draws.fits(self.draws.counts(shifts[self.codes]))
        level = self.conf_level if conf_level is None else checked_level(conf_level)
        return pooled_ratio(fits, k, self.draws.observed.spare, conf_level=level)

    def display(self) -> pd.DataFrame:
        """Return one row per ratio as text."""
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "Imputed": [count(row["imputed"]) for row in rows],
                f"Rate ratio ({level_text(self.conf_level)} interval)": [
                    _ratio_text(row) for row in rows
                ],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios on a logarithmic axis."""
        from ketastats.plots.ratios import draw_ratios

        return draw_ratios(
            self.frame, ax, xlabel=f"Ratio of rates of {self.events} over the planned time"
        )

    def figure_text(self) -> str:
        """Return the ratios in words."""
        parts = [f"{row['term']} {_ratio_text(row)}" for row in self.frame.to_dict("records")]
        return f"Ratio of rates of {self.events}: {'; '.join(parts)}."

    def __str__(self) -> str:
        row = self.frame.iloc[0].to_dict()
        more = "" if len(self.frame) == 1 else f" (the first of {len(self.frame)} arms)"
        return (
            f"{row['term']}{more}, ratio of rates of {self.events} over the planned time under "
            f"{STRATEGY_TITLES[self.strategy]}: {_ratio_text(row, self.conf_level)}; "
            f"{count(row['imputed'])} of {count(row['n'])} were not observed for all of it"
        )


def reference_counts(
    data: pd.DataFrame,
    events: str = "events",
    exposure: str = "days",
    *,
    planned: str | float,
    arm: str = "trt01a",
    reference: str,
    strategy: str = "jump_to_reference",
    covariates: str | Sequence[str] = (),
    subject: str = "usubjid",
    imputations: int = 200,
    seed: int = 20261124,
    delta: Mapping[str, float] | None = None,
    conf_level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> ReferenceCounts:
    """Compare rates of events over a planned time, imputing the events of time that was not observed.

    Parameters
    ----------
    data : DataFrame, one row per subject
    events, exposure : str
        Columns with the number of events and the time in which they were counted.
    planned : str or float
        Time that was planned, in units of `exposure`: a column, or one number for everybody.
    arm, reference : str
        Column of the arms, and the arm that the others are compared with.
    strategy : {"mar", "jump_to_reference", "copy_reference"}
        Unobserved time has the rate of the own arm ("mar") or of the reference arm. The subject's own
        frailty is judged from the events observed, by the rate of the own arm; under "copy_reference" by
        that of the reference arm, as if the treatment had never acted.
    covariates : str or sequence of str
        Terms of the model beside the arm, known at baseline: columns, or such as ``"log(base)"``.
    imputations, seed
    delta : mapping of arm to number, optional
        The rate of unobserved time is multiplied by it; above 0, and 1 where none is given.
    conf_level, subject
    progress : callable, optional
        Told the number of imputations done and wanted.

    Returns
    -------
    ReferenceCounts
        A negative binomial model of the planned time, with the same covariates, is fitted to every
        imputation; log ratios are pooled by Rubin's rules with Barnard and Rubin's degrees of freedom. Where
        the reference is borrowed from, such limits are wider than repeated trials would have them.
        Counts have no upper end in this model: it does not suit days with an event, if most days have one.

    Raises
    ------
    DataError
        If events are not whole or negative, a time is 0, missing or above that planned, or a subject has
        two rows.
    UsageError
        If an option, an arm or a covariate does not fit, or nobody in an arm had an event.

    References
    ----------
    Keene ON, Roger JH, Hartley BF, Kenward MG (2014). Pharm Stat 13:258-264. Lawless JF (1987). Can J Stat
    15:209-225. Barnard J, Rubin DB (1999). Biometrika 86:948-955.
    """
    require_choice("strategy", strategy, STRATEGIES)
    level = checked_level(conf_level)
    m = _whole("imputations", imputations, 2)
    rng = np.random.default_rng(_whole("seed", seed, 0))
    rows = _rows(data, events, exposure, planned, arm, reference, covariates, subject)
    shifts = _checked_deltas(delta, rows.arms)
    try:
        fit = fit_counts(rows.observed.y, rows.observed.design, np.log(rows.observed.time))
        draws = count_imputations(rows.observed, draw_parameters(fit, m, rng), strategy, rng)
        made = draws.counts(np.array(shifts)[rows.codes])
        fits = draws.fits(made, None if progress is None else lambda done: progress(done, m))
    except (NoConvergenceError, np.linalg.LinAlgError) as error:
        raise UsageError(
            f"The model cannot be fitted ({error}): take fewer covariates, or look for groups without "
            f"{events}"
        ) from None
    return ReferenceCounts(
        _frame(rows, fits, strategy, shifts, level),
        arms=rows.arms,
        codes=rows.codes,
        draws=draws,
        events=events,
        strategy=strategy,
        deltas=shifts,
        dispersion=float(fit.dispersion[0]),
        conf_level=level,
        sources=sources_of(data),
        notes=_notes(rows, events, strategy, shifts, float(fit.dispersion[0])),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The subjects in an order that does not depend on the table's: `codes` places them in `arms`."""

    observed: ObservedCounts
    arms: tuple[str, ...]
    codes: NDArray[np.intp]

    @property
    def open_ended(self) -> NDArray[np.bool_]:
        return np.asarray(self.observed.time < self.observed.planned)


def _rows(
    data: pd.DataFrame,
    events: str,
    exposure: str,
    planned: str | float,
    arm: str,
    reference: str,
    covariates: str | Sequence[str],
    subject: str,
) -> _Rows:
    columns = {"events": events, "exposure": exposure, "arm": arm, "subject": subject}
    for option, name in columns.items():
        require_column_name(option, name)
    formula = " + ".join(column_names(covariates))
    variables = formula_variables(formula) if formula else ()
    if arm in variables:
        raise UsageError(f"{arm} is in the model already: leave it out of covariates")
    numbers = [events, exposure]
    if isinstance(planned, str):
        numbers.append(planned)
    elif not (_is_number(planned) and 0 < planned < float("inf")):
        raise UsageError(f"planned must be a column or a time above 0, not {planned!r}")
    _require_counts(data, numbers, planned, subject, [arm, *variables])
    y, time, *until = (data[name].to_numpy(dtype=float) for name in numbers)
    arms = _arms(data[arm], reference)
    place = {name: k for k, name in enumerate(arms)}
    codes = np.array([place[name] for name in data[arm]], dtype=np.intp)
    if none := [str(name) for name, k in place.items() if not y[codes == k].any()]:
        raise UsageError(
            f"Nobody had {events} in {' and '.join(none)}: a ratio of rates has no finite limits"
        )
    ends = until[0] if until else np.full(len(y), float(planned))
    others = _covariates(data, formula)
    order = np.lexsort((*others.T, ends, time, y, codes))
    design, as_reference = _designs(codes[order], len(arms), others[order])
    observed = ObservedCounts(y[order], time[order], ends[order], design, as_reference)
    return _Rows(observed, tuple(map(str, arms)), codes[order])


def _designs(codes: NDArray[np.intp], arms: int, others: Floats) -> tuple[Floats, Floats]:
    """Columns of the model for everybody in the own arm, and for everybody in the reference arm."""
    own = np.column_stack([np.ones(len(codes)), *(codes == k for k in range(1, arms)), others])
    if np.linalg.matrix_rank(own) < own.shape[1] or len(own) <= own.shape[1]:
        raise UsageError(
            "The covariates tell the same as each other or as the arms, or are too many: take fewer"
        )
    as_reference = own.copy()
    as_reference[:, 1:arms] = 0
    return own, as_reference


def _arms(column: pd.Series, reference: str) -> list[Any]:
    """The arms, the reference first."""
    seen = list(column.unique())
    if isinstance(column.dtype, pd.CategoricalDtype):
        seen = [name for name in column.cat.categories if name in seen]
    else:
        seen.sort(key=str)
    first = matched("arm", reference, seen)
    if len(seen) < 2:
        raise UsageError(f"Everybody is in {first}, so there is nothing to compare")
    return [first, *(name for name in seen if name != first)]


def _covariates(data: pd.DataFrame, formula: str) -> Floats:
    """Columns (n, q) of the covariates, in standard deviations."""
    if not formula:
        return np.empty((len(data), 0))
    columns = covariate_design(data, formula, intercept=False, name=_TABLE).matrix
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _require_counts(
    data: pd.DataFrame,
    numbers: Sequence[str],
    planned: str | float,
    subject: str,
    others: Sequence[str],
) -> None:
    """Refuse tables that cannot be, with everything found; `numbers` starts with events and exposure."""
    needed = list(dict.fromkeys([subject, *others, *numbers]))
    refuse(missing_columns(data, needed, table=_TABLE), source=_SOURCE)
    found = not_numbers(data, numbers, table=_TABLE)
    found += missing_values(data, needed, table=_TABLE)
    found += duplicated_rows(
        data,
        [subject],
        table=_TABLE,
        what="a second row of one subject",
        remedy="Add up the events and the time of each subject",
    )
    y, time = (pd.to_numeric(data[name], errors="coerce") for name in numbers[:2])
    until = pd.to_numeric(data[planned], errors="coerce") if isinstance(planned, str) else planned
    faults = (
        ((y < 0) | (y % 1 > 0), numbers[0], "not_a_count", "negative or no whole number",
         "Give the number of events that were counted, not a rate"),
        (time <= 0, numbers[1], "no_time", "no time was observed",
         "Correct the time, or leave out who was never observed and say so"),
        (time > until, numbers[1], "above_planned", "more than the time planned",
         "Count events up to the planned time only, in the same unit"),
    )  # fmt: skip
    for bad, name, code, what, remedy in faults:
        found += flagged(bad, code, _TABLE, name, what, remedy)
    refuse(found, source=_SOURCE)


def _is_number(given: object) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool)


def _frame(
    rows: _Rows, fits: CountFits, strategy: str, shifts: tuple[float, ...], level: float
) -> pd.DataFrame:
    found = []
    for k, name in enumerate(rows.arms[1:], start=1):
        both = (rows.codes == 0) | (rows.codes == k)
        found.append(
            asdict(pooled_ratio(fits, k, rows.observed.spare, conf_level=level))
            | {"term": f"{name} against {rows.arms[0]}", "arm": name, "strategy": strategy}
            | {"delta": shifts[k], "reference_delta": shifts[0], "n": int(both.sum())}
            | {"imputed": int((rows.open_ended & both).sum())}
            | {"conf_level": level, "method": _METHOD}
        )
    return in_shared_words(found, own=_OWN)


def _whole(name: str, given: object, least: int) -> int:
    if not isinstance(given, Integral) or isinstance(given, bool) or given < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {given!r}")
    return int(given)


def _checked_deltas(delta: Mapping[str, float] | None, arms: tuple[str, ...]) -> tuple[float, ...]:
    given = {matched("arm", name, arms): value for name, value in (delta or {}).items()}
    checked = {
        name: _checked_values(f"The delta of {name}", [value])[0] for name, value in given.items()
    }
    return tuple(checked.get(name, 1.0) for name in arms)


def _checked_values(what: str, values: Sequence[float]) -> list[float]:
    held = list(values)
    fine = all(_is_number(value) and 0 < value < float("inf") for value in held)
    if not held or not fine:
        raise UsageError(
            f"{what} must be finite and above 0: the rate of unobserved time is multiplied by it"
        )
    return [float(value) for value in held]


def _notes(
    rows: _Rows, events: str, strategy: str, shifts: tuple[float, ...], dispersion: float
) -> tuple[str, ...]:
    said = []
    for k, name in enumerate(rows.arms):
        here = rows.codes == k
        time, planned = rows.observed.time[here].sum(), rows.observed.planned[here].sum()
        said.append(
            f"{count((rows.open_ended & here).sum())} of {count(here.sum())} in {name} were not observed "
            f"for all of the planned time: {percent(1 - time / planned)}% of the time of that arm."
        )
    said.append(
        f"{events.capitalize()} of that time were imputed under {STRATEGY_TITLES[strategy]}."
    )
    moved = [
        f"{value:g} in {name}" for name, value in zip(rows.arms, shifts, strict=True) if value != 1
    ]
    if moved:
        said.append(f"The rate of unobserved time was multiplied by {', '.join(moved)}.")
    if dispersion == 0:
        said.append(f"The {events} observed vary no more than Poisson counts do.")
    return tuple(said)


def _ratio_text(row: Mapping[Any, Any], level: float | None = None) -> str:
    low, high = ratio_text(row["ratio_low"]), ratio_text(row["ratio_high"])
    said = "" if level is None else f"{level_text(level)} interval "
    return f"{ratio_text(row['ratio'])} ({said}{low} to {high})"

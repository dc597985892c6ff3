"""What the mean change of one arm is made of: regression to the mean, natural course, expectancy, a rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.options import (
    checked_level,
    require_choice,
    require_column_name,
    require_flag,
)
from ketastats.checks.positions import flagged
from ketastats.errors import UsageError
from ketastats.models.parts_over_reliability import PartsOverReliability
from ketastats.models.placebo_benchmark import PlaceboBenchmark
from ketastats.models.two_groups import MISSING, second_rows
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    number,
)
from ketastats.stats.regression_to_mean import OneArm, Part, one_arm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

TITLES = {
    "observed": "Observed change",
    "regression_to_the_mean": "Regression to the mean",
    "natural_course": "Natural course",
    "expectancy": "Placebo or expectancy beyond these",
    "remainder": "What is left",
    "unspecific": "Change of placebo arms",
    "unspecific_needed": "Unspecific change that would explain all",
    "unspecific_needed_multiple": "The same, in changes of placebo arms",
}
"""Rows of a single arm's parts, in words for a reader."""

_GAINS = TITLES | {"observed": "Observed improvement"}
_SAID = {
    "regression_to_the_mean": "regression to the mean explains",
    "natural_course": "the natural course",
    "expectancy": "placebo or expectancy",
}
_UNLESS = "which is not the effect of the treatment unless the placebo arms are like these patients"
_AMONG = "placebo and expectancy included, so it is not the effect of the treatment"
_METHODS = {
    "observed": "t",
    "unspecific_needed": "t",
    "regression_to_the_mean": "truncated_normal",
    "natural_course": "given",
    "unspecific": "given",
    "unspecific_needed_multiple": "fieller",
}
_GIVEN = ("natural_course", "unspecific")
_OWN = ("part", "unit")
_TIMES = "times the change of placebo arms"
_TABLE = "data"
_SOURCE = "The table of subjects' changes"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SingleArmParts(TabularResult):
    """Parts of the mean change of one arm, one row each, in units of the outcome.

    `part` names a row: observed, regression_to_the_mean, natural_course, expectancy and unspecific (where
    placebo arms were given), remainder, unspecific_needed, unspecific_needed_multiple (whose `unit` is
    changes of placebo arms). `mean_before` and `sd_before` are baseline before selection; missing where
    there was none, or not known.
    """

    label: str = field(kw_only=True)
    unit: str = field(kw_only=True)
    mean_before: float = field(kw_only=True)
    sd_before: float = field(kw_only=True)
    higher_is_worse: bool = field(kw_only=True)
    arm: OneArm = field(kw_only=True, repr=False)

    def over_reliability(self, values: Iterable[float]) -> PartsOverReliability:
        """Return the parts for several reliabilities, each taken as known exactly.

        Parameters
        ----------
        values : iterable of float
            From 0 to 1.

        Returns
        -------
        PartsOverReliability
            Rows as of `to_frame` for each of `values`, with the column `reliability`.
        """
        chosen = list(values) if isinstance(values, Iterable) else []
        if not chosen or not all(_is_number(value, least=0) and value <= 1 for value in chosen):
            raise UsageError("values must be reliabilities from 0 to 1, one at least")
        level, sign = float(self.frame["conf_level"].iloc[0]), 1.0 if self.higher_is_worse else -1.0
        rows = [
            {"reliability": float(value), **row}
            for value in chosen
            for row in _rows(self.arm, float(value), 0.0, sign, level, self.unit)
        ]
        return PartsOverReliability(
            in_shared_words(rows, own=("reliability", *_OWN)),
            label=self.label,
            unit=self.unit,
            sources=self.sources,
        )

    def display(self) -> pd.DataFrame:
        """Return one row per part as text."""
        rows = self.frame.to_dict("records")
        level = level_text(self.frame["conf_level"].iloc[0])
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                f"Change ({level} interval)": [
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number)
                    for row in rows
                ],
                "SE": [number(row["std_error"]) for row in rows],
                "Unit": [str(row["unit"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the improvement, the parts one after the other, and what is left of it."""
        from ketastats.plots.parts import draw_parts

        shown = self._gains().reindex(["observed", *self._told(), "remainder"])
        kinds = {"observed": "total", "remainder": "left"}
        shown = shown.assign(
            term=[_GAINS[str(name)] for name in shown.index],
            kind=[kinds.get(str(name), "part") for name in shown.index],
        )
        return draw_parts(shown, ax, xlabel=f"Improvement in {self.label} ({self.unit})")

    def figure_text(self) -> str:
        """Return the parts in words."""
        gains = self._gains()
        level = level_text(self.frame["conf_level"].iloc[0])
        parts = [
            f"{_GAINS[name]} {estimate_text(*_values(gains, name), number)}"
            for name in ("observed", *self._told(), "remainder")
        ]
        joined = "; ".join(parts).replace("\u00a0", " ")
        return f"Improvement in {self.label} in {self.unit}, with {level} intervals: {joined}."

    def __str__(self) -> str:
        gains = self._gains()
        size, (left, low, high) = _values(gains, "observed")[0], _values(gains, "remainder")
        start = f"Of {number(size)} {self.unit} of improvement in {self.label}, "
        if size <= 0:
            start = f"No improvement in {self.label} ({number(size)} {self.unit}): "
        said = [f"{_SAID[name]} {number(_values(gains, name)[0])}" for name in self._told()]
        explained = " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))
        level = level_text(self.frame["conf_level"].iloc[0])
        return (
            f"{start}{explained}; {number(left)} ({level} interval {number(low)} "
            f"to {number(high)}) is left, {_UNLESS if 'expectancy' in gains.index else _AMONG}"
        )

    def _told(self) -> list[str]:
        """The parts that something was given for."""
        untold = set() if self.arm.natural.matters else {"natural_course"}
        return [name for name in _SAID if name in set(self.frame["part"]) - untold]

    def _gains(self) -> pd.DataFrame:
        """The rows by part, as improvement: its limits swap where a fall is one."""
        turned = self.frame.set_index("part")[["estimate", "conf_low", "conf_high"]]
        if not self.higher_is_worse:
            return turned
        swapped = 0.0 - turned[["estimate", "conf_high", "conf_low"]]  # no minus zero
        return swapped.set_axis(turned.columns, axis=1)


def single_arm_parts(
    data: pd.DataFrame,
    change: str = "chg",
    base: str = "base",
    *,
    entry: float | None = None,
    step: float | None = None,
    reliability: float,
    reliability_se: float = 0.0,
    before: tuple[float, float] | None = None,
    natural_course: tuple[float, float] = (0.0, 0.0),
    unspecific: tuple[float, ...] | PlaceboBenchmark | None = None,
    subject: str = "usubjid",
    missing: str = "error",
    conf_level: float = 0.95,
    label: str | None = None,
    unit: str = "points",
    higher_is_worse: bool = True,
) -> SingleArmParts:
    """Split the mean change of one arm into what would have come without the treatment, and the rest.

    Parameters
    ----------
    data : DataFrame, one row per subject
        See `select_visit`.
    change, base : str
        Columns with the change from baseline and the baseline, in one unit.
    entry : float, optional
        Patients were let in because their baseline was this or worse. Without it nobody was selected and
        regression to the mean is 0.
    step : float, optional
        Smallest step of the scale, 0 if it has none. A score of 20 in steps of 1 stands for all from 19.5
        on, so the law is cut half a step before `entry`. By default 1 if `entry` and all baselines are
        whole, else 0; a note says so.
    reliability, reliability_se : float
        Correlation of two assessments of stable patients (test-retest) as they were before selection, and
        its standard error. Among those let in the correlation is lower, and is not what is asked.
    before : (mean, standard error), optional
        Mean baseline before selection, where it is known; it is then not fitted.
    natural_course : (change, standard error)
        What waiting lists of such patients changed, beyond regression to the mean.
    unspecific : (change, standard error[, degrees of freedom]) or PlaceboBenchmark, optional
        Mean change of placebo ARMS. They hold their own regression and natural course, so expectancy is
        `unspecific` less these two, all three together are `unspecific`, and what is left does not depend
        on the reliability. A benchmark's error is that of a mean over trials; single trials scatter more.
    missing : {"error", "observed"}
        What a missing change or baseline means.
    conf_level : float, default 0.95
    label, unit : str, optional
        What a reader should see for the outcome (the column `change` by default) and its unit.
    higher_is_worse : bool, default True
        Whether a fall is an improvement and `entry` a lower bound.

    Returns
    -------
    SingleArmParts
        Changes keep their sign: a fall is negative.

    Raises
    ------
    UsageError, DataError
        If options or columns are not what they must be, a subject has two rows, a baseline is short of
        `entry`, or the baselines do not tell the mean before selection.

    Notes
    -----
    Expected change without a real one: -(1 - reliability) (mean baseline - mean before selection). The mean
    before selection is fitted as that of a normal law truncated at `entry`, by maximum likelihood. Its
    influence values and those of the mean change give their covariance. Limits of regression are from the
    profile likelihood and lopsided; an infinite one says that the baselines do not bound it. With fewer
    than 200 subjects and a strict entry it is often poorly told, and its estimate skewed. Limits of sums
    join those of the parts (Zou and Donner); those of the multiple are Fieller's, and there is none where
    `unspecific` is not told from 0. Numbers given are taken as independent of the subjects and each other.

    References
    ----------
    Davis CE (1976). Am J Epidemiol 104:493-498. Barnett AG, van der Pols JC, Dobson AJ (2005). Int J
    Epidemiol 34:215-220. Gardner MJ, Heady JA (1973). J Chronic Dis 26:781-795.
    """
    level = checked_level(conf_level)
    benchmark = unspecific if isinstance(unspecific, PlaceboBenchmark) else None
    placebo: Any = unspecific
    if benchmark is not None:
        placebo = (benchmark.estimate, benchmark.std_error, benchmark.df)
    _require_options((entry, step), (reliability, reliability_se), before, natural_course, placebo)
    require_flag("higher_is_worse", higher_is_worse)
    sign = 1.0 if higher_is_worse else -1.0
    names = {"change": change, "base": base, "subject": subject}
    pairs = sign * _pairs(data, names, missing, entry, sign)
    half = _half_step(pairs[:, 1], entry, step)
    try:
        arm = one_arm(
            pairs[:, 0],
            pairs[:, 1],
            entry=None if entry is None else sign * entry - half,
            before=_turned(before, sign),
            natural=_turned(natural_course, sign),
            unspecific=_turned(placebo, sign),
            conf_level=level,
        )
    except ValueError as error:
        raise UsageError(
            f"Regression to the mean cannot be told: {error}. Give before=, the mean before selection and "
            "its standard error, if it is known from elsewhere"
        ) from None
    rows = _rows(arm, float(reliability), float(reliability_se), sign, level, unit)
    return SingleArmParts(
        in_shared_words(rows, own=_OWN),
        label=change if label is None else str(label),
        unit=unit,
        mean_before=sign * arm.mean,
        sd_before=arm.sd,
        higher_is_worse=higher_is_worse,
        arm=arm,
        sources=(*sources_of(data), *(benchmark.sources if benchmark else ())),
        notes=(
            *_notes(arm, rows, len(data) - arm.n, sign, half),
            *(f"Change of placebo arms. {said}" for said in (benchmark.notes if benchmark else ())),
        ),
    )


def _half_step(baselines: Floats, entry: float | None, step: float | None) -> float:
    """How far before the entry a rounded score may have been."""
    if entry is None:
        return 0.0
    whole = entry % 1 == 0 and bool((baselines % 1 == 0).all())
    return float(whole if step is None else step) / 2


def _turned(numbers: Any, sign: float) -> Any:
    """Numbers given as (change, ...), in the direction in which higher is worse."""
    return None if numbers is None else (sign * numbers[0], *numbers[1:])


def _rows(
    arm: OneArm, reliability: float, reliability_se: float, sign: float, level: float, unit: str
) -> list[dict[str, Any]]:
    """Every part at a reliability, turned back to the scale's own direction."""
    parts = arm.parts(reliability, reliability_se) | {"unspecific_needed": arm.observed}
    rows = []
    for name, part in parts.items():
        own = part if sign > 0 else part.negative
        rows.append(_row(name, own, None if name in _GIVEN else arm.n, level, unit))
    if (multiple := arm.multiple()) is not None:
        rows.append(_row("unspecific_needed_multiple", multiple, arm.n, level, _TIMES))
    return rows


def _row(name: str, part: Part, n: int | None, level: float, unit: str) -> dict[str, Any]:
    return {
        "part": name,
        "unit": unit,
        "term": TITLES[name],
        "n": n,
        "estimate": part.estimate + 0.0,  # no minus zero
        "std_error": part.std_error,
        "df": None if n is None or name not in ("observed", "unspecific_needed") else n - 1,
        "conf_low": part.low + 0.0,
        "conf_high": part.high + 0.0,
        "conf_level": level,
        "method": _METHODS.get(name, "sum_of_parts"),
    }


def _notes(
    arm: OneArm, rows: list[dict[str, Any]], left_out: int, sign: float, half: float
) -> tuple[str, ...]:
    """What a reader must know of the parts."""
    part = {row["part"]: row for row in rows}
    placebo = arm.unspecific is not None
    expected_less = placebo and sign * part["expectancy"]["estimate"] > 0
    mean, sd = number(sign * arm.mean), number(arm.sd)
    chosen, fitted = isfinite(arm.mean), isfinite(arm.sd)
    said = {
        "What is left holds placebo and expectancy: it is not the effect of the treatment.": not placebo,
        "Placebo arms already hold their own regression to the mean and natural course, so expectancy is "
        "their change less these two, and what is left is the observed change less that of placebo arms. It "
        "is not the effect of the treatment unless the placebo arms are like these patients.": placebo,
        "Placebo arms improved less than regression and natural course together would have it: their "
        "patients or the numbers given do not fit these patients.": expected_less,
        "The change of placebo arms is not told from 0, so there is no multiple of it.": placebo
        and "unspecific_needed_multiple" not in part,
        "No natural course was given: it counts as 0.": not arm.natural.matters,
        f"By the fit, baselines before selection: mean {mean}, SD {sd}.": fitted,
        f"Baselines are in steps of {2 * half:g}, so the fit cuts {half:g} before the entry.": fitted
        and half > 0,
        "No selection by baseline is supposed, so there is no regression to the mean.": not chosen,
        "The baselines do not bound the mean before selection, so a limit of regression is "
        "infinite.": not isfinite(arm.excess.high),
        f"{count(left_out)} without a baseline or a change take no part.": left_out > 0,
    }
    return tuple(sentence for sentence, holds in said.items() if holds)


def _pairs(
    data: pd.DataFrame, names: dict[str, str], missing: str, entry: float | None, sign: float
) -> Floats:
    """Change and baseline of those with both."""
    require_choice("meaning of missing", missing, MISSING)
    for option, name in names.items():
        require_column_name(option, name)
    change, base, subject = names.values()
    refuse(missing_columns(data, [subject, change, base], table=_TABLE), source=_SOURCE)
    found = not_numbers(data, [change, base], table=_TABLE)
    needed = [subject, change, base] if missing == "error" else [subject]
    found += missing_values(data, needed, table=_TABLE)
    found += second_rows(data, subject)
    if entry is not None:
        start = pd.to_numeric(data[base], errors="coerce")
        short = sign * (start - entry) < -1e-9 * max(1.0, abs(entry))
        found += flagged(
            short,
            "short_of_entry",
            _TABLE,
            base,
            "a baseline short of the entry at which patients were let in",
            "Correct the rows, or give the entry= that was really kept",
        )
    refuse(found, source=_SOURCE)
    pairs = data[[change, base]].dropna().to_numpy(dtype=float)
    if len(pairs) < 2:
        raise UsageError("Fewer than two subjects with baseline and change")
    if np.ptp(pairs[:, 0]) <= 0:
        raise UsageError("All changes are alike, so nothing tells how uncertain their mean is")
    return pairs


def _require_options(
    scores: tuple[Any, Any], reliability: tuple[Any, Any], before: Any, natural: Any, placebo: Any
) -> None:
    """Refuse numbers that are none or out of range, all at once."""
    (entry, step), (rho, rho_se) = scores, reliability
    pair = "must be (number, standard error), the latter at least 0"
    also = ", with degrees of freedom above 0 as a third if need be, or a placebo_benchmark"
    asked = {
        "entry must be a score, or None where nobody was selected": entry is None
        or _is_number(entry),
        "step must be a number of at least 0": step is None or _is_number(step, least=0),
        "reliability must be a correlation from 0 to 1": _is_number(rho, least=0) and rho <= 1,
        "reliability_se must be a number of at least 0": _is_number(rho_se, least=0),
        f"before {pair}": before is None or _is_pair(before, most=2),
        f"natural_course {pair}": _is_pair(natural, most=2),
        f"unspecific {pair}{also}": placebo is None or _is_pair(placebo, most=3),
    }
    found = [sentence for sentence, holds in asked.items() if not holds]
    if found:
        raise UsageError(f"The change cannot be split: {'; '.join(found)}")


def _is_pair(given: Any, *, most: int) -> bool:
    if not isinstance(given, (tuple, list)) or not 2 <= len(given) <= most:
        return False
    spare = len(given) < 3 or (isinstance(given[2], (int, float, np.number)) and given[2] > 0)
    return bool(_is_number(given[0]) and _is_number(given[1], least=0) and spare)


def _is_number(value: Any, *, least: float | None = None) -> bool:
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return bool(real and isfinite(value) and (least is None or value >= least))


def _values(gains: pd.DataFrame, name: str) -> tuple[float, float, float]:
    estimate, low, high = (float(value) for value in gains.loc[name].to_numpy(dtype=float))
    return estimate, low, high

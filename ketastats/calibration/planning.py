"""Planning: how many patients it takes until a claim is decided rightly often enough."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtr, bdtrc, ndtri

from ketastats.calibration.cases import Case
from ketastats.calibration.cases import draw as draw_cohort
from ketastats.calibration.judging import (
    SEED,
    WHERE,
    Draw,
    checked_cases,
    judge_shortly,
    judging_jobs,
    measure_of,
    refusal_notes,
)
from ketastats.calibration.rates import MonteCarloRate, word_rates
from ketastats.calibration.replicates import run_jobs
from ketastats.calibration.wording import value_text
from ketastats.checks.options import checked_level
from ketastats.claims.registry import load_claims
from ketastats.claims.standing import ALPHA, CONTRADICTED, DECISION_LEVEL, SUPPORTED
from ketastats.errors import UsageError
from ketastats.results import (
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    percent,
)
from ketastats.stats.intervals import two_sided_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (50, 100, 200, 400, 800, 1600)

OWN = (
    "case",
    "claim",
    "which",
    "truth",
    "measure",
    "word",
    "replicates",
    "refused",
    "patients",
    "closed_form",
    "target",
    "needed",
    "needed_low",
    "needed_high",
    "closed_form_needed",
    "smallest_possible",
)
"""Columns of the table before the shared words."""

_RIGHT = {"false": CONTRADICTED, "true": SUPPORTED}
_MOST = 2**17  # patients up to which the closed form is searched

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SizePlan(TabularResult):
    """How often a claim is decided rightly, one row per case and number of patients `n`.

    `estimate` is the rate of the right `word` (supported where true, contradicted where false) among
    all `replicates`, with Monte Carlo limits. `needed` is the smallest number of patients at which it
    reaches `target`, interpolated between those tried and rounded up to ten, `needed_low` and
    `needed_high` the same from the limits; missing where none of those tried is enough. `patients` is
    the mean number that the deciding row counts. For a claim that puts a share in a range,
    `closed_form` is the rate where every one of them counts, `closed_form_needed` the number from
    which on it stays at `target`, and `smallest_possible` the one below which no cohort can support
    the claim; missing for other claims.
    """

    def display(self) -> pd.DataFrame:
        """Return one row per case and number of patients."""
        level = level_text(self.frame["conf_level"].iloc[0])
        closed = bool(self.frame["closed_form"].notna().any())
        shown = []
        for row in self.frame.to_dict("records"):
            cells = {
                "Claim": str(row["claim"]),
                "It is": str(WHERE[row["which"]]).removeprefix("where it is "),
                "True value": value_text(row["truth"], str(row["measure"])),
                "n": count(row["n"]),
                f"Decided rightly % ({level} limits)": estimate_text(
                    row["estimate"], row["conf_low"], row["conf_high"], percent
                ),
            }
            if closed:
                rate = row["closed_form"]
                cells["In closed form %"] = "–" if pd.isna(rate) else percent(rate)
            shown.append(cells)
        return pd.DataFrame(shown)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rate of the right word against the number of patients, with the target."""
        from ketastats.plots.error_rates import draw_size_curves

        cases = self._cases()
        labels = {rows[0]["case"]: self._label(rows[0]) for rows in cases}
        return draw_size_curves(
            self.frame.assign(label=self.frame["case"].map(labels)),
            ax,
            target=float(self.frame["target"].iloc[0]),
            needed=[float(rows[0]["needed"]) for rows in cases],
        )

    def figure_text(self) -> str:
        """Return every point of the figure in words."""
        parts = []
        for rows in self._cases():
            points = ", ".join(f"{percent(row['estimate'])}% at {count(row['n'])}" for row in rows)
            parts.append(f"{self._label(rows[0])}: {points}")
        return f"Curves of the share of cohorts decided rightly. {'; '.join(parts)}. {self}."

    def __str__(self) -> str:
        first, *others = (_sentence(rows) for rows in self._cases())
        return "; ".join([first, *(f"{other[0].lower()}{other[1:]}" for other in others)])

    def _cases(self) -> list[list[dict[Hashable, Any]]]:
        groups = self.frame.groupby("case", sort=False)
        return [rows.to_dict("records") for _, rows in groups]

    def _label(self, row: Mapping[Hashable, Any]) -> str:
        claim = f"{row['claim']}, " if self.frame["claim"].nunique() > 1 else ""
        true = value_text(row["truth"], str(row["measure"]))
        return f"{claim}true value {true}: {row['word']}"


def plan_size(
    cases: Case | Sequence[Case],
    sizes: Sequence[int] = SIZES,
    *,
    target: float = 0.8,
    replicates: int = 200,
    seed: int = SEED,
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    conf_level: float = 0.95,
    draw: Draw = draw_cohort,
    judge: Callable[..., Any] = judge_shortly,
) -> SizePlan:
    """Find how many patients it takes until a claim is decided rightly often enough.

    Parameters
    ----------
    cases : Case or sequence of them
        Claims that are true or false, planned side by side; at the border there is no right word.
    sizes : sequence of int
        Numbers of patients to try, rising.
    target : float, default 0.8
        The share of cohorts that is to be decided rightly.
    replicates : int, default 200
        Cohorts per case and number of patients.
    seed, workers, cache, progress, conf_level, draw, judge
        As for `operating_characteristics`, with whose replicates these are shared.

    Returns
    -------
    SizePlan

    Raises
    ------
    UsageError
        If an option is wrong, a case is at its border, or every cohort of one is refused.
    """
    level, wanted = checked_level(conf_level), _checked_target(target)
    given, tried = checked_cases(cases, judge), _checked_sizes(sizes)
    if any(case.which not in _RIGHT for case in given):
        raise UsageError("At the border of a claim no word is right: plan for a true or false one")
    pairs = [(case, n) for case in given for n in tried]
    jobs = judging_jobs(pairs, replicates=replicates, seed=seed, draw=draw, judge=judge)
    tables = run_jobs(jobs, workers=workers, cache=cache, progress=progress)
    rows: list[dict[str, Any]] = []
    notes = [
        "The number needed is interpolated on the probit scale against the root of n, and rounded up to ten."
    ]
    for at, case in enumerate(given):
        mine = tables[at * len(tried) : (at + 1) * len(tried)]
        rows += [{"case": at + 1, **row} for row in _rows_of_case(case, tried, mine, wanted, level)]
        for n, table in zip(tried, mine, strict=True):
            notes += [f"n = {count(n)}, {note}" for note in refusal_notes(case, table)]
    if any(not isnan(row["closed_form"]) for row in rows):
        notes.append(
            "Closed form: two one-sided score tests of a binomial count in which every patient counts."
        )
    return SizePlan(in_shared_words(rows, own=OWN), notes=tuple(notes))


def needed_size(sizes: Sequence[int], rates: Sequence[float], target: float) -> float:
    """Smallest number at which a rate reaches the target and stays there, rounded up to ten.

    Interpolated on the probit scale against the root of n, on which the power of a one-sided test
    with normal errors is a line. The first of `sizes` if it is enough; NaN if the last is not.

    Parameters
    ----------
    sizes, rates : sequences of one length, sizes rising
        Rates strictly between 0 and 1.
    target : float
    """
    height, root, wanted = (
        ndtri(np.asarray(rates)),
        np.sqrt(np.asarray(sizes)),
        float(ndtri(target)),
    )
    short = np.flatnonzero(height < wanted)
    if not short.size:
        return float(sizes[0])
    last = int(short[-1])
    if last + 1 == len(sizes):
        return nan
    part = (wanted - height[last]) / (height[last + 1] - height[last])
    n = float(root[last] + part * (root[last + 1] - root[last])) ** 2
    return 10.0 * ceil(n / 10 - 1e-9)


def share_power(
    share: float, n: Sequence[int] | _Ints, claimed: tuple[float, float], word: str
) -> _Floats:
    """Exact chance that n patients, each relieved with chance `share`, come to a word.

    Parameters
    ----------
    share : float
        The true share.
    n : sequence of int
        Numbers of patients.
    claimed : (float, float)
        The claimed range. Clopper and Pearson's interval has its lower limit at or above a value p
        exactly if the binomial test rejects p: ``P(X >= x; n, p) <= alpha``.
    word : {"supported", "contradicted"}

    References
    ----------
    Clopper CJ, Pearson ES (1934). Biometrika 26:404-413. Schuirmann DJ (1987). J Pharmacokinet
    Biopharm 15:657-680.
    """
    size = np.asarray(n, dtype=np.int64)
    if word == SUPPORTED:
        low, high = _inside(size, claimed)
        up_to, below_it = _at_most(high, size, share), _at_most(low - 1.0, size, share)
        return np.asarray(np.where(low <= high, np.subtract(up_to, below_it), 0.0))
    below = size - _critical(size, 1 - claimed[0])  # -1 where no count is wholly below
    above = _critical(size, claimed[1])
    above_it = np.subtract(1.0, _at_most(above - 1.0, size, share))
    return np.asarray(np.add(_at_most(below, size, share), above_it))


def share_size(share: float, claimed: tuple[float, float], word: str, target: float) -> float:
    """Smallest number of patients from which on `share_power` stays at the target.

    The power of counts goes up and down with n; the number is that after the last dip, looked for
    up to at least twice as many. NaN if there is none up to some 100,000.
    """
    most = 512
    while most <= _MOST:
        short = np.flatnonzero(share_power(share, np.arange(1, most + 1), claimed, word) < target)
        last = int(short[-1]) + 1 if short.size else 0
        if last < most // 2:
            return float(last + 1)
        most *= 2
    return nan


def smallest_supportable(claimed: tuple[float, float]) -> float:
    """Smallest number of patients of whom any count would support a claimed range; NaN if none would."""
    size = np.arange(1, _MOST + 1)
    low, high = _inside(size, claimed)
    possible = np.flatnonzero(low <= high)
    return float(size[possible[0]]) if possible.size else nan


def _inside(size: _Ints, claimed: tuple[float, float]) -> tuple[_Floats, _Floats]:
    """Lowest and highest count whose interval lies inside the range."""
    lowest = _critical(size, claimed[0]) if claimed[0] > 0 else np.zeros(size.shape)
    short = _critical(size, 1 - claimed[1]) if claimed[1] < 1 else np.zeros(size.shape)
    return lowest, np.asarray(size - short, dtype=np.float64)


def _critical(size: _Ints, p: float) -> _Floats:
    """Lowest count whose lower limit is at or above p; one more than there are patients if none is."""
    if p >= 1:
        return np.asarray(size + 1.0, dtype=np.float64)
    spread = two_sided_quantile(DECISION_LEVEL) * np.sqrt(size * p * (1 - p))
    count: _Floats = np.clip(np.ceil(size * p + spread), 1.0, size + 1.0)  # near it already
    while (more := (count <= size) & (bdtrc(count - 1, size, p) > ALPHA)).any():
        count = count + more
    while (fewer := (count > 1) & (bdtrc(count - 2, size, p) <= ALPHA)).any():
        count = count - fewer
    return count


def _at_most(x: npt.NDArray[Any], size: _Ints, p: float) -> _Floats:
    """Chance of at most x; 0 below 0, 1 from n on."""
    inner = np.clip(x, 0, size)
    return np.where(x < 0, 0.0, bdtr(inner, size, p))


def _rows_of_case(
    case: Case, sizes: Sequence[int], tables: Sequence[pd.DataFrame], target: float, level: float
) -> list[dict[str, Any]]:
    word = _RIGHT[case.which]
    rates = [word_rates(table, conf_level=level)[word] for table in tables]
    measure = next((name for name in map(measure_of, tables) if name), "")
    common = {
        "claim": case.claim,
        "which": case.which,
        "truth": float(case.truth),
        "measure": measure,
        "word": word,
        "target": target,
        "needed": _needed(sizes, rates, target, "estimate"),
        "needed_low": _needed(sizes, rates, target, "high"),
        "needed_high": _needed(sizes, rates, target, "low"),
        "conf_level": level,
        "method": "clopper_pearson",
    }
    claimed = _claimed_share(case.claim, measure)
    if claimed is not None:
        common["closed_form_needed"] = share_size(case.truth, claimed, word, target)
        common["smallest_possible"] = smallest_supportable(claimed)
    rows = []
    for n, table, rate in zip(sizes, tables, rates, strict=True):
        patients = float(table["n"].mean()) if "n" in table.columns else nan
        closed = nan
        if claimed is not None and not isnan(patients):
            closed = float(share_power(case.truth, [round(patients)], claimed, word)[0])
        rows.append(
            {
                **common,
                "term": f"{case.claim}, {WHERE[case.which]}: {word} at n = {n}",
                "n": n,
                "replicates": rate.of,
                "refused": float(table["refused"].mean()),
                "patients": patients,
                "closed_form": closed,
                "estimate": rate.estimate,
                "std_error": rate.std_error,
                "conf_low": rate.low,
                "conf_high": rate.high,
            }
        )
    return rows


def _needed(
    sizes: Sequence[int], rates: Sequence[MonteCarloRate], target: float, name: str
) -> float:
    """From rates or their limits, half a count away from 0 and 1."""
    edge = [0.5 / (rate.of + 1) for rate in rates]
    if name == "estimate":
        inner = [(rate.hits + 0.5) / (rate.of + 1) for rate in rates]
    else:
        inner = [
            min(max(float(getattr(rate, name)), least), 1 - least)
            for rate, least in zip(rates, edge, strict=True)
        ]
    return needed_size(sizes, inner, target)


def _claimed_share(claim: str, measure: str) -> tuple[float, float] | None:
    """The claimed range of a claim that one count decides."""
    known = load_claims().get(claim)
    if known is None or known.kind != "rate_within" or measure not in ("share", ""):
        return None
    return known.range


def _sentence(rows: list[dict[Hashable, Any]]) -> str:
    first, last = rows[0], rows[-1]
    true = value_text(first["truth"], str(first["measure"]))
    aim = f"{first['word']} in {level_text(first['target'])} of cohorts where the true value is {true}"
    text = f"To have the claim {first['claim']} {aim}, "
    if pd.isna(first["needed"]):
        reached = f"there {percent(last['estimate'])}%"
        text += f"none of the numbers tried, up to {count(last['n'])}, is enough ({reached})"
    elif first["needed"] <= first["n"]:
        text += f"n = {count(first['n'])}, the fewest tried, are enough"
    else:
        ends = [first["needed_low"], first["needed_high"]]
        low, high = (count(end) if not pd.isna(end) else "" for end in ends)
        span = f"{low} to {high}" if high else f"{low} or more"
        text += f"about {count(first['needed'])} patients are needed (Monte Carlo limits {span})"
    if not pd.isna(first["closed_form_needed"]):
        text += f"; in closed form {count(first['closed_form_needed'])} if all of them count"
    if first["word"] == SUPPORTED and not pd.isna(first["smallest_possible"]):
        text += f"; with fewer than {count(first['smallest_possible'])} no cohort can support it"
    return text


def _checked_target(target: Any) -> float:
    number = isinstance(target, (int, float)) and not isinstance(target, bool)
    if not (number and 0 < target < 1):
        raise UsageError(f"target must be a share strictly between 0 and 1, not {target!r}")
    return float(target)


def _checked_sizes(sizes: Any) -> tuple[int, ...]:
    given = tuple(sizes) if isinstance(sizes, (Sequence, np.ndarray)) else ()
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in given)
    if not (
        given and whole and all(a < b for a, b in zip((0, *given), (*given, inf), strict=True))
    ):
        raise UsageError(f"sizes must be whole numbers of at least 1 that rise, not {sizes!r}")
    return tuple(int(n) for n in given)

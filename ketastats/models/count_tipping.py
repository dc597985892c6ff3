"""How much higher or lower a rate of events would have to be while nobody looked to change the conclusion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, nan
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.options import matched
from ketastats.errors import UsageError
from ketastats.models.multiplier_surface import as_changes, surface_text
from ketastats.models.reference_based import STRATEGY_TITLES
from ketastats.models.reference_counts import ReferenceCounts
from ketastats.plots.ratios import ratio_text
from ketastats.results import TabularResult, in_shared_words, number, p_text
from ketastats.stats.count_imputation import RateRatio, pooled_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RATIO = ("ratio", "ratio_low", "ratio_high", "monte_carlo_se", "missing_share")
_OWN = ("arm_delta", "reference_delta", *_RATIO, "excludes_zero")
_METHOD = "imputed negative binomial counts, Rubin"
_LOWER = (0.8, 0.6, 0.4, 0.2, 0.1, 0.02)  # where a changed conclusion is looked for
_HIGHER = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountTipping(TabularResult):
    """The rate ratio of two arms, one row per pair of multipliers of the rate of unobserved time.

    `excludes_zero` says whether the interval of the log ratio leaves 0 out, and on which side (-1, 0, 1).
    `nearest` is the pair of the table nearest to (1, 1), by distance, at which that is not as at (1, 1);
    none if there is no such pair. `tipping_delta` is the nearest multiplier of the arm alone, from 0.02 to
    50, found without regard to the table; missing if there is none.
    """

    names: tuple[str, str] = field(kw_only=True)
    events: str = field(kw_only=True)
    strategy: str = field(kw_only=True)
    nearest: tuple[float, float] | None = field(kw_only=True)
    tipping_delta: float = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return the ratios for the arm's multipliers alone, where there are such, as text."""
        alone = self.frame[self.frame["reference_delta"] == 1]
        rows = (self.frame if alone.empty else alone).to_dict("records")
        first, second = (f"Rate of unobserved time, {name}" for name in self.names)
        return pd.DataFrame(
            {
                first: [f"× {row['arm_delta']:g}" for row in rows],
                second: [f"× {row['reference_delta']:g}" for row in rows],
                "Rate ratio": [_ratio_text(row) for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference of rates, in per cent, hatched where it is not told from 0."""
        from ketastats.plots.tipping import draw_tipping

        return draw_tipping(
            self.frame.assign(**as_changes(self.frame), estimate=100 * (self.frame["ratio"] - 1)),
            ax,
            xlabel=f"Change of unobserved rate, {self.names[0]} (%)",
            ylabel=f"Change of unobserved rate, {self.names[1]} (%)",
            label="Difference of rates (%)",
        )

    def figure_text(self) -> str:
        """Return what the figure shows."""
        return surface_text(str(self), self.frame, self.nearest, "a ratio of 1")

    def __str__(self) -> str:
        arm, reference = self.names
        start = (
            f"{arm} against {reference}, ratio of rates of {self.events} under "
            f"{STRATEGY_TITLES[self.strategy]}"
        )
        if np.isnan(self.tipping_delta):
            return f"{start}: no unobserved rate in {arm} alone changes the conclusion"
        return (
            f"{start}: the conclusion changes if the unobserved rate in {arm} was "
            f"{number(self.tipping_delta)} times that assumed"
        )


def count_tipping(
    result: ReferenceCounts,
    *,
    arm: str | None = None,
    arm_deltas: Sequence[float],
    reference_deltas: Sequence[float] = (1.0,),
    progress: Callable[[int, int], None] | None = None,
) -> CountTipping:
    """Multiply the rate of unobserved time in two arms, and see when the conclusion changes.

    Parameters
    ----------
    result : ReferenceCounts
        Its assumption is where the multipliers start; the random numbers are the same everywhere.
    arm : str, optional
        The arm that is compared; needed if there are several beside the reference. The others keep the
        deltas of `result`.
    arm_deltas, reference_deltas : sequence of float
        Multipliers above 0, which replace the deltas of `result`.
    progress : callable, optional
        Told the number of pairs done and wanted.

    Returns
    -------
    CountTipping

    Raises
    ------
    UsageError
        If a delta is no number above 0, an arm does not exist, or all of the planned time was observed.

    References
    ----------
    Keene ON, Roger JH, Hartley BF, Kenward MG (2014). Pharm Stat 13:258-264. Yan X, Lee S, Li N (2009).
    J Biopharm Stat 19:1085-1098.
    """
    first = _checked("arm_deltas", arm_deltas)
    second = _checked("reference_deltas", reference_deltas)
    others = result.arms[1:]
    if arm is None and len(others) > 1:
        raise UsageError(f"Name the arm that is compared: {', '.join(others)}")
    chosen = str(matched("arm", others[0] if arm is None else arm, others))
    observed = result.draws.observed
    if not (observed.time < observed.planned).any():
        raise UsageError("All of the planned time was observed: there is no rate to change")

    start = result.ratio_at(chosen, (1.0, 1.0))
    rows, n = [], int(np.isin(result.codes, (0, result.arms.index(chosen))).sum())
    shared = {"n": n, "conf_level": result.conf_level, "method": _METHOD}
    for (a, r), found in _grid(result, chosen, first, second):
        row = {**asdict(found), "arm_delta": a, "reference_delta": r, "excludes_zero": _side(found)}
        rows.append(row | {"term": f"times {a:g} and {r:g}"} | shared)
        if progress is not None:
            progress(len(rows), len(first) * len(second))
    changed = [
        (float(row["arm_delta"]), float(row["reference_delta"]))
        for row in rows
        if row["excludes_zero"] != _side(start)
    ]
    return CountTipping(
        in_shared_words(rows, own=_OWN),
        names=(chosen, result.arms[0]),
        events=result.events,
        strategy=result.strategy,
        nearest=min(changed, key=lambda pair: np.hypot(pair[0] - 1, pair[1] - 1), default=None),
        tipping_delta=_tipping_delta(lambda delta: result.ratio_at(chosen, (delta, 1.0)), start),
        sources=result.sources,
        notes=result.notes,
    )


def _grid(
    result: ReferenceCounts, arm: str, first: list[float], second: list[float]
) -> Iterator[tuple[tuple[float, float], RateRatio]]:
    """Every pair with its ratio; the events of an arm are made once for each of its multipliers."""
    k, n = result.arms.index(arm), len(result.codes)
    of_arm, of_reference = result.codes == k, result.codes == 0
    mine = {a: result.draws.counts(np.full(n, a))[:, of_arm] for a in first}
    made = result.draws.counts(np.array(result.deltas)[result.codes])
    for r in second:
        made[:, of_reference] = result.draws.counts(np.full(n, r))[:, of_reference]
        for a in first:
            made[:, of_arm] = mine[a]
            fits = result.draws.fits(made)
            spare = result.draws.observed.spare
            yield (a, r), pooled_ratio(fits, k, spare, conf_level=result.conf_level)


def _tipping_delta(at: Callable[[float], RateRatio], start: RateRatio) -> float:
    """The multiplier nearest to 1 at which the interval comes to hold 0, or to leave it out."""
    from scipy.optimize import brentq

    found = []
    for steps in (_LOWER, _HIGHER):
        near, before = 1.0, start
        for far in steps:
            there = at(far)
            if _side(there) != _side(start):
                roots = [
                    float(brentq(lambda d, edge=edge: getattr(at(d), edge), near, far, xtol=1e-4))
                    for edge in ("conf_low", "conf_high")
                    if getattr(before, edge) * getattr(there, edge) <= 0
                ]
                found.append(min(roots, key=lambda root: abs(root - 1)))
                break
            near, before = far, there
    return min(found, key=lambda delta: abs(delta - 1), default=nan)


def _side(found: RateRatio) -> int:
    return int(found.conf_low > 0) - int(found.conf_high < 0)


def _checked(what: str, values: Sequence[float]) -> list[float]:
    held = list(dict.fromkeys(values))
    fine = all(
        isinstance(v, Real) and not isinstance(v, bool) and v > 0 and isfinite(v) for v in held
    )
    if not held or not fine:
        raise UsageError(
            f"{what} must be finite and above 0: the rate of unobserved time is multiplied by it"
        )
    return [float(value) for value in held]


def _ratio_text(row: Mapping[Any, Any]) -> str:
    low, high = ratio_text(row["ratio_low"]), ratio_text(row["ratio_high"])
    return f"{ratio_text(row['ratio'])} ({low} to {high})"

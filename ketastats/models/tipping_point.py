"""How far outcomes that were missed would have to be from what was assumed to change the conclusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import checked_level, matched
from ketastats.errors import UsageError
from ketastats.models.linear_result import shared_frame
from ketastats.models.reference_based import ReferenceBased
from ketastats.models.reference_response import ReferenceResponse
from ketastats.results import (
    TabularResult,
    estimate_text,
    number,
    p_text,
    percentage_points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_FURTHEST = 1e4  # times the first step: beyond, a shift is not looked for


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TippingPoint(TabularResult):
    """The difference of two arms at one visit for shifts of what was filled in, one row per pair of shifts.

    `excludes_zero` says whether the interval leaves 0 out, and on which side (-1, 0, 1); `tipping_delta` is
    the smallest shift of the arm alone that changes that, missing if none does. `shares` are differences of
    shares; shifts are those of scores, in `unit`, all the same.
    """

    arm: str = field(kw_only=True)
    reference: str = field(kw_only=True)
    visit: object = field(kw_only=True)
    outcome: str = field(kw_only=True)
    unit: str = field(kw_only=True)
    tipping_delta: float = field(kw_only=True)
    shares: bool = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return the shifts of the arm alone, where there are such, as text."""
        alone = self.frame[self.frame["reference_delta"] == 0]
        rows = (self.frame if alone.empty else alone).to_dict("records")
        return pd.DataFrame(
            {
                f"Shift in {self.arm} ({self.unit})": [number(row["arm_delta"]) for row in rows],
                f"Shift in {self.reference} ({self.unit})": [
                    number(row["reference_delta"]) for row in rows
                ],
                "Difference (percentage points)" if self.shares else "Difference": [
                    estimate_text(
                        row["estimate"],
                        row["conf_low"],
                        row["conf_high"],
                        percentage_points if self.shares else number,
                    )
                    for row in rows
                ],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference over both shifts, hatched where the interval holds 0."""
        from ketastats.plots.tipping import draw_tipping

        scale = 100.0 if self.shares else 1.0
        return draw_tipping(
            self.frame.assign(estimate=scale * self.frame["estimate"]),
            ax,
            xlabel=f"Shift in {self.arm} ({self.unit})",
            ylabel=f"Shift in {self.reference} ({self.unit})",
            label=f"Difference ({'percentage points' if self.shares else self.unit})",
        )

    def figure_text(self) -> str:
        """Return what the figure shows."""
        kept = int((self.frame["excludes_zero"] != 0).sum())
        return f"{self}. The interval leaves 0 out for {kept} of {len(self.frame)} pairs of shifts."

    def __str__(self) -> str:
        start = f"{self.arm} minus {self.reference} at {self.visit} in {self.outcome}"
        if np.isnan(self.tipping_delta):
            return f"{start}: no shift of {self.arm} alone changes the conclusion"
        side = "higher" if self.tipping_delta > 0 else "lower"
        return (
            f"{start}: the conclusion changes if what was missed in {self.arm} was "
            f"{number(abs(self.tipping_delta))} {self.unit} {side} than assumed"
        )


def tipping_point(
    result: ReferenceBased | ReferenceResponse,
    *,
    arm: str | None = None,
    at: Any = None,
    arm_deltas: Sequence[float],
    reference_deltas: Sequence[float] = (0.0,),
    conf_level: float | None = None,
) -> TippingPoint:
    """Shift what was filled in, in both arms, and see when the conclusion changes.

    Parameters
    ----------
    result : ReferenceBased or ReferenceResponse
        Its assumption is where the shifts start; shifts it already has are added to.
    arm : str, optional
        The arm that is compared; needed if there are several beside the reference.
    at : visit, optional
        The last one by default.
    arm_deltas, reference_deltas : sequence of float
        Shifts of outcomes filled in from an event on, in units of the outcome.
    conf_level : float, optional
        That of `result` by default. The conclusion is whether the interval leaves 0 out.

    Returns
    -------
    TippingPoint

    References
    ----------
    Yan X, Lee S, Li N (2009). J Biopharm Stat 19:1085-1098. Permutt T (2016). Stat Med 35:2876-2879.
    """
    trial = result.trial
    others = list(trial.arms[1:])
    if arm is None and len(others) > 1:
        raise UsageError(f"Name the arm that is compared: {', '.join(others)}")
    chosen = str(matched("arm", others[0] if arm is None else arm, others))
    when = trial.visits[-1] if at is None else matched("visit", at, trial.visits)
    level = result.conf_level if conf_level is None else checked_level(conf_level)
    t, k = trial.visits.index(when), others.index(chosen)
    shifts = [_finite(name, values) for name, values in
              (("arm_deltas", arm_deltas), ("reference_deltas", reference_deltas))]  # fmt: skip

    def at_shift(arm_delta: float, reference_delta: float) -> dict[str, float]:
        shift = np.array(result.deltas)
        shift[0] += reference_delta
        shift[1 + k] += arm_delta
        return result.difference_at(t, k, shift, level)

    rows = [
        {"arm_delta": a, "reference_delta": r, **at_shift(a, r)}
        for r in shifts[1]
        for a in shifts[0]
    ]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns["excludes_zero"] = [_side(row) for row in rows]
    columns["term"] = [
        f"{row['arm_delta']:g} in {chosen}, {row['reference_delta']:g} in {trial.arms[0]}"
        for row in rows
    ]
    columns |= {"n": len(trial.subjects), "conf_level": level, "method": result.replicates.method}
    return TippingPoint(
        shared_frame(columns, ("arm_delta", "reference_delta", "excludes_zero")),
        arm=chosen,
        reference=trial.arms[0],
        visit=when,
        outcome=result.outcome,
        unit=result.unit,
        tipping_delta=_tipping_delta(lambda delta: at_shift(delta, 0.0), _step(result)),
        shares=isinstance(result, ReferenceResponse),
        sources=result.sources,
        notes=result.notes,
    )


def _finite(name: str, values: Sequence[float]) -> list[float]:
    given = [float(value) for value in values]
    if not given or not np.isfinite(given).all():
        raise UsageError(f"{name} must be numbers, one at least, in units of the outcome")
    return given


def _side(row: dict[str, float]) -> int:
    return int(row["conf_low"] > 0) - int(row["conf_high"] < 0)


def _step(result: ReferenceBased | ReferenceResponse) -> float:
    """A small shift, in units of the scores."""
    seen = result.trial.outcome
    return 0.02 * float(np.nanstd(seen))


def _tipping_delta(at_shift: Any, first: float) -> float:
    """The smallest shift, either way, at which the interval comes to hold 0 or to leave it out."""
    from scipy.optimize import brentq

    start = at_shift(0.0)
    found = []
    for direction in (1.0, -1.0):
        near, step = 0.0, first
        while step < _FURTHEST * first:
            if _side(at_shift(direction * step)) != _side(start):
                found.append(direction * _crossing(at_shift, direction, near, step, brentq))
                break
            near, step = step, 1.5 * step
    return min(found, key=abs) if found else nan


def _crossing(at_shift: Any, direction: float, near: float, far: float, solve: Any) -> float:
    def edge(delta: float, name: str) -> float:
        return float(at_shift(direction * delta)[name])

    crossed = [
        name for name in ("conf_low", "conf_high") if edge(near, name) * edge(far, name) <= 0
    ]
    return min(float(solve(edge, near, far, args=(name,), xtol=1e-9)) for name in crossed)

"""How near made-up patients come to real ones, beside how near real ones come to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError
from ketastats.results import Statement, TabularResult, count, in_shared_words, number, percent
from ketastats.synthetic.fidelity import wide_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_SAME = 1e-9  # points
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NearestRecords(TabularResult):
    """Distance to the nearest real patient: of made-up patients, and of real ones to another.

    Rows are the share of exact copies (`unit` share) and quantiles of the distance (points); `estimate` is
    made up minus real. It has no standard error: distances of real patients depend on each other.
    """

    made_up: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    real: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    scores: int = 0

    def statement(self) -> Statement:
        """Return the sentence that heads a report."""
        return Statement(str(self))

    def display(self) -> pd.DataFrame:
        """Return one row per quantile as text."""

        def written(value: float, unit: str) -> str:
            return f"{percent(value)}%" if unit == "share" else number(value)

        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "Distance to the nearest real patient": [str(row["term"]) for row in rows],
                "Of made-up patients": [written(row["synthetic"], row["unit"]) for row in rows],
                "Of real patients, to another": [written(row["real"], row["unit"]) for row in rows],
            },
            dtype="str",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of patients with a real one within each distance."""
        from ketastats.plots.style import BLUE, VERMILION, new_axes

        axes = new_axes(ax, 3.2)
        for values, name, colour, line in (
            (self.made_up, "Made up", BLUE, "-"),
            (self.real, "Real, to another", VERMILION, "--"),
        ):
            share = 100 * np.arange(1, len(values) + 1) / len(values)
            axes.step(
                np.sort(values), share, where="post", color=colour, ls=line, lw=1.8, label=name
            )
        axes.set_xlim(left=0)
        axes.set_ylim(0, 102)
        axes.set_xlabel(f"Distance to the nearest real patient (points, over {self.scores} scores)")
        axes.set_ylabel("Patients (%)")
        axes.legend(loc="lower right", frameon=False, fontsize=9)
        return axes

    def figure_text(self) -> str:
        """Return the quantiles in words."""
        parts = [
            f"{row['term']}: {number(row['synthetic'])} made up, {number(row['real'])} real"
            for row in self.frame.to_dict("records")
            if row["unit"] == "points"
        ]
        return f"{self}. {'; '.join(parts)}."

    def __str__(self) -> str:
        copies = int((self.made_up <= _SAME).sum())
        found = "None of the" if copies == 0 else f"{count(copies)} of the"
        return (
            f"{found} {count(len(self.made_up))} made-up patients has the scores of a real one; half have "
            f"one within {number(float(np.median(self.made_up)))} points, half of the real ones another "
            f"within {number(float(np.median(self.real)))}"
        )


def nearest_records(
    synthetic: Cohort, real: Cohort, *, instruments: Sequence[str]
) -> NearestRecords:
    """Measure how far every patient is from the nearest real one, over all scores that both cohorts have.

    Parameters
    ----------
    synthetic, real : Cohort
    instruments : sequence of str
        Their scores at all visits of one name are compared, of patients who have all of them.

    Returns
    -------
    NearestRecords
        Euclidean distances in points. A real patient is not compared with itself.

    Raises
    ------
    UsageError
        If there is no score in common, or fewer than two patients have all of them.
    """
    tables = [_table(cohort, instruments) for cohort in (synthetic, real)]
    shared = [name for name in tables[1] if name in tables[0]]
    made, known = (table[shared].dropna().to_numpy(dtype=np.float64) for table in tables)
    if not shared or len(made) < 1 or len(known) < 2:
        raise UsageError(
            "Distances need scores of one name in both cohorts, and two real patients who have all of them"
        )
    to_real, among = _nearest(made, known), _nearest(known, known, itself=True)
    copies = [float((x <= _SAME).mean()) for x in (to_real, among)]
    parts = [("Exact copies", "share", copies[0], copies[1])]
    for q in _QUANTILES:
        ends = [float(np.quantile(x, q)) for x in (to_real, among)]
        parts.append((f"{q:.0%} of patients are at least as near as", "points", ends[0], ends[1]))
    rows = [
        {
            "unit": unit,
            "synthetic": one,
            "real": other,
            "term": term,
            "n": len(made),
            "estimate": one - other,
            "method": "Euclidean distance to the nearest real patient",
        }
        for term, unit, one, other in parts
    ]
    frame = in_shared_words(rows, own=("unit", "real", "synthetic"))
    return NearestRecords(
        frame, made_up=to_real, real=among, scores=len(shared), sources=real.sources
    )


def _table(cohort: Cohort, instruments: Sequence[str]) -> pd.DataFrame:
    parts = [
        wide_scores(cohort, name).drop(columns="trt01a").add_prefix(f"{name}, ")
        for name in instruments
    ]
    return pd.concat(parts, axis=1)


def _nearest(rows: Floats, known: Floats, *, itself: bool = False) -> Floats:
    """Distance of each row to the nearest known one, leaving out the one in its own place if asked."""
    found = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        distance = np.sqrt(((part[:, None, :] - known[None]) ** 2).sum(axis=2))
        if itself:
            here = np.arange(len(part))
            distance[here, start + here] = np.inf
        found.append(distance.min(axis=1))
    return np.concatenate(found)

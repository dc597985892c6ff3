"""Share with relief by a horizon when those who left might have fared otherwise than those who stayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.checks.columns import refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.options import checked_level, matched, require_column_name
from ketastats.errors import UsageError, unknown_name
from ketastats.models.event_intervals import (
    event_intervals,
    group_labels,
    hours_after_zero,
    require_assessed,
    table_notes,
)
from ketastats.models.multiplier_surface import as_changes, surface_text
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    duration,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    p_text,
    percent,
)
from ketastats.stats.relief_imputation import (
    ReliefImputations,
    imputed_difference,
    imputed_share,
    relief_imputations,
    tipping_delta,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METHOD = "delta-adjusted imputation on Turnbull curves, Rubin"
_OWN = ("arm", "delta", "imputed", "pooled", "monte_carlo_se", "missing_share")
_TIPPING = ("arm_delta", "reference_delta", "pooled", "monte_carlo_se", "excludes_zero")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DeltaRelief(TabularResult):
    """Shares with relief by a horizon, one row per arm, and their difference, arm minus reference.

    `estimate` is expected on the curves of the arms, without drawing; `pooled` is the mean over imputations,
    with its `monte_carlo_se`. Their curves vary, so that the two differ where few are left without relief
    and a delta is far from 1. `imputed` subjects of `n` were not known to have relief or not, `missing_share`
    is the share of the variance that is due to them. In the row of the difference `delta` is missing.
    """

    arms: tuple[ReliefImputations, ReliefImputations] = field(kw_only=True, repr=False)
    names: tuple[str, str] = field(kw_only=True)
    horizon: float = field(kw_only=True)
    event: str = field(kw_only=True)
    conf_level: float = field(kw_only=True)

    def tipping(
        self, arm_deltas: Sequence[float], reference_deltas: Sequence[float] = (1.0,)
    ) -> ReliefTipping:
        """Change the hazard after leaving in both arms, and see when the conclusion changes.

        Parameters
        ----------
        arm_deltas, reference_deltas : sequence of float
            Hazard after leaving over that of those who stayed, per arm; 1 is censoring at random, 0 no
            relief. They replace the deltas of this result; the random numbers are the same everywhere.

        Returns
        -------
        ReliefTipping

        Raises
        ------
        UsageError
            If a delta is no number of at least 0, or nobody left before the horizon.
        """
        return _tipping(self, arm_deltas, reference_deltas)

    def display(self) -> pd.DataFrame:
        """Return shares and their difference as text."""
        level = level_text(self.conf_level)
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "": [str(row["term"]) for row in rows],
                "n": [count(row["n"]) for row in rows],
                "Imputed": [count(row["imputed"]) for row in rows],
                "Hazard after leaving": [
                    "–" if pd.isna(row["delta"]) else f"× {row['delta']:g}" for row in rows
                ],
                f"Share or difference % ({level} interval)": [_percent_text(row) for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares and their difference with their limits."""
        from ketastats.plots.forest import draw_forest

        label = f"Share with {self.event} by {duration(self.horizon)}, and difference (%)"
        return draw_forest(self.frame, ax, xlabel=label, as_percent=True, reference=0.0)

    def figure_text(self) -> str:
        """Return shares and difference in words."""
        parts = [f"{row['term']} {_percent_text(row)}" for row in self.frame.to_dict("records")]
        return f"Share with {self.event} by {duration(self.horizon)} in %: {'; '.join(parts)}."

    def __str__(self) -> str:
        first, second, last = self.frame.to_dict("records")
        return (
            f"{last['term']}, share with {self.event} by {duration(self.horizon)}: "
            f"{_percent_text(last)} percentage points ({level_text(self.conf_level)} interval), with "
            f"the hazard after leaving times {first['delta']:g} in {self.names[0]} and "
            f"{second['delta']:g} in {self.names[1]}; {count(last['imputed'])} of {count(last['n'])} imputed"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReliefTipping(TabularResult):
    """The difference of two arms, one row per pair of deltas of the hazard after leaving.

    `excludes_zero` says whether the interval leaves 0 out, and on which side (-1, 0, 1). `nearest` is the
    pair of the table nearest to (1, 1), by distance, at which that is not as at (1, 1); none if there is
    no such pair. `tipping_delta` is the nearest delta of the arm alone, from 0 to 50, found without regard
    to the table; missing if there is none.
    """

    names: tuple[str, str] = field(kw_only=True)
    horizon: float = field(kw_only=True)
    event: str = field(kw_only=True)
    nearest: tuple[float, float] | None = field(kw_only=True)
    tipping_delta: float = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return the difference for the arm's deltas alone, where there are such, as text."""
        alone = self.frame[self.frame["reference_delta"] == 1]
        rows = (self.frame if alone.empty else alone).to_dict("records")
        return pd.DataFrame(
            {
                f"Hazard after leaving, {self.names[0]}": [
                    f"× {row['arm_delta']:g}" for row in rows
                ],
                f"Hazard after leaving, {self.names[1]}": [
                    f"× {row['reference_delta']:g}" for row in rows
                ],
                "Difference (percentage points)": [_percent_text(row) for row in rows],
                "p": [p_text(row["p_value"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference over both changes of the hazard, hatched where the interval holds 0."""
        from ketastats.plots.tipping import draw_tipping

        return draw_tipping(
            self.frame.assign(**as_changes(self.frame), estimate=100 * self.frame["estimate"]),
            ax,
            xlabel=f"Change of hazard after leaving, {self.names[0]} (%)",
            ylabel=f"Change of hazard after leaving, {self.names[1]} (%)",
            label="Difference (%)",
        )

    def figure_text(self) -> str:
        """Return what the figure shows."""
        return surface_text(str(self), self.frame, self.nearest, "0")

    def __str__(self) -> str:
        arm, reference = self.names
        start = f"{arm} minus {reference}, share with {self.event} by {duration(self.horizon)}"
        if np.isnan(self.tipping_delta):
            return f"{start}: no hazard after leaving in {arm} alone changes the conclusion"
        return (
            f"{start}: the conclusion changes if the hazard after leaving in {arm} was "
            f"{number(self.tipping_delta)} times that of those who stayed"
        )


def delta_relief(
    intervals: pd.DataFrame,
    *,
    by: str = "trt01a",
    arm: str,
    reference: str,
    horizon: float,
    deltas: Mapping[str, float] | None = None,
    event: str = "relief",
    imputations: int = 200,
    seed: int = 20261124,
    conf_level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> DeltaRelief:
    """Compare shares with relief by a horizon, imputing what became of those who left before it.

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours: relief lies in (left, right] (`derive_relief`). Who has no end
        (`right` infinite) and a `left` before the horizon left before it. Relief between two assessments
        around the horizon is imputed too, by the arm's curve, whatever the delta.
    by, arm, reference : str
        Column of the arms, and the two that are compared.
    horizon : float
        Hours.
    deltas : mapping of arm to number, optional
        Hazard after leaving over that of those of the same arm who stayed, at least 0: 1 (the default) is
        censoring at random, 0 no relief after leaving (non-response).
    event : str, default "relief"
        The event in `status`, if there is such a column.
    imputations : int
        Each is made on the curve of a bootstrap sample of the arm (approximate Bayesian bootstrap).
    seed, conf_level
    progress : callable, optional
        Told the number of imputations done and wanted.

    Returns
    -------
    DeltaRelief
        Curves are those of `time_to_relief` and take relief to have come at the latest time it can have come;
        after the last time at which a curve steps there is no relief. Each arm's limits are Wilson's for
        imputed data, those of the difference Rubin's with binomial variances.

    Raises
    ------
    DataError
        If the table is not one of intervals, or has a subject twice.
    UsageError
        If an option or an arm does not exist, the table holds competing events, or an arm was never assessed.

    References
    ----------
    Lipkovich I, Ratitch B, O'Kelly M (2016). Pharm Stat 15:216-229. Jackson D et al (2014). Stat Med
    33:4681-4694. Lott A, Reiter JP (2020). Am Stat 74:109-115.
    """
    level, until, m = _checked_options(by, horizon, imputations, seed, conf_level)
    parts, names = _two_arms(intervals, by, arm, reference, event)
    shifts = _checked_deltas(deltas, names)
    arms = _imputations(parts, names, until, m, int(seed), progress)
    return DeltaRelief(
        _frame(arms, names, shifts, level),
        arms=arms,
        names=names,
        horizon=until,
        event=event,
        conf_level=level,
        sources=sources_of(intervals),
        notes=(*_notes(arms, names, parts, until, event), *table_notes(intervals)),
    )


def _frame(
    arms: tuple[ReliefImputations, ReliefImputations],
    names: tuple[str, str],
    shifts: tuple[float, float],
    level: float,
) -> pd.DataFrame:
    open_ends = [one.dropped + one.between for one in arms]
    rows = [
        asdict(imputed_share(one, delta, conf_level=level))
        | {"term": name, "arm": name, "delta": delta, "imputed": imputed, "n": one.n}
        for one, name, delta, imputed in zip(arms, names, shifts, open_ends, strict=True)
    ]
    last = {"term": f"{names[0]} minus {names[1]}", "arm": names[0], "imputed": sum(open_ends)}
    last |= {"n": sum(one.n for one in arms), "delta": np.nan}
    rows.append(asdict(imputed_difference(*arms, shifts, conf_level=level)) | last)
    shared = {"conf_level": level, "method": _METHOD}
    return in_shared_words([row | shared for row in rows], own=_OWN)


def _checked_options(
    by: str, horizon: float, imputations: int, seed: int, conf_level: float
) -> tuple[float, float, int]:
    require_column_name("by", by)
    if not _whole(imputations) or imputations < 2:
        raise UsageError(f"imputations must be a whole number of at least 2, not {imputations!r}")
    if not _whole(seed) or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, not {seed!r}")
    return checked_level(conf_level), hours_after_zero("horizon", [horizon])[0], int(imputations)


def _whole(given: object) -> bool:
    return isinstance(given, Integral) and not isinstance(given, bool)


def _two_arms(
    intervals: pd.DataFrame, by: str, arm: str, reference: str, event: str
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], tuple[str, str]]:
    """The counted intervals of both arms, and their names."""
    counted, seen = event_intervals(intervals, [by])
    refuse(
        duplicated_rows(
            intervals,
            ["usubjid"],
            table="intervals",
            what="a second interval of one subject",
            remedy="Keep one row per subject: intervals of one subject are not independent",
        ),
        source="The table of intervals",
    )
    if "status" in intervals.columns and np.isfinite(counted["right"]).any() and seen != event:
        raise unknown_name("event in status", event, [seen])
    parts = dict(group_labels(counted, [by]))
    names = (str(matched("arm", arm, parts)), str(matched("arm", reference, parts)))
    if names[0] == names[1]:
        raise UsageError(f"{names[0]} cannot be compared with itself")
    chosen = (parts[names[0]], parts[names[1]])
    require_assessed(list(zip(names, chosen, strict=True)))
    return chosen, names


def _checked_deltas(
    deltas: Mapping[str, float] | None, names: tuple[str, str]
) -> tuple[float, float]:
    given = {matched("arm", name, names): value for name, value in (deltas or {}).items()}
    checked = {
        name: _checked_values(f"The delta of {name}", [value])[0] for name, value in given.items()
    }
    return checked.get(names[0], 1.0), checked.get(names[1], 1.0)


def _checked_values(what: str, values: Sequence[float]) -> list[float]:
    held = list(values)
    if not held or not all(isinstance(v, Real) and not isinstance(v, bool) for v in held):
        raise UsageError(f"{what} must be numbers of at least 0: hazards after leaving over before")
    numbers = [float(value) for value in held]
    if not all(np.isfinite(value) and value >= 0 for value in numbers):
        raise UsageError(
            f"{what} must be finite and at least 0: 1 is censoring at random, 0 no relief"
        )
    return numbers


def _imputations(
    parts: tuple[pd.DataFrame, pd.DataFrame],
    names: tuple[str, str],
    horizon: float,
    imputations: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[ReliefImputations, ReliefImputations]:
    """Both arms, each with random numbers of its own whichever of them is the reference."""
    streams = dict(zip(sorted(names), np.random.SeedSequence(seed).spawn(2), strict=True))
    made = []
    for place, (part, name) in enumerate(zip(parts, names, strict=True)):

        def tell(done: int, before: int = place * imputations) -> None:
            if progress is not None:
                progress(before + done, 2 * imputations)

        left, right = (
            np.repeat(part[side].to_numpy(float), part["n"]) for side in ("left", "right")
        )
        made.append(
            relief_imputations(
                left,
                right,
                horizon=horizon,
                imputations=imputations,
                rng=np.random.default_rng(streams[name]),
                progress=tell,
            )
        )
    return made[0], made[1]


def _notes(
    arms: tuple[ReliefImputations, ReliefImputations],
    names: tuple[str, str],
    parts: tuple[pd.DataFrame, pd.DataFrame],
    horizon: float,
    event: str,
) -> list[str]:
    notes = []
    for one, name, part in zip(arms, names, parts, strict=True):
        text = f"{count(one.dropped)} of {count(one.n)} in {name} left before {duration(horizon)} "
        text += f"without {event}"
        if one.between:
            text += f"; {count(one.between)} had it between two assessments around that time"
        notes.append(f"{text}.")
        bounds = part[["left", "right"]].to_numpy(float)
        last = float(bounds[np.isfinite(bounds)].max())
        if last < horizon:
            notes.append(
                f"Nobody in {name} was assessed after {duration(last)}: {event} later than that is taken "
                "not to have come."
            )
    return notes


def _tipping(
    result: DeltaRelief, arm_deltas: Sequence[float], reference_deltas: Sequence[float]
) -> ReliefTipping:
    first = list(dict.fromkeys(_checked_values("arm_deltas", arm_deltas)))
    second = list(dict.fromkeys(_checked_values("reference_deltas", reference_deltas)))
    if not any(one.dropped for one in result.arms):
        raise UsageError(
            f"Nobody left before {duration(result.horizon)} without {result.event}: there is no hazard "
            "to change"
        )

    level = result.conf_level
    start = imputed_difference(*result.arms, (1.0, 1.0), conf_level=level).side
    rows: list[dict[str, Any]] = []
    for r, a in product(second, first):
        found = imputed_difference(*result.arms, (a, r), conf_level=level)
        row = {**asdict(found), "arm_delta": a, "reference_delta": r, "excludes_zero": found.side}
        row |= {"n": sum(one.n for one in result.arms), "conf_level": level, "method": _METHOD}
        rows.append(row | {"term": f"times {a:g} and {r:g}"})
    pairs = [(row["arm_delta"], row["reference_delta"], row["excludes_zero"]) for row in rows]
    changed = [(a, r) for a, r, side in pairs if side != start]
    return ReliefTipping(
        in_shared_words(rows, own=_TIPPING),
        names=result.names,
        horizon=result.horizon,
        event=result.event,
        nearest=min(changed, key=lambda pair: np.hypot(pair[0] - 1, pair[1] - 1), default=None),
        tipping_delta=tipping_delta(*result.arms, conf_level=level),
        sources=result.sources,
        notes=result.notes,
    )


def _percent_text(row: Mapping[Any, Any]) -> str:
    return estimate_text(row["estimate"], row["conf_low"], row["conf_high"], percent).replace(
        "-", "−"
    )

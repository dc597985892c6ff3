"""The finest onset that a cohort's assessments can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import column_names, require_columns
from ketastats.endpoints.assessments import chosen_instrument
from ketastats.endpoints.schedule import assessment_times, first_assessment
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.registry import instrument as registry_instrument
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, duration, in_shared_words, percent, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL = "all"
_SLACK = 1e-9
_KINDS = {
    "earliest": "Earliest assessment of anybody",
    "median_first": "First assessment, median of those assessed",
    "assessed_by": "{share} of the subjects assessed by",
    "gap": "Time between assessments, median",
    "horizon": "Share assessed within {horizon}",
}
_OWN = ("instrument", "kind", "share", "horizon", "resolvable")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScheduleResolution(TabularResult):
    """When subjects were first assessed, and which horizons that can tell apart.

    `to_frame()` has per group one row of each `kind`: "earliest", "median_first", "assessed_by" (one
    per `share`: the hours by which that share of the subjects had been assessed, infinite if never),
    "gap", all in hours, and "horizon" (one per `horizon`: the share assessed within it, and whether
    it is `resolvable`).
    """

    curve: pd.DataFrame = field(kw_only=True, repr=False)
    sizes: dict[str, int] = field(kw_only=True, repr=False)
    required_share: float = field(kw_only=True)

    def seen_by(self, horizon: float, *, group: str | None = None) -> float:
        """Share of subjects with a known score in (0, horizon] hours; the smallest over groups."""
        shares = []
        for name in self._groups(group):
            of_group = self.curve[self.curve["term"] == name]
            by_then = of_group.loc[of_group["hours"] <= horizon + _SLACK, "estimate"]
            shares.append(float(by_then.max()) if len(by_then) else 0.0)
        return min(shares)

    def finest(self, *, group: str | None = None) -> float:
        """Hours by which the required share had been assessed; infinite if never. The latest group's."""
        times = []
        for name in self._groups(group):
            of_group = self.curve[self.curve["term"] == name]
            enough = of_group.loc[of_group["estimate"] >= self.required_share - _SLACK, "hours"]
            times.append(float(enough.min()) if len(enough) else float("inf"))
        return max(times)

    def resolves(self, horizon: float, *, group: str | None = None) -> bool:
        """Whether enough subjects of each group were assessed within `horizon` hours."""
        _require_horizons([horizon])
        return self.seen_by(horizon, group=group) >= self.required_share - _SLACK

    def advice(self, horizon: float, *, group: str | None = None) -> str:
        """Say whether the schedule resolves `horizon`, and what schedule would."""
        _require_horizons([horizon])
        names = self._groups(group)
        said = [self._advice(horizon, name) for name in names]
        if names == [_ALL]:
            return said[0]
        return " ".join(f"{name}: {sentence}" for name, sentence in zip(names, said, strict=True))

    def display(self) -> pd.DataFrame:
        """Return one row per group and measure, as text."""
        rows = self.frame.to_dict("records")
        return pd.DataFrame(
            {
                "Group": self.frame["term"].map(text),
                "Measure": [_measure(row) for row in rows],
                "n": self.frame["n"].map(count),
                "Value": [_value(row) for row in rows],
                "Can be told apart": [_yes_or_no(row["resolvable"]) for row in rows],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share assessed at least once against time, with the horizons asked for."""
        from ketastats.plots.schedule import draw_schedule

        return draw_schedule(
            self.curve,
            ax,
            horizons=list(self._horizons()),
            required_share=self.required_share,
        )

    def figure_text(self) -> str:
        """Return what the figure shows, in words."""
        marks = ", ".join(duration(hours) for hours in self._horizons())
        lines = f" Vertical lines at {marks}." if marks else ""
        return (
            "Share of subjects assessed at least once after the first dose, against time. "
            f"{self}.{lines}"
        )

    def __str__(self) -> str:
        parts = [self._sentence(name) for name in self.sizes]
        asked = [self._told(hours) for hours in self._horizons()]
        title = registry_instrument(str(self.frame["instrument"].iloc[0])).title
        return f"First {title} assessment after the first dose: " + "; ".join([*parts, *asked])

    def _sentence(self, name: str) -> str:
        of_group = self.curve[self.curve["term"] == name]
        size = self.sizes[name]
        where = "" if name == _ALL else f" in {name}"
        if of_group.empty:
            return f"nobody of {size}{where} was assessed"
        share, finest = _share_words(self.required_share), self.finest(group=name)
        who = f"{share} of the {count(size)} subject{'s' if size != 1 else ''}{where}"
        first = duration(float(of_group["hours"].min()))
        if not np.isfinite(finest):
            less = "not all" if self.required_share == 1 else "fewer than"
            who = who.removeprefix("all " if less == "not all" else "at least ")
            return f"{less} {who} had an assessment, the earliest at {first}"
        return f"{who} had an assessment by {duration(finest)}, the earliest at {first}"

    def _told(self, horizon: float) -> str:
        """Say in which groups relief by the horizon can be told from later relief."""
        limit = duration(horizon)
        told = [name for name in self.sizes if self.resolves(horizon, group=name)]
        others = [name for name in self.sizes if name not in told]
        if list(self.sizes) == [_ALL]:
            return f"{limit} {'can' if told else 'cannot'} be told apart"
        if not told:
            return f"{limit} cannot be told apart in {' or '.join(others)}"
        ending = f", not in {' or '.join(others)}" if others else ""
        return f"{limit} can be told apart in {' and '.join(told)}{ending}"

    def _advice(self, horizon: float, name: str) -> str:
        share, limit = self.seen_by(horizon, group=name), duration(horizon)
        title = registry_instrument(str(self.frame["instrument"].iloc[0])).title
        had = f"{percent(share)}% of {self.sizes[name]} subjects had a known {title} score"
        if self.resolves(horizon, group=name):
            return f"Relief within {limit} can be told from later relief: {had} by then."
        finest = self.finest(group=name)
        resolved = (
            f"the finest onset that can be told apart is {duration(finest)}"
            if np.isfinite(finest)
            else "no onset can be told apart"
        )
        return (
            f"Relief within {limit} cannot be told from later relief: {had} by then, and "
            f"{_share_text(self.required_share)} would be needed; {resolved}. An assessment at or "
            f"shortly before {limit} after the first dose would tell."
        )

    def _groups(self, group: str | None) -> list[str]:
        if group is None:
            return list(self.sizes)
        if group not in self.sizes:
            raise unknown_name("group", group, self.sizes)
        return [group]

    def _horizons(self) -> list[float]:
        return [float(hours) for hours in self.frame["horizon"].dropna().unique()]


def schedule_resolution(
    scores: pd.DataFrame,
    *,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    by: str | Sequence[str] | None = None,
    horizons: Sequence[float] = (),
    required_share: float = 0.5,
) -> ScheduleResolution:
    """Say from the assessments alone how early an onset this cohort can tell apart.

    Relief that comes before the first assessment is seen only there. So a sentence such as "within 4
    hours" can be tested on a cohort only where enough subjects have a known score within 4 hours.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        `usubjid`, `paramcd`, `afrlt` (hours since the first dose) and `aval`. Not modified.
    instrument : str, optional
        Needed if `scores` holds several.
    subjects : DataFrame, one row per subject, optional
        Everybody who counts; by default everybody in `scores`.
    by : str or sequence of str, optional
        Grouping columns of `subjects`; subjects without a group are left out, with a note.
    horizons : sequence of hours, optional
        Times after the first dose to judge.
    required_share : float, default 0.5
        Share of the subjects of a group that must have a known score in (0, horizon] for the
        horizon to be resolvable. A convention of this project.

    Returns
    -------
    ScheduleResolution
        With `resolves(horizon)` and `advice(horizon)` for any horizon.

    Raises
    ------
    UsageError
        If an option does not fit, or there are no subjects.
    DataError
        If the tables cannot be used.
    """
    _require_horizons(horizons)
    if not 0 < required_share <= 1:
        raise UsageError("required_share is a share above 0, up to 1")
    groups = column_names(by)
    if groups and subjects is None:
        raise UsageError("by= names columns of the table of subjects: pass subjects= too")
    if groups and subjects is not None:
        require_columns(subjects, groups, table="subjects")
    paramcd = chosen_instrument(scores, instrument)
    times = assessment_times(scores, instrument=paramcd, subjects=subjects)
    first = first_assessment(scores, instrument=paramcd, subjects=subjects)
    labelled, n_without = _labelled(first, groups)
    term_of = labelled.set_index("usubjid")["_term"]
    gaps = dict(list(times["gap"].groupby(times["usubjid"].map(term_of))))
    rows, curves, sizes = [], [], {}
    for name, part in labelled.groupby("_term", sort=True):
        at = np.sort(part["first_at"].fillna(np.inf).to_numpy(dtype=np.float64))
        own_gaps = gaps[name].to_numpy() if name in gaps else np.zeros(0)
        sizes[str(name)] = len(part)
        names = {column: part[column].iloc[0] for column in groups}
        shared = {**names, "instrument": paramcd, "term": str(name), "n": len(part)}
        found = _measures(at, own_gaps, horizons, required_share)
        rows += [{**shared, **row, "method": "observed"} for row in found]
        curves.append(_curve(str(name), at))
    return ScheduleResolution(
        in_shared_words(rows, own=(*groups, *_OWN)).astype({"resolvable": "boolean"}),
        curve=pd.concat(curves, ignore_index=True),
        sizes=sizes,
        required_share=required_share,
        sources=sources_of(scores),
        notes=_notes(required_share, n_without),
    )


def _require_horizons(horizons: object) -> None:
    if isinstance(horizons, str) or not isinstance(horizons, Iterable):
        raise UsageError(f"horizons is a list of hours, such as [24.0], not {horizons!r}")
    if not all(isinstance(hours, Real) and 0 < float(hours) < np.inf for hours in horizons):
        raise UsageError("A horizon is a number of hours after the first dose, above 0")


def _labelled(first: pd.DataFrame, groups: list[str]) -> tuple[pd.DataFrame, int]:
    if first.empty:
        raise UsageError("There are no subjects, so there is no schedule to judge")
    if not groups:
        return first.assign(_term=_ALL), 0
    named = first.dropna(subset=groups)
    if named.empty:
        raise UsageError(f"No subject has a value of {', '.join(groups)}")
    term = named[groups].astype(str).agg(", ".join, axis=1)
    return named.assign(_term=term), len(first) - len(named)


def _measures(
    at: NDArray[np.float64],
    gaps: NDArray[np.float64],
    horizons: Sequence[float],
    required_share: float,
) -> list[dict[str, Any]]:
    """Rows of one group from its sorted first assessments (infinite if none) and all gaps."""
    seen, known = at[np.isfinite(at)], gaps[np.isfinite(gaps)]
    nan = float("nan")
    rows: list[dict[str, Any]] = [
        {"kind": "earliest", "estimate": at[0]},
        {"kind": "median_first", "estimate": np.median(seen) if seen.size else nan},
    ]
    for share in sorted({0.5, 0.9, required_share}):
        needed = int(np.ceil(share * len(at) - _SLACK))
        rows.append({"kind": "assessed_by", "share": share, "estimate": at[max(needed, 1) - 1]})
    rows.append({"kind": "gap", "estimate": np.median(known) if known.size else nan})
    for hours in horizons:
        by_then = float((at <= hours + _SLACK).mean())
        rows.append(
            {
                "kind": "horizon",
                "horizon": float(hours),
                "estimate": by_then,
                "resolvable": by_then >= required_share - _SLACK,
            }
        )
    return rows


def _curve(name: str, at: NDArray[np.float64]) -> pd.DataFrame:
    hours, counts = np.unique(at[np.isfinite(at)], return_counts=True)
    return pd.DataFrame({"term": name, "hours": hours, "estimate": np.cumsum(counts) / len(at)})


def _notes(required_share: float, n_without: int) -> tuple[str, ...]:
    convention = (
        f"A horizon can be told apart where at least {_share_text(required_share)} of the subjects "
        "have a known score after the first dose and by the horizon (a convention of this project)."
    )
    left_out = f"{n_without} subjects belong to no group and are left out."
    return (convention, left_out) if n_without else (convention,)


def _share_text(share: float) -> str:
    return f"{100 * share:.3g}%"


def _share_words(share: float) -> str:
    if share == 1:
        return "all"
    return f"at least {'half' if share == 0.5 else _share_text(share)}"


def _measure(row: dict[Any, Any]) -> str:
    return _KINDS[str(row["kind"])].format(
        share="" if pd.isna(row["share"]) else _share_text(float(row["share"])),
        horizon="" if pd.isna(row["horizon"]) else duration(float(row["horizon"])),
    )


def _value(row: dict[Any, Any]) -> str:
    value = float(row["estimate"])
    if np.isnan(value):
        return "–"
    return f"{percent(value)}%" if row["kind"] == "horizon" else duration(value)


def _yes_or_no(value: Any) -> str:
    return "" if pd.isna(value) else "yes" if value else "no"

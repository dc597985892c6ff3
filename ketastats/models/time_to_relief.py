"""When relief came, from what the assessments can tell: curve, quantiles and mean with their bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ketastats.checks.columns import column_names
from ketastats.checks.options import checked_level
from ketastats.errors import UsageError, unknown_name
from ketastats.models.event_intervals import (
    EVERYBODY,
    assessment_times,
    event_intervals,
    group_labels,
    hours_after_zero,
    refuse_names,
    require_assessed,
    table_notes,
)
from ketastats.provenance import sources_of
from ketastats.results import (
    TabularResult,
    count,
    duration,
    duration_range,
    in_shared_words,
    level_text,
    percent,
    span_text,
)
from ketastats.stats.curve_limits import LIMITS, CurveLimits, Resampling, Wanted, curve_limits
from ketastats.stats.turnbull import Turnbull, turnbull
from ketastats.stats.turnbull_limits import schedule_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACHED, QUANTILE, MEAN = "reached", "quantile", "restricted_mean"
_OWN = ("group", "schedule", "quantity", "at", "bound_low", "bound_high", "convention")
CONVENTION = "latest"
"""Every single value takes the event to have come at the latest time it can have come."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimeToRelief(TabularResult):
    """Shares with relief by a time, quantiles and restricted means, each with both its bounds.

    In the table, `quantity` is reached (share with relief by `at` hours), quantile (hours by which a
    share `at` has relief) or restricted_mean (mean hours without relief up to `at` hours).
    `bound_low` and `bound_high` are all that the data say of it; `estimate` is the value if relief
    came at the latest time it can have come; the limits cover the true value wherever it lies
    between the bounds. `curves` has one row per group and time at which a bound of the curve steps.
    """

    curves: pd.DataFrame = field(repr=False)
    event: str = "relief"

    def display(self) -> pd.DataFrame:
        """Return one row per group and quantity, shares in per cent, times in hours or days."""
        rows = [
            {
                "Group": str(row["group"]),
                "Quantity": _quantity_text(row, self.event),
                "n": count(row["n"]),
                "The data allow": _span(row, "bound_low", "bound_high"),
                f"{level_text(row['conf_level'])} limits": _span(row, "conf_low", "conf_high"),
            }
            for row in self.frame.to_dict("records")
        ]
        shown = pd.DataFrame(rows)
        return shown.drop(columns="Group") if (self.frame["group"] == EVERYBODY).all() else shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share with relief over time, with its bounds and the number still followed."""
        from ketastats.plots.onset import draw_onset

        return draw_onset(self.curves, self._limits(), ax, event=self.event)

    def figure_text(self) -> str:
        """Return the shares and the medians of all groups in words."""
        parts = [
            f"{row['group']}, {_quantity_text(row, self.event)}: {_span(row, 'bound_low', 'bound_high')}"
            for row in self.frame.to_dict("records")
        ]
        return f"Share with {self.event} over time, with bounds. " + "; ".join(parts) + "."

    def __str__(self) -> str:
        medians = self.frame[(self.frame["quantity"] == QUANTILE) & (self.frame["at"] == 0.5)]
        rows = medians if len(medians) else self.frame.groupby("group", sort=False).head(1)
        return f"Time to {self.event}: " + "; ".join(
            _sentence(row, self.event) for row in rows.to_dict("records")
        )

    def _limits(self) -> pd.DataFrame:
        return self.frame[self.frame["quantity"] == REACHED]


def time_to_relief(
    intervals: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    times: Sequence[float] | None = None,
    shares: Sequence[float] = (0.25, 0.5, 0.75),
    tau: float | None = None,
    limits: str = "auto",
    conf_level: float = 0.95,
    replicates: int = 1000,
    seed: int = 20261124,
    progress: Callable[[int, int], None] | None = None,
) -> TimeToRelief:
    """Estimate when an event came, by nonparametric maximum likelihood (Turnbull).

    Parameters
    ----------
    intervals : DataFrame, one row per subject
        `usubjid`, `left`, `right` in hours: the event lies in (left, right] (`derive_relief`).
        `status`, if present, must hold one kind of event; competing events have
        `ketastats.cumulative_incidence`.
    by : str or sequence of str, optional
        Grouping columns.
    times : sequence of float, optional
        Hours by which to give the share with the event; by default the assessment times, or where
        there are more than a dozen, ten of them.
    shares : sequence of float
        Shares whose times to give.
    tau : float, optional
        Hours up to which to give the mean time without the event; by default the last time up to
        which every group was followed.
    limits : str, default "auto"
        "likelihood" (chi-square), "bootstrap", "banerjee_wellner", "subsampling" or "greenwood"
        (exact times only). "auto" takes the one that holds on the schedule at hand: likelihood with
        several assessments per subject, banerjee_wellner with one at an irregular time each,
        greenwood with exact times. Bootstrap holds with few common times, subsampling with irregular
        ones; the notes say which was used, and where it does not hold.
    conf_level : float
    replicates, seed : int
        Of bootstrap and subsampling.
    progress : callable, optional
        Told the number of replicates done and wanted.

    Returns
    -------
    TimeToRelief

    Raises
    ------
    DataError
        If the table is not one of intervals, or holds competing events.
    UsageError
        If an option does not exist, or a group was never assessed.

    References
    ----------
    Turnbull BW (1976). J R Stat Soc B 38:290-295. For limits see `ketastats.stats.turnbull_limits`.
    """
    if limits not in LIMITS:
        raise unknown_name("kind of limits", str(limits), LIMITS)
    if not (isinstance(replicates, Integral) and isinstance(seed, Integral)):
        raise UsageError("replicates and seed must be whole numbers")
    level, parted = checked_level(conf_level), _checked_shares(shares)
    groups = column_names(by)
    refuse_names(groups, _OWN)
    table, event = event_intervals(intervals, groups)
    wanted = hours_after_zero("times", times)
    parts = list(group_labels(table, groups))
    require_assessed(parts)
    end = _common_end(parts) if tau is None else hours_after_zero("tau", [tau])[0]
    rows, curves, notes = [], [], []
    for label, part in parts:
        low, high, weight = (part[name].to_numpy(float) for name in ("left", "right", "n"))
        fit = turnbull(low, high, weight)
        at = assessment_times(low, high) if times is None else wanted
        kind = schedule_kind(low, high, weight)
        try:
            found = curve_limits(
                fit,
                (low, high, weight),
                Wanted(at, parted, end, level),
                kind=kind,
                limits=limits,
                resampling=Resampling(replicates, seed, progress),
            )
        except ValueError as error:
            raise UsageError(f"No limits for {label}: {error}") from None
        own = {**{name: part[name].iloc[0] for name in groups}, "group": label, "schedule": kind}
        rows += _rows(own, fit, found, at, parted, end, level)
        curves.append(_curve(label, fit, (low, high, weight)))
        notes += _notes(label, fit, (low, high, weight), found, event)
    return TimeToRelief(
        in_shared_words(rows, own=(*groups, *_OWN)),
        pd.concat(curves, ignore_index=True),
        event,
        sources=sources_of(intervals),
        notes=(_HOW_TO_READ, *table_notes(intervals), *dict.fromkeys(notes)),
    )


_HOW_TO_READ = (
    "Relief is seen at an assessment, so each time is known only to lie after the last assessment "
    "without it and not after the first with it: (left, right]. Where two values are given the data "
    "allow both and everything between."
)


def _rows(
    own: Mapping[str, Any],
    fit: Turnbull,
    found: CurveLimits,
    times: Sequence[float],
    shares: Sequence[float],
    tau: float,
    conf_level: float,
) -> list[dict[str, Any]]:
    curve_low, curve_high = fit.survival_bounds(times) if len(times) else (np.array([]),) * 2
    early, late = fit.quantile_bounds(shares) if len(shares) else (np.array([]),) * 2
    mean = fit.restricted_mean_bounds(tau)
    listed = [
        (REACHED, t, 1 - high, 1 - low, limit)
        for t, low, high, limit in zip(times, curve_low, curve_high, found.reached, strict=True)
    ]
    listed += [
        (QUANTILE, share, low, high, limit)
        for share, low, high, limit in zip(shares, early, late, found.quantiles, strict=True)
    ]
    listed.append((MEAN, tau, *mean, found.mean))
    return [
        {
            **own,
            "quantity": quantity,
            "at": at,
            "bound_low": low,
            "bound_high": high,
            "convention": CONVENTION,
            "term": f"{own['group']}, {quantity} {at:g}",
            "n": int(fit.n),
            "estimate": low if quantity == REACHED else high,
            "conf_low": limit[0],
            "conf_high": limit[1],
            "conf_level": conf_level,
            "method": f"turnbull, {found.method}",
        }
        for quantity, at, low, high, limit in listed
    ]


def _curve(label: str, fit: Turnbull, data: tuple[np.ndarray, ...]) -> pd.DataFrame:
    """Bounds of the share with the event at every time where one of them steps."""
    low, high, weight = data
    steps = np.concatenate((fit.left, fit.right, [0.0], low, high))
    steps = np.unique(steps[np.isfinite(steps)])
    least, most = fit.survival_bounds(steps)
    told = np.isfinite(high)
    followed = _after(high[told], weight[told], steps, "right")
    followed = followed + _after(low[~told], weight[~told], steps, "left")
    return pd.DataFrame(
        {
            "group": label,
            "time": steps,
            "reached_low": 1 - most,
            "reached_high": 1 - least,
            "followed": followed,
        }
    )


def _after(
    ends: np.ndarray, weight: np.ndarray, times: np.ndarray, side: Literal["left", "right"]
) -> np.ndarray:
    """Weight of the ends after each time; of those at the time too where the side is left."""
    order = np.argsort(ends)
    left_over = np.concatenate((np.cumsum(weight[order][::-1])[::-1], [0.0]))
    return np.asarray(left_over[np.searchsorted(ends[order], times, side=side)])


def _notes(
    label: str, fit: Turnbull, data: tuple[np.ndarray, ...], found: CurveLimits, event: str
) -> list[str]:
    notes = [found.note]
    low, high, weight = data
    told = np.isfinite(high)
    if not told.any():
        return [*notes, f"{label}: {event} was never seen; the share with it stays at 0."]
    if (low == high)[told].all():
        return notes
    early, late = (float(value[0]) for value in fit.quantile_bounds(0.5))
    visit, middle = (
        float(turnbull(*_imputed(low, high, place), weight).quantile_bounds(0.5)[1][0])
        for place in (1.0, 0.5)
    )
    return [
        *notes,
        f"{label}: taking the visit at which {event} was first seen as its time would put the median "
        f"at {_median_text(visit)}, the middle of the interval at {_median_text(middle)}; "
        f"the data say {duration_range(early, late)}.",
    ]


def _imputed(low: np.ndarray, high: np.ndarray, place: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals with a point between their ends put in the place of the event."""
    told = np.isfinite(high)
    point = np.where(told, low + place * (np.where(told, high, low) - low), low)
    return point, np.where(told, point, inf)


def _median_text(value: float) -> str:
    return "no time (not reached)" if isinf(value) else duration(value)


def _common_end(parts: Sequence[tuple[str, pd.DataFrame]]) -> float:
    """The last time up to which every group was followed."""
    ends = []
    for _, part in parts:
        bounds = part[["left", "right"]].to_numpy(float)
        ends.append(float(bounds[np.isfinite(bounds)].max()))
    return min(ends)


def _checked_shares(shares: Sequence[float]) -> list[float]:
    try:
        found = [float(share) for share in shares]
    except (TypeError, ValueError):
        raise UsageError("shares must be a list of shares, such as [0.25, 0.5, 0.75]") from None
    if not all(0 < share < 1 for share in found):
        raise UsageError("shares must lie strictly between 0 and 1: a half is 0.5")
    return found


def _span(row: Mapping[Any, Any], low: str, high: str) -> str:
    form = percent if row["quantity"] == REACHED else duration
    return span_text(float(row[low]), float(row[high]), form)


def _quantity_text(row: Mapping[Any, Any], event: str) -> str:
    at = float(row["at"])
    if row["quantity"] == REACHED:
        return f"share with {event} by {duration(at)}"
    if row["quantity"] == QUANTILE:
        return "median time" if at == 0.5 else f"time by which {100 * at:g}% had {event}"
    return f"mean time without {event} up to {duration(at)}"


def _sentence(row: Mapping[Any, Any], event: str) -> str:
    group = "" if row["group"] == EVERYBODY else f"{row['group']} "
    bounds = _span(row, "bound_low", "bound_high")
    limit = _span(row, "conf_low", "conf_high")
    what = "median" if row["quantity"] == QUANTILE else _quantity_text(row, event)
    return f"{group}{what} {bounds} ({level_text(row['conf_level'])} limits {limit}; n {row['n']})"

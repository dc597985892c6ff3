"""Mean hours without the event up to a horizon, where the time of the event was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy.special import ndtr

from ketastats.checks.columns import column_names, refuse
from ketastats.checks.options import checked_level
from ketastats.errors import UsageError, problem, unknown_name
from ketastats.models.exact_times import ExactTimes, exact_times, require_groups
from ketastats.models.kaplan_meier import curves_of, in_words, limits_text
from ketastats.provenance import sources_of
from ketastats.results import TabularResult, count, duration, in_shared_words, level_text, p_text
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.product_limit import ProductLimit, kaplan_meier
from ketastats.stats.restricted_mean import MeanTime, difference_of, pooled
from ketastats.stats.restricted_mean import restricted_mean as area_under

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD = "kaplan_meier_area"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RestrictedMean(TabularResult):
    """Mean hours without the event up to `tau`, one row per group, then the differences.

    `quantity` is "mean", "difference" (group minus reference, pooled over strata if there are any)
    or "difference_in_stratum", all in hours. A difference is positive where the group waits longer.
    """

    steps: pd.DataFrame = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return means and differences as times."""
        level = f"{level_text(self.frame['conf_level'].iloc[0])}"
        rows = self.frame.to_dict("records")
        shown = pd.DataFrame(
            {
                "": self.frame["term"].map(str),
                "n": self.frame["n"].map(count),
                f"Mean time without {self._event()} up to {duration(self._tau())} ({level} interval)": [
                    _time(row) for row in rows
                ],
            }
        )
        if self.frame["p_value"].notna().any():
            shown["p"] = [p_text(p) for p in self.frame["p_value"]]
        return shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves up to the horizon: a mean is the area under one."""
        from ketastats.plots.step_curves import draw_step_curves

        return draw_step_curves(
            self.steps, ax, ylabel=f"Without {self._event()} (%)", horizon=self._tau()
        )

    def figure_text(self) -> str:
        """Return the areas under the curves, in words."""
        means = self.frame[self.frame["quantity"] == "mean"].to_dict("records")
        parts = [f"{row['term']} {_time(row)}" for row in means]
        return f"Areas under the curves up to {duration(self._tau())}: {'; '.join(parts)}. {self}"

    def __str__(self) -> str:
        differences = self.frame[self.frame["quantity"] == "difference"]
        rows = self.frame[self.frame["quantity"] == "mean"] if differences.empty else differences
        parts = []
        for row in rows.to_dict("records"):
            name = "" if row["term"] == "all" else f"{row['term']} "
            parts.append(f"{name}{_sentence(row)}")
        return (
            f"Mean time without {self._event()} up to {duration(self._tau())}: {', '.join(parts)}"
        )

    def _event(self) -> str:
        return str(self.frame["event"].iloc[0]).replace("_", " ")

    def _tau(self) -> float:
        return float(self.frame["tau"].iloc[0])


def restricted_mean(
    intervals: pd.DataFrame,
    *,
    tau: float,
    by: str | Sequence[str] | None = None,
    strata: str | Sequence[str] | None = None,
    reference: str | None = None,
    event: str | None = None,
    conf_level: float = 0.95,
) -> RestrictedMean:
    """Average the time without the event up to a horizon, and compare groups.

    Parameters
    ----------
    intervals, by, event, conf_level
        As for `kaplan_meier`; rows whose event lies between two assessments are refused, because
        `time_to_relief` is for them.
    tau : float
        The horizon in hours, not after the end of any group's follow-up.
    strata : str or sequence of str, optional
        Take differences within strata and pool them by inverse variance. Needs `reference`. With a
        handful of patients per arm and stratum the variances are poorly known and 95% limits cover
        some 83% (`docs/audit.md`).
    reference : str, optional
        The group that all others are compared with: differences are group minus reference.

    Returns
    -------
    RestrictedMean

    Raises
    ------
    UsageError, DataError
        If an option or the table does not fit, or a group is not followed to `tau`.

    References
    ----------
    See `ketastats.stats.restricted_mean`: Greenwood-type standard errors, normal limits.
    """
    conf_level = checked_level(conf_level)
    if not isinstance(tau, (int, float)) or not (isfinite(tau) and tau > 0):
        raise UsageError(f"tau must be a horizon in hours, finite and after 0, not {tau!r}")
    if strata is not None and reference is None:
        raise UsageError("strata pools differences, so it needs a reference= to compare with")
    data = exact_times(intervals, by=by, strata=strata, event=event)
    if reference is not None:
        _check_reference(data, by, reference)
    means = _means(data, None, tau)
    rows = [_row(means[code], data, code, "mean") for code in means]
    notes = [*in_words(data.notes), *_no_variance(means, data, tau)]
    if reference is not None:
        differences, more = _differences(data, means, str(reference), tau, strata)
        rows += differences
        notes += more
    z = two_sided_quantile(conf_level)
    shared = {"event": data.name, "tau": float(tau), "conf_level": conf_level}
    frame = in_shared_words(
        [{**row, **_limits(row, z), **shared} for row in rows],
        own=(*data.group.values[0], "event", "quantity", "tau", "stratum"),
    )
    return RestrictedMean(
        frame, sources=sources_of(intervals), notes=tuple(notes), steps=curves_of(data, conf_level)
    )


def _check_reference(data: ExactTimes, by: str | Sequence[str] | None, reference: str) -> None:
    if not column_names(by):
        raise UsageError("reference needs by=, the column it is a value of")
    require_groups(data, by or "")
    if str(reference) not in data.group.labels:
        raise unknown_name("group", str(reference), data.group.labels)


def _means(data: ExactTimes, stratum: int | None, tau: float) -> dict[int, MeanTime]:
    """Mean of each group that is there (in one stratum), or an error if one ends before `tau`."""
    found, ends = {}, {}
    for code, label in enumerate(data.group.labels):
        here = data.group.codes == code
        name = label
        if stratum is not None:
            here = here & (data.stratum.codes == stratum)
            name = f"{label} in {data.stratum.labels[stratum]}"
        if not here.any():
            continue
        curve = kaplan_meier(data.time[here], data.event[here])
        if _ends_before(curve, tau):
            ends[name] = float(curve.times[-1])
        else:
            found[code] = area_under(curve, tau)
    if ends:
        _refuse_short(ends, tau)
    return found


def _ends_before(curve: ProductLimit, tau: float) -> bool:
    return bool(tau > curve.times[-1] * (1 + 1e-9) and curve.survival[-1] > 0)


def _refuse_short(ends: dict[str, float], tau: float) -> None:
    named = ", ".join(f"{name} ({end:g} h)" for name, end in list(ends.items())[:5])
    short = problem(
        "followed_too_briefly",
        "intervals",
        "left",
        [],
        f"follow-up ends before tau = {tau:g} h, with people still without the event, in: {named}",
        f"Choose tau of at most {min(ends.values()):g} h: beyond it the curve is not known",
    )
    refuse([short], source="The table of intervals")


def _row(mean: MeanTime, data: ExactTimes, code: int, quantity: str) -> dict[str, Any]:
    return {
        **data.group.values[code],
        "quantity": quantity,
        "term": data.group.labels[code],
        "n": int((data.group.codes == code).sum()),
        "estimate": mean.estimate,
        "std_error": mean.std_error if mean.std_error > 0 else nan,
        "method": METHOD,
    }


def _differences(
    data: ExactTimes,
    means: dict[int, MeanTime],
    reference: str,
    tau: float,
    strata: str | Sequence[str] | None,
) -> tuple[list[dict[str, Any]], list[str]]:
    base = data.group.labels.index(reference)
    others = [code for code in means if code != base]
    if strata is None:
        return [_contrast(data, c, base, difference_of(means[c], means[base])) for c in others], []
    rows, notes = [], []
    by_stratum = {}
    for layer, label in enumerate(data.stratum.labels):
        present = set(data.group.codes[data.stratum.codes == layer])
        if base in present and len(present) > 1:
            by_stratum[label] = _means(data, layer, tau)
    for code in others:
        parts = {
            label: difference_of(found[code], found[base])
            for label, found in by_stratum.items()
            if code in found
        }
        left_out = [label for label in data.stratum.labels if label not in parts]
        if left_out:
            notes.append(
                f"Strata without both {data.group.labels[code]} and {reference} take no part: "
                f"{', '.join(left_out)}."
            )
        rows += _pooled_rows(data, code, base, parts)
    return rows, notes


def _pooled_rows(
    data: ExactTimes, code: int, base: int, parts: dict[str, MeanTime]
) -> list[dict[str, Any]]:
    try:
        whole = pooled(list(parts.values()))
    except ValueError as error:
        raise UsageError(f"The difference cannot be pooled over strata: {error}") from None
    row = _contrast(data, code, base, whole) | {"method": f"{METHOD}_inverse_variance"}
    each = [
        _contrast(data, code, base, one)
        | {"quantity": "difference_in_stratum", "stratum": label}
        | {"term": f"{data.group.labels[code]} minus {data.group.labels[base]} in {label}"}
        | {"n": _size(data, code, base, data.stratum.labels.index(label))}
        for label, one in parts.items()
    ]
    row["n"] = sum(int(one["n"]) for one in each)
    return [row, *each]


def _contrast(data: ExactTimes, code: int, base: int, difference: MeanTime) -> dict[str, Any]:
    row = _row(difference, data, code, "difference")
    row["term"] = f"{data.group.labels[code]} minus {data.group.labels[base]}"
    row["n"] = _size(data, code, base, None)
    if difference.std_error > 0:
        row["statistic"] = difference.estimate / difference.std_error
        row["p_value"] = 2 * float(ndtr(-abs(row["statistic"])))
    return row


def _size(data: ExactTimes, code: int, base: int, layer: int | None) -> int:
    both = (data.group.codes == code) | (data.group.codes == base)
    return int((both if layer is None else both & (data.stratum.codes == layer)).sum())


def _limits(row: dict[str, Any], z: float) -> dict[str, float]:
    half = z * row["std_error"]
    return {"conf_low": row["estimate"] - half, "conf_high": row["estimate"] + half}


def _no_variance(means: dict[int, MeanTime], data: ExactTimes, tau: float) -> list[str]:
    sure = [data.group.labels[code] for code, mean in means.items() if mean.std_error == 0]
    if not sure:
        return []
    return [
        f"{', '.join(sure)}: the events before {duration(tau)}, if any, leave no variance to "
        "estimate, so the mean has no limits, and a difference from it counts the other group's "
        "variance only."
    ]


def _time(row: Mapping[Any, Any], *, level: str = "") -> str:
    value = duration(row["estimate"])
    if not pd.isna(row["conf_low"]):
        value += f" ({level}{limits_text(row['conf_low'], row['conf_high'])})"
    return value.replace("-", "−")


def _sentence(row: Mapping[Any, Any]) -> str:
    return _time(row, level=f"{level_text(row['conf_level'])} interval ")

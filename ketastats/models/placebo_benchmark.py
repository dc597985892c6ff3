"""How much patients on placebo changed in published trials, pooled over trials: a benchmark for one arm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ketastats.checks.columns import missing_columns, not_numbers, refuse
from ketastats.checks.options import checked_level, matched, require_choice
from ketastats.errors import UsageError
from ketastats.models.linear_result import interval_text
from ketastats.models.pooled_rate import overlapping
from ketastats.provenance import source_of_file, sources_of, with_sources
from ketastats.resources import shipped
from ketastats.results import (
    TabularResult,
    count,
    duration_range,
    estimate_text,
    in_shared_words,
    level_text,
    number,
    text,
)
from ketastats.stats.random_effects import (
    PooledMean,
    pool_hartung_knapp,
    pool_unweighted,
    tau2_reml,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARMS = ("placebo", "placebo_spray", "placebo_saline", "midazolam")
"""Arms of the evidence table that count as placebo; midazolam is an active one."""

METHODS = {
    "reml_hartung_knapp": "random effects, REML and Hartung-Knapp",
    "unweighted": "plain mean of the trials, for those without standard errors too",
}
"""Ways to pool the trials by name, in words for a report."""

_NEEDED = ("study_id", "arm", "outcome_type", "instrument", "mean")
_NUMBERS = ("mean", "sd", "se", "ci_low", "ci_high", "n", "timepoint_hours", "effect_value")
_TEXTS = ("row_id", "condition", "effect_measure", "overlap", "grade")
_SOURCE = "The evidence"
_WEEK = 168.0  # hours


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlaceboBenchmark(TabularResult):
    """Pooled mean change of placebo arms, one row; a fall of the score is negative.

    `new_low` and `new_high` are where the mean change of a new trial would lie, `grade` the weakest of the
    rows behind it. `trials` has one row per trial with its change and, where known, its standard error;
    `row_ids` are the rows of the evidence table that were used.
    """

    instrument: str = field(kw_only=True)
    trials: pd.DataFrame = field(kw_only=True, repr=False)
    row_ids: tuple[str, ...] = field(kw_only=True)

    @property
    def estimate(self) -> float:
        """Pooled mean change, in points."""
        return float(self.frame["estimate"].iloc[0])

    @property
    def std_error(self) -> float:
        """Standard error of `estimate`."""
        return float(self.frame["std_error"].iloc[0])

    @property
    def df(self) -> float:
        """Degrees of freedom of its interval: trials less one."""
        return float(self.frame["df"].iloc[0])

    def display(self) -> pd.DataFrame:
        """Return each trial and the pooled change as text."""
        row = self.frame.to_dict("records")[0]
        level = level_text(row["conf_level"])
        each = self.trials.to_dict("records")
        return pd.DataFrame(
            {
                "": [*(str(trial["study_id"]) for trial in each), "Pooled", "A new trial"],
                "Arms": [*(count(trial["arms"]) for trial in each), count(row["arms"]), "–"],
                "n": [*(count(trial["n"]) for trial in each), count(row["n"]), "–"],
                f"Change ({level} interval)": [
                    *(_trial_text(trial, row["conf_level"]) for trial in each),
                    estimate_text(row["estimate"], row["conf_low"], row["conf_high"], number),
                    f"{number(row['new_low'])} to {number(row['new_high'])}",
                ],
                "Grade": [*(text(trial["grade"]) for trial in each), text(row["grade"]), "–"],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every trial and the pooled change, with the range for a new trial as a thin line."""
        from ketastats.plots.forest import draw_forest

        row = self.frame.iloc[0]
        half = float(ndtri(0.5 + row["conf_level"] / 2)) * self.trials["std_error"]
        each = pd.DataFrame(
            {
                "term": self.trials["study_id"],
                "estimate": self.trials["estimate"],
                "conf_low": self.trials["estimate"] - half,
                "conf_high": self.trials["estimate"] + half,
            }
        )
        pooled = self.frame[["estimate", "conf_low", "conf_high", "new_low", "new_high"]]
        both = pd.concat([each, pooled.assign(term="Pooled (thin: a new trial)")])
        label = f"Change of placebo arms ({self.instrument} points)"
        return draw_forest(both, ax, xlabel=label.replace("$", r"\$"), reference=0.0)

    def __str__(self) -> str:
        row = self.frame.to_dict("records")[0]
        new = f"{number(row['new_low'])} to {number(row['new_high'])}"
        return (
            f"Placebo arms in {row['trials']} trials: {self.instrument} changed by {interval_text(row)} "
            f"points, in a new trial by {new}"
        )


def placebo_benchmark(
    instrument: str,
    *,
    conditions: str | Sequence[str] | None = None,
    weeks: tuple[float, float] | None = None,
    method: str = "reml_hartung_knapp",
    evidence: pd.DataFrame | None = None,
    conf_level: float = 0.95,
) -> PlaceboBenchmark:
    """Pool the mean changes of placebo arms in published trials on one instrument.

    Parameters
    ----------
    instrument : str
        As the evidence spells it; capitals, hyphens and spaces do not matter (``"ham_a"`` finds HAM-A).
    conditions : str or sequence of str, optional
        Condition codes of the evidence, such as ``"gad"``; all by default.
    weeks : (from, to), optional
        Times that count, ends included. The latest in it counts once per trial arm; without `weeks` the
        latest dated one, or what has no date if nothing else is there.
    method : {"reml_hartung_knapp", "unweighted"}
        Random effects, for which a trial needs a standard error (printed, or from `sd` and `n`, or from
        a 95% interval); trials without one take no part, and a note names how many. Or the plain mean of
        all trials with a t interval from their scatter, which needs none.
    evidence : DataFrame, optional
        A table from `load_evidence`; the shipped one by default.
    conf_level : float, default 0.95

    Returns
    -------
    PlaceboBenchmark
        Arms of one trial are first joined (by precision, or plainly), so that each trial counts once.

    Raises
    ------
    UsageError
        If fewer than two trials can be pooled; the sentence says what the evidence has instead.
    DataError
        If columns are not there, or trials overlap.

    Notes
    -----
    Rows of `outcome_type` mean_change of the arms in `ARMS` that are not derived. The change is in `mean`;
    rows that state the change of one arm as an effect (`effect_measure` mean_change) have it in
    `effect_value`.

    References
    ----------
    See `ketastats.stats.random_effects`.
    """
    level = checked_level(conf_level)
    require_choice("pooling method", method, METHODS)
    table = _shipped() if evidence is None else evidence
    arms = _arms_of_trials(table, weeks)
    if arms.empty:
        raise UsageError("The evidence has no mean change of a placebo arm at these times")
    named = {_plain(name): name for name in arms["instrument"].dropna().unique()}
    if _plain(str(instrument)) not in named:
        raise UsageError(
            f"No placebo arm has a mean change in {instrument!r}. {_what_there_is(arms)}"
        )
    chosen = arms[arms["instrument"] == named[_plain(str(instrument))]]
    asked = [conditions] if isinstance(conditions, str) else list(conditions or ())
    if asked:
        known = list(chosen["condition"].dropna().unique())
        chosen = chosen[chosen["condition"].isin([matched("condition", c, known) for c in asked])]
    told = chosen if method == "unweighted" else chosen[chosen["se"].notna()]
    remedy = "Keep one of each overlap key, and give the table as evidence="
    refuse([replace(found, remedy=remedy) for found in overlapping(told)], source=_SOURCE)
    trials = _joined(told, weighted=method != "unweighted")
    if len(trials) < 2:
        raise UsageError(_too_few(chosen, named[_plain(str(instrument))], method, arms))
    return _result(
        trials,
        told,
        left_out=chosen["study_id"].nunique() - len(trials),
        instrument=named[_plain(str(instrument))],
        method=method,
        level=level,
        table=table,
    )


def _result(
    trials: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    left_out: int,
    instrument: str,
    method: str,
    level: float,
    table: pd.DataFrame,
) -> PlaceboBenchmark:
    mean = _pooled(trials, method)
    low, high = mean.interval(conf_level=level)
    new_low, new_high = mean.prediction_interval(conf_level=level)
    grades = rows["grade"].dropna()
    row = {
        "trials": len(trials),
        "arms": len(rows),
        "tau2": mean.tau2,
        "new_low": new_low,
        "new_high": new_high,
        "grade": max(grades) if len(grades) else None,
        "term": f"Placebo arms, {instrument}",
        "n": None if rows["n"].isna().any() else int(rows["n"].sum()),
        "estimate": mean.mu,
        "std_error": mean.std_error,
        "df": mean.df,
        "conf_low": low,
        "conf_high": high,
        "conf_level": level,
        "method": method,
    }
    own = ("trials", "arms", "tau2", "new_low", "new_high", "grade")
    notes = [f"Pooled by {METHODS[method]}."]
    if left_out:
        verb = "trial has" if left_out == 1 else "trials have"
        notes.append(f"{left_out} {verb} no standard error and take no part.")
    hours = rows["timepoint_hours"]
    if hours.notna().any():
        undated = ", some not dated" if hours.isna().any() else ""
        notes.append(f"Times: {duration_range(hours.min(), hours.max())}{undated}.")
    if "midazolam" in set(rows["arm"]):
        notes.append("Midazolam, an active placebo, is among the arms.")
    ids = tuple(str(name) for name in rows["row_id"].dropna())
    if ids:
        notes.append(f"Rows of the evidence: {', '.join(ids)}.")
    return PlaceboBenchmark(
        in_shared_words([row], own=own),
        instrument=instrument,
        trials=trials,
        row_ids=ids,
        sources=sources_of(table),
        notes=tuple(notes),
    )


def _pooled(trials: pd.DataFrame, method: str) -> PooledMean:
    y = trials["estimate"].to_numpy(dtype=float)
    if method == "unweighted":
        return pool_unweighted(y)
    v = trials["std_error"].to_numpy(dtype=float) ** 2
    return pool_hartung_knapp(y, v, tau2_reml(y, v))


def _shipped() -> pd.DataFrame:
    # read here and not by the loader, which stands beside this layer and not below it
    place = shipped("data", "evidence", "evidence.csv")
    return with_sources(pd.read_csv(place), [source_of_file(place)])


def _arms_of_trials(table: pd.DataFrame, weeks: Any) -> pd.DataFrame:
    """One row per placebo arm of a trial: its change, standard error if told, n, and the row it is from."""
    refuse(missing_columns(table, _NEEDED, table="evidence"), source=_SOURCE)
    refuse(not_numbers(table, _NUMBERS, table="evidence"), source=_SOURCE)
    rows = table.reset_index(drop=True)
    for name in (*_NUMBERS, *_TEXTS):
        if name not in rows.columns:
            rows[name] = np.nan if name in _NUMBERS else None
    numbers = {name: pd.to_numeric(rows[name]).astype("float64") for name in _NUMBERS}
    rows = rows.assign(**numbers)
    one_arm = rows["effect_measure"].fillna("").astype(str) == "mean_change"
    rows["change"] = rows["effect_value"].where(one_arm).fillna(rows["mean"])
    contrast = _flag(rows, "is_contrast") & ~one_arm.to_numpy()
    wanted = (rows["outcome_type"] == "mean_change") & rows["arm"].isin(ARMS)
    kept = wanted.to_numpy(dtype=bool) & ~contrast & ~_flag(rows, "is_derived")
    rows = rows[kept & rows["change"].notna().to_numpy()]
    if weeks is not None:
        low, high = _window(weeks)
        rows = rows[(rows["timepoint_hours"] / _WEEK).between(low - 1e-9, high + 1e-9)]
    # several rows of one arm at its latest time are several arms of the trial
    latest = rows.groupby(["study_id", "arm", "instrument"])["timepoint_hours"].transform("max")
    rows = rows[(rows["timepoint_hours"] == latest) | latest.isna()]
    found: pd.DataFrame = rows.assign(se=_standard_errors(rows))
    return found


def _standard_errors(rows: pd.DataFrame) -> pd.Series:
    """Printed, or from the standard deviation and n, or from the width of a 95% interval."""
    from_sd = (rows["sd"] / np.sqrt(rows["n"])).where(rows["n"] > 1)
    width = (rows["ci_high"] - rows["ci_low"]) / (2 * float(ndtri(0.975)))
    found = rows["se"].fillna(from_sd).fillna(width)
    return found.where(found > 0)


def _joined(rows: pd.DataFrame, *, weighted: bool) -> pd.DataFrame:
    """One row per trial, its arms joined by precision, or plainly where that is not asked."""
    made: list[dict[str, Any]] = []
    for study, part in rows.groupby("study_id", sort=True):
        weight = 1 / part["se"] ** 2 if weighted else pd.Series(1.0, index=part.index)
        grades = part["grade"].dropna()
        known = part["se"].notna().all()
        share = (weight / weight.sum()).to_numpy(dtype=float)
        errors = part["se"].to_numpy(dtype=float)
        made.append(
            {
                "study_id": str(study),
                "arms": len(part),
                "n": None if part["n"].isna().any() else int(part["n"].sum()),
                "estimate": float(share @ part["change"].to_numpy(dtype=float)),
                "std_error": sqrt(float((share * errors) @ (share * errors)))
                if known
                else float("nan"),
                "grade": max(grades) if len(grades) else None,
            }
        )
    columns = ["study_id", "arms", "n", "estimate", "std_error", "grade"]
    frame = pd.DataFrame(made, columns=columns)
    return frame.astype({"n": "Int64", "std_error": "float64", "estimate": "float64"})


def _too_few(chosen: pd.DataFrame, instrument: str, method: str, arms: pd.DataFrame) -> str:
    """Why the trials of an instrument cannot be pooled, and what could be done."""
    all_trials, told = _counts(chosen)
    said = f"Two trials or more are needed to pool placebo arms in {instrument}, and there "
    if method == "unweighted" or all_trials < 2:
        return f"{said}{'is' if all_trials == 1 else 'are'} {all_trials}. {_what_there_is(arms)}"
    return (
        f"{said}are {all_trials}, of which {told} {'has' if told == 1 else 'have'} a standard error: take "
        f"method='unweighted', the plain mean of the trials, or give (change, standard error) of your own. "
        f"{_what_there_is(arms)}"
    )


def _what_there_is(arms: pd.DataFrame) -> str:
    parts = []
    for name, part in arms.groupby("instrument", sort=True):
        all_trials, told = _counts(part)
        parts.append(f"{name} {all_trials} ({told})")
    return f"Trials with placebo arms (with a standard error): {', '.join(parts)}"


def _counts(rows: pd.DataFrame) -> tuple[int, int]:
    return rows["study_id"].nunique(), rows.loc[rows["se"].notna(), "study_id"].nunique()


def _window(weeks: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in weeks)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not 0 <= low <= high:
        raise UsageError(f"weeks is (from, to) in weeks, such as (6, 12), not {weeks!r}")
    return low, high


def _flag(rows: pd.DataFrame, name: str) -> np.ndarray:
    if name not in rows.columns:
        return np.zeros(len(rows), dtype=bool)
    words = rows[name].astype("string").str.lower().fillna("false")
    return words.isin(["true", "1", "yes"]).to_numpy(dtype=bool)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _trial_text(trial: dict[Any, Any], level: float) -> str:
    half = float(ndtri(0.5 + level / 2)) * trial["std_error"]
    return estimate_text(
        trial["estimate"], trial["estimate"] - half, trial["estimate"] + half, number
    )

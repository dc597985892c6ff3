"""From the rows of a reading to its rate, interval and what a new setting might give.

Methods: `glmm` and `reml_hartung_knapp` (as `ketastats.pool_rates`; under the latter the active
arms of one trial are added up first, so that trials are independent), `unweighted` (mean of the
trials' logits, t interval; needs no arm sizes), `wilson` (one trial),
`wilson_all_years` (the latest year of a service, judged over all its years), and `ratio` (two different
groups of people: no interval, only the range over the years).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log, nan

import numpy as np
import pandas as pd

from ketastats.checks.columns import refuse
from ketastats.claims.registry import Reading
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.errors import UsageError, unknown_name
from ketastats.models.pooled_rate import logit_of, logits, overlapping, pool_counts, rate_of
from ketastats.stats.intervals import Interval
from ketastats.stats.proportions import wilson_interval
from ketastats.stats.random_effects import PooledMean, pool_unweighted, pool_wald

_PRINTED = 0.005  # a share printed as a whole percentage is known to half of one


@dataclass(frozen=True, slots=True)
class ReadingEstimate:
    """A rate under one reading; limits are missing where the rate has no interval.

    `k` counts what was pooled, and `unit` names it (trials, arms, service, cohort). `new_low` and
    `new_high` bound a new setting with probability 90%, `low_seen` and `high_seen` are the lowest
    and highest value over the years of one service, `bound_low` and `bound_high` all that assessments
    can tell of a share, `grade` is that of the weakest source among the
    rows used.
    """

    estimate: float
    low: float = nan
    high: float = nan
    k: int = 1
    n: int | None = None
    events: int | None = None
    new_low: float = nan
    new_high: float = nan
    probability_new: float = nan
    low_seen: float = nan
    high_seen: float = nan
    bound_low: float = nan
    bound_high: float = nan
    grade: str = ""
    unit: str = ""
    rows: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def decision_interval(self) -> Interval:
        """The interval that decides: the confidence interval, stretched over all years of a service."""
        return Interval(
            float(np.fmin(self.low, self.low_seen)), float(np.fmax(self.high, self.high_seen))
        )

    def complement(self) -> ReadingEstimate:
        """The share of the others; the chance in a new setting is that of the mirrored range."""
        return replace(
            self,
            estimate=1 - self.estimate,
            low=1 - self.high,
            high=1 - self.low,
            events=None if self.events is None or self.n is None else self.n - self.events,
            new_low=1 - self.new_high,
            new_high=1 - self.new_low,
            low_seen=1 - self.high_seen,
            high_seen=1 - self.low_seen,
            bound_low=1 - self.bound_high,
            bound_high=1 - self.bound_low,
            notes=tuple(f"One minus: {note}" for note in self.notes[:1]),
        )


def estimate_reading(
    rows: pd.DataFrame, reading: Reading, claimed: tuple[float, float]
) -> ReadingEstimate:
    """Estimate the rate of one reading from its rows.

    Raises
    ------
    UsageError
        If the method is unknown or the rows cannot carry it.
    """
    if reading.method not in _METHODS:
        raise unknown_name("method of a reading", reading.method, _METHODS)
    if rows.empty:
        chosen_by = ", ".join([*reading.where, *reading.between]) or "nothing"
        raise UsageError(f"No row matches the reading {reading.id!r} (it chooses by {chosen_by})")
    return _METHODS[reading.method](rows, reading, claimed)


def from_pooled(mean: PooledMean, claimed: tuple[float, float], **known: object) -> ReadingEstimate:
    """Back-transform a pooled logit."""
    low, high = mean.interval(conf_level=DECISION_LEVEL)
    new_low, new_high = mean.prediction_interval(conf_level=DECISION_LEVEL)
    chance = mean.probability_new_between(*(logit_of(edge) for edge in claimed))
    base = ReadingEstimate(
        rate_of(mean.mu),
        rate_of(low),
        rate_of(high),
        new_low=rate_of(new_low),
        new_high=rate_of(new_high),
        probability_new=chance,
    )
    return replace(base, **known)  # type: ignore[arg-type]


def _pooled_by_arm(
    rows: pd.DataFrame, _reading: Reading, claimed: tuple[float, float]
) -> ReadingEstimate:
    counted, _ = _counted(rows)
    mean, _ = pool_counts(
        counted["events"], counted["n"], method="glmm", cluster=counted["study_id"]
    )
    note = f"{len(counted)} arms of {counted['study_id'].nunique()} trials."
    return from_pooled(
        mean,
        claimed,
        k=len(counted),
        unit="arms",
        n=int(counted["n"].sum()),
        events=int(counted["events"].sum()),
        notes=(note,),
    )


def _pooled_by_trial(
    rows: pd.DataFrame, reading: Reading, claimed: tuple[float, float]
) -> ReadingEstimate:
    counted, notes = counted_arms(rows, reading)
    trials, mean = pooled_trials(counted)
    note = f"{len(counted)} arms of {len(trials)} trials, arms of one trial added up."
    return from_pooled(
        _not_narrower_than_wald(mean, trials),
        claimed,
        k=len(trials),
        unit="trials",
        n=int(trials["n"].sum()),
        events=int(trials["events"].sum()),
        grade=_weakest(counted),
        rows=_ids(counted),
        notes=(note, *notes),
    )


def counted_arms(rows: pd.DataFrame, reading: Reading) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row per arm with whole events and n, of the rows of a reading, and what was left out.

    Raises
    ------
    UsageError, DataError
        If there are fewer than two trials with arm sizes, or some overlap.
    """
    chosen, notes = _one_row_per_arm(rows)
    counted, more = _counted(chosen)
    refuse(overlapping(counted.reset_index(drop=True)), source=f"The reading {reading.id!r}")
    if counted["study_id"].nunique() < 2:
        raise UsageError(f"The reading {reading.id!r} needs at least two trials with arm sizes")
    return counted, (*notes, *more)


def pooled_trials(counted: pd.DataFrame) -> tuple[pd.DataFrame, PooledMean]:
    """Arms added up by trial (`study_id`, events, n), and the mean of the trials' logits."""
    trials = counted.groupby("study_id", sort=True)[["events", "n"]].sum().reset_index()
    mean, _ = pool_counts(
        trials["events"], trials["n"], method="reml_hartung_knapp", cluster=trials["study_id"]
    )
    return trials, mean


def _not_narrower_than_wald(mean: PooledMean, trials: pd.DataFrame) -> PooledMean:
    """Hartung and Knapp's interval shrinks to nothing for like rates; REML's own error is the floor."""
    logit, variance = logits(trials["events"].to_numpy(float), trials["n"].to_numpy(float))
    wald = pool_wald(logit, variance, mean.tau2)
    return replace(mean, std_error=max(mean.std_error, wald.std_error))


def _unweighted(
    rows: pd.DataFrame, reading: Reading, claimed: tuple[float, float]
) -> ReadingEstimate:
    arms, notes = _one_row_per_arm(rows)
    refuse(overlapping(arms.reset_index(drop=True)), source=f"The reading {reading.id!r}")
    share = arms["proportion"].fillna(arms["events"] / arms["n"])
    # Without a size, an arm in which nobody or everybody responded has no logit.
    known = arms["n"].notna()
    inner = ((share * arms["n"] + 0.5) / (arms["n"] + 1)).where(known)
    share = share.where(share.between(0, 1, inclusive="neither"), inner)
    left_out = int(share.isna().sum())
    if left_out:
        notes = (*notes, f"{_arms(left_out)} at 0 or 100% without a size left out.")
    arms, share = arms[share.notna()], share[share.notna()]
    by_trial = (share / (1 - share)).map(log).groupby(arms["study_id"]).mean()
    if len(by_trial) < 2:
        raise UsageError(f"The reading {reading.id!r} needs at least two trials")
    note = f"{len(arms)} arms of {len(by_trial)} trials, each trial counted once whatever its size."
    return from_pooled(
        pool_unweighted(by_trial.to_numpy()),
        claimed,
        k=len(by_trial),
        unit="trials",
        grade=_weakest(arms),
        rows=_ids(arms),
        notes=(note, *notes),
    )


def _one_trial(
    rows: pd.DataFrame, reading: Reading, _claimed: tuple[float, float]
) -> ReadingEstimate:
    counted, notes = _counted(rows)
    if len(counted) != 1:
        raise UsageError(f"The reading {reading.id!r} needs exactly one row, not {len(counted)}")
    events, n = int(counted["events"].iloc[0]), int(counted["n"].iloc[0])
    low, high = wilson_interval(events, n, conf_level=DECISION_LEVEL)
    return ReadingEstimate(
        events / n,
        low,
        high,
        n=n,
        events=events,
        grade=_weakest(counted),
        rows=_ids(counted),
        unit="trial",
        notes=notes,
    )


def _service(
    rows: pd.DataFrame, reading: Reading, _claimed: tuple[float, float]
) -> ReadingEstimate:
    """The latest year with its interval; the verdict has to hold for every year."""
    years = _by_year(rows, reading)
    rates = years[reading.events] / years[reading.out_of]
    events, n = int(years[reading.events].iloc[-1]), int(years[reading.out_of].iloc[-1])
    low, high = wilson_interval(events, n, conf_level=DECISION_LEVEL)
    seen = (float(rates.min()), float(rates.max()))
    year = years["reporting_period"].iloc[-1]
    note = f"{year}; lowest and highest of {len(years)} years {100 * seen[0]:.1f} and {100 * seen[1]:.1f}%."
    return ReadingEstimate(
        events / n,
        low,
        high,
        n=n,
        events=events,
        low_seen=seen[0],
        high_seen=seen[1],
        unit=f"service, {year}",
        notes=(note,),
    )


def _ratio(rows: pd.DataFrame, reading: Reading, _claimed: tuple[float, float]) -> ReadingEstimate:
    ordered = _by_year(rows, reading)
    ratios = ordered[reading.events] / ordered[reading.out_of]
    note = (
        f"{ordered['reporting_period'].iloc[-1]}; over {len(ordered)} years {100 * ratios.min():.1f} "
        f"to {100 * ratios.max():.1f}%. A ratio of two different groups of people, not a share of one: "
        "it has no interval."
    )
    return ReadingEstimate(
        float(ratios.iloc[-1]),
        low_seen=float(ratios.min()),
        high_seen=float(ratios.max()),
        unit=f"service, {ordered['reporting_period'].iloc[-1]}",
        notes=(note,),
    )


_METHODS: dict[str, Callable[[pd.DataFrame, Reading, tuple[float, float]], ReadingEstimate]] = {
    "glmm": _pooled_by_arm,
    "reml_hartung_knapp": _pooled_by_trial,
    "unweighted": _unweighted,
    "wilson": _one_trial,
    "wilson_all_years": _service,
    "ratio": _ratio,
}


def _by_year(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The problems of a reading added up, one row per year, in order."""
    columns = list(dict.fromkeys([reading.events, reading.out_of]))
    summed = rows.groupby("reporting_period", sort=True)[columns].sum(min_count=1)
    return summed.dropna().reset_index()


def _one_row_per_arm(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One definition and one time per arm of a trial: the definition listed first, at its last time.

    Arms of one trial under one name (two doses, say) that share definition and time all stay.
    """
    rows = rows.sort_values("row_id", kind="stable")
    arm = [rows["study_id"], rows["arm"]]
    definition = rows["outcome_definition"].fillna("")
    kept = rows[definition == definition.groupby(arm).transform("first")]
    time = kept["timepoint_weeks"].fillna(-1)
    kept = kept[time == time.groupby([kept["study_id"], kept["arm"]]).transform("max")]
    left_out = len(rows) - len(kept)
    if not left_out:
        return kept, ()
    return kept, (f"{left_out} further results of the same arms left out.",)


def _counted(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows with people and events.

    Where no count is printed, events are the whole number that gives the printed share; if none
    comes within half a per cent of it, the share has another denominator and the arm is left out.
    """
    if "proportion" not in rows.columns:
        return rows, ()
    derived = (rows["n"] * rows["proportion"]).round()
    fits = (derived / rows["n"] - rows["proportion"]).abs() <= _PRINTED
    events = rows["events"].fillna(derived.where(fits))
    known = rows["n"].notna() & events.notna()
    counted = rows.assign(events=events)[known]
    notes = []
    n_derived = int((counted["events"].notna() & rows.loc[known, "events"].isna()).sum())
    if n_derived:
        notes.append(f"Events of {_arms(n_derived)} come from the printed share and arm size.")
    if (~known).any():
        notes.append(f"{_arms(int((~known).sum()))} without usable counts left out.")
    return counted, tuple(notes)


def _arms(count: int) -> str:
    return "1 arm" if count == 1 else f"{count} arms"


def _ids(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(rows["row_id"].dropna()) if "row_id" in rows.columns else ()


def _weakest(rows: pd.DataFrame) -> str:
    grades = rows["grade"].dropna() if "grade" in rows.columns else rows.iloc[:0, 0]
    return str(grades.max()) if len(grades) else ""

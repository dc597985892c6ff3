"""A made-up course: doses, the effect at any hour, scores at visits, and who was still there to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.synthetic.chances import shifted
from ketastats.synthetic.patients import Patients, entry_instrument
from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY = 24.0
WEEK = 168.0
BASELINE_HOUR = -20.0
_FIRST_LAPSE = 21 * DAY
_FEWEST_DOSES = 3  # of a series that is broken off
USUAL = 0.25  # share of the score gone at which leaving and gaps are as their parameters say
_MOST_SPELLS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What happened to n patients at V visits.

    `hours` (n, V) are the times of visits, `scores` (n, V) per instrument what was or would have been
    measured, `seen` (n, V) whether it was. `leaves` (n,) is the hour of leaving, infinite if never.
    `series` (n, D) and `later` (n, M) are hours of doses, infinite where there was none; none of them
    knows of leaving. `rescue` (n,) is the hour of rescue medicine, infinite if never.
    """

    visits: tuple[str, ...]
    hours: Floats
    scores: dict[str, Floats]
    seen: Bools
    leaves: Floats
    series: Floats
    later: Floats
    rescue: Floats
    improvement: Floats

    @property
    def end(self) -> Floats:
        """Hours of the last visit or of leaving, whichever came first; nothing is known from then on."""
        return np.minimum(self.leaves, self.hours[:, -1])

    @property
    def doses(self) -> Floats:
        """Doses up to the end, (n, D + M), infinite where there was none."""
        every = np.concatenate([self.series, self.later], axis=1)
        return np.where(every <= self.end[:, None], every, np.inf)


def make_course(
    scenario: Scenario, patients: Patients, streams: list[np.random.Generator]
) -> Course:
    """Follow patients through treatment and visits.

    Parameters
    ----------
    scenario, patients
    streams : list of 5 generators
        For doses, lapses, visits, scores and leaving, so that a change in one leaves the others alone.
    """
    for_doses, for_lapses, for_visits, for_scores, for_leaving = streams
    visits = scenario.members("visit")
    planned = np.array([scenario.value("visit.hours", name) for name in visits])
    hours = _visit_hours(scenario, visits, planned, len(patients), for_visits)
    series = _series(scenario, patients, for_doses)
    later = _later_doses(scenario, patients, series, float(planned[-1]), for_doses)
    spells = _lapses(scenario, patients, float(planned[-1]), for_lapses)
    improvement = _improvement(
        scenario, patients, hours, np.concatenate([series, later], axis=1), spells
    )
    scores = {
        name: _measured(scenario, patients, name, improvement, for_scores)
        for name in scenario.in_order("instrument")
    }
    rescued = ~patients.works & (for_lapses.random(len(patients)) < scenario.value("rescue.share"))
    first = min(4 * DAY, float(planned[-1]))
    rescue = np.round(for_lapses.uniform(first, planned[-1], len(patients)))
    rescue = np.where(rescued, rescue, np.inf)
    seen, leaves = _seen(scenario, patients, planned, hours, scores, improvement, for_leaving)
    return Course(visits, hours, scores, seen, leaves, series, later, rescue, improvement)


def _visit_hours(
    scenario: Scenario,
    visits: tuple[str, ...],
    planned: Floats,
    n: int,
    rng: np.random.Generator,
) -> Floats:
    """When visits take place, never beyond half the way to the next."""
    spread = np.array([scenario.value("visit.spread", name) for name in visits])
    middle = (planned[1:] + planned[:-1]) / 2
    low = np.concatenate([[0.0], middle])
    high = np.concatenate([middle, [planned[-1] + 3 * spread[-1]]])
    room = 0.98 * np.minimum(planned - low, np.maximum(high - planned, 0.0))
    # times are rounded to the tenth of an hour, and two must not fall together
    room = np.maximum(np.minimum(room, np.minimum(planned - low, high - planned) - 0.1), 0.0)
    moved = np.clip(spread * rng.standard_normal((n, len(visits))), -room, room)
    return np.asarray((planned + moved).round(1))


def _series(scenario: Scenario, patients: Patients, rng: np.random.Generator) -> Floats:
    """The first series, its times slipping and some of it broken off where it does not work."""
    n = len(patients)
    count = patients.per_arm(scenario, "arm.doses")
    most = max(int(count.max()), 1)
    number = np.arange(most)
    every = DAY * patients.per_arm(scenario, "arm.every")[:, None]
    slip = patients.per_arm(scenario, "arm.slip")[:, None] * rng.standard_normal((n, most))
    at = number * every + np.clip(slip, -0.4 * every, 0.4 * every)
    at[:, 0] = 0.0
    broken = ~patients.works & (rng.random(n) < patients.per_arm(scenario, "arm.broken"))
    kept = np.minimum(count, rng.integers(_FEWEST_DOSES, max(most, _FEWEST_DOSES + 1), n))
    count = np.where(broken, kept, count)
    return np.where(number < count[:, None], np.round(at, 1), np.inf)


def _later_doses(
    scenario: Scenario, patients: Patients, series: Floats, horizon: float, rng: np.random.Generator
) -> Floats:
    """Single doses of those with benefit, to the end."""
    n = len(patients)
    every = DAY * patients.per_arm(scenario, "arm.maintained_every")
    on = patients.works & (rng.random(n) < patients.per_arm(scenario, "arm.maintained"))
    at = np.where(np.isfinite(series), series, -np.inf).max(axis=1)
    on &= np.isfinite(at)
    columns: list[Floats] = []
    while True:  # ends, as every dose is later than the one before
        # more than a week apart, so that single doses are no second series
        at = np.round(at + np.maximum(every * rng.uniform(0.5, 1.5, n), 8 * DAY), 1)
        given = on & (at < horizon)
        if not given.any():
            break
        columns.append(np.where(given, at, np.inf))
    return np.column_stack(columns) if columns else np.full((n, 0), np.inf)


def _lapses(
    scenario: Scenario, patients: Patients, horizon: float, rng: np.random.Generator
) -> list[tuple[Floats, Floats]]:
    """Spells in which benefit is lost, from the third week on."""
    n = len(patients)
    rate = patients.per_arm(scenario, "arm.lapses") / (90 * DAY)
    with np.errstate(divide="ignore"):
        wait = np.where(rate > 0, 1 / rate, np.inf)
    length = DAY * scenario.value("lapse.days")
    at = np.full(n, _FIRST_LAPSE)
    found: list[tuple[Floats, Floats]] = []
    for _ in range(_MOST_SPELLS):
        start = at + np.where(np.isfinite(wait), wait, 1.0) * rng.standard_exponential(n)
        start = np.where(np.isfinite(wait), start, np.inf)
        at = start + length * rng.standard_exponential(n)
        if not (start < horizon).any():
            return found
        found.append((start, at))
    raise UsageError(
        f"More than {_MOST_SPELLS:,} spells of lost benefit in one patient cannot be followed; "
        "lower arm.lapses, or bring the last visit forward"
    )


def _improvement(
    scenario: Scenario,
    patients: Patients,
    hours: Floats,
    doses: Floats,
    spells: list[tuple[Floats, Floats]],
) -> Floats:
    """Share of the score that is gone at each visit, (n, V)."""
    specific = patients.gain[:, None] * _built_up(scenario, patients, hours, doses)
    felt = 1 - np.exp2(-hours / scenario.value("expectancy.onset"))
    drift = np.power(1 - scenario.value("drift.per_week"), hours / WEEK)
    found = 1 - (1 - specific) * (1 - patients.expects[:, None] * felt) * drift
    left = scenario.value("lapse.left")
    lapsed = np.zeros(hours.shape, dtype=bool)
    for start, end in spells:
        lapsed |= (hours >= start[:, None]) & (hours < end[:, None])
    lapsed &= found > 0
    return np.asarray(np.where(lapsed, left * found, found))


def _built_up(scenario: Scenario, patients: Patients, hours: Floats, doses: Floats) -> Floats:
    """Share of the full effect that the doses so far have brought and that has not faded."""
    fade = DAY * patients.per_arm(scenario, "arm.fade")[:, None]
    onset, step = patients.onset[:, None], patients.step[:, None]
    rest = np.ones(hours.shape)
    for k in range(doses.shape[1]):
        since = hours - doses[:, k, None]
        since = np.where(since > 0, since, 0.0)  # also of doses that are not given
        rest *= 1 - step * (1 - np.exp2(-since / onset)) * np.exp2(-since / fade)
    return 1 - rest


def _measured(
    scenario: Scenario,
    patients: Patients,
    name: str,
    improvement: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Scores at all visits, whole and within the scale."""
    scale = find_instrument(name)
    true = patients.true[name][:, None]
    gone = improvement * patients.own[name][:, None]
    low = 0.0 if scale.total_min is None else scale.total_min
    high = np.inf if scale.total_max is None else scale.total_max
    away = true - low if scale.higher_is_worse else true - high
    error = scenario.value("score.sd", name) * sqrt(1 - scenario.value("score.reliability", name))
    drawn = true - away * gone + error * rng.standard_normal(improvement.shape)
    return np.clip(np.round(drawn), low, high)


def _seen(
    scenario: Scenario,
    patients: Patients,
    planned: Floats,
    hours: Floats,
    scores: dict[str, Floats],
    improvement: Floats,
    rng: np.random.Generator,
) -> tuple[Bools, Floats]:
    """Which visits were attended, and when patients left."""
    n, v = hours.shape
    name = entry_instrument(scenario) or _clearest(scenario)
    measured = _relative(name, patients.first[name], scores[name])
    unseen = scenario.word("leave.depends_on") == "unseen"
    share = patients.per_arm(scenario, "arm.leave")
    spans = np.diff(np.concatenate([[0.0], planned])) / planned[-1]
    missed = scenario.value("gap.share")
    last = np.zeros(n)
    here = np.ones(n, dtype=bool)
    seen, leaves = np.zeros((n, v), dtype=bool), np.full(n, np.inf)
    before = np.zeros(n)
    for t in range(v):
        told = improvement[:, t] if unseen else last
        hazard = 1 - np.power(1 - np.minimum(share, 1 - 1e-9), spans[t])
        odds = scenario.value("leave.log_odds") * (told - USUAL)
        going = here & (rng.random(n) < shifted(hazard, odds))
        when = before + rng.random(n) * (hours[:, t] - before)
        leaves = np.where(going, np.round(when, 1), leaves)
        here &= ~going
        odds = scenario.value("gap.log_odds") * (last - USUAL)
        absent = rng.random(n) < shifted(np.full(n, missed), odds)
        seen[:, t] = here & ~absent
        last = np.where(seen[:, t], measured[:, t], last)
        before = hours[:, t]
    return seen, leaves


def _clearest(scenario: Scenario) -> str:
    """The instrument whose mean is most errors of measurement away from its good end."""

    def errors_away(name: str) -> float:
        scale = find_instrument(name)
        end = scale.total_min if scale.higher_is_worse else scale.total_max
        away = abs(scenario.value("score.mean", name) - (end or 0.0))
        unreliable = sqrt(1 - scenario.value("score.reliability", name))
        error = scenario.value("score.sd", name) * unreliable
        return away / error if error > 0 else np.inf

    return max(scenario.in_order("instrument"), key=errors_away)


def _relative(name: str, first: Floats, scores: Floats) -> Floats:
    """Share of the baseline score that is gone."""
    scale = find_instrument(name)
    end = scale.total_min if scale.higher_is_worse else scale.total_max
    away = first - (0.0 if end is None else end)
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = (first[:, None] - scores) / away[:, None]
    return np.where(away[:, None] != 0, np.clip(gone, -1.0, 1.0), 0.0)

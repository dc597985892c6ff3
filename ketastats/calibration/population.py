"""The number that decides a claim, in the whole population of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ketastats.claims.judge import judge
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.cohort.cohort import Cohort
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.stats.intervals import two_sided_quantile
from ketastats.synthetic.cohort import MadeUp, make_up, tables_of
from ketastats.synthetic.scenario import Scenario
from ketastats.synthetic.truth import meets

Bools = NDArray[np.bool_]

_LARGE = 200_000
_JUDGED = {"onset_ordering": 6_000, "durability": 20_000}  # where the judging path works it out
_LATE = 0.05  # of the claim's hours, by which the middle of a visit's times may be later
_SEED = 11
_DAY, _WEEK = 24.0, 168.0

Value = tuple[float, float]
"""A number and its simulation error."""


def deciding_value(
    claim: Claim,
    scenario: Scenario,
    options: Mapping[str, Any],
    *,
    n: int = _LARGE,
    seed: int = _SEED,
) -> Value:
    """Work out what decides a claim, from a draw that stands for the whole population.

    Shares and differences are counted in the draw itself and not by the judging path, so that the two
    check each other. Everybody is followed, except where the reading counts those not seen as not met.
    An order of onset and benefit kept under single doses have no such count: there it is what the judging
    path finds where everybody is followed and assessed on time.

    Parameters
    ----------
    claim : Claim
    scenario : Scenario
        With the arms that are compared and no others.
    options : mapping
        Options of `ketastats.judge`: arm, reference, instrument, visit.
    n, seed : int
    """
    if claim.kind == "onset_ordering" or claim.facts.get("measure") == "kept":
        return _judged(claim, scenario, options, min(n, _JUDGED[claim.kind]), seed)
    # so many sites that their differences average out, as in the population they are drawn from
    sites = max(n // 50, int(scenario.value("site.count")))
    made = make_up(scenario.changed({"site.count": sites}), n, seed)
    if claim.kind == "superiority":
        return _difference(claim, made, options)
    met = _met(claim, made, options["instrument"])
    return _share(_counted(claim, made, options, met))


def _met(claim: Claim, made: MadeUp, name: str) -> Bools:
    endpoint = str(claim.facts.get("endpoint", "response"))
    rule = find_instrument(name).rules_for(endpoint)[0]
    return meets(rule, made.patients.first[name], made.course.scores[name])


def _counted(claim: Claim, made: MadeUp, options: Mapping[str, Any], met: Bools) -> Bools:
    """Who counts, by the shape of the claim, (n,)."""
    course = made.course
    if claim.kind == "rate_within":
        at = course.visits.index(options["visit"])
        return np.asarray(met[:, at] & course.seen[:, at])
    if claim.kind == "onset_within":
        # a visit due by then counts, also if it takes place somewhat later; relief after rescue does not
        planned = [made.scenario.value("visit.hours", name) for name in course.visits]
        due = np.array(planned) <= (1 + _LATE) * claim.horizon
        own = met & (course.hours <= course.rescue[:, None])
        return np.asarray(own[:, due].any(axis=1))
    if claim.kind == "by_dose_number":
        return _by_dose(claim, made, met)
    return _sustained(claim, made, met)


def _by_dose(claim: Claim, made: MadeUp, met: Bools) -> Bools:
    """Met within the claim's hours of a dose up to the last one it names, before the next."""
    last = int(max(claim.facts["dose_numbers"]))
    doses, hours = made.course.series, made.course.hours
    found = np.zeros(len(met), dtype=bool)
    for k in range(min(last, doses.shape[1])):
        after = doses[:, k, None]
        following = doses[:, k + 1, None] if k + 1 < doses.shape[1] else np.inf
        inside = (hours > after) & (hours <= after + claim.horizon) & (hours <= following)
        found |= (met & inside).any(axis=1)
    return found


def _sustained(claim: Claim, made: MadeUp, met: Bools) -> Bools:
    """Met at the visit nearest to a day after the end of treatment and at all up to the horizon."""
    series, hours = made.course.series, made.course.hours
    ends = np.where(np.isfinite(series), series, -np.inf).max(axis=1)
    start = float(np.median(ends)) + _DAY
    rows = np.arange(len(met))
    first = np.abs(hours - start).argmin(axis=1)
    final = np.abs(hours - claim.horizon).argmin(axis=1)
    number = np.arange(hours.shape[1])
    asked = (number >= first[:, None]) & (number <= final[:, None])
    in_time = (np.abs(hours[rows, first] - start) <= _WEEK) & (
        np.abs(hours[rows, final] - claim.horizon) <= _WEEK
    )
    return np.asarray((met | ~asked).all(axis=1) & in_time)


def _difference(claim: Claim, made: MadeUp, options: Mapping[str, Any]) -> Value:
    """Arm better than its reference at the visit nearest to the claim's hour."""
    name = options["instrument"]
    hours = np.median(made.course.hours, axis=0)
    at = int(np.abs(hours - claim.horizon).argmin())
    if claim.facts.get("endpoint") == "change":
        sign = -1.0 if find_instrument(name).higher_is_worse else 1.0
        value = sign * (made.course.scores[name][:, at] - made.patients.first[name])
    else:
        value = (_met(claim, made, name)[:, at] & made.course.seen[:, at]).astype(float)
    parts = [
        value[made.patients.arm == made.patients.arms.index(options[which])]
        for which in ("arm", "reference")
    ]
    spread = sqrt(sum(float(part.var(ddof=1)) / len(part) for part in parts))
    return float(parts[0].mean() - parts[1].mean()), spread


def standardised_effect(
    claim: Claim,
    scenario: Scenario,
    options: Mapping[str, Any],
    *,
    n: int = _LARGE,
    seed: int = _SEED,
) -> float:
    """The difference in change at the claim's hour in standard deviations of patients alike at baseline.

    For claims that also ask for an effect of some size; everybody is followed.
    """
    sites = max(n // 50, int(scenario.value("site.count")))
    made = make_up(scenario.changed({"site.count": sites}), n, seed)
    name = options["instrument"]
    at = int(np.abs(np.median(made.course.hours, axis=0) - claim.horizon).argmin())
    first = made.patients.first[name]
    sign = -1.0 if find_instrument(name).higher_is_worse else 1.0
    change = sign * (made.course.scores[name][:, at] - first)
    treated = made.patients.arm == made.patients.arms.index(options["arm"])
    design = np.column_stack([np.ones(n), first, treated])
    found, *_ = np.linalg.lstsq(design, change, rcond=None)
    left = change - design @ found
    return float(found[2] / sqrt(left @ left / (n - design.shape[1])))


def _share(who: Bools) -> Value:
    p = float(who.mean())
    return p, sqrt(p * (1 - p) / len(who))


def _judged(
    claim: Claim, scenario: Scenario, options: Mapping[str, Any], n: int, seed: int
) -> Value:
    """What the judging path finds where everybody is followed and nothing slips."""
    on_time: dict[tuple[str, str], float] = {
        ("visit.spread", name): 0.0 for name in scenario.members("visit")
    }
    on_time |= {("arm.slip", name): 0.0 for name in scenario.members("arm")}
    cohort = as_cohort(make_up(scenario.changed(on_time), n, seed), everybody=True)
    row = judge(claim, cohort, **options).to_frame().iloc[0]
    value, low, high = (float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    quantile = two_sided_quantile(DECISION_LEVEL)
    if row["measure"] == "ratio":
        return value, value * (log(high) - log(low)) / (2 * quantile)
    return value, (high - low) / (2 * quantile)


def as_cohort(made: MadeUp, *, everybody: bool = False) -> Cohort:
    """A cohort that is not labelled synthetic, for no eyes but those of the judging path."""
    tables = tables_of(made, everybody=everybody)
    return Cohort(
        tables["subjects"],
        doses=tables["doses"],
        scores=tables["scores"],
        events=tables["events"],
        medications=tables["medications"],
        provenance="public",
        name=made.scenario.name,
    )

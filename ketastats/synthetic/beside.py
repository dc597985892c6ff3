"""What happens beside the scores: side effects, vital signs and other medicines."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.cohort.schema import SEVERITIES
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.synthetic.chances import chance_per_dose, shifted
from ketastats.synthetic.course import DAY, Course
from ketastats.synthetic.patients import Patients, arm_values
from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]

_SOON = 0.67  # hours after the start of a dose by which side effects have begun
_FIRST_WEEKS = 28 * DAY  # in which those of a daily medicine begin
_READINGS = {"before": -0.5, "end of infusion": 0.7, "2 h": 2.0}
_SHARE_LEFT = {"before": 0.0, "end of infusion": 1.0, "2 h": 0.25}


def side_effects(
    scenario: Scenario, patients: Patients, course: Course, rng: np.random.Generator
) -> pd.DataFrame:
    """Episodes: `who`, aedecod, aesev, aeser, astrlt, aenrlt_left, aenrlt_right, exseq and the true `end`.

    Nothing begins after the last visit or leaving, when all are asked once more; `aenrlt_right` is missing
    where an episode was not over by then. With the first dose the mediating side effect comes to those who
    are made to have it, so that it agrees with what it does to their scores.
    """
    doses = course.doses
    daily = np.array([scenario.word("arm.daily", name) == "yes" for name in patients.arms])
    checks = np.array([float(word) for word in scenario.word("checks.hours").split()])
    parts = [
        _episodes(scenario, patients, doses, name, daily[patients.arm], checks, rng)
        for name in scenario.in_order("event")
    ]
    return _up_to(pd.concat(parts, ignore_index=True), course) if parts else pd.DataFrame()


def _up_to(table: pd.DataFrame, course: Course) -> pd.DataFrame:
    """Episodes that were seen to begin, their ends as far as they were seen."""
    last = course.end[table["who"].to_numpy()]
    table = table[table["astrlt"] <= last].reset_index(drop=True)
    last = course.end[table["who"].to_numpy()]
    gone = table["end"] <= last
    return table.assign(
        aenrlt_left=table["aenrlt_left"].where(gone, last),
        aenrlt_right=np.minimum(table["aenrlt_right"], last).where(gone),
    )


def _episodes(
    scenario: Scenario,
    patients: Patients,
    doses: Floats,
    name: str,
    daily: NDArray[np.bool_],
    checks: Floats,
    rng: np.random.Generator,
) -> pd.DataFrame:
    p = chance_per_dose(scenario, patients.arms, name)[patients.arm]
    if scenario.value("event.proneness_sd") > 0:
        p = shifted(p, patients.prone)
    given = np.isfinite(doses)
    given[:, 1:] &= ~daily[:, None]
    number = np.cumsum(np.isfinite(doses), axis=1)
    hit = rng.random(doses.shape) < p[:, None]
    if scenario.values.get(("mediator.event", "")) == name:  # known since the patient was made
        hit[:, 0] = np.where(daily, hit[:, 0], patients.reacts)
    who, which = np.nonzero(given & hit)
    m = len(who)
    soon = rng.uniform(0, _SOON, m)
    start = np.where(daily[who], rng.uniform(0, _FIRST_WEEKS, m), doses[who, which] + soon)
    length = np.exp(
        log(scenario.value("event.hours", name))
        + scenario.value("event.spread", name) * rng.standard_normal(m)
    )
    severe, moderate = (scenario.value(f"event.{word}", name) for word in ("severe", "moderate"))
    drawn = rng.random(m)
    severity = np.where(drawn < severe, 2, np.where(drawn < severe + moderate, 1, 0))
    since = np.where(daily[who], np.floor(start / DAY) * DAY, doses[who, which])
    left, right = _known_ends(start, start + length, since, checks, daily[who])
    return pd.DataFrame(
        {
            "who": who,
            "aedecod": name,
            "aesev": np.array(SEVERITIES)[severity],
            "aeser": "N",
            "astrlt": _down(start),
            "aenrlt_left": left,
            "aenrlt_right": right,
            "exseq": number[who, which],
            "end": start + length,
        }
    )


def _known_ends(
    start: Floats, end: Floats, since: Floats, checks: Floats, daily: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """The last check at which it was there and the first at which it was gone, in hours.

    Checks come at hours after a dose and then every day; of a daily medicine every day only.
    """
    after = np.where(daily, DAY, checks[-1])
    days = np.ceil(np.maximum(end - since - after, 0.0) / DAY)
    right = since + after + days * DAY
    left = np.where(days > 0, right - DAY, since)
    for early, late in zip(np.concatenate([[0.0], checks[:-1]]), checks, strict=True):
        inside = ~daily & (end - since <= late) & (end - since > early)
        left = np.where(inside, since + early, left)
        right = np.where(inside, since + late, right)
    return np.maximum(_down(left), _down(start)), -_down(-right)


def _down(hours: Floats) -> Floats:
    """Hours to the hundredth below, so that an interval holds what it is about."""
    found: Floats = np.floor(hours * 100 + 1e-6) / 100
    return found


def vital_signs(scenario: Scenario, patients: Patients, rng: np.random.Generator) -> pd.DataFrame:
    """Readings around the first infusion: `who`, paramcd, avisit, avisitn, afrlt, aval."""
    infused = patients.per_arm(scenario, "arm.minutes") > 0
    who = np.flatnonzero(infused)
    parts = []
    for name in scenario.in_order("vital"):
        scale = find_instrument(name)
        mean, sd, error = (
            scenario.value(f"vital.{word}", name) for word in ("mean", "sd", "error")
        )
        rise = np.array([scenario.given("vital.rise", f"{arm}/{name}") for arm in patients.arms])
        usual = mean + sd * rng.standard_normal(len(patients))
        for number, (visit, at) in enumerate(_READINGS.items(), start=1):
            drawn = usual + rise[patients.arm] * _SHARE_LEFT[visit]
            drawn = drawn + error * rng.standard_normal(len(patients))
            parts.append(
                pd.DataFrame(
                    {
                        "who": who,
                        "paramcd": name,
                        "avisit": f"Infusion 1, {visit}",
                        "avisitn": 0.1 * number,
                        "afrlt": at,
                        "aval": np.clip(np.round(drawn[who]), scale.total_min, scale.total_max),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def medicines(
    scenario: Scenario, patients: Patients, course: Course, rng: np.random.Generator
) -> pd.DataFrame:
    """Other medicines and rescue: `who`, cmclas, cmdecod, cmcat, cmstrlt, cmenrlt, cmdose, cmdoseeq."""
    n = len(patients)
    last = course.end
    parts = []
    for name in scenario.in_order("medicine"):
        takes = rng.random(n) < scenario.value("medicine.share", name)
        tapers = takes & patients.works & (rng.random(n) < scenario.value("medicine.tapered", name))
        begins = np.round(rng.uniform(14, 40, n) * DAY)
        ends = begins + 28 * DAY
        tapers &= ends < last
        dose, equivalent = (
            scenario.value(f"medicine.{word}", name) for word in ("dose", "equivalent")
        )
        for rows, share, start, end in (
            (takes & ~tapers, 1.0, np.full(n, -30 * DAY), np.full(n, np.nan)),
            (tapers, 1.0, np.full(n, -30 * DAY), begins),
            (tapers, 0.5, begins, ends),
        ):
            who = np.flatnonzero(rows)
            parts.append(
                _periods(who, name, "CONCOMITANT", start, end, share * dose, share * equivalent)
            )
    who = np.flatnonzero(course.rescue < last)
    parts.append(_periods(who, "lorazepam", "RESCUE", course.rescue, course.rescue + DAY, 1.0, 1.0))
    return pd.concat(parts, ignore_index=True)


def _periods(
    who: NDArray[np.intp],
    name: str,
    category: str,
    start: Floats,
    end: Floats,
    dose: float,
    equivalent: float,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "who": who,
            "cmclas": "BENZODIAZEPINE" if category == "RESCUE" else name.upper(),
            "cmdecod": name,
            "cmcat": category,
            "cmstrlt": start[who],
            "cmenrlt": end[who],
            "cmdose": dose,
            "cmdoseeq": equivalent,
        }
    )


def dose_of(scenario: Scenario, patients: Patients) -> tuple[Floats, Floats]:
    """Milligrams of each patient's doses, and milligrams per kilogram (missing for fixed doses)."""
    by_weight = patients.per_arm(scenario, "arm.dose")
    fixed = arm_values(scenario, patients.arms, "arm.dose_mg")[patients.arm]
    given = np.where(by_weight > 0, np.round(by_weight * patients.weight, 1), fixed)
    return given, np.where(by_weight > 0, by_weight, np.nan)


def minutes_of(
    scenario: Scenario, patients: Patients, doses: int, rng: np.random.Generator
) -> Floats:
    """Minutes of each of so many doses, (n, doses); whole and at least 1 where they vary."""
    mean = patients.per_arm(scenario, "arm.minutes")[:, None]
    spread = patients.per_arm(scenario, "arm.minutes_sd")[:, None]
    drawn = mean + spread * rng.standard_normal((len(patients), doses))
    varies = (spread > 0) & (mean > 0)
    return np.where(varies, np.maximum(np.round(drawn), 1.0), mean)

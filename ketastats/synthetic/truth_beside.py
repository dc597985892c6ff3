"""What is true beside the scores: side effects, other medicines, sessions and blood pressure."""

from __future__ import annotations

from math import hypot, sqrt

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ketastats.synthetic.beside import medicines, side_effects
from ketastats.synthetic.chances import mean_chance_per_dose
from ketastats.synthetic.cohort import MadeUp
from ketastats.synthetic.course import DAY
from ketastats.synthetic.truth_rows import (
    Bools,
    TruthRow,
    arms_of,
    difference_row,
    exact_row,
    mean_row,
    pairs_of,
    same_law,
    same_side_effects,
)

BRIEF = 4.0
"""Hours within which an episode is brief."""
LASTING_DAYS = 28
"""Days beyond which an episode is a lasting one."""
SESSION_MINUTES = (40, 60)
"""The shortest and the longest session that a course is said to have."""
HIGH_PRESSURE = {"sysbp": 180, "diabp": 110}
"""Blood pressure (mmHg) at the end of an infusion that calls for somebody who can act; a choice."""

_ANY, _WORSE, _LASTING = "any", "any moderate or severe", f"beyond {LASTING_DAYS} days"


def event_rows(made: MadeUp) -> list[TruthRow]:
    """Incidence of side effects by arm and its differences, chances per dose, and how episodes are."""
    names = made.scenario.in_order("event")
    if not names:
        return []
    table = side_effects(made.scenario, made.patients, made.course, made.streams[8])
    rows = _chances(made)
    mild = (table["aesev"] == "MILD").to_numpy()
    length = (table["end"] - table["astrlt"]).to_numpy()
    kinds = {name: (table["aedecod"] == name).to_numpy() for name in names}
    kinds |= {_ANY: np.ones(len(table), dtype=bool), _WORSE: ~mild}
    for name, kept in kinds.items():
        rows += _incidence(made, table, kept, "event_incidence", name)
    lasting = length > LASTING_DAYS * DAY
    rows += _incidence(made, table, lasting, "lasting_event_incidence", _LASTING)
    return rows + _mild_and_brief(made, table, mild & (length <= BRIEF))


def medicine_rows(made: MadeUp) -> list[TruthRow]:
    """Share of those on a medicine at the start who came off it, by arm, and the differences."""
    table = medicines(made.scenario, made.patients, made.course, made.streams[9])
    rows: list[TruthRow] = []
    for name in made.scenario.in_order("medicine"):
        mine = table[(table["cmdecod"] == name) & (table["cmcat"] == "CONCOMITANT")]
        ongoing = np.zeros(len(made.patients), dtype=bool)
        ongoing[mine.loc[mine["cmenrlt"].isna(), "who"]] = True
        takes = np.zeros(len(made.patients), dtype=bool)
        takes[mine["who"]] = True
        means = {
            arm: mean_row(~ongoing[takes & own], "medicine_stopped", arm=arm, endpoint=name)
            for arm, own in arms_of(made)
            if (takes & own).any()
        }
        rows += means.values()
        rows += [
            difference_row(means[one], means[other], alike=same_law(made.scenario, one, other))
            for one, other in pairs_of(made)
            if one in means and other in means
        ]
    return rows


def session_rows(made: MadeUp) -> list[TruthRow]:
    """Number and length of sessions, and blood pressure at the end of the first, by arm."""
    scenario, course = made.scenario, made.course
    rows: list[TruthRow] = []
    given = (course.series <= course.end[:, None]).sum(axis=1)
    for arm, mine in arms_of(made):
        rows.append(mean_row(given[mine], "doses_of_first_series", arm=arm))
        minutes = scenario.value("arm.minutes", arm)
        if minutes == 0:
            continue
        share = _share_within(minutes, scenario.value("arm.minutes_sd", arm))
        rows.append(exact_row(share, "session_of_40_to_60_minutes", arm=arm))
        for name, limit in HIGH_PRESSURE.items():
            if name in scenario.members("vital"):
                rise = scenario.given("vital.rise", f"{arm}/{name}")
                mean = scenario.value("vital.mean", name) + rise
                words = {"arm": arm, "endpoint": f"{name} of {limit} or more"}
                sd, error = (scenario.value(f"vital.{word}", name) for word in ("sd", "error"))
                above = _share_from(limit, mean, hypot(sd, error))
                rows.append(exact_row(above, "pressure_at_end_of_infusion", **words))
    return rows


def _chances(made: MadeUp) -> list[TruthRow]:
    arms = made.patients.arms
    rows = [
        exact_row(float(chance), "event_chance_per_dose", arm=arm, endpoint=name)
        for name in made.scenario.in_order("event")
        for arm, chance in zip(arms, mean_chance_per_dose(made.scenario, arms, name), strict=True)
    ]
    if made.scenario.value("event.proneness_sd") > 0:
        return [row | {"method": "quadrature"} for row in rows]
    return rows


def _incidence(
    made: MadeUp, table: pd.DataFrame, kept: Bools, estimand: str, name: str
) -> list[TruthRow]:
    """Share of patients with an episode of a kind, by arm, and the differences."""
    scenario = made.scenario
    hit = np.zeros(len(made.patients), dtype=bool)
    hit[table["who"].to_numpy()[kept]] = True
    means = {
        arm: mean_row(hit[mine], estimand, arm=arm, endpoint=name)
        for arm, mine in arms_of(made)
        if mine.any()
    }
    about = [name] if name in scenario.members("event") else list(scenario.members("event"))
    rows = list(means.values())
    for one, other in pairs_of(made):
        alike = same_law(scenario, one, other) and all(
            same_side_effects(scenario, one, other, event) for event in about
        )
        rows.append(difference_row(means[one], means[other], alike=alike))
    return rows


def _mild_and_brief(made: MadeUp, table: pd.DataFrame, brief: Bools) -> list[TruthRow]:
    """Share of episodes; its error is that of a ratio of sums over patients, who have several each."""
    n = len(made.patients)
    who = table["who"].to_numpy()
    episodes = np.bincount(who, minlength=n)
    good = np.bincount(who[brief], minlength=n)
    rows: list[TruthRow] = []
    for arm, mine in arms_of(made):
        total = int(episodes[mine].sum())
        if total:
            share = float(good[mine].sum() / total)
            left = good[mine] - share * episodes[mine]
            row = exact_row(share, "episodes_mild_and_brief", arm=arm, n=total)
            error = sqrt(float(left @ left)) / total
            rows.append(row | {"std_error": error, "method": "simulated"})
    return rows


def _share_within(mean: float, spread: float) -> float:
    """Share of sessions within the limits; lengths that vary are whole minutes of a normal law."""
    low, high = SESSION_MINUTES
    if spread == 0:
        return float(low <= mean <= high)
    return _share_from(low, mean, spread) - _share_from(high + 1, mean, spread)


def _share_from(limit: float, mean: float, spread: float) -> float:
    """Chance that a normal number rounded to a whole one is at least the limit."""
    if spread == 0:
        return float(np.round(mean) >= limit)
    return float(ndtr((mean - (limit - 0.5)) / spread))

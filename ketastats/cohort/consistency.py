"""Whether the tables of a cohort agree with each other and with time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from ketastats.checks.identity import duplicated_rows, look_alike_codes, orphans
from ketastats.checks.positions import flagged
from ketastats.checks.ranges import scores_out_of_range, unknown_instruments
from ketastats.cohort.schema import END_STATUSES, MEDICATION_CATEGORIES, SEVERITIES
from ketastats.errors import Problem, problem

_IN_WORDS = {"usubjid": "subject", "aperiod": "period"}
_HOURS = {"h": 1.0, "d": 24.0, "w": 168.0, "m": 730.5}  # by a unit's first letter; a mean month
_UNIT = r"(h|hrs?|hours?|days?|wks?|weeks?|months?)"
_NUMBER = r"(\d+(?:\.\d+)?)"
_TIME_IN_WORDS = re.compile(rf"\s*(?:{_NUMBER}\s*{_UNIT}\b|{_UNIT}\s*{_NUMBER})", re.IGNORECASE)


def inconsistencies(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Return every disagreement between and within typed tables."""
    subjects = tables["subjects"]
    found = duplicated_rows(
        subjects,
        ["usubjid"],
        table="subjects",
        what="a second record for one subject",
        remedy="Keep one row per subject",
    )
    for code in ("trt01a", "trt01p", "sex", "diagnosis"):
        found += look_alike_codes(subjects, code, table="subjects")
    found += _code_problems(subjects, "eosstt", END_STATUSES, "subjects")
    found += look_alike_codes(tables["scores"], "avisit", table="scores")
    for name in ("doses", "scores", "events", "medications"):
        found += orphans(tables[name], subjects, table=name)
    found += _score_problems(tables["scores"])
    found += _dose_problems(tables["doses"], subjects)
    found += _event_problems(tables["events"])
    found += _code_problems(tables["medications"], "cmcat", MEDICATION_CATEGORIES, "medications")
    found += _ends_before_start(tables["medications"], ("cmstrlt", "cmenrlt"), table="medications")
    found += _window_problems(tables["windows"])
    return found


def _score_problems(scores: pd.DataFrame) -> list[Problem]:
    found = unknown_instruments(scores) + scores_out_of_range(scores)
    found += duplicated_rows(
        scores,
        ["usubjid", "paramcd", "aperiod", "afrlt"],
        table="scores",
        what="a second score of one subject on one instrument at one time",
        remedy="Keep one, or give the rule by which they are combined before loading",
    )
    if "avisitn" in scores.columns:
        keys = [key for key in ("usubjid", "paramcd", "aperiod") if key in scores.columns]
        found += _out_of_order(scores, keys, "avisitn", table="scores")
    if "avisit" in scores.columns:
        found += _times_in_days(scores)
    return found


def _times_in_days(scores: pd.DataFrame) -> list[Problem]:
    """Visits named by days or weeks whose times are the number of days, not of hours."""
    named = scores["avisit"].map({label: _hours_of(label) for label in scores["avisit"].unique()})
    hours = named.astype("float64")
    median = scores["afrlt"].groupby(hours).median()
    # Times up to the first dose have no size that tells their unit ("Day 1" is often the baseline).
    median = median[(median > 0) & (median.index >= 24)]
    named_hours = median.index.to_numpy(dtype=float)
    at = median.to_numpy(dtype=float)
    in_days = np.abs(at - named_hours / 24) <= 0.25 * named_hours / 24
    in_hours = np.abs(at - named_hours) <= 0.5 * named_hours
    enough = in_days.sum() >= 2 or (len(at) == 1 and in_days.all() and named_hours[0] >= 168)
    if not enough or in_hours.any():
        return []
    return flagged(
        hours.isin(named_hours[in_days]),
        "looks_like_days",
        "scores",
        "afrlt",
        "looks like days: visits named by weeks or days lie at 1/24 of their hours",
        "Give hours, or a mapping with time_unit",
    )


def _hours_of(label: object) -> float:
    """Hours that the leading part of a visit's name says, such as "24 h" or "Week 2"; else NaN."""
    said = _TIME_IN_WORDS.match(label) if isinstance(label, str) else None
    if said is None:
        return np.nan
    number, unit = said[1] or said[4], said[2] or said[3]
    return float(number) * _HOURS[unit[0].lower()]


def _dose_problems(doses: pd.DataFrame, subjects: pd.DataFrame) -> list[Problem]:
    found = duplicated_rows(
        doses,
        ["usubjid", "aperiod", "exseq"],
        table="doses",
        what="a second dose with the same number for one subject",
        remedy="Number the doses 1, 2, 3 ... within each subject",
    )
    keys = [key for key in ("usubjid", "aperiod") if key in doses.columns]
    found += _out_of_order(doses, keys, "exseq", table="doses")
    # Equal numbers are told above, and share a rank here.
    rank = doses.groupby(keys, dropna=False)["exseq"].rank(method="dense")
    found += flagged(
        doses["exseq"].notna() & (doses["exseq"] != rank),
        "dose_number",
        "doses",
        "exseq",
        "not numbered 1, 2, 3 ..., so a dose is left out or misnumbered",
        f"Number the doses 1, 2, 3 ... within each {' and '.join(_IN_WORDS[key] for key in keys)}",
    )
    if "exdosekg" not in doses.columns or doses["exdosekg"].isna().all():
        return found
    weight_of = subjects.drop_duplicates("usubjid").set_index("usubjid")
    weight = (
        doses["usubjid"].map(weight_of["weightbl"]).to_numpy(dtype=float, na_value=np.nan)
        if "weightbl" in weight_of.columns
        else np.full(len(doses), np.nan)
    )
    per_kg = doses["exdosekg"].to_numpy()
    found += flagged(
        ~np.isnan(per_kg) & np.isnan(weight),
        "missing_weight",
        "doses",
        "exdosekg",
        "a dose per kg of a subject without a body weight",
        "Add weightbl (kg) to the table of subjects, or give exdose (mg) alone",
    )
    if "exdose" in doses.columns:
        with np.errstate(invalid="ignore"):
            apart = np.abs(doses["exdose"].to_numpy() / weight - per_kg) > 0.1 * per_kg + 0.01
        found += flagged(
            apart,
            "dose_mismatch",
            "doses",
            "exdose and exdosekg",
            "mg divided by body weight is more than 10% away from mg/kg",
            "Check the units: exdose is in mg, exdosekg in mg/kg, weightbl in kg",
        )
    return found


def _event_problems(events: pd.DataFrame) -> list[Problem]:
    found = _code_problems(events, "aesev", SEVERITIES, "events")
    times = ("astrlt", "aenrlt_left", "aenrlt_right")
    return found + _ends_before_start(events, times, table="events")


def _ends_before_start(frame: pd.DataFrame, times: tuple[str, ...], *, table: str) -> list[Problem]:
    """Rows in which one of several times, given in their order, is earlier than one before it."""
    found = []
    for earlier, later in combinations([name for name in times if name in frame.columns], 2):
        found += flagged(
            frame[later] < frame[earlier],
            "time_order",
            table,
            f"{earlier} and {later}",
            "ends before it starts",
            "Correct the times (hours since the first dose)",
        )
    return found


def _code_problems(
    frame: pd.DataFrame, column: str, allowed: tuple[str, ...], table: str
) -> list[Problem]:
    if column not in frame.columns:
        return []
    return flagged(
        frame[column].notna() & ~frame[column].isin(allowed),
        "unknown_code",
        table,
        column,
        f"not one of {', '.join(allowed)}",
        "Recode the rows in the mapping file",
    )


def _window_problems(windows: pd.DataFrame) -> list[Problem]:
    found = flagged(
        (windows["from"] > windows["target"]) | (windows["target"] > windows["to"]),
        "window",
        "windows",
        "from, target, to",
        "the target is outside its window",
        "Put the target between from and to",
    )
    ordered = windows.sort_values("from", kind="stable")
    overlap = ordered["from"].to_numpy()[1:] < ordered["to"].to_numpy()[:-1]
    if overlap.any():
        found.append(
            problem(
                "window",
                "windows",
                "from and to",
                ordered.index[1:][overlap],
                "the window begins before the one before it ends",
                "Windows are [from, to): let each begin where the last one ends or later",
            )
        )
    return found


def _out_of_order(
    frame: pd.DataFrame, keys: list[str], sequence: str, *, table: str
) -> list[Problem]:
    """Rows whose sequence number is higher, but whose time is earlier, than another row's."""
    group = frame.groupby(keys, sort=False).ngroup().to_numpy()  # -1 where a key is missing
    number = frame[sequence].to_numpy(dtype=float)
    order = np.lexsort((number, group))
    order = order[(group[order] >= 0) & ~np.isnan(number[order])]
    if not order.size:
        return []
    group, number, time = group[order], number[order], frame["afrlt"].to_numpy(dtype=float)[order]
    # Several rows may share a number: each is held against the latest of the numbers before it.
    first = np.append(True, (group[1:] != group[:-1]) | (number[1:] != number[:-1]))
    latest = pd.Series(np.fmax.reduceat(time, np.flatnonzero(first)))
    before = latest.groupby(group[first]).cummax().groupby(group[first]).shift().to_numpy()
    bad = order[time < before[np.cumsum(first) - 1]]
    if not bad.size:
        return []
    return [
        problem(
            "time_order",
            table,
            f"{sequence} and afrlt",
            sorted(bad),
            f"{sequence} goes up while time goes back",
            "Correct afrlt (hours since the first dose) or the numbering",
        )
    ]

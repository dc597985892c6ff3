"""Make the synthetic ketamine course beside this file; the same files every time.

Run from the checkout: .venv/bin/python data/synthetic_course/generate.py [folder]

Numbers here are chosen to exercise every step of an onset and durability analysis, not to resemble
any real group of patients. All times are hours since the first dose, unless a name says days.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20261124
N_KETAMINE, N_CONVENTIONAL = 90, 60
DAY = 24.0
SERIES_DAYS = np.array([0, 3, 7, 10, 14, 17])
BASELINE = -20.0
VISITS = {  # weeks 1 and 2: two hours before that day's infusion is due
    "4 h": 4, "24 h": 24, "72 h": 72, "Week 1": 166, "Week 2": 334, "Week 3": 502, "Week 4": 672,
    "Week 6": 1008, "Week 8": 1344, "Week 12": 2016, "Week 16": 2688, "Week 20": 3360,
    "Week 24": 4032,
}  # fmt: skip
FIRST_DAYS_END = 100.0  # assessments up to here are on time, and of the ketamine arm only
EFFECT_HALF_LIFE = 120 * DAY  # after the very last dose
LAPSE_EFFECT = 0.4  # share of the effect that is left while benefit is lost for a spell

Row = dict[str, object]


@dataclass(frozen=True)
class Patient:
    """What is true of a patient; the tables show some of it."""

    usubjid: str
    ketamine: bool
    base: int  # MADRS at baseline
    responds: bool
    full: float  # share of the baseline score that treatment can take away
    onset: float  # hours to half of that
    stays: bool
    end: float  # of follow-up
    doses: list[float]
    rescue: float  # infinite if never
    lapses: list[tuple[float, float]]


def main(folder: Path) -> None:
    """Write subjects, doses, scores and medications."""
    rng = np.random.default_rng(SEED)
    tables: dict[str, list[Row]] = {"subjects": [], "doses": [], "scores": [], "medications": []}
    for number in range(N_KETAMINE + N_CONVENTIONAL):
        patient = _patient(rng, number)
        tables["scores"] += _scores(rng, patient)
        tables["doses"] += _dose_rows(patient)
        tables["medications"] += _rescue_rows(patient)
        tables["subjects"].append(_subject(rng, patient))
    for name, rows in tables.items():
        table = pd.DataFrame(rows).assign(studyid="SYNTHETIC")
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def _patient(rng: np.random.Generator, number: int) -> Patient:
    ketamine = number < N_KETAMINE
    base = int(rng.integers(26, 45))
    responds = bool(rng.random() < (0.62 if ketamine else 0.45))
    full = float(rng.uniform(0.6, 0.95) if responds else rng.uniform(0.0, 0.35))
    onset = float(rng.lognormal(np.log(30.0 if ketamine else 600.0), 0.9))
    stays = bool(rng.random() < 0.8)
    end = float(VISITS["Week 24"]) if stays else float(rng.uniform(200, 3800))
    doses = _doses(rng, end, responds=responds) if ketamine else [0.0]
    rescued = not responds and rng.random() < 0.25
    rescue = float(rng.uniform(100, 2500)) if rescued else np.inf
    lapses = _lapses(np.random.default_rng([SEED, number]), end) if responds else []
    usubjid = f"syn-{number + 1:03d}"
    return Patient(
        usubjid, ketamine, base, responds, full, onset, stays, end, doses, rescue, lapses
    )


def _doses(rng: np.random.Generator, end: float, *, responds: bool) -> list[float]:
    """Six infusions with times that slip, some series broken off, and later single doses."""
    slips = np.concatenate(([0.0], rng.integers(-4, 20, SERIES_DAYS.size - 1)))
    series = SERIES_DAYS * DAY + slips
    broken = not responds and rng.random() < 0.35
    given = series[: int(rng.integers(3, 6))] if broken else series
    later: list[float] = []
    at = series[-1]
    while responds and not broken:
        at += float(rng.integers(21, 60)) * DAY
        if at > end or rng.random() < 0.25:
            break
        later.append(at)
    return [float(dose) for dose in (*given, *later) if dose <= end]


def _lapses(rng: np.random.Generator, end: float) -> list[tuple[float, float]]:
    """Spells in which benefit is lost, from the third week on."""
    found = []
    at = 21 * DAY + rng.exponential(90 * DAY)
    while at < end:
        back = at + rng.uniform(10, 45) * DAY
        found.append((float(at), float(back)))
        at = back + rng.exponential(90 * DAY)
    return found


def _effect(patient: Patient, at: float) -> float:
    """Share of the baseline score that is taken away at an hour after the first dose."""
    effect = patient.full * (1 - 0.5 ** ((at / patient.onset) ** 1.2))
    if patient.ketamine:  # the daily medicine goes on to the end
        effect *= 0.5 ** (max(at - patient.doses[-1], 0.0) / EFFECT_HALF_LIFE)
    lapsed = any(start <= at < back for start, back in patient.lapses)
    return float(effect * (LAPSE_EFFECT if lapsed else 1.0))


def _scores(rng: np.random.Generator, patient: Patient) -> list[Row]:
    seen = [("Baseline", 0, BASELINE, patient.base)]
    for number, (name, due) in enumerate(VISITS.items(), start=1):
        early = due <= FIRST_DAYS_END
        at = float(due) if early else due + DAY * rng.choice((-1, 0, 1), p=(0.08, 0.84, 0.08))
        if at > patient.end or rng.random() < 0.1 or (early and not patient.ketamine):
            continue
        expected = patient.base * (1 - _effect(patient, at))
        seen.append((name, number, at, int(np.clip(round(expected + rng.normal(0, 2.2)), 0, 60))))
    return [
        {"usubjid": patient.usubjid, "paramcd": "madrs", "avisit": name, "avisitn": number,
         "afrlt": at, "aval": score}
        for name, number, at, score in seen
    ]  # fmt: skip


def _dose_rows(patient: Patient) -> list[Row]:
    drug = {"extrt": "escitalopram", "exroute": "ORAL", "exdose": 10.0, "exdur": np.nan}
    if patient.ketamine:
        drug = {"extrt": "ketamine", "exroute": "INTRAVENOUS", "exdose": 40.0, "exdur": 40.0}
    return [
        {"usubjid": patient.usubjid, "exseq": exseq, "afrlt": at} | drug
        for exseq, at in enumerate(patient.doses, start=1)
    ]


def _rescue_rows(patient: Patient) -> list[Row]:
    if patient.rescue >= patient.end:
        return []
    start = round(patient.rescue)
    return [
        {"usubjid": patient.usubjid, "cmclas": "BENZODIAZEPINE", "cmdecod": "lorazepam",
         "cmcat": "RESCUE", "cmstrlt": start, "cmenrlt": start + 24}
    ]  # fmt: skip


def _subject(rng: np.random.Generator, patient: Patient) -> Row:
    failed = patient.ketamine and not patient.responds and len(patient.doses) < SERIES_DAYS.size
    without = "WITHDRAWAL" if patient.responds else "LACK OF EFFICACY"
    return {
        "usubjid": patient.usubjid,
        "trt01a": "KETAMINE" if patient.ketamine else "CONVENTIONAL",
        "age": int(rng.integers(21, 70)),
        "sex": "F" if rng.random() < 0.6 else "M",
        "diagnosis": "trd",
        "ntrials_failed": int(rng.integers(2, 6)),
        "eosafrlt": round(patient.end),
        "eosstt": "COMPLETED" if patient.stays else "DISCONTINUED",
        "dcsreas": "" if patient.stays and not failed else without,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

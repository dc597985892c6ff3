"""Make the synthetic ketamine course beside this file; the same files every time.

Run from the checkout: .venv/bin/python data/synthetic_course/generate.py [folder]

Numbers here are chosen to exercise every step of an onset and durability analysis, not to resemble
any real group of patients.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20261124
N_KETAMINE, N_CONVENTIONAL = 90, 60
SERIES_DAYS = np.array([0, 3, 7, 10, 14, 17])
VISIT_HOURS = {
    "4 h": 4, "24 h": 24, "72 h": 72, "Week 1": 166, "Week 2": 334, "Week 3": 502, "Week 4": 672,
    "Week 6": 1008, "Week 8": 1344, "Week 12": 2016, "Week 16": 2688, "Week 20": 3360,
    "Week 24": 4032,
}  # fmt: skip
EFFECT_HALF_LIFE = 24.0 * 120  # hours after the last dose until half of the effect is gone


def main(folder: Path) -> None:
    """Write subjects, doses, scores, medications and the description of the cohort."""
    rng = np.random.default_rng(SEED)
    tables: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("subjects", "doses", "scores", "medications")
    }
    for number in range(N_KETAMINE + N_CONVENTIONAL):
        ketamine = number < N_KETAMINE
        _one_patient(rng, f"syn-{number + 1:03d}", tables, ketamine=ketamine)
    for name, rows in tables.items():
        table = pd.DataFrame(rows).assign(studyid="SYNTHETIC")
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def _one_patient(
    rng: np.random.Generator,
    usubjid: str,
    tables: dict[str, list[dict[str, object]]],
    *,
    ketamine: bool,
) -> None:
    base = int(rng.integers(26, 45))
    responds = rng.random() < (0.62 if ketamine else 0.45)
    full = rng.uniform(0.6, 0.95) if responds else rng.uniform(0.0, 0.35)
    onset = rng.lognormal(np.log(30.0 if ketamine else 600.0), 0.9)  # hours to half the effect
    stays = rng.random() < 0.8
    end = float(VISIT_HOURS["Week 24"]) if stays else float(rng.uniform(200, 3800))
    doses = _doses(rng, end, responds=responds) if ketamine else [0.0]
    end_of_treatment = doses[-1] if ketamine else np.inf
    rescue = float(rng.uniform(100, 2500)) if not responds and rng.random() < 0.25 else np.inf
    for visit, (name, hours) in enumerate({"Baseline": -20, **VISIT_HOURS}.items()):
        slip = 24.0 * rng.choice((-1, 0, 1), p=(0.08, 0.84, 0.08)) if hours > 100 else 0.0
        at = 0.0 if hours < 0 else hours + slip
        if hours > 0 and (at > end or rng.random() < 0.1 or (not ketamine and hours < 160)):
            continue
        last = max([dose for dose in doses if dose <= at], default=0.0)
        fading = 0.5 ** (max(at - last, 0.0) / EFFECT_HALF_LIFE) if at > end_of_treatment else 1.0
        effect = 0.0 if hours < 0 else full * fading * (1 - 0.5 ** ((at / onset) ** 1.2))
        score = int(
            np.clip(round(base * (1 - effect) + (0 if hours < 0 else rng.normal(0, 2.2))), 0, 60)
        )
        tables["scores"].append(
            {"usubjid": usubjid, "paramcd": "madrs", "avisit": name, "avisitn": visit,
             "afrlt": -20.0 if hours < 0 else at, "aval": score}
        )  # fmt: skip
    for exseq, at in enumerate(doses, start=1):
        drug = (
            ("ketamine", "INTRAVENOUS", 40.0, 40.0)
            if ketamine
            else ("escitalopram", "ORAL", 10.0, np.nan)
        )
        tables["doses"].append(
            dict(zip(("usubjid", "exseq", "afrlt", "extrt", "exroute", "exdose", "exdur"),
                     (usubjid, exseq, at, *drug), strict=True))
        )  # fmt: skip
    if np.isfinite(rescue) and rescue < end:
        tables["medications"].append(
            {"usubjid": usubjid, "cmclas": "BENZODIAZEPINE", "cmdecod": "lorazepam",
             "cmcat": "RESCUE", "cmstrlt": round(rescue), "cmenrlt": round(rescue) + 24}
        )  # fmt: skip
    failed = not responds and len(doses) < len(SERIES_DAYS) and ketamine
    reason = "" if stays and not failed else "LACK OF EFFICACY" if not responds else "WITHDRAWAL"
    tables["subjects"].append(
        {"usubjid": usubjid, "trt01a": "KETAMINE" if ketamine else "CONVENTIONAL",
         "age": int(rng.integers(21, 70)), "sex": "F" if rng.random() < 0.6 else "M",
         "diagnosis": "trd", "ntrials_failed": int(rng.integers(2, 6)), "eosafrlt": round(end),
         "eosstt": "COMPLETED" if stays else "DISCONTINUED", "dcsreas": reason}
    )  # fmt: skip


def _doses(rng: np.random.Generator, end: float, *, responds: bool) -> list[float]:
    """Six infusions with dates that slip, some series broken off, and later single doses."""
    slips = np.concatenate(([0.0], rng.integers(-4, 20, SERIES_DAYS.size - 1)))
    series = SERIES_DAYS * 24.0 + slips
    broken = not responds and rng.random() < 0.35
    given = series[: int(rng.integers(3, 6))] if broken else series
    later: list[float] = []
    at = series[-1]
    while responds and not broken:
        at += float(rng.integers(21, 60)) * 24
        if at > end or rng.random() < 0.25:
            break
        later.append(at)
    return [float(dose) for dose in (*given, *later) if dose <= end]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

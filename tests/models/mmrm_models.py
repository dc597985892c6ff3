"""The trials that mixed models are tested on, by the names used in tests/reference/mmrm*.csv."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
from references import read_input

import ketastats as ks

EXAMPLES = Path(__file__).parents[1] / "data" / "mmrm_examples"
TRIAL = Path(__file__).parents[2] / "data" / "antidepressant_hamd17" / "antidepressant_hamd17.csv"

FORMULAS = {
    "fev_arm": "FEV1 ~ ARMCD",
    "fev_full": "FEV1 ~ RACE + SEX + ARMCD * AVISIT",
    "bcva": "BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT",
    "hamd": "CHANGE ~ THERAPY * VISIT + BASVAL * VISIT",
    "btheb": "bdi ~ bdi_pre + drug + length + treatment * month",
    "orthodont": "distance ~ Sex * visit",
}
KEYS = {
    "fev": ("USUBJID", "AVISIT"),
    "bcva": ("USUBJID", "AVISIT"),
    "hamd": ("PATIENT", "VISIT"),
    "btheb": ("id", "month"),
    "orthodont": ("Subject", "visit"),
}
REFERENCES = {
    "hamd": {"THERAPY": "PLACEBO"},
    "btheb": {"treatment": "TAU"},
    "orthodont": {"Sex": "Male"},
}


@cache
def table(trial: str) -> pd.DataFrame:
    """The rows of a trial."""
    if trial in ("fev", "bcva"):
        return pd.read_csv(EXAMPLES / f"{trial}_data.csv")
    if trial == "hamd":
        return pd.read_csv(TRIAL)
    return read_input(trial)


@cache
def fitted(model: str, **options: object) -> ks.Mmrm:
    """Fit a model by its name in the reference tables."""
    trial = model.split("_")[0]
    subject, visit = KEYS[trial]
    given = {"reference": REFERENCES.get(trial), **options}
    return ks.mmrm(FORMULAS[model], table(trial), subject=subject, visit=visit, **given)


def r_name(column: str) -> str:
    """R's name of a coefficient, with the parts of an interaction in alphabetical order."""
    plain = column.replace("[T.", "").replace("]", "").replace("(Intercept)", "Intercept")
    return plain if plain == "Intercept" else ":".join(sorted(plain.split(":")))


def by_r_name(fit: ks.Mmrm) -> pd.DataFrame:
    """Coefficients by R's names."""
    frame = fit.to_frame()
    return frame.set_index(frame["column"].map(r_name))


def our_name(fit: ks.Mmrm, column: str) -> str:
    """The formula's name of a coefficient that R calls `column`."""
    wanted = ":".join(sorted(column.split(":")))
    return next(name for name in fit.to_frame()["column"] if r_name(name) == wanted)

"""Fit the scenario `antidepressant_trial` to data/antidepressant_hamd17 by moments, and print its table.

    .venv/bin/python benchmarks/fit_antidepressant_scenario.py \\
        > data/synthetic/scenarios/antidepressant_trial.csv

Those seen are taken for all: the fit ignores that drop-outs did worse. The trial's rules of entry are not
in its data, so the scenario has none and the baseline is the one observed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ketastats.resources import shipped
from ketastats.synthetic.parameters import CATALOGUE

SOURCE = "data:antidepressant_hamd17"
RELIABILITY = 0.85
WEEKS = {4: 1, 5: 2, 6: 4, 7: 6}
HOURS = np.array([168.0 * week for week in WEEKS.values()])

Line = tuple[str, str, object, str, str]


def main() -> None:
    """Print the table of the scenario."""
    trial = pd.read_csv(shipped("data", "antidepressant_hamd17", "antidepressant_hamd17.csv"))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("parameter", "of", "value", "unit", "source", "note"))
    lines = (*patients(trial), *leaving(trial), *course(trial), *scales(trial), *visits(trial))
    for name, of, value, source, note in lines:
        shown = f"{value:.4g}" if isinstance(value, float) else value
        writer.writerow((name, of, shown, CATALOGUE[name].unit, source, note))


def patients(trial: pd.DataFrame) -> Iterator[Line]:
    """Who they are."""
    yield "age.mean", "", 42, "assumed", "not in the data"
    yield "age.sd", "", 12, "assumed", "not in the data"
    women = (trial.groupby("PATIENT")["GENDER"].first() == "F").mean()
    yield "female.share", "", float(women), SOURCE, "share of patients with F"
    yield "weight.mean", "", 80, "assumed", "not in the data"
    yield "weight.sd", "", 17, "assumed", "not in the data"
    yield "failed.least", "", 0, "assumed", "not in the data"
    yield "failed.further", "", 1, "assumed", "not in the data"
    yield "site.count", "", int(trial["POOLINV"].nunique()), SOURCE, "pooled investigator sites"
    yield "site.sd", "", 0.03, "assumed", "small beside the spread of patients"
    yield "diagnosis.share", "mdd", 1, SOURCE, "major depression"


def leaving(trial: pd.DataFrame) -> Iterator[Line]:
    """Who leaves and what is missed."""
    rows = trial.sort_values(["PATIENT", "VISIT"])
    last = rows.groupby("PATIENT")["VISIT"].transform("max")
    early = rows[rows["VISIT"] < max(WEEKS)]
    left = (early["VISIT"] == last[early.index]).to_numpy(dtype=float)
    gone = (-early["CHANGE"] / early["BASVAL"]).clip(-1, 1).to_numpy()
    design = np.column_stack([np.ones_like(gone), gone])
    beta = np.zeros(2)
    for _ in range(30):  # Newton's steps of a logistic regression
        p = 1 / (1 + np.exp(-design @ beta))
        beta += np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (left - p))
    yield "leave.depends_on", "", "seen", "assumed", "the data cannot tell"
    note = "logistic regression of leaving on the share gone when last seen"
    yield "leave.log_odds", "", float(beta[1]), SOURCE, note
    first, seen = rows.groupby("PATIENT")["VISIT"].agg(["min", "size"]).to_numpy().T
    missed = (rows.groupby("PATIENT")["VISIT"].max().to_numpy() - first + 1 - seen).sum()
    note = "missed visits between two seen ones, among those due until the last seen"
    yield "gap.share", "", float(missed / (missed + len(rows))), SOURCE, note
    for arm, part in trial.groupby("THERAPY"):
        stay = (part.groupby("PATIENT")["VISIT"].max() == max(WEEKS)).mean()
        yield "arm.leave", str(arm), float(1 - stay), SOURCE, "share without the visit of week 6"


def course(trial: pd.DataFrame) -> Iterator[Line]:
    """What placebo takes away is expectancy, and what the drug takes away beyond it is its effect."""
    placebo, spread = moments(trial[trial["THERAPY"] == "PLACEBO"])
    drug, drug_spread = moments(trial[trial["THERAPY"] == "DRUG"])
    full, onset = curve(placebo)
    at_end = 1 - 0.5 ** (HOURS[-1] / onset)
    note = "fitted to the share of the mean score gone at each visit under placebo"
    yield "expectancy.onset", "", float(onset), SOURCE, note
    note = "from the spread of scores at week 6 under placebo"
    yield "expectancy.sd", "", float(np.sqrt(spread) / at_end), SOURCE, note
    specific = 1 - (1 - drug) / (1 - placebo)
    gain, half = curve(specific)
    ratio = (drug_spread + (1 - drug[-1]) ** 2) / (spread + (1 - placebo[-1]) ** 2)
    gain_sd = np.sqrt(max(ratio - (1 - specific[-1]) ** 2, 0.0)) / (1 - 0.5 ** (HOURS[-1] / half))
    fitted = "fitted to the share gone at each visit beyond placebo"
    for arm, treatment, dose in (("DRUG", "antidepressant", 40), ("PLACEBO", "placebo", 0)):
        real = arm == "DRUG"
        n = trial.loc[trial["THERAPY"] == arm, "PATIENT"].nunique()
        yield "arm.share", arm, int(n), SOURCE, "patients"
        yield (
            "arm.treatment",
            arm,
            treatment,
            SOURCE,
            "the data name no drug" if real else "placebo",
        )
        yield "arm.route", arm, "ORAL", "assumed", "a capsule"
        yield "arm.dose_mg", arm, dose, "assumed", "not in the data" if real else "placebo"
        yield "arm.doses", arm, 1, "assumed", "a daily medicine"
        yield "arm.daily", arm, "yes", "assumed", "a daily medicine"
        none = ("assumed", "placebo does nothing beyond expectancy")
        one = ("assumed", "one kind of patient: arm.gain and its spread say the rest")
        yield "arm.responders", arm, int(real), *(one if real else none)
        yield "arm.gain", arm, float(gain) if real else 0, *((SOURCE, fitted) if real else none)
        sd = (SOURCE, "from the spread of scores at week 6, against placebo's")
        yield "arm.gain_sd", arm, float(gain_sd) if real else 0, *(sd if real else none)
        yield "arm.gain_other", arm, 0, *(("assumed", "nobody is of that kind") if real else none)
        yield (
            "arm.gain_other_sd",
            arm,
            0,
            *(("assumed", "nobody is of that kind") if real else none),
        )
        late = (SOURCE, fitted) if real else ("assumed", "not used")
        yield "arm.onset", arm, float(half), *late
        yield "arm.onset_spread", arm, 0.3, "assumed", "a plain guess" if real else "not used"
        yield "arm.step", arm, 1, "assumed", "a daily medicine"
        yield (
            "arm.expectancy",
            arm,
            float(full),
            SOURCE,
            "fitted under placebo, the same in both arms",
        )


def scales(trial: pd.DataFrame) -> Iterator[Line]:
    """Two scales; of HAM-A there is no baseline."""
    base = trial.groupby("PATIENT")["BASVAL"].first()
    first = trial[trial["VISIT"] == min(WEEKS)]
    together = first[["HAMATOTL", "HAMDTL17"]].corr().iloc[0, 1] / RELIABILITY
    left = first["HAMDTL17"].mean() / first["BASVAL"].mean()
    loading = float(np.sqrt(min(together, 1.0)))
    means = {
        "hamd17": (float(base.mean()), float(base.std()), "of the baseline scores"),
        "ham_a": (
            float(first["HAMATOTL"].mean() / left),
            float(first["HAMATOTL"].std()),
            "no baseline: from week 1, as if the same share had gone as of HAMD-17",
        ),
    }
    for scale, (mean, sd, note) in means.items():
        yield "score.mean", scale, mean, SOURCE, note
        yield "score.sd", scale, sd, SOURCE, note
        yield "score.reliability", scale, RELIABILITY, "assumed", "of a good interview"
        note = "root of the correlation of both scales at week 1 over their reliability"
        yield "score.loading", scale, loading, SOURCE, note
        yield "score.share", scale, 1, "assumed", "the scales improved alike"


def visits(trial: pd.DataFrame) -> Iterator[Line]:
    """Planned hours, and how far from them the visits were."""
    for visit, week in WEEKS.items():
        days = trial.loc[trial["VISIT"] == visit, "RELDAYS"]
        yield "visit.hours", f"Week {week}", 168 * week, SOURCE, "the README's weeks"
        note = "spread of RELDAYS, as hours"
        yield "visit.spread", f"Week {week}", float(24 * days.std()), SOURCE, note


def moments(arm: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Mean share gone at each visit, and the variance between patients of that at the last.

    With true score T, share gone G and error e, the score is T (1 - G) + e, so that
    var(score) = ((1 - mean G)^2 + var G) var T + (mean T)^2 var G + var e.
    """
    gone = np.array(
        [1 - part["HAMDTL17"].mean() / part["BASVAL"].mean() for _, part in arm.groupby("VISIT")]
    )
    last = arm[arm["VISIT"] == max(WEEKS)]
    mean, var = last["BASVAL"].mean(), last["BASVAL"].var()
    true, error = RELIABILITY * var, (1 - RELIABILITY) * var
    between = (last["HAMDTL17"].var() - (1 - gone[-1]) ** 2 * true - error) / (true + mean**2)
    return gone, float(max(between, 0.0))


def curve(gone: np.ndarray) -> tuple[float, float]:
    """Least squares of full (1 - 2^(-t / onset)), with an onset of one day to six weeks."""
    fits = []
    for onset in np.arange(24.0, 1009.0, 12.0):
        shape = 1 - 0.5 ** (HOURS / onset)
        full = shape @ gone / (shape @ shape)
        fits.append((float(((gone - full * shape) ** 2).sum()), float(full), float(onset)))
    _, full, onset = min(fits)
    return full, onset


if __name__ == "__main__":
    main()

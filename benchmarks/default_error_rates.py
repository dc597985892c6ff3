"""Make again what is stored of the error rates of verdicts on the shipped synthetic cohort.

For every claim with a judging path, three truths (false, at the border, true), and cohorts with as many
patients as the shipped one has for that claim, its schedule and its drop-out. Writes
data/calibration/settled_cases.csv (what was changed in the scenario, and the truth that gives) and
data/calibration/error_rates.csv. Rows of claims and truths that are not named stay as they are: more cohorts
are worth their time at the border, where a rate has to be told from 5%.

    .venv/bin/python benchmarks/default_error_rates.py --which false true --replicates 200
    .venv/bin/python benchmarks/default_error_rates.py --which border --replicates 1000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

import ketastats as ks
from ketastats.calibration.cases import WHICH, claims_with_cases, template
from ketastats.calibration.every_claim import patients_of
from ketastats.calibration.operating import operating_characteristics
from ketastats.calibration.replicates import default_cache
from ketastats.calibration.settling import settle
from ketastats.resources import shipped


def main() -> None:
    """Settle all cases, run them, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--claims", nargs="*", default=list(claims_with_cases()))
    parser.add_argument("--which", nargs="*", default=list(WHICH), choices=WHICH)
    chosen = parser.parse_args()
    cohort = ks.load_synthetic_cohort()
    settled, tables = [], []
    for claim in chosen.claims:
        one = template(claim)
        n = len(patients_of(one, cohort).subjects)
        cases = [settle(one, which) for which in chosen.which]
        settled += [
            {
                "claim": claim,
                "which": case.which,
                "settings": case.settings,
                "truth": f"{case.truth:.6g}",
                "std_error": f"{case.truth_std_error:.2g}",
                "border": " ".join(f"{end:g}" for end in case.border),
                "n": n,
            }
            for case in cases
        ]
        found = operating_characteristics(
            cases, n, replicates=chosen.replicates, cache=default_cache()
        )
        tables.append(found.to_frame())
        print(f"{claim}, n = {n}: {found}", file=sys.stderr, flush=True)
        _store(pd.DataFrame(settled), pd.concat(tables, ignore_index=True))


def _store(settled: pd.DataFrame, rates: pd.DataFrame) -> None:
    """Write both tables, with what was stored before of the claims and truths that were not run."""
    folder = shipped("data", "calibration")
    together = _with_the_others(rates, folder / "error_rates.csv").round(6)
    together["case"] = (together.groupby(["claim", "which"], sort=False).ngroup() + 1).to_numpy()
    together.to_csv(folder / "error_rates.csv", index=False, lineterminator="\n")
    places = folder / "settled_cases.csv"
    _with_the_others(settled, places).to_csv(places, index=False, lineterminator="\n")


def _with_the_others(table: pd.DataFrame, place: Path) -> pd.DataFrame:
    """Rows that were made now, and those that are stored of the others, by claim and truth."""
    keys = ["claim", "which"]
    stored = pd.read_csv(place)
    made = pd.MultiIndex.from_frame(table[keys])
    kept = stored[~pd.MultiIndex.from_frame(stored[keys]).isin(made)]
    order = {"claim": list(claims_with_cases()), "which": list(WHICH)}
    return (
        pd.concat([table, kept])
        .sort_values(keys, key=lambda c: c.map(order[str(c.name)].index), kind="stable")
        .reset_index(drop=True)
    )


if __name__ == "__main__":
    main()

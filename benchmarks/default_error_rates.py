"""Make again what is stored of the error rates of verdicts on the shipped synthetic cohort.

For every claim with a judging path, three truths (false, at the border, true), and cohorts with as many
patients as the shipped one has for that claim, its schedule and its drop-out. Writes
data/calibration/settled_cases.csv (what was changed in the scenario, and the truth that gives) and
data/calibration/error_rates.csv.

    .venv/bin/python benchmarks/default_error_rates.py --replicates 400
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

import ketastats as ks
from ketastats.calibration.cases import WHICH, claims_with_cases, settle, template
from ketastats.calibration.every_claim import patients_of
from ketastats.calibration.operating import operating_characteristics
from ketastats.calibration.replicates import default_cache
from ketastats.resources import shipped


def main() -> None:
    """Settle all cases, run them, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--claims", nargs="*", default=list(claims_with_cases()))
    chosen = parser.parse_args()
    cohort = ks.load_synthetic_cohort()
    settled, tables = [], []
    for claim in chosen.claims:
        one = template(claim)
        n = len(patients_of(one, cohort).subjects)
        cases = [settle(one, which) for which in WHICH]
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
    folder = shipped("data", "calibration")
    together = _with_the_others(pd.concat(tables, ignore_index=True), folder / "error_rates.csv")
    together["case"] = (together.groupby(["claim", "which"], sort=False).ngroup() + 1).to_numpy()
    rounded = together.round(6)
    rounded.to_csv(folder / "error_rates.csv", index=False, lineterminator="\n")
    places = folder / "settled_cases.csv"
    _with_the_others(pd.DataFrame(settled), places).to_csv(places, index=False, lineterminator="\n")


def _with_the_others(table: pd.DataFrame, place: Path) -> pd.DataFrame:
    """Rows of the claims that were run now, and those that are stored of the others, in order of claims."""
    order = list(claims_with_cases())
    if set(table["claim"]) != set(order):
        stored = pd.read_csv(place)
        table = pd.concat([table, stored[~stored["claim"].isin(table["claim"])]])
    return table.sort_values("claim", key=lambda c: c.map(order.index), kind="stable").reset_index(
        drop=True
    )


if __name__ == "__main__":
    main()

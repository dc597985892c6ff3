"""Make again what is stored of the cases of claims without a judging path on a cohort.

Three truths per claim (false, at the border, true). Writes data/calibration/settled_without_path.csv: what
was changed in the claim's scenario, and the value of the number that would decide.

    .venv/bin/python benchmarks/settle_cases.py
"""

from __future__ import annotations

import sys

import pandas as pd

import ketastats as ks
from ketastats.calibration.cases import claims_with_cases, claims_with_known_truth
from ketastats.resources import shipped


def main() -> None:
    """Settle all cases and write the table."""
    rows = []
    for claim in claims_with_known_truth():
        if claim in claims_with_cases():
            continue
        rows += [
            {
                "claim": claim,
                "which": case.which,
                "estimand": case.estimand,
                "settings": case.settings,
                "truth": f"{case.truth:.6g}",
                "std_error": f"{case.truth_std_error:.2g}",
                "border": f"{case.border[0]:g}",
            }
            for case in ks.claim_cases(claim)
        ]
        print(claim, file=sys.stderr, flush=True)
    place = shipped("data", "calibration") / "settled_without_path.csv"
    pd.DataFrame(rows).to_csv(place, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()

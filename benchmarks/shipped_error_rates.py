"""Make again what is stored of the error rates of the verdicts that the shipped reports show.

data/calibration/shipped_questions.csv lists them: a claim, the data it is put to, and the options. Writes
data/calibration/shipped_error_rates.csv.

    .venv/bin/python benchmarks/shipped_error_rates.py --replicates 1000
"""

from __future__ import annotations

import argparse
import sys

import pandas as pd

import ketastats as ks
from ketastats.calibration.beside_verdict import STORED, question_key, shipped_questions
from ketastats.calibration.replicates import default_cache
from ketastats.resources import shipped


def main() -> None:
    """Run every question and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    wanted = parser.parse_args()
    tables = []
    for claim, data, chosen in shipped_questions():
        found = ks.calibrate(
            claim, data, **chosen, replicates=wanted.replicates, cache=default_cache()
        )
        key = question_key(ks.find_claim(claim), data, **chosen)
        tables.append(found.to_frame().assign(question=key))
        print(f"{claim}: {found.statement()}", file=sys.stderr, flush=True)
    together = pd.concat(tables, ignore_index=True).round(6)
    columns = ["question", *(name for name in together.columns if name != "question")]
    together[columns].to_csv(shipped(*STORED), index=False, lineterminator="\n")


if __name__ == "__main__":
    main()

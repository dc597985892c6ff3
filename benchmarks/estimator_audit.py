"""Bias, coverage and error rates of every public estimator on data whose truth is known.

Designs are those of the field: 20 to 200 patients, visits at hours and weeks, about a quarter missing or
lost. The page lists what falls short first.

    .venv/bin/python benchmarks/estimator_audit.py --replicates 400
    .venv/bin/python benchmarks/estimator_audit.py --only mmrm --replicates 100
    .venv/bin/python benchmarks/estimator_audit.py --only ancova --plant wrong_variance

Expected before running: score, likelihood and Kenward-Roger limits cover 94 to 96%; normal limits of few
patients (Wald, DerSimonian-Laird with five arms, sandwich without correction) fall short; Rubin's limits
under reference-based assumptions are wide.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from audit.families import entries, job
from audit.page import page
from audit.runner import over, run_entry
from audit.scoring import Score

import ketastats as ks

ROOT = Path(__file__).resolve().parents[1]
NOT_COVERED = (
    "`compare_*`, `tipping_point`, `count_tipping` and the tipping tables: they line up or shift estimates "
    "that are audited above.",
    "Loaders, derivations, plots, claims, and tables that describe (`baseline_table`, `participant_flow`, "
    "`schedule_resolution`, `treatment_course`).",
    "Options beside the main ones: mixed models by group, with weights, with spatial or other structures "
    "than unstructured and compound symmetry; predictions; subgroups; `conf_level` other than 0.95.",
    "Designs that break an estimator's assumptions: drop-out by what is not seen, wrong laws of time, "
    "dependent stopping. `benchmarks/results.md` has some.",
    "Rates near 0 and 1, arms of unequal size, and effects far from those here.",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--replicates", type=int, default=400, metavar="N")
    parser.add_argument("--only", default="", metavar="NAME", help="entries whose name holds NAME")
    parser.add_argument("--out", type=Path, help="docs/audit.md; with --only the page is printed")
    parser.add_argument("--plant", default="", choices=["", "wrong_variance"])
    parser.add_argument("--resume", action="store_true", help="add to what the last run had done")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.replicates < 2:
        parser.error("--replicates must be 2 or more")
    return given


def main() -> None:
    given = arguments()
    chosen = [one for one in entries(given.plant) if given.only.lower() in one.key.lower()]
    if not chosen:
        sys.exit(f"No entry's name holds {given.only!r}")
    kept = Path(tempfile.gettempdir()) / "ketastats-audit" / (given.plant or "sound")
    found: list[Score] = []
    begun = time.monotonic()
    with ProcessPoolExecutor(given.workers) as pool:
        spread = over(pool, job, given.plant)
        for number, entry in enumerate(chosen, 1):
            scores = run_entry(
                entry, given.replicates, spread=spread, kept=kept, resume=given.resume
            )
            found += scores
            faults = sorted({fault for one in scores for fault in one.faults})
            print(
                f"{number}/{len(chosen)} {entry.key}: {scores[0].replicates} replicates, "
                f"{1000 * scores[0].seconds:.0f} ms a call, {', '.join(faults) or 'sound'} "
                f"({time.monotonic() - begun:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
    missing = () if given.only else NOT_COVERED
    text = page(found, version=ks.__version__, missing=missing)
    out = given.out or (None if given.only or given.plant else ROOT / "docs" / "audit.md")
    if out is None:
        print(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(f"Written: {out}", file=sys.stderr)


if __name__ == "__main__":
    main()

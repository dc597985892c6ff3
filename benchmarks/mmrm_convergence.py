"""How often a mixed model for repeated measures reaches its maximum when most patients leave.

Design: 1,000 patients, 10 visits, two arms; correlations 0.6 to the distance plus a random positive
matrix, standard deviations from 3 to 8; a patient leaves after a visit with a chance that rises with the
score seen there (missing at random), so that 20, 10, 5, 3 or 2% are left at the last visit, and 5% of visits
are missed in between. Model: y ~ trt01a*avisit, unstructured (55 parameters), REML.

R's packages get the same tables. Theirs count as converged if they return without a warning; whether the
likelihood they reach is the maximum is told by the difference to ours.

Expected before measuring: ours always, until fewer patients are left at the last visit than columns that
explain it (9 visits and 2 means), where there is no maximum; R's mmrm 80%, the others less.

Run: .venv/bin/python benchmarks/mmrm_convergence.py [--r-library DIR] [--tables 20]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import ketastats as ks

HERE = Path(__file__).resolve().parent
SUBJECTS, VISITS = 1_000, 10


def trial(seed: int, left: float) -> pd.DataFrame:
    """One trial of which a share of `left` is still there at the last visit."""
    rng = np.random.default_rng(seed)
    extra = rng.normal(size=(VISITS, VISITS))
    sd = np.linspace(3, 8, VISITS)
    steps = np.abs(np.subtract.outer(range(VISITS), range(VISITS)))
    sigma = 0.6**steps * np.outer(sd, sd) + 2 * extra @ extra.T / VISITS
    y = rng.multivariate_normal(np.zeros(VISITS), sigma, size=SUBJECTS)
    arm = rng.integers(0, 2, SUBJECTS)
    y += np.linspace(0, -5, VISITS) - arm[:, None] * np.linspace(0, 2, VISITS)
    each = 1 - left ** (1 / (VISITS - 1))
    seen = np.ones((SUBJECTS, VISITS), dtype=bool)
    for t in range(1, VISITS):
        before = y[:, t - 1]
        odds = each / (1 - each) * np.exp(0.5 * (before - before.mean()) / before.std())
        seen[:, t] = seen[:, t - 1] & (rng.random(SUBJECTS) > odds / (1 + odds))
    seen &= rng.random(seen.shape) > 0.05
    subject, visit = np.nonzero(seen)
    return pd.DataFrame(
        {
            "usubjid": subject,
            "avisit": visit,
            "trt01a": np.array(["a", "b"])[arm[subject]],
            "y": y[subject, visit],
        }
    )


def theirs(tables: dict[str, pd.DataFrame], library: str | None) -> pd.DataFrame:
    """What R's packages say of the same tables."""
    names = ["file", "what", "outcome", "deviance"]
    program = shutil.which("Rscript")
    if program is None:
        return pd.DataFrame(columns=names)
    environment = {**os.environ, **({"R_LIBS": library} if library else {})}
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            table.to_csv(Path(folder) / name, index=False)
        paths = [str(Path(folder) / name) for name in tables]
        done = subprocess.run(
            [program, str(HERE / "peers" / "converge_mmrm.R"), *paths],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    return pd.read_csv(io.StringIO(done.stdout), names=names)


def compare(left: float, number: int, library: str | None) -> None:
    """One level of drop-out."""
    tables = {f"{seed}.csv": trial(seed, left) for seed in range(number)}
    ours: dict[str, float] = {}
    for name, table in tables.items():
        try:
            ours[name] = ks.mmrm("y ~ trt01a*avisit", table).deviance
        except ks.DataError as error:
            last = int((table["avisit"] == VISITS - 1).sum())
            print(f"  {name}: {last} at the last visit, {error.problems[0].what[:150]} ...")
    counts = [int((table["avisit"] == VISITS - 1).sum()) for table in tables.values()]
    print(
        f"{left:.0%} left ({min(counts)} to {max(counts)} patients at the last visit): "
        f"ours {len(ours)}/{number}",
        flush=True,
    )
    for what, rows in theirs(tables, library).groupby("what", sort=False):
        fine = rows[rows["outcome"] == "converged"]
        gaps = [row.deviance - ours[row.file] for row in fine.itertuples() if row.file in ours]
        worst = f", at worst {max(gaps):.1e} above ours" if gaps else ""
        at_maximum = sum(gap < 1e-3 for gap in gaps)
        print(
            f"  {what:10} {len(fine)}/{number} without a warning, {at_maximum} of them at the maximum"
            f"{worst}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--r-library", default=None, help="where R finds mmrm")
    parser.add_argument("--tables", type=int, default=20)
    chosen = parser.parse_args()
    for share in (0.2, 0.1, 0.05, 0.03, 0.02):
        compare(share, chosen.tables, chosen.r_library)

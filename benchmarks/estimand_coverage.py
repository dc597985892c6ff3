"""Bias and coverage of estimates under each assumption about missed visits, in trials with known truth.

Two arms of 30, baseline and four visits; a fifth to a third leaves. Drop-out depends on the visit before
(missing at random), or on the visit that is then missed (not at random). After leaving, outcomes follow the
assumption's own mean course with the patient's own residuals, so that under drop-out by what was seen each
assumption is true of its own data; the truth of each follows from how many leave when, of 400,000 patients.

Expected before measuring: conditional means with the jackknife cover 94 to 96% under every assumption;
Bayesian imputation with Rubin's variance covers more than 95% under reference-based assumptions, since it
counts information that the assumption supplies as missing; with drop-out by what is not seen all are biased.

Run: .venv/bin/python benchmarks/estimand_coverage.py [replicates]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import ketastats as ks

Floats = NDArray[np.float64]

VISITS = 4
OWN = np.array([-4.0, -7.0, -9.0, -10.0])  # mean change of the active arm, if nobody left
REFERENCE = np.array([-3.0, -4.5, -5.5, -6.0])
CASES = (
    ("mar", "conditional_mean"),
    ("jump_to_reference", "conditional_mean"),
    ("jump_to_reference", "bayesian"),
    ("copy_increments", "conditional_mean"),
    ("last_mean", "conditional_mean"),
)


def patients(n: int, rng: np.random.Generator, *, seen_only: bool) -> tuple[Floats, ...]:
    """Baselines, arms (1 active), residuals (n, VISITS) and visits completed, of n patients."""
    level, slope = rng.normal(size=(n, 1)) * 4, rng.normal(size=(n, 1)) * 1.5
    base = 22 + 0.8 * level[:, 0] + rng.normal(size=n) * 2
    residual = level + slope * np.arange(VISITS) + rng.normal(size=(n, VISITS)) * 3
    active = np.arange(n) % 2
    change = np.where(active[:, None] == 1, OWN, REFERENCE) + residual
    completed = np.full(n, VISITS)
    for t in range(1, VISITS):
        shown = change[:, t - 1] if seen_only else change[:, t]
        odds = 0.1 * np.exp(0.8 * (shown - REFERENCE.mean()) / 5)
        leaves = (completed == VISITS) & (rng.random(n) < odds / (1 + odds))
        completed[leaves] = t
    return base, active.astype(float), residual, completed.astype(float)


def last_mean(strategy: str, last: int, own: Floats) -> float:
    """Mean at the last visit of somebody last seen at visit `last`, from 0, of an arm with means `own`."""
    if last == VISITS - 1 or strategy == "mar":
        return float(own[-1])
    if strategy == "jump_to_reference":
        return float(REFERENCE[-1])
    if strategy == "copy_increments":
        return float(own[last] + REFERENCE[-1] - REFERENCE[last])
    return float(own[last])


def truth(strategy: str, *, seen_only: bool) -> float:
    """Difference of the arms' mean changes at the last visit; residuals have mean 0 in both arms."""
    _, active, _, completed = patients(400_000, np.random.default_rng(1), seen_only=seen_only)
    share = [
        np.bincount(completed[active == arm].astype(int), minlength=VISITS + 1)[1:]
        for arm in (1, 0)
    ]
    means = [
        np.average([last_mean(strategy, k, own) for k in range(VISITS)], weights=weights)
        for own, weights in zip((OWN, REFERENCE), share, strict=True)
    ]
    return float(means[0] - means[1])


def trial(n: int, seed: int, *, seen_only: bool) -> pd.DataFrame:
    """One trial, one row per visit, missing after leaving."""
    base, active, residual, completed = patients(
        n, np.random.default_rng(seed), seen_only=seen_only
    )
    change = np.where(active[:, None] == 1, OWN, REFERENCE) + residual
    change[np.arange(VISITS) >= completed[:, None]] = np.nan
    subject, visit = (part.ravel() for part in np.indices((n, VISITS)))
    return pd.DataFrame(
        {
            "usubjid": subject,
            "avisit": visit + 1,
            "trt01a": np.where(active == 1, "active", "placebo")[subject],
            "base": base[subject],
            "chg": change.ravel(),
        }
    )


def one(task: tuple[int, int, bool]) -> list[tuple[float, float, float, float]]:
    """Estimate, standard error and limits of each case."""
    seed, n, seen_only = task
    data = trial(n, seed, seen_only=seen_only)
    found = []
    for strategy, method in CASES:
        row = (
            ks.reference_based(
                "chg ~ base*avisit + trt01a*avisit",
                data,
                reference="placebo",
                strategy=strategy,
                method=method,
                imputations=50,
            )
            .to_frame()
            .iloc[-1]
        )
        found.append((row["estimate"], row["std_error"], row["conf_low"], row["conf_high"]))
    return found


def run(n: int, replicates: int, *, seen_only: bool) -> None:
    with ProcessPoolExecutor(2) as pool:
        tasks = [(2_000_000 + k, n, seen_only) for k in range(replicates)]
        results = np.array(list(pool.map(one, tasks, chunksize=10)))
    by = "what was seen" if seen_only else "what was not seen"
    print(f"\nDrop-out by {by}, {n} patients, {replicates} trials")
    for k, (strategy, method) in enumerate(CASES):
        estimate, error, low, high = results[:, k].T
        expected = truth(strategy, seen_only=seen_only)
        covered = np.mean((low <= expected) & (expected <= high))
        print(
            f"  {strategy:18} {method:17} truth {expected:6.3f}  bias {estimate.mean() - expected:6.3f} "
            f"(se {estimate.std() / np.sqrt(replicates):.3f})  spread {estimate.std():.3f}  "
            f"mean error {error.mean():.3f}  95% limits cover {100 * covered:.1f}%"
        )


if __name__ == "__main__":
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print(f"Monte Carlo standard error {100 * np.sqrt(0.05 * 0.95 / replicates):.2f} points")
    for seen_only in (True, False):
        run(60, replicates, seen_only=seen_only)

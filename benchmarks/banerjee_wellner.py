"""Simulate the limiting distribution D of the likelihood-ratio statistic of a monotone function.

D is the integral of ``g1(z)**2 - g10(z)**2`` over z, with g1 the slope of the greatest convex
minorant of ``W(t) + t**2`` (W two-sided Brownian motion), and g10 its slope under the constraint
of being at most 0 left of 0 and at least 0 right of it (Banerjee and Wellner 2001, Ann Stat
29:1699-1731, section 2). Limits for a curve seen at irregular times compare twice the
log-likelihood ratio with a quantile of D, where common times compare it with chi-squared.

Expected before running: the published 0.90, 0.95 and 0.99 quantiles (their Table 2, below) within
about two Monte Carlo errors, once the grid is fine.

The slope on a grid of step h is the isotonic regression of the increments over h; the constrained
one is that of each half, cut at 0. A grid leaves an error that falls with h, so every path is
looked at on three grids and the columns show whether the quantiles have settled.

Run: .venv/bin/python benchmarks/banerjee_wellner.py --replicates 20000
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]

PUBLISHED = {
    0.25: 0.06402,
    0.50: 0.28506,
    0.75: 0.80694,
    0.80: 0.98729,
    0.85: 1.22756,
    0.90: 1.60246,
    0.95: 2.26916,
    0.99: 3.83630,
}
"""Banerjee and Wellner (2001), Table 2, as printed in the manual of the R package csci 0.9.3."""

HALF_WIDTH = 3.0  # the two slopes are the same beyond a random distance from 0 that is mostly < 2
FINEST = 1 / 1024
COARSER = (4, 2, 1)  # multiples of the finest step
BATCHES = 40


def excess(increments: Floats, h: float) -> float:
    """D on a grid: from the increments of ``W(t) + t**2`` over steps h, 0 in their middle."""
    slope = increments / h
    middle = slope.size // 2
    free = isotonic_regression(slope).x
    left = np.minimum(isotonic_regression(slope[:middle]).x, 0.0)
    right = np.maximum(isotonic_regression(slope[middle:]).x, 0.0)
    return float(h * (free @ free - left @ left - right @ right))


def simulate(replicates: int, seed: int) -> Floats:
    """Draw D `replicates` times on each of the grids: (replicates, grids)."""
    rng = np.random.default_rng(seed)
    edges = np.arange(-HALF_WIDTH, HALF_WIDTH + FINEST / 2, FINEST)
    drift = np.diff(edges**2)
    drawn = np.empty((replicates, len(COARSER)))
    for i in range(replicates):
        path = drift + sqrt(FINEST) * rng.standard_normal(drift.size)
        for j, times in enumerate(COARSER):
            drawn[i, j] = excess(path.reshape(-1, times).sum(axis=1), times * FINEST)
    return drawn


def quantile_error(drawn: Floats, share: float) -> float:
    """Standard error of a quantile, from its spread over batches of the replicates."""
    parts = np.array([np.quantile(part, share) for part in np.array_split(drawn, BATCHES)])
    return float(parts.std(ddof=1) / sqrt(BATCHES))


def main() -> None:
    """Print the quantiles on each grid, their Monte Carlo error, and the published ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--replicates", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=20_261_124)
    options = parser.parse_args()
    start = time.perf_counter()
    drawn = simulate(options.replicates, options.seed)
    took = time.perf_counter() - start
    grids = " | ".join(f"h = 1/{round(1 / (FINEST * times))}" for times in COARSER)
    print(f"{options.replicates} replicates, seed {options.seed}, {took:.0f} s\n")
    print(f"| share | {grids} | Monte Carlo SE | published | published quantile's level here |")
    print("|---" * (len(COARSER) + 4) + "|")
    for share, published in PUBLISHED.items():
        found = " | ".join(f"{value:.4f}" for value in np.quantile(drawn, share, axis=0))
        level = float(np.mean(drawn[:, -1] <= published))
        error = quantile_error(drawn[:, -1], share)
        print(f"| {share:.2f} | {found} | {error:.4f} | {published:.5f} | {level:.4f} |")


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """Leaves the description's lines as they are."""


if __name__ == "__main__":
    main()

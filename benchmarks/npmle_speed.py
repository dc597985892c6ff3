"""Time the interval-censored maximum likelihood curve beside lifelines, greenwood and R's survival.

All fit the same data in one run, one thread each, and times are processor times, so that whatever
else the machine does matters little: 5,000 subjects with 10 weekly visits of which
15% are missed, and exponential times. Visits are held on the day they are due, or up to 3 days
early or late and recorded in whole days, or at times of their own. Every fit's masses are judged
alike, by the log-likelihood and by the duality gap: the largest, over cells, of the mean over
subjects of (cell in interval / mass of interval), minus 1. No other masses have a mean
log-likelihood larger by more than that.

Expected before measuring:

- from distinct intervals (about 65) ours takes under 1 ms, and from rows about 10 ms, nearly all
  of it grouping; lifelines and R about 5 s and greenwood about 30 s, so at least 500 times more;
- gaps: ours below 1e-8; greenwood about 1e-7, as it waits for steps below 1e-9 in every mass;
  lifelines (steps below 1e-5 in log-likelihood) and R (below 5e-5 in the curve) 1e-4 or more;
- a peer that is given distinct intervals with counts gains a factor of the rows per interval,
  except lifelines, which counts them itself;
- a million subjects: grouping under 1 s, fit as for 5,000;
- 1,000 bootstrap curves of 500 subjects: under 1 s on common visits, 5 s on irregular ones;
- 5,000 subjects at irregular times, where no two intervals are equal: under 1 s.

The first run, on visits held on the day, found the peers at milliseconds, too: with ten possible
times there is little to do for anyone. The visits in whole days were added then, expecting the
seconds that had been measured for such data before.

Run: benchmarks/peers/install.sh, then .venv/bin/python benchmarks/npmle_speed.py
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.stats.turnbull import Turnbull, cut_into_cells, turnbull
from ketastats.summaries.intervals import count_intervals

Floats = NDArray[np.float64]

SUBJECTS, VISITS, WEEK = 5_000, 10, 168.0
MISSED, JITTER, MEAN = 0.15, 72.0, 8 * WEEK
DAY = 24.0
REPEATS = 21
SLOWEST = 900.0  # seconds after which a peer's fit is given up

HERE = Path(__file__).resolve().parent
PEERS = {
    "lifelines": ("python", "fit_lifelines.py", "1e-5"),
    "lifelines, steps 100 times smaller": ("python", "fit_lifelines.py", "1e-7"),
    "greenwood": ("python", "fit_greenwood.py"),
    "R survival": ("Rscript", "fit_survival.R"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A fit's time and how close to the maximum it is."""

    seconds: float
    loglik: float
    gap: float


def subjects(n: int, seed: int, jitter: float = 0.0, unit: float = 0.0) -> pd.DataFrame:
    """Draw intervals (left, right], one row per subject, with `n` = 1; visits in whole units."""
    rng = np.random.default_rng(seed)
    event = rng.exponential(MEAN, n)[:, None]
    visits = WEEK * np.arange(1, VISITS + 1) + jitter * rng.uniform(-1, 1, (n, VISITS))
    visits = unit * np.round(visits / unit) if unit else visits
    seen = rng.random((n, VISITS)) >= MISSED
    left = np.where(seen & (visits < event), visits, 0.0).max(axis=1)
    right = np.where(seen & (visits >= event), visits, np.inf).min(axis=1)
    return pd.DataFrame({"left": left, "right": right, "n": 1})


def judge(seconds: float, at: Floats, mass: Floats, table: pd.DataFrame) -> Judged:
    """Log-likelihood and duality gap of masses that lie in the cells around the times `at`."""
    left, right, n = (table[name].to_numpy(float) for name in ("left", "right", "n"))
    cells = cut_into_cells(left, right)
    k = np.minimum(np.searchsorted(cells.right, at), cells.right.size - 1)
    p = np.bincount(k, mass, minlength=cells.right.size)
    each = cells.cover.mass(p / p.sum())
    if each.min() <= 0:
        return Judged(seconds, -np.inf, np.inf)
    mean_ratio = cells.cover.score(n / n.sum() / each)
    return Judged(seconds, float(n @ np.log(each)), float(mean_ratio.max()) - 1)


def median_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median processor time of `work`, after one call that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def fit_counts(counts: pd.DataFrame) -> Turnbull:
    """Our fit of a table of distinct intervals, or of rows."""
    return turnbull(counts["left"], counts["right"], counts["n"])


def ours(table: pd.DataFrame, work: Callable[[], Turnbull], repeats: int = REPEATS) -> Judged:
    """Time and judge our fit of a table."""
    fit = work()
    inside = np.where(np.isfinite(fit.right), (fit.left + fit.right) / 2, np.inf)
    return judge(median_seconds(work, repeats), inside, fit.mass, table)


def peer(name: str, table: pd.DataFrame, folder: Path, environment: Path) -> Judged | str:
    """Time and judge a peer's fit, once; in words why not if it cannot be had."""
    tool, script, *arguments = PEERS[name]
    program = shutil.which(tool) if tool == "Rscript" else str(environment / "bin" / tool)
    if program is None or not Path(program).exists():
        return "not installed"
    data = folder / "intervals.csv"
    table.to_csv(data, index=False)
    command = [program, str(HERE / "peers" / script), str(data), *arguments]
    try:
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SLOWEST)
    except subprocess.TimeoutExpired:
        return f"gave up after {SLOWEST:.0f} s"
    except subprocess.CalledProcessError as failure:
        return f"failed: {failure.stderr.strip().splitlines()[-1][:90]}"
    seconds, *rows = run.stdout.split()
    at, mass = np.array([row.split(",") for row in rows], dtype=float).T
    return judge(float(seconds), at, mass, table)


def line(what: str, found: Judged | str, base: float) -> str:
    """One row of the table; `base` is the time the ratio is taken to."""
    if isinstance(found, str):
        return f"| {what} | {found} | | | |"
    took = f"{1000 * found.seconds:.2f} ms" if found.seconds < 1 else f"{found.seconds:.2f} s"
    ratio = (
        f"{found.seconds / base:.1f}"
        if found.seconds < 10 * base
        else f"{found.seconds / base:,.0f}"
    )
    return f"| {what} | {took} | {found.loglik:.6f} | {found.gap:.1e} | {ratio} |"


def compare(title: str, rows: pd.DataFrame, environment: Path, *, repeats: int = REPEATS) -> None:
    """Print ours and the peers on rows, and on distinct intervals with counts."""
    counts = count_intervals(rows)
    own_rows = ours(rows, lambda: fit_counts(count_intervals(rows)), repeats)
    own_plain = ours(rows, lambda: fit_counts(rows), repeats)
    own_counts = ours(counts, lambda: fit_counts(counts), repeats)
    print(f"\n{title}: {len(rows):,} rows, {len(counts):,} distinct intervals\n")
    print("| fit | time | log-likelihood | duality gap | times ours, same input |")
    print("|---|---|---|---|---|")
    print(line("ketastats, from rows, counted first", own_rows, own_rows.seconds))
    print(line("ketastats, from rows as they are", own_plain, own_rows.seconds))
    print(line("ketastats, from distinct intervals", own_counts, own_counts.seconds))
    inputs = [("rows", rows, own_rows), ("distinct intervals", counts, own_counts)]
    with tempfile.TemporaryDirectory() as folder:
        for name in PEERS:
            for words, table, own in inputs[: 1 + (len(counts) < len(rows))]:
                found = peer(name, table, Path(folder), environment)
                print(line(f"{name}, from {words}", found, own.seconds), flush=True)


def million() -> None:
    """Print the times of grouping and of fitting a million subjects."""
    rows = subjects(1_000_000, seed=2)
    grouping = median_seconds(lambda: count_intervals(rows), 3)
    counts = count_intervals(rows)
    fitted = ours(counts, lambda: fit_counts(counts))
    print(
        f"\n1,000,000 subjects, {len(counts)} distinct intervals: grouping {grouping:.2f} s, ",
        end="",
    )
    print(
        f"fit {1000 * fitted.seconds:.2f} ms, gap {fitted.gap:.1e} (wanted: under 2 s after grouping)"
    )


def bootstrap(title: str, jitter: float, curves: int = 1_000, n: int = 500) -> None:
    """Print the time of bootstrap curves by multinomial weights on the distinct intervals."""
    counts = count_intervals(subjects(n, seed=3, jitter=jitter))
    left, right = counts["left"].to_numpy(), counts["right"].to_numpy()
    rng = np.random.default_rng(4)
    start = time.process_time()
    weights = rng.multinomial(n, counts["n"] / n, size=curves)
    widest = max(turnbull(left, right, weight).gap for weight in weights)
    took = time.process_time() - start
    print(f"{curves:,} bootstrap curves of {n} subjects, {title}: {took:.2f} s, ", end="")
    print(f"largest gap {widest:.1e} (wanted: under 10 s)")


def irregular(n: int) -> None:
    """Print our time where every visit has a time of its own."""
    rows = subjects(n, seed=5, jitter=JITTER)
    fitted = ours(rows, lambda: fit_counts(rows), 5)
    print(f"{n:,} subjects at irregular times, all intervals different: ", end="")
    print(f"{fitted.seconds:.3f} s, gap {fitted.gap:.1e}")


def main() -> None:
    """Print all comparisons as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".peers", help="environment")
    parser.add_argument("--irregular-peers", type=int, default=300, help="subjects, 0 for none")
    options = parser.parse_args()
    common = subjects(SUBJECTS, seed=1)
    compare("Visits on the day they were due", common, options.peers)
    days = subjects(SUBJECTS, seed=1, jitter=JITTER, unit=DAY)
    compare("Visits up to 3 days early or late, in whole days", days, options.peers)
    million()
    bootstrap("common visits", 0.0)
    bootstrap("irregular times", JITTER)
    irregular(SUBJECTS)
    if options.irregular_peers:
        rows = subjects(options.irregular_peers, seed=6, jitter=JITTER)
        compare("Irregular times, fewer subjects", rows, options.peers, repeats=5)


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """Leaves the description's lines as they are."""


if __name__ == "__main__":
    main()

"""Time the binomial-normal fit of 238 psychotherapy arms against lme4's glmer with as many nodes."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import ketastats as ks
from ketastats.stats.binomial_normal import N_NODES, binomial_normal

REPEATS = 50
PEER = """
suppressMessages(library(lme4))
d <- read.csv(commandArgs(TRUE)[1]); d$arm <- factor(seq_len(nrow(d)))
fit <- function() glmer(cbind(events, n - events) ~ 1 + (1 | arm), d, binomial, nAGQ = %d)
invisible(fit()); t <- system.time(for (i in 1:5) m <- fit())[["elapsed"]] / 5
cat(t, fixef(m), as.numeric(VarCorr(m)$arm), "\\n")
"""


def main() -> None:
    """Print both times and their ratio."""
    arms = ks.select_therapy_arms(ks.load_psychotherapy_trials())
    arms = arms[arms["disorder"].isin(ks.FOUR_ANXIETY_DISORDERS)]
    x, n = arms["events"], arms["n"]
    fit = binomial_normal(x, n)
    start = time.perf_counter()
    for _ in range(REPEATS):
        fit = binomial_normal(x, n)
    ours = (time.perf_counter() - start) / REPEATS
    print(f"ketastats: {1000 * ours:.2f} ms, mu {fit.mean.mu:.6f}, tau2 {fit.mean.tau2:.6f}")
    rscript = shutil.which("Rscript")
    if rscript is None:
        print("Rscript is not installed: no peer")
        return
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "arms.csv"), Path(folder, "peer.R")
        arms[["events", "n"]].to_csv(data, index=False)
        script.write_text(PEER % N_NODES, encoding="utf-8")
        run = subprocess.run(
            [rscript, str(script), str(data)], check=True, capture_output=True, text=True
        )
    theirs, mu, tau2 = (float(value) for value in run.stdout.split())
    print(f"lme4 glmer: {1000 * theirs:.2f} ms, mu {mu:.6f}, tau2 {tau2:.6f}")
    print(f"ratio: {theirs / ours:.0f}")


if __name__ == "__main__":
    main()

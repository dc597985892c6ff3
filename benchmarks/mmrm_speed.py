"""Time mixed models for repeated measures beside R's mmrm, nlme, lme4, glmmTMB and statsmodels.

All fit the same tables in one run, one thread each, and times are processor times. Ours go from the
table and the formula to coefficients with Kenward-Roger standard errors and degrees of freedom.

Expected before measuring:

- fev_data (200 subjects x 4 visits): the fit itself 2 ms, formula and tables 8 ms; R's mmrm about
  60 ms with Kenward-Roger, so 5 to 6 times more;
- bcva_data (1,000 x 10): 60 ms; R's mmrm about 25 s with Kenward-Roger, 400 times more, and 2 s without;
- growth: linear in rows for the pass over them; flat in subjects after it; with the number of
  covariance parameters q and of design columns p about q^2 p^2 at worst, from one product of matrices;
- 1,000 fits of 200 subjects x 4 visits: 12 s.

Run: .venv/bin/python benchmarks/mmrm_speed.py [--r-library DIR]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import io
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import ketastats as ks
from ketastats.stats.covariance_structures import structure
from ketastats.stats.kenward_roger import kenward_roger_covariance
from ketastats.stats.pattern_covariance import CommonCovariance
from ketastats.stats.repeated_measures_fit import fit_repeated, moment_matrices
from ketastats.summaries.cross_products import cross_products, layout_of

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "tests" / "data" / "mmrm_examples"
FIGURE = HERE / "mmrm_growth.png"
FORMULAS = {
    "fev": "FEV1 ~ RACE + SEX + ARMCD*AVISIT",
    "bcva": "BCVA_CHG ~ RACE + BCVA_BL + ARMCD*AVISIT",
}


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median processor time of `work`, after one call that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def trial(
    n: int, visits: int, seed: int = 1, *, missed: float = 0.0, leave: float = 0.08
) -> pd.DataFrame:
    """Two arms with correlated visits, drop-out and, if asked for, gaps."""
    rng = np.random.default_rng(seed)
    sd = np.linspace(3, 7, visits)
    sigma = 0.75 ** np.abs(np.subtract.outer(range(visits), range(visits))) * np.outer(sd, sd)
    y = rng.normal(size=(n, visits)) @ np.linalg.cholesky(sigma).T
    arm = rng.integers(0, 2, n)
    y += np.linspace(0, -6, visits) - arm[:, None] * np.linspace(0, 2, visits)
    stays = rng.random((n, visits)) > leave
    stays[:, 0] = True
    seen = np.minimum.accumulate(stays, axis=1) & (rng.random((n, visits)) > missed)
    seen[np.arange(n), 0] = True
    subject, visit = np.nonzero(seen)
    return pd.DataFrame(
        {
            "usubjid": subject,
            "avisit": visit,
            "trt01a": np.array(["active", "placebo"])[arm[subject]],
            "y": y[subject, visit],
        }
    )


def peers(library: str | None, *arguments: str) -> pd.DataFrame:
    """Times of R's packages; an empty table if there is no R."""
    names = ["trial", "what", "seconds", "deviance"]
    program = shutil.which("Rscript")
    if program is None:
        return pd.DataFrame(columns=names)
    environment = {**os.environ, **({"R_LIBS": library} if library else {})}
    done = subprocess.run(
        [program, str(HERE / "peers" / "fit_mmrm.R"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return pd.read_csv(io.StringIO(done.stdout), names=names)


def examples(library: str | None) -> None:
    """The two example trials, ours and every peer on the machine."""
    theirs = peers(library, "examples", str(EXAMPLES))
    for name, formula in FORMULAS.items():
        data = pd.read_csv(EXAMPLES / f"{name}_data.csv")

        def fit(data: pd.DataFrame = data, formula: str = formula) -> ks.Mmrm:
            return ks.mmrm(formula, data, subject="USUBJID", visit="AVISIT")

        ours = median_seconds(fit, 41 if name == "fev" else 11)
        print(
            f"\n{name}: ours {1e3 * ours:.1f} ms with Kenward-Roger, deviance {fit().deviance:.8f}"
        )
        for row in theirs[theirs["trial"] == name].itertuples():
            if row.seconds == "failed":
                print(f"  {row.what:22} failed")
                continue
            seconds = float(row.seconds)
            print(
                f"  {row.what:22} {seconds:9.3f} s = {seconds / ours:6.1f} times ours, "
                f"-2 log-likelihood above ours {float(row.deviance) - fit().deviance:+.2e}"
            )
        print(f"  {'statsmodels MixedLM':22} {_mixedlm(data, formula, ours)}")


def _mixedlm(data: pd.DataFrame, formula: str, ours: float) -> str:
    """The nearest model that statsmodels has: a random intercept, two parameters and no Kenward-Roger."""
    from statsmodels.formula.api import mixedlm

    held = data.dropna(subset=[formula.split("~", maxsplit=1)[0].strip()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = median_seconds(
            lambda: mixedlm(formula, held, groups=held["USUBJID"]).fit(reml=True), 3
        )
    return f"{seconds:9.3f} s = {seconds / ours:6.1f} times ours (random intercept only)"


def stages(data: pd.DataFrame, more: int = 0) -> tuple[float, float, int]:
    """Seconds of the pass over the rows, of the fit with Kenward-Roger after it, and the patterns.

    The design has a column per arm and visit, and `more` covariates of subjects.
    """
    visits = int(data["avisit"].max()) + 1
    arm = (data["trt01a"] == "active").to_numpy(dtype=float)
    dummies = np.eye(visits)[data["avisit"]]
    own = np.random.default_rng(5).normal(size=(int(data["usubjid"].max()) + 1, more))
    design = np.column_stack([dummies, dummies * arm[:, None], own[data["usubjid"]]])
    y = data["y"].to_numpy() / 5
    subject, visit = (data[name].to_numpy(dtype=np.intp) for name in ("usubjid", "avisit"))

    def summarise():
        return cross_products(layout_of(subject, visit, visits), design, y)

    products = summarise()

    def fit():
        covariance = CommonCovariance(structure("us", visits), products)
        found = fit_repeated(products, covariance, moment_matrices(products, 1), reml=True)
        p = products.columns
        w = 2 * np.linalg.inv(found.curvature.observed)
        moved = found.curvature.products[:, :p, :p]
        return kenward_roger_covariance(found.here, moved, w, linear=False)

    repeats = 5 if len(data) < 1e5 else 3
    return median_seconds(summarise, repeats), median_seconds(fit, repeats), len(products.subjects)


def growth(library: str | None) -> None:
    """Growth with subjects, visits (parameters) and patterns, as numbers and as a figure."""
    rows = []
    for n in (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000):
        both = _both(trial(n, 6), library if n <= 1_000 else None)
        rows.append(("subjects", n, *both))
    for visits in (2, 3, 4, 6, 8, 10, 12, 15):
        data = trial(500, visits, leave=0.03)
        rows.append(("visits", visits, *_both(data, library if visits <= 10 else None)))
    for more in (0, 4, 8, 16, 32, 64):
        first, second, _ = stages(trial(500, 6), more)
        rows.append(("columns", 12 + more, first, second, np.nan))
    for missed in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        data = trial(3_000, 8, missed=missed, leave=0.03)
        first, second, patterns = stages(data)
        rows.append(("patterns", patterns, first, second, np.nan))
    table = pd.DataFrame(rows, columns=["what", "size", "rows", "fit", "mmrm"])
    print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    draw(table)


def _both(data: pd.DataFrame, library: str | None) -> tuple[float, float, float]:
    first, second, _ = stages(data)
    theirs = float("nan")
    if library is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            data.to_csv(path, index=False)
            found = peers(library, "table", str(path))
        if len(found) and found["seconds"].iloc[0] != "failed":
            theirs = float(found["seconds"].iloc[0])
    return first, second, theirs


def draw(table: pd.DataFrame) -> None:
    """Four panels on logarithmic axes."""
    import matplotlib.pyplot as plt

    from ketastats.plots.style import BLUE, GREY, RC, VERMILION

    titles = {
        "subjects": "Subjects (6 visits)",
        "visits": "Visits T (500 subjects),\nT(T + 1)/2 parameters",
        "columns": "Columns of the design\n(500 subjects, 6 visits)",
        "patterns": "Patterns\n(3,000 subjects, 8 visits)",
    }
    with plt.rc_context(RC):
        _, axes = plt.subplots(1, 4, figsize=(12.5, 3.8), layout="constrained", sharey=True)
        for ax, (what, title) in zip(axes, titles.items(), strict=True):
            held = table[table["what"] == what]
            ax.loglog(held["size"], held["fit"], "o-", color=BLUE, label="fit with Kenward-Roger")
            ax.loglog(
                held["size"], held["rows"], "s--", color=VERMILION, label="pass over the rows"
            )
            if held["mmrm"].notna().any():
                ax.loglog(
                    held["size"], held["mmrm"], "^:", color=GREY, label="R mmrm, Satterthwaite"
                )
            ax.set_xlabel(title)
            if what != "subjects":
                ticks = [int(size) for size in held["size"]][:: 2 if len(held) > 6 else 1]
                ax.set_xticks(ticks, [str(tick) for tick in ticks])
                ax.minorticks_off()
        axes[0].set_ylabel("Processor time (seconds)")
        axes[1].legend(frameon=False, fontsize=8.5)
        plt.savefig(FIGURE, dpi=130)
        plt.close()


def study(fits: int = 1_000) -> None:
    """A simulation study at n = 200 with 4 visits: from table to Kenward-Roger, every time."""
    tables = [trial(200, 4, seed=seed) for seed in range(fits)]
    start, clock = time.process_time(), time.perf_counter()
    for table in tables:
        ks.mmrm("y ~ trt01a*avisit", table)
    used, passed = time.process_time() - start, time.perf_counter() - clock
    print(f"\n{fits} fits of 200 x 4: {used:.1f} s of processor time, {passed:.1f} s on the clock")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--r-library", default=None, help="where R finds mmrm")
    parser.add_argument("--growth", action="store_true", help="only the growth and its figure")
    chosen = parser.parse_args()
    if not chosen.growth:
        examples(chosen.r_library)
        study()
    growth(chosen.r_library)

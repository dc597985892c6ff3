"""Tests and regressions of the time to relief, relief by dose, hazard at each dose."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import ketastats as ks
from audit.entry import (
    NULL,
    Answer,
    Entry,
    Generator,
    Limits,
    Point,
    PValue,
    Truth,
    covers,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import ARMS, in_arms, relief_times, seen_between

SLOPE, OF_AGE, SPREAD, MIDDLE = -0.5, 0.3, 0.9, np.log(150.0)  # of log hours
HAZARDS = np.array([0.30, 0.25, 0.20, 0.15])  # of relief at each dose
STOPS = 0.12  # after each dose
OVERSTATED = "maximum likelihood overstates effects where events are few for its parameters"
EFFECT = 0.6  # of the arm on the link of the hazard


def entries() -> list[Entry]:
    return [
        *of_sizes(_tests, 40, 160),
        *of_sizes(_regressions, 60, 160),
        *of_sizes(_by_dose, 40, 120),
        *of_sizes(_dose_hazards, 60, 160),
    ]


def _tests(n: int) -> list[Entry]:
    def draw(rng: Generator, groups: int, schedule: str) -> pd.DataFrame:
        table = seen_between(relief_times(n, rng), rng, schedule)
        arm = np.array(["a", "b", "c"])[np.arange(n) % groups]
        return table.assign(trt01a=arm, siteid=np.arange(n) // 2 % 3)

    def estimate(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        frame = ks.relief_test(data, by="trt01a", **options).to_frame()
        return {"test": PValue(float(row_where(frame, part="test")["p_value"]))}

    def entry(
        name: str, *, groups: int = 2, schedule: str = "common", share: float = 1.0, **options: Any
    ) -> Entry:
        visits = {"common": "common visits", "own": "irregular visits"}[schedule]
        return Entry(
            "Tests of relief",
            f"relief_test, {name}",
            f"{groups} equal groups, {visits}, a quarter lost",
            n,
            partial(draw, groups=groups, schedule=schedule),
            partial(estimate, options=options),
            known(test=NULL),
            share=share,
        )

    return [
        entry("finkelstein", method="asymptotic"),
        entry("sun", share=0.3, scores="sun", method="asymptotic"),
        entry("wilcoxon", share=0.3, scores="wilcoxon", method="asymptotic"),
        entry("auto", share=0.25),
        entry("monte_carlo", method="monte_carlo", replicates=499, share=0.5),
        entry("score", share=0.5, method="score"),
        entry("over strata", share=0.3, method="asymptotic", strata="siteid"),
        entry("three groups", share=0.3, groups=3, method="asymptotic"),
        entry("trend", share=0.3, groups=3, method="asymptotic", trend={"a": 0, "b": 1, "c": 2}),
        entry("finkelstein", schedule="own", method="asymptotic", share=0.5),
    ]


def _regressions(n: int) -> list[Entry]:
    def draw(rng: Generator, law: str, schedule: str) -> pd.DataFrame:
        arm, age = rng.integers(0, 2, n), rng.normal(size=n)
        if law == "Weibull":
            error = np.log(rng.exponential(size=n))
        else:
            error = rng.logistic(size=n) if law == "log-logistic" else rng.normal(size=n)
        times = np.exp(MIDDLE + SLOPE * arm + OF_AGE * age + SPREAD * error)
        return seen_between(times, rng, schedule).assign(trt01a=ARMS[arm], age=age)

    def entry(
        name: str, law: str, schedule: str = "common", share: float = 1.0, **options: Any
    ) -> Entry:
        sign = -1 / SPREAD if options["model"] in ("ph", "po") else 1.0
        visits = "common visits" if schedule == "common" else "irregular visits"
        return Entry(
            "Relief regression",
            f"relief_regression, {name}",
            f"{law} times, {visits}, a quarter lost",
            n,
            partial(draw, law=law, schedule=schedule),
            partial(_coefficients, options=options),
            known(arm=sign * SLOPE, number=sign * OF_AGE),
            share=share,
            reason=OVERSTATED,
        )

    made = []
    for model, law in (
        ("aft_weibull", "Weibull"),
        ("aft_loglogistic", "log-logistic"),
        ("aft_lognormal", "log-normal"),
        ("ph", "Weibull"),
        ("po", "log-logistic"),
    ):
        made.append(entry(model, law, share=0.6, model=model))
        made.append(
            entry(f"{model}, likelihood", law, share=0.08, model=model, limits="likelihood")
        )
    for model, law in (("ph", "Weibull"), ("po", "log-logistic")):
        made.append(entry(model, law, "own", share=0.25, model=model))
        options: dict[str, Any] = {"model": model, "std_errors": "bootstrap", "replicates": 100}
        made.append(entry(f"{model}, bootstrap", law, share=0.06, **options))
    return made


def _coefficients(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
    frame = ks.relief_regression(
        data, "trt01a + age", reference={"trt01a": "placebo"}, **options
    ).to_frame()
    return {
        "arm": limits_of(row_where(frame, covariate="trt01a")),
        "number": limits_of(row_where(frame, covariate="age")),
    }


def _dosed(n: int, rng: Generator, hazard: np.ndarray) -> pd.DataFrame:
    """Doses at which relief came, and those who stopped before; `hazard` has a row per patient."""
    doses = hazard.shape[1]
    came = rng.random((n, doses)) < hazard
    relief = np.where(came.any(axis=1), came.argmax(axis=1) + 1, doses + 1)
    stop = rng.random((n, doses)) < STOPS
    last = np.where(stop.any(axis=1), stop.argmax(axis=1) + 1, doses)
    reached = relief <= last
    return pd.DataFrame(
        {
            "usubjid": np.arange(n),
            "trt01a": ARMS[in_arms(n)],
            "dose_left": np.where(reached, relief - 1, last),
            "dose_right": np.where(reached, relief, np.inf),
            "n_doses": last,
            "stopped": np.where(last < doses, "other", "course_end"),
        }
    )


def _by_dose(n: int) -> list[Entry]:
    truth = float(1 - np.prod(1 - HAZARDS[:3]))

    def estimate(data: pd.DataFrame) -> dict[str, Answer]:
        row = row_where(ks.relief_by_dose(data).to_frame(), dose=3)
        return {
            "share by dose 3": limits_of(row),
            "hazard at dose 3": Limits(row["hazard"], row["hazard_low"], row["hazard_high"]),
            "share by dose 3, whoever stopped": Limits(
                row["estimate"], row["bound_conf_low"], row["bound_conf_high"]
            ),
            "share by dose 3, reasons used": Point(row["informed"]),
        }

    return [
        Entry(
            "Relief by dose",
            "relief_by_dose",
            "four doses, 12% stop after each",
            n,
            lambda rng: _dosed(n, rng, np.tile(HAZARDS, (n, 1))),
            estimate,
            known(
                {
                    "share by dose 3": truth,
                    "hazard at dose 3": float(HAZARDS[2]),
                    "share by dose 3, whoever stopped": covers(truth),
                    "share by dose 3, reasons used": truth,
                }
            ),
            share=0.25,
        )
    ]


def _dose_hazards(n: int) -> list[Entry]:
    def draw(rng: Generator, link: str, slope: float) -> pd.DataFrame:
        level = -1.2 + slope * np.arange(4) + EFFECT * in_arms(n)[:, None]
        hazard = 1 - np.exp(-np.exp(level)) if link == "cloglog" else 1 / (1 + np.exp(-level))
        return _dosed(n, rng, hazard)

    def estimate(data: pd.DataFrame, link: str, dose: str) -> dict[str, Answer]:
        frame = ks.dose_hazard(
            data, "trt01a", link=link, dose=dose, reference={"trt01a": "placebo"}
        ).to_frame()
        found: dict[str, Answer] = {"arm": limits_of(frame[frame["ratio"].notna()].iloc[0])}
        if dose == "linear":
            found["slope over doses"] = limits_of(frame.iloc[1])
        return found

    def entry(link: str, dose: str) -> Entry:
        truths: dict[str, float | Truth] = {"arm": EFFECT}
        if dose == "linear":
            truths["slope over doses"] = -0.15
        return Entry(
            "Relief by dose",
            f"dose_hazard, {link}, {dose}",
            f"four doses, {link} hazards, 12% stop after each",
            n,
            partial(draw, link=link, slope=-0.15),
            partial(estimate, link=link, dose=dose),
            known(truths),
            share=0.5,
        )

    return [entry(link, dose) for link in ("cloglog", "logit") for dose in ("free", "linear")]

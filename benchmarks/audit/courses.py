"""Status over time: days well, sustained response, events that come back, mean cumulative count."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import ketastats as ks
from audit.entry import (
    Answer,
    Entry,
    Generator,
    Limits,
    Truth,
    covers,
    known,
    limits_of,
    of_sizes,
    row_where,
)
from audit.patients import ARMS, GONE, in_arms

WEEK = 168.0
HORIZON = 6 * WEEK
START = 3 * WEEK
GETS_WELL, FALLS_ILL = 1 / 400, 1 / 1500  # per hour
ILL, WELL, BASELINE = 28.0, 10.0, 30.0  # points of the MADRS
PER_HOUR, LONG, LOG_RATIO, FRAILTY = 1 / 1000, 2160.0, -0.5, 0.5
DEATHS = 1 / 6000  # per hour
EPISODE_RATES = np.array([1.0, 1.4, 1.8, 2.2]) / 1200


def entries() -> list[Entry]:
    return [
        *of_sizes(_days_well, 40, 120),
        *of_sizes(_sustained, 40, 120),
        *of_sizes(_recurrent, 40, 160),
        *of_sizes(_counts, 40, 120),
    ]


def _p_well(hours: float, begin: float) -> float:
    """Chance of being well some hours after a time with chance `begin`."""
    total = GETS_WELL + FALLS_ILL
    settled = GETS_WELL / total
    return float(settled + (begin - settled) * np.exp(-total * hours))


def _status(n: int, rng: Generator) -> NDArray[np.bool_]:
    """Whether each patient is well at the six weekly visits; all begin ill."""
    well = np.zeros((n, 7), dtype=bool)
    for visit in range(1, 7):
        chance = np.where(well[:, visit - 1], _p_well(WEEK, 1.0), _p_well(WEEK, 0.0))
        well[:, visit] = rng.random(n) < chance
    return well[:, 1:]


def _scores(n: int, rng: Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and subjects; a quarter leaves before one of the visits."""
    well = _status(n, rng)
    leaves = np.where(rng.random(n) < GONE, rng.integers(1, 7, n), 7)
    visits = np.arange(0, 7)
    aval = np.column_stack((np.full(n, BASELINE), np.where(well, WELL, ILL)))
    seen = visits < leaves[:, None]
    subject, visit = np.nonzero(seen)
    scores = pd.DataFrame(
        {"usubjid": subject, "paramcd": "madrs", "afrlt": visit * WEEK, "aval": aval[seen]}
    )
    return scores, pd.DataFrame({"usubjid": np.arange(n)})


def _days_well(n: int) -> list[Entry]:
    total = GETS_WELL + FALLS_ILL
    mean = GETS_WELL / total * (HORIZON - (1 - np.exp(-total * HORIZON)) / total) / 24

    def estimate(drawn: tuple[pd.DataFrame, pd.DataFrame], changes: str) -> dict[str, Answer]:
        scores, subjects = drawn
        table = ks.derive_well_time(scores, horizon=HORIZON, subjects=subjects, changes=changes)
        return {"days of 42": limits_of(ks.days_well(table).to_frame().iloc[0])}

    words = {"one": "one change between visits", "any": "any changes between visits"}
    return [
        Entry(
            "Days well",
            f"days_well, {words[changes]}",
            "weekly visits, a quarter leaves",
            n,
            lambda rng: _scores(n, rng),
            partial(estimate, changes=changes),
            known({"days of 42": covers(float(mean))}),
            share=0.25,
            reason="bounds: limits hold whatever happened between visits and after leaving",
        )
        for changes in words
    ]


def _sustained(n: int) -> list[Entry]:
    stays = _p_well(WEEK, 1.0) ** 3
    truth = _p_well(START, 0.0) * stays

    def estimate(drawn: tuple[pd.DataFrame, pd.DataFrame], missing: str) -> dict[str, Answer]:
        scores, subjects = drawn
        frame = ks.sustained_response(
            scores,
            horizon=HORIZON,
            start=START,
            subjects=subjects,
            tolerance=(24.0, 24.0),
            missing=missing,
        ).to_frame()
        found: dict[str, Answer] = {}
        for of, name in (("enrolled", "of all"), ("at_start", "of responders")):
            rows = frame[frame["of"] == of]
            low, high = rows.iloc[0], rows.iloc[-1]
            found[name] = Limits(low["estimate"], low["conf_low"], high["conf_high"])
        return found

    truths: dict[str, dict[str, float | Truth]] = {
        "non_response": {"of all": truth * (1 - GONE)},
        "observed": {"of all": truth, "of responders": stays},
        "bounds": {"of all": covers(truth), "of responders": covers(stays)},
    }
    return [
        Entry(
            "Sustained response",
            f"sustained_response, {missing}",
            "weekly visits, three weeks, a quarter leaves",
            n,
            lambda rng: _scores(n, rng),
            partial(estimate, missing=missing),
            known(truths[missing]),
            share=0.5,
        )
        for missing in truths
    ]


def _spans(n: int, rng: Generator, law: str) -> pd.DataFrame:
    """Spans at risk between events, up to leaving (a quarter) or the horizon."""
    active = in_arms(n)
    leaves = np.where(rng.random(n) < GONE, rng.uniform(0.1, 1, n), 1.0) * LONG
    frailty = rng.gamma(1 / FRAILTY, FRAILTY, n) if law == "frailty" else np.ones(n)
    dies = rng.exponential(1 / DEATHS, n) if law == "deaths" else np.full(n, np.inf)
    end = np.minimum(leaves, dies)
    rows = []
    for i in range(n):
        own = frailty[i] * np.exp(LOG_RATIO * active[i])
        start, episode = 0.0, 1
        while start < end[i]:
            base = EPISODE_RATES[min(episode, 4) - 1] if law == "episodes" else PER_HOUR
            stop = start + rng.exponential(1 / (base * own))
            happened = stop < end[i]
            died = not happened and dies[i] < leaves[i]
            stop = stop if happened else end[i]
            rows.append((i, start, stop, int(happened), int(died), episode))
            start, episode = stop, episode + 1
    names = ["usubjid", "start", "stop", "event", "died", "episode"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(trt01a=ARMS[active][table["usubjid"]])


def _recurrent(n: int) -> list[Entry]:
    def estimate(data: pd.DataFrame, options: dict[str, Any]) -> dict[str, Answer]:
        if options["model"].startswith("pwp"):  # later episodes have too few patients
            data = data[data["episode"] <= 4]
        found = ks.recurrent_events(data, "trt01a", reference={"trt01a": "placebo"}, **options)
        return {"log ratio of rates": limits_of(found.to_frame().iloc[0])}

    def entry(law: str, words: str, **options: Any) -> Entry:
        name = ", ".join(options.values())
        return Entry(
            "Recurrent events",
            f"recurrent_events, {name}",
            f"{words}, a quarter leaves",
            n,
            lambda rng: _spans(n, rng, law),
            partial(estimate, options=options),
            known({"log ratio of rates": LOG_RATIO}),
            reason="robust standard errors are small where patients are few" if n <= 60 else "",
        )

    return [
        entry("frailty", "rates vary between patients", model="lwyy"),
        entry("frailty", "rates vary between patients", model="lwyy", ties="efron"),
        entry("poisson", "independent events", model="ag"),
        entry("poisson", "independent events", model="ag", variance="model"),
        entry("episodes", "rates rise with each episode", model="pwp_total"),
        entry("episodes", "rates rise with each episode", model="pwp_gap"),
    ]


def _counts(n: int) -> list[Entry]:
    horizon = 1440.0
    rates = {"placebo": PER_HOUR, "active": PER_HOUR * np.exp(LOG_RATIO)}
    alive = (1 - np.exp(-DEATHS * horizon)) / DEATHS

    def estimate(data: pd.DataFrame, terminal: str | None) -> dict[str, Answer]:
        frame = ks.mean_cumulative_count(
            data, by="trt01a", horizon=horizon, terminal=terminal
        ).to_frame()
        return {f"events, {arm}": limits_of(row_where(frame, trt01a=arm)) for arm in rates}

    def entry(law: str, words: str, terminal: str | None, time: float) -> Entry:
        return Entry(
            "Mean cumulative count",
            "mean_cumulative_count" + (", terminal event" if terminal else ""),
            f"{words}, 60 days, a quarter leaves",
            n,
            lambda rng: _spans(n, rng, law),
            partial(estimate, terminal=terminal),
            known({f"events, {arm}": rate * time for arm, rate in rates.items()}),
        )

    return [
        entry("frailty", "rates vary between patients", None, horizon),
        entry("deaths", "a fifth dies", "died", float(alive)),
    ]

"""Error rates of a verdict on published trials: the same path on trials of their sizes, drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ketastats.calibration.cases import WHICH, Case, template
from ketastats.calibration.replicates import content_key
from ketastats.checks.columns import missing_columns, refuse
from ketastats.claims.estimates import counted_arms, pooled_trials
from ketastats.claims.published import rows_of_reading
from ketastats.claims.registry import Claim, Reading
from ketastats.errors import NoErrorRatesError, UsageError
from ketastats.loaders.evidence import EVIDENCE_COLUMNS, load_evidence

_POOLED = "reml_hartung_knapp"


@dataclass(frozen=True, slots=True, eq=False)
class PublishedTrials:
    """Arms of trials whose rates scatter around a known one: what made-up trials are drawn from.

    `arms` are rows of an evidence table with `n`; the logit of each trial's rate is normal around that
    of `rate` with standard deviation `tau`, and all arms of a trial share its rate.
    """

    arms: pd.DataFrame
    rate: float
    tau: float

    @property
    def key(self) -> str:
        """Digest of all that draws depend on."""
        known = {
            "row": [str(name) for name in self.arms["row_id"]],
            "study": [str(name) for name in self.arms["study_id"]],
            "n": [int(size) for size in self.arms["n"]],
        }
        return content_key(arms=known, rate=self.rate, tau=self.tau)


def cases_on_published(
    claim: Claim, evidence: pd.DataFrame | None = None
) -> tuple[list[Case], int, int]:
    """Cases of a claim on made-up trials like those that decide it, the people in them, and the trials.

    Parameters
    ----------
    claim : Claim
    evidence : DataFrame, optional
        Everything shipped if not given.

    Returns
    -------
    cases : list of Case
        With the true values that the claim's cases on cohorts have. The truth is the rate of a trial in the
        middle, which is what the pooled rate estimates; rates differ between trials as much as was found.
    n, trials : int

    Raises
    ------
    UsageError
        If no pooled reading of the evidence table decides the claim, or there are too few trials.
    """
    reading = _deciding(claim)
    table = load_evidence() if evidence is None else evidence
    refuse(missing_columns(table, EVIDENCE_COLUMNS, table="evidence"), source="The evidence")
    counted, _ = counted_arms(rows_of_reading(table, reading), reading)
    trials, mean = pooled_trials(counted)
    if (counted["n"] % 1 != 0).any():
        raise UsageError("Arms with a number of people that is not whole cannot be drawn")
    # rounded, so that the last bits of a maximisation change no draw
    like = PublishedTrials(counted.reset_index(drop=True), 0.5, float(f"{sqrt(mean.tau2):.6g}"))
    targets = template(claim).targets
    border = tuple(end for end in claim.range if 0 < end < 1)
    cases = [
        Case(
            claim.id,
            which,
            replace(like, rate=float(targets[which])),
            {},
            (),
            float(targets[which]),
            0.0,
            border,
            f"rate={targets[which]}, tau={like.tau:.4g}",
        )
        for which in WHICH
    ]
    return cases, int(trials["n"].sum()), len(trials)


def draw_trials(case: Case, n: int, seed: int) -> pd.DataFrame:
    """An evidence table with the arms of a case, which hold n people, and events drawn anew."""
    like = case.scenario
    if not isinstance(like, PublishedTrials):
        raise UsageError("Published trials are drawn from PublishedTrials only")
    if n != like.arms["n"].sum():
        raise UsageError(f"The arms hold {int(like.arms['n'].sum())} people, so n cannot be {n}")
    rng = np.random.default_rng(seed)
    code, trials = pd.factorize(like.arms["study_id"], sort=True)
    rates = expit(logit(like.rate) + like.tau * rng.standard_normal(len(trials)))
    size = like.arms["n"].to_numpy(dtype=np.int64)
    events = rng.binomial(size, rates[code]).astype(float)
    return like.arms.assign(events=events, proportion=events / size)


def _deciding(claim: Claim) -> Reading:
    reading: Reading | None = claim.primary
    if reading is None or reading.source != "evidence" or reading.method != _POOLED:
        raise NoErrorRatesError(
            f"The claim {claim.id!r} is not decided by a pooled rate of published trials: give a cohort"
        )
    return reading

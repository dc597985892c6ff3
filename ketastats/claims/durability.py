"""Judging whether benefit lasts: sustained at a horizon, or kept with single doses as needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ketastats.claims.design import Patients, choose_patients, design_limits, needed_patients
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import WORDS, relief_intervals
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE
from ketastats.claims.verdict import Verdict, decided, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.maintenance import first_series, second_series
from ketastats.endpoints.relapse import derive_loss_of_response, derive_relapse
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.sustained_response import sustained_response
from ketastats.models.time_to_relief import time_to_relief
from ketastats.results import duration

_NO_CAUSE = "That benefit lasted in one arm does not show that the treatment made it last."
_WEEK = 168.0


def judge_durability(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
) -> Verdict:
    """Judge a `durability` claim on one arm of a cohort.

    `measure` of the claim says what lasts. "sustained": in response (or another endpoint) at the
    end of treatment and at every later assessment up to the horizon, as a share of everybody; who
    was not followed may have been in response or not, and the verdict has to hold either way.
    "kept": of those with relief, the share that by the horizon had neither relapse nor rescue nor a
    second series of doses.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    rule = _rule(claim, patients)
    followed = float(patients.own_scores.dropna(subset=["aval"])["afrlt"].max())
    if not followed >= claim.horizon - _WEEK:
        return _not_testable(
            claim,
            f"Nobody was followed to {duration(claim.horizon)}: the last assessment was at "
            f"{duration(followed)}.",
            limits,
            f"Follow-up to {duration(claim.horizon)} of at least half of the patients.",
            cohort,
        )
    kept = claim.facts.get("measure") == "kept"
    if kept and not _has_follow_up_doses(patients):
        return _not_testable(
            claim,
            "Nobody had a single dose after the first series, so nothing can be said of such doses.",
            limits,
            "Dose dates beyond the first series.",
            cohort,
        )
    rows, notes = (_kept if kept else _sustained)(claim, patients, rule)
    return decided(
        claim,
        verdict_frame(rows),
        where=f"in {patients.who}",
        limits=(*limits, _NO_CAUSE),
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
        notes=notes,
    )


def _not_testable(
    claim: Claim, reason: str, limits: tuple[str, ...], needed: str, cohort: Cohort
) -> Verdict:
    return Verdict(
        verdict_frame([]),
        claim,
        NOT_TESTABLE,
        reason,
        limits=limits,
        needed=needed,
        sources=cohort.sources,
    )


def _rule(claim: Claim, patients: Patients) -> Rule:
    endpoint = str(claim.facts.get("endpoint", "response"))
    scale = find_instrument(patients.instrument)
    usable = [rule for rule in scale.rules_for(endpoint) if patients.can_use(rule)]
    if not usable:
        raise UsageError(
            f"{scale.title} has no rule of {WORDS[endpoint].lower()} that this cohort can carry: "
            "name another instrument"
        )
    return usable[0]


def _has_follow_up_doses(patients: Patients) -> bool:
    doses = patients.of(patients.cohort.doses)
    if doses.empty:
        return False
    last = doses["usubjid"].map(first_series(doses).set_index("usubjid")["end"])
    return bool((doses["afrlt"] > last).any())


def _sustained(
    claim: Claim, patients: Patients, rule: Rule
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Sustained from the end of treatment, counted in four ways; the widest decides."""
    start = _end_of_treatment(patients)
    if start > claim.horizon - 2 * _WEEK - 1:
        raise UsageError(
            f"Treatment went on until {duration(start)}, so nothing after it can be seen by "
            f"{duration(claim.horizon)}"
        )
    found = {
        missing: sustained_response(
            patients.own_scores,
            horizon=claim.horizon,
            start=start,
            subjects=patients.subjects,
            endpoint=rule.endpoint,
            rule=rule.id,
            missing=missing,
            conf_level=DECISION_LEVEL,
        ).to_frame()
        for missing in ("bounds", "non_response", "observed")
    }
    span = f"{duration(start)} to {duration(claim.horizon)}"
    everybody = f"{WORDS[rule.endpoint]} ({rule.name}) kept from {span}"
    rows_of = {
        row["bound"]: row for row in found["bounds"].to_dict("records") if row["of"] == "enrolled"
    }
    least, most = rows_of["low"], rows_of["high"]
    widest = ReadingEstimate(
        least["estimate"],
        least["conf_low"],
        most["conf_high"],
        n=int(least["n"]),
        events=int(least["successes"]),
        bound_low=least["estimate"],
        bound_high=most["estimate"],
        unit="cohort",
    )
    rows = [_row(claim, rule, widest, "bounds", f"{everybody}, whatever those not followed had")]
    for missing, of, words in (
        ("non_response", "enrolled", "everyone, not followed = not kept"),
        ("observed", "enrolled", "those followed"),
        ("non_response", "at_start", "of those with it at the start, not followed = not kept"),
    ):
        row = found[missing][found[missing]["of"] == of].iloc[0]
        if row["n"] > 0:
            rows.append(_row(claim, rule, _plain(row), f"{missing}/{of}", f"{everybody}, {words}"))
    return rows, (
        f"End of treatment: {duration(start)}, the median of the patients' last doses of the first series.",
    )


def _kept(
    claim: Claim, patients: Patients, rule: Rule
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Neither relapse, rescue nor a second series by the horizon, of those with relief."""
    relief = relief_intervals(patients, rule, rescue="ignore")
    rows = []
    if find_instrument(patients.instrument).rules_for("relapse"):
        relapse = derive_relapse(
            patients.own_scores,
            relief=relief,
            consecutive=1,
            at_start="exclude",
            subjects=patients.subjects,
            medications=patients.of(patients.cohort.medications),
            rescue="competing",
            dropout="censor",
            death="competing",
        )
        rows.append(_kept_row(claim, patients, relief, relapse, rule, "relapse"))
    lost = derive_loss_of_response(
        patients.own_scores,
        relief=relief,
        subjects=patients.subjects,
        medications=patients.of(patients.cohort.medications),
        rescue="competing",
        dropout="censor",
        death="competing",
    )
    rows.append(_kept_row(claim, patients, relief, lost, rule, "loss of response"))
    n_relief = int(relief["status"].eq("relief").sum())
    return rows, (
        f"Of {len(relief)} patients {n_relief} had relief and are counted; time is "
        "counted from the first dose. A second series is two or more doses at most a week "
        "apart after the first series.",
    )


def _kept_row(
    claim: Claim,
    patients: Patients,
    relief: pd.DataFrame,
    loss: pd.DataFrame,
    rule: Rule,
    event: str,
) -> dict[str, Any]:
    failures = _with_second_series(_since_first_dose(loss, relief), patients)
    failures["status"] = failures["status"].where(failures["status"] == "censored", event)
    bounds = failures[["left", "right"]].to_numpy(dtype=float)
    at = min(claim.horizon, float(bounds[np.isfinite(bounds)].max()))
    frame = time_to_relief(
        failures, times=[at], shares=[], tau=at, conf_level=DECISION_LEVEL
    ).to_frame()
    row = next(row for row in frame.to_dict("records") if row["quantity"] == "reached")
    estimate = ReadingEstimate(
        1 - row["estimate"],
        1 - row["conf_high"],
        1 - row["conf_low"],
        n=int(row["n"]),
        bound_low=1 - row["bound_high"],
        bound_high=1 - row["bound_low"],
        unit="cohort",
    )
    title = f"After relief ({rule.name}) no {event}, rescue or second series by {duration(at)}"
    return _row(claim, rule, estimate, event.replace(" ", "_"), title)


def _since_first_dose(loss: pd.DataFrame, relief: pd.DataFrame) -> pd.DataFrame:
    """Intervals on the clock of the first dose instead of that of first-seen relief."""
    seen = loss["usubjid"].map(relief.set_index("usubjid")["right"])
    return loss.assign(left=loss["left"] + seen, right=loss["right"] + seen)


def _with_second_series(loss: pd.DataFrame, patients: Patients) -> pd.DataFrame:
    """A second series that began before the loss was seen counts as the loss.

    It comes at its own time where the loss had not come by then, and bounds the loss from above
    where that is not known.
    """
    again = second_series(patients.of(patients.cohort.doses)).set_index("usubjid")["start"]
    at = loss["usubjid"].map(again).to_numpy(dtype=float)
    left, right = loss["left"].to_numpy(dtype=float), loss["right"].to_numpy(dtype=float)
    earlier = np.isfinite(at) & (at < right)
    unseen = np.isinf(right)
    return loss.assign(
        left=np.where(earlier & (unseen | (at < left)), at, left),
        right=np.where(earlier, at, right),
        status=loss["status"].where(~earlier, "second series"),
    )


def _end_of_treatment(patients: Patients) -> float:
    """Median over the patients of the last dose of the first series; 0 where no dose is recorded."""
    doses = patients.of(patients.cohort.doses)
    return 1.0 if doses.empty else max(1.0, float(first_series(doses)["end"].median()))


def _plain(row: pd.Series) -> ReadingEstimate:
    return ReadingEstimate(
        row["estimate"],
        row["conf_low"],
        row["conf_high"],
        n=int(row["n"]),
        events=int(row["successes"]),
        unit="cohort",
    )


def _row(
    claim: Claim, rule: Rule, estimate: ReadingEstimate, reading: str, title: str
) -> dict[str, Any]:
    return reading_row(
        claim,
        estimate,
        reading=f"{rule.id}/{reading}",
        role="reading",
        title=title,
        method="wilson" if estimate.events is not None else "turnbull",
        rule=rule.id,
        missing=reading,
        grade=rule.grade,
    )

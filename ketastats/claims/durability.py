"""Judging whether benefit lasts: sustained at a horizon, or kept with single doses as needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ketastats.claims.design import (
    Patients,
    choose_patients,
    design_limits,
    needed_patients,
)
from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.onset import WORDS
from ketastats.claims.registry import Claim
from ketastats.claims.share_by_time import shares_by
from ketastats.claims.standing import DECISION_LEVEL
from ketastats.claims.verdict import Verdict, decided, not_testable, reading_row, verdict_frame
from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.maintenance import first_series, second_series
from ketastats.endpoints.relapse import derive_loss_of_response, derive_relapse
from ketastats.endpoints.relief import derive_relief
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.rules import Rule
from ketastats.models.sustained_response import sustained_response
from ketastats.results import duration

_NO_CAUSE = "That benefit lasted in one arm does not show that the treatment made it last."
_DAY = 24.0
_WEEK = 168.0


class _NotTestableError(Exception):
    """Why a cohort cannot be asked, and what cohort could."""

    def __init__(self, reason: str, needed: str) -> None:
        super().__init__(reason)
        self.reason, self.needed = reason, needed


class _Readings(NamedTuple):
    rows: list[dict[str, Any]]
    notes: tuple[str, ...]


def judge_durability(
    claim: Claim,
    cohort: Cohort,
    *,
    arm: str | None = None,
    instrument: str | None = None,
    treatment: str | None = None,
    only_deciding: bool = False,
) -> Verdict:
    """Judge a `durability` or `rate_above` claim on one arm of a cohort.

    `measure` of the claim says what lasts. "sustained": in response (or another endpoint) a day
    after the end of treatment and at every later assessment up to the horizon, as a share of
    everybody. "kept": of those in response at the end of their first series of doses, the share that
    by the horizon had neither relapse nor rescue nor a second series. Who was not followed may have
    been well or not; the deciding reading has to hold either way. Both need the times of the doses.
    A `rate_above` claim is about a sustained endpoint; response stands beside it for comparison, so
    that the two are not confused.

    Parameters
    ----------
    claim : Claim
    cohort : Cohort
    arm, instrument, treatment : str, optional
        As for `ketastats.judge`.
    only_deciding : bool
        Leave out the readings that do not bear on the word.
    """
    patients = choose_patients(cohort, arm=arm, instrument=instrument, treatment=treatment)
    limits, capped = design_limits(claim, patients)
    rule = _rule(claim, patients)
    kept = claim.facts.get("measure") == "kept"
    try:
        _require_follow_up(claim, patients)
        found = (_kept if kept else _sustained)(claim, patients, rule)
        if only_deciding:
            found = found._replace(rows=found.rows[:1])
        wanted = claim.kind == "rate_above" and not only_deciding
        beside = _response_beside(claim, patients, rule) if wanted else []
    except _NotTestableError as why:
        return not_testable(
            claim, why.reason, limits=limits, needed=why.needed, sources=cohort.sources
        )
    return decided(
        claim,
        verdict_frame([*found.rows, *beside]),
        where=f"in {patients.who}",
        limits=(*limits, _NO_CAUSE),
        capped=capped,
        needed=needed_patients(claim),
        sources=cohort.sources,
        notes=found.notes,
    )


def _require_follow_up(claim: Claim, patients: Patients) -> None:
    """Refuse cohorts without doses, and those whose last assessment is far from the horizon."""
    until = duration(claim.horizon)
    scores = patients.own_scores.dropna(subset=["aval"])
    if not (scores["afrlt"] > 0).any():
        raise _NotTestableError(
            "Nobody was assessed after the first dose.", f"Assessments up to {until}."
        )
    followed = float(scores["afrlt"].max())
    if followed < claim.horizon - _WEEK:
        raise _NotTestableError(
            f"Nobody was followed to {until}: the last assessment was at {duration(followed)}.",
            f"Follow-up to {until} of as many patients as possible.",
        )
    if patients.of(patients.cohort.doses).empty:
        raise _NotTestableError(
            "No doses are recorded, so it is not known when treatment ended.",
            "The times of all doses.",
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


def _treatment(patients: Patients) -> pd.Series:
    """The end of each subject's first series of doses, in hours, by subject."""
    doses = patients.of(patients.cohort.doses)
    return first_series(doses).set_index("usubjid")["end"].clip(lower=0.0)


def _sustained(claim: Claim, patients: Patients, rule: Rule) -> _Readings:
    """Sustained from a day after the end of treatment, counted in four ways; the widest decides."""
    ends = _treatment(patients)
    start = float(ends.median()) + _DAY
    found = {
        missing: _sustained_frame(claim, patients, rule, ends, start, missing)
        for missing in ("bounds", "non_response", "observed")
    }
    span = f"{duration(start)} to {duration(claim.horizon)}"
    everybody = f"{WORDS[rule.endpoint]} ({rule.name}) kept from {span}"
    rows_of = {
        row["bound"]: row for row in found["bounds"].to_dict("records") if row["of"] == "enrolled"
    }
    least, most = _counted(rows_of["low"]), _counted(rows_of["high"])
    widest = replace(least, high=most.high, bound_low=least.estimate, bound_high=most.estimate)
    unknown = most.estimate > least.estimate
    words = ", whatever became of those not followed" if unknown else ""
    rows = [_row(claim, rule, widest, "bounds", f"{everybody}{words}")]
    for missing, of, words in (
        ("non_response", "enrolled", "not followed = not kept"),
        ("observed", "enrolled", "only those followed"),
        ("non_response", "at_start", "only those with it at the start, not followed = not kept"),
    ):
        row = found[missing][found[missing]["of"] == of].iloc[0]
        if row["n"] > 0 and (unknown or of == "at_start"):
            title = f"{everybody}, {words}"
            rows.append(_row(claim, rule, _counted(row), f"{missing}/{of}", title))
    return _Readings(rows, _sustained_notes(patients, ends, start, claim.horizon))


def _response_beside(claim: Claim, patients: Patients, rule: Rule) -> list[dict[str, Any]]:
    """Sustained response in the same patients, for comparison with the endpoint that decides."""
    usable = [
        other
        for other in find_instrument(patients.instrument).rules_for("response")
        if patients.can_use(other) and other.endpoint != rule.endpoint
    ]
    if not usable:
        return []
    first = _sustained(claim, patients, usable[0]).rows[0]
    return [{**first, "role": "yardstick", "verdict": ""}]


def _sustained_frame(
    claim: Claim, patients: Patients, rule: Rule, ends: pd.Series, start: float, missing: str
) -> pd.DataFrame:
    """Shares from `start` on; who was treated for longer is not asked before the own last dose."""
    scores = patients.own_scores
    own_end = scores["usubjid"].map(ends).astype("float64").fillna(0.0)
    in_treatment = (scores["afrlt"] > 0) & (scores["afrlt"] < own_end) & (own_end > start)
    try:
        return sustained_response(
            scores[~in_treatment],
            horizon=claim.horizon,
            start=start,
            subjects=patients.subjects,
            endpoint=rule.endpoint,
            rule=rule.id,
            missing=missing,
            method="clopper_pearson",
            conf_level=DECISION_LEVEL,
        ).to_frame()
    except UsageError as error:
        if start + 2 * _WEEK >= claim.horizon:
            reason = (
                f"Treatment went on until {duration(start - _DAY)}, so little after it can be seen by "
                f"{duration(claim.horizon)}."
            )
        elif "not testable" in str(error):
            reason = (
                "Nobody was assessed within a week of the end of treatment "
                f"({duration(start)}), or nobody within a week of {duration(claim.horizon)}."
            )
        else:
            raise
        needed = f"Assessments at the end of treatment and at {duration(claim.horizon)}."
        raise _NotTestableError(reason, needed) from None


def _sustained_notes(
    patients: Patients, ends: pd.Series, start: float, horizon: float
) -> tuple[str, ...]:
    notes = [
        f"End of treatment: a day after the last dose of the first series, {duration(start)} in the "
        "middle patient. Assessments nearest to it and to the horizon count, at most a week away."
    ]
    longer = int((ends > start).sum())
    if longer:
        notes.append(
            f"{longer} were treated for longer and are not asked before their own last dose."
        )
    doses = patients.of(patients.cohort.doses)
    last = doses["usubjid"].map(ends)
    more = doses.loc[(doses["afrlt"] > last) & (doses["afrlt"] <= horizon), "usubjid"].nunique()
    if more:
        notes.append(f"{more} had further doses before the horizon, which change nothing here.")
    return tuple(notes)


def _kept(claim: Claim, patients: Patients, rule: Rule) -> _Readings:
    """Neither relapse, rescue nor a second series by the horizon, of those in response after the first."""
    doses = patients.of(patients.cohort.doses)
    series = first_series(doses).set_index("usubjid")
    if (series["n_doses"] < 2).all():
        raise _NotTestableError(
            "Nobody was given a series of doses (two or more, at most a week apart).",
            "Patients who were given a series of doses, and doses as needed after it.",
        )
    ends = series.loc[series["n_doses"] > 1, "end"]
    if not (doses["afrlt"] > doses["usubjid"].map(ends)).any():
        raise _NotTestableError(
            "Nobody was given a dose after the first series, so nothing can be said of such doses.",
            "Patients who were given single doses after the first series, with their times.",
        )
    scores, subjects = _since_last_dose(patients, ends)
    relief = _in_response(scores, subjects, rule)
    if relief.empty:
        raise _NotTestableError(
            f"Nobody was seen in {WORDS[rule.endpoint].lower()} within a week of the last dose of "
            "the first series.",
            "Assessments at the end of the first series and after it.",
        )
    rows = [
        _kept_row(claim, patients, loss, ends, rule, event)
        for event, loss in _losses(scores, subjects, relief, patients, ends)
    ]
    if not rows:
        raise _NotTestableError(
            "Nobody in response after the first series was assessed again.",
            f"Assessments up to {duration(claim.horizon)}.",
        )
    return _Readings(
        rows,
        (
            f"{len(relief)} of {len(patients.subjects)} patients were in "
            f"{WORDS[rule.endpoint].lower()} within a week of the last dose of their first series and "
            f"are counted. That dose came at {duration(float(ends.median()))} in the middle patient. A "
            "second series is two or more doses at most a week apart. Death counts as loss.",
        ),
    )


def _since_last_dose(patients: Patients, ends: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores after the first series and subjects, both on the clock of its last dose.

    Scores keep the baseline before the first dose (`base`); rows at or before the last dose go.
    """
    subjects = patients.subjects[patients.subjects["usubjid"].isin(ends.index)]
    subjects = subjects.reset_index(drop=True)
    if "eosafrlt" in subjects.columns:
        subjects["eosafrlt"] = subjects["eosafrlt"] - subjects["usubjid"].map(ends)
    scores = patients.own_scores
    scores = scores[scores["usubjid"].isin(ends.index)]
    scores = scores.assign(afrlt=scores["afrlt"] - scores["usubjid"].map(ends))
    return scores[scores["afrlt"] > 0].reset_index(drop=True), subjects


def _in_response(scores: pd.DataFrame, subjects: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Who was in response at the first assessment after the last dose, a week after it at most."""
    first = scores.dropna(subset=["aval"]).sort_values("afrlt").drop_duplicates("usubjid")
    if first.empty:
        return first
    relief = derive_relief(
        first,
        endpoint=rule.endpoint,
        rule=rule.id,
        subjects=subjects,
        dropout="ignore",
        death="ignore",
        at_start="exclude",
    )
    in_time = relief["status"].eq("relief") & (relief["right"] <= _WEEK)
    return relief[in_time].reset_index(drop=True)


def _losses(
    scores: pd.DataFrame,
    subjects: pd.DataFrame,
    relief: pd.DataFrame,
    patients: Patients,
    ends: pd.Series,
) -> list[tuple[str, pd.DataFrame]]:
    """Tables of relapse (where the scale has a rule) and of loss of response, each with its name."""
    medications = patients.of(patients.cohort.medications)
    if "cmstrlt" in medications.columns and not medications.empty:
        own_end = medications["usubjid"].map(ends).astype("float64")
        medications = medications.assign(cmstrlt=medications["cmstrlt"] - own_end)
        medications = medications[own_end.notna()].reset_index(drop=True)
    found = []
    if find_instrument(patients.instrument).rules_for("relapse"):
        relapse = derive_relapse(
            scores,
            relief=relief,
            consecutive=1,
            at_start="exclude",
            subjects=subjects,
            medications=medications,
            rescue="competing",
            dropout="censor",
            death="competing",
        )
        found.append(("relapse", relapse))
    lost = derive_loss_of_response(
        scores,
        relief=relief,
        subjects=subjects,
        medications=medications,
        rescue="competing",
        dropout="censor",
        death="competing",
    )
    found.append(("loss of response", lost))
    return [(event, _dated(loss, relief)) for event, loss in found if len(loss)]


def _dated(loss: pd.DataFrame, relief: pd.DataFrame) -> pd.DataFrame:
    """Intervals since the last dose of the first series instead of since relief was seen after it."""
    seen = loss["usubjid"].map(relief.set_index("usubjid")["right"])
    return loss.assign(left=loss["left"] + seen, right=loss["right"] + seen)


def _kept_row(
    claim: Claim,
    patients: Patients,
    loss: pd.DataFrame,
    ends: pd.Series,
    rule: Rule,
    event: str,
) -> dict[str, Any]:
    failures = _with_second_series(loss, patients, ends)
    failures["status"] = failures["status"].where(failures["status"] == "censored", event)
    start = float(ends.median())
    at = claim.horizon - start
    shares = shares_by(failures, at)
    earlier = shares_by(failures, at - _WEEK) if at > _WEEK else shares
    if (
        earlier.n_lost < shares.n_lost
    ):  # a last visit somewhat before the horizon tells enough of it
        at, shares = at - _WEEK, earlier
    title = f"After the first series no {event}, rescue or second series by {duration(start + at)}"
    if shares.n_lost:
        title += ", whatever became of those not followed so long"
    return _row(
        claim,
        rule,
        replace(shares.anyway, events=None).complement(),
        event.replace(" ", "_"),
        title,
    )


def _with_second_series(loss: pd.DataFrame, patients: Patients, ends: pd.Series) -> pd.DataFrame:
    """A second series that began before the loss was seen counts as the loss.

    It comes at its own time where the loss had not come by then, and bounds the loss from above
    where that is not known.
    """
    again = second_series(patients.of(patients.cohort.doses)).set_index("usubjid")["start"]
    at = (loss["usubjid"].map(again) - loss["usubjid"].map(ends)).to_numpy(dtype=float)
    left, right = loss["left"].to_numpy(dtype=float), loss["right"].to_numpy(dtype=float)
    earlier = np.isfinite(at) & (at < right)
    unseen = np.isinf(right)
    return loss.assign(
        left=np.where(earlier & (unseen | (at < left)), at, left),
        right=np.where(earlier, at, right),
        status=loss["status"].where(~earlier, "second series"),
    )


def _counted(row: Any) -> ReadingEstimate:
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
    counted = claim.facts.get("measure") != "kept"
    return reading_row(
        claim,
        estimate,
        reading=f"{rule.id}/{reading}",
        role="reading",
        title=title,
        method="clopper_pearson" if counted else "turnbull, likelihood limits",
        rule=rule.id,
        missing=reading,
        grade=rule.grade,
    )

"""Losses of response that come again, as spans at risk for models of recurrent events."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketastats.checks.intervals import CENSORED
from ketastats.endpoints.assessments import (
    Assessments,
    Flags,
    Floats,
    chosen_rule,
    followed_subjects,
    judge_assessments,
    require_scores,
)
from ketastats.endpoints.event_spans import (
    SPAN_COLUMNS,
    cut_follow_up,
    require_free_names,
    with_subject_columns,
)
from ketastats.endpoints.intercurrent_events import end_of_follow_up
from ketastats.endpoints.relief import AT_START
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.rules import Rule

AT_RISK = ("in_response", "throughout")
"""When a subject counts as at risk of a loss of response."""

_OWN = (*SPAN_COLUMNS, "left", "rule", "at_risk")


def derive_episodes(
    scores: pd.DataFrame,
    *,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    medications: pd.DataFrame | None = None,
    at_risk: str = "in_response",
    consecutive: int = 1,
    rescue: str | None = None,
    dropout: str | None = None,
    death: str | None = None,
    at_start: str = "error",
) -> pd.DataFrame:
    """Derive spans at risk of losing response again and again, in hours since the first dose.

    **An event lies at the assessment at which the loss was seen, not at the loss.** The true time
    lies in (`left`, `stop`], and response came before the assessment at which it was first seen. The
    models of recurrent events take `stop` as exact, so their times depend on the schedule, and a
    loss and recovery between two assessments is not counted: compare groups only if they share a
    schedule. For the first loss use `derive_loss_of_response` with `time_to_relief`, which take
    the interval as it is.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        `usubjid`, `paramcd`, `afrlt` (hours since the first dose), `aval`; `base` is derived if it
        is absent. Missing scores, and those at or before the first dose, show nothing. Not
        modified, nor are the other tables.
    endpoint, rule, instrument
        As for `derive_relief`; the rule says what it is to be in response.
    subjects : DataFrame, one row per subject, optional
        As for `derive_relief`.
    medications : DataFrame, optional
        As for `derive_relief`.
    at_risk : {"in_response", "throughout"}
        "in_response": from each assessment at which response was seen to the one at which it was
        seen to be lost; nobody is at risk while not in response. For rates among those in response
        (`recurrent_events` with "ag", "pwp_total" or "pwp_gap"); their sum over time is no number
        of losses per patient. "throughout": from the first dose to the end of follow-up without
        gaps, in response or not. For numbers per patient (`mean_cumulative_count`, and "lwyy",
        which compares them).
    consecutive : 1 or 2, default 1
        Assessments at which the rule must not be met. With 2, the loss is dated at the first of
        two; a single one changes nothing.
    rescue, dropout, death : "censor", "competing", "ignore" or None
        What each event means. "censor": assessments after it are not used. "competing": it ends the
        course for good, the last span reaches up to it if the subject is at risk then (no loss is
        taken to have come unseen in between), and `terminal` is 1. "ignore": later assessments
        count. None is an error if the data hold such events.
    at_start : "error" or "exclude", default "error"
        As for `derive_relief`.

    Returns
    -------
    DataFrame, one row per span (start, stop], by subject in the order of `subjects` and by time
        `usubjid`, `start`, `stop`, `event` (1: a loss was seen at `stop`; else follow-up ended, at
        the last known assessment), `episode` (1, 2, ...: which loss the span is at risk of),
        `terminal` (1 in the span that a competing event ended; for ``mean_cumulative_count(
        terminal="terminal")``, which needs ``at_risk="throughout"``), `left` (last assessment in
        response up to `stop` that came with or after `start`; missing where there is none), `rule`,
        `at_risk` (as given), and the columns of `subjects`. `attrs` are those of `scores` plus
        `left_out` (subjects without a span) and `unconfirmed` (losses seen once that
        ``consecutive=2`` did not count).

    Raises
    ------
    UsageError
        If an option is unknown or does not fit, events are there without a word for them, somebody
        meets the rule at the start, or the scores are of several periods of a crossover.
    DataError
        With every problem of a table found in one go.

    References
    ----------
    Cook RJ, Lawless JF (2007). The Statistical Analysis of Recurrent Events, chapter 7
    (observation at visits only).
    """
    _require_options(at_risk, consecutive, at_start)
    one = chosen_rule(scores, endpoint, rule, instrument)
    require_scores(scores, one.instrument)
    followed = followed_subjects(scores, subjects)
    require_free_names(followed, _OWN)
    end, ending = end_of_follow_up(
        followed,
        since=np.zeros(len(followed)),
        medications=medications,
        subjects=subjects,
        handling={"rescue": rescue, "dropout": dropout, "death": death},
    )
    seen = judge_assessments(scores, one, followed["usubjid"]).until(end)
    well = seen.holds_at(np.arange(len(followed)), np.zeros(len(followed)), seen.met)
    _refuse_well(well, one, at_start)
    known = _only(seen, (seen.time > 0) & ~well[seen.subject])
    counted = known.met | (known.turned().sustained() if consecutive == 2 else True)
    used = _only(known, counted)
    over = (ending != CENSORED) & ~well
    within = at_risk == "in_response"
    spans = _in_response(used, end, over) if within else _throughout(used, known, end, over)
    words = {"rule": one.label, "at_risk": at_risk}
    spans = spans.assign(
        **{name: pd.array([word] * len(spans), dtype="string") for name, word in words.items()}
    )
    table = with_subject_columns(spans, followed)
    table.attrs = {
        **scores.attrs,
        "left_out": len(followed) - spans["subject"].nunique(),
        "unconfirmed": int((_lost(known) & ~counted).sum()),
    }
    return table


def require_throughout(spans: pd.DataFrame, purpose: str) -> None:
    """Raise `UsageError` if `spans` say that they are at risk in response only.

    Those out of response are then not at risk, and a sum over time is no number of losses per
    patient. Spans without `at_risk`, or with other words in it, pass.
    """
    if "at_risk" not in spans.columns:
        return
    if spans["at_risk"].eq("in_response").to_numpy(dtype=bool, na_value=False).any():
        raise UsageError(
            "The spans are at risk in response only (their column at_risk says in_response), and "
            f'{purpose}: derive them with derive_episodes(..., at_risk="throughout")'
        )


def _require_options(at_risk: str, consecutive: int, at_start: str) -> None:
    if at_risk not in AT_RISK:
        raise unknown_name("time at risk", str(at_risk), AT_RISK)
    if consecutive not in (1, 2):
        raise UsageError(f"consecutive is 1 or 2, not {consecutive!r}")
    if at_start not in AT_START:
        raise unknown_name("way to treat who meets the rule at the start", str(at_start), AT_START)


def _refuse_well(well: Flags, one: Rule, at_start: str) -> None:
    if at_start == "error" and well.any():
        raise UsageError(
            f"{int(well.sum())} of {len(well)} subjects meet {one.id} already at or before the "
            'first dose, so when they came to meet it is not known: say at_start="exclude" to leave '
            "them out, or choose another rule"
        )


def _only(seen: Assessments, kept: Flags) -> Assessments:
    return Assessments(seen.subject[kept], seen.time[kept], seen.met[kept])


def _follows(seen: Assessments) -> Flags:
    """Whether an assessment is of the same subject as the one before it."""
    return np.append(False, seen.subject[1:] == seen.subject[:-1])[: len(seen.subject)]


def _lost(seen: Assessments) -> Flags:
    """Assessments not in response whose subject was in response at the one before."""
    was_met = np.append(False, seen.met[:-1])[: len(seen.met)]
    lost: Flags = _follows(seen) & was_met & ~seen.met
    return lost


def _in_response(seen: Assessments, end: Floats, over: Flags) -> pd.DataFrame:
    """One span per run of assessments in response."""
    met, follows = seen.met, _follows(seen)
    begins = np.flatnonzero(met & ~(follows & np.append(False, met[:-1])[: len(met)]))
    after = np.append(follows & met, False)[1:]  # the next one is of the same run
    last = np.flatnonzero(met & ~after)  # runs do not overlap, so both are in one order
    following = np.append(follows, False)[last + 1]
    subject, left = seen.subject[last], seen.time[last]
    lost = np.append(seen.time, np.nan)[last + 1]
    ended = over[subject] & ~following
    stop = np.where(following, lost, np.where(ended, end[subject], left))
    start = seen.time[begins]
    spans = pd.DataFrame(
        {
            "subject": subject,
            "start": start,
            "stop": stop,
            "event": following.astype(np.int64),
            "episode": pd.Series(subject).groupby(subject).cumcount().to_numpy(dtype=np.int64) + 1,
            "terminal": (over[subject] & (stop == end[subject])).astype(np.int64),
            "left": left,
        }
    )
    return spans[stop > start].reset_index(drop=True)


def _throughout(seen: Assessments, known: Assessments, end: Floats, over: Flags) -> pd.DataFrame:
    """Spans from the first dose on, cut where response was seen to be lost."""
    lost = np.flatnonzero(_lost(seen))
    last = np.full(len(end), np.nan)
    last[known.subject] = known.time  # in order of time: the last one stays
    in_response = np.zeros(len(end), dtype=bool)
    in_response[seen.subject] = seen.met
    latest = np.full(len(end), np.nan)
    latest[seen.subject] = seen.time
    # Who is in response although the last assessment is not, is followed to the last that is.
    last = np.where(over, end, np.where(in_response, latest, last))
    spans = cut_follow_up(
        seen.subject[lost], seen.time[lost], entry=np.zeros(len(end)), end=last, over=over
    )
    whose, event = spans["subject"].to_numpy(), spans["event"].to_numpy() == 1
    left = np.where(in_response[whose], latest[whose], np.nan)
    left[event] = seen.time[lost - 1]  # both by subject and time
    return spans.assign(left=left)

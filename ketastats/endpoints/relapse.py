"""Time from relief to its loss, as an interval: relapse by the registry's rule, or response gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import refuse
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.intervals import CENSORED, interval_problems
from ketastats.endpoints.assessments import (
    Assessments,
    Flags,
    Floats,
    chosen_rule,
    first_seen,
    judge_assessments,
    require_scores,
    require_shared_subjects,
)
from ketastats.endpoints.intercurrent_events import end_of_follow_up
from ketastats.endpoints.relief import AT_START
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.endpoint_definitions import load_endpoint_definitions
from ketastats.instruments.registry import rule as registry_rule
from ketastats.instruments.rules import Rule

_HOURS_A_DAY = 24.0
_OWN = ("usubjid", "left", "right", "status", "n_assessed", "rule", "origin_left")
_RELIEF = "relief"


def derive_relapse(
    scores: pd.DataFrame,
    *,
    relief: pd.DataFrame,
    rule: str | None = None,
    instrument: str | None = None,
    consecutive: int | None = None,
    gap_days: tuple[float, float] | None = None,
    subjects: pd.DataFrame | None = None,
    medications: pd.DataFrame | None = None,
    rescue: str | None = None,
    dropout: str | None = None,
    death: str | None = None,
    at_start: str = "error",
) -> pd.DataFrame:
    """Derive the interval (left, right] from first-seen relief to relapse, in hours.

    The clock starts at the assessment at which relief was first seen. Relief itself came earlier,
    in (left, right] of the relief table, so durations are short by at most `origin_left` hours.
    Relapse came after the last known assessment that did not meet the relapse rule and at or before
    the first that counts.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        As for `derive_relief`. Not modified, nor are the other tables.
    relief : DataFrame
        From `derive_relief` with `origin="first_dose"` on the same clock as `scores`.
    rule : str, optional
        A relapse rule such as ``"madrs:relapse_22"``; otherwise the instrument's default one.
    instrument : str, optional
        Needed if `scores` holds several and no rule is named.
    consecutive : 1 or 2, optional
        Assessments that must meet the rule. By default what the registry's definition of relapse
        (`endpoints.toml`) says of the rule, otherwise 1. With 2, relapse is dated at the first of
        two (it was there then; the second only confirms it), and none in between may be not met. A
        trial that dates relapse at the second assessment puts it later by their distance.
    gap_days : (float, float), optional
        Shortest and longest distance in days of the two, both included; (0, inf) for any. By default
        the registry's. A schedule whose visits are further apart than this can confirm no relapse:
        ``attrs["unconfirmed"]`` counts the rows in which one was seen and not confirmed.
    subjects : DataFrame, one row per subject, optional
        Says who dropped out or died (`eosstt`, `dcsreas`, `eosafrlt`). By default the columns that
        the relief table carries.
    medications : DataFrame, optional
        As for `derive_relief`; the first rescue after relief was seen counts.
    rescue, dropout, death : "censor", "competing", "ignore" or None
        As for `derive_relief`.
    at_start : "error" or "exclude", default "error"
        Subjects who meet the relapse rule while relief is first seen (a high baseline halved can
        still be high) cannot come to meet it.

    Returns
    -------
    DataFrame, one row per subject with relief and at risk, in the order of `relief`, plain index
        `usubjid`, `left`, `right` (hours since relief was first seen; infinite if not reached),
        `status` ("relapse", "censored" or the competing event), `n_assessed` (known assessments
        after the start), `rule`, `origin_left` (hours by which relief may have come earlier), and the
        further columns of `relief`. `attrs` are those of `scores` plus `left_out` (rows of `relief`
        without relief or not at risk) and `unconfirmed`.

    Raises
    ------
    UsageError
        If an option is unknown or does not fit, events are there without a word for them, somebody
        meets the rule at the start, `relief` is by dose, or `scores` are of several periods.
    DataError
        With every problem of a table found in one go.

    Notes
    -----
    The registry's definitions also count events as relapse (such as admission to hospital); these
    are not in the scores and are not seen here.
    """
    one = chosen_rule(scores, "relapse", rule, instrument)
    wanted, gap = _confirmation(one, consecutive, gap_days)
    require_scores(scores, one.instrument)
    start = _starts(relief)
    require_shared_subjects(scores, start, table="relief")
    seen = judge_assessments(scores, one, start["usubjid"])
    return _lost(
        seen,
        start,
        one=one,
        status="relapse",
        gap=gap if wanted == 2 else None,
        subjects=subjects,
        medications=medications,
        handling={"rescue": rescue, "dropout": dropout, "death": death},
        at_start=at_start,
        attrs=scores.attrs,
        of=len(relief),
    )


def derive_loss_of_response(
    scores: pd.DataFrame,
    *,
    relief: pd.DataFrame,
    rule: str | None = None,
    consecutive: int = 1,
    gap_days: tuple[float, float] = (0.0, np.inf),
    subjects: pd.DataFrame | None = None,
    medications: pd.DataFrame | None = None,
    rescue: str | None = None,
    dropout: str | None = None,
    death: str | None = None,
    at_start: str = "error",
) -> pd.DataFrame:
    """Derive the interval (left, right] from first-seen relief to its loss, in hours.

    Response is lost when an assessment with a known score no longer meets the rule. Clock, bounds and
    events as in `derive_relapse`.

    Parameters
    ----------
    scores, relief, subjects, medications, rescue, dropout, death, at_start
        As for `derive_relapse`.
    rule : str, optional
        The rule that must no longer be met; by default the one that `relief` was derived with.
    consecutive : 1 or 2, default 1
        Assessments at which the rule must not be met.
    gap_days : (float, float), default (0, inf)
        Shortest and longest distance of the two in days.

    Returns
    -------
    DataFrame
        As for `derive_relapse`, with `status` "loss_of_response".

    Raises
    ------
    UsageError, DataError
        As for `derive_relapse`; also if the rule is one of relapse, or `relief` names no single rule
        and none is given.
    """
    start = _starts(relief)
    one = _rule_of_relief(relief) if rule is None else registry_rule(rule)
    if one.endpoint == "relapse":
        raise UsageError(f"{one.id} is a rule of relapse: use derive_relapse")
    one = chosen_rule(scores, one.endpoint, one.id, None)
    wanted, gap = _confirmation(one, consecutive, gap_days)
    require_scores(scores, one.instrument)
    require_shared_subjects(scores, start, table="relief")
    seen = judge_assessments(scores, one, start["usubjid"]).turned()
    return _lost(
        seen,
        start,
        one=one,
        status="loss_of_response",
        gap=gap if wanted == 2 else None,
        subjects=subjects,
        medications=medications,
        handling={"rescue": rescue, "dropout": dropout, "death": death},
        at_start=at_start,
        attrs=scores.attrs,
        of=len(relief),
    )


def _starts(relief: pd.DataFrame) -> pd.DataFrame:
    """Rows of relief, with a plain index."""
    if "exseq" in relief.columns:
        raise UsageError(
            "The relief table is timed from a dose (it has exseq): derive it with "
            'origin="first_dose", whose clock the scores have'
        )
    found = interval_problems(relief)
    if not found:
        found += duplicated_rows(
            relief,
            ["usubjid"],
            table="relief",
            what="a second row for one subject",
            remedy="Keep one row per subject",
        )
    refuse(found, source="The table of relief")
    reached = np.isfinite(relief["right"].to_numpy(dtype=np.float64))
    if "status" in relief.columns:
        reached &= relief["status"].eq(_RELIEF).to_numpy(dtype=bool, na_value=False)
    started: pd.DataFrame = relief[reached].reset_index(drop=True)
    return started


def _rule_of_relief(relief: pd.DataFrame) -> Rule:
    named = list(relief["rule"].dropna().unique()) if "rule" in relief.columns else []
    if len(named) != 1:
        raise UsageError("The relief table names no single rule: say which is lost with rule=")
    return registry_rule(str(named[0]))


def _confirmation(
    one: Rule, consecutive: int | None, gap_days: tuple[float, float] | None
) -> tuple[int, tuple[float, float]]:
    """How many assessments must agree, and the hours between two."""
    variants = load_endpoint_definitions()["relapse"]["variants"]
    published: Mapping[str, Any] = next((v for v in variants if v.get("rule") == one.id), {})
    wanted = published.get("consecutive", 1) if consecutive is None else consecutive
    if wanted not in (1, 2):
        raise UsageError(f"consecutive is 1 or 2, not {consecutive!r}")
    low, high = gap_days or (
        published.get("gap_days_min", 0.0),
        published.get("gap_days_max", np.inf),
    )
    if not 0 <= low <= high:
        raise UsageError(
            "gap_days is the shortest and the longest distance in days, such as (5, 15)"
        )
    return int(wanted), (_HOURS_A_DAY * low, _HOURS_A_DAY * high)


def _lost(
    seen: Assessments,
    start: pd.DataFrame,
    *,
    one: Rule,
    status: str,
    gap: tuple[float, float] | None,
    subjects: pd.DataFrame | None,
    medications: pd.DataFrame | None,
    handling: Mapping[str, str | None],
    at_start: str,
    attrs: Mapping[Any, Any],
    of: int,
) -> pd.DataFrame:
    if at_start not in AT_START:
        raise unknown_name("way to treat who meets the rule at the start", str(at_start), AT_START)
    origin = start["right"].to_numpy(dtype=np.float64)
    told = subjects if subjects is not None else _told_by_relief(start)
    end, ending = end_of_follow_up(
        start, since=origin, medications=medications, subjects=told, handling=handling
    )
    already = seen.holds_at(np.arange(len(start)), origin, seen.met)
    _refuse_lost_at_start(already, one, status, at_start)
    used = seen.until(end)
    counted = used.met if gap is None else used.sustained(*gap)
    kept = np.flatnonzero(~already & (end > origin))
    table = first_seen(
        used, counted, subject=kept, origin=origin[kept], stop=np.full(len(kept), np.inf)
    )
    made = _with_events(table, end[kept] - origin[kept], ending[kept], status)
    own = pd.DataFrame(
        {
            "usubjid": start["usubjid"].iloc[kept].reset_index(drop=True),
            **{name: made[name] for name in ("left", "right", "status", "n_assessed")},
            "rule": pd.array([one.label] * len(kept), dtype="string"),
            "origin_left": origin[kept] - start["left"].to_numpy(dtype=np.float64)[kept],
        }
    )
    carried = start.drop(columns=[name for name in _OWN if name in start.columns])
    finished = pd.concat([own, carried.iloc[kept].reset_index(drop=True)], axis=1)
    unconfirmed = int(table["unconfirmed"].sum())
    finished.attrs = {**attrs, "left_out": of - len(kept), "unconfirmed": unconfirmed}
    return finished


def _told_by_relief(start: pd.DataFrame) -> pd.DataFrame | None:
    """The relief table itself, where it carries how subjects ended."""
    return start if {"eosstt", "dcsreas"} & set(start.columns) else None


def _refuse_lost_at_start(already: Flags, one: Rule, status: str, at_start: str) -> None:
    if at_start == "error" and already.any():
        what = f"meet {one.id}" if status == "relapse" else f"do not meet {one.id}"
        raise UsageError(
            f"{int(already.sum())} of {len(already)} subjects with relief {what} at the very "
            "assessment at which relief was first seen, so they cannot come to it: say "
            "at_start=\"exclude\" to leave them out (attrs['left_out'] counts them), or choose rules "
            "that exclude each other"
        )


def _with_events(
    table: pd.DataFrame, end: Floats, ending: NDArray[np.object_], status: str
) -> pd.DataFrame:
    reached = np.isfinite(table["right"].to_numpy())
    competing = ~reached & (ending != CENSORED)
    return table.assign(
        left=np.where(competing, end, table["left"]),
        right=np.where(competing, end, table["right"]),
        status=pd.array(
            np.where(reached, status, np.where(competing, ending, CENSORED)), dtype="string"
        ),
    )

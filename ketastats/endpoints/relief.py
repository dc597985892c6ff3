"""Time to relief as it is known: the interval between two assessments in which it came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_values, not_numbers, refuse, require_columns
from ketastats.checks.identity import duplicated_rows, require_one_period
from ketastats.checks.intervals import CENSORED
from ketastats.checks.positions import flagged
from ketastats.endpoints.assessments import (
    Assessments,
    Flags,
    Floats,
    Whole,
    chosen_rule,
    first_seen,
    followed_subjects,
    judge_assessments,
    next_true,
    require_scores,
)
from ketastats.endpoints.intercurrent_events import end_of_follow_up
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.rules import Rule

AT_START = ("error", "exclude")
"""What to do with subjects who meet the rule before anything could change it."""

ORIGINS = ("first_dose", "each_dose")

_OWN = ("exseq", "left", "right", "status", "n_assessed", "rule")


def derive_relief(
    scores: pd.DataFrame,
    *,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    doses: pd.DataFrame | None = None,
    medications: pd.DataFrame | None = None,
    confirmed: bool = False,
    origin: str | int = "first_dose",
    rescue: str | None = None,
    dropout: str | None = None,
    death: str | None = None,
    at_start: str = "error",
) -> pd.DataFrame:
    """Derive the interval (left, right] in which relief came, in hours.

    Relief is only seen at an assessment, so it came after the last known assessment that did not
    meet the rule and at or before the first that did. A missing score shows nothing: the interval
    widens. Who has no known assessment after the origin has (0, infinity) and `n_assessed` 0; so has
    who lacks the baseline that the rule needs.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        `usubjid`, `paramcd`, `afrlt` (hours since the first dose), `aval`; `base` is derived
        (`derive_baseline`) if it is absent. Assessments at or before the origin show only who is at
        risk. Not modified, nor are the other tables.
    endpoint : str, default "response"
        An endpoint of the registry, such as "remission". Partial response is counted as at least
        its lower bound, response included.
    rule : str, optional
        Rule id such as ``"madrs:response_50"``; otherwise the instrument's default rule.
    instrument : str, optional
        Needed if `scores` holds several and no rule is named.
    subjects : DataFrame, one row per subject, optional
        Everybody at risk; the result has them in this order with their columns. By default who is
        in `scores`. Also says who dropped out or died (`eosstt`, `dcsreas`, `eosafrlt`).
    doses : DataFrame, one row per dose, optional
        `usubjid`, `exseq`, `afrlt`; needed where the origin is a dose.
    medications : DataFrame, optional
        `usubjid`, `cmcat`, `cmstrlt`; says who had rescue medicine (`cmcat` RESCUE).
    confirmed : bool, default False
        Count a met assessment only if the subject's next known one is met too. Relief seen at the
        last known assessment alone stays unconfirmed: the row is then right-censored at the last
        assessment that was not met. Assessments after the end of follow-up confirm nothing.
    origin : "first_dose", "each_dose" or int, default "first_dose"
        "each_dose": one row per subject and dose, time since that dose, follow-up ended by the next
        dose (an assessment at its very time belongs to the earlier dose). At risk is whose last
        known assessment at or before the dose does not meet the rule, so one subject can find
        relief several times. A number k: time since dose k to the end of follow-up, for those who
        had dose k and no relief seen by then.
    rescue, dropout, death : "censor", "competing", "ignore" or None
        What each event means. "censor": assessments after it are not used, the subject is
        right-censored at the last one not met. "competing": unless relief was seen at or before it,
        the row is the event, at its own time (left = right); this assumes that relief did not come
        unseen between the last assessment and the event. "ignore": later assessments count
        (treatment policy).
        Relief seen at the time of the event is relief. The earliest competing event counts; at one
        time death before rescue before drop-out, and any of them before censoring. None is an error
        if the data hold such events. Events at or before time 0 are none; a dose at or after an
        event that ended the follow-up has no row. A drop-out or death without `eosafrlt` is
        right-censored at the last assessment, which "competing" refuses.
    at_start : "error" or "exclude", default "error"
        Subjects who meet the rule at their last assessment at or before the first dose (a
        remission rule can be met at baseline) are not at risk.

    Returns
    -------
    DataFrame, one row per subject at risk (or subject and dose), plain index
        `usubjid`, `exseq` (where the origin is a dose), `left`, `right` (hours since the origin;
        infinite if not reached), `status` ("relief", "censored", or the competing event), `n_assessed`
        (known assessments in the follow-up), `rule` (label), and the columns of `subjects`.
        `attrs` are those of `scores` plus `left_out` (rows not made since the subject was not at
        risk at the origin) and `unconfirmed` (rows without relief although an assessment met the
        rule).

    Raises
    ------
    UsageError
        If an option is unknown or does not fit, events are there without a word for them, somebody
        meets the rule at the start, or the scores are of several periods of a crossover.
    DataError
        With every problem of a table found in one go.

    References
    ----------
    Turnbull BW (1976). J R Stat Soc B 38:290-295 (interval-censored data). ICH E9(R1) (2019),
    section A.3 (intercurrent events and the strategies for them).
    """
    _require_options(origin, at_start, doses)
    one = chosen_rule(scores, endpoint, rule, instrument)
    require_scores(scores, one.instrument)
    followed = followed_subjects(scores, subjects)
    _require_free_names(followed)
    end, ending = end_of_follow_up(
        followed,
        since=np.zeros(len(followed)),
        medications=medications,
        subjects=subjects,
        handling={"rescue": rescue, "dropout": dropout, "death": death},
    )
    seen = judge_assessments(scores, one, followed["usubjid"]).until(end)
    counted = seen.sustained() if confirmed else seen.met
    well = _well_at_start(seen, counted, len(followed))
    _refuse_well(well, one, at_start)
    rows = _rows_from(origin, doses, followed)
    kept = _at_risk(rows, seen, counted, well, origin) & ~(end[rows.subject] <= rows.origin)
    table = _intervals(rows.only(kept), seen, counted, end, ending)
    left_out = len(kept) - int(kept.sum())
    return _finished(table, followed, one, scores.attrs, left_out, by_dose=origin != "first_dose")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to be made: the subject's position, the dose, and the hours it is followed from and to."""

    subject: Whole
    exseq: NDArray[np.int64]
    origin: Floats
    stop: Floats

    def only(self, kept: Flags) -> _Rows:
        return _Rows(self.subject[kept], self.exseq[kept], self.origin[kept], self.stop[kept])


def _require_options(origin: str | int, at_start: str, doses: pd.DataFrame | None) -> None:
    if at_start not in AT_START:
        raise unknown_name("way to treat who meets the rule at the start", str(at_start), AT_START)
    if isinstance(origin, str):
        if origin not in ORIGINS:
            raise unknown_name("origin", origin, ORIGINS)
    elif isinstance(origin, bool) or not isinstance(origin, (int, np.integer)) or origin < 1:
        raise UsageError(f'origin is "first_dose", "each_dose" or a dose number, not {origin!r}')
    if origin != "first_dose" and doses is None:
        raise UsageError(f"origin={origin!r} needs the table of doses: pass doses=")


def _require_free_names(followed: pd.DataFrame) -> None:
    taken = [name for name in _OWN if name in followed.columns]
    if taken:
        raise UsageError(
            f"The table of subjects has columns that the result needs for itself: "
            f"{', '.join(taken)}. Rename or drop them"
        )


def _well_at_start(seen: Assessments, counted: Flags, n: int) -> Flags:
    return seen.holds_at(np.arange(n), np.zeros(n), counted)


def _refuse_well(well: Flags, one: Rule, at_start: str) -> None:
    if at_start == "error" and well.any():
        raise UsageError(
            f"{int(well.sum())} of {len(well)} subjects meet {one.id} already at or before the "
            'first dose, so they cannot come to meet it: say at_start="exclude" to leave them out '
            "(their number is kept in attrs['left_out']), or choose another rule"
        )


def _rows_from(origin: str | int, doses: pd.DataFrame | None, followed: pd.DataFrame) -> _Rows:
    n = len(followed)
    if origin == "first_dose" or doses is None:
        return _Rows(np.arange(n), np.zeros(n, dtype=np.int64), np.zeros(n), np.full(n, np.inf))
    _require_doses(doses)
    who = pd.Index(followed["usubjid"]).get_indexer(pd.Index(doses["usubjid"])).astype(np.intp)
    number = doses["exseq"].to_numpy(dtype=np.int64)
    time = doses["afrlt"].to_numpy(dtype=np.float64)
    order = np.lexsort((number, who))
    order = order[who[order] >= 0]
    who, number, time = who[order], number[order], time[order]
    stop = np.append(np.where(who[1:] == who[:-1], time[1:], np.inf), np.inf)[: len(who)]
    rows = _Rows(who, number, time, stop)
    if origin == "each_dose":
        return rows
    chosen = number == origin
    if not chosen.any():
        most = f"the highest dose number is {number.max()}" if number.size else "there are no doses"
        raise UsageError(f"Nobody had dose {origin}: {most}")
    only = rows.only(chosen)
    return _Rows(only.subject, only.exseq, only.origin, np.full(len(only.origin), np.inf))


def _require_doses(doses: pd.DataFrame) -> None:
    names = ["usubjid", "exseq", "afrlt"]
    require_columns(doses, names, table="doses")
    require_one_period(doses, table="doses")
    found = missing_values(doses, names, table="doses")
    found += not_numbers(doses, ["exseq", "afrlt"], table="doses")
    found += duplicated_rows(
        doses,
        ["usubjid", "exseq"],
        table="doses",
        what="a second dose with the same number for one subject",
        remedy="Number the doses 1, 2, 3 ... within each subject",
    )
    refuse(found, source="The table of doses")
    number = doses["exseq"].to_numpy(dtype=np.float64)
    found = flagged(
        (number < 1) | (number != np.floor(number)),
        "not_a_dose_number",
        "doses",
        "exseq",
        "not a whole number from 1",
        "Number the doses 1, 2, 3 ... within each subject",
    )
    ordered = doses[names].assign(_row=np.arange(len(doses))).sort_values(["usubjid", "exseq"])
    back = (ordered.groupby("usubjid", sort=False)["afrlt"].diff() <= 0).to_numpy()
    late = np.zeros(len(doses), dtype=bool)
    late[ordered["_row"].to_numpy()[back]] = True
    found += flagged(
        late,
        "time_order",
        "doses",
        "exseq and afrlt",
        "exseq goes up while time does not",
        "Correct afrlt (hours since the first dose) or the numbering",
    )
    refuse(found, source="The table of doses")


def _at_risk(
    rows: _Rows, seen: Assessments, counted: Flags, well: Flags, origin: str | int
) -> Flags:
    if origin == "first_dose":
        return ~well
    if origin == "each_dose":
        return ~seen.holds_at(rows.subject, rows.origin, counted)
    start = seen.after(rows.subject, np.zeros(len(rows.subject)))
    found_by_then = next_true(counted)[start] < seen.after(rows.subject, rows.origin)
    free: Flags = ~(found_by_then | well[rows.subject])
    return free


def _intervals(
    rows: _Rows,
    seen: Assessments,
    counted: Flags,
    end: Floats,
    ending: NDArray[np.object_],
) -> pd.DataFrame:
    table = first_seen(seen, counted, subject=rows.subject, origin=rows.origin, stop=rows.stop)
    reached = np.isfinite(table["right"].to_numpy())
    end_of_row, by = end[rows.subject], ending[rows.subject]
    competing = ~reached & (by != CENSORED) & (end_of_row <= rows.stop)
    since_origin = end_of_row - rows.origin
    return table.assign(
        left=np.where(competing, since_origin, table["left"]),
        right=np.where(competing, since_origin, table["right"]),
        status=np.where(reached, "relief", np.where(competing, by, CENSORED)),
        subject=rows.subject,
        exseq=rows.exseq,
    )


def _finished(
    table: pd.DataFrame,
    followed: pd.DataFrame,
    one: Rule,
    attrs: dict[object, object],
    left_out: int,
    *,
    by_dose: bool,
) -> pd.DataFrame:
    whose = followed.iloc[table["subject"].to_numpy()].reset_index(drop=True)
    own = pd.DataFrame({"usubjid": whose["usubjid"]})
    if by_dose:
        own["exseq"] = table["exseq"]
    own = own.assign(
        left=table["left"],
        right=table["right"],
        status=table["status"].astype("string"),
        n_assessed=table["n_assessed"],
        rule=pd.array([one.label] * len(table), dtype="string"),
    )
    finished = pd.concat([own, whose.drop(columns="usubjid")], axis=1)
    unconfirmed = int(table["unconfirmed"].sum())
    finished.attrs = {**attrs, "left_out": left_out, "unconfirmed": unconfirmed}
    return finished

"""Assessments of one instrument in the order of time, judged by one rule: what event times come from.

Everything here works on arrays sorted by subject and time, so that a step costs the same for one
subject as for a million rows: no loop over subjects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import (
    missing_columns,
    missing_values,
    not_numbers,
    refuse,
    require_columns,
)
from ketastats.checks.identity import duplicated_rows
from ketastats.checks.positions import flagged
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.expressions import met
from ketastats.errors import DataError, Problem, UsageError, problem, unknown_name
from ketastats.instruments.registry import default_rule, instrument, rule
from ketastats.instruments.rules import Rule

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Flags = NDArray[np.bool_]

_SLACK = 1e-9  # hours; a gap of 7 days is 7 days whatever binary fractions make of it


@dataclass(frozen=True, slots=True)
class Assessments:
    """Known assessments sorted by subject and time.

    `subject` (positions in the table of subjects), `time` (hours since the first dose) and `met`
    have one entry per assessment.
    """

    subject: Whole
    time: Floats
    met: Flags

    def until(self, end: Floats) -> Assessments:
        """Keep those at or before each subject's `end` (hours, one per subject)."""
        kept = self.time <= end[self.subject]
        return Assessments(self.subject[kept], self.time[kept], self.met[kept])

    def turned(self) -> Assessments:
        """Met where it was not met, and the other way round."""
        return replace(self, met=~self.met)

    def after(self, subject: Whole, at: Floats) -> Whole:
        """Position just past the last assessment of each `subject` at or before `at`.

        Where there is none, the position of the subject's first assessment.
        """
        times = np.unique(self.time)
        step = len(times) + 1
        own = self.subject * step + np.searchsorted(times, self.time)
        asked = subject * step + np.searchsorted(times, at, side="right")
        return np.searchsorted(own, asked)

    def start_of(self, subject: Whole) -> Whole:
        """Position of each subject's first assessment."""
        return np.searchsorted(self.subject, subject)

    def sustained(self, shortest: float = 0.0, longest: float = np.inf) -> Flags:
        """Met assessments that a later one confirms.

        An assessment is confirmed if another one, `shortest` to `longest` hours later, is met too and
        no known assessment between the two is not met. With the default limits: if the subject's
        next known assessment is met.
        """
        n = len(self.time)
        ends = np.ones(n, dtype=bool)
        ends[:-1] = ~self.met[1:]
        run_end = next_true(ends)[:n]  # may be another subject's; `within` is not
        within = self.after(self.subject, self.time + longest + _SLACK) - 1
        last = np.minimum(run_end, within)
        later = (last > np.arange(n)) & (self.time[last] - self.time >= shortest - _SLACK)
        return self.met & later

    def holds_at(self, subject: Whole, at: Floats, flags: Flags) -> Flags:
        """Whether `flags` is true on the last assessment at or before `at`; false if there is none."""
        past = self.after(subject, at)
        found = past > self.start_of(subject)
        held: Flags = found & np.append(flags, False)[past - 1]
        return held


def next_true(flags: Flags) -> Whole:
    """For each position, the first true one at or after it; the length where there is none.

    One entry longer than `flags`, so that the position past the end can be asked too.
    """
    n = len(flags)
    at = np.append(np.where(flags, np.arange(n), n), n)
    return np.minimum.accumulate(at[::-1])[::-1]


def last_true(flags: Flags) -> Whole:
    """For each position, the last true one before it; -1 where there is none. One entry longer."""
    at = np.append(-1, np.where(flags, np.arange(len(flags)), -1))
    return np.maximum.accumulate(at)


def first_seen(
    seen: Assessments, counted: Flags, *, subject: Whole, origin: Floats, stop: Floats
) -> pd.DataFrame:
    """Interval in which something first came, as assessments at (origin, stop] show it.

    Parameters
    ----------
    seen : Assessments
    counted : boolean array, one per assessment
        The assessments that count as having seen it.
    subject, origin, stop : arrays, one entry per row at risk
        Positions of subjects, and hours since the first dose.

    Returns
    -------
    DataFrame, one row per row at risk, hours since `origin`
        `left` (last assessment not met before it, 0 if none), `right` (first one that counts,
        infinity if none), `n_assessed`, and `unconfirmed` (met at least once, and never counted).
    """
    low, high = seen.after(subject, origin), seen.after(subject, stop)
    first = next_true(counted)[low]
    reached = first < high
    # The last assessment not met before the one that counts, or before the end of follow-up.
    last = last_true(~seen.met)[np.where(reached, first, high)]
    time = np.append(seen.time, np.nan)
    return pd.DataFrame(
        {
            "left": np.where(last >= low, time[last] - origin, 0.0),
            "right": np.where(reached, time[np.where(reached, first, -1)] - origin, np.inf),
            "n_assessed": (high - low).astype(np.int64),
            "unconfirmed": ~reached & (next_true(seen.met)[low] < high),
        }
    )


def chosen_instrument(scores: pd.DataFrame, name: str | None) -> str:
    """The instrument named, or the only one in the table."""
    require_columns(scores, ["paramcd"], table="scores")
    held = sorted(scores["paramcd"].dropna().unique())
    if name is None:
        if len(held) != 1:
            what = f"The table holds {', '.join(held)}" if held else "The table has no scores"
            raise UsageError(f"{what}: name one with instrument=")
        return str(held[0])
    instrument(name)
    if held and name not in held:
        raise unknown_name("instrument in this table", name, held)
    return name


def chosen_rule(scores: pd.DataFrame, endpoint: str, name: str | None, paramcd: str | None) -> Rule:
    """The rule named, or the default rule of an endpoint on the instrument named or alone held."""
    if name is None:
        return default_rule(chosen_instrument(scores, paramcd), endpoint)
    one = rule(name)
    if one.endpoint != endpoint:
        raise UsageError(f"Rule {one.id} is a rule of {one.endpoint}, not of {endpoint}")
    if paramcd not in (None, one.instrument):
        raise UsageError(f"Rule {one.id} is not a rule of {paramcd!r}: leave instrument= out")
    chosen_instrument(scores, one.instrument)
    return one


def require_scores(scores: pd.DataFrame, paramcd: str) -> None:
    """Raise unless the scores of one instrument can be put in order of time, each judged once.

    Raises
    ------
    UsageError
        If they are of several periods of a crossover.
    DataError
        With every absent column, text, missing subject or time of a known score, and second score
        of one subject at one time.
    """
    found = missing_columns(scores, ["usubjid", "paramcd", "afrlt", "aval"], table="scores")
    refuse(found, source="The table of scores")
    own = scores["paramcd"].eq(paramcd).to_numpy(dtype=bool, na_value=False)
    if "aperiod" in scores.columns and scores.loc[own, "aperiod"].nunique() > 1:
        raise UsageError(
            "The scores are of several periods of a crossover (aperiod): choose the rows of one, "
            "with its doses and its times since its own first dose"
        )
    refuse(_score_problems(scores, own), source="The table of scores")


def followed_subjects(scores: pd.DataFrame, subjects: pd.DataFrame | None) -> pd.DataFrame:
    """Everybody at risk, one row per subject with a plain index: `subjects`, or who is in `scores`."""
    if subjects is None:
        return pd.DataFrame({"usubjid": scores["usubjid"].dropna().drop_duplicates().array})
    require_columns(subjects, ["usubjid"], table="subjects")
    found = missing_values(subjects, ["usubjid"], table="subjects")
    found += duplicated_rows(
        subjects,
        ["usubjid"],
        table="subjects",
        what="a second record for one subject",
        remedy="Keep one row per subject",
    )
    refuse(found, source="The table of subjects")
    require_shared_subjects(scores, subjects, table="subjects")
    return subjects.reset_index(drop=True)


def require_shared_subjects(scores: pd.DataFrame, others: pd.DataFrame, *, table: str) -> None:
    """Raise if both tables have rows and no subject in common: ids written in two ways."""
    known = scores["usubjid"].dropna()
    if len(known) and len(others) and not known.isin(others["usubjid"]).any():
        strangers = problem(
            "unknown_subject",
            "scores",
            "usubjid",
            [],
            f"nobody in the scores is in the table of {table}",
            "Write usubjid in both tables in the same way, and with the same type",
        )
        raise DataError("The table of scores", [strangers])


def judge_assessments(scores: pd.DataFrame, one: Rule, subjects: pd.Series) -> Assessments:
    """Apply a rule to the scores of its instrument; scores that leave it unknown are left out.

    Parameters
    ----------
    scores : DataFrame
        Checked by `require_scores`. `base` is derived if it is absent.
    one : Rule
        Partial response is taken as at least its lower bound, response included: who gets better
        still has not lost it.
    subjects : Series of usubjid
        Scores of other subjects are left out.
    """
    rows = scores[scores["paramcd"].eq(one.instrument).to_numpy(dtype=bool, na_value=False)]
    items = [f"item{number}" for part in (one, *one.parts) for number in part.items]
    require_columns(rows, items, table="scores")
    needs = one.needs_baseline
    numbers = ["afrlt", "aval", *(["base"] if needs and "base" in rows.columns else []), *items]
    refuse(not_numbers(rows, numbers, table="scores"), source="The table of scores")
    plain = rows[["usubjid", "paramcd", *numbers]].astype(dict.fromkeys(numbers, "float64"))
    if needs and "base" not in plain.columns:
        plain = derive_baseline(plain)
    judged = nw.from_native(plain, eager_only=True).with_columns(_met=met(one)).to_native()
    return _in_order(judged, judged["_met"].astype("boolean"), subjects)


def scored_assessments(scores: pd.DataFrame, paramcd: str, subjects: pd.Series) -> Assessments:
    """Every known score of an instrument; `met` is true for all. Arguments as for `judge_assessments`."""
    rows = scores[scores["paramcd"].eq(paramcd).to_numpy(dtype=bool, na_value=False)]
    known = rows["aval"].notna().astype("boolean")
    return _in_order(rows, known.mask(~known), subjects)


def _in_order(rows: pd.DataFrame, judged: pd.Series, subjects: pd.Series) -> Assessments:
    who = pd.Index(subjects).get_indexer(pd.Index(rows["usubjid"])).astype(np.intp)
    time = rows["afrlt"].to_numpy(dtype=np.float64, na_value=np.nan)
    kept = judged.notna().to_numpy() & (who >= 0)
    holds = judged.to_numpy(dtype=bool, na_value=False)[kept]
    who, time = who[kept], time[kept]
    order = np.lexsort((time, who))
    return Assessments(who[order], time[order], holds[order])


def _score_problems(scores: pd.DataFrame, own: Flags) -> list[Problem]:
    known = own & scores["aval"].notna().to_numpy()
    found = flagged(
        known & scores["usubjid"].isna().to_numpy(),
        "missing_value",
        "scores",
        "usubjid",
        "empty",
        "Fill the cells, or leave the rows out",
    )
    found += flagged(
        known & scores["afrlt"].isna().to_numpy(),
        "missing_value",
        "scores",
        "afrlt",
        "a score without a time",
        "Give the hours since the first dose, or leave the rows out",
    )
    found += not_numbers(scores, ["afrlt", "aval"], table="scores")
    rows = np.flatnonzero(known & scores["afrlt"].notna().to_numpy())
    again = np.zeros(len(scores), dtype=bool)
    again[rows] = scores[["usubjid", "afrlt"]].iloc[rows].duplicated().to_numpy()
    return found + flagged(
        again,
        "duplicate",
        "scores",
        "usubjid and afrlt",
        "a second score of one subject on one instrument at one time",
        "Keep one, or give the rule by which they are combined before deriving",
    )

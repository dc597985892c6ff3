"""Relief on the scale of dose numbers: after which dose of the course it was first seen.

The period of dose k holds the assessments after dose k up to and at dose k + 1; after the last dose
it has no end. With a window it holds only those at most `window` hours after dose k. A period in
which no assessment is known leaves relief interval-censored over dose numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, missing_values, not_numbers, refuse
from ketastats.checks.identity import duplicated_rows, orphans
from ketastats.checks.positions import flagged
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.criteria import derive_endpoint
from ketastats.errors import Problem, UsageError, problem, unknown_name
from ketastats.instruments import registry
from ketastats.provenance import sources_of, with_sources

STOPPED = ("course_end", "well", "no_effect", "adverse_event", "other")
"""Why dosing stopped before relief was seen; "other" where the reason is not known."""

STOP_REASONS = {
    "ADVERSE EVENT": "adverse_event",
    "IMPROVED": "well",
    "LACK OF EFFICACY": "no_effect",
    "RECOVERY": "well",
    "SATISFACTORY RESPONSE": "well",
}
"""Words of `dcsreas`, in capitals, and what they mean for the doses that were not given."""

_MADE = (
    "dose_left",
    "dose_right",
    "n_doses",
    "status",
    "stopped",
    "n_assessed",
    "endpoint",
    "rule",
)
_NEEDED = {
    "scores": ("usubjid", "paramcd", "afrlt", "aval"),
    "doses": ("usubjid", "exseq", "afrlt"),
    "subjects": ("usubjid",),
    "medications": ("usubjid", "cmcat", "cmstrlt"),
}
_NUMBERS = {
    "scores": ("afrlt", "aval", "base"),
    "doses": ("exseq", "afrlt"),
    "subjects": (),
    "medications": ("cmstrlt",),
}
_COMPLETE = {
    "scores": ("usubjid", "paramcd", "afrlt"),
    "doses": ("usubjid", "exseq", "afrlt"),
    "subjects": ("usubjid",),
    "medications": ("usubjid",),
}


def derive_relief_by_dose(
    scores: pd.DataFrame,
    doses: pd.DataFrame,
    *,
    endpoint: str = "response",
    rule: str | None = None,
    instrument: str | None = None,
    subjects: pd.DataFrame | None = None,
    window: float | None = None,
    confirmed: bool = False,
    planned: int | None = None,
    reasons: Mapping[str, str] | None = None,
    medications: pd.DataFrame | None = None,
    rescue: str | None = None,
    at_start: str = "error",
) -> pd.DataFrame:
    """Say for each subject between which doses an endpoint was first reached, and why dosing ended.

    An assessment belongs to the latest dose before it; at the very time of a dose, to the dose
    before that one. Relief is seen at the first assessment that meets the endpoint, in the period
    of dose `dose_right`. A period whose last known assessment is not met counts as one without
    relief; `dose_left` is the latest such dose before `dose_right`, 0 if there is none. So relief
    seen after an earlier not-met assessment of the same period has ``dose_left = dose_right - 1``.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        `usubjid`, `paramcd`, `afrlt` (hours since the first dose), `aval`; `base` if there is one,
        else that of `derive_baseline`. A missing score, or one whose rule lacks a baseline, is no
        known assessment.
    doses : DataFrame, one row per administration
        `usubjid`, `exseq` (1, 2, 3 ... within a subject), `afrlt`.
    endpoint, rule : str
        As for `derive_endpoint`.
    instrument : str, optional
        Needed if `scores` holds more than one and no `rule` names it.
    subjects : DataFrame, one row per subject, optional
        Gives the order of the rows, further columns, and `eosstt` and `dcsreas`.
    window : float, optional
        Hours after each dose in which an assessment counts; others are left out altogether.
    confirmed : bool
        Count a met assessment only if the next known one (in or out of a window) is met too. Met
        ones without it count neither as relief nor as not met.
    planned : int, optional
        Doses of a whole course. Who had fewer stopped early, whatever `eosstt` says; who had as
        many did not.
    reasons : mapping of str to str, optional
        Further words of `dcsreas` (capitals do not matter) to one of `STOPPED`; they come before
        `STOP_REASONS`.
    medications : DataFrame, optional
        `usubjid`, `cmcat`, `cmstrlt` (hours); rows with `cmcat` "RESCUE" that start after the first
        dose are rescues.
    rescue : {"censor", "ignore"}, optional
        "censor" drops doses and assessments after a subject's first rescue (those at its time
        stay), and takes the rescue as the end of dosing for want of effect; "ignore" keeps them.
        Needed if there are rescues.
    at_start : {"error", "exclude"}
        What to do with subjects who meet the endpoint at their last known assessment up to the
        first dose.

    Returns
    -------
    DataFrame, one row per subject with at least one dose
        `usubjid`, `dose_left`, `dose_right` (relief in (dose_left, dose_right]; infinite if not
        seen), `n_doses`, `status` ("relief" or "censored"), `stopped` (one of `STOPPED`; missing
        where relief was seen), `n_assessed` (known assessments that counted), `endpoint` and
        `rule`, then the columns of `subjects`. ``attrs["left_out"]`` counts subjects without a dose
        and those left out because they met the endpoint before the first dose.

        `stopped` is "course_end" where `eosstt` is COMPLETED or the planned doses were given, else
        what `dcsreas` means, else "other".

    Raises
    ------
    UsageError
        If an option does not fit, or rescues occur and `rescue` is not given.
    DataError
        With every fault found in the tables.
    """
    meanings = _meanings(reasons, window=window, planned=planned, at_start=at_start, rescue=rescue)
    _refuse_faults(scores, doses, subjects, medications)
    ended = _first_rescues(doses, medications, rescue)
    course = doses.loc[~_after(doses, ended), ["usubjid", "exseq", "afrlt"]].astype(
        {"exseq": "float64", "afrlt": "float64"}
    )
    known, label = _known_assessments(scores, endpoint, rule, instrument)
    placed = _in_periods(known[~_after(known, ended)], course, confirmed=confirmed)
    started = _met_at_start(placed, endpoint, at_start)
    people = _people(course, subjects)
    no_dose = 0 if subjects is None else len(subjects) - len(people)
    people = people[~people["usubjid"].isin(started)].reset_index(drop=True)
    made = _bounds(
        placed[placed["hours"] <= (inf if window is None else window)], people["usubjid"]
    )
    n_doses = people["usubjid"].map(course.groupby("usubjid").size()).astype("int64")
    relieved = made["dose_right"] < inf
    rescued = people["usubjid"].isin(ended.index).to_numpy()
    why = _why_stopped(people, n_doses, meanings, planned, rescued)
    made = made.assign(
        n_doses=n_doses,
        status=relieved.map({True: "relief", False: "censored"}).astype("string"),
        stopped=why.mask(relieved),
        endpoint=endpoint,
        rule=label,
    )
    made = pd.concat([made[["usubjid", *_MADE]], people.drop(columns="usubjid")], axis=1)
    given = [table for table in (scores, doses, subjects, medications) if table is not None]
    made = with_sources(made, sources_of(*given))
    made.attrs["left_out"] = {"without a dose": no_dose, "met before the first dose": len(started)}
    return made


def _meanings(
    reasons: Mapping[str, str] | None,
    *,
    window: float | None,
    planned: int | None,
    at_start: str,
    rescue: str | None,
) -> dict[str, str]:
    """Check the options, and return what each word of `dcsreas` means."""
    if window is not None and not window > 0:
        raise UsageError(f"window is a number of hours above 0, not {window!r}")
    if planned is not None and (planned < 1 or planned != int(planned)):
        raise UsageError(f"planned is a whole number of doses of at least 1, not {planned!r}")
    if at_start not in ("error", "exclude"):
        raise unknown_name("meaning of at_start", at_start, ("error", "exclude"))
    if rescue == "competing":
        raise UsageError(
            'On the scale of dose numbers rescue is "censor" or "ignore"; as a competing event it '
            "is handled in hours, by derive_relief"
        )
    if rescue not in (None, "censor", "ignore"):
        raise unknown_name("meaning of rescue", rescue, ("censor", "ignore"))
    given = {str(word).strip().upper(): meaning for word, meaning in (reasons or {}).items()}
    for meaning in given.values():
        if meaning not in STOPPED:
            raise unknown_name("reason for stopping", str(meaning), STOPPED)
    return STOP_REASONS | given


def _refuse_faults(
    scores: pd.DataFrame,
    doses: pd.DataFrame,
    subjects: pd.DataFrame | None,
    medications: pd.DataFrame | None,
) -> None:
    """Raise `DataError` with everything wrong with the tables."""
    tables = {"scores": scores, "doses": doses, "subjects": subjects, "medications": medications}
    given = {name: table for name, table in tables.items() if table is not None}
    found: list[Problem] = []
    for name, table in given.items():
        found += missing_columns(table, _NEEDED[name], table=name)
        found += not_numbers(table, _NUMBERS[name], table=name)
        found += missing_values(table, _COMPLETE[name], table=name)
    for name in ("scores", "doses"):
        if given[name].empty:
            remedy = "Relief by dose needs scores and doses"
            found.append(problem("empty", name, "", [], "no rows", remedy))
    if not found:
        found = _repeats(scores, subjects) + _misnumbered(doses) + _undated_rescues(medications)
        if subjects is not None:
            found += _taken_names(subjects)
            for name in sorted(given.keys() - {"subjects"}):
                found += orphans(given[name], subjects, table=name)
    refuse(found, source="The course of doses")
    if any("aperiod" in table and table["aperiod"].nunique() > 1 for table in (scores, doses)):
        raise UsageError("These tables are of a crossover: select the rows of one aperiod first")


def _repeats(scores: pd.DataFrame, subjects: pd.DataFrame | None) -> list[Problem]:
    found = duplicated_rows(
        scores,
        ["usubjid", "paramcd", "afrlt"],
        table="scores",
        what="a second score of one subject on one instrument at one time",
        remedy="Keep one of them",
    )
    if subjects is None:
        return found
    return found + duplicated_rows(
        subjects,
        ["usubjid"],
        table="subjects",
        what="a second record for one subject",
        remedy="Keep one row per subject",
    )


def _misnumbered(doses: pd.DataFrame) -> list[Problem]:
    """Doses not numbered 1, 2, 3 ... in the order of their times, or two at one time."""
    number, time = doses["exseq"].to_numpy(dtype=float), doses["afrlt"].to_numpy(dtype=float)
    place = doses.groupby("usubjid", sort=False)["exseq"].rank(method="first").to_numpy()
    found = flagged(
        number != place,
        "dose_number",
        "doses",
        "exseq",
        "the doses of a subject are not numbered 1, 2, 3 ...",
        "Number every dose within each subject, without gaps or repeats",
    )
    found += duplicated_rows(
        doses,
        ["usubjid", "afrlt"],
        table="doses",
        what="a second dose of one subject at one time",
        remedy="Correct the times, or make them one dose",
    )
    order = np.lexsort((number, pd.factorize(doses["usubjid"])[0]))
    same = doses["usubjid"].to_numpy()[order][1:] == doses["usubjid"].to_numpy()[order][:-1]
    back = np.zeros(len(doses), dtype=bool)
    back[order[1:]] = same & (np.diff(time[order]) < 0)
    return found + flagged(
        back,
        "time_order",
        "doses",
        "exseq and afrlt",
        "exseq goes up while time goes back",
        "Correct afrlt (hours since the first dose) or the numbering",
    )


def _undated_rescues(medications: pd.DataFrame | None) -> list[Problem]:
    if medications is None:
        return []
    rescues = medications["cmcat"].eq("RESCUE").to_numpy(dtype=bool, na_value=False)
    return flagged(
        rescues & medications["cmstrlt"].isna().to_numpy(),
        "missing_value",
        "medications",
        "cmstrlt",
        "a rescue medicine without its start",
        "Give the hours since the first dose at which it began",
    )


def _taken_names(subjects: pd.DataFrame) -> list[Problem]:
    taken = sorted(set(_MADE) & set(subjects.columns))
    if not taken:
        return []
    what = "a name that this step gives to a column of its own"
    return [problem("taken", "subjects", ", ".join(taken), [], what, "Rename or drop the column")]


def _first_rescues(
    course: pd.DataFrame, medications: pd.DataFrame | None, rescue: str | None
) -> pd.Series:
    """Time of each subject's first rescue after the first dose, if it is to end the observation."""
    none = pd.Series(dtype="float64")
    if medications is None:
        if rescue is not None:
            raise UsageError("rescue= needs the table of medications, in which rescues are seen")
        return none
    if medications.empty:
        return none
    start = medications["usubjid"].map(course.groupby("usubjid")["afrlt"].min())
    late = medications["cmcat"].eq("RESCUE") & (medications["cmstrlt"] > start)
    first = medications[late.fillna(False)].groupby("usubjid")["cmstrlt"].min().astype("float64")
    if rescue is None and len(first):
        raise UsageError(
            f"{len(first)} subjects had a rescue medicine after their first dose: say what that means, "
            'rescue="censor" (what follows is not used) or "ignore" (as if there had been none)'
        )
    return first if rescue == "censor" else none


def _after(rows: pd.DataFrame, ended: pd.Series) -> NDArray[np.bool_]:
    """Rows later than the end of their subject's observation."""
    end = rows["usubjid"].map(ended).to_numpy(dtype=float, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(rows["afrlt"].to_numpy(dtype=float) > end)


def _known_assessments(
    scores: pd.DataFrame, endpoint: str, rule: str | None, instrument: str | None
) -> tuple[pd.DataFrame, str]:
    """Assessments at which the endpoint is known, `met` or not, and the label of its rule."""
    if instrument is None and rule is not None:
        instrument = registry.rule(rule).instrument
    held = sorted(scores["paramcd"].unique())
    if instrument is None and len(held) > 1:
        raise UsageError(f"The table holds {', '.join(held)}: name one with instrument=")
    if instrument is not None and instrument not in held:
        raise unknown_name("instrument in this table", instrument, held)
    used = scores if instrument is None else scores[scores["paramcd"] == instrument]
    used = used if "base" in used.columns else derive_baseline(used)
    done = derive_endpoint(used, endpoint, rule=rule)
    labels = done[f"{endpoint}_rule"].dropna().unique()
    known = done.loc[done[endpoint].notna(), ["usubjid", "afrlt", endpoint]]
    known = known.rename(columns={endpoint: "met"}).astype({"met": "bool", "afrlt": "float64"})
    return known, " and ".join(sorted(labels))


def _in_periods(known: pd.DataFrame, course: pd.DataFrame, *, confirmed: bool) -> pd.DataFrame:
    """Assessments of treated subjects with the dose before each (`exseq`, missing before dose 1).

    `hours` have passed since that dose; `reached` marks met assessments that count.
    """
    treated = known[known["usubjid"].isin(course["usubjid"])]
    given = course.assign(given=course["afrlt"]).sort_values("afrlt", kind="stable")
    placed = pd.merge_asof(
        treated.sort_values("afrlt", kind="stable"),
        given,
        on="afrlt",
        by="usubjid",
        allow_exact_matches=False,
    )
    placed["hours"] = placed["afrlt"] - placed["given"]
    after_dose = placed["exseq"].notna()
    following = placed[after_dose].groupby("usubjid", sort=False)["met"].shift(-1, fill_value=False)
    again = following.reindex(placed.index, fill_value=False)
    placed["reached"] = placed["met"] & after_dose & (again if confirmed else True)
    return placed


def _people(course: pd.DataFrame, subjects: pd.DataFrame | None) -> pd.DataFrame:
    if subjects is None:
        return course[["usubjid"]].drop_duplicates().reset_index(drop=True)
    return subjects[subjects["usubjid"].isin(course["usubjid"])].reset_index(drop=True)


def _met_at_start(placed: pd.DataFrame, endpoint: str, at_start: str) -> pd.Index:
    """Subjects whose last known assessment up to the first dose meets the endpoint."""
    before = placed[placed["exseq"].isna()].groupby("usubjid")["met"].last()
    started = before.index[before.to_numpy(dtype=bool)]
    if len(started) and at_start == "error":
        raise UsageError(
            f"{len(started)} subjects met {endpoint} before their first dose, so it cannot begin "
            'after one: leave them out with at_start="exclude", or choose another endpoint'
        )
    return started


def _bounds(within: pd.DataFrame, usubjid: pd.Series) -> pd.DataFrame:
    """Interval of dose numbers, and assessments that counted, for each of `usubjid`."""
    first = within[within["reached"]].drop_duplicates("usubjid").set_index("usubjid")
    seen_at = _looked_up(within["usubjid"], first["afrlt"], inf)
    unmet = within[~within["met"] & (within["afrlt"] < seen_at)]
    right = _looked_up(usubjid, first["exseq"], inf)
    latest = _looked_up(usubjid, unmet.groupby("usubjid")["exseq"].max(), 0.0)
    n_assessed = _looked_up(usubjid, within.groupby("usubjid").size(), 0.0).astype("int64")
    return pd.DataFrame(
        {
            "usubjid": usubjid,
            "dose_left": np.minimum(latest, right - 1),
            "dose_right": right,
            "n_assessed": n_assessed,
        }
    )


def _looked_up(usubjid: pd.Series, values: pd.Series, otherwise: float) -> pd.Series:
    return usubjid.map(values.astype("float64")).astype("float64").fillna(otherwise)


def _why_stopped(
    people: pd.DataFrame,
    n_doses: pd.Series,
    meanings: Mapping[str, str],
    planned: int | None,
    rescued: NDArray[np.bool_],
) -> pd.Series:
    """One of `STOPPED` for each subject, as if relief had not been seen."""
    absent = pd.Series(pd.NA, index=people.index, dtype="string")
    reason = people["dcsreas"] if "dcsreas" in people.columns else absent
    status = people["eosstt"] if "eosstt" in people.columns else absent
    why = reason.astype("string").str.strip().str.upper().map(dict(meanings)).astype("string")
    completed = status.astype("string").str.strip().str.upper().eq("COMPLETED").fillna(False)
    whole = completed if planned is None else n_doses >= planned
    return why.fillna("other").mask(whole.astype(bool), "course_end").mask(rescued, "no_effect")

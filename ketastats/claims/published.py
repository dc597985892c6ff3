"""Judging a claim about a share on published evidence, reading by reading."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from ketastats.claims.estimates import estimate_reading
from ketastats.claims.registry import Claim, Reading
from ketastats.claims.standing import NOT_TESTABLE, UNDECIDED, distance
from ketastats.claims.verdict import Verdict, reading_row, verdict_frame
from ketastats.errors import UsageError
from ketastats.loaders.evidence import load_evidence
from ketastats.loaders.open_data import (
    load_nhs_outcomes,
    load_psychotherapy_trials,
    select_control_arms,
    select_therapy_arms,
)
from ketastats.provenance import Source, sources_of
from ketastats.results import share_text

_TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "evidence": load_evidence,
    "psychotherapy_therapy_arms": lambda: select_therapy_arms(load_psychotherapy_trials()),
    "psychotherapy_control_arms": lambda: select_control_arms(load_psychotherapy_trials()),
    "nhs": load_nhs_outcomes,
}


def judge_published(
    claim: Claim, evidence: pd.DataFrame | None = None, *, only_deciding: bool = False
) -> Verdict:
    """Judge a `rate_within` claim on the shipped data, or on an evidence table of the same columns.

    With an own table only the readings that take their rows from the evidence table are judged; with
    `only_deciding` only the primary one, where the claim declares one.
    """
    readings = [r for r in claim.readings if evidence is None or r.source == "evidence"]
    if only_deciding and claim.primary in readings:
        readings = [claim.primary]
    tables: dict[str, pd.DataFrame] = {} if evidence is None else {"evidence": evidence}
    rows, sources = [], set[Source]()
    untaken = []
    for reading in readings:
        target = _target(claim, reading)
        if target.source not in tables:
            tables[target.source] = _TABLES[target.source]()
        chosen = rows_of_reading(tables[target.source], target)
        low, high = claim.range
        mirrored = (1 - high, 1 - low) if reading.complement_of else claim.range
        try:
            estimate = estimate_reading(chosen, target, mirrored)
        except UsageError as error:
            if evidence is None:
                raise
            untaken.append(f"{reading.title}: {error}")
            continue
        if reading.complement_of:
            estimate = estimate.complement()
        behind = sources_of(tables[target.source])
        sources.update(behind)
        rows.append(
            reading_row(
                claim,
                estimate,
                reading=reading.id,
                role=reading.role,
                title=reading.title,
                method=target.method,
                grade=estimate.grade,
                source="; ".join(source.name for source in behind),
            )
        )
    if not rows:
        why = f" ({untaken[0]})" if untaken else ""
        raise UsageError(f"The table carries no reading of {claim.id!r}{why}")
    frame = verdict_frame(rows)
    notes = tuple(untaken)
    return _decide(claim, frame, tuple(sorted(sources)), notes)


def _target(claim: Claim, reading: Reading) -> Reading:
    if not reading.complement_of:
        return reading
    return next(r for r in claim.readings if r.id == reading.complement_of)


def rows_of_reading(table: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The rows that a reading takes its number from."""
    keep = pd.Series(True, index=table.index)
    for column, allowed in reading.where.items():
        keep &= table[column].isin(allowed).fillna(False)
    for column, (low, high) in reading.between.items():
        keep &= table[column].between(low, high).fillna(False)
    if reading.without_note:
        keep &= ~table["notes"].fillna("").str.contains(reading.without_note, regex=False)
    if reading.source == "evidence":
        keep &= ~table["is_contrast"] & ~table["is_derived"]
        keep &= table["events"].notna() | table["proportion"].notna()
    return table[keep]


def _decide(
    claim: Claim, frame: pd.DataFrame, sources: tuple[Source, ...], notes: tuple[str, ...]
) -> Verdict:
    meant = frame[frame["role"] == "reading"]
    primary = claim.primary
    if primary is None:
        deciding = meant.iloc[:0]
        overall, reason = _common_word(meant)
    else:
        deciding = meant[meant["reading"] == primary.id]
        if deciding.empty:
            overall = NOT_TESTABLE
            reason = f"The table has no row for the reading that decides: {primary.title}"
        else:
            overall = str(deciding["verdict"].iloc[0])
            reason = _reason(claim, deciding.iloc[0])
    return Verdict(
        frame,
        claim,
        overall,
        f"{reason}.{_others(claim, meant, deciding)}",
        limits=(_BREADTH,),
        needed=_NEEDED if overall == UNDECIDED else "",
        sources=sources,
        notes=notes,
    )


def _common_word(meant: pd.DataFrame) -> tuple[str, str]:
    """The word all testable readings share, for claims that declare no primary reading."""
    words = set(meant.loc[meant["standing"] != "", "verdict"])
    if not words:
        return NOT_TESTABLE, "No reading can be tested"
    if len(words) == 1:
        return words.pop(), "All readings agree"
    return UNDECIDED, "It depends on the reading"


_NEEDED = "More trials that print the number of responders and of people per arm."
_BREADTH = (
    "Published evidence, mostly from abstracts and tables, not a systematic review. The share improved "
    "under a treatment is not what the treatment caused: see the control arms."
)


def _reason(claim: Claim, row: pd.Series) -> str:
    where = {
        "inside": "inside",
        "outside": "above" if row["estimate"] > claim.range[1] else "below",
        "undecided": "not clearly inside or outside",
    }[row["standing"]]
    return f"{row['term']} is {share_text(row)}, {where} the claimed {claim.range_text}"


def _others(claim: Claim, meant: pd.DataFrame, deciding: pd.DataFrame) -> str:
    """Which other readings make the sentence true, and whether its opposite fits better."""
    others = meant.drop(deciding.index)
    text = ""
    inside = others[others["standing"] == "inside"].to_dict("records")
    if inside:
        listed = "; ".join(f"{_uncapitalised(row['term'])}, {share_text(row)}" for row in inside)
        text += f" It fits only if relief is read as {listed}."
    opposites = {r.id: r.complement_of for r in claim.readings if r.complement_of}
    for row in others[others["reading"].isin(opposites)].to_dict("records"):
        if deciding.empty or opposites[row["reading"]] != deciding["reading"].iloc[0]:
            continue
        own = distance(deciding["estimate"].iloc[0], claim.range)
        fits = "no nearer to the claimed range"
        if distance(row["estimate"], claim.range) < own:
            fits = f"nearer to the claimed range, {_PLACE[row['standing']]}"
        text += f" {row['term']} is {share_text(row)}: {fits}."
    return text


_PLACE = {
    "inside": "and inside it",
    "outside": "but outside it too",
    "undecided": "and not clearly inside or outside it",
}


def _uncapitalised(text: str) -> str:
    return text[0].lower() + text[1:]

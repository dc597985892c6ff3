"""The verdict on a claim: one word, the reading that decides it, every other reading, and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.measures import MEASURES, Measure
from ketastats.claims.registry import Claim
from ketastats.claims.standing import (
    CONTRADICTED,
    DECISION_LEVEL,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    standing,
    word,
)
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.instruments.registry import rule as find_rule
from ketastats.provenance import Source
from ketastats.results import (
    Statement,
    TabularResult,
    estimate_text,
    in_shared_words,
    level_text,
    percent,
    share_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN = (
    "claim",
    "reading",
    "role",
    "measure",
    "verdict",
    "standing",
    "rule",
    "missing",
    "grade",
    "k",
    "unit",
    "events",
    "new_low",
    "new_high",
    "probability_new",
    "low_seen",
    "high_seen",
    "bound_low",
    "bound_high",
    "source",
    "rows",
    "note",
)
"""Columns of a verdict's table before the shared words."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verdict(TabularResult):
    """What the data say about one claim.

    `word` is supported, contradicted, undecided or not_testable; `reason` says why in a sentence;
    `limits` says what caps it, and `needed` what would settle it.
    """

    claim: Claim
    word: str
    reason: str
    limits: tuple[str, ...] = ()
    needed: str = ""

    @property
    def readings_that_make_it_true(self) -> tuple[str, ...]:
        """Titles of the readings, among the meanings the sentence can have, under which it is supported."""
        rows = self.frame[(self.frame["role"] == "reading") & (self.frame["verdict"] == SUPPORTED)]
        return tuple(rows["term"])

    def statement(self) -> Statement:
        """The verdict's word and reason, to stand at the head of a report."""
        return Statement(self.reason, self.word.replace("_", " "))

    def only(self, *roles: str) -> Verdict:
        """The same verdict with only the readings of some roles in its table: reading, group, yardstick."""
        kept = self.frame[self.frame["role"].isin(roles)].reset_index(drop=True)
        limits: tuple[str, ...] = ()
        notes = self.notes
        if "reading" in roles:
            limits = self.limits
            told = kept[kept["note"] != ""].to_dict("records")
            notes = (*notes, *(f"{row['term']}: {row['note']}" for row in told))
        return Verdict(
            kept,
            self.claim,
            self.word,
            self.reason,
            limits,
            self.needed,
            sources=self.sources,
            notes=notes,
        )

    def display(self) -> pd.DataFrame:
        """Return one row per reading: share with interval, its verdict, and what a new setting may give."""
        shown = [self._shown(row) for row in self.frame.to_dict("records")]
        columns = ["Reading", "From", self._heading, "Verdict"]
        if self.claim.kind == "rate_within":
            columns.append("Chance in a new setting")
        return pd.DataFrame(shown, columns=columns)

    @property
    def _measure(self) -> Measure:
        """That of the reading in the first row."""
        return MEASURES["share" if self.frame.empty else str(self.frame["measure"].iloc[0])]

    @property
    def _heading(self) -> str:
        return f"{self._measure.heading} ({DECISION_LEVEL:.0%} interval)"

    def _shown(self, row: Mapping[Any, Any]) -> dict[str, str]:
        place = row["standing"]
        if self.claim.kind != "rate_within":
            place = ""
        elif place == "outside":
            place = "above" if row["estimate"] > self.claim.range[1] else "below"
        word_of_reading = str(row["verdict"]).replace("_", " ")
        chance = row["probability_new"]
        return {
            "Reading": f"{row['term']}{' [rests on grade C]' if row['grade'] == 'C' else ''}",
            "From": f"{int(row['k'])} {row['unit']}" if row["unit"] else "–",
            self._heading: _value_text(row, bare=self.frame["measure"].nunique() == 1),
            "Verdict": "for comparison"
            if row["role"] == "yardstick" and self.claim.kind != "rate_within"
            else ": ".join(
                part for part in (word_of_reading, place) if part and part != "undecided"
            )
            or "undecided",
            "Chance in a new setting": "–" if pd.isna(chance) else f"{chance:.0%}",
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every reading with the claimed range as a band, filled where it decides.

        Where readings are in several units, those in the unit of the deciding one.
        """
        from ketastats.plots.forest import draw_forest

        measure, drawn = self._measure, self._drawn
        if measure is MEASURES["ratio"]:
            from ketastats.plots.ratios import draw_ratios

            names = {"estimate": "ratio", "conf_low": "ratio_low", "conf_high": "ratio_high"}
            known = drawn[drawn["estimate"].notna()].rename(columns=names)
            return draw_ratios(known, ax, xlabel=measure.axis)
        banded = measure is MEASURES["share"] and not drawn.empty
        return draw_forest(
            drawn,
            ax,
            xlabel=measure.axis,
            as_percent=measure.as_percent,
            band=self.claim.range if banded else None,
            band_label=f"claimed {self.claim.range_text}" if banded else "",
            reference=measure.null,
        )

    @property
    def _drawn(self) -> pd.DataFrame:
        """Readings in the unit of the first."""
        frame = self.frame
        return frame if frame.empty else frame[frame["measure"] == frame["measure"].iloc[0]]

    def figure_text(self) -> str:
        """Return every row of the figure in words."""
        parts = [
            f"{row['term']}: {_value_text(row, bare=True)}{MEASURES[row['measure']].unit}, "
            f"{row['standing'] or 'no interval'}"
            for row in self._drawn.to_dict("records")
        ]
        return (
            f"Forest plot of {len(parts)} readings against the claimed range. "
            + "; ".join(parts)
            + "."
        )

    def __str__(self) -> str:
        return f"{self.word.replace('_', ' ').capitalize()}: {self.reason}"

    def _repr_html_(self) -> str:
        from html import escape

        limits = "".join(f'<p class="note">{escape(limit)}</p>' for limit in self.limits)
        return TabularResult._repr_html_(self) + limits

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain data, its word, reason, limits and need beside the table."""
        return {
            **TabularResult.to_json(self),
            "claim": self.claim.id,
            "sentence_claimed": self.claim.sentence,
            "verdict": self.word,
            "reason": self.reason,
            "limits": list(self.limits),
            "needed": self.needed,
        }


def _value_text(row: Mapping[Any, Any], *, bare: bool) -> str:
    """A number with its interval, or with its range over the years where it has none.

    The unit is left out where `bare`.
    """
    measure = MEASURES[row["measure"]]
    form = measure.form
    text = estimate_text(row["estimate"], row["conf_low"], row["conf_high"], form)
    if _between(row):
        highest = estimate_text(row["bound_high"], row["conf_low"], row["conf_high"], form)
        text = f"{form(row['bound_low'])} to {highest}"
    if pd.isna(row["conf_low"]) and not pd.isna(row["low_seen"]):
        text += f" (years {percent(row['low_seen'])} to {percent(row['high_seen'])})"
    return text if bare else f"{text}{measure.unit}"


def reading_row(
    claim: Claim,
    estimate: ReadingEstimate,
    *,
    reading: str,
    role: str,
    title: str,
    method: str,
    rule: str = "",
    missing: str = "",
    grade: str = "",
    source: str = "",
    measure: str = "share",
    within: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """One row of a verdict's table, with its standing and word.

    `within` is where the claim says this number lies, if not in the claim's own range.
    """
    has_interval = not pd.isna(estimate.low)
    claimed = claim.range if within is None else within
    place = standing(*estimate.decision_interval(), claimed) if has_interval else ""
    return {
        "claim": claim.id,
        "reading": reading,
        "role": role,
        "measure": measure,
        "verdict": "" if role == "yardstick" else word(place) if place else NOT_TESTABLE,
        "standing": place,
        "rule": rule,
        "missing": missing,
        "grade": grade,
        "k": estimate.k,
        "unit": estimate.unit,
        "events": estimate.events,
        "new_low": estimate.new_low,
        "new_high": estimate.new_high,
        "probability_new": estimate.probability_new,
        "low_seen": estimate.low_seen,
        "high_seen": estimate.high_seen,
        "bound_low": estimate.bound_low,
        "bound_high": estimate.bound_high,
        "source": source,
        "rows": " ".join(estimate.rows),
        "note": " ".join(estimate.notes),
        "term": title,
        "n": estimate.n,
        "estimate": estimate.estimate,
        "conf_low": estimate.low,
        "conf_high": estimate.high,
        "conf_level": DECISION_LEVEL if has_interval else None,
        "method": method,
    }


def decided(
    claim: Claim,
    frame: pd.DataFrame,
    *,
    where: str,
    limits: tuple[str, ...],
    capped: bool,
    needed: str,
    doubt: str = "",
    against: str = "",
    sources: tuple[Source, ...] = (),
    notes: tuple[str, ...] = (),
) -> Verdict:
    """Let the first reading of a cohort decide, unless the design caps the verdict.

    `where` says in whom and when, `needed` what cohort could carry the claim; the first of `limits`
    is the reason where they cap it. A `doubt` is a sentence on why the first reading is not enough;
    it leaves the verdict undecided; `against` one on why the claim fails whatever that reading says.
    """
    first = frame.iloc[0]
    measure = MEASURES[str(first["measure"])]
    place = _place_in_words(claim, str(first["standing"]), capped=capped)
    reason = (
        f"The {measure.noun} is {_value_in_words(first)}, {place}. {measure.done}: "
        f"{_in_plain_words(first)}, {where}, "
        f"{int(first['n'])} patients.{_other_readings(frame)}"
    )
    verdict = str(first["verdict"])
    if doubt and not against and verdict in (SUPPORTED, CONTRADICTED):
        verdict, reason = UNDECIDED, f"{reason} {doubt}"
    if against:
        verdict, reason = CONTRADICTED, f"{reason} {against}"
    if capped:
        verdict, reason = NOT_TESTABLE, f"{limits[0]} In them: {reason[0].lower()}{reason[1:]}"
    return Verdict(
        frame,
        claim,
        verdict,
        reason,
        limits=limits,
        needed=needed if capped else "",
        sources=sources,
        notes=notes,
    )


def not_testable(
    claim: Claim,
    reason: str,
    *,
    limits: tuple[str, ...] = (),
    needed: str = "",
    sources: tuple[Source, ...] = (),
) -> Verdict:
    """A verdict without readings: why this cohort cannot be asked, and what cohort could."""
    return Verdict(verdict_frame([]), claim, NOT_TESTABLE, reason, limits, needed, sources=sources)


def _in_plain_words(row: pd.Series) -> str:
    """A reading's title with its rule described instead of named, to stand inside a sentence."""
    title = str(row["term"])
    if row["rule"]:
        rule = find_rule(str(row["rule"]))
        described = f"{find_instrument(rule.instrument).title}, {rule.describe()}"
        title = title.replace(rule.name, described)
    return f"{title[0].lower()}{title[1:]}"


def _other_readings(frame: pd.DataFrame) -> str:
    """Which readings by another rule come to a decided word that is not that of the first."""
    first = frame.iloc[0]
    others = frame[
        (frame["role"] == "reading")
        & frame["verdict"].isin([SUPPORTED, CONTRADICTED])
        & (frame["verdict"] != first["verdict"])
        & (frame["rule"] != first["rule"])
    ]
    return "".join(
        f" Read as {_in_plain_words(row)}, the sentence would be {row['verdict']}."
        for _, row in others.iterrows()
    )


def _place_in_words(claim: Claim, place: str, *, capped: bool) -> str:
    """Where an interval stands: against a range, or against the one bound of a sentence."""
    if claim.kind == "rate_within":
        where = place if place in ("inside", "outside") else "not clearly inside or outside"
        return f"{where} the claimed {claim.range_text}"
    return {
        "inside": f"clearly {claim.range_text}{'' if capped else ', as claimed'}",
        "outside": f"clearly not {claim.range_text}",
    }.get(place, f"not clearly {claim.range_text} and not clearly otherwise")


def _value_in_words(row: pd.Series) -> str:
    measure = MEASURES[str(row["measure"])]
    if _between(row):
        highest = share_text({**row, "estimate": row["bound_high"]})
        return f"between {percent(row['bound_low'])} and {highest}"
    low, high = measure.form(row["conf_low"]), measure.form(row["conf_high"])
    value = (
        "not known"
        if pd.isna(row["estimate"])
        else f"{measure.form(row['estimate'])}{measure.unit}"
    )
    return f"{value} ({level_text(row['conf_level'])} interval {low} to {high})"


def _between(row: Mapping[Any, Any] | pd.Series) -> bool:
    """Whether a share is known to lie between two values only."""
    return bool(percent(row["bound_low"]) != percent(row["bound_high"]))


def verdict_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Table of readings with all columns of a verdict."""
    return in_shared_words(rows, own=OWN)

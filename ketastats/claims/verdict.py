"""The verdict on a claim: one word, the reading that decides it, every other reading, and the limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.claims.estimates import ReadingEstimate
from ketastats.claims.registry import Claim
from ketastats.claims.standing import DECISION_LEVEL, NOT_TESTABLE, SUPPORTED, standing, word
from ketastats.results import Statement, TabularResult, estimate_text, in_shared_words, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN = (
    "claim", "reading", "role", "verdict", "standing", "rule", "missing", "grade", "k", "events",
    "new_low", "new_high", "probability_new", "low_seen", "high_seen", "note",
)
"""Columns of a verdict's table before the shared words."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict(TabularResult):
    """What the data say about one claim.

    `word` is supported, contradicted, undecided or not_testable; `reason` says why in a sentence; `limits` says what caps it,
    and `needed` what would settle it.
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
        return Verdict(kept, self.claim, self.word, self.reason, self.limits, self.needed,
                       sources=self.sources, notes=self.notes)

    def display(self) -> pd.DataFrame:
        """Return one row per reading: share with interval, where it stands, and what a new setting may give."""
        rows = []
        for row in self.frame.to_dict("records"):
            grade = " [rests on grade C]" if row["grade"] == "C" else ""
            rows.append(
                {
                    "Reading": f"{row['term']}{grade}",
                    "Settings": "–" if pd.isna(row["k"]) else f"{int(row['k'])}",
                    f"% ({DECISION_LEVEL:.0%} interval)": estimate_text(
                        row["estimate"], row["conf_low"], row["conf_high"], percent
                    ),
                    "Stands": row["standing"] or "–",
                    "Verdict": str(row["verdict"]).replace("_", " "),
                    "Chance in a new setting": "–" if pd.isna(row["probability_new"])
                    else f"{row['probability_new']:.0%}",
                }
            )
        columns = ["Reading", "Settings", f"% ({DECISION_LEVEL:.0%} interval)", "Stands", "Verdict", "Chance in a new setting"]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every reading with the claimed range as a band; filled where it decides."""
        from ketastats.plots.forest import draw_forest

        if "range" not in self.claim.facts:
            return draw_forest(self.frame, ax, xlabel="Share of people (%)", as_percent=True)
        low, high = self.claim.range
        return draw_forest(
            self.frame, ax, xlabel="Share of people (%)", as_percent=True, band=(low, high),
            band_label=f"claimed {range_text((low, high))}",
        )

    def figure_text(self) -> str:
        """Return every row of the figure in words."""
        parts = [
            f"{row.term}: {estimate_text(row.estimate, row.conf_low, row.conf_high, percent)}%, {row.standing or 'no interval'}"
            for row in self.frame.itertuples()
        ]
        return f"Forest plot of {len(self.frame)} readings against the claimed range. " + "; ".join(parts) + "."

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


def range_text(claimed: tuple[float, float]) -> str:
    """Write a claimed range, such as ``30 to 40%``."""
    return f"{100 * claimed[0]:g} to {100 * claimed[1]:g}%"


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
) -> dict[str, Any]:
    """One row of a verdict's table, with its standing and word."""
    has_interval = not pd.isna(estimate.low)
    place = standing(estimate.low, estimate.high, claim.range) if has_interval else ""
    return {
        "claim": claim.id,
        "reading": reading,
        "role": role,
        "verdict": word(place) if place else NOT_TESTABLE,
        "standing": place,
        "rule": rule,
        "missing": missing,
        "grade": grade,
        "k": estimate.k,
        "events": estimate.events,
        "new_low": estimate.new_low,
        "new_high": estimate.new_high,
        "probability_new": estimate.probability_new,
        "low_seen": estimate.low_seen,
        "high_seen": estimate.high_seen,
        "note": " ".join(estimate.notes),
        "term": title,
        "n": estimate.n,
        "estimate": estimate.estimate,
        "conf_low": estimate.low,
        "conf_high": estimate.high,
        "conf_level": DECISION_LEVEL if has_interval else None,
        "method": method,
    }


def verdict_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Table of readings with all columns of a verdict."""
    return in_shared_words(rows, own=OWN)

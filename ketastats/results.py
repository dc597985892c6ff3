"""The shape every answer has: a table in shared words, a sentence, a figure, and the files behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from ketastats.provenance import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARED_WORDS = (
    "term",
    "n",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
    "conf_level",
    "method",
)
"""Columns that every `to_frame()` ends with, in this order; missing where they mean nothing."""

_UNBROKEN = "\u00a0"  # a space at which no line is broken

_HOURS_UNTIL = 96.0  # from here on days are easier to read

RESULT_MIME = "application/vnd.ketastats.result+json"
STATEMENT_MIME = "application/vnd.ketastats.statement+json"
SCHEMA_VERSION = 1


@runtime_checkable
class Result(Protocol):
    """What a notebook, a report or a test may ask of any answer."""

    def to_frame(self) -> pd.DataFrame:
        """Numbers, unrounded, one row per estimate, ending in `SHARED_WORDS`."""
        ...

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the answer and return the axes."""
        ...

    def _repr_html_(self) -> str: ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TabularResult:
    """An answer that is a table: the base of all results of this package.

    Subclasses add `plot`, `__str__` (one sentence) and mostly `display` (the table as a reader
    should see it).
    """

    frame: pd.DataFrame = field(repr=False)
    sources: tuple[Source, ...] = field(default=(), kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the numbers, unrounded, one row per estimate."""
        return self.frame.copy()

    def display(self) -> pd.DataFrame:
        """Return the table as text, with headings and rounding for a reader."""
        return display_estimates(self.frame)

    def figure_text(self) -> str:
        """Return what the figure shows, in words, for a reader who cannot see it."""
        return str(self)

    def __str__(self) -> str:
        return f"{type(self).__name__} with {len(self.frame)} rows"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in self.notes)
        return html_table(self.display(), caption=str(self)) + notes

    def _repr_mimebundle_(
        self,
        include: Any = None,  # noqa: ARG002 (the display protocol passes both)
        exclude: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {
            "text/plain": str(self),
            "text/html": self._repr_html_(),
            RESULT_MIME: self.to_json(),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data: sentence, numbers, display table, notes and sources."""
        shown = self.display()
        return {
            "schema": SCHEMA_VERSION,
            "kind": type(self).__name__,
            "sentence": str(self),
            "rows": records(self.frame),
            "display": {"columns": list(shown.columns), "rows": shown.to_numpy().tolist()},
            "notes": list(self.notes),
            "sources": [{"name": s.name, "sha256": s.sha256} for s in self.sources],
        }


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that stands out in a report: the answer, with one word for it.

    One that is `beside` another qualifies it, and stands out less.
    """

    text: str
    word: str = ""
    beside: bool = False

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        badge = f'<span class="word">{escape(self.word)}</span> ' if self.word else ""
        kind = "answer beside" if self.beside else "answer"
        return f'<p class="{kind}">{badge}{escape(self.text)}</p>'

    def _repr_mimebundle_(
        self,
        include: Any = None,  # noqa: ARG002 (the display protocol passes both)
        exclude: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {
            "text/plain": self.text,
            "text/html": self._repr_html_(),
            STATEMENT_MIME: {"text": self.text, "word": self.word, "beside": self.beside},
        }


def in_shared_words(rows: list[dict[str, Any]], *, own: tuple[str, ...] = ()) -> pd.DataFrame:
    """Build a result's table: own columns first, then every shared word, missing where not given."""
    frame = pd.DataFrame(rows, columns=[*own, *SHARED_WORDS])
    for word in SHARED_WORDS:
        if word not in ("term", "n", "method"):
            frame[word] = frame[word].astype("float64")
    frame["n"] = frame["n"].astype("Int64")
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries of JSON values: missing and NaN become None, infinities the text inf."""
    return [
        {str(name): _json_value(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _json_value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if hasattr(value, "item"):
        return _json_value(value.item())
    if isinstance(value, (str, int, float, bool)):
        return value
    return json.loads(json.dumps(value, default=str))


def display_estimates(
    frame: pd.DataFrame,
    *,
    heading: str = "Estimate",
    as_percent: bool = False,
    labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Table for readers: labels, n, and the estimate with its limits in one column."""
    labels = labels or {"term": ""}
    shown = pd.DataFrame({title: frame[name].map(text) for name, title in labels.items()})
    shown["n"] = frame["n"].map(count)
    form = percent if as_percent else number
    unit = " %" if as_percent else ""
    level = frame["conf_level"].dropna().unique()
    cover = f"{level_text(level[0])} " if len(level) == 1 else ""
    shown[f"{heading}{unit} ({cover}interval)"] = [
        estimate_text(row["estimate"], row["conf_low"], row["conf_high"], form)
        for row in frame.to_dict("records")
    ]
    return shown


def estimate_text(estimate: float, low: float, high: float, form: Any) -> str:
    """Write ``35.3 (32.7 to 37.6)``; an absent interval is left out, an absent estimate is a dash."""
    if pd.isna(estimate):
        return "–"
    if pd.isna(low) or pd.isna(high):
        return str(form(estimate))
    return f"{form(estimate)} ({form(low)} to {form(high)})".replace(" ", _UNBROKEN)


def share_text(row: Any, *, also: str = "") -> str:
    """Write a share in a sentence: ``35.3% (90% interval 32.7 to 37.6)``, with `also` after it."""
    level, low, high = row["conf_level"], percent(row["conf_low"]), percent(row["conf_high"])
    ending = f"; {also}" if also else ""
    return f"{percent(row['estimate'])}% ({level_text(level)} interval {low} to {high}{ending})"


def level_text(level: float) -> str:
    """Write a coverage as per cent with as many decimals as it has: ``95%``, ``97.5%``."""
    return f"{100 * float(level):.6g}%"


def percent(value: float) -> str:
    """Write a share as per cent with one decimal, without the sign."""
    return "∞" if math.isinf(value) else f"{100 * value:z.1f}"


def percentage_points(value: float) -> str:
    """Write a difference of shares in percentage points, without the unit."""
    return percent(value).replace("-", "−")


def number(value: float) -> str:
    """Write a number with three significant digits after a leading zero is allowed for."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.2f}".replace("-", "−")


def duration(hours: float) -> str:
    """Write hours as a reader says them: ``40 min``, ``36 h``, ``7 days``, ``10.5 days``, or never."""
    if math.isinf(hours):
        return "never"
    if 0 < abs(hours) < 1:
        return f"{_short(60 * hours)} min"
    if abs(hours) < _HOURS_UNTIL:
        return f"{_short(hours)} h"
    return f"{_short(hours / 24)} days"


def duration_range(low: float, high: float) -> str:
    """Write a span of hours in one unit: ``24 to 72 h``, ``7 to 14 days``, ``7 days or later``."""
    if math.isinf(high):
        return f"{duration(low)} or later" if low > 0 else "not known"
    if low == high:
        return duration(low)
    unit, size = ("h", 1) if abs(high) < _HOURS_UNTIL else ("days", 24)
    first, last = _short(low / size), _short(high / size)
    return f"{first} {unit}" if first == last else f"{first} to {last} {unit}"


def _short(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def span_text(low: float, high: float, form: Any) -> str:
    """Write what lies between two values, as shares (form `percent`) or hours (form `duration`)."""
    if pd.isna(low) or pd.isna(high):
        return "–"
    if form is duration:
        return duration_range(low, high)
    first, last = str(form(low)), str(form(high))
    return f"{first}%" if first == last else f"{first} to {last}%"


def count(value: Any) -> str:
    """Write a count with thousands separated; a dash if missing."""
    return "–" if pd.isna(value) else f"{int(value):,}"


def p_text(value: float) -> str:
    """Write a p-value with three decimals; a dash if missing."""
    if pd.isna(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def text(value: Any) -> str:
    """Write a label; a dash if missing."""
    return "–" if value is None or pd.isna(value) else str(value)


def html_table(shown: pd.DataFrame, *, caption: str = "") -> str:
    """Plain HTML table with scoped headings; every value is escaped."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in shown.columns)
    body = []
    for row in shown.itertuples(index=False):
        first, *rest = (escape(str(value)) for value in row)
        cells = "".join(f"<td>{value}</td>" for value in rest)
        body.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"

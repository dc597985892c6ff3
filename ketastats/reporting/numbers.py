"""The numbers behind a report as data: one row per number, unrounded, with what it rests on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from ketastats.reporting.document import Document

LABELS = (
    "kind",
    "claim",
    "reading",
    "term",
    "rule",
    "missing",
    "verdict",
    "grade",
    "method",
    "rows",
)
"""Columns that say what a number is; all other columns of a result are numbers of their own."""

COLUMNS = ("table", "heading", *LABELS, "quantity", "value", "unit", "source", "sha256")
_SHARES = {
    "estimate",
    "conf_low",
    "conf_high",
    "new_low",
    "new_high",
    "probability_new",
    "probability_inside",
    "low_seen",
    "high_seen",
    "range_low",
    "range_high",
    "i2",
    "conf_level",
}
_COUNTS = {"n", "k", "events", "successes", "count", "gained", "lost"}


def long_rows(document: Document) -> Iterator[dict[str, Any]]:
    """Yield one row per number of every result, in the order of the report."""
    for index, result in enumerate(document.results, start=1):
        known = {source["name"]: source["sha256"] for source in result.data["sources"]}
        for row in result.data["rows"]:
            names = str(row.get("source") or "; ".join(known)).split("; ")
            labels = {name: row.get(name) or "" for name in LABELS}
            labels["kind"] = result.data["kind"]
            behind = {
                "source": "; ".join(names),
                "sha256": "; ".join(known.get(name, "") for name in names),
            }
            for quantity, value in row.items():
                if isinstance(value, (int, float)) or value in ("inf", "-inf"):
                    yield {
                        "table": index,
                        "heading": result.heading,
                        **labels,
                        "quantity": quantity,
                        "value": value,
                        "unit": _unit(quantity, str(row.get("term", ""))),
                        **behind,
                    }


def _unit(quantity: str, term: str) -> str:
    if quantity in _COUNTS:
        return "count"
    if quantity not in _SHARES or quantity == "conf_level":
        return "share" if quantity == "conf_level" else ""
    if "ratio" in term:
        return "ratio"
    return "people" if term == "number needed to treat" else "share"


def numbers_csv(document: Document) -> str:
    """The rows as CSV; numbers are written so that reading them back gives the same bits."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in long_rows(document):
        value = row["value"]
        writer.writerow({**row, "value": repr(value) if isinstance(value, float) else value})
    return buffer.getvalue()


def results_json(document: Document, about: dict[str, Any]) -> str:
    """Every result as it was, with what the report was made from."""
    content = {
        "schema": 1,
        "title": document.title,
        "answer": document.answer,
        "about": about,
        "results": [result.data for result in document.results],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

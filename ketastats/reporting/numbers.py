"""The numbers behind a report as data: one row per number, unrounded, with what it rests on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from ketastats.reporting.document import Document

LABELS = ("kind", "claim", "reading", "term", "rule", "missing", "verdict", "grade", "method")
"""Columns that say what a number is; all other columns of a result are numbers of their own."""

COLUMNS = ("table", *LABELS, "quantity", "value", "unit", "source", "sha256")
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
}


def long_rows(document: Document) -> Iterator[dict[str, Any]]:
    """Yield one row per number of every result, in the order of the report."""
    for index, result in enumerate(document.results, start=1):
        sources = result.data["sources"]
        behind = {
            "source": "; ".join(source["name"] for source in sources),
            "sha256": "; ".join(source["sha256"] for source in sources),
        }
        for row in result.data["rows"]:
            labels = {name: row.get(name) or "" for name in LABELS}
            labels["kind"] = result.data["kind"]
            for quantity, value in row.items():
                if isinstance(value, bool) or value is None:
                    continue
                if isinstance(value, (int, float)) or value in ("inf", "-inf"):
                    unit = (
                        "share"
                        if quantity in _SHARES and result.data["kind"] != "RateDifference"
                        else ""
                    )
                    yield {
                        "table": index,
                        **labels,
                        "quantity": quantity,
                        "value": value,
                        "unit": unit,
                        **behind,
                    }


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

"""An executed notebook as a plain document: prose, answers, results and figures, in order, without code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import nbformat

from ketastats.plots.figure import FIGURE_MIME
from ketastats.results import RESULT_MIME, STATEMENT_MIME

TITLE_WHEN_NONE = "Report"


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown text."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence that stands out, with one word for it; less so if it qualifies another."""

    text: str
    word: str
    beside: bool = False


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A result of this package, as `TabularResult.to_json` gives it, and the heading above it."""

    data: dict[str, Any]
    heading: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG figure with what it shows in words."""

    svg: str
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class PlainOutput:
    """Any other output, as text."""

    text: str


Block = Prose | Answer | ResultTable | Drawing | PlainOutput


@dataclass(frozen=True, slots=True)
class Document:
    """A report's content: its title and its blocks in order."""

    title: str
    blocks: tuple[Block, ...] = field(repr=False)

    @property
    def results(self) -> tuple[ResultTable, ...]:
        """All results, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ResultTable))

    @property
    def answer(self) -> str:
        """The first answer in the document that stands for itself, empty if there is none."""
        answers = (block for block in self.blocks if isinstance(block, Answer) and not block.beside)
        return next((answer.text for answer in answers), "")


def read_document(notebook: nbformat.NotebookNode) -> Document:
    """Take prose and outputs out of an executed notebook; the first level-one heading is the title."""
    title, heading, blocks = "", "", list[Block]()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = cell.source.strip()
            if not title and text.startswith("# "):
                heading, _, text = text.partition("\n")
                title = heading[2:].strip()
            headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
            heading = headings[-1].strip() if headings else heading
            if text.strip():
                blocks.append(Prose(text.strip()))
        elif cell.cell_type == "code":
            blocks += [
                block
                for output in cell.outputs
                if (block := _read_output(output, heading)) is not None
            ]
    return Document(title or TITLE_WHEN_NONE, tuple(blocks))


def _read_output(output: nbformat.NotebookNode, heading: str) -> Block | None:
    if output.output_type == "stream":
        return (
            PlainOutput(output.text.rstrip())
            if output.name == "stdout" and output.text.strip()
            else None
        )
    if output.output_type not in ("display_data", "execute_result"):
        return None
    data = output.data
    if STATEMENT_MIME in data:
        said = data[STATEMENT_MIME]
        return Answer(said["text"], said["word"], bool(said.get("beside", False)))
    if RESULT_MIME in data:
        return ResultTable(dict(data[RESULT_MIME]), heading)
    if FIGURE_MIME in data:
        found = data[FIGURE_MIME]
        return Drawing(found["svg"], found["alt"], found["caption"])
    return PlainOutput(data["text/plain"]) if data.get("text/plain") else None

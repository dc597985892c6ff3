import time

import pytest

from ketastats.reporting.document import Answer, Document, Drawing, PlainOutput, Prose, ResultTable
from ketastats.reporting.pdf import render_pdf

ABOUT = {
    "version": "0",
    "date": "2024-05-06",
    "disclaimer": "No advice.",
    "sources": [{"name": "a.csv", "sha256": "ab" * 32}],
}
HOSTILE = '#panic("run") $x ] [ \\ * _ @a <b> ` ~ // /* "'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
TABLE = {
    "sentence": HOSTILE,
    "display": {"columns": [HOSTILE, "b"], "rows": [[HOSTILE, "1"], ["c", HOSTILE]]},
    "notes": [HOSTILE],
}


@pytest.fixture
def pdf(tmp_path):
    """Return a function that typesets blocks, each time in a folder of its own."""
    made = iter(range(100))

    def typeset(*blocks, title="Title", banner=""):
        workspace = tmp_path / str(next(made))
        workspace.mkdir()
        return render_pdf(Document(title, blocks), about=ABOUT, workspace=workspace, banner=banner)

    return typeset


def test_the_same_document_gives_the_same_pdf_twice_and_another_one_another(pdf):
    blocks = (Prose("Text."), Answer("Yes.", "supported"), Drawing(SVG, "A dot.", "Caption."))
    first = pdf(*blocks)
    assert first.startswith(b"%PDF-")
    time.sleep(1.1)  # the clock of a PDF counts seconds, and must not be in it
    assert pdf(*blocks) == first
    assert pdf(Prose("Other text."), *blocks[1:]) != first


@pytest.mark.parametrize(
    "block",
    [
        Prose(f"{HOSTILE}\n\n- {HOSTILE}\n\n1. {HOSTILE}\n\n> {HOSTILE}\n\n## {HOSTILE}"),
        Prose(f"**{HOSTILE}** and *{HOSTILE}*\n\n```\n{HOSTILE}\n```\n\n<div>{HOSTILE}</div>"),
        Answer(HOSTILE, HOSTILE),
        ResultTable(TABLE, ""),
        Drawing(SVG, HOSTILE, HOSTILE),
        PlainOutput(HOSTILE),
    ],
    ids=["prose", "more prose", "answer", "table", "drawing", "output"],
)
def test_markup_of_the_typesetter_in_a_text_is_shown_and_not_run(pdf, block):
    # '#panic' would stop the typesetter; the brackets and quotes would end what holds the text
    assert pdf(block, title=HOSTILE, banner=HOSTILE).startswith(b"%PDF-")


def test_the_typesetter_source_holds_none_of_the_texts(tmp_path):
    blocks = (Prose(HOSTILE), Answer(HOSTILE, HOSTILE), ResultTable(TABLE, ""))
    render_pdf(Document(HOSTILE, blocks), about=ABOUT, workspace=tmp_path, banner=HOSTILE)
    assert "panic" not in (tmp_path / "document.typ").read_text(encoding="utf-8")
    assert "panic" in (tmp_path / "document.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "block",
    [
        Prose("### A deep heading right after the title"),
        Prose("## One\n\n#### Two levels down"),
        Prose("[no address]()"),
        Prose("不安 😀"),
        PlainOutput("\x1b[31mcoloured\x1b[0m"),
    ],
    ids=["heading", "heading after heading", "empty link", "other script", "terminal colour"],
)
def test_what_a_notebook_may_hold_does_not_stop_the_pdf(pdf, block):
    assert pdf(block).startswith(b"%PDF-")


def test_a_figure_without_words_does_not_get_into_a_pdf(pdf):
    with pytest.raises(Exception, match="alt text"):
        pdf(Drawing(SVG, "", "Caption."))

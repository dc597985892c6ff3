import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ketastats.plots.figure import Figure
from ketastats.reporting.document import (
    Answer,
    Drawing,
    PlainOutput,
    Prose,
    read_document,
)
from ketastats.results import Statement


def shown(bundle) -> nbformat.NotebookNode:
    return new_output("display_data", data=bundle)


def test_the_first_heading_is_the_title_and_code_is_left_out():
    book = new_notebook(
        cells=[
            new_markdown_cell("# Title here\n\nLead."),
            new_code_cell("secret_code()"),
            new_markdown_cell("# Another heading"),
        ]
    )
    document = read_document(book)
    assert document.title == "Title here"
    assert document.blocks == (Prose("Lead."), Prose("# Another heading"))


def test_a_notebook_without_a_heading_still_has_a_title():
    assert read_document(new_notebook(cells=[new_markdown_cell("Text.")])).title == "Report"


def test_outputs_become_blocks_in_order_and_warnings_are_left_out():
    outputs = [
        new_output("stream", name="stderr", text="a warning"),
        new_output("stream", name="stdout", text="printed\n"),
        shown(Statement("Yes.", "supported")._repr_mimebundle_()),
        shown(Figure("<svg/>", "words", "caption")._repr_mimebundle_()),
        new_output("execute_result", data={"text/plain": "42"}),
    ]
    document = read_document(new_notebook(cells=[new_code_cell("x", outputs=outputs)]))
    assert document.blocks == (
        PlainOutput("printed"),
        Answer("Yes.", "supported"),
        Drawing("<svg/>", "words", "caption"),
        PlainOutput("42"),
    )


def test_the_answer_is_the_first_statement_and_empty_without_one():
    both = [shown(Statement(text)._repr_mimebundle_()) for text in ("First.", "Second.")]
    book = new_notebook(cells=[new_code_cell("x", outputs=both)])
    assert read_document(book).answer == "First."
    assert read_document(new_notebook()).answer == ""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ketastats.reporting.report import build_report


@pytest.fixture(scope="session")
def notebook():
    """Return a function that makes a notebook of a title, an optional cell of parameters, and code."""

    def make(*sources, parameters=None, title="# A small report"):
        cells = [new_markdown_cell(title)]
        if parameters is not None:
            cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        return new_notebook(cells=cells + [new_code_cell(source) for source in sources])

    return make


@pytest.fixture(scope="session")
def write_notebook(notebook):
    """Return a function that writes such a notebook to a path, and returns the path."""

    def write(path, *sources, **options):
        nbformat.write(notebook(*sources, **options), path)
        return path

    return write


@pytest.fixture(scope="session")
def shipped_report(tmp_path_factory):
    """The shipped notebook, run once."""
    return build_report(out=tmp_path_factory.mktemp("shipped"))

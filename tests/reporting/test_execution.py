import os
import time

import pytest

from ketastats.reporting.execution import CellError, execute_notebook


def ends(pid, *, within=5.0):
    """Whether a process is gone, or goes soon."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def failed(notebook, tmp_path_factory):
    """The error of a notebook whose third cell fails, and the notebook."""
    book = notebook(
        "import os; print(os.getpid())", "raise KeyError('first line\\nsecond')", "print('never')"
    )
    with pytest.raises(CellError) as caught:
        execute_notebook(book, workspace=tmp_path_factory.mktemp("work"))
    return caught.value


def test_a_failing_cell_is_named_by_number_and_error_without_what_may_be_data(failed):
    assert (failed.cell, failed.error_name) == (3, "KeyError")
    assert "Cell 3 stopped with KeyError" in str(failed)
    assert "first line" not in str(failed)
    assert len(str(failed).splitlines()) == 1


def test_a_failed_notebook_keeps_its_outputs_so_far_and_runs_no_further(failed):
    _, first, second, third = failed.notebook.cells
    assert first.outputs[0].text.strip().isdigit()
    assert second.outputs[0].ename == "KeyError"
    assert third.outputs == []


def test_the_kernel_ends_with_a_failed_notebook(failed):
    assert ends(int(failed.notebook.cells[1].outputs[0].text))


def test_all_problems_of_refused_data_are_in_the_message_of_the_cell(notebook, tmp_path):
    cell = (
        "from ketastats.errors import DataError, problem\n"
        "raise DataError('t.csv', [problem('a', 't', '', [], 'first', 'x'),"
        " problem('b', 't', '', [], 'second', 'y')])"
    )
    with pytest.raises(CellError) as caught:
        execute_notebook(notebook(cell), workspace=tmp_path)
    assert "first" in str(caught.value)
    assert "second" in str(caught.value)


@pytest.mark.parametrize("timeout", [1, 0.5])
def test_a_cell_that_takes_too_long_is_stopped_with_its_kernel(notebook, tmp_path, timeout):
    book = notebook("import os; print(os.getpid())", "import time; time.sleep(4)")
    with pytest.raises(CellError, match=f"longer than {timeout} s") as caught:
        execute_notebook(book, workspace=tmp_path, timeout=timeout)
    assert caught.value.cell == 3
    assert ends(int(book.cells[1].outputs[0].text))


def test_a_notebook_that_kills_its_kernel_is_an_error_of_its_cell(notebook, tmp_path):
    book = notebook("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(CellError) as caught:
        execute_notebook(book, workspace=tmp_path)
    assert (caught.value.cell, caught.value.error_name) == (2, "DeadKernel")


def test_progress_counts_up_to_all_cells_and_the_kernel_works_in_the_workspace(notebook, tmp_path):
    seen = []
    book = notebook("import os; print(os.path.realpath('.'))", "2")
    execute_notebook(
        book, workspace=tmp_path, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert book.cells[1].outputs[0].text.strip() == str(tmp_path.resolve())

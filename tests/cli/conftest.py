import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ketastats.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that types words and gives the exit code, what was printed and what was said."""

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["ketastats", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed, said = capsys.readouterr()
        return ended.value.code, printed, said

    return typed


@pytest.fixture
def write_small_notebook(tmp_path):
    def write(source, *, parameters='ARM: str = "DRUG"'):
        cells = [
            new_markdown_cell("# Small"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            new_code_cell(source),
        ]
        path = tmp_path / "small.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


@pytest.fixture
def write_cohort(tmp_path):
    """Return a function that writes a cohort of the given provenance, or one with several faults."""

    def write(provenance="private", *, faults=False):
        folder = tmp_path / "cohort"
        folder.mkdir()
        score = "high" if faults else "12"
        age = "190" if faults else "40"
        (folder / "subjects.csv").write_text(f"usubjid,trt01a,diagnosis,age\ns1,A,gad,{age}\n")
        (folder / "scores.csv").write_text(
            f"usubjid,paramcd,avisit,afrlt,aval\ns1,ham_a,Baseline,0,30\ns1,ham_a,Week 6,1008,{score}\n"
        )
        (folder / "cohort.toml").write_text(f'provenance = "{provenance}"\n')
        return folder

    return write

import pytest

import ketastats as ks
from ketastats.reporting.parameters import check_values, inject, read_parameters
from ketastats.reporting.report import build_report

DECLARED = 'ARM: str = "DRUG"\nN: int = -3\nLEVEL: float = 1  # whole\nFULL: bool = False'


def test_declared_parameters_have_names_types_and_defaults(notebook):
    found = read_parameters(notebook(parameters=DECLARED))
    assert {name: (p.type, p.default) for name, p in found.items()} == {
        "ARM": (str, "DRUG"),
        "N": (int, -3),
        "LEVEL": (float, 1.0),
        "FULL": (bool, False),
    }
    assert isinstance(found["LEVEL"].default, float)


def test_a_notebook_without_a_tagged_cell_has_no_parameters(notebook):
    assert read_parameters(notebook("1 + 1")) == {}


def test_texts_are_converted_to_the_declared_types(notebook):
    declared = read_parameters(notebook(parameters=DECLARED))
    given = {"N": "7", "LEVEL": "0.9", "FULL": "True"}
    values = check_values(declared, given)
    assert values == {"ARM": "DRUG", "N": 7, "LEVEL": 0.9, "FULL": True}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("N", "7.5"),
        ("N", True),
        ("LEVEL", "high"),
        ("LEVEL", False),
        ("FULL", "1"),
        ("ARM", 3),
        ("LEVEL", "nan"),  # no literal of Python, and no level of anything
        ("LEVEL", "inf"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_name_of_the_parameter(notebook, name, value):
    with pytest.raises(ks.UsageError, match=name):
        check_values(read_parameters(notebook(parameters=DECLARED)), {name: value})


def test_an_unknown_parameter_names_the_nearest_one(notebook):
    with pytest.raises(ks.UsageError, match="did you mean 'LEVEL'"):
        check_values(read_parameters(notebook(parameters=DECLARED)), {"LEVL": 1.0})


@pytest.mark.parametrize(
    "cell",
    [
        'ARM: str = open("x")',
        'ARM = "DRUG"',
        "import os",
        "ARM: str",
        "ARM: list = []",
        "N: int = 1.5",
        "ARM: str = {[]: 1}",
        "ARM: str =",
    ],
)
def test_a_cell_of_parameters_that_holds_anything_else_is_refused_in_words(notebook, cell):
    with pytest.raises(ks.UsageError):
        read_parameters(notebook(parameters=cell))


def test_injected_values_are_read_back_as_they_were(notebook):
    book = notebook(parameters=DECLARED)
    values = {"ARM": 'a"b\\n\nc', "N": -1, "LEVEL": 0.1, "FULL": True}
    inject(book, values)
    namespace = {}
    exec(book.cells[1].source, namespace)
    assert {name: namespace[name] for name in values} == values


def test_a_wrong_parameter_is_refused_before_anything_is_written(write_notebook, tmp_path):
    path = write_notebook(tmp_path / "n.ipynb", "1 / 0", parameters=DECLARED)
    with pytest.raises(ks.UsageError, match="N"):
        build_report(out=tmp_path / "out", notebook=path, parameters={"N": "many"})
    assert not (tmp_path / "out").exists()

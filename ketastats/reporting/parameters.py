"""The typed parameters of a notebook, declared in its tagged cell and checked before a kernel
starts.

The cell tagged `parameters` holds annotated assignments with literal defaults, and nothing else:

    ARM: str = "DRUG"          # the arm that is judged
    CONF_LEVEL: float = 0.95
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

import nbformat

from ketastats.errors import UsageError, unknown_name

TAG = "parameters"
_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter's name, type and default."""

    name: str
    type: type
    default: Value


def read_parameters(notebook: nbformat.NotebookNode) -> dict[str, Parameter]:
    """Return the declared parameters; a notebook without a tagged cell has none.

    Raises
    ------
    UsageError
        If the cell holds anything but annotated assignments of literals.
    """
    found: dict[str, Parameter] = {}
    for cell in notebook.cells:
        if TAG not in cell.metadata.get("tags", ()):
            continue
        try:
            body = ast.parse(cell.source).body
        except SyntaxError as error:
            raise UsageError(
                f"Line {error.lineno} of the cell of parameters is no Python"
            ) from None
        for node in body:
            parameter = _read(node)
            found[parameter.name] = parameter
    return found


def check_values(
    declared: Mapping[str, Parameter], given: Mapping[str, str | Value]
) -> dict[str, Value]:
    """Convert given values, texts from the command line included, to the declared types.

    Raises
    ------
    UsageError
        If a name is not declared (the nearest is named) or a value does not fit its type.
    """
    values = {name: parameter.default for name, parameter in declared.items()}
    for name, value in given.items():
        if name not in declared:
            raise unknown_name("parameter of this notebook", name, declared)
        values[name] = _convert(declared[name], value)
    return values


def inject(notebook: nbformat.NotebookNode, values: Mapping[str, Value]) -> None:
    """Put the values into the tagged cell, in place."""
    for cell in notebook.cells:
        if TAG in cell.metadata.get("tags", ()):
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in values.items())


def _read(node: ast.stmt) -> Parameter:
    if (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id in _TYPES
        and node.value is not None
    ):
        try:
            default = ast.literal_eval(node.value)
        except (ValueError, TypeError) as error:
            raise UsageError(f"The default of {node.target.id} must be a literal") from error
        parameter = Parameter(node.target.id, _TYPES[node.annotation.id], default)
        return Parameter(parameter.name, parameter.type, _convert(parameter, default))
    raise UsageError(
        'The cell of parameters may hold only lines such as  ARM: str = "DRUG"  '
        f"(types {', '.join(_TYPES)}); line {node.lineno} does not fit"
    )


def _convert(parameter: Parameter, value: str | Value) -> Value:
    wanted = parameter.type
    fits = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    if fits and not (isinstance(value, float) and not isfinite(value)):
        return value
    if isinstance(value, int) and wanted is float and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and wanted is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and wanted in (int, float):
        try:
            number: Value = wanted(value)
        except ValueError:
            number = inf
        if isfinite(float(number)):
            return number
    raise UsageError(f"{parameter.name} must be of type {wanted.__name__}, and {value!r} is not")

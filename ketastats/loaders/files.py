"""One data file to one table, as written: text stays text until the schema says what it is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd

from ketastats.errors import DataError, problem
from ketastats.provenance import source_of_file, with_sources

SUFFIXES = (".csv", ".parquet")


def read_table(path: Path, *, missing: Sequence[str] = (), encoding: str = "utf-8") -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : Path
    missing : sequence of str
        Texts that mean missing, besides an empty cell.
    encoding : str, default "utf-8"
        Of a CSV file; a byte-order mark is accepted.

    Returns
    -------
    DataFrame
        CSV cells as strings without blanks at their ends, Parquet columns as stored; its source
        (name and SHA-256) is attached.

    Raises
    ------
    DataError
        If the file is absent, of another kind, not decodable, without columns, or ragged.
    """
    if not path.is_file():
        _refuse(path, "no_file", "there is no such file", "Check the path and the spelling")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        frame = _read_parquet(path, missing)
    elif suffix == ".csv":
        frame = _read_csv(path, missing, encoding)
    else:
        what = f"the format {path.suffix or 'without suffix'!r} is not read"
        _refuse(path, "unknown_format", what, "Save the table as CSV (UTF-8) or Parquet")
    return with_sources(frame, [source_of_file(path)])


def _read_parquet(path: Path, missing: Sequence[str]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        what = "not a readable Parquet file"
        _refuse(path, "unreadable", what, "Write the file again, or use CSV", error)
    texts = frame.select_dtypes(["object", "string"]).columns
    frame[texts] = frame[texts].mask(frame[texts].isin(["", *missing]))
    return pd.DataFrame(frame)


def _read_csv(path: Path, missing: Sequence[str], encoding: str) -> pd.DataFrame:
    codec = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=["", *missing], encoding=codec
        )
    except UnicodeDecodeError as error:
        line = _first_undecodable_line(path, encoding)
        what = f"not {encoding.upper()} text (first seen near line {line})"
        remedy = 'Save it as UTF-8, or name its encoding in the mapping file: encoding = "cp1252"'
        _refuse(path, "encoding", what, remedy, error)
    except LookupError as error:
        what = f"the encoding {encoding!r} is unknown"
        _refuse(path, "encoding", what, "Use utf-8, cp1252 or latin-1", error)
    except pd.errors.EmptyDataError as error:
        _refuse(path, "empty", "the file is empty", "Check that the export finished", error)
    except pd.errors.ParserError as error:
        what = f"the rows have different numbers of cells ({_tidy(error)})"
        _refuse(path, "ragged", what, _COMMAS, error)
    if frame.shape[1] == 1 and any(mark in str(frame.columns[0]) for mark in ";\t"):
        what = "the cells seem to be separated by semicolons or tabs"
        remedy = "Save the file with commas, and decimal points instead of decimal commas"
        _refuse(path, "separator", what, remedy)
    _check_shape(path, codec)
    # "P01 " and "P01" are one subject.
    stripped: pd.DataFrame = frame.apply(lambda column: column.str.strip())
    return stripped.set_axis(frame.columns.str.strip(), axis=1)


_COMMAS = "Quote cells that hold commas, and use the comma as separator"


def _first_undecodable_line(path: Path, encoding: str) -> int:
    data = path.read_bytes()
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return data[: error.start].count(b"\n") + 1
    return 1


def _check_shape(path: Path, encoding: str) -> None:
    """Refuse rows that do not fit the header, which pandas would shift or fill without a word."""
    with path.open(encoding=encoding, newline="") as stream:
        rows = csv.reader(stream)
        header = next(rows)
        if len(set(header)) < len(header):
            _refuse(
                path,
                "duplicate_column",
                "two columns have one name",
                "Give every column a name of its own",
            )
        for number, row in enumerate(rows, start=1):
            if row and len(row) != len(header):
                _refuse(
                    path,
                    "ragged",
                    f"row {number} has {len(row)} cells and the header {len(header)}",
                    "Quote cells that hold commas, and leave no comma at the end of a row",
                )


def _tidy(error: Exception) -> str:
    return str(error).strip().removeprefix("Error tokenizing data. C error: ")


def _refuse(
    path: Path, code: str, what: str, remedy: str, cause: Exception | None = None
) -> NoReturn:
    raise DataError(str(path), [problem(code, path.name, "", [], what, remedy)]) from cause

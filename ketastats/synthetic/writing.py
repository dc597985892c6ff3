"""A made-up cohort as a folder of tables, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.options import require_flag
from ketastats.cohort.schema import TABLES
from ketastats.errors import UsageError
from ketastats.synthetic.cohort import SyntheticCohort

ORDER: Mapping[str, tuple[str, ...]] = {
    "subjects": ("usubjid",),
    "doses": ("usubjid", "afrlt", "exseq"),
    "scores": ("usubjid", "afrlt", "avisitn", "paramcd"),
    "events": ("usubjid", "astrlt", "aedecod", "exseq"),
    "medications": ("usubjid", "cmstrlt", "cmdecod", "cmcat", "cmenrlt"),
}
"""The tables that are written, and what their rows are sorted by."""
DECIMALS: Mapping[str, int] = {
    "hours": 1,
    "kg": 1,
    "mg": 1,
    "mg/kg": 3,
    "years": 0,
    "treatments": 0,
    "count": 0,
    "period": 0,
}
"""Decimals of a number by its unit; hours of events have `EVENT_DECIMALS`."""
EVENT_DECIMALS = 2
MOST_DECIMALS: Mapping[str, int] = {"points": 2, "minutes": 1, "visit number": 1}
"""Decimals by unit where a whole number is written without any."""
TRUTH_DIGITS = 6
ABOUT, TRUTH = "cohort.toml", "truth.csv"
FILES = (*(f"{table}.csv" for table in ORDER), ABOUT, TRUTH)
"""Everything that a folder of a made-up cohort may hold."""

_MARK = "scenario_key"
_BLOCK = 200_000  # rows made into text at a time


def write_cohort(
    cohort: SyntheticCohort,
    folder: str | Path,
    *,
    seed: int | None = None,
    truth: bool = True,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a made-up cohort as five CSV tables, `cohort.toml` and `truth.csv`.

    The folder is written beside its place and renamed, so that it is whole or not there. What
    `load_cohort` reads from it are the same tables, sorted as in `ORDER`, with numbers to the
    decimals of their units; an empty text comes back as missing.

    Parameters
    ----------
    cohort : SyntheticCohort
    folder : str or Path
        Made if it is not there. An earlier made-up cohort in it is replaced.
    seed : int, optional
        What the cohort was drawn with, to be noted in `cohort.toml`.
    truth : bool, default True
        Whether to write what is true in the scenario, to six significant digits. Working it out
        takes some seconds if nobody has asked for it yet.
    force : bool, default False
        Take the place also of something else: that folder is not deleted but renamed, with
        ".before" behind its name.
    progress : callable, optional
        Told the rows written and all rows.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the cohort is not made up, or the place is a file, or holds anything else than an earlier
        made-up cohort and `force` is not given.
    """
    if not isinstance(cohort, SyntheticCohort):
        raise UsageError(
            f"Only a cohort from synthetic_cohort can be written, not a {type(cohort).__name__}"
        )
    require_flag("truth", truth)
    place = require_place(folder, force=force)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", suffix=".part", dir=place.parent))
    try:
        temporary.chmod(0o755)  # mkdtemp lets nobody else in
        _write_tables(cohort, temporary, progress)
        _write_text(temporary / ABOUT, _about(cohort, seed))
        if truth:
            _write_text(temporary / TRUTH, _truth_text(cohort.truth))
        _put(temporary, require_place(place, force=force))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return place


def require_place(folder: str | Path, *, force: bool = False) -> Path:
    """Return where a made-up cohort may be written, links followed; `UsageError` where it may not."""
    require_flag("force", force)
    if not isinstance(folder, (str, Path)) or not str(folder):
        raise UsageError("A cohort is written into a folder; give its path")
    place = Path(folder).resolve()
    if place.exists() and not place.is_dir():
        raise UsageError(f"{folder} is a file; name a folder")
    if not place.name:
        raise UsageError(f"{folder} cannot be replaced; name a folder in it")
    if place.exists() and not force and not _free(place):
        raise UsageError(
            f"{folder} holds something else than an earlier synthetic cohort; name another folder, "
            "or set that one aside with force"
        )
    return place


def set_aside(folder: str | Path) -> Path | None:
    """Name under which `force` would keep what is in a folder; None if nothing has to be kept."""
    place = Path(folder).resolve()
    if not place.is_dir() or _free(place):
        return None
    number, aside = 1, place.with_name(f"{place.name}.before")
    while os.path.lexists(aside):
        number += 1
        aside = place.with_name(f"{place.name}.before-{number}")
    return aside


def _free(place: Path) -> bool:
    """Whether a folder is empty or holds an earlier made-up cohort and nothing else."""
    held = list(place.iterdir())
    if not held:
        return True
    if not all(path.name in FILES and path.is_file() for path in held):
        return False
    try:
        about = tomllib.loads((place / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return about.get("provenance") == "synthetic" and _MARK in about


def _put(temporary: Path, place: Path) -> None:
    """Rename a finished folder to its place; what was there is deleted if it can be made again."""
    kept = set_aside(place)
    old = kept or Path(f"{temporary}.old")
    try:
        if place.exists():
            os.replace(place, old)
        os.replace(temporary, place)
    except BaseException:
        if old.exists() and not place.exists():
            os.replace(old, place)
        raise
    if kept is None:
        shutil.rmtree(old, ignore_errors=True)


def _write_tables(
    cohort: SyntheticCohort, folder: Path, progress: Callable[[int, int], None] | None
) -> None:
    wanted, done = sum(len(getattr(cohort, name)) for name in ORDER), 0
    if progress is not None:
        progress(0, wanted)
    for name, keys in ORDER.items():
        table: pd.DataFrame = getattr(cohort, name)
        by = [key for key in keys if key in table.columns]
        table = table.sort_values(by, kind="stable", ignore_index=True)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            for start in range(0, max(len(table), 1), _BLOCK):
                block = _in_text(table.iloc[start : start + _BLOCK], name)
                block.to_csv(stream, index=False, header=start == 0, lineterminator="\n")
                done += len(block)
                if progress is not None and len(block):
                    progress(done, wanted)
            stream.flush()
            os.fsync(stream.fileno())


def _in_text(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The cells as they are written; missing ones and texts as they are."""
    units = {column.name: column.unit for column in TABLES[name] if column.kind == "number"}
    written = {}
    for column in table.columns:
        values = table[column]
        if pd.api.types.is_numeric_dtype(values):
            written[column] = _numbers_in_text(values, units.get(column, "points"), name)
        else:
            written[column] = values.to_numpy(dtype=object, na_value="")
    return pd.DataFrame(written, dtype=object)


def _numbers_in_text(values: pd.Series, unit: str, table: str) -> NDArray[np.object_]:
    """Numbers to the decimals of their unit; each different number is made into text once."""
    codes, numbers = pd.factorize(values.to_numpy(dtype=float, na_value=np.nan))
    if unit in DECIMALS:
        decimals = EVENT_DECIMALS if (table, unit) == ("events", "hours") else DECIMALS[unit]
        texts = [_number_text(number, decimals) for number in numbers]
    else:
        texts = [_shortest(number, MOST_DECIMALS[unit]) for number in numbers]
    # a missing number has the code -1, which is the last of the texts
    return np.array([*texts, ""], dtype=object)[codes]


def _number_text(number: float, decimals: int) -> str:
    text = f"{number:.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def _shortest(number: float, decimals: int) -> str:
    text = _number_text(number, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _about(cohort: SyntheticCohort, seed: int | None) -> str:
    rows = {
        "name": cohort.name,
        "provenance": cohort.provenance,
        "scenario": cohort.scenario.name,
        _MARK: cohort.scenario.key,
        "n": len(cohort.subjects),
    }
    if seed is not None:
        rows["seed"] = int(seed)
    # JSON's texts and whole numbers are TOML's
    return "".join(f"{key} = {json.dumps(v, ensure_ascii=False)}\n" for key, v in rows.items())


def _truth_text(truth: pd.DataFrame) -> str:
    numbers = truth.select_dtypes("float").columns
    positive_zero = truth.assign(**{name: truth[name] + 0.0 for name in numbers})
    text: str = positive_zero.to_csv(
        index=False, float_format=f"%.{TRUTH_DIGITS}g", lineterminator="\n"
    )
    return text


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())

"""A cohort from a folder of tables, or from one questionnaire table with a mapping file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ketastats.cohort.cohort import Cohort
from ketastats.cohort.schema import TABLES
from ketastats.errors import DataError, Problem, problem, unknown_name
from ketastats.loaders.files import SUFFIXES, read_table
from ketastats.loaders.mapped_tables import build_table, derive_completion
from ketastats.loaders.mapping import CohortMapping, TableMapping, read_mapping
from ketastats.provenance import Source, source_of_file, sources_of

MAPPING_NAME = "mapping.toml"


def load_cohort(path: str | Path, *, mapping: str | Path | None = None) -> Cohort:
    """Load and check a cohort.

    Parameters
    ----------
    path : str or Path
        A folder, or one CSV or Parquet file. A folder holds either `mapping.toml` beside its source
        files, or tables already in the schema's columns, named subjects, doses, scores, events,
        medications and windows (.csv or .parquet); then `cohort.toml` in it gives `name` and
        `provenance`, private if absent.
    mapping : str or Path, optional
        The mapping file, if it is not `mapping.toml` in the folder; needed for a single file
        (`ketastats.loaders.mapping` shows one).

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        With every problem found, if a file cannot be read or the tables are not whole.
    UsageError
        If the mapping uses a word that does not exist.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(
            str(place),
            [
                problem(
                    "no_file",
                    place.name,
                    "",
                    [],
                    "there is no such file or folder",
                    "Check the path and the spelling",
                )
            ],
        )
    if mapping is not None:
        return _mapped_cohort(place, Path(mapping))
    if place.is_dir():
        own = place / MAPPING_NAME
        return _mapped_cohort(place, own) if own.is_file() else _plain_cohort(place)
    beside = place.parent / MAPPING_NAME
    if beside.is_file():
        return _mapped_cohort(place, beside)
    raise DataError(
        str(place),
        [
            problem(
                "no_mapping",
                place.name,
                "",
                [],
                "a single table needs a mapping file",
                f"Write {MAPPING_NAME} beside it, or name one with mapping=",
            )
        ],
    )


def load_questionnaire(table: str | Path, mapping: str | Path) -> Cohort:
    """Load one long or wide questionnaire table; every section of the mapping reads this file.

    Raises
    ------
    DataError, UsageError
        As `load_cohort`.
    """
    plan = read_mapping(Path(mapping))
    sections = {
        name: replace(section, file=Path(table).name) for name, section in plan.tables.items()
    }
    return _assemble(Path(table).parent, replace(plan, tables=sections), Path(mapping))


def _mapped_cohort(place: Path, mapping: Path) -> Cohort:
    plan = read_mapping(mapping)
    if place.is_file():
        return load_questionnaire(place, mapping)
    return _assemble(place, plan, mapping)


def _assemble(folder: Path, plan: CohortMapping, mapping: Path) -> Cohort:
    problems: list[Problem] = []
    tables: dict[str, pd.DataFrame] = {}
    sources: set[Source] = {source_of_file(mapping)}
    read: dict[tuple[str, tuple[str, ...], str], pd.DataFrame] = {}
    for name, section in plan.tables.items():
        try:
            key = section.file, section.missing, section.encoding
            if key not in read:
                read[key] = _read(folder, section)
            raw = read[key]
        except DataError as error:
            problems += list(error.problems)
            continue
        sources.update(sources_of(raw))
        tables[name], found = build_table(raw, name, section)
        problems += found
    if problems:
        raise DataError(str(folder), list(dict.fromkeys(problems)))
    subjects = tables.pop("subjects", pd.DataFrame())
    about_subjects = plan.tables.get("subjects")
    if about_subjects is not None and about_subjects.completed_visit:
        visit = _known_visit(tables["scores"], about_subjects.completed_visit)
        subjects = derive_completion(subjects, tables["scores"], visit)
    windows = pd.DataFrame(list(plan.windows)) if plan.windows else None
    return Cohort(
        subjects,
        provenance=plan.provenance,
        name=plan.name,
        windows=windows,
        sources=sorted(sources),
        **tables,
    )


def _known_visit(scores: pd.DataFrame, visit: str) -> str:
    visits = set(scores["avisit"].dropna()) if "avisit" in scores.columns else set[str]()
    if visit not in visits:
        raise unknown_name("visit for completed_visit", visit, visits)
    return visit


def _read(folder: Path, section: TableMapping) -> pd.DataFrame:
    return read_table(folder / section.file, missing=section.missing, encoding=section.encoding)


def _plain_cohort(folder: Path) -> Cohort:
    found: dict[str, Path] = {}
    for table in TABLES:
        for suffix in SUFFIXES:
            candidate = folder / f"{table}{suffix}"
            if candidate.is_file():
                found[table] = candidate
    if "subjects" not in found:
        raise DataError(
            str(folder),
            [
                problem(
                    "no_subjects",
                    folder.name,
                    "",
                    [],
                    f"neither {MAPPING_NAME} nor a table called subjects is here",
                    "Name the files as the tables (subjects.csv, scores.csv ...), or write a mapping",
                )
            ],
        )
    problems: list[Problem] = []
    tables = {}
    for name, path in found.items():
        try:
            tables[name] = read_table(path)
        except DataError as error:
            problems += list(error.problems)
    if problems:
        raise DataError(str(folder), problems)
    about = _about(folder)
    sources = sources_of(*tables.values())
    return Cohort(
        tables.pop("subjects"),
        provenance=about.get("provenance", "private"),
        name=about.get("name", folder.name),
        sources=sources,
        **tables,
    )


def _about(folder: Path) -> dict[str, str]:
    path = folder / "cohort.toml"
    if not path.is_file():
        return {}
    import tomllib

    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            str(path),
            [
                problem(
                    "not_toml",
                    path.name,
                    "",
                    [],
                    f"not valid TOML ({error})",
                    "Correct the line; texts need quotes",
                )
            ],
        ) from error
    return {str(key): str(value) for key, value in raw.items()}

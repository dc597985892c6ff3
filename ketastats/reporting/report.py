"""From a notebook and data to a published report."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

import ketastats
from ketastats.cohort.cohort import Cohort
from ketastats.errors import PrivacyError, UsageError, unknown_name
from ketastats.loaders.cohort_files import load_cohort
from ketastats.reporting.document import Document, read_document
from ketastats.reporting.execution import CellError, Progress, execute_notebook
from ketastats.reporting.numbers import numbers_csv, results_json
from ketastats.reporting.page import render_page
from ketastats.reporting.parameters import Value, check_values, inject, read_parameters
from ketastats.reporting.pdf import render_pdf
from ketastats.reporting.publication import (
    keep_failure,
    latest_folder,
    latest_manifest,
    locked,
    publish,
)
from ketastats.resources import shipped

DISCLAIMER = (
    "This report informs analysis. It is no medical advice, and no basis for starting, changing or "
    "stopping a treatment."
)
SYNTHETIC = "Synthetic data: this report shows the method and is no evidence about the world."
COHORT_PARAMETER = "COHORT"
_VERSIONS_THAT_MATTER = ("matplotlib", "numpy", "pandas", "scipy", "statsmodels", "typst")


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """A published report: its folder, its manifest, and whether this call made it."""

    folder: Path
    manifest: Mapping[str, Any]
    changed: bool


def shipped_notebooks() -> dict[str, Path]:
    """The notebooks that become reports, by name."""
    return {path.stem: path for path in sorted(shipped("notebooks").glob("*.ipynb"))}


def build_report(
    data: str | Path | None = None,
    out: str | Path = "reports",
    *,
    notebook: str | Path = "conventional_relief",
    parameters: Mapping[str, str | Value] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> PublishedReport:
    """Run a notebook and publish its page, PDF and numbers.

    Parameters
    ----------
    data : str or Path, optional
        A cohort (see `load_cohort`), given to the notebook as its parameter COHORT. Without it the
        notebook uses its default.
    out : str or Path, default "reports"
        The report is published under ``out/<notebook name>/latest``.
    notebook : str or Path, default "conventional_relief"
        The name of a shipped notebook, or the path of one of your own.
    parameters : mapping, optional
        Values for the notebook's typed parameters; texts are converted.
    force : bool, default False
        Run even if nothing changed since the latest report.
    progress : callable, optional
        Called with the cells done and the cells in all.

    Returns
    -------
    PublishedReport

    Raises
    ------
    UsageError
        If the notebook or a parameter does not exist or does not fit.
    DataError
        If the data cannot be used.
    PrivacyError
        If the data are private: this version cannot yet hide small cells.
    CellError
        If a cell fails; the last good report stays, and what there was is kept under ``failed``.
    LockedError
        If another run is publishing the same report.
    """
    path = _find_notebook(notebook)
    source = _read_notebook(path)
    given = dict(parameters or {})
    banner = ""
    if data is not None:
        cohort = load_cohort(data)
        banner = _allowed(cohort)
        given[COHORT_PARAMETER] = str(Path(data).resolve())
    values = check_values(read_parameters(source), given)
    place = Path(out) / path.stem
    key = _key(path, values, data)
    with locked(place):
        latest = latest_manifest(place)
        if latest is not None and latest["key"] == key and not force:
            return PublishedReport(latest_folder(place), latest, changed=False)
        inject(source, values)
        return _run_and_publish(source, place, key, values, banner, progress)


def _run_and_publish(
    notebook: nbformat.NotebookNode,
    place: Path,
    key: str,
    values: Mapping[str, Value],
    banner: str,
    progress: Progress | None,
) -> PublishedReport:
    with tempfile.TemporaryDirectory(prefix="ketastats-") as folder:
        workspace = Path(folder)
        try:
            execute_notebook(notebook, workspace=workspace, progress=progress)
        except CellError as error:
            kept = keep_failure(place, _failure_files(error))
            error.add_note(f"The last good report is untouched; the run so far is in {kept}")
            raise
        document = read_document(notebook)
        about = _about(document, values)
        typesetting = workspace / "typesetting"
        typesetting.mkdir()
        files = {
            "report.html": render_page(document, about=about, banner=banner).encode(),
            "report.pdf": render_pdf(document, about=about, workspace=typesetting, banner=banner),
            "results.csv": numbers_csv(document).encode(),
            "results.json": results_json(document, about).encode(),
            "notebook.ipynb": _notebook_bytes(notebook),
        }
    manifest = {"key": key, "title": document.title, "answer": document.answer, **about}
    published = publish(place, files, manifest)
    return PublishedReport(published, manifest, changed=True)


def _find_notebook(notebook: str | Path) -> Path:
    own = Path(notebook)
    if own.suffix == ".ipynb":
        if not own.is_file():
            raise UsageError(f"There is no notebook {own}")
        return own
    known = shipped_notebooks()
    if str(notebook) not in known:
        raise unknown_name("notebook", str(notebook), known)
    return known[str(notebook)]


def _allowed(cohort: Cohort) -> str:
    """The banner a cohort's report must carry; private cohorts have no report yet."""
    if cohort.provenance == "private":
        raise PrivacyError(
            "Reports on private cohorts must hide cells of 1 to 10 people, which this version cannot do. "
            "Use the library on it (ketastats.judge), or a public or synthetic cohort."
        )
    return SYNTHETIC if cohort.provenance == "synthetic" else ""


def _key(notebook: Path, values: Mapping[str, Value], data: str | Path | None) -> str:
    """Everything that can change a report: notebook, values, data, shipped data, code and versions."""
    digest = hashlib.sha256()
    package = Path(ketastats.__file__).parent
    inputs = [notebook, *_files(shipped("data")), *sorted(package.rglob("*.py"))]
    if data is not None:
        inputs += _files(Path(data))
    for path in inputs:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(json.dumps([dict(values), _versions()], sort_keys=True).encode())
    return digest.hexdigest()


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place, *place.parent.glob("mapping.toml")]
    return sorted(path for path in place.rglob("*") if path.is_file())


def _versions() -> dict[str, str]:
    versions = {name: metadata.version(name) for name in _VERSIONS_THAT_MATTER}
    return {"python": platform.python_version(), **versions}


def _about(document: Document, values: Mapping[str, Value]) -> dict[str, Any]:
    sources = {
        (s["name"], s["sha256"]) for result in document.results for s in result.data["sources"]
    }
    return {
        "version": ketastats.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "parameters": dict(values),
        "versions": _versions(),
        "sources": [{"name": name, "sha256": digest} for name, digest in sorted(sources)],
        "disclaimer": DISCLAIMER,
    }


def _failure_files(error: CellError) -> dict[str, bytes]:
    about = {"cell": error.cell, "error": error.error_name, "message": str(error)}
    return {
        "notebook.ipynb": _notebook_bytes(error.notebook),
        "error.json": (json.dumps(about, indent=1) + "\n").encode(),
    }


def _read_notebook(path: Path) -> nbformat.NotebookNode:
    try:
        text = path.read_text(encoding="utf-8")
        notebook: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not a Jupyter notebook") from error
    return notebook


def _notebook_bytes(notebook: nbformat.NotebookNode) -> bytes:
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return text.encode()

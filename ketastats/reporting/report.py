"""From a notebook and data to a published report."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

import ketastats
from ketastats.cohort.cohort import PRIVATE_REFUSED, Cohort
from ketastats.errors import NotebookError, PrivacyError, UsageError, unknown_name
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
    declared = read_parameters(source)
    given = dict(parameters or {})
    if data is not None:
        given[COHORT_PARAMETER] = str(data)
    values = check_values(declared, given)
    place_of_data = Path(str(values[COHORT_PARAMETER])) if values.get(COHORT_PARAMETER) else None
    shown, banner = dict(values), ""
    if place_of_data is not None:
        cohort = load_cohort(place_of_data)
        banner = _allowed(cohort)
        values[COHORT_PARAMETER] = str(place_of_data.resolve())
        shown[COHORT_PARAMETER] = cohort.name
    place = Path(out) / path.stem
    key = _key(path, shown, place_of_data)
    with locked(place):
        latest = latest_manifest(place)
        # What a notebook of one's own reads by itself is not known beforehand: it always runs.
        known = place_of_data is not None or path.parent == shipped("notebooks")
        if latest is not None and latest["key"] == key and known and not force:
            return PublishedReport(latest_folder(place), latest, changed=False)
        files, about = _make(source, place, values, shown, banner, progress)
        manifest = {"key": key, **about}
        return PublishedReport(publish(place, files, manifest), manifest, changed=True)


def _make(
    notebook: nbformat.NotebookNode,
    place: Path,
    values: Mapping[str, Value],
    shown: Mapping[str, Value],
    banner: str,
    progress: Progress | None,
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Run the notebook and render its files; what a failure got to is kept beside the reports.

    `values` go to the kernel, `shown` into what is published: a cohort's name, not its path.
    """
    with tempfile.TemporaryDirectory(prefix="ketastats-") as folder:
        workspace = Path(folder)
        inject(notebook, values)
        try:
            execute_notebook(notebook, workspace=workspace, progress=progress)
            inject(notebook, shown)
            document = read_document(notebook)
            about = {
                "title": document.title,
                "answer": document.answer,
                **_about(document, shown),
            }
            typesetting = workspace / "typesetting"
            typesetting.mkdir()
            pdf = render_pdf(document, about=about, workspace=typesetting, banner=banner)
        except NotebookError as error:
            inject(notebook, shown)
            kept = keep_failure(place, _failure_files(_without_outputs(notebook), error))
            error.add_note(f"The last good report is untouched; the run so far is in {kept}")
            raise
    files = {
        "report.html": render_page(document, about=about, banner=banner).encode(),
        "report.pdf": pdf,
        "results.csv": numbers_csv(document).encode(),
        "results.json": results_json(document, about).encode(),
        "notebook.ipynb": _notebook_bytes(notebook),
    }
    return files, about


def _find_notebook(notebook: str | Path) -> Path:
    own = Path(notebook)
    if own.suffix == ".ipynb":
        if not own.is_file():
            raise UsageError(f"There is no notebook {own}: check the path and the spelling")
        return own
    known = shipped_notebooks()
    if str(notebook) not in known:
        raise unknown_name("notebook", str(notebook), known)
    return known[str(notebook)]


def _allowed(cohort: Cohort) -> str:
    """The banner a cohort's report must carry; private cohorts have no report yet."""
    if cohort.provenance == "private":
        raise PrivacyError(PRIVATE_REFUSED)
    return SYNTHETIC if cohort.provenance == "synthetic" else ""


def _key(notebook: Path, values: Mapping[str, Value], data: Path | None) -> str:
    """Everything that can change a report: notebook, values, data, shipped data, code and versions."""
    digest = hashlib.sha256()
    package = Path(ketastats.__file__).parent
    inputs = [notebook, *_files(shipped("data")), *sorted(package.rglob("*.py"))]
    if data is not None:
        inputs += _files(data)
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


def _without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What a failed run had shown may hold rows of data: only the code is kept."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return notebook


def _failure_files(notebook: nbformat.NotebookNode, error: NotebookError) -> dict[str, bytes]:
    about: dict[str, Any] = {"message": str(error)}
    if isinstance(error, CellError):
        about |= {"cell": error.cell, "error": error.error_name}
    return {
        "notebook.ipynb": _notebook_bytes(notebook),
        "error.json": (json.dumps(about, indent=1) + "\n").encode(),
    }


def _read_notebook(path: Path) -> nbformat.NotebookNode:
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without ids are given some
            notebook: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            _, notebook = nbformat.validator.normalize(notebook)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise UsageError(f"{path} is not a Jupyter notebook") from error
    return notebook


def _notebook_bytes(notebook: nbformat.NotebookNode) -> bytes:
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return text.encode()

"""Publishing a folder of files whole or not at all, and finding what was published last.

<place>/runs/<time>-<key>/   report.html, report.pdf, results.csv, results.json, notebook.ipynb,
manifest.json <place>/latest               link to the newest of them, replaced in one step;
latest.json says the same <place>/failed/<time>/       what a failed run got to; never linked
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ketastats.errors import LockedError

MANIFEST = "manifest.json"
KEPT_RUNS = 10


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold the place for this process; what a killed run left behind is swept first.

    Raises
    ------
    LockedError
        If another run holds it.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"Another run is publishing to {place}. Try again when it has finished."
            ) from None
        for leftover in place.glob(".tmp-*"):
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
        yield


def latest_manifest(place: Path) -> dict[str, Any] | None:
    """The manifest of the latest run, or None if there is none or it is no longer whole."""
    try:
        folder = place / json.loads((place / "latest.json").read_text(encoding="utf-8"))["run"]
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = all(_sha256(folder / name) == digest for name, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return manifest if whole else None


def latest_folder(place: Path) -> Path:
    """The folder of the latest run."""
    run: str = json.loads((place / "latest.json").read_text(encoding="utf-8"))["run"]
    return place / run


def publish(place: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Path:
    """Write the files and the manifest to a new run, then make it the latest in one step."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    complete = {**manifest, "files": digests}
    run = f"runs/{_now()}-{manifest['key'][:12]}"
    folder = _write_folder(place, run, {**files, MANIFEST: _json(complete)})
    _replace_file(place / "latest.json", _json({"run": run, "key": manifest["key"]}))
    _replace_link(place / "latest", run)
    _keep_newest(place / "runs", except_for=folder)
    return folder


def keep_failure(place: Path, files: Mapping[str, bytes]) -> Path:
    """Write what a failed run got to beside the published runs."""
    folder = _write_folder(place, f"failed/{_now()}", files)
    _keep_newest(place / "failed", except_for=folder)
    return folder


def _write_folder(place: Path, name: str, files: Mapping[str, bytes]) -> Path:
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=place))
    temporary.chmod(0o755)
    for file, content in files.items():
        with (temporary / file).open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    target = place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, target)
    return target


def _replace_file(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def _replace_link(link: Path, target: str) -> None:
    temporary = link.with_name(f".tmp-link-{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, link)
    except OSError:
        # A file system without links: latest.json says the same.
        temporary.unlink(missing_ok=True)


def _keep_newest(folder: Path, *, except_for: Path) -> None:
    for old in sorted(folder.iterdir(), reverse=True)[KEPT_RUNS:]:
        if old != except_for:
            shutil.rmtree(old, ignore_errors=True)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")

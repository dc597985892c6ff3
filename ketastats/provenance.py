"""Which files a table came from: name and SHA-256, carried along in `DataFrame.attrs`.

pandas keeps `attrs` through selection, assignment and most other steps, so that a number made from
a table can name the bytes behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

_KEY = "ketastats_sources"


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A file: the name to show for it and the SHA-256 of its bytes."""

    name: str
    sha256: str


def source_of_file(path: Path, *, name: str | None = None) -> Source:
    """Fingerprint a file; its own name is shown unless another is given."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Source(name or path.name, digest)


def with_sources(frame: pd.DataFrame, sources: Iterable[Source]) -> pd.DataFrame:
    """Return a shallow copy of `frame` that names the files it came from."""
    marked = frame.copy(deep=False)
    marked.attrs = {**frame.attrs, _KEY: {source.name: source.sha256 for source in sources}}
    return marked


def sources_of(*frames: pd.DataFrame) -> tuple[Source, ...]:
    """Return the files behind one or more tables, each once, by name."""
    found: dict[str, str] = {}
    for frame in frames:
        found.update(frame.attrs.get(_KEY, {}))
    return tuple(Source(name, digest) for name, digest in sorted(found.items()))

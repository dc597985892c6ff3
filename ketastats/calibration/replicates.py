"""One task run on many seeds: in parallel, resumable, the same table whatever the workers.

Replicates are done in chunks of `CHUNK` seeds. With a cache folder each finished chunk is a file
``<cache>/<key>/<first seed>-<digest of its seeds>.csv`` whose first line is the digest of the rest,
so that a half-written or altered one is known and redone. A file appears under its name only when
it is whole, so that a run may be killed at any moment, and several runs may share a folder.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ketastats.errors import KetastatsError, UsageError
from ketastats.resources import shipped

CHUNK = 20
"""Seeds that are done, and stored, together."""

OWN_COLUMNS = ("seed", "refused", "refusal")
"""Columns of every table of replicates, before those of the task."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_LONGEST_REFUSAL = 200
_LAYERS = (
    "calibration",
    "checks",
    "claims",
    "cohort",
    "endpoints",
    "instruments",
    "loaders",
    "models",
    "stats",
    "summaries",
    "synthetic",
)

_Rows = list[dict[str, str]]


class Task(Protocol):
    """What is done for one seed; a function or object that another process can import."""

    def __call__(self, seed: int, /) -> Mapping[str, Any]:
        """Return a flat mapping of numbers and short words."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A task with its seeds, and the key under which its replicates are stored."""

    task: Task
    seeds: Sequence[int]
    key: str


def run_replicates(
    task: Task,
    seeds: Sequence[int],
    *,
    key: str,
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Run a task once per seed.

    Parameters
    ----------
    task : callable
        ``task(seed)`` returns a flat mapping of numbers and short words (none that reads as a
        number; a truth value becomes 0 or 1, an empty word or None is missing). Its result must
        depend on nothing but the seed. With several workers it is sent to other processes: a
        function at the top of a module, or an object of a class that is.
    seeds : sequence of int
        Not negative; see `replicate_seeds`.
    key : str
        Letters and digits that stand for all that the result depends on (see `content_key`).
    workers : int, optional
        Processes; 1 works in this one, and as many as there are processors if not given.
    cache : str or Path, optional
        Folder in which finished chunks are kept and looked up; nothing is kept without.
    progress : callable, optional
        Called with the replicates done and wanted, at the start and after every chunk.

    Returns
    -------
    DataFrame, one row per seed in the order given
        `seed`; `refused`, 1 where the task raised a `KetastatsError`, and `refusal`, its class and
        first sentence (missing elsewhere); then what the task returned, missing where it did not.

    Raises
    ------
    UsageError
        If an option is wrong, the cache cannot be written or the task cannot be sent to another
        process. Any error of the task but a `KetastatsError` stops the run and is raised as it is;
        chunks finished by then stay in the cache.
    """
    return run_jobs([Job(task, seeds, key)], workers=workers, cache=cache, progress=progress)[0]


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[pd.DataFrame]:
    """Run several jobs with one set of workers, and return one table each, as `run_replicates`."""
    wanted = _checked_workers(workers)
    parts = [_chunks(job, _folder(cache, job.key)) for job in jobs]
    chunks = [chunk for part in parts for chunk in part]
    found: dict[int, _Rows] = {}
    for at, chunk in enumerate(chunks):
        stored = chunk.stored()
        if stored is not None:
            found[at] = stored
    n_wanted = sum(len(chunk.seeds) for chunk in chunks)
    n_done = sum(len(rows) for rows in found.values())
    if progress is not None:
        progress(n_done, n_wanted)
    missing = {at: chunk for at, chunk in enumerate(chunks) if at not in found}
    for at, rows in _worked(missing, min(wanted, len(missing))):
        found[at] = rows
        n_done += len(rows)
        if progress is not None:
            progress(n_done, n_wanted)
    in_order = iter([found[at] for at in range(len(chunks))])
    return [_table([row for _ in part for row in next(in_order)]) for part in parts]


def replicate_seeds(seed: int, replicates: int, *, stream: str = "") -> list[int]:
    """Seeds of so many replicates; the first of many are those of few.

    Jobs with another `stream` have other seeds, so that their Monte Carlo errors are independent.

    Raises
    ------
    UsageError
        If `seed` is no whole number from 0, or `replicates` none from 2.
    """
    if not _whole(seed, 0):
        raise UsageError(f"seed must be a whole number of at least 0, not {seed!r}")
    if not _whole(replicates, 2):
        raise UsageError(f"replicates must be a whole number of at least 2, not {replicates!r}")
    entropy = [seed, *hashlib.sha256(stream.encode()).digest()[:8]]
    state = np.random.SeedSequence(entropy).generate_state(int(replicates), np.uint64)
    return [int(word >> np.uint64(1)) for word in state]


def content_key(**facts: Any) -> str:
    """One key for all that a result depends on: SHA-256 of the facts, whatever the order of names.

    Parameters
    ----------
    **facts : numbers, words, None, and sequences, sets and mappings of them
        What the replicates depend on. Where the code does, give ``code=code_digest()`` too.

    Raises
    ------
    UsageError
        If a fact is anything else, and so cannot be told from another.
    """
    return _digest(json.dumps(_plain(facts), sort_keys=True))


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 of what numbers depend on: the code behind a verdict, the instruments, and versions.

    Pages, figures and commands are left out, so that changing them does not throw replicates away.
    """
    from importlib.metadata import version

    package = Path(__file__).resolve().parents[1]
    files = [file for layer in _LAYERS for file in sorted((package / layer).rglob("*.py"))]
    files += sorted(shipped("data", "instruments").glob("*.toml"))
    digest = hashlib.sha256()
    for name in ("ketastats", "numpy", "pandas", "scipy", "statsmodels"):
        digest.update(f"{name} {version(name)}\n".encode())
    for file in files:
        digest.update(f"{file.parent.name}/{file.name}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def default_cache() -> Path:
    """The folder `ketastats` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "ketastats"


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Seeds that are done together, and the file they are stored in, if any."""

    task: Task
    seeds: tuple[int, ...]
    path: Path | None

    def stored(self) -> _Rows | None:
        """Its rows, if they are stored and whole."""
        if self.path is None:
            return None
        try:
            head, _, body = self.path.read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        if head != _digest(body):
            return None
        rows = [dict(row) for row in csv.DictReader(io.StringIO(body))]
        return rows if [row.get("seed") for row in rows] == [str(s) for s in self.seeds] else None

    def store(self, rows: _Rows) -> None:
        """Write its rows, whole or not at all."""
        if self.path is None:
            return
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        body = text.getvalue()
        handle, temporary = tempfile.mkstemp(".part", ".", self.path.parent)
        try:
            with open(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(f"{_digest(body)}\n{body}")
            os.replace(temporary, self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _chunks(job: Job, folder: Path | None) -> list[_Chunk]:
    seeds = [int(seed) for seed in job.seeds]
    made = []
    for start in range(0, len(seeds), CHUNK):
        mine = tuple(seeds[start : start + CHUNK])
        name = f"{mine[0]}-{_digest(' '.join(map(str, mine)))[:16]}.csv"
        made.append(_Chunk(job.task, mine, None if folder is None else folder / name))
    return made


def _folder(cache: str | Path | None, key: str) -> Path | None:
    if not (isinstance(key, str) and re.fullmatch(r"[0-9A-Za-z_-]{1,128}", key)):
        raise UsageError(f"key must be 1 to 128 letters, digits, - or _, not {key!r}")
    if cache is None:
        return None
    folder = Path(cache) / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(
            f"The cache folder {cache} cannot be written ({why}): name another, or cache=None for none"
        ) from None
    return folder


def _worked(chunks: Mapping[int, _Chunk], workers: int) -> Iterator[tuple[int, _Rows]]:
    """Do chunks in this process or in several, and give each as it is finished."""
    if workers <= 1:
        for at, chunk in chunks.items():
            yield at, _work(chunk)
        return
    _require_sendable(chunks.values())
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent)
    try:
        with _one_thread_each():
            waiting: dict[Future[_Rows], int] = {
                pool.submit(_work, chunk): at for at, chunk in chunks.items()
            }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        raise UsageError(
            'The workers could not start or were ended: put the call of a script under `if __name__ == "'
            '__main__":`, or choose workers=1'
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _work(chunk: _Chunk) -> _Rows:
    """Do a chunk, unless another run has done it by now."""
    rows = chunk.stored()
    if rows is None:
        rows = [_replicate(chunk.task, seed) for seed in chunk.seeds]
        chunk.store(rows)
    return rows


def _replicate(task: Task, seed: int) -> dict[str, str]:
    """One row, as the text it is stored as."""
    try:
        given = task(seed)
    except KetastatsError as error:
        return {"seed": str(seed), "refused": "1", "refusal": _first_sentence(error)}
    taken = [name for name in OWN_COLUMNS if name in given]
    if taken:
        raise UsageError(f"A task may not return {', '.join(taken)}: choose other names")
    cells = {name: _cell(name, value) for name, value in given.items()}
    return {"seed": str(seed), "refused": "0", "refusal": "", **cells}


def _cell(name: str, value: Any) -> str:
    """A number or word as text that gives back the same number."""
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, str):
        if _number(value) is not None or not value.isprintable():
            raise UsageError(
                f"{name}, a word that a task returned, reads as a number or breaks the line"
            )
        return value
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return "" if math.isnan(value) else repr(float(value))
    raise UsageError(f"A task returned {name} as {type(value).__name__}: numbers and words only")


def _table(rows: _Rows) -> pd.DataFrame:
    """Rows of text as a table with numbers where a column has nothing else."""
    names = list(dict.fromkeys([*OWN_COLUMNS, *(name for row in rows for name in row)]))
    columns = {name: _column([row.get(name, "") for row in rows]) for name in names}
    columns["refusal"] = columns["refusal"].astype("str")
    return pd.DataFrame(columns)


def _column(cells: list[str]) -> pd.Series:
    if cells and all(cell.removeprefix("-").isdecimal() for cell in cells):
        return pd.Series([int(cell) for cell in cells], dtype="int64")
    numbers = [math.nan if cell == "" else _number(cell) for cell in cells]
    if None in numbers:
        return pd.Series([cell or None for cell in cells], dtype="str")
    return pd.Series(numbers, dtype="float64")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _first_sentence(error: KetastatsError) -> str:
    words = " ".join(str(error).split())
    sentence = words.split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {sentence}"[:_LONGEST_REFUSAL]


def _require_sendable(chunks: Any) -> None:
    for task in {id(chunk.task): chunk.task for chunk in chunks}.values():
        try:
            pickle.dumps(task)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"The task cannot be sent to another process ({error}): define it at the top of a module, "
                "or choose workers=1"
            ) from None


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are started now use one thread each for arrays."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """End this worker when the process that started it is no more, however that ended."""
    from multiprocessing import parent_process
    from threading import Thread

    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _checked_workers(workers: int | None) -> int:
    if workers is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not _whole(workers, 1):
        raise UsageError(f"workers must be a whole number of at least 1, not {workers!r}")
    return int(workers)


def _whole(given: Any, least: int) -> bool:
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    return whole and given >= least


def _plain(fact: Any) -> Any:
    """A fact as JSON has it; mappings by the text of their keys, sets in order."""
    if isinstance(fact, Mapping):
        return {str(name): _plain(value) for name, value in fact.items()}
    if isinstance(fact, (set, frozenset)):
        return sorted((_plain(value) for value in fact), key=str)
    if isinstance(fact, (list, tuple)):
        return [_plain(value) for value in fact]
    if isinstance(fact, np.generic):
        return fact.item()
    if fact is None or isinstance(fact, (str, bool, int, float)):
        return fact
    if isinstance(fact, (date, Path)):
        return str(fact)
    raise UsageError(f"A {type(fact).__name__} cannot be part of a key: give numbers and words")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Run entries over replicates, each with a seed of its own, and keep what is done."""

from __future__ import annotations

import json
import re
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import numpy as np

from audit.entry import Answer, Entry, Limits, Point, PValue
from audit.scoring import Replicate, Score, scores

FEWEST = 20
CONFIRMED = 120
SHORTEST_REASON = 90
KINDS: dict[str, type[Limits | Point | PValue]] = {
    "Limits": Limits,
    "Point": Point,
    "PValue": PValue,
}
Task = tuple[str, str, tuple[int, ...]]
Spread = Callable[[Entry, Sequence[int]], Iterator[list[Replicate]]]


def replicates_of(entry: Entry, wanted: int) -> int:
    """Replicates of an entry: fewer for a slow one, and the number asked at the most."""
    return min(wanted, max(FEWEST, round(wanted * entry.share)))


def planted(entry: Entry, plant: str) -> Entry:
    """The entry with a fault: limits half as wide as those of the estimator."""
    if plant != "wrong_variance":
        raise ValueError(f"There is no plant {plant!r}, only 'wrong_variance'")

    def estimate(data: object) -> dict[str, Answer]:
        return {name: _narrowed(found) for name, found in entry.estimate(data).items()}

    return replace(entry, estimator=f"{entry.estimator} (standard error halved)", estimate=estimate)


def _narrowed(found: Answer) -> Answer:
    if not isinstance(found, Limits):
        return found
    return Limits(
        found.estimate,
        (found.estimate + found.low) / 2,
        (found.estimate + found.high) / 2,
    )


def replicate(entry: Entry, number: int) -> Replicate:
    """One draw and one call; seconds are processor time of the call alone."""
    rng = np.random.default_rng([zlib.crc32(entry.seed_of.encode()), number])
    data = entry.draw(rng)
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answers, refused = dict(entry.estimate(data)), ""
        except LookupError:
            raise
        except Exception as error:  # whatever an estimator says in place of a number is counted
            answers, refused = {}, _in_short(error)
    return Replicate(time.process_time() - begun, answers, refused)


def _in_short(error: Exception) -> str:
    """The sentence of an error, with numbers taken out so that like ones count together."""
    words = re.sub(r"[-\d.]*\d", "#", " ".join(str(error).split()))
    kind = "" if type(error).__module__.startswith("ketastats") else f"{type(error).__name__}: "
    return (kind + words)[:SHORTEST_REASON].replace("|", "/")


def run_entry(
    entry: Entry,
    wanted: int,
    *,
    spread: Spread,
    kept: Path | None = None,
    resume: bool = False,
) -> list[Score]:
    """Scores of one entry, from the kept replicates if they are there and wanted.

    An entry that falls short is run on to twice its replicates, and to `CONFIRMED` at the least, before
    it is said: what chance alone has made seldom stays.
    """
    number = replicates_of(entry, wanted)
    done = _read(kept, entry) if resume else []
    found = _scored(entry, done, number, spread, kept)
    if any(one.faults for one in found):
        twice = min(max(CONFIRMED, 2 * number), 2 * wanted)
        found = _scored(entry, done, twice, spread, kept)
    return found


def _scored(
    entry: Entry, done: list[Replicate], number: int, spread: Spread, kept: Path | None
) -> list[Score]:
    """Scores of so many replicates at the least; those wanting are run and added to `done`."""
    if len(done) < number:  # replicates 0 to len(done) - 1 are there, in whatever order
        done += [one for part in spread(entry, range(len(done), number)) for one in part]
        _write(kept, entry, done)
    return scores(entry, done)


def here(entry: Entry, numbers: Sequence[int]) -> Iterator[list[Replicate]]:
    """All replicates in this process."""
    yield [replicate(entry, number) for number in numbers]


def over(
    pool: Executor, job: Callable[[Task], list[Replicate]], plant: str, parts: int = 8
) -> Spread:
    """Spread replicates over processes, which find the entry again by its key."""

    def spread(entry: Entry, numbers: Sequence[int]) -> Iterator[list[Replicate]]:
        tasks = [(entry.key, plant, tuple(numbers[part::parts])) for part in range(parts)]
        return iter(pool.map(job, tasks))

    return spread


def _place(folder: Path, entry: Entry) -> Path:
    return folder / f"{zlib.crc32(entry.key.encode()):08x}.json"


def _write(folder: Path | None, entry: Entry, done: Sequence[Replicate]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        [one.seconds, one.refused, {q: (type(a).__name__, a) for q, a in one.answers.items()}]
        for one in done
    ]
    _place(folder, entry).write_text(json.dumps({"key": entry.key, "rows": rows}))


def _read(folder: Path | None, entry: Entry) -> list[Replicate]:
    if folder is None or not _place(folder, entry).exists():
        return []
    stored = json.loads(_place(folder, entry).read_text())
    if stored["key"] != entry.key:
        return []
    return [
        Replicate(
            seconds, {name: KINDS[kind](*values) for name, (kind, values) in found.items()}, why
        )
        for seconds, why, found in stored["rows"]
    ]

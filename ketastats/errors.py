"""What can go wrong, in words: problems found in data, and the errors that carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_ROWS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of fault in one table, without the values at fault.

    `rows` counts from 1, the first row below the header, and holds the first few; `n_bad` says how
    many there are in all. Both are empty for a fault of the whole table.
    """

    code: str
    table: str
    column: str
    rows: tuple[int, ...]
    n_bad: int
    what: str
    remedy: str

    def __str__(self) -> str:
        place = self.table if not self.column else f"{self.table}, {self.column}"
        if self.rows:
            more = f" and {self.n_bad - len(self.rows)} more" if self.n_bad > len(self.rows) else ""
            label = "row" if self.n_bad == 1 else "rows"
            place += f", {label} {', '.join(str(row) for row in self.rows)}{more}"
        return f"{place}: {self.what}. {self.remedy}."


def problem(
    code: str, table: str, column: str, positions: Iterable[int], what: str, remedy: str
) -> Problem:
    """Build a `Problem` from positions in a table (0 is its first row), keeping the first of many."""
    every = [int(position) + 1 for position in positions]
    return Problem(code, table, column, tuple(every[:_ROWS_SHOWN]), len(every), what, remedy)


class KetastatsError(Exception):
    """Base of all errors that a user of ketastats can mend."""


class DataError(KetastatsError, ValueError):
    """Data that cannot be used, with everything found wrong in one go."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = "\n".join(f"  {found}" for found in self.problems)
        super().__init__(f"{source} cannot be used:\n{lines}")


class UsageError(KetastatsError, ValueError):
    """A name, option or parameter that does not exist or does not fit."""


class NoErrorRatesError(UsageError):
    """A claim or data for which nobody can say how often a verdict is wrong."""


class NotebookError(KetastatsError):
    """A notebook that stopped, with the cell at which it did."""


class LockedError(KetastatsError):
    """Another run is publishing to the same place."""


class PrivacyError(KetastatsError):
    """Data whose report could show what is private."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Say that `name` is not a `kind`, and which near name or names there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} called {name!r}; did you mean {near[0]!r}?")
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return UsageError(f"There is no {kind} called {name!r}. There are: {shown}")

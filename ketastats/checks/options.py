"""Whether options of a call are what they must be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ketastats.errors import UsageError, unknown_name


def checked_level(conf_level: Any) -> float:
    """Return a coverage, or say that it is none."""
    number = isinstance(conf_level, (int, float)) and not isinstance(conf_level, bool)
    if not (number and 0 < conf_level < 1):
        raise UsageError(
            f"conf_level must be a number strictly between 0 and 1, such as 0.95, not {conf_level!r}"
        )
    return float(conf_level)


def require_choice(kind: str, given: Any, known: Iterable[str]) -> None:
    """Raise `UsageError` unless `given` is one of the names."""
    names = list(known)
    if not isinstance(given, str) or given not in names:
        raise unknown_name(kind, str(given), names)


def require_flag(name: str, given: Any) -> None:
    """Raise `UsageError` unless `given` is True or False."""
    if not isinstance(given, bool):
        raise UsageError(f"{name} must be True or False, not {given!r}")


def require_column_name(option: str, given: Any) -> None:
    """Raise `UsageError` unless `given` can be the name of one column."""
    if not isinstance(given, str) or not given:
        raise UsageError(f"{option} must be the name of a column, not {given!r}")


def matched(kind: str, given: Any, known: Iterable[Any]) -> Any:
    """The one of `known` that is `given`, or is written like it; `UsageError` if none is."""
    values = list(known)
    for value in values:
        if type(value) is type(given) and value == given:
            return value
    for value in values:
        if str(value) == str(given) or _equal(value, given):
            return value
    raise unknown_name(kind, str(given), [str(value) for value in values])


def _equal(value: Any, given: Any) -> bool:
    """Whether two values are equal, where they can be compared at all."""
    same = value == given
    return same if isinstance(same, bool) else bool(getattr(same, "item", lambda: False)())

"""The shape every interval of `stats` has, with the argument checks that go before one."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from scipy.special import ndtri


class Interval(NamedTuple):
    """A lower and an upper confidence limit."""

    low: float
    high: float


def two_sided_quantile(conf_level: float) -> float:
    """Return the normal quantile z for two-sided coverage `conf_level`."""
    check_level(conf_level)
    return float(ndtri(0.5 + conf_level / 2))


def check_level(conf_level: float) -> None:
    """Refuse a coverage that is not strictly between 0 and 1."""
    if not 0 < conf_level < 1:
        raise ValueError(f"conf_level must lie strictly between 0 and 1, not {conf_level}")


def check_counts(successes: float, n: float) -> None:
    """Refuse counts that cannot belong to one sample."""
    if not (isfinite(n) and isfinite(successes)):
        raise ValueError(f"counts must be whole numbers, not {successes} of {n}")
    if n < 1 or n != int(n):
        raise ValueError(f"n must be a whole number of at least 1, not {n}")
    if not 0 <= successes <= n or successes != int(successes):
        raise ValueError(f"successes must be a whole number from 0 to n = {n}, not {successes}")

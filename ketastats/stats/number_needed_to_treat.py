"""The number needed to treat, whose interval runs through infinity when the difference may be zero."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf


@dataclass(frozen=True, slots=True)
class NumberNeededToTreat:
    """How many to treat for one more to benefit, or to be harmed.

    `estimate` is positive for benefit and negative for harm (infinite at no difference). Limits are
    `benefit`, a range of numbers needed to treat to benefit, and `harm`, likewise to harm; None
    where the interval of the difference excludes that side. When both are present each ends in
    infinity, and the interval is their union.
    """

    estimate: float
    benefit: tuple[float, float] | None
    harm: tuple[float, float] | None

    def __str__(self) -> str:
        kind = "benefit" if self.estimate > 0 else "harm"
        parts = []
        if self.benefit:
            parts.append(f"benefit {_number(self.benefit[0])} to {_number(self.benefit[1])}")
        if self.harm:
            parts.append(f"harm {_number(self.harm[0])} to {_number(self.harm[1])}")
        return f"NNT to {kind} {_number(abs(self.estimate))} ({' or '.join(parts)})"


def number_needed_to_treat(estimate: float, low: float, high: float) -> NumberNeededToTreat:
    """Turn a risk difference (benefit positive) and its interval into numbers needed to treat.

    Parameters
    ----------
    estimate, low, high : float
        Risk difference and limits, ``-1 <= low <= estimate <= high <= 1``.

    Raises
    ------
    ValueError
        If the three numbers are not in that order.

    References
    ----------
    Altman DG (1998). BMJ 317:1309-1312.
    """
    if not -1 <= low <= estimate <= high <= 1:
        raise ValueError(f"need -1 <= low <= estimate <= high <= 1, got {low}, {estimate}, {high}")
    benefit = (1 / high, _inverse(max(low, 0.0))) if high > 0 else None
    harm = (1 / -low, _inverse(max(-high, 0.0))) if low < 0 else None
    if benefit is None and harm is None:
        benefit = harm = (inf, inf)
    return NumberNeededToTreat(inf if estimate == 0 else 1 / estimate, benefit, harm)


def _inverse(value: float) -> float:
    return inf if value == 0 else 1 / value


def _number(value: float) -> str:
    return "infinity" if isinf(value) else f"{value:.1f}"

"""From the answers of many replicates to bias, coverage and error rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan, sqrt

import numpy as np

from audit.entry import Answer, Entry, Limits, PValue, Truth

COVERAGE_FLOOR = 0.93
SIZE_CEILING = 0.06
WIDE = 0.98
Z = 1.959963984540054


@dataclass(frozen=True)
class Replicate:
    """What one call gave: answers by quantity, or why it refused."""

    seconds: float
    answers: dict[str, Answer]
    refused: str = ""


@dataclass(frozen=True)
class Score:
    """One quantity of one entry, over all replicates."""

    family: str
    estimator: str
    quantity: str
    design: str
    size: int
    replicates: int
    truth: float
    bias: float | None
    bias_error: float
    spread: float
    rate: float | None  # coverage, or the error rate of a test
    rate_low: float
    rate_high: float
    is_test: bool
    anchored: bool
    refused: float
    reason_refused: str
    unbounded: float  # share of replicates whose estimate is infinite
    seconds: float
    reason: str

    @property
    def biased(self) -> bool:
        return (
            self.bias is not None
            and abs(self.bias) > 3 * self.bias_error
            and abs(self.bias) > self.spread / 10
        )

    @property
    def too_narrow(self) -> bool:
        return self.rate is not None and not self.is_test and self.rate_high < COVERAGE_FLOOR

    @property
    def too_often(self) -> bool:
        return self.rate is not None and self.is_test and self.rate_low > SIZE_CEILING

    @property
    def wide(self) -> bool:
        return self.rate is not None and not self.is_test and self.rate_low > WIDE

    @property
    def faults(self) -> tuple[str, ...]:
        """What falls short, in words; empty if nothing does."""
        found = {
            "coverage": self.too_narrow,
            "bias": self.biased,
            "size": self.too_often,
            "never an answer": self.replicates > 0 and self.refused == 1,
        }
        return tuple(word for word, true in found.items() if true)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95% Monte Carlo limits of a share."""
    share, extra = hits / n, Z * Z / n
    middle = (share + extra / 2) / (1 + extra)
    half = Z / (1 + extra) * sqrt(share * (1 - share) / n + extra / n / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def scores(entry: Entry, replicates: Sequence[Replicate]) -> list[Score]:
    """One score per quantity that the entry's truth names."""
    return [_score(entry, quantity, truth, replicates) for quantity, truth in entry.truth().items()]


def _score(entry: Entry, quantity: str, truth: Truth, replicates: Sequence[Replicate]) -> Score:
    answers = [one.answers[quantity] for one in replicates if quantity in one.answers]
    given = [answer for answer in answers if not any(isnan(value) for value in answer)]
    why = Counter(one.refused for one in replicates if one.refused)
    without = len(answers) - len(given)
    if without:
        why["no limits"] += without
    is_test = any(isinstance(answer, PValue) for answer in given)
    rate, low, high = _rate(given, truth.value)
    bias, error, spread, unbounded = _bias(given, truth)
    return Score(
        family=entry.family,
        estimator=entry.estimator,
        quantity=quantity,
        design=entry.design,
        size=entry.size,
        replicates=len(replicates),
        truth=truth.value,
        bias=bias,
        bias_error=error,
        spread=spread,
        rate=rate,
        rate_low=low,
        rate_high=high,
        is_test=is_test,
        anchored=entry.anchored,
        refused=1 - len(given) / len(replicates),
        reason_refused=why.most_common(1)[0][0] if why else "",
        unbounded=unbounded,
        seconds=float(np.mean([one.seconds for one in replicates])),
        reason=entry.reason,
    )


def _rate(given: Sequence[Answer], value: float) -> tuple[float | None, float, float]:
    """Coverage or error rate with its Monte Carlo limits."""
    nan = float("nan")
    tests = [answer.p < 0.05 for answer in given if isinstance(answer, PValue)]
    slack = 1e-9 * max(1.0, abs(value))  # a limit that is the truth itself holds it
    held = [a.low - slack <= value <= a.high + slack for a in given if isinstance(a, Limits)]
    hits = tests or held
    if not hits:
        return None, nan, nan
    return sum(hits) / len(hits), *wilson(sum(hits), len(hits))


def _bias(given: Sequence[Answer], truth: Truth) -> tuple[float | None, float, float, float]:
    """Bias, its Monte Carlo error, the spread of estimates, and the share that are infinite."""
    nan = float("nan")
    points = [answer.estimate for answer in given if not isinstance(answer, PValue)]
    finite = np.array([point for point in points if isfinite(point)])
    unbounded = 1 - len(finite) / len(points) if points else 0.0
    if truth.aim is None or len(finite) < 2:
        return None, nan, nan, unbounded
    spread = float(finite.std(ddof=1))
    error = sqrt(spread**2 / len(finite) + truth.error**2)
    return float(finite.mean() - truth.aim), error, spread, unbounded

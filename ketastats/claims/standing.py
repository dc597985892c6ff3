"""Where an interval stands against a claimed range, and the word that follows.

For `rate_within`: two one-sided tests at 5% each. A 90% interval wholly inside the range supports
the sentence, one wholly outside contradicts it, any other leaves it undecided.

References
----------
Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680.
"""

from __future__ import annotations

from math import isnan

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
UNDECIDED = "undecided"
NOT_TESTABLE = "not_testable"
WORDS = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTABLE)

ALPHA = 0.05
"""One-sided level of every verdict; its intervals therefore have coverage 1 - 2 ALPHA."""

DECISION_LEVEL = 1 - 2 * ALPHA

_WORD_OF = {"inside": SUPPORTED, "outside": CONTRADICTED, "undecided": UNDECIDED}


def standing(low: float, high: float, claimed: tuple[float, float]) -> str:
    """Return inside, outside or undecided for an interval with both limits known."""
    if isnan(low) or isnan(high):
        raise ValueError("an interval with a missing limit stands nowhere")
    if low >= claimed[0] and high <= claimed[1]:
        return "inside"
    if high < claimed[0] or low > claimed[1]:
        return "outside"
    return "undecided"


def word(place: str) -> str:
    """Return the verdict word for a standing."""
    return _WORD_OF[place]


def distance(value: float, claimed: tuple[float, float]) -> float:
    """How far a share lies from the claimed range; 0 inside it."""
    return max(0.0, claimed[0] - value, value - claimed[1])

"""The two arms of a cohort that a claim compares."""

from __future__ import annotations

from ketastats.cohort.cohort import Cohort
from ketastats.errors import UsageError, unknown_name

NOT_RANDOMISED = (
    "The arms are not said to have been assigned at random (randomised=True says so), so a difference "
    "between them is not what the treatment made."
)


def two_arms(
    cohort: Cohort, arm: str | None, reference: str | None
) -> tuple[str | None, str | None]:
    """The arm and its reference, the other one of two if only one is named; None where there is no second.

    Raises
    ------
    UsageError
        If an arm does not exist, both are the same, or it is not plain which are meant.
    """
    for name in (arm, reference):
        if name is not None and name not in cohort.arms:
            raise unknown_name("arm", name, cohort.arms)
    if len(cohort.arms) < 2:
        return arm, None
    if arm is None or (reference is None and len(cohort.arms) > 2):
        raise UsageError(
            f"The claim compares two arms: name arm= and reference= ({', '.join(cohort.arms)})"
        )
    if reference is None:
        reference = next(name for name in cohort.arms if name != arm)
    if arm == reference:
        raise UsageError("arm and reference are the same arm")
    return arm, reference

"""Whether a regression has a finite maximum: aliased and separating covariates.

A concave likelihood has no finite maximum exactly if it never falls in some direction: a covariate
(or a sum of them) then tells early from late events perfectly, as when nobody of a group has the
event. That is a question of linear inequalities, and not one of how large an estimate is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

Floats = NDArray[np.float64]

PLAIN = 1e-4
"""Curvature per subject below which a fit may lie on a plain that rises for ever."""

_ALIASED = 1e-9  # of a column, left after the columns before it are taken out
_MOVES = 1e-3  # a true direction reaches 1, rounding in the linear program does not get so far


class AliasedColumnError(ValueError):
    """`columns` of the design are constant, or are sums of the columns before them."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"column {', '.join(str(column) for column in columns)} of the design is constant or "
            "repeats the columns before it: leave it out"
        )


class SeparatedError(ValueError):
    """`columns` of the design have no finite coefficients: they separate early from late events."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"column {', '.join(str(column) for column in columns)} of the design separates early "
            "from late events, as when a group has no event at all: its coefficient has no finite "
            "estimate"
        )


def refuse_aliased(design: Floats, *, constant: bool) -> None:
    """Raise unless the columns are linearly independent.

    Parameters
    ----------
    design : (n, p) array
    constant : bool
        Whether the model has an intercept of its own, or a baseline that takes its place.
    """
    residual = np.array(design, dtype=float)
    size = np.linalg.norm(residual, axis=0)
    if constant:
        residual -= residual.mean(axis=0)
    bad = []
    for j in range(residual.shape[1]):
        length = float(np.linalg.norm(residual[:, j]))
        if length <= _ALIASED * size[j] or size[j] == 0:
            bad.append(j)
            continue
        unit = residual[:, j] / length
        residual[:, j + 1 :] -= np.outer(unit, unit @ residual[:, j + 1 :])
    if bad:
        raise AliasedColumnError(tuple(bad))


def endless_direction(
    falling: csr_array, fixed: csr_array | None, watched: slice, *, rising: int | None = None
) -> Floats | None:
    """Find a direction d with ``falling @ d <= 0`` and ``fixed @ d = 0`` that moves watched parts.

    Parameters
    ----------
    falling, fixed : sparse arrays with q columns
        Rows that must not rise, and rows that must not change.
    watched : slice
        The entries of d of which at least one must be away from zero.
    rising : int, optional
        A watched entry of d that must not be negative.

    Returns
    -------
    (q,) array, or None
        None if there is no such direction.
    """
    from scipy.optimize import linprog

    q = falling.shape[1]
    at = np.arange(q)[watched]
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * q
    for j in at:
        bounds[j] = (0.0 if j == rising else -1.0, 1.0)
    # A cone that is not flat against this objective reaches beyond zero in it or in its negative;
    # square roots of different primes are in no rational relation with each other.
    objective = np.zeros(q)
    objective[at] = 1 + np.sqrt(_primes(at.size)) % 1
    equal = None if fixed is None or fixed.shape[0] == 0 else fixed
    for sign in (1.0, -1.0):
        found = linprog(
            -sign * objective,
            A_ub=falling if falling.shape[0] else None,
            b_ub=np.zeros(falling.shape[0]) if falling.shape[0] else None,
            A_eq=equal,
            b_eq=None if equal is None else np.zeros(equal.shape[0]),
            bounds=bounds,
            method="highs",
        )
        if found.success and np.abs(found.x[at]).max() > 0.5:
            return np.asarray(found.x, dtype=float)
    return None


def moved_columns(direction: Floats) -> tuple[int, ...]:
    """Which entries of a direction are away from zero."""
    return tuple(int(j) for j in np.flatnonzero(np.abs(direction) > _MOVES))


def stacked(*parts: csr_array) -> csr_array:
    """Sparse rows under each other."""
    return csr_array(vstack(parts))


def _primes(count: int) -> Floats:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found, dtype=float)

"""Covariance matrices of repeated measures as functions of few parameters, with their derivatives.

Parameters are those of SAS PROC MIXED: elements of the matrix where it is linear in them (`us`, `cs`,
`toep`), otherwise variances and correlations. Inference that depends on the parametrisation
(Kenward-Roger) therefore agrees with SAS.

References
----------
SAS/STAT User's Guide, The MIXED Procedure, REPEATED statement, table of covariance structures.
Zimmerman DL, Nunez-Anton V (2010). Antedependence Models for Longitudinal Data. CRC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Correlation = Callable[[Floats, int], tuple[Floats, Floats, Floats]]
"""Of parameters and occasions: R (T, T), its first (q, T, T) and its second (q, q, T, T) derivatives."""


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """A covariance matrix (T, T), with first (q, T, T) and second (q, q, T, T) derivatives."""

    matrix: Floats
    first: Floats
    second: Floats | None  # None where the matrix is linear in its parameters


@dataclass(frozen=True, slots=True, eq=False)
class LinearStructure:
    """A matrix that is a sum of fixed ones, times the parameters."""

    basis: Floats
    names: tuple[str, ...]

    def at(self, theta: Floats) -> Derivatives:
        """The matrix at `theta` and its derivatives."""
        return Derivatives(np.tensordot(theta, self.basis, 1), self.basis, None)

    @property
    def in_squares(self) -> NDArray[np.bool_]:
        """Which parameters are in squared units of the outcome: all."""
        return np.ones(len(self.names), dtype=bool)

    def defined(self, theta: Floats) -> bool:  # noqa: ARG002 (others need it)
        """Whether `at` may be asked: always."""
        return True

    def closest(self, matrix: Floats) -> Floats:
        """Parameters whose matrix is nearest to a given one, by least squares."""
        flat = self.basis.reshape(len(self.basis), -1)
        return np.asarray(np.linalg.solve(flat @ flat.T, flat @ matrix.ravel()), dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class ScaledStructure:
    """Variances, one or one per occasion, around a matrix of correlations."""

    correlation: Correlation
    occasions: int
    heterogeneous: bool
    names: tuple[str, ...]

    @property
    def _variances(self) -> int:
        return self.occasions if self.heterogeneous else 1

    @property
    def in_squares(self) -> NDArray[np.bool_]:
        """Which parameters are in squared units of the outcome: the variances."""
        return np.arange(len(self.names)) < self._variances

    def defined(self, theta: Floats) -> bool:
        """Whether the variances are positive."""
        return bool((theta[: self._variances] > 0).all())

    def at(self, theta: Floats) -> Derivatives:
        """The matrix at `theta` and its derivatives; variances must be positive."""
        v, size = self._variances, len(theta)
        r, r_first, r_second = self.correlation(theta[v:], self.occasions)
        scale, scale_first, scale_second = _scales(theta[:v], self.occasions)
        first = np.concatenate([scale_first * r, scale * r_first])
        second = np.empty((size, size, *r.shape))
        second[:v, :v] = scale_second * r
        second[:v, v:] = scale_first[:, None] * r_first[None]
        second[v:, :v] = second[:v, v:].swapaxes(0, 1)
        second[v:, v:] = scale * r_second
        return Derivatives(scale * r, first, second)

    def closest(self, matrix: Floats) -> Floats:
        """Parameters that reproduce the variances and, on average, the correlations of neighbours."""
        variances = np.diag(matrix)
        spread = np.sqrt(np.outer(variances, variances))
        given = variances if self.heterogeneous else np.atleast_1d(variances.mean())
        return np.asarray(
            np.r_[given, self._correlations(matrix / spread, len(self.names) - given.size)]
        )

    def _correlations(self, r: Floats, number: int) -> Floats:
        if number == 1:
            return np.atleast_1d(
                np.diag(r, 1).mean() if self.correlation is autoregressive else _mean_off(r)
            )
        if self.correlation is antedependent:
            return np.asarray(np.diag(r, 1))
        return np.array([np.diag(r, lag).mean() for lag in range(1, number + 1)])


Structure = LinearStructure | ScaledStructure


def unstructured(occasions: int) -> LinearStructure:
    """Every variance and covariance free, T (T + 1) / 2 parameters."""
    row, column = np.tril_indices(occasions)
    basis = np.zeros((row.size, occasions, occasions))
    index = np.arange(row.size)
    basis[index, row, column] = basis[index, column, row] = 1
    names = tuple(f"UN({i + 1},{j + 1})" for i, j in zip(row, column, strict=True))
    return LinearStructure(basis, names)


def compound_symmetric(occasions: int) -> LinearStructure:
    """One covariance, and one variance on top of it."""
    basis = np.stack([np.ones((occasions, occasions)), np.eye(occasions)])
    return LinearStructure(basis, ("CS", "Residual"))


def banded(occasions: int) -> LinearStructure:
    """Toeplitz: one covariance per distance between occasions."""
    distance = _distance(occasions)
    basis = np.stack([(distance == lag).astype(float) for lag in range(occasions)])
    names = ("Residual", *(f"TOEP({lag + 1})" for lag in range(1, occasions)))
    return LinearStructure(basis, names)


def autoregressive(rho: Floats, occasions: int) -> tuple[Floats, Floats, Floats]:
    """Correlation rho to the power of the distance."""
    lag = _distance(occasions).astype(float)
    base = float(rho[0])
    r = base**lag
    first = np.where(lag >= 1, lag * base ** np.maximum(lag - 1, 0), 0.0)
    second = np.where(lag >= 2, lag * (lag - 1) * base ** np.maximum(lag - 2, 0), 0.0)
    return r, first[None], second[None, None]


def exchangeable(rho: Floats, occasions: int) -> tuple[Floats, Floats, Floats]:
    """One correlation for every pair."""
    off = 1 - np.eye(occasions)
    return np.eye(occasions) + rho[0] * off, off[None], np.zeros((1, 1, occasions, occasions))


def by_lag(rho: Floats, occasions: int) -> tuple[Floats, Floats, Floats]:
    """One correlation per distance between occasions."""
    distance, q = _distance(occasions), rho.size
    first = np.stack([(distance == lag + 1).astype(float) for lag in range(q)])
    r = np.eye(occasions) + np.tensordot(rho, first, 1)
    return r, first, np.zeros((q, q, occasions, occasions))


def antedependent(rho: Floats, occasions: int) -> tuple[Floats, Floats, Floats]:
    """Correlations of neighbours; others are the products of those in between."""
    q = rho.size
    low = np.minimum.outer(np.arange(occasions), np.arange(occasions))
    high = np.maximum.outer(np.arange(occasions), np.arange(occasions))
    step = np.arange(q)[:, None, None]
    inside = (low <= step) & (step < high)

    def product(without: tuple[int, ...]) -> Floats:
        kept = inside.copy()
        kept[list(without)] = False
        return np.asarray(np.where(kept, rho[:, None, None], 1.0).prod(axis=0))

    first = np.stack([inside[j] * product((j,)) for j in range(q)])
    second = np.zeros((q, q, occasions, occasions))
    for j in range(q):
        for k in range(j):
            second[j, k] = second[k, j] = inside[j] * inside[k] * product((j, k))
    return product(()), first, second


def structure(code: str, occasions: int) -> Structure:
    """The structure with one of the codes `us, toep, toeph, ar1, ar1h, cs, csh, ad, adh`."""
    if code in _LINEAR:
        return _LINEAR[code](occasions)
    correlation, word, one_each = _SCALED[code.removesuffix("h")]
    heterogeneous = code.endswith("h")
    number = occasions - 1 if one_each else 1
    variances = [f"Var({t + 1})" for t in range(occasions)] if heterogeneous else ["Residual"]
    correlations = [f"{word}({k + 1})" for k in range(number)] if one_each else [word]
    return ScaledStructure(correlation, occasions, heterogeneous, (*variances, *correlations))


_LINEAR: dict[str, Callable[[int], LinearStructure]] = {
    "us": unstructured,
    "cs": compound_symmetric,
    "toep": banded,
}
_SCALED: dict[str, tuple[Correlation, str, bool]] = {
    "ar1": (autoregressive, "AR(1)", False),
    "cs": (exchangeable, "CSH", False),
    "toep": (by_lag, "TOEPH", True),
    "ad": (antedependent, "Rho", True),
}
CODES = ("us", "toep", "toeph", "ar1", "ar1h", "cs", "csh", "ad", "adh")
"""Structures over common occasions."""


def exponential(distance: Floats, reach: float) -> tuple[Floats, Floats, Floats]:
    """exp(-d / reach), with its first and second derivatives by `reach`."""
    ratio = distance / reach
    r = np.exp(-ratio)
    return r, r * ratio / reach, r * ratio * (ratio - 2) / reach**2


def gaussian(distance: Floats, reach: float) -> tuple[Floats, Floats, Floats]:
    """exp(-d^2 / reach^2), with its first and second derivatives by `reach`."""
    square = (distance / reach) ** 2
    r = np.exp(-square)
    return r, 2 * r * square / reach, r * square * (4 * square - 6) / reach**2


SPATIAL = {"sp_exp": exponential, "sp_gau": gaussian}
"""Structures in time or space, by code; parameters are the variance and the reach."""

SPATIAL_NAMES = ("Residual", "Reach")


def _scales(variances: Floats, occasions: int) -> tuple[Floats, Floats, Floats]:
    """sqrt(v_a v_b) for every pair, with first and second derivatives by the variances."""
    if variances.size == 1:
        one = np.ones((occasions, occasions))
        return variances[0] * one, one[None], np.zeros((1, 1, occasions, occasions))
    sd = np.sqrt(variances)
    scale = np.outer(sd, sd)
    unit = np.eye(occasions)
    touched = unit[:, :, None] + unit[:, None, :]  # how often occasion j is in the pair (a, b)
    first = scale * touched / (2 * variances[:, None, None])
    second = scale * touched[:, None] * touched[None] / 4
    second /= (variances[:, None] * variances[None])[:, :, None, None]
    same = np.arange(occasions)
    second[same, same] -= scale * touched / (2 * variances[:, None, None] ** 2)
    return scale, first, second


def _distance(occasions: int) -> NDArray[np.intp]:
    at = np.arange(occasions)
    return np.asarray(np.abs(at[:, None] - at[None]))


def _mean_off(r: Floats) -> float:
    return float(r[~np.eye(len(r), dtype=bool)].mean())

"""Positive definite systems with a sparse block and a few dense rows and columns beside it.

The observed information of a curve and coefficients has this form: neighbouring heights of the curve
are coupled, every coefficient is coupled to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import coo_array, csc_array, csr_array, eye_array

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_DENSE = 300  # rows up to which a dense block is quicker


@dataclass(frozen=True, slots=True, eq=False)
class Bordered:
    """The symmetric matrix ((block, border), (border', corner)).

    `block` (m, m) is a dense array or a sparse one, `border` (m, p), `corner` (p, p).
    """

    block: Any
    border: Floats
    corner: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Rows m of the block and p of the corner."""
        return self.border.shape[0], self.border.shape[1]

    def __matmul__(self, vector: Floats) -> Floats:
        m = self.border.shape[0]
        top = self.block @ vector[:m] + self.border @ vector[m:]
        return np.concatenate((top, self.border.T @ vector[:m] + self.corner @ vector[m:]))

    def merged(self, first: Ints) -> Bordered:
        """Rows and columns of the block added up in runs that begin at `first`."""
        m = self.border.shape[0]
        if first.size == m:
            return self
        border = np.add.reduceat(self.border, first, axis=0)
        if isinstance(self.block, np.ndarray):
            rows = np.add.reduceat(self.block, first, axis=0)
            return Bordered(np.add.reduceat(rows, first, axis=1), border, self.corner)
        run = np.searchsorted(first, np.arange(m), side="right") - 1
        adding = csr_array((np.ones(m), (run, np.arange(m))), shape=(first.size, m))
        return Bordered(csc_array(adding @ self.block @ adding.T), border, self.corner)

    def ridged(self, share: float) -> Bordered:
        """With a share of the largest diagonal entry added to all of them."""
        m, p = self.shape
        largest = max(self.block.diagonal().max(initial=0.0), np.diag(self.corner).max(initial=0.0))
        added = share * max(float(largest), np.finfo(float).tiny)
        unit = np.eye(m) if isinstance(self.block, np.ndarray) else eye_array(m, format="csc")
        return Bordered(self.block + added * unit, self.border, self.corner + added * np.eye(p))

    def factor(self) -> BorderedFactor:
        """Factor once, to solve for several right-hand sides.

        Raises
        ------
        LinAlgError
            If the matrix is not positive definite, or not finite.
        """
        if isinstance(self.block, np.ndarray):
            dense = np.block([[self.block, self.border], [self.border.T, self.corner]])
            return BorderedFactor(self, _cholesky(dense), None, None)
        from scipy.sparse.linalg import splu

        try:
            lower = splu(
                csc_array(self.block),
                permc_spec="MMD_AT_PLUS_A",
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:  # its word for singular
            raise LinAlgError("the block is singular") from error
        across = lower.solve(self.border) if self.border.shape[1] else self.border
        schur = self.corner - self.border.T @ across
        return BorderedFactor(self, _cholesky(schur), lower, across)


@dataclass(frozen=True, slots=True, eq=False)
class BorderedFactor:
    """A factored `Bordered` matrix."""

    _matrix: Bordered
    _root: Any
    _lower: Any
    _across: Floats | None

    def solve(self, rhs: Floats) -> Floats:
        """Solve for one right-hand side (m + p,) or several (m + p, k)."""
        if self._across is None:
            return _back(self._root, rhs)
        m = self._matrix.border.shape[0]
        top = self._lower.solve(rhs[:m])
        below = _back(self._root, rhs[m:] - self._matrix.border.T @ top)
        return np.concatenate((top - self._across @ below, below))


def symmetric_block(row: Ints, column: Ints, value: Floats, diagonal: Floats) -> Any:
    """A block from its diagonal and its entries above it, repeated entries added up."""
    size = diagonal.size
    if size <= _DENSE:
        table = np.bincount(row * size + column, value, size * size).reshape(size, size)
        return np.asarray(table + table.T + np.diag(diagonal))
    at = np.arange(size)
    entries = np.concatenate((value, value, diagonal))
    places = np.concatenate((row, column, at)), np.concatenate((column, row, at))
    return coo_array((entries, places), shape=(size, size)).tocsc()


def _cholesky(matrix: Floats) -> Any:
    if matrix.size == 0:
        return None
    if not np.isfinite(matrix).all() or (np.diag(matrix) <= 0).any():
        raise LinAlgError("the matrix is not positive definite")
    scale = 1 / np.sqrt(np.diag(matrix))
    return cho_factor(matrix * np.outer(scale, scale)), scale


def _back(root: Any, rhs: Floats) -> Floats:
    if root is None:
        return np.zeros_like(rhs)
    factor, scale = root
    scaled = rhs * (scale if rhs.ndim == 1 else scale[:, None])
    found = cho_solve(factor, scaled)
    return np.asarray(found * (scale if rhs.ndim == 1 else scale[:, None]))

"""What a covariance structure contributes to the likelihood's derivatives, pattern by pattern.

Patterns are those of `CrossProducts`. Matrices over patterns, (K, T, T), are symmetric and 0 where a
pattern has not seen an occasion. Parameters of several groups follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.covariance_structures import SPATIAL, Derivatives, Structure
from ketastats.summaries.cross_products import CrossProducts

Floats = NDArray[np.float64]


class Covariance(Protocol):
    """A family of covariance matrices over the patterns of one data set."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        ...

    @property
    def in_squares(self) -> NDArray[np.bool_]:
        """Which parameters are in squared units of the outcome."""
        ...

    def start(self, moments: Floats) -> Floats:
        """Parameters near rough covariance matrices of the groups, (groups, T, T)."""
        ...

    def at(self, theta: Floats) -> CovarianceAt | None:
        """The matrices at `theta`, or None where they are not positive definite."""
        ...


class CovarianceAt(Protocol):
    """Covariance matrices of all patterns, (K, T, T), and contractions of their derivatives.

    Below, U_j is the first derivative by parameter j, P the inverse over the occasions seen.
    """

    @property
    def matrices(self) -> Floats:
        """Covariance of all occasions, seen or not, for every pattern."""
        ...

    def along(self, weights: Floats) -> Floats:
        """Sum over patterns of tr(G U_j), for weights G: (q,)."""
        ...

    def bend(self, weights: Floats) -> Floats:
        """Sum over patterns of tr(G V_jl), V the second derivatives: (q, q)."""
        ...

    def pairs(self, inverse: Floats, other: Floats) -> Floats:
        """Sum over patterns of tr(U_j P U_l S), for S = `other`, made symmetric: (q, q)."""
        ...

    def rows(self, inverse: Floats) -> Floats:
        """P U_j P at the pairs of occasions of the cross-products: (rows, q)."""
        ...

    def paired_sum(self, inverse: Floats, weights: Floats) -> Floats:
        """Sum over j and l of w_jl U_j P U_l: (K, T, T)."""
        ...

    def bend_sum(self, weights: Floats) -> Floats:
        """Sum over j and l of w_jl V_jl: (K, T, T)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CommonCovariance:
    """One matrix for everybody, or one per group, over occasions that all subjects share."""

    structure: Structure
    products: CrossProducts
    groups: int = 1

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.groups * len(self.structure.names)

    @property
    def in_squares(self) -> NDArray[np.bool_]:
        """Which parameters are in squared units of the outcome."""
        return np.tile(self.structure.in_squares, self.groups)

    def blocks(self, theta: Floats) -> Floats:
        """Parameters of each group, (groups, q)."""
        return theta.reshape(self.groups, -1)

    def at(self, theta: Floats) -> CommonAt | None:
        """The matrices at `theta`, or None where they are not positive definite."""
        blocks = self.blocks(theta)
        if not (np.isfinite(theta).all() and all(map(self.structure.defined, blocks))):
            return None
        parts = [self.structure.at(block) for block in blocks]
        try:
            np.linalg.cholesky(np.stack([part.matrix for part in parts]))
        except np.linalg.LinAlgError:
            return None
        return CommonAt(parts, self.products)

    def start(self, moments: Floats) -> Floats:
        """Parameters near moment estimates of the groups' matrices, (groups, T, T), and feasible."""
        return np.concatenate([_feasible(self.structure, matrix) for matrix in moments])


def _feasible(structure: Structure, matrix: Floats) -> Floats:
    """Parameters closest to a matrix, its correlations shrunk until they make one that is definite."""
    diagonal = np.diag(np.diag(matrix))
    for keep in (1.0, 0.95, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1, 0.0):
        theta = structure.closest(keep * matrix + (1 - keep) * diagonal)
        whole = structure.at(theta).matrix
        spread = np.sqrt(np.diag(whole))
        if np.linalg.eigvalsh(whole / np.outer(spread, spread))[0] > 0.02:
            break
    return theta


@dataclass(frozen=True, slots=True, eq=False)
class CommonAt:
    """Matrices of `CommonCovariance` at one set of parameters; see `CovarianceAt`."""

    parts: list[Derivatives]
    products: CrossProducts

    @property
    def matrices(self) -> Floats:
        """Covariance of all occasions for every pattern."""
        return np.stack([part.matrix for part in self.parts])[self.products.group]

    def along(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        sums = self._by_group(weights)
        return np.concatenate(
            [
                part.first.reshape(len(part.first), -1) @ total.ravel()
                for part, total in zip(self.parts, sums, strict=True)
            ]
        )

    def bend(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        sums = self._by_group(weights)
        return self._on_diagonal(
            [
                np.zeros((len(part.first),) * 2)
                if part.second is None
                else np.tensordot(part.second, total, 2)
                for part, total in zip(self.parts, sums, strict=True)
            ]
        )

    def pairs(self, inverse: Floats, other: Floats) -> Floats:
        """See `CovarianceAt`."""
        blocks = []
        for part, here in zip(self.parts, self._members(), strict=True):
            q, t = len(part.first), part.matrix.shape[0]
            flat = part.first.reshape(q, t * t)
            joint = inverse[here].reshape(-1, t * t).T @ other[here].reshape(-1, t * t)
            joint = joint.reshape(t, t, t, t).transpose(3, 0, 1, 2)  # (b,c),(d,a) to (a,b),(c,d)
            block = flat @ joint.reshape(t * t, t * t) @ flat.T
            blocks.append((block + block.T) / 2)
        return self._on_diagonal(blocks)

    def rows(self, inverse: Floats) -> Floats:
        """See `CovarianceAt`."""
        products = self.products
        low, high = np.triu_indices(inverse.shape[1])
        left = inverse[products.pattern, products.first]
        right = inverse[products.pattern, products.second]
        pairs = left[:, low] * right[:, high]
        apart = low != high
        pairs[:, apart] += left[:, high[apart]] * right[:, low[apart]]
        if len(self.parts) == 1:
            return pairs @ self.parts[0].first[:, low, high].T
        q = len(self.parts[0].first)
        rows = np.zeros((len(pairs), q * len(self.parts)))
        group = products.group[products.pattern]
        for g, part in enumerate(self.parts):
            here = group == g
            rows[here, g * q : (g + 1) * q] = pairs[here] @ part.first[:, low, high].T
        return rows

    def paired_sum(self, inverse: Floats, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        summed = np.empty_like(inverse)
        for part, here, block in zip(self.parts, self._members(), self._cut(weights), strict=True):
            q, t = len(part.first), part.matrix.shape[0]
            flat = part.first.reshape(q, t * t)
            joint = (flat.T @ block @ flat).reshape(t, t, t, t).transpose(1, 2, 0, 3)
            summed[here] = (inverse[here].reshape(-1, t * t) @ joint.reshape(t * t, t * t)).reshape(
                -1, t, t
            )
        return summed

    def bend_sum(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        t = self.parts[0].matrix.shape[0]
        sums = [
            np.zeros((t, t)) if part.second is None else np.tensordot(block, part.second, 2)
            for part, block in zip(self.parts, self._cut(weights), strict=True)
        ]
        return np.stack(sums)[self.products.group]

    def _members(self) -> list[NDArray[np.bool_]]:
        return [self.products.group == g for g in range(len(self.parts))]

    def _by_group(self, weights: Floats) -> list[Floats]:
        return [weights[here].sum(axis=0) for here in self._members()]

    def _cut(self, weights: Floats) -> list[Floats]:
        q = len(self.parts[0].first)
        return [weights[g * q : (g + 1) * q, g * q : (g + 1) * q] for g in range(len(self.parts))]

    def _on_diagonal(self, blocks: list[Floats]) -> Floats:
        if len(blocks) == 1:
            return blocks[0]
        q = len(blocks[0])
        whole = np.zeros((q * len(blocks),) * 2)
        for g, block in enumerate(blocks):
            whole[g * q : (g + 1) * q, g * q : (g + 1) * q] = block
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class SpatialCovariance:
    """A variance and a correlation that falls with the distance of a subject's own coordinates."""

    code: str
    products: CrossProducts
    distance: Floats
    groups: int = 1

    @classmethod
    def of(cls, code: str, products: CrossProducts, groups: int = 1) -> SpatialCovariance:
        """Distances between the coordinates of each pattern's occasions."""
        step = products.position[:, :, None] - products.position[:, None]
        return cls(code, products, np.sqrt((step**2).sum(axis=-1)), groups)

    @property
    def size(self) -> int:
        """Number of parameters: a variance and a reach per group."""
        return 2 * self.groups

    @property
    def in_squares(self) -> NDArray[np.bool_]:
        """Which parameters are in squared units of the outcome: the variances."""
        return np.tile([True, False], self.groups)

    def at(self, theta: Floats) -> SpatialAt | None:
        """The matrices at `theta`, or None where a parameter is not positive."""
        if not (np.isfinite(theta).all() and (theta > 0).all()):
            return None
        variance, reach = theta.reshape(self.groups, 2)[self.products.group].T[..., None, None]
        r, r_first, r_second = SPATIAL[self.code](self.distance, reach)
        return SpatialAt(
            matrices=variance * r,
            first=np.stack([r, variance * r_first], axis=1),
            crossed=r_first,
            bent=variance * r_second,
            products=self.products,
            groups=self.groups,
        )

    def start(self, moments: Floats) -> Floats:
        """The variances, and the middle of the distances as reach."""
        both = self.products.seen[:, :, None] & self.products.seen[:, None]
        reach = float(np.median(self.distance[both & (self.distance > 0)]))
        return np.concatenate([[np.diag(matrix).mean(), reach] for matrix in moments])


@dataclass(frozen=True, slots=True, eq=False)
class SpatialAt:
    """Matrices of `SpatialCovariance` at one set of parameters; see `CovarianceAt`."""

    matrices: Floats
    first: Floats
    crossed: Floats
    bent: Floats
    products: CrossProducts
    groups: int

    def along(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        each = (self.first * weights[:, None]).sum(axis=(2, 3))
        return self._summed(each).ravel()

    def bend(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        crossed, bent = ((weights * part).sum(axis=(1, 2)) for part in (self.crossed, self.bent))
        each = np.zeros((len(crossed), 2, 2))
        each[:, 0, 1] = each[:, 1, 0] = crossed
        each[:, 1, 1] = bent
        return self._on_diagonal(self._summed(each))

    def pairs(self, inverse: Floats, other: Floats) -> Floats:
        """See `CovarianceAt`."""
        left = self.first @ inverse[:, None]
        right = self.first @ other[:, None]
        each = np.einsum("kjab,klba->kjl", left, right)
        return self._on_diagonal(self._summed((each + each.swapaxes(1, 2)) / 2))

    def rows(self, inverse: Floats) -> Floats:
        """See `CovarianceAt`."""
        products = self.products
        inner = inverse[:, None] @ self.first @ inverse[:, None]
        own = inner[products.pattern, :, products.first, products.second]
        rows = np.zeros((len(own), self.groups, 2))
        rows[np.arange(len(own)), products.group[products.pattern]] = own
        return rows.reshape(len(own), -1)

    def paired_sum(self, inverse: Floats, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        block = self._own(weights)
        mixed = np.einsum("kjl,kjab->klab", block, self.first)
        return np.asarray((mixed @ inverse[:, None] @ self.first).sum(axis=1))

    def bend_sum(self, weights: Floats) -> Floats:
        """See `CovarianceAt`."""
        block = self._own(weights)[..., None, None]
        return 2 * block[:, 0, 1] * self.crossed + block[:, 1, 1] * self.bent

    def _own(self, weights: Floats) -> Floats:
        """Each pattern's block of a matrix over all parameters, (K, 2, 2)."""
        cut = weights.reshape(self.groups, 2, self.groups, 2)
        g = np.arange(self.groups)
        return cut[g, :, g][self.products.group]

    def _summed(self, each: Floats) -> Floats:
        total = np.zeros((self.groups, *each.shape[1:]))
        np.add.at(total, self.products.group, each)
        return total

    def _on_diagonal(self, blocks: Floats) -> Floats:
        whole = np.zeros((self.groups, 2, self.groups, 2))
        g = np.arange(self.groups)
        whole[g, :, g] = blocks
        return whole.reshape(2 * self.groups, 2 * self.groups)

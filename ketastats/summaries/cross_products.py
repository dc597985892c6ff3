"""Sums of products of design and outcome, per pattern of the visits at which subjects were seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_ROOM = 2**25  # numbers, a quarter of a gigabyte, that products may take


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Upper triangles of symmetric (size, size) matrices as vectors."""

    size: int
    row: Ints
    column: Ints
    _place: Ints = field(repr=False)

    @classmethod
    def of(cls, size: int) -> Packing:
        """Triangles of matrices of `size`, row by row."""
        row, column = np.triu_indices(size)
        place = np.empty((size, size), dtype=np.intp)
        place[row, column] = place[column, row] = np.arange(row.size)
        return cls(size, row, column, place)

    def unpack(self, packed: Floats) -> Floats:
        """Symmetric matrices of triangles; packed values lie on the last axis."""
        return packed[..., self._place]

    def weights(self, matrix: Floats) -> Floats:
        """The vector whose product with a packed S is the sum of `matrix` times S, cell by cell."""
        return np.where(self.row == self.column, 1.0, 2.0) * matrix[self.row, self.column]


@dataclass(frozen=True, slots=True, eq=False)
class CrossProducts:
    """What a normal model of repeated measures sees of its data.

    K patterns, of `subjects` each, say at which of T occasions a subject was seen (`seen`, (K, T)), in
    which group (`group`) and, for structures in time, at which coordinates (`position`, (K, T, d)).
    Each row r of products belongs to a pattern and a pair of its occasions, ``first <= second``: the
    sum over subjects of z_first z_second', plus its transpose if they differ, as an upper triangle,
    where z is a row of the design followed by the outcome. Where nearly every subject has a pattern of
    its own they would outgrow the data; then nothing is `stored`, and sums are made from the `blocks` of
    each pattern's rows, (subjects, occasions seen, columns), whenever they are needed.
    """

    seen: Bools
    group: Ints
    position: Floats
    subjects: Ints
    pattern: Ints
    first: Ints
    second: Ints
    stored: Floats | None
    blocks: tuple[Floats, ...]
    packing: Packing

    @property
    def columns(self) -> int:
        """Columns of the design, without the outcome."""
        return self.packing.size - 1

    @property
    def observations(self) -> int:
        """Outcomes seen."""
        return int(self.subjects @ self.seen.sum(axis=1))

    def total(self, weights: Floats) -> Floats:
        """Sum over subjects of Z' P Z, for `weights` P (K, T, T), symmetric and 0 where not seen."""
        if self.stored is not None:
            at_pairs = weights[self.pattern, self.first, self.second]
            return self.packing.unpack(at_pairs @ self.stored)
        total = np.zeros((self.packing.size, self.packing.size))
        for block, own, seen in zip(self.blocks, weights, self.seen, strict=True):
            total += np.tensordot(block, own[np.ix_(seen, seen)] @ block, axes=([0, 1], [0, 1]))
        return total

    def contract(self, rows: Floats) -> Floats:
        """Sums of products times `rows` (pairs, k), as (k, triangles)."""
        if self.stored is not None:
            return np.asarray(rows.T @ self.stored)
        weights = np.zeros((*self.seen.shape, self.seen.shape[1]))
        found = []
        for column in rows.T:
            weights[self.pattern, self.first, self.second] = column
            weights[self.pattern, self.second, self.first] = column
            found.append(self.total(weights)[self.packing.row, self.packing.column])
        return np.array(found)

    def spread(self, matrix: Floats) -> Floats:
        """Sum over the subjects of each pattern of Z matrix Z', (K, T, T)."""
        spread = np.zeros((*self.seen.shape, self.seen.shape[1]))
        if self.stored is not None:
            at_pairs = self.stored @ self.packing.weights(matrix)
            at_pairs = np.where(self.first == self.second, at_pairs, at_pairs / 2)
            spread[self.pattern, self.first, self.second] = at_pairs
            spread[self.pattern, self.second, self.first] = at_pairs
            return spread
        for block, own, seen in zip(self.blocks, spread, self.seen, strict=True):
            own[np.ix_(seen, seen)] = np.tensordot(block @ matrix, block, axes=([0, 2], [0, 2]))
        return spread

    def without(self, pattern: int, subject: int, rows: Floats) -> CrossProducts:
        """Products of everyone but one subject, its pattern's `subject`-th, whose `rows` are (m, columns)."""
        fewer = self.subjects.copy()
        fewer[pattern] -= 1
        if self.stored is None:
            kept = list(self.blocks)
            kept[pattern] = np.delete(kept[pattern], subject, axis=0)
            return replace(self, subjects=fewer, blocks=tuple(kept))
        less = self.stored.copy()
        less[self.pattern == pattern] -= pattern_products(rows[None], self.packing)
        return replace(self, subjects=fewer, stored=less)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which rows belong to which subject: rows in order of pattern, subject and occasion.

    `order` sorts the rows given; in this order, `subject` is each subject's code and `pattern` its
    pattern. A pattern's subjects are neighbours.
    """

    order: Ints
    pattern: Ints
    subject: Ints
    seen: Bools
    group: Ints
    position: Floats

    def blocks(self, values: Floats) -> list[Floats]:
        """Rows of each pattern, (subjects, occasions seen, ...)."""
        sorted_values = values[self.order]
        sizes = self.seen.sum(axis=1)
        counts = np.bincount(self.pattern, minlength=len(sizes))
        ends = np.cumsum(sizes * counts)
        return [
            sorted_values[end - m * n : end].reshape(n, m, *values.shape[1:])
            for end, m, n in zip(ends, sizes, counts, strict=True)
        ]

    def restored(self, blocks: list[Floats]) -> Floats:
        """Rows of patterns put back in the order given."""
        stacked = np.concatenate([block.reshape(-1, *block.shape[2:]) for block in blocks])
        restored = np.empty_like(stacked)
        restored[self.order] = stacked
        return restored


def layout_of(
    subject: Ints,
    occasion: Ints,
    occasions: int,
    *,
    group: Ints | None = None,
    position: Floats | None = None,
) -> Layout:
    """Find each subject's pattern.

    Parameters
    ----------
    subject, occasion : (n,) int
        Codes from 0; no pair comes twice.
    occasions : int
        Number of occasions T.
    group : (n,) int, optional
        Code of the subject's group, the same in all rows of a subject.
    position : (n, d) float, optional
        Coordinates of each row, where subjects have occasions of their own.
    """
    n_subjects = int(subject.max()) + 1
    seen = np.zeros((n_subjects, occasions), dtype=bool)
    seen[subject, occasion] = True
    groups = np.zeros(n_subjects, dtype=np.intp)
    if group is not None:
        groups[subject] = group
    where = np.zeros((n_subjects, occasions, 0))
    if position is not None:
        where = np.zeros((n_subjects, occasions, position.shape[1]))
        where[subject, occasion] = position
    key = np.column_stack([groups, ~seen, where.reshape(n_subjects, -1)])
    distinct, pattern = _distinct(key)
    order = np.lexsort((occasion, subject, pattern[subject]))
    of_row = subject[order]
    starts = np.flatnonzero(np.r_[True, of_row[1:] != of_row[:-1]])
    return Layout(
        order=order,
        pattern=pattern[of_row[starts]],
        subject=of_row[starts],
        seen=seen[distinct],
        group=groups[distinct],
        position=where[distinct],
    )


def _distinct(key: Floats) -> tuple[Ints, Ints]:
    """First row of each distinct one, and which distinct row each is."""
    order = np.lexsort(key.T[::-1])
    ordered = key[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    code = np.empty(len(key), dtype=np.intp)
    code[order] = np.cumsum(new) - 1
    return order[new], code


def cross_products(layout: Layout, design: Floats, outcome: Floats) -> CrossProducts:
    """Add up products within each pattern, in one pass over the rows.

    Parameters
    ----------
    layout : Layout
    design : (n, p) float
    outcome : (n,) float
        Both in the order of the rows that `layout` was found from.
    """
    packing = Packing.of(design.shape[1] + 1)
    blocks = layout.blocks(np.column_stack([design, outcome]))
    pairs = [np.triu_indices(block.shape[1]) for block in blocks]
    at = [np.flatnonzero(row) for row in layout.seen]
    pattern = np.repeat(np.arange(len(blocks)), [len(a) for a, _ in pairs])
    fits = len(pattern) * packing.row.size <= _ROOM
    return CrossProducts(
        seen=layout.seen,
        group=layout.group,
        position=layout.position,
        subjects=np.array([len(block) for block in blocks]),
        pattern=pattern,
        first=np.concatenate([seen[a] for seen, (a, _) in zip(at, pairs, strict=True)]),
        second=np.concatenate([seen[b] for seen, (_, b) in zip(at, pairs, strict=True)]),
        stored=np.concatenate([pattern_products(b, packing) for b in blocks]) if fits else None,
        blocks=() if fits else tuple(blocks),
        packing=packing,
    )


def pattern_products(block: Floats, packing: Packing) -> Floats:
    """Rows of `CrossProducts.products` for subjects of one pattern, (subjects, occasions, columns)."""
    n, m, c = block.shape
    flat = block.reshape(n, m * c)
    gram = (flat.T @ flat).reshape(m, c, m, c)
    first, second = np.triu_indices(m)
    row, column = packing.row, packing.column
    products: Floats = gram[first[:, None], row, second[:, None], column]
    apart = first != second
    products[apart] += gram[first[apart, None], column, second[apart, None], row]
    return products

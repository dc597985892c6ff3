"""Linear permutation tests of whether scores differ between groups more than by chance.

Groups are compared through sums of scores. Under the null hypothesis, within each stratum, every
assignment of the stratum's subjects to groups of the sizes seen is equally likely; scores stay with
the subjects. The statistic is T, a linear combination of the groups' sums of scores:

- groups numbered by `positions` (two groups 0 and 1, or a trend): T is one number, the sum over
  groups of position times sum of scores, and the statistic is T over its standard deviation. A
  positive one says that high positions go with high scores.
- otherwise T is the vector of all groups' sums but one, and the statistic its quadratic form in the
  inverse of its covariance matrix.

Mean and covariance are those of the permutation distribution, summed over strata: sums of scores
have covariance ``sum((c - mean c)²) / (n - 1) * (diag(n_g) - n_g n_h / n)``. Three ways to a p-value
share this statistic: the normal or chi-square limit, all assignments, or a random sample of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln, ndtr

from ketastats.stats.exact_proportions import clopper_pearson_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Progress = Callable[[int, int], None]

LIMIT = 2_000_000
"""Most partial assignments that an exact test holds at once."""
MONTE_CARLO_LEVEL = 0.99
"""Coverage of the limits of a Monte Carlo p-value."""
TAILS = ("central", "absolute")
"""Two-sided p-values of one-dimensional statistics."""

_TIE = 1e-9  # of the standard deviation: statistics nearer than this are equal but for rounding
_NO_VARIANCE = 1e-18  # scores are of the order of 1
_BATCH = 2_000_000  # scores permuted at once


class TooManyAssignmentsError(ArithmeticError):
    """There are more assignments than an exact test can go through."""


class NoVariationError(ValueError):
    """All scores are equal within strata, or no stratum holds two groups: nothing can be tested."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Distinct scores (m,) of one stratum, and how many subjects of each of k groups have them.

    `counts` is (m, k), whole numbers; all strata of a test have the same k groups, of which some
    may be empty.
    """

    scores: Floats
    counts: Ints

    @property
    def sizes(self) -> Ints:
        """Subjects per group (k,)."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def deviations(self) -> Floats:
        """Scores minus their mean over the stratum's subjects (m,)."""
        each = self.counts.sum(axis=1)
        return np.asarray(self.scores - each @ self.scores / each.sum())

    @property
    def covariance(self) -> Floats:
        """Permutation covariance of the groups' sums of scores (k, k)."""
        sizes, n = self.sizes, int(self.counts.sum())
        if n < 2:
            return np.zeros((sizes.size, sizes.size))
        spread = float(self.counts.sum(axis=1) @ self.deviations**2) / (n - 1)
        return np.asarray(spread * (np.diag(sizes) - np.outer(sizes, sizes) / n))


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A statistic and its two-sided p-value.

    `statistic` is standard normal under the null in the limit where `df` is missing (nan), else
    chi-square with `df` degrees of freedom. `p_low` and `p_high` are limits of a p-value that was
    estimated from random assignments, missing otherwise.
    """

    statistic: float
    df: float
    p_value: float
    p_low: float = nan
    p_high: float = nan


def group_sums(strata: Sequence[Stratum]) -> tuple[Floats, Floats]:
    """Sum of scores of each group (k,), less its permutation mean, and covariance (k, k)."""
    sums = np.sum([part.deviations @ part.counts for part in strata], axis=0)
    return np.asarray(sums), np.asarray(np.sum([part.covariance for part in strata], axis=0))


def asymptotic_test(
    strata: Sequence[Stratum], *, positions: Floats | None = None
) -> PermutationTest:
    """Test by the normal or chi-square limit of the permutation distribution.

    Parameters
    ----------
    strata : sequence of Stratum
    positions : (k,) array, optional
        A number per group, for two groups or a trend; the quadratic form in all groups otherwise.

    Raises
    ------
    NoVariationError
        If the statistic has no variance.

    References
    ----------
    Fay MP (1996). Biometrics 52:811-822. Fay MP, Shaw PA (2010). J Stat Softw 36(2), section 3.
    Sen PK (1985). Theory and applications of sequential nonparametrics, SIAM (the limit).
    """
    return limit_test(*group_sums(strata), positions=positions)


def limit_test(
    sums: Floats, covariance: Floats, *, positions: Floats | None = None
) -> PermutationTest:
    """Test from the groups' sums of scores (k,) and their covariance (k, k), by its limit."""
    rule = _Rule.of(covariance, positions)
    seen = float(rule.standardised(rule.combined(sums))[0])
    p = 2 * float(ndtr(-abs(seen))) if rule.one_number else float(chdtrc(rule.rank, seen))
    return PermutationTest(seen, rule.df, p)


def exact_test(
    strata: Sequence[Stratum],
    *,
    positions: Floats | None = None,
    tails: str = "central",
    limit: int = LIMIT,
) -> PermutationTest:
    """Test by the distribution over all assignments.

    Subjects with equal scores are alike, and partial assignments that agree in group sizes and in
    T are carried on as one with their joint probability, so that few distinct scores are cheap.

    Parameters
    ----------
    strata, positions
        As for `asymptotic_test`.
    tails : {"central", "absolute"}, default "central"
        For a one-dimensional T: twice the smaller tail, at most 1, or the probability of a T at
        least as far from its mean. A quadratic form has one tail.
    limit : int
        Most partial assignments held at once.

    Raises
    ------
    NoVariationError
        If the statistic has no variance.
    TooManyAssignmentsError
        If there are more than `limit`.

    References
    ----------
    Fay MP, Shaw PA (2010). J Stat Softw 36(2), section 3 (two-sided p-values). Streitberg B, Röhmel
    J (1986). Statistical Software Newsletter 12:10-17 (carrying on equal sums as one).
    """
    sums, covariance = group_sums(strata)
    rule = _Rule.of(covariance, positions)
    parts = [_all_assignments(part, rule, limit) for part in strata]
    value, chance = parts[0]
    for more, other in parts[1:]:
        if chance.size * other.size > limit:
            raise TooManyAssignmentsError(_too_many(limit))
        joint = (value[:, None, :] + more[None, :, :]).reshape(-1, value.shape[1])
        value, chance = _merged(joint, np.outer(chance, other).ravel(), rule.unit)
    found = rule.standardised(value)
    seen = float(rule.standardised(rule.combined(sums))[0])

    def share(event: NDArray[np.bool_]) -> float:
        return float(chance[event].sum() / chance.sum())

    return PermutationTest(seen, rule.df, _two_sided(found, seen, share, rule, tails))


def monte_carlo_test(
    strata: Sequence[Stratum],
    *,
    positions: Floats | None = None,
    tails: str = "central",
    replicates: int = 9999,
    seed: int = 1,
    progress: Progress | None = None,
) -> PermutationTest:
    """Test by a random sample of assignments.

    A tail's share is (b + 1) / (replicates + 1) with b the sampled assignments in it, which keeps the
    level exact; its limits are Clopper and Pearson's for b of replicates, at `MONTE_CARLO_LEVEL`.

    Parameters
    ----------
    strata, positions, tails
        As for `exact_test`.
    replicates : int
        Random assignments, at least 1.
    seed : int
        Same seed, same p-value.
    progress : callable, optional
        Told the number done and the number wanted.

    Raises
    ------
    NoVariationError
        If the statistic has no variance.

    References
    ----------
    Davison AC, Hinkley DV (1997). Bootstrap methods and their application, section 4.2. Phipson B,
    Smyth GK (2010). Stat Appl Genet Mol Biol 9:39.
    """
    sums, covariance = group_sums(strata)
    rule = _Rule.of(covariance, positions)
    rng = np.random.default_rng(seed)
    sizes = [int(part.counts.sum()) for part in strata]
    batch = max(1, min(replicates, _BATCH // max(sizes)))
    found = np.empty(replicates)
    for done in range(0, replicates, batch):
        size = min(batch, replicates - done)
        drawn = sum(_shuffled(part, rule, size, rng) for part in strata)
        found[done : done + size] = rule.standardised(np.asarray(drawn))
        if progress is not None:
            progress(done + size, replicates)
    seen = float(rule.standardised(rule.combined(sums))[0])
    tail = int(_smallest_tail(found, seen, rule, tails).sum())
    factor = 2.0 if rule.one_number and tails == "central" else 1.0
    low, high = clopper_pearson_interval(tail, replicates, conf_level=MONTE_CARLO_LEVEL)
    p = min(1.0, factor * (tail + 1) / (replicates + 1))
    return PermutationTest(seen, rule.df, p, min(1.0, factor * low), min(1.0, factor * high))


@dataclass(frozen=True, slots=True)
class _Rule:
    """How T is made of groups' sums, and how it is standardised."""

    design: Floats  # (k, d): T = sums @ design
    inverse: Floats  # (d, d), generalised
    rank: int
    one_number: bool
    unit: float  # differences in T below this are rounding

    @classmethod
    def of(cls, covariance: Floats, positions: Floats | None) -> _Rule:
        k = covariance.shape[0]
        design = np.eye(k)[:, 1:] if positions is None else _from_0_to_1(positions)
        values, vectors = np.linalg.eigh(design.T @ covariance @ design)
        held = values > max(1e-12 * float(values.max()), _NO_VARIANCE)
        if not held.any():
            raise NoVariationError("all scores are equal: there is nothing to compare groups by")
        inverse = (vectors[:, held] / values[held]) @ vectors[:, held].T
        unit = _TIE * sqrt(float(values[held].min()))
        return cls(design, inverse, int(held.sum()), positions is not None, unit)

    @property
    def df(self) -> float:
        return nan if self.one_number else float(self.rank)

    def combined(self, sums: Floats) -> Floats:
        """T of the groups' sums, as one row."""
        return np.asarray(sums @ self.design)[None, :]

    def standardised(self, t: Floats) -> Floats:
        """T, one row each, over its standard deviation; or its quadratic form."""
        if self.one_number:
            return np.asarray(t[:, 0] * sqrt(float(self.inverse[0, 0])))
        return np.asarray(np.einsum("ij,jk,ik->i", t, self.inverse, t))


def _from_0_to_1(positions: Floats) -> Floats:
    """Positions as one column, shifted and scaled: sums of scores over all groups are zero."""
    at = np.asarray(positions, dtype=float)[:, None]
    width = float(at.max() - at.min())
    if not (np.isfinite(at).all() and width > 0):
        raise ValueError("groups need finite positions, not all equal")
    return np.asarray((at - at.min()) / width)


def _smallest_tail(found: Floats, seen: float, rule: _Rule, tails: str) -> NDArray[np.bool_]:
    """Which statistics lie in the tail that the p-value counts."""
    if not rule.one_number:
        return np.asarray(found >= seen * (1 - _TIE) - _TIE)
    if tails == "absolute":
        return np.asarray(np.abs(found) >= abs(seen) - _TIE)
    below, above = found <= seen + _TIE, found >= seen - _TIE
    return np.asarray(below if below.sum() < above.sum() else above)


def _two_sided(
    found: Floats,
    seen: float,
    share: Callable[[NDArray[np.bool_]], float],
    rule: _Rule,
    tails: str,
) -> float:
    if rule.one_number and tails == "central":
        return min(1.0, 2 * min(share(found <= seen + _TIE), share(found >= seen - _TIE)))
    return min(1.0, share(_smallest_tail(found, seen, rule, tails)))


def _all_assignments(part: Stratum, rule: _Rule, limit: int) -> tuple[Floats, Floats]:
    """Values of T (s, d) of a stratum and their chances (s,), score by score."""
    sizes, each, scores = part.sizes, part.counts.sum(axis=1), part.deviations
    order = np.argsort(-each)  # many of one score first: few partial assignments early on
    room = sizes[None, :].copy()  # places left per group, one row per partial assignment
    value = np.zeros((1, rule.design.shape[1]))
    chance = np.zeros(1)  # logarithms until the end
    for i in order:
        ways = _splits(int(each[i]), sizes)
        if room.shape[0] * ways.shape[0] > 8 * limit:
            raise TooManyAssignmentsError(_too_many(limit))
        at, way = np.nonzero((ways[None, :, :] <= room[:, None, :]).all(axis=2))
        if at.size > 3 * limit:
            raise TooManyAssignmentsError(_too_many(limit))
        taken = ways[way]
        room, value, chance = _carried_on(
            room[at] - taken,
            value[at] + scores[i] * (taken @ rule.design),
            chance[at] - gammaln(taken + 1).sum(axis=1),
            rule.unit,
        )
        if room.shape[0] > limit:
            raise TooManyAssignmentsError(_too_many(limit))
    chance = np.exp(chance - chance.max())
    return value, chance / chance.sum()


def _splits(total: int, sizes: Ints) -> Ints:
    """All ways to split `total` subjects among groups of at most these sizes, one row each."""
    rows = np.zeros((1, 0), dtype=np.intp)
    for size in sizes[:-1]:
        used = rows.sum(axis=1)
        steps = np.arange(min(total, int(size)) + 1)
        at, step = np.nonzero(used[:, None] + steps[None, :] <= total)
        rows = np.column_stack((rows[at], steps[step]))
    last = total - rows.sum(axis=1)
    kept = last <= sizes[-1]
    return np.asarray(np.column_stack((rows[kept], last[kept])), dtype=np.intp)


def _carried_on(
    room: Ints, value: Floats, chance: Floats, unit: float
) -> tuple[Ints, Floats, Floats]:
    """Make one of partial assignments that leave the same room and have the same T."""
    keys = np.column_stack((room[:, :-1].astype(float), np.round(value / unit)))
    first, group = _groups(keys)
    top = np.full(first.size, -np.inf)
    np.maximum.at(top, group, chance)
    summed = np.bincount(group, np.exp(chance - top[group]), minlength=first.size)
    return room[first], value[first], top + np.log(summed)


def _merged(value: Floats, chance: Floats, unit: float) -> tuple[Floats, Floats]:
    """Add up the chances of equal values."""
    first, group = _groups(np.round(value / unit))
    return value[first], np.asarray(np.bincount(group, chance, minlength=first.size), dtype=float)


def _groups(keys: Floats) -> tuple[Ints, Ints]:
    """First row of each distinct row of whole numbers, and which of them each row equals."""
    shifted = keys - keys.min(axis=0)
    spans = shifted.max(axis=0) + 1
    if float(np.prod(spans)) < 2.0**52:  # one number per row, exact, sorts much faster than rows
        places = np.concatenate(([1.0], np.cumprod(spans[:-1])))
        _, first, group = np.unique(shifted @ places, return_index=True, return_inverse=True)
        return first, group
    order = np.lexsort(keys.T)
    ordered = keys[order]
    new = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))
    group = np.empty(order.size, dtype=np.intp)
    group[order] = np.cumsum(new) - 1
    return order[new], group


def _shuffled(part: Stratum, rule: _Rule, size: int, rng: np.random.Generator) -> Floats:
    """T of a stratum under random assignments, (size, d)."""
    every = np.repeat(part.deviations, part.counts.sum(axis=1))
    places = np.repeat(rule.design, part.sizes, axis=0)
    return np.asarray(rng.permuted(np.tile(every, (size, 1)), axis=1) @ places)


def _too_many(limit: int) -> str:
    return f"there are more than {limit:,} assignments to go through"

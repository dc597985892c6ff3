"""Small made-up repeated measures for tests of the likelihood and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.covariance_structures import SPATIAL, structure
from ketastats.stats.pattern_covariance import CommonCovariance, Covariance, SpatialCovariance
from ketastats.summaries.cross_products import CrossProducts, Layout, cross_products, layout_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of subjects at occasions, with a design of three columns."""

    design: Floats
    outcome: Floats
    subject: NDArray[np.intp]
    occasion: NDArray[np.intp]
    group: NDArray[np.intp]
    position: Floats
    occasions: int

    def layout(self, *, groups: int = 1, spatial: bool = False) -> Layout:
        return layout_of(
            self.subject,
            self.occasion,
            self.occasions,
            group=self.group if groups > 1 else None,
            position=self.position if spatial else None,
        )

    def products(self, *, groups: int = 1, spatial: bool = False) -> CrossProducts:
        return cross_products(
            self.layout(groups=groups, spatial=spatial), self.design, self.outcome
        )


def rows(seed: int = 1, *, subjects: int = 24, occasions: int = 4, missed: float = 0.25) -> Rows:
    rng = np.random.default_rng(seed)
    seen = rng.random((subjects, occasions)) > missed
    seen[np.arange(subjects), rng.integers(0, occasions, subjects)] = True
    subject, occasion = np.nonzero(seen)
    own = rng.normal(size=subjects)[subject]
    covariate = rng.normal(size=subjects)[subject]
    design = np.column_stack([np.ones(len(subject)), covariate, occasion - 1.5])
    outcome = 0.5 * own + 0.3 * covariate + rng.normal(size=len(subject)) * (1 + 0.2 * occasion)
    position = np.column_stack([occasion + rng.uniform(-0.3, 0.3, len(subject))])
    return Rows(
        design, outcome, subject, occasion, (subject % 2).astype(np.intp), position, occasions
    )


def family(code: str, products: CrossProducts, groups: int = 1) -> Covariance:
    if code in SPATIAL:
        return SpatialCovariance.of(code, products, groups)
    return CommonCovariance(structure(code, products.seen.shape[1]), products, groups)


def some_parameters(code: str, covariance: Covariance, groups: int, seed: int = 3) -> Floats:
    """Parameters inside the region where matrices are positive definite, away from any special point."""
    rng = np.random.default_rng(seed)
    if code in SPATIAL:
        return np.array([1.3, 0.9, 0.8, 1.4][: covariance.size])
    assert isinstance(covariance, CommonCovariance)
    t = covariance.products.seen.shape[1]
    made = []
    for _ in range(groups):
        sd = rng.uniform(0.8, 1.4, t)
        made.append(0.4 ** np.abs(np.subtract.outer(range(t), range(t))) * np.outer(sd, sd))
    theta = covariance.start(np.stack(made))
    return theta * rng.uniform(0.97, 1.03, theta.size)

"""Jackknife covariance of coefficients: refits without one subject each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.pattern_covariance import Covariance
from ketastats.stats.repeated_measures_fit import RepeatedFit, fit_repeated, moment_matrices
from ketastats.summaries.cross_products import CrossProducts, Layout

Floats = NDArray[np.float64]


def jackknife_covariance(
    fit: RepeatedFit,
    covariance: Covariance,
    layout: Layout,
    design: Floats,
    outcome: Floats,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """(n - 1) / n times the sum of squared deviations of the refits' coefficients, (p, p).

    Each refit starts from the whole data's parameters and is brought to its own maximum.

    Raises
    ------
    NotConvergedError
        If a refit has no maximum, as when one subject alone tells a coefficient.

    References
    ----------
    Efron B, Tibshirani RJ (1993). An Introduction to the Bootstrap, chapter 11.
    """
    n = len(layout.pattern)
    coefficients = []
    for done, without in enumerate(
        without_each(fit.here.products, layout, design, outcome), start=1
    ):
        again = fit_repeated(
            without,
            replace(covariance, products=without),  # type: ignore[type-var]
            moment_matrices(without, int(layout.group.max()) + 1),
            reml=fit.here.reml,
            start=fit.here.theta,
        )
        coefficients.append(again.here.beta)
        if progress is not None:
            progress(done, n)
    deviations = np.array(coefficients) - np.mean(coefficients, axis=0)
    return np.asarray((n - 1) / n * deviations.T @ deviations)


def without_each(
    products: CrossProducts, layout: Layout, design: Floats, outcome: Floats
) -> Iterator[CrossProducts]:
    """Cross-products of everyone but one subject, for each subject in the order of `layout`."""
    for pattern, block in enumerate(layout.blocks(np.column_stack([design, outcome]))):
        for subject, rows in enumerate(block):
            yield products.without(pattern, subject, rows)

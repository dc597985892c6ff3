"""Robust covariance of generalised least-squares coefficients over independent subjects.

With residuals e_i, weights P_i (the inverse of subject i's working covariance) and Phi = (X'PX)^-1, the
covariance is Phi (sum X_i' G_i e_i e_i' G_i X_i) Phi, where

    CR0   G = P
    CR2   G = L (I - L' X Phi X' L)^(-1/2) L'      with P = L L'
    CR3   G = L (I - L' X Phi X' L)^-1 L'          close to leaving one subject out

References
----------
Liang KY, Zeger SL (1986). Biometrika 73:13-22 (CR0). Bell RM, McCaffrey DF (2002). Survey Methodology
28:169-181. Pustejovsky JE, Tipton E (2018). J Bus Econ Stat 36:672-683 (CR2, degrees of freedom).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POWERS = {"cr0": 0.0, "cr2": -0.5, "cr3": -1.0}
"""Power of I - L' X Phi X' L in each correction."""

_EXACT = 1e-10  # eigenvalue below which a subject is fitted exactly in a direction


@dataclass(frozen=True, slots=True, eq=False)
class Sandwich:
    """A robust covariance (p, p), and per subject what its degrees of freedom need.

    For one subject a row of `lifted` is (X' G S G X) and of `leaned` X' G X, with S the working
    covariance: (n, p, p) each. `lost` (k, p) holds directions of coefficients that one subject alone
    tells, in units of their working standard errors; without it they would not be known at all.
    """

    covariance: Floats
    bread: Floats
    lifted: Floats
    leaned: Floats
    lost: Floats
    correction: str


def cluster_sandwich(
    designs: list[Floats],
    residuals: list[Floats],
    inverses: list[Floats],
    bread: Floats,
    *,
    correction: str,
) -> Sandwich:
    """Add up subjects, pattern by pattern.

    Parameters
    ----------
    designs, residuals : lists of (n_k, m_k, p) and (n_k, m_k) float
        The subjects of each pattern.
    inverses : list of (m_k, m_k) float
        Inverse working covariance of each pattern.
    bread : (p, p) float
        Inverse of X'PX.
    correction : {"cr0", "cr2", "cr3"}
    """
    power = POWERS[correction]
    scores, lifted, leaned, lost = [], [], [], []
    for x, e, inverse in zip(designs, residuals, inverses, strict=True):
        root = np.linalg.cholesky(inverse)
        half = root.T @ x
        values, vectors = np.linalg.eigh(np.eye(len(inverse)) - half @ bread @ half.swapaxes(1, 2))
        middle = _power(values, vectors, power)
        own = np.argwhere(values <= _EXACT)
        lost += [vectors[n, :, k] @ half[n] for n, k in own]
        turned = middle @ half  # (n, m, p): G X without its outer root
        scores.append(np.einsum("nmp,nm->np", turned, e @ root))
        lifted.append(turned.swapaxes(1, 2) @ turned)
        leaned.append(turned.swapaxes(1, 2) @ half)
    score = np.concatenate(scores)
    covariance = bread @ (score.T @ score) @ bread
    return Sandwich(
        covariance=covariance,
        bread=bread,
        lifted=np.concatenate(lifted),
        leaned=np.concatenate(leaned),
        lost=np.array(lost).reshape(-1, len(bread)),
        correction=correction,
    )


def _power(values: Floats, vectors: Floats, power: float) -> Floats:
    """Powers of symmetric matrices by their eigenvalues; directions without variance are left out."""
    held = values > _EXACT
    safe = np.where(held | (power == 0), np.where(held, values, 1.0) ** power, 0.0)
    return np.asarray((vectors * safe[:, None, :]) @ vectors.swapaxes(1, 2))


def sandwich_df(sandwich: Sandwich, contrasts: Floats) -> Floats:
    """Degrees of freedom of each contrast, (k,): the working model's mean and variance of its variance.

    With a_i = G_i X_i Phi c, the estimate is a sum of squares (a_i' e_i)^2; its expected matrix is
    diag(a_i' S_i a_i) - (a_i' X_i) Phi (X_j' a_j), and the degrees of freedom are trace^2 / trace of the
    square. Under CR3 a contrast that one subject alone tells has no variance, and none are given.
    """
    found = []
    for named, contrast in zip(contrasts, contrasts @ sandwich.bread, strict=True):
        alone = np.abs(sandwich.lost @ contrast) > 1e-6 * np.sqrt(named @ contrast)
        if sandwich.correction == "cr3" and alone.any():
            found.append(np.nan)
            continue
        own = np.einsum("a,nab,b->n", contrast, sandwich.lifted, contrast, optimize=True)
        lean = np.einsum("a,nab->nb", contrast, sandwich.leaned)
        across = lean @ sandwich.bread
        shared = (across * lean).sum(axis=1)
        product = across.T @ lean
        trace = own.sum() - shared.sum()
        square = (own**2).sum() - 2 * (own * shared).sum() + np.trace(product @ product)
        found.append(trace**2 / square)
    return np.array(found)

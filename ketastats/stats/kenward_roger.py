"""Covariance of fixed effects adjusted for having estimated the covariance parameters.

With W the covariance of the parameters' estimates,

    Phi_A = Phi + 2 Phi (sum_jl W_jl (Q_jl - P_j Phi P_l - R_jl / 4)) Phi,

where P_j = -X' S^-1 S_j S^-1 X, Q_jl = X' S^-1 S_j S^-1 S_l S^-1 X and R_jl = X' S^-1 S_jl S^-1 X. The sums
over j and l are taken before the data are met, so that two passes over the cross-products suffice
whatever the number of parameters. The linear variant leaves R out.

As in SAS, W is twice the inverse of the observed second derivatives of minus twice the (restricted)
log-likelihood, in SAS's parameters; Kenward and Roger's own paper takes the expected ones.

References
----------
Kenward MG, Roger JH (1997). Biometrics 53:983-997. Kenward MG, Roger JH (2009). Comput Stat Data Anal
53:2583-2595 (linear variant).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ketastats.stats.repeated_measures import Likelihood

Floats = NDArray[np.float64]


def kenward_roger_covariance(
    here: Likelihood, moved: Floats, theta_covariance: Floats, *, linear: bool
) -> Floats:
    """Adjusted covariance (p, p) of the coefficients.

    Parameters
    ----------
    here : Likelihood
        At the maximum.
    moved : (q, p, p) float
        dM/dtheta_j, which is P_j.
    theta_covariance : (q, q) float
        W.
    linear : bool
        Leave out the second derivatives of the covariance matrix.
    """
    p, inverse, bread = here.products.columns, here.inverse, here.bread
    middle = here.covariance.paired_sum(inverse, theta_covariance)
    if not linear:
        middle = middle - here.covariance.bend_sum(theta_covariance) / 4
    added = here.products.total(inverse @ middle @ inverse)[:p, :p]
    values, vectors = np.linalg.eigh(theta_covariance)
    halves = np.tensordot(vectors.T * np.sqrt(np.maximum(values, 0))[:, None], moved, 1)
    side_by_side = (halves @ bread).swapaxes(0, 1).reshape(p, -1)
    added = added - side_by_side @ halves.reshape(-1, p)
    adjusted = bread + bread @ (added + added.T) @ bread
    return np.asarray((adjusted + adjusted.T) / 2)

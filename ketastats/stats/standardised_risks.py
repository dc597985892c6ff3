"""Risks per arm averaged over everybody's covariates (g-computation), with two variances.

A logistic working model with arm and covariates predicts, for each arm, everybody's risk as if all
had been in it; the mean is the marginal risk. In a randomised trial with a canonical link and an
intercept per arm the estimate is right on average even if the model is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StandardisedRisks:
    """Marginal risks, one per arm, and their covariance matrix (n_arms, n_arms)."""

    risks: Floats
    covariance: Floats


class SeparationError(ValueError):
    """The logistic likelihood has no maximum: covariates or arms tell events apart perfectly."""


def logistic_fit(design: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Maximum-likelihood coefficients and their inverse information, by Newton's method.

    Parameters
    ----------
    design : (n, p) array of full column rank
    outcome : (n,) array of 0 and 1

    Raises
    ------
    SeparationError
        If a column of `design` is aliased or the likelihood has no finite maximum.

    References
    ----------
    McCullagh P, Nelder JA (1989). Generalized Linear Models, 2nd ed, section 4.4.
    """
    n_columns = design.shape[1]
    if np.linalg.matrix_rank(design) < n_columns:
        raise SeparationError("a covariate is constant or repeats another: drop it from the model")
    beta = np.zeros(n_columns)
    for _ in range(50):
        fitted = _expit(design @ beta)
        weight = fitted * (1 - fitted)
        information = design.T @ (design * weight[:, None])
        if weight.max() < 1e-8 or np.linalg.cond(information) > 1e14:
            break
        step = np.linalg.solve(information, design.T @ (outcome - fitted))
        beta = beta + step
        if float(np.max(np.abs(step))) < 1e-12:
            if float(np.min(weight)) < 1e-12:
                break
            return beta, np.asarray(np.linalg.inv(information))
    raise SeparationError(
        "the logistic model has no finite fit: a covariate or an arm separates events from "
        "non-events; use fewer covariates or an unadjusted comparison"
    )


def ge_standardised_risks(
    arm: NDArray[np.integer[Any]], covariates: Floats, outcome: Floats, n_arms: int
) -> StandardisedRisks:
    """Marginal risks with the delta-method variance that treats the covariates as fixed.

    Parameters
    ----------
    arm : (n,) int array, 0 to n_arms - 1
    covariates : (n, p) array, p may be 0
    outcome : (n,) array of 0 and 1
    n_arms : int

    References
    ----------
    Ge M, Durham LK, Meyer RD, Xie W, Thomas N (2011). Drug Inf J 45:481-493.
    """
    beta, beta_covariance = logistic_fit(_design(arm, covariates, n_arms), outcome)
    risks, gradients = np.empty(n_arms), np.empty((n_arms, beta.size))
    for a in range(n_arms):
        everybody = _design(np.full(arm.size, a), covariates, n_arms)
        predicted = _expit(everybody @ beta)
        risks[a] = predicted.mean()
        gradients[a] = (predicted * (1 - predicted)) @ everybody / arm.size
    return StandardisedRisks(risks, gradients @ beta_covariance @ gradients.T)


def ye_standardised_risks(
    arm: NDArray[np.integer[Any]], covariates: Floats, outcome: Floats, n_arms: int
) -> StandardisedRisks:
    """Marginal risks with the variance for simple randomisation that holds if the model is wrong.

    Arguments are those of `ge_standardised_risks`. Variances use divisor n - 1. The variance of the
    residuals in an arm is taken apart, with the predictions' variance over everybody, as RobinCar
    and the paper do; taking it from the arm's residuals directly is the convention left out.

    References
    ----------
    Ye T, Bannick M, Yi Y, Shao J (2023). Stat Theory Relat Fields 7:159-163, equation 4.
    """
    beta, _ = logistic_fit(_design(arm, covariates, n_arms), outcome)
    predicted = np.column_stack(
        [_expit(_design(np.full(arm.size, a), covariates, n_arms) @ beta) for a in range(n_arms)]
    )
    n = arm.size
    overall = np.cov(predicted, rowvar=False).reshape(n_arms, n_arms)
    with_outcome = np.empty((n_arms, n_arms))  # covariance of Y and the prediction for b, in arm a
    covariance = np.empty((n_arms, n_arms))
    for a in range(n_arms):
        here = arm == a
        for b in range(n_arms):
            with_outcome[a, b] = np.cov(outcome[here], predicted[here, b])[0, 1]
        outcome_variance = float(np.var(outcome[here], ddof=1))
        residual = outcome_variance - 2 * with_outcome[a, a] + overall[a, a]
        covariance[a, a] = residual * n / here.sum() + 2 * with_outcome[a, a] - overall[a, a]
    for a in range(n_arms):
        for b in range(n_arms):
            if a != b:
                covariance[a, b] = with_outcome[a, b] + with_outcome[b, a] - overall[a, b]
    return StandardisedRisks(predicted.mean(axis=0), covariance / n)


def _design(arm: NDArray[np.integer[Any]], covariates: Floats, n_arms: int) -> Floats:
    return np.column_stack([np.equal.outer(arm, np.arange(n_arms)).astype(float), covariates])


def _expit(value: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-value))
    return result

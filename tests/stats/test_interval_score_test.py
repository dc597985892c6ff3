"""The score test with observed information, against the likelihood differentiated by numbers."""

import numpy as np
import pytest
from references import read_input

from ketastats.stats.interval_score_test import MODELS, score_and_information
from ketastats.stats.interval_scores import SCORES, pooled_ends


def data():
    table = read_input("bcos_intervals")
    right = table["right"].fillna(np.inf).to_numpy()
    counts = np.column_stack([table["treatment"] == name for name in ("Rad", "RadChem")])
    return table["left"].to_numpy(float), right, counts.astype(int)


@pytest.mark.parametrize("scores", MODELS)
def test_its_sums_are_those_of_the_permutation_test(scores):
    left, right, counts = data()
    sums, information = score_and_information(left, right, counts, scores=scores)
    assert sums == pytest.approx(counts.T @ SCORES[scores](left, right))
    assert information.sum(axis=1) == pytest.approx([0, 0], abs=1e-8)


@pytest.mark.parametrize("scores", MODELS)
def test_the_information_is_the_curvature_of_the_likelihood(scores):
    left, right, counts = data()
    ends = pooled_ends(left, right)
    inner = ends.survival[1:-1]
    curve, gamma = {
        "finkelstein": (lambda eta: np.exp(-np.exp(eta)), np.log(-np.log(inner))),
        "wilcoxon": (lambda eta: 1 / (1 + np.exp(eta)), np.log(1 / inner - 1)),
    }[scores]

    def loglik(at):
        beta, steps = at[0], at[1:]
        total = 0.0
        for group, shift in ((0, 0.0), (1, beta)):
            s = np.concatenate(([1.0], curve(steps + shift), [0.0]))
            total += counts[:, group] @ np.log(s[ends.start] - s[ends.stop])
        return total

    at = np.concatenate(([0.0], gamma))
    size, h = at.size, 1e-4
    step = h * np.eye(size)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            hessian[i, j] = (
                loglik(at + step[i] + step[j])
                - loglik(at + step[i] - step[j])
                - loglik(at - step[i] + step[j])
                + loglik(at - step[i] - step[j])
            ) / (4 * h * h)
    slope = (loglik(at + step[0]) - loglik(at - step[0])) / (2 * h)
    expected = -1 / np.linalg.inv(hessian)[0, 0]
    sums, information = score_and_information(left, right, counts, scores=scores)
    assert sums[1] == pytest.approx(slope, abs=1e-5)
    assert information[1, 1] == pytest.approx(expected, rel=1e-4)


def test_suns_scores_belong_to_no_model_of_this_form():
    with pytest.raises(ValueError, match="finkelstein"):
        score_and_information([0.0], [1.0], [[1, 1]], scores="sun")

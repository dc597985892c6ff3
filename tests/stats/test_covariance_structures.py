import numpy as np
import pytest

from ketastats.stats.covariance_structures import CODES, SPATIAL, structure

PARAMETERS = {
    "us": 10,
    "toep": 4,
    "toeph": 7,
    "ar1": 2,
    "ar1h": 5,
    "cs": 2,
    "csh": 5,
    "ad": 4,
    "adh": 7,
}


def parameters(code: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sd = rng.uniform(0.5, 2, 4)
    matrix = 0.45 ** np.abs(np.subtract.outer(range(4), range(4))) * np.outer(sd, sd)
    return structure(code, 4).closest(matrix) * rng.uniform(0.95, 1.05, PARAMETERS[code])


def differences(function, theta, step=1e-5):
    """Central differences of an array-valued function, one along each parameter."""
    found = []
    for j in range(theta.size):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        found.append((function(up) - function(down)) / (2 * step))
    return np.array(found)


def test_every_structure_has_the_parameters_its_name_promises():
    assert {code: len(structure(code, 4).names) for code in CODES} == PARAMETERS


@pytest.mark.parametrize("code", CODES)
def test_first_and_second_derivatives_agree_with_differences(code):
    form, theta = structure(code, 4), parameters(code)
    at = form.at(theta)
    assert at.first == pytest.approx(differences(lambda t: form.at(t).matrix, theta), abs=1e-8)
    second = differences(lambda t: form.at(t).first, theta)
    assert (0 if at.second is None else at.second) == pytest.approx(second, abs=1e-8)


@pytest.mark.parametrize("code", CODES)
def test_matrices_are_symmetric_with_the_structure_of_their_name(code):
    matrix = structure(code, 4).at(parameters(code)).matrix
    assert matrix == pytest.approx(matrix.T)
    sd = np.sqrt(np.diag(matrix))
    r = matrix / np.outer(sd, sd)
    if not (code.endswith("h") or code == "us"):
        assert np.ptp(sd) < 1e-12
    if code in ("ar1", "ar1h"):
        assert r == pytest.approx(r[0, 1] ** np.abs(np.subtract.outer(range(4), range(4))))
    if code in ("cs", "csh"):
        assert np.ptp(r[np.triu_indices(4, 1)]) < 1e-12
    if code in ("toep", "toeph"):
        assert all(np.ptp(np.diag(r, lag)) < 1e-12 for lag in range(1, 4))
    if code in ("ad", "adh"):
        assert r[0, 2] == pytest.approx(r[0, 1] * r[1, 2])
        assert np.linalg.inv(matrix)[0, 2] == pytest.approx(0, abs=1e-12)  # given the one between


@pytest.mark.parametrize("code", CODES)
def test_the_closest_parameters_of_a_matrix_of_the_structure_reproduce_it(code):
    form = structure(code, 4)
    matrix = form.at(parameters(code, seed=5)).matrix
    assert form.at(form.closest(matrix)).matrix == pytest.approx(matrix, rel=1e-9)


@pytest.mark.parametrize("code", list(SPATIAL))
def test_spatial_derivatives_agree_with_differences(code):
    distance = np.array([[0, 1.2, 2.5], [1.2, 0, 0.4], [2.5, 0.4, 0]])
    r, first, second = SPATIAL[code](distance, 1.7)
    near, far = (SPATIAL[code](distance, 1.7 + step) for step in (-1e-5, 1e-5))
    assert np.diag(r) == pytest.approx(np.ones(3))
    assert first == pytest.approx((far[0] - near[0]) / 2e-5, abs=1e-9)
    assert second == pytest.approx((far[1] - near[1]) / 2e-5, abs=1e-9)


def test_spatial_exponential_at_whole_steps_is_autoregressive():
    distance = np.abs(np.subtract.outer(range(4), range(4))).astype(float)
    r = SPATIAL["sp_exp"](distance, 1.5)[0]
    form = structure("ar1", 4)
    assert r == pytest.approx(form.at(np.array([1.0, np.exp(-1 / 1.5)])).matrix)

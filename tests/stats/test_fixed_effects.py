import numpy as np
import pytest

from ketastats.stats.fixed_effects import (
    FixedEffects,
    _combined_df,
    kenward_roger_f,
    satterthwaite_df,
    satterthwaite_f,
)


def effects(seed=0, p=4, q=3):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(p, p + 4))
    bread = root @ root.T / 50
    moved = rng.normal(size=(q, p, p))
    moved = moved + moved.swapaxes(1, 2)
    w = rng.normal(size=(q, q + 2))
    return FixedEffects(rng.normal(size=p), bread, moved, 0.02 * w @ w.T, 1.1 * bread)


def linear_model(n=20, p=3):
    """An ordinary linear model: everything about it is exact."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, p))
    variance = 1.7
    m = x.T @ x / variance
    bread = np.linalg.inv(m)
    spread = np.array([[2 * variance**2 / (n - p)]])
    return FixedEffects(rng.normal(size=p), bread, (-m / variance)[None], spread, bread)


def test_an_ordinary_linear_model_has_its_residual_degrees_of_freedom():
    model = linear_model()
    assert satterthwaite_df(model, np.eye(3)) == pytest.approx([17, 17, 17])
    for test in (satterthwaite_f(model, np.eye(3)[:2]), kenward_roger_f(model, np.eye(3)[:2])):
        assert test.denominator_df == pytest.approx(17, rel=1e-6)
        assert test.scale == pytest.approx(1, rel=1e-6)


def test_one_contrast_has_the_same_degrees_of_freedom_as_f_and_t():
    model = effects()
    contrast = np.array([[1.0, -1.0, 0.5, 0.0]])
    df = satterthwaite_df(model, contrast)[0]
    for test in (satterthwaite_f(model, contrast), kenward_roger_f(model, contrast)):
        assert test.denominator_df == pytest.approx(df)
        variance = contrast @ model.covariance @ contrast.T
        assert test.statistic == pytest.approx(((contrast @ model.beta) ** 2 / variance).item())


def test_tests_do_not_depend_on_how_contrasts_are_written():
    model = effects()
    contrasts = np.eye(4)[:3]
    mixed = np.array([[1.0, 2, 0], [0, 1, -1], [1, 0, 3]]) @ contrasts
    for method in (satterthwaite_f, kenward_roger_f):
        assert method(model, mixed).statistic == pytest.approx(method(model, contrasts).statistic)
    ours, theirs = kenward_roger_f(model, mixed), kenward_roger_f(model, contrasts)
    assert ours.denominator_df == pytest.approx(theirs.denominator_df)
    assert ours.scale == pytest.approx(theirs.scale)


def test_known_variances_give_a_normal_and_a_chi_square_test():
    model = effects()
    known = FixedEffects(model.beta, model.bread, model.moved, np.zeros((3, 3)), model.covariance)
    assert np.isinf(satterthwaite_df(known, np.eye(4))).all()
    test = kenward_roger_f(known, np.eye(4)[:2])
    assert np.isinf(test.denominator_df)
    assert 0 < test.p_value < 1


@pytest.mark.parametrize(
    ("each", "expected"),
    [([8.0, 8.0], 8.0), ([1.5, 30.0], 2.0), ([10.0, 20.0], None)],
)
def test_combined_degrees_of_freedom(each, expected):
    df = _combined_df(np.array(each))
    if expected is None:
        total = 10 / 8 + 20 / 18
        expected = 2 * total / (total - 2)
    assert df == pytest.approx(expected)

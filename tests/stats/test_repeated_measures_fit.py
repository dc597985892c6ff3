import numpy as np
import pytest
from repeated_data import family, rows

from ketastats.stats.covariance_structures import CODES
from ketastats.stats.leave_one_out import jackknife_covariance, without_each
from ketastats.stats.repeated_measures import likelihood, slopes
from ketastats.stats.repeated_measures_fit import (
    TOLERANCE,
    NotConvergedError,
    fit_repeated,
    moment_matrices,
)
from ketastats.summaries.cross_products import cross_products, layout_of


def fit(code, *, reml=True, start=None, data=None):
    data = rows(subjects=60) if data is None else data
    products = data.products()
    covariance = family(code, products)
    return fit_repeated(products, covariance, moment_matrices(products, 1), reml=reml, start=start)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("code", CODES)
def test_a_fit_is_a_minimum_that_small_moves_do_not_improve(code, reml):
    found = fit(code, reml=reml)
    here = found.here
    assert found.decrement < TOLERANCE
    assert np.linalg.eigvalsh(found.curvature.observed)[0] > 0
    rng = np.random.default_rng(5)
    products = here.products
    for _ in range(20):
        theta = here.theta * (1 + 1e-3 * rng.normal(size=here.theta.size))
        there = likelihood(products, family(code, products), theta, reml=reml)
        assert there is None or there.value >= here.value - 1e-9
    assert np.abs(slopes(here).gradient).max() < 1e-4


def test_complete_data_have_the_closed_form_of_the_unstructured_matrix():
    rng = np.random.default_rng(2)
    n, t = 40, 3
    y = rng.normal(size=(n, t)) @ np.array([[1, 0.5, 0.2], [0, 1, 0.4], [0, 0, 1.3]])
    subject, occasion = np.divmod(np.arange(n * t), t)
    design = np.eye(t)[occasion]
    products = cross_products(layout_of(subject, occasion, t), design, y.ravel())
    for reml in (True, False):
        found = fit_repeated(
            products, family("us", products), moment_matrices(products, 1), reml=reml
        )
        centred = y - y.mean(axis=0)
        closed = centred.T @ centred / (n - reml)
        assert found.here.covariance.matrices[0] == pytest.approx(closed, rel=1e-7)
        assert found.here.beta == pytest.approx(y.mean(axis=0))


def test_a_start_near_the_maximum_is_used_and_recorded():
    first = fit("us")
    again = fit("us", start=first.here.theta)
    assert again.attempts[0].way == "Newton from the parameters given"
    assert again.attempts[0].steps <= 1
    assert again.here.value == pytest.approx(first.here.value, abs=1e-9)


def test_a_start_that_is_no_covariance_matrix_goes_down_the_ladder():
    found = fit("us", start=-np.ones(10))
    assert [attempt.outcome for attempt in found.attempts] == [
        "its start is not a covariance matrix",
        "converged",
    ]


def test_without_a_maximum_every_rung_says_why_it_was_left():
    data = rows(subjects=4, missed=0.0)  # four subjects, four occasions, three columns
    with pytest.raises(NotConvergedError) as stopped:
        fit("us", data=data)
    assert len(stopped.value.attempts) == 3
    assert all(attempt.outcome != "converged" for attempt in stopped.value.attempts)


def test_products_without_one_subject_are_those_of_the_others():
    data = rows()
    layout = data.layout()
    all_but_one = list(without_each(data.products(), layout, data.design, data.outcome))
    assert len(all_but_one) == len(layout.subject)
    k = 7
    kept = data.subject != layout.subject[k]
    direct = cross_products(
        layout_of(
            np.unique(data.subject[kept], return_inverse=True)[1],
            data.occasion[kept],
            data.occasions,
        ),
        data.design[kept],
        data.outcome[kept],
    )
    ones = np.ones((len(direct.subjects), 4, 4))
    total = direct.total(ones * (direct.seen[:, :, None] & direct.seen[:, None]))
    seen = all_but_one[k].seen
    both = seen[:, :, None] & seen[:, None]
    assert all_but_one[k].total(both.astype(float)) == pytest.approx(total)
    assert all_but_one[k].observations == kept.sum()


def test_jackknife_is_the_spread_of_refits_from_scratch():
    data = rows(subjects=20)
    found = fit("cs", data=data)
    layout = data.layout()
    ours = jackknife_covariance(
        found, family("cs", data.products()), layout, data.design, data.outcome
    )
    betas = []
    for s in np.unique(data.subject):
        kept = data.subject != s
        codes = np.unique(data.subject[kept], return_inverse=True)[1]
        products = cross_products(
            layout_of(codes, data.occasion[kept], 4), data.design[kept], data.outcome[kept]
        )
        again = fit_repeated(
            products, family("cs", products), moment_matrices(products, 1), reml=True
        )
        betas.append(again.here.beta)
    n = len(betas)
    direct = (n - 1) * np.cov(np.array(betas).T, bias=True)
    assert ours == pytest.approx(direct, rel=1e-6)

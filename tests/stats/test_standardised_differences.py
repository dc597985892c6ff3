import numpy as np
import pytest
from references import read_reference

from ketastats.stats.dominance import cliffs_delta
from ketastats.stats.equivalence import two_one_sided
from ketastats.stats.standardised_differences import (
    Moments,
    change_against_control,
    change_in_sd_at_start,
    change_in_sd_of_change,
    noncentrality_limits,
    overlap,
    small_sample_factor,
    two_groups,
)


@pytest.mark.parametrize("case", list(read_reference("standardised_change").itertuples()))
def test_standardised_changes_agree_with_metafor(case):
    raw = change_in_sd_at_start(
        case.change, case.sd_start, case.correlation, case.n, corrected=True, conf_level=0.95
    )
    assert raw.estimate == pytest.approx(case.raw, rel=1e-9)
    half = 1.959963984540054 * np.sqrt(case.raw_variance)
    assert raw.high - raw.estimate == pytest.approx(half, rel=1e-9)
    own = change_in_sd_of_change(
        Moments(case.change, case.sd_change, case.n), corrected=True, conf_level=0.95
    )
    assert own.estimate == pytest.approx(case.of_change, rel=1e-9)
    assert own.low < own.estimate < own.high


def test_limits_leave_the_same_chance_outside_on_each_side():
    from scipy.stats import nct

    for t, df in ((0.0, 5.0), (2.5, 12.0), (-4.0, 100.0)):
        low, high = noncentrality_limits(t, df, 0.9)
        assert nct.cdf(t, df, low) == pytest.approx(0.95, abs=1e-6)
        assert nct.cdf(t, df, high) == pytest.approx(0.05, abs=1e-6)


def test_limits_of_a_very_large_effect_are_found():
    low, high = noncentrality_limits(60.0, 10.0, 0.95)
    assert 30 < low < 60 < high


@pytest.mark.parametrize(("df", "expected"), [(2, 0.5642), (10, 0.9227), (50, 0.9849)])
def test_hedges_factor_is_the_published_one(df, expected):
    assert small_sample_factor(df) == pytest.approx(expected, abs=5e-5)  # Hedges (1981), table


def test_swapping_groups_turns_the_sign_and_the_limits():
    a, b = Moments(3.0, 1.1, 12), Moments(2.0, 0.9, 20)
    for divisor in ("pooled", "average"):
        ours = two_groups(a, b, divisor=divisor, corrected=True, conf_level=0.9)
        theirs = two_groups(b, a, divisor=divisor, corrected=True, conf_level=0.9)
        assert (ours.estimate, ours.low, ours.high) == pytest.approx(
            (-theirs.estimate, -theirs.high, -theirs.low)
        )


@pytest.mark.parametrize("d", [0.0, 0.5])
def test_limits_cover_as_often_as_they_say(d):
    rng = np.random.default_rng(11)
    n, m, covered = 12, 15, 0
    for _ in range(1_500):
        a, b = rng.normal(d, 1, n), rng.normal(0, 1, m)
        found = two_groups(
            Moments(a.mean(), a.std(ddof=1), n),
            Moments(b.mean(), b.std(ddof=1), m),
            divisor="pooled",
            corrected=False,
            conf_level=0.95,
        )
        covered += found.low <= d <= found.high
    assert covered / 1_500 == pytest.approx(0.95, abs=0.017)  # three standard errors


def test_a_change_against_control_is_the_difference_of_changes():
    both = change_against_control((-8.0, 5.0, 30), (-3.0, 5.0, 25), 0.5, conf_level=0.95)
    df = 53
    assert both.estimate == pytest.approx((1 - 3 / (4 * df - 1)) * -1.0)
    assert both.low < both.estimate < both.high


def test_a_change_against_control_covers_as_often_as_it_says():
    rng = np.random.default_rng(12)
    n, r, d, covered = 25, 0.6, -0.7, 0
    root = np.linalg.cholesky(np.array([[1, r], [r, 1]]))
    for _ in range(1_000):
        t, c = rng.normal(size=(n, 2)) @ root.T, rng.normal(size=(n, 2)) @ root.T
        t[:, 1] += d
        found = change_against_control(
            ((t[:, 1] - t[:, 0]).mean(), t[:, 0].std(ddof=1), n),
            ((c[:, 1] - c[:, 0]).mean(), c[:, 0].std(ddof=1), n),
            r,
            conf_level=0.95,
        )
        covered += found.low <= d <= found.high
    assert covered / 1_000 == pytest.approx(0.95, abs=0.021)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: two_groups(
            Moments(1, 0, 5), Moments(2, 0, 5), divisor="pooled", corrected=False, conf_level=0.95
        ),
        lambda: two_groups(
            Moments(1, 1, 1), Moments(2, 1, 5), divisor="pooled", corrected=False, conf_level=0.95
        ),
        lambda: change_in_sd_at_start(1, 1, 2, 10, corrected=False, conf_level=0.95),
        lambda: change_in_sd_of_change(Moments(1, 0, 10), corrected=False, conf_level=0.95),
        lambda: change_against_control((1, 1, 5), (1, 1, 5), 1.0, conf_level=0.95),
        lambda: cliffs_delta(np.array([1.0]), np.array([1.0, 2.0]), z=2),
        lambda: two_one_sided(0, 1, 10, 2, 1, alpha=0.05),
        lambda: two_one_sided(0, 0, 10, -1, 1, alpha=0.05),
    ],
)
def test_what_cannot_be_standardised_is_an_error(wrong):
    with pytest.raises(ValueError, match=r"."):
        wrong()


def test_dominance_is_that_of_all_pairs():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 6, 17).astype(float), rng.integers(1, 8, 23).astype(float)
    signs = np.sign(a[:, None] - b[None])
    found = cliffs_delta(a, b, z=1.96)
    assert found.estimate == pytest.approx(signs.mean())
    n, m, d = 17, 23, signs.mean()
    rows, columns = signs.mean(axis=1) - d, signs.mean(axis=0) - d
    variance = m**2 * (rows**2).sum() + n**2 * (columns**2).sum() - ((signs - d) ** 2).sum()
    assert found.std_error == pytest.approx(np.sqrt(variance / (n * m * (n - 1) * (m - 1))))


def test_complete_dominance_has_a_limit_inside():
    found = cliffs_delta(np.array([5.0, 6, 7]), np.array([1.0, 2, 3]), z=1.96)
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert -1 < found.low < 1


def test_overlap_is_whole_without_a_difference():
    assert overlap(0.0) == 1.0
    assert overlap(2.0) == pytest.approx(overlap(-2.0))


@pytest.mark.parametrize(
    ("estimate", "se", "df", "bound", "t_low", "p_low", "t_high", "p_high"),
    [
        (0.04, 0.12, 99, 0.36, 3.333333, 0.0006040021, -2.666667, 0.004474619),
        (0.02, 0.5 / np.sqrt(300), 299, 0.1, None, 0.00002108451, None, 0.002966762),
    ],
)
def test_one_sided_tests_agree_with_published_ones(
    estimate, se, df, bound, t_low, p_low, t_high, p_high
):
    # source: TOSTER, test-known_results.R, collected reference numbers, section 14
    found = two_one_sided(estimate, se, df, -bound, bound, alpha=0.05)
    if t_low is not None:
        assert (found.t_low, found.t_high) == pytest.approx((t_low, t_high), abs=5e-7)
        assert (found.low, found.high) == pytest.approx((-0.1592469, 0.2392469), abs=5e-8)
    assert found.p_low == pytest.approx(p_low, rel=1e-6)
    assert found.p_high == pytest.approx(p_high, rel=1e-6)
    assert found.p_value == max(found.p_low, found.p_high)

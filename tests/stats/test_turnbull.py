"""The distribution behind intervals: its maximum, its bounds, and what it says of exact times."""

import numpy as np
import pytest
from references import half_last_digit, read_input, read_reference
from right_censored import people

from ketastats.stats.turnbull import cut_into_cells, turnbull

CASES = sorted(set(read_input("npmle_cases")["dataset"]))


def case(name):
    rows = read_input("npmle_cases").query("dataset == @name")
    return rows["left"].to_numpy(), rows["right"].to_numpy(), rows["n"].to_numpy()


def random_intervals(rng, n, *, top=12):
    """Intervals between whole numbers, with points, ties and ends at infinity."""
    left = rng.integers(0, top, n).astype(float)
    right = left + rng.choice([0, 1, 2, 5, np.inf], n)
    right[right == 0] = 1.0
    return left, right


@pytest.mark.parametrize("name", CASES)
def test_the_maximum_is_the_one_found_in_r_with_its_derivatives(name):
    left, right, n = case(name)
    fit = turnbull(left, right, n)
    curve = read_reference("npmle_curve", dataset=name)
    (expected,) = read_reference("npmle_fits", dataset=name).itertuples()
    assert fit.n == expected.n
    assert fit.gap <= 1e-8
    assert fit.loglik == pytest.approx(expected.loglik, abs=1e-8 * expected.n)
    # A gap of 1e-8 leaves the masses themselves free by about its root.
    low, high = turnbull(left, right, n, tol=1e-13).survival_bounds(curve["time"])
    assert high == pytest.approx(curve["survival"].to_numpy(), abs=1e-7)
    assert (low <= high).all()


@pytest.mark.parametrize("name", CASES)
def test_r_survfit_which_stops_when_steps_are_small_is_never_above_the_maximum(name):
    fit = turnbull(*case(name))
    survfit = read_reference("npmle_fits", dataset=name)["survfit_loglik"].item()
    assert survfit <= fit.loglik + 1e-8 * fit.n
    assert survfit == pytest.approx(fit.loglik, rel=1e-3)


def test_the_curve_of_1974_is_the_printed_one_up_to_where_its_steps_were_stopped():
    # Both printed values and R's survfit lie below the maximum in log-likelihood: 2e-7 off.
    printed = read_reference("npmle_turnbull1974")
    fit = turnbull(*case("turnbull1974"), tol=1e-13)
    _, high = fit.survival_bounds(printed["time"])
    assert high == pytest.approx(printed["printed"].to_numpy(), abs=2e-7)
    assert high == pytest.approx(printed["survfit"].to_numpy(), abs=2e-7)
    assert np.abs(high - printed["printed"]).max() > half_last_digit("0.53756771")


def test_a_hard_case_of_r_survival_has_its_four_masses():
    # Zinsmeister's data in the tests of R's survival package: masses as printed there.
    fit = turnbull(*case("zinsmeister"))
    assert [f"{mass:.4f}" for mass in fit.mass] == ["0.6958", "0.1674", "0.1079", "0.0289"]
    middle = [2.0, 365.5, 408.0, 756.5]
    assert ((fit.left < middle) & (middle <= fit.right)).all()


def test_closed_intervals_of_lifelines_have_its_masses():
    fit = turnbull(*case("lifelines"))
    assert fit.mass == pytest.approx([0.16667, 0.33333, 0.125, 0.375], abs=5e-6)
    assert fit.right.tolist() == [7, 8, 44, np.inf]
    assert fit.left.tolist() == [6.5, 8, 36.5, 45.5]


def test_half_of_each_arm_of_a_published_trial_had_the_event_where_r_says():
    rad, both = turnbull(*case("bcos_rad")), turnbull(*case("bcos_radchem"))
    assert [float(end[0]) for end in rad.quantile_bounds(0.5)] == [38, 40]
    assert [float(end[0]) for end in both.quantile_bounds(0.5)] == [19, 20]
    assert f"{rad.survival_bounds(40)[1][0]:.5f}" == "0.46556"
    assert f"{both.survival_bounds(20)[1][0]:.5f}" == "0.44199"


@pytest.mark.parametrize(
    ("dataset", "group"),
    [
        ("lung", 1),
        ("lung", 2),
        ("veteran", 1),
        ("veteran_cell", 4),
        ("multiplicity", 1),
        ("event_and_censoring_tied", 1),
        ("censored_at_zero", 1),
        ("flat_at_half", 1),
    ],
)
def test_exact_and_right_censored_times_give_the_product_limit_of_r(dataset, group):
    data = people(dataset, group)
    right = np.where(data["event"] == 1, data["time"], np.inf)
    fit = turnbull(data["time"], right, data["weight"])
    curve = read_reference("survival_kaplan_meier", dataset=dataset).query("group == @group")
    _, high = fit.survival_bounds(curve["time"])
    assert high == pytest.approx(curve["survival"].to_numpy(), abs=1e-12)


def test_a_censoring_at_an_event_time_is_after_it():
    fit = turnbull([2.0, 2.0, 3.0], [2.0, np.inf, 3.0])
    assert fit.mass == pytest.approx([1 / 3, 2 / 3])


def test_masses_lie_on_maximal_intersections_add_up_and_fit_every_interval():
    rng = np.random.default_rng(5)
    for _ in range(60):
        left, right = random_intervals(rng, 15)
        fit = turnbull(left, right)
        assert fit.mass.sum() == pytest.approx(1)
        assert (fit.mass > 0).all()
        ends = np.concatenate((left, right))
        assert np.isin(fit.left, left).all()
        assert np.isin(fit.right, ends).all()
        inside = (fit.left >= left[:, None]) & (fit.right <= right[:, None])
        inside &= ~((fit.left == fit.right) & (fit.left == left[:, None]) & (left < right)[:, None])
        share = inside @ fit.mass
        gradient = (inside / share[:, None]).mean(axis=0)
        assert gradient == pytest.approx(1, abs=1e-4)  # Gentleman and Geyer's conditions
        assert np.log(share).sum() == pytest.approx(fit.loglik)


def test_order_of_subjects_and_counting_them_change_nothing():
    rng = np.random.default_rng(6)
    left, right = random_intervals(rng, 60, top=5)
    pairs, n = np.unique(np.column_stack((left, right)), axis=0, return_counts=True)
    order = rng.permutation(60)
    at = np.linspace(0, 12, 50)
    whole = turnbull(left, right).survival_bounds(at)
    for other in (
        turnbull(left[order], right[order]),
        turnbull(*pairs.T, n),
        turnbull(*pairs.T, 7.0 * n),
    ):
        assert np.array(other.survival_bounds(at)) == pytest.approx(np.array(whole), abs=1e-4)
        assert other.loglik / other.n == pytest.approx(turnbull(left, right).loglik / 60)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e9])
def test_the_unit_of_time_changes_nothing_but_the_times(scale):
    left, right, n = case("mixed")
    one, other = turnbull(left, right, n), turnbull(scale * left, scale * right, n)
    assert other.mass == pytest.approx(one.mass)
    assert other.right[:-1] == pytest.approx(scale * one.right[:-1])
    tau = 100.0
    means = np.array(one.restricted_mean_bounds(tau))
    assert np.array(other.restricted_mean_bounds(scale * tau)) == pytest.approx(scale * means)


def test_bounds_differ_inside_a_cell_and_meet_at_its_ends():
    fit = turnbull([0.0, 2.0, 5.0], [2.0, 5.0, np.inf])
    low, high = fit.survival_bounds([0, 1, 2, 3, 5, 9])
    assert low == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 0], abs=1e-6)
    assert high == pytest.approx([1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3], abs=1e-6)
    early, late = fit.quantile_bounds([0.2, 0.5, 0.9])
    assert early.tolist() == [0, 2, 5]
    assert late.tolist() == [2, 5, np.inf]
    assert fit.restricted_mean_bounds(4) == pytest.approx(((0 + 2 + 4) / 3, (2 + 4 + 4) / 3))


def test_the_mean_is_the_area_under_the_bounds_of_the_curve():
    fit = turnbull(*case("visits"))
    tau = 300.0
    edges = np.unique(np.concatenate((fit.left, fit.right, [0.0, tau])))
    edges = edges[edges <= tau]
    low, high = fit.survival_bounds((edges[:-1] + edges[1:]) / 2)
    areas = (low @ np.diff(edges), high @ np.diff(edges))
    assert fit.restricted_mean_bounds(tau) == pytest.approx(areas)


def test_nobody_with_the_event_leaves_the_curve_at_one_up_to_the_last_follow_up():
    fit = turnbull([3.0, 5.0], [np.inf, np.inf])
    low, high = fit.survival_bounds([3, 5, 6])
    assert high.tolist() == [1, 1, 1]
    assert low.tolist() == [1, 1, 0]
    assert [float(end[0]) for end in fit.quantile_bounds(0.5)] == [5, np.inf]
    assert fit.loglik == 0


@pytest.mark.parametrize(
    ("left", "right", "mass"),
    [([0.0], [np.inf], [1]), ([4.0], [4.0], [1]), ([0.0, 0.0], [7.0, 7.0], [1]), ([0], [0], [1])],
)
def test_one_cell_holds_everything(left, right, mass):
    assert turnbull(left, right).mass.tolist() == mass


def test_people_of_weight_zero_are_not_there():
    fit = turnbull([1.0, 2.0, 0.0], [1.0, 2.0, np.inf], [1, 0, 1])
    assert fit.n == 2
    assert fit.right.tolist() == [1]


@pytest.mark.parametrize(
    ("left", "right", "weight", "message"),
    [
        ([], [], None, "at least one interval"),
        ([1.0], [1.0, 2.0], None, "equal length"),
        ([np.nan], [1.0], None, "missing bound"),
        ([-1.0], [1.0], None, "at least 0"),
        ([np.inf], [np.inf], None, "finite"),
        ([2.0], [1.0], None, "after its right"),
        ([1.0], [2.0], [-1], "at least 0"),
        ([1.0], [2.0], [np.nan], "finite"),
        ([1.0], [2.0], [0], "nobody"),
        ([1.0], [2.0], [1, 1], "one per interval"),
    ],
)
def test_what_is_no_interval_or_weight_is_refused(left, right, weight, message):
    with pytest.raises(ValueError, match=message):
        turnbull(left, right, weight)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        turnbull([1.0], [2.0]).quantile_bounds(share)


@pytest.mark.parametrize("tau", [0, -1, np.inf, np.nan])
def test_a_mean_needs_a_horizon(tau):
    with pytest.raises(ValueError, match="tau"):
        turnbull([1.0], [2.0]).restricted_mean_bounds(tau)


def test_a_cut_lies_right_after_its_time():
    cells = cut_into_cells([0.0], [4.0], cuts=[2.0])
    assert cells.left.tolist() == [0, 2]
    assert cells.right.tolist() == [2, 4]

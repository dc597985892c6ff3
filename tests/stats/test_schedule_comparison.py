"""Whether intervals betray that groups were assessed at different times."""

import numpy as np
import pytest

from ketastats.stats.schedule_comparison import schedule_differs


def seen(rng, n, schedule, scale, missed=0.1):
    times = rng.exponential(scale, n)
    rows = []
    for time in times:
        kept = schedule[rng.uniform(size=schedule.size) > missed]
        before, after = kept[kept < time], kept[kept >= time]
        rows.append((before[-1] if before.size else 0.0, after[0] if after.size else np.inf))
    return np.array(rows)


WEEKLY, FORTNIGHTLY = np.arange(168.0, 1345, 168), np.arange(336.0, 1345, 336)


def compare(a, b):
    left, right = np.concatenate((a, b)).T
    return schedule_differs(left, right, ["a"] * len(a) + ["b"] * len(b))


def test_half_as_many_visits_in_one_group_are_noticed():
    rng = np.random.default_rng(1)
    found = compare(seen(rng, 80, WEEKLY, 500), seen(rng, 80, FORTNIGHTLY, 500))
    assert found.differs
    assert found.width_p_value < 1e-6


def test_visits_on_other_days_are_noticed():
    rng = np.random.default_rng(2)
    found = compare(seen(rng, 80, WEEKLY, 500), seen(rng, 80, WEEKLY + 48, 500))
    assert found.shared < 0.1
    assert found.differs


def test_one_schedule_is_rarely_suspected_whether_or_not_relief_differs():
    rng = np.random.default_rng(3)
    for scale in (500, 250):
        suspected = sum(
            compare(seen(rng, 60, WEEKLY, 500), seen(rng, 60, WEEKLY, scale)).differs
            for _ in range(100)
        )
        assert suspected <= 6  # 1 in 100 expected


def test_irregular_times_say_nothing_about_shared_bounds():
    rng = np.random.default_rng(4)
    a, b = (seen(rng, 50, WEEKLY, 500) for _ in range(2))
    a, b = (np.where(x > 0, x + rng.uniform(0, 1, x.shape), x) for x in (a, b))
    assert np.isnan(compare(a, b).shared)


def test_where_nothing_can_be_compared_nothing_is_claimed():
    found = schedule_differs([0.0, 5.0], [np.inf, np.inf], ["a", "b"])
    assert np.isnan(found.width_p_value)
    assert not found.differs


def test_weights_stand_for_repeated_rows():
    rng = np.random.default_rng(5)
    rows = np.concatenate((seen(rng, 30, WEEKLY, 500), seen(rng, 30, FORTNIGHTLY, 500)))
    group = np.repeat(["a", "b"], 30)
    once = schedule_differs(*rows.T, group, np.full(60, 3))
    thrice = schedule_differs(*np.repeat(rows, 3, axis=0).T, np.repeat(group, 3))
    assert once.width_p_value == pytest.approx(thrice.width_p_value)
    assert once.shared == pytest.approx(thrice.shared)

import numpy as np
import pytest

from ketastats.summaries.cross_products import Packing, cross_products, layout_of


def made(seed=0, subjects=17, occasions=4):
    rng = np.random.default_rng(seed)
    seen = rng.random((subjects, occasions)) > 0.35
    seen[np.arange(subjects), rng.integers(0, occasions, subjects)] = True
    subject, occasion = np.nonzero(seen)
    mixed = rng.permutation(len(subject))
    subject, occasion = subject[mixed], occasion[mixed]
    design = rng.normal(size=(len(subject), 3))
    return subject, occasion, design, rng.normal(size=len(subject)), occasions


def definite(rng, k, t, seen):
    root = rng.normal(size=(k, t, t))
    both = seen[:, :, None] & seen[:, None]
    return np.where(both, root @ root.swapaxes(1, 2), 0.0)


def test_packed_triangles_unpack_to_the_matrix_they_came_from():
    packing = Packing.of(4)
    matrix = np.arange(16.0).reshape(4, 4)
    matrix = matrix + matrix.T
    packed = matrix[packing.row, packing.column]
    assert packing.unpack(packed) == pytest.approx(matrix)
    other = matrix @ matrix
    assert packing.weights(other) @ packed == pytest.approx((other * matrix).sum())


def test_totals_and_spreads_are_the_sums_over_subjects():
    subject, occasion, design, outcome, t = made()
    layout = layout_of(subject, occasion, t)
    products = cross_products(layout, design, outcome)
    rng = np.random.default_rng(3)
    weights = definite(rng, len(products.subjects), t, products.seen)
    inner = rng.normal(size=(4, 4))
    inner = inner + inner.T
    total, spread = np.zeros((4, 4)), np.zeros((len(products.subjects), t, t))
    pattern_of = dict(zip(layout.subject, layout.pattern, strict=True))
    for s in np.unique(subject):
        rows = np.flatnonzero(subject == s)
        rows = rows[np.argsort(occasion[rows])]
        z = np.column_stack([design[rows], outcome[rows]])
        at = np.ix_(occasion[rows], occasion[rows])
        total += z.T @ weights[pattern_of[s]][at] @ z
        spread[pattern_of[s]][at] += z @ inner @ z.T
    assert products.total(weights) == pytest.approx(total)
    assert products.spread(inner) == pytest.approx(spread)
    assert products.observations == len(subject)
    assert products.subjects.sum() == len(np.unique(subject))


def test_sums_from_rows_are_those_from_stored_products(monkeypatch):
    subject, occasion, design, outcome, t = made(subjects=40)
    layout = layout_of(subject, occasion, t)
    at_once = cross_products(layout, design, outcome)
    rng = np.random.default_rng(4)
    weights = definite(rng, len(at_once.subjects), t, at_once.seen)
    inner = np.diag(rng.random(4))
    rows = rng.normal(size=(len(at_once.pattern), 3))
    monkeypatch.setattr("ketastats.summaries.cross_products._ROOM", 10)
    from_rows = cross_products(layout, design, outcome)
    assert from_rows.stored is None
    assert at_once.stored is not None
    assert from_rows.total(weights) == pytest.approx(at_once.total(weights))
    assert from_rows.spread(inner) == pytest.approx(at_once.spread(inner))
    assert from_rows.contract(rows) == pytest.approx(at_once.contract(rows))
    one = layout.blocks(np.column_stack([design, outcome]))[2][0]
    ours, theirs = (products.without(2, 0, one) for products in (from_rows, at_once))
    assert ours.total(weights) == pytest.approx(theirs.total(weights))


def test_the_order_of_rows_does_not_matter():
    subject, occasion, design, outcome, t = made()
    first = cross_products(layout_of(subject, occasion, t), design, outcome)
    order = np.random.default_rng(1).permutation(len(subject))
    again = cross_products(
        layout_of(subject[order], occasion[order], t), design[order], outcome[order]
    )
    assert again.stored == pytest.approx(first.stored)
    assert (again.seen == first.seen).all()


def test_blocks_hold_each_patterns_rows_and_can_be_put_back():
    subject, occasion, _, outcome, t = made()
    layout = layout_of(subject, occasion, t)
    blocks = layout.blocks(np.column_stack([subject, occasion]).astype(float))
    for block, seen in zip(blocks, layout.seen, strict=True):
        assert (block[:, :, 1] == np.flatnonzero(seen)).all()
        assert (block[:, :, 0] == block[:, :1, 0]).all()
    assert layout.restored(layout.blocks(outcome)) == pytest.approx(outcome)
    assert sum(block.shape[0] for block in blocks) == len(np.unique(subject))


def test_groups_and_coordinates_make_patterns_of_their_own():
    subject, occasion, _, _, t = made()
    plain = layout_of(subject, occasion, t)
    grouped = layout_of(subject, occasion, t, group=subject % 2)
    assert len(grouped.seen) > len(plain.seen)
    assert set(grouped.group) == {0, 1}
    position = np.random.default_rng(2).normal(size=(len(subject), 2))
    own = layout_of(subject, occasion, t, position=position)
    assert len(own.seen) == len(np.unique(subject))
    same = layout_of(subject, occasion, t, position=occasion[:, None].astype(float))
    assert len(same.seen) == len(plain.seen)


def test_the_number_of_patterns_is_that_of_distinct_sets_of_visits():
    subject, occasion, _, _, t = made(subjects=60)
    sets = {tuple(sorted(occasion[subject == s])) for s in np.unique(subject)}
    assert len(layout_of(subject, occasion, t).seen) == len(sets)

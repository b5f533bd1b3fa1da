from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.training.sampler import batches_of, epoch_rows, occurrences

UNEQUAL = np.repeat([0, 1, 2], [50, 9, 20])


@pytest.mark.parametrize("balance", ["none", "weights"])
def test_an_epoch_shows_every_row_once_in_an_order_of_its_own(balance: str) -> None:
    orders = [epoch_rows(UNEQUAL, balance, seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(79))
    assert len({order.tobytes() for order in orders}) == 3
    assert np.array_equal(orders[1], epoch_rows(UNEQUAL, balance, seed=0, epoch=1))


def test_oversampling_shows_every_class_as_often_as_the_largest() -> None:
    rows = epoch_rows(UNEQUAL, "oversample", seed=0, epoch=0)
    assert np.bincount(UNEQUAL[rows]).tolist() == [50, 50, 50]
    times = np.bincount(rows, minlength=79)
    assert times.min() >= 1
    for target in range(3):
        of_class = times[target == UNEQUAL]
        assert of_class.max() - of_class.min() <= 1


def test_undersampling_shows_every_class_as_often_as_the_smallest_and_others_each_epoch() -> None:
    first, second = (epoch_rows(UNEQUAL, "undersample", seed=0, epoch=epoch) for epoch in (0, 1))
    assert np.bincount(UNEQUAL[first]).tolist() == [9, 9, 9]
    assert np.bincount(first).max() == 1
    assert set(first[UNEQUAL[first] == 0]) != set(second[UNEQUAL[second] == 0])
    assert set(first[UNEQUAL[first] == 1]) == set(range(50, 59))


def test_a_class_without_rows_is_no_class() -> None:
    rows = epoch_rows(np.array([0, 0, 0, 3]), "undersample", seed=0, epoch=0)
    assert sorted(rows.tolist())[-1] == 3
    assert len(rows) == 2


@given(st.integers(1, 300), st.integers(1, 80))
def test_batches_hold_every_row_once_and_none_is_alone(n: int, batch_size: int) -> None:
    rows = np.random.default_rng(n).permutation(n)
    batches = batches_of(rows, batch_size)
    sizes = [len(batch) for batch in batches]
    assert np.array_equal(np.concatenate(batches), rows)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert batch_size == 1 or n == 1 or min(sizes) > 1 or max(sizes) <= 2


def test_batches_are_as_many_as_must_be() -> None:
    assert [len(b) for b in batches_of(np.arange(33), 32)] == [17, 16]
    assert [len(b) for b in batches_of(np.arange(5), 32)] == [5]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_occurrences_count_what_came_before(rows: list[int]) -> None:
    assert occurrences(np.array(rows)).tolist() == [rows[:i].count(row) for i, row in enumerate(rows)]

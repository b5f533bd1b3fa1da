from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.augmentation.counter_rng import image_key, image_keys, uniforms

IDS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
KEYS = image_keys(IDS)


def test_a_key_is_the_first_64_bits_of_the_image_id() -> None:
    assert image_key("ff" + 62 * "0") == 255 << 56
    assert KEYS.dtype == np.uint64
    assert [image_key(i) for i in IDS[:5]] == KEYS[:5].tolist()
    with pytest.raises(ValueError, match="invalid literal"):
        image_key("no hex digits at all")


def test_draws_never_change() -> None:
    """Golden: a run that goes on after an update must draw what it would have drawn."""
    found = uniforms(7, 3, np.array([0, 1, 2**64 - 1], np.uint64), 2)
    assert found.tolist() == [
        [0.010285488721373137, 0.868188353368663],
        [0.0648335957233176, 0.4836632387344172],
        [0.510747277699516, 0.05647842578387663],
    ]


@given(st.integers(0, 2**70), st.integers(0, 10_000), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9), st.integers(1, 30))
def test_a_draw_depends_on_nothing_but_what_it_is_for(seed: int, epoch: int, keys: list[int], count: int) -> None:
    together = uniforms(seed, epoch, np.array(keys, np.uint64), count)
    assert together.shape == (len(keys), count)
    assert together.min() >= 0
    assert together.max() < 1
    for key, row in zip(keys, together, strict=True):
        assert (uniforms(seed, epoch, np.array([key], np.uint64), count + 3)[0, :count] == row).all()


def test_draws_are_uniform() -> None:
    draws = uniforms(0, 0, KEYS, 20)
    n = len(KEYS)
    assert abs(draws.mean(axis=0) - 0.5).max() < 4.5 / np.sqrt(12 * n)
    for column in draws.T:
        counts = np.histogram(column, 50, (0, 1))[0]
        assert ((counts - n / 50) ** 2 / (n / 50)).sum() < 110, "chi-square with 49 degrees of freedom"


@pytest.mark.parametrize(
    ("one", "other"),
    [((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 0)), ((5, 5), (5, 6)), ((1, 0), (2, 0))],
)
def test_seeds_and_epochs_are_unrelated(one: tuple[int, int], other: tuple[int, int]) -> None:
    correlation = np.corrcoef(uniforms(*one, KEYS, 8).T, uniforms(*other, KEYS, 8).T)[:8, 8:]
    assert abs(correlation).max() < 5 / np.sqrt(len(KEYS))


def test_columns_and_neighboring_keys_are_unrelated() -> None:
    limit = 5 / np.sqrt(len(KEYS))
    between_columns = np.corrcoef(uniforms(0, 0, KEYS, 20).T) - np.eye(20)
    assert abs(between_columns).max() < limit
    counted = uniforms(0, 0, np.arange(len(KEYS), dtype=np.uint64), 4)
    assert abs(np.corrcoef(counted[1:].T, counted[:-1].T) - np.eye(8)).max() < limit


def test_no_two_draws_are_the_same() -> None:
    draws = np.concatenate([uniforms(seed, epoch, KEYS[:2000], 5).ravel() for seed in range(3) for epoch in range(3)])
    assert len(np.unique(draws)) == draws.size

from __future__ import annotations

import numpy as np
import pytest

from tellapart.curation import feature_neighbors as module
from tellapart.curation.feature_neighbors import neighbor_pairs
from tellapart.features.matrix import unit_rows


def images_and_copies(n: int) -> np.ndarray:
    """Units of n images in clouds, and of a copy of each, n rows further."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(20, 96))[rng.integers(20, size=n)] + rng.normal(size=(n, 96))
    return unit_rows(np.concatenate([images, images + 0.2 * rng.normal(size=(n, 96))]).astype(np.float32))


def test_small_sets_give_the_nearest_of_a_plain_sort() -> None:
    units = images_and_copies(60)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -2)
    wanted = {tuple(sorted((i, int(j)))) for i in range(120) for j in np.argsort(-cosines[i])[:5] if cosines[i, j] >= 0.3}
    assert {tuple(pair) for pair in neighbor_pairs(units, 5, 0.3).tolist()} == wanted


def test_cells_of_large_sets_find_the_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 3_000
    units = images_and_copies(n)
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    pairs = neighbor_pairs(units, 5, 0.3)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    found = {tuple(pair) for pair in pairs.tolist()}
    assert sum((i, i + n) in found for i in range(n)) >= 0.99 * n
    assert np.array_equal(pairs, neighbor_pairs(units, 5, 0.3)), "the same in every run"


def test_nothing_to_compare_gives_no_pairs() -> None:
    assert neighbor_pairs(np.zeros((5, 0), np.float32), 5, 0.3).shape == (0, 2)
    assert neighbor_pairs(np.ones((1, 3), np.float32), 5, 0.3).shape == (0, 2)

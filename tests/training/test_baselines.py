from __future__ import annotations

import numpy as np
import pytest

from tellapart.training import baselines
from tellapart.training.baselines import majority_probabilities, nearest, neighbor_probabilities


def test_the_majority_rung_gives_every_image_the_shares_of_the_classes() -> None:
    found = majority_probabilities(np.array([0, 0, 0, 1]), 3, 2)
    assert found.tolist() == [[4 / 7, 2 / 7, 1 / 7]] * 2


def test_neighbors_vote_and_nobody_is_certain() -> None:
    train = np.array([[1, 0.1], [1, 0], [1, -0.1], [0, 1], [0, 2], [-1, 0]], np.float32)
    found = neighbor_probabilities(np.array([[5.0, 0]], np.float32), train, np.array([0, 0, 0, 1, 1, 1]), 2)
    assert found.tolist() == [[3.5 / 6, 2.5 / 6]]


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_the_nearest_are_those_of_a_plain_sort(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(baselines, "BLOCK", block)
    rng = np.random.default_rng(0)
    features, train = rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=(50, 6)).astype(np.float32)
    rows, cosines = nearest(features, train, 4)
    plain = (features / np.linalg.norm(features, axis=1, keepdims=True)) @ (train / np.linalg.norm(train, axis=1, keepdims=True)).T
    assert np.array_equal(rows, np.argsort(-plain, axis=1)[:, :4])
    assert np.allclose(cosines, -np.sort(-plain, axis=1)[:, :4], atol=1e-5)


def test_no_images_have_no_neighbors_and_few_training_images_are_enough() -> None:
    rows, cosines = nearest(np.empty((0, 3), np.float32), np.ones((5, 3), np.float32), 2)
    assert rows.shape == cosines.shape == (0, 2)
    found = neighbor_probabilities(np.ones((1, 3), np.float32), np.ones((2, 3), np.float32), np.array([0, 1]), 2)
    assert found.tolist() == [[0.5, 0.5]]


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, train = rng.normal(size=(70, 8)).astype(np.float32), rng.normal(size=(50, 8)).astype(np.float32)
    rows, cosines = baselines.nearest(features, train, 3)
    monkeypatch.setattr(baselines, "BLOCK_COSINES", 49)
    again, near = baselines.nearest(features, train, 3)
    assert np.array_equal(rows, again)
    assert np.allclose(cosines, near, atol=1e-6)

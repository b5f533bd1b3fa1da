from __future__ import annotations

import numpy as np
import pytest

from tellapart.exploration import projection_quality
from tellapart.exploration.projection_quality import nearest_neighbors, neighbor_label_accuracy, neighbor_preservation


def test_the_nearest_come_in_order_and_never_from_the_own_group() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)
    [found] = nearest_neighbors(line, np.array([0, 3]), np.array([0, 1, 2, 3]), 2)
    assert found.tolist() == [[1, 2], [2, 1]]
    [found] = nearest_neighbors(line, np.array([0]), np.array([0, 0, 1, 1]), 3)
    assert found.tolist() == [[2, 3, -1]]


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values, rows, alone = rng.standard_normal((50, 8)).astype(np.float32), np.arange(50), np.arange(50)
    whole = np.concatenate(list(nearest_neighbors(values, rows, alone, 5, is_cosine=True)))
    monkeypatch.setattr(projection_quality, "_CELLS", 350)
    blocks = list(nearest_neighbors(values, rows, alone, 5, is_cosine=True))
    assert len(blocks) == 8 and np.array_equal(np.concatenate(blocks), whole)
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(50)
    assert np.array_equal(whole, np.argsort(-cosines, axis=1)[:, :5])


def test_copies_have_no_vote() -> None:
    """Two copies of each image, labels at random: with its copy each answer would be right."""
    rng = np.random.default_rng(0)
    one = rng.standard_normal((200, 8)).astype(np.float32)
    twice, labels, groups = np.repeat(one, 2, axis=0), np.repeat(rng.integers(0, 4, 200), 2), np.repeat(np.arange(200), 2)
    rows = np.arange(400)
    assert neighbor_label_accuracy(twice, labels, rows, rows, k=1).mean() == 1.0
    assert neighbor_label_accuracy(twice, labels, groups, rows, k=1).mean() == pytest.approx(0.25, abs=0.08)


def test_a_tie_goes_to_the_nearest_and_unlabeled_images_do_not_vote() -> None:
    line = np.array([[0.0], [1.0], [-1.5], [0.1]], np.float32)
    labels, groups = np.array([1, 1, 0, -1]), np.arange(4)
    assert neighbor_label_accuracy(line, labels, groups, np.array([0]), k=2).tolist() == [True]
    assert neighbor_label_accuracy(line, np.array([0, 1, 0, -1]), groups, np.array([0]), k=2).tolist() == [False]


def test_neighbors_kept_counts_shares() -> None:
    """On a circle everything is kept; with two far points exchanged, some of it."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert neighbor_preservation(circle, circle, k=2) == 1.0
    exchanged = circle.copy()
    exchanged[[0, 30]] = exchanged[[30, 0]]
    assert neighbor_preservation(circle, exchanged, k=2) == pytest.approx(1 - (2 * 2 + 4 * 1) / 120)

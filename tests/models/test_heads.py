from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart import large_arrays
from tellapart.models.heads import HeadSpace, LinearHead, mean_logits, signed_power


def features(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(2, 3, (n, d)).astype(np.float32)


def test_powered_keeps_signs_and_takes_roots_of_sizes() -> None:
    assert signed_power(np.array([[-4.0, 0.0, 9.0]]), 0.5).tolist() == [[-2.0, 0.0, 3.0]]
    assert signed_power(np.array([[-4.0, 0.0, 9.0]]), 1.0).tolist() == [[-4.0, 0.0, 9.0]]
    assert signed_power(np.array([[1.0]]), 0.5).dtype == np.float32


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
def test_the_space_turns_and_loses_nothing(n: int, d: int) -> None:
    values = features(n, d)
    space = HeadSpace.of(values, power=1.0)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    assert np.allclose(space.rotation.T @ space.rotation, np.eye(space.rotation.shape[1]), atol=1e-4)
    assert np.allclose(space.x @ space.x.T, standard @ standard.T, atol=1e-2)
    assert space.x.shape[1] <= min(n, d)
    spread = space.x.var(axis=0)
    assert (np.diff(spread) <= 1e-3).all(), "largest first"


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
def test_other_features_are_placed_where_the_same_ones_lie(n: int, d: int) -> None:
    values = features(n, d)
    space = HeadSpace.of(values, power=0.5)
    assert np.allclose(space.placed(values), space.x, atol=1e-3)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
def test_a_covering_space_has_every_direction_of_the_other_features(n: int, d: int) -> None:
    others = features(30, d, seed=1)
    space = HeadSpace.of(features(n, d), power=1.0).covering(others)
    standard = (others - space.mean) / space.scale
    assert np.allclose(space.x @ space.rotation.T, standard, atol=1e-2)


def test_a_feature_that_never_changes_stays_finite() -> None:
    values = features(20, 4)
    values[:, 2] = 5.0
    assert np.isfinite(HeadSpace.of(values, power=0.5).x).all()


def test_heads_are_averaged_in_logits() -> None:
    rng = np.random.default_rng(0)
    heads = [
        LinearHead(p, np.zeros(3, np.float32), np.ones(3, np.float32), rng.normal(size=(3, 2)), rng.normal(size=2)) for p in (1.0, 0.5)
    ]
    values = features(5, 3)
    assert np.allclose(mean_logits(heads, values), (heads[0].logits(values) + heads[1].logits(values)) / 2)
    assert mean_logits(heads, values).dtype == np.float64


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_a_feature_constant_in_training_stays_small_when_it_changes(n: int, d: int, power: float) -> None:
    values = features(n, d)
    values[:, -1] = 1.0
    space = HeadSpace.of(values, power=power)
    other = values.copy()
    other[:, -1] = 0.0
    assert np.abs(space.placed(other) - space.x).max() <= 1.001


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_rounding_in_a_nearly_constant_feature_moves_no_logit(power: float) -> None:
    """What varies in such a feature is the rounding of the network: two computers disagree about it."""
    x = np.abs(features(60, 200))
    x[:, 7] = 0.3 + 1e-6 * np.abs(features(60, 1, seed=1)[:, 0])
    space = HeadSpace.of(x, power=power)
    steepest = np.random.default_rng(2).standard_normal((space.x.shape[1], 2)).astype(np.float32)
    head = space.head(steepest, np.zeros(2, np.float32))
    other = x.copy()
    other[:, 7] += 2e-6
    assert np.abs(head.logits(other) - head.logits(x)).max() < 1e-3


def test_a_space_made_in_blocks_on_disk_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = features(200, 6)
    whole = HeadSpace.of(values, power=0.5)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 0)
    monkeypatch.setattr(large_arrays, "BLOCK_BYTES", 500)
    blocks = HeadSpace.of(values, power=0.5)
    signs = np.sign((whole.rotation * blocks.rotation).sum(axis=0))
    np.testing.assert_allclose(blocks.x * signs, whole.x, atol=1e-3)
    np.testing.assert_allclose(blocks.placed(values), blocks.x, atol=1e-3)
    head = blocks.head(np.ones((6, 3), np.float32), np.zeros(3, np.float32))
    np.testing.assert_allclose(head.logits(values), blocks.x.sum(axis=1, keepdims=True).repeat(3, axis=1), atol=1e-3)

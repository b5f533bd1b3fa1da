from __future__ import annotations

import numpy as np
import pytest

from tellapart.exploration.pca_projection import principal_components_2d


def clouds(n: int = 300, d: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    where = rng.normal(size=(3, d)) * 3
    return (where[np.arange(n) % 3] + rng.normal(size=(n, d))).astype(np.float32)


def test_the_map_shows_the_first_two_principal_components() -> None:
    features = clouds()
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    left, sizes, _ = np.linalg.svd(standard, full_matrices=False)
    found = principal_components_2d(features)
    assert found.shape == (300, 2)
    assert found.dtype == np.float32
    for number in range(2):
        assert abs(np.corrcoef(found[:, number], left[:, number])[0, 1]) > 0.999
        assert np.linalg.norm(found[:, number]) == pytest.approx(sizes[number], rel=1e-3)


def test_the_map_is_the_same_every_time_and_in_any_order() -> None:
    features = clouds()
    assert np.array_equal(principal_components_2d(features), principal_components_2d(features))
    order = np.random.default_rng(1).permutation(300)
    assert np.allclose(principal_components_2d(features[order]), principal_components_2d(features)[order], atol=0.05)


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (5, 1), (3, 2)])
def test_few_images_or_features_still_have_places(shape: tuple[int, int]) -> None:
    found = principal_components_2d(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert found.shape == (shape[0], 2)
    assert np.isfinite(found).all()


def test_features_that_never_change_lie_in_one_place() -> None:
    assert np.abs(principal_components_2d(np.ones((10, 4), np.float32))).max() == 0

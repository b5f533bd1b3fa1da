from __future__ import annotations

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.exploration import pca
from tellapart.exploration.pca import nonfinite_rows, pca_coordinates, principal_components_2d, sample_rows
from tests.exploration.blobs import blobs


def test_places_are_the_principal_components_of_mean_squared_length_one() -> None:
    features, _ = blobs(3)
    left, sizes, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    scores = left[:, :2] * sizes[:2]
    expected = scores / np.sqrt(np.square(scores).sum(axis=1).mean())
    found = pca_coordinates(features, directions=2)
    assert found.shape == (300, 2)
    assert found.dtype == np.float32
    assert np.allclose(found @ found.T, expected @ expected.T, atol=2e-2)


def test_shares_are_rooted_and_strengths_a_little() -> None:
    def expected(values: np.ndarray) -> np.ndarray:
        centerd = values - values.mean(axis=0)
        return centerd / np.sqrt(np.square(centerd).sum(axis=1).mean())

    shares = np.random.default_rng(0).dirichlet(np.ones(8), 20).astype(np.float32)
    assert np.allclose(pca_coordinates(shares, directions=0), expected(np.sqrt(shares)), atol=1e-5)
    assert np.allclose(pca_coordinates(shares * 7, directions=0), expected(shares**0.75), atol=1e-5)
    assert np.allclose(pca_coordinates(shares - 0.5, directions=0), expected(shares), atol=1e-5)


def test_the_scale_of_features_does_not_matter() -> None:
    features = np.abs(blobs(3)[0])
    assert np.allclose(pca_coordinates(features * 1000, directions=5), pca_coordinates(features, directions=5), atol=1e-3)


def test_a_large_set_has_nearly_the_places_of_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = blobs(3, n=600)
    whole = pca_coordinates(features, directions=2)
    monkeypatch.setattr(pca, "FITTED_ON", 300)
    monkeypatch.setattr(pca, "BLOCK", 128)
    sampled = pca_coordinates(features, directions=2)
    assert np.abs(whole @ whole.T - sampled @ sampled.T).mean() < 0.05


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (5, 1), (3, 2), (60, 40)])
def test_few_images_or_features_have_places(shape: tuple[int, int]) -> None:
    found = pca_coordinates(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert len(found) == shape[0]
    assert np.isfinite(found).all()


def test_identical_images_lie_in_one_place() -> None:
    found = pca_coordinates(np.full((9, 40), 0.37, np.float32))
    assert np.abs(found).max() == 0


def test_values_that_are_no_numbers_are_named() -> None:
    features, _ = blobs(2)
    features[7, 3], features[9, 0] = np.nan, np.inf
    assert nonfinite_rows(features).tolist() == [7, 9]
    with pytest.raises(DataError, match=r"2 of 300 images are not finite numbers; the first is image 7"):
        pca_coordinates(features)
    with pytest.raises(DataError, match="there are no images"):
        pca_coordinates(features[:0])


def test_a_sample_is_in_order_and_the_same_every_time() -> None:
    assert sample_rows(5, 9, 0).tolist() == [0, 1, 2, 3, 4]
    sample = sample_rows(1000, 100, 3)
    assert len(set(sample.tolist())) == 100
    assert (np.diff(sample) > 0).all()
    assert np.array_equal(sample, sample_rows(1000, 100, 3))
    assert not np.array_equal(sample, sample_rows(1000, 100, 4))


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

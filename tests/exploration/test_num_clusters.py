from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from tellapart.exploration.num_clusters import choose_num_clusters, macro_silhouette, reference_points
from tellapart.exploration.pca import pca_coordinates
from tests.exploration.blobs import blobs, noise


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_planted_number_is_suggested(k: int) -> None:
    found = choose_num_clusters(pca_coordinates(blobs(k, n=160)[0]), max_k=6)
    assert found.suggested == k
    assert found.reason.startswith(f"{k} clusters: silhouette")


@pytest.mark.parametrize("d", [3, 20, 60])
def test_noise_has_no_clear_number(d: int) -> None:
    found = choose_num_clusters(pca_coordinates(noise(160, d)), max_k=5)
    assert found.suggested is None
    assert found.reason.startswith("no clear k")


def test_a_long_cloud_has_no_clear_number() -> None:
    found = choose_num_clusters(pca_coordinates(noise(200, 60) * np.exp(-np.arange(60) / 5).astype(np.float32)), max_k=4)
    assert found.suggested is None


def test_measures_are_those_of_their_names() -> None:
    found = choose_num_clusters(pca_coordinates(blobs(3, n=150)[0]), max_k=5)
    assert found.ks == (1, 2, 3, 4, 5)
    assert found.silhouette[0] is None and found.stability[0] is None
    assert list(found.distortion) == sorted(found.distortion, reverse=True)
    assert found.stability[2] == pytest.approx(1, abs=0.02)
    assert max(v for v in found.silhouette if v is not None) == found.silhouette[2]
    assert all(v is not None and 0 < v < 1.1 for v in found.reference)


def test_every_cluster_counts_the_same_in_the_silhouette() -> None:
    places, truth = blobs(2, n=60, apart=0.4)
    truth[:] = 0
    truth[-5:] = 1
    values = silhouette_samples(places, truth)
    assert macro_silhouette(places, truth) == pytest.approx((values[:-5].mean() + values[-5:].mean()) / 2)


def test_data_without_clusters_is_as_spread_out() -> None:
    places = blobs(2, n=4000, d=6, apart=3)[0]
    other = reference_points(places, 0)
    assert np.allclose(np.cov(other.T), np.cov(places.T), rtol=0.15, atol=0.4)


@pytest.mark.parametrize(
    ("places", "why"), [(np.ones((40, 3), np.float32), "same features"), (noise(9, 4), "too few"), (noise(1, 4), "too few")]
)
def test_too_little_to_choose_from(places: np.ndarray, why: str) -> None:
    found = choose_num_clusters(places)
    assert found.suggested is None
    assert why in found.reason


def test_progress_is_told_twice_a_number() -> None:
    told: list[int] = []
    choose_num_clusters(noise(50, 4), max_k=4, advance=told.append)
    assert sum(told) == 8

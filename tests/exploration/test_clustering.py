from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tellapart.errors import DataError
from tellapart.exploration import clustering as clusters_module
from tellapart.exploration import pairwise_methods
from tellapart.exploration.clustering import METHODS, cluster_points, count_distinct, list_members, number_by_size, rank_by_distance
from tellapart.exploration.pca import pca_coordinates
from tests.exploration.blobs import blobs, noise


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_planted_groups(method: str) -> None:
    features, truth = blobs(4, apart=2.5)
    found = cluster_points(pca_coordinates(features), None if method == "hdbscan" else 4, method=method, n_init=3)
    inside = found.assigned >= 0
    assert found.k == 4
    assert inside.mean() > 0.9
    assert adjusted_rand_score(truth[inside], found.assigned[inside]) > 0.97
    assert list(found.sizes) == sorted(found.sizes, reverse=True)
    assert found.sizes.sum() == inside.sum()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_clusters(method: str) -> None:
    places = pca_coordinates(blobs(3, n=120, apart=0.5)[0])
    k = None if method == "hdbscan" else 3
    assert np.array_equal(
        cluster_points(places, k, method=method, seed=5).assigned, cluster_points(places, k, method=method, seed=5).assigned
    )


def test_clusters_are_numbered_from_the_largest_and_measured_from_their_centers() -> None:
    places = np.array([[0, 1], [0, 0.8], [0, 1.2], [1, 0], [5, 5], [1, 0.5]], np.float32)
    found = number_by_size(places, np.array([7, 7, 7, 2, -1, 2]), "kmeans")
    assert found.assigned.tolist() == [0, 0, 0, 1, -1, 1]
    assert found.sizes.tolist() == [3, 2]
    assert np.allclose(found.centers, [[0, 1], [1, 0.25]])
    assert np.allclose(found.distances[:4], [0, 0.2, 0.2, 0.25], atol=1e-6)
    assert found.distances[4] == pytest.approx(np.hypot(4, 4.75))
    assert found.inertia == pytest.approx(0.04 * 2 + 0.0625 * 2, rel=1e-5)
    assert number_by_size(places, np.array([1, 1, 0, 0, 2, 2]), "kmeans").assigned.tolist() == [0, 0, 1, 1, 2, 2]


def test_members_are_the_medoid_the_nearest_and_the_farthest() -> None:
    places = np.array([[x, 0] for x in (0, 1, 2, 3, 4, 10.0)] + [[100, 0], [101, 0]], np.float32)
    found = number_by_size(places, np.array([0] * 6 + [1] * 2), "kmeans")
    first, second = list_members(found, near=2, far=2)
    assert (first.number, first.size, first.medoid) == (0, 6, 3)
    assert set(first.nearest) == {4, 2}
    assert first.farthest == (5, 0)
    assert (second.size, second.nearest, second.farthest) == (2, (7,), ())
    brute = np.square(places[:6, None] - places[None, :6]).sum(axis=(1, 2)).argmin()
    assert first.medoid == brute


def test_the_strangest_images_come_first() -> None:
    features, _ = blobs(2, n=100)
    features[17] = noise(1)[0] * 9
    places = pca_coordinates(features)
    assert rank_by_distance(cluster_points(places, 2))[0] == 17
    unassigned = number_by_size(places, np.where(np.arange(100) == 40, -1, 0), "hdbscan")
    assert rank_by_distance(unassigned)[0] == 40


def test_more_clusters_than_images_or_than_different_ones() -> None:
    places = pca_coordinates(blobs(2, n=12)[0])
    with pytest.raises(DataError, match="13 clusters cannot be made of 12 images"):
        cluster_points(places, 13)
    alike = np.repeat(places[:3], 4, axis=0)
    assert count_distinct(alike) == 3
    with pytest.raises(DataError, match="5 clusters cannot be made: of 12 images only 3 differ"):
        cluster_points(alike, 5)
    assert cluster_points(alike, 3).sizes.tolist() == [4, 4, 4]


@pytest.mark.parametrize("method", METHODS)
def test_identical_images_are_one_cluster_or_none(method: str) -> None:
    places = pca_coordinates(np.ones((30, 8), np.float32))
    found = cluster_points(places, None if method in ("affinity", "hdbscan") else 1, method=method)
    assert found.k <= 1
    assert np.abs(found.distances).max() == 0


@pytest.mark.parametrize("method", ["kmeans", "minibatch", "agglomerative", "affinity"])
def test_one_image_is_one_cluster(method: str) -> None:
    found = cluster_points(pca_coordinates(np.ones((1, 8), np.float32)), 1, method=method)
    assert (found.k, found.assigned.tolist()) == (1, [0])


def test_large_sets_go_by_a_sample_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    features, truth = blobs(3, n=400)
    places = pca_coordinates(features)
    monkeypatch.setattr(pairwise_methods, "MAX_AFFINITY", 100)
    monkeypatch.setattr(pairwise_methods, "MAX_TREE", 150)
    monkeypatch.setattr(pairwise_methods, "SEARCHED_ON", 60)
    monkeypatch.setattr(clusters_module, "STARTS_ON", 100)
    for method, sampled in (("affinity", "100 of 400"), ("agglomerative", "150 of 400"), ("kmeans", None)):
        found = cluster_points(places, 3, method=method)
        assert adjusted_rand_score(truth, found.assigned) > 0.97, method
        assert any(sampled in note for note in found.notes) if sampled else not found.notes


def test_affinity_says_what_it_could_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    places = pca_coordinates(blobs(3, n=60)[0])
    for k in (2, 6):
        found = cluster_points(places, k, method="affinity")
        assert found.k == k or any(f"gives {found.k:,} clusters: no preference that was tried gives {k}" in note for note in found.notes)
    monkeypatch.setattr(pairwise_methods, "MAX_ITERATIONS", 3)
    assert any("did not converge in 3 iterations" in note for note in cluster_points(places, None, method="affinity").notes)


def test_hdbscan_finds_little_in_noise_and_ignores_k() -> None:
    found = cluster_points(pca_coordinates(noise(200)), 4, method="hdbscan")
    assert (found.assigned < 0).mean() > 0.7
    assert any("k = 4 is ignored" in note for note in found.notes)
    assert any("in no cluster" in note or "found no cluster" in note for note in found.notes)


def test_there_may_be_no_cluster_at_all() -> None:
    places = pca_coordinates(noise(200))
    found = number_by_size(places, np.full(200, -1), "hdbscan")
    assert found.k == 0
    assert found.inertia == 0
    assert list_members(found) == []
    assert len(rank_by_distance(found)) == 200

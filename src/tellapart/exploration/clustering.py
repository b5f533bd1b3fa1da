"""Clusters: images that lie together, found by one of five methods, numbered from the largest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, one_openmp_thread, side_by_side
from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.exploration.pairwise_methods import affinity, agglomerative, density
from tellapart.exploration.pca import sample_rows

METHODS = ("kmeans", "minibatch", "affinity", "hdbscan", "agglomerative")
NEEDS_K = ("kmeans", "minibatch", "agglomerative")
STARTS_ON = 20_000
"""Images all restarts are tried on; the best of them goes on with all images."""
RESTARTS = 10


@dataclass(frozen=True, eq=False)
class Clustering:
    """Which image is in which cluster.

    Attributes:
        method: one of ``METHODS``.
        assigned: int (n,), cluster 0 (the largest) to k - 1; -1 for images in none.
        centers: float32 (k, p), the mean place of each cluster.
        distances: float32 (n,), from each image to the center of its cluster; of one in none, to the nearest center.
        notes: sentences worth knowing.
    """

    method: str
    assigned: IntArray
    centers: FloatArray
    distances: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return len(self.centers)

    @property
    def sizes(self) -> IntArray:
        """Images in each cluster, int (k,)."""
        return np.bincount(self.assigned[self.assigned >= 0], minlength=self.k)

    @property
    def inertia(self) -> float:
        """Sum of the squared distances of the images in clusters."""
        return float(np.square(self.distances[self.assigned >= 0], dtype=np.float64).sum())


def cluster_points(
    places: FloatArray, k: int | None = None, *, method: str = "kmeans", restarts: int = RESTARTS, seed: int = 0
) -> Clustering:
    """The clusters of images; the same for the same seed.

    Args:
        places: float32 (n, p), see :func:`tellapart.exploration.pca.pca_coordinates`.
        k: how many are wanted. ``affinity`` looks for the preference that gives them, or takes its usual one for None;
            ``hdbscan`` finds their number itself and does not heed it.
        method: one of ``METHODS``.
        restarts: of ``kmeans`` and ``minibatch``; the best is kept.
        seed: of everything random.

    Raises:
        DataError: there are fewer images, or fewer different ones, than clusters wanted.
    """
    notes: list[str] = []
    if method in NEEDS_K and k is None:
        raise ValueError(f"{method} needs a number of clusters")
    _check_enough(places, k or 1)
    if method == "hdbscan" and k is not None:
        notes.append(f"HDBSCAN finds the number of clusters itself; k = {k} was not heeded")
    found = _FINDERS[method](places, k, restarts, seed, notes)
    return number_by_size(places, found, method, notes)


def number_by_size(places: FloatArray, found: IntArray, method: str, notes: list[str] | tuple[str, ...] = ()) -> Clustering:
    """A clustering from any assignment (n,): clusters numbered from the largest, of equals the one of the first image."""
    names, first, inverse, sizes = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    order = [i for i in np.lexsort((first, -sizes)) if names[i] >= 0]
    number = np.full(len(names), -1)
    number[order] = np.arange(len(order))
    assigned = number[inverse]
    centers = np.stack([places[assigned == j].mean(axis=0) for j in range(len(order))]) if order else np.empty((0, places.shape[1]))
    return Clustering(method, assigned, centers.astype(np.float32), _distances(places, assigned, centers), tuple(notes))


def count_distinct(places: FloatArray) -> int:
    """How many different places there are; those that differ by rounding count as one."""
    direction = np.random.default_rng(0).standard_normal(places.shape[1])
    return len(np.unique(np.round(places @ direction, 4)))


def _check_enough(places: FloatArray, k: int) -> None:
    if k > len(places):
        raise DataError(
            f"{count(k, 'cluster is', 'clusters are')} wanted of {count(len(places), 'image')}",
            hint="ask for fewer with -k",
        )
    several = count_distinct(places) if k > 1 else 1
    if k > several:
        raise DataError(
            f"{count(k, 'cluster is', 'clusters are')} wanted, but of {count(len(places), 'image')} only"
            f" {count(several, 'differs', 'differ')}"
            " in their features: the others are the same to the network",
            hint="ask for fewer with -k, or look at other features",
        )


def _distances(places: FloatArray, assigned: IntArray, centers: FloatArray) -> FloatArray:
    if not len(centers):
        return np.asarray(np.linalg.norm(places - places.mean(axis=0), axis=1), np.float32)
    distances = np.linalg.norm(places - centers[np.maximum(assigned, 0)], axis=1)
    for i in np.flatnonzero(assigned < 0):
        distances[i] = np.linalg.norm(centers - places[i], axis=1).min()
    return np.asarray(distances, np.float32)


def _kmeans(places: FloatArray, k: int | None, restarts: int, seed: int, notes: list[str]) -> IntArray:
    from sklearn.cluster import KMeans

    few = places[sample_rows(len(places), STARTS_ON, seed)]

    def begun(number: int) -> KMeans:
        with one_openmp_thread():
            return KMeans(k, n_init=1, random_state=seed * restarts + number).fit(few)

    with one_blas_thread():
        best = min(side_by_side(begun, range(restarts)), key=lambda model: float(model.inertia_))
    if len(few) < len(places):
        best = KMeans(k, init=best.cluster_centers_, n_init=1, random_state=seed).fit(places)
    return np.asarray(best.labels_, np.int64)


def _minibatch(places: FloatArray, k: int | None, restarts: int, seed: int, notes: list[str]) -> IntArray:
    from sklearn.cluster import MiniBatchKMeans

    return np.asarray(MiniBatchKMeans(k, n_init=restarts, batch_size=2048, random_state=seed).fit(places).labels_, np.int64)


def _affinity(places: FloatArray, k: int | None, restarts: int, seed: int, notes: list[str]) -> IntArray:
    return affinity(places, k, seed, notes)


def _density(places: FloatArray, k: int | None, restarts: int, seed: int, notes: list[str]) -> IntArray:
    return density(places, seed, notes)


def _agglomerative(places: FloatArray, k: int | None, restarts: int, seed: int, notes: list[str]) -> IntArray:
    return agglomerative(places, k or 1, seed, notes)


_FINDERS: dict[str, Callable[[FloatArray, int | None, int, int, list[str]], IntArray]] = {
    "kmeans": _kmeans,
    "minibatch": _minibatch,
    "affinity": _affinity,
    "hdbscan": _density,
    "agglomerative": _agglomerative,
}

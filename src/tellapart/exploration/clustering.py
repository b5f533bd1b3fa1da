"""Clustering by one of five methods, and the images to show of each cluster; clusters are numbered from the largest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, one_openmp_thread, parallel_map
from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.exploration.pairwise_methods import affinity, agglomerative, density
from tellapart.exploration.pca import sample_rows

METHODS = ("kmeans", "minibatch", "affinity", "hdbscan", "agglomerative")
NEEDS_K = ("kmeans", "minibatch", "agglomerative")
STARTS_ON = 20_000
"""Images that all restarts run on; the best one continues with all images."""
N_INIT = 10


@dataclass(frozen=True, eq=False)
class Clustering:
    """An assignment of images to clusters.

    Attributes:
        method: one of ``METHODS``.
        assigned: int (n,), cluster 0 (the largest) to k - 1; -1 for images in none.
        centers: float32 (k, p), the mean of each cluster.
        distances: float32 (n,), from each image to the center of its cluster, or to the nearest center if it is in none.
        notes: sentences for the user.
    """

    method: str
    assigned: IntArray
    centers: FloatArray
    distances: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.centers)

    @property
    def sizes(self) -> IntArray:
        """Images per cluster, int (k,)."""
        return np.bincount(self.assigned[self.assigned >= 0], minlength=self.k)

    @property
    def inertia(self) -> float:
        """Sum of the squared distances of the images that are in a cluster."""
        return float(np.square(self.distances[self.assigned >= 0], dtype=np.float64).sum())


def cluster_points(points: FloatArray, k: int | None = None, *, method: str = "kmeans", n_init: int = N_INIT, seed: int = 0) -> Clustering:
    """Cluster images; deterministic for a seed.

    Args:
        points: float32 (n, p), see :func:`tellapart.exploration.pca.pca_coordinates`.
        k: number of clusters. ``affinity`` searches for a preference that gives as many, or uses the median similarity for
            None; ``hdbscan`` finds the number itself and ignores ``k``.
        method: one of ``METHODS``.
        n_init: k-means restarts, of ``kmeans`` and ``minibatch``; the best is used.
        seed: of the random number generators.

    Raises:
        DataError: there are fewer images, or fewer distinct ones, than clusters.
    """
    notes: list[str] = []
    if method in NEEDS_K and k is None:
        raise ValueError(f"{method} needs a number of clusters")
    _check_enough(points, k or 1)
    if method == "hdbscan" and k is not None:
        notes.append(f"HDBSCAN finds the number of clusters itself; k = {k} is ignored")
    labels = _METHODS[method](points, k, n_init, seed, notes)
    return number_by_size(points, labels, method, notes)


def number_by_size(points: FloatArray, labels: IntArray, method: str, notes: list[str] | tuple[str, ...] = ()) -> Clustering:
    """Number the clusters of any assignment from the largest; of equal sizes, the one of the first image comes first.

    Args:
        points: float32 (n, p).
        labels: int (n,); negative for images in no cluster.
        method: one of ``METHODS``.
        notes: sentences for the user.
    """
    names, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = [i for i in np.lexsort((first, -sizes)) if names[i] >= 0]
    number = np.full(len(names), -1)
    number[order] = np.arange(len(order))
    assigned = number[inverse]
    centers = np.stack([points[assigned == j].mean(axis=0) for j in range(len(order))]) if order else np.empty((0, points.shape[1]))
    return Clustering(method, assigned, centers.astype(np.float32), _distances(points, assigned, centers), tuple(notes))


def count_distinct(points: FloatArray) -> int:
    """The number of distinct points of float32 (n, p), up to rounding."""
    direction = np.random.default_rng(0).standard_normal(points.shape[1])
    return len(np.unique(np.round(points @ direction, 4)))


def _check_enough(points: FloatArray, k: int) -> None:
    if k > len(points):
        raise DataError(
            f"{count(k, 'cluster')} cannot be made of {count(len(points), 'image')}",
            hint="ask for fewer with -k",
        )
    distinct = count_distinct(points) if k > 1 else 1
    if k > distinct:
        raise DataError(
            f"{count(k, 'cluster')} cannot be made: of {count(len(points), 'image')} only"
            f" {count(distinct, 'differs', 'differ')}"
            " in their features: the others are the same to the network",
            hint="ask for fewer with -k, or look at other features",
        )


def _distances(points: FloatArray, assigned: IntArray, centers: FloatArray) -> FloatArray:
    if not len(centers):
        return np.asarray(np.linalg.norm(points - points.mean(axis=0), axis=1), np.float32)
    distances = np.linalg.norm(points - centers[np.maximum(assigned, 0)], axis=1)
    for i in np.flatnonzero(assigned < 0):
        distances[i] = np.linalg.norm(centers - points[i], axis=1).min()
    return np.asarray(distances, np.float32)


def _kmeans(points: FloatArray, k: int | None, n_init: int, seed: int, notes: list[str]) -> IntArray:
    from sklearn.cluster import KMeans

    few = points[sample_rows(len(points), STARTS_ON, seed)]

    def fit_once(number: int) -> KMeans:
        with one_openmp_thread():
            return KMeans(k, n_init=1, random_state=seed * n_init + number).fit(few)

    with one_blas_thread():
        best = min(parallel_map(fit_once, range(n_init)), key=lambda model: float(model.inertia_))
    if len(few) < len(points):
        best = KMeans(k, init=best.cluster_centers_, n_init=1, random_state=seed).fit(points)
    return np.asarray(best.labels_, np.int64)


def _minibatch(points: FloatArray, k: int | None, n_init: int, seed: int, notes: list[str]) -> IntArray:
    from sklearn.cluster import MiniBatchKMeans

    return np.asarray(MiniBatchKMeans(k, n_init=n_init, batch_size=2048, random_state=seed).fit(points).labels_, np.int64)


def _affinity(points: FloatArray, k: int | None, n_init: int, seed: int, notes: list[str]) -> IntArray:
    return affinity(points, k, seed, notes)


def _density(points: FloatArray, k: int | None, n_init: int, seed: int, notes: list[str]) -> IntArray:
    return density(points, seed, notes)


def _agglomerative(points: FloatArray, k: int | None, n_init: int, seed: int, notes: list[str]) -> IntArray:
    return agglomerative(points, k or 1, seed, notes)


_METHODS: dict[str, Callable[[FloatArray, int | None, int, int, list[str]], IntArray]] = {
    "kmeans": _kmeans,
    "minibatch": _minibatch,
    "affinity": _affinity,
    "hdbscan": _density,
    "agglomerative": _agglomerative,
}


NEAR, FAR = 15, 8


@dataclass(frozen=True)
class Members:
    """The images to show of one cluster, as row indices.

    Attributes:
        number: of the cluster, from 0.
        size: number of images in it.
        medoid: the image nearest to the center.
        nearest: the next nearest, nearest first.
        farthest: the farthest, farthest first; disjoint from ``nearest``.
    """

    number: int
    size: int
    medoid: int
    nearest: tuple[int, ...]
    farthest: tuple[int, ...]


def list_members(clustering: Clustering, *, near: int = NEAR, far: int = FAR) -> list[Members]:
    """The images to show of every cluster: the medoid, and at most ``near`` nearest to and ``far`` farthest from the center."""
    members = []
    for number in range(clustering.k):
        inside = np.flatnonzero(clustering.assigned == number)
        order = [int(i) for i in inside[np.argsort(clustering.distances[inside], kind="stable")]]
        rest = order[near + 1 :]
        members.append(Members(number, len(order), order[0], tuple(order[1 : near + 1]), tuple(rest[: -far - 1 : -1])))
    return members


def rank_by_distance(clustering: Clustering) -> IntArray:
    """Rank all images, the least typical first: those in no cluster, then by distance over the median distance of their cluster.

    Returns:
        int (n,), row indices.
    """
    strangeness = clustering.distances.astype(np.float64)
    for number in range(clustering.k):
        inside = clustering.assigned == number
        strangeness[inside] /= max(float(np.median(clustering.distances[inside])), 1e-9)
    strangeness[clustering.assigned < 0] += strangeness.max(initial=0.0)
    return np.argsort(-strangeness, kind="stable")

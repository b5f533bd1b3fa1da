"""Clustering methods that compare all pairs of images: they run on a sample of a large set; each other image joins its nearest."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.exploration.pca import sample_rows

MAX_AFFINITY, MAX_TREE = 4_000, 10_000
SEARCHED_ON = 1_000
"""Sample size of the first search for the preference; the preference scales with the number of images."""
BISECTIONS, LAST_BISECTIONS = 16, 3
MAX_ITERATIONS, DAMPING = 400, 0.85
BLOCK_BYTES = 2**27


def affinity(points: FloatArray, k: int | None, seed: int, notes: list[str]) -> IntArray:
    """Affinity propagation: the cluster of each image, int64 (n,).

    Args:
        points: float32 (n, p).
        k: number of clusters; the preference is bisected for it, on 1,000 images first. None uses the median similarity.
        seed: of the sample and of the tie-breaking.
        notes: list to which sentences for the user are appended (sampling, another number of clusters, no convergence).
    """
    chosen = sample_rows(len(points), MAX_AFFINITY, seed)
    similarity = _similarity(points[chosen])
    if float(np.ptp(similarity)) < 1e-9:
        return np.zeros(len(points), np.int64)
    if k is None:
        clusters = _propagate(similarity, float(np.median(similarity)), seed)
    else:
        chosen, clusters = _with_k(similarity, chosen, k, seed)
    if not clusters.has_converged:
        notes.append(f"affinity propagation did not converge in {MAX_ITERATIONS} iterations; its clusters are not final")
    if not clusters.count:
        notes.append("affinity propagation found no exemplar; all images are in one cluster")
        return np.zeros(len(points), np.int64)
    if k is not None and clusters.count != k:
        notes.append(f"affinity propagation gives {count(clusters.count, 'cluster')}: no preference that was tried gives {k:,}")
    return _extend_to_all(points, chosen, clusters.assigned, "affinity propagation", notes)


def density(points: FloatArray, seed: int, notes: list[str]) -> IntArray:
    """HDBSCAN on float32 (n, p): the cluster of each image, int64 (n,), -1 in sparse regions.

    Clusters have at least 1 % of the images. Sentences for the user are appended to ``notes``.
    """
    from sklearn.cluster import HDBSCAN

    chosen = sample_rows(len(points), MAX_TREE, seed)
    least = max(5, len(chosen) // 100)
    if len(chosen) < 2 * least:
        notes.append(f"HDBSCAN needs at least {count(2 * least, 'image')}")
        return np.full(len(points), -1)
    labels = np.asarray(HDBSCAN(min_cluster_size=least, min_samples=5, copy=True).fit(points[chosen]).labels_, np.int64)
    missed = int((labels < 0).sum())
    if missed == len(labels):
        notes.append(f"HDBSCAN found no cluster of at least {count(least, 'image')} that is denser than its surroundings")
    elif missed:
        notes.append(f"HDBSCAN left {missed:,} of {count(len(labels), 'image')} in no cluster")
    return _extend_to_all(points, chosen, labels, "HDBSCAN", notes)


def agglomerative(points: FloatArray, k: int, seed: int, notes: list[str]) -> IntArray:
    """Ward's agglomerative clustering of float32 (n, p) into k clusters: the cluster of each image, int64 (n,)."""
    from sklearn.cluster import AgglomerativeClustering

    chosen = sample_rows(len(points), MAX_TREE, seed)
    if len(chosen) < 2:
        return np.zeros(len(points), np.int64)
    labels = np.asarray(AgglomerativeClustering(k, linkage="ward").fit(points[chosen]).labels_, np.int64)
    return _extend_to_all(points, chosen, labels, "agglomerative clustering", notes)


def _extend_to_all(points: FloatArray, chosen: IntArray, labels: IntArray, method: str, notes: list[str]) -> IntArray:
    """Extend the clusters of a sample to all images: each other image joins the cluster of the nearest sampled one."""
    if len(chosen) == len(points):
        return labels
    notes.append(f"{method} ran on {len(chosen):,} of {count(len(points), 'image')}; each other image joins the nearest of these")
    few = points[chosen]
    half = np.square(few).sum(axis=1) / 2
    spread = np.empty(len(points), np.int64)
    step = max(1, BLOCK_BYTES // (4 * len(few)))
    for start in range(0, len(points), step):
        spread[start : start + step] = labels[(points[start : start + step] @ few.T - half).argmax(axis=1)]
    return spread


def _similarity(points: FloatArray) -> FloatArray:
    """Negative squared distances, float32 (m, m)."""
    squares = np.square(points).sum(axis=1)
    similarity = 2 * (points @ points.T) - squares[:, None] - squares[None, :]
    return np.asarray(np.minimum(similarity, 0), np.float32)


@dataclass(frozen=True, eq=False)
class _Propagation:
    """The cluster of each image, int64 (m,), whether the messages converged, and the preference used."""

    assigned: IntArray
    has_converged: bool
    preference: float

    @property
    def count(self) -> int:
        return len(np.unique(self.assigned[self.assigned >= 0]))


def _propagate(similarity: FloatArray, preference: float, seed: int) -> _Propagation:
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    model: Any = AffinityPropagation(
        affinity="precomputed", preference=preference, damping=DAMPING, max_iter=MAX_ITERATIONS, copy=True, random_state=seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        labels = np.asarray(model.fit(similarity).labels_, np.int64)
    return _Propagation(labels, not any(issubclass(one.category, ConvergenceWarning) for one in caught), preference)


def _with_k(similarity: FloatArray, chosen: IntArray, k: int, seed: int) -> tuple[IntArray, _Propagation]:
    """Search for k clusters, or as near to k as possible: the images they were found on, and the clusters.

    The preference is searched on a sample and then scaled to all images. If the messages do not converge to k clusters there,
    which is common for few clusters of many images, the clusters of the sample are used.
    """
    part = sample_rows(len(chosen), SEARCHED_ON, seed)
    few = similarity[np.ix_(part, part)]
    least = float(few.min())
    best = _bisect_preference(few, k, seed, (least * len(part), least * 1e-3), BISECTIONS)
    if len(part) == len(chosen):
        return chosen, best
    scaled = best.preference * len(chosen) / len(part)
    whole = _bisect_preference(similarity, k, seed, (scaled * 1.5, scaled / 1.5), LAST_BISECTIONS)
    return (chosen, whole) if whole.count == k and whole.has_converged else (chosen[part], best)


def _bisect_preference(similarity: FloatArray, k: int, seed: int, between: tuple[float, float], steps: int) -> _Propagation:
    """Bisect the logarithm of the preference between two negative ones (few clusters, many) for a number of clusters nearest to k."""
    few, many = between
    tried: list[_Propagation] = []
    for _ in range(steps):
        middle = -float(np.sqrt(few * many))
        clusters = _propagate(similarity, middle, seed)
        tried.append(clusters)
        if clusters.count == k and clusters.has_converged:
            break
        is_too_strong = clusters.count <= k if clusters.has_converged else clusters.count in (0, len(similarity))
        few, many = (middle, many) if is_too_strong else (few, middle)
    return min(tried, key=lambda one: (abs(one.count - k), not one.has_converged))

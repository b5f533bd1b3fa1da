"""Which images to label next: of the least certain a diverse batch, or from nothing the prototypes of clusters.

Of the least certain images alone, many show the same; of a diverse batch alone, most are certain already. So the least certain few are
clustered, and one image of each cluster is taken (Citovsky et al. 2021, cluster-margin). Compared in docs/log.md (2026-11-30).
"""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.exploration.clustering import cluster_points, count_distinct
from tellapart.exploration.pca import pca_coordinates
from tellapart.features.matrix import unit_rows

LEAST_CERTAIN = 3
"""So many times as many images as are wanted are clustered."""


def uncertain_and_diverse(features: FloatArray, margins: FloatArray, n: int, *, seed: int = 0) -> IntArray:
    """Rows of a batch of images that are uncertain and unlike each other, the least certain first: int64 (n,).

    Args:
        features: float32 (m, d); all rows if m is at most n.
        margins: float (m,), how far ahead the most probable class is; lower is less certain.
        n: size of the batch.
        seed: of the clusters.
    """
    order = np.argsort(margins, kind="stable")
    if len(order) <= n:
        return order
    least = order[: LEAST_CERTAIN * n]
    chosen = least[_one_of_each_cluster(unit_rows(features[least]), n, seed)]
    rest = np.setdiff1d(least, chosen)
    more = rest[np.argsort(margins[rest], kind="stable")][: n - len(chosen)]
    batch = np.concatenate([chosen, more])
    return np.asarray(batch[np.argsort(margins[batch], kind="stable")])


def prototypes(features: FloatArray, n: int, *, seed: int = 0) -> IntArray:
    """Rows of the images nearest to the centers of n clusters, those of the largest cluster first: int64 (at most n,).

    Args:
        features: float32 (m, d).
        n: number of clusters.
        seed: of the clusters.
    """
    if len(features) <= n:
        return np.arange(len(features))
    return _one_of_each_cluster(pca_coordinates(features, seed=seed), n, seed)


def _one_of_each_cluster(points: FloatArray, n: int, seed: int) -> IntArray:
    """The row nearest to the center of each of n clusters, int64 (at most n,)."""
    clusters = cluster_points(points, min(n, count_distinct(points)), n_init=1, seed=seed)
    rows = [np.flatnonzero(clusters.assigned == cluster) for cluster in range(int(clusters.assigned.max()) + 1)]
    return np.array([each[np.argmin(clusters.distances[each])] for each in rows if len(each)], dtype=np.int64)

"""The number of clusters: four measures for each k (elbow, silhouette, Calinski-Harabasz, stability), compared with data without
clusters; one suggestion, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, one_openmp_thread, parallel_map
from tellapart.counts import count
from tellapart.exploration.pca import sample_rows

MAX_K = 12
TRIED_ON = 2_000
DRAWS, SHARE, N_INIT = 4, 0.6, 3
STANDS_OUT, STEADY = 0.06, 0.85
"""Minimum silhouette above that of data without clusters, and minimum stability; measured, see docs/log.md."""
LEAST_IMAGES, FLAT = 20, 1e-9


@dataclass(frozen=True, eq=False)
class NumClustersChoice:
    """Measures by number of clusters; tuples are as long as ``ks``, with None where a measure is undefined.

    Attributes:
        ks: the numbers of clusters tried; the first is 1.
        distortion: mean squared distance to the center of the own cluster.
        reference: the distortion of data without clusters: normal draws with the same covariance.
        silhouette: mean over the clusters of the mean silhouette of their images, -1 to 1.
        reference_silhouette: the silhouette of the data without clusters.
        calinski_harabasz: variance between clusters over variance within clusters.
        stability: mean adjusted Rand index between the clusterings of random 60 % subsets and that of all images, up to 1.
        suggested: the suggested number, or None if none is clear.
        reason: for it, as a sentence.
        images: number of images that were used.
    """

    ks: tuple[int, ...]
    distortion: tuple[float | None, ...]
    reference: tuple[float | None, ...]
    silhouette: tuple[float | None, ...]
    reference_silhouette: tuple[float | None, ...]
    calinski_harabasz: tuple[float | None, ...]
    stability: tuple[float | None, ...]
    suggested: int | None
    reason: str
    images: int


@dataclass(frozen=True)
class _Measures:
    distortion: float
    silhouette: float | None = None
    calinski_harabasz: float | None = None
    stability: float | None = None


def choose_num_clusters(
    points: FloatArray, *, max_k: int = MAX_K, seed: int = 0, advance: Callable[[int], None] = lambda count: None
) -> NumClustersChoice:
    """Measure clusterings into 1 to ``max_k`` clusters and suggest one number, or none.

    A number is suggested if its silhouette exceeds that of data without clusters by 0.06 and random subsets of the images give
    the same clusters (adjusted Rand index of at least 0.85); of several, the one with the largest excess.

    Args:
        points: float32 (n, p), see :func:`tellapart.exploration.pca.pca_coordinates`.
        max_k: the largest number tried.
        seed: of the sample (2,000 images), the draws and the data without clusters.
        advance: called with 1 for every finished k, twice (data and reference).
    """
    few = points[sample_rows(len(points), TRIED_ON, seed)]
    ks = tuple(range(1, min(max_k, (len(few) - 1) // 2) + 1)) or (1,)
    own = _measure_all(few, ks, seed, advance, is_drawn=True)
    other = _measure_all(reference_points(few, seed) if len(few) > 1 else few, ks, seed, advance, is_drawn=False)
    suggested, reason = _suggest(ks, own, other, len(few))
    return NumClustersChoice(
        ks=ks,
        distortion=tuple(one.distortion for one in own),
        reference=tuple(one.distortion for one in other),
        silhouette=tuple(one.silhouette for one in own),
        reference_silhouette=tuple(one.silhouette for one in other),
        calinski_harabasz=tuple(one.calinski_harabasz for one in own),
        stability=tuple(one.stability for one in own),
        suggested=suggested,
        reason=reason,
        images=len(few),
    )


def reference_points(points: FloatArray, seed: int) -> FloatArray:
    """Normal draws, float32 (n, p), with the mean and the covariance of float32 (n, p) points, but without clusters.

    Permuting the columns instead would preserve two clusters that differ along one column.
    """
    rng = np.random.default_rng([seed, 7])
    mean = points.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((points - mean).T).reshape(points.shape[1], -1))
    drawn = mean + rng.standard_normal(points.shape) * np.sqrt(np.maximum(spread, 0)) @ axes.T
    return np.asarray(drawn, np.float32)


def macro_silhouette(points: FloatArray, assigned: IntArray) -> float:
    """The mean over clusters of the mean silhouette of their images, -1 to 1.

    Args:
        points: float32 (n, p).
        assigned: int (n,), the cluster of each image.
    """
    from sklearn.metrics import silhouette_samples

    values = silhouette_samples(points, assigned)
    return float(np.mean([values[assigned == one].mean() for one in np.unique(assigned)]))


def _measure_all(points: FloatArray, ks: Sequence[int], seed: int, advance: Callable[[int], None], *, is_drawn: bool) -> list[_Measures]:
    whole = float(np.square(points - points.mean(axis=0)).sum(axis=1).mean())

    def measure_one(k: int) -> _Measures:
        if k == 1 or whole < FLAT:
            measures = _Measures(whole)
        else:
            with one_openmp_thread():
                measures = _measure(points, k, seed, is_drawn)
        advance(1)
        return measures

    with one_blas_thread():
        return parallel_map(measure_one, ks)


def _measure(points: FloatArray, k: int, seed: int, is_drawn: bool) -> _Measures:
    from sklearn.cluster import KMeans
    from sklearn.metrics import calinski_harabasz_score

    model = KMeans(k, n_init=N_INIT, random_state=seed).fit(points)
    return _Measures(
        float(model.inertia_) / len(points),
        macro_silhouette(points, model.labels_),
        float(calinski_harabasz_score(points, model.labels_)),
        _stability(points, k, model.labels_, seed) if is_drawn else None,
    )


def _stability(points: FloatArray, k: int, assigned: IntArray, seed: int) -> float:
    """Mean adjusted Rand index, over all images, between the clusterings of random subsets and that of all images."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    size = max(k, round(SHARE * len(points)))
    draws = (np.random.default_rng([seed, k, number]).choice(len(points), size, replace=False) for number in range(DRAWS))
    models = (KMeans(k, n_init=2, random_state=seed + number).fit(points[draw]) for number, draw in enumerate(draws, start=1))
    return float(np.mean([adjusted_rand_score(assigned, model.predict(points)) for model in models]))


def _suggest(ks: Sequence[int], own: Sequence[_Measures], other: Sequence[_Measures], images: int) -> tuple[int | None, str]:
    if images < LEAST_IMAGES:
        return None, f"no clear k: {count(images, 'image is', 'images are')} too few"
    if own[0].distortion < FLAT:
        return None, "no clear k: all images have the same features"
    gains = {k: (one.silhouette or 0.0) - (shuffled.silhouette or 0.0) for k, one, shuffled in zip(ks[1:], own[1:], other[1:], strict=True)}
    stability = {k: one.stability or 0.0 for k, one in zip(ks[1:], own[1:], strict=True)}
    fitting = [k for k in gains if gains[k] >= STANDS_OUT and stability[k] >= STEADY]
    if fitting:
        best = max(fitting, key=lambda k: (round(gains[k], 3), -k))
        rest = f"; {ks[-1]} is the largest number tried, so there may be more" if best == ks[-1] else ""
        return best, (
            f"{best} clusters: silhouette {gains[best]:.2f} above data without clusters,"
            f" and random subsets of the images give the same clusters (stability {stability[best]:.2f}){rest}"
        )
    best = max(gains, key=lambda k: gains[k])
    if gains[best] < STANDS_OUT:
        return None, (
            f"no clear k: the clearest, {best}, has a silhouette only {gains[best]:+.2f} relative to data without clusters"
            f" ({STANDS_OUT} would stand out)"
        )
    return None, (
        f"no clear k: {best} clusters stand out most (silhouette {gains[best]:+.2f} relative to data without clusters), but subsets of the"
        f" images give other clusters (stability {stability[best]:.2f}; {STEADY} would be stable)"
    )

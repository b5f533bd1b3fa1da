"""How many clusters are there? Four measures over several numbers, beside the same on data that has none; one answer, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, one_openmp_thread, side_by_side
from tellapart.exploration.pca import sample_rows

MOST_K = 12
TRIED_ON = 2_000
DRAWS, SHARE, RESTARTS = 4, 0.6, 3
STANDS_OUT, STEADY = 0.06, 0.85
"""How far above that of data without clusters a silhouette must be, and how alike clusterings of draws; measured, see docs/log.md."""
LEAST_IMAGES, FLAT = 20, 1e-9


@dataclass(frozen=True, eq=False)
class NumClustersChoice:
    """Measures by number of clusters; lists are as long as ``ks``, with None where a measure has no meaning.

    Attributes:
        ks: the numbers tried; the first is 1.
        distortion: mean squared distance to the own center.
        reference: the same of data without clusters: normal draws as spread out in every direction.
        silhouette: mean over the clusters of the mean silhouette of their images, -1 to 1.
        reference_silhouette: the same of the data without clusters.
        calinski_harabasz: variance between over variance within clusters.
        stability: mean adjusted Rand index of clusterings of 60 % draws with that of all, up to 1.
        suggested: the number, or None where none is clear.
        reason: a sentence.
        images: how many were looked at.
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
class _Measured:
    distortion: float
    silhouette: float | None = None
    calinski_harabasz: float | None = None
    stability: float | None = None


def choose_num_clusters(
    places: FloatArray, *, most: int = MOST_K, seed: int = 0, advance: Callable[[int], None] = lambda count: None
) -> NumClustersChoice:
    """Measure clusterings into 1 to ``most`` clusters and suggest one number, or none.

    A number is suggested where clusters stand out from data without any (silhouette more than 0.06 above) and come out
    alike on draws of the images (adjusted Rand index of at least 0.85); of several, the one that stands out most.

    Args:
        places: float32 (n, p), see :func:`tellapart.exploration.pca.pca_coordinates`.
        most: the largest number tried.
        seed: of the sample (2,000 images), the draws and the data without clusters.
        advance: hears 1 for every number done, twice (data and reference).
    """
    few = places[sample_rows(len(places), TRIED_ON, seed)]
    ks = tuple(range(1, min(most, (len(few) - 1) // 2) + 1)) or (1,)
    own = _measured(few, ks, seed, advance, is_drawn=True)
    other = _measured(reference_points(few, seed) if len(few) > 1 else few, ks, seed, advance, is_drawn=False)
    suggested, reason = _suggestion(ks, own, other, len(few))
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


def reference_points(places: FloatArray, seed: int) -> FloatArray:
    """Places (n, p) with the same mean and the same spread in every direction, but without clusters: normal draws.

    Permuting the columns would keep two groups apart that differ along one of them, and so hide what is looked for.
    """
    rng = np.random.default_rng([seed, 7])
    mean = places.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((places - mean).T).reshape(places.shape[1], -1))
    found = mean + rng.standard_normal(places.shape) * np.sqrt(np.maximum(spread, 0)) @ axes.T
    return np.asarray(found, np.float32)


def macro_silhouette(places: FloatArray, assigned: IntArray) -> float:
    """The mean over clusters of the mean silhouette of their images; every cluster counts the same."""
    from sklearn.metrics import silhouette_samples

    values = silhouette_samples(places, assigned)
    return float(np.mean([values[assigned == one].mean() for one in np.unique(assigned)]))


def _measured(places: FloatArray, ks: Sequence[int], seed: int, advance: Callable[[int], None], *, is_drawn: bool) -> list[_Measured]:
    whole = float(np.square(places - places.mean(axis=0)).sum(axis=1).mean())

    def measured(k: int) -> _Measured:
        if k == 1 or whole < FLAT:
            found = _Measured(whole)
        else:
            with one_openmp_thread():
                found = _clustered(places, k, seed, is_drawn)
        advance(1)
        return found

    with one_blas_thread():
        return side_by_side(measured, ks)


def _clustered(places: FloatArray, k: int, seed: int, is_drawn: bool) -> _Measured:
    from sklearn.cluster import KMeans
    from sklearn.metrics import calinski_harabasz_score

    model = KMeans(k, n_init=RESTARTS, random_state=seed).fit(places)
    return _Measured(
        float(model.inertia_) / len(places),
        macro_silhouette(places, model.labels_),
        float(calinski_harabasz_score(places, model.labels_)),
        _stability(places, k, model.labels_, seed) if is_drawn else None,
    )


def _stability(places: FloatArray, k: int, assigned: IntArray, seed: int) -> float:
    """How alike clusterings of draws are to that of all: mean adjusted Rand index over all images."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    size = max(k, round(SHARE * len(places)))
    draws = (np.random.default_rng([seed, k, number]).choice(len(places), size, replace=False) for number in range(DRAWS))
    models = (KMeans(k, n_init=2, random_state=seed + number).fit(places[draw]) for number, draw in enumerate(draws, start=1))
    return float(np.mean([adjusted_rand_score(assigned, model.predict(places)) for model in models]))


def _suggestion(ks: Sequence[int], own: Sequence[_Measured], other: Sequence[_Measured], images: int) -> tuple[int | None, str]:
    if images < LEAST_IMAGES:
        return None, f"no clear k: {images} images are too few to tell"
    if own[0].distortion < FLAT:
        return None, "no clear k: all images have the same features"
    gains = {k: (one.silhouette or 0.0) - (shuffled.silhouette or 0.0) for k, one, shuffled in zip(ks[1:], own[1:], other[1:], strict=True)}
    stability = {k: one.stability or 0.0 for k, one in zip(ks[1:], own[1:], strict=True)}
    fitting = [k for k in gains if gains[k] >= STANDS_OUT and stability[k] >= STEADY]
    if fitting:
        best = max(fitting, key=lambda k: (round(gains[k], 3), -k))
        rest = f"; {ks[-1]} is the most that was tried, so there may be more" if best == ks[-1] else ""
        return best, (
            f"{best} clusters: silhouette {gains[best]:.2f} above data without clusters, and draws of the images give the same clusters"
            f" (stability {stability[best]:.2f}){rest}"
        )
    best = max(gains, key=lambda k: gains[k])
    if gains[best] < STANDS_OUT:
        return None, (
            f"no clear k: the clearest, {best}, has a silhouette only {gains[best]:+.2f} beside data without clusters"
            f" ({STANDS_OUT} would stand out)"
        )
    return None, (
        f"no clear k: {best} clusters stand out most (silhouette {gains[best]:+.2f} beside data without clusters), but draws of the"
        f" images give other clusters (stability {stability[best]:.2f}; {STEADY} would be steady)"
    )

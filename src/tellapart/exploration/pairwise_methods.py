"""The methods that compare every image with every other: on a sample of a large set, the rest joining its nearest image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.exploration.pca import sample_rows

MOST_AFFINITY, MOST_TREE = 4_000, 10_000
SEARCHED_ON = 1_000
"""Images the preference is first looked for on; a preference for more of them is that many times stronger."""
STEPS, LAST_STEPS = 16, 3
ROUNDS, DAMPING = 400, 0.85
BLOCK_BYTES = 2**27


def affinity(places: FloatArray, k: int | None, seed: int, notes: list[str]) -> IntArray:
    """Affinity propagation: the cluster (n,) of each image.

    Args:
        places: float32 (n, p).
        k: clusters wanted: the preference is bisected for them, on 1,000 images first; None takes the median similarity.
        seed: of the sample and of the tie-breaking.
        notes: hears of a sample, of a number that could not be had, and of messages that did not settle.
    """
    chosen = sample_rows(len(places), MOST_AFFINITY, seed)
    similarity = _similarity(places[chosen])
    if float(np.ptp(similarity)) < 1e-9:
        return np.zeros(len(places), np.int64)
    if k is None:
        found = _propagated(similarity, float(np.median(similarity)), seed)
    else:
        chosen, found = _with_k(similarity, chosen, k, seed)
    if not found.is_settled:
        notes.append(f"affinity propagation did not converge in {ROUNDS} rounds; its clusters are not final")
    if not found.count:
        notes.append("affinity propagation found no exemplar; all images are in one cluster")
        return np.zeros(len(places), np.int64)
    if k is not None and found.count != k:
        notes.append(f"affinity propagation gives {count(found.count, 'cluster')}: no preference that was tried gives {k:,}")
    return _spread(places, chosen, found.assigned, "affinity propagation", notes)


def density(places: FloatArray, seed: int, notes: list[str]) -> IntArray:
    """HDBSCAN: the cluster (n,) of each image, -1 for those in sparse regions; clusters hold at least 1 % of the images."""
    from sklearn.cluster import HDBSCAN

    chosen = sample_rows(len(places), MOST_TREE, seed)
    least = max(5, len(chosen) // 100)
    if len(chosen) < 2 * least:
        notes.append(f"HDBSCAN needs at least {count(2 * least, 'image')}")
        return np.full(len(places), -1)
    found = np.asarray(HDBSCAN(min_cluster_size=least, min_samples=5, copy=True).fit(places[chosen]).labels_, np.int64)
    missed = int((found < 0).sum())
    if missed == len(found):
        notes.append(f"HDBSCAN found no cluster of at least {count(least, 'image')} that is denser than its surroundings")
    elif missed:
        notes.append(f"HDBSCAN left {missed:,} of {count(len(found), 'image')} in no cluster")
    return _spread(places, chosen, found, "HDBSCAN", notes)


def agglomerative(places: FloatArray, k: int, seed: int, notes: list[str]) -> IntArray:
    """Ward's agglomerative clustering: the cluster (n,) of each image."""
    from sklearn.cluster import AgglomerativeClustering

    chosen = sample_rows(len(places), MOST_TREE, seed)
    if len(chosen) < 2:
        return np.zeros(len(places), np.int64)
    found = np.asarray(AgglomerativeClustering(k, linkage="ward").fit(places[chosen]).labels_, np.int64)
    return _spread(places, chosen, found, "agglomerative clustering", notes)


def _spread(places: FloatArray, chosen: IntArray, found: IntArray, method: str, notes: list[str]) -> IntArray:
    """The clusters of all images from those of a sample: each joins the nearest image of it."""
    if len(chosen) == len(places):
        return found
    notes.append(f"{method} ran on {len(chosen):,} of {count(len(places), 'image')}; each other one is with the nearest of these")
    few = places[chosen]
    half = np.square(few).sum(axis=1) / 2
    spread = np.empty(len(places), np.int64)
    step = max(1, BLOCK_BYTES // (4 * len(few)))
    for start in range(0, len(places), step):
        spread[start : start + step] = found[(places[start : start + step] @ few.T - half).argmax(axis=1)]
    return spread


def _similarity(places: FloatArray) -> FloatArray:
    """Negative squared distances, float32 (m, m)."""
    squares = np.square(places).sum(axis=1)
    similarity = 2 * (places @ places.T) - squares[:, None] - squares[None, :]
    return np.asarray(np.minimum(similarity, 0), np.float32)


@dataclass(frozen=True, eq=False)
class _Propagated:
    """Clusters (m,), how many there are, whether the messages settled, and at which preference."""

    assigned: IntArray
    is_settled: bool
    preference: float

    @property
    def count(self) -> int:
        return len(np.unique(self.assigned[self.assigned >= 0]))


def _propagated(similarity: FloatArray, preference: float, seed: int) -> _Propagated:
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    model: Any = AffinityPropagation(
        affinity="precomputed", preference=preference, damping=DAMPING, max_iter=ROUNDS, copy=True, random_state=seed
    )
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ConvergenceWarning)
        found = np.asarray(model.fit(similarity).labels_, np.int64)
    return _Propagated(found, not any(issubclass(one.category, ConvergenceWarning) for one in heard), preference)


def _with_k(similarity: FloatArray, chosen: IntArray, k: int, seed: int) -> tuple[IntArray, _Propagated]:
    """The images that k clusters, or as near to k as can be, were found on, and the clusters.

    The preference is searched on a sample and then tried on all, where it must be stronger by as much as there are more
    images. Where the messages do not settle into k clusters there, which is common for few clusters of many images, the
    sample's stand.
    """
    part = sample_rows(len(chosen), SEARCHED_ON, seed)
    few = similarity[np.ix_(part, part)]
    least = float(few.min())
    best = _bisected(few, k, seed, (least * len(part), least * 1e-3), STEPS)
    if len(part) == len(chosen):
        return chosen, best
    scaled = best.preference * len(chosen) / len(part)
    whole = _bisected(similarity, k, seed, (scaled * 1.5, scaled / 1.5), LAST_STEPS)
    return (chosen, whole) if whole.count == k and whole.is_settled else (chosen[part], best)


def _bisected(similarity: FloatArray, k: int, seed: int, between: tuple[float, float], steps: int) -> _Propagated:
    """Clusters by the preference between two negative ones (few clusters, many) that comes nearest to k; its logarithm is bisected."""
    few, many = between
    tried: list[_Propagated] = []
    for _ in range(steps):
        middle = -float(np.sqrt(few * many))
        found = _propagated(similarity, middle, seed)
        tried.append(found)
        if found.count == k and found.is_settled:
            break
        is_too_strong = found.count <= k if found.is_settled else found.count in (0, len(similarity))
        few, many = (middle, many) if is_too_strong else (few, middle)
    return min(tried, key=lambda one: (abs(one.count - k), not one.is_settled))

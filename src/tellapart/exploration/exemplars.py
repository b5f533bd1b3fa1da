"""The methods that compare every image with every other: on a sample of a large set, the rest joining its nearest image."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tellapart.exploration.reduction import sample_of
from tellapart.types import FloatArray, IntArray

MOST_AFFINITY, MOST_TREE = 4_000, 10_000
SEARCHED_ON = 1_000
"""Images the preference is first looked for on; a preference for more of them is that many times stronger."""
STEPS, LAST_STEPS = 16, 5
ROUNDS, DAMPING = 400, 0.8
BLOCK_BYTES = 2**27


def affinity(places: FloatArray, k: int | None, seed: int, notes: list[str]) -> IntArray:
    """Affinity propagation: the cluster (n,) of each image.

    Args:
        places: float32 (n, p).
        k: clusters wanted: the preference is bisected for them; None takes the median similarity.
        seed: of the sample and of the tie-breaking.
        notes: hears of a sample, of a number that could not be had, and of messages that did not settle.
    """
    chosen = sample_of(len(places), MOST_AFFINITY, seed)
    few = places[chosen]
    similarity = _similarity(few)
    if float(np.ptp(similarity)) < 1e-9:
        return np.zeros(len(places), np.int64)
    preference = float(np.median(similarity)) if k is None else _preference(similarity, k, seed)
    found, is_settled = _propagated(similarity, preference, seed)
    if not is_settled:
        notes.append(f"affinity propagation did not converge in {ROUNDS} rounds; its clusters are not final")
    if found.max() < 0:
        notes.append("affinity propagation found no exemplar; all images are in one cluster")
        found = np.zeros(len(few), np.int64)
    count = len(np.unique(found[found >= 0]))
    if k is not None and count != k:
        notes.append(f"affinity propagation gives {count:,} clusters: no preference that was tried gives {k:,}")
    return _spread(places, chosen, found, "affinity propagation", notes)


def density(places: FloatArray, seed: int, notes: list[str]) -> IntArray:
    """HDBSCAN: the cluster (n,) of each image, -1 for those in sparse regions; clusters hold at least 1 % of the images."""
    from sklearn.cluster import HDBSCAN

    chosen = sample_of(len(places), MOST_TREE, seed)
    least = max(5, len(chosen) // 100)
    if len(chosen) < 2 * least:
        notes.append(f"HDBSCAN needs at least {2 * least} images")
        return np.full(len(places), -1)
    found = np.asarray(HDBSCAN(min_cluster_size=least, min_samples=5, copy=True).fit(places[chosen]).labels_, np.int64)
    missed = int((found < 0).sum())
    if missed == len(found):
        notes.append(f"HDBSCAN found no cluster of at least {least} images that is denser than its surroundings")
    elif missed:
        notes.append(f"HDBSCAN left {missed:,} of {len(found):,} images in no cluster")
    return _spread(places, chosen, found, "HDBSCAN", notes)


def agglomerative(places: FloatArray, k: int, seed: int, notes: list[str]) -> IntArray:
    """Ward's agglomerative clustering: the cluster (n,) of each image."""
    from sklearn.cluster import AgglomerativeClustering

    chosen = sample_of(len(places), MOST_TREE, seed)
    if len(chosen) < 2:
        return np.zeros(len(places), np.int64)
    found = np.asarray(AgglomerativeClustering(k, linkage="ward").fit(places[chosen]).labels_, np.int64)
    return _spread(places, chosen, found, "agglomerative clustering", notes)


def _spread(places: FloatArray, chosen: IntArray, found: IntArray, method: str, notes: list[str]) -> IntArray:
    """The clusters of all images from those of a sample: each joins the nearest image of it."""
    if len(chosen) == len(places):
        return found
    notes.append(f"{method} ran on {len(chosen):,} of {len(places):,} images; each other one is with the nearest of these")
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


def _propagated(similarity: FloatArray, preference: float, seed: int) -> tuple[IntArray, bool]:
    """Clusters (m,), and whether the messages settled."""
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    model: Any = AffinityPropagation(
        affinity="precomputed", preference=preference, damping=DAMPING, max_iter=ROUNDS, copy=True, random_state=seed
    )
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ConvergenceWarning)
        found = np.asarray(model.fit(similarity).labels_, np.int64)
    return found, not any(issubclass(one.category, ConvergenceWarning) for one in heard)


def _preference(similarity: FloatArray, k: int, seed: int) -> float:
    """The preference that gives k clusters or comes nearest: searched on a sample, then mended on all."""
    count = len(similarity)
    chosen = sample_of(count, SEARCHED_ON, seed)
    few = similarity[np.ix_(chosen, chosen)]
    least = float(few.min())
    strongest = _bisected(few, k, seed, (least * len(chosen), least * 1e-3), STEPS)
    if len(chosen) == count:
        return strongest
    scaled = strongest * count / len(chosen)
    return _bisected(similarity, k, seed, (scaled * 2, scaled / 2), LAST_STEPS)


def _bisected(similarity: FloatArray, k: int, seed: int, between: tuple[float, float], steps: int) -> float:
    """The preference between two negative ones (few clusters, many) that gives k clusters; bisected by its logarithm."""
    few, many = between
    best, best_miss = few, np.inf
    for _ in range(steps):
        middle = -float(np.sqrt(few * many))
        found, is_settled = _propagated(similarity, middle, seed)
        count = len(np.unique(found[found >= 0]))
        miss = abs(count - k) + 0.5 * (not is_settled)
        if miss < best_miss:
            best, best_miss = middle, miss
        if best_miss == 0:
            break
        few, many = (middle, many) if count <= k and count else (few, middle)
    return best

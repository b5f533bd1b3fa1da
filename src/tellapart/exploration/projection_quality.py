"""Quality of a 2-D projection: the share of neighbors it preserves, and the accuracy of nearest-neighbor labels on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.features.matrix import unit_rows

NEIGHBORS = 10
TRIED = 2_000
_CELLS = 16_000_000
"""Maximum similarities in memory at once: 64 MB of float32."""


def neighbor_preservation(
    features: FloatArray, places: FloatArray, *, k: int = NEIGHBORS, tried: int = TRIED, seed: int = 0
) -> float | None:
    """The share, 0 to 1, of the k nearest images by features that are among the k nearest on the map; k / (n - 1) by chance.

    Args:
        features: float (n, d), compared by cosine.
        places: float (n, 2), the coordinates on the map.
        k: number of neighbors.
        tried: at most so many images, drawn at random, are compared with all n.
        seed: of the drawing.

    Returns:
        None for fewer than three images.
    """
    n = len(features)
    k = min(k, n - 2)
    if k < 1:
        return None
    rows = sample_rows(n, tried, seed)
    alone = np.arange(n)
    preserved = 0
    for full, flat in zip(
        nearest_neighbors(features, rows, alone, k, is_cosine=True), nearest_neighbors(places, rows, alone, k), strict=True
    ):
        preserved += sum(len(np.intersect1d(one, other, assume_unique=True)) for one, other in zip(full, flat, strict=True))
    return preserved / (k * len(rows))


def neighbor_label_accuracy(
    vectors: FloatArray, labels: IntArray, groups: IntArray, rows: IntArray, *, k: int = NEIGHBORS, is_cosine: bool = False
) -> BoolArray:
    """Whether a k-nearest-neighbor vote gives each image its label: bool (m,) for the images ``rows``.

    The image itself and those of its group (near-duplicates) have no vote, so predictions are out of sample. Ties go to the
    label of the nearest.

    Args:
        vectors: float (n, d), features or map coordinates.
        labels: int (n,) from 0; -1 for unlabeled images, which have no vote.
        groups: int (n,), equal for near-duplicates.
        rows: int (m,), the images to predict, all labeled.
        k: number of neighbors.
        is_cosine: whether neighbors are by cosine or by Euclidean distance.
    """
    known = np.flatnonzero(labels >= 0)
    place = np.full(len(labels), -1)
    place[known] = np.arange(len(known))
    votes, predicted = labels[known], []
    for neighbors in nearest_neighbors(vectors[known], place[rows], groups[known], min(k, len(known) - 1), is_cosine=is_cosine):
        predicted.append(_majority(np.where(neighbors >= 0, votes[neighbors], -1)))
    return np.concatenate(predicted) == labels[rows] if predicted else np.zeros(0, bool)


def nearest_neighbors(vectors: FloatArray, rows: IntArray, groups: IntArray, k: int, *, is_cosine: bool = False) -> Iterator[IntArray]:
    """Yield the k nearest images of other groups for each of ``rows``, nearest first, in blocks int (b, k); -1 pads missing ones."""
    measured = unit_rows(vectors) if is_cosine else np.asarray(vectors, dtype=np.float32)
    lengths = np.zeros(len(measured), np.float32) if is_cosine else np.square(measured).sum(axis=1)
    step = max(1, _CELLS // max(1, len(measured)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        closeness = 2 * (measured[block] @ measured.T) - lengths
        closeness[groups[block][:, None] == groups[None, :]] = -np.inf
        found = np.argpartition(closeness, -k, axis=1)[:, -k:] if k < closeness.shape[1] else np.tile(np.arange(k), (len(block), 1))
        values = np.take_along_axis(closeness, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        found, values = np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
        yield np.where(np.isfinite(values), found, -1)


def sample_rows(n: int, limit: int, seed: int) -> IntArray:
    """At most ``limit`` random indices out of 0..n-1, int (m,), sorted."""
    return np.arange(n) if n <= limit else np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def _majority(votes: IntArray) -> IntArray:
    """The most frequent vote of each row of int (b, k), ties to the first vote; -1 is no vote."""
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    counts[votes < 0] = 0
    return np.asarray(np.take_along_axis(votes, counts.argmax(axis=1)[:, None], axis=1)[:, 0])

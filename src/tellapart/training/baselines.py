"""Baselines: the majority class, and the nearest neighbors."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.features.matrix import unit_rows

NEIGHBORS = 5
BLOCK = 1024
BLOCK_COSINES = 2**22
"""Cosine similarities computed at a time; 64 MB with sorting."""


def majority_probabilities(train_targets: IntArray, num_classes: int, n: int) -> FloatArray:
    """Class frequencies of the training images, for each of ``n`` images: float64 (n, k), with add-one smoothing.

    Args:
        train_targets: class indices of the training images, int64 (m,).
        num_classes: k.
        n: number of images to predict.
    """
    counts = np.bincount(train_targets, minlength=num_classes) + 1.0
    return np.tile(counts / counts.sum(), (n, 1))


def neighbor_probabilities(features: FloatArray, train_features: FloatArray, train_targets: IntArray, num_classes: int) -> FloatArray:
    """k-nearest neighbors: votes of the 5 nearest training images by cosine, plus half a vote per class, float64 (n, k).

    Args:
        features: float32 (n, d).
        train_features: float32 (m, d).
        train_targets: class indices of the training images, int64 (m,).
        num_classes: k.
    """
    index, _ = nearest(features, train_features, min(NEIGHBORS, len(train_targets)))
    votes = np.stack([(train_targets[index] == k).sum(axis=1) for k in range(num_classes)], axis=1) + 0.5
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def nearest(features: FloatArray, train_features: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Rows of the nearest training images by cosine, nearest first, int64 (n, count), and their cosines, float32 (n, count).

    Args:
        features: float32 (n, d).
        train_features: float32 (m, d).
        count: number of neighbors.
    """
    train_units = unit_rows(train_features)
    rows, cosines = [], []
    block = max(1, min(BLOCK, BLOCK_COSINES // max(1, len(train_features))))
    for start in range(0, len(features), block):
        similarity = unit_rows(features[start : start + block]) @ train_units.T
        top = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(similarity, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        rows.append(np.take_along_axis(top, order, axis=1))
        cosines.append(np.take_along_axis(values, order, axis=1))
    if not rows:
        return np.empty((0, count), np.int64), np.empty((0, count), np.float32)
    return np.concatenate(rows), np.concatenate(cosines)

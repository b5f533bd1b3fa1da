"""The rungs below: what one gets without learning anything, and by looking at the nearest images only."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.features.matrix import unit_rows

NEIGHBORS = 5
BLOCK = 1024
BLOCK_COSINES = 2**22
"""Cosines computed at a time; with what sorts them 64 MB."""


def majority_probabilities(train_targets: IntArray, num_classes: int, n: int) -> FloatArray:
    """The classes' shares of the training images for each of n images (n, k), with one image added to each class."""
    counts = np.bincount(train_targets, minlength=num_classes) + 1.0
    return np.tile(counts / counts.sum(), (n, 1))


def neighbor_probabilities(features: FloatArray, train_features: FloatArray, train_targets: IntArray, num_classes: int) -> FloatArray:
    """Votes of the 5 nearest training images by cosine, with half a vote for every class: (n, k)."""
    index, _ = nearest(features, train_features, min(NEIGHBORS, len(train_targets)))
    votes = np.stack([(train_targets[index] == k).sum(axis=1) for k in range(num_classes)], axis=1) + 0.5
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def nearest(features: FloatArray, train_features: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Rows of the nearest training images by cosine, nearest first: int (n, count), and the cosines."""
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

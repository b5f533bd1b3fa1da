"""How far to trust a map: how many neighbors it keeps, and how well labels can be read from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.features.matrix import unit_rows

NEIGHBORS = 10
TRIED = 2_000
_CELLS = 16_000_000
"""Most similarities held at once: 64 MB."""


def neighbor_preservation(
    features: FloatArray, places: FloatArray, *, k: int = NEIGHBORS, tried: int = TRIED, seed: int = 0
) -> float | None:
    """The share of images' k nearest by cosine of their features (n, d) that are among their k nearest on the map (n, 2).

    Measured on at most ``tried`` images drawn at random, among all n; None for fewer than three images. By chance it is k / (n - 1).
    """
    n = len(features)
    k = min(k, n - 2)
    if k < 1:
        return None
    rows = sample_rows(n, tried, seed)
    alone = np.arange(n)
    kept = 0
    for full, flat in zip(
        nearest_neighbors(features, rows, alone, k, is_cosine=True), nearest_neighbors(places, rows, alone, k), strict=True
    ):
        kept += sum(len(np.intersect1d(one, other, assume_unique=True)) for one, other in zip(full, flat, strict=True))
    return kept / (k * len(rows))


def neighbor_label_accuracy(
    vectors: FloatArray, labels: IntArray, groups: IntArray, rows: IntArray, *, k: int = NEIGHBORS, is_cosine: bool = False
) -> BoolArray:
    """Whether the majority of an image's k nearest labeled images has its label: bool (m,) for the images ``rows``.

    The image itself and those of its group (near-duplicates) have no vote, so each answer is out of sample. A tie goes to the
    label of the nearest.

    Args:
        vectors: features or places (n, d).
        labels: (n,) from 0; -1 for none, who neither vote nor may be asked.
        groups: (n,) images that show the same.
        rows: images asked about, all labeled.
        k: votes.
        is_cosine: whether near is by cosine or by distance.
    """
    known = np.flatnonzero(labels >= 0)
    place = np.full(len(labels), -1)
    place[known] = np.arange(len(known))
    votes, answers = labels[known], []
    for found in nearest_neighbors(vectors[known], place[rows], groups[known], min(k, len(known) - 1), is_cosine=is_cosine):
        answers.append(_majority(np.where(found >= 0, votes[found], -1)))
    return np.concatenate(answers) == labels[rows] if answers else np.zeros(0, bool)


def nearest_neighbors(vectors: FloatArray, rows: IntArray, groups: IntArray, k: int, *, is_cosine: bool = False) -> Iterator[IntArray]:
    """The k nearest of other groups for each of ``rows``, nearest first, in blocks (b, k); -1 where there are no more."""
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
    """At most ``limit`` of n rows, at random, in order."""
    return np.arange(n) if n <= limit else np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def _majority(votes: IntArray) -> IntArray:
    """The commonest vote of each row (b, k), ties to the vote that stands first; -1 is no vote."""
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    counts[votes < 0] = 0
    return np.asarray(np.take_along_axis(votes, counts.argmax(axis=1)[:, None], axis=1)[:, 0])

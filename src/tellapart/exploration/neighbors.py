"""The most similar images, exactly: the cosine with every other one, a block of questions at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray

BLOCK_BYTES = 2**27
CHUNK = 64
NOBODY = -1


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k most similar images of each question, the most similar first.

    Attributes:
        indices: int (m, k), rows of the candidates.
        similarities: float32 (m, k), cosines.
    """

    indices: IntArray
    similarities: FloatArray


def neighbors(
    units: FloatArray,
    questions: FloatArray,
    k: int,
    *,
    without: IntArray | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Neighbors:
    """The k candidates with the highest cosine to each question; of equals the first comes first.

    Args:
        units: candidates, float32 (n, d), rows of length 1 (:func:`tellapart.features.matrix.unit_rows`).
        questions: float32 (m, d), rows of length 1.
        k: how many; as many as there are where there are fewer.
        without: int (m,), the one candidate that is no answer to each question (itself), or -1.
        advance: hears how many questions were just answered.
    """
    is_short = without is not None and bool((without != NOBODY).any())
    k = max(0, min(k, len(units) - is_short))
    indices, similarities = np.empty((len(questions), k), np.int64), np.empty((len(questions), k), np.float32)
    step = max(1, BLOCK_BYTES // (4 * max(1, len(units))))
    for start in range(0, len(questions), step):
        cosines = questions[start : start + step] @ units.T
        if without is not None:
            own = without[start : start + step]
            rows = np.flatnonzero(own != NOBODY)
            cosines[rows, own[rows]] = -np.inf
        best = highest(cosines, k)
        indices[start : start + step] = best
        similarities[start : start + step] = np.take_along_axis(cosines, best, axis=1)
        advance(len(best))
    return Neighbors(indices, np.clip(similarities, -1, 1))


def highest(values: FloatArray, k: int) -> IntArray:
    """Columns of the k highest values of each row of (m, n), the highest first; of equals the first column.

    The k highest lie in the k chunks of columns with the highest maxima, so only those are sorted.
    """
    rows, columns = values.shape
    if not k:
        return np.empty((rows, 0), np.int64)
    chunks = -(-columns // CHUNK)
    if chunks <= 2 * k:
        return np.argsort(-values, axis=1, kind="stable")[:, :k]
    whole = columns // CHUNK
    maxima = np.full((rows, chunks), -np.inf, values.dtype)
    maxima[:, :whole] = values[:, : whole * CHUNK].reshape(rows, whole, CHUNK).max(axis=2)
    if whole < chunks:
        maxima[:, whole] = values[:, whole * CHUNK :].max(axis=1)
    best = np.sort(np.argsort(-maxima, axis=1, kind="stable")[:, :k], axis=1)
    near = (best[:, :, None] * CHUNK + np.arange(CHUNK)).reshape(rows, -1)
    inside = np.where(near < columns, np.take_along_axis(values, np.minimum(near, columns - 1), axis=1), -np.inf)
    return np.take_along_axis(near, np.argsort(-inside, axis=1, kind="stable")[:, :k], axis=1)

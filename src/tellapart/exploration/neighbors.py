"""Exact nearest neighbors by cosine similarity, a block of queries at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.large_arrays import is_one_block, row_blocks

BLOCK_BYTES = 2**27
CHUNK = 64
NONE = -1


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k most similar images of each query, most similar first.

    Attributes:
        indices: int64 (m, k), rows of the candidates.
        similarities: float32 (m, k), cosines, -1 to 1.
    """

    indices: IntArray
    similarities: FloatArray


def neighbors(
    units: FloatArray,
    queries: FloatArray,
    k: int,
    *,
    without: IntArray | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Neighbors:
    """Find the k candidates with the highest cosine to each query; of equal ones the first comes first.

    Args:
        units: candidates, float32 (n, d), rows of length 1 (:func:`tellapart.features.matrix.unit_rows`).
        queries: float32 (m, d), rows of length 1.
        k: number of neighbors; fewer if there are fewer candidates.
        without: int (m,), the candidate to leave out for each query (usually itself), or -1.
        advance: called with the number of queries just finished.
    """
    is_short = without is not None and bool((without != NONE).any())
    k = max(0, min(k, len(units) - is_short))
    indices, similarities = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    step = max(1, BLOCK_BYTES // (4 * max(1, len(units))))
    for start in range(0, len(queries), step):
        cosines = _cosines(queries[start : start + step], units)
        if without is not None:
            excluded = without[start : start + step]
            rows = np.flatnonzero(excluded != NONE)
            cosines[rows, excluded[rows]] = -np.inf
        best = highest(cosines, k)
        indices[start : start + step] = best
        similarities[start : start + step] = np.take_along_axis(cosines, best, axis=1)
        advance(len(best))
    return Neighbors(indices, np.clip(similarities, -1, 1))


def _cosines(queries: FloatArray, units: FloatArray) -> FloatArray:
    """Products of the rows of (m, d) and (n, d), float32 (m, n); an array on disk is read block by block."""
    if is_one_block(units):
        return queries @ units.T
    cosines = np.empty((len(queries), len(units)), np.float32)
    for block in row_blocks(units):
        cosines[:, block] = queries @ units[block].T
    return cosines


def highest(values: FloatArray, k: int) -> IntArray:
    """Columns of the k highest values of each row of float (m, n), highest first; of equal ones the first column: int64 (m, k).

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

"""Nearest neighbors by features in sets of any size: exact in small ones, by an inverted file (IVF) in large ones.

An inverted file (Sivic and Zisserman 2003) sorts the images into cells around centers found by k-means, and compares each image
with those of the cells whose centers are nearest. Cells have the same size in sets of any size, so the time grows with the number
of images and not with its square. Some neighbors are missed, the more the less structure the features have (docs/log.md).
"""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, parallel_map
from tellapart.features.matrix import unit_rows
from tellapart.large_arrays import release, row_blocks, take_rows

EXACT_LIMIT = 20_000
"""Up to so many images all pairs are compared, with all features; in larger sets those of near cells, with principal components."""
DIRECTIONS, SAMPLE = 64, 4_096
CELL, PROBES = 256, 16
"""Images per cell in the mean, and cells that are searched for each image."""
ROUNDS, PER_CENTER = 5, 40
"""Rounds of k-means, and images per center that it runs on."""
_BLOCK = 512


@one_blas_thread()
def neighbor_pairs(units: FloatArray, count: int, least_cosine: float) -> IntArray:
    """Pairs of every image with its nearest neighbors, int64 (m, 2), the smaller row first, each pair once.

    Args:
        units: float32 (n, d), rows of length 1.
        count: neighbors of each image.
        least_cosine: less similar ones are left out.
    """
    n, width = units.shape
    if not width or n < 2:
        return np.empty((0, 2), np.int64)
    codes = _exact(units, count, least_cosine) if n <= EXACT_LIMIT else _by_cells(_project(units), count, least_cosine)
    return np.stack(np.divmod(np.unique(codes), n), axis=1)


def _exact(units: FloatArray, count: int, least_cosine: float) -> IntArray:
    """``smaller * n + larger`` of the pairs, from all cosines."""
    n = len(units)

    def codes(top: int) -> IntArray:
        rows = np.arange(top, min(top + _BLOCK, n))
        return _nearest_codes(rows, np.arange(n), units[rows] @ units.T, n, count, least_cosine)

    return np.concatenate(parallel_map(codes, range(0, n, _BLOCK)))


def _by_cells(rows: FloatArray, count: int, least_cosine: float) -> IntArray:
    """``smaller * n + larger`` of the pairs, from the cosines within near cells; rows are float32 (n, 64) of length 1."""
    n = len(rows)
    centers = _centers(rows, max(2, n // CELL))
    cell_of = np.concatenate([(rows[block] @ centers.T).argmax(axis=1) for block in row_blocks(rows, 4 * len(centers))])
    order = np.argsort(cell_of, kind="stable")
    starts = np.searchsorted(cell_of[order], np.arange(len(centers) + 1))
    near = _nearest_columns(centers @ centers.T, min(PROBES, len(centers)))

    def codes(cell: int) -> IntArray:
        own = order[starts[cell] : starts[cell + 1]]
        others = np.concatenate([order[starts[other] : starts[other + 1]] for other in near[cell]])
        codes_of_blocks = [
            _nearest_codes(some, others, rows[some] @ rows[others].T, n, count, least_cosine)
            for some in (own[top : top + _BLOCK] for top in range(0, len(own), _BLOCK))
        ]
        return np.concatenate([np.empty(0, np.int64), *codes_of_blocks])

    return np.concatenate(parallel_map(codes, range(len(centers))))


def _nearest_codes(rows: IntArray, others: IntArray, cosines: FloatArray, n: int, count: int, least_cosine: float) -> IntArray:
    """``smaller * n + larger`` of each of the rows with its nearest among the others, from their cosines (rows, others)."""
    cosines[rows[:, None] == others[None, :]] = -2.0
    nearest = _nearest_columns(cosines, min(count, len(others) - 1))
    row, column = np.nonzero(np.take_along_axis(cosines, nearest, axis=1) >= least_cosine)
    one, other = rows[row], others[nearest[row, column]]
    return np.asarray(np.minimum(one, other) * n + np.maximum(one, other), np.int64)


def _nearest_columns(cosines: FloatArray, count: int) -> IntArray:
    """Columns of the largest values of each row, int64 (m, count), in no order."""
    if count < 1:
        return np.empty((len(cosines), 0), np.int64)
    return np.argpartition(cosines, cosines.shape[1] - count, axis=1)[:, cosines.shape[1] - count :]


def _centers(rows: FloatArray, number: int) -> FloatArray:
    """Centers of cells, float32 (number, d) of length 1, by k-means on a sample."""
    rng = np.random.default_rng(0)
    sample = rows[np.sort(rng.choice(len(rows), min(len(rows), number * PER_CENTER), replace=False))]
    centers = sample[np.sort(rng.choice(len(sample), number, replace=False))].copy()
    for _ in range(ROUNDS):
        cell_of = np.concatenate([(sample[block] @ centers.T).argmax(axis=1) for block in row_blocks(sample, 4 * number)])
        order = np.argsort(cell_of, kind="stable")
        present, first = np.unique(cell_of[order], return_index=True)
        centers[present] = np.add.reduceat(sample[order], first, axis=0)
        centers = unit_rows(centers)
    return centers


def _project(units: FloatArray) -> FloatArray:
    """The rows on the principal components of a sample, scaled to unit length: float32 (n, 64)."""
    sample = take_rows(units, np.arange(0, len(units), max(1, len(units) // SAMPLE)))
    _, directions = np.linalg.eigh(sample.T @ sample)
    turned = np.empty((len(units), min(DIRECTIONS, units.shape[1])), np.float32)
    for block in row_blocks(units):
        turned[block] = units[block] @ directions[:, -DIRECTIONS:]
    release(units)
    return unit_rows(turned)

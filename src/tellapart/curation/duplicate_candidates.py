"""Candidate pairs of near-duplicates: similar by hash, or similar by features and not too different by hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.features.matrix import unit_rows
from tellapart.images.hamming_search import hamming_pairs

NEIGHBORS = 5
LEAST_COSINE = 0.3
"""Crops of 12 % and gray copies reach 0.4 in 19 of 20 cases, other copies more; different images have 0.0 +- 0.15."""
COSINES_BY_BITS = ((10, LEAST_COSINE), (24, 0.4), (128, 0.5))
"""(bits, cosine): up to so many bits, at least such a cosine. 99 % of planted copies have 0.56 or more, different clothes on one
floor 0.43."""
MOST_BITS, MAX_BITS_WITHOUT_FEATURES = 48, 24
"""The latter without features: on plain backgrounds 1 % of the pairs of different images are within 34 bits."""
CLOSE_COSINE, MAX_BITS_IF_CLOSE = 0.55, 60
"""Crops of 12 % on every side differ in 42 bits in the median, different images in 64 and rarely in fewer than 48."""
WHOLE_LIMIT, NEIGHBOR_LIMIT = 20_000, 100_000
"""Up to the first number of images, neighbors are searched with all features; up to the second, with principal components."""
MAX_PER_IMAGE = 8
"""Maximum candidates per image; the most likely ones are used."""
SMALL_SET = 1_000
_DIRECTIONS, _SAMPLE, _BLOCK = 64, 4096, 512


@dataclass(frozen=True, eq=False)
class CandidatePairs:
    """Candidate pairs, with what hashes and features say about them.

    Attributes:
        pairs: int64 (m, 2), rows of both images, the smaller first.
        bits: int64 (m,), Hamming distance of the hashes.
        mirror_bits: int64 (m,), Hamming distance of the hash of the first and the hash of the mirrored second.
        cosines: float32 (m,), of the standardized features.
        is_near: bool (m,), whether either distance is within :func:`hash_limit`.
    """

    pairs: IntArray
    bits: IntArray
    mirror_bits: IntArray
    cosines: FloatArray
    is_near: BoolArray

    def __len__(self) -> int:
        return len(self.pairs)

    def where(self, keep: BoolArray) -> CandidatePairs:
        """The pairs selected by a mask, bool (m,)."""
        return CandidatePairs(self.pairs[keep], self.bits[keep], self.mirror_bits[keep], self.cosines[keep], self.is_near[keep])


def hash_limit(n: int) -> int:
    """Maximum Hamming distance in bits among n images; it falls with n, as the number of chance matches grows with n squared."""
    return 34 if n <= 6_000 else 24 if n <= 50_000 else 14


def candidate_pairs(hashes: ByteArray, mirror_hashes: ByteArray, values: FloatArray) -> CandidatePairs:
    """Find candidate pairs among n images.

    Args:
        hashes: uint8 (n, 16).
        mirror_hashes: uint8 (n, 16), of the mirror images.
        values: float (n, d), features of any backbone; d may be 0.
    """
    n = len(hashes)
    units = unit_rows((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6))
    limit = hash_limit(n) if values.shape[1] or n <= SMALL_SET else min(MAX_BITS_WITHOUT_FEATURES, hash_limit(n))
    near = np.concatenate([hamming_pairs(hashes, limit), hamming_pairs(hashes, limit, mirror_hashes)])
    codes = np.unique(np.concatenate([near[:, 0] * n + near[:, 1], _neighbor_codes(units)]))
    pairs = np.stack(np.divmod(codes, n), axis=1)
    first, second = pairs.T
    bits = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1, dtype=np.int64)
    mirror_bits = np.bitwise_count(hashes[first] ^ mirror_hashes[second]).sum(axis=1, dtype=np.int64)
    cosines = np.concatenate([np.empty(0, np.float32), *(np.einsum("ij,ij->i", units[a], units[b]) for a, b in _blocks(first, second))])
    fewest = np.minimum(bits, mirror_bits)
    is_near = fewest <= limit
    is_kept = is_near | (fewest <= MOST_BITS) | ((fewest <= MAX_BITS_IF_CLOSE) & (cosines >= CLOSE_COSINE))
    if values.shape[1]:
        limits, least = np.array(COSINES_BY_BITS).T
        is_kept &= cosines >= least[np.searchsorted(limits, fewest)]
    rows_kept = np.flatnonzero(is_kept)
    if len(rows_kept) > MAX_PER_IMAGE * n:
        rows_kept = np.sort(rows_kept[np.argsort(fewest[rows_kept] / 128 - cosines[rows_kept], kind="stable")[: MAX_PER_IMAGE * n]])
    return CandidatePairs(*(column[rows_kept] for column in (pairs, bits, mirror_bits, cosines, is_near)))


def _blocks(first: IntArray, second: IntArray) -> list[tuple[IntArray, IntArray]]:
    size = _BLOCK * 16
    return [(first[top : top + size], second[top : top + size]) for top in range(0, len(first), size)]


def _neighbor_codes(units: FloatArray) -> IntArray:
    """``smaller * n + larger`` of every image with each of its nearest neighbors by features."""
    n, width = units.shape
    if not width or n > NEIGHBOR_LIMIT or n < 2:
        return np.empty(0, np.int64)
    rows = units if n <= WHOLE_LIMIT else _project(units)
    count = min(NEIGHBORS, n - 1)
    codes = [np.empty(0, np.int64)]
    for top in range(0, n, _BLOCK):
        cosines = rows[top : top + _BLOCK] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, top + own] = -2.0
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        row, place = np.nonzero(np.take_along_axis(cosines, nearest, axis=1) >= LEAST_COSINE)
        one, other = row + top, nearest[row, place]
        codes.append(np.minimum(one, other) * n + np.maximum(one, other))
    return np.concatenate(codes)


def _project(units: FloatArray) -> FloatArray:
    """Project the rows onto the principal components of a sample and scale them to unit length."""
    sample = units[:: max(1, len(units) // _SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    return unit_rows(units @ directions[:, -_DIRECTIONS:])

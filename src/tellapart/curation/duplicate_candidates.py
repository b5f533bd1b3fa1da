"""Candidate pairs of near-duplicates: similar by hash, or similar by features and not too different by hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.curation.feature_neighbors import neighbor_pairs
from tellapart.features.matrix import unit_rows
from tellapart.images.hamming_search import hamming_pairs
from tellapart.large_arrays import empty_rows, release, row_blocks, standard_scale

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
MAX_PER_IMAGE = 8
"""Maximum candidates per image; the most likely ones are used."""
SMALL_SET = 1_000
_BLOCK = 8192


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

    def where(self, keep: BoolArray | IntArray) -> CandidatePairs:
        """The pairs selected by a mask, bool (m,), or by their numbers, int."""
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
    units = _standard_units(values)
    limit = hash_limit(n) if values.shape[1] or n <= SMALL_SET else min(MAX_BITS_WITHOUT_FEATURES, hash_limit(n))
    near = np.concatenate([hamming_pairs(hashes, limit), hamming_pairs(hashes, limit, mirror_hashes)])
    alike = neighbor_pairs(units, NEIGHBORS, LEAST_COSINE)
    codes = np.unique(np.concatenate([pairs[:, 0] * n + pairs[:, 1] for pairs in (near, alike)]))
    pairs = np.stack(np.divmod(codes, n), axis=1)
    first, second = pairs.T
    bits = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1, dtype=np.int64)
    mirror_bits = np.bitwise_count(hashes[first] ^ mirror_hashes[second]).sum(axis=1, dtype=np.int64)
    cosines = _cosines(units, first, second)
    fewest = np.minimum(bits, mirror_bits)
    is_near = fewest <= limit
    is_kept = is_near | (fewest <= MOST_BITS) | ((fewest <= MAX_BITS_IF_CLOSE) & (cosines >= CLOSE_COSINE))
    if values.shape[1]:
        limits, least = np.array(COSINES_BY_BITS).T
        is_kept &= cosines >= least[np.searchsorted(limits, fewest)]
    rows_kept = np.flatnonzero(is_kept)
    if len(rows_kept) > MAX_PER_IMAGE * n:
        rows_kept = np.sort(rows_kept[np.argsort(fewest[rows_kept] / 128 - cosines[rows_kept], kind="stable")[: MAX_PER_IMAGE * n]])
    return CandidatePairs(pairs, bits, mirror_bits, cosines, is_near).where(rows_kept)


def _standard_units(values: FloatArray) -> FloatArray:
    """Standardized features, scaled to unit length: float32 (n, d)."""
    units = empty_rows(values.shape)
    mean, scale = standard_scale(values)
    for block in row_blocks(values):
        units[block] = unit_rows((values[block] - mean) / scale)
        release(units)
    return units


def _cosines(units: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """The cosine of each pair of rows, float32 (m,)."""
    cosines = np.empty(len(first), np.float32)
    for top in range(0, len(first), _BLOCK):
        block = slice(top, top + _BLOCK)
        cosines[block] = np.einsum("ij,ij->i", units[first[block]], units[second[block]])
        release(units)
    return cosines

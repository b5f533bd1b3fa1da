"""Which pairs of images are worth a closer look: near by hash, or near by features and not far by hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.features.matrix import unit_rows
from tellapart.images.hamming_search import hamming_pairs

NEIGHBORS = 5
LEAST_COSINE = 0.3
"""Crops of 12 % and gray copies reach 0.4 in 19 of 20 cases, all others more; unlike images have 0.0 +- 0.15."""
COSINES_BY_BITS = ((10, LEAST_COSINE), (24, 0.4), (128, 0.5))
"""Up to so many bits at least such a cosine: of planted copies 99 in 100 have 0.56 and more, unlike clothes on one floor 0.43."""
MOST_BITS, MOST_BITS_UNSEEN = 48, 24
"""The latter where there are no features to say no: on plain backgrounds one of a hundred unlike pairs is within 34 bits."""
CLOSE_COSINE, MOST_BITS_IF_CLOSE = 0.55, 60
"""Crops of 12 % on every side lie 42 bits away in the median, unlike images 64 and seldom under 48."""
WHOLE_LIMIT, NEIGHBOR_LIMIT = 20_000, 100_000
"""Up to the first, neighbors are sought among whole features; up to the second among their main directions; then not at all."""
MOST_PER_IMAGE = 8
"""Where more pairs are likely, the likeliest."""
SMALL_SET = 1_000
_DIRECTIONS, _SAMPLE, _BLOCK = 64, 4096, 512


@dataclass(frozen=True, eq=False)
class CandidatePairs:
    """Pairs with what is known of them before any image is looked at.

    Attributes:
        pairs: rows of both, int64 (m, 2), the smaller first.
        bits: in which the hashes differ (m,).
        mirror_bits: in which the first's hash and the second's mirrored one differ (m,).
        cosines: of the standardized features (m,).
        is_near: near by hash alone, one way or the other (m,); see :func:`hash_limit`.
    """

    pairs: IntArray
    bits: IntArray
    mirror_bits: IntArray
    cosines: FloatArray
    is_near: BoolArray

    def __len__(self) -> int:
        return len(self.pairs)

    def where(self, keep: BoolArray) -> CandidatePairs:
        """The pairs of a mask (m,)."""
        return CandidatePairs(self.pairs[keep], self.bits[keep], self.mirror_bits[keep], self.cosines[keep], self.is_near[keep])


def hash_limit(n: int) -> int:
    """Bits in which hashes of n images may differ: pairs grow with the square of n, and so do chance neighbors."""
    return 34 if n <= 6_000 else 24 if n <= 50_000 else 14


def candidate_pairs(hashes: ByteArray, mirror_hashes: ByteArray, values: FloatArray) -> CandidatePairs:
    """The likely pairs of n images.

    Args:
        hashes: uint8 (n, 16).
        mirror_hashes: the same of the mirror images.
        values: features float (n, d) of any backbone; d may be 0.
    """
    n = len(hashes)
    units = unit_rows((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6))
    limit = hash_limit(n) if values.shape[1] or n <= SMALL_SET else min(MOST_BITS_UNSEEN, hash_limit(n))
    near = np.concatenate([hamming_pairs(hashes, limit), hamming_pairs(hashes, limit, mirror_hashes)])
    codes = np.unique(np.concatenate([near[:, 0] * n + near[:, 1], _neighbor_codes(units)]))
    pairs = np.stack(np.divmod(codes, n), axis=1)
    first, second = pairs.T
    bits = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1, dtype=np.int64)
    mirror_bits = np.bitwise_count(hashes[first] ^ mirror_hashes[second]).sum(axis=1, dtype=np.int64)
    cosines = np.concatenate([np.empty(0, np.float32), *(np.einsum("ij,ij->i", units[a], units[b]) for a, b in _blocks(first, second))])
    fewest = np.minimum(bits, mirror_bits)
    is_near = fewest <= limit
    is_kept = is_near | (fewest <= MOST_BITS) | ((fewest <= MOST_BITS_IF_CLOSE) & (cosines >= CLOSE_COSINE))
    if values.shape[1]:
        limits, least = np.array(COSINES_BY_BITS).T
        is_kept &= cosines >= least[np.searchsorted(limits, fewest)]
    kept = np.flatnonzero(is_kept)
    if len(kept) > MOST_PER_IMAGE * n:
        kept = np.sort(kept[np.argsort(fewest[kept] / 128 - cosines[kept], kind="stable")[: MOST_PER_IMAGE * n]])
    return CandidatePairs(*(column[kept] for column in (pairs, bits, mirror_bits, cosines, is_near)))


def _blocks(first: IntArray, second: IntArray) -> list[tuple[IntArray, IntArray]]:
    size = _BLOCK * 16
    return [(first[top : top + size], second[top : top + size]) for top in range(0, len(first), size)]


def _neighbor_codes(units: FloatArray) -> IntArray:
    """``smaller * n + larger`` of every image with each of its nearest neighbors by features."""
    n, width = units.shape
    if not width or n > NEIGHBOR_LIMIT or n < 2:
        return np.empty(0, np.int64)
    rows = units if n <= WHOLE_LIMIT else _narrowed(units)
    count = min(NEIGHBORS, n - 1)
    found = [np.empty(0, np.int64)]
    for top in range(0, n, _BLOCK):
        cosines = rows[top : top + _BLOCK] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, top + own] = -2.0
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        row, place = np.nonzero(np.take_along_axis(cosines, nearest, axis=1) >= LEAST_COSINE)
        one, other = row + top, nearest[row, place]
        found.append(np.minimum(one, other) * n + np.maximum(one, other))
    return np.concatenate(found)


def _narrowed(units: FloatArray) -> FloatArray:
    """The rows in the main directions of a sample, again of length 1."""
    sample = units[:: max(1, len(units) // _SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    return unit_rows(units @ directions[:, -_DIRECTIONS:])

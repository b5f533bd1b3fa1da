"""All pairs of hashes within a Hamming distance: by brute force in small sets, through an index in large ones; the same pairs.

The index splits the 128 bits into chunks (multi-index hashing, Norouzi et al. 2012, with a radius per chunk). If the radii
``r`` of the chunks are chosen so that the sum of ``r + 1`` is ``t + 1``, two hashes that differ in at most ``t`` bits differ
in at most ``r`` bits in at least one chunk. So each chunk is looked up in a table under every key within its radius, and only
the candidates found there are compared in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import ByteArray, IntArray
from tellapart.concurrency import parallel_map

HASH_BYTES = 16
_BITS = 8 * HASH_BYTES
_BLOCK_PAIRS = 1 << 19
_MAX_CHUNK_BITS = 22
_LOOKUP_COST, _CANDIDATE_COST = 10.0, 60.0
"""Relative to comparing two hashes by brute force; a candidate is rated above its measured time, as real hashes cluster."""

Words = NDArray[np.uint64]
Keys = NDArray[np.int32]


def hamming_pairs(hashes: ByteArray, max_bits: int, others: ByteArray | None = None) -> IntArray:
    """All pairs i < j whose hashes differ in at most ``max_bits`` bits.

    Needs about 20 MB beyond the result, or 200 bytes per hash with the index.

    Args:
        hashes: uint8 (n, 16).
        max_bits: largest Hamming distance.
        others: uint8 (n, 16), other hashes of the same images in the same order (for example of their mirror images):
            ``hashes[i]`` is compared with ``others[j]``.

    Returns:
        int64 (m, 2), rows (i, j), sorted.
    """
    first = _words(hashes)
    second = first if others is None else _words(others)
    radii = _radii(len(hashes), max_bits)
    return _search_index(first, second, max_bits, radii) if radii else _compare_all(first, second, max_bits)


def _compare_all(first: Words, second: Words, max_bits: int) -> IntArray:
    """Compare all pairs, in blocks."""
    n = first.shape[1]
    pairs = [np.empty((0, 2), np.int64)]
    rows = max(1, _BLOCK_PAIRS // max(1, n))
    for top in range(0, n, rows):
        block = np.bitwise_count(first[0, top : top + rows, None] ^ second[0, None, top + 1 :])
        block += np.bitwise_count(first[1, top : top + rows, None] ^ second[1, None, top + 1 :])
        row, column = np.nonzero(block <= max_bits)
        above = column >= row
        pairs.append(np.stack([row[above] + top, column[above] + top + 1], axis=1))
    return np.concatenate(pairs)


def _search_index(first: Words, second: Words, max_bits: int, radii: tuple[int, ...]) -> IntArray:
    """Look each chunk up in its own table, the chunks in parallel threads."""
    is_own = second is first

    def of_chunk(chunk: int) -> NDArray[np.int64]:
        keys = _keys(first, chunk, len(radii))
        table = _Table.of(keys if is_own else _keys(second, chunk, len(radii)), second, _chunk_bits(chunk, len(radii)))
        queries = table if is_own else _Table.of(keys, first, table.bits)
        codes_found = [np.empty(0, np.int64)]
        for left, right in _candidates(queries, table, radii[chunk], is_own=is_own):
            near = np.bitwise_count(queries.words[0, left] ^ table.words[0, right])
            near += np.bitwise_count(queries.words[1, left] ^ table.words[1, right])
            is_near = near <= max_bits
            one, other = queries.order[left[is_near]], table.order[right[is_near]]
            in_order = slice(None) if is_own else one < other
            low, high = (np.minimum(one, other), np.maximum(one, other)) if is_own else (one[in_order], other[in_order])
            codes_found.append(low * first.shape[1] + high)
        return np.concatenate(codes_found)

    codes = np.unique(np.concatenate(parallel_map(of_chunk, range(len(radii)))))
    return np.stack(np.divmod(codes, first.shape[1]), axis=1)


@dataclass(frozen=True, eq=False)
class _Table:
    """Hashes sorted by the keys of one chunk.

    Attributes:
        bits: bits per key.
        keys: int32 (n,), sorted.
        order: int (n,), the index of the hash at each position.
        words: uint64 (2, n), the hashes in that order.
        starts: int32 (2**bits + 1,), the position of the first hash of each key.
    """

    bits: int
    keys: Keys
    order: IntArray
    words: Words
    starts: Keys

    @classmethod
    def of(cls, keys: Keys, words: Words, bits: int) -> _Table:
        order = np.argsort(keys, kind="stable")
        starts = np.zeros((1 << bits) + 1, np.int32)
        np.cumsum(np.bincount(keys, minlength=1 << bits), out=starts[1:])
        return cls(bits, keys[order], order, np.ascontiguousarray(words[:, order]), starts)


def _candidates(queries: _Table, table: _Table, radius: int, *, is_own: bool) -> Iterator[tuple[IntArray, IntArray]]:
    """Positions in both tables whose keys differ in at most ``radius`` bits; each pair once if both are the same table."""
    for mask in _masks(table.bits, radius):
        target = queries.keys ^ mask
        begin, end = table.starts[target], table.starts[target + 1]
        if is_own and mask == 0:
            begin = np.arange(1, len(target) + 1, dtype=np.int32)
        elif is_own:
            end = np.where(target > queries.keys, end, begin)
        counts = np.maximum(end - begin, 0)
        hits = np.flatnonzero(counts)
        yield from _expand(hits, begin[hits], counts[hits])


def _expand(hits: IntArray, begin: Keys, counts: Keys) -> Iterator[tuple[IntArray, IntArray]]:
    """Pair each of ``hits`` with the ``counts`` positions from ``begin`` on, about half a million pairs at a time."""
    ends = np.cumsum(counts, dtype=np.int64)
    top = 0
    while top < len(hits):
        done = ends[top - 1] if top else 0
        stop = max(top + 1, int(np.searchsorted(ends, done + _BLOCK_PAIRS, side="right")))
        part = counts[top:stop]
        left = np.repeat(hits[top:stop], part)
        shift = begin[top:stop] - (ends[top:stop] - part - done)
        yield left, np.arange(len(left)) + np.repeat(shift, part)
        top = stop


@cache
def _masks(bits: int, radius: int) -> tuple[int, ...]:
    """All numbers of ``bits`` bits of which at most ``radius`` are set."""
    return tuple(sum(1 << bit for bit in bits_set) for size in range(radius + 1) for bits_set in combinations(range(bits), size))


def _radii(n: int, max_bits: int) -> tuple[int, ...]:
    """The cheapest radii, one per chunk; empty if brute force is cheaper."""
    best: tuple[int, ...] = ()
    cheapest = n * n / 2
    for chunks in range(-(-_BITS // _MAX_CHUNK_BITS), _BITS // 4):
        whole, rest = divmod(max_bits + 1, chunks)
        radii = tuple(radius for radius in (whole - (chunk >= rest) for chunk in range(chunks)))
        cost = 0.0
        for chunk, radius in enumerate(radii):
            keys = sum(comb(_chunk_bits(chunk, chunks), size) for size in range(radius + 1))
            cost += keys * n * (_LOOKUP_COST + _CANDIDATE_COST * n / 2 ** (1 + _chunk_bits(chunk, chunks)))
        if radii[0] <= 3 and cost < cheapest:
            cheapest, best = cost, radii
    return best


def _chunk_bits(chunk: int, chunks: int) -> int:
    return len(range(chunk, _BITS, chunks))


def _keys(words: Words, chunk: int, chunks: int) -> Keys:
    """The bits of one chunk as int32 (n,): every ``chunks``-th bit, because neighboring bits are correlated."""
    keys = np.zeros(words.shape[1], np.int32)
    for shift, bit in enumerate(range(chunk, _BITS, chunks)):
        keys |= ((words[bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)).astype(np.int32) << shift
    return keys


def _words(hashes: ByteArray) -> Words:
    """uint8 (n, 16) as uint64 (2, n)."""
    return np.ascontiguousarray(np.ascontiguousarray(hashes, np.uint8).reshape(-1, HASH_BYTES).view(np.uint64).T)

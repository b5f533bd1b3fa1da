from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.images import hamming_pairs, hamming_search


def bits_apart(first: np.ndarray, second: np.ndarray) -> int:
    return (int.from_bytes(first.tobytes(), "big") ^ int.from_bytes(second.tobytes(), "big")).bit_count()


def test_pairs_are_exactly_those_counted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (60, 16), dtype=np.uint8) & 3  # few bits, so many are near
    others = rng.integers(0, 256, (60, 16), dtype=np.uint8) & 3
    for second, given_others in ((hashes, None), (others, others)):
        expected = [[i, j] for i in range(60) for j in range(i + 1, 60) if bits_apart(hashes[i], second[j]) <= 14]
        assert 0 < len(expected) < 1770
        assert hamming_pairs(hashes, 14, given_others).tolist() == expected


def test_pairs_of_none_and_one() -> None:
    for n in (0, 1):
        assert hamming_pairs(np.zeros((n, 16), np.uint8), 128).shape == (0, 2)


def crowded(n: int, seed: int, max_bits: int) -> np.ndarray:
    """Hashes of which half lie around a few others, at distances about the limit."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (n, 16), dtype=np.uint8)
    centers = rng.integers(0, n, n // 2)
    bits = np.unpackbits(hashes[centers % 7], axis=1)
    for row, count in zip(bits, rng.integers(0, max_bits + 3, n // 2), strict=True):
        row[rng.choice(128, count, replace=False)] ^= 1
    hashes[n - n // 2 :] = np.packbits(bits, axis=1)
    return hashes


@settings(max_examples=25)
@given(st.integers(0, 999), st.sampled_from([0, 3, 8, 14, 18]), st.integers(6, 12), st.booleans())
def test_the_index_finds_the_same_pairs_as_counting_one_by_one(seed: int, max_bits: int, chunks: int, has_others: bool) -> None:
    first = hamming_search._words(crowded(300, seed, max_bits))
    second = hamming_search._words(crowded(300, seed + 1000, max_bits)) if has_others else first
    if has_others:
        second[:, ::3] = first[:, ::-3][:, : second[:, ::3].shape[1]]
    whole, rest = divmod(max_bits + 1, chunks)
    radii = tuple(whole - (chunk >= rest) for chunk in range(chunks))
    expected = hamming_search._compare_all(first, second, max_bits)
    assert len(expected) > 20
    np.testing.assert_array_equal(hamming_search._search_index(first, second, max_bits, radii), expected)


def test_a_pair_apart_by_as_many_bits_as_allowed_is_met_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    n, max_bits = 4_000, 14
    hashes = rng.integers(0, 256, (n, 16), dtype=np.uint8)
    bits = np.unpackbits(hashes[: n // 2], axis=1)
    for number, row in enumerate(bits):
        row[rng.choice(128, max_bits + number % 2, replace=False)] ^= 1
    hashes[n // 2 :] = np.packbits(bits, axis=1)
    words = hamming_search._words(hashes)
    for radii in ((2, 2, 2, 1, 1, 1), (1,) * 7 + (0,), (2, 1, 1, 1, 1, 1, 1)):
        assert sum(radius + 1 for radius in radii) == max_bits + 1
        found = hamming_search._search_index(words, words, max_bits, radii)
        assert found.tolist() == [[i, i + n // 2] for i in range(0, n // 2, 2)]


def test_radii_never_miss_and_small_sets_need_none() -> None:
    assert hamming_search._radii(2_000, 34) == ()
    for n in (60_000, 400_000, 2_000_000):
        for max_bits in (0, 5, 10, 14, 20):
            radii = hamming_search._radii(n, max_bits)
            assert not radii or sum(radius + 1 for radius in radii) == max_bits + 1
    assert hamming_search._radii(400_000, 14)


@pytest.mark.parametrize("is_flat", [False, True])
def test_planted_pairs_are_found_among_sixty_thousand_hashes(is_flat: bool) -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (60_000, 16), dtype=np.uint8)
    hashes[59_999] = hashes[77]
    hashes[123] = hashes[9_000]
    hashes[123, 3] ^= 0b101
    if is_flat:
        hashes[20_000:20_300] = 0
    found = hamming_pairs(hashes, 14).tolist()
    flat = [[i, j] for i in range(20_000, 20_300) for j in range(i + 1, 20_300)] if is_flat else []
    assert found == [[77, 59_999], [123, 9_000], *flat]

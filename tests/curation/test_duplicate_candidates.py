from __future__ import annotations

import numpy as np

from tellapart.curation import duplicate_candidates as module
from tellapart.curation import feature_neighbors
from tellapart.curation.duplicate_candidates import candidate_pairs, hash_limit


def unlike(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, (n, 16), dtype=np.uint8),
        rng.integers(0, 256, (n, 16), dtype=np.uint8),
        rng.normal(size=(n, 64)).astype(np.float32),
    )


def test_pairs_near_by_hash_and_not_unlike_by_features_are_candidates() -> None:
    hashes, mirrored, values = unlike(200)
    hashes[7], values[7] = hashes[3], values[3]
    mirrored[9], values[9] = hashes[4], values[4]
    hashes[8] = hashes[5]
    found = candidate_pairs(hashes, mirrored, values)
    pairs = {tuple(pair): row for row, pair in enumerate(found.pairs.tolist())}
    assert {(3, 7), (4, 9)} <= pairs.keys()
    assert (5, 8) not in pairs, "features say no"
    assert (found.bits[pairs[3, 7]], found.mirror_bits[pairs[4, 9]]) == (0, 0)
    assert found.is_near[[pairs[3, 7], pairs[4, 9]]].all()
    np.testing.assert_allclose(found.cosines[[pairs[3, 7], pairs[4, 9]]], 1, atol=1e-5)


def test_without_features_the_hash_alone_proposes() -> None:
    hashes, mirrored, _ = unlike(200)
    hashes[8] = hashes[5]
    found = candidate_pairs(hashes, mirrored, np.zeros((200, 0), np.float32))
    assert [5, 8] in found.pairs.tolist()
    assert (found.cosines == 0).all()


def test_neighbors_by_features_are_candidates_unless_far_by_hash() -> None:
    hashes, mirrored, values = unlike(100)
    values[7] = values[3]
    bits = np.unpackbits(hashes[3])
    bits[:46] ^= 1
    hashes[7] = np.packbits(bits)
    values[9], hashes[9], mirrored[9] = values[4], ~hashes[4], ~hashes[4]
    found = candidate_pairs(hashes, mirrored, values).pairs.tolist()
    assert [3, 7] in found
    assert [4, 9] not in found


def test_main_directions_find_the_neighbors_too(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    hashes, mirrored, _ = unlike(400)
    values = (rng.normal(size=(400, 40)) @ rng.normal(size=(40, 200))).astype(np.float32)
    values[200:] = values[:200] + 0.05 * rng.normal(size=(200, 200))
    hashes[200:] = hashes[:200]
    hashes[200:, :5] ^= 255
    monkeypatch.setattr(feature_neighbors, "EXACT_LIMIT", 100)
    found = {tuple(pair) for pair in candidate_pairs(hashes, mirrored, values).pairs.tolist()}
    assert {(i, i + 200) for i in range(200)} <= found


def test_crowded_sets_keep_the_likeliest_pairs() -> None:
    hashes, mirrored, values = unlike(300)
    hashes[:100], values[:100] = hashes[0], values[0] + 0.3 * values[:100]
    hashes[1], values[1] = hashes[0], values[0]
    found = candidate_pairs(hashes, mirrored, values)
    assert len(found) <= module.MAX_PER_IMAGE * 300
    assert [0, 1] in found.pairs.tolist()


def test_larger_sets_are_searched_less_far() -> None:
    assert [hash_limit(n) for n in (10, 6_000, 6_001, 50_000, 50_001, 10**6)] == [34, 34, 24, 24, 14, 14]

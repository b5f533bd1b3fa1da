"""Near-duplicates: the same photo saved again, resized, slightly cropped, bordered or mirrored.

Hashes propose, features and a miniature decide: a difference hash alone merges different things photographed on a
plain background. Thresholds were set on the pairs listed in docs/log.md (2026-11-21). ``SAME_FILE`` is for pictures
whose features a strong compression moves far (grainy or small ones) while hash and miniature stay the same: it found
no wrong pair among 8,600 photos of clothes, people and solar cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.features import FeatureMatrix
from tellapart.features.matrix import unit_rows
from tellapart.images.hash_pairs import hamming_pairs
from tellapart.images.hashing import mirrored_signature
from tellapart.types import BoolArray, ByteArray, FloatArray, IntArray

SAME_FILE = {"bits": 10, "cosine": 0.30, "correlation": 0.998}
SAME_PICTURE = {"bits": 24, "cosine": 0.70, "correlation": 0.985}
SAME_SCENE = {"bits": 34, "cosine": 0.87, "correlation": 0.90}
SMALLEST_SET, SAMPLE = 64, 256

Signatures = Callable[[Sequence[str]], FloatArray]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two images that show the same photo, or nearly pass for it.

    Attributes:
        first, second: image ids.
        similarity: 0..1; how well they agree where both show something.
        is_copy: whether it is the same photo; else the pair is one for the eye.
        is_mirrored: one is the mirror image of the other.
        framed: ids of those of the two that have a frame or caption bar which the other has not.
    """

    first: str
    second: str
    similarity: float
    is_copy: bool = True
    is_mirrored: bool = False
    framed: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        """Both ids."""
        return self.first, self.second


def near_duplicates(hashes: ByteArray, mirror_hashes: ByteArray, features: FeatureMatrix, signatures: Signatures) -> list[tuple[str, str]]:
    """Pairs of image ids that show the same photo.

    Args:
        hashes: uint8 (n, 16), in the order of ``features.image_ids``.
        mirror_hashes: the same of the mirror images.
        features: any backbone's; standardised here, so that cosines of unlike pictures lie about 0.
        signatures: gives the (m, 768) miniatures of m images; asked only for likely pairs.
    """
    n = len(features)
    if n < 3:
        return []
    bits = _candidate_bits(n)
    units = unit_rows((features.values - features.values.mean(axis=0)) / np.maximum(features.values.std(axis=0), 1e-6))
    found: set[tuple[str, str]] = set()
    for others, is_mirrored in ((hashes, False), (mirror_hashes, True)):
        pairs = hamming_pairs(hashes, bits, others)
        distances = np.bitwise_count(hashes[pairs[:, 0]] ^ others[pairs[:, 1]]).sum(axis=1)
        cosines = np.einsum("ij,ij->i", units[pairs[:, 0]], units[pairs[:, 1]])
        likely = _passes(distances, cosines, np.ones(len(pairs)))
        pairs, distances, cosines = pairs[likely], distances[likely], cosines[likely]
        correlations = _correlations(pairs, features.image_ids, signatures, is_mirrored=is_mirrored)
        for first, second in pairs[_passes(distances, cosines, correlations)]:
            found.add((features.image_ids[first], features.image_ids[second]))
    return sorted(found)


def connected_groups(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each name: names joined by pairs, directly or through others, share the smallest of them."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return {name: root(name) for name in parent}


def _candidate_bits(n: int) -> int:
    """Pairs grow with the square of n, and so do chance neighbours: look less far in larger sets."""
    return SAME_SCENE["bits"] if n <= 6_000 else 24 if n <= 50_000 else 14  # type: ignore[return-value]


def _passes(distances: IntArray, cosines: FloatArray, correlations: FloatArray) -> BoolArray:
    is_near = np.zeros(len(distances), bool)
    for rule in (SAME_FILE, SAME_PICTURE, SAME_SCENE):
        is_near |= (distances <= rule["bits"]) & (cosines >= rule["cosine"]) & (correlations >= rule["correlation"])
    return is_near


def _correlations(pairs: IntArray, image_ids: Sequence[str], signatures: Signatures, *, is_mirrored: bool) -> FloatArray:
    """Correlations of the pairs' miniatures, after taking away what all pictures of the set have in common."""
    if not len(pairs):
        return np.empty(0)
    needed = np.unique(pairs)
    rows = signatures([image_ids[i] for i in needed]).astype(np.float32)
    first, second = rows[np.searchsorted(needed, pairs[:, 0])], rows[np.searchsorted(needed, pairs[:, 1])]
    if is_mirrored:
        second = np.stack([mirrored_signature(row) for row in second])
    common = _common_picture(image_ids, signatures)
    return np.asarray(np.einsum("ij,ij->i", unit_rows(first - common), unit_rows(second - common)))


def _common_picture(image_ids: Sequence[str], signatures: Signatures) -> FloatArray:
    """The mean miniature of the set (768,): the frame and bars of solar cells, next to nothing for holiday photos.

    Without it any two pictures of such a set look the same. Sets too small to tell common from copied have none.
    """
    if len(image_ids) < SMALLEST_SET:
        return np.zeros(1, np.float32)
    sample = image_ids[:: max(1, len(image_ids) // SAMPLE)][:SAMPLE]
    return np.asarray(signatures(sample).astype(np.float32).mean(axis=0))

"""Detect near-duplicates while collecting: re-encoded, resized, slightly cropped, brightened or mirrored copies of a stored photo.

A difference hash proposes, a 16 x 16 miniature decides: alone, the hash merges different things photographed on one
plain background. A cropped copy's miniature agrees no better with the original than two white shirts on one floor agree
with each other; but the shirts also agree with a third one. So a likeness that is good but not perfect counts only where
it stands out: where it is far better than with any other image. No feature vectors are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tellapart.array_types import ByteArray, FloatArray, IntArray
from tellapart.images.perceptual_hash import HASH_BYTES, mirrored_signature

Signatures = Callable[[Sequence[str]], FloatArray]
"""The signatures of some images, float (m, 768), in the order given."""

NEAR_BITS = 18
"""Of 128; a copy cropped by 3 % on every side lies within 12 in half of the cases, and within 19 in nine of ten."""
SAME_CORRELATION = 0.99
"""At or above this correlation it is the same photo, regardless of the other images."""
LIKE_CORRELATION = 0.93
"""From here on it is the same photo if its disagreement is at most ``STANDS_OUT`` of the next best's."""
STANDS_OUT = 0.2
RIVAL_BITS = 40
MOST_RIVALS = 64
COMMON_FROM = 64
_SAMPLE = 256
_FIRST_ROOM = 1024


class DuplicateIndex:
    """The perceptual hashes of all stored images; a query takes about 1 ms with 400,000 of them.

    Not for several threads at once. Between :meth:`twin` and :meth:`add` there must be no await, or of two copies that
    arrive together both are kept.

    Args:
        signatures: reads the few that are needed, so that they are not all in memory (1.5 kB each).
    """

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._ids: list[str] = []
        self._words = np.empty((2, _FIRST_ROOM), np.uint64)
        self._scratch = np.empty(_FIRST_ROOM, np.uint64)
        self._counts = np.empty((2, _FIRST_ROOM), np.uint8)
        self._common: FloatArray = np.zeros(1, np.float32)
        self._common_at = 0

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, image: str, plain_hash: bytes) -> None:
        """Add an accepted image; ``signatures`` must be able to read it from now on."""
        self.extend([(image, plain_hash)])

    def extend(self, images: Iterable[tuple[str, bytes]]) -> None:
        """Remember many, as (id, 16-byte hash); those without a hash are passed over."""
        rows = [(image, plain) for image, plain in images if len(plain) == HASH_BYTES]
        if not rows:
            return
        start, end = len(self._ids), len(self._ids) + len(rows)
        self._make_room(end)
        hashes = np.frombuffer(b"".join(plain for _, plain in rows), np.uint64).reshape(-1, 2)
        self._words[:, start:end] = hashes.T
        self._ids.extend(image for image, _ in rows)

    def twin(self, plain_hash: bytes, mirror_hash: bytes, signature: bytes) -> str | None:
        """The id of the known image that shows the same photo, the nearest where there are several; else None.

        Args:
            plain_hash: the new image's difference hash, 16 bytes.
            mirror_hash: the hash of its mirror image.
            signature: its float16 (768,) miniature as bytes.
        """
        if not self._ids or len(plain_hash) != HASH_BYTES:
            return None
        self._renew_common()
        own = np.frombuffer(signature, np.float16)
        sides = ((plain_hash, own), (mirror_hash, mirrored_signature(own)))
        likest = max(
            (match for hash_bytes, miniature in sides for match in self._nearest(hash_bytes, miniature, NEAR_BITS)[:1]), default=None
        )
        if likest is None or likest[0] < LIKE_CORRELATION:
            return None
        if likest[0] < SAME_CORRELATION:
            match = [pair for hash_bytes, miniature in sides for pair in self._nearest(hash_bytes, miniature, RIVAL_BITS)]
            rival = max((correlation for correlation, at in match if at != likest[1]), default=0.0)
            if 1 - likest[0] > STANDS_OUT * (1 - max(0.0, rival)):
                return None
        return self._ids[likest[1]]

    def _nearest(self, hash_bytes: bytes, miniature: FloatArray, bits: int) -> list[tuple[float, int]]:
        """Correlation and place of the images near by hash, best first."""
        near = self._near(hash_bytes, bits)
        if not len(near):
            return []
        correlations = self._correlations([self._ids[at] for at in near], miniature)
        return sorted(zip(correlations.tolist(), near.tolist(), strict=True), reverse=True)

    def _near(self, hash_bytes: bytes, bits: int) -> IntArray:
        """Places of the images whose hash differs from ``hash_bytes`` in at most ``bits`` bits; the nearest where there are many."""
        n = len(self._ids)
        scratch, counts = self._scratch[:n], self._counts[:, :n]
        for half, word in enumerate(np.frombuffer(hash_bytes, np.uint64)):
            np.bitwise_xor(self._words[half, :n], word, out=scratch)
            np.bitwise_count(scratch, out=counts[half])
        distances = np.add(counts[0], counts[1], out=counts[0])
        near = np.flatnonzero(distances <= bits)
        return near[np.argsort(distances[near], kind="stable")][:MOST_RIVALS]

    def _correlations(self, names: Sequence[str], miniature: FloatArray) -> FloatArray:
        """Correlations with the named images, after taking away what all images have in common."""
        others = _units(self._signatures(names).astype(np.float32) - self._common)
        return np.asarray(others @ _units(miniature.astype(np.float32) - self._common))

    def _renew_common(self) -> None:
        """The mean miniature of the set, each time it has doubled: frame and bars of solar cells, next to nothing for holiday photos."""
        n = len(self._ids)
        if n < COMMON_FROM or n < 2 * self._common_at:
            return
        sample = self._ids[:: max(1, n // _SAMPLE)][:_SAMPLE]
        self._common = np.asarray(self._signatures(sample).astype(np.float32).mean(axis=0))
        self._common_at = n

    def _make_room(self, needed: int) -> None:
        room = len(self._scratch)
        if needed <= room:
            return
        while room < needed:
            room *= 2
        words: ByteArray | np.ndarray[tuple[int, ...], np.dtype[np.uint64]] = np.empty((2, room), np.uint64)
        words[:, : len(self._ids)] = self._words[:, : len(self._ids)]
        self._words, self._scratch, self._counts = words, np.empty(room, np.uint64), np.empty((2, room), np.uint8)  # type: ignore[assignment]


def _units(rows: FloatArray) -> FloatArray:
    """Rows of length 1; rows of zeros, from flat images, stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-6))

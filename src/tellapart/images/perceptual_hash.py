"""Perceptual hashes that survive resizing and recompression: 128-bit difference hashes find near-duplicates, signatures confirm them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.array_types import ByteArray, FloatArray
from tellapart.images.resizing import shrink

HASH_BYTES = 16
SIGNATURE_SIDE = 16
_HASHED_LONG_EDGE = 128
_FLAT_SPREAD = 0.5


def difference_hash(pixels: ByteArray) -> bytes:
    """The 128-bit difference hash of uint8 (h, w, 3) ``pixels``, as 16 bytes.

    The first 64 bits tell whether each of 9 x 8 gray cells is brighter than its right neighbor; the last 64, on 8 x 9 cells, than
    the one below.
    """
    return difference_hashes(pixels)[0]


def difference_hashes(pixels: ByteArray) -> tuple[bytes, bytes]:
    """The difference hashes of uint8 (h, w, 3) ``pixels`` and of their left-right mirror image, 16 bytes each."""
    gray = Image.fromarray(shrink(pixels, _HASHED_LONG_EDGE)).convert("L")
    wide, tall = _cells(gray, 9, 8), _cells(gray, 8, 9)
    return _bits(wide, tall), _bits(wide[:, ::-1], tall[:, ::-1])


def _cells(gray: Image.Image, columns: int, rows: int) -> NDArray[np.int16]:
    """Mean gray level of each cell of a grid, int16 (rows, columns)."""
    return np.asarray(gray.resize((columns, rows), Image.Resampling.BOX)).astype(np.int16)


def _bits(wide: NDArray[np.int16], tall: NDArray[np.int16]) -> bytes:
    """Pack the two directions of differences."""
    return np.packbits(np.concatenate([(wide[:, :-1] > wide[:, 1:]).ravel(), (tall[:-1] > tall[1:]).ravel()])).tobytes()


def signature(pixels: ByteArray) -> NDArray[np.float16]:
    """A 16 x 16 color thumbnail of uint8 (h, w, 3) ``pixels``, centered and of unit length: float16 (768,).

    The dot product of two signatures is their correlation, -1..1. Flat images (standard deviation below half a gray level) give
    zeros.
    """
    small = Image.fromarray(shrink(pixels, _HASHED_LONG_EDGE)).resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float32).ravel()
    values -= values.mean()
    length = float(np.linalg.norm(values))
    if length < _FLAT_SPREAD * values.size**0.5:
        return np.zeros(values.size, np.float16)
    return (values / length).astype(np.float16)


def mirrored_signature(signature: NDArray[np.float16]) -> NDArray[np.float16]:
    """The signature, float16 (768,), of the left-right mirror image."""
    return signature.reshape(SIGNATURE_SIDE, SIGNATURE_SIDE, 3)[:, ::-1].ravel()


def correlation(first: NDArray[Any], second: NDArray[Any]) -> FloatArray:
    """Correlations -1..1 of signatures row by row: (m, 768) and (m, 768) give float32 (m,)."""
    result: FloatArray = np.einsum("...i,...i->...", first.astype(np.float32), second.astype(np.float32))
    return result

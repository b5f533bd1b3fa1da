"""The antialiased bicubic resize of 8-bit pixels in numpy, bit for bit as torch's: for programs that do without torch.

Weights are whole numbers of 16 bits, rows come before columns, and each direction is rounded to 8 bits (ATen's
``UpSampleKernelAVXAntialias.h``, which follows Pillow-SIMD). The page that classifies in a browser computes the same.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tellapart.array_types import ByteArray, IntArray

SHARPNESS = -0.5
"""The free coefficient of the cubic (Keys 1981)."""
SUPPORT = 2.0
MOST_BITS = 22
LARGEST_WEIGHT = 1 << 15


def resample(pixels: ByteArray, height: int, width: int) -> ByteArray:
    """Antialiased bicubic of uint8 (h, w, c) to uint8 (height, width, c), as ``torch.nn.functional.interpolate`` gives it."""
    if pixels.shape[1] != width:
        pixels = _along_rows(pixels.transpose(1, 0, 2), width).transpose(1, 0, 2)
    if pixels.shape[0] != height:
        pixels = _along_rows(pixels, height)
    return np.array(pixels, order="C")


def _along_rows(pixels: ByteArray, size: int) -> ByteArray:
    """uint8 (h, w, c) to uint8 (size, w, c)."""
    first, weights, bits = integer_weights(pixels.shape[0], size)
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    total = np.full((size, rows.shape[1]), 1 << (bits - 1), np.int32)
    for tap, weight in enumerate(weights):
        total += np.multiply(rows[np.minimum(first + tap, len(rows) - 1)], weight[:, None], dtype=np.int32)
    total >>= bits
    return np.clip(total, 0, 255, out=total).astype(np.uint8).reshape(size, *pixels.shape[1:])


@lru_cache(maxsize=256)
def integer_weights(length: int, size: int) -> tuple[IntArray, IntArray, int]:
    """Where each of ``size`` new pixels begins among ``length`` old ones, its weights, and their fractional bits.

    Returns:
        int64 (size,); int32 (taps, size), 0 beyond the end; the number of bits.
    """
    scale = length / size
    support = SUPPORT * max(scale, 1.0)
    center = scale * (np.arange(size) + 0.5)
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    count = np.minimum((center + support + 0.5).astype(np.int64), length) - first
    taps = np.arange(count.max())[:, None]
    weights = np.where(taps < count, _cubic((taps + first - center + 0.5) / max(scale, 1.0)), 0.0)
    weights /= weights.sum(axis=0)
    bits = 0
    while bits < MOST_BITS and int(0.5 + weights.max() * (1 << (bits + 1))) < LARGEST_WEIGHT:
        bits += 1
    scaled = weights * (1 << bits)
    return first, np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int32), bits


def _cubic(x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Keys' cubic at distances float64 (...)."""
    x, a = np.abs(x), SHARPNESS
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))

"""Statistics of one image: brightness, contrast, sharpness, color and entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import ByteArray
from tellapart.images.resizing import shrink

_LONG_EDGE = 128
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GRAIN = 1.0
"""Squared gray levels per pixel that do not count as an edge, so that noise does not make flat images look sharp."""


@dataclass(frozen=True)
class ImageStatistics:
    """Statistics measured with the longer side at 128 pixels (smaller images as they are)."""

    brightness: float
    """Mean gray level, 0 (black) to 255 (white)."""
    contrast: float
    """Standard deviation of the gray levels, 0 to 127.5 gray levels."""
    sharpness: float
    """Variance of the 4-neighbor Laplacian, in squared gray levels: blurred below about 50, crisp above about 500."""
    red: float
    """Mean of the red channel, 0 to 255."""
    green: float
    """Mean of the green channel, 0 to 255."""
    blue: float
    """Mean of the blue channel, 0 to 255."""
    darkest: float
    """5th percentile of the gray levels, 0 to 255."""
    brightest: float
    """95th percentile of the gray levels, 0 to 255."""
    entropy: float
    """Shannon entropy of the gray levels, 0 (one level) to 8 bits (all levels equally frequent)."""
    chroma: float
    """98th percentile of the difference between the strongest and the weakest channel, 0 (gray) to 255."""
    acutance: float
    """Root mean square of the Laplacian over that of the gradient: how narrow edges are at any contrast; blurred below about 1."""


def image_statistics(pixels: ByteArray) -> ImageStatistics:
    """Statistics of uint8 (h, w, 3) ``pixels``; pass ``shrink(pixels, 128)`` if it is already computed."""
    shrunk = shrink(pixels, _LONG_EDGE)
    small = shrunk.astype(np.float32)
    gray = small @ _LUMA
    flat = small.reshape(-1, 3)
    red, green, blue = np.ones(len(flat), np.float32) @ flat / len(flat)
    levels = _counts(gray.astype(np.uint8))
    r, g, b = shrunk[..., 0], shrunk[..., 1], shrunk[..., 2]
    chroma = _counts(np.maximum(np.maximum(r, g), b) - np.minimum(np.minimum(r, g), b))
    laplacian = _laplacian(gray)
    return ImageStatistics(
        brightness=float(gray.mean()),
        contrast=float(gray.std()),
        sharpness=float(laplacian.var()) if laplacian.size else 0.0,
        red=float(red),
        green=float(green),
        blue=float(blue),
        darkest=_level(levels, 0.05),
        brightest=_level(levels, 0.95),
        entropy=_entropy(levels),
        chroma=_level(chroma, 0.98),
        acutance=_acutance(gray, laplacian),
    )


def _counts(values: ByteArray) -> NDArray[np.int64]:
    """How often each of the levels 0..255 occurs."""
    return np.bincount(values.ravel(), minlength=256)


def _level(counts: NDArray[np.int64], share: float) -> float:
    """The lowest level that at least ``share`` of all values do not exceed."""
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()))


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def _laplacian(gray: NDArray[np.float32]) -> NDArray[Any]:
    """The 4-neighbor Laplacian (h - 2, w - 2) of float32 (h, w) ``gray``; empty if either side is below 3 pixels."""
    if min(gray.shape) < 3:
        return np.empty((0, 0), np.float32)
    return np.asarray(gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * gray[1:-1, 1:-1])


def _acutance(gray: NDArray[np.float32], laplacian: NDArray[Any]) -> float:
    if not laplacian.size:
        return 0.0
    across, down = gray[1:-1, 2:] - gray[1:-1, :-2], gray[2:, 1:-1] - gray[:-2, 1:-1]
    gradient = (np.square(across).mean() + np.square(down).mean()) / 4
    return float(np.sqrt(np.square(laplacian).mean() / (gradient + _GRAIN)))

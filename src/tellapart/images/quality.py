"""Plain facts of a picture: how bright, how contrasty, how sharp, which colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.images.resizing import shrink
from tellapart.types import ByteArray

_LONG_EDGE = 128
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Facts:
    """What one picture looks like, measured with its longer side at 128 pixels (or as it is, when smaller)."""

    brightness: float
    """Mean grey level, 0 (black) to 255 (white)."""
    contrast: float
    """Standard deviation of the grey levels, 0 to 127.5 grey levels."""
    sharpness: float
    """Variance of the 4-neighbour Laplacian, in squared grey levels: blurred below about 50, crisp above about 500."""
    red: float
    """Mean of the red channel, 0 to 255."""
    green: float
    """Mean of the green channel, 0 to 255."""
    blue: float
    """Mean of the blue channel, 0 to 255."""


def facts(pixels: ByteArray) -> Facts:
    """Measure uint8 (h, w, 3) ``pixels``; pass what ``shrink(pixels, 128)`` gave where several measures share it."""
    small = shrink(pixels, _LONG_EDGE).astype(np.float32)
    grey = small @ _LUMA
    red, green, blue = small.reshape(-1, 3).mean(axis=0)
    return Facts(
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        sharpness=_sharpness(grey),
        red=float(red),
        green=float(green),
        blue=float(blue),
    )


def _sharpness(grey: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """Variance of the Laplacian of float32 (h, w) ``grey``; 0 where it is too thin to have one."""
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner).var())

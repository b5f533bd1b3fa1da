"""Color jitter (brightness, contrast, saturation), noise, and random erasing."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.augmentation.affine import opencv
from tellapart.images.resizing import PAD_GRAY

_GRAY = np.array([0.299, 0.587, 0.114])
_ERASED_AREA = (0.02, 0.2)
_ERASED_ASPECT = 3.0


def jitter_color(pixels: ByteArray, brightness: float = 1.0, contrast: float = 1.0, color: float = 1.0) -> ByteArray:
    """Scale brightness, contrast (around the mean gray) and saturation of an image uint8 (h, w, 3); factors of 1 change nothing."""
    if brightness == contrast == color == 1.0:
        return pixels
    cv2 = opencv()
    mean = float(np.dot(cv2.mean(pixels)[:3], _GRAY)) * brightness
    gain, offset = brightness * contrast, mean * (1 - contrast)
    matrix = np.empty((3, 4))
    matrix[:, :3] = gain * (color * np.eye(3) + (1 - color) * _GRAY)
    matrix[:, 3] = offset
    mixed: ByteArray = cv2.transform(pixels, matrix)
    return mixed


def add_noise(pixels: ByteArray, deviation: float, draw: float) -> ByteArray:
    """Add Gaussian noise to an image uint8 (h, w, 3).

    Args:
        pixels: uint8 (h, w, 3).
        deviation: standard deviation in gray levels, 0 to 255.
        draw: random number in [0, 1), the seed of the noise.
    """
    generator = np.random.Generator(np.random.Philox(key=int(draw * 2.0**53)))
    grain = generator.standard_normal(pixels.shape, dtype=np.float32)
    grain *= deviation
    grain += pixels
    return np.clip(np.rint(grain, out=grain), 0, 255, out=grain).astype(np.uint8)


def erase_rectangle(pixels: ByteArray, area: float, aspect: float, x: float, y: float) -> ByteArray:
    """Random erasing: a copy of the image with one gray rectangle of 2 to 20 % of the area and an aspect ratio from 1:3 to 3:1.

    Args:
        pixels: uint8 (h, w, 3).
        area: random number in [0, 1) that decides the area.
        aspect: random number in [0, 1) that decides the aspect ratio; 0.5 for the image's own.
        x: random number in [0, 1) that decides the position from left to right.
        y: random number in [0, 1) that decides the position from top to bottom.
    """
    height, width = pixels.shape[:2]
    share = _ERASED_AREA[0] + area * (_ERASED_AREA[1] - _ERASED_AREA[0])
    shape = _ERASED_ASPECT ** (aspect - 0.5)
    tall, wide = max(1, round(height * share**0.5 / shape)), max(1, round(width * share**0.5 * shape))
    top, left = round(y * (height - tall)), round(x * (width - wide))
    result = pixels.copy()
    result[top : top + tall, left : left + wide] = PAD_GRAY
    return result

"""Warp images with their affine matrix in one resampling step, on the CPU with OpenCV."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray

Size = int | tuple[int, int]
"""A square's side, or (height, width), in pixels."""


@cache
def opencv() -> Any:
    """OpenCV on one thread a call: the callers are the threads."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def height_and_width(size: Size) -> tuple[int, int]:
    """Height and width of a size."""
    return (size, size) if isinstance(size, int) else size


def warp(pixels: ByteArray, matrices: FloatArray, *, out_size: Size | None = None, fill: str = "reflect") -> ByteArray:
    """Each image through its matrix, bilinear: uint8 (n, h, w, 3) to a new uint8 (n, *out_size, 3).

    Where a matrix is the identity or a plain flip, pixels are copied exactly. A side may have up to 32,766 pixels where they are not.

    Args:
        pixels: uint8 (n, h, w, 3).
        matrices: float64 (n, 2, 3); each maps x, y of a pixel of the result to x, y of the source, in pixels.
        out_size: side, or height and width, of the result; by default those of ``pixels``.
        fill: what lies outside the source: ``reflect``, ``nearest`` or ``black``.
    """
    cv2 = opencv()
    border = {"reflect": cv2.BORDER_REFLECT, "nearest": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}[fill]
    count, height, width = pixels.shape[:3]
    tall, wide = height_and_width(out_size) if out_size is not None else (height, width)
    result = np.empty((count, tall, wide, 3), np.uint8)
    for source, matrix, target in zip(pixels, matrices, result, strict=True):
        flips = _plain_flips(matrix, height, width) if (tall, wide) == (height, width) else None
        if flips == (False, False):
            target[:] = source
        elif flips is not None:
            cv2.flip(np.ascontiguousarray(source), {(False, True): 1, (True, False): 0, (True, True): -1}[flips], dst=target)
        else:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(np.ascontiguousarray(source), matrix, (wide, tall), dst=target, flags=flags, borderMode=border)
    return result


def _plain_flips(matrix: FloatArray, height: int, width: int) -> tuple[bool, bool] | None:
    """Whether rows and whether columns are reversed by a matrix that only copies or flips; None for any other."""
    across, down = matrix[0, 0], matrix[1, 1]
    if abs(across) != 1 or abs(down) != 1 or matrix[0, 1] or matrix[1, 0]:
        return None
    is_in_place = matrix[0, 2] == (width - 1 if across < 0 else 0) and matrix[1, 2] == (height - 1 if down < 0 else 0)
    return (bool(down < 0), bool(across < 0)) if is_in_place else None

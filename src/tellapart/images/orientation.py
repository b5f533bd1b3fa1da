"""The EXIF orientation tag: reading it cheaply, and turning pixels the right way up."""

from __future__ import annotations

import struct

import numpy as np

from tellapart.types import ByteArray

_TAG = 0x0112
_MOST_ENTRIES = 512


def exif_orientation(tiff: bytes) -> int:
    """The orientation 1-8 in an EXIF block (``tiff`` begins with "II" or "MM"); 1 when absent or nonsense."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        start: int = struct.unpack_from(order + "I", tiff, 4)[0]
        count: int = struct.unpack_from(order + "H", tiff, start)[0]
        for at in range(start + 2, start + 2 + 12 * min(count, _MOST_ENTRIES), 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, at)
            if tag == _TAG:
                value: int = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, at + 8)[0]
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def swaps_sides(orientation: int) -> bool:
    """Whether turning upright exchanges width and height."""
    return orientation >= 5


def upright(pixels: ByteArray, orientation: int) -> ByteArray:
    """``pixels`` (h, w, 3) turned upright and contiguous; orientation 1 returns the same array."""
    if orientation == 1:
        return pixels
    if swaps_sides(orientation):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    turned = np.empty(pixels.shape, np.uint8)
    for channel in range(3):  # 4 times faster than one copy of all three
        turned[..., channel] = pixels[..., channel]
    return turned

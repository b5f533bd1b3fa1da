"""The orientation in EXIF or XMP: reading it, and rotating pixels upright."""

from __future__ import annotations

import re
import struct

import numpy as np

from tellapart.array_types import ByteArray

_TAG = 0x0112
_MAX_ENTRIES = 512
_XMP = re.compile(rb"""\btiff:Orientation(?:\s*=\s*["']|\s*>)\s*([1-8])\s*["'<]""")


def exif_orientation(tiff: bytes) -> int | None:
    """The orientation 1-8 in an EXIF block (``tiff`` starts with "II" or "MM"); None if absent or invalid."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        start: int = struct.unpack_from(order + "I", tiff, 4)[0]
        count: int = struct.unpack_from(order + "H", tiff, start)[0]
        for at in range(start + 2, start + 2 + 12 * min(count, _MAX_ENTRIES), 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, at)
            if tag == _TAG:
                value: int = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, at + 8)[0]
                return value if 1 <= value <= 8 else None
    except struct.error:
        pass
    return None


def xmp_orientation(packet: bytes) -> int:
    """The orientation 1-8 in an XMP packet, as an attribute or an element; 1 if absent or invalid."""
    match = _XMP.search(packet)
    return int(match[1]) if match else 1


def swaps_sides(orientation: int) -> bool:
    """Whether this orientation swaps width and height."""
    return orientation >= 5


def upright(pixels: ByteArray, orientation: int) -> ByteArray:
    """uint8 (h, w, 3) ``pixels`` rotated and flipped by their EXIF orientation, contiguous; orientation 1 returns the same array."""
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

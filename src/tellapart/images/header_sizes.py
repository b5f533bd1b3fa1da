"""Sizes that the header of a file states: its width and height in pixels, and its length in bytes.

For JPEG see :mod:`tellapart.images.jpeg_header`.
"""

from __future__ import annotations

from typing import Literal


def declared_size(data: bytes, name: str) -> tuple[int, int] | None:
    """Width and height in pixels from the header of a PNG, GIF, BMP, WebP or ICO file; None for other formats and variants."""
    if name == "PNG" and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if name == "GIF":
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if name == "BMP" and int.from_bytes(data[14:18], "little") >= 40:
        return abs(int.from_bytes(data[18:22], "little", signed=True)), abs(int.from_bytes(data[22:26], "little", signed=True))
    if name == "ICO":
        return _ico_size(data)
    return _webp_size(data) if name == "WEBP" else None


def _ico_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the largest PNG in an icon; the icon directory may give a smaller size."""
    offsets = (int.from_bytes(data[at + 12 : at + 16], "little") for at in range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16))
    sizes = [declared_size(data[offset : offset + 24], "PNG") for offset in offsets if data.startswith(b"\x89PNG", offset)]
    return max((size for size in sizes if size), key=lambda size: size[0] * size[1], default=None)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file: extended, lossless or lossy."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None


def ends_early(data: bytes, name: str) -> bool:
    """Whether a WebP, TIFF or AVIF file is shorter than its header says."""
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if name == "TIFF":
        order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
        return len(data) < 10 or int.from_bytes(data[4:8], order) + 2 > len(data)
    at = 0
    while name == "AVIF" and at < len(data):
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return at > len(data)

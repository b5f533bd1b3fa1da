"""Small JPEGs for reports and contact sheets."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.images.resizing import shrink

_QUALITY = 80


def thumbnail(pixels: ByteArray, long_edge: int = 128) -> bytes:
    """Encode uint8 (h, w, 3) ``pixels`` as a JPEG (quality 80) whose longer side is at most ``long_edge`` pixels."""
    import simplejpeg

    small = np.ascontiguousarray(shrink(pixels, long_edge))
    encoded: bytes = simplejpeg.encode_jpeg(small, quality=_QUALITY, colorspace="RGB", colorsubsampling="420")
    return encoded

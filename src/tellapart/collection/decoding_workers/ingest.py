"""Ingest of a downloaded image: decode, crop, resize and hash, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray
from tellapart.collection.decoding_workers.ipc import DecodeResult
from tellapart.errors import ImageError
from tellapart.images import decode, difference_hashes, shrink, signature
from tellapart.images.formats import sniff_format
from tellapart.images.header_sizes import declared_size
from tellapart.images.jpeg_header import read_jpeg_header
from tellapart.images.memory_limits import LOCK_BYTES
from tellapart.images.pillow_decoder import scale_factor

CropHook = Callable[[ByteArray], Sequence[float] | None]
"""Given uint8 (h, w, 3) pixels, read-only: the box (left, top, right, bottom) in pixels to keep, or None where there is nothing."""

NOTHING_FOUND = "the crop hook found nothing"
JPEG_QUALITY = 92
_FINGERPRINT_EDGE = 128
_FINGERPRINT_MIN_SIZE = _FINGERPRINT_EDGE // 2
_OTHER_BYTES_A_PIXEL = 7


def ingest_image(body: bytes, *, side: int | None = None, hook: CropHook | None = None) -> DecodeResult:
    """Decode the file ``body``; a file that cannot be used is returned with the reason.

    An image whose longer side is over ``side`` pixels, or of which ``hook`` keeps a part, is returned as a new JPEG in
    ``body``: upright, sRGB, without metadata. Anything else is kept as it is, byte for byte.
    """
    try:
        return _taken_in(body, side, hook)
    except ImageError as error:
        return DecodeResult(reason=str(error))
    except MemoryError:
        return DecodeResult(reason="not enough memory to decode it")
    except Exception as error:  # one image's failure is a row, whatever a decoder raises
        return DecodeResult(reason=f"the decoder failed: {type(error).__name__}: {error}"[:200])


def is_large(body: bytes, *, side: int | None = None, is_cropped: bool = False) -> bool:
    """Whether decoding ``body`` takes so much memory that no other image should be decoded at the same time; from its header only."""
    try:
        name, width, height, fixed = _declared(body)
    except ImageError:
        return False
    if not width:
        return True
    factor = scale_factor(width, height, _min_size(width, height, side, is_cropped)) if name == "JPEG" else 1
    return fixed + _OTHER_BYTES_A_PIXEL * width * height // factor**2 > LOCK_BYTES


def _taken_in(body: bytes, side: int | None, hook: CropHook | None) -> DecodeResult:
    name, width, height, _ = _declared(body)
    image = decode(body, min_size=_min_size(width, height, side, hook is not None))
    pixels, width, height = image.pixels, image.width, image.height
    is_new = False
    if hook is not None:
        left, top, right, bottom = _box(hook, pixels)
        is_new = (right - left, bottom - top) != (width, height)
        pixels, width, height = np.ascontiguousarray(pixels[top:bottom, left:right]), right - left, bottom - top
    before = pixels
    if side is not None and max(width, height) > side:
        is_new = True
        width, height = (max(1, round(edge * side / max(width, height))) for edge in (width, height))
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0))
    small = shrink(before if max(width, height) < _FINGERPRINT_EDGE else pixels, _FINGERPRINT_EDGE)
    plain, mirrored = difference_hashes(small)
    return DecodeResult(
        format="JPEG" if is_new else name,
        width=width,
        height=height,
        hash=plain,
        mirror_hash=mirrored,
        signature=signature(small).tobytes(),
        body=_jpeg(pixels) if is_new else None,
    )


def _declared(body: bytes) -> tuple[str, int, int, int]:
    """Format, width and height as stored (0 if not in the header), and bytes that decoding takes at any scale.

    Raises:
        ImageError: no image, or a JPEG whose header makes no sense.
    """
    name = sniff_format(body)
    if name == "JPEG":
        header = read_jpeg_header(body)
        return name, header.width, header.height, header.coefficient_bytes
    return (name, *(declared_size(body, name) or (0, 0)), 0)


def _min_size(width: int, height: int, side: int | None, is_cropped: bool) -> int | None:
    """The ``min_size`` for :func:`decode`: all pixels for a crop; 1.5 times the target for an image that is resized; else few."""
    if is_cropped:
        return None
    if side is None or 0 < max(width, height) <= side:
        return _FINGERPRINT_MIN_SIZE
    return max(_FINGERPRINT_MIN_SIZE, -(-3 * side // 4))


def _box(hook: CropHook, pixels: ByteArray) -> tuple[int, int, int, int]:
    """The hook's box, within the image.

    Raises:
        ImageError: the hook found nothing, failed, or gave something else.
    """
    read_only = pixels.view()
    read_only.flags.writeable = False
    try:
        answer: Any = hook(read_only)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"the crop hook failed: {type(error).__name__}: {error}"[:200]) from error
    if answer is None:
        raise ImageError(NOTHING_FOUND)
    height, width = pixels.shape[:2]
    try:
        left, top, right, bottom = (round(float(edge)) for edge in answer)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageError(f"the crop hook gave {answer!r}, not a box (left, top, right, bottom)"[:200]) from error
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if left >= right or top >= bottom:
        raise ImageError(f"the crop hook gave an empty box: {answer!r} in {width} x {height} pixels"[:200])
    return left, top, right, bottom


def _jpeg(pixels: ByteArray) -> bytes:
    import simplejpeg

    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
    return encoded

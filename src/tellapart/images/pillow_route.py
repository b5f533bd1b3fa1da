"""Decoding through Pillow: everything that is not an ordinary JPEG."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image

from tellapart.errors import ImageError
from tellapart.images.colours import rgb_pixels
from tellapart.images.formats import declared_size
from tellapart.images.jpeg_header import JpegHeader
from tellapart.images.limits import check_memory, memory_for
from tellapart.images.orientation import exif_orientation, swaps_sides, upright
from tellapart.types import ByteArray

_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
_DECODER_BYTES = {"WEBP": 12, "AVIF": 8, "TIFF": 4, "GIF": 1}
"""Bytes a pixel that the format's own decoder takes beside Pillow's image."""

_quiet_lock = threading.Lock()
_quiet_threads = 0
_PILLOW_MODULES = r"PIL\."


def scale_factor(width: int, height: int, min_size: int | None) -> int:
    """The largest of 8, 4, 2 that leaves both sides at least ``2 * min_size`` pixels, else 1."""
    if not min_size:
        return 1
    return next((factor for factor in (8, 4, 2) if min(-(-width // factor), -(-height // factor)) >= 2 * min_size), 1)


def decoded_jpeg(data: bytes, header: JpegHeader, factor: int) -> ByteArray:
    """A JPEG through Pillow (CMYK, YCCK, or one the fast decoder complained about): upright uint8 (h, w, 3).

    Raises:
        ImageError: with the reason.
    """
    width, height = header.width, header.height
    bytes_needed = header.coefficient_bytes + width * height * (7 if header.orientation == 1 else 10) // factor**2
    with memory_for(width, height, bytes_needed), _opened(data, "JPEG") as image:
        if factor > 1:
            image.draft(image.mode, (width // factor, height // factor))
        image.load()
        return upright(rgb_pixels(image, 1, header.icc_profile), header.orientation)


def decoded_any(data: bytes, name: str, min_size: int | None) -> tuple[ByteArray, int, int]:
    """Upright uint8 (h, w, 3) pixels of the first frame, and the full width and height in pixels after turning upright.

    Raises:
        ImageError: with the reason.
    """
    declared = declared_size(data, name)
    if declared is not None:
        check_memory(*declared, declared[0] * declared[1] * (1 + _DECODER_BYTES.get(name, 0)))
    with _opened(data, name) as image:
        width, height = image.size
        factor = scale_factor(width, height, min_size)
        with memory_for(width, height, _bytes_needed(image, name, factor)):
            image.load()
            orientation = exif_orientation(image.getexif().tobytes()[6:]) if image.getexif() else 1
            pixels = upright(rgb_pixels(image, factor, image.info.get("icc_profile") or b""), orientation)
    if swaps_sides(orientation):
        width, height = height, width
    return pixels, width, height


def _bytes_needed(image: Image.Image, name: str, factor: int) -> int:
    """Memory to decode ``image``: Pillow's pixels, the format's own buffers, and the result twice (turning it copies it)."""
    width, height = image.size
    return width * height * (_MODE_BYTES.get(image.mode, 4) + _DECODER_BYTES.get(name, 0)) + 3 * width * height // factor**2


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open ``data`` as this one format; whatever goes wrong inside becomes an ImageError, and Pillow's warnings stay inside."""
    try:
        with _quiet_pillow(), Image.open(BytesIO(data), formats=[name]) as image:
            if 0 in image.size:
                raise ImageError(f"damaged: the header says {image.width} x {image.height} pixels")
            yield image
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"too many pixels to decode safely: {error}") from error
    except MemoryError as error:
        raise ImageError("not enough memory to decode it") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise ImageError(pillow_reason(error, name)) from error


def pillow_reason(error: Exception, name: str) -> str:
    """A short sentence for what Pillow raised on a file of format ``name``."""
    said = str(error).strip() or type(error).__name__
    if "truncated" in said.lower() or "unexpected end" in said.lower() or isinstance(error, EOFError):
        return f"cut off: the {name} data ends early"
    if "cannot identify image file" in said:
        return f"damaged: the {name} header makes no sense"
    if "unrecognized" in said.lower() or "not supported" in said.lower() or "unknown" in said.lower():
        return f"unsupported: this kind of {name} ({said[:100]})"
    return f"damaged: {said[:120]}"


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings from showing, or raising, while any thread is inside.

    ``warnings.catch_warnings`` puts back a whole list and so is not safe in threads: here one filter is put in and taken out.
    """
    global _quiet_threads
    with _quiet_lock:
        _quiet_threads += 1
        warnings.filterwarnings("ignore", module=_PILLOW_MODULES)
        ours = warnings.filters[0]
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_threads -= 1
            if not _quiet_threads and ours in warnings.filters:
                warnings.filters.remove(ours)  # type: ignore[attr-defined]

"""Decoding with Pillow: everything that is not an ordinary JPEG."""

from __future__ import annotations

import ctypes
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import Any, TypeVar, cast

from PIL import ExifTags, Image, features

from tellapart.array_types import ByteArray
from tellapart.errors import ImageError
from tellapart.images.bit_depth import brighten, is_dark, refuse_raw, stored_depth, tiff_kind, with_true_sign
from tellapart.images.color_conversion import rgb_pixels
from tellapart.images.header_sizes import declared_size, ends_early
from tellapart.images.jpeg_header import JpegHeader
from tellapart.images.memory_limits import check_memory, memory_for
from tellapart.images.orientation import swaps_sides, upright, xmp_orientation

_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
_DECODER_BYTES = {"WEBP": 12, "AVIF": 8, "TIFF": 4, "GIF": 1, "HEIC": 6, "JPEG2000": 20, "SGI": 2, "DDS": 4, "QOI": 4, "ICO": 4, "PSD": 1}
"""Bytes per pixel that the decoder of a format takes in addition to Pillow's image (measured)."""
_RETAINED_BYTES = {"WEBP": 8, "AVIF": 4, "HEIC": 4}
"""Those of these bytes that are retained until the file is closed."""
_EMPTY_ALPHA = frozenset({"BMP", "DDS", "ICO", "TGA"})
"""Formats in which an alpha of 0 everywhere is one that was not written, not a clear image."""
_Result = TypeVar("_Result")

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what Pillow logs of a damaged file is in the reason, and not for stderr
_quiet_lock = threading.Lock()
_quiet_threads = 0
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def scale_factor(width: int, height: int, min_size: int | None) -> int:
    """The largest of 8, 4 and 2 that keeps both sides at least ``2 * min_size`` pixels, else 1."""
    if not min_size:
        return 1
    return next((factor for factor in (8, 4, 2) if min(-(-width // factor), -(-height // factor)) >= 2 * min_size), 1)


def decode_jpeg_with_pillow(data: bytes, header: JpegHeader, factor: int) -> ByteArray:
    """Decode a JPEG (CMYK, YCCK, or one that simplejpeg refused) with Pillow: upright uint8 (h, w, 3).

    Raises:
        ImageError: with the reason.
    """

    def pixels(turn: ExitStack) -> ByteArray:
        width, height = header.width, header.height
        turn.enter_context(memory_for(width, height, header.coefficient_bytes + 7 * width * height // factor**2))
        with _open(data, "JPEG") as image:
            if factor > 1:
                image.draft(image.mode, (width // factor, height // factor))
            image.load()
            return rgb_pixels(image, 1, header.icc_profile)

    with ExitStack() as turn:
        return upright(_without_frames(pixels, turn), header.orientation)


def decode_with_pillow(data: bytes, name: str, min_size: int | None) -> tuple[ByteArray, int, int]:
    """Decode the first frame: upright uint8 (h, w, 3) pixels, and the full upright width and height in pixels.

    Raises:
        ImageError: with the reason.
    """
    if name == "TIFF":
        _hush_libtiff()
    declared = declared_size(data, name)
    if declared is not None:
        check_memory(*declared, declared[0] * declared[1] * (1 + _DECODER_BYTES.get(name, 0)))

    def pixels_size_orientation(turn: ExitStack) -> tuple[ByteArray, int, int, int]:
        with _open(data, name) as image:
            refuse_raw(image)
            factor = scale_factor(*image.size, min_size)
            turn.enter_context(memory_for(*image.size, _bytes_needed(image, name, factor)))
            depth = stored_depth(image, data, name)
            image.load()
            width, height = image.size  # loading a TIFF applies its orientation, which may swap them
            orientation, icc_profile = _orientation(image), image.info.get("icc_profile") or b""
            if depth.low_bytes and is_dark(image):
                with _open(data, name) as low:
                    setattr(low, "tile", list(depth.low_bytes))  # noqa: B010  (ImageFile has it, Image has not)
                    low.load()
                    check_memory(width, height, 2 * _bytes_needed(image, name, factor))
                    image = brighten(image, low)
            elif depth.hides_low_bytes and is_dark(image):
                raise ImageError("unsupported: a packed TIFF of separate 16-bit bands of fewer bits (save it with its bands together)")
            elif name == "TIFF":
                image = with_true_sign(image)
            elif image.mode == "RGBA" and _has_unused_alpha(image, data, name):
                image = image.convert("RGB")
            pixels = rgb_pixels(image, factor, icc_profile, least_white=depth.least_white, is_negative=depth.is_negative)
            return pixels, width, height, orientation

    with ExitStack() as turn:
        pixels, width, height, orientation = _without_frames(pixels_size_orientation, turn)
        pixels = upright(pixels, orientation)
    return (pixels, height, width) if swaps_sides(orientation) else (pixels, width, height)


def _without_frames(work: Callable[[ExitStack], _Result], turn: ExitStack) -> _Result:
    """Return ``work(turn)``; its ImageError is raised without the frames that would keep Pillow's image in memory."""
    try:
        return work(turn)
    except ImageError as error:
        reason = str(error)
    raise ImageError(reason)


def _has_unused_alpha(image: Image.Image, data: bytes, name: str) -> bool:
    """Whether the fourth channel means nothing: a TGA says so, and in these formats programs leave it empty, which is shown as opaque."""
    return (name == "TGA" and not data[17] & 15) or (name in _EMPTY_ALPHA and image.getchannel("A").getextrema() == (0, 0))


def _orientation(image: Image.Image) -> int:
    """Orientation 1-8 of a loaded image from EXIF, else XMP (Pillow has already rotated TIFFs and removed both)."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF beside good pixels
        value = None
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return xmp_orientation(xmp.encode() if isinstance(xmp, str) else xmp)


def _bytes_needed(image: Image.Image, name: str, factor: int) -> int:
    """Bytes to decode ``image``: Pillow's pixels, plus the buffers of the format or, after these are freed, the result."""
    own, buffers, retained = _MODE_BYTES.get(image.mode, 4), _DECODER_BYTES.get(name, 0), _RETAINED_BYTES.get(name, 0)
    return int(image.width * image.height * (own + max(buffers, retained + 3 / factor**2)))


@contextmanager
def _open(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open ``data`` as this format; every exception inside becomes an ImageError, and Pillow's warnings are suppressed."""
    if name in ("AVIF", "WEBP") and not features.check(name.lower()):
        raise ImageError(f"unsupported: {name} (this build of Pillow cannot read it)")
    with _quiet_pillow():
        try:
            with closing(_open_lazily(data, name)) as image:
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
            raise ImageError(_reason(error, data, name)) from error


def _open_lazily(data: bytes, name: str) -> Image.Image:
    """Open an image: its header is read, its pixels are not."""
    if name == "HEIC":
        heif_image: Image.Image = import_module("pi_heif").HeifImageFile(BytesIO(data))
        return heif_image
    return Image.open(BytesIO(data), formats=[name])


def _reason(error: Exception, data: bytes, name: str) -> str:
    """The reason in a few words, from what Pillow raised on a file of format ``name``."""
    message = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in message.lower() or "unexpected end" in message.lower() or isinstance(error, EOFError) or ends_early(data, name):
        return f"cut off: the {name} data ends early"
    if name == "TIFF" and (kind := tiff_kind(data)):
        return f"unsupported: {kind} (save it as 8- or 16-bit gray or RGB)"
    if "cannot identify image file" in message:
        return f"damaged: the {name} header makes no sense"
    if any(word in message.lower() for word in ("support", "unknown")):
        return f"unsupported: this kind of {name} ({message[:100]})"
    if "stream" in message or "decoder error" in message or "decoder object" in message:
        return f"damaged: the {name} data cannot be decoded"
    return f"damaged: {message[:120]}"


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings while any thread is inside.

    ``warnings.catch_warnings`` restores the whole list of filters and so is not thread-safe; this adds and removes one filter.
    """
    global _quiet_threads
    with _quiet_lock:
        _quiet_threads += 1
        filters = cast(list[Any], warnings.filters)
        if filters[:1] != [_QUIET]:
            filters.insert(0, _QUIET)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_threads -= 1
            filters = cast(list[Any], warnings.filters)
            while not _quiet_threads and _QUIET in filters:
                filters.remove(_QUIET)


@cache
def _hush_libtiff() -> None:
    """Keep libtiff from writing its errors to stderr; Pillow raises them as well."""
    with suppress(AttributeError, OSError, TypeError):  # in other builds of Pillow the errors go to stderr, nothing worse
        ctypes.CDLL(import_module("PIL._imaging").__file__).TIFFSetErrorHandler(None)

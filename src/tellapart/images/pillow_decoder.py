"""Decoding through Pillow: everything that is not an ordinary JPEG."""

from __future__ import annotations

import ctypes
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
from tellapart.images.color_conversion import rgb_pixels
from tellapart.images.depth import brightened, is_dark, refuse_raw, stored_depth, tiff_kind
from tellapart.images.formats import declared_size, ends_early
from tellapart.images.jpeg_header import JpegHeader
from tellapart.images.memory_limits import check_memory, memory_for
from tellapart.images.orientation import swaps_sides, upright, xmp_orientation

_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
_DECODER_BYTES = {"WEBP": 12, "AVIF": 8, "TIFF": 4, "GIF": 1, "HEIC": 6, "JPEG2000": 20, "SGI": 2, "DDS": 4, "QOI": 4, "ICO": 4, "PSD": 1}
"""Bytes a pixel that the format's own decoder takes beside Pillow's image (measured)."""
_KEPT_BYTES = {"WEBP": 8, "AVIF": 4, "HEIC": 4}
"""Those of them it keeps until the file is closed."""
_Result = TypeVar("_Result")

_quiet_lock = threading.Lock()
_quiet_threads = 0
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


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

    def pixels(turn: ExitStack) -> ByteArray:
        width, height = header.width, header.height
        turn.enter_context(memory_for(width, height, header.coefficient_bytes + 7 * width * height // factor**2))
        with _opened(data, "JPEG") as image:
            if factor > 1:
                image.draft(image.mode, (width // factor, height // factor))
            image.load()
            return rgb_pixels(image, 1, header.icc_profile)

    with ExitStack() as turn:
        return upright(_leaving_nothing(pixels, turn), header.orientation)


def decoded_any(data: bytes, name: str, min_size: int | None) -> tuple[ByteArray, int, int]:
    """Upright uint8 (h, w, 3) pixels of the first frame, and the full width and height in pixels after turning upright.

    Raises:
        ImageError: with the reason.
    """
    if name == "TIFF":
        _hush_libtiff()
    declared = declared_size(data, name)
    if declared is not None:
        check_memory(*declared, declared[0] * declared[1] * (1 + _DECODER_BYTES.get(name, 0)))

    def pixels_size_orientation(turn: ExitStack) -> tuple[ByteArray, int, int, int]:
        with _opened(data, name) as image:
            refuse_raw(image)
            factor = scale_factor(*image.size, min_size)
            turn.enter_context(memory_for(*image.size, _bytes_needed(image, name, factor)))
            depth = stored_depth(image, data, name)
            image.load()
            width, height = image.size  # a TIFF that is upright only now has exchanged them
            orientation, icc_profile = _orientation(image), image.info.get("icc_profile") or b""
            if depth.low_bytes and is_dark(image):
                with _opened(data, name) as low:
                    setattr(low, "tile", list(depth.low_bytes))  # noqa: B010  (ImageFile has it, Image has not)
                    low.load()
                    check_memory(width, height, 2 * _bytes_needed(image, name, factor))
                    image = brightened(image, low)
            elif name == "TGA" and not data[17] & 15:  # no bit of its fourth channel means anything
                image = image.convert("RGB") if image.mode == "RGBA" else image
            pixels = rgb_pixels(image, factor, icc_profile, least_white=depth.least_white, is_negative=depth.is_negative)
            return pixels, width, height, orientation

    with ExitStack() as turn:
        pixels, width, height, orientation = _leaving_nothing(pixels_size_orientation, turn)
        pixels = upright(pixels, orientation)
    return (pixels, height, width) if swaps_sides(orientation) else (pixels, width, height)


def _leaving_nothing(work: Callable[[ExitStack], _Result], turn: ExitStack) -> _Result:
    """What ``work(turn)`` returns; its ImageError comes without the frames that would keep Pillow's image alive after the turn."""
    try:
        return work(turn)
    except ImageError as error:
        reason = str(error)
    raise ImageError(reason)


def _orientation(image: Image.Image) -> int:
    """Orientation 1-8 of a loaded image by its EXIF, else its XMP (Pillow has turned TIFFs by now, and forgotten both)."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF beside good pixels
        value = None
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return xmp_orientation(xmp.encode() if isinstance(xmp, str) else xmp)


def _bytes_needed(image: Image.Image, name: str, factor: int) -> int:
    """Memory to decode ``image``: Pillow's pixels, and either the format's own buffers or, when those are gone, the result."""
    own, buffers, kept = _MODE_BYTES.get(image.mode, 4), _DECODER_BYTES.get(name, 0), _KEPT_BYTES.get(name, 0)
    return int(image.width * image.height * (own + max(buffers, kept + 3 / factor**2)))


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open ``data`` as this one format; whatever goes wrong inside becomes an ImageError, and Pillow's warnings stay inside."""
    if name in ("AVIF", "WEBP") and not features.check(name.lower()):
        raise ImageError(f"unsupported: {name} (this build of Pillow cannot read it)")
    try:
        with _quiet_pillow(), closing(_lazily_opened(data, name)) as image:
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


def _lazily_opened(data: bytes, name: str) -> Image.Image:
    """The image whose header is read and whose pixels are not."""
    if name == "HEIC":
        heif_image: Image.Image = import_module("pi_heif").HeifImageFile(BytesIO(data))
        return heif_image
    return Image.open(BytesIO(data), formats=[name])


def _reason(error: Exception, data: bytes, name: str) -> str:
    """A short sentence for what Pillow raised on a file of format ``name``."""
    said = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in said.lower() or "unexpected end" in said.lower() or isinstance(error, EOFError) or ends_early(data, name):
        return f"cut off: the {name} data ends early"
    if name == "TIFF" and (kind := tiff_kind(data)):
        return f"unsupported: {kind} (save it as 8- or 16-bit gray or RGB)"
    if "cannot identify image file" in said:
        return f"damaged: the {name} header makes no sense"
    if any(word in said.lower() for word in ("support", "unknown")):
        return f"unsupported: this kind of {name} ({said[:100]})"
    if "stream" in said or "decoder error" in said or "decoder object" in said:
        return f"damaged: the {name} data cannot be decoded"
    return f"damaged: {said[:120]}"


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings from showing, or raising, while any thread is inside.

    ``warnings.catch_warnings`` puts back a whole list and so is not safe in threads: here one filter is put in and taken out.
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
    """Keep libtiff from writing its errors straight to stderr; Pillow raises them as well."""
    with suppress(AttributeError, OSError, TypeError):  # a Pillow built another way talks on stderr, nothing worse
        ctypes.CDLL(import_module("PIL._imaging").__file__).TIFFSetErrorHandler(None)

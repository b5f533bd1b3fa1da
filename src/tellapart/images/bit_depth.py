"""Bit depth where Pillow does not tell it: 10- to 14-bit values in 16-bit files, inverted grays, and TIFFs Pillow cannot read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import II, MM, OPEN_INFO, ImageFileDirectory_v2

from tellapart.errors import ImageError
from tellapart.images.color_conversion import white_level

_FULL = 65535
_BAND_ROWS = 64
_SUBFILE, _BITS, _PHOTOMETRIC, _BANDS, _MAX_VALUE, _PLANAR, _SUB_IFDS = 254, 258, 262, 277, 281, 284, 330
_SAMPLE_FORMAT, _DNG_VERSION = 339, 50706
_UNSIGNED, _SIGNED, _SEPARATE = 1, 2, 2
_KINDS = {1: "whole numbers", 2: "signed whole numbers", 3: "floating-point numbers"}
_SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}

OPEN_INFO.setdefault((MM, 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))  # Pillow knows the little-endian one: 16-bit grays whose 0 is white
OPEN_INFO.setdefault((II, 0, (1,), 1, (12,), ()), ("I;16", "I;12"))


@dataclass(frozen=True)
class StoredDepth:
    """What a file says about the depth of its values.

    Attributes:
        least_white: the smallest value that may be white; 0 if the file does not say.
        is_negative: whether 0 is white in a gray image of more than 8 bits.
        low_bytes: Pillow tiles that read the low byte of each value of a 16-bit color image; else empty.
        hides_low_bytes: whether Pillow cannot read these.
    """

    least_white: int = 0
    is_negative: bool = False
    low_bytes: tuple[Any, ...] | list[Any] = ()
    hides_low_bytes: bool = False


def stored_depth(image: Image.Image, data: bytes, name: str) -> StoredDepth:
    """The depth of an image that is opened but not loaded yet.

    The bits and the MaxSampleValue tag of a TIFF, and the sBIT chunk of a PNG, give a lower bound; Pillow scales PPM and
    JPEG 2000 to 16 bits.
    """
    tags: Any = getattr(image, "tag_v2", {})
    if name in ("PPM", "JPEG2000"):
        return StoredDepth(least_white=_FULL)
    if name == "TIFF":
        bits = _first(tags.get(_BITS), 0)
        least = 2**bits - 1 if 8 < bits < 16 else min(_first(tags.get(_MAX_VALUE), 0), _FULL)
        hides_low_bytes = bits == 16 and tags.get(_PLANAR) == _SEPARATE and not _mend_separate_bands(image, data[:2] == b"MM")
        is_deep = image.mode.startswith("I") or image.mode == "F"
        is_negative = is_deep and tags.get(_PHOTOMETRIC) == 0
        return StoredDepth(least, is_negative, () if hides_low_bytes else _low_bytes(image), hides_low_bytes)
    if name == "PNG":
        at = data.find(b"sBIT", 8, 4096)
        return StoredDepth(least_white=2 ** min(data[at + 4], 16) - 1 if at > 0 and at + 4 < len(data) else 0, low_bytes=_low_bytes(image))
    return StoredDepth()


def with_true_sign(image: Image.Image) -> Image.Image:
    """A loaded gray TIFF whose values Pillow reads with the wrong sign, with the right one: unsigned 32-bit and signed 8-bit ones."""
    tags: Any = getattr(image, "tag_v2", {})
    bits, kind = _first(tags.get(_BITS), 0), _first(tags.get(_SAMPLE_FORMAT), _UNSIGNED)
    if image.mode == "I" and bits == 32 and kind == _UNSIGNED and image.getextrema()[0] < 0:  # type: ignore[operator]
        return Image.fromarray(np.asarray(image).view(np.uint32).astype(np.float32))
    if image.mode == "L" and bits == 8 and kind == _SIGNED:
        return Image.fromarray(np.asarray(image).view(np.int8).astype(np.int32))
    return image


def is_dark(image: Image.Image) -> bool:
    """Whether the high bytes of a 16-bit color image would fit into 14 bits."""
    extrema: Any = image.getextrema()
    return image.mode in ("RGB", "RGBA") and max(high for _, high in extrema[:3]) < 64


def brighten(high: Image.Image, low: Image.Image) -> Image.Image:
    """Scale a 16-bit image whose white is below 65,535 to 8 bits, from its high and its low bytes.

    Alpha is scaled in the same way if it is no deeper than the colors.

    Args:
        high: the high bytes, an 8-bit RGB or RGBA image.
        low: the low bytes, of the same size and mode.
    """
    result = np.empty((high.height, high.width, len(high.getbands())), np.uint8)
    bands = [(top, min(top + _BAND_ROWS, high.height)) for top in range(0, high.height, _BAND_ROWS)]
    maxima = np.zeros(result.shape[2], np.int64)
    for top, bottom in bands:
        maxima = np.maximum(maxima, _values(high, low, top, bottom).max(axis=(0, 1)))
    white = white_level(int(maxima[:3].max()))
    scales = np.array([255 / (white if value <= white else _FULL) for value in maxima], np.float32)
    for top, bottom in bands:
        result[top:bottom] = np.minimum(_values(high, low, top, bottom) * scales + np.float32(0.5), 255)
    return Image.fromarray(result)


def refuse_raw(image: Image.Image) -> None:
    """Refuse a raw photo in a TIFF container, of which Pillow would read only a small preview.

    Raises:
        ImageError: it is a raw photo.
    """
    tags: Any = getattr(image, "tag_v2", {})
    if _DNG_VERSION in tags or (_first(tags.get(_SUBFILE), 0) & 1 and _SUB_IFDS in tags):
        raise ImageError("unsupported: raw photo (export it as JPEG or TIFF)")


def tiff_kind(data: bytes) -> str | None:
    """Describe a complete TIFF that Pillow cannot read; None if it is an ordinary one or its tags are invalid."""
    try:
        is_big = data[2:3] == b"+" or data[3:4] == b"+"
        tags = ImageFileDirectory_v2(data[: 16 if is_big else 8])
        file = BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        if not {256, 257} <= set(tags) or not {273, 324} & set(tags):
            return None
        bits, bands = _first(tags.get(_BITS), 1), _first(tags.get(_BANDS), 1)
        kind = _KINDS.get(_first(tags.get(_SAMPLE_FORMAT), 1), "values of another kind")
    except Exception:  # damaged tags raise nearly anything
        return None
    is_ordinary = bands in (1, 3, 4) and bits in (8, 16) and kind == _KINDS[1]
    return None if is_ordinary or bits < 1 or bands < 1 else f"a TIFF of {bands} band{'' if bands == 1 else 's'} of {bits}-bit {kind}"


def _values(high: Image.Image, low: Image.Image, top: int, bottom: int) -> Any:
    box = (0, top, high.width, bottom)
    return np.asarray(high.crop(box)).astype(np.uint16) * 256 + np.asarray(low.crop(box))


def _mend_separate_bands(image: Image.Image, is_big_endian: bool) -> bool:
    """Have the separate 16-bit bands of an image read as such, where Pillow takes them for 8-bit ones; whether it can be done."""
    tiles: Any = getattr(image, "tile", [])
    if any(tile.codec_name != "raw" for tile in tiles):
        return False
    kind = ";16B" if is_big_endian else ";16L"
    setattr(image, "tile", [tile._replace(args=(f"{tile.args[0]}{kind}", *tile.args[1:])) for tile in tiles])  # noqa: B010
    return True


def _low_bytes(image: Image.Image) -> list[Any]:
    """The tiles of a 16-bit RGB or RGBA image with the two bytes swapped, because Pillow reads only the high one."""
    tiles: Any = getattr(image, "tile", [])
    swapped = []
    for tile in tiles:
        raw_mode = tile.args if isinstance(tile.args, str) else tile.args[0] if tile.args else None
        if not isinstance(raw_mode, str) or raw_mode[:1] not in tuple("RGBA") or raw_mode[-4:] not in _SWAPPED:
            return []
        other = raw_mode[:-4] + _SWAPPED[raw_mode[-4:]]
        swapped.append(tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:])))
    return swapped


def _first(value: Any, default: int) -> int:
    """The first number of a tag's value."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return int(value) if isinstance(value, int | float) and value >= 0 else default

"""Conversion of every color mode to 8-bit sRGB: alpha on white, 10- to 16-bit grays, CMYK, and ICC profiles other than sRGB."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray
from tellapart.errors import ImageError

logger = logging.getLogger(__name__)

_BAND_PIXELS = 1 << 18
_SRGB_COLORANTS = {b"rXYZ": (0.436, 0.222, 0.014), b"gXYZ": (0.385, 0.717, 0.097), b"bXYZ": (0.143, 0.061, 0.714)}
_COLORANT_TOLERANCE = 0.02
_WHITES = (255, 1023, 4095, 16383, 65535)
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_Converter = Callable[[Image.Image], Image.Image]


def rgb_pixels(
    image: Image.Image, factor: int = 1, icc_profile: bytes = b"", *, least_white: int = 0, is_negative: bool = False
) -> ByteArray:
    """Convert a loaded Pillow image of any mode to uint8 (h, w, 3) sRGB, reduced ``factor`` times by box averaging.

    Works in bands of rows, so it needs only a few MB beyond the image and the result.

    Args:
        image: a Pillow image of any mode, h0 x w0 pixels.
        factor: reduction factor; the result has ceil(h0 / factor) x ceil(w0 / factor) pixels.
        icc_profile: the ICC profile of the file, or empty.
        least_white: the smallest value that may be white in a gray image of more than 8 bits; 0 if the file does not say.
        is_negative: whether 0 is white in a gray image of more than 8 bits.

    Returns:
        uint8 (h, w, 3), RGB.

    Raises:
        ValueError: Pillow cannot convert the mode to RGB.
    """
    width, height = image.size
    to_rgb = _rgb_converter(image, icc_profile, least_white, is_negative)
    rows = max(1, _BAND_PIXELS // (width * factor)) * factor
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = to_rgb(image if rows >= height else image.crop((0, top, width, bottom)))
        if factor > 1:
            band = band.reduce(factor)
        pixels[top // factor : -(-bottom // factor)] = np.asarray(band)
    return to_srgb(pixels, icc_profile)


def to_srgb(pixels: ByteArray, icc_profile: bytes) -> ByteArray:
    """Convert uint8 (h, w, 3) ``pixels`` in place when ``icc_profile`` is an RGB profile that is clearly not sRGB."""
    transform = srgb_transform(icc_profile, "RGB") if icc_profile else None
    if transform is not None:
        rows = max(1, _BAND_PIXELS // pixels.shape[1])
        for top in range(0, len(pixels), rows):
            band = Image.fromarray(pixels[top : top + rows])
            pixels[top : top + rows] = np.asarray(transform.apply(band))
    return pixels


@lru_cache(maxsize=16)
def srgb_transform(icc_profile: bytes, mode: str) -> Any:
    """Pillow's transform from the profile (for "RGB" or "CMYK" pixels) to sRGB; None if it is not needed or not possible."""
    if icc_profile[16:20].strip() != mode.encode() or (mode == "RGB" and _is_near_srgb(icc_profile)):
        return None
    try:
        from io import BytesIO

        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(BytesIO(icc_profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # a damaged profile, or a Pillow without LittleCMS: the image itself is still good
        logger.debug("the ICC profile is ignored: Pillow cannot build a transform from it", exc_info=True)
        return None


def _is_near_srgb(icc_profile: bytes) -> bool:
    """Whether the primaries are sRGB's (or, without primaries, the name says sRGB)."""
    try:
        (count,) = struct.unpack_from(">I", icc_profile, 128)
        tags = {icc_profile[at : at + 4]: at for at in range(132, 132 + 12 * min(count, 100), 12)}
        if not _SRGB_COLORANTS.keys() <= tags.keys():
            return b"sRGB" in icc_profile or "sRGB".encode("utf-16-be") in icc_profile
        for tag, expected in _SRGB_COLORANTS.items():
            (offset,) = struct.unpack_from(">I", icc_profile, tags[tag] + 4)
            colorant = struct.unpack_from(">3i", icc_profile, offset + 8)
            if any(abs(value / 65536 - reference) > _COLORANT_TOLERANCE for value, reference in zip(colorant, expected, strict=True)):
                return False
    except struct.error:
        pass
    return True


def _rgb_converter(image: Image.Image, icc_profile: bytes, least_white: int, is_negative: bool) -> _Converter:
    """The function that turns ``image``, or a band of its rows, into mode RGB."""
    mode = image.mode
    if mode in _ALPHA_MODES or (mode in ("1", "L", "P", "RGB") and "transparency" in image.info):
        return _flatten_on_white
    if mode.startswith("I;16") or mode in ("I", "F"):
        low, high = _value_range(image, least_white)
        return partial(_scale_to_8_bit, low=low, high=high, is_negative=is_negative, clear=image.info.get("transparency"))
    if mode == "LAB":
        transform = _lab_transform()
        return transform.apply  # type: ignore[no-any-return]
    if mode == "CMYK":
        transform = srgb_transform(icc_profile, "CMYK") if icc_profile else None
        if transform is not None:
            return transform.apply  # type: ignore[no-any-return]
    return _as_rgb


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _flatten_on_white(image: Image.Image) -> Image.Image:
    """Composite an image with transparency on white."""
    if image.mode == "La":
        image = image.convert("LA")
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


def _scale_to_8_bit(image: Image.Image, low: float, high: float, *, is_negative: bool, clear: object) -> Image.Image:
    """Map ``low``..``high`` of a gray image to black..white; NaN becomes black, the transparent value ``clear`` white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=low, posinf=high, neginf=low)
    gray = np.clip((values - low) * (255.0 / ((high - low) or 1.0)) + 0.5, 0, 255).astype(np.uint8)
    if is_negative:
        gray = 255 - gray
    if isinstance(clear, int):
        gray[values == clear] = 255
    return Image.fromarray(gray).convert("RGB")


@lru_cache(maxsize=1)
def _lab_transform() -> Any:
    """From 8-bit CIE L*a*b* to sRGB."""
    from PIL import ImageCms

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def white_level(high: float, least_white: int = 0) -> int:
    """The white level of an image whose largest value is ``high``: the maximum of the fewest of 8, 10, 12, 14 or 16 bits that hold it.

    Cameras and microscopes store 10, 12 or 14 bits in 16-bit files, which rarely say so.
    """
    return next((white for white in _WHITES if max(high, least_white) <= white), _WHITES[-1])


def _value_range(image: Image.Image, least_white: int) -> tuple[float, float]:
    """The black and white levels of a gray image: a usual range that holds all values, else their minimum and maximum.

    Integers: 0 to :func:`white_level`. Floats: 0 to 1, 255 or a higher white level, with a tolerance of a tenth on either side
    (resampling overshoots); but no range of which the image would use less than a sixteenth.

    Raises:
        ImageError: no pixel is a number.
    """
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    low, high = np.inf, -np.inf
    for top in range(0, height, rows):
        values = np.asarray(image.crop((0, top, width, min(top + rows, height))), dtype=np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        raise ImageError("damaged: not one pixel has a value (all are NaN or infinite)")
    if image.mode != "F":
        return (0.0, float(white_level(high, least_white))) if low >= 0 and high <= _WHITES[-1] else (low, high)
    white = next((top for top in (1.0, *_WHITES) if -0.1 * top <= low and high <= 1.1 * top), None)
    is_fitting = white is not None and (white == 1.0 or high >= white / 16)
    return (0.0, float(white)) if white is not None and is_fitting else (low, high)

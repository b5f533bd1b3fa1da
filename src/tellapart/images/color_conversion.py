"""Every color mode to 8-bit sRGB: alpha on white, deep grays scaled, CMYK, and profiles that are not sRGB."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray

_BAND_PIXELS = 1 << 18
_SRGB_COLORANTS = {b"rXYZ": (0.436, 0.222, 0.014), b"gXYZ": (0.385, 0.717, 0.097), b"bXYZ": (0.143, 0.061, 0.714)}
_COLORANT_TOLERANCE = 0.02
_WHITES = (255, 1023, 4095, 16383, 65535)
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_Converter = Callable[[Image.Image], Image.Image]


def rgb_pixels(
    image: Image.Image, factor: int = 1, icc_profile: bytes = b"", *, least_white: int = 0, is_negative: bool = False
) -> ByteArray:
    """A loaded Pillow image of any mode as uint8 (h, w, 3) sRGB, made smaller ``factor`` times by box averaging.

    Works in bands of rows, so beside the image and the result only a few MB are taken.

    Args:
        image: of any mode.
        factor: how many times smaller.
        icc_profile: of the file, or empty.
        least_white: of a deep gray image, the least value that may be white, where the file says how deep it is.
        is_negative: whether 0 is white in a deep gray image.

    Raises:
        ValueError: a mode Pillow cannot turn into RGB.
    """
    width, height = image.size
    to_rgb = _converter(image, icc_profile, least_white, is_negative)
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
    """Pillow's transform from the profile (for "RGB" or "CMYK" pixels) to sRGB; None where none is needed, possible or sensible."""
    if icc_profile[16:20].strip() != mode.encode() or (mode == "RGB" and _is_near_srgb(icc_profile)):
        return None
    try:
        from io import BytesIO

        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(BytesIO(icc_profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # a damaged profile, or a Pillow without LittleCMS: the image itself is still good
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
            found = struct.unpack_from(">3i", icc_profile, offset + 8)
            if any(abs(value / 65536 - wanted) > _COLORANT_TOLERANCE for value, wanted in zip(found, expected, strict=True)):
                return False
    except struct.error:
        pass
    return True


def _converter(image: Image.Image, icc_profile: bytes, least_white: int, is_negative: bool) -> _Converter:
    """The function that turns ``image``, or a band of its rows, into mode RGB."""
    mode = image.mode
    if mode in _ALPHA_MODES or (mode in ("1", "L", "P", "RGB") and "transparency" in image.info):
        return _on_white
    if mode.startswith("I;16") or mode in ("I", "F"):
        low, high = _value_range(image, least_white)
        return partial(_scaled, low=low, high=high, is_negative=is_negative, clear=image.info.get("transparency"))
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


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a see-through image on white."""
    if image.mode == "La":
        image = image.convert("LA")
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


def _scaled(image: Image.Image, low: float, high: float, *, is_negative: bool, clear: object) -> Image.Image:
    """Map ``low``..``high`` of a deep gray image to black..white; NaN becomes black, the value ``clear`` white."""
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


def white_of(high: float, least_white: int = 0) -> int:
    """What is white in an image whose largest value is ``high``: the largest number of 8, 10, 12, 14 or 16 bits that holds it.

    Cameras and microscopes store 10, 12 or 14 bits in files of 16, which seldom say so.
    """
    return next((white for white in _WHITES if max(high, least_white) <= white), _WHITES[-1])


def _value_range(image: Image.Image, least_white: int) -> tuple[float, float]:
    """What is black and white in a deep gray image: a usual range that holds all values, else their own extent.

    Whole numbers: 0 to :func:`white_of`. Fractions: 0 to 1, to 255 or to a deeper white, with a tenth more on either side, as
    resampling leaves it; but no range of which the image would use less than a sixteenth.
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
        return 0.0, 1.0
    if image.mode != "F":
        return (0.0, float(white_of(high, least_white))) if low >= 0 and high <= _WHITES[-1] else (low, high)
    white = next((top for top in (1.0, *_WHITES) if -0.1 * top <= low and high <= 1.1 * top), None)
    is_fitting = white is not None and (white == 1.0 or high >= white / 16)
    return (0.0, float(white)) if white is not None and is_fitting else (low, high)

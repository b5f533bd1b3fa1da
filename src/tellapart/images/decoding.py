"""The image decoder: bytes of a file to upright RGB pixels, or a short reason why they cannot be decoded."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from tellapart.array_types import ByteArray
from tellapart.errors import ImageError
from tellapart.images.color_conversion import to_srgb
from tellapart.images.formats import sniff_format
from tellapart.images.jpeg_header import JpegHeader, read_jpeg_header
from tellapart.images.memory_limits import memory_for
from tellapart.images.orientation import swaps_sides, upright
from tellapart.images.pillow_decoder import decode_jpeg_with_pillow, decode_with_pillow, scale_factor

logger = logging.getLogger(__name__)

_LOST_DATA = ("premature end of data segment", "bad huffman", "corrupt data", "found marker", "bogus", "arithmetic")


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image, upright, in sRGB."""

    pixels: ByteArray
    """uint8 (h, w, 3) RGB, writable and contiguous; smaller than the image in the file if ``min_size`` allowed it."""
    width: int
    """Full width of the file's image in pixels, upright."""
    height: int
    """Full height of the file's image in pixels, upright."""
    format: str
    """One of :data:`tellapart.images.formats.DECODABLE`: JPEG, PNG, ..."""


def decode(data: bytes, *, min_size: int | None = None) -> Image:
    """Decode the whole image in ``data``: orientation by EXIF or XMP applied, alpha on white, any color mode to 8-bit sRGB.

    Only the first frame of an animation is decoded. Thread-safe.

    Args:
        data: the bytes of the file.
        min_size: the side in pixels needed later. The image is halved up to three times while both sides stay at least
            ``2 * min_size`` pixels.

    Raises:
        ImageError: the file is empty, not an image, cut off, damaged, unsupported or too large; the message is the reason.
    """
    name = sniff_format(data)
    if name != "JPEG":
        pixels, width, height = decode_with_pillow(data, name, min_size)
        return Image(pixels, width, height, name)
    header = read_jpeg_header(data)
    if header.bits != 8 or header.components not in (1, 3, 4):
        raise ImageError(f"unsupported: a JPEG with {header.components} components of {header.bits} bits")
    factor = scale_factor(header.width, header.height, min_size)
    pixels = _jpeg_pixels(data, header, factor)
    width, height = header.width, header.height
    if swaps_sides(header.orientation):
        width, height = height, width
    return Image(pixels, width, height, name)


def _jpeg_pixels(data: bytes, header: JpegHeader, factor: int) -> ByteArray:
    """Decode a JPEG to upright pixels with simplejpeg; with Pillow where simplejpeg fails or the JPEG has four components."""
    if header.components == 4:
        return decode_jpeg_with_pillow(data, header, factor)
    import simplejpeg

    width, height = -(-header.width // factor), -(-header.height // factor)
    bytes_needed = header.coefficient_bytes + width * height * (3 if header.orientation == 1 else 6)
    try:
        with memory_for(header.width, header.height, bytes_needed):
            pixels: ByteArray = simplejpeg.decode_jpeg(data, min_height=height, min_width=width, min_factor=factor, strict=True)
            return upright(to_srgb(pixels, header.icc_profile), header.orientation)
    except ValueError as error:
        reason = str(error)
    if any(words in reason.lower() for words in _LOST_DATA):
        raise ImageError(f"damaged: {reason}")
    logger.debug("simplejpeg cannot decode a JPEG (%s); decoding it with Pillow", reason)
    return decode_jpeg_with_pillow(data, header, factor)

"""The one decoder of the product: bytes of a file to upright RGB pixels, or a short reason why not."""

from __future__ import annotations

from dataclasses import dataclass

from tellapart.array_types import ByteArray
from tellapart.errors import ImageError
from tellapart.images.color_conversion import to_srgb
from tellapart.images.formats import sniffed_format
from tellapart.images.jpeg_header import JpegHeader, read_jpeg_header
from tellapart.images.memory_limits import memory_for
from tellapart.images.orientation import swaps_sides, upright
from tellapart.images.pillow_decoder import decoded_any, decoded_jpeg, scale_factor

_LOST_DATA = ("premature end of data segment", "bad huffman", "corrupt data", "found marker", "bogus", "arithmetic")


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image, upright, in sRGB."""

    pixels: ByteArray
    """uint8 (h, w, 3) RGB, writable and contiguous; smaller than the file's own size when ``min_size`` allowed it."""
    width: int
    """Full width of the file's image in pixels, upright."""
    height: int
    """Full height of the file's image in pixels, upright."""
    format: str
    """One of :data:`tellapart.images.formats.DECODABLE`: JPEG, PNG, ..."""


def decode(data: bytes, *, min_size: int | None = None) -> Image:
    """Decode the whole image in ``data``: orientation by EXIF or XMP applied, alpha on white, any color mode to 8-bit sRGB.

    ``min_size`` is the side in pixels needed later: the image is halved up to three times while both sides stay at
    least ``2 * min_size``. Only the first frame of an animation is decoded. Safe to call from several threads.

    Raises:
        ImageError: the file is empty, no image, cut off, damaged, unsupported or too large; the message is the reason.
    """
    name = sniffed_format(data)
    if name != "JPEG":
        pixels, width, height = decoded_any(data, name, min_size)
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
    """Upright pixels of a JPEG: the fast decoder where it has no complaint, else Pillow's second opinion."""
    if header.components == 4:
        return decoded_jpeg(data, header, factor)
    import simplejpeg

    width, height = -(-header.width // factor), -(-header.height // factor)
    bytes_needed = header.coefficient_bytes + width * height * (3 if header.orientation == 1 else 6)
    try:
        with memory_for(header.width, header.height, bytes_needed):
            pixels: ByteArray = simplejpeg.decode_jpeg(data, min_height=height, min_width=width, min_factor=factor, strict=True)
            return upright(to_srgb(pixels, header.icc_profile), header.orientation)
    except ValueError as error:
        complaint = str(error)
    if any(words in complaint.lower() for words in _LOST_DATA):
        raise ImageError(f"damaged: {complaint}")
    return decoded_jpeg(data, header, factor)

"""Makers of test images for the whole project: photo-like ones, and one of every bad or odd kind. All seeded, none read from disk."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from tellapart.images.formats import reads_heic

Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]

HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not ResultPage</title></head><body>No such image</body></html>\n"
TEXT = "This is not an image. Ceci n'est pas une image, voil\u00e0.\n".encode() * 3
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>\n'
PSD = b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(64)
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)

HEIC_PHOTO = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7A"
    "ABAAAAAAAAA2MAAgAAAAAFTwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAAB"
    "AAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAw"
    "AeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAQAAA"
    "AAH////wAAAAAgAAAAAAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAA4"
    "9tZGF0AAADXygBrwngeHKIHlLwTUszhTO6nkxzmfo8YnNFq7YV3HCiautQLMRMhwY6nFFB3w4gam8izngfP8d3+4eh3mr5i6RL8hmDpwzCFO+Su0pZNRX4EjWBDmwkRS0H"
    "aXg9WpbRor4H+p7JyVw+ghY6rRRoTWmF12x0JWhXXY788MSZAFx7ukPOdfMwlNTp/R1PjRWkAoLescAjFl8b82+XrPoACehrql1WfqpG99R2unY29MMuCQXP8I12xnXYtB"
    "5z6Kl8pSjyAGCzeKM52zgKEjhujgnGAHagQzVqFpx8psHDMAIoSKesxDz9ZhGQ2ReD4wwlqeD1T3VtWQxOIVTio/74KTN/mu70JQMB6nFmxgu4gHjEWh7QeMNSTog90GRC"
    "gQ1aSy/+mJY9NCLVSdxq4tycNxNlNtiJ0/EfTkBE/CDzZcZnWq4tPeSAU8ONfhcFmUwnU0OqvRRrFmtgAPktwV/Qk1fMw5bW9LO4JmBuP5DprUmQwDz6+vDeK1OZKfblbe"
    "SVzoUvFsDKkQGGKRMGQj+Fw4aGb2Xg9PBUuTV6twieN1+NTIlpE2qDHr2S2WjMDZOSvNwLHgimdsMxS88M8vDIJWwDYXW4txFj1NYgcMd1PXPz2NhDRnlB4AYCFhG0vUM0"
    "ouB1YGO48YRlol5dPkWuA3CwqcXgos8/Pp+TPMU90fIjOD1T9R8E1TZYtvcBO3rV10b5hXxah3ibD46yAQmHyZn9oWztXfJu8gq/fXgzL5xEcy97vlvNXM5CPOfhFOhR6e"
    "sIZQx8esgLEJ3KQ7QswiMfHxc16eojzk82PT6NoBW/GBm3m8KxojrwRBCtAViDPcv+WpuGuE4DENOehlz98WBV9CbSbJ9UFtnyq3ZIuIhsHauM+AwnR1NuUg3SAnqIcITF"
    "cFKVAtNp6uVuId+qJpWSB5KTssRdkX5I0PPraSbfKDt2KqnjzdLFvVYMZ17yvwtQ41XIAAYcfiAUuXScodPp9SvxLynn6Lpw//DSsBeqdq5EWWd6yPepiv0egMAEq5V4zv"
    "OpfK6qEO5v6aJHnuP0wsuJtmDExdgPvuAPbVU/2ORQca8+VIyTZ9jZtinu7Rl9utjQHgmNrcymYLC7hJDUFadtb9Ojmpsc4r/HuZV1hV/vDapjkgPs+J4qYb43AAAABkV4"
    "aWYAAE1NACoAAAAIAAEBEgADAAAAAQAGAAAAAAAA"
)
"""``photo_pixels(3, 64, 48)`` as a whole HEIC file, stored turned with EXIF orientation 6 (pillow-heif 1.8.1, quality 60)."""


def photo_pixels(seed: int = 0, width: int = 200, height: int = 150, color: Color | None = None) -> Pixels:
    """A photo-like image, uint8 (height, width, 3): soft light, a few round things with edges, fine grain.

    ``color`` pulls the whole towards one color, so classes can be told apart.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / max(height, width), x / max(height, width)
    image = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        a, b, c = rng.uniform(-1, 1, 3)
        image[..., channel] = 128 + 60 * np.sin(2 * a + 4 * b * x + 4 * c * y)
    for _ in range(6):
        center_x, center_y, radius = rng.uniform(0, 1), rng.uniform(0, 0.8), rng.uniform(0.04, 0.2)
        inside = 1 / (1 + np.exp(np.clip((np.hypot(x - center_x, y - center_y) - radius) * 200, -50, 50)))
        image += inside[..., None] * (rng.uniform(0, 255, 3).astype(np.float32) - image) * 0.9
    if color is not None:
        image = 0.4 * image + 0.6 * np.array(color, np.float32)
    image += rng.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def encoded(image: Image.Image | Pixels, name: str = "JPEG", **options: Any) -> bytes:
    """``image`` as the bytes of a file of Pillow's format ``name``."""
    file = BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, name, **options)
    return file.getvalue()


def photo(seed: int = 0, width: int = 200, height: int = 150, color: Color | None = None, name: str = "JPEG", **options: Any) -> bytes:
    """A photo-like image as a file; JPEG at quality 90 unless told otherwise."""
    if name == "JPEG":
        options.setdefault("quality", 90)
    return encoded(photo_pixels(seed, width, height, color), name, **options)


def cut(data: bytes, share: float) -> bytes:
    """The first ``share`` (0 to 1) of a file, as a broken download leaves it."""
    return data[: int(len(data) * share)]


def flipped(data: bytes, seed: int = 0, count: int = 1, start: int = 0) -> bytes:
    """``data`` with ``count`` bytes changed at random places from ``start`` on."""
    rng = np.random.default_rng(seed)
    changed = bytearray(data)
    for at in rng.integers(start, len(data), count):
        changed[at] ^= int(rng.integers(1, 256))
    return bytes(changed)


def oriented_photo(orientation: int, seed: int = 0, name: str = "JPEG", **options: Any) -> bytes:
    """A file whose pixels are stored turned, with the EXIF tag 1-8 that says how: upright it is ``photo_pixels(seed)``."""
    turns = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(photo_pixels(seed))
    turn = turns[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    if name == "JPEG":
        options.setdefault("quality", 95)
        options.setdefault("subsampling", 0)
    return encoded(image if turn is None else image.transpose(turn), name, exif=exif, **options)


def with_xmp(image: Image.Image, name: str, words: str, **options: Any) -> bytes:
    """``image`` as a file with an XMP packet that holds ``words``."""
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:tiff="http://ns.adobe.com/tiff/1.0/">{words}</rdf:RDF></x:xmpmeta>'
    if name == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet)
        return encoded(image, name, pnginfo=text, **options)
    if name == "TIFF":
        return encoded(image, name, tiffinfo={700: packet.encode()}, **options)
    return encoded(image, name, xmp=packet.encode(), **options)


def cmyk_photo(seed: int = 0) -> bytes:
    """A four-color JPEG as Adobe's programs write it (inverted)."""
    return encoded(Image.fromarray(photo_pixels(seed)).convert("CMYK"), quality=95)


def deep_gray_png(values: NDArray[np.uint16]) -> bytes:
    """A 16-bit gray PNG of uint16 (h, w)."""
    return encoded(Image.fromarray(values), "PNG")


def deep_rgb_png(values: NDArray[np.uint16]) -> bytes:
    """A 16-bit RGB PNG of uint16 (h, w, 3), written by hand because Pillow cannot."""
    height, width, _ = values.shape
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    return _png(width, height, 16, 2, zlib.compress(rows))


def huge_bilevel_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """A valid black 1-bit PNG of that many pixels in some 50 kB, made without holding its pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return _png(width, height, 1, 0, packed)


def _png(width: int, height: int, bits: int, color_type: int, packed: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def palette_png(seed: int = 0, see_through: bool = False) -> bytes:
    """A PNG of 64 colors; ``see_through`` makes its color number 0 fully transparent."""
    image = Image.fromarray(photo_pixels(seed)).quantize(64)
    return encoded(image, "PNG", transparency=0) if see_through else encoded(image, "PNG")


def flat_psd(color: Color = (200, 10, 30), side: int = 8) -> bytes:
    """An 8-bit RGB Photoshop file of one color, its composite not compressed."""
    planes = b"".join(bytes([value]) * side * side for value in color)
    return b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, side, side, 8, 3) + bytes(12) + b"\x00\x00" + planes


def flat_qoi(color: Color = (200, 10, 30), side: int = 8) -> bytes:
    """A QOI file of one color, every pixel written out."""
    pixel = b"\xfe" + bytes(color)
    return b"qoif" + struct.pack(">IIBB", side, side, 3, 0) + pixel * side * side + bytes(7) + b"\x01"


def flat_sun(color: Color = (200, 10, 30), side: int = 8) -> bytes:
    """A 24-bit Sun raster file of one color (blue comes first)."""
    size = 3 * side * side
    return struct.pack(">8I", 0x59A66A95, side, side, 24, size, 1, 0, 0) + bytes(reversed(color)) * side * side


def half_clear_png(color: Color = (200, 0, 0), side: int = 64) -> bytes:
    """An RGBA PNG whose left half is opaque ``color`` and whose right half is clear black."""
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[:, : side // 2] = (*color, 255)
    return encoded(pixels, "PNG")


def animated_gif(colors: tuple[Color, ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255)), side: int = 40) -> bytes:
    """A GIF with one flat frame for each color."""
    frames = [Image.new("RGB", (side, side), color) for color in colors]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def swapped_profile() -> bytes:
    """An ICC profile that is surely not sRGB: sRGB's own with its red and blue primaries exchanged."""
    profile = bytearray(srgb_profile())
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(132, 132 + 12 * count, 12):
        tag = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    return bytes(profile)


def srgb_profile() -> bytes:
    """The ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Every kind of file that must be refused: name -> (bytes, how the reason begins)."""
    jpeg, png = photo(1), photo(1, name="PNG")
    return {
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (TEXT, "not an image (looks like text)"),
        "page.jpg": (HTML, "not an image (looks like HTML)"),
        "zeros.jpg": (bytes(4096), "not an image"),
        "noise.jpg": (b"\x01\x02" + np.random.default_rng(0).bytes(4096), "not an image"),
        "drawing.jpg": (SVG, "unsupported: SVG"),
        "layers.jpg": (PSD, "cut off: the PSD data ends early"),
        "phone.jpg": (HEIC, "damaged" if reads_heic() else "unsupported: HEIC"),
        "half.jpg": (cut(jpeg, 0.5), "cut off"),
        "half.png": (cut(png, 0.5), "cut off"),
        "header.jpg": (jpeg[:40], "cut off"),
        "huge.png": (huge_bilevel_png(), "20,000 x 20,000 pixels are too many"),
    }

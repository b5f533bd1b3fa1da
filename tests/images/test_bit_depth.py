"""Deep, negative and odd images: the right gray levels, or a true sentence."""

from __future__ import annotations

import struct
import subprocess
import sys
from io import BytesIO
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.color import lab2rgb

from tellapart.errors import ImageError
from tellapart.images import decode
from tests import sample_images

RAMP = np.tile(np.arange(256, dtype=np.uint16), (8, 1))
LEVELS = np.arange(256)


def tiff(values: np.ndarray, **options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def gray(data: bytes) -> np.ndarray:
    return decode(data).pixels[0, :, 0].astype(int)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("form", ["png", "tiff", "big-endian tiff", "packed tiff"])
def test_grays_of_few_bits_in_sixteen_keep_their_levels(bits: int, form: str) -> None:
    values = (RAMP.astype(float) * (2**bits - 1) / 255).round().astype(np.uint16)
    data = {
        "png": lambda: sample_images.deep_gray_png(values),
        "tiff": lambda: tiff(values),
        "big-endian tiff": lambda: tiff(values, byteorder=">"),
        "packed tiff": lambda: tiff(values, compression="zlib"),
    }[form]()
    assert np.abs(gray(data) - LEVELS).max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("form", ["png", "tiff", "big-endian tiff", "packed tiff"])
def test_colors_of_few_bits_in_sixteen_keep_their_levels(bits: int, form: str) -> None:
    one = (RAMP.astype(float) * (2**bits - 1) / 255).round().astype(np.uint16)
    values = np.stack([one, one[:, ::-1], one // 2], axis=2)
    data = {
        "png": lambda: sample_images.deep_rgb_png(values),
        "tiff": lambda: tiff(values, photometric="rgb"),
        "big-endian tiff": lambda: tiff(values, photometric="rgb", byteorder=">"),
        "packed tiff": lambda: tiff(values, photometric="rgb", compression="zlib"),
    }[form]()
    assert np.abs(decode(data).pixels[0].astype(int) - np.stack([LEVELS, LEVELS[::-1], LEVELS // 2], axis=1)).max() <= 1


def test_what_the_file_says_of_its_depth_counts_for_a_dark_image() -> None:
    dark = RAMP * 2
    said = sample_images.encoded(Image.fromarray(dark), "TIFF", tiffinfo={281: 4095})
    assert np.abs(gray(said) - dark[0].astype(float) * 255 / 4095).max() <= 1
    assert np.abs(gray(tiff(dark)) - dark[0].astype(float) * 255 / 1023).max() <= 1


@pytest.mark.parametrize("top", [255, 4095, 65535])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_white_is_zero_tiff_is_no_negative(top: int, byteorder: str) -> None:
    values = (RAMP.astype(float) * top / 255).round().astype(np.uint8 if top == 255 else np.uint16)
    assert np.abs(gray(tiff(values, photometric="miniswhite", byteorder=byteorder)) - LEVELS[::-1]).max() <= 1


@pytest.mark.parametrize("scale", [1.0, 1.05, 5.0, 255.0, 65535.0])
def test_float_images_are_never_black(scale: float) -> None:
    values = (RAMP / 255 * scale).astype(np.float32)
    assert np.abs(gray(tiff(values)) - LEVELS).max() <= 14
    assert np.abs(gray(tiff(values, photometric="miniswhite")) - LEVELS[::-1]).max() <= 14


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((8, 8, 8), np.uint16), "a TIFF of 8 bands of 16-bit whole numbers"),
        (np.zeros((8, 8, 5), np.uint8), "a TIFF of 5 bands of 8-bit whole numbers"),
        (np.zeros((8, 8, 3), np.float32), "a TIFF of 3 bands of 32-bit floating-point numbers"),
        (np.zeros((8, 8), np.float16), "a TIFF of 1 band of 16-bit floating-point numbers"),
    ],
)
def test_a_tiff_that_cannot_be_read_is_called_what_it_is(values: np.ndarray, kind: str) -> None:
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig"} if values.ndim == 3 else {}
    with pytest.raises(ImageError) as caught:
        decode(tiff(values, **options))
    assert str(caught.value) == f"unsupported: {kind} (save it as 8- or 16-bit gray or RGB)"


@pytest.mark.parametrize("tags", [{50706: b"\x01\x04\x00\x00"}, {254: 1, 330: 8}])
def test_a_raw_photo_in_a_tiff_is_no_thumbnail(tags: dict[int, Any]) -> None:
    with pytest.raises(ImageError, match="unsupported: raw photo"):
        decode(sample_images.encoded(np.zeros((8, 8, 3), np.uint8), "TIFF", tiffinfo=tags))


def test_lab_is_converted() -> None:
    lab = Image.new("LAB", (8, 8), (128, 128 + 60, 128 - 40))
    expected = 255 * lab2rgb(np.array([[[100 * 128 / 255, 60.0, -40.0]]]))[0, 0]
    np.testing.assert_allclose(decode(sample_images.encoded(lab, "TIFF")).pixels[0, 0], expected, atol=6)


def test_a_targa_without_alpha_bits_is_not_clear() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 200
    data = bytearray(sample_images.encoded(Image.fromarray(pixels), "TGA"))
    data[17] &= 0xF0
    assert tuple(decode(bytes(data)).pixels[0, 0]) == (200, 0, 0)


def bmp_with_alpha(alpha: int) -> bytes:
    """A BMP of version 5 of one color, with a mask for alpha."""
    pixels = bytes([30, 20, 200, alpha]) * 64
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, 8, 8, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks + bytes(68)
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels), 0, 0, 138) + header + pixels


def test_an_alpha_that_was_not_written_is_not_clear() -> None:
    """Programs leave the fourth channel of these formats at 0, and browsers show them opaque; they were white."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 200
    assert tuple(decode(bmp_with_alpha(0)).pixels[0, 0]) == (200, 20, 30)
    assert tuple(decode(bmp_with_alpha(255)).pixels[0, 0]) == (200, 20, 30)
    assert decode(bmp_with_alpha(128)).pixels[0, 0, 1] > 100
    for name in ("TGA", "DDS"):
        assert tuple(decode(sample_images.encoded(Image.fromarray(pixels), name)).pixels[0, 0]) == (200, 0, 0)
    for name in ("PNG", "TIFF"):
        assert tuple(decode(sample_images.encoded(Image.fromarray(pixels), name)).pixels[0, 0]) == (255, 255, 255)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_without_a_value_is_refused(value: float) -> None:
    """It was black."""
    with pytest.raises(ImageError, match="damaged: not one pixel has a value"):
        decode(tiff(np.full((8, 8), value, np.float32)))


def test_a_clear_value_of_a_deep_gray_png_is_white() -> None:
    data = sample_images.encoded(Image.fromarray(RAMP * 257), "PNG", transparency=0)
    assert gray(data)[0] == 255
    assert np.abs(gray(data)[1:] - LEVELS[1:]).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("form", [{}, {"byteorder": ">"}, {"tile": (16, 16)}, {"rowsperstrip": 3}])
def test_separate_bands_of_sixteen_bits_keep_their_levels_and_places(bits: int, form: dict[str, Any]) -> None:
    one = (RAMP.astype(float) * (2**bits - 1) / 255).round().astype(np.uint16)
    data = tiff(np.stack([one, one[:, ::-1], one // 2]), photometric="rgb", planarconfig="separate", **form)
    assert np.abs(decode(data).pixels[0].astype(int) - np.stack([LEVELS, LEVELS[::-1], LEVELS // 2], axis=1)).max() <= 1


def test_packed_separate_bands_are_read_or_refused_but_never_dark() -> None:
    def packed(values: np.ndarray) -> bytes:
        return tiff(np.stack([values] * 3), photometric="rgb", planarconfig="separate", compression="zlib")

    assert np.abs(gray(packed(RAMP * 257)) - LEVELS).max() <= 1
    with pytest.raises(ImageError, match="unsupported: a packed TIFF of separate 16-bit bands of fewer bits"):
        decode(packed(RAMP * 16))


@pytest.mark.parametrize("top", [200, 65535, 2**32 - 1])
def test_whole_numbers_of_32_bits_have_no_sign(top: int) -> None:
    values = (RAMP.astype(float) * top / 255).round().astype(np.uint32)
    assert np.abs(gray(tiff(values)) - (LEVELS * min(top, 255) / 255 if top < 256 else LEVELS)).max() <= 1


def test_signed_bytes_are_no_bright_ones() -> None:
    assert np.abs(gray(tiff((RAMP.astype(int) - 128).astype(np.int8))) - LEVELS).max() <= 1
    assert np.abs(gray(tiff((RAMP // 2).astype(np.int8))) - LEVELS // 2).max() <= 1


def test_nothing_is_logged_for_a_tiff_of_many_bands() -> None:
    code = "import sys; from pathlib import Path; from tellapart.images import decode; decode(Path(sys.argv[1]).read_bytes())"
    with NamedTemporaryFile(suffix=".tif") as file:
        file.write(tiff(np.zeros((8, 8, 13), np.uint16), photometric="minisblack", planarconfig="contig"))
        file.flush()
        done = subprocess.run([sys.executable, "-c", code, file.name], capture_output=True, text=True, check=False)
    assert "More samples" not in done.stderr
    assert "a TIFF of 13 bands" in done.stderr

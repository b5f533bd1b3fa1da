import struct

import pytest

from tellapart.errors import ImageError
from tellapart.images.jpeg_header import read_jpeg_header
from tests import sample_images


def test_plain_file() -> None:
    header = read_jpeg_header(sample_images.photo(width=203, height=77))
    assert (header.width, header.height, header.components, header.bits, header.orientation) == (203, 77, 3, 8, 1)
    assert header.icc_profile == b""
    assert header.coefficient_bytes == 0


def test_progressive_files_count_their_coefficients() -> None:
    plain = read_jpeg_header(sample_images.photo(width=160, height=160, progressive=True, subsampling=0))
    halved = read_jpeg_header(sample_images.photo(width=160, height=160, progressive=True, subsampling=2))
    assert plain.coefficient_bytes == 160 * 160 * 3 * 2
    assert halved.coefficient_bytes == 160 * 160 * 3


def test_profile_and_orientation_are_found() -> None:
    profile = sample_images.srgb_profile() + bytes(100_000)  # longer than one segment
    header = read_jpeg_header(sample_images.oriented_photo(6, icc_profile=profile))
    assert header.orientation == 6
    assert header.icc_profile == profile


def test_too_many_scans_are_refused() -> None:
    data = sample_images.photo(progressive=True) + b"\xff\xda" * 600
    with pytest.raises(ImageError, match="more than 500 scans"):
        read_jpeg_header(data)


def test_endless_filling_is_given_up() -> None:
    with pytest.raises(ImageError, match="cut off"):
        read_jpeg_header(b"\xff\xd8" + b"\xff" * 20_000_000)


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_zero_sizes_are_refused(size: tuple[int, int]) -> None:
    frame = struct.pack(">HBHHB", 11, 8, *size, 1) + b"\x01\x11\x00"
    with pytest.raises(ImageError, match="pixels"):
        read_jpeg_header(b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00")

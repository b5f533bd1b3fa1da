import pytest

from tellapart.errors import ImageError
from tellapart.images.formats import DECODABLE, IMAGE_SUFFIXES, declared_size, sniffed_format
from tests import pictures


@pytest.mark.parametrize("name", sorted(DECODABLE))
def test_a_written_file_is_known_by_its_bytes(name: str) -> None:
    assert sniffed_format(pictures.photo(name=name)) == name


@pytest.mark.parametrize("name", ["PNG", "GIF", "BMP", "WEBP"])
def test_declared_size_reads_the_header(name: str) -> None:
    assert declared_size(pictures.photo(width=203, height=77, name=name), name) == (203, 77)


def test_declared_size_of_lossless_and_extended_webp() -> None:
    assert declared_size(pictures.photo(width=203, height=77, name="WEBP", lossless=True), "WEBP") == (203, 77)
    assert declared_size(pictures.photo(width=203, height=77, name="WEBP", icc_profile=pictures.srgb_profile()), "WEBP") == (203, 77)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\xef\xbb\xbf  <html>", r"not an image \(looks like HTML\)"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", r"not an image \(looks like text\)"),
        (b'{"error": "not found"}', r"not an image \(looks like text\)"),
        (b"%PDF-1.7", "unsupported: PDF"),
        (b"PK\x03\x04....", "unsupported: ZIP archive"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "unsupported: video"),
        (b"RIFF\x00\x00\x00\x00WAVE", "unsupported: RIFF file"),
        (b"\x00", "not an image"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        sniffed_format(data)


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"} <= IMAGE_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in IMAGE_SUFFIXES)

import pytest

from tellapart.errors import ImageError
from tellapart.images.formats import DECODABLE, IMAGE_SUFFIXES, sniff_format
from tests import sample_images


@pytest.mark.parametrize("name", sorted(DECODABLE - {"HEIC", "PSD", "QOI", "SUN"}))
def test_a_written_file_is_known_by_its_bytes(name: str) -> None:
    assert sniff_format(sample_images.photo(name=name)) == name


def test_formats_pillow_does_not_write_are_known_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.images.formats.reads_heic", lambda: True)
    assert [
        sniff_format(data)
        for data in (sample_images.HEIC_PHOTO, sample_images.flat_psd(), sample_images.flat_qoi(), sample_images.flat_sun())
    ] == [
        "HEIC",
        "PSD",
        "QOI",
        "SUN",
    ]


@pytest.mark.parametrize("comment", ["", "# CREATOR: GIMP PNM Filter Version 1.1\n", "# one\n#two\n"])
@pytest.mark.parametrize("magic", ["P1", "P2", "P3", "P4", "P5", "P6"])
def test_a_pnm_with_comments_is_known(magic: str, comment: str) -> None:
    """GIMP writes one after the first line: such files were taken for text."""
    assert sniff_format(f"{magic}\n{comment}2 1\n255\n".encode()) == "PPM"


def test_what_would_read_heic_is_said_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.images.formats.reads_heic", lambda: False)
    with pytest.raises(ImageError, match=r"unsupported: HEIC \(pip install 'tellapart\[heic\]'\)"):
        sniff_format(sample_images.HEIC_PHOTO)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        (b"mif1....mif1avifmiaf", "AVIF"),
        (b"mif1....mif1heic", "HEIC"),
        (b"msf1....msf1hevc", "HEIC"),
        (b"heix....", "HEIC"),
        (b"avis....", "AVIF"),
    ],
)
def test_the_brands_of_an_iso_file_tell_avif_from_heic(monkeypatch: pytest.MonkeyPatch, brands: bytes, name: str) -> None:
    monkeypatch.setattr("tellapart.images.formats.reads_heic", lambda: True)
    assert sniff_format((len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands + bytes(40)) == name


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
        (b"\xff\x0a\x00\x10", r"unsupported: JPEG XL \(save it as PNG or JPEG\)"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", r"unsupported: raw photo \(export it as JPEG or TIFF\)"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", "unsupported: raw photo"),
        (bytes(128) + b"DICM" + bytes(20), r"unsupported: DICOM \(export it as PNG\)"),
        (b"v/1\x01" + bytes(20), "unsupported: OpenEXR"),
        (b"BM is how this text begins", r"not an image \(looks like text\)"),
        (b"P5 is a processor", r"not an image \(looks like text\)"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        sniff_format(data)


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"} <= IMAGE_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in IMAGE_SUFFIXES)
